"""Bad input: what the site refuses and what cannot be read are cases; the rest goes on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from crm.models import Client
from django.core.exceptions import ValidationError
from django.db.models.signals import pre_save

from tests import factories
from wagtail_qbo_sync.clock import now
from wagtail_qbo_sync.models import Case, Change, Customer, Run
from wagtail_qbo_sync.qbo.api import CompanyApi, Page
from wagtail_qbo_sync.sync.people import conflicts, dead_letters

from .conftest import Json, customer
from .firm import Firm, client, edit, picture, told

Rule = Callable[[Client], None]


def phone(number: str) -> Json:
    return {"PrimaryPhone": {"FreeFormNumber": number}}


@pytest.fixture
def host_rule() -> Iterator[Callable[[Rule], None]]:
    """Adds a rule of the host's own to saving a client."""
    added: list[Any] = []

    def add(rule: Rule) -> None:
        def receive(instance: Client, **kwargs: Any) -> None:
            rule(instance)

        added.append(receive)
        pre_save.connect(receive, sender=Client, weak=False)

    yield add
    for receive in added:
        pre_save.disconnect(receive, sender=Client)


GOOD = customer("9", "Good One", "good@one.example")


@pytest.mark.parametrize(
    "document, field",
    [
        (customer("1", ""), "name"),
        (customer("1", "Long", CompanyName="x" * 101), "company_name"),
        (customer("1", "No Mail", "not an address"), "email"),
        (customer("1", "Numbers", **phone("0" * 31)), "phone"),
        (
            customer("1", "Address", BillAddr={"PostalCode": "0" * 31}),
            "mailing_address.postal_code",
        ),
    ],
)
def test_a_value_that_the_site_refuses_is_a_case(firm: Firm, document: Json, field: str) -> None:
    firm.chooses(unmatched="create")
    firm.has(document, GOOD)
    run = firm.sync()
    assert run is not None and run.state == Run.State.DONE
    assert set(firm.mapped()) == {"9"}, "the rest of the run goes on"
    assert firm.cases() == {("refused", "1")}
    facts = firm.case("refused", "1").facts
    assert facts["field"] == field
    assert facts["message"] and facts["message"] == run.steps.get(qbo_id="1").data["why"]
    once = picture()
    for _ in range(2):
        assert firm.sync() is None, "not tried again until a side moves"
    assert picture() == once


def test_a_refused_creation_is_tried_again_when_the_customer_changes(firm: Firm) -> None:
    firm.chooses(unmatched="create")
    firm.has(customer("1", "Numbers", **phone("0" * 31)))
    firm.sync()
    firm.edits("1", **phone("555"))
    assert told(firm.sync()) == {("create", "Numbers", "done")}
    assert not firm.cases()


def test_a_refused_update_is_tried_again_when_the_client_changes(
    firm: Firm, host_rule: Callable[[Rule], None]
) -> None:
    def no_fives(one: Client) -> None:
        if one.phone == "5" and not one.mobile:
            raise ValidationError({"phone": "A five needs a mobile."})

    client("Anna Berg", "anna@berg.example")
    firm.has(customer("1", "Anna Berg", "anna@berg.example"))
    firm.sync()
    host_rule(no_fives)
    firm.edits("1", CompanyName="Berg", **phone("5"))
    run = firm.sync()
    assert told(run) == {("update", "Anna Berg", "done")}
    assert run and "A five needs a mobile." in run.steps.get().data["why"]
    case = firm.case("refused", "1")
    assert (case.facts["field"], case.client_pk) == ("phone", firm.mapping("1").client_pk)
    assert "A five needs a mobile." in case.facts["message"]
    assert (firm.client("1").phone, firm.client("1").company_name) == ("", "Berg")
    assert list(Change.objects.latest("pk").values) == ["company_name"]
    assert firm.sync() is None
    edit(firm.client("1"), mobile="77")
    assert told(firm.sync()) == {("update", "Anna Berg", "done")}
    assert (firm.client("1").phone, firm.client("1").company_name) == ("5", "Berg")
    assert not firm.cases()


