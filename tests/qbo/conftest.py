"""Doors to whatever server a test brings, with simple ports that record what they were asked."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import settings

from wagtail_qbo_sync.qbo import discovery
from wagtail_qbo_sync.qbo.api import CompanyApi, Kind
from wagtail_qbo_sync.qbo.faults import QboError
from wagtail_qbo_sync.qbo.oauth import OAuthClient, TokenSet
from wagtail_qbo_sync.testing.sandbox import SandboxProcess

settings.register_profile("qbo", deadline=None, derandomize=bool(os.environ.get("CI")))
settings.load_profile("qbo")

REALM = "9341452000000101"
TOKEN = "first-access-token-that-must-not-leak-0001"


class Tokens:
    """Hands out `tokens` one after another: a rejected one is followed by the next."""

    def __init__(self, *tokens: str) -> None:
        self.left = list(tokens or [TOKEN])
        self.rejections: list[str] = []

    def access_token(self) -> str:
        return self.left[0]

    def rejected(self, access_token: str) -> str:
        self.rejections.append(access_token)
        if len(self.left) == 1:
            raise QboError.of("invalid_grant")
        self.left.pop(0)
        return self.left[0]


class Budget:
    """Lets everything through and writes it down."""

    def __init__(self) -> None:
        self.reserved: list[Kind] = []
        self.waits: list[float] = []

    def reserve(self, kind: Kind) -> None:
        self.reserved.append(kind)

    def throttled(self, seconds: float) -> None:
        self.waits.append(seconds)


class Door(CompanyApi):
    """A CompanyApi whose ports can be looked at."""

    def __init__(
        self, url: str, tokens: Tokens | None = None, realm: str = REALM, **options: Any
    ) -> None:
        self.tokens = tokens or Tokens()
        self.budget = Budget()
        self.calls: list[tuple[Kind, int | None, str]] = []
        super().__init__(realm, url, self.tokens, self.budget, self._observe, **options)

    def _observe(self, kind: Kind, status: int | None, tid: str, seconds: float) -> None:
        assert seconds >= 0
        self.calls.append((kind, status, tid))


@pytest.fixture
def door() -> Iterator[Callable[..., Door]]:
    """Makes doors and closes them."""
    made: list[Door] = []

    def make(url: str, *args: Any, **options: Any) -> Door:
        made.append(Door(url, *args, **options))
        return made[-1]

    yield make
    for each in made:
        each.close()


@pytest.fixture(autouse=True)
def fresh_discovery() -> Iterator[None]:
    """No test knows what another has discovered."""
    discovery.forget()
    yield
    discovery.forget()


# Through a consent to the sandbox --------------------------------------------------------------

FIRM, CLIENT = "9341452000000101", "9341452000000202"
STATE = "a-state-that-nobody-guesses"


def failure(call: Callable[[], object]) -> QboError:
    with pytest.raises(QboError) as caught:
        call()
    return caught.value


class Refreshing(Tokens):
    """Tokens that are refreshed at the sandbox when they are rejected."""

    def __init__(self, oauth: OAuthClient, tokens: TokenSet) -> None:
        super().__init__(tokens.access_token)
        self.oauth, self.refresh_token = oauth, tokens.refresh_token

    def rejected(self, access_token: str) -> str:
        self.rejections.append(access_token)
        fresh = self.oauth.refresh(self.refresh_token)
        self.refresh_token, self.left = fresh.refresh_token, [fresh.access_token]
        return fresh.access_token


@pytest.fixture
def box(sandbox: SandboxProcess) -> SandboxProcess:
    """The session's sandbox, as after a fresh start."""
    sandbox.post("reset")
    return sandbox


@pytest.fixture
def oauth(box: SandboxProcess) -> OAuthClient:
    return OAuthClient(
        "sandbox-client", "sandbox-secret", "http://127.0.0.1:8000/back/", box.discovery_url
    )


Connect = Callable[..., Door]


@pytest.fixture
def connect(box: SandboxProcess, oauth: OAuthClient, door: Callable[..., Door]) -> Connect:
    """Through the consent page to a door of that company."""

    def through(realm: str = FIRM) -> Door:
        back = parse_qs(urlsplit(box.consent(oauth.authorize_url(STATE), realm)).query)
        assert back["state"] == [STATE] and back["realmId"] == [realm]
        tokens = oauth.exchange(back["code"][0], realm)
        return door(box.base_url, Refreshing(oauth, tokens), realm)

    return through
