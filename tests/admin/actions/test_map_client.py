"""Map to customer, from a client's row (C14): the other way round, with the same outcome."""

from __future__ import annotations

import pytest
from crm.models import Client
from django.db import connection as database
from django.test import Client as Browser
from django.test.utils import CaptureQueriesContext

from tests.admin.desk import Desk, words
from tests.sync.conftest import customer
from tests.sync.firm import client
from wagtail_qbo_sync.models import Decision


@pytest.fixture
def berg(desk: Desk) -> Client:
    """A client that is like nobody by name or e-mail."""
    return client("A. B.", phone="555 9999")


def shown(desk: Desk, one: Client, name: str = "map", **query: str) -> str:
    """The page, or the list alone."""
    response = desk.browser.get(desk.client_address(name, one), query)
    assert response.status_code == 200
    return response.content.decode()


def listed(page: str) -> list[str]:
    """The customers that can be chosen without moving anything."""
    return [part.split('"')[0] for part in page.split('aria-label="Map to ')[1:]]


def test_it_says_beforehand_what_quickbooks_overwrites(desk: Desk, berg: Client) -> None:
    page = shown(desk, berg, q="anna")
    assert listed(page) == ["Anna Berg"]
    assert "what QuickBooks says overwrites this client" in words(page)
    assert "Phone 555 9999 becomes 555 0101" in words(page)


def test_without_a_namesake_it_begins_with_all(desk: Desk, berg: Client) -> None:
    page = shown(desk, berg)
    assert listed(page) == ["Anna Berg", "Thomas Reed"]
    assert "Mapped already, to: Mia Lund" in words(page)


def test_the_search_finds_by_name_and_email(desk: Desk, berg: Client) -> None:
    assert listed(shown(desk, berg, name="map_results", q="REED tom@")) == ["Thomas Reed"]
    assert "No customer matches “nobody”." in words(shown(desk, berg, q="nobody"))


def test_mapping_overwrites_and_undo_puts_it_back(desk: Desk, berg: Client) -> None:
    pk = str(desk.customer("1").pk)
    assert "“Anna Berg” is mapped to “A. B.”." in desk.does_to("map", berg, customer=pk)
    desk.firm.walk()
    berg.refresh_from_db()
    assert (berg.name, berg.phone) == ("Anna Berg", "555 0101")
    desk.does("undo_map", "1")
    desk.firm.walk()
    desk.firm.sync()
    berg.refresh_from_db()
    assert (berg.name, berg.phone) == ("A. B.", "555 9999")
    assert "1" not in desk.firm.mapped()


def test_a_customer_that_is_taken_is_moved_on_purpose_only(desk: Desk, berg: Client) -> None:
    pk = str(desk.customer("3").pk)
    address = desk.client_address("map", berg)
    response = desk.browser.post(address, {"customer": pk})
    assert response.headers["Location"] == address, "one can choose another"
    assert "“Mia Lund” is mapped to “Mia Lund” already." in desk.said()
    assert "“Mia Lund” is now mapped to “A. B.”." in desk.does_to("map", berg, move=pk)
    desk.firm.sync()
    assert desk.firm.client("3") == berg


def test_the_holder_is_not_named_to_who_may_not_see_it(
    desk: Desk, berg: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "wagtail_qbo_sync.host.adapter.ClientAdapter.visible_to",
        lambda self, user, clients: clients.filter(pk=berg.pk),
    )
    page = words(shown(desk, berg))
    assert "Mapped already, to: A client you may not view" in page
    desk.browser.post(desk.client_address("map", berg), {"customer": str(desk.customer("3").pk)})
    assert "mapped already, to a client you may not view" in desk.said()


def test_an_excluded_customer_is_included_by_it(desk: Desk, berg: Client) -> None:
    desk.does("exclude", "1")
    assert "Excluded from mapping; mapping it includes it again." in words(shown(desk, berg))
    desk.does_to("map", berg, customer=str(desk.customer("1").pk))
    assert not Decision.objects.exists()


@pytest.mark.parametrize("key", ["", "nonsense", "99999"])
def test_a_customer_that_is_not_there(desk: Desk, berg: Client, key: str) -> None:
    desk.browser.post(desk.client_address("map", berg), {"customer": key})
    assert "Choose a customer that is still there." in desk.said()


def test_who_may_not_see_the_client_finds_nothing(desk: Desk, berg: Client, blind: Browser) -> None:
    for method in (blind.get, blind.post):
        assert method(desk.client_address("map", berg)).status_code == 404


def test_as_many_queries_for_twenty_as_for_two(desk: Desk, berg: Client) -> None:
    def queries() -> int:
        with CaptureQueriesContext(database) as seen:
            shown(desk, berg, q="")
        return len(seen)

    queries()
    few = queries()
    desk.firm.gets(*(customer(str(number), f"Bo {number}") for number in range(10, 40)))
    desk.firm.sync()
    assert queries() == few
