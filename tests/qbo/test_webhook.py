"""Webhook bodies: both formats, and nothing that breaks the reader."""

from __future__ import annotations

import json
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.qbo.conftest import FIRM
from tests.qbo.test_client import signed
from wagtail_qbo_sync.qbo.webhook import Event, UnreadableWebhook, is_signed, parse
from wagtail_qbo_sync.testing.sandbox import SandboxProcess

SAMPLES = Path(__file__).parents[3] / "shared" / "qbo" / "samples" / "webhooks"
AT = datetime(2026, 3, 17, 16, 19, 17, tzinfo=UTC)
CLOUD: dict[str, Any] = {
    "specversion": "1.0",
    "id": "88cd52aa",
    "source": "intuit.x",
    "type": "qbo.customer.updated.v1",
    "time": "2026-03-17T16:19:17Z",
    "intuitentityid": "150",
    "intuitaccountid": "9341455",
}
LEGACY: dict[str, Any] = {
    "name": "Customer",
    "id": "150",
    "operation": "Update",
    "lastUpdated": "2026-03-17T16:19:17.000Z",
}
UPDATED = Event("9341455", "customer", "150", "updated", AT)


def cloud(**values: Any) -> bytes:
    return json.dumps([{**CLOUD, **values}]).encode()


def legacy(**values: Any) -> bytes:
    entities = {"entities": [{**LEGACY, **values}]}
    notification = {"realmId": "9341455", "dataChangeEvent": entities}
    return json.dumps({"eventNotifications": [notification]}).encode()


@pytest.mark.parametrize("body", [cloud(), legacy()])
def test_both_formats_say_the_same(body: bytes) -> None:
    assert parse(body).events == (UPDATED,)


@pytest.mark.parametrize(
    ("body", "operation"),
    [
        (cloud(type="qbo.customer.created.v1"), "created"),
        (cloud(type="QBO.Customer.Deleted.v2"), "deleted"),
        (cloud(type="qbo.customer.void.v1"), "voided"),
        (cloud(type="qbo.customer.dreamt.v1"), "dreamt"),
        (legacy(operation="Create"), "created"),
        (legacy(operation="Delete"), "deleted"),
        (legacy(operation="Void"), "voided"),
        (legacy(operation="Emailed"), "emailed"),
    ],
)
def test_operations(body: bytes, operation: str) -> None:
    [event] = parse(body).events
    assert event.operation == operation


@pytest.mark.parametrize(
    "body",
    [
        cloud(type="qbo.customer.merged.v1", data={"deletedid": "27"}),
        legacy(operation="Merge", deletedId="27"),
    ],
)
def test_a_merge_names_both(body: bytes) -> None:
    [event] = parse(body).events
    assert (event.operation, event.id, event.merged_id) == ("merged", "150", "27")


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("2026-03-17T16:19:17.034359333Z", AT.replace(microsecond=34359)),
        ("2026-03-17T09:19:17-0700", AT),
        ("2026-03-17T09:19:17-07:00", AT),
        ("2026-03-17T16:19:17", None),
        ("soon", None),
        (None, None),
    ],
)
def test_times_as_they_have_been_seen(text: Any, at: datetime | None) -> None:
    for body in (cloud(time=text), legacy(lastUpdated=text)):
        assert parse(body).events[0].at == at


def test_other_records_and_other_companies_are_events_too() -> None:
    body = json.dumps([CLOUD, {**CLOUD, "type": "qbo.invoice.created.v1", "intuitaccountid": "1"}])
    first, second = parse(body.encode()).events
    assert (first.realm, second.realm, second.entity) == ("9341455", "1", "invoice")


@pytest.mark.parametrize(
    "values",
    [
        {"type": "qbo.customer.v1"},
        {"type": "com.example.hat"},
        {"type": 5},
        {"intuitaccountid": "firm"},
        {"intuitaccountid": 9341455},
        {"intuitentityid": ""},
        {"intuitentityid": "٣"},
        {"intuitentityid": "1" * 31},
    ],
)
def test_an_event_that_is_not_understood_is_counted(values: dict[str, Any]) -> None:
    body = json.dumps([{**CLOUD, **values}, CLOUD, "text", None]).encode()
    notice = parse(body)
    assert (notice.events, notice.odd) == ((UPDATED,), 3)


