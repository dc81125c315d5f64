"""Sync this one: a customer that a person waits for is read and compared out of turn.

The cycle comes here when it rests; what is found to do becomes a run of its own, which the
cycle applies next. Nothing is done that a whole sync would not do, and nothing at all is
applied before the first sync was approved or while a plan waits (U3): then it is only read.
"""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet

from wagtail_qbo_sync import clock
from wagtail_qbo_sync.clock import failpoint
from wagtail_qbo_sync.host.adapter import get_adapter
from wagtail_qbo_sync.models import Connection, Decision, Mapping, Run, SingleSync, SyncState
from wagtail_qbo_sync.qbo.api import CompanyApi
from wagtail_qbo_sync.qbo.faults import NOT_FOUND, QboError
from wagtail_qbo_sync.sync.access.lease import Lease
from wagtail_qbo_sync.sync.access.trouble import facts_of
from wagtail_qbo_sync.sync.planning.plan import Planner
from wagtail_qbo_sync.sync.reading.pull import mirror
from wagtail_qbo_sync.sync.records.runs import start_run

REST = SyncState.Phase.REST


def waiting(connection_id: int) -> QuerySet[SingleSync]:
    """What was asked for and not done yet, the first asked first."""
    asked = SingleSync.objects.filter(connection=connection_id, ended_at__isnull=True)
    return asked.order_by("asked_at", "pk")


def is_inert(connection: Connection, qbo_id: str) -> bool:
    """Whether a person said No: then nothing of the customer is read (rule 15)."""
    about = {"connection": connection, "qbo_id": qbo_id}
    excluded = Decision.objects.filter(kind=Decision.Kind.EXCLUDE_CUSTOMER, **about)
    asleep = Mapping.objects.filter(asleep=Mapping.Asleep.DISCONNECTED, **about)
    return excluded.exists() or asleep.exists()


def look(lease: Lease, state: SyncState, api: CompanyApi) -> None:
    """Read the next customer that a person waits for, and plan what there is to do."""
    asked = waiting(state.pk).select_related("asked_by").first()
    if asked is None or is_inert(state.connection, asked.qbo_id):
        _end(lease, asked)
        return
    try:
        document = api.customer(asked.qbo_id)
    except QboError as error:
        if error.code != NOT_FOUND:
            raise
        _end(lease, asked, trouble=facts_of(error))
        return
    failpoint("one.read")
    with lease.transaction():
        mirror(state.connection, [document])
    failpoint("one.mirrored")
    planner = Planner(state.connection, get_adapter(), lease, state.planned_through)
    steps = list(planner.steps(only={asked.qbo_id})) if may_apply(state.connection) else []
    with lease.transaction():
        run = start_run(state.connection, steps, asked.asked_by) if steps else None
        _end(lease, asked, run=run)
    failpoint("one.planned")


def may_apply(connection: Connection) -> bool:
    """Whether more than reading is done: not before the first sync, nor beside a plan (U3), nor
    before a plan was made after a gap (U19)."""
    synced = SyncState.objects.filter(
        pk=connection.pk, first_synced_at__isnull=False, gap=SyncState.Gap.NONE
    )
    waits = Run.objects.filter(connection=connection, state=Run.State.WAITING)
    return synced.exists() and not waits.exists()


def _end(lease: Lease, asked: SingleSync | None, **outcome: Any) -> None:
    """It is done, unless somebody asked again meanwhile."""
    with lease.transaction(phase=REST):
        if asked is not None:
            SingleSync.objects.filter(pk=asked.pk, asked_at=asked.asked_at).update(
                ended_at=clock.now(), **outcome
            )
