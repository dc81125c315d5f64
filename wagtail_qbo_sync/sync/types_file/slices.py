"""An import goes in slices, by whoever is rung (K15).

Each slice is one transaction that also moves `slice`, so that the process may die anywhere and
nothing happens twice; what is left to do is asked from the rows (rule 4).
"""

from __future__ import annotations

import time

from django.db import transaction
from django.db.models import F

from wagtail_qbo_sync import clock
from wagtail_qbo_sync.clock import failpoint
from wagtail_qbo_sync.doorbell import enqueue
from wagtail_qbo_sync.models import ImportBatch

from . import applying, preview, undoing

State = ImportBatch.State
UNDER_WAY = (State.READING, State.COMPARING, State.FORECAST, State.APPLYING)
SECONDS = 5.0
"""How long one task works before it rings for the next."""


def advance(pk: int, slice: int, seconds: float = SECONDS) -> None:
    """Go on from this slice for so many seconds; then ring for the next task.

    A ring that comes twice or too late finds that `slice` has moved, and does nothing.
    """
    deadline = time.monotonic() + seconds
    while (moved := _slice(pk, slice)) is not None:
        failpoint("import.committed")
        slice = moved
        if time.monotonic() > deadline:
            enqueue("import_types", pk, slice)
            return


def _slice(pk: int, slice: int) -> int | None:
    """Do one slice. The number of the next; None when it has ended, or others are doing it."""
    mine = ImportBatch.objects.filter(pk=pk, slice=slice, state__in=UNDER_WAY)
    if not mine.update(crashes=F("crashes") + 1, moved_at=clock.now()):
        return None
    failpoint("import.counted")
    with transaction.atomic():
        batch = mine.select_for_update().first()
        if batch is None:
            return None
        _STEPS[State(batch.state)](batch)
        batch.slice += 1
        batch.moved_at = clock.now()
        batch.save()
        failpoint("import.recorded")
    return batch.slice if batch.state in UNDER_WAY else None


def _begin(batch: ImportBatch) -> None:
    """From a file, or from another import, to rows."""
    if batch.undoes_id:
        undoing.turn_around(batch)
    else:
        preview.read(batch)


_STEPS = {
    State.READING: _begin,
    State.COMPARING: preview.compare_rows,
    State.FORECAST: preview.foresee,
    State.APPLYING: applying.apply,
}
