"""Our screens by keyboard alone: each stop is seen, and what was opened closes by Escape."""

from __future__ import annotations

import pytest
from playwright.sync_api import Locator, Page, expect

from tests import screens
from wagtail_qbo_sync.models import Connection, Run, Step

from .conftest import Open

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
STOPS = 14
"""How many presses of Tab are looked at on each page."""
PAGES = (
    "connections",
    "customers:index",
    "customers:inspect",
    "duplicates",
    "map",
    "problems",
    "settings",
    "why_customer",
    "site client",
)
BEGIN = """
    () => { const main = document.querySelector("#main"); main.tabIndex = -1; main.focus(); }
"""
UNSEEN = """
    () => {
        const at = document.activeElement;
        const main = document.querySelector("#main");
        if (at === main || !main.contains(at)) return null;
        const style = getComputedStyle(at);
        const box = at.getBoundingClientRect();
        const ring = style.outlineStyle !== "none" || style.boxShadow !== "none";
        const isThere = box.width && box.top < innerHeight && box.bottom > 0;
        return ring && isThere ? null : at.outerHTML.slice(0, 200);
    }
"""


def test_each_stop_is_seen(open_page: Open, company: Connection) -> None:
    page = open_page("/admin/")
    shown = screens.furnish(company)
    pages = shown.pages() | shown.pages_of_the_host()
    unseen = []
    for name in PAGES:
        page.goto(pages[name])
        page.evaluate(BEGIN)
        for _ in range(STOPS):
            page.keyboard.press("Tab")
            if page.evaluate(UNSEEN):
                page.wait_for_timeout(1000)  # until it is scrolled into sight
                unseen.append((name, page.evaluate(UNSEEN)))
    assert [(name, stop) for name, stop in unseen if stop] == []


def opens_and_closes(page: Page, toggle: Locator, opened: Locator) -> None:
    """By Enter and Escape; the focus is where it was."""
    toggle.focus()
    page.keyboard.press("Enter")
    expect(opened).to_be_visible()
    page.keyboard.press("Escape")
    expect(opened).to_be_hidden()
    expect(toggle).to_be_focused()


def test_menus_and_dialogs_close_by_escape(open_page: Open, company: Connection) -> None:
    page = open_page("/admin/")
    pages = screens.furnish(company).pages()
    page.goto(pages["customers:index"])
    row = page.locator("#listing-results tr", has_text="Dock tenant 00")
    menu = page.get_by_role("link", name="Map to client").first
    opens_and_closes(page, row.locator("[data-w-dropdown-target=toggle]"), menu)
    page.goto(pages["map"])
    default = page.get_by_role("button", name="Apply default value")
    opens_and_closes(page, default, page.get_by_role("button", name="Create new client"))
    page.goto(pages["connections"])
    disconnect = page.get_by_role("button", name="Disconnect")
    opens_and_closes(page, disconnect, page.get_by_role("dialog"))


FAR = 150
"""More presses of Tab than lead anywhere on the page."""


def tab_to(page: Page, aim: Locator) -> None:
    """By Tab alone from where the focus is."""
    for _ in range(FAR):
        page.keyboard.press("Tab")
        if aim.evaluate("one => one === document.activeElement"):
            return
    raise AssertionError(f"Tab does not lead to {aim}")


def test_a_plan_is_read_unticked_and_approved(open_page: Open, company: Connection) -> None:
    """The focus stays on the box that was unticked."""
    page = open_page("/admin/")
    shown = screens.furnish(company)
    page.goto(shown.pages()["run"])
    page.evaluate(BEGIN)
    box = page.get_by_role("checkbox", name="Do this for Planned create")
    tab_to(page, box.first)
    with page.expect_response("**/tick/"):
        page.keyboard.press("Space")
    expect(box.first).not_to_be_checked()
    expect(box.first).to_be_focused()
    page.evaluate(BEGIN)
    tab_to(page, page.get_by_role("button", name="Approve and apply"))
    page.keyboard.press("Enter")
    expect(page.locator(".messages")).to_contain_text("The plan is approved")
    assert Run.objects.get(pk=shown.run.pk).state == Run.State.APPLYING
    assert shown.run.steps.filter(state=Step.State.UNTICKED).count() == 1
