"""What is sent to QuickBooks, to the byte, and what a batch answers. Pure.

A write is stored before it is sent and sent again as it was (rule 16): so bodies are made
here, and `CompanyApi.batch` takes them as texts.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from wagtail_qbo_sync.qbo import faults
from wagtail_qbo_sync.qbo.faults import QboError
from wagtail_qbo_sync.qbo.limits import BATCH_ITEMS

Json = dict[str, Any]

NAME_TAKEN = "6240"
"""Intuit's code for a name that another customer, vendor or employee has."""

_ID = re.compile(r"[0-9]{1,20}", re.ASCII)
_BID = re.compile(r"[A-Za-z0-9-]{1,10}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Sent:
    """Done: the whole customer as it is now, which becomes the base."""

    customer: Json


@dataclass(frozen=True, slots=True)
class Refused:
    """Not done, or not known (`error.unknown_outcome`)."""

    error: QboError


Result = Sent | Refused


def is_id(value: object) -> bool:
    """Whether that can be an id of QuickBooks."""
    return isinstance(value, str) and _ID.fullmatch(value) is not None


def checked_id(qbo_id: str) -> str:
    """The id. Raises ValueError for what cannot be one."""
    if not is_id(qbo_id):
        raise ValueError(f"{qbo_id!r:.60} is no id of QuickBooks")
    return qbo_id


def new_customer(values: Mapping[str, Any]) -> Json:
    """The body that makes a customer of what `lens.put` gave. Raises ValueError."""
    if "Id" in values:
        raise ValueError("A body with an Id is no new customer")
    return dict(values)


def changed_customer(qbo_id: str, sync_token: int, values: Mapping[str, Any]) -> Json:
    """The body that changes these properties and no other.

    `sync_token`: that of the snapshot which `values` were computed from (rule 8).
    """
    head = {"Id": checked_id(qbo_id), "SyncToken": str(sync_token), "sparse": True}
    return {**values, **head}


def activity(qbo_id: str, sync_token: int, active: bool, name: str) -> Json:
    """The body that makes a customer inactive, or active again.

    Then with its name: QuickBooks gave the inactive one a mark, which nobody else takes off.
    """
    values = {"Active": True, "DisplayName": name} if active else {"Active": False}
    return changed_customer(qbo_id, sync_token, values)


def is_activity(body: Mapping[str, Any]) -> bool:
    """Whether a body is such a one, and says nothing else."""
    said = {name for name in body if name not in ("Id", "SyncToken", "sparse")}
    active = body.get("Active")
    named = {"Active", "DisplayName"} if active is True else {"Active"}
    return "Id" in body and isinstance(active, bool) and said == named


def batch(bodies: Mapping[str, Json]) -> str:
    """A batch of up to 30 bodies, each under its bId. Raises ValueError."""
    if not 1 <= len(bodies) <= BATCH_ITEMS:
        raise ValueError(f"A batch holds 1 to {BATCH_ITEMS} items, not {len(bodies)}")
    if wrong := [bid for bid in bodies if not _BID.fullmatch(bid)]:
        raise ValueError(f"{wrong[0]!r:.60} is no bId: 1 to 10 letters and digits")
    items = [
        {"bId": bid, "operation": "update" if "Id" in body else "create", "Customer": body}
        for bid, body in bodies.items()
    ]
    return json.dumps({"BatchItemRequest": items})


def results(sent: str, answer: Mapping[str, Any], intuit_tid: str) -> dict[str, Result]:
    """What became of each item of the batch `sent`, by bId.

    Answers come in any order. An item without one, or with an odd one, may have been done.
    """
    bids = [item["bId"] for item in json.loads(sent)["BatchItemRequest"]]
    found = dict(_answers(answer, intuit_tid))
    return {bid: found.get(bid) or _unknown(intuit_tid) for bid in bids}


def _answers(answer: Mapping[str, Any], intuit_tid: str) -> Iterator[tuple[str, Result]]:
    items = answer.get("BatchItemResponse")
    for item in items if isinstance(items, list) else []:
        if isinstance(item, dict) and isinstance(item.get("bId"), str):
            yield item["bId"], _result(item, intuit_tid)


def _result(item: Mapping[str, Any], intuit_tid: str) -> Result:
    error = faults.inside(item, {"intuit_tid": intuit_tid}, write=True)
    if error is not None:
        return Refused(error)
    customer = item.get("Customer")
    return Sent(customer) if isinstance(customer, dict) else _unknown(intuit_tid)


def _unknown(intuit_tid: str) -> Refused:
    message = "No answer to this item"
    error = QboError.of("shape", status=200, write=True, intuit_tid=intuit_tid, message=message)
    return Refused(error)
