"""Reading: pages go into the mirror, whatever happens while they are read."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from django.db import connection

from wagtail_qbo_sync import clock
from wagtail_qbo_sync.models import Customer, SyncState
from wagtail_qbo_sync.qbo.api import CompanyApi, Page

from .conftest import Json, customer
from .firm import Firm

Requests = Callable[..., list[Json]]


@pytest.fixture
def pages(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten customers a page."""
    monkeypatch.setattr("wagtail_qbo_sync.sync.reading.pull.PAGE", 10)


def crowd(count: int) -> list[Json]:
    return [customer(str(n), f"Customer {n:02}") for n in range(1, count + 1)]


def mirrored() -> set[str]:
    return set(Customer.objects.values_list("qbo_id", flat=True))


def reads(requests: Requests) -> list[str]:
    return [request["body"] for request in requests() if request["path"].endswith("/query")]


@pytest.mark.parametrize("count, calls", [(0, 2), (9, 2), (10, 2), (11, 3), (30, 4)])
@pytest.mark.usefixtures("pages")
def test_one_count_and_no_page_too_many(
    firm: Firm, requests: Requests, count: int, calls: int
) -> None:
    firm.has(*crowd(count))
    firm.sync(approve=False)
    assert len(reads(requests)) == calls
    assert mirrored() == {str(n) for n in range(1, count + 1)}
    assert (firm.state.position, firm.state.total) == (0, count)


def test_active_and_inactive_are_read_by_id(firm: Firm, requests: Requests) -> None:
    firm.has(customer("2", "Active"), customer("11", "Gone (deleted)", Active=False))
    firm.sync()
    assert mirrored() == {"2", "11"}
    _, page = reads(requests)
    assert "Active IN (true,false)" in page and "ORDERBY Id" in page


def between_pages(act: Callable[[], None]) -> None:
    """Once, after the first page was stored."""
    acts = iter([act])

    def stop(name: str) -> None:
        if name == "pull.stored":
            next(acts, lambda: None)()

    clock.stop_at(stop)


@pytest.mark.usefixtures("pages")
def test_an_edit_between_pages_is_read_now_or_next_time(firm: Firm) -> None:
    firm.has(*crowd(25))

    def people() -> None:
        firm.edits("3", CompanyName="Read already")
        firm.edits("15", CompanyName="Not yet read")
        firm.edits("16", Active=False)

    between_pages(people)
    firm.sync()
    read = {row.qbo_id: row.contact.company_name for row in Customer.objects.all()}
    assert len(read) == 25
    assert (read["3"], read["15"]) == ("", "Not yet read")
    assert Customer.objects.get(qbo_id="16").standing == "inactive"
    firm.sync()
    assert Customer.objects.get(qbo_id="3").contact.company_name == "Read already"


@pytest.mark.usefixtures("pages")
def test_a_customer_made_between_pages_is_read_now_or_next_time(firm: Firm) -> None:
    firm.has(*crowd(25))
    between_pages(lambda: firm.gets(customer("26", "Just made")))
    firm.sync()
    assert len(mirrored()) in (25, 26)
    firm.sync()
    assert len(mirrored()) == 26


@pytest.mark.usefixtures("pages")
def test_a_customer_that_vanishes_between_pages_hides_none(firm: Firm) -> None:
    """Rows move up when one goes: fewer come than were counted, and the reading begins anew."""
    firm.has(*crowd(25))
    between_pages(lambda: firm.has(*crowd(25)[1:]))
    firm.sync()
    assert mirrored() == {str(n) for n in range(1, 26)} - {"11"}
    assert firm.state.trouble["code"] == "short"
    SyncState.objects.update(blocked_until=None)
    firm.walk()
    assert mirrored() == {str(n) for n in range(1, 26)}
    assert firm.state.trouble == {}


def test_an_empty_answer_is_no_empty_company(firm: Firm) -> None:
    firm.has(*crowd(3))
    nothing = {"QueryResponse": {}, "time": "2026-01-05T09:00:00-08:00"}
    answer = {"kind": "respond", "status": 200, "path": "/query", "body": json.dumps(nothing)}
    firm.sandbox.post("faults", {**answer, "skip": 1, "count": 1})
    assert firm.sync() is None
    state = firm.state
    assert (state.trouble["code"], state.synced_at, state.position) == ("short", None, 0)
    SyncState.objects.update(blocked_until=None)
    firm.walk()
    assert mirrored() == {"1", "2", "3"}


