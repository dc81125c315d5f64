"""The panel on a client's page: where the client stands in each company (C16)."""

from __future__ import annotations

import re
from datetime import timedelta
from html import unescape
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from crm.models import Client
from django.db import connection as database
from django.test import Client as Browser
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from wagtail.admin.icons import get_icons

from tests import factories
from tests.admin import rows
from tests.admin.conftest import Login, Read
from wagtail_qbo_sync.admin.acts import ACTS
from wagtail_qbo_sync.admin.base import url
from wagtail_qbo_sync.admin.client_acts import CLIENT_ACTS
from wagtail_qbo_sync.admin.guard import FIELD
from wagtail_qbo_sync.admin.web_links import customer_url
from wagtail_qbo_sync.models import (
    Case,
    Connection,
    Customer,
    Decision,
    Mapping,
    SingleSync,
    SyncState,
)

pytestmark = pytest.mark.django_db
CLIENTS = ("crm.view_client", "crm.change_client", "crm.add_client")


@pytest.fixture
def anna(company: Connection) -> Client:
    return Client.objects.create(name="Anna Berg", phone="555-0101")


def edit_url(client: Client) -> str:
    return reverse("wagtailsnippets_crm_client:edit", args=[client.pk])


def someone(*rights: str) -> Browser:
    """A browser of somebody who may edit clients, and has these rights of ours."""
    browser = Browser()
    ours = [f"wagtail_qbo_sync.{right}" for right in rights]
    browser.force_login(factories.user(*CLIENTS, *ours))
    return browser


ALL = ("view_customer", "map_customer", "sync_connection")


def panel(browser: Browser, client: Client) -> str:
    """The panel's HTML, "" if there is none."""
    page = browser.get(edit_url(client)).content.decode()
    found = re.search(r'<div\s+class="qbo-panel".*?</section>', page, re.DOTALL)
    return found.group() if found else ""


def in_company(client: Client, company: Connection, stands: str) -> None:
    """Makes the client stand so in the company."""
    if stands == "unmapped":
        return
    if stands == "excluded":
        kind = Decision.Kind.EXCLUDE_CLIENT
        Decision.objects.create(
            kind=kind, connection=company, client_pk=str(client.pk), at=company.connected_at
        )
        return
    customer = rows.customer(company, "Berg, Anna")
    rows.mapped(customer, client, asleep=stands if stands in Mapping.Asleep else "")
    if stands != "linking":
        Mapping.objects.update(base={"seen": "x"})
    if stands in Case.Kind:
        rows.case(customer, stands, client)


MAPPED = ["Sync now", "Map to another customer…", "Disconnect"]


@pytest.mark.parametrize(
    ("stands", "word", "acts"),
    [
        ("unmapped", "Not mapped", ["Map to customer…", "Exclude from mapping"]),
        ("excluded", "Excluded", ["Include again"]),
        (
            "linking",
            "Mapped, about to be synced",
            ["Sync now", "Map to another customer…", "Disconnect"],
        ),
        ("mapped", "Mapped", ["Sync now", "Map to another customer…", "Disconnect"]),
        (
            "conflict",
            "Mapped, changed on both sides",
            ["Sync now", "Settle the conflict", "Map to another customer…", "Disconnect"],
        ),
        (
            "refused",
            "Mapped, refused by the site",
            ["Sync now", "Map to another customer…", "Disconnect"],
        ),
        (
            "inactive",
            "Mapped, inactive in QuickBooks",
            ["Sync now", "Map to another customer…", "Disconnect"],
        ),
        ("disconnected", "Mapped, disconnected", ["Connect again", "Map to another customer…"]),
    ],
)
def test_each_state_has_its_word_and_its_acts(
    stands: str, word: str, acts: list[str], anna: Client, company: Connection
) -> None:
    in_company(anna, company, stands)
    shown = panel(someone(*ALL), anna)
    assert re.search(rf"<span>{word}</span>", shown)
    buttons = re.findall(r"</svg>\s*([^<]+)<span class=\"w-sr-only\"> \(", shown)
    assert [button.strip() for button in buttons] == [*acts, "Why?"]


def test_a_mapped_client_shows_its_customer_and_when_it_was_synced(
    anna: Client, company: Connection
) -> None:
    in_company(anna, company, "mapped")
    factories.sync_state(company, synced_at=company.connected_at)
    shown = panel(someone(*ALL), anna)
    qbo_id = Customer.objects.get().qbo_id
    assert f'href="http://127.0.0.1:8010/company/{company.realm_id}/customer/{qbo_id}"' in shown
    assert "Berg, Anna" in shown
    assert re.search(r"Synced\s+[^<]*(now|ago)", shown)
    assert "whoever may edit this client changes QuickBooks too" in shown


