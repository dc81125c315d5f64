"""From the bytes of a CSV or XLSX file to rows of texts.

Pure. Whatever a browser sends is read or refused with a sentence that says what to do; nothing
in it is calculated, and nothing makes us read without end.
"""

from __future__ import annotations

import csv
import io
import re
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django.utils.translation import gettext_noop

MAX_BYTES = 10 * 1024 * 1024
MAX_UNPACKED = 60 * 1024 * 1024
MAX_PARTS = 500
"""Parts of an XLSX file, which is a ZIP archive."""
MAX_ROWS = 50_000
MAX_COLUMNS = 100
MAX_BLANK = 10_000
"""Blank rows, one after the other: a file may claim any number of them in a few bytes."""
MAX_CELL = 2_000

ZIP, OLE = b"PK\x03\x04", b"\xd0\xcf\x11\xe0"
UTF_16 = (b"\xff\xfe", b"\xfe\xff")
UTF_8, UTF_16_NAME, WINDOWS = "UTF-8", "UTF-16", "Windows-1252"
DELIMITERS = ",;\t|"

EMPTY = gettext_noop("The file is empty. Export the clients first, and change the file you get.")
TOO_BIG = gettext_noop(
    "The file is larger than %(megabytes)s MB. Split it, or leave out the columns and rows that "
    "are not needed."
)
TOO_MANY_ROWS = gettext_noop("The file has more than %(rows)s rows. Split it into several files.")
TOO_MANY_BLANK = gettext_noop(
    "More than %(rows)s blank rows follow row %(row)s. Delete whatever is below the last client."
)
TOO_MANY_COLUMNS = gettext_noop(
    "The file has more than %(columns)s columns. Leave only those of the client and its "
    "Contact Type."
)
OLD_EXCEL = gettext_noop(
    "This is an old Excel file (.xls), or one with a password. Save it as .xlsx without a "
    "password, or as CSV."
)
NOT_EXCEL = gettext_noop(
    "The file cannot be read as an Excel workbook. Open it in your spreadsheet program and save "
    "it anew as .xlsx or CSV."
)
UNPACKS_TOO_BIG = gettext_noop(
    "The file unpacks to more than %(megabytes)s MB, which no list of Contact Types does. Copy "
    "the columns that are needed to a new workbook."
)
NO_TEXT = gettext_noop("The file is no text that can be read. Save it as .xlsx, or as “CSV UTF-8”.")
BROKEN_CSV = gettext_noop(
    "The file cannot be read as CSV near line %(line)s: a quotation mark may be missing there."
)


class Unreadable(Exception):
    """The file as a whole cannot be used. `why`: a sentence to be translated and filled."""

    def __init__(self, why: str, **about: Any) -> None:
        super().__init__(why % about)
        self.why = why
        self.about = about


@dataclass(frozen=True, slots=True)
class Sheet:
    """What the file holds."""

    rows: list[tuple[int, list[str]]]
    """(its number as the spreadsheet counts, cells) of all rows that are not blank."""
    encoding: str = ""
    """How the text was read; "" for a workbook."""


def read(data: bytes) -> Sheet:
    """All rows of a file, the header first. Raises Unreadable."""
    if len(data) > MAX_BYTES:
        raise Unreadable(TOO_BIG, megabytes=MAX_BYTES >> 20)
    if data.startswith(OLE):
        raise Unreadable(OLD_EXCEL)
    sheet = _workbook(data) if data.startswith(ZIP) else _text(data)
    if not sheet.rows:
        raise Unreadable(EMPTY)
    return sheet


