"""The customers' listing and a customer's page."""

from __future__ import annotations

import csv
from collections.abc import Callable
from io import BytesIO, StringIO
from typing import Any

import pytest
from crm.models import Client
from django.db import connection as database
from django.test import Client as Browser
from django.test.utils import CaptureQueriesContext
from django.urls import NoReverseMatch, reverse
from openpyxl import load_workbook

from wagtail_qbo_sync.models import Customer

from . import rows

pytestmark = pytest.mark.django_db
LISTING = "wagtail_qbo_sync_customers:index"
RESULTS = "wagtail_qbo_sync_customers:index_results"
INSPECT = "wagtail_qbo_sync_customers:inspect"


@pytest.fixture
def browser(client: Browser) -> Callable[..., Browser]:
    """A browser in which somebody with these permissions is logged in."""

    def logged_in(*rights: str) -> Browser:
        client.force_login(rows.person(*rights))
        return client

    return logged_in


def listed(response: Any) -> list[str]:
    return [customer.display_name for customer in response.context["object_list"]]


def get(browser: Browser, name: str = LISTING, *args: Any, **query: Any) -> Any:
    response = browser.get(reverse(name, args=args), query)
    assert response.status_code == 200
    return response


def text_of(download: Any) -> str:
    return b"".join(download.streaming_content).decode()


# Who may ------------------------------------------------------------------------------------


def test_the_screens_are_closed_without_the_view_permission(browser: Any) -> None:
    customer = rows.customer(rows.company())
    shut_out = browser(rows.SYNC, rows.EDIT_CLIENTS)
    for address in (
        reverse(LISTING),
        reverse(RESULTS),
        reverse(LISTING) + "?export=csv",
        reverse(INSPECT, args=(customer.pk,)),
    ):
        response = shut_out.get(address)
        assert response.status_code == 302
        assert response["Location"] == reverse("wagtailadmin_home")


def test_nothing_can_be_added_edited_or_deleted() -> None:
    for act in ("add", "edit", "delete", "copy", "history", "usage"):
        for args in ((), (1,)):
            with pytest.raises(NoReverseMatch):
                reverse(f"wagtail_qbo_sync_customers:{act}", args=args)


def test_a_client_is_linked_for_who_may_edit_and_named_for_who_may_view(browser: Any) -> None:
    customer = rows.customer(rows.company(), "Anna Berg")
    client = rows.mapped(customer, Client.objects.create(name="Berg, Anna (1040)"))
    edit = reverse("wagtailsnippets_crm_client:edit", args=(client.pk,))

    page = get(browser(rows.VIEW, rows.EDIT_CLIENTS)).content.decode()
    assert f'<a href="{edit}">Berg, Anna (1040)</a>' in page

    page = get(browser(rows.VIEW, rows.SEE_CLIENTS)).content.decode()
    assert "Berg, Anna (1040)" in page
    assert edit not in page


def test_who_may_not_view_clients_reads_no_name_of_one(browser: Any) -> None:
    company = rows.company()
    customer = rows.customer(company, "Anna Berg")
    client = rows.mapped(customer, Client.objects.create(name="Secret & Sons"))
    other = Client.objects.create(name="Secret Twin")
    rows.change(customer, client, name=["Secret Old", "Secret New"])
    rows.case(customer, "conflict", client, conflicts={"phone": {"site": "Secret 1", "qbo": "2"}})
    rows.case(customer, "review", candidates=[rows.candidate(other, "name")], more=0)
    rows.case(customer, "refused", message="Taken.", field="email", holder=str(other.pk))
    limited = browser(rows.VIEW)
    for response in (
        get(limited),
        get(limited, RESULTS),
        get(limited, INSPECT, customer.pk),
    ):
        page = response.content.decode()
        assert "Secret" not in page
        assert "A client you may not view" in page
    assert "Secret" not in text_of(get(limited, export="csv"))

    page = get(browser(rows.VIEW, rows.SEE_CLIENTS), INSPECT, customer.pk).content.decode()
    for name in ("Secret &amp; Sons", "Secret Twin", "Secret Old", "Secret New", "Secret 1"):
        assert name in page


