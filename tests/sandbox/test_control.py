"""The control API: state, log, meters, seeds, and what it says to nonsense."""

from __future__ import annotations

import pytest
import requests

from .conftest import CLIENT, FIRM, Box


def test_overview_and_reset(box: Box) -> None:
    box.customer(DisplayName="Q")
    box.control("clock", {"offset": 100})
    box.control("switches", {"clear_by": "null"})
    box.control("faults", {"kind": "cut", "path": "nowhere"})
    seen = box.control("", method="GET")
    assert [company["customers"] for company in seen["companies"]] == [271, 255]
    assert [company["role"] for company in seen["companies"]] == ["firm", "client"]
    assert (seen["clock"]["offset"], seen["switches"]["clear_by"]) == (100, "null")
    assert [grant["realm"] for grant in seen["grants"]] == [FIRM]
    box.control("reset", {})
    fresh = box.control("", method="GET")
    assert fresh["companies"][0]["customers"] == 270
    assert (fresh["clock"]["offset"], fresh["switches"]["clear_by"]) == (0, "empty")
    assert (fresh["faults"], fresh["grants"]) == ([], [])


def test_the_log_tells_what_was_asked(box: Box) -> None:
    since = box.control("requests", method="GET")["next"]
    box.control("faults", {"kind": "cut", "path": "/customer"})
    with pytest.raises(requests.ConnectionError):
        box.write({"requestid": "r9"}, DisplayName="Q")
    box.token(grant_type="refresh_token", refresh_token="secret-token")
    found = box.control(f"requests?since={since}", method="GET")["requests"]
    cut, token = found
    assert (cut["method"], cut["path"]) == ("POST", f"/v3/company/{FIRM}/customer")
    assert (cut["requestid"], cut["injected"], cut["status"]) == ("r9", "cut", None)
    assert "Q" in cut["body"]
    nothing = box.control(f"requests?since={token['n'] + 1}", method="GET")
    assert nothing == {"requests": [], "next": token["n"] + 1}
    assert (token["path"], token["status"], token["body"]) == ("/oauth2/v1/tokens/bearer", 400, "")


def test_only_successful_calls_are_metered(box: Box) -> None:
    box.control("requests", method="DELETE")
    box.customer(DisplayName="Q")
    box.write(DisplayName="Q")
    box.api("GET", "customer/1")
    box.query("SELECT COUNT(*) FROM Customer")
    box.query("SELECT nonsense")
    box.api("GET", f"companyinfo/{FIRM}")
    assert box.control("counts", method="GET") == {FIRM: {"Core": 1, "CorePlus": 3}}


def test_one_more_company(box: Box) -> None:
    made = box.control("company", {"realm": "77", "name": "Third & Sons"})
    assert made == {"realm": "77"}
    box.control("seed", {"realm": "77", "count": 3})
    box.use("77")
    assert len(box.query("SELECT * FROM Customer").json()["QueryResponse"]["Customer"]) == 3
    info = box.api("GET", "companyinfo/77").json()["CompanyInfo"]
    assert info["CompanyName"] == "Third & Sons"
    box.control("reset", {})
    assert len(box.control("", method="GET")["companies"]) == 2


def test_no_two_companies_of_one_realm(box: Box) -> None:
    for realm in (FIRM, "../etc", ""):
        answer = requests.post(
            f"{box.url}/_control/company", json={"realm": realm, "name": "Again"}, timeout=10
        )
        assert answer.status_code == 400


def test_seeding_a_crowd(box: Box) -> None:
    assert box.control("seed", {"realm": "client", "count": 1500}) == {"planted": 1500}
    box.use(CLIENT)
    reply = box.query("SELECT COUNT(*) FROM Customer WHERE Active IN (true, false)").json()
    assert reply["QueryResponse"]["totalCount"] == 1755
    rows = box.control("customers?realm=client", method="GET")
    full = [row["FullyQualifiedName"].casefold() for row in rows]
    assert len(set(full)) == 1755


def test_planting_records_as_they_are(box: Box) -> None:
    record = {"Id": "5000", "SyncToken": "3", "DisplayName": "P", "Active": True,
              "MetaData": {"CreateTime": "2020-01-01T00:00:00-08:00",
                           "LastUpdatedTime": "2020-01-01T00:00:00-08:00"}}  # fmt: skip
    box.control("plant", {"realm": "firm", "records": [record], "clear": True})
    vendor = {**record, "Id": "5001", "DisplayName": "V"}
    box.control("plant", {"realm": "firm", "kind": "Vendor", "records": [vendor]})
    assert box.read("5000")["MetaData"] == record["MetaData"]
    assert box.write(DisplayName="V").status_code == 400
    assert box.customer(DisplayName="New")["Id"] == "5002"
    counted = box.query("SELECT COUNT(*) FROM Customer").json()["QueryResponse"]
    assert counted == {"totalCount": 2}


@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("switches", {"clear_by": "magic"}),
        ("switches", {"nonsense": 1}),
        ("switches", {"retry_after": -1}),
        ("switches", {"throttle": 1}),
        ("faults", {"kind": "nonsense"}),
        ("faults", {"kind": "cut", "colour": "red"}),
        ("faults", {"kind": "cut", "when": "never"}),
        ("seed", {"realm": "nobody", "count": 1}),
        ("invoice", {"realm": "firm", "id": "99999", "amount": 1}),
        ("clock", {}),
    ],
)
def test_nonsense_is_refused(box: Box, name: str, body: dict) -> None:
    answer = requests.post(f"{box.url}/_control/{name}", json=body, timeout=9)
    assert (answer.status_code, "error" in answer.json()) == (400, True)
    assert requests.post(f"{box.url}/_control/hat", timeout=9).status_code == 404
