"""K4-K6 as a table of examples, then against the oracle (docs/explanation/matching.md)."""

from __future__ import annotations

import random
import sys
from collections.abc import Callable, Sequence, Set
from itertools import combinations_with_replacement, product
from types import FrameType
from typing import Any, NamedTuple, TypeAlias

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.engine.naive import naive_match
from wagtail_qbo_sync.contact import email_keys, match_key
from wagtail_qbo_sync.engine import match as engine_match
from wagtail_qbo_sync.engine.match import (
    BOTH,
    EMAIL,
    NAME,
    Candidate,
    ClientKeys,
    CustomerKeys,
    Matches,
    Review,
    match,
)


def customer(qbo_id: str, name: str = "", *emails: str, **flags: bool) -> CustomerKeys:
    return CustomerKeys(qbo_id, name, emails, **flags)


def client(pk: str, name: str = "", *emails: str, taken: bool = False) -> ClientKeys:
    return ClientKeys(pk, name, emails, taken)


def free(pk: str, by: frozenset[str]) -> Candidate:
    return Candidate(pk, by, taken=False)


def taken(pk: str, by: frozenset[str]) -> Candidate:
    return Candidate(pk, by, taken=True)


def review(**of: Sequence[Candidate]) -> dict[str, Review]:
    return {qbo_id: Review(tuple(candidates)) for qbo_id, candidates in of.items()}


class Example(NamedTuple):
    why: str
    customers: list[CustomerKeys]
    clients: list[ClientKeys]
    expected: Matches
    apart: Set[tuple[str, str]] = frozenset()


