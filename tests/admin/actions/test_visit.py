"""C3: to look at the client list, a client, or a screen of Manage asks for a sync."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from crm.models import Client
from django.test import Client as Browser
from django.urls import reverse

from tests import factories
from wagtail_qbo_sync import clock
from wagtail_qbo_sync.admin.base import CUSTOMERS, RIGHTS, url
from wagtail_qbo_sync.models import Connection, Customer, SyncState

LIST = "wagtailsnippets_crm_client:list"


def a_client() -> str:
    return reverse("wagtailsnippets_crm_client:edit", args=[Client.objects.get().pk])


def a_customer() -> str:
    return reverse(f"{CUSTOMERS}:inspect", args=[Customer.objects.get().pk])


VISITS: dict[str, Callable[[], str]] = {
    "client list": lambda: reverse(LIST),
    "client": a_client,
    "manage": lambda: reverse(f"{CUSTOMERS}:index"),
    "customer": a_customer,
    "duplicates": lambda: url("duplicates"),
    "problems": lambda: url("problems"),
    "connected apps": lambda: url("connections"),
}
NO_VISITS: dict[str, Callable[[], str]] = {
    "results alone": lambda: reverse("wagtailsnippets_crm_client:list_results"),
    "results of ours": lambda: reverse(f"{CUSTOMERS}:index_results"),
    "cards again": lambda: url("cards"),
    "line again": lambda: f"{url('sync_line')}?since=0",
    "settings": lambda: url("settings", Connection.objects.get().pk),
    "elsewhere": lambda: reverse("wagtailadmin_home"),
}


@pytest.fixture
def synced(db: None) -> Connection:
    """Synced three minutes ago; there is a client, and a customer."""
    company = factories.connection()
    then = clock.now() - timedelta(minutes=3)
    factories.sync_state(company, synced_at=then, first_synced_at=then)
    Client.objects.create(name="Anna Berg")
    factories.customer(company)
    return company


@pytest.fixture
def anybody(db: None) -> Browser:
    person = Browser()
    person.force_login(factories.user(*RIGHTS.values(), "crm.view_client", "crm.change_client"))
    return person


def asked() -> int:
    return SyncState.objects.get().wanted


@pytest.mark.parametrize("screen", VISITS)
def test_to_look_asks_once(screen: str, anybody: Browser, synced: Connection) -> None:
    address: Any = VISITS[screen]()
    for _ in range(2):
        assert anybody.get(address).status_code == 200
    assert asked() == 1


@pytest.mark.parametrize("screen", NO_VISITS)
def test_what_a_page_fetches_by_itself_does_not(
    screen: str, anybody: Browser, synced: Connection
) -> None:
    assert anybody.get(NO_VISITS[screen]()).status_code == 200
    assert asked() == 0


@pytest.mark.parametrize("screen", VISITS)
def test_who_is_turned_away_does_not(screen: str, synced: Connection) -> None:
    stranger = Browser()
    stranger.force_login(factories.user())
    stranger.get(VISITS[screen]())
    assert asked() == 0


@pytest.mark.parametrize("screen", ["client list", "client"])
def test_staff_who_only_see_clients_count_too(screen: str, synced: Connection) -> None:
    staff = Browser()
    staff.force_login(factories.user("crm.view_client", "crm.change_client"))
    assert staff.get(VISITS[screen]()).status_code == 200
    assert asked() == 1
