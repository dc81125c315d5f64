"""What each row of a file would do, and what is said where it cannot be used."""

from __future__ import annotations

import pytest

from wagtail_qbo_sync.contact import Contact
from wagtail_qbo_sync.host.adapter import ClientRecord
from wagtail_qbo_sync.models import ImportRow
from wagtail_qbo_sync.sync.types_file import compare, vocabulary
from wagtail_qbo_sync.sync.types_file.columns import Said
from wagtail_qbo_sync.sync.types_file.compare import People, Verdict, judge
from wagtail_qbo_sync.sync.types_file.vocabulary import Types

State = ImportRow.State
TYPES = Types(
    [("1", "Client"), ("2", "Prospect"), ("3", "VIP; gold"), ("4", "Old"), ("5", "old")], False
)
MANY = Types([("1", "Client"), ("2", "Prospect"), ("3", "VIP; gold")], True)


def record(pk: str, name: str, email: str = "", *types: str) -> ClientRecord:
    return ClientRecord(pk, name, Contact(name=name, email=email), types)


ANNA = record("7", "Anna Berg", "anna@berg.example, office@berg.example", "1")


def anna(types: str, **said: str) -> Said:
    return Said(2, key="7", types=types, **said)


# The type -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["Prospect", " prospect ", "PROSPECT", "Ｐrospect", "2"])
def test_a_type_by_its_name_or_its_key(text: str) -> None:
    assert judge(anna(text), ANNA, TYPES) == Verdict(State.CHANGE, ("1",), ("2",))


def test_the_same_type_stays() -> None:
    assert judge(anna("Client"), ANNA, TYPES) == Verdict(State.SAME, ("1",), ("1",))


def test_no_type_leaves_what_is_there() -> None:
    verdict = judge(anna(""), ANNA, TYPES)
    assert (verdict.state, verdict.after, verdict.why) == (
        State.SAME,
        ("1",),
        compare.NOTHING_GIVEN,
    )


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("Nonsense", vocabulary.NO_SUCH_TYPE),
        ("Client; Prospect", vocabulary.NO_SUCH_TYPE),
        ("Old", vocabulary.ALIKE_TYPES),
    ],
)
def test_a_type_that_cannot_be_meant(text: str, why: str) -> None:
    verdict = judge(anna(text), ANNA, TYPES)
    assert (verdict.state, verdict.why) == (State.ERROR, why)
    assert text in verdict.why % verdict.about


def test_a_site_without_types() -> None:
    assert judge(anna("Client"), ANNA, Types([], False)).why == vocabulary.NO_TYPES_AT_ALL


@pytest.mark.parametrize(
    ("text", "keys"),
    [
        ("Prospect; Client", ("1", "2")),
        ("Client;Client;", ("1",)),
        ("VIP; gold", ("3",)),
        ("2", ("2",)),
    ],
)
def test_several_types(text: str, keys: tuple[str, ...]) -> None:
    assert MANY.read(text) == keys


def test_one_unknown_among_several() -> None:
    verdict = judge(anna("Client; Nonsense"), ANNA, MANY)
    assert (verdict.state, verdict.about["type"]) == (State.ERROR, "Nonsense")


# The client ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "said",
    [
        {},
        {"name": "ANNA  berg"},
        {"email": "Office@Berg.example"},
        {"name": "Somebody", "email": "anna@berg.example"},
        {"name": "Anna Berg", "email": "new@x.example"},
    ],
)
def test_name_or_email_are_the_clients(said: dict[str, str]) -> None:
    assert judge(anna("Prospect", **said), ANNA, TYPES).state == State.CHANGE


def test_only_the_type_is_taken_over() -> None:
    verdict = judge(anna("Prospect", name="Anna B.", email="anna@berg.example"), ANNA, TYPES)
    assert (verdict.why, verdict.about) == (compare.ONLY_TYPES, {"client": "Anna Berg"})


def test_columns_that_were_sorted_apart() -> None:
    verdict = judge(anna("Prospect", name="Tom Reed", email="tom@x.example"), ANNA, TYPES)
    assert (verdict.state, verdict.why) == (State.ERROR, compare.SOMEBODY_ELSE)
    assert verdict.about == {"client": "Anna Berg", "said": "Tom Reed"}


def test_nobody_has_the_key() -> None:
    assert judge(anna("Client"), None, TYPES) == Verdict(
        State.ERROR, why=compare.NO_SUCH_KEY, about={"key": "7"}
    )


PEOPLE = [
    ANNA,
    record("8", "Tom Reed", "tom@x.example"),
    record("9", "Tom Reed", "reed@x.example"),
    record("10", "Ida Holm", "reed@x.example"),
    record("11", "No Mail"),
]


def found(**said: str) -> object:
    row = Said(2, types="Client", **said)
    people = People([row])
    for each in PEOPLE:
        people.meet(each)
    who = people.find(row)
    return who if isinstance(who, str) else who.why


@pytest.mark.parametrize(
    ("said", "who"),
    [
        ({"email": "OFFICE@berg.example"}, "7"),
        ({"name": "anna berg"}, "7"),
        ({"name": "Tom Reed", "email": "reed@x.example"}, "9"),
        ({"name": "Tom Reed"}, compare.SEVERAL),
        ({"email": "reed@x.example"}, compare.SEVERAL),
        ({"name": "Anna Berg", "email": "tom@x.example"}, compare.NOBODY),
        ({"name": "Nobody"}, compare.NOBODY),
        ({"email": "no mail"}, compare.NOBODY),
        ({}, compare.WHO),
    ],
)
def test_a_client_by_what_is_unique(said: dict[str, str], who: str) -> None:
    assert found(**said) == who
