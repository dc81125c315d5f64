"""What mapping a customer to a client would write, before anybody decides. Reads only."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from wagtail_qbo_sync.host.adapter import ClientAdapter, ClientRecord, get_adapter
from wagtail_qbo_sync.models import Customer
from wagtail_qbo_sync.sync.records.by_hand import link_step
from wagtail_qbo_sync.sync.records.client_status import mapped_elsewhere
from wagtail_qbo_sync.sync.records.parties import client_party


def previews(
    customer: Customer, records: Iterable[ClientRecord], adapter: ClientAdapter
) -> dict[str, dict[str, Any]]:
    """Client pk -> data of the step that `mapping.map_customer` would make (C13)."""
    found = {record.pk: record for record in records}
    elsewhere = mapped_elsewhere(customer.connection_id, found)
    return {
        pk: link_step(
            customer, client_party(record, adapter), adapter, elsewhere=pk in elsewhere
        ).data
        for pk, record in found.items()
    }


def previews_of(client: ClientRecord, customers: Sequence[Customer]) -> dict[str, dict[str, Any]]:
    """The same for one client and several customers of one company: by qbo_id."""
    adapter = get_adapter()
    party = client_party(client, adapter)
    elsewhere = {
        company: bool(mapped_elsewhere(company, [client.pk]))
        for company in {customer.connection_id for customer in customers}
    }
    return {
        customer.qbo_id: link_step(
            customer, party, adapter, elsewhere=elsewhere[customer.connection_id]
        ).data
        for customer in customers
    }