def _filled(lines: Iterable[list[str]]) -> Iterator[tuple[int, list[str]]]:
    """The rows that say anything, as long as there are not too many. Raises Unreadable."""
    found = last = 0
    for number, cells in enumerate(lines, 1):
        while cells and not cells[-1]:
            cells.pop()
        if len(cells) > MAX_COLUMNS:
            raise Unreadable(TOO_MANY_COLUMNS, columns=MAX_COLUMNS)
        if cells:
            found, last = found + 1, number
            yield number, [cell[:MAX_CELL] for cell in cells]
        if found > MAX_ROWS + 1:
            raise Unreadable(TOO_MANY_ROWS, rows=MAX_ROWS)
        if number - last > MAX_BLANK:
            raise Unreadable(TOO_MANY_BLANK, rows=MAX_BLANK, row=last)


# CSV ------------------------------------------------------------------------------------------


def _text(data: bytes) -> Sheet:
    text, encoding = _decoded(data)
    if "\0" in text:
        raise Unreadable(NO_TEXT)
    delimiter, text, skipped = _delimiter(text)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        rows = list(_filled([cell.strip() for cell in line] for line in reader))
    except csv.Error as error:
        raise Unreadable(BROKEN_CSV, line=reader.line_num + skipped) from error
    return Sheet([(number + skipped, cells) for number, cells in rows], encoding)


def _decoded(data: bytes) -> tuple[str, str]:
    """(text, encoding): UTF-8 with or without a mark, Excel's UTF-16, else Windows-1252."""
    tries = [("utf-8-sig", UTF_8), ("cp1252", WINDOWS)]
    if data.startswith(UTF_16):
        tries = [("utf-16", UTF_16_NAME)]
    elif b"\0" in data[:200]:  # every other byte of most texts
        little = data[:200:2].count(0) < data[1:200:2].count(0)
        tries = [("utf-16-le" if little else "utf-16-be", UTF_16_NAME)]
    for codec, name in tries:
        try:
            return data.decode(codec), name
        except UnicodeDecodeError:
            continue
    raise Unreadable(NO_TEXT)


def _delimiter(text: str) -> tuple[str, str, int]:
    """(what separates the cells, the text, lines left out before it).

    Excel writes what the country is used to, and sometimes says so in a line of its own.
    """
    if said := re.match(r'"?sep=(.)"?\r?\n', text, re.IGNORECASE):
        return said[1], text[said.end() :], 1
    header = re.sub(r'"[^"]*"', "", text.lstrip().split("\n", 1)[0])
    return max(DELIMITERS, key=header.count), text, 0


# XLSX -----------------------------------------------------------------------------------------


def _workbook(data: bytes) -> Sheet:
    from openpyxl import load_workbook

    _weigh(data)
    try:
        book = load_workbook(io.BytesIO(data), read_only=True, data_only=False, keep_links=False)
        sheet = book.worksheets[0]
        sheet.reset_dimensions()  # what the file says of its size need not be true
        return Sheet(list(_filled(_lines(sheet))))
    except Unreadable:
        raise
    except Exception as error:  # whatever a damaged file makes the reader stumble over
        raise Unreadable(NOT_EXCEL) from error


def _weigh(data: bytes) -> None:
    """A ZIP archive is not unpacked further than it says itself."""
    try:
        parts = zipfile.ZipFile(io.BytesIO(data)).infolist()
    except (zipfile.BadZipFile, ValueError, OSError) as error:
        raise Unreadable(NOT_EXCEL) from error
    if len(parts) > MAX_PARTS or sum(part.file_size for part in parts) > MAX_UNPACKED:
        raise Unreadable(UNPACKS_TOO_BIG, megabytes=MAX_UNPACKED >> 20)


def _lines(sheet: Any) -> Iterator[list[str]]:
    for row in sheet.iter_rows(max_col=MAX_COLUMNS + 1):
        yield [_shown(cell) for cell in row]


def _shown(cell: Any) -> str:
    """A cell as CSV would say it: a formula begins with "=", a text that does so is marked."""
    value = cell.value
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).upper()
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, datetime | date):
        return value.isoformat()
    if cell.data_type == "f":  # an array formula is no text
        return value if isinstance(value, str) else "="
    text = str(value).replace("\0", "").strip()
    return f"'{text}" if text.startswith("=") else text
