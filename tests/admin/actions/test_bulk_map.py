"""Bulk action: map suggested."""

from __future__ import annotations

from crm.models import Client
from django.test import Client as Browser

from tests.admin.desk import Desk
from tests.sync.firm import client
from wagtail_qbo_sync.admin.base import url
from wagtail_qbo_sync.models import BulkDecision, Mapping
from wagtail_qbo_sync.sync.bulk import decisions
from wagtail_qbo_sync.sync.bulk.choices import RENAMED, Choice

from .bulk import asks, confirms, main


def test_only_exactly_the_same_name_is_mapped(desk: Desk) -> None:
    """K6: that Thomas Reed has Tom Reed's e-mail is nothing to map by."""
    client("ANNA BERG", phone="555 7777")
    page = asks(desk.browser, "map_suggested")
    assert "Map 1 customer to the client of exactly this name? Anna Berg → ANNA BERG" in page
    assert "No free client has exactly this name Thomas Reed" in page
    assert "Name: 1 client" in page and "Phone: 1 client" in page
    confirms(desk.browser, "map_suggested")
    assert "1 customer is mapped." in desk.said()
    desk.firm.walk()
    assert desk.firm.mapped() == {"1": "Anna Berg", "3": "Mia Lund"}
    assert desk.firm.client("1").phone == "555 0101"


def test_each_can_be_undone_by_itself(desk: Desk) -> None:
    anna = client("Anna Berg", phone="555 7777")
    confirms(desk.browser, "map_suggested", "Anna Berg")
    desk.firm.walk()
    desk.does("undo_map", "1")
    desk.firm.walk()
    assert Client.objects.get(pk=anna.pk).phone == "555 7777"


def test_undo_takes_back_all_of_it(desk: Desk) -> None:
    anna = client("Anna Berg", phone="555 7777")
    confirms(desk.browser, "map_suggested", "Anna Berg")
    desk.said()
    desk.firm.walk()
    said = desk.undoes()
    assert "1 customer is no longer mapped. Clients get back what was overwritten." in said
    desk.firm.walk()
    assert Client.objects.get(pk=anna.pk).phone == "555 7777"
    desk.firm.sync()
    assert "1" not in desk.firm.mapped()


def test_it_is_found_and_taken_back_later(desk: Desk) -> None:
    client("Anna Berg")
    confirms(desk.browser, "map_suggested", "Anna Berg")
    desk.firm.walk()
    listed = main(desk.browser.get(url("bulk_decisions")))
    assert "Map suggested" in listed and "1 customer is mapped." in listed
    decided = BulkDecision.objects.get()
    desk.browser.post(url("bulk_undo", decided.pk))
    page = main(desk.browser.get(url("bulk", decided.pk)))
    assert "Taken back on" in page and "Undo" not in page
    assert "1 customer is mapped. Taken back." in main(desk.browser.get(url("bulk_decisions")))
    desk.browser.post(url("bulk_undo", decided.pk))
    assert "This cannot be taken back as a whole, or was already." in desk.messages()


def test_to_nobody_whom_the_person_may_not_see(desk: Desk, blind: Browser) -> None:
    client("Anna Berg")
    page = asks(blind, "map_suggested", "Anna Berg")
    assert "A client you may not view Anna Berg" in page
    assert Mapping.objects.count() == 1


def test_a_client_that_was_renamed_meanwhile_is_not_mapped(desk: Desk) -> None:
    made = client("Anna Berg")
    decided = decisions.start(desk.firm.connection, "map", [Choice("1", "map", str(made.pk))], None)
    Client.objects.filter(pk=made.pk).update(name="Anna Bergman")
    decisions.advance(decided.pk)
    decided.refresh_from_db()
    assert decided.skipped == {RENAMED: ["1"]}
