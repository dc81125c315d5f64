"""A name that QuickBooks refuses as taken (U10): map to who has it, another name, leave; undo."""

from __future__ import annotations

import re
from typing import Any

import pytest
from crm.models import Client
from django.test import Client as Browser

from tests.admin.desk import Desk, words
from tests.sync.firm import client, edit
from wagtail_qbo_sync.admin.base import url
from wagtail_qbo_sync.models import Case


@pytest.fixture
def anna(desk: Desk) -> Client:
    """Was to become a customer; customer 1 is called like her."""
    row = client("Anna Berg", "another@berg.example")
    desk.does_to("create", row)
    desk.firm.walk()
    assert case().client_pk == str(row.pk)
    return row


@pytest.fixture
def mia(desk: Desk) -> Client:
    """The mapped client of customer 3, renamed to what customer 1 is called."""
    row = Client.objects.get(name="Mia Lund")
    edit(row, name="Anna Berg")
    desk.firm.sync()
    assert case().qbo_id == "3"
    return row


def case() -> Case:
    """What is asked about a name."""
    return Case.objects.get(kind="not_taken", open_key__isnull=False)


def is_asked() -> bool:
    return Case.objects.filter(kind="not_taken", open_key__isnull=False).exists()


def opened(desk: Desk) -> str:
    """The page, as it is reached from Problems."""
    listing = desk.browser.get(url("problems")).content.decode()
    address = re.search(rf'href="({url("taken_name", case().pk)}[^"]*)"', listing)
    assert address is not None
    return desk.browser.get(address.group(1)).content.decode()


def chosen(page: str) -> list[str]:
    """The choice that is marked."""
    return re.findall(r'name="do" value="(\w+)" checked', page)


def says(desk: Desk, do: str, name: str = "") -> str:
    return desk.posts(url("taken_name", case().pk), do=do, name=name)


def names_there(desk: Desk) -> list[str]:
    return sorted(record["DisplayName"] for record in desk.firm.records())


def test_the_holder_is_suggested_and_mapped(desk: Desk, anna: Client) -> None:
    page = opened(desk)
    assert "The customer “Anna Berg” has this name." in words(page)
    assert chosen(page) == ["map"]
    assert "“Anna Berg” is mapped to “Anna Berg”." in says(desk, "map")
    desk.firm.walk()
    assert desk.firm.client("1") == anna
    assert not is_asked()
    desk.undoes()
    assert "1" not in desk.firm.mapped()
    assert case().client_pk == str(anna.pk), "the question stands again"
    desk.firm.sync()
    assert case().client_pk == str(anna.pk) and chosen(opened(desk)) == ["map"]
    says(desk, "map")
    desk.firm.walk()
    assert desk.firm.client("1") == anna and not is_asked()


@pytest.mark.parametrize("entity", ["Vendor", "Customer"])
def test_who_cannot_be_mapped_is_named_and_not_offered(desk: Desk, entity: str) -> None:
    """A vendor; a customer that is inactive."""
    meta = {"MetaData": desk.firm.record("1")["MetaData"]}
    record = {"Id": "77", "DisplayName": "Gus Holt", "SyncToken": "0", "Active": True, **meta}
    record["Active"] = entity == "Vendor"
    asked = {"realm": desk.firm.realm, "kind": entity, "records": [record], "clear": False}
    desk.firm.sandbox.post("plant", asked)
    gus = client("Gus Holt")
    desk.does_to("create", gus)
    desk.firm.walk()
    page = opened(desk)
    assert f"{entity.lower()} “Gus Holt” has this name." in words(page)
    assert 'value="map"' not in page and chosen(page) == ["rename"]


def test_another_name_goes_to_both_sides(desk: Desk, anna: Client) -> None:
    said = says(desk, "rename", "Anna Berg, Salem")
    assert "“Anna Berg” is now called “Anna Berg, Salem”, in QuickBooks too." in said
    assert not is_asked()
    desk.firm.walk()
    anna.refresh_from_db()
    assert anna.name == "Anna Berg, Salem"
    assert "Anna Berg, Salem" in desk.firm.mapped().values()
    assert "Anna Berg, Salem" in names_there(desk)
    assert "does not wait to be created any more" in desk.undoes(), "too late"


