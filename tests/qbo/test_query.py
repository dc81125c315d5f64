"""Statements: one quoting function, and nothing gets out of its quotes."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wagtail_qbo_sync.qbo import query

LITERAL = re.compile(r"'((?:[^'\\]|\\['\\])*)'")
"""A literal as QuickBooks reads it: a backslash only before a quote or a backslash."""


def unquote(literal: str) -> str:
    found = LITERAL.fullmatch(literal)
    assert found, f"{literal} does not end where it should"
    return re.sub(r"\\(['\\])", r"\1", found.group(1))


@given(st.text(alphabet=st.sampled_from("ab'\\% \n") | st.characters(codec="utf-8")))
def test_a_literal_holds_the_text_and_nothing_else(text: str) -> None:
    assert unquote(query.quote(text)) == text


@pytest.mark.parametrize(
    ("text", "literal"),
    [
        ("Amy's Bird Sanctuary", r"'Amy\'s Bird Sanctuary'"),
        ("ends with \\", r"'ends with \\'"),
        (r"O'Neil \' OR Id > '0", r"'O\'Neil \\\' OR Id > \'0'"),
    ],
)
def test_known_ways_out_are_closed(text: str, literal: str) -> None:
    assert query.quote(text) == literal


def test_a_page_is_by_id_with_the_inactive_ones() -> None:
    assert query.customers(1001, 1000) == (
        "SELECT * FROM Customer WHERE Active IN (true,false) "
        "ORDERBY Id STARTPOSITION 1001 MAXRESULTS 1000"
    )


@pytest.mark.parametrize(("start", "size"), [(0, 10), (1, 0), (1, 1001), (-1, 5)])
def test_no_page_that_quickbooks_would_refuse(start: int, size: int) -> None:
    with pytest.raises(ValueError, match="No page"):
        query.customers(start, size)


def test_a_name_is_looked_up_with_three_properties_only() -> None:
    assert query.holders("Employee", "D'Arc") == (
        r"SELECT Id, DisplayName, Active FROM Employee "
        r"WHERE DisplayName = 'D\'Arc' AND Active IN (true,false)"
    )


def test_names_are_looked_up_among_three_kinds_only() -> None:
    with pytest.raises(ValueError, match="Invoice"):
        query.holders("Invoice", "x")  # type: ignore[arg-type]
