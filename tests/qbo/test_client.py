"""python-quickbooks as it is, on top of our gate: none of its weaknesses comes through."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import warnings
from collections.abc import Callable

import pytest
from quickbooks.batch import batch_create
from quickbooks.client import QuickBooks
from quickbooks.objects.customer import Customer

from tests.qbo.conftest import REALM, TOKEN, Door, Tokens
from tests.qbo.raw_server import RawServer, cut, http
from wagtail_qbo_sync.qbo import client, writes
from wagtail_qbo_sync.qbo.faults import Action, QboError

MakeDoor = Callable[..., Door]

COUNT = '{"QueryResponse":{"totalCount":41},"time":"2020-09-29T06:03:53.438-07:00"}'
CUSTOMER = (
    '{"Customer":{"Id":"7","SyncToken":"4","DisplayName":"A"},"time":"2026-05-05T02:05:12-07:00"}'
)
EXPIRED = (
    '{"fault":{"error":[{"message":"message=AuthenticationFailed; errorCode=003200; '
    'statusCode=401","detail":"Token expired: AB01601390262kxzxO","code":"3200"}]}}'
)
WRONG_CLUSTER = '<IntuitResponse><Fault><Error code="130"/></Fault></IntuitResponse>'


def nobody(door: MakeDoor) -> Door:
    """A door to where nobody listens: what raises ValueError never called."""
    return door("http://127.0.0.1:9")


# Making one -----------------------------------------------------------------------------------


def test_making_one_neither_calls_nor_warns(door: MakeDoor) -> None:
    with RawServer(http(500)) as server, warnings.catch_warnings():
        warnings.simplefilter("error")
        api = door(server.url)
    assert server.requests == [] and isinstance(api, QuickBooks)


def test_two_companies_never_share_a_client(
    door: MakeDoor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(QuickBooks, "_QuickBooks__use_global", True)
    one, two = door("http://127.0.0.1:9"), door("http://127.0.0.1:9", realm="77")
    assert one is not two and (one.company_id, two.company_id) == (REALM, "77")


@pytest.mark.parametrize("base", ["http://127.0.0.1:9", "http://127.0.0.1:9/"])
def test_the_address_is_the_given_one(door: MakeDoor, base: str) -> None:
    assert door(base).api_url == "http://127.0.0.1:9/v3"


@pytest.mark.parametrize("realm", ["", "12/34", "٣", "12?", "abc"])
def test_a_realm_is_a_number(door: MakeDoor, realm: str) -> None:
    with pytest.raises(ValueError, match="realm"):
        door("http://127.0.0.1:9", realm=realm)


def test_what_is_sent(door: MakeDoor) -> None:
    with RawServer(http(200, CUSTOMER)) as server:
        door(server.url).create({"DisplayName": "Ærø & Søn"}, "id-1")
    head, _, body = server.requests[0].partition("\r\n\r\n")
    assert head.startswith(
        f"POST /v3/company/{REALM}/customer?minorversion=75&requestid=id-1 HTTP/1.1\r\n"
    )
    assert "\r\nAccept: application/json\r\n" in head
    assert "\r\nContent-Type: application/json\r\n" in head
    assert f"\r\nAuthorization: Bearer {TOKEN}" in head
    assert json.loads(body) == {"DisplayName": "Ærø & Søn"}


# Only what may be written is written ------------------------------------------------------------


def test_the_librarys_own_save_is_refused(door: MakeDoor) -> None:
    customer = Customer()
    customer.DisplayName = "A"
    with pytest.raises(ValueError, match="request id"):
        customer.save(qb=nobody(door))
    with pytest.raises(ValueError, match=r"Not a body of lens\.put"):  # it would blank fields
        customer.save(qb=nobody(door), request_id="id-1")


def test_the_librarys_own_batch_is_refused(door: MakeDoor) -> None:
    customer = Customer()
    customer.DisplayName = "A"
    with pytest.raises(ValueError, match="request id"):
        batch_create([customer], qb=nobody(door))


@pytest.mark.parametrize("request_id", ["", None, "a" * 51, "a b", "a&b=c", "ø"])
def test_a_write_without_a_sound_request_id_is_refused(door: MakeDoor, request_id: str) -> None:
    with pytest.raises(ValueError, match="request id"):
        nobody(door).create({"DisplayName": "A"}, request_id)


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("customer", '{"DisplayName":"A","Notes":""}'),
        ("customer", '{"DisplayName":"A","Active":true}'),
        ("customer", '{"Id":"7","SyncToken":"1","sparse":true,"Active":false,"DisplayName":"A"}'),
        ("customer", '{"Id":"7","SyncToken":"1","sparse":true,"Active":true}'),
        ("customer", '{"Id":"7","SyncToken":"1","Active":false}'),
        ("customer", '{"Id":"7","SyncToken":"1","DisplayName":"A"}'),
        ("customer", '{"Id":"7","SyncToken":"1","sparse":false,"DisplayName":"A"}'),
        ("customer", '{"Id":"7","sparse":true,"DisplayName":"A"}'),
        ("customer", "[]"),
        ("customer", "{}"),
        ("customer", '{"Id":"7","SyncToken":"1","sparse":true}'),
        ("customer", "half {"),
        ("customer", None),
        ("invoice", '{"DisplayName":"A"}'),
        ("batch", '{"BatchItemRequest":[{"bId":"1","Invoice":{}}]}'),
        ("batch", '{"BatchItemRequest":[{"bId":"1","Customer":{"Notes":""}}]}'),
        ("batch", "{}"),
    ],
)
def test_nothing_but_sparse_bodies_of_customers_is_written(
    door: MakeDoor, path: str, body: str | None
) -> None:
    api = nobody(door)
    with pytest.raises(ValueError, match=r"customers|lens|sparse"):
        api.make_request("POST", f"{api.api_url}/company/{REALM}/{path}", body, request_id="id-1")


def test_sound_batches_pass(door: MakeDoor) -> None:
    url = "http://127.0.0.1:9/v3/company/1/batch"
    items = [
        {"bId": "1", "operation": "create", "Customer": {"DisplayName": "A"}},
        {"bId": "2", "Query": "select * from Customer"},
        {"bId": "3", "operation": "update", "Customer": writes.activity("7", 1, False, "A")},
        {"bId": "4", "operation": "update", "Customer": writes.activity("7", 1, True, "A")},
    ]
    client.check_write(url, json.dumps({"BatchItemRequest": items}))


def test_files_are_not_sent(door: MakeDoor) -> None:
    with pytest.raises(ValueError, match="Files"):
        nobody(door).create_object("Customer", "{}", _file_path="/etc/passwd", request_id="id-1")


def test_the_token_goes_to_the_company_only(door: MakeDoor) -> None:
    api = nobody(door)
    for call in (
        api.get_current_user,
        lambda: api.get("http://127.0.0.1:9/v3/company/77/customer/1"),
        lambda: api.get("http://127.0.0.1:9.example.com/v3/company"),
    ):
        with pytest.raises(ValueError, match="Only addresses of this company"):
            call()


# Faults -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "fault",
    [
        {"Error": [{"Message": "m", "code": "notanumber"}]},
        {"Error": [{"Message": "m"}]},
        {"Error": [{"code": "610"}]},
        {"Error": []},
        {},
    ],
)
def test_faults_on_which_the_library_stumbles(door: MakeDoor, fault: dict) -> None:
    api = nobody(door)
    with pytest.raises(QboError):
        api.handle_exceptions(fault)
    with RawServer(http(400, json.dumps({"Fault": fault}))) as server, pytest.raises(QboError):
        door(server.url).get_single_object("Customer", "1")


def test_the_librarys_reports_and_downloads_fail_as_ours_do(door: MakeDoor) -> None:
    with RawServer(http(503, "<html>"), http(200, "%PDF")) as server:
        api = door(server.url)
        with pytest.raises(QboError) as caught:
            api.download_pdf("invoice", "1")
        assert caught.value.action is Action.BACK_OFF
        assert api.download_pdf("invoice", "1") == b"%PDF"


# Tokens -----------------------------------------------------------------------------------------


def test_a_401_is_tried_once_with_a_newer_token(door: MakeDoor) -> None:
    tokens = Tokens("old-token", "new-token")
    with RawServer(http(401, EXPIRED), http(200, COUNT)) as server:
        api = door(server.url, tokens)
        assert api.count_customers() == 41
    assert tokens.rejections == ["old-token"]
    assert "Bearer old-token" in server.requests[0] and "Bearer new-token" in server.requests[1]
    assert [status for _, status, _ in api.calls] == [401, 200]


def test_a_second_401_is_for_a_person(door: MakeDoor) -> None:
    tokens = Tokens("a", "b", "c")
    with RawServer(http(401, EXPIRED)) as server:
        with pytest.raises(QboError) as caught:
            door(server.url, tokens).count_customers()
        assert len(server.requests) == 2
    assert caught.value.action is Action.RECONNECT and tokens.rejections == ["a"]


def test_a_401_without_a_body_is_about_the_token_too(door: MakeDoor) -> None:
    tokens = Tokens("old-token", "new-token")
    with RawServer(http(401), http(200, COUNT)) as server:
        assert door(server.url, tokens).count_customers() == 41


def test_the_wrong_environment_is_not_helped_by_a_newer_token(door: MakeDoor) -> None:
    tokens = Tokens("a", "b")
    with RawServer(http(401, WRONG_CLUSTER)) as server, pytest.raises(QboError) as caught:
        door(server.url, tokens).count_customers()
    assert caught.value.action is Action.OPERATOR and tokens.rejections == []


def test_a_write_is_sent_again_after_a_401_with_the_same_request_id(door: MakeDoor) -> None:
    with RawServer(http(401, EXPIRED), http(200, CUSTOMER)) as server:
        door(server.url, Tokens("a", "b")).create({"DisplayName": "A"}, "id-1")
    assert ["requestid=id-1" in request for request in server.requests] == [True, True]
    assert (
        server.requests[0].partition("\r\n\r\n")[2] == server.requests[1].partition("\r\n\r\n")[2]
    )


# Broken connections -----------------------------------------------------------------------------


def test_a_read_whose_connection_breaks_is_sent_once_more(door: MakeDoor) -> None:
    with RawServer(cut, http(200, COUNT)) as server:
        api = door(server.url)
        assert api.count_customers() == 41
    assert api.budget.reserved == ["read", "read"]
    assert [status for _, status, _ in api.calls] == [None, 200]


def test_and_only_once(door: MakeDoor) -> None:
    with RawServer(cut) as server:
        with pytest.raises(QboError) as caught:
            door(server.url).count_customers()
        assert len(server.requests) == 2
    assert not caught.value.unknown_outcome  # nothing is ever changed by a read


@pytest.mark.parametrize("status", [200, 503])
def test_the_outcome_of_a_read_is_never_unknown(door: MakeDoor, status: int) -> None:
    with RawServer(http(status, "<html>")) as server, pytest.raises(QboError) as caught:
        door(server.url).count_customers()
    assert not caught.value.unknown_outcome


def test_a_write_is_not_and_its_outcome_is_unknown(door: MakeDoor) -> None:
    with RawServer(cut) as server:
        with pytest.raises(QboError) as caught:
            door(server.url).create({"DisplayName": "A"}, "id-1")
        assert len(server.requests) == 1
    assert caught.value.unknown_outcome and caught.value.action is Action.BACK_OFF


@pytest.mark.parametrize(
    ("status", "body", "unknown"),
    [
        (503, "<html>", True),
        (200, "<html>", True),
        (200, '{"time":"2026-05-05T02:05:12-07:00"}', True),
        (200, '{"Customer":{"Id":"7"}}', True),
        (200, '{"Customer":{"Id":"7"},"time":"soon"}', True),
        (400, '{"Fault":{"Error":[{"code":"6240"}]}}', False),
        (429, "", False),
    ],
)
def test_whether_a_write_may_have_been_done(
    door: MakeDoor, status: int, body: str, unknown: bool
) -> None:
    with RawServer(http(status, body)) as server, pytest.raises(QboError) as caught:
        door(server.url).create({"DisplayName": "A"}, "id-1")
    assert caught.value.unknown_outcome is unknown


# The ports --------------------------------------------------------------------------------------


@pytest.mark.parametrize(("headers", "wait"), [({}, 60), ({"Retry_After": "7"}, 7)])
def test_throttling_reaches_the_budget(door: MakeDoor, headers: dict, wait: float) -> None:
    with RawServer(http(429, **headers)) as server:
        api = door(server.url)
        with pytest.raises(QboError) as caught:
            api.count_customers()
        assert len(server.requests) == 1
    assert api.budget.waits == [wait] and caught.value.retry_after == wait


def test_a_503_does_not_count_as_throttling(door: MakeDoor) -> None:
    with RawServer(http(503)) as server:
        api = door(server.url)
        with pytest.raises(QboError):
            api.count_customers()
    assert api.budget.waits == []


def test_the_budget_may_refuse_before_anything_is_sent(
    door: MakeDoor, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(kind: str) -> None:
        raise QboError.of("3001", message=kind)

    with RawServer(http(200, COUNT)) as server:
        api = door(server.url)
        monkeypatch.setattr(api.budget, "reserve", refuse)
        with pytest.raises(QboError, match="read"):
            api.count_customers()
    assert server.requests == [] and api.calls == []


def test_kinds_of_calls(door: MakeDoor) -> None:
    with RawServer(http(200, CUSTOMER)) as server:
        api = door(server.url)
        api.customer("7")
        api.update("7", 3, {"CompanyName": "B"}, "id-2")
        items = {"BatchItemRequest": [{"bId": "1", "Query": "select * from Customer"}]}
        api.call("POST", f"{api.api_url}/company/{REALM}/batch", json.dumps(items), request_id="b")
    assert api.budget.reserved == ["read", "write", "batch"]
    assert api.calls[0] == ("read", 200, "1-5f733be9-e9e791ec27b83239921a70ee")


# Webhook signatures -------------------------------------------------------------------------------


def signed(body: bytes, token: str) -> str:
    return base64.b64encode(hmac.new(token.encode(), body, hashlib.sha256).digest()).decode()


def test_signatures(door: MakeDoor) -> None:
    api = nobody(door)
    body = '{"eventNotifications":[]}ø'.encode()
    good = signed(body, "verifier")
    assert api.validate_webhook_signature(body, good, "verifier")
    assert api.validate_webhook_signature(body.decode(), good, "verifier")
    for wrong in (None, "", "not base64!", "é", 5, good[:-4], signed(body, "other")):
        assert not api.validate_webhook_signature(body, wrong, "verifier")
    assert not api.validate_webhook_signature(body + b" ", good, "verifier")
    assert not api.validate_webhook_signature(body, signed(body, ""), "")
