"""Mapped pairs in later syncs: what travels, what stays, what becomes a question (K10, U4, U8)."""

from __future__ import annotations

from typing import Any

import pytest
from crm.models import Client
from django.db.models.signals import pre_save

from wagtail_qbo_sync.host.adapter import ClientAdapter, get_adapter
from wagtail_qbo_sync.models import Case, Change, Customer, Footprint, Run
from wagtail_qbo_sync.sync.people import decide

from .conftest import Json, customer
from .firm import Firm, at, client, edit, picture, site, told


def phone(number: str) -> Json:
    return {"PrimaryPhone": {"FreeFormNumber": number}}


ELM = {"Line1": "1 Elm St", "City": "Salem", "PostalCode": "01970"}


@pytest.fixture
def anna(firm: Firm) -> Client:
    """Anna, mapped, with the same values on both sides."""
    made = client("Anna Berg", "anna@berg.example", phone="1")
    firm.has(
        customer(
            "1", "Anna Berg", "anna@berg.example", CompanyName="Berg", BillAddr=ELM, **phone("1")
        )
    )
    firm.sync()
    made.refresh_from_db()
    return made


def test_an_edit_in_quickbooks_reaches_the_site(firm: Firm, anna: Client) -> None:
    firm.edits("1", DisplayName="Anna Berg-Coe", **phone("2"))
    run = firm.sync()
    assert told(run) == {("update", "Anna Berg-Coe", "done")}
    assert run is not None and run.state == Run.State.DONE, "one update needs no approval"
    anna.refresh_from_db()
    assert (anna.name, anna.phone) == ("Anna Berg-Coe", "2")
    change = Change.objects.filter(run=run).get()
    assert change.values == {"name": ["Anna Berg", "Anna Berg-Coe"], "phone": ["1", "2"]}
    assert firm.sync() is None


def test_a_removal_in_quickbooks_reaches_the_site(firm: Firm, anna: Client) -> None:
    firm.edits("1", CompanyName="")
    firm.sync()
    anna.refresh_from_db()
    assert anna.company_name == ""
    assert firm.sync() is None


def test_an_edit_on_the_site_stays_where_it_does_not_travel(firm: Firm, anna: Client) -> None:
    firm.chooses(direction="pull")
    edit(anna, phone="3")
    assert told(firm.sync()) == {("agree", "Anna Berg", "done")}, "noted as seen, once"
    assert firm.sync() is None
    firm.edits("1", CompanyName="Berg & Coe")
    assert told(firm.sync()) == {("update", "Anna Berg", "done")}
    anna.refresh_from_db()
    assert (anna.phone, anna.company_name) == ("3", "Berg & Coe")
    assert not firm.cases()


def test_both_sides_differently_holds_that_field_alone(firm: Firm, anna: Client) -> None:
    edit(anna, phone="3")
    firm.edits("1", CompanyName="Berg & Coe", **phone("2"))
    firm.sync()
    anna.refresh_from_db()
    assert (anna.phone, anna.company_name) == ("3", "Berg & Coe")
    assert firm.cases() == {("conflict", "1")}
    case = firm.case("conflict", "1")
    assert case.facts["conflicts"] == {"phone": {"site": "3", "qbo": "2"}}
    assert case.client_pk == str(anna.pk)
    for _ in range(3):
        assert firm.sync() is None, "a question is asked once"
    firm.edits("1", Mobile={"FreeFormNumber": "77"})
    firm.sync()
    anna.refresh_from_db()
    assert (anna.phone, anna.mobile) == ("3", "77"), "other fields go on travelling"
    assert firm.case("conflict", "1") == case


def test_a_conflict_that_changes_is_told_in_the_same_case(firm: Firm, anna: Client) -> None:
    edit(anna, phone="3")
    firm.edits("1", **phone("2"))
    firm.sync()
    case = firm.case("conflict", "1")
    firm.edits("1", **phone("4"))
    assert told(firm.sync()) == {("conflict", "Anna Berg", "done")}
    assert firm.case("conflict", "1") == case
    assert firm.case("conflict", "1").facts["conflicts"] == {"phone": {"site": "3", "qbo": "4"}}


