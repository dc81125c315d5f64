"""What must never happen to plans and undos (S10, S11). See `invariants`."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from wagtail_qbo_sync.models import Outbox, Run, Step

from .company import Company
from .fields import FIELDS, blank
from .ledger import SITE, Record
from .story import Writing, as_value
from .watch import Overwriting, Shown
from .world import World

BEGUN = (Run.State.APPLYING, Run.State.DONE, Run.State.FAILED)
OVER = (Run.State.DONE, Run.State.FAILED, Run.State.DISCARDED)


def s10_what_is_written_was_planned(world: World) -> None:
    """Whatever a sync writes over something, a step of an approved run said so, or of one that
    need not wait."""
    for one in world.watch.look.overwritten:
        for writing in one.writings:
            assert _was_planned(one, writing), f"No step wrote {one}"


def s10_what_was_shown_is_done(world: World) -> None:
    """Of a plan that waited exactly the steps that it showed, ticked, are done, or are held back
    with the reason; of one that waits still, or was discarded, none."""
    for pk, shown in list(world.watch.plans.items()):
        run = Run.objects.get(pk=pk)
        for step in run.steps.all():
            if step.state == Step.State.DONE:
                assert run.approved_at is not None, f"{step} of run {pk} was done unasked"
                _as_shown(step, shown.get(step.pk))
            elif step.state in (Step.State.HELD, Step.State.FAILED):
                assert step.data.get("why"), f"{step} of run {pk} was held back without a reason"
            elif run.state in OVER:
                left = run.state == Run.State.DISCARDED or step.state == Step.State.LEFT
                assert left, f"{step} of run {pk} was forgotten: {step.state}"
        if run.state in OVER:
            del world.watch.plans[pk]


def s11_an_undo_gives_back(world: World) -> None:
    """What an undo replaces, the sync had written; what it puts back, stood there before that."""
    for one in world.watch.look.overwritten:
        if one.why == "undo":
            before = world.watch.written[one.record, one.field][: -len(one.writings)]
            run = one.writings[-1].run
            if run is not None and run.undoes_id:
                before = [each for each in before if each.run and each.run.pk == run.undoes_id]
            assert before, f"Nothing was to be undone: {one}"
            assert one.before in {each.after for each in before}, f"An undo has trampled: {one}"
            assert one.after in {each.before for each in before}, f"Never stood there: {one}"


def s11_an_undo_is_whole(world: World) -> None:
    """Once an undo of a run is over, nothing stands as that run wrote it, but what somebody
    unticked, and what was held back; of what was left as edited it is true that it was."""
    for run in _undone_lately(world):
        realm = _realm_of(world, run)
        named = {
            Record(*about)
            for step in run.steps.exclude(state=Step.State.DONE)
            if "left" not in step.data
            for about in ((SITE, step.client_pk), (realm, step.qbo_id))
        }
        for (record, name), writings in world.watch.written.items():
            mine = [one for one in writings if one.run and one.run.pk == run.undoes_id]
            if not mine or record in named:
                continue
            stands = world.ledger.stands[record][name].value
            assert stands != mine[-1].after or stands == mine[0].before, (
                f"Run {run.pk} has left {name} of {record} as it was: {stands!r}"
            )
        _what_was_made_goes(world, run)


def s11_what_is_undone_stays_so(world: World) -> None:
    """No machine writes again what an undo took away, nor carries on what it put back, unless
    somebody has written it since."""
    for one in world.watch.look.overwritten:
        assert not one.again or one.why == "first link", f"Undone, and done again: {one}"


def s11_nobodys_own_goes(world: World) -> None:
    """A client is deleted, and a customer made inactive, only if it says nothing that the sync
    has not written."""
    look = world.watch.look
    ended = [
        record
        for record, before, now in look.frames
        if record.place != SITE and before["Active"] and not now["Active"]
    ]
    for record in [*look.removed, *ended]:
        for name in FIELDS:
            stands = world.ledger.stands[record][name].value
            ours = world.watch.wrote.get((record, name), blank(name))
            assert stands in (ours, blank(name)), f"{name} of {record} was somebody's: {stands!r}"


AFTER_EACH_ACT: tuple[Callable[[World], None], ...] = (
    s10_what_is_written_was_planned,
    s10_what_was_shown_is_done,
    s11_an_undo_gives_back,
    s11_an_undo_is_whole,
    s11_what_is_undone_stays_so,
    s11_nobodys_own_goes,
)


# What they look at --------------------------------------------------------------------------------


def _what_was_made_goes(world: World, run: Run) -> None:
    """Once an undo is over, a client that its run had made is gone, and a customer inactive, but
    where a step says why not."""
    realm = _realm_of(world, run)
    for step in run.steps.filter(state=Step.State.DONE).exclude(data__has_any_keys=["why", "left"]):
        client, customer = Record(SITE, step.client_pk), Record(realm, step.qbo_id)
        if "made" in step.data:
            assert not world.watch.is_there(client), f"Run {run.pk} has left {client}"
        if step.data.get("active") is False:
            assert customer in world.watch.put_aside, f"Run {run.pk} has left {customer}"


def company_of(world: World, writing: Writing) -> Company:
    assert writing.run is not None, f"Nobody knows who wrote {writing}"
    by_pk = {company.connection.pk: company for company in world.companies}
    return by_pk[writing.run.connection_id]


def _realm_of(world: World, run: Run) -> str:
    return company_of(world, Writing(run, "", "")).realm


def _was_planned(one: Overwriting, writing: Writing) -> bool:
    run = writing.run
    if run is None or run.state not in BEGUN or (run.stops and run.approved_at is None):
        return False
    about = (
        {"client_pk": one.record.key} if one.record.place == SITE else {"qbo_id": one.record.key}
    )
    key = "values" if one.record.place == SITE else "to_qbo"
    steps = run.steps.filter(state=Step.State.DONE, **about)
    told = [step.data[key][one.field][1] for step in steps if one.field in step.data.get(key, ())]
    return writing.after in [as_value(one.field, each) for each in told]


def _as_shown(step: Step, shown: Shown | None) -> None:
    """That it was in the plan, ticked, and did no more than that said."""
    assert shown is not None and shown.ticked, f"{step} was not to be done"
    for key, told in (("values", shown.values), ("to_qbo", shown.to_qbo)):
        done = step.data.get(key, {})
        assert done.keys() <= told.keys() and all(told[name] == done[name] for name in done), (
            f"{step} did something else than it showed: {done}, {told}"
        )


def _undone_lately(world: World) -> Iterator[Run]:
    """Whole runs that were taken back since the last look, with nothing of it on its way."""
    for run in Run.objects.filter(undoes__isnull=False, state__in=OVER):
        whole = not run.undo.get("qbo_id") and not run.undo.get("field")
        on_its_way = Outbox.objects.filter(run=run, open_key__isnull=False).exists()
        if run.pk not in world.taken_back and not on_its_way:
            world.taken_back.add(run.pk)
            if whole and run.state != Run.State.DISCARDED:
                yield run