def test_a_count_below_nothing_is_no_count(firm: Firm) -> None:
    firm.has(*crowd(3))
    odd = {"QueryResponse": {"totalCount": -5}, "time": "2026-01-05T09:00:00-08:00"}
    answer = {"kind": "respond", "status": 200, "path": "/query", "body": json.dumps(odd)}
    firm.sandbox.post("faults", {**answer, "count": 1})
    firm.sync()
    assert firm.state.trouble["code"] == "shape"
    assert mirrored() == set()


@pytest.mark.usefixtures("pages")
def test_a_short_page_is_not_the_last_one(firm: Firm, monkeypatch: pytest.MonkeyPatch) -> None:
    firm.has(*crowd(25))
    real = CompanyApi.customers
    monkeypatch.setattr(
        CompanyApi, "customers", lambda api, start, size, since: real(api, start, 7)
    )
    firm.sync()
    assert len(mirrored()) == 25


@pytest.mark.usefixtures("pages")
def test_a_reading_goes_on_where_it_was_interrupted(
    firm: Firm, requests: Requests, monkeypatch: pytest.MonkeyPatch
) -> None:
    firm.has(*crowd(25))
    firm.sandbox.post("faults", {"kind": "server_error", "path": "/query", "skip": 2, "count": 1})
    firm.sync()
    assert len(mirrored()) == 10
    state = firm.state
    assert (state.phase, state.position, state.trouble["done"]) == ("pull", 10, 10)
    SyncState.objects.update(blocked_until=None)
    firm.sandbox.delete("requests")
    firm.walk()
    assert len(mirrored()) == 25
    assert len(reads(requests)) == 2, "no page is read twice, and the count is known"


def test_rows_are_updated_never_inserted_again(firm: Firm) -> None:
    firm.has(*crowd(3))
    firm.sync()
    before = dict(Customer.objects.values_list("qbo_id", "pk"))
    firm.edits("2", DisplayName="Renamed", CompanyName="Ltd")
    firm.sync()
    assert dict(Customer.objects.values_list("qbo_id", "pk")) == before
    row = Customer.objects.get(qbo_id="2")
    assert (row.display_name, row.contact.company_name) == ("Renamed", "Ltd")


def test_what_is_kept_of_a_customer_and_nothing_else(
    firm: Firm, database_text: Callable[[], str]
) -> None:
    """C2: no balance, tax id, terms or notes."""
    secret: Json = {
        "Balance": 987654.32,
        "BalanceWithJobs": 987654.32,
        "Notes": "secret-note",
        "PrimaryTaxIdentifier": "secret-tax",
        "ResaleNum": "secret-resale",
        "SalesTermRef": {"value": "secret-terms"},
        "WebAddr": {"URI": "https://secret.example"},
    }
    firm.chooses(unmatched="create")
    firm.has(customer("1", "Anna Berg", "anna@berg.example", **secret))
    firm.sync()
    text = database_text()
    assert "anna@berg.example" in text
    assert "secret" not in text and "987654" not in text
    assert set(Customer.objects.get().record) == {
        "sync_token",
        "contact",
        "digest",
        "path",
        "parent",
        "bill",
        "ship",
    }


def test_a_page_with_nothing_new_writes_nothing(
    firm: Firm, monkeypatch: pytest.MonkeyPatch
) -> None:
    firm.has(*crowd(3))
    firm.sync()
    written: list[str] = []

    def watch(execute: Callable[..., object], sql: str, *rest: object) -> object:
        if not sql.startswith(("SELECT", "SAVEPOINT", "RELEASE")) and "syncstate" not in sql:
            written.append(sql)
        return execute(sql, *rest)

    with connection.execute_wrapper(watch):
        firm.sync()
    assert [sql for sql in written if "django_q" not in sql] == []


def test_a_higher_token_with_the_same_content_is_stored(firm: Firm) -> None:
    firm.has(customer("1", "Anna"))
    firm.sync()
    firm.gets(customer("1", "Anna", SyncToken="4"))
    assert firm.sync() is None
    assert Customer.objects.get().record["sync_token"] == 4


def test_pages_are_taken_as_they_come(firm: Firm, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same customer twice in one page is stored once."""
    rows = [customer("1", "Anna"), customer("1", "Anna again", SyncToken="1")]
    monkeypatch.setattr(CompanyApi, "count_customers", lambda api, since: 2)
    monkeypatch.setattr(
        CompanyApi, "customers", lambda api, start, size, since: Page(rows, clock.now())
    )
    firm.sync()
    assert Customer.objects.get().display_name == "Anna again"