def test_another_name_is_taken_back_while_it_waits(desk: Desk, anna: Client) -> None:
    says(desk, "rename", "Anna Berg, Salem")
    assert "The name of “Anna Berg” waits for a person again, as before." in desk.undoes()
    desk.firm.walk()
    anna.refresh_from_db()
    assert anna.name == "Anna Berg"
    assert names_there(desk) == ["Anna Berg", "Mia Lund", "Thomas Reed"]
    assert case().client_pk == str(anna.pk)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("anna berg", "QuickBooks has refused this name."),
        ("", "QuickBooks needs a name."),
        ("Berg: Anna", "QuickBooks takes no colon"),
        ("MIA LUND", "The customer “Mia Lund” has this name."),
    ],
)
def test_a_name_that_would_be_refused_too_is_said_so(
    desk: Desk, anna: Client, name: str, reason: str
) -> None:
    response = desk.browser.post(url("taken_name", case().pk), {"do": "rename", "name": name})
    page = response.content.decode()
    assert reason in words(page) and chosen(page) == ["rename"]
    assert is_asked()


def test_a_name_that_was_typed_is_not_dropped(desk: Desk, anna: Client) -> None:
    asked = {"do": "map", "name": "Anna Berg, Salem"}
    page = desk.browser.post(url("taken_name", case().pk), asked).content.decode()
    assert "You typed another name too." in words(page) and 'value="Anna Berg, Salem"' in page
    assert desk.firm.mapped() == {"3": "Mia Lund"}


def test_it_is_left_and_asked_again(desk: Desk, anna: Client) -> None:
    assert "“Anna Berg” is left as it is until somebody edits it." in says(desk, "leave")
    desk.firm.sync()
    assert not is_asked() and len(names_there(desk)) == 3
    assert "waits for a person again" in desk.undoes()
    assert is_asked()


def test_a_mapped_client_gets_another_name(desk: Desk, mia: Client) -> None:
    page = opened(desk)
    assert chosen(page) == ["rename"]
    why = desk.browser.get(url("why_customer", desk.customer("3").pk)).content.decode()
    assert url("taken_name", case().pk) in why
    says(desk, "rename", "Mia Lund-Berg")
    assert "waits for a person again" in desk.undoes()
    desk.firm.sync()
    mia.refresh_from_db()
    assert (mia.name, desk.firm.record("3")["DisplayName"]) == ("Anna Berg", "Mia Lund")
    says(desk, "rename", "Mia Lund-Berg")
    desk.firm.walk()
    assert desk.firm.record("3")["DisplayName"] == "Mia Lund-Berg"
    assert "has been sent to QuickBooks, or edited since" in desk.undoes()


def test_a_mapped_client_keeps_another_name_than_its_customer(desk: Desk, mia: Client) -> None:
    says(desk, "leave")
    desk.firm.sync()
    edit(mia, phone="555 0999")
    desk.firm.sync()
    there = desk.firm.record("3")
    assert (there["DisplayName"], there["PrimaryPhone"]["FreeFormNumber"]) == (
        "Mia Lund",
        "555 0999",
    )
    assert not is_asked()
    desk.undoes()
    assert is_asked()
    desk.firm.sync()
    assert is_asked(), "and is not sent again meanwhile"


def test_a_mapped_client_is_moved_to_who_has_the_name(desk: Desk, mia: Client) -> None:
    says(desk, "map")
    desk.firm.walk()
    assert desk.firm.mapped() == {"1": "Anna Berg"}
    assert not is_asked()


def test_who_may_not_see_clients_reads_and_says_nothing(
    desk: Desk, anna: Client, blind: Browser
) -> None:
    address = url("taken_name", case().pk)
    page = words(blind.get(address).content.decode())
    assert "You may not view this client, so you cannot decide." in page
    posted: Any = blind.post(address, {"do": "leave"})
    assert posted.status_code == 200 and is_asked()
    says(desk, "leave")
    blind.post(url("taken_name_ask_again", Case.objects.latest("closed_at").pk))
    assert not is_asked()
