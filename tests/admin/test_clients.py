"""Manage: the clients' listing, its tabs, its downloads, and a client's page."""

from __future__ import annotations

import csv
from collections.abc import Callable
from io import BytesIO, StringIO
from typing import Any

import pytest
from crm.models import Client, ContactType
from django.db import connection as database
from django.test import Client as Browser
from django.test.utils import CaptureQueriesContext
from openpyxl import load_workbook

from wagtail_qbo_sync.admin.base import clients_url, customers_url, url
from wagtail_qbo_sync.admin.client_acts import client_url
from wagtail_qbo_sync.admin.signs import client_sign, status_sign
from wagtail_qbo_sync.models import Connection, Customer, Decision
from wagtail_qbo_sync.sync.records.client_status import ClientStatus
from wagtail_qbo_sync.sync.records.status import with_status

from . import rows
from .desk import menu, words

pytestmark = pytest.mark.django_db


@pytest.fixture
def browser(client: Browser) -> Callable[..., Browser]:
    """A browser in which somebody with these permissions is logged in."""

    def logged_in(*rights: str) -> Browser:
        client.force_login(rows.person(*rights))
        return client

    return logged_in


@pytest.fixture
def company() -> Connection:
    return rows.company("Harbor")


def excluded(company: Connection, client: Client) -> Client:
    Decision.objects.create(
        kind="exclude_client",
        connection=company,
        client_pk=str(client.pk),
        at=company.connected_at,
    )
    return client


def page(browser: Browser, address: str, **query: Any) -> str:
    response = browser.get(address, query)
    assert response.status_code == 200
    return response.content.decode()


def listed(browser: Browser, company: Connection, **query: Any) -> list[str]:
    response = browser.get(url("clients", company.pk), query)
    assert response.status_code == 200
    return [client.name for client in response.context["object_list"]]


def tabs(response: Any) -> dict[str, int | None]:
    return {str(tab.sign.text): tab.count for tab in response.context["view"].tabs.tabs()}


def downloaded(browser: Browser, company: Connection, **query: Any) -> list[dict[str, str]]:
    response: Any = browser.get(url("clients", company.pk), {"export": "csv", **query})
    text = b"".join(response.streaming_content).decode()
    return list(csv.DictReader(StringIO(text, newline="")))


# The listing ----------------------------------------------------------------------------------


def test_each_client_with_its_status_and_its_customer(browser: Any, company: Connection) -> None:
    rows.mapped(rows.customer(company, "Anna Berg"), Client.objects.create(name="Berg, Anna"))
    rows.mapped(rows.customer(company, "Bo Coe"), asleep="disconnected")
    excluded(company, Client.objects.create(name="Cora Dahl"))
    Client.objects.create(name="dora Ek")
    browser = browser(rows.VIEW, rows.SEE_CLIENTS)
    assert [
        (row["Client"], row["Status"], row["QuickBooks customer"])
        for row in downloaded(browser, company)
    ] == [
        ("Berg, Anna", "Mapped", "Anna Berg"),
        ("Bo Coe", "Mapped, disconnected", "Bo Coe"),
        ("Cora Dahl", "Excluded", ""),
        ("dora Ek", "Not mapped", ""),
    ]
    html = page(browser, url("clients", company.pk))
    for icon in ("circle-check", "link", "circle-xmark", "minus"):
        assert f"#icon-{icon}" in html


def test_it_is_narrowed_searched_and_sorted(browser: Any, company: Connection) -> None:
    vendor = ContactType.objects.create(name="Vendor")
    rows.mapped(rows.customer(company, "Anna Berg"))
    Client.objects.create(name="Bo Berg", contact_type=vendor)
    excluded(company, Client.objects.create(name="Cora Berg"))
    Client.objects.create(name="Dora", email="dora@berg.example")
    browser = browser(rows.VIEW, rows.SEE_CLIENTS)
    assert listed(browser, company, status="unmapped") == ["Bo Berg", "Dora"]
    assert listed(browser, company, status=["mapped", "excluded"]) == ["Anna Berg", "Cora Berg"]
    assert listed(browser, company, contact_type=vendor.pk) == ["Bo Berg"]
    assert listed(browser, company, q="berg", status="unmapped") == ["Bo Berg", "Dora"]
    assert listed(browser, company, q="BERG bo") == ["Bo Berg"]
    assert listed(browser, company, q="%") == []
    assert listed(browser, company, ordering="-name")[0] == "Dora"
    assert listed(browser, company, ordering="status", q="berg")[0] == "Cora Berg"


