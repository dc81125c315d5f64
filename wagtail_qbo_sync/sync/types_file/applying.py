"""Applying what was confirmed, in slices: only what still is as the preview saw it, and only
clients that whoever confirmed it may see, and as long as they may change them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from django.utils.translation import gettext_noop

from wagtail_qbo_sync import clock
from wagtail_qbo_sync.clock import failpoint
from wagtail_qbo_sync.host.adapter import Refused, get_adapter
from wagtail_qbo_sync.host.tracking import our_own_writes
from wagtail_qbo_sync.models import ImportBatch, ImportRow
from wagtail_qbo_sync.sync.people import decide
from wagtail_qbo_sync.sync.records import touched

from . import undoing
from .compare import Verdict
from .present import NO_RIGHT, Present, may_import, person
from .rows import STOPS, following, gives_up, held, keep, put, went_well
from .vocabulary import joined

State = ImportBatch.State
Rows = ImportRow.State
APPLIED = 50
"""Clients that are written in one transaction (rule 14)."""

REFUSED = gettext_noop("The site refuses it: %(message)s")


def apply(batch: ImportBatch) -> None:
    """Write the next clients, as far as they still are what the preview saw."""
    rows = following(batch, Rows.CHANGE, APPLIED)
    if not rows:
        batch.state, batch.crashes, batch.finished_at = State.DONE, 0, clock.now()
        return
    if gives_up(batch):
        _hold(rows, STOPS)
    elif not may_import(person(batch, batch.confirmed_by)):
        _hold(rows, NO_RIGHT)
    else:
        _write(batch, rows)
    keep(rows)
    failpoint("import.applied")
    batch.done += len(rows)
    went_well(batch)


def _hold(rows: Sequence[ImportRow], why: str) -> None:
    for row in rows:
        put(row, held(row, why))


def _write(batch: ImportBatch, rows: Sequence[ImportRow]) -> None:
    """Change these clients; the changes are a person's, and noted as such (K14).

    They are noted here for all of them at once, whether or not the host's model has signals.
    """
    clients = get_adapter().lock({row.client_pk for row in rows})
    present = Present.of(clients.keys(), person(batch, batch.confirmed_by))
    failpoint("import.locked")
    with our_own_writes():
        for row in rows:
            put(row, present.hinders(row) or _attempt(row, clients[row.client_pk]))
    done = [row for row in rows if row.state == Rows.DONE]
    if not done:
        return
    touched.note([row.client_pk for row in done])
    undoing.note(batch, [row.client_pk for row in done])
    decide.record_of_clients(
        "undo_import" if batch.undoes_id else "import_types",
        batch.confirmed_by,
        [
            (
                clients[row.client_pk],
                {
                    "file": batch.name,
                    "import": batch.pk,
                    "before": joined(row.before, present.labels),
                    "after": joined(row.after, present.labels),
                },
            )
            for row in done
        ],
    )


def _attempt(row: ImportRow, client: Any) -> Verdict:
    adapter = get_adapter()
    result = adapter.attempt(partial(adapter.write_contact_types, client, row.after))
    if isinstance(result, Refused):
        return held(row, REFUSED, message=result.message)
    return Verdict(Rows.DONE, row.before, row.after, row.why, row.about)
