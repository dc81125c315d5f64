"""The schedule: one tick, made, checked and repaired; each job due by its own clock."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from django_q.brokers import get_broker
from django_q.models import OrmQ, Schedule
from django_q.scheduler import scheduler
from pytest_django import DjangoCaptureOnCommitCallbacks

from tests import factories
from wagtail_qbo_sync import clock, tasks
from wagtail_qbo_sync.models import Connection, SyncState
from wagtail_qbo_sync.sync.access import schedule
from wagtail_qbo_sync.sync.access.schedule import Tick

NEVER = timedelta(days=365)


@pytest.fixture
def ours(db: None) -> Schedule:
    """The schedule, due."""
    schedule.repair()
    Schedule.objects.filter(name=schedule.NAME).update(next_run=clock.now())
    return Schedule.objects.get(name=schedule.NAME)


def damage(**values: Any) -> None:
    Schedule.objects.filter(name=schedule.NAME).update(**values)


WRONG: list[tuple[dict[str, Any], Tick]] = [
    ({"name": "something else"}, Tick.MISSING),
    ({"func": "gone.by"}, Tick.MISSING),
    ({"repeats": 0}, Tick.MISSING),
    ({"minutes": 60}, Tick.MISSING),
    ({"cluster": "another"}, Tick.MISSING),
    ({"next_run": None}, Tick.MISSING),
]


@pytest.mark.parametrize(("values", "found"), WRONG)
def test_what_is_missing_or_wrong_is_seen_and_repaired(
    ours: Schedule, values: dict[str, Any], found: Tick
) -> None:
    damage(**values)
    assert schedule.tick() is found
    assert schedule.repair()
    assert schedule.tick() is Tick.ON_TIME
    repaired = Schedule.objects.get(name=schedule.NAME)
    assert (repaired.func, repaired.minutes, repaired.repeats) == (
        "wagtail_qbo_sync.tasks.tick",
        1,
        -1,
    )


@pytest.mark.parametrize("age", [timedelta(minutes=4), NEVER, -NEVER])
def test_one_that_is_long_past_or_put_off_is_set_to_now(ours: Schedule, age: timedelta) -> None:
    damage(next_run=clock.now() - age)
    assert schedule.tick() is Tick.OVERDUE
    assert schedule.repair()
    moved = Schedule.objects.get(pk=ours.pk).next_run
    assert abs(moved - clock.now()) < timedelta(seconds=10)


def test_what_is_right_is_left_alone(ours: Schedule) -> None:
    assert not schedule.repair()
    assert Schedule.objects.get(name=schedule.NAME).next_run == ours.next_run


def test_two_of_them_are_one_again(ours: Schedule) -> None:
    """Workers that start at the same moment each find none, and make one."""
    Schedule.objects.create(name=schedule.NAME, next_run=clock.now(), **schedule.EVERY_MINUTE)
    assert schedule.tick() is Tick.ON_TIME
    assert not schedule.repair()
    assert Schedule.objects.filter(name=schedule.NAME).count() == 1


def test_made_when_a_company_is_connected(
    connected: Callable[..., Connection],
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    Schedule.objects.all().delete()
    with django_capture_on_commit_callbacks(execute=True):
        connected()
    assert schedule.tick() is Tick.ON_TIME


def test_the_command_repairs_and_says_so(ours: Schedule) -> None:
    damage(func="gone.by")
    said = StringIO()
    call_command("qbo_schedule", stdout=said)
    call_command("qbo_schedule", stdout=said)
    assert "was missing. It is repaired." in said.getvalue()
    assert "is as it should be" in said.getvalue()


@pytest.mark.django_db(transaction=True)
def test_two_clusters_ring_once_for_one_minute() -> None:
    """As django-q2 does it: each cluster looks at the same schedules."""
    schedule.repair()
    damage(next_run=clock.now() - timedelta(seconds=1))
    broker = get_broker()
    scheduler(broker)
    scheduler(broker)
    assert [row.func() for row in OrmQ.objects.all()] == ["wagtail_qbo_sync.tasks.tick"]
    assert schedule.tick() is Tick.ON_TIME


def test_twice_is_harmless(
    db: None, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    """Two ticks find the same things due and ask for each once."""
    company = factories.connection()
    now = clock.now()
    then = now - timedelta(hours=1)
    # Compared tonight already: from two to three at night that would be asked for too.
    factories.sync_state(company, synced_at=then, first_synced_at=then, compared_at=now)
    with django_capture_on_commit_callbacks():
        tasks.tick()
        tasks.tick()
    assert SyncState.objects.get().wanted == 1


def test_a_job_that_fails_keeps_no_other_from_its_turn(
    db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    turns: list[str] = []

    def broken() -> None:
        raise ValueError("broken")

    monkeypatch.setattr(tasks, "JOBS", (broken, lambda: turns.append("next")))
    with pytest.raises(ExceptionGroup) as failed:
        tasks.tick()
    assert turns == ["next"]
    assert [str(error) for error in failed.value.exceptions] == ["broken"]
