"""Bulk action: remove match."""

from __future__ import annotations

from crm.models import Client

from tests.admin.desk import Desk

from .bulk import asks, confirms


def test_no_sync_makes_the_match_again(desk: Desk) -> None:
    assert "Not mapped Anna Berg" in asks(desk.browser, "remove_match", "Anna Berg", "Mia Lund")
    confirms(desk.browser, "remove_match", "Anna Berg", "Mia Lund")
    assert "The match of 1 customer is removed. No sync makes it again." in desk.said()
    desk.firm.chooses(unmatched="create")
    desk.firm.sync()
    assert "3" not in desk.firm.mapped()


def test_undo_puts_the_match_back_with_a_merge(desk: Desk) -> None:
    confirms(desk.browser, "remove_match", "Mia Lund")
    desk.firm.edits("3", PrimaryPhone={"FreeFormNumber": "555 9999"})
    desk.said()
    assert "The match of 1 customer is put back." in desk.undoes()
    desk.firm.walk()
    assert desk.firm.mapped() == {"3": "Mia Lund"}
    assert desk.firm.client_phone("Mia Lund") == "555 9999"
    assert Client.objects.count() == 2
