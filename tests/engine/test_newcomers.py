"""Clients that may become customers: any likeness is for a person (K4, K6, K14)."""

from __future__ import annotations

import random
from typing import TypeAlias

from hypothesis import given
from hypothesis import strategies as st

from tests.engine.naive import likeness
from wagtail_qbo_sync.engine.match import (
    BOTH,
    ClientKeys,
    CustomerKeys,
    Newcomers,
    match,
    newcomers,
)

Apart: TypeAlias = frozenset[tuple[str, str]]
World: TypeAlias = tuple[list[ClientKeys], list[CustomerKeys], Apart]

some_name = st.sampled_from(["", "n", "m", "o"])
some_emails = st.lists(st.sampled_from(["", "e", "f", "g"]), max_size=2).map(tuple)


@st.composite
def worlds(draw: st.DrawFn) -> World:
    """Clients 0, 1, … and customers A, B, … with few enough keys to be alike often."""
    client_keys = st.lists(st.tuples(some_name, some_emails), max_size=8)
    customer_keys = st.lists(st.tuples(some_name, some_emails, st.booleans()), max_size=4)
    pairs = st.tuples(st.sampled_from("ABCD"), st.integers(0, 7).map(str))
    return (
        [ClientKeys(str(number), *keys) for number, keys in enumerate(draw(client_keys))],
        [
            CustomerKeys(qbo_id, name, emails, matchable=matchable)
            for qbo_id, (name, emails, matchable) in zip("ABCD", draw(customer_keys), strict=False)
        ],
        frozenset(draw(st.sets(pairs, max_size=2))),
    )


def outcomes(found: Newcomers) -> list[str]:
    return [*found.alike, *found.siblings, *found.parted, *found.new]


def are_alike(one: ClientKeys, other: ClientKeys) -> bool:
    return bool(likeness(CustomerKeys(one.pk, one.name, one.emails), other))


def like(client: ClientKeys, customers: list[CustomerKeys], apart: Apart) -> set[str]:
    """The customers that a person is shown: all that are alike and not parted from it."""
    return {
        one.qbo_id
        for one in customers
        if likeness(one, client) and (one.qbo_id, client.pk) not in apart
    }


@given(worlds())
def test_each_client_has_one_outcome(world: World) -> None:
    assert sorted(outcomes(newcomers(*world))) == [client.pk for client in world[0]]


@given(worlds(), st.randoms(use_true_random=False))
def test_the_order_of_the_inputs_is_of_no_account(world: World, rng: random.Random) -> None:
    """So of several that are alike the same one is new, whoever came first."""
    clients, customers, apart = world
    shuffled = rng.sample(clients, len(clients)), rng.sample(customers, len(customers))
    assert newcomers(*shuffled, apart) == newcomers(*world)


@given(worlds())
def test_any_likeness_is_for_a_person(world: World) -> None:
    """Also with a customer that takes no part."""
    clients, customers, apart = world
    found = newcomers(*world)
    shown = {pk: {one.pk for one in review.candidates} for pk, review in found.alike.items()}
    expected = {client.pk: like(client, customers, apart) for client in clients}
    assert shown == {pk: qbo_ids for pk, qbo_ids in expected.items() if qbo_ids}


@given(worlds())
def test_who_is_new_is_like_nobody_before(world: World) -> None:
    clients, customers, apart = world
    found = newcomers(*world)
    by_pk = {client.pk: client for client in clients}
    parted = {pk for _, pk in apart}
    new = [by_pk[pk] for pk in found.new]
    assert not any(likeness(one, client) for one in customers for client in new)
    assert not any(are_alike(one, other) for one in new for other in new if one is not other)
    assert parted.isdisjoint(found.new)
    assert found.parted <= parted
    for pk, first in found.siblings.items():
        assert first in found.new and first < pk
        assert are_alike(by_pk[first], by_pk[pk])


@given(worlds())
def test_both_equal_is_matched_and_only_then(world: World) -> None:
    """K4 comes first: a client is matched one-to-one, or it is sorted here."""
    clients, customers, apart = world
    matched = match(customers, clients, apart).matched
    taken = set(matched.values())
    assert len(taken) == len(matched)
    rest = [client for client in clients if client.pk not in taken]
    found = newcomers(rest, customers, apart)
    assert sorted([*taken, *outcomes(found)]) == [client.pk for client in clients]
    free = {one.qbo_id: one for one in customers if one.matchable}
    by_pk = {client.pk: client for client in clients}
    assert all(likeness(free[qbo_id], by_pk[pk]) == BOTH for qbo_id, pk in matched.items())


def test_who_has_one_counterpart_in_name_and_e_mail_is_matched() -> None:
    ann = ClientKeys("1", "ann", ("a@x",))
    bob = ClientKeys("2", "bob", ("b@x",))
    customers = [CustomerKeys("A", "ann", ("a@x",)), CustomerKeys("B", "bob", ("c@x",))]
    assert match(customers, [ann, bob]).matched == {"A": "1"}
    assert list(newcomers([bob], customers).alike) == ["2"]


def test_a_chain_of_likeness_keeps_back_only_who_is_like_one_that_is_made() -> None:
    """The third is like the second alone, of which nothing is made."""
    chain = [ClientKeys("1", "n"), ClientKeys("2", "n", ("e",)), ClientKeys("3", "m", ("e",))]
    assert newcomers(chain, []) == Newcomers(siblings={"2": "1"}, new=["1", "3"])
