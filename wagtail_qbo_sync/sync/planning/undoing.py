"""Undoing a run, one of its records, or one field of one (U5), as a plan of its own.

What is to be taken back is computed from the run's steps and the journal, in slices; then the
plan waits like any other, and is applied like any other (`putting_back`). So an undo can be
looked at, unticked, found in the journal, and undone. What somebody has edited since is left.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Iterator
from collections.abc import Mapping as MappingType
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from wagtail_qbo_sync import clock
from wagtail_qbo_sync.clock import failpoint
from wagtail_qbo_sync.compat import lock
from wagtail_qbo_sync.contact import Contact, same, value_from_json, values_to_json
from wagtail_qbo_sync.doorbell import enqueue
from wagtail_qbo_sync.engine import plan as engine
from wagtail_qbo_sync.host.adapter import get_adapter
from wagtail_qbo_sync.models import Case, Change, Customer, Outbox, Run, Step, SyncState
from wagtail_qbo_sync.qbo.faults import Action
from wagtail_qbo_sync.sync.people.decide import record
from wagtail_qbo_sync.sync.records import archive, cases
from wagtail_qbo_sync.sync.records.by_hand import create_step
from wagtail_qbo_sync.sync.records.locked import Refusal, refuse_beside_a_plan
from wagtail_qbo_sync.sync.records.retention import is_pruned
from wagtail_qbo_sync.sync.records.runs import ACTIVE, BEING_MADE, ON_SITE, add_steps

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
    Step.Kind.FOLLOW,
    Step.Kind.UNDO,
)
OPPOSITE = {"remove": "restore", "restore": "remove", "go_back": "follow", "follow": "go_back"}
"""What an undo did to a mapping -> what takes that back (`putting_back.ACTS`)."""
NOT_DONE = (Step.State.HELD, Step.State.FAILED)
PARK_AFTER = 4
"""After so many crashes the plan is given up."""
WHOLE = ""
"""Stands for a customer where a whole plan is meant."""
STOPS = gettext_noop(
    "What can be taken back could not be gathered: the worker stopped, or met an error, each "
    "time. Nothing was changed, and the sync goes on. The log of the worker tells more. Single "
    "records and fields can be taken back."
)
UNFINISHED = (Run.State.PLANNING, Run.State.WAITING, Run.State.APPLYING)

Values = dict[str, list[Any]]
"""Field -> [what we wrote, what stood there before]."""


def undoable(run: Run) -> QuerySet[Step]:
    """What can be taken back of a run: the steps that wrote, mapped or created. None while it
    goes on, or when its journal may be gone (U17)."""
    if run.state not in (Run.State.DONE, Run.State.FAILED) or is_pruned(run.started_at):
        return run.steps.none()
    done = Q(kind__in=UNDOABLE) | Q(kind=Step.Kind.SLEEP, data__archived=True)
    in_part = Q(kind=Step.Kind.UNDO, state__in=NOT_DONE, data__has_key=ON_SITE)
    return run.steps.filter(done & Q(state=Step.State.DONE) | in_part).exclude(qbo_id="")


def is_undoable(step: Step) -> bool:
    """The same of one step of such a run."""
    if step.state in NOT_DONE:
        return step.kind == Step.Kind.UNDO and ON_SITE in step.data
    did = step.kind in UNDOABLE or step.data.get(archive.ARCHIVED) is True
    return did and step.state == Step.State.DONE and bool(step.qbo_id)


def start(run: Run, user: Any, *, qbo_id: str = "", field: str = "") -> Run:
    """Plan to take back this run, one of its records, or one field of one. Raises Refusal.

    The plan is returned as far as it has come. Asked for twice, it is one plan.
    """
    return _start(run, user, {"qbo_id": qbo_id, "field": field})


def take_back_edited(case: Case, user: Any) -> Run | None:
    """Plan to put back all the same what an undo has left because somebody had edited it. Raises
    Refusal. None where the case is none of the kind, or settled by now."""
    is_open = Case.objects.filter(pk=case.pk, kind=Case.Kind.UNDO, open_key__isnull=False)
    if not is_open.exclude(qbo_id="").exists():
        return None
    left = Run.objects.select_related("undoes__connection").filter(pk=case.facts["run"]).first()
    if left is None or left.undoes is None:
        raise Refusal(_("What stood there before is not kept any more."))
    plan = _start(left.undoes, user, {"qbo_id": case.qbo_id, "edited": case.facts["left"]})
    if plan.state == Run.State.DONE:  # somebody has put it back by hand
        cases.close_all(case.connection, Case.Kind.UNDO, [case.qbo_id])
    return plan


def _start(run: Run, user: Any, about: dict[str, Any]) -> Run:
    """`about`: the parts of it that are meant, "" and nothing for all."""
    qbo_id = about["qbo_id"]
    with transaction.atomic():
        SyncState.objects.select_for_update().get(pk=run.connection_id)
        for other in Run.objects.filter(undoes=run, state__in=UNFINISHED):
            if _about(other.undo) == _about(about):
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
    silent = clock.now() - SILENT_AFTER
    begun = Run.objects.filter(BEING_MADE, started_at__lt=silent).exclude(undo={})
    for plan in begun:
        if plan.undo.get("tried_at", "") < silent.isoformat():
            enqueue("undo", plan.pk)


def _slice(pk: int) -> bool:
    """Plan for the next steps. False when the plan is whole, or others saw to it."""
    if not _is_tried(pk):
        return False
    failpoint("undo.counted")
    with transaction.atomic():
        plan = _being_made(pk)
        if plan is None:
            return False
        run, after = plan.undoes, plan.undo["after"]
        # Without the run its journal is gone too (U17): then this is all there is.
        rows = _steps(run, plan.undo).filter(pk__gt=after) if run else Step.objects.none()
        steps = list(rows.order_by("pk")[:SLICE])
        if run is None or not steps:
            _finish(plan)
            return False
        is_edited = "edited" in plan.undo
        add_steps(plan, (_over_edits if is_edited else _taking_back)(run, steps, plan.undo))
        failpoint("undo.planned")
        plan.undo |= {"after": steps[-1].pk, "crashes": 0}
        plan.save(update_fields=["undo"])
    return True


@transaction.atomic
def _is_tried(pk: int) -> bool:
    """Count the try before it is made: one that ends the worker leaves no other trace (rule 13).
    False where there is nothing to try, or it was tried too often."""
    plan = _being_made(pk)
    if plan is None:
        return False
    crashes = plan.undo.get("crashes", 0)
    if crashes >= PARK_AFTER:
        _park(plan)
        return False
    plan.undo |= {"crashes": crashes + 1, "tried_at": clock.now().isoformat()}
    plan.save(update_fields=["undo"])
    return True


def _being_made(pk: int) -> Run | None:
    """The plan, its row locked, while it is gathered and nobody has discarded it."""
    rows = Run.objects.filter(pk=pk, state=Run.State.PLANNING).exclude(undo={})
    return lock(rows, "connection", "undoes").first()


def _finish(plan: Run) -> None:
    """The plan waits; or it is over, where there was nothing to take back."""
    if plan.steps.exists():
        plan.state = Run.State.WAITING
    else:
        plan.state, plan.finished_at = Run.State.DONE, clock.now()
    plan.save(update_fields=["state", "finished_at"])
    if not plan.undo.get("qbo_id"):
        _forget_given_up(plan)


def _forget_given_up(plan: Run) -> None:
    """An earlier plan of the same that was given up waits for nobody any more."""
    key = Case.key(Case.Kind.UNDO, plan.connection_id, WHOLE)
    case = Case.objects.filter(open_key=key).first()
    if case and Run.objects.filter(pk=case.facts["run"], undoes=plan.undoes_id).exists():
        cases.close_all(plan.connection, Case.Kind.UNDO, [WHOLE])


def _park(plan: Run) -> None:
    """What ends the worker each time is given up, so that the sync goes on; a person is told.
    Nothing of it has been written."""
    plan.state, plan.finished_at = Run.State.FAILED, clock.now()
    plan.trouble = {"message": STOPS, "action": str(Action.BUG), "code": "crashed"}
    plan.save(update_fields=["state", "finished_at", "trouble"])
    facts = {"run": plan.pk, "message": STOPS}
    cases.open_all(plan.connection, [cases.Opening(Case.Kind.UNDO, WHOLE, facts=facts)])


def _about(about: MappingType[str, Any]) -> tuple[str, str, list[str]]:
    """What of a run is meant: a customer, a field, fields that were edited."""
    return about.get("qbo_id", ""), about.get("field", ""), about.get("edited", [])


def _steps(run: Run, about: MappingType[str, Any]) -> QuerySet[Step]:
    """Those of the run's steps that are meant."""
    steps = undoable(run)
    return steps.filter(qbo_id=about["qbo_id"]) if about.get("qbo_id") else steps


