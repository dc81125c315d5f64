"""Two texts side by side: what is marked, and that nothing is lost."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wagtail_qbo_sync.admin.sides import compare, differences
from wagtail_qbo_sync.contact import Address, Contact


def marked(here: str, there: str) -> str:
    """With "-[ ]" for what goes and "+[ ]" for what comes."""
    signs = {"": "{}", "del": "-[{}]", "ins": "+[{}]"}
    return "".join(signs[piece.mark].format(piece.text) for piece in differences(here, there))


@pytest.mark.parametrize(
    ("here", "there", "expected"),
    [
        ("Tom Reed", "Thomas Reed", "T+[h]om+[as] Reed"),
        ("office@reed.example", "tom@reed.example", "-[office]+[tom]@reed.example"),
        ("Berg", "Smith & Sons", "-[Berg]+[Smith & Sons]"),
        ("", "555", "+[555]"),
        ("12 Quay St.\nPortland", "12 Quay Street\nPortland", "12 Quay St-[.]+[reet]\nPortland"),
    ],
)
def test_what_is_marked(here: str, there: str, expected: str) -> None:
    assert marked(here, there) == expected


@given(st.text(), st.text())
def test_nothing_is_lost(here: str, there: str) -> None:
    pieces = list(differences(here, there))
    assert "".join(piece.text for piece in pieces if piece.mark != "ins") == here
    assert "".join(piece.text for piece in pieces if piece.mark != "del") == there


def test_the_same_number_written_otherwise_is_the_same() -> None:
    cell = compare("phone", Contact(phone="(207) 555-0101"), Contact(phone="207 555 0101"))
    assert cell.same and cell.pieces == ()


def test_an_address_is_one_value_by_lines() -> None:
    here = Contact(mailing_address=Address("12 Quay St.", city="Portland"))
    there = Contact(mailing_address=Address("12 Quay Street", city="Portland"))
    cell = compare("mailing_address", there, here)
    assert cell.lines == ("12 Quay St.", "Portland")
    assert [piece.text for piece in cell.pieces if piece.mark == "ins"] == ["reet"]


def test_what_quickbooks_does_not_say_strikes_nothing_out() -> None:
    cell = compare("email", Contact(), Contact(email="a@b.example"))
    assert not cell.same and cell.pieces == () and cell.lines == ("a@b.example",)
