"""Create in QuickBooks, of one client (K7: a person asks for it): its row, its page, its Undo."""

from __future__ import annotations

from typing import Any

import pytest
from crm.models import Client
from django.db import connection as database
from django.test import Client as Browser
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from tests import factories
from tests.admin.desk import Desk, menu, words
from tests.sync.firm import client
from wagtail_qbo_sync.admin.base import RIGHTS, url
from wagtail_qbo_sync.models import Connection, Outbox, SiteState, SyncState

LABEL = "Create in QuickBooks"


@pytest.fixture
def bo(synced: Any) -> Client:
    """Like nobody in QuickBooks."""
    return client("Bo Coe", "bo@coe.example", phone="555 0707")


@pytest.fixture
def viewer(synced: Any) -> Browser:
    """May see customers and clients, and decides nothing."""
    browser = Browser()
    browser.force_login(factories.user(RIGHTS["view"], "crm.view_client"))
    return browser


def row(desk: Desk, name: str) -> list[str]:
    """The labels of the menu of a client's row in our list."""
    listing = url("clients", desk.firm.connection.pk)
    return menu(desk.browser.get(listing, {"q": name}).content.decode())


def panel(desk: Desk, bo: Client) -> str:
    """The client's own page, for somebody who may edit it."""
    page = desk.browser.get(reverse("wagtailsnippets_crm_client:edit", args=[bo.pk]))
    assert page.status_code == 200
    return words(page.content.decode())


def test_the_customer_is_made_and_mapped(desk: Desk, bo: Client) -> None:
    said = desk.does_to("create", bo)
    assert "A customer is made of “Bo Coe” in QuickBooks." in said
    desk.firm.walk()
    made = next(each for each in desk.firm.records() if each["DisplayName"] == "Bo Coe")
    assert made["PrimaryEmailAddr"] == {"Address": "bo@coe.example"}
    assert desk.firm.mapped()[made["Id"]] == "Bo Coe"


def test_undo_takes_it_back_while_it_waits(desk: Desk, bo: Client) -> None:
    desk.does_to("create", bo)
    assert "No customer is made of “Bo Coe” in QuickBooks." in desk.undoes()
    desk.firm.walk()
    desk.firm.sync()
    assert [each["DisplayName"] for each in desk.firm.records()] == [
        "Anna Berg",
        "Thomas Reed",
        "Mia Lund",
    ]
    assert LABEL in row(desk, "Bo Coe")


def test_undo_comes_too_late_once_it_is_made(desk: Desk, bo: Client) -> None:
    desk.does_to("create", bo)
    desk.firm.walk()
    assert "“Bo Coe” does not wait to be created any more." in desk.undoes()
    assert "Bo Coe" in desk.firm.mapped().values()


def test_without_a_worker_it_is_said_to_wait(desk: Desk, bo: Client) -> None:
    SiteState.objects.update(heartbeat_at=None)
    assert "No worker is running. It is written once there is one:" in desk.does_to("create", bo)


# Where it is offered --------------------------------------------------------------------------


def test_a_row_offers_it_where_it_fits(desk: Desk, bo: Client) -> None:
    assert row(desk, "Bo Coe") == [
        "Map to customer…",
        LABEL,
        "Exclude from mapping",
        "Why?",
    ]
    assert LABEL not in row(desk, "Mia Lund")
    desk.does_to("exclude", bo)
    assert LABEL not in row(desk, "Bo Coe")
    desk.does_to("include", bo)
    desk.does_to("create", bo)
    assert LABEL not in row(desk, "Bo Coe"), "it waits already"


@pytest.mark.parametrize(
    "not_now",
    [
        {"direction": "pull"},
        {"field_directions": {"name": "pull"}},
    ],
)
def test_not_where_a_client_s_name_does_not_travel(
    desk: Desk, bo: Client, not_now: dict[str, Any]
) -> None:
    Connection.objects.update(**not_now)
    assert LABEL not in row(desk, "Bo Coe")
    said = desk.does_to("create", bo)
    assert "Nothing can be created in" in said
    assert not Outbox.objects.exists()


def test_not_before_the_first_sync(desk: Desk, bo: Client) -> None:
    SyncState.objects.update(first_synced_at=None)
    assert LABEL not in row(desk, "Bo Coe")


def test_choosing_a_customer_offers_it_too(desk: Desk, bo: Client) -> None:
    page = desk.browser.get(desk.client_address("map", bo)).content.decode()
    assert f'formaction="{desk.client_address("create", bo)}"' in page
    mia = desk.firm.client("3")
    page = desk.browser.get(desk.client_address("map", mia)).content.decode()
    assert "formaction" not in page


def test_the_site_s_own_list_offers_it(desk: Desk, bo: Client) -> None:
    listing = reverse("wagtailsnippets_crm_client:list")
    page = desk.browser.get(listing, {"q": "Bo Coe"}).content.decode()
    assert LABEL in menu(page)


def test_the_panel_offers_it_and_then_says_that_it_waits(
    desk: Desk, bo: Client, admin_client: Browser
) -> None:
    desk.browser = admin_client
    assert f"{LABEL} ({desk.firm.connection})" in panel(desk, bo)
    desk.does_to("create", bo)
    page = panel(desk, bo)
    assert "Waits to be created in QuickBooks" in page
    assert LABEL not in page.replace("Waits to be created in QuickBooks", "")


def test_only_to_who_maps(desk: Desk, bo: Client, viewer: Browser) -> None:
    desk.browser = viewer
    assert row(desk, "Bo Coe") == ["Why?"]
    assert viewer.post(desk.client_address("create", bo)).status_code == 302
    assert not Outbox.objects.exists()


def test_many_rows_ask_no_more_than_few(desk: Desk, bo: Client) -> None:
    def queries() -> int:
        with CaptureQueriesContext(database) as seen:
            desk.browser.get(url("clients", desk.firm.connection.pk))
        return len(seen)

    queries()
    few = queries()
    for number in range(20):
        client(f"Bo {number}", f"bo{number}@coe.example")
    assert queries() == few
