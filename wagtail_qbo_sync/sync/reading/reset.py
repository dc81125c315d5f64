"""A company that was reset in QuickBooks (rule 6): after everything was read, many of the customers
that were known are not among it, or say that they are older than they were.

It rests then, whoever asks: nothing is flagged, gone, written or read, until a person says
go on. Each of these customers is asked for by Id then, and believed; what follows is a plan
that waits.
"""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.db.models import Exists, F, OuterRef, QuerySet

from wagtail_qbo_sync.clock import failpoint
from wagtail_qbo_sync.doorbell import enqueue
from wagtail_qbo_sync.engine.gate import exceeds_brake
from wagtail_qbo_sync.models import Case, Connection, SyncState
from wagtail_qbo_sync.sync.access import trouble
from wagtail_qbo_sync.sync.access.lease import Lease, LeaseLost
from wagtail_qbo_sync.sync.people.decide import record
from wagtail_qbo_sync.sync.records import cases

KIND = Case.Kind.RESET
WENT_ON = "went_on"

_asked = Case.objects.filter(kind=KIND, open_key__isnull=False)
STOPS = Exists(_asked.filter(connection=OuterRef("connection")))
"""Of rows of a connection: whether it rests for this."""


def stops(connection: Connection) -> bool:
    """Whether the company rests until a person says go on."""
    return _asked.filter(connection=connection).exists()


def is_agreed(state: SyncState) -> bool:
    """Whether a person has said go on since everything was read."""
    answered = Case.objects.filter(kind=KIND, connection=state.connection, outcome=WENT_ON)
    return answered.filter(facts__comparison=state.comparing_id).exists()


def look(lease: Lease, state: SyncState, unseen: int, known: int) -> None:
    """Where `unseen` of the `known` customers, missing or older, are too many: ask a person, and
    let the company rest. Raises LeaseLost after that."""
    if not exceeds_brake(unseen, known) or is_agreed(state):
        return
    facts = {"unseen": unseen, "known": known, "comparison": state.comparing_id}
    with lease.transaction():
        cases.open_all(state.connection, [cases.Opening(KIND, "", facts=facts)])
        trouble.note_reset(lease, state)
    failpoint("reset.asked")
    raise LeaseLost


@transaction.atomic
def go_on(connection: Connection, user: Any) -> None:
    """A person takes what QuickBooks has now for the truth. What follows is shown before it is
    done. Raises cases.AlreadyAnswered."""
    states: QuerySet[SyncState] = SyncState.objects.select_for_update().filter(pk=connection.pk)
    state = states.get()
    asked = _asked.select_for_update().filter(connection=connection).first()
    if asked is None:
        raise cases.AlreadyAnswered
    cases.end(asked, WENT_ON, user)
    asked.save(update_fields=cases.ENDING)
    SyncState.objects.filter(pk=state.pk).update(
        phase=SyncState.Phase.CONFIRM, shows=F("served"), **trouble.NONE
    )
    record(connection, "reset_go_on", user, customers=asked.facts["unseen"])
    enqueue("walk", connection.pk)
