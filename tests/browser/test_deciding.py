"""Mapping in a browser: a row's menu after a search, Undo, and duplicates by keyboard alone."""

from __future__ import annotations

import pytest
from crm.models import Client
from playwright.sync_api import Page, expect

from tests.admin import rows
from tests.admin.waiting import fill_review
from wagtail_qbo_sync.admin.base import url
from wagtail_qbo_sync.models import Connection, Customer, Decision, Mapping

from .conftest import Open, search_listing

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
LISTING = "/admin/qbo/customers/"


def alike(company: Connection, name: str, *clients: str) -> None:
    """A customer in review, like these clients by e-mail."""
    email = f"{name.split()[0].lower()}@example.org"
    customer = rows.customer(company, name, email=email, phone="555 0101")
    found = [Client.objects.create(name=each, email=email, phone="555 0102") for each in clients]
    rows.case(
        customer, "review", candidates=[rows.candidate(each, "email") for each in found], more=0
    )


@pytest.fixture
def three(company: Connection) -> Connection:
    """Three customers wait, in this order."""
    alike(company, "Thomas Reed", "Tom Reed", "T. Reed")
    alike(company, "Ida Holm", "Ida Holm-Lund")
    alike(company, "Noel Fox", "N. Fox")
    return company


def asks(page: Page, name: str) -> None:
    """Its page is there, and listens to keys: a choice has the focus."""
    expect(page.get_by_role("heading", name=f"Which client is “{name}”?")).to_be_visible()
    page.wait_for_function("document.activeElement?.closest('label')")


def focused(page: Page) -> str:
    """Name of the choice that has the focus."""
    text: str = page.evaluate("document.activeElement.closest('label').innerText")
    return text.splitlines()[0].strip()


def mapped() -> dict[str, str]:
    names = {customer.qbo_id: customer.display_name for customer in Customer.objects.all()}
    return {
        names[each.qbo_id]: each.client.name if each.client else ""
        for each in Mapping.objects.select_related("client")
    }


def test_duplicates_are_resolved_by_keyboard_alone(open_page: Open, three: Connection) -> None:
    page = open_page(url("duplicates"))
    asks(page, "Thomas Reed")
    assert focused(page).startswith("Tom Reed")
    page.keyboard.press("ArrowRight")
    assert focused(page).startswith("T. Reed")
    page.keyboard.press("Enter")
    asks(page, "Ida Holm")
    assert mapped() == {"Thomas Reed": "T. Reed"}
    expect(page.locator(".messages")).to_contain_text("“Thomas Reed” is mapped to “T. Reed”.")
    page.keyboard.press("Enter")
    asks(page, "Noel Fox")
    assert mapped() == {"Thomas Reed": "T. Reed", "Ida Holm": "Ida Holm-Lund"}
    page.keyboard.press("ArrowUp")
    assert focused(page) == "Exclude this customer from mapping"
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="No duplicates are left.")).to_be_visible()
    assert Decision.objects.get().kind == Decision.Kind.EXCLUDE_CUSTOMER
    page.get_by_role("button", name="Undo").press("Enter")
    expect(page.locator(".messages")).to_contain_text("“Noel Fox” is included again.")
    assert not Decision.objects.exclude(kind__in=Decision.NO_NO).exists()


def test_the_first_of_five_thousand_are_resolved_with_one_or_two_keys_each(
    open_page: Open, company: Connection
) -> None:
    fill_review(company, 5000)
    page = open_page(url("duplicates"))
    turns = (
        ("Customer 0000", ["Enter"], "“Customer 0000” is mapped to “Member 00000”."),
        ("Customer 0001", ["ArrowDown", "Enter"], "A client is made of “Customer 0001”."),
        ("Customer 0002", ["ArrowUp", "Enter"], "“Customer 0002” is excluded from mapping."),
        ("Customer 0003", ["Enter"], "“Customer 0003” is mapped to “Member 00003”."),
    )
    for number, (name, keys, said) in enumerate(turns):
        asks(page, name)
        expect(page.locator("main")).to_contain_text(f"1 of {5000 - number:,} left.")
        assert focused(page).startswith(name.replace("Customer ", "Member 0"))
        for key in keys:
            page.keyboard.press(key)
        expect(page.locator(".messages")).to_contain_text(said)
    asks(page, "Customer 0004")
    assert mapped() == {"Customer 0000": "Member 00000", "Customer 0003": "Member 00003"}


def test_on_a_narrow_screen_the_suggestion_stands_beside_the_customer(
    open_page: Open, three: Connection
) -> None:
    page = open_page(url("duplicates"), viewport={"width": 400, "height": 800})
    asks(page, "Thomas Reed")
    assert page.locator(".qbo-scroll").evaluate("part => part.scrollLeft") == 0
    for name in ("In QuickBooks", "Tom Reed"):
        box = page.get_by_role("columnheader", name=name).first.bounding_box()
        assert box is not None and box["x"] >= 0 and box["x"] + box["width"] <= 400, name


def test_skip_by_keyboard(open_page: Open, three: Connection) -> None:
    page = open_page(url("duplicates"))
    asks(page, "Thomas Reed")
    skip = page.get_by_role("link", name="Skip", exact=True)
    for _ in range(8):
        page.keyboard.press("Tab")
        if skip.evaluate("link => link === document.activeElement"):
            break
    page.keyboard.press("Enter")
    asks(page, "Ida Holm")
    assert mapped() == {}


def test_the_menu_works_after_a_search_and_leads_back_to_it(
    open_page: Open, company: Connection
) -> None:
    for name in ("Anna Berg", "Mia Lund"):
        rows.customer(company, name)
    page = open_page(LISTING)
    search_listing(page, "Mia")
    expect(page.locator("#listing-results")).not_to_contain_text("Anna Berg")
    page.get_by_role("button", name="More options for 'Mia Lund'").click()
    page.get_by_role("button", name="Exclude from mapping").click()
    expect(page.locator(".messages")).to_contain_text("“Mia Lund” is excluded from mapping.")
    assert page.url.endswith("?q=Mia")
    page.get_by_role("button", name="Undo").click()
    expect(page.locator(".messages")).to_contain_text("“Mia Lund” is included again.")
    assert page.url.endswith("?q=Mia")
    assert not Decision.objects.exclude(kind__in=Decision.NO_NO).exists()


def test_a_client_is_found_as_one_types(open_page: Open, company: Connection) -> None:
    for name in ("Berg, Anna", "Lund, Mia"):
        Client.objects.create(name=name)
    rows.customer(company, "Anna Berg", email="anna@berg.example")
    page = open_page(LISTING)
    page.get_by_role("button", name="More options for 'Anna Berg'").click()
    page.get_by_role("link", name="Map to client…").click()
    expect(page.get_by_role("button", name="Map to Lund, Mia")).to_have_count(0)
    search = page.get_by_role("searchbox")
    expect(search).to_be_focused()
    search.fill("lund")
    expect(page.get_by_role("button", name="Map to Lund, Mia")).to_be_visible()
    expect(page.get_by_role("button", name="Map to Berg, Anna")).to_have_count(0)
    search.fill("berg")
    page.get_by_role("button", name="Map to Berg, Anna").press("Enter")
    expect(page.locator(".messages")).to_contain_text("“Anna Berg” is mapped to “Berg, Anna”.")
    assert page.url.endswith(LISTING)
    assert mapped() == {"Anna Berg": "Berg, Anna"}
