"""An import taken back is another import: of the same clients, from `after` to `before`.

So it has the same preview, confirmation and progress, the same care for what was changed since,
and can itself be taken back (U5). What comes back may send clients to QuickBooks, as any change
of types may (K13, K14): so it is told beforehand (K15).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from django.db.models import QuerySet
from django.utils.translation import gettext_noop

from wagtail_qbo_sync.clock import failpoint
from wagtail_qbo_sync.models import ImportBatch, ImportRow

from .compare import Verdict
from .present import Present, person
from .rows import CREATED, create, gives_up

Rows = ImportRow.State
STOPS = gettext_noop("It could not be taken back: there was an error each time it was tried.")


def left(batch_pk: int, client_pk: str = "") -> QuerySet[ImportRow]:
    """What an import did and nobody has taken back; or what it did to one client."""
    rows = ImportRow.objects.filter(batch=batch_pk, state=Rows.DONE)
    return rows.filter(client_pk=client_pk) if client_pk else rows


def turn_around(batch: ImportBatch) -> None:
    """What is left of an import, the other way round; to be compared with what its clients are
    now."""
    if gives_up(batch):
        batch.state, batch.trouble = ImportBatch.State.REFUSED, {"why": STOPS, "about": {}}
        return
    assert batch.undoes_id is not None
    done = left(batch.undoes_id, batch.only).order_by("number")
    batch.total = create(
        ImportRow(
            batch=batch,
            number=row.number,
            client_pk=row.client_pk,
            said=row.said,
            before=row.after,
            after=row.before,
        )
        for row in done.iterator(CREATED)
    )
    failpoint("import.turned")
    batch.done = batch.crashes = 0
    batch.state = ImportBatch.State.COMPARING


def verdicts(batch: ImportBatch, rows: Sequence[ImportRow]) -> list[Verdict]:
    """What can be put back of it, for the person who asked."""
    present = Present.of({row.client_pk for row in rows}, person(batch, batch.user))
    return [_verdict(row, present) for row in rows]


def _verdict(row: ImportRow, present: Present) -> Verdict:
    hindered = present.hinders(row)
    if hindered is not None and present.has(row.client_pk, row.after):
        return Verdict(Rows.SAME, row.after, row.after)
    return hindered or Verdict(Rows.CHANGE, row.before, row.after)


def note(batch: ImportBatch, client_pks: Collection[str]) -> None:
    """Clients that an undo has just written, or that somebody has put back by hand: what it
    undoes did is taken back of them. If that is an undo too, what it had taken back stands again;
    and so on."""
    if not client_pks:
        return
    was, becomes = Rows.DONE, Rows.BACK
    undone = batch.undoes_id
    while undone is not None:
        rows = ImportRow.objects.filter(batch=undone, client_pk__in=client_pks, state=was)
        rows.update(state=becomes)
        was, becomes = becomes, was
        undone = ImportBatch.objects.values_list("undoes", flat=True).get(pk=undone)
