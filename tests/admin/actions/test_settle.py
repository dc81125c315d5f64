"""Settling conflicts on our screens (U4): one by one, and by a policy for all that are ticked."""

from __future__ import annotations

import re
from typing import Any

import pytest
from crm.models import Client
from django.contrib.admin.utils import quote
from django.db import connection as database
from django.test import Client as Browser
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils.http import urlencode
from wagtail.models import ModelLogEntry

from tests.admin.desk import Desk, words
from tests.sync.conftest import customer
from tests.sync.firm import Firm, client, edit
from wagtail_qbo_sync.admin.base import conflict_url, conflicts_url, url
from wagtail_qbo_sync.models import BulkDecision, Case
from wagtail_qbo_sync.sync.bulk import decisions as bulk_decisions

ELM = {"Line1": "1 Elm St", "City": "Salem", "PostalCode": "01970"}


def phone(number: str) -> dict[str, Any]:
    return {"PrimaryPhone": {"FreeFormNumber": number}}


def phones(firm: Firm) -> tuple[str, str]:
    """Mia's on the site, and in QuickBooks."""
    return firm.client("3").phone, firm.record("3")["PrimaryPhone"]["FreeFormNumber"]


@pytest.fixture
def mia(desk: Desk) -> Client:
    """In conflict: phone is 2 on the site and 3 in QuickBooks, and so are the towns."""
    firm, mia = desk.firm, desk.firm.client("3")
    firm.edits("3", BillAddr=ELM, **phone("1"))
    firm.sync()
    edit(mia, phone="2", city="Lynn")
    firm.edits("3", BillAddr={**ELM, "City": "Boston"}, **phone("3"))
    firm.sync()
    assert ("conflict", "3") in firm.cases()
    return mia


def address(desk: Desk) -> str:
    return conflict_url(desk.customer("3").pk)


def opened(desk: Desk) -> str:
    """The page."""
    response = desk.browser.get(address(desk))
    assert response.status_code == 200
    return response.content.decode()


def stamps(page: str) -> dict[str, str]:
    return dict(re.findall(r'name="(\w+-stamp)" value="([^"]*)"', page))


def saves(desk: Desk, page: str, **chosen: str) -> Any:
    """Press Save on this page; `phone__take="site"`, `phone__line="4"`."""
    typed = dict(re.findall(r'name="([\w-]+)" id="[^"]*" value="([^"]*)"', page))
    fields = {name.replace("__", "-"): value for name, value in chosen.items()}
    fields["next"] = conflicts_url()
    return desk.browser.post(address(desk), {**typed, **stamps(page), **fields})


# One by one ---------------------------------------------------------------------------------------


def test_three_values_of_each_field(desk: Desk, mia: Client) -> None:
    told = words(opened(desk))
    assert "Phone 1 2" in told and "(differs)" in told
    assert "Last agreed" in told and "It is not known by whom" in told
    assert "City Salem Lynn Boston (differs)" in told
    assert "ZIP code 01970 01970 01970" in told


def test_who_edited_the_client_last_is_named(desk: Desk, mia: Client, admin_user: Any) -> None:
    ModelLogEntry.objects.log_action(mia, "wagtail.edit", user=admin_user)
    assert "Edited last by admin on" in words(opened(desk))


@pytest.mark.parametrize(("take", "number"), [("site", "2"), ("qbo", "3")])
def test_one_side_is_picked(desk: Desk, mia: Client, take: str, number: str) -> None:
    response = saves(desk, opened(desk), phone__take=take)
    assert response.headers["Location"] == conflicts_url()
    said = desk.said()
    assert "Settled for “Mia Lund”: Phone. The next sync carries it over." in said
    assert "1 field still waits." in said
    desk.firm.walk()
    assert phones(desk.firm) == (number, number)
    assert ("conflict", "3") in desk.firm.cases(), "the address is still to be settled"


def test_another_value_is_typed(desk: Desk, mia: Client) -> None:
    saves(desk, opened(desk), phone__take="", phone__line="555 0199")
    desk.firm.walk()
    assert phones(desk.firm) == ("555 0199", "555 0199")