@pytest.mark.parametrize("side", ["site", "quickbooks"])
def test_an_edit_that_makes_both_equal_settles_a_conflict(
    firm: Firm, anna: Client, side: str
) -> None:
    edit(anna, phone="3")
    firm.edits("1", **phone("2"))
    firm.sync()
    assert firm.cases() == {("conflict", "1")}
    if side == "site":
        edit(anna, phone="2")
    else:
        firm.edits("1", **phone("3"))
    assert told(firm.sync()) == {("agree", "Anna Berg", "done")}
    assert not firm.cases()
    assert Case.objects.get().outcome == "settled"
    assert firm.sync() is None
    firm.edits("1", **phone("5"))
    firm.sync()
    anna.refresh_from_db()
    assert anna.phone == "5"


def test_a_conflict_ends_when_a_side_goes_back(firm: Firm, anna: Client) -> None:
    edit(anna, phone="3")
    firm.edits("1", **phone("2"))
    firm.sync()
    firm.edits("1", **phone("1"))
    assert told(firm.sync()) == {("push", "Anna Berg", "done")}
    assert not firm.cases()
    anna.refresh_from_db()
    assert anna.phone == "3", "what is left is an edit of the site, which travels"
    assert firm.record("1")["PrimaryPhone"] == {"FreeFormNumber": "3"}
    assert firm.sync() is None


def test_both_sides_the_same_is_settled_without_a_write(firm: Firm, anna: Client) -> None:
    edit(anna, phone="(2)")
    firm.edits("1", **phone("2"))
    assert told(firm.sync()) == {("agree", "Anna Berg", "done")}
    anna.refresh_from_db()
    assert anna.phone == "(2)"
    assert not Change.objects.filter(values__has_key="phone").exists()
    assert firm.sync() is None


# What people set later --------------------------------------------------------------------------


@pytest.mark.parametrize(("policy", "phones"), [("qbo", ("2", "2")), ("site", ("3", "3"))])
def test_a_later_policy_settles_an_open_conflict(
    firm: Firm, anna: Client, policy: str, phones: tuple[str, str]
) -> None:
    edit(anna, phone="3")
    firm.edits("1", **phone("2"))
    firm.sync()
    firm.chooses(on_conflict=policy)
    firm.sync()
    assert (firm.client("1").phone, firm.record("1")["PrimaryPhone"]["FreeFormNumber"]) == phones
    assert not firm.cases()
    assert firm.sync() is None


def test_a_later_policy_looks_again_at_a_silent_difference(firm: Firm, anna: Client) -> None:
    """The site won, but nothing goes out; then QuickBooks wins."""
    firm.chooses(direction="pull", on_conflict="site")
    edit(anna, phone="3")
    firm.edits("1", **phone("2"))
    firm.sync()
    assert firm.sync() is None
    assert firm.client("1").phone == "3"
    firm.edits("1", CompanyName="Berg & Coe")
    firm.sync()
    firm.chooses(on_conflict="qbo")
    firm.sync()
    assert firm.client("1").phone == "2"
    assert firm.sync() is None


def test_an_address_is_one_value(firm: Firm, anna: Client) -> None:
    edit(anna, zip_code="99999")
    firm.edits("1", BillAddr={**ELM, "City": "Boston"})
    firm.sync()
    anna.refresh_from_db()
    assert (anna.city, anna.zip_code) == ("Salem", "99999"), "both changed it: held as a whole"
    conflicts = firm.case("conflict", "1").facts["conflicts"]
    assert set(conflicts) == {"mailing_address"}
    assert conflicts["mailing_address"]["qbo"]["city"] == "Boston"
    edit(anna, zip_code="01970")
    firm.edits("1", BillAddr={"Line1": "9 Oak St"})
    firm.sync()
    anna.refresh_from_db()
    assert (anna.address, anna.city, anna.zip_code) == ("9 Oak St", "", ""), "it travels whole"


def test_a_host_that_changes_values_makes_no_loop(firm: Firm) -> None:
    def shout(instance: Client, **kwargs: Any) -> None:
        instance.name = instance.name.upper()
        instance.phone = instance.phone[:3]

    pre_save.connect(shout, sender=Client)
    try:
        client("Anna Berg", "anna@berg.example")
        firm.chooses(unmatched="create")
        firm.has(
            customer("1", "Anna Berg", "anna@berg.example", **phone("12345")),
            customer("2", "New One", **phone("67890")),
        )
        firm.sync()
        assert firm.mapped() == {"1": "ANNA BERG", "2": "NEW ONE"}
        base = firm.mapping("1").base
        assert (base["site"]["phone"], base["qbo"]["phone"]) == ("123", "12345")
        footprint = Footprint.objects.get(client_pk=firm.mapping("1").client_pk)
        assert footprint.replaced == {"phone": ["", "123"]}, "the name came out as it was"
        once = picture()
        for _ in range(3):
            assert firm.sync() is None
        assert picture() == once
        firm.edits("1", **phone("12399"))
        firm.sync()
        assert firm.mapping("1").base["qbo"]["phone"] == "12399"
        assert firm.sync() is None
    finally:
        pre_save.disconnect(shout, sender=Client)