def test_a_deleted_client_says_so_and_hides_what_it_held(browser: Any) -> None:
    customer = rows.customer(rows.company())
    client = rows.mapped(customer)
    rows.change(customer, client, phone=["555-0001", "555-0002"])
    client.delete()
    page = get(browser(rows.VIEW, rows.SEE_CLIENTS), INSPECT, customer.pk).content.decode()
    assert "A deleted client" in page
    assert "555-0001" not in page


# What is listed -----------------------------------------------------------------------------


def test_each_status_is_said_in_a_word(browser: Any) -> None:
    company = rows.company()
    rows.mapped(rows.customer(company, "Mapped"))
    rows.mapped(rows.customer(company, "Sleeper", standing="inactive"), asleep="inactive")
    rows.mapped(rows.customer(company, "Cut off"), asleep="disconnected")
    rows.excluded(rows.customer(company, "Excluded"))
    rows.case(rows.customer(company, "Review"), "review", candidates=[])
    rows.customer(company, "Waiting")
    rows.customer(company, "Gone", standing="inactive")
    rows.customer(company, "Garage", standing="sub", path="Alpine:Garage")
    browser = browser(rows.VIEW, rows.SEE_CLIENTS)
    exported = csv.DictReader(StringIO(text_of(get(browser, export="csv"))))
    assert {row["QuickBooks customer"]: row["Status"] for row in exported} == {
        "Mapped": "Mapped",
        "Sleeper": "Mapped, inactive in QuickBooks",
        "Cut off": "Mapped, disconnected",
        "Excluded": "Excluded",
        "Review": "Needs review",
        "Waiting": "Not mapped",
        "Gone": "Inactive in QuickBooks",
        "Garage": "Left out",
    }
    page = get(browser).content.decode()
    for icon in ("circle-check", "circle-xmark", "help", "minus", "no-view", "cross"):
        assert f"#icon-{icon}" in page
    assert "Mapped, inactive in QuickBooks" in page
    assert "Mapped, disconnected" in page
    assert "Alpine:Garage" in page


def test_filters_narrow_and_stay_in_the_url(browser: Any) -> None:
    harbor, alpine = rows.company("Harbor"), rows.company("Alpine")
    rows.mapped(rows.customer(harbor, "Mapped there"))
    rows.customer(harbor, "Waiting there")
    rows.excluded(rows.customer(harbor, "Excluded there"))
    rows.customer(alpine, "Waiting here")
    browser = browser(rows.VIEW)
    assert listed(get(browser, connection=alpine.pk)) == ["Waiting here"]
    assert listed(get(browser, status=["mapped", "excluded"])) == [
        "Excluded there",
        "Mapped there",
    ]
    both = get(browser, connection=harbor.pk, status="unmapped")
    assert listed(both) == ["Waiting there"]
    shown = {(item.field_label, str(item.value)) for item in both.context["view"].active_filters}
    assert shown == {("Company", "Harbor"), ("Status", "Not mapped")}
    assert len(listed(get(browser))) == 4
    assert len(listed(get(browser, status="nonsense"))) == 4


def test_the_company_is_named_only_where_there_are_several(browser: Any) -> None:
    one = rows.company("Only & One")
    rows.customer(one)
    browser = browser(rows.VIEW)
    page = get(browser)
    assert [column.name for column in page.context["table"].columns.values()] == [
        "display_name",
        "status",
        "client",
        "email",
    ]
    assert "connection" not in page.context["filters"].form.fields
    rows.company("Another")
    page = get(browser)
    assert "company" in page.context["table"].columns
    assert "Only &amp; One" in page.content.decode()


@pytest.mark.parametrize(
    ("words", "found"),
    [("berg", ["Anna Berg", "Zed"]), ("ANNA", ["Anna Berg"]), ("berg.example", ["Zed"]), ("%", [])],
)
def test_search_looks_at_names_and_addresses(browser: Any, words: str, found: list[str]) -> None:
    company = rows.company()
    rows.customer(company, "Anna Berg", email="anna@example.com")
    rows.customer(company, "Zed", email="zed@berg.example")
    rows.customer(company, "Nobody")
    browser = browser(rows.VIEW)
    assert listed(get(browser, q=words)) == found
    assert listed(get(browser, RESULTS, q=words)) == found


