"""After a gap the site looks before it acts (U19)."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from functools import partial
from io import StringIO
from operator import eq

import pytest
from crm.models import Client
from django.core.management import CommandError, call_command
from django.db import connection as database

from wagtail_qbo_sync import clock
from wagtail_qbo_sync.models import Outbox, Run, Send, SyncState
from wagtail_qbo_sync.sync.people import decide
from wagtail_qbo_sync.testing.sandbox import SandboxProcess

from .conftest import Json, customer
from .firm import Firm, Killed, client, edit, expire_lease, killed_at

Requests = Callable[..., list[Json]]
NAMES = ("Anna", "Bert", "Carl", "Dora")


def phone(number: str) -> Json:
    return {"PrimaryPhone": {"FreeFormNumber": number}}


def mapped(firm: Firm) -> Firm:
    """Four mapped pairs, each with the phone 1, and nothing to do."""
    for name in NAMES:
        client(name, f"{name}@example.org", phone="1")
    firm.has(
        *(
            customer(str(n), name, f"{name}@example.org", **phone("1"))
            for n, name in enumerate(NAMES, 1)
        )
    )
    firm.sync()
    firm.sandbox.delete("requests")
    return firm


def one(name: str) -> Client:
    return Client.objects.get(name=name)


def silent_for(hours: float) -> None:
    SyncState.objects.update(synced_at=clock.now() - timedelta(hours=hours))


def walk(firm: Firm) -> None:
    """As the worker does: each time it rings, until nobody rings any more."""
    for _ in range(4):
        firm.walk()


def writes(requests: Requests) -> int:
    return sum(request["path"].endswith("/batch") for request in requests())


def phones(firm: Firm) -> str:
    return " ".join(record["PrimaryPhone"]["FreeFormNumber"] for record in firm.records())


# Silence ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "hours, poll, waits",
    [(5, 15, False), (7, 15, True), (7, 180, False), (10, 180, True), (7, 0, True)],
)
def test_after_long_silence_what_would_be_sent_waits(
    firm: Firm, hours: int, poll: int, waits: bool
) -> None:
    mapped(firm).chooses(poll_minutes=poll)
    edit(one("Anna"), phone="2")
    silent_for(hours)
    run = firm.sync(approve=False)
    assert run is not None
    assert (run.state == Run.State.WAITING) is waits
    assert run.stops == ([Run.Stop.GAP] if waits else [])
    assert phones(firm) == ("1 1 1 1" if waits else "2 1 1 1")


def test_what_only_comes_from_quickbooks_does_not_wait(firm: Firm) -> None:
    mapped(firm).edits("1", **phone("2"))
    silent_for(7)
    firm.sync(approve=False)
    assert one("Anna").phone == "2"
    assert firm.state.gap == SyncState.Gap.NONE
    edit(one("Bert"), phone="3")
    firm.sync(approve=False)
    assert phones(firm) == "2 3 1 1", "the gap is over"


def test_an_approved_look_ends_the_gap_and_a_discarded_one_does_not(firm: Firm) -> None:
    edit(one("Anna"), phone="2") if mapped(firm) else None
    silent_for(7)
    decide.discard(firm.plan(), None)
    run = firm.plan()
    assert run.stops == [Run.Stop.GAP]
    firm.approve(run)
    assert phones(firm) == "2 1 1 1"
    edit(one("Bert"), phone="3")
    firm.sync(approve=False)
    assert phones(firm) == "2 3 1 1"


def test_sync_this_one_only_reads_before_the_plan(firm: Firm) -> None:
    mapped(firm)
    edit(one("Anna"), phone="2")
    silent_for(7)
    decide.ask_for_one(firm.connection, "1", None)
    walk(firm)
    assert phones(firm) == "1 1 1 1"
    assert Run.objects.get(state=Run.State.WAITING).stops == [Run.Stop.GAP]


def test_a_plan_that_was_approved_before_is_applied_after_reading(firm: Firm) -> None:
    mapped(firm).chooses(on_conflict="qbo")
    edit(one("Anna"), phone="2")
    edit(one("Bert"), phone="2")
    run = firm.plan()
    decide.approve(run, None)
    silent_for(7)
    firm.edits("1", **phone("9"))
    walk(firm)
    held, done = run.steps.order_by("qbo_id")
    assert (held.state, done.state) == ("held", "done")
    assert phones(firm).startswith("9 2")
    assert one("Anna").phone == "9", "changed on both sides: QuickBooks wins"


def test_a_walk_that_was_left_half_way_begins_anew(firm: Firm) -> None:
    """Its process died while it was about to send; hours later another takes over."""
    mapped(firm)
    edit(one("Anna"), phone="2")
    with killed_at(lambda name: name == "push.sending"), pytest.raises(Killed):
        firm.sync()
    expire_lease(firm.connection)
    silent_for(7)
    walk(firm)
    assert phones(firm) == "1 1 1 1"
    run = Run.objects.get(state=Run.State.WAITING)
    assert run.stops == [Run.Stop.GAP]
    firm.approve(run)
    assert phones(firm) == "2 1 1 1"
    assert firm.sync() is None


def test_killed_anywhere_the_gap_stays(firm: Firm) -> None:
    mapped(firm)
    edit(one("Anna"), phone="2")
    silent_for(7)
    for point in ("gap.opened", "pull.stored", "plan.stored"):
        with killed_at(partial(eq, point)), pytest.raises(Killed):
            firm.sync()
        expire_lease(firm.connection)
    firm.walk()
    assert Run.objects.get(state=Run.State.WAITING).stops == [Run.Stop.GAP]
    assert phones(firm) == "1 1 1 1"


# A restored backup --------------------------------------------------------------------------------


@contextmanager
def backup() -> Iterator[Callable[[], None]]:
    """The database as it is now; gives what puts it back."""
    with closing(sqlite3.connect(":memory:")) as copy:
        database.connection.backup(copy)
        yield lambda: copy.backup(database.connection)


needs_sqlite = pytest.mark.skipif("database.vendor != 'sqlite'", reason="copies the file")


@needs_sqlite
@pytest.mark.parametrize("point", ["push.written", "push.sent"])
def test_a_restored_backup_looks_at_a_sandbox_that_moved_on(
    transactional_db: None, firm: Firm, requests: Requests, point: str
) -> None:
    mapped(firm)
    edit(one("Anna"), phone="2")
    edit(one("Dora"), phone="4")
    with killed_at(lambda name: name == point), pytest.raises(Killed):
        firm.sync()
    with backup() as put_back:
        life_goes_on(firm)
        put_back()
        assert (one("Anna").phone, one("Bert").phone) == ("2", "1"), "the day before"
        call_command("qbo_restored", stdout=StringIO())
        firm.sandbox.delete("requests")
        before = phones(firm)
        walk(firm)
        run = Run.objects.get(state=Run.State.WAITING)
        assert run.stops == [Run.Stop.GAP]
        assert (writes(requests), phones(firm)) == (0, before), "nothing is sent again"
        assert not Outbox.objects.exclude(state__in=["wanted", "done"]).exists()
        assert not Send.objects.filter(is_open=True).exists()
        firm.approve(run)
    told = {step.qbo_id: step.kind for step in run.steps.all()}
    assert told == {"1": "conflict", "2": "update", "3": "update", "4": "push"}
    assert [one(name).phone for name in NAMES] == ["2", "5", "6", "4"]
    assert phones(firm) == "9 5 6 4"
    assert firm.cases() == {("conflict", "1")}
    assert firm.sync() is None


def life_goes_on(firm: Firm) -> None:
    """What was on its way arrives; then people edit on both sides."""
    expire_lease(firm.connection)
    firm.sync()
    assert phones(firm) == "2 1 1 4"
    firm.edits("1", **phone("9"))
    edit(one("Bert"), phone="5")
    firm.edits("3", **phone("6"))
    firm.edits("4", **phone("1"))
    firm.sync()
    assert phones(firm) == "9 5 6 1"
    assert [one(name).phone for name in NAMES] == ["9", "5", "6", "1"]


def test_the_command_reads_everything_first(firm: Firm, requests: Requests) -> None:
    mapped(firm)
    edit(one("Anna"), phone="2")
    call_command("qbo_restored", stdout=(out := StringIO()))
    assert firm.connection.company_name in out.getvalue()
    assert firm.state.gap == SyncState.Gap.READ
    firm.walk()
    assert [r["path"].rpartition("/")[2] for r in requests()] == ["query", "query"]
    assert Run.objects.get(state=Run.State.WAITING).stops == [Run.Stop.GAP]


def test_a_plan_that_waited_already_does_not_end_the_look(firm: Firm) -> None:
    mapped(firm).chooses(on_conflict="qbo")
    edit(one("Anna"), phone="2")
    old = firm.plan()
    call_command("qbo_restored", stdout=StringIO())
    edit(one("Bert"), phone="3")
    firm.approve(old)
    walk(firm)
    assert phones(firm) == "2 1 1 1", "a person agreed to this, and it still held"
    run = Run.objects.get(state=Run.State.WAITING)
    assert (run.stops, phones(firm)) == ([Run.Stop.GAP], "2 1 1 1")


def test_without_a_company_the_command_says_so(db: None) -> None:
    with pytest.raises(CommandError, match="No company is connected"):
        call_command("qbo_restored")


def test_the_plan_says_why_it_waits(
    firm: Firm, sandbox: SandboxProcess, capsys: pytest.CaptureFixture[str]
) -> None:
    mapped(firm)
    edit(one("Anna"), phone="2")
    silent_for(7)
    with pytest.raises(SystemExit):
        call_command("qbo_sync")
    assert "Needs approval: The last sync before it was long ago" in capsys.readouterr().out
