"""Undoing a run, one of its records, or one field of one (U5), as a plan of its own.

What is to be taken back is computed from the run's steps and the journal, in slices; then the
plan waits like any other, and is applied like any other (`putting_back`). So an undo can be
looked at, unticked, found in the journal, and undone. What somebody has edited since is left.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from collections.abc import Mapping as MappingType
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from wagtail_qbo_sync import clock
from wagtail_qbo_sync.clock import failpoint
from wagtail_qbo_sync.compat import lock
from wagtail_qbo_sync.doorbell import enqueue
from wagtail_qbo_sync.engine import plan as engine
from wagtail_qbo_sync.host.adapter import get_adapter
from wagtail_qbo_sync.models import Change, Customer, Outbox, Run, Step, SyncState

from .activity import ACTIVE
from .by_hand import create_step
from .decide import record
from .locked import Refusal, refuse_beside_a_plan
from .retention import is_pruned
from .runs import add_steps

SLICE = 500
"""Steps that are looked at in one transaction."""
SECONDS = 5.0
"""How long one task works before it rings for the next."""
AT_ONCE = 300
"""So many are looked at while the person waits; more are left to a worker."""
SILENT_AFTER = timedelta(minutes=1)
UNDOABLE = (
    Step.Kind.LINK,
    Step.Kind.CREATE,
    Step.Kind.UPDATE,
    Step.Kind.PUSH,
    Step.Kind.ADD,
    Step.Kind.WAKE,
    Step.Kind.UNDO,
)
UNFINISHED = (Run.State.PLANNING, Run.State.WAITING, Run.State.APPLYING)

Values = dict[str, list[Any]]
"""Field -> [what we wrote, what stood there before]."""


def undoable(run: Run) -> QuerySet[Step]:
    """What can be taken back of a run: the steps that wrote, mapped or created. None while it
    goes on, or when its journal may be gone (U17)."""
    if run.state not in (Run.State.DONE, Run.State.FAILED) or is_pruned(run.started_at):
        return run.steps.none()
    archived = Q(kind=Step.Kind.SLEEP, data__archived=True)
    steps = run.steps.filter(Q(kind__in=UNDOABLE) | archived, state=Step.State.DONE)
    return steps.exclude(qbo_id="")


def start(run: Run, user: Any, *, qbo_id: str = "", field: str = "") -> Run:
    """Plan to take back this run, one of its records, or one field of one. Raises Refusal.

    The plan is returned as far as it has come. Asked for twice, it is one plan.
    """
    about = {"qbo_id": qbo_id, "field": field}
    with transaction.atomic():
        SyncState.objects.select_for_update().get(pk=run.connection_id)
        for other in Run.objects.filter(undoes=run, state__in=UNFINISHED):
            if {name: other.undo.get(name, "") for name in about} == about:
                return other
        refuse_beside_a_plan(run.connection)
        steps = _steps(run, about)
        if _still_sends(run, qbo_id):
            raise Refusal(
                _(
                    "What it sends to QuickBooks is still on its way there. Take it back when "
                    "that has arrived."
                )
            )
        if not steps.exists():
            raise Refusal(_("There is nothing in it to take back."))
        plan = Run.objects.create(
            connection=run.connection,
            state=Run.State.PLANNING,
            by_person=True,
            started_by=user,
            started_at=clock.now(),
            undoes=run,
            undo={**about, "after": 0},
        )
        record(run.connection, "undo_run", user, run=run.pk, plan=plan.pk, **about)
        enqueue("undo", plan.pk)
    failpoint("undo.started")
    if steps.count() <= AT_ONCE:
        advance(plan.pk)
        plan.refresh_from_db()
    return plan


def _still_sends(run: Run, qbo_id: str) -> bool:
    """Whether nobody knows yet what became of all that it sends, or of what it sends of one
    customer. A client's creation has no customer yet: it is a whole run's."""
    rows = Outbox.objects.filter(run=run, open_key__isnull=False)
    return rows.filter(qbo_id=qbo_id).exists() if qbo_id else rows.exists()


def advance(pk: int, seconds: float = SECONDS) -> None:
    """Look at slice after slice for so many seconds; then ring for the next task."""
    deadline = time.monotonic() + seconds
    while _slice(pk):
        failpoint("undo.committed")
        if time.monotonic() > deadline:
            enqueue("undo", pk)
            return


def heal() -> None:
    """Ring for what nobody is looking at."""
    begun = Run.objects.filter(state=Run.State.PLANNING, undoes__isnull=False)
    for pk in begun.filter(started_at__lt=clock.now() - SILENT_AFTER).values_list("pk", flat=True):
        enqueue("undo", pk)


@transaction.atomic
def _slice(pk: int) -> bool:
    """Plan for the next steps. False when the plan is whole, or others saw to it."""
    rows = Run.objects.filter(pk=pk, state=Run.State.PLANNING, undoes__isnull=False)
    plan = lock(rows, "connection", "undoes").first()
    if plan is None or plan.undoes is None:
        return False
    after = _steps(plan.undoes, plan.undo).filter(pk__gt=plan.undo["after"])
    steps = list(after.order_by("pk")[:SLICE])
    if not steps:
        _finish(plan)
        return False
    add_steps(plan, _taking_back(plan.undoes, steps, plan.undo.get("field", "")))
    failpoint("undo.planned")
    plan.undo["after"] = steps[-1].pk
    plan.save(update_fields=["undo"])
    return True


def _finish(plan: Run) -> None:
    """The plan waits; or it is over, where there was nothing to take back."""
    if plan.steps.exists():
        plan.state = Run.State.WAITING
    else:
        plan.state, plan.finished_at = Run.State.DONE, clock.now()
    plan.save(update_fields=["state", "finished_at"])


def _steps(run: Run, about: MappingType[str, Any]) -> QuerySet[Step]:
    steps = undoable(run)
    return steps.filter(qbo_id=about["qbo_id"]) if about.get("qbo_id") else steps


# From what was done to what takes it back -----------------------------------------------------


def _taking_back(run: Run, steps: list[Step], field: str) -> Iterator[engine.Step]:
    """The steps that take these back; as many queries for any number."""
    pairs = {(step.qbo_id, step.client_pk) for step in steps}
    journal = Change.objects.filter(
        connection=run.connection_id, qbo_id__in={qbo_id for qbo_id, _pk in pairs}
    )
    mine = list(journal.filter(run=run).order_by("pk"))
    site, qbo = (_folded(mine, side) for side in (Change.Side.SITE, Change.Side.QBO))
    since = Q(side=Change.Side.SITE, run__gte=run.pk)
    written = _last(journal.filter(since).order_by("pk")) if _makes(steps) else {}
    sent = Q(side=Change.Side.QBO, run__gte=run.pk)
    wrote = _last(journal.filter(sent).order_by("pk")) if _activates(steps) else {}
    again = _customers(run, steps)
    for step in steps:
        pair = (step.qbo_id, step.client_pk)
        if step.qbo_id in again and step.data.get("removed"):
            yield _create_again(again[step.qbo_id])
            continue
        values, to_qbo = site.get(pair, {}), qbo.get(pair, {})
        if field:
            values = {name: value for name, value in values.items() if name == field}
            to_qbo = {name: value for name, value in to_qbo.items() if name == field}
            more = _activity(step, wrote.get(pair, {})) if field == ACTIVE else {}
        else:
            more = _match(step, written.get(pair, {})) | _activity(step, wrote.get(pair, {}))
        if "made" in more:
            values = {}
        if values or to_qbo or more:
            yield engine.take_back(_as_planned(step), values, to_qbo, **more)


def _match(step: Step, written: dict[str, Any]) -> dict[str, Any]:
    """What becomes of the mapping, and of a client that was made or archived."""
    if step.kind == Step.Kind.SLEEP:
        return {"unarchives": True}
    if step.kind == Step.Kind.CREATE:
        return {"match": "remove", "made": written}
    if step.kind == Step.Kind.LINK:
        return {"match": "remove"}
    return (
        {"match": {"remove": "restore", "restore": "remove"}[was]}
        if (was := step.data.get("match"))
        else {}
    )


def _activity(step: Step, wrote: dict[str, Any]) -> dict[str, Any]:
    """A customer that was created is made inactive, unless it says more than we `wrote`; one that
    was made inactive is made active again."""
    if step.kind == Step.Kind.ADD:
        return {ACTIVE: False, "wrote": wrote}
    if ACTIVE in step.data:
        return {ACTIVE: not step.data[ACTIVE], "wrote": step.data["wrote"] | wrote}
    return {}


def _activates(steps: Iterable[Step]) -> bool:
    return any(step.kind == Step.Kind.ADD or ACTIVE in step.data for step in steps)


def _makes(steps: Iterable[Step]) -> bool:
    return any(step.kind == Step.Kind.CREATE for step in steps)


def _customers(run: Run, steps: Iterable[Step]) -> dict[str, Customer]:
    """The customers whose clients are to be made again."""
    ids = [step.qbo_id for step in steps if step.data.get("removed")]
    rows = Customer.objects.filter(connection=run.connection_id, qbo_id__in=ids) if ids else ()
    return {row.qbo_id: row for row in rows}


def _create_again(customer: Customer) -> engine.Step:
    made = create_step(customer, get_adapter())
    return engine.Step(made.kind, made.qbo_id, "", {**made.data, "again": True})


def _folded(changes: Iterable[Change], side: str) -> dict[tuple[str, str], Values]:
    """(customer, client) -> field -> [what we wrote last, what stood there at first]. What was
    made has no before."""
    found: dict[tuple[str, str], Values] = {}
    for change in changes:
        if change.side != side:
            continue
        values = found.setdefault((change.qbo_id, change.client_pk), {})
        for name, (before, after) in change.values.items():
            if before is not None and name != ACTIVE:
                values[name] = [after, values.get(name, [after, before])[1]]
    return found


def _last(changes: Iterable[Change]) -> dict[tuple[str, str], dict[str, Any]]:
    """(customer, client) -> field -> what we wrote there last."""
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for change in changes:
        values = found.setdefault((change.qbo_id, change.client_pk), {})
        now = {name: after for name, (_before, after) in change.values.items()}
        values |= {name: after for name, after in now.items() if name != ACTIVE}
    return found


def _as_planned(step: Step) -> engine.Step:
    return engine.Step(engine.Kind(step.kind), step.qbo_id, step.client_pk, step.data)
