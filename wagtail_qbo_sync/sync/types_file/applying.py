"""Applying what was confirmed, in slices: only what still is as the preview saw it.

Taking an import back is another import, of the same clients from `after` to `before`: so it has
the same progress, the same care for what was changed since, and can itself be taken back (U5).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from django.utils.translation import gettext_noop

from wagtail_qbo_sync import clock
from wagtail_qbo_sync.clock import failpoint
from wagtail_qbo_sync.compat import wide_statements
from wagtail_qbo_sync.host.adapter import ClientAdapter, ClientRecord, Refused, get_adapter
from wagtail_qbo_sync.host.tracking import our_own_writes
from wagtail_qbo_sync.models import ImportBatch, ImportRow

from .. import decide, touched
from .columns import joined
from .compare import Verdict
from .rows import PUT, STOPS, following, gives_up, put, went_well

State = ImportBatch.State
Rows = ImportRow.State
APPLIED = 50
"""Clients that are written in one transaction (rule 14)."""

CHANGED_SINCE = gettext_noop("Somebody has changed its Contact Type meanwhile, to “%(types)s”.")
NO_TYPE_SINCE = gettext_noop("Somebody has taken away its Contact Type meanwhile.")
GONE = gettext_noop("The client is no longer there.")
REFUSED = gettext_noop("The site refuses it: %(message)s")


def turn_around(batch: ImportBatch) -> None:
    """What an import did, the other way round."""
    done = ImportRow.objects.filter(batch=batch.undoes_id, state=Rows.DONE).order_by("number")
    rows = [
        ImportRow(
            batch=batch,
            number=row.number,
            state=Rows.CHANGE,
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
    batch.state = State.APPLYING


def apply(batch: ImportBatch) -> None:
    """Write the next clients, as far as they still are what the preview saw."""
    rows = following(batch, Rows.CHANGE, APPLIED)
    if not rows:
        batch.state, batch.crashes, batch.finished_at = State.DONE, 0, clock.now()
        return
    if gives_up(batch):
        for row in rows:
            put(row, _held(row, STOPS))
    else:
        _write(batch, rows)
    ImportRow.objects.bulk_update(rows, PUT)
    failpoint("import.applied")
    batch.done += len(rows)
    went_well(batch)


def _write(batch: ImportBatch, rows: Sequence[ImportRow]) -> None:
    """Change these clients; the changes are a person's, and noted as such (K14).

    They are noted here for all of them at once, whether or not the host's model has signals.
    """
    adapter = get_adapter()
    clients = adapter.lock({row.client_pk for row in rows})
    records = {record.pk: record for record in adapter.records(clients)}
    failpoint("import.locked")
    labels = dict(adapter.contact_type_choices())
    with our_own_writes():
        for row in rows:
            put(row, _attempt(row, clients, records, adapter, labels))
    done = [row for row in rows if row.state == Rows.DONE]
    if not done:
        return
    touched.note([row.client_pk for row in done])
    decide.record_of_clients(
        "undo_import" if batch.undoes_id else "import_types",
        batch.user,
        [
            (
                clients[row.client_pk],
                {
                    "file": batch.name,
                    "import": batch.pk,
                    "before": joined(row.before, labels),
                    "after": joined(row.after, labels),
                },
            )
            for row in done
        ],
    )


def _attempt(
    row: ImportRow,
    clients: dict[str, Any],
    records: dict[str, ClientRecord],
    adapter: ClientAdapter,
    labels: dict[str, str],
) -> Verdict:
    client = clients.get(row.client_pk)
    if client is None:
        return _held(row, GONE)
    now = sorted(records[row.client_pk].contact_types)
    if now != row.before:
        if not now:
            return _held(row, NO_TYPE_SINCE)
        return _held(row, CHANGED_SINCE, types=joined(now, labels))
    result = adapter.attempt(partial(adapter.write_contact_types, client, row.after))
    if isinstance(result, Refused):
        return _held(row, REFUSED, message=result.message)
    return Verdict(Rows.DONE, row.before, row.after, row.why, row.about)


def _held(row: ImportRow, why: str, **about: Any) -> Verdict:
    return Verdict(Rows.HELD, row.before, row.after, why, about)
