"""What is known of a person who is to be erased, by which the rows of others are told that hold
something of them (U17)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from wagtail_qbo_sync.contact import normalised, split_emails
from wagtail_qbo_sync.host.adapter import get_adapter
from wagtail_qbo_sync.models import Change, Connection, Customer, Decision, Mapping, Step

Kind = Decision.Kind
WRITTEN = ("values", "to_qbo")
"""Of a step's data: {field: [before, after]}."""
WORD = re.compile(r"[^\W_]+")


@dataclass(frozen=True, slots=True)
class Imprint:
    """One customer of one company."""

    mapped: frozenset[str]
    """The client that it is mapped to now."""
    clients: frozenset[str]
    """Those that it is or was mapped to, and that are nobody else's by now."""
    former: frozenset[str]
    """Those that it was mapped to, and that are another customer's by now."""
    names: frozenset[str]
    emails: frozenset[str]
    texts: frozenset[str]
    """All that its own rows say of it."""

    def is_named(self, text: str) -> bool:
        """Whether a name has all words of one of its names, in any order; of a name of one word,
        no other."""
        said = words(text)
        return any(
            name == said or (len(name) > 1 and name <= said) for name in map(words, self.names)
        )

    def is_in_file_name(self, text: str) -> bool:
        """Whether the words of one of its names stand in it, or an address."""
        said = words(text)
        return any(known <= said for known in map(words, self.names | self.emails))

    def holds(self, data: Any) -> bool:
        """Whether one of its texts is in there."""
        return not self.texts.isdisjoint(map(normalised, leaves(data)))


def words(text: str) -> frozenset[str]:
    """As they are compared: without capitals, signs and order."""
    return frozenset(WORD.findall(normalised(text)))


def leaves(data: Any) -> Iterator[str]:
    """All texts in JSON."""
    if isinstance(data, str):
        yield data
    elif isinstance(data, dict | list):
        for one in data.values() if isinstance(data, dict) else data:
            yield from leaves(one)


def imprint(connection: Connection, customer: Customer | None, qbo_id: str) -> Imprint:
    """From the mirror, the journal, decisions, and what the clients say that are its own."""
    about = {"connection": connection, "qbo_id": qbo_id}
    mappings: list[Mapping] = list(Mapping.objects.filter(**about))
    decisions: list[Decision] = list(Decision.objects.filter(**about))
    changes: list[Change] = list(Change.objects.filter(**about))
    steps: list[Step] = list(Step.objects.filter(run__connection=connection, qbo_id=qbo_id))
    mapped = {one.client_pk for one in mappings}
    ended = [one for one in steps if one.state == Step.State.DONE]
    known = mapped | {one.client_pk for one in changes} | {one.client_pk for one in ended}
    known |= {one.client_pk for one in decisions if one.kind == Kind.REMOVED_MATCH}
    others = Mapping.objects.filter(connection=connection, client_pk__in=known)
    former = frozenset(others.exclude(qbo_id=qbo_id).values_list("client_pk", flat=True))
    clients = frozenset(filter(None, known)) - former
    written = [one.values for one in changes]
    written += [one.data.get(key, {}) for one in steps for key in WRITTEN]
    held = [one.contact.to_json() for one in get_adapter().records(clients)]
    labels = {one.label for one in get_adapter().records(clients)}
    if customer is not None:
        held.append(customer.contact.to_json())
        labels |= {customer.display_name, customer.path}
    said = [*held, *written]
    names = labels.union(*(leaves(one.get("name")) for one in said))
    bases = [one.base for one in mappings] + [one.facts.get("base", {}) for one in decisions]
    agreed = [one.get(side, {}) for one in bases for side in ("site", "qbo")]
    texts = map(normalised, (*leaves([said, agreed]), *names))
    return Imprint(
        frozenset(mapped),
        clients,
        former,
        frozenset(name for name in names if words(name)),
        frozenset(_addresses(leaves([one.get("email") for one in said]))),
        frozenset(filter(None, texts)),
    )


def _addresses(texts: Iterable[str]) -> Iterator[str]:
    for text in texts:
        yield from split_emails(normalised(text))