def test_search_does_not_look_at_clients(browser: Any) -> None:
    rows.mapped(rows.customer(rows.company(), "Anna"), Client.objects.create(name="Hidden Ltd"))
    assert listed(get(browser(rows.VIEW), q="Hidden")) == []


def test_sorting_by_name_ignores_case_and_by_status_groups(browser: Any) -> None:
    company = rows.company()
    rows.mapped(rows.customer(company, "beta"))
    rows.customer(company, "Alpha")
    rows.mapped(rows.customer(company, "Gamma"))
    browser = browser(rows.VIEW)
    assert listed(get(browser)) == ["Alpha", "beta", "Gamma"]
    assert listed(get(browser, ordering="-display_name")) == ["Gamma", "beta", "Alpha"]
    assert listed(get(browser, ordering="status")) == ["beta", "Gamma", "Alpha"]
    assert listed(get(browser, ordering="-status")) == ["Alpha", "beta", "Gamma"]
    assert listed(get(browser, ordering="record")) == ["Alpha", "beta", "Gamma"]


def test_fifty_rows_to_a_page(browser: Any) -> None:
    company = rows.company()
    for number in range(60):
        rows.customer(company, f"Customer {number:02}")
    browser = browser(rows.VIEW)
    assert len(listed(get(browser))) == 50
    assert listed(get(browser, p=2))[0] == "Customer 50"
    assert len(text_of(get(browser, export="csv")).splitlines()) == 61


def test_fifty_rows_cost_as_many_queries_as_five(browser: Any) -> None:
    company = rows.company()
    browser = browser(rows.VIEW, rows.EDIT_CLIENTS)

    def queries(customers: int) -> int:
        for number in range(customers - Customer.objects.count()):
            customer = rows.customer(company, f"Customer {number}")
            if number % 2:
                rows.mapped(customer)
        with CaptureQueriesContext(database) as captured:
            assert len(listed(get(browser))) == customers
        return len(captured)

    queries(4)  # fills Wagtail's caches
    assert queries(5) == queries(50)


# What people type ---------------------------------------------------------------------------

NASTY = '<script>alert("x")</script>'


def test_names_are_text_on_the_page(browser: Any) -> None:
    customer = rows.customer(rows.company(NASTY), NASTY, email=f"{NASTY}@example.com")
    rows.company("Another")
    client = rows.mapped(customer, Client.objects.create(name=NASTY))
    rows.change(customer, client, name=[NASTY, NASTY])
    rows.case(customer, "refused", client, message=NASTY, field="email", holder=str(client.pk))
    browser = browser(rows.VIEW, rows.EDIT_CLIENTS)
    for page in (get(browser), get(browser, INSPECT, customer.pk)):
        assert NASTY not in page.content.decode()
        assert "&lt;script&gt;alert" in page.content.decode()


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t=", "\r=", "  ="])
def test_no_cell_of_the_export_is_calculated(browser: Any, start: str) -> None:
    formula = f'{start}HYPERLINK("http://evil.example")'
    rows.mapped(
        rows.customer(rows.company(), formula, email="=1+1@example.com"),
        Client.objects.create(name=formula),
    )
    response = get(browser(rows.VIEW, rows.SEE_CLIENTS), export="csv")
    row = next(csv.DictReader(StringIO(text_of(response), newline="")))
    for cell in row.values():
        assert not cell.lstrip(" ").startswith(("=", "+", "-", "@", "\t", "\r"))
    assert sum(cell.startswith("'") for cell in row.values()) == 4


def test_the_workbook_holds_texts_too(browser: Any) -> None:
    """Also one with a sign that a workbook cannot hold."""
    rows.customer(rows.company(), "=1+\x0b1")
    response = get(browser(rows.VIEW), export="xlsx")
    sheet = load_workbook(BytesIO(b"".join(response.streaming_content))).active
    assert sheet is not None
    assert (sheet["A2"].value, sheet["A2"].data_type) == ("=1+1", "s")


# One customer -------------------------------------------------------------------------------


def test_a_customers_page_says_what_quickbooks_says(browser: Any) -> None:
    customer = rows.customer(
        rows.company(),
        "Garage",
        standing="sub",
        path="Alpine:Garage",
        email="g@example.com",
        mailing_address=rows.ADDRESS,
    )
    page = get(browser(rows.VIEW), INSPECT, customer.pk).content.decode()
    for text in ("Left out", "Alpine:Garage", "Sub-customer", "g@example.com", customer.qbo_id):
        assert text in page
    assert "12 Quay Street<br>Unit 4<br>Portland, ME 04101" in page
    assert "Nothing has been written" in page