def test_a_value_that_comes_out_as_it_was_is_not_journalled(firm: Firm) -> None:
    client("Anna Berg", "anna@berg.example")
    firm.has(customer("1", "Anna Berg", "anna@berg.example, berg@work.example"))
    firm.sync()
    assert firm.client("1").email == "anna@berg.example", "one address is all the host holds"
    assert not Change.objects.exists()
    assert firm.sync() is None


def test_a_balance_is_nothing_to_us(firm: Firm, anna: Client) -> None:
    once, row = picture(), Customer.objects.values().get()
    firm.sandbox.post("invoice", {"realm": firm.realm, "id": "1", "amount": 100})
    assert firm.sync() is None
    assert (picture(), Customer.objects.values().get()) == (once, row)


def test_an_older_reading_is_dropped(firm: Firm, anna: Client) -> None:
    firm.edits("1", CompanyName="Newer")
    firm.sync()
    token = Customer.objects.get().record["sync_token"]
    assert token > 0
    older = {"SyncToken": str(token - 1), "CompanyName": "Older"}
    firm.gets(customer("1", "Anna Berg", "anna@berg.example", **older))
    assert firm.sync() is None
    assert Customer.objects.get().record["sync_token"] == token
    assert firm.client("1").company_name == "Newer"


def test_sync_tokens_compare_as_numbers(firm: Firm, anna: Client) -> None:
    for token, company in (("9", "Nine"), ("10", "Ten"), ("9", "Nine again")):
        firm.gets(
            customer("1", "Anna Berg", "anna@berg.example", SyncToken=token, CompanyName=company)
        )
        firm.sync()
    assert firm.client("1").company_name == "Ten"


# Inactive ---------------------------------------------------------------------------------------


def test_an_inactive_customer_puts_its_mapping_to_sleep(firm: Firm, anna: Client) -> None:
    before = site()
    firm.edits("1", Active=False)
    assert told(firm.sync()) == {("sleep", "Anna Berg (deleted)", "done")}
    assert firm.mapping("1").asleep == "inactive"
    assert firm.cases() == {("inactive", "1")}
    assert site() == before, "the mark is never copied"
    assert Customer.objects.get().display_name == "Anna Berg (deleted)"
    for _ in range(2):
        assert firm.sync() is None
    firm.edits("1", CompanyName="Late")
    assert firm.sync() is None, "while it sleeps nothing is written"
    assert site() == before


def test_a_reactivated_customer_wakes_with_a_merge(firm: Firm, anna: Client) -> None:
    firm.edits("1", Active=False)
    firm.sync()
    edit(anna, phone="3")
    firm.edits("1", CompanyName="Late")
    firm.edits("1", Active=True)
    assert told(firm.sync()) == {("wake", "Anna Berg", "done")}
    anna.refresh_from_db()
    assert (anna.name, anna.phone, anna.company_name) == ("Anna Berg", "3", "Late")
    assert firm.mapping("1").asleep == ""
    assert not firm.cases()
    assert firm.sync() is None


def test_a_mapped_customer_that_becomes_a_project_sleeps(firm: Firm, anna: Client) -> None:
    firm.gets(customer("1", "Anna Berg", "anna@berg.example", SyncToken="7", IsProject=True))
    assert told(firm.sync()) == {("sleep", "Anna Berg", "done")}
    assert firm.sync() is None


def test_a_conflict_does_not_outlive_the_pair(firm: Firm, anna: Client) -> None:
    edit(anna, phone="3")
    firm.edits("1", **phone("2"))
    firm.sync()
    firm.edits("1", Active=False)
    firm.sync()
    assert firm.cases() == {("inactive", "1")}
    firm.edits("1", Active=True)
    firm.sync()
    assert firm.cases() == {("conflict", "1")}, "it wakes with a merge, so it is asked again"


# Mapped by a person -----------------------------------------------------------------------------


