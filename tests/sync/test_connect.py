"""Connecting a company and letting go of it, against a sandbox over HTTP."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from crm.models import Client
from cryptography.fernet import Fernet
from django.contrib.auth.models import User
from pytest_django import DjangoCaptureOnCommitCallbacks, Settings

from wagtail_qbo_sync import clock, tasks
from wagtail_qbo_sync.models import (
    Connection,
    Customer,
    Decision,
    Mapping,
    OAuthState,
    Run,
    SyncState,
    Token,
)
from wagtail_qbo_sync.sync.access import lease, token
from wagtail_qbo_sync.sync.applying import apply
from wagtail_qbo_sync.sync.people import connect, decide
from wagtail_qbo_sync.sync.walk import cycle
from wagtail_qbo_sync.testing.sandbox import SandboxProcess

from .conftest import CALLBACK, CLIENT, FIRM, Json, Plant, Sync, customer
from .firm import Killed, at, just_now, killed_at

Returned = Callable[..., dict[str, str]]
Requests = Callable[..., list[Json]]
HERE = "a session"


@pytest.fixture
def dana(db: None) -> User:
    return User.objects.create_user("dana")


def begin(user: Any = None, session: str = HERE, reconnects: Connection | None = None) -> str:
    return connect.start(user, session, CALLBACK, reconnects)


def refused(params: dict[str, str], user: Any = None, session: str = HERE) -> str:
    """The sentence of a refusal, which must leave nothing behind."""
    before = list(Connection.objects.values()), list(Token.objects.values())
    with pytest.raises(connect.ConnectRefused) as refusal:
        connect.complete(params, user, session)
    assert (list(Connection.objects.values()), list(Token.objects.values())) == before
    return refusal.value.message


# Coming back ------------------------------------------------------------------------------------


def test_connected_with_the_companys_own_name(dana: User, returned: Returned) -> None:
    made = connect.complete(returned(begin(dana)), dana, HERE)
    assert not made.renewed
    connection = Connection.objects.get()
    assert connection == made.connection
    assert (connection.realm_id, connection.environment) == (FIRM, "sandbox")
    assert connection.company_name == "Harbor & Pine Accounting LLP"
    assert connection.connected_by == dana
    assert connection.is_connected
    access, refresh = connection.token.open()
    assert len(access) > 100
    assert refresh.startswith("RT1-")
    assert SyncState.objects.get().wanted == 0  # nothing is pulled before somebody asks


def test_wrong_client_secret(db: None, returned: Returned, settings: Settings) -> None:
    back = returned(begin())
    settings.WAGTAIL_QBO_SYNC = {**settings.WAGTAIL_QBO_SYNC, "CLIENT_SECRET": "wrong-secret"}
    assert "Check CLIENT_ID and CLIENT_SECRET" in refused(back)


def test_consent_refused(db: None, returned: Returned) -> None:
    back = returned(begin(), deny=True)
    assert back["error"] == "access_denied"
    assert refused(back) == "Access was not granted at QuickBooks. Nothing has changed here."


def test_intuit_is_away_when_starting(db: None, sandbox: SandboxProcess) -> None:
    sandbox.post("faults", {"kind": "unavailable_html", "path": "well-known"})
    with pytest.raises(connect.ConnectRefused, match="problem of its own"):
        begin()
    assert not OAuthState.objects.exists()


@pytest.mark.parametrize("state", [None, "", "guessed-by-somebody-with-much-luck"])
def test_state_missing_or_wrong(db: None, returned: Returned, state: str | None) -> None:
    back = returned(begin())
    del back["state"]
    if state is not None:
        back["state"] = state
    assert "not one that was started here" in refused(back)


def test_state_of_another_session(db: None, returned: Returned) -> None:
    assert "not one that was started here" in refused(returned(begin()), session="another")


def test_state_of_a_terminal_in_a_browser(db: None, returned: Returned) -> None:
    back = returned(begin(session=connect.TERMINAL))
    assert "not one that was started here" in refused(back)


def test_state_of_another_user(dana: User, returned: Returned) -> None:
    other = User.objects.create_user("other")
    assert "not one that was started here" in refused(returned(begin(dana)), user=other)
    assert "not one that was started here" in refused(returned(begin(dana)), user=None)


def test_state_is_too_old(db: None, returned: Returned) -> None:
    back = returned(begin())
    OAuthState.objects.update(created_at=clock.now() - timedelta(minutes=11))
    assert "last ten minutes" in refused(back)


def test_state_is_stored_as_a_hash_only(
    db: None, returned: Returned, database_text: Callable[[], str]
) -> None:
    back = returned(begin())
    assert back["state"] not in database_text()
    assert HERE not in OAuthState.objects.values_list("session_hash", flat=True)


def test_a_return_counts_once(db: None, returned: Returned) -> None:
    back = returned(begin())
    connect.complete(back, None, HERE)
    assert "or it was used already" in refused(back)


def test_a_failed_return_is_used_up_too(db: None, returned: Returned) -> None:
    back = returned(begin())
    refused({**back, "realmId": "no realm"})
    assert "or it was used already" in refused(back)


def test_code_used_twice(db: None, returned: Returned) -> None:
    spent = returned(begin())
    connect.complete(spent, None, HERE)
    again = returned(begin())
    assert "connect it again" in refused({**again, "code": spent["code"]})


@pytest.mark.parametrize("lacking", ["code", "realmId"])
def test_half_a_return(db: None, returned: Returned, lacking: str) -> None:
    back = returned(begin())
    del back[lacking]
    assert "did not say which company" in refused(back)


@pytest.mark.parametrize("realm", ["../../evil", "9" * 31, "９３", "1 OR 1=1", "-1"])
def test_strange_realm_never_reaches_an_address(
    db: None, returned: Returned, requests: Requests, realm: str
) -> None:
    back = returned(begin())
    assert "did not say which company" in refused({**back, "realmId": realm})
    assert requests() == []


def test_realm_swapped_in_the_callback(db: None, returned: Returned, requests: Requests) -> None:
    back = returned(begin(), FIRM)
    message = refused({**back, "realmId": CLIENT})
    assert "does not cover this company" in message
    assert message.endswith("You can disconnect the app there, under My Apps.")
    assert [call["status"] for call in requests()] == [403]
    assert not Connection.objects.exists()


def test_swapped_realm_leaves_a_disconnected_company_as_it_was(
    connected: Callable[..., Connection], returned: Returned
) -> None:
    """Its former login must still be ended, whatever a browser sends us."""
    connect.disconnect(connected(CLIENT), None)
    back = returned(begin(), FIRM)
    refused({**back, "realmId": CLIENT})
    assert Token.objects.get().lease_until is None


def test_cut_off_while_asking_for_the_name(
    db: None, returned: Returned, sandbox: SandboxProcess
) -> None:
    back = returned(begin())
    sandbox.post("faults", {"kind": "cut", "path": "companyinfo", "count": -1})
    assert "broke off" in refused(back)


def test_crash_after_the_code_is_used_stores_nothing(db: None, returned: Returned) -> None:
    back = returned(begin())
    with killed_at(lambda point: point == "connect.exchanged"), pytest.raises(Killed):
        connect.complete(back, None, HERE)
    assert not Connection.objects.exists()
    assert connect.complete(returned(begin()), None, HERE).connection.is_connected


def test_connecting_again_renews(
    connection: Connection, returned: Returned, plant: Plant, sync: Sync
) -> None:
    plant(FIRM, [customer("1", "Anna Berg", "anna@x.example")])
    sync(connection)
    before = connection.token.open()
    made = connect.complete(returned(begin()), None, HERE)
    assert made.renewed
    assert made.connection.pk == connection.pk
    assert Token.objects.get().open() != before
    assert Customer.objects.get().display_name == "Anna Berg"
    sync(connection)


def test_connecting_fences_off_a_walk_with_the_former_login(
    connection: Connection, returned: Returned
) -> None:
    walker = lease.take(connection.pk)
    assert walker is not None
    connect.complete(returned(begin()), None, HERE)
    with pytest.raises(lease.LeaseLost):
        walker.renew()


def test_paused_site_connects_nothing(
    db: None, returned: Returned, settings: Settings, requests: Requests
) -> None:
    back = returned(begin())
    before = len(requests(everything=True))
    settings.WAGTAIL_QBO_SYNC = {**settings.WAGTAIL_QBO_SYNC, "PAUSED": True}
    with pytest.raises(connect.ConnectRefused, match="paused"):
        begin()
    assert "paused" in refused(back)
    assert len(requests(everything=True)) == before


@pytest.mark.parametrize("keys", [[], ["not a key"]])
def test_without_keys_nobody_is_sent_to_intuit(
    db: None, sandbox: SandboxProcess, settings: Settings, keys: list[str]
) -> None:
    settings.WAGTAIL_QBO_SYNC = {**settings.WAGTAIL_QBO_SYNC, "ENCRYPTION_KEYS": keys}
    with pytest.raises(connect.ConnectRefused, match="ENCRYPTION_KEYS"):
        begin()


# Reconnecting -----------------------------------------------------------------------------------


def test_reconnect(connection: Connection, returned: Returned) -> None:
    made = connect.complete(returned(begin(reconnects=connection)), None, HERE)
    assert made.renewed
    assert made.connection.pk == connection.pk


def test_reconnect_with_an_unknown_company(connection: Connection, returned: Returned) -> None:
    back = returned(begin(reconnects=connection), CLIENT)
    with pytest.raises(connect.ConnectRefused) as refusal:
        connect.complete(back, None, HERE)
    assert refusal.value.other_company
    assert "“Saltmarsh Boatworks" in refusal.value.message
    assert "“Harbor & Pine Accounting LLP”" in refusal.value.message
    assert refusal.value.message.endswith("You can disconnect the app there, under My Apps.")
    assert Connection.objects.get().pk == connection.pk
    assert Token.objects.get().pk == connection.pk


def test_reconnect_with_another_connected_company_leaves_that_one_working(
    connected: Callable[..., Connection], returned: Returned, requests: Requests, sync: Sync
) -> None:
    """A code that is used may end the company's former login, so it is not used."""
    firm, client = connected(FIRM), connected(CLIENT)
    before = len(requests(everything=True))
    back = returned(begin(reconnects=firm), CLIENT)
    with pytest.raises(connect.ConnectRefused) as refusal:
        connect.complete(back, None, HERE)
    assert refusal.value.other_company
    assert client.company_name in refusal.value.message
    assert "My Apps" not in refusal.value.message
    assert len(requests(everything=True)) == before
    sync(client, approve=False)
    assert SyncState.objects.get(pk=client.pk).trouble == {}