def test_an_address_is_typed_line_by_line(desk: Desk, mia: Client) -> None:
    saves(desk, opened(desk), mailing_address__take="other", mailing_address__city="Quincy")
    desk.firm.walk()
    assert desk.firm.record("3")["BillAddr"]["City"] == "Quincy"
    assert desk.firm.client("3").city == "Quincy"


def test_a_typed_value_beside_a_picked_side_is_not_dropped(desk: Desk, mia: Client) -> None:
    response = saves(desk, opened(desk), phone__take="qbo", phone__line="4")
    assert response.status_code == 200
    assert "You typed another value too." in words(response.content.decode())
    assert 'value="4"' in response.content.decode()


def test_nothing_chosen_is_said(desk: Desk, mia: Client) -> None:
    response = saves(desk, opened(desk))
    assert "Choose what at least one field is to say." in words(response.content.decode())


def test_what_quickbooks_would_not_take_is_said_at_the_field(desk: Desk, mia: Client) -> None:
    response = saves(desk, opened(desk), phone__take="other", phone__line="0" * 31)
    page = response.content.decode()
    assert "QuickBooks takes at most 30 characters here; these are 31." in words(page)
    assert "0" * 31 in page
    assert mia.phone not in ("0" * 31,)


def test_what_changed_meanwhile_is_shown_with_what_was_typed(desk: Desk, mia: Client) -> None:
    page = opened(desk)
    edit(mia, phone="22")
    response = saves(desk, page, phone__take="other", phone__line="4")
    again = response.content.decode()
    assert "This has changed since you opened the page. Look again." in words(again)
    assert "Phone 1 22 3" in words(again)
    assert 'value="4"' in again
    saves(desk, again, phone__take="other", phone__line="4")
    desk.firm.walk()
    assert phones(desk.firm) == ("4", "4")


def test_one_that_is_settled_leads_back(desk: Desk, mia: Client) -> None:
    edit(mia, phone="3", city="Boston")
    desk.firm.sync()
    response = desk.browser.get(address(desk), {"next": desk.came_from})
    assert response.headers["Location"] == desk.came_from
    assert "“Mia Lund” has no conflict any more." in desk.said()


def test_undo_from_the_message(desk: Desk, mia: Client) -> None:
    saves(desk, opened(desk), phone__take="qbo", mailing_address__take="qbo")
    desk.firm.walk()
    assert phones(desk.firm) == ("3", "3")
    desk.said()
    assert "In conflict again, as before: " in desk.undoes()
    desk.firm.sync()
    assert phones(desk.firm) == ("2", "3")
    assert ("conflict", "3") in desk.firm.cases()


def test_undo_of_what_was_sent_says_so(desk: Desk, mia: Client) -> None:
    saves(desk, opened(desk), phone__take="site")
    desk.firm.walk()
    desk.said()
    assert "It has been sent to QuickBooks, or edited since." in desk.undoes()


def test_it_is_in_the_log(desk: Desk, mia: Client) -> None:
    saves(desk, opened(desk), phone__take="qbo")
    entry = ModelLogEntry.objects.filter(action="wagtail_qbo_sync.settle").first()
    assert entry is not None
    assert entry.data["fields"] == {"phone": "qbo"}


def test_who_may_not_see_clients_reads_and_settles_nothing(
    desk: Desk, mia: Client, blind: Browser
) -> None:
    page = blind.get(address(desk)).content.decode()
    told = words(page)
    assert "(not shown)" in told and "Boston" in told
    assert "Lynn" not in page and "stamp" not in page
    blind.post(address(desk), {"phone-take": "qbo", "phone-line": "2"})
    assert set(desk.firm.case("conflict", "3").facts["conflicts"]) == {"phone", "mailing_address"}
    case = desk.firm.case("conflict", "3")
    blind.post(url("conflict_reopen", case.pk))


# The listing --------------------------------------------------------------------------------------


def listed(browser: Browser, **query: str) -> list[str]:
    response = browser.get(conflicts_url(), query)
    assert response.status_code == 200
    return [case.customer_name for case in response.context["object_list"]]


@pytest.fixture
def two(desk: Desk, mia: Client) -> Desk:
    """Ida (7) is in conflict too, about her company's name."""
    firm = desk.firm
    ida = client("Ida Holm", "ida@holm.example")
    firm.gets(customer("7", "Ida Holm", "ida@holm.example"))
    firm.sync()
    edit(ida, company_name="Holm")
    firm.edits("7", CompanyName="Holm & Co")
    firm.sync()
    return desk


