"""Bulk actions in a browser: what is ticked is what is decided about, and its end is seen."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests import factories
from wagtail_qbo_sync.models import BulkDecision, Connection, Customer
from wagtail_qbo_sync.sync.bulk import decisions
from wagtail_qbo_sync.sync.records.status import CustomerStatus, with_status

from .conftest import Open, search_listing

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
LISTING = "/admin/qbo/customers/"


def excluded() -> set[str]:
    rows = with_status(Customer.objects.all()).filter(status=CustomerStatus.EXCLUDED)
    return set(rows.values_list("display_name", flat=True))


def tick_all_in_listing(page: Page) -> None:
    page.get_by_role("checkbox", name="Select all").first.check()
    page.get_by_role("button", name="Select all customers in listing").click()
    expect(page.get_by_text("All items in listing selected.")).to_be_visible()


def test_all_of_a_filtered_listing_are_decided_about_and_watched_to_the_end(
    open_page: Open, company: Connection
) -> None:
    factories.customers(company, unmapped=320, mapped=60)
    page = open_page(f"{LISTING}?status=unmapped")
    tick_all_in_listing(page)
    page.get_by_role("link", name="Exclude the selected customers from mapping").click()
    expect(page.get_by_role("heading", name="Exclude 320 customers from mapping?")).to_be_visible()
    page.get_by_role("button", name="Exclude").click()
    status = page.get_by_role("status").filter(has_text="customers")
    expect(status).to_contain_text("0 of 320 customers are decided about.")
    decisions.advance(BulkDecision.objects.get().pk)
    expect(status).to_contain_text("320 customers are excluded from mapping.")
    assert len(excluded()) == 320
    page.get_by_role("button", name="Undo").click()
    expect(status).to_contain_text("0 of 320 customers are decided about.")
    decisions.advance(BulkDecision.objects.latest("pk").pk)
    expect(status).to_contain_text("320 customers are included again.")
    assert excluded() == set()


def test_all_that_a_search_found_and_not_what_was_listed_before(
    open_page: Open, company: Connection
) -> None:
    for number in range(60):
        factories.customer(company, f"Berg {number}")
        factories.customer(company, f"Lund {number}")
    page = open_page(LISTING)
    search_listing(page, "Lund")
    expect(page.locator("#listing-results")).not_to_contain_text("Berg")
    tick_all_in_listing(page)
    page.get_by_role("link", name="Exclude the selected customers from mapping").click()
    expect(page.get_by_role("heading", name="Exclude 60 customers from mapping?")).to_be_visible()
    page.get_by_role("button", name="Exclude").click()
    expect(page.locator(".messages")).to_contain_text("60 customers are excluded from mapping.")
    assert {name.split()[0] for name in excluded()} == {"Lund"}
    page.get_by_role("button", name="Undo").click()
    expect(page.locator(".messages")).to_contain_text("60 customers are included again.")
    assert page.url.endswith("?q=Lund")


def test_two_ticked_rows_and_no_other(open_page: Open, company: Connection) -> None:
    for name in ("Anna Berg", "Bo Coe", "Carl Dunn"):
        factories.customer(company, name)
    page = open_page(LISTING)
    for name in ("Anna Berg", "Carl Dunn"):
        page.locator("tr", has_text=name).get_by_role("checkbox").check()
    page.get_by_role("link", name="Exclude the selected customers from mapping").click()
    page.get_by_role("button", name="Exclude").click()
    expect(page.locator(".messages")).to_contain_text("2 customers are excluded from mapping.")
    assert excluded() == {"Anna Berg", "Carl Dunn"}
