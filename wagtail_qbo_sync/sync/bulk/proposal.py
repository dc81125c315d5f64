"""Save all (C8-C12): what it would do, as a plan that a person reads, unticks and saves.

The plan is put together in slices, while the person waits if they are few. It is no plan of a
sync: nothing waits for it, and it changes nothing. What is saved is exactly what was shown
(`choices`); what was unticked stays chosen.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.db.models import Count

from wagtail_qbo_sync import clock
from wagtail_qbo_sync.clock import failpoint
from wagtail_qbo_sync.compat import chunks, delete_while, lock
from wagtail_qbo_sync.contact import fields_of
from wagtail_qbo_sync.doorbell import enqueue
from wagtail_qbo_sync.engine import plan as engine
from wagtail_qbo_sync.models import BulkDecision, Connection, Customer, Run, Step
from wagtail_qbo_sync.sync.people.ticks import refuse_unseen, touched_fields
from wagtail_qbo_sync.sync.records.parties import customer_party
from wagtail_qbo_sync.sync.records.runs import add_steps

from . import decisions, drafts
from .choices import LEFT_UNMAPPED, Choice, Choices, Do

SLICE = 1000
"""Customers that are looked at in one transaction."""
WHILE_ONE_WAITS = 2.0
SECONDS = 10.0
"""How long one task works, once it knows what is left, before it rings for the next; while a
person waits it is less."""
SILENT_AFTER = timedelta(minutes=1)
Kind, State = Step.Kind, Step.State
KINDS = {
    Do.MAP: engine.Kind.LINK,
    Do.CREATE: engine.Kind.CREATE,
    Do.EXCLUDE: engine.Kind.EXCLUDE,
    Do.LEAVE: engine.Kind.WAIT,
}
CHOSEN = {str(kind): do for do, kind in KINDS.items()}


def propose(connection: Connection, user: Any) -> Run | None:
    """What Save all would do now, as far as it is put together; None where nothing is chosen.

    An earlier one of the same person is replaced.
    """
    with transaction.atomic():
        earlier = proposals(connection).filter(started_by=user)
        for pk in earlier.values_list("pk", flat=True):
            delete_while(earlier, pk)
        plan = Run.objects.create(
            connection=connection,
            state=Run.State.PROPOSED,
            by_person=True,
            started_by=user,
            started_at=clock.now(),
        )
        enqueue("propose", plan.pk)
    failpoint("proposal.started")
    advance(plan.pk, WHILE_ONE_WAITS)
    plan.refresh_from_db()
    if plan.counts and not plan.steps.exists():
        plan.delete()
        return None
    return plan


def proposals(connection: Connection) -> Any:
    """What waits to be saved of a company, whoever asked to see it."""
    return Run.objects.filter(connection=connection, state=Run.State.PROPOSED)


def advance(pk: int, seconds: float = SECONDS) -> None:
    """Look at slice after slice for so many seconds; then ring for the next task."""
    plan = Run.objects.select_related("connection", "started_by").filter(pk=pk).first()
    if plan is None or plan.counts:
        return
    left = _left(plan)
    deadline = time.monotonic() + seconds
    for chunk in chunks(left, SLICE):
        if time.monotonic() > deadline:
            enqueue("propose", pk)
            return
        if not _slice(pk, chunk):
            return
        failpoint("proposal.committed")
    _finish(pk)


def heal() -> None:
    """Ring for what nobody is putting together."""
    begun = Run.objects.filter(state=Run.State.PROPOSED, counts={})
    for pk in begun.filter(started_at__lt=clock.now() - SILENT_AFTER).values_list("pk", flat=True):
        enqueue("propose", pk)


def _left(plan: Run) -> list[Choice]:
    """The choices that the plan does not name yet."""
    named = set(plan.steps.values_list("qbo_id", flat=True))
    chosen = drafts.choices(plan.connection, plan.started_by)
    return [choice for choice in chosen if choice.qbo_id not in named]


def _locked(pk: int) -> Run | None:
    rows = Run.objects.filter(pk=pk, state=Run.State.PROPOSED, counts={})
    return lock(rows, "connection").first()


@transaction.atomic
def _slice(pk: int, chosen: Sequence[Choice]) -> bool:
    """Store the steps of these choices. False when others have seen to it."""
    plan = _locked(pk)
    if plan is None or plan.steps.filter(qbo_id=chosen[0].qbo_id).exists():
        return False
    planned = plan.steps.filter(kind=Kind.LINK, state=State.PLANNED)
    given = set(planned.values_list("client_pk", flat=True))
    judged = Choices(plan.connection, chosen, lock=False, from_drafts=True, given=given)
    add_steps(plan, [*judged.outcome.steps, *_telling(judged)])
    add_steps(plan, _skipped(judged), State.LEFT)
    return True


def _telling(judged: Choices) -> Iterator[engine.Step]:
    """What is recorded without being written to a client."""
    fields = fields_of(judged.adapter.paths)
    for customer in judged.excluded:
        party = customer_party(customer, judged.adapter)
        yield engine.by_hand(engine.unmatched(party, fields, engine.Unmatched.EXCLUDE))
    for customer in judged.left:
        party = customer_party(customer, judged.adapter)
        step = engine.unmatched(party, fields, engine.Unmatched.WAIT)
        yield engine.Step(step.kind, step.qbo_id, data={**step.data, "why": LEFT_UNMAPPED})


def _skipped(judged: Choices) -> Iterator[engine.Step]:
    """Choices that cannot stand, each with why."""
    for why, customers in judged.outcome.skipped.items():
        for customer in customers:
            yield _skip(judged, customer, why)


def _skip(judged: Choices, customer: Customer, why: str) -> engine.Step:
    choice = judged.choices[customer.qbo_id]
    client = judged.clients.get(choice.client_pk)
    data = {"customer": customer.path, "client": client.label if client else "", "why": why}
    return engine.Step(KINDS[Do(choice.do)], customer.qbo_id, choice.client_pk, data)


@transaction.atomic
def _finish(pk: int) -> None:
    """The plan is whole: what it comes to, in numbers."""
    plan = _locked(pk)
    if plan is None:
        return
    planned = plan.steps.filter(state=State.PLANNED).order_by()
    touched = touched_fields(plan, State.PLANNED)
    undecided = drafts.to_map(plan.connection).exclude(qbo_id__in=plan.steps.values("qbo_id"))
    plan.counts = {
        **dict(planned.values_list("kind").annotate(count=Count("pk"))),
        "overwritten": touched["over"],
        "sent": touched["qbo"],
        "undecided": undecided.count(),
    }
    plan.save(update_fields=["counts"])


# A person's word on it ------------------------------------------------------------------------


def save(plan: Run, user: Any, seen: int | None = None) -> BulkDecision | None:
    """Carry out what is ticked, by a worker if it is much; of what is `seen` see
    `ticks.refuse_unseen`. None where it does not wait, or nothing is ticked. What cannot stand any
    more is skipped and named, and stays chosen. Raises Refusal."""
    with transaction.atomic():
        waits = Run.objects.filter(pk=plan.pk, state=Run.State.PROPOSED).exclude(counts={})
        locked = lock(waits, "connection").first()
        if locked is None:
            return None
        refuse_unseen(locked, user, seen)
        ticked = locked.steps.filter(state=State.PLANNED).order_by()
        rows = ticked.values_list("qbo_id", "kind", "client_pk")
        chosen = [Choice(qbo_id, CHOSEN[kind], client) for qbo_id, kind, client in rows]
        if not chosen:
            return None
        locked.state, locked.approved_by = Run.State.PLANNING, user
        locked.save(update_fields=["state", "approved_by"])
        _leave(locked)
        decided = decisions.start(
            locked.connection, BulkDecision.Act.SAVE, chosen, user, plan=locked
        )
    return decisions.while_one_waits(decided)


def _leave(plan: Run) -> None:
    """What was unticked is left, in the plan as elsewhere."""
    for steps in chunks(plan.steps.filter(state=State.UNTICKED).iterator(SLICE), SLICE):
        for step in steps:
            step.state, step.data = State.LEFT, engine.left(step.data)
        Step.objects.bulk_update(steps, ["state", "data"], batch_size=500)


def drop(plan: Run) -> bool:
    """Back without saving. Everything stays chosen. False if it does not wait any more."""
    return delete_while(Run.objects.filter(state=Run.State.PROPOSED), plan.pk)
