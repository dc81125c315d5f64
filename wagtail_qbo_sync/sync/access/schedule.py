"""The one schedule that django-q2 keeps for us: the tick, each minute.

All that is to happen from time to time has a clock of its own in our tables, and the tick
rings for what is due (tasks.JOBS). So a schedule that is doubled, late or started over makes
nothing run twice, and one that is lost is a single thing to be noticed and repaired.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.apps import apps
from django.db import router, transaction
from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _

from wagtail_qbo_sync import clock

NAME = "wagtail_qbo_sync.tick"
EVERY_MINUTE: dict[str, Any] = {
    "func": "wagtail_qbo_sync.tasks.tick",
    "schedule_type": "I",  # Schedule.MINUTES
    "minutes": 1,
    "repeats": -1,
    "cluster": None,
}
LATE = timedelta(minutes=3)
"""django-q2 looks at its schedules every 30 seconds."""
AHEAD = timedelta(minutes=2)
"""Nothing that runs each minute is due later than this."""


class Tick(TextChoices):
    """How the schedule stands."""

    ON_TIME = "on_time", _("On time")
    OVERDUE = "overdue", _("Overdue")
    MISSING = "missing", _("Missing")


def tick() -> Tick:
    """How the schedule stands; one that says something else than ours is none. One query."""
    if not apps.is_installed("django_q"):  # a system check says what to do
        return Tick.MISSING
    ours = _model().objects.filter(name=NAME, **EVERY_MINUTE)
    times = [at for at in ours.values_list("next_run", flat=True) if at is not None]
    if not times:
        return Tick.MISSING
    return Tick.ON_TIME if any(_is_on_time(at) for at in times) else Tick.OVERDUE


def repair() -> bool:
    """See to it that there is one, as it should be, and due. True if there was none such.

    Two clusters that start at once may make two, which is harmless; the next look deletes one.
    """
    if not apps.is_installed("django_q"):
        return False
    Schedule = _model()
    with transaction.atomic(using=router.db_for_write(Schedule)):
        found = list(Schedule.objects.select_for_update().filter(name=NAME).order_by("pk"))
        right = [each for each in found if _is_right(each)]
        kept = (right or found or [Schedule(name=NAME)])[0]
        Schedule.objects.filter(name=NAME).exclude(pk=kept.pk).delete()
        if right:
            return False
        for name, value in EVERY_MINUTE.items():
            setattr(kept, name, value)
        kept.next_run = clock.now()
        kept.save()
    return True


def remove() -> None:
    """Take it away, where our tables are gone: each minute it would fail."""
    _model().objects.filter(name=NAME).delete()


def _model() -> Any:
    """django-q2's model; a site may start without the app, to be told that it is missing."""
    return apps.get_model("django_q", "Schedule")


def _is_right(schedule: Any) -> bool:
    as_ours = all(getattr(schedule, name) == value for name, value in EVERY_MINUTE.items())
    return as_ours and _is_on_time(schedule.next_run)


def _is_on_time(at: Any) -> bool:
    """Whether a next run is neither long past nor put off. An overdue one is set to now: with
    django-q2's `catch_up` it would be run once for each minute that it missed."""
    return at is not None and -LATE < at - clock.now() < AHEAD
