"""Map to client (C9, C14): search, see what would be overwritten, map."""

from __future__ import annotations

from typing import Any

import pytest
from crm.models import Client
from django.db import connection as database
from django.test import Client as Browser
from django.test.utils import CaptureQueriesContext

from tests import factories
from tests.admin.desk import Desk, words
from tests.sync.firm import client
from wagtail_qbo_sync.models import Decision, Mapping


def shown(desk: Desk, qbo_id: str = "1", name: str = "map", **query: str) -> str:
    """The page, or the list alone."""
    response = desk.browser.get(desk.address(name, qbo_id), query)
    assert response.status_code == 200
    return response.content.decode()


def listed(page: str) -> list[str]:
    """The clients that can be chosen."""
    return [part.split('"')[0] for part in page.split('aria-label="Map to ')[1:]]


def test_the_menu_leads_to_it_and_it_leads_back(desk: Desk) -> None:
    results = desk.browser.get("/admin/qbo/customers/results/", {"q": "Anna"}).content.decode()
    back = "next=%2Fadmin%2Fqbo%2Fcustomers%2F%3Fq%3DAnna"
    assert f"{desk.address('map', '1')}?{back}" in results


def test_it_begins_with_those_of_the_same_name(desk: Desk) -> None:
    client("Anna Berg")
    client("Bergmann")
    assert listed(shown(desk)) == ["Anna Berg"]


def test_without_a_namesake_it_begins_with_all(desk: Desk) -> None:
    page = shown(desk)
    assert listed(page) == ["Tom Reed"]
    assert "Mapped to the customer “Mia Lund” already." in words(page)


def test_the_search_finds_by_name_company_and_email(desk: Desk) -> None:
    for text in ("reed", "tom@reed", "Tom REED"):
        assert listed(shown(desk, name="map_results", q=text)) == ["Tom Reed"]
    page = shown(desk, name="map_results", q="nobody")
    assert "No client matches “nobody”." in words(page)
    assert "<html" not in page


def test_it_says_what_would_be_overwritten(desk: Desk) -> None:
    client("Anna B.", phone="555 9999")
    page = words(shown(desk, q="Anna B."))
    assert "Phone 555 9999 becomes 555 0101" in page
    assert "E-mail (empty) becomes anna@berg.example" in page


def test_a_second_company_only_fills_blanks(desk: Desk) -> None:
    anna = client("Anna B.", phone="555 9999")
    other = factories.connection("Other")
    Mapping.objects.create(connection=other, qbo_id="9", client=anna, client_pk=str(anna.pk))
    page = words(shown(desk, q="Anna B."))
    assert "E-mail (empty) becomes anna@berg.example" in page
    assert "Phone On the site: 555 9999 In QuickBooks: 555 0101" in page
    assert "Phone 555 9999 becomes" not in page


def test_mapping_overwrites(desk: Desk) -> None:
    anna = client("Anna B.", phone="555 9999")
    assert "“Anna Berg” is mapped to “Anna B.”." in desk.does("map", "1", client=str(anna.pk))
    assert desk.status("1") == "mapped"
    desk.firm.walk()
    anna.refresh_from_db()
    assert (anna.name, anna.phone) == ("Anna Berg", "555 0101")
    desk.firm.sync()
    assert desk.firm.mapped()["1"] == "Anna Berg"


def test_mapping_settles_a_review(desk: Desk) -> None:
    tom = Client.objects.get(name="Tom Reed")
    desk.does("map", "2", client=str(tom.pk))
    desk.firm.sync()
    assert desk.firm.cases() == set()
    assert desk.firm.mapped()["2"] == "Thomas Reed"


def test_a_client_has_one_customer(desk: Desk) -> None:
    mia = Client.objects.get(name="Mia Lund")
    address = desk.address("map", "1")
    response = desk.browser.post(address, {"client": str(mia.pk), "next": desk.came_from})
    assert response.headers["Location"] == address, "one can choose another"
    assert "“Mia Lund” is mapped to the customer “Mia Lund” already." in desk.said()
    assert desk.status("1") == "unmapped"


def test_an_excluded_client_can_be_mapped_by_hand(desk: Desk) -> None:
    tom = Client.objects.get(name="Tom Reed")
    desk.firm.says(Decision.Kind.EXCLUDE_CLIENT, client=tom)
    assert "Excluded from mapping; mapping it includes it again." in words(shown(desk, q="Tom"))
    desk.does("map", "1", client=str(tom.pk))
    assert not Decision.objects.exists()


@pytest.mark.parametrize("key", ["", "nonsense", "99999"])
def test_a_client_that_is_not_there(desk: Desk, key: str) -> None:
    desk.browser.post(desk.address("map", "1"), {"client": key})
    assert "Choose a client that is still there." in desk.said()
    assert desk.status("1") == "unmapped"


def test_a_mapped_customer_is_told_so_and_may_be_moved(desk: Desk) -> None:
    page = shown(desk, "3")
    assert "Mapped already, to: Mia Lund" in words(page)
    assert "Mapped to it already." in words(page)
    assert "Create new client" not in words(page)
    assert "Move the mapping" in words(shown(desk, "3", q="Tom"))


def test_who_may_not_see_clients_finds_and_maps_none(desk: Desk, blind: Browser) -> None:
    tom = Client.objects.get(name="Tom Reed")
    desk.browser = blind
    for name in ("map", "map_results"):
        page = shown(desk, name=name, q="Tom")
        assert "Tom Reed" not in page and listed(page) == []
    assert "There is no client that you may view" in words(shown(desk))
    blind.post(desk.address("map", "1"), {"client": str(tom.pk)})
    assert desk.status("1") == "unmapped"
    assert "Tom Reed" not in desk.said()


@pytest.mark.parametrize("act", ["map", "create", "exclude"])
def test_nobody_is_sent_to_another_site(desk: Desk, act: str) -> None:
    tom = Client.objects.get(name="Tom Reed")
    response: Any = desk.browser.post(
        desk.address(act, "1"), {"next": "https://evil.example/", "client": str(tom.pk)}
    )
    assert response.headers["Location"].startswith("/admin/qbo/customers/?connection=")


def test_as_many_queries_for_twenty_as_for_two(desk: Desk) -> None:
    def queries() -> int:
        with CaptureQueriesContext(
            database,
        ) as seen:
            shown(desk, q="Anna")
        return len(seen)

    client("Anna 1")
    client("Anna 2")
    queries()
    few = queries()
    for number in range(3, 40):
        client(f"Anna {number}", phone="1")
    assert queries() == few
    assert len(listed(shown(desk, q="Anna"))) == 20
