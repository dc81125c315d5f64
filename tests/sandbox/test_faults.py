"""Envelopes, throttling, and the faults that tests ask for."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from xml.etree import ElementTree

import pytest
import requests

from wagtail_qbo_sync.sandbox.limits import Limits

from .conftest import FIRM, Box, fault

COUPLE = "SELECT * FROM Customer WHERE DisplayName = 'Berg, Anna & Tom'"
SPACE = "{http://schema.intuit.com/finance/v3}"


def xml_fault(response: requests.Response) -> tuple[int, str, str]:
    [kind] = ElementTree.fromstring(response.content)
    [error] = kind
    return response.status_code, error.attrib["code"], kind.attrib["type"]


def test_headers_of_answers_and_faults(box: Box) -> None:
    good, bad = box.api("GET", "customer/1"), box.api("GET", "customer/99999")
    for name in ("intuit_tid", "X-Spanid", "X-Amzn-Trace-Id", "Strict-Transport-Security"):
        assert good.headers[name]
        assert bad.headers[name]
    assert good.headers["intuit_tid"] != bad.headers["intuit_tid"]
    assert {"QBO-Version", "Service-Time"} <= set(good.headers)
    assert not {"QBO-Version", "Service-Time"} & set(bad.headers)
    assert good.json()["time"][-6:] in ("-07:00", "-08:00")
    assert good.json()["time"][-10] == "."


def test_a_path_that_does_not_exist(box: Box) -> None:
    for method, path in (("GET", "customer/1/5"), ("GET", "hat"), ("DELETE", "customer/1")):
        answer = box.api(method, path)
        assert fault(answer) == (400, "500")
        assert f"/v3/company/{FIRM}/{path}" in answer.json()["Fault"]["Error"][0]["Detail"]


def test_without_accept_json_everything_is_xml(box: Box) -> None:
    answer = box.api("GET", "customer/1", headers={"Accept": "*/*"})
    [customer] = ElementTree.fromstring(answer.content)
    assert customer.tag == f"{SPACE}Customer"
    assert customer.attrib == {"domain": "QBO", "sparse": "false"}
    assert customer.findtext(f"{SPACE}Id") == "1"
    found = box.api("GET", "query", params={"query": COUPLE}, headers={"Accept": "*/*"})
    [[couple]] = ElementTree.fromstring(found.content)
    assert couple.findtext(f"{SPACE}DisplayName") == "Berg, Anna & Tom"
    bad = box.api("GET", "customer/99999", headers={"Accept": "application/xml"})
    assert xml_fault(bad) == (400, "610", "ValidationFault")
    box.control("switches", {"missing_accept": "refuse"})
    assert box.api("GET", "customer/1", headers={"Accept": "*/*"}).status_code == 406


def test_the_envelope_of_validation_faults_by_switch(box: Box) -> None:
    box.control("switches", {"validation_envelope": "gateway"})
    document = box.api("GET", "customer/99999").json()
    assert document["fault"]["error"][0]["code"] == "610"
    assert list(document) == [
        "warnings", "intuitObject", "fault", "report", "queryResponse", "batchItemResponse",
        "attachableResponse", "syncErrorResponse", "requestId", "time", "status", "cdcresponse",
    ]  # fmt: skip


def test_wording_of_a_duplicate_by_switch(box: Box) -> None:
    other = box.customer(DisplayName="Q")["Id"]
    for choice, tail in (("sentence", "use a different name."), ("id", f" : Id={other}")):
        box.control("switches", {"duplicate_detail": choice})
        detail = box.write(DisplayName="Q").json()["Fault"]["Error"][0]["Detail"]
        assert detail.endswith(tail)


def test_the_code_of_a_bad_name_by_switch(box: Box) -> None:
    box.control("switches", {"bad_name_code": "6000"})
    assert fault(box.write(DisplayName="a:b")) == (400, "6000")


def test_the_other_environment(box: Box) -> None:
    box.control("switches", {"environment_clash": True})
    assert xml_fault(box.api("GET", "customer/1")) == (401, "130", "AuthenticationFault")


def test_a_lapsed_subscription_reads_but_does_not_write(box: Box) -> None:
    box.control("switches", {"lapsed": True})
    assert fault(box.write(DisplayName="Q")) == (400, "6190")
    assert box.api("GET", "customer/1").status_code == 200
    box.control("switches", {"lapsed_status": 200})
    assert fault(box.write(DisplayName="Q")) == (200, "6190")


# Too many


def one_too_many(box: Box) -> requests.Response:
    """The first refusal in a run of requests, ten of which always pass."""
    box.control("clock", {"advance": 5})
    answers = [box.api("GET", "customer/1") for _ in range(40)]
    assert {answer.status_code for answer in answers[:10]} == {200}
    return next(answer for answer in answers if answer.status_code != 200)


def test_too_many_requests(box: Box) -> None:
    box.control("switches", {"throttle": True})
    answer = one_too_many(box)
    assert answer.status_code == 429
    [error] = answer.json()["fault"]["error"]
    assert error["message"] == "message=ThrottleExceeded; errorCode=003001; statusCode=429"
    assert error["detail"] == "The request limit was reached.  Try again later"
    assert "Retry-After" not in answer.headers
    box.control("switches", {"throttle_body": "xml", "retry_after": 7})
    answer = one_too_many(box)
    assert xml_fault(answer) == (429, "3001", "SERVICE")
    assert answer.headers["Retry-After"] == "7"
    box.control("clock", {"advance": 1})
    assert box.api("GET", "customer/1").status_code == 200


def test_the_limits_to_the_request() -> None:
    limits = Limits()
    for second in range(50):
        assert [limits.admits("r", second) for _ in range(11)] == [True] * 10 + [False]
    assert limits.admits("other", 50)
    assert not limits.admits("r", 59.9)
    assert limits.admits("r", 60)


# On demand


@pytest.mark.parametrize(
    ("kind", "status", "code"),
    [
        ("throttle_json", 429, '"code":"3001"'),
        ("throttle_xml", 429, 'code="3001"'),
        ("unavailable_html", 503, "<html>"),
        ("server_error", 500, '"code":"3100"'),
        ("system_fault", 500, '"code":"10000"'),
        ("token_expired", 401, '"code":"3200"'),
        ("forbidden", 403, '"code":"3100"'),
        ("wrong_cluster", 401, 'code="130"'),
        ("stale", 400, '"code":"5010"'),
        ("lapsed", 400, '"code":"6190"'),
    ],
)
def test_a_fault_on_demand_comes_once(box: Box, kind: str, status: int, code: str) -> None:
    box.control("faults", {"kind": kind, "path": "/customer"})
    assert box.query("SELECT * FROM Customer MAXRESULTS 1").status_code == 200
    answer = box.write(DisplayName="Q")
    assert (answer.status_code, code in answer.text) == (status, True)
    assert box.customer(DisplayName="Q")["SyncToken"] == "0"


def test_rules_count_skip_and_choose_a_method(box: Box) -> None:
    rule = {"kind": "server_error", "path": "/customer", "method": "GET", "count": 2, "skip": 1}
    box.control("faults", rule)
    box.customer(DisplayName="Q")
    statuses = [box.api("GET", "customer/1").status_code for _ in range(4)]
    assert statuses == [200, 500, 500, 200]
    box.control("faults", {"kind": "server_error", "count": -1})
    assert {box.api("GET", "customer/1").status_code for _ in range(5)} == {500}
    assert box.control("faults", method="DELETE") == []
    assert box.api("GET", "customer/1").status_code == 200


def test_any_answer_on_demand(box: Box) -> None:
    rule = {"kind": "respond", "status": 418, "body": "tea", "headers": {"X-Pot": "1"}}
    box.control("faults", rule)
    answer = box.api("GET", "customer/1")
    assert (answer.status_code, answer.text, answer.headers["X-Pot"]) == (418, "tea", "1")


def test_token_faults_on_demand(box: Box) -> None:
    for kind, status in (("invalid_grant", 400), ("invalid_client", 401)):
        box.control("faults", {"kind": kind, "path": "tokens/bearer"})
        answer = box.token(grant_type="refresh_token", refresh_token="x")
        assert (answer.status_code, answer.json()) == (status, {"error": kind})


@pytest.mark.parametrize(("when", "took_effect"), [("before", False), ("after", True)])
def test_a_cut_connection(box: Box, when: str, took_effect: bool) -> None:
    box.control("faults", {"kind": "cut", "when": when, "path": "requestid=r1"})
    with pytest.raises(requests.ConnectionError):
        box.write({"requestid": "r1"}, DisplayName="Q")
    found = box.rows("SELECT * FROM Customer WHERE DisplayName = 'Q'")
    assert bool(found) is took_effect
    again = box.write({"requestid": "r1"}, DisplayName="Q")
    assert again.status_code == 200
    assert not found or found[0]["Id"] == again.json()["Customer"]["Id"]


def test_a_fault_after_the_commit(box: Box) -> None:
    box.control("faults", {"kind": "unavailable_html", "when": "after"})
    assert box.write(DisplayName="Q").status_code == 503
    assert fault(box.write(DisplayName="Q")) == (400, "6240")


def test_half_a_document(box: Box) -> None:
    box.control("faults", {"kind": "half_json"})
    answer = box.api("GET", "customer/1")
    assert answer.status_code == 200
    with pytest.raises(requests.JSONDecodeError):
        answer.json()
    box.control("faults", {"kind": "half_cut"})
    with pytest.raises((requests.ConnectionError, requests.exceptions.ChunkedEncodingError)):
        box.api("GET", "customer/1")


def test_latency_holds_up_nobody_else(box: Box) -> None:
    box.control("faults", {"kind": "latency", "seconds": 1.0, "path": "customer/1$"})
    url = f"{box.url}/v3/company/{FIRM}/customer"
    headers = dict(box.http.headers)
    with ThreadPoolExecutor() as pool:
        started = time.monotonic()
        slow = pool.submit(requests.get, f"{url}/1", headers=headers, timeout=9)
        time.sleep(0.2)
        assert requests.get(f"{url}/2", headers=headers, timeout=9).status_code == 200
        assert time.monotonic() - started < 0.9
        assert slow.result().status_code == 200
        assert time.monotonic() - started >= 1.0
