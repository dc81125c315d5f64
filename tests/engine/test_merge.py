"""U2, U4, C13 and rules 5, 7, 9, 11: the spec as tables, then what must hold for all values."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product
from typing import Any, NamedTuple, TypeAlias

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wagtail_qbo_sync.contact import Address, Value
from wagtail_qbo_sync.engine.merge import (
    Conflict,
    Direction,
    FirstLink,
    Merge,
    OnConflict,
    merge,
)

TWO_WAY, PULL, PUSH = Direction
ASK, QBO_WINS, SITE_WINS = OnConflict
FROM_QBO, FILL_BLANKS = FirstLink


class Case(NamedTuple):
    """One field and all that its outcome may depend on; None where there is no base."""

    base_site: Value | None
    base_qbo: Value | None
    site: Value
    qbo: Value
    direction: Direction = TWO_WAY
    policy: OnConflict = ASK
    first_link: FirstLink = FROM_QBO
    replaced: Value | None = None


def one(name: str, value: Value | None) -> dict[str, Value]:
    return {} if value is None else {name: value}


def decide(case: Case, name: str = "name") -> Merge:
    return merge(
        base_site=one(name, case.base_site),
        base_qbo=one(name, case.base_qbo),
        site={name: case.site},
        qbo={name: case.qbo},
        directions={name: case.direction},
        on_conflict=case.policy,
        first_link=case.first_link,
        replaced=one(name, case.replaced),
    )


def outcome(case: Case, name: str = "name") -> str:
    """The outcome in a word or two, "" for nothing; what travels is what the other side holds."""
    found = decide(case, name)
    assert found.to_site in ({}, {name: case.qbo})
    assert found.to_qbo in ({}, {name: case.site})
    conflict = Conflict(case.base_site, case.base_qbo, case.site, case.qbo)
    assert found.conflicts in ({}, {name: conflict})
    words = {
        "to site": found.to_site,
        "to qbo": found.to_qbo,
        "conflict": found.conflicts,
        "settled": found.settled,
        "differs": found.differs,
    }
    return ", ".join(word for word, fields in words.items() if fields)


# Examples, as docs/explanation/merge.md tells them -------------------------------------------

EXAMPLES = [
    (Case("a", "a", "a", "a"), ""),
    (Case("a", "a", "b", "a"), "to qbo"),
    (Case("a", "a", "a", "b"), "to site"),
    (Case("a", "a", "", "a"), "to qbo"),
    (Case("a", "a", "a", ""), "to site"),
    (Case("a", "a", "b", "b"), "settled"),
    (Case("a", "a", "b", "c"), "conflict"),
    (Case("a", "a", "", "c"), "conflict"),
    (Case("a", "a", "b", "c", policy=QBO_WINS), "to site"),
    (Case("a", "a", "b", "c", policy=SITE_WINS), "to qbo"),
    # A difference that stands as agreed (A was stored for a, or a blank erased nothing).
    (Case("A", "a", "A", "a"), ""),
    (Case("A", "a", "A", "b"), "to site"),
    (Case("A", "a", "b", "a"), "to qbo"),
    (Case("A", "a", "a", "a"), "settled"),
    (Case("A", "a", "A", "A"), "settled"),
    (Case("a", "", "", ""), "settled"),
    # The first link overwrites, but for what is blank in QuickBooks.
    (Case(None, None, "a", "a"), "settled"),
    (Case(None, None, "a", "b"), "to site"),
    (Case(None, None, "", "b"), "to site"),
    (Case(None, None, "a", ""), "settled"),
    (Case("a", None, "a", "b"), "to site"),
    (Case(None, "b", "a", "b"), "to site"),
    (Case(None, None, "a", "b", PUSH), "settled, differs"),
    # The first link that fills blanks.
    (Case(None, None, "a", "b", first_link=FILL_BLANKS), "conflict"),
    (Case(None, None, "a", "b", policy=QBO_WINS, first_link=FILL_BLANKS), "conflict"),
    (Case(None, None, "", "b", first_link=FILL_BLANKS), "to site"),
    (Case(None, None, "a", " ", first_link=FILL_BLANKS), "to qbo"),
    (Case(None, None, "a", "", PULL, first_link=FILL_BLANKS), "settled, differs"),
    # Silent sides.
    (Case("a", "a", "b", "a", PULL), "differs"),
    (Case("a", "a", "b", "c", PULL), "conflict"),
    (Case("a", "a", "b", "c", PULL, QBO_WINS), "to site"),
    (Case("a", "a", "b", "c", PULL, SITE_WINS), "differs"),
    (Case("a", "a", "b", "b", PULL), "settled"),
    (Case("a", "a", "a", "b", PUSH), "differs"),
    (Case("a", "a", "b", "c", PUSH), "conflict"),
    (Case("a", "a", "b", "c", PUSH, QBO_WINS), "differs"),
    # Back to what our last write replaced: a stale form or an old draft.
    (Case("b", "b", "a", "b", replaced="a"), "conflict"),
    (Case("b", "b", "", "b", replaced=""), "conflict"),
    (Case("b", "b", "c", "b", replaced="a"), "to qbo"),
    (Case("b", "b", "a", "b", policy=QBO_WINS, replaced="a"), "to site"),
    (Case("b", "b", "a", "b", policy=SITE_WINS, replaced="a"), "to qbo"),
    (Case("b", "b", "a", "b", PULL, replaced="a"), "conflict"),
    (Case("b", "b", "a", "a", replaced="a"), "settled"),
    (Case("b", "b", "b", "c", replaced="b"), "to site"),
]


@pytest.mark.parametrize(("case", "expected"), EXAMPLES)
def test_examples(case: Case, expected: str) -> None:
    assert outcome(case) == expected


# The spec as a decision table ---------------------------------------------------------------

By: TypeAlias = Mapping[Direction, Mapping[OnConflict, str]]


def by_direction(two_way: str, pull: str, push: str) -> By:
    """An outcome that the policy has no say in."""
    words = {TWO_WAY: two_way, PULL: pull, PUSH: push}
    return {direction: dict.fromkeys(OnConflict, word) for direction, word in words.items()}


BY_POLICY: By = {
    TWO_WAY: {ASK: "conflict", QBO_WINS: "to site", SITE_WINS: "to qbo"},
    PULL: {ASK: "conflict", QBO_WINS: "to site", SITE_WINS: "differs"},
    PUSH: {ASK: "conflict", QBO_WINS: "differs", SITE_WINS: "to qbo"},
}

WITH_BASE: dict[str, By] = {
    "neither side changed": by_direction("", "", ""),
    "changed, and now both are equal": by_direction("settled", "settled", "settled"),
    "only the site changed": by_direction("to qbo", "differs", "to qbo"),
    "only QuickBooks changed": by_direction("to site", "to site", "differs"),
    "only the site changed, back to what was replaced": BY_POLICY,
    "both changed": BY_POLICY,
}

WITHOUT_BASE: dict[FirstLink, dict[str, By]] = {
    FROM_QBO: {
        "equal": by_direction("settled", "settled", "settled"),
        "QuickBooks is blank": by_direction("settled", "settled", "settled"),
        "the site is blank": by_direction("to site", "to site", "settled, differs"),
        "both hold something": by_direction("to site", "to site", "settled, differs"),
    },
    FILL_BLANKS: {
        "equal": by_direction("settled", "settled", "settled"),
        "QuickBooks is blank": by_direction("to qbo", "settled, differs", "to qbo"),
        "the site is blank": by_direction("to site", "to site", "settled, differs"),
        "both hold something": by_direction("conflict", "conflict", "conflict"),
    },
}


def situation(case: Case) -> str:
    """In which row a case with plain letters stands."""
    if case.base_site is None or case.base_qbo is None:
        if case.site == case.qbo:
            return "equal"
        if case.qbo == "":
            return "QuickBooks is blank"
        return "the site is blank" if case.site == "" else "both hold something"
    changed = (case.site != case.base_site, case.qbo != case.base_qbo)
    if changed == (False, False):
        return "neither side changed"
    if case.site == case.qbo:
        return "changed, and now both are equal"
    if changed == (True, True):
        return "both changed"
    if changed == (False, True):
        return "only QuickBooks changed"
    if case.site == case.replaced:
        return "only the site changed, back to what was replaced"
    return "only the site changed"


LETTERS: tuple[Value, ...] = ("", "a", "b", "c")
MAYBE: tuple[Value | None, ...] = (None, *LETTERS)
CASES = [
    Case(*values)
    for values in product(MAYBE, MAYBE, LETTERS, LETTERS, Direction, OnConflict, FirstLink, MAYBE)
]


def test_every_case_is_as_the_table_says() -> None:
    met = set()
    for case in CASES:
        row = situation(case)
        known = row in WITH_BASE
        table = WITH_BASE if known else WITHOUT_BASE[case.first_link]
        assert outcome(case) == table[row][case.direction][case.policy], case
        met.add(row if known else (case.first_link, row))
    assert len(met) == len(WITH_BASE) + sum(map(len, WITHOUT_BASE.values()))


# What must hold for all values --------------------------------------------------------------


def changed(value: Value, base: Value | None) -> bool:
    return base is not None and value != base


def test_one_field_never_travels_both_ways_and_is_held_when_in_conflict() -> None:
    for case in CASES:
        found = decide(case)
        moves = len(found.to_site) + len(found.to_qbo) + len(found.conflicts)
        assert moves + len(found.settled | found.differs) <= 1, case


def test_a_silent_side_sends_nothing() -> None:
    for case in CASES:
        found = decide(case)
        assert not (case.direction is PULL and found.to_qbo), case
        assert not (case.direction is PUSH and found.to_site), case


def test_no_edit_is_lost_unless_the_policy_says_so() -> None:
    for case in CASES:
        if case.base_site is None or case.base_qbo is None:
            continue
        found = decide(case)
        if found.to_site and changed(case.site, case.base_site):
            assert case.policy is QBO_WINS, case
        if found.to_qbo and changed(case.qbo, case.base_qbo):
            assert case.policy is SITE_WINS, case


def test_every_edit_travels_or_is_shown() -> None:
    for case in CASES:
        if case.base_site is None or case.base_qbo is None:
            continue
        edited = changed(case.site, case.base_site) or changed(case.qbo, case.base_qbo)
        assert bool(outcome(case)) == edited, case


def test_filling_blanks_overwrites_only_blanks() -> None:
    for case in CASES:
        if case.first_link is FILL_BLANKS and case.base_site is None:
            found = decide(case)
            assert not (found.to_site and case.site), case
            assert not (found.to_qbo and case.qbo), case


def test_a_first_link_never_erases() -> None:
    for case in CASES:
        if case.base_site is None or case.base_qbo is None:
            found = decide(case)
            assert "" not in [*found.to_site.values(), *found.to_qbo.values()], case


MIRRORED = {
    TWO_WAY: TWO_WAY,
    PULL: PUSH,
    PUSH: PULL,
    ASK: ASK,
    QBO_WINS: SITE_WINS,
    SITE_WINS: QBO_WINS,
    "to site": "to qbo",
    "to qbo": "to site",
}


def test_the_two_sides_are_mirror_images() -> None:
    """But for what has a side by its nature: the overwriting first link, the stale form."""
    for case in CASES:
        if case.first_link is FROM_QBO or case.replaced is not None:
            continue
        mirrored = case._replace(
            base_site=case.base_qbo,
            base_qbo=case.base_site,
            site=case.qbo,
            qbo=case.site,
            direction=Direction(MIRRORED[case.direction]),
            policy=OnConflict(MIRRORED[case.policy]),
        )
        word = outcome(case)
        assert outcome(mirrored) == MIRRORED.get(word, word), case


def test_blanks_around_a_value_are_no_change() -> None:
    def padded(value: Value | None) -> Value | None:
        return value if value is None else f" {value}\r\n"

    for case in CASES:
        spaced = case._replace(
            base_site=padded(case.base_site), qbo=f"\t{case.qbo} ", replaced=padded(case.replaced)
        )
        assert outcome(spaced) == outcome(case), case


# The same, field by field (rule 9) ----------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "base", "site", "expected"),
    [
        ("email", "Ann@X.no", "ann@x.no", ""),
        ("email", "ann@x.no", "anna@x.no", "to qbo"),
        ("phone", "(555) 010-99", "555 010 99", ""),
        ("phone", "555 010 99", "555 010 98", "to qbo"),
        ("name", "ann", "Ann", "to qbo"),
        ("name", "Ame\u0301lie", "Am\u00e9lie", ""),
        ("mailing_address", Address("1 Way", city="Oslo"), Address("1 Way ", city="Oslo"), ""),
        ("mailing_address", Address("1 Way"), Address("1 Way", city="Oslo"), "to qbo"),
        ("mailing_address", Address("1 Way"), Address(), "to qbo"),
    ],
)
def test_what_counts_as_a_change(name: str, base: Value, site: Value, expected: str) -> None:
    assert outcome(Case(base, base, site, base), name) == expected


def test_values_travel_as_typed() -> None:
    assert decide(Case("1", "1", " +1 (555) 2 ", "1"), "phone").to_qbo == {"phone": " +1 (555) 2 "}


def test_two_spellings_of_one_change_are_settled() -> None:
    assert outcome(Case("1", "1", "(22) 33", "22-33"), "phone") == "settled"


def test_an_address_is_one_value() -> None:
    ours, theirs = Address("1 Way", city="Oslo"), Address("1 Way", city="Bergen")
    was = Address("1 Way")
    assert outcome(Case(was, was, ours, theirs), "mailing_address") == "conflict"
    assert decide(Case(was, was, was, theirs), "mailing_address").to_site == {
        "mailing_address": theirs
    }


@pytest.mark.parametrize(
    ("site", "expected"),
    [
        (Address("1 Way", city="Oslo", postal_code="1"), "conflict"),
        (Address("1 Way", city="Oslo", postal_code="2"), "conflict"),
        (Address("1 Way", city="Bergen", postal_code="1"), "conflict"),
        (Address("2 Way", city="Bergen", postal_code="2"), "to qbo"),
        (Address("3 Way", city="Molde", postal_code="1"), "to qbo"),
    ],
)
def test_a_part_of_an_address_that_went_back_is_no_edit(site: Address, expected: str) -> None:
    """Our last write replaced the street and the city: an old form shows both of before."""
    was = Address("1 Way", city="Oslo", postal_code="1")
    wrote = Address("2 Way", city="Bergen", postal_code="1")
    assert outcome(Case(wrote, wrote, site, wrote, replaced=was), "mailing_address") == expected


@pytest.mark.parametrize("blank", [Address(), Address(line1=" ", country="\t")])
def test_only_a_wholly_blank_address_erases_nothing(blank: Address) -> None:
    ours = Address("1 Way", city="Oslo")
    assert outcome(Case(None, None, ours, blank), "mailing_address") == "settled"
    assert outcome(Case(None, None, ours, Address(city="Oslo")), "mailing_address") == "to site"
    fills = Case(None, None, blank, ours, first_link=FILL_BLANKS)
    assert outcome(fills, "mailing_address") == "to site"


# Several fields -----------------------------------------------------------------------------


def test_a_field_that_one_side_lacks_takes_no_part() -> None:
    found = merge(
        base_site={"name": "a", "fax": "1"},
        base_qbo={"name": "a", "email": "e@x"},
        site={"name": "b", "fax": "2"},
        qbo={"name": "a", "email": "f@x"},
    )
    assert found == Merge(to_qbo={"name": "b"})


def test_a_newly_mapped_field_is_first_linked_by_itself() -> None:
    found = merge(
        base_site={"name": "a"},
        base_qbo={"name": "a"},
        site={"name": "b", "fax": "1", "phone": "3"},
        qbo={"name": "a", "fax": "2", "phone": ""},
    )
    assert found == Merge(to_qbo={"name": "b"}, to_site={"fax": "2"}, settled=frozenset({"phone"}))


def test_fields_are_two_way_and_ask_unless_told() -> None:
    base = {"name": "a", "fax": "1"}
    site, qbo = {"name": "b", "fax": "2"}, {"name": "a", "fax": "3"}
    assert merge(base_site=base, base_qbo=base, site=site, qbo=qbo) == Merge(
        to_qbo={"name": "b"}, conflicts={"fax": Conflict("1", "1", "2", "3")}
    )


FEW: tuple[Value, ...] = ("", "a", "b")


@pytest.mark.parametrize("first_link", FirstLink)
@pytest.mark.parametrize("policy", OnConflict)
def test_two_fields_never_look_at_each_other(policy: OnConflict, first_link: FirstLink) -> None:
    """All of 118,098: two fields over three values, three policies, directions, two links."""
    for direction in Direction:
        cases = [
            Case(*values, direction, policy, first_link) for values in product(FEW, FEW, FEW, FEW)
        ]
        alone = [(case, decide(case)) for case in cases]
        for (one, of_one), (other, of_other) in product(alone, alone):
            found = merge(
                base_site={"name": one.base_site or "", "company_name": other.base_site or ""},
                base_qbo={"name": one.base_qbo or "", "company_name": other.base_qbo or ""},
                site={"name": one.site, "company_name": other.site},
                qbo={"name": one.qbo, "company_name": other.qbo},
                directions={"name": direction, "company_name": direction},
                on_conflict=policy,
                first_link=first_link,
            )
            assert found == together({"name": of_one, "company_name": of_other})


def together(decided: Mapping[str, Merge]) -> Merge:
    """What was decided of "name" each time, as one merge of fields with these names."""

    def those(what: str) -> dict[str, Any]:
        held = {name: getattr(one, what) for name, one in decided.items()}
        return {name: found["name"] for name, found in held.items() if found}

    def named(what: str) -> frozenset[str]:
        return frozenset(name for name, one in decided.items() if getattr(one, what))

    return Merge(
        to_site=those("to_site"),
        to_qbo=those("to_qbo"),
        conflicts=those("conflicts"),
        settled=named("settled"),
        differs=named("differs"),
    )


NAMES = ("name", "company_name", "given_name", "family_name")


@given(st.lists(st.sampled_from(CASES), min_size=4, max_size=4), st.sampled_from(CASES))
def test_each_field_is_decided_by_itself(cases: list[Case], other: Case) -> None:
    cases = [case._replace(policy=other.policy, first_link=other.first_link) for case in cases]
    by_name = dict(zip(NAMES, cases, strict=True))

    def column(what: str) -> dict[str, Value]:
        return {
            name: value
            for name, case in by_name.items()
            if (value := getattr(case, what)) is not None
        }

    together = merge(
        base_site=column("base_site"),
        base_qbo=column("base_qbo"),
        site=column("site"),
        qbo=column("qbo"),
        directions={name: case.direction for name, case in by_name.items()},
        on_conflict=other.policy,
        first_link=other.first_link,
        replaced=column("replaced"),
    )
    for name, case in by_name.items():
        alone = decide(case, name)
        assert (name in together.to_site) == bool(alone.to_site)
        assert (name in together.to_qbo) == bool(alone.to_qbo)
        assert together.conflicts.get(name) == alone.conflicts.get(name)
        assert (name in together.settled) == bool(alone.settled)
        assert (name in together.differs) == bool(alone.differs)
