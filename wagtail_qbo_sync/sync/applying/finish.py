"""The end of a run: what became of it, in numbers, and whether there is something to send."""

from __future__ import annotations

from typing import Any

from django.db import transaction

from wagtail_qbo_sync import clock, signals
from wagtail_qbo_sync.models import Run, SyncState
from wagtail_qbo_sync.sync.access.lease import Lease
from wagtail_qbo_sync.sync.records import gate, outbox, runs


def finish_run(lease: Lease, state: SyncState, run: Run) -> None:
    """Every step has ended: close the run; then send what waits, or rest."""
    phase = outbox.phase_after(run.connection_id)
    changes: dict[str, Any] = {"phase": phase, "position": 0, "run": None}
    if not run.by_person:
        changes |= gate.synced(state)
    run.state = Run.State.DONE
    run.finished_at = clock.now()
    run.counts = {**run.counts, "outcome": runs.outcome(run)}
    with lease.transaction(**changes):
        run.save(update_fields=["state", "finished_at", "counts"])
        transaction.on_commit(
            lambda: signals.run_finished.send_robust(sender=Run, run=run), robust=True
        )
