"""Two edits of one client, in the site's form and in QuickBooks, settled on the screen (U4)."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from crm.models import Client
from django.urls import reverse
from playwright.sync_api import Page, expect

from tests.sync.conftest import (  # noqa: F401
    connected,
    connection,
    customer,
    firm,
    no_failpoint,
    returned,
    sandbox,
)
from tests.sync.firm import Firm
from wagtail_qbo_sync.admin.base import conflicts_url
from wagtail_qbo_sync.sync.records.status import beat

from .conftest import Open

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
FAR = 60
"""More presses of Tab than lead anywhere on the page."""


def by_mouse(page: Page) -> None:
    """Picks a side of each field."""
    page.locator("main").get_by_role("link", name="Anna Berg").first.click()
    phone, mobile = (page.get_by_role("region", name=name) for name in ("Phone", "Mobile"))
    expect(phone.get_by_role("row", name="Phone")).to_contain_text("555 0101")
    phone.get_by_role("radio", name="In QuickBooks").click()
    mobile.get_by_role("radio", name="On the site").click()
    page.get_by_role("button", name="Save", exact=True).click()


def by_keyboard(page: Page) -> None:
    """Types another value of one field, and picks a side of the other."""
    tab_to(page, "main tbody a[href*='/conflicts/']")
    page.keyboard.press("Enter")
    decide_later = page.get_by_role("radio", name="Decide later")
    expect(decide_later.first).to_be_focused()
    page.keyboard.press("ArrowDown")
    mobile = page.get_by_role("region", name="Mobile")
    expect(mobile.get_by_role("radio", name="On the site")).to_be_checked()
    tab_to(page, "[name=phone-line]")
    page.keyboard.press("Control+a")
    page.keyboard.type("555 0103")
    page.keyboard.press("Enter")


WAYS: dict[str, tuple[Callable[[Page], None], str]] = {
    "mouse": (by_mouse, "555 0199"),
    "keyboard": (by_keyboard, "555 0103"),
}


@pytest.mark.parametrize("way", WAYS)
def test_from_two_edits_to_equal_sides(way: str, open_page: Open, firm: Firm) -> None:  # noqa: F811
    settle, phone = WAYS[way]
    beat()
    number = {"PrimaryPhone": {"FreeFormNumber": "555 0101"}}
    firm.has(customer("1", "Anna Berg", "anna@berg.example", **number))
    anna = Client.objects.create(name="Anna Berg", email="anna@berg.example")
    firm.sync()
    assert firm.client("1") == anna

    page = open_page(reverse("wagtailsnippets_crm_client:edit", args=[anna.pk]))
    save(page, "555 0102", "555 0200")
    page.goto(f"{firm.sandbox.base_url}/company/{firm.realm}/customer/1")
    save(page, "555 0199", "555 0299")
    firm.sync()
    page.goto(conflicts_url())
    settle(page)

    expect(page.locator(".messages")).to_contain_text("Settled for “Anna Berg”: Mobile and Phone.")
    firm.walk()
    anna.refresh_from_db()
    there = firm.record("1")
    assert (anna.phone, there["PrimaryPhone"]["FreeFormNumber"]) == (phone, phone)
    assert (anna.mobile, there["Mobile"]["FreeFormNumber"]) == ("555 0200", "555 0200")
    assert firm.cases() == set()
    page.goto(conflicts_url())
    expect(page.locator("main")).not_to_contain_text("Anna Berg")


def save(page: Page, phone: str, mobile: str) -> None:
    """In the form of either side."""
    page.get_by_label("Phone", exact=True).fill(phone)
    page.get_by_label("Mobile", exact=True).fill(mobile)
    with page.expect_navigation():
        page.get_by_role("button", name="Save", exact=True).click()


def tab_to(page: Page, selector: str) -> None:
    """By Tab alone."""
    for _ in range(FAR):
        page.keyboard.press("Tab")
        if page.evaluate("selector => document.activeElement.matches(selector)", selector):
            return
    raise AssertionError(f"Tab does not lead to {selector}.")