EXAMPLES = [
    Example(
        "K4: name and e-mail are equal",
        [customer("A", "anna", "a@x")],
        [client("1", "anna", "a@x"), client("2", "bert", "b@x")],
        Matches(matched={"A": "1"}),
    ),
    Example(
        "K5: neither is equal",
        [customer("A", "anna", "a@x")],
        [client("2", "bert", "b@x")],
        Matches(unmatched=["A"]),
    ),
    Example(
        "K6: only the name is equal",
        [customer("A", "anna", "a@x")],
        [client("1", "anna", "b@x")],
        Matches(review=review(A=[free("1", NAME)])),
    ),
    Example(
        "K6: only the e-mail is equal",
        [customer("A", "anna", "a@x")],
        [client("1", "bert", "a@x")],
        Matches(review=review(A=[free("1", EMAIL)])),
    ),
    Example(
        "an empty e-mail equals nothing, so there is only a name",
        [customer("A", "anna"), customer("B", "bert", "")],
        [client("1", "anna"), client("2", "bert", "")],
        Matches(review=review(A=[free("1", NAME)], B=[free("2", NAME)])),
    ),
    Example(
        "an empty name equals nothing",
        [customer("A", "", "a@x"), customer("B")],
        [client("1", "", "a@x"), client("2")],
        Matches(review=review(A=[free("1", EMAIL)]), unmatched=["B"]),
    ),
    Example(
        "any of several e-mails will do",
        [customer("A", "anna", "old@x", "a@x")],
        [client("1", "anna", "a@x", "b@x")],
        Matches(matched={"A": "1"}),
    ),
    Example(
        "two shared e-mails are one pair",
        [customer("A", "anna", "a@x", "b@x")],
        [client("1", "anna", "b@x", "a@x")],
        Matches(matched={"A": "1"}),
    ),
    Example(
        "the name of one client and the e-mail of another: review with both",
        [customer("A", "anna", "a@x")],
        [client("1", "anna", "b@x"), client("2", "bert", "a@x")],
        Matches(review=review(A=[free("2", EMAIL), free("1", NAME)])),
    ),
    Example(
        "two clients for one customer is not one-to-one",
        [customer("A", "anna", "a@x")],
        [client("2", "anna", "a@x"), client("1", "anna", "a@x")],
        Matches(review=review(A=[free("1", BOTH), free("2", BOTH)])),
    ),
    Example(
        "two clients under different e-mails of one customer are not one-to-one either",
        [customer("A", "anna", "a@x", "b@x")],
        [client("1", "anna", "a@x"), client("2", "anna", "b@x")],
        Matches(review=review(A=[free("1", BOTH), free("2", BOTH)])),
    ),
    Example(
        "two customers for one client are not one-to-one",
        [customer("A", "anna", "a@x"), customer("B", "anna", "a@x")],
        [client("1", "anna", "a@x")],
        Matches(review=review(A=[free("1", BOTH)], B=[free("1", BOTH)])),
    ),
    Example(
        "K4 pairs are taken first; what is taken is likeness and no target",
        [customer("A", "anna", "z@x"), customer("B", "anna", "a@x")],
        [client("1", "anna", "a@x")],
        Matches(matched={"B": "1"}, review=review(A=[taken("1", NAME)])),
    ),
    Example(
        "a weaker likeness does not disturb a K4 pair",
        [customer("A", "anna", "a@x")],
        [client("1", "anna", "a@x"), client("2", "anna"), client("3", "", "a@x")],
        Matches(matched={"A": "1"}),
    ),
    Example(
        "same e-mail as a client that is mapped already: review, never created",
        [customer("A", "anna", "a@x")],
        [client("1", "anna berg", "a@x", taken=True)],
        Matches(review=review(A=[taken("1", EMAIL)])),
    ),
    Example(
        "K4 with a client that is mapped already or excluded",
        [customer("A", "anna", "a@x")],
        [client("1", "anna", "a@x", taken=True)],
        Matches(review=review(A=[taken("1", BOTH)])),
    ),
    Example(
        "K4 with a free and with a taken client is not one-to-one",
        [customer("A", "anna", "a@x")],
        [client("1", "anna", "a@x", taken=True), client("2", "anna", "a@x")],
        Matches(review=review(A=[free("2", BOTH), taken("1", BOTH)])),
    ),
    Example(
        "both first, then e-mail, then name; free before taken; then by pk",
        [customer("A", "anna", "a@x"), customer("B", "anna", "a@x")],
        [
            client("8", "anna"),
            client("7", "anna", taken=True),
            client("6", "bert", "a@x"),
            client("5", "carl", "a@x"),
            client("4", "dora", "a@x", taken=True),
            client("3", "anna", "a@x"),
        ],
        Matches(
            review={
                qbo_id: Review(
                    (
                        free("3", BOTH),
                        free("5", EMAIL),
                        free("6", EMAIL),
                        taken("4", EMAIL),
                        free("8", NAME),
                        taken("7", NAME),
                    )
                )
                for qbo_id in "AB"
            }
        ),
    ),
    Example(
        "a removed match: the customer waits, and nobody is made from it",
        [customer("A", "anna", "a@x")],
        [client("1", "anna", "a@x")],
        Matches(held={"A"}),
        {("A", "1")},
    ),
    Example(
        "a removed match: another K4 client is for a person to see, not for a machine to take",
        [customer("A", "anna", "a@x")],
        [client("1", "bert", "b@x"), client("2", "anna", "a@x")],
        Matches(review=review(A=[free("2", BOTH)])),
        {("A", "1")},
    ),
    Example(
        "a removed match: the client waits too, so a second K4 customer is reviewed",
        [customer("B", "anna", "a@x")],
        [client("1", "anna", "a@x")],
        Matches(review=review(B=[free("1", BOTH)])),
        {("A", "1")},
    ),
    Example(
        "a removed match of clients that are gone still holds the customer",
        [customer("A", "anna", "a@x")],
        [],
        Matches(held={"A"}),
        {("A", "1")},
    ),
    Example(
        "a held customer is neither matched nor created from",
        [customer("A", "anna", "a@x", held=True), customer("B", "bert", held=True)],
        [client("1", "anna", "a@x")],
        Matches(review=review(A=[free("1", BOTH)]), held={"B"}),
    ),
    Example(
        "a held customer may yet be this client, so another is not matched to it",
        [customer("A", "anna", "a@x", held=True), customer("B", "anna", "a@x")],
        [client("1", "anna", "a@x")],
        Matches(review=review(A=[free("1", BOTH)], B=[free("1", BOTH)])),
    ),
    Example(
        "a sub-customer is matched as any other while its leaf is unique",
        [customer("A", "kitchen", "a@x", is_sub=True)],
        [client("1", "kitchen", "a@x")],
        Matches(matched={"A": "1"}),
    ),
    Example(
        "a leaf that occurs twice: no machine decides",
        [
            customer("A", "kitchen", "a@x", is_sub=True),
            customer("B", "kitchen", "b@x", is_sub=True),
            customer("C", "cellar", is_sub=True),
            customer("D", "cellar", is_sub=True),
        ],
        [client("1", "kitchen", "a@x")],
        Matches(
            review=review(A=[free("1", BOTH)], B=[free("1", NAME)]),
            unmatched=["C", "D"],
        ),
    ),
    Example(
        "a leaf that a customer has who is mapped already occurs twice as well",
        [
            customer("A", "kitchen", "a@x", is_sub=True),
            customer("M", "kitchen", "a@x", matchable=False),
        ],
        [client("1", "kitchen", "a@x")],
        Matches(review=review(A=[free("1", BOTH)])),
    ),
    Example(
        "top-level customers are not bound by the rule of leaves",
        [
            customer("A", "kitchen", "a@x"),
            customer("B", "kitchen", "b@x", is_sub=True),
        ],
        [client("1", "kitchen", "a@x")],
        Matches(matched={"A": "1"}, review=review(B=[taken("1", NAME)])),
    ),
    Example(
        "customers that are not to be matched are in no group",
        [customer("M", "anna", "a@x", matchable=False)],
        [client("1", "anna", "a@x")],
        Matches(),
    ),
]


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.why)
def test_examples(example: Example) -> None:
    assert match(example.customers, example.clients, example.apart) == example.expected


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.why)
def test_the_oracle_agrees_with_the_examples(example: Example) -> None:
    assert naive_match(example.customers, example.clients, example.apart) == example.expected


