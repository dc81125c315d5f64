"""Who has the name that QuickBooks refused (U10): a case says so, and nothing else keeps it."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from typing import Any, get_args

from wagtail_qbo_sync.models import Connection, Customer, Outbox, Send
from wagtail_qbo_sync.qbo import query, writes
from wagtail_qbo_sync.qbo.api import CompanyApi
from wagtail_qbo_sync.qbo.faults import QboError

logger = logging.getLogger(__name__)

Holder = dict[str, Any]


def name_holders(
    send: Send, results: Mapping[str, Any], api: CompanyApi
) -> dict[str, dict[str, Holder]]:
    """bId -> {"name_holder": ...} for the items that were refused for their name.

    No call where the mirror knows. A holder that cannot be found out now is not named.
    """
    refused = [row for row in send.rows.all() if _is_name_taken(results.get(row.bid))]
    found = {}
    for row in refused:
        name = json.loads(row.body).get("DisplayName", "")
        if holder := mirrored(send.connection, name) or _asked(api, name):
            found[row.bid] = {"name_holder": holder}
    return found


def _is_name_taken(result: object) -> bool:
    return isinstance(result, writes.Refused) and result.error.code == writes.NAME_TAKEN


def mirrored(connection: Connection, name: str) -> Holder | None:
    """The customer that has this name, as far as the mirror knows."""
    namesakes = Customer.objects.filter(connection=connection, display_name__iexact=name)
    tops = namesakes.exclude(standing=Customer.Standing.SUB)
    customer = tops.order_by("pk").first()
    if customer is None:
        return None
    asleep = (Customer.Standing.INACTIVE, Customer.Standing.GONE)
    active = customer.standing not in asleep
    return _holder("Customer", customer.qbo_id, customer.display_name, active)


def _asked(api: CompanyApi, name: str) -> Holder | None:
    try:
        for entity in get_args(query.Entity):
            for holder in api.find_name(entity, name):
                return _holder(entity, holder.id, holder.display_name, holder.active)
    except QboError as error:  # what was answered before must be stored whatever happens here
        logger.warning("Who has a name was not found out: %s", error)
    return None


def _holder(entity: str, qbo_id: str, name: str, active: bool) -> Holder:
    return {"entity": entity, "id": qbo_id, "name": name, "active": active}


def refused_names(send: Send, results: Mapping[str, Any]) -> list[Outbox]:
    """The creations of a batch that were refused for their name."""
    rows = send.rows.filter(kind=Outbox.Kind.CREATE)
    return [row for row in rows if _is_name_taken(results.get(row.bid))]
