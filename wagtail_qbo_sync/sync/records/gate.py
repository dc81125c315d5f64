"""What decides whether a plan is applied at once or waits for a person (U3, U19)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, TypeAlias

from django.db.models import Exists, Max, OuterRef, Q, QuerySet
from wagtail.permission_policies import ModelPermissionPolicy

from wagtail_qbo_sync import clock
from wagtail_qbo_sync.contact import content_digest
from wagtail_qbo_sync.engine import gate as engine
from wagtail_qbo_sync.engine.plan import writes
from wagtail_qbo_sync.host.adapter import get_adapter
from wagtail_qbo_sync.models import (
    Case,
    Connection,
    ImportBatch,
    ImportOutcome,
    ImportRow,
    Run,
    Step,
    SyncState,
)

WINDOW = timedelta(hours=24)
"""U3: the brake counts what machines did within this time."""
Gap = SyncState.Gap
Kind = Step.Kind
WRITING = (
    Kind.LINK,
    Kind.CREATE,
    Kind.UPDATE,
    Kind.PUSH,
    Kind.ADD,
    Kind.WAKE,
    Kind.FOLLOW,
    Kind.SLEEP,
)
"""Kinds of steps that may write to a side."""
Record: TypeAlias = tuple[str, str]


def stops(state: SyncState, volume: engine.Volume, terms: str) -> list[str]:
    """Why a plan that was made under these terms waits; [] if it may be applied at once."""
    found = engine.stops(
        volume,
        is_first=state.first_synced_at is None,
        is_asked_for=state.is_shown,
        has_new_terms=state.agreed_terms not in ("", terms),
        has_gap=state.gap != Gap.NONE,
    )
    return [str(stop) for stop in found]


def passed(terms: str) -> dict[str, Any]:
    """The columns of a SyncState whose plan need not wait."""
    return {"gap": Gap.NONE, "agreed_terms": terms}


def synced(state: SyncState) -> dict[str, Any]:
    """The columns of a SyncState whose sync is done. The first may have had nothing to do, as in
    a company without customers: then nobody need approve it (U3), and K13 holds from now on."""
    now = clock.now()
    return {"synced_at": now, "first_synced_at": state.first_synced_at or now}


def waits(state: SyncState) -> dict[str, Any]:
    """The columns of a SyncState whose plan waits."""
    return {"gap": Gap.ASKED} if state.gap else {}


def approved(run: Run) -> None:
    """A person agreed to the plan: what it waited for is no reason any more. A gap stays that
    came after it was made; a plan that no sync made says nothing about syncs."""
    if run.by_person:
        return
    states = SyncState.objects.filter(pk=run.connection_id)
    states.update(agreed_terms=run.terms)
    states.filter(gap=Gap.ASKED).update(gap=Gap.NONE)


def discarded(run: Run) -> None:
    """A person did not agree: the next plan waits for the same reasons."""
    SyncState.objects.filter(pk=run.connection_id, gap=Gap.ASKED).update(gap=Gap.PLAN)


def terms(connection: Connection) -> str:
    """Digest of the settings, and of the field map, that decide what a sync writes."""
    return content_digest(
        {},
        connection.direction,
        *(f"{name} {way}" for name, way in sorted(connection.field_directions.items())),
        connection.on_conflict,
        connection.unmatched,
        connection.hierarchy,
        "archives" if connection.inactive_policy == Connection.OnInactive.ARCHIVE else "",
        get_adapter().version,
    )


def record(qbo_id: str, client_pk: str) -> Record:
    """What a step is about, for counting: its customer, else the client that has none yet. An
    Id of QuickBooks and a key of the site may be the same text."""
    return ("customer", qbo_id) if qbo_id else ("client", client_pk)


def recent(connection: Connection) -> set[Record]:
    """Customers of whom machines wrote within the window, or whose client was found deleted;
    and clients of which they made customers.

    What a person has approved, or has seen before they last approved a plan, does not count.
    """
    runs = Run.objects.filter(connection=connection, by_person=False)
    approved = runs.aggregate(last=Max("approved_at"))["last"]
    since = max(filter(None, (clock.now() - WINDOW, approved)))
    steps = Step.objects.filter(
        run__in=runs.filter(approved_at=None, started_at__gt=since),
        kind__in=WRITING,
        state=Step.State.DONE,
    )
    known = set(_approved(connection).values_list("client_pk", flat=True))
    rows = steps.values_list("kind", "qbo_id", "client_pk", "data")
    written = {
        record(qbo_id, client_pk)
        for kind, qbo_id, client_pk, data in rows
        if writes(data) and not (kind == Kind.ADD and client_pk in known)
    }
    deleted = Case.objects.filter(
        connection=connection, kind=Case.Kind.CLIENT_DELETED, opened_at__gt=since
    )
    return written | {record(*about) for about in deleted.values_list("qbo_id", "client_pk")}


def approved_clients(connection: Connection) -> set[str]:
    """The clients of which a person has approved within the window that customers be made: by an
    import that has changed them, was confirmed by somebody who may approve plans, or by the
    command line, and has not been taken back (K15)."""
    mine = {"client_pk": OuterRef("client_pk")}
    stands = ImportRow.objects.filter(batch=OuterRef("batch"), state=ImportRow.State.DONE, **mine)
    goes_back = ImportRow.objects.filter(
        batch__undoes=OuterRef("batch"),
        batch__state=ImportBatch.State.APPLYING,
        state=ImportRow.State.CHANGE,
        **mine,
    )
    found = _approved(connection).filter(Exists(stands)).exclude(Exists(goes_back))
    return set(found.values_list("client_pk", flat=True))


def _approved(connection: Connection) -> QuerySet[ImportOutcome]:
    changed = ImportRow.objects.filter(
        batch=OuterRef("batch"), client_pk=OuterRef("client_pk"), state__in=ImportRow.WROTE
    )
    may_approve = ModelPermissionPolicy(Connection).users_with_permission("sync")
    of_the_command_line = Q(batch__confirmed_by=None, batch__by_command=True)
    return ImportOutcome.objects.filter(
        of_the_command_line | Q(batch__confirmed_by__in=may_approve.values("pk")),
        Exists(changed),
        connection=connection,
        kind=ImportOutcome.Kind.CREATED,
        batch__moved_at__gt=clock.now() - WINDOW,
    )
