"""Remove match (K8): neither matched again nor made anew by any sync."""

from __future__ import annotations

from django.test import Client as Browser

from tests.admin.desk import Desk
from tests.sync.firm import edit, site


def test_it_holds_through_syncs(desk: Desk) -> None:
    firm = desk.firm
    firm.chooses(unmatched="create")
    assert "The match of “Mia Lund” is removed." in desk.does("remove_match", "3")
    firm.edits("3", CompanyName="Changed since")
    desk.does("exclude", "1")
    before = site()
    firm.sync()
    firm.sync()
    assert site() == before
    assert "3" not in firm.mapped()
    assert "Map to client…" in desk.offered("3")


def test_undo_puts_it_back_and_it_syncs_on(desk: Desk) -> None:
    client = desk.firm.client("3")
    desk.does("remove_match", "3")
    edit(client, phone="555 0399")
    desk.firm.edits("3", CompanyName="Lund Ltd")
    assert "The match of “Mia Lund” is put back." in desk.undoes()
    desk.firm.sync()
    client.refresh_from_db()
    assert desk.firm.mapped()["3"] == "Mia Lund"
    assert (client.company_name, client.phone) == ("Lund Ltd", "555 0399")


def test_putting_it_back_names_nobody_whom_the_person_may_not_see(
    desk: Desk, blind: Browser
) -> None:
    secret = desk.firm.client("3")
    desk.does("remove_match", "3")
    edit(secret, name="Secret Lund")
    desk.firm.maps("1", secret)
    desk.browser = blind
    said = desk.does("put_match_back", "3")
    assert "A client you may not view is mapped to another customer already." in said
    assert "Secret" not in said


def test_one_that_is_not_mapped_is_refused(desk: Desk) -> None:
    assert "This customer is not mapped." in desk.does("remove_match", "1")