def test_real_names_and_addresses() -> None:
    ann = CustomerKeys("7", match_key("ANNA  Berg (deleted)"), email_keys("X@y.no, a@berg.no"))
    bob = CustomerKeys("8", match_key("Bob"), email_keys("bob at home"))
    clients = [
        ClientKeys("1", match_key("Anna Berg"), email_keys("A@BERG.no")),
        ClientKeys("2", match_key(""), email_keys("bob at home")),
    ]
    assert match([ann, bob], clients) == Matches(matched={"7": "1"}, unmatched=["8"])


def test_inputs_may_be_iterators() -> None:
    customers = iter([customer("A", "anna", "a@x"), customer("B", "anna", is_sub=True)])
    found = match(customers, iter([client("1", "anna", "a@x")]))
    assert found == Matches(matched={"A": "1"}, review=review(B=[taken("1", NAME)]))


# A key that many share ----------------------------------------------------------------------


def test_a_shared_address_lists_the_first_and_counts_the_others() -> None:
    clients = [client(f"{number:04}", f"n{number}", "info@x") for number in range(1000)]
    clients.append(client("9999", "anna"))
    found = match([customer("A", "anna", "info@x")], clients).review["A"]
    assert [one.pk for one in found.candidates] == [f"{number:04}" for number in range(20)]
    assert found.more == 981


@pytest.mark.parametrize(("clients", "more"), [(19, 0), (20, 0), (21, 1)])
def test_nothing_more_is_counted_when_all_are_listed(clients: int, more: int) -> None:
    crowd = [client(f"{number:02}", "anna") for number in range(clients)]
    found = match([customer("A", "anna")], crowd).review["A"]
    assert (len(found.candidates), found.more) == (min(clients, 20), more)


def test_candidates_are_shared_objects_so_that_crowds_cost_no_memory() -> None:
    clients = [client(str(number), "", "info@x") for number in range(9)]
    found = match([customer("A", "", "info@x"), customer("B", "", "info@x")], clients).review
    assert all(
        one is other
        for one, other in zip(found["A"].candidates, found["B"].candidates, strict=True)
    )


# Against the oracle -------------------------------------------------------------------------


def assert_as_the_oracle(
    customers: Sequence[CustomerKeys],
    clients: Sequence[ClientKeys],
    apart: Set[tuple[str, str]] = frozenset(),
    limit: int = 20,
) -> None:
    found = match(customers, clients, apart, limit=limit)
    expected = naive_match(customers, clients, apart, limit=limit)
    assert found.matched == expected.matched
    assert found.held == expected.held
    assert found.unmatched == expected.unmatched
    assert found.review.keys() == expected.review.keys()
    for qbo_id, one in found.review.items():
        other = expected.review[qbo_id]
        assert one.candidates == other.candidates
        assert one.more >= other.more
        assert bool(one.more) == bool(other.more)
        if counted_once(qbo_id, customers, clients, apart):
            assert one.more == other.more


def counted_once(
    qbo_id: str,
    customers: Sequence[CustomerKeys],
    clients: Sequence[ClientKeys],
    apart: Set[tuple[str, str]],
) -> bool:
    """Nobody shares two addresses with this customer, and none of its matches was removed."""
    emails = {email for one in customers if one.qbo_id == qbo_id for email in one.emails if email}
    return all(len(emails.intersection(one.emails)) <= 1 for one in clients) and not any(
        qbo_id == parted for parted, _ in apart
    )


def crowds(states: Sequence[tuple[Any, ...]], size: int) -> Any:
    """Every choice of `size` records, each in one of these states; order does not matter."""
    return combinations_with_replacement(states, size)


@pytest.mark.parametrize(
    ("names", "emails"),
    [
        (["", "n", "m"], [(), ("e",), ("e", "f")]),
        (["", "n"], [(), ("e",), ("f",), ("e", "f")]),
    ],
)
def test_every_three_customers_with_every_three_clients(
    names: list[str], emails: list[tuple[str, ...]]
) -> None:
    states = list(product(names, emails))
    for ours in crowds(states, 3):
        customers = [CustomerKeys(qbo_id, *keys) for qbo_id, keys in zip("ABC", ours, strict=True)]
        for theirs in crowds(states, 3):
            clients = [ClientKeys(pk, *keys) for pk, keys in zip("123", theirs, strict=True)]
            assert_as_the_oracle(customers, clients)


