"""The two bodies in which Intuit tells of events (docs/quickbooks.md, "Webhooks")."""

from __future__ import annotations

import base64
import hmac
import json
import secrets
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from itertools import groupby

from .wire import Json

VERBS = {"Create": "created", "Update": "updated", "Delete": "deleted", "Merge": "merged"}


@dataclass(frozen=True)
class Event:
    """Something happened to a customer; `gone` is the one that was merged into it."""

    realm: str
    number: str
    operation: str
    at: float
    gone: str = ""


def body(events: Sequence[Event], form: str) -> bytes:
    document = _legacy(events) if form == "legacy" else [_cloud_event(each) for each in events]
    return json.dumps(document, separators=(",", ":")).encode()


def headers(body: bytes, token: str, form: str, now: float) -> dict[str, str]:
    """With the signature: HMAC-SHA256 of the very bytes, in base64."""
    signature = base64.b64encode(hmac.new(token.encode(), body, sha256).digest()).decode()
    kinds = {"legacy": "application/json", "cloudevents": "application/cloudevents+json"}
    return {
        "Content-Type": kinds[form],
        "User-Agent": "intuit_notification_server/0.1",
        "intuit-signature": signature,
        "intuit-created-time": _stamp(now),
        "intuit-t-id": str(uuid.uuid4()),
        "intuit-notification-schema-version": "0.1",
    }


def _legacy(events: Sequence[Event]) -> Json:
    """One notification for each run of events of a company."""
    return {
        "eventNotifications": [
            {"realmId": realm, "dataChangeEvent": {"entities": [_entity(each) for each in found]}}
            for realm, found in groupby(events, key=lambda each: each.realm)
        ]
    }


def _entity(event: Event) -> Json:
    merged = {"deletedId": event.gone} if event.gone else {}
    return {
        "name": "Customer",
        "id": event.number,
        "operation": event.operation,
        "lastUpdated": _stamp(event.at),
        **merged,
    }


def _cloud_event(event: Event) -> Json:
    return {
        "specversion": "1.0",
        "id": str(uuid.uuid4()),
        "source": "intuit.c2FuZGJveA==",
        "type": f"qbo.customer.{VERBS[event.operation]}.v1",
        "datacontenttype": "application/json",
        # Intuit writes nanoseconds.
        "time": _stamp(event.at).replace("Z", f"{secrets.randbelow(10**6):06}Z"),
        "intuitentityid": event.number,
        "intuitaccountid": event.realm,
        "data": {"deletedid": event.gone} if event.gone else {},
    }


def _stamp(epoch: float) -> str:
    moment = datetime.fromtimestamp(epoch, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
