"""The rows that one slice of an import does, and what it puts back in them.

Crash counts (rule 13): they are counted before the work and reset by what went well, so that one
row that ends the worker again and again is done by itself, and then passed over.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from django.utils.translation import gettext_noop

from wagtail_qbo_sync.compat import chunks, upsert, wide_statements
from wagtail_qbo_sync.models import ImportBatch, ImportRow

from .compare import Verdict

SINGLE_AFTER = 2
GIVE_UP_AFTER = 4
"""Crash counts: from when on rows are done one by one, and when one is passed over."""
CREATED = 2000
"""Rows of a file that are models at one time."""
STOPS = gettext_noop("It could not be done: there was an error each time it was tried.")


def following(batch: ImportBatch, state: ImportRow.State, usual: int) -> list[ImportRow]:
    """The next rows of a state; after crashes, one."""
    size = 1 if batch.crashes > SINGLE_AFTER else usual
    return list(batch.rows.filter(state=state).order_by("number")[:size])


def gives_up(batch: ImportBatch) -> bool:
    """Whether what comes next has been tried often enough."""
    return batch.crashes > GIVE_UP_AFTER


def went_well(batch: ImportBatch) -> None:
    """What went well is not to blame: only the same row again and again is passed over."""
    batch.crashes = SINGLE_AFTER if batch.crashes > SINGLE_AFTER else 0


def held(row: ImportRow, why: str, **about: Any) -> Verdict:
    """The client keeps what it has."""
    return Verdict(ImportRow.State.HELD, row.before, row.after, why, about)


def put(row: ImportRow, verdict: Verdict) -> None:
    """What becomes of a row; to be stored."""
    row.state, row.why, row.about = verdict.state, verdict.why, dict(verdict.about)
    row.before, row.after = list(verdict.before), list(verdict.after)


def keep(rows: Sequence[ImportRow]) -> None:
    """Store what `put` has set. Of rows that are there, in a transaction that holds their import:
    an upsert costs a quarter of what Django's bulk_update takes to say the same."""
    with wide_statements(ImportRow.objects.db):
        upsert(ImportRow, rows, unique="id", update=["state", "before", "after", "why", "about"])


def create(rows: Iterable[ImportRow]) -> int:
    """Store new rows, so many at a time that no file fills the memory; how many there were."""
    count = 0
    for some in chunks(rows, CREATED):
        with wide_statements(ImportRow.objects.db):
            ImportRow.objects.bulk_create(some)
        count += len(some)
    return count
