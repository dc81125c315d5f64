"""What Intuit tells us unasked: signed bodies in two formats, read into events. Pure.

Events are hints (rule 5): what they say is who changed, never how
(docs/quickbooks.md, webhooks).
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from wagtail_qbo_sync.qbo import envelopes, lens

MAX_BYTES: Final = 2 * 1024 * 1024
"""Intuit speaks of 100 events and 1 MB; nothing larger is read."""

_NUMBER = re.compile(r"[0-9]{1,30}", re.ASCII)
_NAME = re.compile(r"[A-Za-z]{1,60}", re.ASCII)
_TYPE = re.compile(r"qbo\.([a-z]{1,60})\.([a-z]{1,60})\.v[0-9]{1,3}", re.ASCII | re.IGNORECASE)
_OPERATIONS: Final = {
    "create": "created",
    "update": "updated",
    "delete": "deleted",
    "merge": "merged",
    "void": "voided",
}


class UnreadableWebhook(ValueError):
    """The body is in neither of Intuit's formats."""


@dataclass(frozen=True, slots=True)
class Event:
    """Something happened to a record. `entity` and `operation` in lower case: "customer",
    "created", "updated", "deleted", "merged", or whatever else Intuit says."""

    realm: str
    entity: str
    id: str
    operation: str
    at: datetime | None
    merged_id: str = ""
    """The one that was merged into `id` and is gone."""


@dataclass(frozen=True, slots=True)
class Notice:
    """One body: its events in their order, and how many were not understood."""

    events: tuple[Event, ...]
    odd: int


def is_signed(body: bytes, signature: object, tokens: Iterable[str]) -> bool:
    """Whether Intuit signed these very bytes, with any of the verifier tokens.

    False, never an error, for anything else; without a token nothing is signed.
    """
    given = signature.encode("ascii", "replace") if isinstance(signature, str) else b""
    matches = [hmac.compare_digest(_signature(body, token), given) for token in tokens if token]
    return any(matches)


def _signature(body: bytes, token: str) -> bytes:
    return base64.b64encode(hmac.new(token.encode(), body, hashlib.sha256).digest())


def parse(body: bytes) -> Notice:
    """The events in a body. Raises UnreadableWebhook, and nothing else."""
    document = envelopes.load_json(body)
    if isinstance(document, list):
        found = [_cloud_event(item) for item in document]
    elif isinstance(document, dict) and isinstance(document.get("eventNotifications"), list):
        found = list(_legacy(document["eventNotifications"]))
    else:
        raise UnreadableWebhook("Neither a list of events nor eventNotifications")
    events = tuple(event for event in found if event is not None)
    return Notice(events, len(found) - len(events))


def _cloud_event(item: Any) -> Event | None:
    row = _mapping(item)
    named = _TYPE.fullmatch(_text(row, "type"))
    if named is None:
        return None
    entity, operation = named.groups()
    merged_id = _text(_mapping(row.get("data")), "deletedid")
    realm, number = _text(row, "intuitaccountid"), _text(row, "intuitentityid")
    return _event(realm, entity, number, operation, _text(row, "time"), merged_id)


def _legacy(notifications: list[Any]) -> Iterator[Event | None]:
    for notification in map(_mapping, notifications):
        entities = _mapping(notification.get("dataChangeEvent")).get("entities")
        if not isinstance(entities, list):
            yield None
            continue
        realm = _text(notification, "realmId")
        for row in map(_mapping, entities):
            yield _event(
                realm,
                _text(row, "name"),
                _text(row, "id"),
                _text(row, "operation"),
                _text(row, "lastUpdated"),
                _text(row, "deletedId"),
            )


def _event(
    realm: str, entity: str, number: str, operation: str, at: str, merged_id: str
) -> Event | None:
    """None when it is not said whose record of which kind changed in which way."""
    is_named = _NAME.fullmatch(entity) and _NAME.fullmatch(operation)
    if not (is_named and _NUMBER.fullmatch(realm) and _NUMBER.fullmatch(number)):
        return None
    verb = operation.lower()
    gone = merged_id if _NUMBER.fullmatch(merged_id) else ""
    return Event(realm, entity.lower(), number, _OPERATIONS.get(verb, verb), _moment(at), gone)


def _moment(text: str) -> datetime | None:
    try:
        return lens.parse_time(text)
    except ValueError:
        return None


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _text(row: Mapping[str, Any], name: str) -> str:
    value = row.get(name)
    return value if isinstance(value, str) else ""
