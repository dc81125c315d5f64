"""Intuit's OAuth server: intuitlib underneath, its weaknesses closed.

Which weakness is closed where, and by which test: docs/quickbooks.md, libraries. Everything
that fails raises QboError; RECONNECT means that a person must connect again, OPERATOR that
the app's keys are wrong, BACK_OFF that the tokens are to be kept and tried again.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import requests
from intuitlib.client import AuthClient
from intuitlib.enums import Scopes

from wagtail_qbo_sync.qbo import discovery, envelopes, faults
from wagtail_qbo_sync.qbo.faults import Action, QboError
from wagtail_qbo_sync.qbo.transport import GuardedSession

READ_SECONDS = 30.0

_TOKEN = re.compile(r"[\x21-\x7e]{8,8192}")
_MIN_STATE = 20
_KEPT = (
    "access_token",
    "refresh_token",
    "expires_in",
    "x_refresh_token_expires_in",
    "x_refresh_token_hard_expires_in",
)
"""The only parts of an answer that intuitlib is let see: it would set any as an attribute."""


@dataclass(frozen=True, slots=True)
class TokenSet:
    """What Intuit gave. Times are in seconds from now; the tokens are not in the repr."""

    access_token: str = field(repr=False)
    refresh_token: str = field(repr=False)
    expires_in: int
    refresh_expires_in: int
    hard_expires_in: int | None
    """Until the end that no refreshing moves; None if Intuit did not say."""


class OAuthClient(GuardedSession, AuthClient):
    """intuitlib's client, which talks to nobody until it is asked to, and keeps no token.

    Make one for each use; the addresses are found through `discovery_url` and remembered
    for the whole process.
    """

    def __init__(
        self, client_id: str, client_secret: str, redirect_uri: str, discovery_url: str
    ) -> None:
        GuardedSession.__init__(self)  # not AuthClient's, which goes to the network
        self.client_id = client_id
        self.client_secret = client_secret
        self.redirect_uri = redirect_uri
        self.environment = discovery_url
        self.state_token = None
        self.read_seconds = min(self.read_seconds, READ_SECONDS)
        self._secrets: tuple[str, ...] = ()
        self._forget()

    def __repr__(self) -> str:
        return f"<OAuthClient of {self.client_id!r}>"

    @property
    def auth_endpoint(self) -> str:
        """Where the browser is sent."""
        return discovery.endpoints(self.environment).authorize

    @property
    def token_endpoint(self) -> str:
        """Where codes and refresh tokens are changed for tokens."""
        return discovery.endpoints(self.environment).token

    @property
    def revoke_endpoint(self) -> str:
        """Where a connection is ended."""
        return discovery.endpoints(self.environment).revoke

    def authorize_url(self, state: str) -> str:
        """Where to send the person. `state` is the caller's secret, of at least 20 characters."""
        if len(state) < _MIN_STATE:
            raise ValueError("The state must be a secret that cannot be guessed")
        return str(self.get_authorization_url([Scopes.ACCOUNTING], state_token=state))

    def exchange(self, code: str, realm_id: str) -> TokenSet:
        """The tokens for a code, which is good once. Raises QboError."""
        self._secrets = (code,)
        try:
            self.get_bearer_token(code, realm_id)
            return self._taken()
        finally:
            self._forget()

    def refresh(self, refresh_token: str) -> TokenSet:
        """New tokens; the refresh token among them may be a new one or the same.

        Raises QboError. Only RECONNECT says that the old one is dead.
        """
        self._secrets = (refresh_token,)
        try:
            AuthClient.refresh(self, refresh_token=refresh_token)
            return self._taken()
        finally:
            self._forget()

    def revoke(self, refresh_token: str) -> None:
        """End the connection at Intuit. One that has ended already is a success."""
        self._secrets = (refresh_token,)
        try:
            AuthClient.revoke(self, token=refresh_token)
        except QboError as error:
            if error.status != 400 or error.action is Action.OPERATOR:
                raise
        finally:
            self._forget()

    def request(  # type: ignore[override]
        self, method: str, url: str, **options: Any
    ) -> requests.Response:
        """The gate of every call of the library: what it gets to see has been checked."""
        headers = {
            **(options.pop("headers", None) or {}),
            "x-include-refresh-token-hard-expires-in": "true",
        }
        response = super().request(method, url, headers=headers, **{**options, "write": True})
        body, tid = response.content, faults.tid_of(response.headers)
        if response.status_code != 200:
            raise faults.parse_oauth(
                response.status_code,
                response.headers,
                body,
                write=True,
                secrets=(*self._secrets, self.client_secret),
            )
        response._content = b"" if url == self.revoke_endpoint else _cleaned(body, tid)
        return response

    def _taken(self) -> TokenSet:
        """What the library set as attributes; `_cleaned` saw to it that all is there."""
        return TokenSet(
            access_token=self.access_token,
            refresh_token=self.refresh_token,
            expires_in=self.expires_in,
            refresh_expires_in=self.x_refresh_token_expires_in,
            hard_expires_in=self.x_refresh_token_hard_expires_in,
        )

    def _forget(self) -> None:
        for name in (*_KEPT, "realm_id", "id_token"):
            setattr(self, name, None)
        self._secrets = ()


def _cleaned(body: bytes, tid: str) -> bytes:
    """The sound parts of a token answer, as JSON again. Raises QboError for half an answer."""
    document = envelopes.load_json(body)
    if document is None:
        raise QboError.of("not_json", status=200, write=True, intuit_tid=tid)
    if not isinstance(document, Mapping) or not _sound(document):
        raise QboError.of(
            "token_answer", status=200, intuit_tid=tid, message="An answer without both tokens"
        )
    return json.dumps({name: document.get(name) for name in _KEPT}).encode()


def _sound(document: Mapping[str, Any]) -> bool:
    tokens = [document.get("access_token"), document.get("refresh_token")]
    times = [document.get("expires_in"), document.get("x_refresh_token_expires_in")]
    hard = document.get("x_refresh_token_hard_expires_in")
    return (
        all(isinstance(token, str) and _TOKEN.fullmatch(token) for token in tokens)
        and all(_is_seconds(number) for number in times)
        and (hard is None or _is_seconds(hard))
    )


def _is_seconds(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 < value < 10**10
