"""Change data capture: what comes, what does not, and what nobody says about it."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

import pytest
import requests

from .conftest import FIRM, Box, Json, fault


def ask(box: Box, since: float | str, entities: str = "Customer") -> requests.Response:
    moment = since if isinstance(since, str) else datetime.fromtimestamp(since, UTC).isoformat()
    return box.api("GET", "cdc", params={"entities": entities, "changedSince": moment})


def slots(answer: requests.Response) -> list[Json]:
    assert answer.status_code == 200, answer.text
    [response] = answer.json()["CDCResponse"]
    found: list[Json] = response["QueryResponse"]
    return found


def changed(box: Box, since: float | str) -> list[Json]:
    [slot] = slots(ask(box, since))
    rows: list[Json] = slot.get("Customer", [])
    return rows


def just_now() -> float:
    return time.time() - 5


def test_nothing_changed(box: Box) -> None:
    answer = ask(box, just_now(), "Customer,Vendor,Estimate")
    assert slots(answer) == [{}, {}, {}]
    assert list(answer.json()) == ["CDCResponse", "time"]


def test_the_answer_tells_quickbooks_own_time(box: Box) -> None:
    box.control("clock", {"offset": 600})
    said = datetime.fromisoformat(ask(box, time.time()).json()["time"])
    assert timedelta(minutes=9) < said - datetime.now(UTC) < timedelta(minutes=11)


def test_edits_and_new_customers_come_oldest_first(box: Box) -> None:
    since = just_now()
    made = box.customer(DisplayName="Q")
    box.control("clock", {"advance": 2})
    token = box.read("1")["SyncToken"]
    box.customer(Id="1", SyncToken=token, sparse=True, Title="Hon.")
    [slot] = slots(ask(box, since, "customer"))
    assert [row["Id"] for row in slot["Customer"]] == [made["Id"], "1"]
    assert list(slot) == ["Customer", "startPosition", "maxResults"]
    assert (slot["startPosition"], slot["maxResults"]) == (1, 2)
    [row] = [each for each in box.rows("SELECT * FROM Customer") if each["Id"] == "1"]
    assert slot["Customer"][1] == row, "each comes whole, as a query shows it"


def test_a_balance_that_moves_is_a_change_without_a_sync_token(box: Box) -> None:
    since, before = just_now(), box.read("1")
    box.control("invoice", {"realm": "firm", "id": "1", "amount": 12})
    [row] = changed(box, since)
    assert row["Balance"] == before["Balance"] + 12
    assert row["SyncToken"] == before["SyncToken"]


@pytest.mark.parametrize(("switch", "whole"), [("whole", True), ("stub", False)])
def test_an_inactive_customer_comes_too(box: Box, switch: str, whole: bool) -> None:
    box.control("switches", {"cdc_inactive": switch})
    since, made = just_now(), box.customer(DisplayName="Q")
    box.customer(Id=made["Id"], SyncToken="0", sparse=True, Active=False)
    [row] = changed(box, since)
    if whole:
        assert (row["Active"], row["DisplayName"]) == (False, "Q (deleted)")
    else:
        assert list(row) == ["domain", "status", "Id", "MetaData"]
        assert (row["status"], row["Id"]) == ("Deleted", made["Id"])


def test_at_most_a_thousand_and_nothing_says_so(box: Box) -> None:
    stamp = datetime.now(UTC).isoformat(timespec="seconds")
    meta = {"CreateTime": stamp, "LastUpdatedTime": stamp}
    records = [
        {"Id": str(n), "SyncToken": "0", "DisplayName": f"C{n}", "Active": True, "MetaData": meta}
        for n in range(1, 1202)
    ]
    box.control("plant", {"realm": "firm", "records": records, "clear": True})
    [slot] = slots(ask(box, just_now()))
    assert slot["maxResults"] == len(slot["Customer"]) == 1000
    assert set(slot) == {"Customer", "startPosition", "maxResults"}


def test_thirty_days_are_the_limit(box: Box) -> None:
    old = (datetime.now(UTC) - timedelta(days=30, minutes=1)).isoformat()
    refused = ask(box, old)
    assert fault(refused) == (400, "500")
    detail = refused.json()["Fault"]["Error"][0]["Detail"]
    assert detail == (
        f"Operation cdc with changedSince date {old} which is older than fixed days"
        " is not supported."
    )
    assert ask(box, (datetime.now(UTC) - timedelta(days=29, hours=23)).isoformat()).ok
    box.control("switches", {"cdc_look_back": "answer"})
    assert ask(box, old).ok, "as the sandbox of 2020 did"


def test_a_moment_without_an_offset_is_pacific(box: Box) -> None:
    made = box.customer(DisplayName="Q")
    here = datetime.fromisoformat(made["MetaData"]["LastUpdatedTime"])
    assert changed(box, here.replace(tzinfo=None).isoformat()) != []
    utc = here.astimezone(UTC).replace(tzinfo=None).isoformat()
    assert changed(box, utc) == [], "the same instant in UTC, the offset forgotten: too late"


def test_a_plus_that_is_not_encoded_is_no_offset(box: Box) -> None:
    url = (
        f"{box.url}/v3/company/{FIRM}/cdc?entities=Customer&changedSince=2026-05-01T00:00:00+02:00"
    )
    assert fault(box.http.get(url, timeout=9)) == (400, "4001")


@pytest.mark.parametrize("name", ["entities", "changedSince"])
def test_both_parameters_are_needed(box: Box, name: str) -> None:
    params = {"entities": "Customer", "changedSince": "2026-05-01"}
    del params[name]
    answer = box.api("GET", "cdc", params=params)
    assert fault(answer) == (400, "2020")
    assert answer.json()["Fault"]["Error"][0]["element"] == name


def test_what_has_no_changes(box: Box) -> None:
    assert fault(ask(box, just_now(), "TaxRate")) == (400, "500")


def test_it_is_metered_as_data_out(box: Box) -> None:
    box.control("requests", method="DELETE")
    ask(box, just_now())
    assert box.control("counts", method="GET") == {FIRM: {"CorePlus": 1}}
