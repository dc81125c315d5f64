"""Both doors against a whole QuickBooks company, over real HTTP."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.qbo.conftest import CLIENT, FIRM, STATE, Connect, Door, Tokens, failure
from wagtail_qbo_sync.contact import Address
from wagtail_qbo_sync.qbo import lens
from wagtail_qbo_sync.qbo.api import NameHolder
from wagtail_qbo_sync.qbo.faults import Action, QboError
from wagtail_qbo_sync.qbo.oauth import OAuthClient
from wagtail_qbo_sync.testing.sandbox import SandboxProcess


def rows(api: Door) -> dict[str, dict[str, Any]]:
    return {row["DisplayName"]: row for row in api.customers().customers}


# OAuth ------------------------------------------------------------------------------------------


def test_consent_exchange_refresh_revoke(box: SandboxProcess, oauth: OAuthClient) -> None:
    back = parse_qs(urlsplit(box.consent(oauth.authorize_url(STATE), FIRM)).query)
    first = oauth.exchange(back["code"][0], FIRM)
    assert first.expires_in == 3600 and first.refresh_expires_in > 90 * 86400
    assert first.hard_expires_in and first.hard_expires_in <= 157_680_000
    second = oauth.refresh(first.refresh_token)
    assert second.refresh_token == first.refresh_token  # the same for a day
    box.post("clock", {"advance": 25 * 3600})
    third = oauth.refresh(second.refresh_token)
    assert third.refresh_token != second.refresh_token
    assert failure(lambda: oauth.refresh(second.refresh_token)).action is Action.RECONNECT
    oauth.revoke(third.refresh_token)
    oauth.revoke(third.refresh_token)  # again is no error
    assert failure(lambda: oauth.refresh(third.refresh_token)).action is Action.RECONNECT


def test_a_code_is_good_once(box: SandboxProcess, oauth: OAuthClient) -> None:
    back = parse_qs(urlsplit(box.consent(oauth.authorize_url(STATE), FIRM)).query)
    oauth.exchange(back["code"][0], FIRM)
    error = failure(lambda: oauth.exchange(back["code"][0], FIRM))
    assert (error.action, error.code) == (Action.RECONNECT, "invalid_grant")
    assert back["code"][0] not in f"{error} {vars(error)}"


def test_wrong_keys_are_for_the_operator(box: SandboxProcess) -> None:
    wrong = OAuthClient("sandbox-client", "wrong", "http://127.0.0.1:8000/x/", box.discovery_url)
    error = failure(lambda: wrong.refresh("whatever-token"))
    assert (error.action, error.code) == (Action.OPERATOR, "invalid_client")


def test_consent_refused(box: SandboxProcess, oauth: OAuthClient) -> None:
    back = parse_qs(urlsplit(box.deny(oauth.authorize_url(STATE))).query)
    assert back["error"] == ["access_denied"]
    assert QboError.of(back["error"][0]).action is Action.RECONNECT


# Reading ----------------------------------------------------------------------------------------


def test_company_info(connect: Connect) -> None:
    names = {connect(realm).company_info().name for realm in (FIRM, CLIENT)}
    assert len(names) == 2 and all(names)


def test_all_customers_by_id_in_pages(connect: Connect, box: SandboxProcess) -> None:
    api = connect()
    total = api.count_customers()
    assert total >= 250
    pages = [api.customers(start, 100) for start in range(1, total + 1, 100)]
    ids = [int(row["Id"]) for page in pages for row in page.customers]
    assert len(ids) == total and ids == sorted(set(ids))
    assert api.customers(total + 1).customers == []
    read = [lens.snapshot(row) for page in pages for row in page.customers]
    assert {each.active for each in read} == {True, False}
    assert any(each.is_sub for each in read) and any(each.is_project for each in read)
    now = datetime.now(UTC)
    assert abs(pages[0].server_time - now) < timedelta(minutes=1)
    assert pages[0].server_time.utcoffset() is not None


def test_every_customer_of_the_sandbox_obeys_the_lens(connect: Connect) -> None:
    for row in connect().customers().customers:
        read = lens.snapshot(row)
        assert lens.put(read.contact.values(), customer=row) == {}
        stored = lens.remembered(read.contact, read.bill_addr, read.ship_addr)
        assert lens.get(stored) == read.contact


def test_reading_one_and_reading_none(connect: Connect) -> None:
    api = connect()
    row = next(iter(rows(api).values()))
    assert lens.get(api.customer(row["Id"])) == lens.get(row)
    error = failure(lambda: api.customer("99999999"))
    assert (error.action, error.code) == (Action.CASE, "610")
    for wrong in ("1/5", "", "1.5", "../companyinfo"):
        with pytest.raises(ValueError, match="no id"):
            api.customer(wrong)


@pytest.mark.parametrize(
    "name",
    ["O'Neil & Søn \\", "ends \\", "' OR Id > '0", "夏目 漱石", 'a"b', "100%", "x' AND Active='y"],
)
def test_names_are_found_whatever_is_in_them(connect: Connect, name: str) -> None:
    api = connect()
    made = api.create({"DisplayName": name}, "id-1").customer
    assert api.find_name("Customer", name) == [NameHolder("Customer", made["Id"], name, True)]
    assert api.find_name("Customer", name.swapcase() + "?") == []


@pytest.mark.parametrize("entity", ["Vendor", "Employee"])
def test_who_holds_a_name(connect: Connect, box: SandboxProcess, entity: Any) -> None:
    record = {"Id": "9001", "SyncToken": "0", "DisplayName": "Held", "Active": False}
    box.post("plant", {"realm": FIRM, "kind": entity, "records": [record]})
    assert connect().find_name(entity, "Held") == [NameHolder(entity, "9001", "Held", False)]


# Writing ----------------------------------------------------------------------------------------


def test_create_update_and_read_back(connect: Connect) -> None:
    api = connect()
    address = Address("1 Main St", "Suite 5", "Springfield", "IL", "62701", "USA")
    body = lens.put(
        {"name": "Ærø & Søn", "email": "a@b.example", "mailing_address": address}, customer=None
    )
    made = api.create(body, "id-1")
    read = lens.snapshot(made.customer)
    assert read.contact.mailing_address == address and read.sync_token == 0
    assert made.intuit_tid and made.server_time.utcoffset() is not None
    edit = lens.put({"phone": "555-1", "email": ""}, customer=made.customer)
    changed = api.update(read.qbo_id, read.sync_token, edit, "id-2")
    after = lens.snapshot(changed.customer)
    assert after.sync_token == 1
    assert after.contact == read.contact.changed({"phone": "555-1", "email": ""})


def test_a_sparse_update_leaves_the_rest(connect: Connect, box: SandboxProcess) -> None:
    api = connect()
    before = box.post(
        "customer",
        {
            "realm": FIRM,
            "values": {
                "DisplayName": "Keeps",
                "Notes": "owls",
                "Taxable": False,
                "BillAddr": {"Line1": "a", "Line2": "b", "Line3": "c", "City": "Oslo"},
                "PrimaryEmailAddr": {"Address": "keeps@example.com"},
            },
        },
    )
    edit = {"mailing_address": Address("a", "b, c", "Bergen")}
    reply = api.update(
        before["Id"], int(before["SyncToken"]), lens.put(edit, customer=before), "id-1"
    )
    after = reply.customer
    assert (after["Notes"], after["Taxable"]) == ("owls", False)
    kept = {name: after["BillAddr"].get(name) for name in ("Line1", "Line2", "Line3", "City")}
    assert kept == {"Line1": "a", "Line2": "b", "Line3": "c", "City": "Bergen"}


@pytest.mark.parametrize("reading", ["replace", "merge"])
def test_an_address_is_written_right_under_either_reading(
    connect: Connect, box: SandboxProcess, reading: str
) -> None:
    box.post("switches", {"address_update": reading})
    api = connect()
    made = api.create(
        {"DisplayName": "A", "BillAddr": {"Line1": "a", "Line2": "b", "Line3": "c"}}, "id-1"
    ).customer
    edit = lens.put({"mailing_address": Address("x", "", "Oslo")}, customer=made)
    after = api.update(made["Id"], 0, edit, "id-2").customer
    assert lens.get(after).mailing_address == Address("x", "", "Oslo")


def test_the_same_request_id_makes_one_customer(connect: Connect, box: SandboxProcess) -> None:
    api = connect()
    box.post("faults", {"kind": "cut", "when": "after", "path": "/customer", "method": "POST"})
    error = failure(lambda: api.create({"DisplayName": "Once"}, "id-1"))
    assert error.unknown_outcome and error.action is Action.BACK_OFF
    first = api.create({"DisplayName": "Once"}, "id-1")
    assert len(api.find_name("Customer", "Once")) == 1
    assert api.create({"DisplayName": "Once"}, "id-1").customer["Id"] == first.customer["Id"]


def test_a_stale_record(connect: Connect) -> None:
    api = connect()
    made = api.create({"DisplayName": "A"}, "id-1").customer
    api.update(made["Id"], 0, {"CompanyName": "B"}, "id-2")
    error = failure(lambda: api.update(made["Id"], 0, {"CompanyName": "C"}, "id-3"))
    assert (error.action, error.code, error.unknown_outcome) == (Action.REREAD, "5010", False)


@pytest.mark.parametrize("detail", ["null", "sentence", "id"])
@pytest.mark.parametrize("envelope", ["service", "gateway"])
def test_a_name_that_is_taken(
    connect: Connect, box: SandboxProcess, detail: str, envelope: str
) -> None:
    box.post("switches", {"duplicate_detail": detail, "validation_envelope": envelope})
    api = connect()
    api.create({"DisplayName": "Taken"}, "id-1")
    error = failure(lambda: api.create({"DisplayName": "TAKEN"}, "id-2"))
    assert (error.action, error.code) == (Action.CASE, "6240")


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"DisplayName": "a" * 501}, "2050"),
        ({"DisplayName": "a:b"}, "2040"),
        ({"DisplayName": "A", "PrimaryEmailAddr": {"Address": "none"}}, "2210"),
        ({"DisplayName": "A", "PrimaryPhone": {"FreeFormNumber": "1" * 31}}, "2050"),
    ],
)
def test_refused_values_are_cases(connect: Connect, body: dict[str, Any], code: str) -> None:
    error = failure(lambda: connect().create(body, "id-1"))
    assert (error.action, error.code) == (Action.CASE, code)


# Faults of the whole company --------------------------------------------------------------------


def test_an_expired_access_token_is_renewed_once(connect: Connect, box: SandboxProcess) -> None:
    api = connect()
    box.post("expire")
    assert api.count_customers() >= 250
    assert len(api.tokens.rejections) == 1


def test_a_revoked_connection_needs_a_person(connect: Connect, box: SandboxProcess) -> None:
    api = connect()
    box.post("revoke")
    error = failure(api.count_customers)
    assert (error.action, error.code) == (Action.RECONNECT, "invalid_grant")


def test_another_realm_with_this_token(connect: Connect, door: Callable[..., Door]) -> None:
    api = connect()
    other = door(api.api_url.removesuffix("/v3"), Tokens(api.tokens.left[0]), CLIENT)
    error = failure(other.company_info)
    assert (error.action, error.code, error.status) == (Action.RECONNECT, "3100", 403)


def test_sandbox_keys_against_production(connect: Connect, box: SandboxProcess) -> None:
    api = connect()
    box.post("switches", {"environment_clash": True})
    error = failure(api.company_info)
    assert (error.action, error.code, error.status) == (Action.OPERATOR, "130", 401)
    assert api.tokens.rejections == []


@pytest.mark.parametrize("status", [400, 200])
def test_a_lapsed_subscription_is_read_but_not_written(
    connect: Connect, box: SandboxProcess, status: int
) -> None:
    api = connect()
    box.post("switches", {"lapsed": True, "lapsed_status": status})
    assert api.count_customers() >= 250
    error = failure(lambda: api.create({"DisplayName": "A"}, "id-1"))
    assert (error.action, error.code, error.status) == (Action.BACK_OFF, "6190", status)
    assert error.pull_goes_on and not error.unknown_outcome


@pytest.mark.parametrize("kind", ["throttle_json", "throttle_xml"])
@pytest.mark.parametrize(("seconds", "wait"), [(0, 60), (7, 7)])
def test_throttling(
    connect: Connect, box: SandboxProcess, kind: str, seconds: int, wait: int
) -> None:
    api = connect()
    box.post("switches", {"retry_after": seconds})
    box.post("faults", {"kind": kind, "path": "/v3/"})
    error = failure(api.count_customers)
    assert (error.action, error.status, error.code) == (Action.BACK_OFF, 429, "3001")
    assert error.retry_after == wait and api.budget.waits == [wait]


@pytest.mark.parametrize(
    ("kind", "code", "attempts"),
    [
        ("unavailable_html", "", 1),
        ("server_error", "3100", 1),
        ("system_fault", "10000", 1),
        ("half_json", "not_json", 1),
        ("half_cut", "cut", 2),
        ("cut", "cut", 2),
    ],
)
def test_what_passes_by_itself(
    connect: Connect, box: SandboxProcess, kind: str, code: str, attempts: int
) -> None:
    api = connect()
    box.post("faults", {"kind": kind, "path": "/v3/", "count": attempts})
    error = failure(api.count_customers)
    assert (error.action, error.code) == (Action.BACK_OFF, code)
    assert len(api.calls) == attempts
    assert api.count_customers() >= 250


def test_tokens_that_are_refused_for_good(connect: Connect, box: SandboxProcess) -> None:
    api = connect()
    box.post("faults", {"kind": "token_expired", "path": "/v3/", "count": 2})
    error = failure(api.count_customers)
    assert (error.action, error.code) == (Action.RECONNECT, "3200")
    assert "AB0" not in f"{error} {vars(error)}"


def test_eleven_reads_for_ten_thousand_customers(connect: Connect, box: SandboxProcess) -> None:
    box.post("seed", {"realm": CLIENT, "count": 10_000})
    api = connect(CLIENT)
    total = api.count_customers()
    seen = 0
    while seen < total:
        seen += len(api.customers(seen + 1).customers)
    assert seen == total >= 10_000
    assert len(api.calls) <= 1 + -(-total // 1000)
