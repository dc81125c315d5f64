"""An import goes in slices, by whoever is rung (K15).

Each slice is one transaction that also moves `slice`, so that the process may die anywhere and
nothing happens twice; what is left to do is asked from the rows (rule 4).
"""

from __future__ import annotations

import time
from collections.abc import Collection

from django.db import transaction

from wagtail_qbo_sync import clock
from wagtail_qbo_sync.clock import failpoint
from wagtail_qbo_sync.compat import lock
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
    if not _counted(pk, slice):
        return None
    failpoint("import.counted")
    with transaction.atomic():
        batch = locked(pk, slice, UNDER_WAY)
        if batch is None:
            return None
        _STEPS[State(batch.state)](batch)
        batch.slice += 1
        batch.moved_at = clock.now()
        batch.save()
        failpoint("import.recorded")
    return batch.slice if batch.state in UNDER_WAY else None


@transaction.atomic
def _counted(pk: int, slice: int) -> bool:
    """Note that it is tried once more, before it is; False if others have done it."""
    batch = locked(pk, slice, UNDER_WAY)
    if batch is not None:
        batch.crashes, batch.moved_at = batch.crashes + 1, clock.now()
        batch.save(update_fields=["crashes", "moved_at"])
    return batch is not None


def locked(pk: int, slice: int, states: Collection[str]) -> ImportBatch | None:
    """An import, locked, if it stands like that; what its file says is read only where asked for.

    Locked by its key alone, and looked at then. Where the database finds it by its state, as
    MariaDB does for an UPDATE, it locks the index before the row: the other way round than whoever
    deletes or moves it, and one of the two is ended.
    """
    batch = lock(ImportBatch.objects.filter(pk=pk).defer("file")).first()
    stands = batch is not None and batch.slice == slice and batch.state in states
    return batch if stands else None


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
