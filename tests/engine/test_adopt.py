"""Which customer a creation has made, where its reply was lost (rule 16)."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import TypeAlias

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wagtail_qbo_sync.contact import Contact
from wagtail_qbo_sync.engine.adopt import Found, Made, look
from wagtail_qbo_sync.engine.match import BOTH, EMAIL, NAME

Sent: TypeAlias = dict[str, Contact]
World: TypeAlias = tuple[Sent, list[Made]]

NAMES = {"Bo Coe": "bo coe", "BO  COE": "bo coe", "Cy Orr": "cy orr"}
EMAILS: dict[str, set[str]] = {
    "": set(),
    "b@x.example": {"b"},
    "c@x.example, b@x.example": {"b", "c"},
}
"""As written -> what it is compared by."""

contacts = st.builds(
    lambda name, email: Contact(name=name, email=email),
    st.sampled_from(sorted(NAMES)),
    st.sampled_from(sorted(EMAILS)),
)


@st.composite
def worlds(draw: st.DrawFn) -> World:
    sent = dict(zip("abc", draw(st.lists(contacts, max_size=3)), strict=False))
    made = draw(st.lists(st.tuples(contacts, st.booleans()), max_size=4))
    return sent, [Made(str(number), *one) for number, one in enumerate(made)]


def likeness(sent: Contact, made: Contact) -> frozenset[str]:
    by_name = NAMES[sent.name] == NAMES[made.name]
    by_email = EMAILS[sent.email] & EMAILS[made.email]
    return (NAME if by_name else frozenset()) | (EMAIL if by_email else frozenset())


def alike(sent: Contact, made: Sequence[Made]) -> list[tuple[str, frozenset[str]]]:
    return [(one.qbo_id, by) for one in made if (by := likeness(sent, one.contact))]


def adopted(outcome: Mapping[str, Found]) -> dict[str, str]:
    return {key: found.adopted for key, found in outcome.items() if found.adopted}


@given(worlds())
def test_what_is_not_adopted_shows_all_that_is_alike(world: World) -> None:
    """So what is like nobody was not made, and only that is sent again."""
    sent, made = world
    outcome = look(sent, made)
    assert outcome.keys() == sent.keys()
    for key, found in outcome.items():
        expected = () if found.adopted else tuple(sorted(alike(sent[key], made)))
        assert found.near == expected


@given(worlds())
def test_only_a_free_customer_that_is_like_one_contact_is_adopted(world: World) -> None:
    sent, made = world
    by_id = {one.qbo_id: one for one in made}
    for key, qbo_id in adopted(look(sent, made)).items():
        assert by_id[qbo_id].is_free
        assert [found for found, _ in alike(sent[key], made)] == [qbo_id]
        assert [one for one in sent if likeness(sent[one], by_id[qbo_id].contact)] == [key]


@given(worlds())
def test_each_is_adopted_once(world: World) -> None:
    qbo_ids = list(adopted(look(*world)).values())
    assert len(qbo_ids) == len(set(qbo_ids))


@given(worlds(), st.randoms(use_true_random=False))
def test_the_order_of_the_inputs_is_of_no_account(world: World, rng: random.Random) -> None:
    sent, made = world
    shuffled = {key: sent[key] for key in rng.sample(list(sent), len(sent))}
    assert look(shuffled, rng.sample(made, len(made))) == look(sent, made)


BO = Contact(name="Bo Coe", email="b@x.example")


@pytest.mark.parametrize(
    ("made", "found"),
    [
        ([], Found()),
        ([Made("1", Contact(name="Cy Orr"), is_free=True)], Found()),
        ([Made("1", BO, is_free=True)], Found(adopted="1")),
        ([Made("1", Contact(name="Bo Coe"), is_free=True)], Found(adopted="1")),
        ([Made("1", BO.changed({"name": "Cy Orr"}), is_free=True)], Found(adopted="1")),
        ([Made("1", BO, is_free=False)], Found(near=(("1", BOTH),))),
        ([Made("1", Contact(name="BO  COE"), is_free=True)], Found(near=(("1", NAME),))),
        (
            [Made("2", BO, is_free=True), Made("1", Contact(name="Bo Coe"), is_free=False)],
            Found(near=(("1", NAME), ("2", BOTH))),
        ),
    ],
)
def test_examples(made: list[Made], found: Found) -> None:
    assert look({"a": BO}, made) == {"a": found}


def test_one_that_two_have_sent_is_nobodys() -> None:
    found = Found(near=(("1", BOTH),))
    assert look({"a": BO, "b": BO}, [Made("1", BO, is_free=True)]) == {"a": found, "b": found}
