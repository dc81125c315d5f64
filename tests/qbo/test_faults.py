"""The fault table: closed by default, complete, and the same in every envelope."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wagtail_qbo_sync.qbo import envelopes, faults
from wagtail_qbo_sync.qbo.fault_table import NO_CODE, TABLE, UNKNOWN, Action, Fault
from wagtail_qbo_sync.qbo.faults import QboError, lookup

DOCS = Path(__file__).parents[2] / "docs" / "quickbooks.md"
CODES = sorted({code for row in TABLE for code in row.codes})
ROWS = [*TABLE, *NO_CODE, UNKNOWN]

EXPECTED = {
    Action.BACK_OFF: "3001 6190 10000 unreachable cut timeout not_json short",
    Action.REREAD: "5010 600",
    Action.CASE: "6240 610 2500 2050 2040 2210 6080 6420 700 900 6000 6150 6180 6220 6280 "
    "malformed",
    Action.RECONNECT: "3200 3100 100 110 120 140 150 5020 invalid_grant access_denied",
    Action.OPERATOR: "130 10200 invalid_client unauthorized_client invalid_scope certificate "
    "encryption_keys "
    "address discovery",
    Action.BUG: "500 1040 2010 2020 2030 2130 2170 4000 4001 4002 10100 invalid_request "
    "unsupported_grant_type unsupported_response_type token_answer shape too_large",
}


def envelope_a(*errors: dict) -> bytes:
    return json.dumps({"Fault": {"Error": errors, "type": "ValidationFault"}}).encode()


def envelope_b(code: str, message: str = "", detail: str | None = None) -> bytes:
    error = {"message": message, "detail": detail, "code": code, "element": None}
    document = {"warnings": None, "fault": {"error": [error], "type": "SERVICE"}, "time": 16014}
    return json.dumps(document).encode()


def envelope_c(code: str, message: str = "", detail: str = "") -> bytes:
    return (
        '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>'
        '<IntuitResponse time="2017-07-30T22:45:22.933-07:00" '
        'xmlns="http://schema.intuit.com/finance/v3"><Fault type="SERVICE">'
        f'<Error code="{code}" element="Name"><Message>{message}</Message>'
        f"<Detail>{detail}</Detail></Error></Fault></IntuitResponse>"
    ).encode()


ENVELOPES = {
    "A": lambda code: envelope_a({"Message": "m", "Detail": "d", "code": code}),
    "B": lambda code: envelope_b(code, "m", "d"),
    "C": lambda code: envelope_c(code, "m", "d"),
}


# The table ------------------------------------------------------------------------------------


def test_each_code_means_one_action() -> None:
    found = {code: lookup(400, code).action for code in CODES}
    assert found == {code: action for action, codes in EXPECTED.items() for code in codes.split()}


@pytest.mark.parametrize("status", [None, 200, 400, 403, 418])
def test_every_other_number_is_a_bug(status: int | None) -> None:
    known = set(CODES)
    unknown = (str(number) for number in range(1, 20_001) if str(number) not in known)
    assert {lookup(status, code) for code in unknown} == {UNKNOWN}


@pytest.mark.parametrize("code", ["", "6240", "5010", "3200", "what?"])
def test_the_status_decides_first(code: str) -> None:
    for status in [408, *range(500, 600)]:
        assert lookup(status, code).section == "server-errors"
    for status in range(300, 400):
        assert lookup(status, code).action is Action.OPERATOR
    assert lookup(429, code).section == "throttling"


def test_without_a_code_a_refusal_comes_from_elsewhere() -> None:
    found = {status: lookup(status, "").action for status in range(400, 500)}
    assert found.pop(429) is found.pop(408) is Action.BACK_OFF
    assert found.pop(401) is Action.RECONNECT
    assert {found.pop(status) for status in (403, 404, 407)} == {Action.OPERATOR}
    assert set(found.values()) == {Action.BUG}


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.section}-{row.action}")
def test_each_row_cites_a_section_and_speaks_to_people(row: Fault) -> None:
    headings = re.findall(r"^#+ (.+)$", DOCS.read_text(), re.MULTILINE)
    assert row.section in {heading.lower().replace(" ", "-") for heading in headings}
    sentence = str(row.sentence)
    assert sentence[0].isupper() and sentence.endswith(".") and len(sentence) > 40
    assert (row.wait is not None) == (row.action is Action.BACK_OFF)


def test_each_code_stands_in_the_page_about_quickbooks() -> None:
    text = DOCS.read_text()
    assert [code for code in CODES if not re.search(rf"\b{code}\b", text)] == []


def test_reading_goes_on_only_where_one_record_or_only_writing_is_refused() -> None:
    sections = {row.section for row in TABLE if row.pull_goes_on}
    whole = {row.section for row in TABLE if row.action in (Action.CASE, Action.REREAD)}
    assert sections == {"subscription-lapsed", *whole}


# The envelopes --------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ENVELOPES)
@pytest.mark.parametrize("code", ["6240", "06240", "0006240"])
def test_the_envelope_and_leading_zeros_change_nothing(name: str, code: str) -> None:
    error = faults.parse(400, {"intuit_tid": "1-abc"}, ENVELOPES[name](code), write=True)
    assert (error.action, error.code, error.status) == (Action.CASE, "6240", 400)
    assert (error.message, error.detail, error.intuit_tid) == ("m", "d", "1-abc")
    assert not error.unknown_outcome


def test_the_element_is_kept() -> None:
    assert faults.parse(400, {}, envelope_c("2050")).element == "Name"


def test_a_code_that_stands_only_in_the_message() -> None:
    body = envelope_b("", "message=ThrottleExceeded; errorCode=003001; statusCode=403")
    assert faults.parse(403, {}, body).code == "3001"


def test_of_several_errors_the_gravest_decides_and_all_are_kept() -> None:
    body = envelope_a({"Message": "a", "code": "5010"}, {"Message": "b", "code": "99999"})
    error = faults.parse(400, {}, body)
    assert (error.action, error.message) == (Action.BUG, "b")
    assert [item.code for item in error.items] == ["5010", "99999"]


@pytest.mark.parametrize(
    "document",
    [
        {"Fault": {}},
        {"Fault": {"Error": []}},
        {"Fault": {"Error": [None, 7]}},
        {"Fault": {"Error": {"Message": ["no text"]}}},
        {"Fault": "text"},
        {"fault": {"error": [{"code": True}]}},
    ],
)
def test_a_fault_of_an_unknown_shape_is_a_bug(document: dict) -> None:
    error = faults.inside(document, {}, write=True)
    assert error is not None and error.action is Action.BUG and error.unknown_outcome


def test_a_document_without_a_fault_is_none() -> None:
    assert faults.inside({"fault": None, "Customer": {}}, {}) is None


@pytest.mark.parametrize(
    "body",
    [b"", b"<html>503</html>", b'{"Fault": {"Err', b"[" * 100_000, b"\xff\xfe\x00", b"null", b"7"],
)
def test_junk_is_judged_by_its_status(body: bytes) -> None:
    assert faults.parse(503, {}, body).action is Action.BACK_OFF
    assert faults.parse(400, {}, body).action is Action.BUG
    assert envelopes.items(body) == ()


def test_xml_with_entities_is_not_read() -> None:
    bomb = b'<!DOCTYPE a [<!ENTITY b "c">]><Fault><Error code="610">&b;</Error></Fault>'
    assert envelopes.items(bomb) == ()


@given(st.binary(max_size=300), st.integers(100, 599))
def test_no_body_breaks_the_reader(body: bytes, status: int) -> None:
    error = faults.parse(status, {}, b'{"Fault":' + body, write=True)
    assert isinstance(error, QboError) and isinstance(str(error), str)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["Fault", "Error", "code", "Message", "Detail", "error"]), inner
        )
    ),
)


@given(JSON)
def test_no_document_breaks_the_reader(document: object) -> None:
    error = faults.inside({"Fault": document}, {})
    assert (error is None) == (document is None)


# Waiting --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "wait"),
    [("", 60), ("7", 7), ("0", 1), ("999999", 3600), ("soon", 60), ("-5", 60), ("٣", 60)],
)
def test_retry_after_is_obeyed_if_sensible(said: str, wait: float) -> None:
    assert faults.parse(429, {"Retry-After": said}, b"").retry_after == wait


def test_retry_after_may_be_a_date() -> None:
    past = faults.parse(503, {"Retry-After": "Wed, 21 Oct 2015 07:28:00 GMT"}, b"")
    far = faults.parse(503, {"Retry-After": "Wed, 21 Oct 2115 07:28:00 GMT"}, b"")
    assert (past.retry_after, far.retry_after) == (1, 3600)


def test_only_backing_off_has_a_wait() -> None:
    assert faults.parse(400, {"Retry-After": "9"}, envelope_b("6240")).retry_after is None


# OAuth ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "body", "action"),
    [
        (400, b'{"error":"invalid_grant","error_description":"Token invalid"}', Action.RECONNECT),
        (400, b'{"error":"invalid_grant"}', Action.RECONNECT),
        (401, b'{"error":"invalid_client"}', Action.OPERATOR),
        (400, b'{"error":"invalid_client"}', Action.OPERATOR),
        (401, b"", Action.OPERATOR),
        (400, b'{"error":"invalid_request"}', Action.BUG),
        (400, b"<html>", Action.BUG),
        (400, b'{"error":["x"]}', Action.BUG),
        (429, b"", Action.BACK_OFF),
        (500, b'{"error":"invalid_grant"}', Action.BACK_OFF),
        (503, b"<html>", Action.BACK_OFF),
    ],
)
def test_the_oauth_server(status: int, body: bytes, action: Action) -> None:
    assert faults.parse_oauth(status, {}, body).action is action


# Errors ---------------------------------------------------------------------------------------


def test_what_an_error_says() -> None:
    error = faults.parse(400, {"intuit_tid": "1-abc"}, envelope_a({"Message": "M", "code": "5010"}))
    assert str(error) == "reread (HTTP 400, code 5010, intuit_tid 1-abc)"
    assert error.message == "M"
    assert "Somebody changed" in str(error.user_message)


def test_nothing_that_an_answer_says_in_words_is_said_again() -> None:
    """It is logged, and Intuit repeats what was sent. Codes are no words."""
    said = "Anna Berg <anna@x.example> (907) 555-0163"
    row = {"Message": said, "Detail": said, "code": said, "element": said}
    error = faults.parse(400, {"intuit_tid": said}, envelope_a(row))
    assert str(error) == "bug (HTTP 400)"
    assert (error.message, error.detail) == (said, said)
    named = envelope_a({**row, "code": "2010", "element": "BillAddr.Line1"})
    assert str(faults.parse(400, {}, named)).endswith("code 2010, element BillAddr.Line1)")


def test_a_write_whose_outcome_is_unknown_says_so() -> None:
    unknown = {code for code in CODES if QboError.of(code, write=True).unknown_outcome}
    assert unknown == {"600", "10000", "cut", "timeout", "not_json", "shape", "too_large"}
    assert not any(QboError.of(code).unknown_outcome for code in CODES)


TOKENS = [
    "AB01601390262kxzxOlnHYdhtEVRXISU7piPqQrCmmbDN35Yjd",
    "RT1-39-H3-1785429816rcysb9dns1ofreknypnm",
    "eyJlbmMiOiJBMTI4Q0JDLUhTMjU2IiwiYWxnIjoiZGlyIn0..b-1.c_2.d",
    "Ab9" * 300,
]


@pytest.mark.parametrize("token", TOKENS)
@pytest.mark.parametrize("text", ["Token expired: {}", "x {} y", "Bearer {}", '"{}"', "{}"])
def test_tokens_are_struck_out_of_every_text(token: str, text: str) -> None:
    for body in (
        envelope_a({"Message": text.format(token), "Detail": text.format(token), "code": "3200"}),
        envelope_b("3200", text.format(token), text.format(token)),
    ):
        error = faults.parse(401, {}, body)
        assert token not in f"{error!r} {error} {vars(error)}"
        assert envelopes.MASK in error.detail


def test_a_known_secret_is_struck_out_whatever_it_looks_like() -> None:
    body = json.dumps({"error": "hunter2", "error_description": "no hunter2 here"}).encode()
    error = faults.parse_oauth(400, {}, body, secrets=["hunter2", ""])
    assert "hunter2" not in f"{error!r} {vars(error)}"


def test_ordinary_texts_are_left_alone() -> None:
    text = (
        "The name supplied already exists. : Id=58 Operation Could not find resource for relative "
        ": /v3/company/9341452000000101/customer/1/5 of c50.sandbox.qbo.intuit.com"
    )
    assert envelopes.redact(text) == text


def test_texts_are_cut() -> None:
    error = faults.parse(400, {}, envelope_a({"Message": "x " * 9999, "code": "610"}))
    assert len(error.message) <= 500
