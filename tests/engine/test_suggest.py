"""Suggestions: a table of examples for both ways to compare, then properties (C9)."""

from __future__ import annotations

import random
import re
import sys
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wagtail_qbo_sync.contact import Address, Contact
from wagtail_qbo_sync.engine.suggest import (
    CROWD,
    LIKE,
    Compare,
    Likeness,
    Reason,
    SuggestClient,
    Suggester,
    Suggestion,
    best_compare,
    by_difflib,
    by_rapidfuzz,
    of,
    plain_name,
)

COMPARES = [by_rapidfuzz, by_difflib]
both_ways = pytest.mark.parametrize("compare", COMPARES, ids=["rapidfuzz", "difflib"])


def client(
    key: str = "",
    name: str = "",
    *,
    company: str = "",
    email: str = "",
    phone: str = "",
    line1: str = "",
    code: str = "",
) -> SuggestClient:
    address = Address(line1=line1, postal_code=code)
    return of(key, Contact(name, company, email, phone, mailing_address=address))


customer = client


class Example(NamedTuple):
    """A customer, and the clients it is to find, in order; all other clients are strangers."""

    why: str
    customer: SuggestClient
    clients: list[SuggestClient]
    expected: list[tuple[str, tuple[Reason, ...]]]


NAME, LIKENESS, EMAIL, PHONE, COMPANY, ADDRESS, DOMAIN = (
    (reason,)
    for reason in (
        Reason.SAME_NAME,
        Reason.SIMILAR_NAME,
        Reason.SAME_EMAIL,
        Reason.SAME_PHONE,
        Reason.SAME_COMPANY,
        Reason.SAME_ADDRESS,
        Reason.SAME_DOMAIN,
    )
)


def alike(why: str, typed: str, stored: str) -> Example:
    return Example(why, customer(name=typed), [client("1", stored)], [("1", LIKENESS)])


def unlike(why: str, typed: SuggestClient, stored: SuggestClient) -> Example:
    return Example(why, typed, [stored], [])


def by_phone(why: str, typed: str, stored: str) -> Example:
    stored_client = client("1", "Anna Berg", phone=stored)
    return Example(why, customer(name="Zoe", phone=typed), [stored_client], [("1", PHONE)])


def by_address(why: str, typed: tuple[str, str], stored: tuple[str, str]) -> Example:
    stored_client = client("1", "Anna Berg", line1=stored[0], code=stored[1])
    asked = customer(name="Zoe", line1=typed[0], code=typed[1])
    return Example(why, asked, [stored_client], [("1", ADDRESS)])


STRANGERS = [
    client("90", "Quentin Xu", email="q@xu.example", phone="900 555 0000", line1="9 Oak", code="9"),
    client("91", "Zuzu Ltd", company="Zuzu", email="zuzu@gmail.com"),
    client("92", ""),
]

