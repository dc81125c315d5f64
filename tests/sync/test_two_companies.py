"""Two companies and one site: each with its own mappings, one overwriting (U12, C13)."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from crm.models import Client, ContactType

from wagtail_qbo_sync.models import Change, Connection, Decision
from wagtail_qbo_sync.sync.noticing import sweep

from .conftest import CLIENT, Json, customer
from .firm import Firm, client, edit, picture, site, told


def phone(number: str) -> Json:
    return {"PrimaryPhone": {"FreeFormNumber": number}}


@pytest.fixture
def other(firm: Firm, connected: Callable[..., Connection]) -> Firm:
    """A second company of the same site."""
    return Firm(connected(CLIENT), CLIENT, firm.sandbox)


ANNA = ("Anna Berg", "anna@berg.example")


def test_only_the_first_mapping_overwrites(firm: Firm, other: Firm) -> None:
    anna = client(*ANNA, phone="1")
    firm.has(customer("1", *ANNA, **phone("2")))
    other.has(customer("7", *ANNA, CompanyName="Berg", **phone("3")))
    firm.sync()
    assert told(other.sync()) == {("link", "Anna Berg", "done")}
    anna.refresh_from_db()
    assert (anna.phone, anna.company_name) == ("2", "Berg"), "blanks are filled, no more"
    conflicts = other.case("conflict", "7").facts["conflicts"]
    assert conflicts == {"phone": {"site": "2", "qbo": "3"}}
    assert not firm.cases()
    firm.sync()
    assert firm.record("1")["CompanyName"] == "Berg", "what filled the blank goes on (U12)"
    once = picture()
    for _ in range(2):
        assert firm.sync() is None
        assert other.sync() is None
    assert picture() == once


def test_a_second_company_never_blanks_or_fills_the_first_by_reading(
    firm: Firm, other: Firm
) -> None:
    anna = client(*ANNA, phone="1", city="Salem")
    firm.has(customer("1", *ANNA))
    other.has(customer("7", *ANNA))
    firm.sync()
    other.sync()
    anna.refresh_from_db()
    assert (anna.phone, anna.city) == ("1", "Salem")
    assert firm.sync() is None and other.sync() is None


def test_mappings_decisions_and_cases_are_each_companys_own(firm: Firm, other: Firm) -> None:
    anna = client(*ANNA)
    firm.has(customer("1", *ANNA))
    other.has(customer("1", *ANNA), customer("2", "Anna Berg"))
    firm.says(Decision.Kind.EXCLUDE_CUSTOMER, "1")
    firm.says(Decision.Kind.EXCLUDE_CLIENT, client=anna)
    assert firm.sync() is None
    other.sync()
    assert not firm.mapped()
    assert other.mapped() == {"1": "Anna Berg"}
    assert (firm.cases(), other.cases()) == (set(), {("review", "2")})


def test_an_edit_in_one_company_is_no_question_in_the_other(firm: Firm, other: Firm) -> None:
    anna = client(*ANNA)
    firm.has(customer("1", *ANNA, **phone("1")))
    other.has(customer("7", *ANNA, **phone("1")))
    firm.sync()
    other.sync()
    firm.edits("1", **phone("2"))
    firm.sync()
    before = site()
    assert told(other.sync()) == {("push", "Anna Berg", "done")}
    assert other.record("7")["PrimaryPhone"] == {"FreeFormNumber": "2"}
    assert not other.cases()
    assert site() == before
    assert firm.sync() is None and other.sync() is None, "it has come to rest"
    anna.refresh_from_db()
    assert anna.phone == "2"


def test_both_companies_edit_differently(firm: Firm, other: Firm) -> None:
    client(*ANNA)
    firm.has(customer("1", *ANNA, **phone("1")))
    other.has(customer("7", *ANNA, **phone("1")))
    firm.sync()
    other.sync()
    firm.edits("1", **phone("2"))
    other.edits("7", **phone("3"))
    firm.sync()
    other.sync()
    assert Client.objects.get().phone == "2"
    assert other.case("conflict", "7").facts["conflicts"] == {"phone": {"site": "2", "qbo": "3"}}
    assert Change.objects.filter(connection=other.connection).count() == 0


def test_the_same_id_means_nothing_across_companies(firm: Firm, other: Firm) -> None:
    firm.chooses(unmatched="create")
    other.chooses(unmatched="create")
    firm.has(customer("1", "Of The Firm"))
    other.has(customer("1", "Of The Client"))
    firm.sync()
    other.sync()
    assert firm.mapped() == {"1": "Of The Firm"}
    assert other.mapped() == {"1": "Of The Client"}


def test_a_client_that_one_company_made_is_linked_by_the_other(firm: Firm, other: Firm) -> None:
    firm.chooses(unmatched="create")
    other.chooses(unmatched="create")
    firm.has(customer("1", *ANNA, **phone("1")))
    other.has(customer("7", *ANNA, **phone("2")))
    plan_of_other = other.plan()
    firm.sync()
    other.approve(plan_of_other)
    assert told(plan_of_other) == {("create", "Anna Berg", "held")}, "made meanwhile"
    other.sync()
    assert Client.objects.count() == 1
    assert other.client("7") == firm.client("1")


def test_what_one_company_made_is_no_event_for_the_other(firm: Firm, other: Firm) -> None:
    """Rule 12: it is created there once somebody changes it."""
    pushed = ContactType.objects.create(name="Monthly books")
    firm.chooses(unmatched="create", contact_type=str(pushed.pk))
    other.chooses(pushed_types=[str(pushed.pk)])
    other.has()
    other.sync()
    firm.has(customer("1", *ANNA, **phone("1")))
    firm.sync()
    anna = firm.client("1")
    assert anna.contact_type == pushed
    sweep.everything()
    assert other.sync() is None and not other.records()
    edit(anna, phone="2")
    other.sync()
    assert set(other.mapped().values()) == {"Anna Berg"}


def test_what_a_pull_writes_makes_nothing_elsewhere(firm: Firm, other: Firm) -> None:
    """K14 is for edits of people; the client is not mapped in the other company."""
    pushed = ContactType.objects.create(name="Pushed")
    client(*ANNA, contact_type=pushed)
    firm.has(customer("1", *ANNA))
    firm.sync()
    other.has(customer("8", "Somebody Else"))
    other.chooses(pushed_types=[str(pushed.pk)])
    other.sync()
    firm.edits("1", **phone("2"))
    assert told(firm.sync()) == {("update", "Anna Berg", "done")}
    sweep.everything()
    assert other.sync() is None
    assert len(other.records()) == 1


def test_a_client_of_a_type_that_both_push_is_created_in_both(firm: Firm, other: Firm) -> None:
    pushed = ContactType.objects.create(name="Monthly books")
    for company in (firm, other):
        company.chooses(pushed_types=[str(pushed.pk)])
        company.has()
        company.sync()
    client(*ANNA, contact_type=pushed)
    for company in (firm, other):
        company.sync()
        assert [one["DisplayName"] for one in company.records()] == ["Anna Berg"]
        assert set(company.mapped().values()) == {"Anna Berg"}
    assert firm.sync() is None and other.sync() is None, "neither is news to the other"


# A stale form (rule 5) ----------------------------------------------------------------------------


@pytest.fixture
def both(firm: Firm, other: Firm) -> Client:
    """Anna, mapped in both companies with phone 1."""
    anna = client(*ANNA, phone="1")
    firm.has(customer("1", *ANNA, **phone("1")))
    other.has(customer("7", *ANNA, **phone("1")))
    firm.sync()
    other.sync()
    return anna


def saved_by_an_old_form(anna: Client, number: str) -> None:
    edit(anna, phone=number)
    sweep.everything()


def test_what_one_company_replaced_does_not_travel_to_the_other(
    firm: Firm, other: Firm, both: Client
) -> None:
    """What went to the other company since is no edit, so it is still known what was replaced."""
    firm.edits("1", **phone("2"))
    firm.sync()
    other.sync()
    assert other.record("7")["PrimaryPhone"] == {"FreeFormNumber": "2"}
    saved_by_an_old_form(both, "1")
    firm.sync()
    other.sync()
    assert (firm.cases(), other.cases()) == ({("conflict", "1")}, {("conflict", "7")})
    assert other.record("7")["PrimaryPhone"] == {"FreeFormNumber": "2"}


def test_one_company_that_takes_it_ends_no_conflict_of_the_other(firm: Firm, other: Firm) -> None:
    """A customer is made of the client as it is: what went back is no edit that moved on."""
    pushed = ContactType.objects.create(name="Monthly books")
    other.chooses(pushed_types=[str(pushed.pk)])
    other.has()
    other.sync()
    anna = client(*ANNA, phone="1")
    firm.has(customer("1", *ANNA, **phone("2")))
    firm.sync()
    edit(anna, phone="1", contact_type=pushed)
    sweep.everything()
    firm.sync()
    other.sync()
    firm.sync()
    assert [one["PrimaryPhone"]["FreeFormNumber"] for one in other.records()] == ["1"]
    assert firm.cases() == {("conflict", "1")}
    assert firm.record("1")["PrimaryPhone"] == {"FreeFormNumber": "2"}


def test_one_company_that_says_it_too_ends_no_conflict_of_the_other(
    firm: Firm, other: Firm
) -> None:
    """They are mapped while the client says what an old form brought back."""
    anna = client(*ANNA, phone="1")
    firm.has(customer("1", *ANNA, **phone("2")))
    other.has(customer("7", *ANNA, **phone("1")))
    firm.sync()
    saved_by_an_old_form(anna, "1")
    firm.sync()
    other.sync()
    assert other.mapped() == {"7": "Anna Berg"}
    firm.sync()
    assert firm.cases() == {("conflict", "1")}
    assert firm.record("1")["PrimaryPhone"] == {"FreeFormNumber": "2"}


def test_an_edit_that_moved_on_ends_it(firm: Firm, other: Firm, both: Client) -> None:
    firm.edits("1", **phone("2"))
    firm.sync()
    other.sync()
    for number in ("3", "1"):
        saved_by_an_old_form(both, number)
        firm.sync()
        other.sync()
    assert not firm.cases() and not other.cases()
    for company, qbo_id in ((firm, "1"), (other, "7")):
        assert company.record(qbo_id)["PrimaryPhone"] == {"FreeFormNumber": "1"}