@pytest.mark.parametrize("stands", ["unmapped", "excluded", "inactive", "disconnected"])
def test_it_does_not_say_that_edits_travel_where_they_do_not(
    stands: str, anna: Client, company: Connection
) -> None:
    in_company(anna, company, stands)
    assert "changes QuickBooks too" not in panel(someone(*ALL), anna)


def test_a_customer_whose_mirror_was_deleted(anna: Client, company: Connection) -> None:
    in_company(anna, company, "mapped")
    qbo_id = Customer.objects.get().qbo_id
    Customer.objects.all().delete()
    assert f"/customer/{qbo_id}" in panel(someone(*ALL), anna)


def test_a_company_that_does_not_work_says_so_and_offers_no_sync(
    anna: Client, company: Connection
) -> None:
    in_company(anna, company, "mapped")
    Connection.objects.update(disconnected_at=company.connected_at)
    shown = panel(someone(*ALL), anna)
    assert "Disconnected" in shown
    assert "Sync now" not in shown
    assert "changes QuickBooks too" not in shown


@pytest.mark.parametrize(
    ("environment", "host"),
    [("production", "app.qbo.intuit.com"), ("sandbox", "app.sandbox.qbo.intuit.com")],
)
def test_the_link_opens_the_customer_in_its_own_company(environment: str, host: str) -> None:
    api = {"production": "https://quickbooks.api.intuit.com"}.get(
        environment, "https://sandbox-quickbooks.api.intuit.com"
    )
    link = urlsplit(customer_url(Connection(realm_id="9130", api_url=api), "58"))
    assert (link.netloc, link.path) == (host, "/app/login")
    assert parse_qs(link.query) == {
        "deeplinkcompanyid": ["9130"],
        "pagereq": ["customerdetail?nameId=58"],
    }


# Who may --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rights", "acts"),
    [
        (("view_customer",), []),
        (("view_customer", "sync_connection"), ["Sync now"]),
        (("view_customer", "map_customer"), ["Disconnect"]),
    ],
)
def test_only_what_one_may_is_offered(
    rights: tuple[str, ...], acts: list[str], anna: Client, company: Connection
) -> None:
    in_company(anna, company, "mapped")
    shown = panel(someone(*rights), anna)
    labels = ("Sync now", "Disconnect")
    assert "Why?" in shown
    assert [label for label in labels if label in shown] == acts


def test_without_the_right_to_view_there_is_no_panel_but_the_guard(
    anna: Client, company: Connection
) -> None:
    in_company(anna, company, "mapped")
    browser = someone("map_customer", "sync_connection")
    assert panel(browser, anna) == ""
    page = browser.get(edit_url(anna)).content.decode()
    assert f'name="{FIELD}"' in page
    assert "Berg, Anna" not in page


def test_a_new_client_has_no_panel(company: Connection) -> None:
    page = someone(*ALL).get(reverse("wagtailsnippets_crm_client:add")).content.decode()
    assert "qbo-panel" not in page


def test_a_copy_is_a_new_client_too(anna: Client, company: Connection) -> None:
    """The acts would be upon the one that it is copied from."""
    in_company(anna, company, "mapped")
    browser, address = someone(*ALL), reverse("wagtailsnippets_crm_client:copy", args=[anna.pk])
    response = browser.get(address)
    assert "qbo-panel" not in response.content.decode()
    form = response.context["form"]
    values = {field.html_name: str(field.value() or "") for field in form}
    browser.post(reverse("wagtailsnippets_crm_client:add"), values | {"name": "Anna’s copy"})
    assert set(Client.objects.values_list("name", "phone")) == {
        ("Anna Berg", "555-0101"),
        ("Anna’s copy", "555-0101"),
    }


def test_no_form_stands_in_the_hosts_form(anna: Client, company: Connection) -> None:
    in_company(anna, company, "mapped")
    shown = panel(someone(*ALL), anna)
    assert "<form" not in shown
    assert len(re.findall("<button", shown)) == len(re.findall('<button type="button"', shown))


# Cost -----------------------------------------------------------------------------------------


def queries(browser: Browser, client: Client) -> int:
    with CaptureQueriesContext(database) as captured:
        assert panel(browser, client)
    return len(captured)


def test_as_many_queries_for_ten_companies_as_for_one(anna: Client, company: Connection) -> None:
    browser = someone(*ALL)
    in_company(anna, company, "mapped")
    queries(browser, anna)  # what is cached for good
    few = queries(browser, anna)
    for number in range(9):
        other = factories.connection(f"Company {number}")
        in_company(anna, other, ["mapped", "conflict", "excluded"][number % 3])
    assert queries(browser, anna) == few