EXAMPLES = [
    Example(
        "the same name, in other capitals",
        customer(name="ANNA  BERG"),
        [client("1", "Anna Berg")],
        [("1", NAME)],
    ),
    Example(
        "the same name, but for the mark of an inactive customer",
        customer(name="Anna Berg (deleted)"),
        [client("1", "Anna Berg")],
        [("1", NAME)],
    ),
    alike("a letter too many", "Anna Bergg", "Anna Berg"),
    alike("a letter missing in each word", "Ana Brg", "Anna Berg"),
    alike("letters swapped", "Techmrat", "Techmart"),
    alike("a wrong first letter", "Znna Berg", "Anna Berg"),
    alike("a typo before the mark of an inactive customer", "Ana Brg (deleted)", "Anna Berg"),
    alike("a blank missing", "Techmart Systems", "Tech Mart Systems"),
    alike("family name first", "Berg, Anna", "Anna Berg"),
    alike("family name first, and a typo", "Brg, Anna", "Anna Berg"),
    alike("a middle initial", "Anna M. Berg", "Anna Berg"),
    alike("legal form added", "Acme, Inc.", "Acme"),
    alike("legal form spelt otherwise", "Acme Co.", "Acme Company"),
    alike("legal form with dots", "Fay Moss P.C.", "Fay Moss PC"),
    alike("legal form, German", "Bau & Holz GmbH & Co. KG", "Bau und Holz"),
    alike("ampersand", "Smith & Sons", "Smith and Sons"),
    alike("apostrophe", "O'Neil Bakery", "ONeil Bakery"),
    alike("accents", "José Núñez", "Jose Nunez"),
    alike("umlaut written out", "Jürgen Müller", "Juergen Mueller"),
    Example(
        "the customer's name is the client's company",
        customer(name="Acme Plumbing Inc"),
        [client("1", "Joe Roe", company="Acme Plumbing")],
        [("1", LIKENESS)],
    ),
    Example(
        "the client's name is the customer's company",
        customer(name="Joe Roe", company="Acme Plumbing"),
        [client("1", "Acme Plumbing LLC")],
        [("1", LIKENESS)],
    ),
    Example(
        "two people of one firm",
        customer(name="Joe Roe", company="Acme Plumbing"),
        [client("1", "Fay Moss", company="Acme Plumbing, Inc.")],
        [("1", COMPANY)],
    ),
    Example(
        "the legal form decides between names that are else alike",
        customer(name="Berg Holdings, LLC."),
        [client("1", "Berg Holdings Inc"), client("2", "Berg Holdings LLC")],
        [("2", LIKENESS), ("1", LIKENESS)],
    ),
    Example(
        "exact goes before similar",
        customer(name="Anna Berg"),
        [client("1", "Anna Bergg"), client("2", "anna berg"), client("3", "Berg, Anna")],
        [("2", NAME), ("3", LIKENESS), ("1", LIKENESS)],
    ),
    Example(
        "equals go by key",
        customer(name="Anna Berg"),
        [client("2", "Anna Berg"), client("1", "Anna Berg")],
        [("1", NAME), ("2", NAME)],
    ),
    Example(
        "a couple with one e-mail",
        customer(name="Anna Berg", email="Bergs@gmail.com"),
        [
            client("1", "Bert Berg", email="bergs@gmail.com"),
            client("2", "Anna Berg", email="bergs@gmail.com"),
        ],
        [("2", NAME + EMAIL), ("1", EMAIL)],
    ),
    Example(
        "one of several e-mails, and the domain goes without saying",
        customer(name="Zoe", email="zoe@x.example; office@berg.example"),
        [client("1", "Anna Berg", email="anna@b.example, OFFICE@berg.example")],
        [("1", EMAIL)],
    ),
    Example(
        "a domain of one's own",
        customer(name="Zoe", email="zoe@berg.example"),
        [client("1", "Anna Berg", email="anna@berg.example")],
        [("1", DOMAIN)],
    ),
    unlike(
        "a domain that anybody can have",
        customer(name="Zoe", email="zoe@yahoo.co.uk"),
        client("1", "Anna Berg", email="anna@yahoo.co.uk"),
    ),
    by_phone("punctuation", "(212) 555-1234", "212.555.1234"),
    by_phone("country code", "+1 212 555 1234", "2125551234"),
    by_phone("extension", "212-555-1234 x12", "212-555-1234 ext. 9"),
    by_phone("words around it", "call 212-555-1234", "212-555-1234"),
    unlike("too short for a phone", customer(phone="12-34"), client("1", phone="1234")),
    by_address("capitals and abbreviation", ("100 MAIN ST", "10001"), ("100 Main Street", "10001")),
    by_address("ZIP+4", ("100 Main St", "10001-1234"), ("100 Main St", "10001")),
    by_address("direction", ("100 N. Main St", "10001"), ("100 North Main", "10001")),
    by_address("blank in the code", ("10 Downing St", "SW1A 2AA"), ("10 Downing", "sw1a2aa")),
    by_address("number behind", ("Hauptstr. 5", "10115"), ("Hauptstraße 5", "10115")),
    unlike(
        "another street",
        customer(name="Zoe", line1="100 Oak St", code="10001"),
        client("1", "Anna Berg", line1="100 Main St", code="10001"),
    ),
    unlike(
        "no postal code",
        customer(name="Zoe", line1="100 Main St"),
        client("1", "Anna Berg", line1="100 Main St"),
    ),
    unlike("one word of two", customer(name="Anna Berg"), client("1", "Anna Winterbottom")),
    unlike("blank", customer(), client("1")),
    Example(
        "two weak reasons beat each alone, strong ones beat weak ones",
        customer(
            name="Anna Berg", email="a@berg.example", line1="1 Elm", code="7", phone="5551234"
        ),
        [
            client("1", "Carl", email="c@berg.example"),
            client("2", "Dora", line1="1 Elm", code="7"),
            client("3", "Emil", email="e@berg.example", line1="1 Elm", code="7"),
            client("4", "Finn", phone="555-1234"),
            client("5", "Gwen", email="a@berg.example"),
        ],
        [
            ("5", EMAIL),
            ("4", PHONE),
            ("3", ADDRESS + DOMAIN),
            ("2", ADDRESS),
            ("1", DOMAIN),
        ],
    ),
]


@both_ways
@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.why)
def test_examples(example: Example, compare: Compare) -> None:
    suggester = Suggester([*STRANGERS, *example.clients], compare)
    found = suggester.suggest(example.customer)
    assert [(each.pk, each.reasons) for each in found] == example.expected


