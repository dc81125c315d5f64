"""Sync when people look (C3): who looks asks, nobody waits, and many make one sync."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection as database
from pytest_django import (
    DjangoAssertNumQueries,
    DjangoCaptureOnCommitCallbacks,
    Settings,
)

from tests import factories
from wagtail_qbo_sync import clock, tasks
from wagtail_qbo_sync.models import Connection, Run, SyncState, Token
from wagtail_qbo_sync.sync.noticing import visits
from wagtail_qbo_sync.sync.people import connect, decide
from wagtail_qbo_sync.sync.walk import cycle

from .conftest import Json, customer
from .firm import Firm
from .test_lease import rung

Capture = DjangoCaptureOnCommitCallbacks
LONG_AGO = timedelta(minutes=3)


@pytest.fixture
def company(db: None) -> Connection:
    """Synced three minutes ago, with nothing to do since."""
    made = factories.connection()
    synced_before(made, LONG_AGO)
    return made


@pytest.mark.parametrize(
    ("reads", "minutes", "asks"), [(474_999, 20, 1), (475_000, 20, 0), (475_000, 61, 1)]
)
def test_near_the_end_of_the_months_reads_polls_are_hourly(
    company: Connection, reads: int, minutes: int, asks: int
) -> None:
    synced_before(company, timedelta(minutes=minutes))
    SyncState.objects.update(reads=reads, reads_month=f"{clock.now():%Y-%m}")
    visits.poll()
    assert asked(company) == asks


def synced_before(company: Connection, age: timedelta) -> None:
    then = clock.now() - age
    factories.sync_state(company, synced_at=then, first_synced_at=then)


def asked(company: Connection) -> int:
    """How often a sync was asked for."""
    return SyncState.objects.get(pk=company.pk).wanted


# Who asks --------------------------------------------------------------------------------------


def test_a_visit_asks_and_rings(company: Connection, capture: Capture) -> None:
    with capture() as callbacks:
        visits.visited()
    assert asked(company) == 1
    assert rung(callbacks, "walk") == [(company.pk,)]


@pytest.fixture
def capture(django_capture_on_commit_callbacks: Capture) -> Capture:
    return django_capture_on_commit_callbacks


@pytest.mark.parametrize(("minutes", "asks"), [(2, 1), (3, 1), (4, 0), (0, 0)])
def test_how_old_the_last_sync_must_be(company: Connection, minutes: int, asks: int) -> None:
    Connection.objects.update(visit_minutes=minutes)
    visits.visited()
    assert asked(company) == asks


@pytest.mark.parametrize(
    ("age", "poll_minutes", "asks"),
    [(14, 15, 0), (15, 15, 1), (59, 60, 0), (60, 60, 1), (1440, 0, 0)],
)
def test_where_nobody_looks_the_tick_asks(
    company: Connection, age: int, poll_minutes: int, asks: int
) -> None:
    Connection.objects.update(visit_minutes=0, poll_minutes=poll_minutes)
    synced_before(company, timedelta(minutes=age, seconds=1))
    visits.poll()
    assert asked(company) == asks


def test_each_company_for_itself(company: Connection) -> None:
    fresh = factories.connection("Fresh")
    synced_before(fresh, timedelta(seconds=30))
    visits.visited()
    assert (asked(company), asked(fresh)) == (1, 0)


def test_nobody_is_named_as_the_one_who_started_it(company: Connection) -> None:
    before = decide.ask_for_sync(company, factories.user())
    factories.sync_state(company, served=before)
    visits.visited()
    assert SyncState.objects.get().wanted_by is None


def test_a_plan_that_waits_does_not_end_the_reading(company: Connection) -> None:
    factories.run(company, Run.State.WAITING)
    visits.visited()
    assert asked(company) == 1


# Who does not ----------------------------------------------------------------------------------

NEVER_SYNCED: Json = {"first_synced_at": None, "synced_at": None}
FIRST_PLAN_WAITS: Json = {"first_synced_at": None}
UNDER_WAY: Json = {"phase": "pull"}
WANTED: Json = {"wanted": 1}
FOR_A_PERSON: Json = {"trouble": {"action": "operator"}, "failures": 1}


@pytest.mark.parametrize(
    "state",
    [NEVER_SYNCED, FIRST_PLAN_WAITS, UNDER_WAY, WANTED, FOR_A_PERSON],
    ids=["never synced", "first plan waits", "under way", "wanted", "for a person"],
)
def test_nothing_is_asked_for(company: Connection, state: Json, capture: Capture) -> None:
    factories.sync_state(company, **state)
    before = SyncState.objects.values().get()
    with capture() as callbacks:
        visits.visited()
    assert SyncState.objects.values().get() == before
    assert callbacks == []


def test_a_visit_does_not_shorten_what_a_failure_put_off(company: Connection) -> None:
    later = clock.now() + timedelta(minutes=30)
    trouble = {"action": "back_off", "phase": "pull"}
    factories.sync_state(company, phase="pull", trouble=trouble, failures=3, blocked_until=later)
    visits.visited()
    assert asked(company) == 0
    assert SyncState.objects.get().blocked_until == later


def disconnected(company: Connection, settings: Settings) -> None:
    connect.disconnect(company, None)


def paused(company: Connection, settings: Settings) -> None:
    settings.WAGTAIL_QBO_SYNC = {**settings.WAGTAIL_QBO_SYNC, "PAUSED": True}


def copied(company: Connection, settings: Settings) -> None:
    settings.WAGTAIL_QBO_SYNC = {**settings.WAGTAIL_QBO_SYNC, "INSTALLATION": "staging"}


def rejected(company: Connection, settings: Settings) -> None:
    Token.objects.update(rejected=True)


def forgotten(company: Connection, settings: Settings) -> None:
    Token.objects.all().delete()


@pytest.mark.parametrize("stop", [disconnected, paused, copied, rejected, forgotten])
def test_a_company_that_may_not_be_read(
    stop: Callable[[Connection, Settings], None], company: Connection, settings: Settings
) -> None:
    stop(company, settings)
    visits.visited()
    assert asked(company) == 0


def test_a_visit_that_asks_for_nothing_is_one_query(
    db: None, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for name in ("A", "B", "C"):
        synced_before(factories.connection(name), timedelta(seconds=5))
    with django_assert_num_queries(1):
        visits.visited()


# Many at once ----------------------------------------------------------------------------------


def test_of_all_who_saw_that_it_is_due_one_asks(company: Connection, capture: Capture) -> None:
    seen = [SyncState.objects.get() for _ in range(20)]
    with capture() as callbacks:
        for state in seen:
            visits._ask(state)
    assert asked(company) == 1
    assert rung(callbacks, "walk") == [(company.pk,)]


def test_who_saw_it_before_a_whole_sync_does_not_ask_after_it(company: Connection) -> None:
    late = SyncState.objects.get()
    visits.visited()
    factories.sync_state(company, served=1, synced_at=clock.now())
    visits._ask(late)
    assert asked(company) == 1


@pytest.mark.server
@pytest.mark.django_db(transaction=True)
def test_twenty_people_at_eight() -> None:
    if database.vendor == "sqlite":
        pytest.skip("SQLite lets one write at a time.")
    company = factories.connection()
    synced_before(company, LONG_AGO)
    at_eight = threading.Barrier(20)

    def visit() -> None:
        try:
            at_eight.wait()
            visits.visited()
        finally:
            database.close()

    people = [threading.Thread(target=visit) for _ in range(20)]
    for person in people:
        person.start()
    for person in people:
        person.join()
    assert asked(company) == 1


# Beside the poll -------------------------------------------------------------------------------


def test_a_visit_reads_what_changed_and_the_next_one_finds_it_fresh(
    firm: Firm, capture: Capture
) -> None:
    firm.has(customer("1", "Anna Berg", "anna@berg.example"))
    firm.chooses(unmatched="create")
    firm.sync()
    firm.edits("1", PrimaryPhone={"FreeFormNumber": "555 0142"})
    synced_before(firm.connection, LONG_AGO)
    before = asked(firm.connection)
    for _ in range(3):
        visits.visited()
    assert asked(firm.connection) == before + 1
    firm.walk()
    assert firm.client("1").phone == "555 0142"
    visits.visited()
    assert asked(firm.connection) == before + 1


def test_a_sync_that_runs_anyway_serves_the_visit_too(firm: Firm, requests: Any) -> None:
    """A schedule asks while a visit has asked already: one walk serves both."""
    firm.has(customer("1", "Anna Berg"))
    firm.sync()
    synced_before(firm.connection, LONG_AGO)
    visits.visited()
    decide.ask_for_sync(firm.connection)
    before = len(requests())
    cycle.advance(firm.connection.pk, seconds=60)
    assert len(requests()) == before + 1  # what changed
    assert firm.state.served == firm.state.wanted


def test_a_lost_ring_is_rung_again_by_the_tick(company: Connection, capture: Capture) -> None:
    visits.visited()
    with capture() as callbacks:
        tasks.tick()
    assert rung(callbacks, "walk") == [(company.pk,)]