def test_a_mapping_by_hand_is_first_linked_by_the_cycle(firm: Firm) -> None:
    firm.has(customer("1", "Anna Berg", "anna@berg.example", **phone("2")))
    firm.sync()
    berg = client("Berg, A.", phone="1", company_name="Berg Ltd")
    firm.maps("1", berg)
    assert told(firm.sync()) == {("link", "Anna Berg", "done")}
    berg.refresh_from_db()
    assert (berg.name, berg.email, berg.phone) == ("Anna Berg", "anna@berg.example", "2")
    assert berg.company_name == "Berg Ltd", "a blank erases nothing"
    assert Change.objects.get().values["name"] == ["Berg, A.", "Anna Berg"]
    assert firm.sync() is None


def test_mappings_by_hand_do_not_count_for_the_brake(firm: Firm) -> None:
    count = 30
    firm.has(*(customer(str(n), f"Customer {n}") for n in range(1, count + 1)))
    firm.sync()
    for n in range(1, count + 1):
        firm.maps(str(n), client(f"Client {n}"))
    run = firm.sync(approve=False)
    assert run is not None and run.state == Run.State.DONE


def test_a_mapping_by_hand_can_ask_for_filling_blanks_only(firm: Firm) -> None:
    firm.has(customer("1", "Anna Berg", "anna@berg.example", **phone("2")))
    firm.sync()
    berg = client("Berg, A.", phone="")
    firm.maps("1", berg, link="fill_blanks")
    firm.sync()
    berg.refresh_from_db()
    assert (berg.name, berg.phone, berg.email) == ("Berg, A.", "2", "anna@berg.example")
    assert set(firm.case("conflict", "1").facts["conflicts"]) == {"name"}
    assert firm.sync() is None


# Footprints -------------------------------------------------------------------------------------


def test_our_writes_move_a_footprint(firm: Firm, anna: Client) -> None:
    before = Footprint.objects.get().digest
    firm.edits("1", **phone("2"))
    firm.sync()
    assert Footprint.objects.get().digest != before


def test_a_footprint_that_a_person_stepped_out_of_stays(firm: Firm, anna: Client) -> None:
    """An edit after the walk had looked."""
    before = Footprint.objects.get().digest
    firm.edits("1", **phone("2"))
    with at("pull.stored", lambda: edit(anna, mobile="77")):
        firm.sync()
    assert firm.client("1").phone == "2"
    assert Footprint.objects.get().digest == before, "that edit is still to be noticed"


# A plan that was approved while QuickBooks was being read ---------------------------------------


def test_approval_during_a_reading_is_applied_first(firm: Firm, anna: Client) -> None:
    for n in range(2, 40):
        client(f"Customer {n}", f"c{n}@example.org")
        firm.gets(customer(str(n), f"Customer {n}", f"c{n}@example.org", **phone("1")))
    run = firm.plan()
    firm.edits("1", CompanyName="Meanwhile")
    decide.ask_for_sync(firm.connection)
    with at("pull.stored", lambda: decide.approve(run, None)):
        firm.walk()
    assert firm.state.wanted > firm.state.served, "what was asked for is still owed"
    firm.walk()
    run.refresh_from_db()
    assert run.state == Run.State.DONE
    assert firm.client("1").company_name == "Berg"
    firm.walk()
    assert firm.client("1").company_name == "Meanwhile"


def test_a_field_that_the_host_does_not_hold_is_nothing_to_us(firm: Firm) -> None:
    """Rule 7: the example's clients have no fax."""
    client("Anna Berg", "anna@berg.example")
    firm.has(customer("1", "Anna Berg", "anna@berg.example"))
    plan = firm.plan()
    firm.edits("1", Fax={"FreeFormNumber": "555 0909"})
    firm.sync()
    firm.approve(plan)
    assert firm.mapped() == {"1": "Anna Berg"}
    firm.edits("1", Fax={"FreeFormNumber": "555 0910"})
    assert firm.sync() is None


def test_another_field_map_is_looked_at_once(firm: Firm, monkeypatch: pytest.MonkeyPatch) -> None:
    client("Anna Berg", "anna@berg.example")
    firm.has(customer("1", "Anna Berg", "anna@berg.example", **phone("5")))
    firm.sync()
    adapter = get_adapter()
    fewer = {path: name for path, name in adapter.field_map.items() if path != "phone"}
    get_adapter.cache_clear()
    monkeypatch.setattr(ClientAdapter, "fields", fewer)
    try:
        assert told(firm.sync()) == {("agree", "Anna Berg", "done")}
        assert firm.sync() is None
        assert firm.mapping("1").base["version"] == get_adapter().version != adapter.version
    finally:
        get_adapter.cache_clear()