@pytest.mark.parametrize("by_one", [False, True])
def test_what_was_refused_is_tried_again_when_a_person_asks(
    firm: Firm, host_rule: Callable[[Rule], None], by_one: bool
) -> None:
    """As after the site's model was changed: nothing moved on either side."""
    strict = True

    def rule(instance: Client) -> None:
        if strict:
            raise ValidationError({"phone": "Not today."})

    host_rule(rule)
    firm.chooses(unmatched="create")
    firm.has(customer("1", "Anna Berg", "anna@berg.example"))
    firm.sync()
    assert firm.cases() == {("refused", "1")}
    strict = False
    assert firm.sync() is None, "not by itself"
    if by_one:
        case = firm.case("refused", "1")
        assert dead_letters.set_aside(case, None) and dead_letters.retry(case, None)
    else:
        assert dead_letters.retry_all(firm.connection, None) == 1
    firm.walk()
    assert firm.mapped() == {"1": "Anna Berg"}
    assert firm.cases() == set()


def test_a_refusal_that_goes_away_by_itself_is_closed(firm: Firm) -> None:
    client("Anna Berg", "anna@berg.example")
    firm.has(customer("1", "Anna Berg", "anna@berg.example"))
    firm.sync()
    long = {"SyncToken": "1", **phone("0" * 31)}
    firm.gets(customer("1", "Anna Berg", "anna@berg.example", **long))
    firm.sync()
    assert firm.cases() == {("refused", "1")}
    firm.edits("1", **phone(""))
    assert told(firm.sync()) == {("close", "Anna Berg", "done")}
    assert not firm.cases()
    assert firm.sync() is None


@pytest.mark.parametrize("answer", ["exclude", "inactive", "policy"])
def test_a_refused_creation_that_nobody_wants_any_more_is_closed(firm: Firm, answer: str) -> None:
    firm.chooses(unmatched="create")
    firm.has(customer("1", "Numbers", **phone("0" * 31)))
    firm.sync()
    assert firm.cases() == {("refused", "1")}
    if answer == "exclude":
        firm.says("exclude_customer", "1")
    elif answer == "inactive":
        firm.edits("1", Active=False)
    else:
        firm.chooses(unmatched="wait")
    firm.sync()
    assert not firm.cases()
    assert firm.sync() is None


def test_a_conflict_beside_a_refusal_is_asked_too(firm: Firm) -> None:
    anna = client("Anna Berg", "anna@berg.example", phone="1")
    firm.has(customer("1", "Anna Berg", "anna@berg.example", **phone("1")))
    firm.sync()
    edit(anna, phone="2")
    both = {"SyncToken": "1", "CompanyName": "x" * 101, **phone("3")}
    firm.gets(customer("1", "Anna Berg", "anna@berg.example", **both))
    firm.sync()
    assert firm.cases() == {("refused", "1"), ("conflict", "1")}
    assert firm.sync() is None
    firm.edits("1", CompanyName="Berg")
    firm.sync()
    assert firm.cases() == {("conflict", "1")}
    assert firm.client("1").company_name == "Berg"


LONG = phone("0" * 31)


@pytest.fixture
def anna(firm: Firm) -> Client:
    """Mapped."""
    made = client("Anna Berg", "anna@berg.example")
    firm.has(customer("1", "Anna Berg", "anna@berg.example"))
    firm.sync()
    return made


def comes(firm: Firm, **values: Any) -> None:
    """QuickBooks says this of Anna, even where its own limits are narrower."""
    firm.gets(customer("1", "Anna Berg", "anna@berg.example", **{"SyncToken": "1"} | values))