# Two companies ----------------------------------------------------------------------------------


def test_two_companies_never_mix(
    connected: Callable[..., Connection], plant: Plant, sync: Sync, requests: Requests
) -> None:
    plant(FIRM, [customer("1", "Anna Berg", "anna@x.example")])
    plant(CLIENT, [customer("1", "Bo Lund", "bo@x.example")])
    firm, client = connected(FIRM), connected(CLIENT)
    sync(firm)
    sync(client)
    names = {c.connection.realm_id: c.display_name for c in Customer.objects.all()}
    assert names == {FIRM: "Anna Berg", CLIENT: "Bo Lund"}
    # The sandbox answers 403 to a token of one company in an address of the other.
    assert {call["status"] for call in requests()} == {200}
    assert token.TokenKeeper(firm).access_token() != token.TokenKeeper(client).access_token()


# Disconnecting ----------------------------------------------------------------------------------


@pytest.fixture
def mapped(connection: Connection, plant: Plant, sync: Sync) -> Connection:
    """The firm with one mapped client and one exclusion."""
    plant(FIRM, [customer("1", "Anna Berg", "anna@x.example"), customer("2", "Bo Lund")])
    Client.objects.create(name="Anna Berg", email="anna@x.example")
    sync(connection)
    Decision.objects.create(
        kind=Decision.Kind.EXCLUDE_CUSTOMER, connection=connection, qbo_id="2", at=clock.now()
    )
    assert Mapping.objects.count() == 1
    return connection


