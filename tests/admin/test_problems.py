"""What went wrong, by name: refused, unreadable, in conflict, inactive; and trying again."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from crm.models import Client
from django.db import connection as database
from django.test import Client as Browser
from django.test.utils import CaptureQueriesContext

from tests import factories
from wagtail_qbo_sync import clock
from wagtail_qbo_sync.admin.base import problems_url, url
from wagtail_qbo_sync.admin.client_acts import client_url
from wagtail_qbo_sync.admin.views.problems import named
from wagtail_qbo_sync.models import Case, Connection, SingleSync, SyncState
from wagtail_qbo_sync.sync.people import dead_letters
from wagtail_qbo_sync.sync.records import cases
from wagtail_qbo_sync.sync.records.cases import NAMELESS
from wagtail_qbo_sync.sync.records.status import status_of

from . import rows
from .conftest import Login, Read


@pytest.fixture
def problems(company: Connection) -> dict[str, Case]:
    """One of each kind, and a question of mapping, which is none."""
    holder = Client.objects.create(name="Berg Holding")
    ben = Client.objects.create(name="Ben on the site")
    made = {name: rows.customer(company, name) for name in ("Anna", "Ben", "Cleo", "Dora")}
    taken: dict[str, Any] = {"message": "Client with this E-mail already exists.", "field": "email"}
    rows.case(made["Dora"], "review")
    return {
        "refused": rows.case(made["Anna"], "refused", holder=str(holder.pk), **taken),
        "conflict": rows.case(
            made["Ben"], "conflict", ben, conflicts={"phone": {"site": "555-1", "qbo": "555-2"}}
        ),
        "inactive": rows.case(made["Cleo"], "inactive"),
        "unreadable": factories.case(
            company, "unreadable", "4711", facts={"message": "The name is missing."}
        ),
    }


def names(page: Any) -> list[str]:
    return [named(case) for case in page.context["object_list"]]


def test_each_problem_is_told_by_name(
    login: Login, company: Connection, problems: dict[str, Case], read: Read
) -> None:
    browser = login("view", is_superuser=True)
    page = browser.get(problems_url(company))
    words = read(page)
    for sentence in (
        "Refused by the site E-mail: Client with this E-mail already exists. Held by: Berg Holding",
        "QuickBooks ID 4711 Unreadable in QuickBooks The name is missing.",
        "On the site: 555-1 In QuickBooks: 555-2 Ben on the site",
        "The customer is inactive in QuickBooks. Its mapping sleeps",
    ):
        assert sentence in words
    assert sorted(names(page)) == ["Anna", "Ben", "Cleo", "QuickBooks ID 4711"]
    html = page.content.decode()
    assert len(re.findall(r'href="/admin/qbo/customers/inspect/\d+/"', html)) == 2
    assert len(re.findall(r'href="/admin/qbo/conflicts/\d+/"', html)) == 1, "where it is settled"


def test_problems_are_searched_filtered_and_sorted(
    partner: Browser, company: Connection, problems: dict[str, Case]
) -> None:
    other = factories.connection("Other")
    factories.case(other, "refused", "9")
    Case.objects.filter(pk=problems["conflict"].pk).update(
        opened_at=clock.now() - timedelta(days=3)
    )

    def found(**query: Any) -> list[str]:
        shown = names(partner.get(url("problems"), query))
        assert names(partner.get(url("problems_results"), query)) == shown
        return shown

    mine = {"connection": company.pk}
    assert len(found()) == 5
    assert found(connection=other.pk) == ["QuickBooks ID 9"]
    assert found(**mine, kind="refused") == ["Anna"]
    assert found(**mine, kind=["conflict", "inactive"]) == ["Cleo", "Ben"]
    assert found(q="4711") == ["QuickBooks ID 4711"]
    assert found(q="ann") == ["Anna"]
    assert found(ordering="opened_at")[0] == "Ben"
    assert found(**mine, ordering="-customer_name", q="e") == ["Cleo", "Ben"]


def test_a_customer_without_an_id(partner: Browser, company: Connection, read: Read) -> None:
    factories.case(company, "unreadable", NAMELESS, facts={"message": "The ID is missing."})
    assert "A customer without an ID" in read(partner.get(url("problems")))


def test_who_may_not_view_clients_reads_nothing_of_them(
    login: Login, company: Connection, problems: dict[str, Case], read: Read
) -> None:
    words = read(login("view").get(problems_url(company)))
    assert "Berg Holding" not in words
    assert "Ben on the site" not in words
    assert "555-1" not in words
    assert "A client you may not view" in words


def test_names_are_text_on_the_page(partner: Browser, company: Connection) -> None:
    nasty = "<script>alert(1)</script>"
    rows.case(rows.customer(company, nasty), "refused", message=nasty, field="email")
    html = partner.get(url("problems")).content.decode()
    assert nasty not in html
    assert "&lt;script&gt;alert" in html


def test_more_problems_cost_no_more_queries(partner: Browser, company: Connection) -> None:
    def queries(number: int) -> int:
        for count in range(number):
            client = Client.objects.create(name=f"Client {count}")
            rows.case(rows.customer(company), "refused", client, message="No.")
        with CaptureQueriesContext(database) as captured:
            partner.get(url("problems"))
        return len(captured)

    queries(1)
    assert queries(1) == queries(20)


# Trying again -------------------------------------------------------------------------------


def test_trying_again_asks_for_a_sync(
    partner: Browser, company: Connection, problems: dict[str, Case], read: Read
) -> None:
    case = problems["refused"]
    Case.objects.filter(pk=case.pk).update(facts={**case.facts, "seen": rows.SEEN})
    page = partner.get(problems_url(company))
    assert "The site refused 1 record." in read(page)
    assert f'data-w-action-url-value="{url("retry", company.pk)}"' in page.content.decode()
    page = partner.post(url("retry", company.pk), follow=True)
    assert page.redirect_chain == [(problems_url(company), 302)]
    assert "What the site refused is tried again." in read(page)
    assert SyncState.objects.get(pk=company.pk).wanted == 1
    case.refresh_from_db()
    assert "seen" not in case.facts


def test_who_may_only_view_is_not_offered_to_try_again(
    login: Login, company: Connection, problems: dict[str, Case], read: Read
) -> None:
    page = login("view").get(problems_url(company))
    assert "Try again" not in read(page)
    assert url("retry", company.pk) not in page.content.decode()
    back = login("sync").post(url("retry", company.pk))
    assert back["Location"] == url("connections")


def test_only_companies_with_refused_records_are_tried_again(
    partner: Browser, company: Connection, problems: dict[str, Case]
) -> None:
    other = factories.connection("Other")
    factories.case(other, "conflict", "1")
    html = partner.get(url("problems")).content.decode()
    assert url("retry", company.pk) in html
    assert url("retry", other.pk) not in html
    assert url("retry", company.pk) not in partner.get(problems_url(other)).content.decode()


@pytest.mark.parametrize("values", [{"disconnected_at": clock.now()}, {"installation": {}}])
def test_what_cannot_be_synced_is_not_tried_again(
    values: dict[str, Any], partner: Browser, read: Read
) -> None:
    made = factories.connection("Acme", **values)
    factories.case(made, "refused", "1")
    assert "Try again" not in read(partner.get(url("problems")))
    page = partner.post(url("retry", made.pk), follow=True)
    assert "“Acme” cannot be synced" in read(page)
    assert SyncState.objects.get(pk=made.pk).wanted == 0


# One record that keeps failing ------------------------------------------------------------------


def test_one_record_is_tried_again_or_ignored_and_opened_again(
    partner: Browser, company: Connection, problems: dict[str, Case], read: Read
) -> None:
    """U14: dead letters. What is ignored is neither listed, counted nor mailed."""
    refused, unreadable = problems["refused"], problems["unreadable"]
    html = partner.get(problems_url(company)).content.decode()
    for case in (refused, unreadable):
        assert url("problem_retry", case.pk) in html and url("problem_set_aside", case.pk) in html
    for kind in ("conflict", "inactive"):
        assert url("problem_set_aside", problems[kind].pk) not in html, "no dead letters"
    page = partner.post(url("problem_retry", unreadable.pk), follow=True)
    assert "It is tried again" in read(page)
    assert SingleSync.objects.get().qbo_id == "4711"
    page = partner.post(url("problem_set_aside", refused.pk), follow=True)
    assert "Undo" in read(page) and "1 problem is ignored" in read(page)
    assert "Anna" not in names(page) and len(names(page)) == 3
    assert status_of(company).problems == 3
    page = partner.get(url("ignored"))
    assert (
        names(page) == ["Anna"] and url("problem_open_again", refused.pk) in page.content.decode()
    )
    partner.post(url("problem_open_again", refused.pk))
    assert status_of(company).problems == 4


def test_what_is_ignored_comes_back_when_it_says_something_else(
    company: Connection, problems: dict[str, Case]
) -> None:
    case = problems["unreadable"]
    assert dead_letters.set_aside(case, None)
    for message, listed in (("The name is missing.", 3), ("The e-mail is too long.", 4)):
        facts = {"message": message, "run": 2}
        cases.open_all(company, [cases.Opening(case.kind, case.qbo_id, facts=facts)])
        assert status_of(company).problems == listed
    Case.objects.filter(pk=case.pk).update(open_key=None)
    assert not dead_letters.set_aside(case, None), "settled by now"
    assert not dead_letters.set_aside(problems["conflict"], None)


def test_who_may_do_what_about_one(
    login: Login, company: Connection, problems: dict[str, Case]
) -> None:
    pk = problems["refused"].pk
    viewer = login("view")
    html = viewer.get(problems_url(company)).content.decode()
    assert url("problem_set_aside", pk) not in html and url("problem_retry", pk) not in html
    for rights, refused in ((("view", "map"), "retry"), (("view", "sync"), "set_aside")):
        assert login(*rights).post(url(f"problem_{refused}", pk))["Location"] != url("problems")
    assert not Case.objects.filter(set_aside_at__isnull=False).exists()


def test_a_company_that_is_not_there(partner: Browser) -> None:
    assert partner.post(url("retry", 4711)).status_code == 404


def test_what_keeps_a_client_from_being_created_is_told(login: Login, company: Connection) -> None:
    """U10, K6: map to it, another name, or leave."""
    anna = Client.objects.create(name="Anna Berg")
    facts = {
        "code": "6240",
        "message": "The name is taken.",
        "name_holder": {"entity": "Vendor", "id": "7", "name": "Anna Berg", "active": False},
    }
    alike = {"qbo_id": "1", "label": "A. Berg", "by": ["email"], "taken": True}
    for kind, about in (("not_taken", facts), ("alike", {"customers": [alike], "more": 0})):
        pk = str(anna.pk)
        key = f"{kind}:{company.pk}::{pk}"
        factories.case(company, kind, "", client_pk=pk, facts=about, open_key=key)
    taken = Case.objects.get(kind="not_taken")
    page = login(is_superuser=True).get(url("problems")).content.decode()
    assert page.count("No customer yet") == 2
    assert "The inactive vendor “Anna Berg” has this name." in page
    assert "“A. Berg” in QuickBooks: same e-mail, already mapped or excluded" in page
    answers = [client_url("client_map", company, str(anna.pk)), url("taken_name", taken.pk)]
    blind = login("view", "map").get(url("problems")).content.decode()
    for address in answers:
        assert address in page and address not in blind