def test_what_was_edited_on_the_site_is_sent_beside_it(firm: Firm, anna: Client) -> None:
    edit(anna, company_name="Berg")
    comes(firm, **LONG)
    firm.sync()
    assert firm.sync() is None, "what was sent beside it is no move of QuickBooks"
    assert firm.record("1")["CompanyName"] == "Berg"
    assert firm.cases() == {("refused", "1")}
    assert firm.client("1").phone == ""
    assert firm.sync() is None


def test_it_is_the_same_question_while_other_fields_go_on(firm: Firm, anna: Client) -> None:
    comes(firm, CompanyName="Berg", **LONG)
    firm.sync()
    case = firm.case("refused", "1")
    comes(firm, CompanyName="Berg & Coe", **LONG, SyncToken="2")
    firm.sync()
    assert firm.client("1").company_name == "Berg & Coe"
    assert firm.case("refused", "1").pk == case.pk
    assert firm.sync() is None


def test_every_field_that_is_refused_stands_alone(firm: Firm, anna: Client) -> None:
    mobile = {"Mobile": {"FreeFormNumber": "7"}}
    comes(firm, CompanyName="x" * 101, BillAddr={"PostalCode": "0" * 31}, **LONG, **mobile)
    firm.sync()
    assert firm.client("1").mobile == "7"
    untaken = firm.case("refused", "1").facts["untaken"]
    assert set(untaken) == {"company_name", "mailing_address", "phone"}
    assert firm.sync() is None


def test_a_record_that_is_refused_whole_beside_it_waits_whole(
    firm: Firm, anna: Client, host_rule: Callable[[Rule], None]
) -> None:
    def never(one: Client) -> None:
        raise RuntimeError("the host's own trouble")

    host_rule(never)
    comes(firm, CompanyName="Berg", **LONG, Mobile={"FreeFormNumber": "7"})
    assert told(firm.sync()) == {("update", "Anna Berg", "failed")}
    assert "untaken" not in firm.case("refused", "1").facts
    assert firm.sync() is None


def test_a_first_link_links_all_else(firm: Firm) -> None:
    client("Anna Berg", "anna@berg.example", company_name="Else")
    firm.has(customer("1", "Anna Berg", "anna@berg.example", CompanyName="Berg", **LONG))
    firm.sync()
    assert firm.mapped() == {"1": "Anna Berg"}
    assert firm.client("1").company_name == "Berg"
    assert firm.cases() == {("refused", "1")}
    assert firm.sync() is None
    firm.edits("1", **phone("5"))
    firm.sync()
    assert firm.client("1").phone == "5"
    assert not firm.cases()


def test_a_conflict_beside_it_can_be_settled(firm: Firm, anna: Client) -> None:
    """Neither side moves by it, and yet it travels."""
    edit(anna, company_name="Berg")
    comes(firm, CompanyName="Coe", **LONG)
    firm.sync()
    assert firm.cases() == {("refused", "1"), ("conflict", "1")}
    standing = conflicts.standing(firm.case("conflict", "1"))
    assert standing
    shown = {"company_name": standing.stamp("company_name")}
    choices = {"company_name": conflicts.Choice(conflicts.Take.QBO)}
    conflicts.settle(firm.connection, "1", choices, shown, factories.user(username="mapper"))
    firm.walk()
    assert firm.client("1").company_name == "Coe"
    assert firm.cases() == {("refused", "1")}
    assert firm.sync() is None


def test_a_review_that_becomes_a_refused_match_is_one_question(firm: Firm) -> None:
    anna = client("Anna Berg", "else@berg.example")
    firm.has(customer("1", "Anna Berg", "anna@berg.example", **phone("0" * 31)))
    firm.sync()
    assert firm.cases() == {("review", "1")}
    edit(anna, email="anna@berg.example")
    for _ in range(2):
        firm.sync()
    assert firm.cases() == {("refused", "1")}
    assert firm.sync() is None


