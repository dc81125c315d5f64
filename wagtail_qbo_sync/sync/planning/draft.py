"""A plan in the making: its steps are stored as they come, under a run that nobody sees yet."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db.models import Case, F, PositiveBigIntegerField, Value, When

from wagtail_qbo_sync import clock
from wagtail_qbo_sync.clock import failpoint
from wagtail_qbo_sync.engine import plan as engine
from wagtail_qbo_sync.engine.gate import Volume
from wagtail_qbo_sync.models import Run, SyncState
from wagtail_qbo_sync.sync.access.lease import Lease
from wagtail_qbo_sync.sync.records import gate, outbox
from wagtail_qbo_sync.sync.records.locked import a_plan_stands
from wagtail_qbo_sync.sync.records.runs import Tally, add_steps

STILL_SHOWS = Case(
    When(shows__gt=F("served"), then=F("shows")),
    default=Value(0),
    output_field=PositiveBigIntegerField(),
)
"""The plan that a person wanted to see is made; one that was asked for since is not."""


def left_to_another() -> dict[str, Any]:
    """The columns of a SyncState whose sync plans nothing, as another plan waits (U3)."""
    return {"phase": SyncState.Phase.REST, "synced_at": clock.now(), "shows": STILL_SHOWS}


class Draft:
    """The run that a plan becomes; made when the first step is stored."""

    def __init__(self, lease: Lease, state: SyncState) -> None:
        self.lease = lease
        self.state = state
        self.first = state.first_synced_at is None
        self.run: Run | None = None
        self.tally = Tally()
        self.writes = 0
        self.pushes = 0
        self.touched: set[gate.Record] = set()
        self.approved = gate.approved_clients(state.connection)
        self.terms = gate.terms(state.connection)

    def store(self, steps: list[engine.Step]) -> None:
        """Store some more steps."""
        with self.lease.transaction():
            self.run = self.run or self._new_run()
            add_steps(self.run, steps)
        self.tally.add(steps)
        for step in steps:
            self._weigh(step)
        failpoint("plan.stored")

    def finish(self, planned_through: int, records: int, idle_hints: dict[str, datetime]) -> None:
        """Close the plan: nothing to do, something to apply, or something to approve."""
        if idle_hints:
            with self.lease.transaction():
                outbox.drop(self.state.connection, idle_hints)
        changes: dict[str, Any] = {
            "planned_through": planned_through,
            "shows": STILL_SHOWS,
            "position": 0,
            "crashes": 0,
        }
        if self.run is None:
            phase = outbox.phase_after(self.state.pk)
            changes |= {"phase": phase, "run": None, **gate.synced(self.state)}
            self.lease.renew(**changes, **gate.passed(self.terms))
        else:
            self._finish(self.run, changes, records)
        failpoint("plan.finished")

    def _finish(self, run: Run, changes: dict[str, Any], records: int) -> None:
        run.stops = gate.stops(self.state, self._volume(records), self.terms)
        run.terms = self.terms
        run.state = Run.State.WAITING if run.stops else Run.State.APPLYING
        run.counts = self.tally.counts
        changes |= {"run": run, "done": 0, "total": self.tally.kinds.total()}
        if run.stops:
            changes |= {"phase": SyncState.Phase.REST, "synced_at": clock.now()}
            changes |= gate.waits(self.state)
        else:
            changes |= {"phase": SyncState.Phase.APPLY, **gate.passed(self.terms)}
        with self.lease.transaction():
            if a_plan_stands(run.connection):  # somebody asked for it while this one was made
                run.delete()
                changes = left_to_another()
            else:
                run.save(update_fields=["state", "counts", "stops", "terms"])
            self.lease.renew(**changes)
            failpoint("plan.closed")

    def _volume(self, records: int) -> Volume:
        recent = gate.recent(self.state.connection) if self.writes else set()
        return Volume(self.writes, self.pushes, records, len(self.touched | recent))

    def _new_run(self) -> Run:
        return Run.objects.create(
            connection=self.state.connection,
            state=Run.State.PLANNING,
            first=self.first,
            started_by=self.state.wanted_by,
            started_at=self.state.started_at or clock.now(),
        )

    def _weigh(self, step: engine.Step) -> None:
        """What the brake counts."""
        if engine.writes(step.data):
            self.writes += 1
            self.pushes += engine.pushes(step.data)
            if step.qbo_id or step.client_pk not in self.approved:
                self.touched.add(gate.record(step.qbo_id, step.client_pk))