def test_disconnecting_stops_a_walker(mapped: Connection, sync: Sync, requests: Requests) -> None:
    def disconnect_meanwhile(point: str) -> None:
        if point == "pull.read":
            clock.stop_at(None)
            connect.disconnect(mapped, None)

    before = list(Customer.objects.values())
    clock.stop_at(disconnect_meanwhile)
    sync(mapped)
    assert list(Customer.objects.values()) == before
    state = SyncState.objects.get()
    assert (state.phase, state.lease_until, state.trouble) == (SyncState.Phase.REST, None, {})
    calls = len(requests(everything=True))
    sync(mapped)
    assert len(requests(everything=True)) == calls


def test_mappings_and_decisions_outlive_a_disconnection(
    mapped: Connection, returned: Returned, sync: Sync
) -> None:
    before = list(Mapping.objects.values()), list(Decision.objects.values())
    connect.disconnect(mapped, None)
    tasks.revoke(mapped.pk, 1)
    assert not Token.objects.exists()
    made = connect.complete(returned(begin()), None, HERE)
    assert made.renewed
    sync(mapped)
    assert (list(Mapping.objects.values()), list(Decision.objects.values())) == before
    assert SyncState.objects.get().trouble == {}


def test_an_approved_plan_waits_again_after_a_reconnection(
    mapped: Connection,
    returned: Returned,
    plant: Plant,
    sync: Sync,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Disconnected when half of it is applied; the other half asks for approval again."""

    def stop() -> None:
        clock.stop_at(None)
        connect.disconnect(mapped, None)

    people = [
        customer("1", "Anna Berg", "anna@x.example"),
        customer("3", "Cy Hall", "cy@x.example"),
        customer("4", "Di Moss", "di@x.example"),
    ]
    Client.objects.create(name="Cy Hall", email="cy@x.example")
    Client.objects.create(name="Di Moss", email="di@x.example")
    plant(FIRM, just_now(people))
    monkeypatch.setattr(apply, "RECORDS", 1)
    with at("apply.committed", stop):
        run = sync(mapped)
    assert run is not None
    assert (run.state, run.approved_at) == (Run.State.WAITING, None)
    assert Mapping.objects.count() == 2
    connect.complete(returned(begin()), None, HERE)
    cycle.advance(mapped.pk, seconds=math.inf)
    assert Mapping.objects.count() == 2
    decide.approve(run, None)
    cycle.advance(mapped.pk, seconds=math.inf)
    run.refresh_from_db()
    assert run.state == Run.State.DONE
    assert Mapping.objects.count() == 3


def grants(sandbox: SandboxProcess) -> list[str]:
    return [grant["realm"] for grant in sandbox.get("")["grants"]]


def test_disconnecting_ends_the_login_at_intuit(
    connection: Connection,
    sandbox: SandboxProcess,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    with django_capture_on_commit_callbacks() as rings:
        connect.disconnect(connection, None)
    assert [ring.args for ring in rings] == [("revoke", connection.pk, 1)]  # type: ignore[attr-defined]
    assert grants(sandbox) == [FIRM]  # not in the request of the person who clicks
    tasks.revoke(connection.pk, 1)
    assert grants(sandbox) == []
    assert not Token.objects.exists()


def test_revoking_twice_or_without_anything_does_nothing(
    connection: Connection, requests: Requests
) -> None:
    connect.disconnect(connection, None)
    tasks.revoke(connection.pk, 1)
    calls = len(requests(everything=True))
    tasks.revoke(connection.pk, 1)
    tasks.revoke(connection.pk + 1, 1)
    assert len(requests(everything=True)) == calls


def test_late_revoke_spares_a_company_that_is_connected_again(
    connection: Connection, returned: Returned, sandbox: SandboxProcess
) -> None:
    connect.disconnect(connection, None)
    connect.complete(returned(begin()), None, HERE)
    tasks.revoke(connection.pk, 1)
    assert grants(sandbox) == [FIRM]
    connect.disconnect(connection, None)
    tasks.revoke(connection.pk, 1)  # of the first login: not the one that is stored
    assert grants(sandbox) == [FIRM]
    tasks.revoke(connection.pk, 2)
    assert grants(sandbox) == []


def test_no_revoke_while_a_consent_comes_back(
    connection: Connection, returned: Returned, sandbox: SandboxProcess
) -> None:
    connect.disconnect(connection, None)
    back = returned(begin())
    clock.stop_at(lambda point: tasks.revoke(connection.pk, 1))
    connect.complete(back, None, HERE)
    clock.stop_at(None)
    assert grants(sandbox) == [FIRM]
    assert token.TokenKeeper(connection).access_token()


def test_no_consent_while_a_login_is_being_ended(
    connection: Connection, returned: Returned
) -> None:
    connect.disconnect(connection, None)
    Token.objects.update(lease_until=clock.now() + timedelta(minutes=1))
    assert "just being ended" in refused(returned(begin()))


def test_revoke_is_rung_again_until_it_worked(
    connection: Connection,
    sandbox: SandboxProcess,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    connect.disconnect(connection, None)
    sandbox.post("faults", {"kind": "unavailable_html", "path": "revoke"})
    tasks.revoke(connection.pk, 1)
    assert Token.objects.get().lease_until is None
    with django_capture_on_commit_callbacks() as rings:
        tasks.tick()
    assert ("revoke", connection.pk, 1) in [ring.args for ring in rings]  # type: ignore[attr-defined]
    tasks.revoke(connection.pk, 1)
    assert grants(sandbox) == []


def test_crash_after_the_login_was_ended(connection: Connection, sandbox: SandboxProcess) -> None:
    connect.disconnect(connection, None)
    with killed_at(lambda point: point == "connect.revoked"), pytest.raises(Killed):
        tasks.revoke(connection.pk, 1)
    assert grants(sandbox) == []
    tasks.revoke(connection.pk, 1)
    assert Token.objects.exists()  # the dead process still holds it
    Token.objects.update(lease_until=clock.now() - timedelta(seconds=1))
    tasks.revoke(connection.pk, 1)
    assert not Token.objects.exists()


def test_revoke_gives_up_after_a_day(connection: Connection, sandbox: SandboxProcess) -> None:
    connect.disconnect(connection, None)
    Connection.objects.update(disconnected_at=clock.now() - timedelta(days=2))
    sandbox.post("faults", {"kind": "unavailable_html", "path": "revoke"})
    tasks.revoke(connection.pk, 1)
    assert not Token.objects.exists()


@pytest.mark.parametrize("keys", [[], ["not a key"], [Fernet.generate_key().decode()]])
def test_login_that_cannot_be_opened_is_forgotten(
    connection: Connection, settings: Settings, requests: Requests, keys: list[str]
) -> None:
    connect.disconnect(connection, None)
    settings.WAGTAIL_QBO_SYNC = {**settings.WAGTAIL_QBO_SYNC, "ENCRYPTION_KEYS": keys}
    tasks.revoke(connection.pk, 1)
    assert not Token.objects.exists()
    assert not any("revoke" in call["path"] for call in requests(everything=True))
