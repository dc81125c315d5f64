"""Existing clients sent to QuickBooks, many at once, as a plan that a person approves (U11).

Asking for it writes down which clients, and nothing else. A walk then judges them by the rules of
K13 and K14: who is there already is linked, who is like a customer becomes a question, of the
others customers are made. The plan waits like any other, and is applied and sent like any other.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from wagtail_qbo_sync import clock
from wagtail_qbo_sync.clock import failpoint
from wagtail_qbo_sync.compat import chunks
from wagtail_qbo_sync.doorbell import enqueue
from wagtail_qbo_sync.host.adapter import get_adapter
from wagtail_qbo_sync.models import Connection, Run, SyncState
from wagtail_qbo_sync.sync.access.lease import Lease
from wagtail_qbo_sync.sync.people.creation import is_offered
from wagtail_qbo_sync.sync.people.decide import record
from wagtail_qbo_sync.sync.records.client_status import taken_clients
from wagtail_qbo_sync.sync.records.locked import Refusal, refuse_beside_a_plan
from wagtail_qbo_sync.sync.records.runs import Tally, add_steps

from .plan import CHUNK, Planner


@transaction.atomic
def start(connection: Connection, client_pks: Collection[str], user: Any) -> Run:
    """Plan to send these clients to QuickBooks, whatever their Contact Type. Raises Refusal.

    Those that are mapped or excluded stay as they are. Nothing happens before the plan is approved.
    """
    connection.state = SyncState.objects.select_for_update().get(pk=connection.pk)
    if not is_offered(connection):
        raise Refusal(_("Nothing can be created in “%s” now.") % connection)
    refuse_beside_a_plan(connection)
    clients = sorted(set(client_pks) - taken_clients(connection))
    if not clients:
        raise Refusal(_("All of these clients are mapped or excluded."))
    run = Run.objects.create(
        connection=connection,
        state=Run.State.PLANNING,
        by_person=True,
        started_by=user,
        started_at=clock.now(),
        stops=[Run.Stop.ASKED],
        push={"asked": len(clients), "clients": clients},
    )
    record(connection, "plan_creation", user, run=run.pk, clients=len(clients))
    enqueue("walk", connection.pk)
    return run


def begun() -> QuerySet[Run]:
    """The plans that were asked for and are still to be made."""
    return Run.objects.filter(state=Run.State.PLANNING).exclude(push={})


def make(lease: Lease, state: SyncState, run: Run) -> None:
    """Judge the clients and store the steps; done again from the start where it was ended."""
    with lease.transaction():
        run.steps.all().delete()
    asked = dict.fromkeys(run.push.get("clients", ()), run.started_at)
    planner = Planner(state.connection, get_adapter(), lease, state.planned_through, asked)
    tally = Tally()
    for steps in chunks(planner.of_clients(), CHUNK):
        with lease.transaction():
            add_steps(run, steps)
        tally.add(steps)
        failpoint("plan.stored")
    has_steps = bool(tally.kinds)
    with lease.transaction(phase=SyncState.Phase.REST, run=None):
        begun().filter(pk=run.pk).update(  # somebody may have dropped it
            state=Run.State.WAITING if has_steps else Run.State.DONE,
            finished_at=None if has_steps else clock.now(),
            counts=tally.counts,
            push={"asked": len(asked)},
        )
    failpoint("plan.finished")
