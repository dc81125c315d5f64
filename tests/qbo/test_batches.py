"""Batches: exact bodies out, one result for each item back."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.qbo.conftest import FIRM, Connect, Door, failure
from tests.qbo.raw_server import RawServer, http
from wagtail_qbo_sync.qbo import writes
from wagtail_qbo_sync.qbo.api import BatchReply
from wagtail_qbo_sync.qbo.faults import Action
from wagtail_qbo_sync.qbo.writes import Refused, Sent
from wagtail_qbo_sync.testing.sandbox import SandboxProcess

TIME = '"time":"2026-05-05T02:05:12-07:00"'


def new(name: str) -> dict[str, Any]:
    return writes.new_customer({"DisplayName": name})


def names(box: SandboxProcess) -> list[str]:
    return [row["DisplayName"] for row in box.get(f"customers?realm={FIRM}")]


def actions(reply: BatchReply) -> dict[str, str]:
    return {
        bid: result.error.action if isinstance(result, Refused) else "sent"
        for bid, result in reply.results.items()
    }


# What is sent -----------------------------------------------------------------------------------


def test_the_exact_text() -> None:
    text = writes.batch(
        {"a": new("Ærø"), "b": writes.changed_customer("7", 3, {"CompanyName": "B"})}
    )
    assert json.loads(text) == {
        "BatchItemRequest": [
            {"bId": "a", "operation": "create", "Customer": {"DisplayName": "Ærø"}},
            {
                "bId": "b",
                "operation": "update",
                "Customer": {"CompanyName": "B", "Id": "7", "SyncToken": "3", "sparse": True},
            },
        ]
    }


def test_the_text_goes_out_as_it_is(door: Callable[..., Door]) -> None:
    text = writes.batch({"a": new("Ærø")})
    with RawServer(http(200, '{"BatchItemResponse":[],' + TIME + "}")) as server:
        door(server.url).batch(text, "id-1")
    head, _, body = server.requests[0].partition("\r\n\r\n")
    assert "/batch?minorversion=75&requestid=id-1 HTTP/1.1" in head
    assert body == text


@pytest.mark.parametrize(
    "bodies",
    [{}, {str(n): new("A") for n in range(31)}, {"x" * 11: {}}, {"": {}}],
)
def test_what_is_no_batch(bodies: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"batch|bId"):
        writes.batch(bodies)


def test_a_request_id_of_a_batch_is_shorter(door: Callable[..., Door]) -> None:
    with pytest.raises(ValueError, match="36"):
        door("http://127.0.0.1:9").batch(writes.batch({"a": new("A")}), "a" * 37)


# What comes back --------------------------------------------------------------------------------


def test_each_item_has_a_result_whatever_the_order(connect: Connect) -> None:
    api = connect()
    known = api.create({"DisplayName": "Known"}, "id-1").customer
    reply = api.batch(
        writes.batch(
            {
                "a": new("New"),
                "b": new("KNOWN"),
                "c": writes.changed_customer(known["Id"], 0, {"CompanyName": "Ltd"}),
                "d": writes.changed_customer(known["Id"], 0, {"CompanyName": "Inc"}),
                "e": writes.changed_customer("99999999", 0, {"CompanyName": "Inc"}),
            }
        ),
        "id-2",
    )
    assert list(reply.results) == ["a", "b", "c", "d", "e"]
    assert actions(reply) == {
        "a": "sent", "b": Action.CASE, "c": "sent", "d": Action.REREAD, "e": Action.CASE,
    }  # fmt: skip
    changed = reply.results["c"]
    assert isinstance(changed, Sent) and changed.customer["CompanyName"] == "Ltd"
    assert changed.customer["SyncToken"] == "1"
    refused = reply.results["b"]
    assert isinstance(refused, Refused)
    assert (refused.error.code, refused.error.status) == ("6240", 200)
    assert refused.error.intuit_tid == reply.intuit_tid != ""
    assert not refused.error.unknown_outcome
    assert api.budget.reserved == ["write", "batch"]


@pytest.mark.parametrize("reading", ["batch", "item"])
def test_the_same_batch_again_does_nothing_twice(
    connect: Connect, box: SandboxProcess, reading: str
) -> None:
    """Cut off after it took effect, and sent again as it was."""
    box.post("switches", {"batch_requestid": reading})
    api, text = connect(), writes.batch({"a": new("One"), "b": new("Two")})
    box.post("faults", {"kind": "cut", "path": "/batch", "when": "after"})
    error = failure(lambda: api.batch(text, "id-1"))
    assert error.unknown_outcome and error.action is Action.BACK_OFF
    assert actions(api.batch(text, "id-1")) == {"a": "sent", "b": "sent"}
    assert names(box).count("One") == names(box).count("Two") == 1


@pytest.mark.parametrize(
    ("kind", "action", "unknown"),
    [
        ({"kind": "stale"}, Action.REREAD, False),
        ({"kind": "lapsed"}, Action.BACK_OFF, False),
        ({"kind": "system_fault"}, Action.BACK_OFF, True),
        ({"kind": "fault", "code": "99999"}, Action.BUG, True),
    ],
)
@pytest.mark.parametrize("when", ["before", "after"])
def test_one_item_fails_and_the_rest_goes_on(
    connect: Connect, box: SandboxProcess, kind: Any, action: Action, unknown: bool, when: str
) -> None:
    """Whether it took effect before it failed does not show."""
    box.post("faults", {**kind, "item": "One", "when": when})
    reply = connect().batch(writes.batch({"a": new("One"), "b": new("Two")}), "id-1")
    assert actions(reply) == {"a": action, "b": "sent"}
    refused = reply.results["a"]
    assert isinstance(refused, Refused) and refused.error.unknown_outcome is unknown
    assert names(box).count("One") == (when == "after")


@pytest.mark.parametrize(
    "items",
    [
        "[]",
        '[{"bId":"a"}]',
        '[{"bId":"a","Customer":5}]',
        '[{"bId":5,"Customer":{}},{"Customer":{}},7,null]',
        '[{"bId":"other","Customer":{}}]',
    ],
)
def test_an_item_without_an_answer_may_have_been_done(
    door: Callable[..., Door], items: str
) -> None:
    with RawServer(http(200, '{"BatchItemResponse":' + items + "," + TIME + "}")) as server:
        reply = door(server.url).batch(writes.batch({"a": new("A")}), "id-1")
    [result] = reply.results.values()
    assert isinstance(result, Refused)
    assert (result.error.code, result.error.unknown_outcome) == ("shape", True)


@pytest.mark.parametrize("document", ["{}", '{"BatchItemResponse":{},' + TIME + "}"])
def test_no_answer_to_the_batch_leaves_all_unknown(
    door: Callable[..., Door], document: str
) -> None:
    with RawServer(http(200, document)) as server:
        error = failure(lambda: door(server.url).batch(writes.batch({"a": new("A")}), "id-1"))
    assert error.unknown_outcome


def test_a_throttled_item_reaches_the_budget(connect: Connect, box: SandboxProcess) -> None:
    api = connect()
    box.post("faults", {"kind": "throttle", "item": "One"})
    reply = api.batch(writes.batch({"a": new("One")}), "id-1")
    assert actions(reply) == {"a": Action.BACK_OFF}
    assert api.budget.waits == [60]
