"""One walker per connection, fenced; a ring twice, late or lost changes nothing."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection as database
from pytest_django import DjangoCaptureOnCommitCallbacks, Settings

from wagtail_qbo_sync import clock, doorbell, tasks
from wagtail_qbo_sync.compat import Now
from wagtail_qbo_sync.models import Connection, Customer, Run, SyncState
from wagtail_qbo_sync.qbo.transport import longest_seconds
from wagtail_qbo_sync.sync.access import lease
from wagtail_qbo_sync.sync.access.budget import DatabaseBudget
from wagtail_qbo_sync.sync.access.lease import Lease, LeaseLost
from wagtail_qbo_sync.sync.people import connect, decide
from wagtail_qbo_sync.sync.walk import cycle

from .conftest import FIRM, Json, Plant, Sync, customer

Capture = DjangoCaptureOnCommitCallbacks
Requests = Callable[..., list[Json]]


@pytest.fixture
def pk(db: None) -> int:
    """A connection that nobody walks."""
    made = Connection.objects.create(
        realm_id=FIRM, environment="sandbox", company_name="A", connected_at=clock.now()
    )
    SyncState.objects.create(connection=made)
    return made.pk


def taken(pk: int) -> Lease:
    held = lease.take(pk)
    assert held is not None
    return held


def run_out(pk: int) -> None:
    """Let the lease of a silent walker end."""
    SyncState.objects.filter(pk=pk).update(lease_until=Now() - timedelta(seconds=1))


def rung(callbacks: list[Callable[[], Any]], name: str) -> list[tuple[int, ...]]:
    """With which ids a task was rung for."""
    rings = [getattr(each, "args", ()) for each in callbacks]
    return [ring[1:] for ring in rings if ring[:1] == (name,)]


# The lease by itself ----------------------------------------------------------------------------


def test_only_one_walks(pk: int) -> None:
    taken(pk)
    assert lease.take(pk) is None


def test_let_go_and_taken_again_under_a_new_epoch(pk: int) -> None:
    first = taken(pk)
    first.let_go()
    assert taken(pk).epoch == first.epoch + 1


def test_silent_walker_is_fenced_off(pk: int) -> None:
    silent = taken(pk)
    run_out(pk)
    other = taken(pk)
    for act in (silent.renew, silent.let_go, silent.finish_slice, lambda: silent.outlast(1)):
        with pytest.raises(LeaseLost):
            act()
    with pytest.raises(LeaseLost), silent.transaction(done=99):
        pytest.fail("A walker without its lease must not write")
    other.renew()
    assert SyncState.objects.get().done == 0


def test_slow_walker_that_nobody_followed_goes_on(pk: int) -> None:
    slow = taken(pk)
    run_out(pk)
    slow.renew(done=7)
    assert lease.take(pk) is None
    assert SyncState.objects.get().done == 7


def test_what_fails_in_a_transaction_is_not_kept(pk: int) -> None:
    held = taken(pk)
    with pytest.raises(ValueError, match="half way"), held.transaction(done=5):
        raise ValueError("half way")
    assert SyncState.objects.get().done == 0


def test_each_slice_starts_once(pk: int) -> None:
    held = taken(pk)
    following = lease.next_slice(pk, held.epoch, held.slice)
    assert following == Lease(pk, held.epoch, 1)
    assert lease.next_slice(pk, held.epoch, held.slice) is None
    with pytest.raises(LeaseLost):
        held.renew()
    following.renew()


def test_slice_of_a_former_walk_does_not_start(pk: int) -> None:
    former = taken(pk)
    run_out(pk)
    taken(pk)
    assert lease.next_slice(pk, former.epoch, former.slice) is None


def test_slice_of_a_walk_at_rest_does_not_start(pk: int) -> None:
    former = taken(pk)
    former.let_go()
    assert lease.next_slice(pk, former.epoch, former.slice) is None


@pytest.mark.parametrize("seconds", [30, 600])
def test_how_long_it_lasts(pk: int, settings: Settings, seconds: int) -> None:
    settings.WAGTAIL_QBO_SYNC = {**settings.WAGTAIL_QBO_SYNC, "LEASE_SECONDS": seconds}
    held = taken(pk)
    for renew in (lambda: None, held.renew):
        renew()
        until = SyncState.objects.get().lease_until
        assert until is not None
        assert (
            timedelta(0) <= clock.now() + timedelta(seconds=seconds) - until < timedelta(seconds=5)
        )


def test_times_are_the_databases(pk: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine whose clock is a day fast neither holds a lease longer nor takes one over."""
    real = clock.now()
    monkeypatch.setattr(clock, "now", lambda: real + timedelta(days=1))
    taken(pk)
    until = SyncState.objects.get().lease_until
    assert until is not None
    assert until < real + timedelta(hours=1)
    assert lease.take(pk) is None


