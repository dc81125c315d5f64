"""Runs and their steps: what is to be written, stored before anything is (rule 4)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from functools import reduce
from operator import or_
from typing import Any

from django.db.models import Count, Q

from wagtail_qbo_sync import clock
from wagtail_qbo_sync.compat import wide_statements
from wagtail_qbo_sync.doorbell import enqueue
from wagtail_qbo_sync.engine import plan as engine
from wagtail_qbo_sync.models import Connection, Run, Step

ACTIVE = "active"
"""Where steps, changes and rows of the outbox hold that a customer is active, beside the fields of
a contact."""
ON_SITE = "on_site"
"""Where a step that takes something back keeps what it has done on the site, while QuickBooks did
not take the rest."""

BEING_MADE = Q(state=Run.State.PLANNING) & (~Q(undo={}) | ~Q(push={}))
"""Plans that a person asked for and that are not whole yet: of an undo (U5), of clients to be sent
(U11)."""


def start_run(connection: Connection, steps: Iterable[engine.Step], user: Any) -> Run:
    """A run of what a person decided: it needs no approval, and the worker applies it."""
    run = open_run(connection, user)
    add_steps(run, steps)
    begin(run)
    return run


def open_run(connection: Connection, user: Any) -> Run:
    """A run of what a person decides; nothing of it is applied before `begin`."""
    return Run.objects.create(
        connection=connection,
        state=Run.State.PLANNING,
        by_person=True,
        started_by=user,
        approved_by=user,
        started_at=clock.now(),
    )


def add_steps(
    run: Run, steps: Iterable[engine.Step], state: Step.State = Step.State.PLANNED
) -> None:
    """Store what is to be written."""
    with wide_statements(Step.objects.db):
        Step.objects.bulk_create(
            Step(
                run=run,
                kind=step.kind,
                state=state,
                qbo_id=step.qbo_id,
                client_pk=step.client_pk,
                data=step.data,
                touches=touches(step.data),
            )
            for step in steps
        )


class Tally:
    """What the steps of a plan add up to, as `Run.counts` says it."""

    def __init__(self) -> None:
        self.kinds: Counter[str] = Counter()
        self.overwritten: Counter[str] = Counter()
        self.sent: Counter[str] = Counter()

    def add(self, steps: Iterable[engine.Step]) -> None:
        """Some more steps."""
        for step in steps:
            self.kinds[step.kind] += 1
            values = step.data.get("values", {})
            self.overwritten.update(name for name, (before, _) in values.items() if before)
            self.sent.update(step.data.get("to_qbo", {}).keys())

    @property
    def counts(self) -> dict[str, Any]:
        """Kind -> steps; and by field what is `overwritten` on the site, and what is `sent`."""
        return {**self.kinds, "overwritten": dict(self.overwritten), "sent": dict(self.sent)}


def leave(run: Run, whys: Mapping[str, str]) -> None:
    """What was proposed for these customers is not done. `whys`: qbo_id -> why."""
    steps = list(run.steps.filter(qbo_id__in=list(whys)))
    for step in steps:
        step.state, step.data = Step.State.LEFT, {**step.data, "why": whys[step.qbo_id]}
    Step.objects.bulk_update(steps, ["state", "data"], batch_size=500)


def touches(data: Mapping[str, Any]) -> str:
    """The fields that a step writes, each as a word: `site:email` is written to the client,
    `over:email` replaces what it held, `qbo:email` is sent, `qbo:active` makes a
    customer inactive or active again, `archive` archives the client. For `touching`."""
    words = [f"site:{name}" for name in data.get("values", ())]
    words += [f"over:{name}" for name, (before, _new) in data.get("values", {}).items() if before]
    words += [f"qbo:{name}" for name in data.get("to_qbo", ())]
    words += [f"qbo:{ACTIVE}"] if ACTIVE in data else []
    words += ["archive"] if data.get("archives") or data.get("archives_again") else []
    return f" {' '.join(words)} " if words else ""


def touching(*words: str) -> Q:
    """Steps that do one of these, such as `over:phone`."""
    return reduce(or_, (Q(touches__contains=f" {word} ") for word in words), Q())


def begin(run: Run) -> None:
    """All steps are there: the worker applies them. Where there is nothing to write it is over."""
    run.state = Run.State.APPLYING
    run.approved_at = clock.now()
    if not run.steps.filter(state=Step.State.PLANNED).exists():
        run.state, run.finished_at = Run.State.DONE, clock.now()
        run.counts = {**run.counts, "outcome": outcome(run)}
    run.save(update_fields=["state", "approved_at", "finished_at", "counts"])
    if run.finished_at is None:
        enqueue("walk", run.connection_id)


def outcome(run: Run) -> dict[str, int]:
    """ "kind.state" -> how many steps."""
    rows = run.steps.order_by().values_list("kind", "state").annotate(count=Count("pk"))
    return {f"{kind}.{state}": count for kind, state, count in rows}
