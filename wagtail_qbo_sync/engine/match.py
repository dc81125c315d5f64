"""Which customer of QuickBooks is which client of the site (K4-K6; docs/explanation/matching.md).

A join over dicts of digests (`contact.match_key`, `contact.email_keys`): work and memory grow
with the number of keys, whatever the keys are, because nobody is shown more than `CANDIDATES`
clients for one customer.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Hashable, Iterable, Iterator, Set
from dataclasses import dataclass, field
from itertools import chain, islice
from typing import Generic, NamedTuple, TypeAlias, TypeVar

CANDIDATES = 20
"""How many clients are listed for one customer in review; the others are counted."""

NAME = frozenset({"name"})
EMAIL = frozenset({"email"})
BOTH = NAME | EMAIL


class CustomerKeys(NamedTuple):
    """What the rules see of a customer: digests, where "" and () equal nothing.

    `name` is of the leaf for a sub-customer. `held`: a person has to decide ("client deleted"),
    so it is neither matched nor created from. `matchable=False`: not to be matched at all (mapped
    already, excluded); given only so that its name is counted for the leaf rule.
    """

    qbo_id: str
    name: str = ""
    emails: tuple[str, ...] = ()
    is_sub: bool = False
    held: bool = False
    matchable: bool = True


class ClientKeys(NamedTuple):
    """What the rules see of a client. `taken`: mapped or excluded in this company."""

    pk: str
    name: str = ""
    emails: tuple[str, ...] = ()
    taken: bool = False


class Candidate(NamedTuple):
    """A client that is like a customer: by {"name"}, {"email"} or both.

    `taken`: no target, because it is mapped or excluded or was matched just now.
    """

    pk: str
    by: frozenset[str]
    taken: bool


class Review(NamedTuple):
    """The clients a person chooses from, best first.

    `more`: how many are not listed, 0 only if all are. Never too few; too many where a client
    shares two addresses with the customer (it counts twice) or its match was removed.
    """

    candidates: tuple[Candidate, ...]
    more: int = 0


@dataclass(frozen=True, slots=True)
class Matches:
    """Every matchable customer is in exactly one of these, in the order in which it was given."""

    matched: dict[str, str] = field(default_factory=dict)
    """qbo_id -> pk, one-to-one (K4)."""
    review: dict[str, Review] = field(default_factory=dict)
    """A person picks one of these clients or makes a new one (K6)."""
    held: set[str] = field(default_factory=set)
    """Like nobody, but never created from: a person said No, or it was given as held."""
    unmatched: list[str] = field(default_factory=list)
    """Like nobody (K5); what becomes of them is the policy of U1."""


def match(
    customers: Iterable[CustomerKeys],
    clients: Iterable[ClientKeys],
    apart: Set[tuple[str, str]] = frozenset(),
    *,
    limit: int = CANDIDATES,
) -> Matches:
    """Sort the customers into matched, review, held and unmatched.

    `apart` holds the (qbo_id, pk) whose match a person has removed: such a pair is no likeness,
    and both of its ends wait for a person (the four Nos). Ids must be unique on each side. The
    outcome does not depend on the order of customers or clients.
    """
    given, names = _matchable(customers)
    everyone = _Likeness(clients)
    barred = _Barred(names, apart)
    matches = Matches(matched=_one_to_one(given, everyone, barred))
    everyone.take(matches.matched.values())
    refused = _by_customer(apart)
    for customer in given:
        if customer.qbo_id in matches.matched:
            continue
        review = everyone.review(customer, refused.get(customer.qbo_id, frozenset()), limit)
        if review.candidates:
            matches.review[customer.qbo_id] = review
        elif barred.waits(customer):
            matches.held.add(customer.qbo_id)
        else:
            matches.unmatched.append(customer.qbo_id)
    return matches


@dataclass(frozen=True, slots=True)
class Newcomers:
    """Every client is in exactly one of these. What they hold of customers are qbo_ids."""

    alike: dict[str, Review] = field(default_factory=dict)
    """pk -> the customers that a person chooses from (K6)."""
    siblings: dict[str, str] = field(default_factory=dict)
    """pk -> the new client that it is like, of which a customer is made first."""
    parted: set[str] = field(default_factory=set)
    """Like nobody but a customer that a person has parted them from."""
    new: list[str] = field(default_factory=list)
    """Like nobody: a customer is made of them (K13, K14)."""


def newcomers(
    clients: Iterable[ClientKeys],
    customers: Iterable[CustomerKeys],
    apart: Set[tuple[str, str]] = frozenset(),
    *,
    limit: int = CANDIDATES,
) -> Newcomers:
    """Sort clients that changed and that `match` gave no customer.

    The same likeness with the roles exchanged: any, also of a customer that takes no part, is
    for a person. Of clients that are like each other the one with the first key is new, as if
    they had come one after the other; the outcome depends on no order.
    """
    wanted = sorted(clients, key=lambda client: client.pk)
    everyone = _Likeness(_as_clients(customers, wanted))
    refused = _by_customer({(pk, qbo_id) for qbo_id, pk in apart})
    first = _Likeness(())
    found = Newcomers()
    for client in wanted:
        review = everyone.review(client, refused.get(client.pk, frozenset()), limit)
        before = first.review(client, frozenset(), 1).candidates
        if review.candidates:
            found.alike[client.pk] = review
        elif client.pk in refused:
            found.parted.add(client.pk)
        elif before:
            found.siblings[client.pk] = before[0].pk
        else:
            found.new.append(client.pk)
            first.add(client)
    return found


def _as_clients(
    customers: Iterable[CustomerKeys], wanted: Iterable[ClientKeys]
) -> Iterator[ClientKeys]:
    """The customers that share a key with somebody, in the other role."""
    names = {client.name for client in wanted if client.name}
    emails = {email for client in wanted for email in _emails(client)}
    for customer in customers:
        if customer.name in names or not emails.isdisjoint(customer.emails):
            yield ClientKeys(
                customer.qbo_id, customer.name, customer.emails, not customer.matchable
            )


def _matchable(customers: Iterable[CustomerKeys]) -> tuple[list[CustomerKeys], Counter[str]]:
    """The customers to sort, and how often each name occurs among all that were given."""
    given: list[CustomerKeys] = []
    names: Counter[str] = Counter()
    for customer in customers:
        names[customer.name] += 1
        if customer.matchable:
            given.append(customer)
    return given, names


def _by_customer(apart: Set[tuple[str, str]]) -> dict[str, set[str]]:
    refused: dict[str, set[str]] = {}
    for qbo_id, pk in apart:
        refused.setdefault(qbo_id, set()).add(pk)
    return refused


class _Barred:
    """Who is not matched by machine, however alike."""

    def __init__(self, names: Counter[str], apart: Set[tuple[str, str]]) -> None:
        self._names = names
        self._customers = {qbo_id for qbo_id, _ in apart}
        self._clients = {pk for _, pk in apart}

    def waits(self, customer: CustomerKeys) -> bool:
        """A person has said something about this customer that no machine may overrule."""
        return customer.held or customer.qbo_id in self._customers

    def customer(self, customer: CustomerKeys) -> bool:
        repeated_leaf = customer.is_sub and self._names[customer.name] > 1
        return repeated_leaf or self.waits(customer)

    def client(self, client: ClientKeys) -> bool:
        return client.taken or client.pk in self._clients


# K4: name and e-mail ------------------------------------------------------------------------

_Keys: TypeAlias = CustomerKeys | ClientKeys
_Record = TypeVar("_Record", CustomerKeys, ClientKeys)
_Pair: TypeAlias = tuple[str, str]


def _emails(record: _Keys) -> list[str]:
    return [email for email in dict.fromkeys(record.emails) if email]


def _pairs(record: _Keys) -> list[_Pair]:
    """Each (name, e-mail) of a record: two records with one in common are a K4 pair."""
    return [(record.name, email) for email in _emails(record)] if record.name else []


def _one_to_one(
    customers: list[CustomerKeys], clients: _Likeness, barred: _Barred
) -> dict[str, str]:
    """The K4 pairs whose ends have no other K4 partner and may be matched."""
    suitors: dict[_Pair, list[CustomerKeys]] = {}
    for customer in customers:
        for pair in _pairs(customer):
            if pair in clients.by_both.records:
                suitors.setdefault(pair, []).append(customer)
    matched: dict[str, str] = {}
    for customer in customers:
        client = _only_partner(customer, clients.by_both.records)
        if (
            client is not None
            and _only_partner(client, suitors) is customer
            and not barred.customer(customer)
            and not barred.client(client)
        ):
            matched[customer.qbo_id] = client.pk
    return matched


def _only_partner(record: _Keys, others: dict[_Pair, list[_Record]]) -> _Record | None:
    """The one record that shares a pair with this one; None if there is none or several."""
    only: _Record | None = None
    for pair in _pairs(record):
        for other in islice(others.get(pair, ()), 2):
            if only is not None and other is not only:
                return None
            only = other
    return only


# K6: name or e-mail -------------------------------------------------------------------------

_Key = TypeVar("_Key", bound=Hashable)


class _Index(Generic[_Key]):
    """Clients by one kind of key."""

    def __init__(self, by: frozenset[str]) -> None:
        self.by = by
        self.records: dict[_Key, list[ClientKeys]] = {}
        self._ranked: dict[_Key, list[Candidate]] = {}

    def add(self, key: _Key, client: ClientKeys) -> None:
        self.records.setdefault(key, []).append(client)

    def count(self, keys: Iterable[_Key]) -> int:
        return sum(len(self.records.get(key, ())) for key in keys)

    def ranked(self, keys: Iterable[_Key], taken: Set[str]) -> Iterator[Candidate]:
        """The clients under any of `keys`: free ones first, then by pk; once for each key."""
        known = (self._rank(key, taken) for key in keys if key in self.records)
        return heapq.merge(*known, key=_rank)

    def _rank(self, key: _Key, taken: Set[str]) -> list[Candidate]:
        """Sorted once for all customers that share the key, which also share the candidates."""
        if key not in self._ranked:
            self._ranked[key] = sorted(
                (
                    Candidate(client.pk, self.by, client.taken or client.pk in taken)
                    for client in self.records[key]
                ),
                key=_rank,
            )
        return self._ranked[key]


def _rank(candidate: Candidate) -> tuple[bool, str]:
    return candidate.taken, candidate.pk


class _Likeness:
    """Which clients are like a customer."""

    def __init__(self, clients: Iterable[ClientKeys]) -> None:
        self.by_both: _Index[_Pair] = _Index(BOTH)
        self.by_email: _Index[str] = _Index(EMAIL)
        self.by_name: _Index[str] = _Index(NAME)
        self._taken: set[str] = set()
        for client in clients:
            self.add(client)

    def add(self, client: ClientKeys) -> None:
        """One more. Not after a review that found a client under one of its keys."""
        for pair in _pairs(client):
            self.by_both.add(pair, client)
        for email in _emails(client):
            self.by_email.add(email, client)
        if client.name:
            self.by_name.add(client.name, client)

    def take(self, pks: Iterable[str]) -> None:
        """These were matched just now. To be called before the first review."""
        self._taken.update(pks)

    def review(self, customer: _Keys, refused: Set[str], limit: int) -> Review:
        """The first `limit` clients that are like this customer, but for the refused ones."""
        pairs, emails = _pairs(customer), _emails(customer)
        names = [customer.name]
        alike = chain(
            self.by_both.ranked(pairs, self._taken),
            self.by_email.ranked(emails, self._taken),
            self.by_name.ranked(names, self._taken),
        )
        first = list(islice(_distinct(alike, refused), limit + 1))
        if len(first) <= limit:
            return Review(tuple(first))
        alike_at_most = (
            self.by_email.count(emails) + self.by_name.count(names) - self.by_both.count(pairs)
        )
        return Review(tuple(first[:limit]), alike_at_most - limit)


def _distinct(candidates: Iterable[Candidate], without: Set[str]) -> Iterator[Candidate]:
    """Each client once, where it comes first."""
    seen = set(without)
    for candidate in candidates:
        if candidate.pk not in seen:
            seen.add(candidate.pk)
            yield candidate