def test_a_call_starts_only_if_the_lease_outlives_it(pk: int, settings: Settings) -> None:
    settings.WAGTAIL_QBO_SYNC = {**settings.WAGTAIL_QBO_SYNC, "LEASE_SECONDS": 30}
    held = taken(pk)
    budget = DatabaseBudget(pk, held)
    budget.reserve("read")
    until = SyncState.objects.get().lease_until
    assert until is not None
    assert until > clock.now() + timedelta(seconds=longest_seconds() - 5)
    run_out(pk)
    taken(pk)
    with pytest.raises(LeaseLost):
        budget.reserve("read")


# The walk under it ------------------------------------------------------------------------------


def test_answer_that_comes_after_the_lease_is_lost_is_not_stored(
    connection: Connection, plant: Plant, requests: Requests
) -> None:
    plant(FIRM, [customer("1", "Anna Berg")])

    def take_over(point: str) -> None:
        if point == "pull.read":
            clock.stop_at(None)
            run_out(connection.pk)
            taken(connection.pk)

    decide.ask_for_sync(connection)
    clock.stop_at(take_over)
    assert cycle.advance(connection.pk, seconds=math.inf)
    assert not Customer.objects.exists()
    state = SyncState.objects.get()
    assert (state.phase, state.position, state.trouble) == (SyncState.Phase.PULL, 0, {})


def test_who_takes_over_ends_the_walk(connection: Connection, plant: Plant, sync: Sync) -> None:
    class Killed(BaseException):
        pass

    def kill(point: str) -> None:
        if point.startswith("pull."):
            raise Killed

    plant(FIRM, [customer("1", "Anna Berg")])
    clock.stop_at(kill)
    with pytest.raises(Killed):
        sync(connection)
    clock.stop_at(None)
    assert not cycle.advance(connection.pk)  # the dead one still holds it
    run_out(connection.pk)
    assert cycle.advance(connection.pk, seconds=math.inf)
    assert Customer.objects.get().display_name == "Anna Berg"
    assert SyncState.objects.get().crashes == 0


def test_a_ring_twice_does_the_work_once(
    connection: Connection,
    plant: Plant,
    requests: Requests,
    django_capture_on_commit_callbacks: Capture,
) -> None:
    plant(FIRM, [customer("1", "Anna Berg")])
    decide.ask_for_sync(connection)
    with django_capture_on_commit_callbacks() as callbacks:
        cycle.advance(connection.pk, seconds=0)
    ((_, epoch, part),) = rung(callbacks, "walk")
    assert cycle.advance(connection.pk, epoch, part, seconds=math.inf)
    calls = len(requests())
    assert not cycle.advance(connection.pk, epoch, part, seconds=math.inf)
    assert len(requests()) == calls
    assert Run.objects.count() == 1


def test_a_click_during_the_last_page_is_not_lost(
    connection: Connection,
    plant: Plant,
    requests: Requests,
    django_capture_on_commit_callbacks: Capture,
) -> None:
    plant(FIRM, [customer("1", "Anna Berg")])

    def click(point: str) -> None:
        if point == "pull.stored":
            clock.stop_at(None)
            decide.ask_for_sync(connection)
            assert not cycle.advance(connection.pk)  # its ring finds somebody walking

    decide.ask_for_sync(connection)
    clock.stop_at(click)
    with django_capture_on_commit_callbacks() as callbacks:
        cycle.advance(connection.pk, seconds=math.inf)
    state = SyncState.objects.get()
    assert (state.wanted, state.served) == (2, 1)
    rings = [(connection.pk,)] * 2
    assert rung(callbacks, "walk") == rings, "the click's own came too early, so there is another"
    before = len(requests())
    cycle.advance(connection.pk, seconds=math.inf)
    assert len(requests()) > before
    assert SyncState.objects.get().served == 2


def test_clicks_before_a_walk_are_served_by_one(
    connection: Connection, plant: Plant, sync: Sync
) -> None:
    plant(FIRM, [])
    for _ in range(3):
        decide.ask_for_sync(connection)
    sync(connection)
    state = SyncState.objects.get()
    assert (state.wanted, state.served) == (4, 4)


