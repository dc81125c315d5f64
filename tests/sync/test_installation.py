"""A copy never syncs (U18): no call at all, until a person says what this installation is."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from pytest_django import DjangoCaptureOnCommitCallbacks, Settings
from wagtail.models import ModelLogEntry

from wagtail_qbo_sync import tasks
from wagtail_qbo_sync.models import Connection, Customer, Mapping, SyncState, Token
from wagtail_qbo_sync.sync.access import installation
from wagtail_qbo_sync.sync.people import connect, decide
from wagtail_qbo_sync.sync.records import status
from wagtail_qbo_sync.sync.walk import cycle
from wagtail_qbo_sync.testing.sandbox import SandboxProcess

from .conftest import CALLBACK, FIRM, Json, Plant, Sync, customer

Park = Callable[[], None]
Requests = Callable[..., list[Json]]
State = status.ConnectionState


@pytest.fixture(params=["installation", "address", "database", "paused"])
def park(request: pytest.FixtureRequest, settings: Settings, connection: Connection) -> Park:
    """Makes this site another one than that which the company was connected on, or pauses it."""

    def do() -> None:
        ways: dict[str, Json] = {
            "installation": {"INSTALLATION": "staging"},
            "address": {"REDIRECT_URI": "https://staging.example/callback/"},
            "paused": {"PAUSED": True},
            "database": {},
        }
        settings.WAGTAIL_QBO_SYNC = {**settings.WAGTAIL_QBO_SYNC, **ways[request.param]}
        if request.param == "database":
            elsewhere = {**connection.installation, "database": "another"}
            Connection.objects.update(installation=elsewhere)

    return do


def a_copy(settings: Settings) -> None:
    settings.WAGTAIL_QBO_SYNC = {**settings.WAGTAIL_QBO_SYNC, "INSTALLATION": "staging"}


def grants(sandbox: SandboxProcess) -> list[str]:
    return [grant["realm"] for grant in sandbox.get("")["grants"]]


def test_parked_means_no_call_at_all(
    connection: Connection,
    park: Park,
    plant: Plant,
    sync: Sync,
    sandbox: SandboxProcess,
    requests: Requests,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    """Not to the API, not to the token endpoint, whatever asks for it."""
    plant(FIRM, [customer("1", "Anna Berg")])
    Token.objects.update(access_expires_at=connection.connected_at)
    before = Token.objects.values().get()
    park()
    sandbox.delete("requests")
    sync(connection)
    tasks.walk(connection.pk)
    with django_capture_on_commit_callbacks(execute=False):
        tasks.tick()
    with pytest.raises(CommandError, match=r"Parked|Paused"):
        call_command("qbo_sync", "--yes")
    connect.disconnect(connection, None)
    tasks.revoke(connection.pk, 1)
    connect.heal()
    assert requests(everything=True) == []
    assert not Customer.objects.exists()
    assert Token.objects.values().get() == before


def test_parked_is_said(connection: Connection, park: Park) -> None:
    park()
    connection.refresh_from_db()
    assert installation.is_parked(connection)
    assert status.status_of(connection).state in {State.COPY, State.PAUSED}


def test_site_that_has_not_moved_is_no_copy(connection: Connection) -> None:
    assert not installation.is_copy(connection)
    assert status.status_of(connection).state is State.CONNECTED


def test_paused_by_the_environment(
    monkeypatch: pytest.MonkeyPatch, settings: Settings, connection: Connection
) -> None:
    without = {k: v for k, v in settings.WAGTAIL_QBO_SYNC.items() if k != "PAUSED"}
    monkeypatch.setenv("QBO_SYNC_PAUSED", "1")
    settings.WAGTAIL_QBO_SYNC = without
    assert installation.is_parked(connection)
    monkeypatch.setenv("QBO_SYNC_PAUSED", "0")
    settings.WAGTAIL_QBO_SYNC = dict(without)
    assert not installation.is_parked(connection)


def test_what_is_stored_tells_no_secret(connection: Connection, settings: Settings) -> None:
    assert set(connection.installation) == {"installation", "address", "database"}
    assert connection.installation["installation"] == "tests"
    assert len(connection.installation["database"]) == 16


def test_this_is_the_live_site(
    connection: Connection, settings: Settings, plant: Plant, sync: Sync
) -> None:
    dana = User.objects.create_user("dana")
    plant(FIRM, [customer("1", "Anna Berg")])
    a_copy(settings)
    decide.ask_for_sync(connection)
    assert not cycle.advance(connection.pk)
    connect.this_is_the_live_site(connection, dana)
    connection.refresh_from_db()
    assert not installation.is_copy(connection)
    assert cycle.advance(connection.pk)
    assert Customer.objects.count() == 1
    said = ModelLogEntry.objects.get(action="wagtail_qbo_sync.live_site")
    assert said.user == dana


def test_this_is_a_copy(
    connection: Connection, settings: Settings, sandbox: SandboxProcess, requests: Requests
) -> None:
    """The login is forgotten, not ended: the live site goes on using it."""
    Mapping.objects.create(connection=connection, qbo_id="1", client_pk="1")
    a_copy(settings)
    sandbox.delete("requests")
    connect.this_is_a_copy(connection, None)
    assert not Token.objects.exists()
    tasks.revoke(connection.pk, 1)
    assert requests(everything=True) == []
    assert grants(sandbox) == [FIRM]
    assert Mapping.objects.count() == 1
    assert status.status_of(connection).state is State.DISCONNECTED
    assert SyncState.objects.get().phase == SyncState.Phase.REST
    assert ModelLogEntry.objects.filter(action="wagtail_qbo_sync.copy").exists()


def test_the_live_site_cannot_be_called_a_copy(connection: Connection) -> None:
    connect.this_is_a_copy(connection, None)
    assert Token.objects.exists()
    connection.refresh_from_db()
    assert connection.is_connected


def test_connecting_here_makes_this_the_installation(
    connection: Connection,
    settings: Settings,
    returned: Callable[..., dict[str, str]],
) -> None:
    a_copy(settings)
    url = connect.start(None, "s", CALLBACK)
    made = connect.complete(returned(url), None, "s").connection
    assert made.pk == connection.pk
    assert not installation.is_copy(made)


def test_api_address_is_that_of_the_connection(
    connection: Connection, settings: Settings, plant: Plant, sync: Sync
) -> None:
    """Settings that point elsewhere later do not send this company's token there."""
    plant(FIRM, [customer("1", "Anna Berg")])
    settings.WAGTAIL_QBO_SYNC = {**settings.WAGTAIL_QBO_SYNC, "API_URL": "http://127.0.0.1:9"}
    sync(connection)
    assert Customer.objects.count() == 1
