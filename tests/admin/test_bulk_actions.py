"""Ticked rows of the listing: whom a bulk action is about, who may, and how it goes on."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from django.db import connection as database
from django.test import Client as Browser
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from tests import factories
from tests.admin.actions.bulk import LISTING, address, asks, confirms, main, said
from wagtail_qbo_sync.admin.base import url
from wagtail_qbo_sync.admin.bulk_actions import ACTIONS
from wagtail_qbo_sync.models import BulkDecision, Connection, Customer, Decision
from wagtail_qbo_sync.sync.bulk import decisions
from wagtail_qbo_sync.sync.records.status import CustomerStatus, with_status

from .conftest import Login


@pytest.fixture
def browser(login: Login, company: Connection) -> Browser:
    """Somebody who may map and see customers, but no clients."""
    return login("map", "view")


def excluded() -> set[str]:
    rows = with_status(Customer.objects.all()).filter(status=CustomerStatus.EXCLUDED)
    return set(rows.values_list("display_name", flat=True))


# Select all -------------------------------------------------------------------------------------


def test_all_means_all_that_the_filters_show_on_every_page(
    browser: Browser, company: Connection
) -> None:
    factories.customers(company, unmapped=120, review=7, mapped=3)
    confirms(browser, "exclude", status=["unmapped"])
    assert len(excluded()) == 120
    assert not any(name.startswith("Review") for name in excluded())


def test_all_means_all_that_a_search_finds(browser: Browser, company: Connection) -> None:
    for name in ("Berg One", "Berg Two", "Lund"):
        factories.customer(company, name)
    confirms(browser, "exclude", q="berg")
    assert excluded() == {"Berg One", "Berg Two"}


def test_all_means_all_of_the_company_that_is_shown(browser: Browser, company: Connection) -> None:
    other = factories.connection("Other Books")
    factories.customer(company, "Ours")
    factories.customer(other, "Theirs")
    confirms(browser, "exclude", connection=other.pk)
    assert excluded() == {"Theirs"}


def test_all_of_two_companies_is_decided_for_each(browser: Browser, company: Connection) -> None:
    factories.customer(company, "Ours")
    factories.customer(factories.connection("Other Books"), "Theirs")
    confirms(browser, "exclude")
    assert excluded() == {"Ours", "Theirs"}
    assert BulkDecision.objects.values_list("connection").distinct().count() == 2


def test_an_unknown_or_foreign_key_is_nobody(browser: Browser, company: Connection) -> None:
    where = address("exclude").replace("id=all", "id=4711&id=x%27")
    assert "This is for none of the selected customers" in main(browser.get(where))


def test_who_came_after_one_was_asked_is_asked_about(browser: Browser, company: Connection) -> None:
    """Nothing is done with customers whom the person has not been shown."""
    held, first, _last = (factories.customer(company, name) for name in ("Held", "First", "Last"))
    factories.STANDS["excluded"](held)

    def asked() -> str:
        found = re.search(r'name="about" value="([^"]*)"', browser.get(ask).content.decode())
        assert found is not None
        return found.group(1)

    ask = address("exclude")
    before = asked()
    factories.STANDS["excluded"](first)
    Decision.objects.filter(qbo_id=held.qbo_id).delete()  # as many, and the same last one
    response = browser.post(ask, {"about": before})
    assert "Exclude 2 customers from mapping?" in main(response)
    assert excluded() == {"First"}


# Who may ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("action", [action.action_type for action in ACTIONS])
def test_only_for_who_may_map(action: str, login: Login, company: Connection) -> None:
    factories.customer(company)
    for rights in (["view", "sync", "change", "connect"], []):
        browser = login(*rights)
        for method in (browser.get, browser.post):
            response = method(address(action))
            assert response.headers["Location"] == reverse("wagtailadmin_home")
    assert not BulkDecision.objects.exists()


@pytest.mark.parametrize(("rights", "there"), [(["view"], False), (["view", "map"], True)])
def test_rows_can_be_ticked_by_who_may_map(
    rights: list[str], there: bool, login: Login, company: Connection
) -> None:
    customer = factories.customer(company)
    page = login(*rights).get(LISTING).content.decode()
    for part in (
        "data-bulk-action-checkbox",
        "data-bulk-action-footer",
        "js/bulk-actions.js",
        f'id="customer_{customer.pk}_title"',
    )[: 3 if not there else 4]:
        assert (part in page) == there


def test_the_labels_are_short_enough_to_be_read(browser: Browser, company: Connection) -> None:
    factories.customer(company)
    page = browser.get(LISTING).content.decode()
    labels = ["Map suggested", "Create clients", "Exclude", "Include", "Remove match"]
    assert [str(action.display_name) for action in ACTIONS] == labels
    footer = page[page.index("data-bulk-action-footer") :]
    places = [footer.index(label) for label in labels]
    assert places == sorted(places) and max(map(len, labels)) <= 16


# The page that asks -----------------------------------------------------------------------------


def test_twenty_are_named_and_the_others_counted(browser: Browser, company: Connection) -> None:
    factories.customers(company, unmapped=45, mapped=30)
    page = asks(browser, "exclude")
    assert "Exclude 45 customers from mapping?" in page
    assert page.count("Unmapped ") == 20 and "and 25 others" in page
    assert page.count("Mapped ") == 20 + 1 and "and 10 others" in page


def test_as_many_queries_for_50_as_for_1000(browser: Browser, company: Connection) -> None:
    counted = []
    for number in (50, 950):
        factories.customers(company, unmapped=number)
        for action in ("map_suggested", "create", "exclude"):
            with CaptureQueriesContext(database) as queries:
                browser.get(address(action))
            counted.append((action, len(queries)))
    assert counted[:3] == counted[3:]


# More than a request takes ----------------------------------------------------------------------


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three are decided about at once, in slices of two."""
    monkeypatch.setattr(decisions, "AT_ONCE", 3)
    monkeypatch.setattr(decisions, "SLICE", 2)