def test_every_two_customers_with_every_two_clients_and_every_flag() -> None:
    keys = list(product(["", "n"], [(), ("e",)]))
    flags = list(product([False, True], repeat=3))
    for ours in crowds([(*key, *flag) for key, flag in product(keys, flags)], 2):
        customers = [CustomerKeys(qbo_id, *one) for qbo_id, one in zip("AB", ours, strict=True)]
        for theirs in crowds([(*key, taken) for key, taken in product(keys, [False, True])], 2):
            clients = [ClientKeys(pk, *one) for pk, one in zip("12", theirs, strict=True)]
            assert_as_the_oracle(customers, clients)
            assert_as_the_oracle(customers, clients, {("A", "1")})


World: TypeAlias = tuple[list[CustomerKeys], list[ClientKeys], frozenset[tuple[str, str]]]

some_name = st.sampled_from(["", "n", "m", "o"])
some_emails = st.lists(st.sampled_from(["", "e", "f", "g"]), max_size=3).map(tuple)
now_and_then = st.sampled_from([False, False, False, True])


@st.composite
def worlds(draw: st.DrawFn) -> World:
    customer_keys = st.builds(
        CustomerKeys,
        st.just(""),
        some_name,
        some_emails,
        is_sub=st.booleans(),
        held=now_and_then,
        matchable=now_and_then.map(lambda flag: not flag),
    )
    client_keys = st.builds(ClientKeys, st.just(""), some_name, some_emails, now_and_then)
    ids = st.integers(0, 9).map(str)
    return (
        [
            keys._replace(qbo_id=str(number))
            for number, keys in enumerate(draw(st.lists(customer_keys, max_size=12)))
        ],
        [
            keys._replace(pk=str(number))
            for number, keys in enumerate(draw(st.lists(client_keys, max_size=12)))
        ],
        frozenset(draw(st.sets(st.tuples(ids, ids), max_size=3))),
    )


@given(worlds(), st.integers(1, 4))
def test_any_world(world: World, limit: int) -> None:
    assert_as_the_oracle(*world, limit=limit)


@given(worlds(), st.randoms(use_true_random=False))
def test_the_order_of_the_inputs_is_of_no_account(world: World, rng: random.Random) -> None:
    customers, clients, apart = world
    before = match(customers, clients, apart, limit=3)
    shuffled = rng.sample(customers, len(customers)), rng.sample(clients, len(clients))
    after = match(*shuffled, apart, limit=3)
    assert (after.matched, after.review, after.held) == (
        before.matched,
        before.review,
        before.held,
    )
    assert sorted(after.unmatched) == sorted(before.unmatched)
    assert len(after.unmatched) == len(set(after.unmatched))


# Work ---------------------------------------------------------------------------------------


def lines_run(customers: list[CustomerKeys], clients: list[ClientKeys]) -> int:
    """How many lines of match.py run: a count of operations that no clock disturbs."""
    count = 0

    def trace(frame: FrameType, event: str, _: object) -> Any:
        nonlocal count
        if frame.f_code.co_filename != engine_match.__file__:
            return None
        count += event == "line"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        match(customers, clients)
    finally:
        sys.settrace(before)
    return count


def all_share_an_address(size: int) -> tuple[list[CustomerKeys], list[ClientKeys]]:
    return (
        [customer(str(number), f"c{number}", "info@x") for number in range(size)],
        [client(str(number), f"k{number}", "info@x") for number in range(size)],
    )


def all_share_everything(size: int) -> tuple[list[CustomerKeys], list[ClientKeys]]:
    return (
        [customer(str(number), "n", "e", "f") for number in range(size)],
        [client(str(number), "n", "e", "f") for number in range(size)],
    )


def all_are_pairs(size: int) -> tuple[list[CustomerKeys], list[ClientKeys]]:
    return (
        [customer(str(number), f"n{number}", f"e{number}") for number in range(size)],
        [client(str(number), f"n{number}", f"e{number}") for number in range(size)],
    )


@pytest.mark.parametrize("world", [all_share_an_address, all_share_everything, all_are_pairs])
def test_work_grows_with_the_number_of_records(
    world: Callable[[int], tuple[list[CustomerKeys], list[ClientKeys]]],
) -> None:
    small, large = lines_run(*world(100)), lines_run(*world(400))
    assert small > 100
    assert large < 4.2 * small
