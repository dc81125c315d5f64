"""Every row of the fault table, met over HTTP: at a call, in a batch, at the OAuth server."""

from __future__ import annotations

import json
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

import pytest

from tests.qbo.conftest import Connect, Door, failure
from wagtail_qbo_sync.qbo import writes
from wagtail_qbo_sync.qbo.fault_table import NO_CODE, TABLE, UNKNOWN, Action, Fault
from wagtail_qbo_sync.qbo.faults import QboError
from wagtail_qbo_sync.qbo.oauth import OAuthClient
from wagtail_qbo_sync.qbo.writes import Refused
from wagtail_qbo_sync.testing.sandbox import SandboxProcess

ROWS = {code: row for row in TABLE for code in row.codes}
NUMBERS = sorted((code for code in ROWS if code.isdigit()), key=int)
STATUSES = [row for row in (*TABLE, *NO_CODE) if not row.codes]
OAUTH = {
    "invalid_grant", "access_denied", "invalid_client", "unauthorized_client", "invalid_scope",
    "invalid_request", "unsupported_grant_type", "unsupported_response_type",
}  # fmt: skip
ANSWERS: dict[str, Any] = {
    "cut": {"kind": "cut"},
    "timeout": {"kind": "latency", "seconds": 1},
    "not_json": {"kind": "half_json"},
    "shape": {"kind": "respond", "status": 200, "body": '{"time":"2026-05-05T02:05:12-07:00"}'},
    "too_large": {"kind": "respond", "status": 200, "body": " " * 2000},
}
ELSEWHERE = {
    "unreachable": "test_transport: nobody listens",
    "certificate": "test_transport: a server with a certificate of its own",
    "address": "test_transport: never called",
    "discovery": "test_oauth: the discovery document",
    "token_answer": "test_oauth: half an answer",
    "encryption_keys": "sync: the stored token",
    "short": "sync: fewer rows than were counted",
    "malformed": "sync: one customer that cannot be read",
}
"""What does not come as the answer to one call."""


def write(api: Door) -> QboError:
    return failure(lambda: api.create({"DisplayName": "Whoever"}, "id-1"))


def item(api: Door) -> QboError:
    reply = api.batch(
        writes.batch({"a": {"DisplayName": "Whoever"}, "b": {"DisplayName": "X"}}), "b"
    )
    refused, sent = reply.results["a"], reply.results["b"]
    assert isinstance(refused, Refused) and isinstance(sent, writes.Sent)
    return refused.error


def meets(error: QboError, row: Fault) -> None:
    assert error.fault == row
    assert error.unknown_outcome is row.unknown_outcome
    assert (error.retry_after is not None) is (row.action is Action.BACK_OFF)


def test_no_row_is_left_out() -> None:
    driven = {*NUMBERS, *OAUTH, *ANSWERS, *ELSEWHERE}
    assert driven == set(ROWS)
    assert len(STATUSES) == 5


@pytest.mark.parametrize("where", [write, item])
@pytest.mark.parametrize("code", [*NUMBERS, "99999"])
def test_a_code(
    connect: Connect, box: SandboxProcess, code: str, where: Callable[[Door], QboError]
) -> None:
    api = connect()
    rule = {"kind": "fault", "code": code, "path": "/v3/"}
    box.post("faults", rule | ({"item": "Whoever"} if where is item else {}))
    meets(where(api), ROWS.get(code, UNKNOWN))


@pytest.mark.parametrize("row", STATUSES, ids=lambda row: row.section)
def test_a_status(connect: Connect, box: SandboxProcess, row: Fault) -> None:
    api = connect()
    for status in sorted({*row.statuses} & {*HTTPStatus})[:3]:
        rule = {"kind": "respond", "status": status, "body": "<html>", "path": "/v3/", "count": 2}
        box.post("faults", rule)
        error = write(api)
        box.delete("faults")
        if status == 401:  # a newer token did not help: that is said of the token
            assert error.action is row.action is Action.RECONNECT
        else:
            meets(error, row)


@pytest.mark.parametrize("word", ANSWERS)
def test_what_happens_on_the_way(connect: Connect, box: SandboxProcess, word: str) -> None:
    api = connect()
    api.session.read_seconds, api.session.max_bytes = 0.2, 1500
    box.post("faults", {**ANSWERS[word], "path": "/customer", "when": "after"})
    error = write(api)
    assert error.code == word
    meets(error, ROWS[word])


@pytest.mark.parametrize("word", sorted(OAUTH))
def test_a_refusal_of_the_oauth_server(box: SandboxProcess, oauth: OAuthClient, word: str) -> None:
    body = json.dumps({"error": word})
    box.post("faults", {"kind": "respond", "status": 400, "body": body, "path": "/tokens/bearer"})
    error = failure(lambda: oauth.refresh("whatever-token"))
    assert error.code == word
    meets(error, ROWS[word])