@pytest.mark.usefixtures("few")
def test_many_are_left_to_a_worker_and_can_be_watched(
    browser: Browser, company: Connection
) -> None:
    factories.customers(company, unmapped=5)
    response = confirms(browser, "exclude")
    decided = BulkDecision.objects.get()
    assert response.headers["Location"] == url("bulk", decided.pk)
    page = browser.get(url("bulk", decided.pk))
    assert "0 of 5 customers are decided about." in main(page)
    assert 'data-qbo-poll-interval-value="2000"' in page.content.decode()
    decisions.advance(decided.pk)
    page = browser.get(url("bulk", decided.pk))
    assert "5 customers are excluded from mapping." in main(page)
    assert 'data-qbo-poll-interval-value="0"' in page.content.decode()
    assert len(excluded()) == 5


def test_the_listing_leads_to_what_is_going_on(login: Login, company: Connection) -> None:
    factories.bulk_decision(company, total=9, done=9, finished_at=company.connected_at)
    going_on = factories.bulk_decision(company, total=4000, done=1500)
    page = login("map", "view").get(LISTING)
    said = "Harbor & Finch, Exclude: 1,500 of 4,000 customers are decided about. See how it goes"
    assert main(page).count("customers are decided about") == 1 and said in main(page)
    assert url("bulk", going_on.pk) in page.content.decode()
    assert "decided about" not in main(login("view").get(LISTING))


@pytest.mark.usefixtures("few")
def test_many_are_taken_back_by_a_worker_too(browser: Browser, company: Connection) -> None:
    factories.customers(company, unmapped=5)
    confirms(browser, "exclude")
    decided = BulkDecision.objects.get()
    decisions.advance(decided.pk)
    undone = browser.post(url("bulk_undo", decided.pk))
    back = BulkDecision.objects.latest("pk")
    assert undone.headers["Location"] == url("bulk", back.pk)
    decisions.advance(back.pk)
    assert excluded() == set()


def test_without_a_worker_the_page_says_so(login: Login) -> None:
    company = factories.connection()
    decided = factories.bulk_decision(company, total=400)
    page = main(login("map").get(url("bulk", decided.pk)))
    assert "No worker is running, so it does not go on." in page
    assert "python manage.py qbo_worker" in page


def test_who_is_left_is_named_with_the_reason(browser: Browser, company: Connection) -> None:
    customers = [factories.customer(company, f"Left {number}") for number in range(130)]
    left = {"It is not excluded.": [customer.qbo_id for customer in customers]}
    decided = factories.bulk_decision(
        company, "include", total=130, done=130, skipped=left, finished_at=company.connected_at
    )
    page = main(browser.get(url("bulk", decided.pk)))
    assert "Nothing was changed." in page
    assert "It is not excluded. Left 0 Left 1 " in page and "and 30 others" in page


def test_what_took_something_back_is_not_taken_back(browser: Browser, company: Connection) -> None:
    decided = factories.bulk_decision(
        company, "undo", counts={"parted": 2}, finished_at=company.connected_at
    )
    assert url("bulk_undo", decided.pk) not in browser.get(url("bulk", decided.pk)).content.decode()
    browser.post(url("bulk_undo", decided.pk))
    assert "This cannot be taken back as a whole, or was already." in said(browser)


def test_it_leads_back_to_the_listing_as_it_was(browser: Browser, company: Connection) -> None:
    factories.customer(company)
    there = f"{LISTING}?status=unmapped"
    where = address("exclude", status=["unmapped"])
    where = where.replace(f"next={LISTING.replace('/', '%2F')}", f"next={there}")
    asked = browser.get(where).content.decode()
    about = re.search(r'name="about" value="([^"]*)"', asked)
    assert about is not None
    response: Any = browser.post(where, {"about": about.group(1)})
    back = urlsplit(response.headers["Location"])
    assert (back.path, parse_qsl(back.query)) == (LISTING, [("status", "unmapped")])
