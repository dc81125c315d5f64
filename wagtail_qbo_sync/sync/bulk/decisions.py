"""One decision about many customers, recorded in slices: bulk actions, and Save all (C8-C12).

What was decided is stored first; then slice after slice is carried out, each in a transaction
that also moves `done`, so that the process may die anywhere and nothing happens twice (rule 4).
Who cannot be decided about any more is left as before and named. What is to be written to
clients is collected in one run, which the worker applies when the last slice is recorded.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from datetime import timedelta
from functools import partial
from typing import Any, Final

from django.db import IntegrityError, transaction
from django.db.models import F
from django.utils.translation import gettext_noop

from wagtail_qbo_sync import clock
from wagtail_qbo_sync.clock import failpoint
from wagtail_qbo_sync.compat import despite_locks, lock
from wagtail_qbo_sync.doorbell import enqueue
from wagtail_qbo_sync.models import BulkDecision, Connection, Customer, Run
from wagtail_qbo_sync.sync.people.conflicts import Take, settle_many
from wagtail_qbo_sync.sync.people.decide import ask_for_sync
from wagtail_qbo_sync.sync.people.reopening import reopen_many
from wagtail_qbo_sync.sync.records import runs
from wagtail_qbo_sync.sync.records.locked import Outcome

from . import taking_back, undo_bulk
from .choices import Choice, Choices, Do

SLICE = 500
"""Customers decided about in one transaction."""
BY_RECORD = 50
"""So many where each is looked at by itself; and so many of those while the person waits."""
SECONDS = 5.0
"""How long one task works before it rings for the next."""
AT_ONCE = 300
"""So many are decided about while the person waits; more are left to a worker."""
SILENT_AFTER = timedelta(minutes=1)
"""Nobody is doing it any more, if it has not moved for so long."""
SINGLE_AFTER = 2
SKIP_AFTER = 4
"""Crash counts: from when on customers are done one by one, and when one is passed over."""
STOPS = gettext_noop("It could not be done: there was an error each time it was tried.")

Act = BulkDecision.Act
UNDO = {
    Act.EXCLUDE: Act.INCLUDE,
    Act.INCLUDE: Act.EXCLUDE_AGAIN,
    Act.EXCLUDE_AGAIN: Act.INCLUDE,
    Act.REMOVE_MATCH: Act.PUT_MATCH_BACK,
    Act.PUT_MATCH_BACK: Act.REMOVE_MATCH,
    Act.MAP: Act.UNDO,
    Act.CREATE: Act.UNDO,
    Act.SAVE: Act.UNDO,
    Act.QBO_WINS: Act.UNSETTLE,
    Act.SITE_WINS: Act.UNSETTLE,
}
"""What takes the whole of it back."""
AT_A_TIME: Final[dict[Act, Callable[[Connection, Sequence[str], Any], Outcome]]] = {
    Act.INCLUDE: taking_back.include,
    Act.EXCLUDE_AGAIN: taking_back.exclude_again,
    Act.REMOVE_MATCH: taking_back.remove_match,
    Act.PUT_MATCH_BACK: taking_back.put_match_back,
    Act.QBO_WINS: partial(settle_many, take=Take.QBO),
    Act.SITE_WINS: partial(settle_many, take=Take.SITE),
    Act.UNSETTLE: reopen_many,
}
MERGED: Final = {Act.PUT_MATCH_BACK, Act.QBO_WINS, Act.SITE_WINS, Act.UNSETTLE}
"""What the next cycle merges, so that it has to be asked for."""
MOVES = ["done", "crashes", "counts", "skipped", "run", "moved_at", "finished_at"]
"""What a slice changes of the decision's row."""


def decide(
    connection: Connection,
    act: str,
    choices: Iterable[Choice],
    user: Any,
    undoes: BulkDecision | None = None,
) -> BulkDecision:
    """Decide about these customers: at once if they are few, else a worker does it.

    The decision is returned as far as it has come.
    """
    return while_one_waits(start(connection, act, choices, user, undoes))


def while_one_waits(bulk: BulkDecision) -> BulkDecision:
    """Carry it out at once if it is about few. The decision, as far as it has come."""
    failpoint("bulk.started")
    if bulk.total <= (BY_RECORD if bulk.act == Act.UNDO else AT_ONCE):
        advance(bulk.pk)
        bulk.refresh_from_db()
    return bulk


@transaction.atomic
def start(
    connection: Connection,
    act: str,
    choices: Iterable[Choice],
    user: Any,
    undoes: BulkDecision | None = None,
    plan: Run | None = None,
) -> BulkDecision:
    """Note what was decided, and ring the worker that carries it out; all or nothing.

    `plan`: what the person was shown of it (`proposal`), which is then the decision's run.
    Raises IntegrityError where `undoes` was taken back already.
    """
    listed = sorted(choices)
    bulk = BulkDecision.objects.create(
        connection=connection,
        act=act,
        by=user,
        choices=listed,
        total=len(listed),
        undoes=undoes,
        run=plan,
        started_at=clock.now(),
        moved_at=clock.now(),
    )
    enqueue("bulk", bulk.pk, 0)
    return bulk


def can_undo(bulk: BulkDecision) -> bool:
    """Whether there is something to take back, and an act that does; each is taken back once."""
    done = bulk.counts.keys() - {Do.LEAVE}
    return (
        bulk.act in UNDO
        and bulk.finished_at is not None
        and bool(done)
        and not BulkDecision.objects.filter(undoes=bulk).exists()
    )


