"""People settle what both sides changed, and take it back (U4, U5, rules 5, 10 and 15)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from crm.models import Client
from django.contrib.auth.models import User

from tests import factories
from wagtail_qbo_sync.contact import Address
from wagtail_qbo_sync.models import BulkDecision, Case, Change, Run
from wagtail_qbo_sync.sync.bulk import decisions
from wagtail_qbo_sync.sync.bulk.choices import Choice as Chosen
from wagtail_qbo_sync.sync.noticing import sweep
from wagtail_qbo_sync.sync.people import conflicts, decide
from wagtail_qbo_sync.sync.people.conflicts import Choice, Moved, Standing, Take, Unfit
from wagtail_qbo_sync.sync.people.reopening import reopen
from wagtail_qbo_sync.sync.records.locked import Refusal

from .conftest import Json, customer
from .firm import Firm, at, client, edit, told

ELM = {"Line1": "1 Elm St", "City": "Salem", "PostalCode": "01970"}
SITE, QBO = Choice(Take.SITE), Choice(Take.QBO)


def phone(number: str) -> Json:
    return {"PrimaryPhone": {"FreeFormNumber": number}}


def typed(value: Any) -> Choice:
    return Choice(Take.OTHER, value)


@pytest.fixture
def anna(firm: Firm) -> Client:
    """Mapped; phone is 2 on the site and 3 in QuickBooks, and the towns differ."""
    made = client("Anna Berg", "anna@berg.example", phone="1")
    firm.has(customer("1", "Anna Berg", "anna@berg.example", BillAddr=ELM, **phone("1")))
    firm.sync()
    edit(made, phone="2", city="Lynn")
    firm.edits("1", BillAddr={**ELM, "City": "Boston"}, **phone("3"))
    firm.sync()
    assert set(firm.case("conflict", "1").facts["conflicts"]) == {"phone", "mailing_address"}
    return made


@pytest.fixture
def somebody(db: None) -> Any:
    return factories.user(username="mapper")


def standing(firm: Firm) -> Standing:
    found = conflicts.standing(firm.case("conflict", "1"))
    assert found is not None
    return found


def settle(firm: Firm, user: User, choices: Mapping[str, Choice]) -> Case:
    now = standing(firm)
    shown = {name: now.stamp(name) for name in now.fields}
    return conflicts.settle(firm.connection, "1", choices, shown, user)


def phones(firm: Firm) -> tuple[str, str]:
    """On the site, and in QuickBooks."""
    return firm.client("1").phone, firm.record("1")["PrimaryPhone"]["FreeFormNumber"]


# One by one ---------------------------------------------------------------------------------------


def test_the_three_values_of_each_field(firm: Firm, anna: Client) -> None:
    fields = standing(firm).fields
    assert tuple(fields["phone"]) == ("1", "1", "2", "3")
    town = fields["mailing_address"]
    assert isinstance(town.base_qbo, Address) and isinstance(town.qbo, Address)
    assert (town.base_qbo.city, town.qbo.city) == ("Salem", "Boston")


@pytest.mark.parametrize(
    ("choice", "number"), [(SITE, "2"), (QBO, "3"), (typed("4"), "4"), (typed(""), "")]
)
def test_a_field_is_settled_and_the_other_still_asked(
    firm: Firm, anna: Client, somebody: User, choice: Choice, number: str
) -> None:
    case = settle(firm, somebody, {"phone": choice})
    assert (case.outcome, case.closed_by) == ("decided", somebody)
    assert set(firm.case("conflict", "1").facts["conflicts"]) == {"mailing_address"}
    firm.walk()
    record = firm.record("1")
    assert firm.client("1").phone == number
    assert record.get("PrimaryPhone", {}).get("FreeFormNumber", "") == number
    assert (firm.client("1").city, record["BillAddr"]["City"]) == ("Lynn", "Boston")
    assert firm.cases() == {("conflict", "1")}
    assert firm.sync() is None


def test_an_address_is_settled_as_one_value(firm: Firm, anna: Client, somebody: User) -> None:
    home = Address("9 Oak St", "", "Lynn", "MA", "01901")
    settle(firm, somebody, {"mailing_address": typed(home), "phone": QBO})
    firm.walk()
    there = firm.record("1")["BillAddr"]
    assert (there["Line1"], there["City"], there["PostalCode"]) == ("9 Oak St", "Lynn", "01901")
    assert firm.client("1").address == "9 Oak St"
    assert not firm.cases()
    assert firm.sync() is None


def test_it_is_logged_and_a_typed_value_is_in_the_journal(
    firm: Firm, anna: Client, somebody: User
) -> None:
    settle(firm, somebody, {"phone": typed("4")})
    change = Change.objects.get(actor=somebody)
    assert change.values == {"phone": ["2", "4"]}


def test_what_was_edited_meanwhile_is_not_trampled(
    firm: Firm, anna: Client, somebody: User
) -> None:
    seen = standing(firm)
    shown = {name: seen.stamp(name) for name in seen.fields}
    edit(anna, phone="22")
    with pytest.raises(Moved) as moved:
        conflicts.settle(
            firm.connection, "1", {"phone": QBO, "mailing_address": SITE}, shown, somebody
        )
    assert moved.value.fields == {"phone"}
    assert firm.case("conflict", "1").facts["conflicts"].keys() == {"phone", "mailing_address"}


def test_an_edit_in_quickbooks_after_it_is_a_conflict_anew(
    firm: Firm, anna: Client, somebody: User
) -> None:
    settle(firm, somebody, {"phone": SITE, "mailing_address": SITE})
    firm.edits("1", **phone("33"))
    firm.walk()
    assert firm.case("conflict", "1").facts["conflicts"] == {"phone": {"site": "2", "qbo": "33"}}
    assert phones(firm) == ("2", "33")
    assert firm.record("1")["BillAddr"]["City"] == "Lynn"


def test_what_one_side_would_not_take_is_said_at_once(
    firm: Firm, anna: Client, somebody: User
) -> None:
    with pytest.raises(Unfit) as unfit:
        settle(firm, somebody, {"phone": typed("0" * 31)})
    assert set(unfit.value.problems) == {"phone"}
    assert phones(firm) == ("2", "3")
    assert set(firm.case("conflict", "1").facts["conflicts"]) == {"phone", "mailing_address"}


def test_a_conflict_that_is_gone_cannot_be_settled(
    firm: Firm, anna: Client, somebody: User
) -> None:
    settle(firm, somebody, {"phone": SITE, "mailing_address": SITE})
    with pytest.raises(Refusal):
        conflicts.settle(firm.connection, "1", {"phone": QBO}, {}, somebody)


def test_a_plan_that_was_made_before_does_not_ask_again(
    firm: Firm, anna: Client, somebody: User
) -> None:
    """Rule 10: what is applied looks at what people said since it was planned."""
    firm.edits("1", CompanyName="Berg & Coe")
    decide.ask_for_sync(firm.connection)
    choices = {"phone": QBO, "mailing_address": QBO}
    with at("plan.finished", lambda: firm.cases() and settle(firm, somebody, choices)):
        firm.walk()
    run = Run.objects.latest("pk")
    assert told(run) == {("update", "Anna Berg", "held")}
    assert not firm.cases()
    firm.walk()
    assert not firm.cases()
    assert phones(firm) == ("3", "3")
    assert firm.client("1").company_name == "Berg & Coe"


def test_what_went_back_is_settled_either_way(firm: Firm, somebody: User) -> None:
    """Rule 5: here one side only has moved."""
    one = client("Anna Berg", "anna@berg.example", phone="1")
    firm.has(customer("1", "Anna Berg", "anna@berg.example", **phone("1")))
    firm.sync()
    for choice, number in ((SITE, "1"), (QBO, "5")):
        firm.edits("1", **phone("5"))
        firm.sync()
        edit(one, phone="1")
        sweep.everything()
        firm.sync()
        settle(firm, somebody, {"phone": choice})
        firm.walk()
        assert phones(firm) == (number, number)
        assert not firm.cases()
        assert firm.sync() is None


@pytest.mark.parametrize(("direction", "choice"), [("pull", SITE), ("push", QBO)])
def test_a_direction_that_forbids_it_leaves_both_as_they_are(
    firm: Firm, anna: Client, somebody: User, direction: str, choice: Choice
) -> None:
    firm.chooses(direction=direction)
    settle(firm, somebody, {"phone": choice, "mailing_address": choice})
    firm.walk()
    assert phones(firm) == ("2", "3")
    assert not firm.cases()
    assert firm.sync() is None


# Taking it back -----------------------------------------------------------------------------------


@pytest.mark.parametrize("choice", [SITE, QBO, typed("4")])
def test_before_it_was_carried_out(
    firm: Firm, anna: Client, somebody: User, choice: Choice
) -> None:
    case = settle(
        firm, somebody, {"phone": choice, "mailing_address": choice._replace(take=Take.SITE)}
    )
    assert reopen(case, somebody).left == []
    firm.sync()
    assert phones(firm) == ("2", "3")
    assert set(firm.case("conflict", "1").facts["conflicts"]) == {"phone", "mailing_address"}


def test_after_the_site_was_written(firm: Firm, anna: Client, somebody: User) -> None:
    case = settle(firm, somebody, {"phone": QBO})
    firm.walk()
    assert phones(firm) == ("3", "3")
    assert reopen(case, somebody).fields == ["phone"]
    assert set(firm.case("conflict", "1").facts["conflicts"]) == {"phone", "mailing_address"}
    firm.sync()
    assert phones(firm) == ("2", "3")
    assert set(firm.case("conflict", "1").facts["conflicts"]) == {"phone", "mailing_address"}
    settle(firm, somebody, {"phone": SITE, "mailing_address": SITE})
    firm.walk()
    assert phones(firm) == ("2", "2")
    assert firm.sync() is None


def test_not_what_was_sent_nor_what_was_edited_since(
    firm: Firm, anna: Client, somebody: User
) -> None:
    case = settle(firm, somebody, {"phone": SITE, "mailing_address": QBO})
    firm.walk()
    found = reopen(case, somebody)
    assert (found.fields, found.left) == (["mailing_address"], ["phone"])
    with pytest.raises(Refusal):
        reopen(case, somebody)


def test_nothing_after_an_edit(firm: Firm, anna: Client, somebody: User) -> None:
    case = settle(firm, somebody, {"phone": QBO})
    firm.walk()
    edit(anna, phone="7")
    with pytest.raises(Refusal):
        reopen(case, somebody)
    assert firm.client("1").phone == "7"


# Many ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("act", "number"), [("qbo_wins", "3"), ("site_wins", "2")])
def test_many_by_a_policy(firm: Firm, anna: Client, somebody: User, act: str, number: str) -> None:
    chosen = [Chosen("1", act), Chosen("99", act)]
    done = decisions.decide(firm.connection, act, chosen, somebody)
    assert done.counts == {act: 1}
    firm.walk()
    assert phones(firm) == (number, number)
    assert not firm.cases()
    assert firm.sync() is None


def test_many_are_taken_back_as_a_whole(firm: Firm, anna: Client, somebody: User) -> None:
    chosen = [Chosen("1", "qbo_wins")]
    done = decisions.decide(firm.connection, "qbo_wins", chosen, somebody)
    firm.walk()
    undone = decisions.undo(done, somebody)
    assert undone is not None
    assert (undone.act, undone.counts) == (BulkDecision.Act.UNSETTLE, {"unsettle": 1})
    firm.sync()
    assert phones(firm) == ("2", "3")
    assert set(firm.case("conflict", "1").facts["conflicts"]) == {"phone", "mailing_address"}
