"""Files as spreadsheet programs write them."""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Sequence
from typing import Any

from openpyxl import Workbook

HEADER = ("Client’s key on the site", "Client", "E-mail", "Contact Type")


def csv_of(*rows: Sequence[Any], header: Sequence[str] = HEADER, **options: Any) -> str:
    """CSV text with a header."""
    target = io.StringIO()
    csv.writer(target, **options).writerows([header, *rows])
    return target.getvalue()


def xlsx_of(*rows: Sequence[Any], header: Sequence[str] = HEADER) -> bytes:
    """A workbook with a header; a text that begins with "=" becomes a formula."""
    book = Workbook()
    for row in (header, *rows):
        book.active.append(list(row))
    return saved(book)


def saved(book: Workbook) -> bytes:
    target = io.BytesIO()
    book.save(target)
    return target.getvalue()


def zip_bomb(unpacked: int) -> bytes:
    """A workbook that unpacks to so many bytes."""
    target = io.BytesIO(xlsx_of())
    with zipfile.ZipFile(target, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/worksheets/sheet2.xml", b" " * unpacked)
    return target.getvalue()