# Saving ---------------------------------------------------------------------------------------


def submitted(browser: Browser, client: Client) -> dict[str, str]:
    """What a browser would send of the edit form."""
    form = browser.get(edit_url(client)).context["form"]
    return {bound.name: str(bound.value() or "") for bound in form}


def test_the_panel_brings_the_guard(anna: Client, company: Connection) -> None:
    browser = someone(*ALL)
    data = submitted(browser, anna)
    Client.objects.update(phone="555-0199")
    response = browser.post(edit_url(anna), data | {"email": "anna@berg.example"})
    assert response.status_code == 302
    anna.refresh_from_db()
    assert (anna.phone, anna.email) == ("555-0199", "anna@berg.example")


def test_a_conflict_is_shown_in_the_form(anna: Client, company: Connection, read: Read) -> None:
    browser = someone(*ALL)
    data = submitted(browser, anna)
    Client.objects.update(phone="555-0199", city="Salem")
    response = browser.post(edit_url(anna), data | {"phone": "555-0102"})
    assert "This was changed to “555-0199” after you opened the form." in read(response)
    assert 'value="555-0102"' in response.content.decode()
    assert "Updated from QuickBooks since you opened this form" in read(response)
    assert "data-qbo-news-url" not in response.content.decode()
    anna.refresh_from_db()
    assert anna.phone == "555-0199"


# News -----------------------------------------------------------------------------------------


def news_url(client: Client) -> str:
    return url("client_news", client.pk)


def test_news_are_told_once_a_sync_has_written(anna: Client, company: Connection) -> None:
    in_company(anna, company, "mapped")
    browser = someone("view_customer")
    stamp = re.search(r'stamp-value="([^"]*)"', panel(browser, anna))
    assert stamp
    seen = {"If-None-Match": unescape(stamp[1])}
    assert browser.get(news_url(anna), headers=seen).status_code == 304
    rows.change(Customer.objects.get(), Client.objects.create(name="Mia Lund"), phone=("", "1"))
    assert browser.get(news_url(anna), headers=seen).status_code == 304
    rows.change(Customer.objects.get(), anna, phone=("", "1"))
    response = browser.get(news_url(anna), headers=seen)
    assert (response.status_code, response.content) == (200, b"")


def test_news_cost_little_besides_who_asks(
    anna: Client, company: Connection, django_assert_num_queries: Any
) -> None:
    browser = someone("view_customer")
    browser.get(news_url(anna))
    with django_assert_num_queries(
        8
    ):  # session, user, profile, two of rights; two of client; journal
        browser.get(news_url(anna))


def test_nobody_hears_of_clients_they_may_not_see(company: Connection, login: Login) -> None:
    anna = Client.objects.create(name="Anna Berg")
    blind = login("view", "map")
    assert blind.get(news_url(anna)).status_code == 404
    address = url("client_exclude", company.pk, anna.pk)
    assert blind.post(address).status_code == 404
    assert not Decision.objects.exists()


@pytest.mark.parametrize("pk", ["4711", "nonsense"])
def test_a_client_that_is_not_there(pk: str, company: Connection) -> None:
    browser = someone(*ALL)
    assert browser.get(url("client_news", pk)).status_code == 404
    assert browser.post(url("client_exclude", company.pk, pk)).status_code == 404


def test_sync_now_asks_for_this_customer_and_leads_back(anna: Client, company: Connection) -> None:
    in_company(anna, company, "mapped")
    browser = someone(*ALL)
    address = url("sync_customer", Customer.objects.get().pk)
    assert address in panel(browser, anna)
    response = browser.post(address, {"next": edit_url(anna)})
    assert response.headers["Location"] == edit_url(anna)
    assert SingleSync.objects.get().qbo_id == Customer.objects.get().qbo_id


def test_to_look_at_a_client_is_a_visit(anna: Client, company: Connection) -> None:
    long_ago = company.connected_at - timedelta(days=1)
    factories.sync_state(company, first_synced_at=long_ago, synced_at=long_ago)
    panel(someone(*ALL), anna)
    assert SyncState.objects.get(pk=company.pk).wanted == 1


def test_every_icon_of_an_act_is_there() -> None:
    icons = {act.icon for act in [*ACTS.values(), *CLIENT_ACTS.values()] if act.icon}
    assert {icon for icon in icons if f'id="icon-{icon}"' not in get_icons()} == set()