@pytest.mark.parametrize(
    "notification", [5, {}, {"realmId": "1"}, {"realmId": "1", "dataChangeEvent": {"entities": {}}}]
)
def test_a_notification_that_is_not_understood_is_counted(notification: Any) -> None:
    notice = parse(json.dumps({"eventNotifications": [notification]}).encode())
    assert (notice.events, notice.odd) == ((), 1)


def test_nobody_changed() -> None:
    assert parse(b"[]") == parse(b'{"eventNotifications":[]}')
    assert parse(b"[]").odd == 0


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b"null",
        b"5",
        b'"text"',
        b"[" * 200_000,
        b'{"a":' * 100_000,
        b"\xff\xfe[]",
        b"[{",
        b'{"eventNotifications":{}}',
        b'{"fault":{}}',
    ],
)
def test_what_is_no_notice(body: bytes) -> None:
    with pytest.raises(UnreadableWebhook):
        parse(body)


@given(st.binary(max_size=200))
def test_no_bytes_break_the_reader(body: bytes) -> None:
    with suppress(UnreadableWebhook):
        parse(body)


VALUES = st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.floats()
ROWS = st.fixed_dictionaries(
    {},
    optional={key: VALUES | st.just(value) for key, value in {**CLOUD, **LEGACY}.items()}
    | {"data": VALUES | st.dictionaries(st.just("deletedid"), VALUES)},
)


@given(st.lists(ROWS | VALUES, max_size=4))
def test_no_document_breaks_the_reader(rows: list[Any]) -> None:
    nested = [{"realmId": "1", "dataChangeEvent": {"entities": rows}}, *rows]
    for document in (rows, {"eventNotifications": nested}):
        notice = parse(json.dumps(document).encode())
        assert all(event.realm.isdigit() and event.id.isdigit() for event in notice.events)


# Signatures -------------------------------------------------------------------------------------


def test_any_of_the_tokens_may_have_signed() -> None:
    body = b"[]"
    assert is_signed(body, signed(body, "new"), ["new", "old"])
    assert is_signed(body, signed(body, "old"), ["new", "old"])
    assert not is_signed(body, signed(body, "other"), ["new", "old"])


@pytest.mark.parametrize("tokens", [[], [""], ["", ""]])
def test_without_a_token_nothing_is_signed(tokens: list[str]) -> None:
    assert not is_signed(b"[]", signed(b"[]", ""), tokens)


@pytest.mark.skipif(not SAMPLES.is_dir(), reason="the recordings are not here")
def test_intuits_own_example() -> None:
    text = (SAMPLES / "HMAC_TEST_VECTOR.md").read_text()
    [token] = [line.split()[3] for line in text.splitlines() if line.startswith("verifier token")]
    [signature] = [line.split()[1] for line in text.splitlines() if line.startswith("intuit-sig")]
    body = (SAMPLES / "legacy_customer_create.exact_bytes.json").read_bytes()
    assert is_signed(body, signature, [token])
    [event] = parse(body).events
    assert (event.realm, event.entity, event.operation) == ("1185883450", "customer", "created")


@pytest.mark.skipif(not SAMPLES.is_dir(), reason="the recordings are not here")
@pytest.mark.parametrize("path", sorted(SAMPLES.glob("*.json")), ids=lambda path: path.stem)
def test_every_recorded_body_is_understood(path: Path) -> None:
    notice = parse(path.read_bytes())
    assert notice.events and notice.odd == 0
    assert all(event.at for event in notice.events)


@pytest.mark.parametrize("form", ["legacy", "cloudevents"])
def test_what_the_sandbox_sends(sandbox: SandboxProcess, form: str) -> None:
    sandbox.post("reset")
    sandbox.post("switches", {"webhook_hold": True, "webhook_format": form})
    for realm in ("firm", "client"):
        sandbox.post("customer", {"realm": realm, "values": {"DisplayName": "Q"}})
    sandbox.post("merge", {"realm": "firm", "stays": "1", "goes": "4"})
    sent = sandbox.post("webhooks/take")
    body = sent["body"].encode()
    assert is_signed(body, sent["headers"]["intuit-signature"], ["sandbox-verifier"])
    notice = parse(body)
    assert notice.odd == 0
    assert {event.operation for event in notice.events} >= {"created", "merged"}
    assert (notice.events[-1].realm, notice.events[-1].merged_id) == (FIRM, "4")