# From what was done to what takes it back -----------------------------------------------------


def _taking_back(
    run: Run, steps: list[Step], about: MappingType[str, Any]
) -> Iterator[engine.Step]:
    """The steps that take these back; as many queries for any number."""
    field = about.get("field", "")
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


def _over_edits(run: Run, steps: list[Step], about: MappingType[str, Any]) -> Iterator[engine.Step]:
    """The steps that put back, of one customer, what somebody has edited since the run."""
    journal = Change.objects.filter(connection=run.connection_id, qbo_id=about["qbo_id"], run=run)
    mine = list(journal.order_by("pk"))
    site, qbo = (_folded(mine, side) for side in (Change.Side.SITE, Change.Side.QBO))
    adapter = get_adapter()
    clients = {one.pk: one.contact for one in adapter.records({step.client_pk for step in steps})}
    customer = Customer.objects.filter(connection=run.connection_id, qbo_id=about["qbo_id"]).first()
    for step in steps:
        pair = (step.qbo_id, step.client_pk)
        values = _over(site.get(pair, {}), clients.get(step.client_pk), about["edited"])
        there = customer.contact if customer else None
        to_qbo = _over(qbo.get(pair, {}), there, about["edited"])
        if values or to_qbo:
            yield engine.take_back(_as_planned(step), values, to_qbo)


def _over(wrote: Values, held: Contact | None, fields: Collection[str]) -> Values:
    """Field -> [what stands there now, what stood there before], where that differs."""
    if held is None:
        return {}
    now = values_to_json(held.values(wrote))
    return {
        name: [now[name], before]
        for name, (_wrote, before) in wrote.items()
        if name in fields and not same(name, getattr(held, name), value_from_json(name, before))
    }


def _match(step: Step, written: dict[str, Any]) -> dict[str, Any]:
    """What becomes of the mapping, and of a client that was made or archived."""
    if step.kind == Step.Kind.SLEEP or step.data.get(archive.ARCHIVED):
        return {"unarchives": True}
    if step.data.get(archive.BROUGHT_BACK):
        return {"archives_again": True}
    if step.kind == Step.Kind.CREATE:
        return {"match": "remove", "made": written}
    if step.kind == Step.Kind.LINK:
        return {"match": "remove"}
    if step.kind == Step.Kind.FOLLOW:
        return {"match": "go_back"}
    was = step.data.get("match") or step.data.get(ON_SITE, {}).get("match")
    # Who goes back to the customer that was merged sleeps with it meanwhile.
    return {"match": OPPOSITE[was], "parted": was == "go_back"} if was else {}


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