def test_another_companys_mappings_do_not_count(browser: Any, company: Connection) -> None:
    rows.mapped(rows.customer(rows.company("Alpine"), "Anna Berg"))
    browser = browser(rows.VIEW, rows.SEE_CLIENTS)
    assert listed(browser, company, status="unmapped") == ["Anna Berg"]


def test_who_may_not_view_clients_is_told_so(browser: Any, company: Connection) -> None:
    rows.mapped(rows.customer(company, "Anna"), Client.objects.create(name="Secret & Sons"))
    Client.objects.create(name="Secret Twin")
    browser = browser(rows.VIEW)
    for address in (url("clients", company.pk), url("clients_results", company.pk)):
        html = page(browser, address, q="Secret")
        assert "Secret &" not in html and "Secret Twin" not in html
        assert "You may not view clients on this site" in html
    assert downloaded(browser, company) == []
    response = browser.get(url("clients", company.pk))
    assert tabs(response)["Clients not mapped"] is None, "not even how many there are"
    twin = Client.objects.get(name="Secret Twin")
    assert browser.get(client_url("client", company, str(twin.pk))).status_code == 404


def test_as_many_queries_for_two_thousand_as_for_five(browser: Any, company: Connection) -> None:
    browser = browser(rows.VIEW, rows.EDIT_CLIENTS, "wagtail_qbo_sync.map_customer")

    def queries(clients: int) -> int:
        kind = ContactType.objects.get_or_create(name="Client")[0]
        Client.objects.bulk_create(
            Client(name=f"Client {number}", contact_type=kind)
            for number in range(Client.objects.count(), clients)
        )
        with CaptureQueriesContext(database) as captured:
            assert len(listed(browser, company)) == min(clients, 50)
        return len(captured)

    rows.mapped(rows.customer(company, "Anna Berg"))
    queries(4)  # fills Wagtail's caches
    assert queries(5) == queries(2000)


# Tabs -----------------------------------------------------------------------------------------


def test_the_tabs_count_what_they_lead_to(browser: Any, company: Connection) -> None:
    rows.mapped(rows.customer(company, "Anna Berg"))
    rows.customer(company, "Bo")
    rows.case(rows.customer(company, "Cora"), "review", candidates=[])
    rows.excluded(rows.customer(company, "Dora"))
    rows.deleted(rows.customer(company, "Eve"))
    rows.customer(company, "Gone", standing="inactive")
    Client.objects.create(name="Ella")
    excluded(company, Client.objects.create(name="Finn"))
    browser = browser(rows.VIEW, rows.SEE_CLIENTS)
    response = browser.get(customers_url(company))
    assert tabs(response) == {
        "All customers": 6,
        "Mapped": 1,
        "Customers to map": 3,
        "Needs review": 1,
        "Excluded customers": 1,
        "All clients": 3,
        "Clients not mapped": 1,
        "Excluded clients": 1,
    }
    for tab in response.context["view"].tabs.tabs():
        there = browser.get(tab.url)
        assert len(there.context["object_list"]) == tab.count, tab.url
        assert [one.url for one in there.context["view"].tabs.tabs() if one.is_current] == [tab.url]


def test_a_disconnected_pair_has_one_sign_on_both_sides(company: Connection) -> None:
    rows.mapped(rows.customer(company, "Anna Berg"), asleep="disconnected")
    customer = with_status(Customer.objects.all()).get()
    assert status_sign(customer) == client_sign(ClientStatus.DISCONNECTED)


