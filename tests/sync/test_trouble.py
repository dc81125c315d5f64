"""What went wrong: said in words, nothing lost, nothing looping, and gone once it works again."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import OperationalError
from django.utils import translation
from pytest_django import DjangoCaptureOnCommitCallbacks

from wagtail_qbo_sync import clock, signals
from wagtail_qbo_sync.models import Connection, Customer, Run, SyncState, Token
from wagtail_qbo_sync.qbo.faults import QboError
from wagtail_qbo_sync.sync.access import lease, trouble
from wagtail_qbo_sync.sync.people import decide
from wagtail_qbo_sync.sync.planning import plan
from wagtail_qbo_sync.sync.reading import pull
from wagtail_qbo_sync.sync.records import status
from wagtail_qbo_sync.sync.walk import cycle
from wagtail_qbo_sync.testing.sandbox import SandboxProcess

from .conftest import FIRM, Json, Plant, Sync, customer

Requests = Callable[..., list[Json]]
Phase = SyncState.Phase


@pytest.fixture
def alarms() -> Any:
    """What a person was called for."""
    heard: list[str] = []

    def listen(reason: str, **_: Any) -> None:
        heard.append(reason)

    signals.attention_needed.connect(listen)
    yield heard
    signals.attention_needed.disconnect(listen)


@pytest.fixture
def pages(monkeypatch: pytest.MonkeyPatch, plant: Plant) -> list[str]:
    """Five customers in pages of two. The names, by Id."""
    monkeypatch.setattr(pull, "PAGE", 2)
    names = ["Anna Berg", "Bo Lund", "Cy Hall", "Di Moss", "Ed Nye"]
    plant(FIRM, [customer(str(n), name) for n, name in enumerate(names, start=1)])
    return names


@dataclass(frozen=True)
class Hit:
    """A fault, and what is to become of the walk that meets it on its second page."""

    fault: Json
    action: str
    says: str
    waits: float | None = None
    """At least so many seconds; None: for a person."""


HTML = {"kind": "unavailable_html"}
NO_CODE_429 = {
    "kind": "respond",
    "status": 429,
    "body": "<html>Too many</html>",
    "headers": {"Retry-After": "240"},
}
HITS = {
    "429 JSON": Hit({"kind": "throttle_json"}, "back_off", "limiting how often", 60),
    "429 XML": Hit({"kind": "throttle_xml"}, "back_off", "limiting how often", 60),
    "429 HTML with Retry-After": Hit(NO_CODE_429, "back_off", "limiting how often", 240),
    "503 HTML": Hit(HTML, "back_off", "a problem of its own", 60),
    "system fault": Hit({"kind": "system_fault"}, "back_off", "a problem of its own", 60),
    "cut": Hit({"kind": "cut", "count": 2}, "back_off", "broke off", 60),
    "half JSON": Hit({"kind": "half_json"}, "back_off", "in place of QuickBooks", 60),
    "lapsed": Hit({"kind": "lapsed"}, "back_off", "subscription", 3600),
    "401 for ever": Hit({"kind": "token_expired", "count": -1}, "reconnect", "connect it again"),
    "wrong environment": Hit({"kind": "wrong_cluster"}, "operator", "other environment"),
    "unknown": Hit(
        {"kind": "respond", "status": 418, "body": '{"Fault":{"Error":[{"code":"777"}]}}'},
        "bug",
        "a reason that we do not know",
    ),
}


@pytest.fixture(params=list(HITS.values()), ids=list(HITS))
def hit(request: pytest.FixtureRequest) -> Hit:
    found: Hit = request.param
    return found


def on_second_page(sandbox: SandboxProcess, fault: Json) -> None:
    """The count and the first page get through."""
    sandbox.post("faults", {"skip": 2, "path": "/query", **fault})


def time_goes_by() -> None:
    SyncState.objects.update(blocked_until=clock.now() - timedelta(seconds=1))


def test_trouble_on_the_second_page(
    connection: Connection,
    pages: list[str],
    sandbox: SandboxProcess,
    sync: Sync,
    hit: Hit,
    alarms: list[str],
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    on_second_page(sandbox, hit.fault)
    with django_capture_on_commit_callbacks(execute=True):
        sync(connection)
    state = SyncState.objects.get()
    noted = state.trouble
    assert hit.says in noted["message"]
    assert (noted["action"], noted["phase"]) == (hit.action, "pull")
    assert (noted["done"], noted["total"]) == (2, 5)
    assert bool(noted["intuit_tid"]) == (hit.fault["kind"] != "cut")
    assert state.lease_until is None
    assert state.failures == 1
    assert Customer.objects.count() == 2  # what was done is kept
    if hit.waits is None:
        assert noted["next_try"] == ""
        assert (state.phase, state.served) == (Phase.REST, state.wanted)
        assert alarms == [noted["message"]]
    else:
        said = datetime.fromisoformat(noted["next_try"])
        assert state.blocked_until is not None  # by the database's clock
        assert abs(state.blocked_until - said) < timedelta(seconds=5)
        assert 0 <= (said - clock.now()).total_seconds() - hit.waits + 30 < 31
        assert (state.phase, state.position) == (Phase.PULL, 2)
        assert alarms == []


def test_what_waits_resumes_at_the_page_where_it_stopped(
    connection: Connection,
    pages: list[str],
    sandbox: SandboxProcess,
    sync: Sync,
    requests: Requests,
) -> None:
    on_second_page(sandbox, {"kind": "unavailable_html"})
    sync(connection)
    assert not cycle.advance(connection.pk)  # not before its time
    time_goes_by()
    before = len(requests())
    assert cycle.advance(connection.pk, seconds=math.inf)
    asked = [call["body"] for call in requests()[before:]]
    assert [body.split("STARTPOSITION ")[-1].split()[0] for body in asked] == ["3", "5"]
    assert set(Customer.objects.values_list("display_name", flat=True)) == set(pages)
    state = SyncState.objects.get()
    assert (state.trouble, state.failures, state.blocked_until) == ({}, 0, None)


def test_waits_get_longer_up_to_an_hour(
    connection: Connection, pages: list[str], sandbox: SandboxProcess, sync: Sync
) -> None:
    sandbox.post("faults", {"kind": "unavailable_html", "path": "/query", "count": -1})
    waits = []
    for _ in range(8):
        sync(connection)
        state = SyncState.objects.get()
        assert state.blocked_until is not None
        waits.append(round((state.blocked_until - clock.now()).total_seconds() / 60))
    assert waits == [1, 2, 4, 8, 16, 32, 60, 60]


@pytest.mark.parametrize("kind", ["throttle_json", "throttle_xml"])
def test_sync_now_does_not_get_past_a_429(
    connection: Connection,
    pages: list[str],
    sandbox: SandboxProcess,
    sync: Sync,
    requests: Requests,
    kind: str,
) -> None:
    on_second_page(sandbox, {"kind": kind})
    sync(connection)
    calls = len(requests())
    sync(connection)
    assert len(requests()) == calls
    time_goes_by()
    sync(connection)
    assert Customer.objects.count() == 5


def test_sync_now_gets_past_any_other_wait(
    connection: Connection, pages: list[str], sandbox: SandboxProcess, sync: Sync
) -> None:
    on_second_page(sandbox, {"kind": "unavailable_html"})
    sync(connection)
    sync(connection)
    assert Customer.objects.count() == 5
    assert SyncState.objects.get().trouble == {}


def test_retry_after_is_obeyed(
    connection: Connection, pages: list[str], sandbox: SandboxProcess, sync: Sync
) -> None:
    sandbox.post("switches", {"retry_after": 300})
    sandbox.post("faults", {"kind": "throttle", "path": "/query"})
    sync(connection)
    blocked = SyncState.objects.get().blocked_until
    assert blocked is not None
    assert 295 < (blocked - clock.now()).total_seconds() <= 301


def test_revoked_in_quickbooks_then_connected_again(
    connection: Connection,
    connected: Callable[..., Connection],
    pages: list[str],
    sandbox: SandboxProcess,
    sync: Sync,
) -> None:
    sandbox.post("revoke", {})
    sync(connection)
    found = status.status_of(connection)
    assert found.state is status.ConnectionState.RECONNECT
    assert "connect it again" in found.sync.trouble["message"]
    connected()
    found = status.status_of(connection)
    assert found.state is status.ConnectionState.CONNECTED
    assert found.sync.trouble == {}
    sync(connection)
    assert Customer.objects.count() == 5


def test_new_login_is_not_rejected_for_a_fault_of_the_former_one(
    connection: Connection,
    connected: Callable[..., Connection],
    pages: list[str],
    sandbox: SandboxProcess,
    sync: Sync,
) -> None:
    """The walk met its 401 before a person reconnected, and notes it after that."""
    walker = lease.take(connection.pk)
    assert walker is not None
    connected()
    state = SyncState.objects.select_related("connection").get()
    trouble.note_fault(walker, state, QboError.of("3200", status=401))
    assert not Token.objects.get().rejected
    assert SyncState.objects.get().trouble == {}


def test_lapsed_subscription_is_still_read(
    connection: Connection, pages: list[str], sandbox: SandboxProcess, sync: Sync
) -> None:
    sandbox.post("switches", {"lapsed": True})
    sync(connection)
    assert Customer.objects.count() == 5
    assert SyncState.objects.get().trouble == {}


def test_each_reader_gets_the_message_in_their_own_language(
    connection: Connection,
    pages: list[str],
    sandbox: SandboxProcess,
    sync: Sync,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What is stored is the sentence to translate, whatever language the worker speaks."""

    def in_any_language(text: str) -> str:
        language = translation.get_language()
        return f"{language}: {text}" if language else text

    monkeypatch.setattr("django.utils.translation._trans.gettext", in_any_language)
    sandbox.post("faults", {"kind": "unavailable_html", "path": "/query"})
    with translation.override("de"):
        sync(connection)
        stored = SyncState.objects.get().trouble["message"]
        assert stored.startswith("QuickBooks has a problem")
        assert translation.gettext(stored) == f"de: {stored}"


