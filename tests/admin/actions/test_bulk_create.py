"""Bulk action: create clients."""

from __future__ import annotations

from crm.models import Client

from tests.admin.desk import Desk
from tests.sync.firm import client, edit, site
from wagtail_qbo_sync.admin.base import url
from wagtail_qbo_sync.models import BulkDecision

from .bulk import asks, confirms, main


def test_clients_are_made_but_of_nobody_who_is_like_one(desk: Desk) -> None:
    """K6: Thomas Reed is like Tom Reed, and is looked at on his own."""
    page = asks(desk.browser, "create")
    assert "Create a client of 1 customer? Anna Berg" in page
    assert "Needs review Thomas Reed" in page
    confirms(desk.browser, "create")
    assert "A client is made of 1 customer." in desk.said()
    desk.firm.walk()
    assert desk.firm.mapped() == {"1": "Anna Berg", "3": "Mia Lund"}
    assert desk.firm.client("1").phone == "555 0101"


def test_not_beside_a_client_of_that_name(desk: Desk) -> None:
    client("Anna Berg")
    page = asks(desk.browser, "create", "Anna Berg")
    assert "A client of exactly this name is there Anna Berg" in page


def test_asked_twice_one_client_is_made(desk: Desk) -> None:
    confirms(desk.browser, "create", "Anna Berg")
    desk.said()
    confirms(desk.browser, "create", "Anna Berg")
    assert "Nothing was changed. 1 customer is left as before." in desk.said()
    desk.firm.walk()
    assert Client.objects.filter(name="Anna Berg").count() == 1


def test_undo_removes_the_clients_that_were_made(desk: Desk) -> None:
    before = site()
    confirms(desk.browser, "create", "Anna Berg")
    desk.said()
    desk.firm.walk()
    assert desk.firm.mapped()["1"] == "Anna Berg"
    assert "1 client that was made is removed." in desk.undoes()
    desk.firm.walk()
    desk.firm.sync()
    assert site() == before


def test_one_that_was_edited_stays_and_is_named(desk: Desk) -> None:
    confirms(desk.browser, "create", "Anna Berg")
    desk.said()
    desk.firm.walk()
    edit(desk.firm.client("1"), phone="555 7777")
    said = desk.undoes()
    assert "1 customer is no longer mapped. Not all could be taken back of 1 customer." in said
    page = main(desk.browser.get(url("bulk", BulkDecision.objects.get(act="undo").pk)))
    assert "The client stays: somebody has edited it since. Anna Berg" in page