@pytest.mark.parametrize(
    ("typed", "plain"),
    [
        ("The Big Co", ("the big", " co")),
        ("Smith & Co.", ("smith", " and co")),
        ("Co", ("co", "")),
        ("Inc. Magazine", ("inc magazine", "")),
        ("Cole Incorporated LLC", ("cole", " incorporated llc")),
        ("Costco", ("costco", "")),
        ("...", ("", "")),
    ],
)
def test_legal_form_is_taken_off_the_end_only(typed: str, plain: tuple[str, str]) -> None:
    assert plain_name(typed) == plain


def test_physical_address_counts_where_it_is_the_only_one() -> None:
    home, office = Address("1 Elm", postal_code="7"), Address("2 Oak", postal_code="8")
    assert of("1", Contact(physical_address=home))[-2:] == ("7", "1 Elm")
    assert of("1", Contact(mailing_address=office, physical_address=home))[-2:] == ("8", "2 Oak")


@pytest.mark.parametrize("field", ["phone", "mobile", "alternate_phone", "fax"])
def test_every_phone_counts(field: str) -> None:
    suggester = Suggester([client("1", phone="2125551234")])
    asked = of("", Contact().changed({field: "212 555 1234"}))
    assert [each.reasons for each in suggester.suggest(asked)] == [PHONE]


def test_exact_name() -> None:
    clients = [client("1", "Anna Berg"), client("2", "Bert"), client("3", "BERT"), client("4")]
    suggester = Suggester(clients)
    assert suggester.exact_name(customer(name=" anna  BERG")) == "1"
    assert suggester.exact_name(customer(name="Berg, Anna")) is None
    assert suggester.exact_name(customer(name="Bert")) is None, "two clients have it"
    assert suggester.exact_name(customer(name="")) is None


def test_a_crowd_says_nothing() -> None:
    """As many as CROWD may share a phone; one more, and it counts for nobody."""
    contact = Contact(phone="2125551234", mobile="2125551234")
    crowd = [of(str(number), contact) for number in range(CROWD + 1)]
    asked = customer(phone="2125551234")
    assert len(Suggester(crowd[:CROWD]).suggest(asked)) == 5
    assert Suggester(crowd).suggest(asked) == []


@both_ways
@pytest.mark.parametrize(
    ("lead", "typed", "stored"),
    [
        ("a rare word", "Zavier Winterberg Mxchaek", "Xavier Winterberg Michael"),
        ("a common word before another", "Zavier Anna Winterbexg", "Xavier Anna Winterberg"),
        ("the last before the first", "Winterbexg, Zavier Anna", "Xavier Anna Winterberg"),
        ("how words begin", "Xaviet Berq", "Xavier Berg"),
        ("how words end", "Zavier Jerg", "Xavier Berg"),
        ("how the whole begins", "Techmart Xaviet", "Tech Mart Xavier"),
        ("how the whole ends", "Ytech Martplace", "Xtech Mart Place"),
    ],
)
def test_each_lead_finds_similar_names(
    lead: str, typed: str, stored: str, compare: Compare
) -> None:
    """Where "Anna" alone is no lead, since a crowd is called so."""
    crowd = [client(f"a{number}", f"Anna {number:04}") for number in range(CROWD + 1)]
    suggester = Suggester([*crowd, client("1", stored)], compare)
    assert [each.pk for each in suggester.suggest(customer(name=typed))] == ["1"], lead


# Ways to compare ----------------------------------------------------------------------------


def test_rapidfuzz_is_used_where_it_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    assert best_compare() is by_rapidfuzz
    monkeypatch.setattr("wagtail_qbo_sync.engine.suggest.find_spec", lambda name: None)
    assert best_compare() is by_difflib


def test_difflib_needs_no_rapidfuzz(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "rapidfuzz", None)
    monkeypatch.setitem(sys.modules, "rapidfuzz.fuzz", None)
    suggester = Suggester([client("1", "Anna Berg")], by_difflib)
    assert suggester.suggest(customer(name="Anna Bergg"))[0].pk == "1"


WORDS = st.sampled_from(["anna", "anne", "berg", "borg", "bert", "acme", "acne", "tax", "j", ""])
PLAIN = st.lists(WORDS, max_size=3).map(" ".join).map(str.strip)


@given(PLAIN, PLAIN)
def test_difflib_is_never_above_rapidfuzz(one: str, other: str) -> None:
    fuzzy, plain = by_rapidfuzz(one)(other), by_difflib(one)(other)
    assert plain < LIKE or plain <= fuzzy + 1e-9
    assert 0 <= plain <= 100


@given(PLAIN.filter(bool))
def test_a_name_is_wholly_like_itself(name: str) -> None:
    turned = " ".join(reversed(name.split()))
    for compare in COMPARES:
        assert compare(name)(name) == compare(name)(turned) == 100


# Properties ---------------------------------------------------------------------------------

