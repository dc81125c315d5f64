"""Wagtail's first page: how many customers wait, and which company needs a person."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection as database
from django.test import Client as Browser
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from pytest_django import Settings

from tests import factories
from wagtail_qbo_sync import clock
from wagtail_qbo_sync.admin.base import RIGHTS, url
from wagtail_qbo_sync.models import Case, Connection, Run, SyncState, Token

from .conftest import Login
from .desk import words


def home(person: Browser) -> str:
    return person.get(reverse("wagtailadmin_home")).content.decode()


def summary(page: str) -> str:
    """The items that count things."""
    found = re.search(r'<ul class="w-summary__list">.*?</ul>', page, re.DOTALL)
    return words(found.group()) if found else ""


def needs(page: str) -> list[str]:
    """What needs a person."""
    found = re.search(r'<ul class="qbo-attention">.*?</ul>', page, re.DOTALL)
    items = re.findall(r"<li>.*?</li>", found.group(), re.DOTALL) if found else []
    return [words(item) for item in items]


# How many --------------------------------------------------------------------------------------


def test_the_number_is_the_one_of_the_map_screen(login: Login, company: Connection) -> None:
    factories.customers(company, unmapped=1100, review=2, mapped=1, excluded=1, inactive=1)
    factories.customers(factories.connection("Client Co"), unmapped=1)
    gone = factories.connection("Gone", disconnected_at=clock.now())
    factories.customers(gone, unmapped=5)
    page = home(login("map", "view"))
    assert summary(page) == "1,103 Customers to map or review, of QuickBooks"
    assert "/admin/qbo/customers/?status=unmapped&amp;status=review&amp;status=deleted" in page


def test_those_of_one_company_have_their_page(login: Login, company: Connection) -> None:
    factories.customers(company, unmapped=1)
    assert f'href="{url("map", company.pk)}"' in home(login("map"))


def test_one_customer(login: Login, company: Connection) -> None:
    factories.customers(company, review=1)
    assert summary(home(login("map"))) == "1 Customer to map or review, of QuickBooks"


def test_nothing_to_map_is_not_counted(login: Login, company: Connection) -> None:
    factories.customers(company, mapped=1)
    assert "QuickBooks" not in summary(home(login("map")))


@pytest.mark.parametrize("right", [right for right in RIGHTS if right != "map"])
def test_who_may_not_map_reads_no_number(right: str, login: Login, company: Connection) -> None:
    factories.customers(company, unmapped=1)
    assert "QuickBooks" not in summary(home(login(right)))


# What needs a person -----------------------------------------------------------------------------


def copy(company: Connection) -> None:
    Connection.objects.filter(pk=company.pk).update(installation={"installation": "elsewhere"})


def login_ended(company: Connection) -> None:
    Token.objects.filter(pk=company.pk).update(rejected=True)


def plan(company: Connection) -> None:
    factories.run(company, Run.State.WAITING)


def failed(company: Connection) -> None:
    factories.sync_state(company, trouble={"action": "operator", "next_try": ""})


REASONS: dict[str, tuple[Callable[[Connection], None], str, str]] = {
    "copy": (copy, "connect", "This looks like a copy of another site"),
    "login": (login_ended, "connect", "Its login to QuickBooks has ended"),
    "plan": (plan, "sync", "A plan of changes waits for approval. Look at the plan"),
    "failed": (failed, "sync", "The last sync failed, and is not tried again by itself."),
}


@pytest.mark.parametrize("reason", REASONS)
def test_who_can_do_something_about_it_is_told(
    reason: str, login: Login, company: Connection
) -> None:
    happen, right, says = REASONS[reason]
    happen(company)
    (said,) = needs(home(login(right)))
    assert said.startswith(f"Harbor & Finch {says}")
    others = [other for other in RIGHTS if other != right]
    assert needs(home(login(*others))) == []
    assert needs(home(login())) == []


def test_the_plan_is_a_click_away(login: Login, company: Connection) -> None:
    plan(company)
    assert f'href="{url("run", Run.objects.get().pk)}"' in home(login("sync"))


def test_what_comes_first_hides_the_rest(login: Login, company: Connection) -> None:
    plan(company)
    login_ended(company)
    (said,) = needs(home(login("sync", "connect")))
    assert "login" in said and "plan" not in said


def test_what_is_tried_again_by_itself_needs_nobody(login: Login, company: Connection) -> None:
    SyncState.objects.update(trouble={"action": "back_off", "next_try": "2026-01-01T00:00:00Z"})
    assert needs(home(login("sync", "connect"))) == []


def test_a_pause_and_a_disconnected_company_need_nobody(
    login: Login, company: Connection, settings: Settings
) -> None:
    plan(company)
    Connection.objects.update(disconnected_at=clock.now())
    assert needs(home(login("sync", "connect"))) == []
    Connection.objects.update(disconnected_at=None)
    settings.WAGTAIL_QBO_SYNC = {**settings.WAGTAIL_QBO_SYNC, "PAUSED": True}
    assert needs(home(login("sync", "connect"))) == []


def test_conflicts_are_told_to_who_may_settle_them(login: Login, company: Connection) -> None:
    """Beside the one number of the summary."""
    for qbo_id in ("1", "2"):
        factories.case(company, Case.Kind.CONFLICT, qbo_id)
    page = home(login("map"))
    assert needs(page) == [
        "2 customers were changed here and in QuickBooks. Settle the conflicts",
    ]
    assert f'href="{url("conflicts")}"' in page
    assert "QuickBooks" not in summary(page)
    assert needs(home(login(*(right for right in RIGHTS if right != "map")))) == []


# Cost --------------------------------------------------------------------------------------------


def queries(person: Browser) -> list[str]:
    """What is asked of our tables for the first page."""
    home(person)
    with CaptureQueriesContext(database) as captured:
        home(person)
    return [each["sql"] for each in captured if "wagtail_qbo_sync_" in each["sql"]]


@pytest.mark.parametrize(
    ("rights", "count"),
    [((), 0), (("view",), 0), (("map",), 2), (("sync",), 3), (tuple(RIGHTS), 5)],
)
def test_what_it_costs(
    rights: tuple[str, ...], count: int, login: Login, company: Connection
) -> None:
    person: Any = login(*rights)
    for name in ("B", "C"):
        other = factories.connection(name)
        plan(other)
        factories.customers(other, unmapped=3, review=2)
    assert len(queries(person)) == count
