"""Queries over HTTP: which rows, which order, which pages, which faults."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from .conftest import Box, fault

ALL = "Active IN (true, false)"


def names(rows: list[dict]) -> list[str]:
    return [row["DisplayName"] for row in rows]


def test_inactive_rows_are_hidden_unless_asked_for(box: Box) -> None:
    assert names(box.rows("SELECT * FROM Customer WHERE DisplayName LIKE 'Moulton Feed%'")) == [
        "Moulton Feed & Grain"
    ]
    found = box.rows(f"SELECT * FROM Customer WHERE DisplayName LIKE 'moulton feed%' AND {ALL}")
    assert names(found) == [
        "Moulton Feed & Grain",
        "Moulton Feed & Grain (deleted)",
        "Moulton Feed & Grain (deleted-1)",
    ]
    gone = box.rows("SELECT * FROM Customer WHERE Active = false AND FamilyName = 'PRENTISS'")
    assert names(gone) == ["Prentiss, Walter (deleted)"]


def test_counting_and_finding_nothing(box: Box) -> None:
    counted = box.query(f"SELECT COUNT(*) FROM Customer WHERE {ALL}").json()
    assert counted["QueryResponse"] == {"totalCount": 270}
    nothing = box.query("SELECT * FROM Customer WHERE DisplayName = 'Nobody'").json()
    assert (nothing["QueryResponse"], set(nothing)) == ({}, {"QueryResponse", "time"})


def test_pages_by_id_meet_everybody_once(box: Box) -> None:
    seen: list[str] = []
    while True:
        start = len(seen) + 1
        reply = box.query(
            f"SELECT * FROM Customer WHERE {ALL} ORDERBY Id STARTPOSITION {start} MAXRESULTS 90"
        ).json()["QueryResponse"]
        if not reply:
            break
        assert (reply["startPosition"], reply["maxResults"]) == (start, len(reply["Customer"]))
        seen += [row["Id"] for row in reply["Customer"]]
    assert seen == sorted(set(seen), key=int)
    assert len(seen) == 270


def test_the_default_page_is_a_hundred_by_full_name(box: Box) -> None:
    rows = box.rows("SELECT * FROM Customer")
    full = [row["FullyQualifiedName"] for row in rows]
    assert (len(full), full) == (100, sorted(full, key=str.casefold))


def test_case_in_the_default_order_by_switch(box: Box) -> None:
    for name in ("zzB", "zza"):
        box.customer(DisplayName=name)
    some = "SELECT * FROM Customer WHERE DisplayName LIKE 'zz%'"
    assert names(box.rows(some)) == ["zza", "zzB"]
    box.control("switches", {"default_order": "case"})
    assert names(box.rows(some)) == ["zzB", "zza"]


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        (r"DisplayName = 'cap\'n ned\'s chowder house'", ["Cap'n Ned's Chowder House"]),
        (r"DisplayName = 'Back\\Slash Web Design'", ["Back\\Slash Web Design"]),
        ("DisplayName = 'Harlow & Finch Interiors'", ["Harlow & Finch Interiors"]),
        ("DisplayName = '山本 美咲'", ["山本 美咲"]),
        ("FullyQualifiedName = 'Whipple Hill Orchards:Payroll'", ["Payroll"]),
        ("PrimaryEmailAddr = 'OWNER@ridgeline.example'",
         ["Ridgeline Realty LLC", "Ridgeline Self Storage LLC"]),
        ("GivenName = 'Walter' AND Active = false", ["Prentiss, Walter (deleted)"]),
        ("Balance > '6000' AND Balance <= 6200.00", ["2025 audit"]),
        ("DisplayName LIKE '%chowder%'", ["Cap'n Ned's Chowder House"]),
        ("DisplayName LIKE '100% Cotton%'", ["100% Cotton Quilters' Guild"]),
    ],
)  # fmt: skip
def test_conditions(box: Box, condition: str, expected: list[str]) -> None:
    assert names(box.rows(f"SELECT * FROM Customer WHERE {condition}")) == expected


def test_times_with_any_offset(box: Box) -> None:
    box.customer(DisplayName="Late")
    stamp = box.rows("SELECT * FROM Customer WHERE DisplayName = 'Late'")[0]["MetaData"]
    when = stamp["LastUpdatedTime"]
    utc = datetime.fromisoformat(when).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    for same in (when, utc):
        found = box.rows(f"SELECT * FROM Customer WHERE MetaData.LastUpdatedTime >= '{same}'")
        assert names(found) == ["Late"]
    assert names(box.rows("SELECT * FROM Customer WHERE Metadata.CreateTime > '2099-01-01'")) == []
    old = box.rows(
        "SELECT * FROM Customer WHERE MetaData.CreateTime < '2021-02-01T00:00:00Z' MAXRESULTS 5"
    )
    assert old == []
    today = box.rows("SELECT * FROM Customer WHERE MetaData.CreateTime >= CURRENT_DATE")
    assert names(today) == ["Late"]


def test_ids_in_a_list_and_falling_order(box: Box) -> None:
    rows = box.rows(
        f"SELECT * FROM Customer WHERE Id IN ('9', '10', '8') AND {ALL} ORDERBY Id DESC"
    )
    assert [row["Id"] for row in rows] == ["10", "9", "8"]


def test_order_by_several_and_by_the_balance_of_a_family(box: Box) -> None:
    above = box.customer(DisplayName="zz top", Balance=1)["Id"]
    box.customer(DisplayName="zz leaf", Balance=9, ParentRef={"value": above})
    box.customer(DisplayName="zz mid", Balance=5)
    some = "SELECT * FROM Customer WHERE DisplayName LIKE 'zz %' ORDERBY"
    assert names(box.rows(f"{some} BalanceWithJobs DESC")) == ["zz top", "zz leaf", "zz mid"]
    assert names(box.rows(f"{some} FamilyName, Balance")) == ["zz top", "zz mid", "zz leaf"]


def test_a_projection_shows_less(box: Box) -> None:
    [row] = box.rows("SELECT displayname FROM Customer WHERE DisplayName = 'Cash customer'")
    assert set(row) == {"DisplayName", "Id", "domain", "sparse"}


def test_post_takes_the_statement_as_text(box: Box) -> None:
    statement = "SELECT * FROM Customer WHERE DisplayName = 'Robert Hale'"
    for kind in ("application/text", "text/plain; charset=utf-8"):
        reply = box.api("POST", "query", data=statement, headers={"Content-Type": kind})
        assert names(reply.json()["QueryResponse"]["Customer"]) == ["Robert Hale"]
    in_url = box.api("POST", "query", params={"query": statement})
    assert in_url.status_code == 200
    assert fault(box.api("POST", "query", json={"query": statement})) == (400, "2020")


def test_vendors_employees_and_the_company(box: Box) -> None:
    vendors = box.query("SELECT * FROM Vendor").json()["QueryResponse"]["Vendor"]
    assert "Granite Paper & Toner" in names(vendors)
    [company] = box.query("select * from companyinfo").json()["QueryResponse"]["CompanyInfo"]
    assert company["CompanyName"] == "Harbor & Pine Accounting LLP"


@pytest.mark.parametrize(
    ("statement", "code", "detail"),
    [
        ("SELECT * FROM Custmoer", "4001", "invalid context declaration: Custmoer"),
        ("SELECT * FROM Customer WHERE Hat = 'x'", "4001",
         "Property Hat not found for Entity Customer"),
        ("SELECT * FROM Customer WHERE notes = 'x'", "4001", "property 'Notes' is not queryable"),
        ("SELECT * FROM Customer ORDERBY PrimaryEmailAddr", "4001", "not sortable"),
        ("SELECT * FROM Customer WHERE Id > '5'", "4001", "Operator >"),
        ("SELECT * FROM Customer WHERE Active = 'true'", "4001", "value true is not valid"),
        ("SELECT * FROM Customer WHERE Balance = 'x'", "4001", "value x is not valid"),
        ("SELECT * FROM Customer WHERE MetaData.CreateTime > 'x'", "4001", "value x"),
        ("SELECT * FROM Customer MAXRESULTS 0", "4001", "Min allowed value is 1"),
        ("SELECT * FROM Customer WHERE A = 'x' OR B = 'y'", "4000", "Encountered"),
    ],
)  # fmt: skip
def test_faults_of_a_query(box: Box, statement: str, code: str, detail: str) -> None:
    answer = box.query(statement)
    assert fault(answer) == (400, code)
    assert detail in answer.json()["Fault"]["Error"][0]["Detail"]


def test_startposition_zero_by_switch(box: Box) -> None:
    statement = "SELECT * FROM Customer STARTPOSITION 0 MAXRESULTS 1"
    assert box.query(statement).json()["QueryResponse"]["startPosition"] == 1
    box.control("switches", {"startposition_zero": "refuse"})
    assert fault(box.query(statement)) == (400, "4001")
