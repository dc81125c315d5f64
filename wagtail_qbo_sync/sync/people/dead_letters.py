"""Records that keep failing: trying them again, ignoring them, opening them again (U14).

By itself nothing that was refused is tried again until a side moves (rule 11).
"""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.db.models import QuerySet

from wagtail_qbo_sync import clock
from wagtail_qbo_sync.models import Case, Connection
from wagtail_qbo_sync.sync.records.cases import NAMELESS

from .decide import ask_for_one, ask_for_sync, record

Kind = Case.Kind
FAILING = (
    Kind.REFUSED,
    Kind.UNSENDABLE,
    Kind.NOT_TAKEN,
    Kind.KEPT,
    Kind.UNREADABLE,
    Kind.UNDO,
)
"""Kinds that a person may ignore: each stands for itself, and no question of mapping."""
HOLDS = {Kind.REFUSED: "seen", Kind.NOT_TAKEN: "untaken"}
"""Kind -> the fact for which it is not tried again."""


def can_retry(case: Case) -> bool:
    """Whether trying again may end otherwise though neither side has moved. Of a client without
    a customer, a person chooses or makes one; what we know that QuickBooks refuses is edited."""
    return case.kind in (*HOLDS, Kind.UNREADABLE) and case.qbo_id not in ("", NAMELESS)


def retry_all(connection: Connection, user: Any) -> int:
    """Try again all that the site refused, as after its model was changed. How many there are."""
    refused = _open(connection).filter(kind=Kind.REFUSED)
    return _again(connection, refused, user)


def retry(case: Case, user: Any) -> bool:
    """Try this one again. False where it is settled by now, or cannot be tried again."""
    if not can_retry(case):
        return False
    if case.kind == Kind.UNREADABLE:
        ask_for_one(case.connection, case.qbo_id, user)
        return True
    return bool(_again(case.connection, _open(case.connection).filter(pk=case.pk), user))


@transaction.atomic
def _again(connection: Connection, wanted: QuerySet[Case], user: Any) -> int:
    if not wanted.exists():
        return 0
    ask_for_sync(connection, user)  # first, for the order of locks
    again = list(wanted.select_for_update())
    for case in again:
        case.facts.pop(HOLDS[Kind(case.kind)], None)
    Case.objects.bulk_update(again, ["facts"], batch_size=500)
    return len(again)


def set_aside(case: Case, user: Any) -> bool:
    """Ignore it until it says something else. False where it is settled by now."""
    return case.kind in FAILING and _move(case, "set_aside", user, set_aside_at=clock.now())


def open_again(case: Case, user: Any) -> bool:
    """Undo `set_aside`."""
    return _move(case, "open_again", user, set_aside_at=None)


@transaction.atomic
def _move(case: Case, action: str, user: Any, **changes: Any) -> bool:
    if not _open(case.connection).filter(pk=case.pk).update(**changes):
        return False
    about = {"case": case.pk, "kind": case.kind, "qbo_id": case.qbo_id}
    record(case.connection, action, user, **about)
    return True


def ignored() -> QuerySet[Case]:
    """What people have set aside, of all companies."""
    return Case.objects.filter(open_key__isnull=False, set_aside_at__isnull=False)


def _open(connection: Connection) -> QuerySet[Case]:
    return Case.objects.filter(connection=connection, open_key__isnull=False)
