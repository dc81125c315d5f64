"""What every test of this room starts from: a sandbox, a connected company, and its sync.

Nothing is patched: consent, tokens and reads go over HTTP to a sandbox process of its own.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import parse_qsl, urlsplit

import pytest
from pytest_django import Settings

from wagtail_qbo_sync import clock
from wagtail_qbo_sync.models import Connection, Run
from wagtail_qbo_sync.qbo import discovery, limits
from wagtail_qbo_sync.sync.people import connect, decide
from wagtail_qbo_sync.sync.walk import cycle
from wagtail_qbo_sync.testing.sandbox import SandboxProcess

from .firm import Firm
from .processes import Site

FIRM = "9341452000000101"
CLIENT = "9341452000000202"
CALLBACK = "http://127.0.0.1:8000/admin/qbo/callback/"
_STAMP = "2026-01-05T09:00:00-08:00"

Json = dict[str, Any]


def customer(qbo_id: str, name: str, email: str = "", **overrides: Any) -> Json:
    """A customer as QuickBooks shows one. `overrides` are properties by QuickBooks' names."""
    document: Json = {
        "Id": qbo_id,
        "SyncToken": "0",
        "Active": True,
        "DisplayName": name,
        "MetaData": {"CreateTime": _STAMP, "LastUpdatedTime": _STAMP},
    }
    if email:
        document["PrimaryEmailAddr"] = {"Address": email}
    document.update(overrides)
    for number, place in enumerate(("BillAddr", "ShipAddr")):
        if place in document:
            document[place] = {"Id": f"{qbo_id}{number}", **document[place]}
    return document


class Plant(Protocol):
    def __call__(self, realm: str, customers: list[Json], kind: str = "Customer") -> None: ...


class Sync(Protocol):
    def __call__(self, connection: Connection, approve: bool = True) -> Run | None: ...


@pytest.fixture(autouse=True)
def no_failpoint() -> Iterator[None]:
    """A test that ends a walk at a named point leaves no trap for the next one."""
    yield
    clock.stop_at(None)


@pytest.fixture
def sandbox(sandbox: SandboxProcess, settings: Settings) -> SandboxProcess:
    """The sandbox as after a fresh start, with the settings pointed at it."""
    sandbox.post("reset", {})
    settings.WAGTAIL_QBO_SYNC = {**settings.WAGTAIL_QBO_SYNC, **addresses(sandbox.base_url)}
    discovery.forget()
    return sandbox


def addresses(url: str) -> Json:
    """The keys of WAGTAIL_QBO_SYNC that lead to the sandbox at `url`."""
    return {
        "API_URL": url,
        "DISCOVERY_URL": f"{url}/.well-known/openid_sandbox_configuration/",
        "CLIENT_ID": "sandbox-client",
        "CLIENT_SECRET": "sandbox-secret",
    }


@pytest.fixture
def plant(sandbox: SandboxProcess) -> Plant:
    """Gives a company exactly these customers (or adds vendors or employees: `kind`)."""

    def do(realm: str, customers: list[Json], kind: str = "Customer") -> None:
        clear = kind == "Customer"
        sandbox.post("plant", {"realm": realm, "kind": kind, "records": customers, "clear": clear})

    return do


@pytest.fixture
def returned(sandbox: SandboxProcess) -> Callable[..., dict[str, str]]:
    """What comes back in the browser after a consent to `realm` at an authorize address."""

    def do(url: str, realm: str = FIRM, **choices: Any) -> dict[str, str]:
        chosen = sandbox.post("consent", {"url": url, "realm": realm, **choices})
        return dict(parse_qsl(urlsplit(chosen["redirect"]).query))

    return do


@pytest.fixture
def connected(
    db: None, sandbox: SandboxProcess, returned: Callable[..., dict[str, str]]
) -> Callable[..., Connection]:
    """Connects a company as a person would, through Intuit's consent."""

    def do(realm: str = FIRM, user: Any = None) -> Connection:
        url = connect.start(user, "a session", CALLBACK)
        return connect.complete(returned(url, realm), user, "a session").connection

    return do


@pytest.fixture
def connection(connected: Callable[..., Connection]) -> Connection:
    """The firm's own books, connected and never synced."""
    return connected()


@pytest.fixture
def sync() -> Sync:
    """Walks a whole cycle in this process, as a worker would, and approves a plan that waits.

    Returns the newest run, if there is one.
    """

    def do(connection: Connection, approve: bool = True) -> Run | None:
        decide.ask_for_sync(connection)
        cycle.advance(connection.pk, seconds=math.inf)
        waiting = Run.objects.filter(connection=connection, state=Run.State.WAITING).first()
        if approve and waiting is not None:
            decide.approve(waiting, None)
            cycle.advance(connection.pk, seconds=math.inf)
        return Run.objects.filter(connection=connection).order_by("-pk").first()

    return do


@pytest.fixture
def requests(sandbox: SandboxProcess) -> Callable[..., list[Json]]:
    """What QuickBooks was asked: of its API, or (`all`) of its OAuth server too."""

    def do(*, everything: bool = False) -> list[Json]:
        found = sandbox.get("requests")["requests"]
        return [each for each in found if everything or each["path"].startswith("/v3/")]

    return do


@pytest.fixture
def database_text(db: None) -> Callable[[], str]:
    """All rows of all tables as one text, to look for what must not be in there."""
    from django.apps import apps
    from django.core import serializers

    def do() -> str:
        rows: list[str] = []
        for model in apps.get_models(include_auto_created=True):
            if model._meta.managed and not model._meta.proxy:
                rows += [serializers.serialize("json", model._base_manager.all())]
        return json.dumps(rows)

    return do


@pytest.fixture
def site(
    transactional_db: None, sandbox: SandboxProcess, settings: Settings, tmp_path: Path
) -> Callable[[], Site]:
    """The example site for processes of their own, with what the test has stored so far."""
    return lambda: Site(tmp_path, settings.WAGTAIL_QBO_SYNC)


@pytest.fixture
def firm(connection: Connection, sandbox: SandboxProcess, monkeypatch: pytest.MonkeyPatch) -> Firm:
    """The firm's own books, connected and never synced, with no wait between calls."""
    monkeypatch.setattr(limits, "CALLS", limits.Rate(interval=0, burst=1))
    return Firm(connection, FIRM, sandbox)