def undo(bulk: BulkDecision, user: Any) -> BulkDecision | None:
    """Take the whole of it back; None where that cannot be, or not yet, or has been done."""
    if not can_undo(bulk):
        return None
    skipped = {qbo_id for qbo_ids in bulk.skipped.values() for qbo_id in qbo_ids}
    act = UNDO[Act(bulk.act)]
    done = [Choice(*each) for each in bulk.choices if each[0] not in skipped]
    if act != Act.UNDO:
        done = [Choice(choice.qbo_id, act) for choice in done]
    try:
        return decide(bulk.connection, act, done, user, undoes=bulk)
    except IntegrityError:  # somebody else pressed the same button
        return None


def skipped_of(bulk: BulkDecision, limit: int) -> dict[str, list[Customer]]:
    """Why, a sentence to be translated -> the first `limit` customers left as before."""
    shown = {why: qbo_ids[:limit] for why, qbo_ids in bulk.skipped.items()}
    wanted = [qbo_id for qbo_ids in shown.values() for qbo_id in qbo_ids]
    rows = Customer.objects.filter(connection=bulk.connection_id, qbo_id__in=wanted)
    found = {customer.qbo_id: customer for customer in rows}
    return {
        why: [found[qbo_id] for qbo_id in qbo_ids if qbo_id in found]
        for why, qbo_ids in shown.items()
    }


# Doing it -------------------------------------------------------------------------------------


def advance(pk: int, done: int = 0, seconds: float = SECONDS) -> None:
    """Go on from `done`, slice by slice, for so many seconds; then ring for the next task.

    A ring that comes twice or too late finds that `done` has moved, and does nothing.
    """
    deadline = time.monotonic() + seconds
    # Read once: they are never changed, and with 100,000 customers take a while.
    chosen = BulkDecision.objects.values_list("choices", flat=True).filter(pk=pk).first() or []
    while True:
        try:
            moved = despite_locks(partial(_slice, pk, done, chosen))
        except IntegrityError:  # somebody mapped one of them this very moment
            enqueue("bulk", pk, done)
            return
        failpoint("bulk.committed")
        if moved is None:
            return
        done = moved
        if time.monotonic() > deadline:
            enqueue("bulk", pk, done)
            return


def heal() -> None:
    """Ring for what nobody is doing."""
    silent = BulkDecision.objects.filter(finished_at=None, moved_at__lt=clock.now() - SILENT_AFTER)
    for pk, done in silent.values_list("pk", "done"):
        enqueue("bulk", pk, done)


def _slice(pk: int, done: int, chosen: list[list[str]]) -> int | None:
    """Decide about the next customers, `done` being behind. Where it has come to by then; None
    when it has ended, or others are doing it."""
    counted = BulkDecision.objects.filter(pk=pk, done=done, finished_at=None)
    if not counted.update(crashes=F("crashes") + 1, moved_at=clock.now()):
        return None
    failpoint("bulk.counted")
    with transaction.atomic():
        bulk = lock(BulkDecision.objects.defer("choices"), "connection", "by", "run").get(pk=pk)
        if bulk.done != done or bulk.finished_at is not None:
            return None
        single = bulk.crashes > SINGLE_AFTER
        size = 1 if single else BY_RECORD if bulk.act == Act.UNDO else SLICE
        choices = [Choice(*each) for each in chosen[done : done + size]]
        if bulk.crashes > SKIP_AFTER:
            _skip(bulk, choices)
        else:
            _note(bulk, _record(bulk, choices))
        failpoint("bulk.recorded")
        bulk.done += len(choices)
        # What went well is not to blame: only the same customer again and again is passed over.
        bulk.crashes = SINGLE_AFTER if single else 0
        bulk.moved_at = clock.now()
        if bulk.done >= bulk.total:
            _finish(bulk)
        bulk.save(update_fields=MOVES)
    return None if bulk.finished_at else bulk.done


def _record(bulk: BulkDecision, choices: Sequence[Choice]) -> Outcome:
    if taking := AT_A_TIME.get(Act(bulk.act)):
        return taking(bulk.connection, [choice.qbo_id for choice in choices], bulk.by)
    if bulk.act == Act.UNDO:
        return undo_bulk.take_back(bulk, choices)
    is_save = bulk.act == Act.SAVE
    plan = bulk.run if is_save else None
    judged = Choices(bulk.connection, choices, lock=True, from_drafts=is_save, plan=plan)
    return judged.record(bulk.by)


def _note(bulk: BulkDecision, outcome: Outcome) -> None:
    """Keep what a slice did."""
    bulk.counts = dict(Counter(bulk.counts) + outcome.counts)
    for why, customers in outcome.skipped.items():
        bulk.skipped.setdefault(why, []).extend(customer.qbo_id for customer in customers)
    if outcome.steps:
        bulk.run = bulk.run or runs.open_run(bulk.connection, bulk.by)
        runs.add_steps(bulk.run, outcome.steps)


def _skip(bulk: BulkDecision, choices: Sequence[Choice]) -> None:
    qbo_ids = [choice.qbo_id for choice in choices]
    bulk.skipped.setdefault(STOPS, []).extend(qbo_ids)
    if bulk.run is not None:
        runs.leave(bulk.run, dict.fromkeys(qbo_ids, STOPS))


def _finish(bulk: BulkDecision) -> None:
    """The last customer is decided about: now the worker writes."""
    bulk.finished_at = clock.now()
    if bulk.run is not None:
        runs.begin(bulk.run)
    if bulk.act in MERGED or (bulk.run is not None and bulk.total > SLICE):
        # And while a run was being collected,
        # a cycle that came by has planned nothing beside it.
        ask_for_sync(bulk.connection, bulk.by)
