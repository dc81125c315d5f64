"""The columns of a file of Contact Types, written and read with django-import-export.

No spreadsheet calculates what we write, and nothing is calculated in what we read: a text that
looks like a formula goes out with an apostrophe, which comes off on the way in.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import gettext_noop
from import_export.fields import Field
from import_export.formats.base_formats import CSV, XLSX
from import_export.resources import Resource
from import_export.widgets import Widget

from wagtail_qbo_sync.compat import chunks
from wagtail_qbo_sync.host.adapter import ClientAdapter, ClientRecord

from .reading import Sheet, Unreadable
from .vocabulary import Types, printable

CHUNK = 500
"""Clients that are read at a time."""
FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""How a cell starts that a spreadsheet would calculate."""
MARKED = re.compile(r"[\s']*[=+\-@\t\r]")
"""A text that is written with an apostrophe before it: a formula, also one that has apostrophes
of its own, so that exactly ours comes off again."""

HEADINGS: dict[str, Promise] = {
    "key": _("Client’s key on the site"),
    "name": _("Client"),
    "email": _("E-mail"),
    "types": _("Contact Type"),
}
ALSO = {
    "key": {"clientskeyonthesite", "key", "clientkey", "id", "pk"},
    "name": {"client", "name", "displayname"},
    "email": {"email", "emailaddress"},
    "types": {"contacttype", "contacttypes", "type"},
}
"""What else a column may be called, as `_plain` has it: English, in whatever language."""

NO_TYPES = gettext_noop(
    "There is no column “Contact Type”. The file has these columns: %(columns)s."
)
NO_CLIENT = gettext_noop(
    "No column says which client a row is about: there has to be the client’s key, its e-mail "
    "or its name. The file has these columns: %(columns)s."
)
TWICE = gettext_noop("Two columns say the same: %(columns)s. Leave out one of them.")
CALCULATED = gettext_noop("“%(column)s” is a formula. Put the value itself there.")


def is_formula(value: Any) -> bool:
    """Whether a spreadsheet would calculate this text instead of showing it."""
    return isinstance(value, str) and (
        value.startswith(FORMULA) or value.lstrip().startswith(FORMULA)
    )


class SafeText(Widget):
    """A text that a spreadsheet shows as it is, and that comes back as it went."""

    def render(self, value: Any, obj: Any = None, **kwargs: Any) -> str:
        text = printable(str(value or ""))
        return f"'{text}" if MARKED.match(text) else text

    def clean(self, value: Any, row: Any = None, **kwargs: Any) -> str:
        """Raises ValueError for a formula."""
        text = str(value or "").strip()
        if text.startswith("="):
            raise ValueError(text)
        return text[1:].strip() if text.startswith("'") and MARKED.match(text[1:]) else text


TEXT = SafeText()


# Out ------------------------------------------------------------------------------------------


class ContactTypesResource(Resource):
    """Clients with their Contact Types, to be changed in a spreadsheet and brought back."""

    key = Field(attribute="pk", column_name=HEADINGS["key"], widget=TEXT)
    name = Field(attribute="label", column_name=HEADINGS["name"], widget=TEXT)
    email = Field(attribute="contact__email", column_name=HEADINGS["email"], widget=TEXT)
    types = Field(column_name=HEADINGS["types"])

    def __init__(self, adapter: ClientAdapter) -> None:
        super().__init__()
        self.vocabulary = Types(adapter.contact_type_choices(), adapter.contact_types.several)

    def dehydrate_types(self, record: ClientRecord) -> str:
        return str(TEXT.render(self.vocabulary.cell(record.contact_types)))


FORMATS = {"csv": CSV(), "xlsx": XLSX()}


def export(adapter: ClientAdapter, pks: Iterable[str], kind: str) -> bytes:
    """A file of these clients, in this order. `kind`: one of FORMATS."""
    dataset = ContactTypesResource(adapter).export(list(_in_order(adapter, pks)))
    data = FORMATS[kind].export_data(dataset)
    # Excel takes a CSV file without this mark for one in its country's old encoding.
    return data if isinstance(data, bytes) else data.encode("utf-8-sig")


def _in_order(adapter: ClientAdapter, pks: Iterable[str]) -> Iterator[ClientRecord]:
    for chunk in chunks(pks, CHUNK):
        records = {record.pk: record for record in adapter.records(chunk)}
        yield from (records[pk] for pk in chunk if pk in records)


# In -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Said:
    """What one row of a file says, "" for nothing."""

    number: int
    key: str = ""
    name: str = ""
    email: str = ""
    types: str = ""
    formula: str = ""
    """The heading of a column in which a formula stands."""

    def cells(self) -> dict[str, str]:
        """What is not blank, by column."""
        return {name: text for name in HEADINGS if (text := getattr(self, name))}


@dataclass(frozen=True, slots=True)
class Table:
    """A file whose columns are understood."""

    rows: list[Said] = field(default_factory=list)
    ignored: list[str] = field(default_factory=list)
    """Headings of columns that are not imported."""


def understood(sheet: Sheet, adapter: ClientAdapter) -> Table:
    """The rows by what their columns mean. Raises Unreadable for wrong columns."""
    (_number, header), *rows = sheet.rows
    headings = [text for text in header if text]
    meant = _meant(header, adapter)
    places = {name: meant.index(name) for name in HEADINGS if name in meant}
    columns = ", ".join(f"“{text}”" for text in headings)
    if doubled := [name for name in places if meant.count(name) > 1]:
        told = [text for text, name in zip(header, meant, strict=True) if name in doubled]
        raise Unreadable(TWICE, columns=", ".join(f"“{text}”" for text in told))
    if "types" not in places:
        raise Unreadable(NO_TYPES, columns=columns)
    if len(places) == 1:
        raise Unreadable(NO_CLIENT, columns=columns)
    return Table(
        [_said(number, cells, places) for number, cells in rows],
        [text for text, name in zip(header, meant, strict=True) if text and not name],
    )


def _said(number: int, cells: Sequence[str], places: dict[str, int]) -> Said:
    texts, formula = {}, ""
    for name, place in places.items():
        try:
            texts[name] = TEXT.clean(cells[place] if place < len(cells) else "")
        except ValueError:
            formula = name
    return Said(number, **texts, formula=formula)


def _meant(header: Sequence[str], adapter: ClientAdapter) -> list[str]:
    """Which of HEADINGS each column is, "" for none."""
    names: dict[str, str] = {}
    for name, heading in HEADINGS.items():
        called = {_plain(str(heading)), _plain(_hosts_word(name, adapter)), *ALSO[name]}
        names |= dict.fromkeys(called - {""} - names.keys(), name)
    return [names.get(_plain(text), "") for text in header]


def _hosts_word(name: str, adapter: ClientAdapter) -> str:
    """How the host calls the field of this column."""
    if name == "types":
        of = getattr(adapter.contact_types, "field", None)
        return str(of.verbose_name) if of is not None else ""
    if column := adapter.field_map.get(name):
        return str(getattr(adapter.model._meta.get_field(column), "verbose_name", ""))
    return ""


def _plain(heading: str) -> str:
    return "".join(letter for letter in heading.casefold() if letter.isalnum())
