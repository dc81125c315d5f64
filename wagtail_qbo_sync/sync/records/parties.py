"""Stored customers and the host's clients, as the engine takes them."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from wagtail_qbo_sync.contact import (
    DELETED_SUFFIX,
    Contact,
    content_digest,
    email_keys,
    fields_of,
    match_key,
    project,
)
from wagtail_qbo_sync.engine.match import ClientKeys
from wagtail_qbo_sync.engine.plan import Party
from wagtail_qbo_sync.host.adapter import ClientAdapter, ClientRecord
from wagtail_qbo_sync.models import Connection, Customer

TAKE_PART = frozenset({Customer.Standing.TOP, Customer.Standing.SUB})
"""Inactive customers and projects are never written from; a mapping of theirs sleeps (U8, U9)."""
MATCHABLE = {
    Connection.Hierarchy.TOP: frozenset({Customer.Standing.TOP}),
    Connection.Hierarchy.SUB: TAKE_PART,
}
"""U9: who is matched and created from; a pair that a person made stays whatever it says."""


def customer_digest(contact: Contact, adapter: ClientAdapter) -> str:
    """Digest of what a customer says of the fields that the host holds (rule 7)."""
    held = project(contact, adapter.paths)
    return content_digest(held.values(fields_of(adapter.paths)))


def client_digest(record: ClientRecord, adapter: ClientAdapter) -> str:
    """Digest of a client's synced fields and Contact Types: its footprint (rule 12)."""
    return content_digest(
        record.contact.values(fields_of(adapter.paths)), *sorted(record.contact_types)
    )


def contact_of(customer: Customer, adapter: ClientAdapter) -> Contact:
    """What the customer says, as far as the host holds it; its name without the mark of an
    inactive one, which is never copied and which a reactivation may leave there (U8)."""
    held = project(customer.contact, adapter.paths)
    return held.changed({"name": DELETED_SUFFIX.sub("", held.name)})


def customer_party(customer: Customer, adapter: ClientAdapter) -> Party:
    """The customer, as far as the host can hold it (rule 7)."""
    return Party(
        key=customer.qbo_id,
        label=customer.path,
        contact=contact_of(customer, adapter),
        digest=customer.record["digest"],
    )


def client_party(record: ClientRecord, adapter: ClientAdapter) -> Party:
    """The client."""
    return Party(record.pk, record.label, record.contact, client_digest(record, adapter))


def client_keys(adapter: ClientAdapter, taken: Collection[str]) -> Iterator[ClientKeys]:
    """What the matching rules see of every client."""
    for record in adapter.records():
        yield keys_of(record, taken=record.pk in taken)


def keys_of(record: ClientRecord, *, taken: bool = False) -> ClientKeys:
    """What the matching rules see of a client."""
    contact = record.contact
    return ClientKeys(record.pk, match_key(contact.name), email_keys(contact.email), taken)
