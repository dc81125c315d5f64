"""Applying the steps of a run, a few at a time; each few in one transaction (rule 14).

What is left to do is asked from the database. A crash leaves the few undone; when crashes
repeat, steps are done one by one and the one that ends the worker is parked (rule 13).
"""

from __future__ import annotations

from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import F
from django.utils.translation import gettext_noop as _

from wagtail_qbo_sync.clock import failpoint
from wagtail_qbo_sync.host.adapter import ClientAdapter, get_adapter
from wagtail_qbo_sync.host.tracking import our_own_writes
from wagtail_qbo_sync.models import Connection, Run, Step, SyncState
from wagtail_qbo_sync.sync.access.lease import Lease

from . import likeness
from .batch import Batch
from .finish import finish_run
from .judge import MAPPED
from .record import ask, record

RECORDS = 50
"""Steps per transaction (rule 14), unless the adapter writes in bulk."""
BULK_RECORDS = 1000
SINGLE_AFTER = 2
PARK_AFTER = 4
"""Crash counts: from when on steps are done one by one, and when one is parked."""
TO_DO = (Step.State.PLANNED, Step.State.UNTICKED)
"""Also a step that is to be left has its end: what differs is then agreed."""
REFUSAL = ("untaken", "refused")
"""What a step told of a value that was refused before; it ends for another reason."""
ENDS_WORKER = _("The worker stopped at this record several times.")


def stride(lease: Lease, state: SyncState) -> None:
    """Apply the next steps of the run; when none is left the run is finished."""
    run = state.run
    if run is None or run.state != Run.State.APPLYING:
        lease.renew(phase=SyncState.Phase.REST, run=None)
        return
    adapter = get_adapter()
    if state.position != likeness.LOOKED:
        likeness.hold_back(lease, run, adapter)
        return
    single = state.crashes >= SINGLE_AFTER
    size = 1 if single else BULK_RECORDS if adapter.bulk else RECORDS
    planned = run.steps.filter(state__in=TO_DO).order_by("pk")
    steps = list(planned.values_list("pk", flat=True)[:size])
    if not steps:
        finish_run(lease, state, run)
        failpoint("apply.finished")
        return
    if state.crashes >= PARK_AFTER:
        _end(lease, steps[0], Step.State.FAILED, ENDS_WORKER, crashes=0)
    else:
        _apply(lease, state.connection, run, adapter, steps)
        if single:  # what went well is not to blame: only the same record twice is parked
            lease.renew(crashes=SINGLE_AFTER)
    failpoint("apply.committed")


def _apply(
    lease: Lease, connection: Connection, run: Run, adapter: ClientAdapter, pks: list[int]
) -> None:
    """Apply these steps. A mapping that a person makes this very moment stops its own only."""
    try:
        with transaction.atomic():
            batch = Batch(connection, adapter, list(run.steps.filter(pk__in=pks).order_by("pk")))
            lease.renew()
            with our_own_writes():
                batch.write()
            record(batch, run)
            failpoint("apply.recorded")
            lease.renew(done=F("done") + len(batch.ended))
    except IntegrityError:
        if len(pks) == 1:
            _end(lease, pks[0], Step.State.HELD, MAPPED)
            return
        half = len(pks) // 2
        for part in (pks[:half], pks[half:]):
            _apply(lease, connection, run, adapter, part)


def _end(lease: Lease, pk: int, state: Step.State, why: str, **changes: Any) -> None:
    """End one step without doing it; a failed one becomes a case."""
    with lease.transaction(done=F("done") + 1, **changes):
        step = Step.objects.select_related("run__connection").get(pk=pk)
        step.state = state
        step.data = {key: value for key, value in step.data.items() if key not in REFUSAL}
        step.data["why"] = why
        step.save(update_fields=["state", "data"])
        ask([step], step.run.connection)
