"""A client's form that is open while a sync writes: nothing of either side is lost."""

from __future__ import annotations

from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
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
from wagtail_qbo_sync.admin.client_record import ClientRecord
from wagtail_qbo_sync.models import Mapping
from wagtail_qbo_sync.sync.records.status import beat

from .conftest import Open

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
NEWS = "Updated from QuickBooks since you opened this form"


@pytest.fixture
def anna(firm: Firm, monkeypatch: pytest.MonkeyPatch) -> Client:  # noqa: F811
    """A mapped client, in sync. The page looks for news more often than people need it to."""
    monkeypatch.setattr(ClientRecord, "looks", 200)
    beat()
    firm.has(
        customer("1", "Anna Berg", "anna@berg.example", PrimaryPhone={"FreeFormNumber": "555 0101"})
    )
    row = Client.objects.create(name="Anna Berg", email="anna@berg.example")
    firm.sync()
    assert firm.client("1") == row
    return row


@pytest.fixture
def page(open_page: Open, anna: Client) -> Page:
    """The client's form, as it was before QuickBooks changed."""
    opened = open_page(edit_url(anna))
    expect(opened.get_by_label("Phone", exact=True)).to_have_value("555 0101")
    return opened


def edit_url(client: Client) -> str:
    return reverse("wagtailsnippets_crm_client:edit", args=[client.pk])


def changes_in_quickbooks(firm: Firm, phone: str) -> None:  # noqa: F811
    firm.edits("1", PrimaryPhone={"FreeFormNumber": phone})
    firm.sync()


def save(page: Page) -> None:
    page.get_by_role("button", name="Save", exact=True).click()


def test_what_was_left_alone_is_not_undone(page: Page, anna: Client, firm: Firm) -> None:  # noqa: F811
    expect(page.get_by_text(NEWS)).to_be_hidden()
    changes_in_quickbooks(firm, "555 0199")
    expect(page.get_by_text(NEWS)).to_be_visible()
    page.get_by_label("Mobile").fill("555 0777")
    save(page)
    page.wait_for_url("**/client/")
    anna.refresh_from_db()
    assert (anna.phone, anna.mobile) == ("555 0199", "555 0777")
    firm.sync()
    anna.refresh_from_db()
    assert (anna.phone, anna.mobile) == ("555 0199", "555 0777")
    stored = firm.record("1")
    assert stored["PrimaryPhone"]["FreeFormNumber"] == "555 0199"
    assert stored["Mobile"]["FreeFormNumber"] == "555 0777"


def test_changed_on_both_sides_is_shown_and_nothing_is_lost(
    page: Page,
    anna: Client,
    firm: Firm,  # noqa: F811
) -> None:
    page.get_by_label("Phone", exact=True).fill("555 0102")
    page.get_by_label("Mobile").fill("555 0777")
    changes_in_quickbooks(firm, "555 0199")
    save(page)
    expect(page.get_by_text("This was changed to “555 0199” after you opened")).to_be_visible()
    expect(page.get_by_label("Phone", exact=True)).to_have_value("555 0102")
    expect(page.get_by_label("Mobile")).to_have_value("555 0777")
    anna.refresh_from_db()
    assert (anna.phone, anna.mobile) == ("555 0199", "")
    save(page)
    page.wait_for_url("**/client/")
    anna.refresh_from_db()
    assert (anna.phone, anna.mobile) == ("555 0102", "555 0777")


def test_reload_shows_the_new_value(page: Page, firm: Firm) -> None:  # noqa: F811
    changes_in_quickbooks(firm, "555 0199")
    page.get_by_role("link", name="Reload").click()
    expect(page.get_by_label("Phone", exact=True)).to_have_value("555 0199")
    expect(page.get_by_text(NEWS)).to_be_hidden()


def test_disconnect_and_undo_from_the_page(page: Page, firm: Firm) -> None:  # noqa: F811
    page.get_by_role("button", name="Disconnect").click()
    expect(page.locator(".messages")).to_contain_text("“Anna Berg” is disconnected.")
    assert firm.mapping("1").asleep == Mapping.Asleep.DISCONNECTED
    page.get_by_role("button", name="Undo").click()
    expect(page.locator(".qbo-panel").get_by_text("Mapped", exact=True)).to_be_visible()
    assert firm.mapping("1").asleep == Mapping.Asleep.AWAKE


@pytest.mark.parametrize("colours", ["light", "dark"])
def test_axe_has_nothing_to_say(
    colours: Any,
    open_page: Open,
    anna: Client,
    firm: Firm,  # noqa: F811
) -> None:
    opened = open_page(edit_url(anna), color_scheme=colours)
    changes_in_quickbooks(firm, "555 0199")
    expect(opened.get_by_text(NEWS)).to_be_visible()
    found = Axe().run(opened, context=".qbo-panel").response["violations"]
    assert [(rule["id"], [node["html"] for node in rule["nodes"]]) for rule in found] == []


def test_a_narrow_screen_needs_no_sideways_scrolling(open_page: Open, anna: Client) -> None:
    opened = open_page(edit_url(anna), viewport={"width": 360, "height": 800})
    panel = opened.locator(".qbo-panel")
    assert panel.evaluate("panel => panel.scrollWidth <= panel.clientWidth")


def test_no_request_is_made_from_a_hidden_tab(page: Page) -> None:
    hide = "hidden => Object.defineProperty(document, 'hidden', {value: hidden, writable: true})"
    page.evaluate(hide, True)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.wait_for_timeout(1_000)
    assert asked == []
    page.evaluate("document.hidden = false")
    with page.expect_request("**/news/"):
        pass
