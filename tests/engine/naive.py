"""The oracle: docs/explanation/matching.md, written down with no thought of speed."""

from __future__ import annotations

from collections.abc import Sequence, Set

from wagtail_qbo_sync.engine.match import (
    BOTH,
    EMAIL,
    NAME,
    Candidate,
    ClientKeys,
    CustomerKeys,
    Matches,
    Review,
)


def likeness(customer: CustomerKeys, client: ClientKeys) -> frozenset[str]:
    by_name = bool(customer.name) and customer.name == client.name
    by_email = any(email and email in client.emails for email in customer.emails)
    return frozenset((NAME if by_name else set()) | (EMAIL if by_email else set()))


def naive_match(
    customers: Sequence[CustomerKeys],
    clients: Sequence[ClientKeys],
    apart: Set[tuple[str, str]] = frozenset(),
    *,
    limit: int = 20,
) -> Matches:
    """Compare everybody with everybody. `more` is exact here."""
    sortable = [customer for customer in customers if customer.matchable]

    def leaf_occurs_twice(customer: CustomerKeys) -> bool:
        same_name = [other for other in customers if other.name == customer.name]
        return customer.is_sub and len(same_name) >= 2

    def waits(customer: CustomerKeys) -> bool:
        return customer.held or any(qbo_id == customer.qbo_id for qbo_id, _ in apart)

    def no_target(client: ClientKeys) -> bool:
        return client.taken or any(pk == client.pk for _, pk in apart)

    matched = {}
    for customer in sortable:
        k4_clients = [client for client in clients if likeness(customer, client) == BOTH]
        if len(k4_clients) != 1:
            continue
        client = k4_clients[0]
        k4_customers = [other for other in sortable if likeness(other, client) == BOTH]
        if len(k4_customers) != 1:
            continue
        if not (leaf_occurs_twice(customer) or waits(customer) or no_target(client)):
            matched[customer.qbo_id] = client.pk

    matches = Matches(matched=matched)
    for customer in sortable:
        if customer.qbo_id in matched:
            continue
        alike = [
            Candidate(client.pk, by, client.taken or client.pk in matched.values())
            for client in clients
            if (by := likeness(customer, client)) and (customer.qbo_id, client.pk) not in apart
        ]
        alike.sort(key=lambda one: ([BOTH, EMAIL, NAME].index(one.by), one.taken, one.pk))
        if alike:
            more = max(0, len(alike) - limit)
            matches.review[customer.qbo_id] = Review(tuple(alike[:limit]), more)
        elif waits(customer):
            matches.held.add(customer.qbo_id)
        else:
            matches.unmatched.append(customer.qbo_id)
    return matches
