"""The four Nos hold through every sync (rule 15, K8, C11, C14, C16, U16)."""

from __future__ import annotations

import pytest
from crm.models import Client

from wagtail_qbo_sync.models import Decision, Mapping

from .conftest import customer
from .firm import Firm, client, picture, site, told

Kind = Decision.Kind


@pytest.fixture
def anna(firm: Firm) -> Client:
    """Anna, the very image of customer 1, and a policy that would create."""
    firm.chooses(unmatched="create")
    made = client("Anna Berg", "anna@berg.example")
    firm.has(customer("1", "Anna Berg", "anna@berg.example"))
    return made


def stays(firm: Firm) -> None:
    """Nothing more happens, whatever is synced."""
    once = picture()
    for _ in range(3):
        assert firm.sync() is None
    assert picture() == once


def test_a_removed_match_is_not_made_again(firm: Firm, anna: Client) -> None:
    firm.sync()
    Mapping.objects.all().delete()
    firm.says(Kind.REMOVED_MATCH, "1", anna)
    firm.edits("1", CompanyName="Changed since")
    before = site()
    firm.sync()
    assert site() == before, "neither mapped again, nor made anew beside Anna"
    assert not Mapping.objects.exists()
    stays(firm)


def test_both_ends_of_a_removed_match_wait(firm: Firm, anna: Client) -> None:
    firm.says(Kind.REMOVED_MATCH, "1", anna)
    twin = client("Anna Berg", "anna@berg.example")
    firm.gets(customer("2", "Anna Berg 2", "anna@berg.example"))
    firm.sync()
    assert not Mapping.objects.exists()
    assert firm.cases() == {("review", "1"), ("review", "2")}
    offered = {one["pk"] for one in firm.case("review", "1").facts["candidates"]}
    assert offered == {str(twin.pk)}
    stays(firm)


def test_an_excluded_customer_is_inert(firm: Firm, anna: Client) -> None:
    firm.says(Kind.EXCLUDE_CUSTOMER, "1")
    firm.gets(customer("2", "Other", "other@example.org"))
    firm.sync()
    assert firm.mapped() == {"2": "Other"}
    firm.edits("1", CompanyName="Changed")
    stays(firm)


def test_the_client_of_an_excluded_customer_is_free(firm: Firm, anna: Client) -> None:
    firm.says(Kind.EXCLUDE_CUSTOMER, "1")
    firm.gets(customer("2", "Anna Berg", "anna@berg.example"))
    firm.sync()
    assert firm.mapped() == {"2": "Anna Berg"}


def test_an_excluded_client_is_never_matched(firm: Firm, anna: Client) -> None:
    firm.says(Kind.EXCLUDE_CLIENT, client=anna)
    before = site()
    assert told(firm.sync()) == {("review", "Anna Berg", "done")}
    assert site() == before
    assert firm.case("review", "1").facts["candidates"][0]["taken"]
    stays(firm)


def test_a_disconnected_mapping_is_inert(firm: Firm, anna: Client) -> None:
    firm.sync()
    Mapping.objects.update(asleep=Mapping.Asleep.DISCONNECTED)
    before = site()
    firm.edits("1", DisplayName="Renamed", CompanyName="Changed")
    stays(firm)
    firm.edits("1", Active=False)
    stays(firm)
    firm.edits("1", Active=True)
    stays(firm)
    assert site() == before
    assert firm.mapping("1").asleep == "disconnected"


def test_a_disconnected_clients_open_questions_are_closed(firm: Firm, anna: Client) -> None:
    firm.sync()
    Client.objects.update(phone="3")
    firm.edits("1", PrimaryPhone={"FreeFormNumber": "2"})
    Mapping.objects.update(base={**firm.mapping("1").base})
    firm.sync()
    Mapping.objects.update(asleep=Mapping.Asleep.DISCONNECTED)
    firm.sync()
    assert not firm.cases()
    stays(firm)


def test_a_deleted_client_is_not_made_again(firm: Firm, anna: Client) -> None:
    firm.sync()
    anna.delete()
    firm.edits("1", CompanyName="Changed")
    firm.sync()
    assert not Client.objects.exists()
    assert firm.cases() == {("client_deleted", "1")}
    stays(firm)


def test_a_customer_whose_client_was_deleted_waits(firm: Firm, anna: Client) -> None:
    firm.says(Kind.CLIENT_DELETED, "1")
    before = site()
    assert told(firm.sync()) == {("review", "Anna Berg", "done")}, "matched by a person only"
    assert site() == before
    stays(firm)


def test_a_customer_whose_client_was_deleted_is_not_created_from(firm: Firm) -> None:
    firm.chooses(unmatched="create")
    firm.has(customer("1", "Anna Berg", "anna@berg.example"))
    firm.says(Kind.CLIENT_DELETED, "1")
    assert told(firm.sync()) == {("wait", "Anna Berg", "done")}
    assert not Client.objects.exists()
    stays(firm)


def test_a_new_client_with_a_deleted_ones_key_is_free(firm: Firm, anna: Client) -> None:
    """A re-import may use the old keys again."""
    firm.sync()
    key = anna.pk
    anna.delete()
    reimported = client("Bo Coe", "bo@coe.example", pk=key)
    firm.gets(customer("2", "Bo Coe", "bo@coe.example"))
    assert told(firm.sync()) == {("link", "Bo Coe", "done")}
    assert firm.mapping("2").client == reimported
    assert firm.cases() == {("client_deleted", "1")}
    stays(firm)


@pytest.mark.parametrize("answer", ["mapped", "excluded", "inactive"])
def test_a_review_that_is_answered_elsewhere_is_closed(firm: Firm, answer: str) -> None:
    berg = client("Anna Berg", "else@berg.example")
    firm.has(customer("1", "Anna Berg", "anna@berg.example"))
    firm.sync()
    assert firm.cases() == {("review", "1")}
    if answer == "mapped":
        firm.maps("1", berg)
    elif answer == "excluded":
        firm.says(Kind.EXCLUDE_CUSTOMER, "1")
    else:
        firm.edits("1", Active=False)
    firm.sync()
    assert not firm.cases()
    stays(firm)
