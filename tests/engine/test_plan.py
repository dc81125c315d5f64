"""Steps as pure functions: what they hold, and what is new to people."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wagtail_qbo_sync.contact import (
    FIELDS,
    Address,
    Contact,
    Value,
    content_digest,
    same,
    value_from_json,
    values_to_json,
)
from wagtail_qbo_sync.engine.match import BOTH, EMAIL, Candidate, Review
from wagtail_qbo_sync.engine.merge import Direction, FirstLink, OnConflict, Terms
from wagtail_qbo_sync.engine.news import news
from wagtail_qbo_sync.engine.plan import (
    Ask,
    Base,
    Kind,
    Party,
    Step,
    Unmatched,
    pair,
    review,
    sleep,
    unmatched,
    waits,
    writes,
)

HELD = frozenset({"name", "email", "phone", "mailing_address"})
texts = st.sampled_from(["", "a", "A", "b", " a "])
addresses = st.builds(Address, line1=texts, city=texts)
contacts = st.builds(Contact, name=texts, email=texts, phone=texts, mailing_address=addresses)


def party(contact: Contact, key: str = "1") -> Party:
    return Party(key, contact.name or key, contact, content_digest(contact.values(FIELDS)))


def agreed(site: Contact, qbo: Contact) -> Base:
    return Base(site=site.values(HELD), qbo=qbo.values(HELD), linked=True)


def applied(step: Step | None, client: Contact) -> Contact:
    """The client after the step, on a host that stores what it is given."""
    values = step.data.get("values", {}) if step else {}
    return client.changed({name: value_from_json(name, new) for name, (_, new) in values.items()})


def pushed(step: Step | None, customer: Contact) -> Contact:
    """The customer after the step, in a QuickBooks that stores what it is sent."""
    values = step.data.get("to_qbo", {}) if step else {}
    return customer.changed({name: value_from_json(name, new) for name, (_, new) in values.items()})


def based(step: Step | None, base: Base, site: Contact, qbo: Contact) -> Base:
    """The base after the step (rule 11)."""
    if step is None:
        return base
    settled = {name for part in ("values", "to_qbo", "settle") for name in step.data.get(part, ())}
    return Base(
        site={**base.site, **site.values(settled)},
        qbo={**base.qbo, **qbo.values(settled)},
        link=base.link,
        linked=True,
    )


links = st.sampled_from(list(FirstLink))


@given(contacts, contacts, links)
def test_a_first_link_is_always_a_step(site: Contact, qbo: Contact, link: FirstLink) -> None:
    step = pair(party(qbo), party(site, "c"), HELD, Base(link=link))
    assert step is not None and step.kind is Kind.LINK
    assert (step.qbo_id, step.client_pk) == ("1", "c")
    assert step.data["link"] == link


@given(contacts, contacts, links)
def test_after_a_first_link_there_is_nothing_left_but_questions(
    site: Contact, qbo: Contact, link: FirstLink
) -> None:
    base = Base(link=link)
    step = pair(party(qbo), party(site), HELD, base)
    after, theirs = applied(step, site), pushed(step, qbo)
    again = pair(party(theirs), party(after), HELD, based(step, base, after, theirs))
    assert again is None or again.kind is Kind.CONFLICT
    if link is FirstLink.FROM_QBO:
        assert again is None


@given(contacts, contacts)
def test_a_blank_that_erased_nothing_stands_as_agreed(site: Contact, qbo: Contact) -> None:
    """Bases keep blanks: a field that lacks one would be linked again."""
    step = pair(party(qbo), party(site), HELD, Base())
    after = applied(step, site)
    for name in HELD:
        if not getattr(qbo, name) or not str(getattr(qbo, name)).strip():
            assert getattr(after, name) == getattr(site, name)
    base = based(step, Base(), after, qbo)
    assert set(base.site) == set(base.qbo) == HELD
    assert set(values_to_json(base.site)) == set(values_to_json(base.qbo)) == HELD


@given(contacts, contacts, contacts, contacts)
def test_a_merge_comes_to_rest(old: Contact, seen: Contact, site: Contact, qbo: Contact) -> None:
    base = agreed(old, seen)
    step = pair(party(qbo), party(site), HELD, base)
    after, theirs = applied(step, site), pushed(step, qbo)
    again = pair(party(theirs), party(after), HELD, based(step, base, after, theirs))
    assert again is None or (
        again.kind is Kind.CONFLICT
        and step is not None
        and again.data["conflicts"] == step.data["conflicts"]
    )


@given(contacts, contacts, contacts, contacts)
def test_an_edit_of_the_site_is_never_overwritten(
    old: Contact, seen: Contact, site: Contact, qbo: Contact
) -> None:
    step = pair(party(qbo), party(site), HELD, agreed(old, seen))
    for name in step.data.get("values", {}) if step else {}:
        assert same(name, getattr(site, name), getattr(old, name))
        assert not same(name, getattr(qbo, name), getattr(seen, name))


@given(contacts, contacts, contacts, contacts, st.booleans())
def test_a_step_is_json_and_says_what_was_there(
    old: Contact, seen: Contact, site: Contact, qbo: Contact, wakes: bool
) -> None:
    step = pair(party(qbo), party(site), HELD, agreed(old, seen), wakes=wakes)
    if step is None:
        return
    assert json.loads(json.dumps(step.data)) == step.data
    assert step.data["seen"] == {"customer": party(qbo).digest, "client": party(site).digest}
    for name, (before, after) in step.data["values"].items():
        assert value_from_json(name, before) == getattr(site, name)
        assert value_from_json(name, after) == getattr(qbo, name)
    for name, (before, after) in step.data.get("to_qbo", {}).items():
        assert value_from_json(name, before) == getattr(qbo, name)
        assert value_from_json(name, after) == getattr(site, name)


MIRRORED = {
    Direction.TWO_WAY: Direction.TWO_WAY,
    Direction.PULL_ONLY: Direction.PUSH_ONLY,
    Direction.PUSH_ONLY: Direction.PULL_ONLY,
    OnConflict.ASK: OnConflict.ASK,
    OnConflict.QBO_WINS: OnConflict.SITE_WINS,
    OnConflict.SITE_WINS: OnConflict.QBO_WINS,
}


def mirrored(terms: Terms) -> Terms:
    directions = {name: Direction(MIRRORED[one]) for name, one in terms.directions.items()}
    return Terms(directions, OnConflict(MIRRORED[terms.on_conflict]))


def sides(step: Step | None) -> dict[str, Any]:
    """What a step does, by side."""
    data = step.data if step else {}
    return {
        "site": data.get("values", {}),
        "qbo": data.get("to_qbo", {}),
        "conflicts": data.get("conflicts", {}),
        "settle": data.get("settle", []),
        "silent": sorted(data.get("silent", ())),
    }


terms = st.builds(
    Terms,
    st.fixed_dictionaries({name: st.sampled_from(Direction) for name in sorted(HELD)}),
    st.sampled_from(OnConflict),
)


@given(contacts, contacts, contacts, contacts, terms, st.booleans())
def test_mirrored_sides_give_mirrored_plans(
    old: Contact, seen: Contact, site: Contact, qbo: Contact, terms: Terms, linked: bool
) -> None:
    """L8; but for what has a side by its nature: the overwriting first link, the stale form."""
    link = FirstLink.FILL_BLANKS
    base = agreed(old, seen) if linked else Base(link=link)
    turned = agreed(seen, old) if linked else Base(link=link)
    here = sides(pair(party(qbo), party(site), HELD, base, terms=terms))
    there = sides(pair(party(site), party(qbo), HELD, turned, terms=mirrored(terms)))
    assert there["conflicts"] == {
        name: {"site": one["qbo"], "qbo": one["site"]} for name, one in here["conflicts"].items()
    }
    assert (there["site"], there["qbo"]) == (here["qbo"], here["site"])
    assert (there["settle"], there["silent"]) == (here["settle"], here["silent"])


CASES: list[tuple[str, dict[str, Any], dict[str, Any], Kind | None]] = [
    ("nothing", {}, {}, None),
    ("site", {"phone": "2"}, {}, Kind.PUSH),
    ("quickbooks", {}, {"phone": "2"}, Kind.UPDATE),
    ("removed in quickbooks", {}, {"phone": ""}, Kind.UPDATE),
    ("both the same", {"phone": "2"}, {"phone": "2"}, Kind.AGREE),
    ("both differently", {"phone": "2"}, {"phone": "3"}, Kind.CONFLICT),
    ("both, and more", {"phone": "2"}, {"phone": "3", "name": "New"}, Kind.UPDATE),
]


@pytest.mark.parametrize("site, qbo, kind", [case[1:] for case in CASES], ids=[c[0] for c in CASES])
def test_kinds_of_pairs(site: dict[str, Value], qbo: dict[str, Value], kind: Kind | None) -> None:
    old = Contact(name="Anna", phone="1")
    args = party(old.changed(qbo)), party(old.changed(site)), HELD, agreed(old, old)
    step = pair(*args)
    assert (step.kind if step else None) == kind
    awake = pair(*args, wakes=True)
    assert awake is not None and awake.kind is Kind.WAKE


# Customers without a client ---------------------------------------------------------------------

ANNA = party(Contact(name="Anna", email="a@b.example"))


@pytest.mark.parametrize("policy", list(Unmatched))
def test_unmatched_follows_the_policy(policy: Unmatched) -> None:
    step = unmatched(ANNA, HELD, policy)
    assert step.kind == Kind(policy)
    created = {"name": [None, "Anna"], "email": [None, "a@b.example"]}
    assert step.data.get("values") == (created if policy is Unmatched.CREATE else None)


def test_a_creation_says_nothing_of_fields_that_the_host_lacks() -> None:
    step = unmatched(ANNA, frozenset({"name"}), Unmatched.CREATE)
    assert step.data["values"] == {"name": [None, "Anna"]}


def test_a_review_names_its_candidates() -> None:
    found = Review((Candidate("7", BOTH, False), Candidate("8", EMAIL, True)), more=3)
    step = review(ANNA, found, {"7": "Anna B."})
    assert step.data["candidates"] == [
        {"pk": "7", "label": "Anna B.", "by": ["email", "name"], "taken": False},
        {"pk": "8", "label": "", "by": ["email"], "taken": True},
    ]
    assert step.data["more"] == 3


# What is new to people ----------------------------------------------------------------------------

REVIEW = review(ANNA, Review((Candidate("7", EMAIL, False),)), {"7": "Anna"})
CONFLICT = pair(
    party(Contact(phone="3")),
    party(Contact(phone="2")),
    HELD,
    agreed(Contact(phone="1"), Contact(phone="1")),
)
assert CONFLICT is not None
CREATE = unmatched(ANNA, HELD, Unmatched.CREATE)


def facts(step: Step) -> dict[str, Any]:
    """What a case keeps of a step."""
    kept = {key: step.data[key] for key in ("candidates", "conflicts") if key in step.data}
    return {"seen": step.data["seen"], **kept}


@pytest.mark.parametrize(
    "step, question", [(REVIEW, Ask.REVIEW), (CONFLICT, Ask.CONFLICT), (CREATE, Ask.REFUSED)]
)
def test_a_question_is_asked_once(step: Step, question: Ask) -> None:
    assert news(step, ANNA, {}) == step
    assert news(step, ANNA, {question: facts(step)}) is None


def test_a_question_that_changed_is_asked_again() -> None:
    other = review(ANNA, Review((Candidate("8", EMAIL, False),)), {})
    assert news(other, ANNA, {Ask.REVIEW: facts(REVIEW)}) == other


def test_a_refused_step_is_tried_again_when_a_side_moved() -> None:
    moved = {Ask.REFUSED: {"seen": {"customer": "else", "client": ""}}}
    step = news(CREATE, ANNA, moved)
    assert step is not None and step.kind is Kind.CREATE
    assert step.data["closes"] == [Ask.REFUSED]


def test_a_question_that_nothing_asks_is_closed() -> None:
    asked = {Ask.REVIEW: facts(REVIEW), Ask.REFUSED: {}}
    step = news(None, ANNA, asked)
    assert step is not None
    assert (step.kind, step.data["closes"]) == (Kind.CLOSE, [Ask.REFUSED, Ask.REVIEW])
    assert news(None, ANNA, asked, stands=frozenset(asked)) is None
    assert news(None, ANNA, {}) is None


steps = st.sampled_from([None, REVIEW, CONFLICT, CREATE, waits(ANNA), sleep(ANNA, "7")])
known = st.dictionaries(
    st.sampled_from(list(Ask)), st.sampled_from([{}, facts(REVIEW), facts(CONFLICT), facts(CREATE)])
)


@given(steps, known)
def test_every_open_question_is_closed_or_still_asked(
    step: Step | None, asked: dict[Ask, dict[str, Any]]
) -> None:
    found = news(step, ANNA, asked)
    closed = set(found.data.get("closes", ())) if found else set()
    assert closed <= asked.keys()
    stays = asked.keys() - closed
    mine = {Kind.REVIEW: Ask.REVIEW, Kind.CONFLICT: Ask.CONFLICT, Kind.SLEEP: Ask.INACTIVE}
    expected = {mine[step.kind]} if step and step.kind in mine else set()
    assert stays <= expected | {Ask.REFUSED}
    if found is not None and found.kind is Kind.CLOSE:
        left = {question: asked[question] for question in stays}
        assert news(step, ANNA, left) is None, "once closed, nothing is left to say"


# The brake --------------------------------------------------------------------------------------


def test_what_the_brake_counts() -> None:
    qbo, site = Contact(name="Anna"), Contact(name="Else")
    by_machine = pair(party(qbo), party(site), HELD, Base())
    by_hand = pair(party(qbo), party(site), HELD, Base(by_hand=True))
    equal = pair(party(qbo), party(qbo), HELD, Base())
    assert by_machine and by_hand and equal
    assert [writes(one.data) for one in (by_machine, by_hand, equal, CREATE, REVIEW)] == [
        True,
        False,
        False,
        True,
        False,
    ]