def test_the_listing_is_searched_and_filtered(two: Desk) -> None:
    assert set(listed(two.browser)) == {"Mia Lund", "Ida Holm"}
    assert listed(two.browser, q="Ida") == ["Ida Holm"]
    assert listed(two.browser, field="phone") == ["Mia Lund"]
    page = words(two.browser.get(conflicts_url()).content.decode())
    assert "Company name On the site: Holm In QuickBooks: Holm & Co" in page
    assert "2 conflicts" in page


def test_the_listing_hides_what_a_client_holds(two: Desk, blind: Browser) -> None:
    page = words(blind.get(conflicts_url()).content.decode())
    assert "Holm & Co" in page and "On the site:" not in page


def test_it_costs_the_same_however_many(two: Desk) -> None:
    def count() -> int:
        with CaptureQueriesContext(database) as queries:
            two.browser.get(conflicts_url())
        return len(queries)

    before = count()
    saves(two, opened(two), phone__take="qbo", mailing_address__take="qbo")
    two.said()
    count()
    assert count() == before


def bulk_address(action: str, *pks: Any, **filters: str) -> str:
    where = reverse("wagtail_bulk_action", args=["wagtail_qbo_sync", "case", action])
    query = [*filters.items(), *(("id", pk) for pk in pks or ["all"]), ("next", conflicts_url())]
    return f"{where}?{urlencode(query, doseq=True)}"


def confirms(browser: Browser, at: str) -> Any:
    about = re.search(r'name="about" value="([^"]*)"', browser.get(at).content.decode())
    assert about is not None
    return browser.post(at, {"about": about.group(1)})


@pytest.mark.parametrize(("act", "number"), [("qbo_wins", "3"), ("site_wins", "2")])
def test_all_that_the_filters_show_are_settled_and_taken_back(
    two: Desk, act: str, number: str
) -> None:
    asked = words(two.browser.get(bulk_address(act, field="phone")).content.decode())
    assert "Conflicts" in asked and "In the fields in conflict, and in no others" in asked
    response = confirms(two.browser, bulk_address(act, field="phone"))
    assert response.headers["Location"] == conflicts_url()
    assert "The conflict of 1 customer is settled" in two.said()
    assert listed(two.browser) == ["Ida Holm"]
    assert "1 customer is in conflict again, as before." in two.undoes()
    confirms(two.browser, bulk_address(act, field="phone"))
    two.firm.walk()
    assert phones(two.firm) == (number, number)


def test_many_go_on_in_a_worker(two: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bulk_decisions, "AT_ONCE", 1)
    response = confirms(two.browser, bulk_address("qbo_wins"))
    decision = BulkDecision.objects.get()
    assert response.headers["Location"] == url("bulk", decision.pk)
    bulk_decisions.advance(decision.pk)
    assert "The conflicts of 2 customers are settled" in words(
        two.browser.get(url("bulk", decision.pk)).content.decode()
    )
    assert listed(two.browser) == []


def test_ticked_by_somebody_who_may_not_see_the_client(two: Desk, blind: Browser) -> None:
    page = words(blind.get(bulk_address("qbo_wins")).content.decode())
    assert "This is for none of the selected customers" in page
    assert "A client you may not view" in page
    assert Case.objects.filter(open_key__isnull=False, kind="conflict").count() == 2


# From elsewhere -----------------------------------------------------------------------------------


def test_it_is_linked_from_where_the_pair_is_seen(
    desk: Desk, mia: Client, admin_client: Browser
) -> None:
    pk = desk.customer("3").pk
    where = {
        "problems": url("problems"),
        "why": url("why_customer", pk),
        "panel": reverse("wagtailsnippets_crm_client:edit", args=[quote(mia.pk)]),
        "the site's list": f"{reverse('wagtailsnippets_crm_client:list')}?q=Mia",
        "our list": f"{url('clients', desk.firm.connection.pk)}?q=Mia",
    }
    for name, at in where.items():
        assert conflict_url(pk) in admin_client.get(at).content.decode(), name
    for at in (reverse("wagtailadmin_home"), reverse("wagtail_qbo_sync_customers:index")):
        assert "conflict" in words(admin_client.get(at).content.decode()).lower()
