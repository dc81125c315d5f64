"""The parser by itself: quoting, words, pages, and where it says no."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wagtail_qbo_sync.sandbox.faults import Fault
from wagtail_qbo_sync.sandbox.query import Condition, Query, Value, parse, quote

TEXT = st.text() | st.text(alphabet="'\\\" %a\n")


@given(TEXT, st.lists(TEXT, min_size=1, max_size=3))
def test_quoting_comes_back_whatever_the_text(one: str, several: list[str]) -> None:
    listed = ", ".join(quote(each) for each in several)
    query = parse(f"SELECT * FROM Customer WHERE A = {quote(one)} AND B IN ({listed})")
    assert query.conditions == (
        Condition("A", "=", (Value("string", one),)),
        Condition("B", "IN", tuple(Value("string", each) for each in several)),
    )


def test_a_whole_sentence_in_any_case() -> None:
    query = parse(
        "select Id, MetaData.CreateTime from customer where Active in (true,FALSE)"
        " and Balance >= -1.5 and DisplayName like 'O%' orderby Id desc, GivenName"
        " startposition 3 maxresults 7"
    )
    assert query == Query(
        entity="customer",
        fields=("Id", "MetaData.CreateTime"),
        conditions=(
            Condition("Active", "IN", (Value("word", "TRUE"), Value("word", "FALSE"))),
            Condition("Balance", ">=", (Value("number", "-1.5"),)),
            Condition("DisplayName", "LIKE", (Value("string", "O%"),)),
        ),
        order=(("Id", True), ("GivenName", False)),
        start=3,
        most=7,
    )


def test_a_page_has_a_hundred_rows_unless_told() -> None:
    assert parse("SELECT * FROM Customer") == Query("Customer", start=1, most=100)
    assert parse("SELECT * FROM X MAXRESULTS 2 STARTPOSITION 5") == Query("X", start=5, most=2)
    assert parse("SELECT COUNT(*) FROM X ORDER BY Id").counting is True


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", '"<EOF>" at line 1, column 1'),
        ("UPDATE Customer", '"UPDATE ""'),
        ("SELECT * FROM Customer WHERE", "<EOF>"),
        ("SELECT * FROM Customer WHERE A = 'x' OR B = 'y'", '"OR ""'),
        ("SELECT * FROM Customer WHERE NOT A = 'x'", '"A ""'),
        ("SELECT * FROM Customer WHERE (A = 'x')", '"( ""'),
        ("SELECT * FROM Customer WHERE A != 'x'", '"! ""'),
        ("SELECT * FROM Customer WHERE A = 'Amy''s'", '"\'s\' ""'),
        ("SELECT * FROM Customer WHERE A = 'open", '"\' ""'),
        ("SELECT * FROM Customer WHERE A = 'end\\'", '"\' ""'),
        ("SELECT * FROM Customer WHERE A = null", '"null ""'),
        ("SELECT * FROM Customer GROUP BY A", '"GROUP ""'),
        ("SELECT * FROM Customer MAXRESULTS 1.5", '"1.5 ""'),
        ("SELECT * FROM Customer MAXRESULTS 1 MAXRESULTS 2 MAXRESULTS 3", '"MAXRESULTS ""'),
        ("SELECT FROM Customer", '"FROM ""'),
        ("SELECT * FROM Customer;", '"; ""'),
    ],
)
def test_what_is_no_sentence(text: str, complaint: str) -> None:
    with pytest.raises(Fault) as caught:
        parse(text)
    assert caught.value.code == "4000"
    assert complaint in str(caught.value.detail)


@pytest.mark.parametrize(("size", "bound"), [(0, "too small. Min"), (1001, "too large. Max")])
def test_pages_that_cannot_be(size: int, bound: str) -> None:
    with pytest.raises(Fault) as caught:
        parse(f"SELECT * FROM Customer MAXRESULTS {size}")
    assert (caught.value.code, bound in str(caught.value.detail)) == ("4001", True)