TYPED = st.builds(
    SuggestClient,
    key=st.just(""),
    name=PLAIN,
    company_name=PLAIN,
    emails=st.lists(st.sampled_from(["a@x.example", "b@x.example", "a@gmail.com"]), max_size=2).map(
        tuple
    ),
    phones=st.lists(st.sampled_from(["2125551234", "2125559999"]), max_size=2).map(tuple),
    postal_code=st.sampled_from(["", "10001"]),
    line1=st.sampled_from(["", "1 Elm", "2 Elm"]),
)
CLIENTS = st.lists(TYPED, max_size=12).map(
    lambda clients: [each._replace(key=str(number)) for number, each in enumerate(clients)]
)


def words(text: str) -> list[str]:
    return text.split()


def naive_reasons(one: SuggestClient, other: SuggestClient) -> set[Reason]:
    """What is the same, by comparing everybody with everybody."""
    emails = {*one.emails} & {*other.emails}
    domains = {email.rpartition("@")[2] for email in one.emails} & {
        email.rpartition("@")[2] for email in other.emails
    }
    same = {
        Reason.SAME_NAME: one.name and words(one.name) == words(other.name),
        Reason.SAME_COMPANY: one.company_name
        and words(one.company_name) == words(other.company_name),
        Reason.SAME_EMAIL: emails,
        Reason.SAME_PHONE: {*one.phones} & {*other.phones},
        Reason.SAME_ADDRESS: one.postal_code and one.line1 and one[-2:] == other[-2:],
        Reason.SAME_DOMAIN: "x.example" in domains and not emails,
    }
    return {reason for reason, true in same.items() if true}


@given(TYPED, CLIENTS, st.integers(0, 4))
def test_limit_only_cuts(asked: SuggestClient, clients: list[SuggestClient], limit: int) -> None:
    suggester = Suggester(clients)
    everyone = suggester.suggest(asked, limit=len(clients))
    assert suggester.suggest(asked, limit=limit) == everyone[:limit]


@given(TYPED, CLIENTS, st.randoms(use_true_random=False))
def test_order_of_clients_is_of_no_account(
    asked: SuggestClient, clients: list[SuggestClient], chance: random.Random
) -> None:
    shuffled = chance.sample(clients, len(clients))
    assert Suggester(shuffled).suggest(asked) == Suggester(clients).suggest(asked)


@given(TYPED, CLIENTS)
def test_suggestions_are_well_formed(asked: SuggestClient, clients: list[SuggestClient]) -> None:
    found = Suggester(clients).suggest(asked)
    assert found == sorted(found, key=lambda each: (-each.score, each.pk))
    assert len({each.pk for each in found}) == len(found)
    for each in found:
        assert 0 < each.score <= 100
        assert list(each.reasons) == [reason for reason in Reason if reason in each.reasons]
        assert each.reasons


@given(TYPED, CLIENTS)
def test_reasons_are_true_and_complete(asked: SuggestClient, clients: list[SuggestClient]) -> None:
    found = {each.pk: {*each.reasons} for each in Suggester(clients).suggest(asked, limit=20)}
    for each in clients:
        reasons = found.get(each.key, set())
        assert reasons - {Reason.SIMILAR_NAME} == naive_reasons(asked, each)


def test_only_clients_that_share_something_are_compared() -> None:
    compared: list[str] = []

    def watched(name: str) -> Likeness:
        def likeness(other: str) -> float:
            compared.append(other)
            return 0.0

        return likeness

    strangers = [client(str(number), f"Quentin {number}") for number in range(1000)]
    suggester = Suggester([*strangers, client("1", "Anna Berg")], watched)
    assert suggester.suggest(customer(name="Anna Borg")) == []
    assert {*compared} == {"anna berg", ""}


@both_ways
@given(asked=TYPED.filter(lambda each: bool(each.name)), clients=CLIENTS)
def test_an_identical_client_comes_first(
    asked: SuggestClient, clients: list[SuggestClient], compare: Compare
) -> None:
    """Nobody scores higher; and only by key is another before it."""
    found = Suggester([*clients, asked._replace(key="twin")], compare).suggest(asked, limit=20)
    twin = next(each for each in found if each.pk == "twin")
    assert twin.score == found[0].score


@given(TYPED, CLIENTS)
def test_a_reason_more_is_worth_more(asked: SuggestClient, clients: list[SuggestClient]) -> None:
    found: list[Suggestion] = Suggester(clients).suggest(asked, limit=20)
    for one in found:
        for other in found:
            if set(one.reasons) > set(other.reasons) and Reason.SIMILAR_NAME not in one.reasons:
                assert one.score > other.score


def test_the_page_explains_each_reason() -> None:
    page = Path(__file__).parents[2] / "docs" / "explanation" / "matching.md"
    explained = re.findall(r"^\| `(\w+)` \|", page.read_text(), re.MULTILINE)
    assert explained == [reason.value for reason in Reason]
