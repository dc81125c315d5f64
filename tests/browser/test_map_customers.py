"""Map customers in a browser: by keyboard alone, two people at once, and when the site is down."""

from __future__ import annotations

import pytest
from axe_playwright_python.sync_playwright import Axe
from crm.models import Client
from playwright.sync_api import Locator, Page, expect

from tests.admin.waiting import fill
from wagtail_qbo_sync.admin.base import url
from wagtail_qbo_sync.models import BulkDecision, Connection, Customer, Decision
from wagtail_qbo_sync.sync.bulk.drafts import Do, drafts_of

from .conftest import Open

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def field(page: Page, name: str) -> Locator:
    return page.get_by_role("combobox", name=f"Client of {name}", exact=True)


def note(page: Page, name: str) -> Locator:
    return page.locator("tr", has=field(page, name)).locator(".qbo-map__note")


def stands(company: Connection) -> dict[str, tuple[str, str]]:
    """Customer -> (do, client's name) of all drafts."""
    names = dict(Customer.objects.values_list("qbo_id", "display_name"))
    clients = {str(pk): name for pk, name in Client.objects.values_list("pk", "name")}
    return {
        names[qbo_id]: (str(draft.do), clients.get(draft.client_pk, ""))
        for qbo_id, draft in drafts_of(company, names).items()
    }


def goes_on_to_the_next_page(page: Page) -> None:
    field(page, "Customer 0099").focus()
    page.keyboard.press("Shift+Enter")
    expect(page.get_by_role("link", name="Next")).to_be_focused()
    expect(note(page, "Customer 0099")).to_contain_text("Chosen by")
    page.keyboard.press("Enter")
    expect(field(page, "Customer 0100")).to_be_focused()
    page.keyboard.press("Control+Enter")
    expect(note(page, "Customer 0100")).to_contain_text("Chosen by")