# Healing ----------------------------------------------------------------------------------------


def healed(capture: Capture) -> list[tuple[int, ...]]:
    with capture() as callbacks:
        cycle.heal()
    return rung(callbacks, "walk")


def test_nothing_to_heal(pk: int, django_capture_on_commit_callbacks: Capture) -> None:
    assert healed(django_capture_on_commit_callbacks) == []


def test_lost_ring_is_rung_again(pk: int, django_capture_on_commit_callbacks: Capture) -> None:
    SyncState.objects.update(wanted=1)
    assert healed(django_capture_on_commit_callbacks) == [(pk,)]


def test_lost_walk_is_rung_for_when_its_lease_is_over(
    pk: int, django_capture_on_commit_callbacks: Capture
) -> None:
    taken(pk).renew(phase=SyncState.Phase.PULL)
    assert healed(django_capture_on_commit_callbacks) == []
    run_out(pk)
    assert healed(django_capture_on_commit_callbacks) == [(pk,)]


def test_approved_plan_is_rung_for(pk: int, django_capture_on_commit_callbacks: Capture) -> None:
    Run.objects.create(connection_id=pk, state=Run.State.APPLYING, started_at=clock.now())
    assert healed(django_capture_on_commit_callbacks) == [(pk,)]


def test_blocked_walk_waits(pk: int, django_capture_on_commit_callbacks: Capture) -> None:
    SyncState.objects.update(wanted=1, blocked_until=clock.now() + timedelta(minutes=1))
    assert healed(django_capture_on_commit_callbacks) == []
    SyncState.objects.update(blocked_until=clock.now() - timedelta(minutes=1))
    assert healed(django_capture_on_commit_callbacks) == [(pk,)]


def test_disconnected_company_is_left_alone(
    pk: int, django_capture_on_commit_callbacks: Capture
) -> None:
    SyncState.objects.update(wanted=1)
    Connection.objects.update(disconnected_at=clock.now())
    assert healed(django_capture_on_commit_callbacks) == []


def test_the_databases_clock_is_ours_whatever_the_servers_time_zone(pk: int) -> None:
    """What a machine has put off until some time begins at that time."""
    with database.cursor() as cursor:
        if database.vendor == "mysql":
            cursor.execute("SET time_zone = '+05:00'")
        try:
            SyncState.objects.update(lease_until=Now() + timedelta(seconds=100))
        finally:
            if database.vendor == "mysql":
                cursor.execute("SET time_zone = DEFAULT")
    until = SyncState.objects.get().lease_until
    assert until is not None
    assert timedelta(seconds=40) < until - clock.now() < timedelta(seconds=101)


@pytest.mark.django_db(transaction=True)
def test_broker_is_down(
    connection: Connection, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """What was asked for stands in the database, and the next tick rings for it."""
    import django_q.tasks

    def down(*args: Any, **options: Any) -> None:
        raise ConnectionError("no broker")

    monkeypatch.setattr(django_q.tasks, "async_task", down)
    wanted = decide.ask_for_sync(connection)
    connect.disconnect(connection, None)
    Connection.objects.update(disconnected_at=None)
    SyncState.objects.update(wanted=wanted, served=wanted - 1)
    assert "Could not ring the worker for walk" in caplog.text
    assert "Could not ring the worker for revoke" in caplog.text

    rings: list[tuple[Any, ...]] = []
    monkeypatch.setattr(
        django_q.tasks, "async_task", lambda *args, **options: rings.append((*args, options))
    )
    tasks.tick()
    options = {"q_options": {"ack_failure": True}}
    assert ("wagtail_qbo_sync.tasks.walk", connection.pk, options) in rings


@pytest.mark.django_db(transaction=True)
def test_nothing_is_rung_for_what_was_rolled_back(monkeypatch: pytest.MonkeyPatch) -> None:
    import django_q.tasks
    from django.db import transaction

    rings: list[Any] = []
    monkeypatch.setattr(django_q.tasks, "async_task", lambda *args, **options: rings.append(args))
    with pytest.raises(ValueError, match="no"), transaction.atomic():
        doorbell.enqueue("tick")
        raise ValueError("no")
    assert rings == []
    with transaction.atomic():
        doorbell.enqueue("tick")
        assert rings == []
    assert rings == [("wagtail_qbo_sync.tasks.tick",)]
