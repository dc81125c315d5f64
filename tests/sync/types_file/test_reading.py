"""Files of every kind are read, or refused with a sentence."""

from __future__ import annotations

import io
import re
import zipfile
from typing import Any

import pytest
from openpyxl import Workbook

from wagtail_qbo_sync.sync.types_file import reading
from wagtail_qbo_sync.sync.types_file.reading import Unreadable, read

from .files import HEADER, csv_of, saved, xlsx_of, zip_bomb

ROW = ("7", "Zoë Åberg", "zoe@x.example", "Client")
ROWS = [(1, list(HEADER)), (2, list(ROW))]


@pytest.mark.parametrize(
    ("encode", "encoding"),
    [
        (lambda text: text.encode(), "UTF-8"),
        (lambda text: text.encode("utf-8-sig"), "UTF-8"),
        (lambda text: text.encode("utf-16"), "UTF-16"),
        (lambda text: text.encode("utf-16-le"), "UTF-16"),
        (lambda text: text.encode("utf-16-be"), "UTF-16"),
        (lambda text: text.encode("cp1252"), "Windows-1252"),
    ],
)
def test_encodings(encode: Any, encoding: str) -> None:
    sheet = read(encode(csv_of(ROW)))
    assert (sheet.rows, sheet.encoding) == (ROWS, encoding)


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_delimiters(delimiter: str) -> None:
    row = ("7", "Berg; Åberg, | Sons", "zoe@x.example", "Client")
    assert read(csv_of(row, delimiter=delimiter).encode()).rows[1] == (2, list(row))


def test_excel_says_its_delimiter_in_a_line_of_its_own() -> None:
    text = "sep=;\r\n" + csv_of(ROW, delimiter=";")
    assert read(text.encode("utf-8-sig")).rows == [(2, list(HEADER)), (3, list(ROW))]


def test_a_workbook() -> None:
    sheet = read(xlsx_of((7, "Zoë Åberg", "zoe@x.example", "Client")))
    assert (sheet.rows, sheet.encoding) == (ROWS, "")


def test_cells_of_a_workbook_as_texts() -> None:
    book = Workbook()
    book.active.append([7.0, 7.5, True, None, "x"])
    book.active.append(["=1+1", "'=text"])
    book.active["C2"].value = "=no formula"
    book.active["C2"].data_type = "s"
    (_, numbers), (_, texts) = read(saved(book)).rows
    assert numbers == ["7", "7.5", "TRUE", "", "x"]
    assert texts == ["=1+1", "'=text", "'=no formula"]


def test_blank_rows_are_passed_over_but_counted() -> None:
    text = "a,b\n\n,,\n1,2\n"
    assert read(text.encode()).rows == [(1, ["a", "b"]), (4, ["1", "2"])]


def test_what_the_file_says_of_its_size_is_not_believed() -> None:
    data = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(xlsx_of(ROW))) as source, zipfile.ZipFile(data, "w") as target:
        for part in source.namelist():
            content = source.read(part)
            if part.endswith("sheet1.xml"):
                content, lied = re.subn(rb'ref="A1:D2"', b'ref="A1:XFD1048576"', content)
                assert lied
            target.writestr(part, content)
    assert read(data.getvalue()).rows == ROWS


BROKEN = b"a,b\n" + b"1,2\n" * 3 + b'3,"no end\n4,5\n'
REFUSED: dict[str, tuple[Any, str]] = {
    "nothing": (b"", reading.EMPTY),
    "blank": (b"\n , \n", reading.EMPTY),
    "an empty workbook": (saved(Workbook()), reading.EMPTY),
    "too big": (b"x" * (reading.MAX_BYTES + 1), reading.TOO_BIG),
    "too many rows": (b"a,b\n" * (reading.MAX_ROWS + 2), reading.TOO_MANY_ROWS),
    "blank rows without end": (
        b"a,b\n" + b"\n" * (reading.MAX_BLANK + 1) + b"1,2\n",
        reading.TOO_MANY_BLANK,
    ),
    "too many columns": (b"a," * reading.MAX_COLUMNS + b"b", reading.TOO_MANY_COLUMNS),
    "a wide workbook": (
        xlsx_of(header=["x"] * (reading.MAX_COLUMNS + 1)),
        reading.TOO_MANY_COLUMNS,
    ),
    "an old workbook": (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600, reading.OLD_EXCEL),
    "half a workbook": (xlsx_of(ROW)[:900], reading.NOT_EXCEL),
    "another archive": (b"PK\x03\x04nonsense", reading.NOT_EXCEL),
    "a zip bomb": (zip_bomb(reading.MAX_UNPACKED), reading.UNPACKS_TOO_BIG),
    "a picture": (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + bytes(range(256)), reading.NO_TEXT),
    "half of UTF-16": (b"\xff\xfea\0b\0c", reading.NO_TEXT),
    "no end of a quotation": (BROKEN, reading.BROKEN_CSV),
}


@pytest.mark.parametrize("what", REFUSED)
def test_refused_with_a_sentence(what: str) -> None:
    data, why = REFUSED[what]
    with pytest.raises(Unreadable) as refused:
        read(data)
    assert refused.value.why == why
    assert "%(" not in str(refused.value)


def test_an_archive_that_is_no_workbook() -> None:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        archive.writestr("letter.txt", "Dear Anna")
    with pytest.raises(Unreadable, match="cannot be read as an Excel workbook"):
        read(data.getvalue())


def test_as_many_rows_as_may_be() -> None:
    assert len(read(b"a,b\n" * (reading.MAX_ROWS + 1)).rows) == reading.MAX_ROWS + 1


def test_rows_far_below_are_not_counted_up_to_without_end() -> None:
    data = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(xlsx_of(ROW))) as source, zipfile.ZipFile(data, "w") as target:
        for part in source.namelist():
            content = source.read(part)
            if part.endswith("sheet1.xml"):
                content = content.replace(b'<row r="2"', b'<row r="999999999999"')
            target.writestr(part, content)
    with pytest.raises(Unreadable) as refused:
        read(data.getvalue())
    assert refused.value.why == reading.TOO_MANY_BLANK
