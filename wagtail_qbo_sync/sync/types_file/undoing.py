"""An import taken back is another import: of the same clients, from `after` to `before`.

So it has the same preview, confirmation and progress, the same care for what was changed since,
and can itself be taken back (U5). What comes back may send clients to QuickBooks, as any change
of types may (K13, K14): so it is told beforehand (K15).
"""

from __future__ import annotations

from collections.abc import Sequence

from wagtail_qbo_sync.compat import wide_statements
from wagtail_qbo_sync.models import ImportBatch, ImportRow

from .compare import Verdict
from .present import Present, person

Rows = ImportRow.State


def turn_around(batch: ImportBatch) -> None:
    """What an import did, the other way round; to be compared with what its clients are now."""
    done = ImportRow.objects.filter(batch=batch.undoes_id, state=Rows.DONE).order_by("number")
    rows = [
        ImportRow(
            batch=batch,
            number=row.number,
            client_pk=row.client_pk,
            said=row.said,
            before=row.after,
            after=row.before,
        )
        for row in done.iterator()
    ]
    with wide_statements(ImportRow.objects.db):
        ImportRow.objects.bulk_create(rows)
    batch.total, batch.done, batch.crashes = len(rows), 0, 0
    batch.state = ImportBatch.State.COMPARING


def verdicts(batch: ImportBatch, rows: Sequence[ImportRow]) -> list[Verdict]:
    """What can be put back of it, for the person who asked."""
    present = Present.of({row.client_pk for row in rows}, person(batch, batch.user))
    return [present.hinders(row) or Verdict(Rows.CHANGE, row.before, row.after) for row in rows]