def test_five_thousand_are_decided_by_keyboard_alone(open_page: Open, company: Connection) -> None:
    fill(company, customers=5000, clients=5000, exact=1)
    page = open_page(url("map", company.pk))
    field(page, "Customer 0000").focus()
    expect(field(page, "Customer 0000")).to_have_value("Customer 0000")
    page.keyboard.press("Enter")  # the exact name
    expect(field(page, "Customer 0001")).to_be_focused()
    page.keyboard.press("Shift+Enter")  # create
    expect(field(page, "Customer 0002")).to_be_focused()
    page.keyboard.press("Control+Enter")  # exclude
    expect(field(page, "Customer 0003")).to_be_focused()
    page.keyboard.type("Member 04711")
    expect(page.get_by_role("option").first).to_contain_text("Member 04711")
    page.keyboard.press("Enter")
    expect(field(page, "Customer 0004")).to_be_focused()
    page.keyboard.press("End")
    page.keyboard.press("Enter")  # leave
    expect(field(page, "Customer 0005")).to_be_focused()
    page.keyboard.press("Tab")  # goes on without choosing
    expect(page.locator("footer [role=status]")).to_contain_text(
        "“Customer 0004”: Leave unmapped. Saved."
    )
    decided = {
        "Customer 0000": (Do.MAP, "Customer 0000"),
        "Customer 0001": (Do.CREATE, ""),
        "Customer 0002": (Do.EXCLUDE, ""),
        "Customer 0003": (Do.MAP, "Member 04711"),
        "Customer 0004": (Do.LEAVE, ""),
    }
    assert stands(company) == decided
    expect(page.get_by_text("Choices made: 5, of 5,000 in all")).to_be_visible()

    goes_on_to_the_next_page(page)
    page.goto(url("map", company.pk))  # in another tab, say
    expect(field(page, "Customer 0003")).to_have_value("Member 04711")
    expect(field(page, "Customer 0004")).to_have_value("Leave unmapped")
    expect(field(page, "Customer 0005")).to_have_value("")

    page.get_by_role("button", name="Save all").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="This is what will be done")).to_be_visible()
    page.get_by_role("button", name="Save all").focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**/qbo/bulk/*/")
    saved = BulkDecision.objects.get()
    assert saved.counts == {"map": 2, "create": 2, "exclude": 2, "leave": 1}
    assert stands(company) == {}


def test_of_two_people_the_second_sees_the_first(open_page: Open, company: Connection) -> None:
    fill(company, customers=2, clients=0)
    first = open_page(url("map", company.pk))
    second = open_page(url("map", company.pk))
    field(first, "Customer 0000").press("Shift+Enter")
    expect(note(first, "Customer 0000")).to_contain_text("Chosen by")
    field(second, "Customer 0000").press("Control+Enter")
    expect(note(second, "Customer 0000")).to_contain_text("chose “Create new client” meanwhile.")
    expect(field(second, "Customer 0000")).to_have_value("Exclude from mapping")
    assert stands(company) == {"Customer 0000": (Do.CREATE, "")}
    second.get_by_role("button", name="Keep “Create new client”").click()
    expect(field(second, "Customer 0000")).to_have_value("Create new client")

    field(first, "Customer 0001").press("Shift+Enter")
    expect(note(first, "Customer 0001")).to_contain_text("Chosen by")
    field(second, "Customer 0001").press("Control+Enter")
    second.get_by_role("button", name="Choose “Exclude from mapping”").click()
    expect(note(second, "Customer 0001")).to_contain_text("Chosen by")
    assert stands(company)["Customer 0001"] == (Do.EXCLUDE, "")


def test_a_client_that_is_chosen_is_suggested_to_nobody_else(
    open_page: Open, company: Connection
) -> None:
    fill(company, customers=3, clients=3, exact=2)
    page = open_page(url("map", company.pk))
    expect(field(page, "Customer 0001")).to_have_value("Customer 0001")
    field(page, "Customer 0002").focus()
    page.keyboard.type("Customer 0001")
    expect(page.get_by_role("option").first).to_contain_text("Customer 0001")
    page.keyboard.press("Enter")
    expect(note(page, "Customer 0002")).to_contain_text("Chosen by")
    expect(field(page, "Customer 0001")).to_have_value("")
    expect(note(page, "Customer 0001")).to_have_text("")
    expect(field(page, "Customer 0000")).to_have_value("Customer 0000")
    page.reload()
    expect(field(page, "Customer 0001")).to_have_value("")


def test_what_could_not_be_sent_is_kept_and_sent_again(
    open_page: Open, company: Connection
) -> None:
    fill(company, customers=2, clients=0)
    page = open_page(url("map", company.pk))
    page.context.set_offline(True)
    field(page, "Customer 0000").press("Control+Enter")
    expect(note(page, "Customer 0000")).to_contain_text("Not saved")
    expect(field(page, "Customer 0000")).to_have_value("Exclude from mapping")
    expect(page.locator("footer [role=status]")).to_contain_text("“Customer 0000” was not saved.")
    page.context.set_offline(False)
    page.get_by_role("button", name="Try again").click()
    expect(note(page, "Customer 0000")).to_contain_text("Chosen by")
    assert stands(company) == {"Customer 0000": (Do.EXCLUDE, "")}


def test_a_choice_that_is_refused_says_so(open_page: Open, company: Connection) -> None:
    fill(company, customers=1, clients=0)
    page = open_page(url("map", company.pk))
    expect(field(page, "Customer 0000")).to_be_visible()
    Decision.objects.create(
        kind="exclude_customer", connection=company, qbo_id="0", at="2026-01-01T00:00Z"
    )
    field(page, "Customer 0000").press("Shift+Enter")
    expect(note(page, "Customer 0000")).to_contain_text(
        "Not saved. This customer does not wait for a decision any more."
    )


def test_it_goes_on_after_a_search(open_page: Open, company: Connection) -> None:
    fill(company, customers=30, clients=0)
    page = open_page(url("map", company.pk))
    page.get_by_role("searchbox").or_(page.locator("#id_q")).first.fill("Customer 002")
    expect(field(page, "Customer 0001")).to_have_count(0)
    field(page, "Customer 0021").click()
    page.get_by_role("option", name="Exclude from mapping").click()
    expect(note(page, "Customer 0021")).to_contain_text("Chosen by")
    assert stands(company) == {"Customer 0021": (Do.EXCLUDE, "")}
    field(page, "Customer 0029").focus()
    page.keyboard.press("Control+Enter")  # the last row leads to what is done with all
    expect(page.get_by_role("button", name="Save all")).to_be_focused()


def test_a_name_is_never_read_as_html(open_page: Open, company: Connection) -> None:
    fill(company, customers=1, clients=0)
    Client.objects.create(name="<img src=x onerror=alert(1)>")
    page = open_page(url("map", company.pk))
    field(page, "Customer 0000").press_sequentially("onerror")
    expect(page.get_by_role("option").first).to_contain_text("<img src=x onerror=alert(1)>")


def test_escape_puts_back_what_stood(open_page: Open, company: Connection) -> None:
    fill(company, customers=1, clients=1, exact=1)
    page = open_page(url("map", company.pk))
    field(page, "Customer 0000").fill("something else")
    field(page, "Customer 0000").press("Escape")
    expect(field(page, "Customer 0000")).to_have_value("Customer 0000")
    expect(field(page, "Customer 0000")).to_have_attribute("aria-expanded", "false")
    assert stands(company) == {}


@pytest.mark.parametrize("colours", ["light", "dark"])
def test_axe_has_nothing_to_say_of_the_open_list(
    colours: str, open_page: Open, company: Connection
) -> None:
    fill(company, customers=3, clients=3, exact=2)
    page = open_page(url("map", company.pk), color_scheme=colours)
    field(page, "Customer 0000").focus()
    expect(page.get_by_role("listbox")).to_be_visible()
    found = Axe().run(page, context="#main").response["violations"]
    assert [(rule["id"], [node["html"] for node in rule["nodes"]]) for rule in found] == []