# Ours -------------------------------------------------------------------------------------------


def test_error_of_ours_stops_the_walk_and_is_tried_again(
    connection: Connection, pages: list[str], sync: Sync, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any) -> None:
        raise ZeroDivisionError("secret detail")

    monkeypatch.setattr(plan, "Planner", broken)
    with pytest.raises(ZeroDivisionError):
        sync(connection)
    state = SyncState.objects.get()
    assert state.trouble["message"] == trouble.UNEXPECTED
    assert state.trouble["code"] == "ZeroDivisionError"
    assert "secret detail" not in str(state.trouble)
    assert (state.phase, state.lease_until) == (Phase.PLAN, None)
    assert state.blocked_until is not None
    monkeypatch.undo()
    time_goes_by()
    cycle.advance(connection.pk, seconds=math.inf)
    assert Run.objects.get().state == Run.State.WAITING
    assert SyncState.objects.get().trouble == {}


def test_worker_that_dies_each_time_does_not_loop(
    connection: Connection,
    pages: list[str],
    requests: Requests,
    alarms: list[str],
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    class Killed(BaseException):
        pass

    def kill(point: str) -> None:
        if not point.startswith("sweep."):
            raise Killed

    decide.ask_for_sync(connection)
    clock.stop_at(kill)
    for _ in range(trouble.CRASHES):
        with pytest.raises(Killed):
            cycle.advance(connection.pk)
        SyncState.objects.update(lease_until=clock.now() - timedelta(seconds=1))
    calls = len(requests())
    with django_capture_on_commit_callbacks(execute=True):
        assert cycle.advance(connection.pk)
    assert len(requests()) == calls
    state = SyncState.objects.get()
    assert state.trouble["message"] == trouble.CRASHED
    assert (state.phase, state.served, state.lease_until) == (Phase.REST, state.wanted, None)
    assert alarms == [trouble.CRASHED]
    clock.stop_at(None)
    decide.ask_for_sync(connection)  # a person has looked at it
    assert cycle.advance(connection.pk, seconds=math.inf)
    assert Customer.objects.count() == 5
    assert SyncState.objects.get().crashes == 0


def test_slices_that_end_well_are_no_crashes(connection: Connection, pages: list[str]) -> None:
    decide.ask_for_sync(connection)
    cycle.advance(connection.pk, seconds=0)
    for _ in range(3):
        state = SyncState.objects.get()
        assert state.crashes == 0
        cycle.advance(connection.pk, state.epoch, state.slice, seconds=0)
    assert SyncState.objects.get().phase == Phase.REST


def test_a_busy_database_is_tried_again_quietly(
    connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    def locked(*_: object) -> None:
        raise OperationalError("database is locked")

    monkeypatch.setitem(cycle.STRIDES, SyncState.Phase.PULL, locked)
    decide.ask_for_sync(connection)
    assert cycle.advance(connection.pk)
    state = SyncState.objects.get(pk=connection.pk)
    assert (state.trouble["code"], state.phase) == ("database", "pull")
    assert state.trouble["next_try"] and state.lease_until is None


def test_an_apply_that_ends_the_worker_before_any_record_gives_up(connection: Connection) -> None:
    run = Run.objects.create(
        connection=connection, state=Run.State.APPLYING, started_at=clock.now()
    )
    SyncState.objects.update(phase="apply", run=run, crashes=trouble.CRASHES)
    assert cycle.advance(connection.pk)
    run.refresh_from_db()
    assert (run.state, run.trouble["code"]) == (Run.State.FAILED, "crashed")
    cycle.heal()
    assert not cycle.advance(connection.pk) or SyncState.objects.get().phase == "rest"


def test_applying_an_old_plan_does_not_hide_that_reading_fails(
    connection: Connection, plant: Plant, sync: Sync, sandbox: SandboxProcess
) -> None:
    plant(FIRM, [customer("1", "Anna Berg")])
    run = sync(connection, approve=False)
    assert run is not None
    sandbox.post("faults", {"kind": "wrong_cluster", "path": "/cdc", "count": 1})
    sync(connection, approve=False)
    assert decide.approve(run, None)
    cycle.advance(connection.pk, seconds=math.inf)
    assert SyncState.objects.get().trouble["code"] == "130"
    sync(connection)
    assert SyncState.objects.get().trouble == {}


def test_deaths_while_reading_park_no_record(
    connection: Connection, plant: Plant, sync: Sync
) -> None:
    plant(FIRM, [customer("1", "Anna Berg")])
    SyncState.objects.update(crashes=4)
    run = sync(connection)
    assert run is not None
    assert set(run.steps.values_list("state", flat=True)) == {"done"}


def test_what_the_end_of_the_login_stopped_goes_on_after_reconnecting(
    connected: Callable[..., Connection], plant: Plant, sync: Sync, sandbox: SandboxProcess
) -> None:
    connection = connected()
    plant(FIRM, [customer("1", "Anna Berg")])
    sandbox.post("revoke", {})
    sync(connection)
    assert SyncState.objects.get().trouble["action"] == "reconnect"
    assert connected() == connection
    assert cycle.advance(connection.pk, seconds=math.inf)
    assert Customer.objects.count() == 1


def test_a_clock_that_is_behind_shortens_no_wait(
    connection: Connection, sync: Sync, sandbox: SandboxProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rule 10: times are the database's, whatever the worker's own clock says."""
    sandbox.post("faults", {"kind": "throttle_json", "path": "/query"})
    behind = clock.now() - timedelta(hours=1)
    monkeypatch.setattr(clock, "now", lambda: behind)
    sync(connection)
    assert not SyncState.objects.filter(cycle.DUE).exists()
