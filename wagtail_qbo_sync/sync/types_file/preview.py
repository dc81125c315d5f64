"""The preview of an import, in slices: what the file says, what each row would do, and what that
leads to in QuickBooks. Nothing is written but the import itself; and of an undo, in what it
undoes, what somebody has put back by hand."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial
from typing import Any

from django.utils.translation import gettext_noop

from wagtail_qbo_sync.host.adapter import ClientAdapter, get_adapter
from wagtail_qbo_sync.models import ImportBatch, ImportRow

from . import compare, forecast, reading, undoing
from .columns import Said, Table, understood
from .compare import People, Verdict
from .present import person, visible
from .rows import STOPS, create, following, gives_up, held, keep, put, went_well
from .vocabulary import Types

State = ImportBatch.State
Rows = ImportRow.State
COMPARED = 1000
"""Rows that are compared in one transaction."""

UNFORESEEN = gettext_noop("What it would lead to in QuickBooks cannot be told: an error each time.")
UNREADABLE = gettext_noop("The file could not be read: there was an error each time it was tried.")

# Reading --------------------------------------------------------------------------------------


def read(batch: ImportBatch) -> None:
    """From bytes to rows; all that needs the whole file at once is seen to here."""
    try:
        if gives_up(batch):
            raise reading.Unreadable(UNREADABLE)
        sheet = reading.read(bytes(batch.file))
        table = understood(sheet, get_adapter())
    except reading.Unreadable as said:
        batch.state = State.REFUSED
        batch.trouble = {"why": said.why, "about": said.about}
        batch.file = b""
        return
    rows = _identified(table, person(batch, batch.user))
    create(_rows_of(batch, table.rows, rows))
    batch.found = {"encoding": sheet.encoding, "ignored": table.ignored}
    batch.file = b""
    batch.total, batch.done, batch.crashes = len(table.rows), 0, 0
    batch.state = State.COMPARING if table.rows else State.READY


def _rows_of(
    batch: ImportBatch, said: Iterable[Said], found: Iterable[str | Verdict]
) -> Iterable[ImportRow]:
    """The rows to be stored, each with its client or what is wrong with it."""
    for row, who in zip(said, found, strict=True):
        stored = ImportRow(batch=batch, number=row.number, said=row.cells())
        if isinstance(who, Verdict):
            put(stored, who)
        else:
            stored.client_pk = who
        yield stored


def _identified(table: Table, user: Any) -> list[str | Verdict]:
    """Whom each row is about: a client's key, or what is wrong."""
    adapter = get_adapter()
    people = People(table.rows)
    if people.are_asked_for:
        for record in adapter.records(_visible_keys(adapter, user)):
            people.meet(record)
    keys = _as_stored(adapter, [row.key for row in table.rows if row.key])
    found: list[str | Verdict] = []
    for row in table.rows:
        if wrong := compare.at_first_sight(row):
            found.append(wrong)
        elif row.key:
            found.append(keys.get(row.key) or compare.error(compare.NO_SUCH_KEY, key=row.key))
        else:
            found.append(people.find(row))
    return _each_once(table.rows, found)


def _each_once(rows: Sequence[Said], found: Sequence[str | Verdict]) -> list[str | Verdict]:
    """Rows about the same client cannot be used, none of them."""
    about: dict[str, list[int]] = {}
    for row, who in zip(rows, found, strict=True):
        if isinstance(who, str):
            about.setdefault(who, []).append(row.number)

    def once(row: Said, who: str | Verdict) -> str | Verdict:
        others = about[who] if isinstance(who, str) else []
        if len(others) < 2:
            return who
        first = next(number for number in others if number != row.number)
        return compare.error(compare.DOUBLED, row=first)

    return [once(row, who) for row, who in zip(rows, found, strict=True)]


def _as_stored(adapter: ClientAdapter, texts: Iterable[str]) -> dict[str, str]:
    """What a file says of keys -> the key as we write it, "007" -> "7"; what is none is left
    out."""
    return {text: str(key) for text in dict.fromkeys(texts) for key in adapter.keys([text])}


def _visible_keys(adapter: ClientAdapter, user: Any) -> Iterable[str] | None:
    """The clients that a person may see; None for all of them."""
    if user is None:
        return None
    mine = adapter.visible_to(user, adapter.queryset()).order_by("pk")
    return [str(pk) for pk in mine.values_list("pk", flat=True)]


# Comparing ------------------------------------------------------------------------------------


def compare_rows(batch: ImportBatch) -> None:
    """The next rows against their clients. Reads only, but for our rows."""
    rows = following(batch, Rows.UNREAD, COMPARED)
    if not rows:
        batch.state, batch.crashes = State.FORECAST, 0
        return
    verdicts = _stopped(batch, rows) if gives_up(batch) else _verdicts(batch, rows)
    for row, verdict in zip(rows, verdicts, strict=True):
        put(row, verdict)
    keep(rows)
    if batch.undoes_id:
        undoing.note(batch, [row.client_pk for row in rows if row.state == Rows.SAME])
    batch.done = batch.total - batch.rows.filter(state=Rows.UNREAD).count()
    went_well(batch)


def _stopped(batch: ImportBatch, rows: Sequence[ImportRow]) -> list[Verdict]:
    """A file is applied whole or not at all; of an undo, what can be put back is."""
    return [held(row, STOPS) if batch.undoes_id else compare.error(STOPS) for row in rows]


def _verdicts(batch: ImportBatch, rows: Sequence[ImportRow]) -> list[Verdict]:
    if batch.undoes_id:
        return undoing.verdicts(batch, rows)
    adapter = get_adapter()
    seen = visible(person(batch, batch.user), {row.client_pk for row in rows})
    records = {record.pk: record for record in adapter.records(seen)}
    types = Types(adapter.contact_type_choices(), adapter.contact_types.several)
    judge = partial(compare.judge, types=types)
    return [judge(Said(row.number, **row.said), records.get(row.client_pk)) for row in rows]


def foresee(batch: ImportBatch) -> None:
    """What it will lead to in the next company. After the last: wait for a person, or apply
    what a person has confirmed and still holds."""
    known = {line["company"] for line in batch.forecast}
    company = next((one for one in forecast.companies() if one.pk not in known), None)
    if company is None:
        batch.crashes = 0
        batch.state = State.READY
        if batch.is_confirmed and forecast.is_as_confirmed(batch):
            batch.state, batch.done = State.APPLYING, 0
            batch.total = batch.rows.filter(state=Rows.CHANGE).count()
    elif gives_up(batch):
        batch.state, batch.trouble = State.REFUSED, {"why": UNFORESEEN, "about": {}}
    else:
        batch.forecast = [*batch.forecast, forecast.look(batch, company)]
        batch.crashes = 0