def test_open_cases_are_put_into_words(browser: Any) -> None:
    customer = rows.customer(rows.company(), "Anna Berg")
    twin, taken = Client.objects.create(name="Twin"), Client.objects.create(name="Taken")
    rows.case(
        customer,
        "review",
        candidates=[
            rows.candidate(twin, "email"),
            rows.candidate(taken, "name", "email", taken=True),
        ],
        more=3,
    )
    rows.case(
        customer,
        "refused",
        message="Client with this E-mail already exists.",
        field="email",
        holder=str(twin.pk),
    )
    rows.case(
        customer,
        "conflict",
        twin,
        conflicts={"mailing_address": {"site": {"city": "Bath"}, "qbo": {"city": "Portland"}}},
    )
    rows.case(customer, "unreadable", message="No name.")
    rows.case(customer, "inactive", twin)
    closed = rows.case(customer, "closed?", message="Not to be seen.")
    closed.open_key = None
    closed.save()
    response = get(browser(rows.VIEW, rows.SEE_CLIENTS), INSPECT, customer.pk)
    page = " ".join(response.content.decode().split())
    for text in (
        "same e-mail",
        "same name and e-mail, already mapped or excluded",
        "and 3 more",
        "E-mail:</strong> Client with this E-mail already exists. Held by: Twin",
        "Mailing address",
        "Bath",
        "Portland",
        "could not be read",
        "No name.",
        "Its mapping sleeps",
    ):
        assert text in page
    assert "Not to be seen." not in page


def test_the_journal_tells_what_was_written_when_and_by_which_run(browser: Any) -> None:
    customer = rows.customer(rows.company(), "Anna Berg")
    client = rows.mapped(customer)
    run = rows.run(customer.connection, "done")
    rows.change(customer, client, run, phone=["555-0001", "555-0002"])
    rows.change(customer, client, mailing_address=[None, {"city": "Portland"}])
    response = get(browser(rows.VIEW, rows.SEE_CLIENTS), INSPECT, customer.pk)
    page = " ".join(response.content.decode().split())
    assert "555-0001" in page
    assert "555-0002" in page
    assert "Portland" in page
    assert reverse("wagtail_qbo_sync:run", args=(run.pk,)) in page


def test_only_the_latest_entries_of_a_long_journal(browser: Any) -> None:
    customer = rows.customer(rows.company())
    client = rows.mapped(customer)
    for number in range(51):
        rows.change(customer, client, phone=[f"old-{number:02}", "new"])
    page = get(browser(rows.VIEW, rows.SEE_CLIENTS), INSPECT, customer.pk).content.decode()
    assert "old-50" in page
    assert "old-00" not in page
    assert "Only the latest entries" in page


def test_a_long_journal_costs_no_more_queries(browser: Any) -> None:
    customer = rows.customer(rows.company())
    browser = browser(rows.VIEW, rows.EDIT_CLIENTS)
    rows.mapped(customer)

    def queries(entries: int) -> int:
        for _number in range(entries):
            run = rows.run(customer.connection, "done", started_by=rows.person())
            rows.change(customer, Client.objects.create(name="x"), run, phone=["1", "2"])
        with CaptureQueriesContext(database) as captured:
            get(browser, INSPECT, customer.pk)
        return len(captured)

    queries(1)
    assert queries(2) == queries(20)


def test_a_customer_that_is_not_there(browser: Any) -> None:
    assert browser(rows.VIEW).get(reverse(INSPECT, args=(4711,))).status_code == 404


def test_numbers_with_separators_break_no_address(browser: Any, settings: Any) -> None:
    settings.USE_THOUSAND_SEPARATOR = True
    customer = rows.customer(rows.company(pk=12345), pk=54321)
    browser = browser(rows.VIEW)
    page = get(browser, connection=12345).content.decode()
    assert reverse(INSPECT, args=(54321,)) in page
    assert "54,321" not in get(browser, INSPECT, customer.pk).content.decode()