def test_a_save_that_raises_stops_only_its_record(
    firm: Firm, host_rule: Callable[[Rule], None]
) -> None:
    def broken(one: Client) -> None:
        if one.name == "Bad One":
            raise RuntimeError("the host's own trouble")

    host_rule(broken)
    firm.chooses(unmatched="create")
    firm.has(customer("1", "Bad One"), GOOD)
    firm.sync()
    assert set(firm.mapped()) == {"9"}
    assert "the host's own trouble" in firm.case("refused", "1").facts["message"]
    assert not Client.objects.filter(name="Bad One").exists()


def test_who_holds_a_unique_value_is_named(firm: Firm, monkeypatch: pytest.MonkeyPatch) -> None:
    """A couple with one address, on a site where addresses are unique."""
    monkeypatch.setitem(vars(Client._meta.get_field("email")), "unique", True)
    firm.chooses(unmatched="create")
    firm.has(
        customer("1", "Anna Berg", "berg@berg.example"),
        customer("2", "Bo Berg", "berg@berg.example"),
        GOOD,
    )
    firm.sync()
    assert firm.mapped() == {"1": "Anna Berg", "9": "Good One"}
    facts = firm.case("refused", "2").facts
    assert (facts["field"], facts["holder"]) == ("email", firm.mapping("1").client_pk)


# What cannot be read ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "wrong, named",
    [
        ({"DisplayName": ["a"]}, "DisplayName"),
        ({"DisplayName": "x" * 501}, "DisplayName"),
        ({"SyncToken": None}, "SyncToken"),
        ({"BillAddr": "1 Elm St"}, "BillAddr"),
        ({"PrimaryEmailAddr": {"Address": 7}}, "Address"),
        ({"Active": "yes"}, "Active"),
    ],
)
def test_a_customer_that_cannot_be_read_is_a_case(
    firm: Firm, answers: Callable[[list[Any]], None], wrong: Json, named: str
) -> None:
    firm.chooses(unmatched="create")
    answers([customer("1", "Anna Berg") | wrong, GOOD])
    firm.sync()
    assert set(firm.mapped()) == {"9"}
    assert firm.cases() == {("unreadable", "1")}
    case = firm.case("unreadable", "1")
    assert named in case.facts["message"]
    assert firm.sync() is None
    assert firm.case("unreadable", "1") == case
    answers([customer("1", "Anna Berg"), GOOD])
    firm.sync()
    assert set(firm.mapped()) == {"1", "9"}
    assert not firm.cases(), "once it can be read the question is closed"


@pytest.mark.parametrize(
    "document", ["text", None, 7, [], {}, {"DisplayName": "Anna"}, {"Id": "x"}]
)
def test_a_customer_without_an_id_is_a_case(
    firm: Firm, answers: Callable[[list[Any]], None], document: Any
) -> None:
    firm.chooses(unmatched="create")
    answers([document, GOOD])
    firm.sync()
    assert set(firm.mapped()) == {"9"}
    assert firm.cases() == {("unreadable", "?")}
    case = Case.objects.get()
    assert firm.sync() is None
    assert Case.objects.get() == case and case.open_key
    answers([GOOD])
    assert firm.sync() is None
    assert not firm.cases()


def test_a_mapped_customer_that_cannot_be_read_keeps_what_was_read(
    firm: Firm, answers: Callable[[list[Any]], None]
) -> None:
    firm.chooses(unmatched="create")
    firm.has(GOOD)
    firm.sync()
    row = Customer.objects.values().get()
    answers([{**GOOD, "DisplayName": 7}])
    assert firm.sync() is None
    assert Customer.objects.values().get() == row
    assert firm.mapped() == {"9": "Good One"}


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> Callable[[list[Any]], None]:
    """QuickBooks answers with these rows, however strange, and tells no changes."""

    def do(rows: list[Any]) -> None:
        page = Page(rows, now())
        monkeypatch.setattr(CompanyApi, "changes", lambda api, since: None)
        monkeypatch.setattr(CompanyApi, "count_customers", lambda api, since: len(rows))
        monkeypatch.setattr(CompanyApi, "customers", lambda api, start, size, since: page)

    return do
