"""Moving a mapping (K8): one step, and no machine makes the old match again."""

from __future__ import annotations

import re

import pytest
from crm.models import Client

from tests import factories
from tests.admin.desk import Desk
from tests.sync.firm import client
from wagtail_qbo_sync.models import Decision
from wagtail_qbo_sync.sync.people import mapping


@pytest.fixture
def mia(db: None) -> Client:
    """Another client that is the very image of customer 3."""
    return client("Mia Lund 2", "mia@lund.example", phone="555 9999")


def test_a_customer_moves_to_another_client(desk: Desk, mia: Client) -> None:
    assert "“Mia Lund” is now mapped to “Mia Lund 2”." in desk.does("map", "3", move=str(mia.pk))
    desk.firm.walk()
    assert desk.firm.client("3") == mia
    mia.refresh_from_db()
    assert mia.name == "Mia Lund"
    desk.firm.sync()
    assert desk.firm.client("3") == mia


def test_a_client_moves_to_another_customer(desk: Desk) -> None:
    mia = desk.firm.client("3")
    desk.firm.chooses(unmatched="create")
    desk.does("map", "2", move=str(mia.pk))
    desk.firm.sync()
    desk.firm.sync()
    assert desk.firm.client("2") == mia
    assert desk.status("3") in ("unmapped", "review"), "the first customer waits for a person"


def test_undo_puts_the_first_match_back(desk: Desk, mia: Client) -> None:
    old = desk.firm.client("3")
    desk.does("map", "3", move=str(mia.pk))
    desk.firm.walk()
    desk.undoes()
    desk.firm.walk()
    desk.firm.sync()
    assert desk.firm.client("3") == old
    mia.refresh_from_db()
    assert (mia.name, mia.phone) == ("Mia Lund 2", "555 9999")


def test_undo_puts_both_first_matches_back(desk: Desk, mia: Client) -> None:
    desk.does("map", "1", client=str(mia.pk))
    desk.firm.walk()
    lund = desk.firm.client("3")
    desk.does("map", "1", move=str(lund.pk))
    desk.firm.walk()
    desk.undoes()
    desk.firm.sync()
    assert (desk.firm.client("1"), desk.firm.client("3")) == (mia, lund)


@pytest.mark.parametrize("about", ["customer", "client"])
def test_it_is_moved_from_where_the_page_showed_it(desk: Desk, mia: Client, about: str) -> None:
    """Somebody else has moved it since: they are not overruled unseen."""
    address = desk.address("map", "3")
    if about == "client":
        address = desk.client_address("map", mia)
    found = re.search(r'name="said" value="(\d+)"', desk.browser.get(address).content.decode())
    assert found is not None
    other = client("Other")
    mapping.move_mapping(desk.firm.connection, "3", str(other.pk), factories.user())
    moved = str(desk.customer("3").pk) if about == "client" else str(mia.pk)
    desk.browser.post(address, {"move": moved, "said": found.group(1)})
    assert "This was decided anew since then" in desk.said()
    assert desk.firm.client("3") == other


def test_to_where_it_is_already(desk: Desk) -> None:
    here = str(desk.firm.client("3").pk)
    response = desk.browser.post(desk.address("map", "3"), {"move": here})
    assert response.status_code == 302
    assert "They are mapped to each other already." in desk.said()
    assert desk.status("3") == "mapped" and not Decision.objects.exists()