def test_a_search_goes_along_to_the_other_tabs(browser: Any, company: Connection) -> None:
    Client.objects.create(name="Berg & Sons")
    browser = browser(rows.VIEW, rows.SEE_CLIENTS)
    for address in (customers_url(company), clients_url(company, "unmapped")):
        html = page(browser, address, q="Berg & Sons")
        assert f"{clients_url(company, 'unmapped')}&amp;q=Berg+%26+Sons" in html


def test_one_switches_between_companies_within_a_tab(browser: Any, company: Connection) -> None:
    alpine = rows.company("Alpine")
    browser = browser(rows.VIEW, rows.SEE_CLIENTS)
    view = browser.get(customers_url(company, "excluded")).context["view"]
    assert [(one.label, one.url, one.is_current) for one in view.tabs.companies()] == [
        ("All companies", customers_url(None, "excluded"), False),
        ("Alpine", customers_url(alpine, "excluded"), False),
        ("Harbor", customers_url(company, "excluded"), True),
    ]
    view = browser.get(clients_url(company, "unmapped")).context["view"]
    assert view.tabs.companies()[1].url == clients_url(alpine, "unmapped")
    everywhere = browser.get(customers_url(None))
    assert "Clients not mapped" not in tabs(everywhere), "a matter of one company"


# Downloads ------------------------------------------------------------------------------------


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t=", "\r=", "  ="])
def test_no_cell_is_calculated(browser: Any, company: Connection, start: str) -> None:
    formula = f'{start}HYPERLINK("http://evil.example")'
    rows.mapped(rows.customer(company, formula), Client.objects.create(name=formula))
    browser = browser(rows.VIEW, rows.SEE_CLIENTS)
    [row] = downloaded(browser, company)
    said = formula.replace("\r", "\n")  # a workbook ends lines so
    assert row["Client"] == row["QuickBooks customer"] == f"'{said}"
    workbook: Any = browser.get(url("clients", company.pk), {"export": "xlsx"})
    sheet = load_workbook(BytesIO(b"".join(workbook.streaming_content))).active
    assert sheet is not None
    assert {sheet[cell].data_type for cell in ("A2", "C2")} == {"s"}


def test_a_tab_is_downloaded_as_it_is_narrowed(browser: Any, company: Connection) -> None:
    Client.objects.create(name="Anna Berg")
    excluded(company, Client.objects.create(name="Bo Berg"))
    browser = browser(rows.VIEW, rows.SEE_CLIENTS)
    assert [row["Client"] for row in downloaded(browser, company, status="excluded")] == ["Bo Berg"]


# Rows and pages -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "offered"),
    [
        ("mapped", ["Map to another customer…", "Disconnect"]),
        ("disconnected", ["Connect again", "Map to another customer…"]),
        ("unmapped", ["Map to customer…", "Exclude from mapping"]),
        ("excluded", ["Include again"]),
    ],
)
def test_a_row_offers_what_fits(
    browser: Any, company: Connection, status: str, offered: list[str]
) -> None:
    if status in ("mapped", "disconnected"):
        asleep = "" if status == "mapped" else status
        rows.mapped(rows.customer(company, "Anna Berg"), asleep=asleep)
    else:
        anna = Client.objects.create(name="Anna Berg")
        if status == "excluded":
            excluded(company, anna)
    address = url("clients", company.pk)
    reader = browser(rows.VIEW, rows.SEE_CLIENTS)
    assert menu(page(reader, address)) == ["Why?"]
    mapper = browser(rows.VIEW, rows.SEE_CLIENTS, "wagtail_qbo_sync.map_customer")
    assert menu(page(mapper, address)) == [*offered, "Why?"]


def test_a_clients_page_says_what_the_site_says(browser: Any, company: Connection) -> None:
    anna = Client.objects.create(name="Anna Berg", phone="555 0101")
    customer = rows.customer(company, "Berg, A.")
    rows.change(customer, rows.mapped(customer, anna), phone=["555 0100", "555 0101"])
    html = words(
        page(browser(rows.VIEW, rows.SEE_CLIENTS), client_url("client", company, str(anna.pk)))
    )
    for text in ("Mapped", "Berg, A.", "Harbor", "555 0101", "555 0100 becomes 555 0101"):
        assert text in html
