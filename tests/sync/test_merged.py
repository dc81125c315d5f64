"""Customers that were merged, turned inactive or were re-parented in QuickBooks (U7, U8)."""

from __future__ import annotations

import json
from typing import Any

import pytest
from crm.models import Client
from django.core.management import call_command

from wagtail_qbo_sync.models import Customer, Mapping, Run
from wagtail_qbo_sync.sync.noticing import notices
from wagtail_qbo_sync.sync.people import exclusion, mapping, undo
from wagtail_qbo_sync.sync.planning import undoing
from wagtail_qbo_sync.sync.reading import compare
from wagtail_qbo_sync.sync.records.locked import Refusal

from .conftest import FIRM, Json, customer
from .firm import Firm, client, edit, told
from .test_undoing import undone


def phone(number: str) -> Json:
    return {"PrimaryPhone": {"FreeFormNumber": number}}


@pytest.fixture
def firm(firm: Firm) -> Firm:
    """Anna is mapped; nobody has a client of Berg Ltd or of Carl, who wait."""
    client("Anna", "anna@example.org", phone="1")
    firm.has(
        customer("1", "Anna", "anna@example.org", CompanyName="Anna & Co", **phone("1")),
        customer("2", "Berg Ltd", "info@berg.example", CompanyName="Berg", **phone("2")),
        customer("3", "Carl", "carl@example.org"),
    )
    firm.sync()
    assert firm.mapped() == {"1": "Anna"}
    return firm


def hears(stays: str, goes: str, realm: str = FIRM) -> None:
    """Intuit's webhook tells of the merge."""
    event = {
        "specversion": "1.0",
        "id": f"{stays}-{goes}",
        "type": "qbo.customer.merged.v1",
        "time": "2026-11-20T10:00:00.000Z",
        "intuitentityid": stays,
        "intuitaccountid": realm,
        "data": {"deletedid": goes},
    }
    notices.note(json.dumps([event]).encode())


def merges(firm: Firm, stays: str = "2", goes: str = "1", *, heard: bool = True) -> None:
    firm.sandbox.post("merge", {"realm": firm.realm, "stays": stays, "goes": goes})
    if heard:
        hears(stays, goes)


# Merged -----------------------------------------------------------------------------------------


def test_the_mapping_follows_with_a_merge_on_the_old_base(firm: Firm) -> None:
    anna = firm.client("1")
    edit(anna, mobile="77")
    merges(firm)
    run = firm.sync()
    assert told(run) == {("follow", "Berg Ltd", "done")}
    assert firm.mapped() == {"2": "Berg Ltd"}
    after = firm.client("2")
    assert (after.pk, after.company_name, after.phone) == (anna.pk, "Berg", "2")
    assert after.mobile == "77"
    assert firm.record("2")["Mobile"] == {"FreeFormNumber": "77"}, "an edit of the site travels"
    assert firm.record("1")["Active"] is False
    assert not firm.cases()
    assert firm.sync() is None
    firm.edits("2", CompanyName="Berg & Sons")
    firm.sync()
    assert firm.client("2").company_name == "Berg & Sons"


def test_a_field_that_both_changed_is_a_conflict(firm: Firm) -> None:
    edit(firm.client("1"), phone="9")
    merges(firm)
    firm.sync()
    assert firm.mapped() == {"2": "Berg Ltd"}
    assert firm.case("conflict", "2").facts["conflicts"] == {"phone": {"site": "9", "qbo": "2"}}


def test_a_webhook_that_comes_late_is_followed_too(firm: Firm) -> None:
    merges(firm, heard=False)
    assert told(firm.sync()) == {("sleep", "Anna (deleted)", "done")}
    assert firm.cases() == {("inactive", "1")}, "a person sees it and can map it by hand"
    assert Client.objects.get().name == "Anna", "the mark is never copied"
    hears("2", "1")
    assert told(firm.sync()) == {("follow", "Berg Ltd", "done")}
    assert (firm.mapped(), firm.cases()) == ({"2": "Berg Ltd"}, set())


def test_one_that_is_not_even_listed_as_inactive_is_followed_too(firm: Firm) -> None:
    firm.has(*(one for one in firm.records() if one["Id"] != "1"))
    assert compare.begin(firm.state)
    firm.walk()
    assert firm.cases() == {("gone", "1")}
    hears("2", "1")
    assert told(firm.sync()) == {("follow", "Berg Ltd", "done")}
    assert (firm.mapped(), firm.cases()) == ({"2": "Berg Ltd"}, set())


def test_without_a_webhook_a_person_settles_it(firm: Firm) -> None:
    merges(firm, heard=False)
    firm.sync()
    anna = Client.objects.get()
    mapping.move_mapping(firm.connection, "2", str(anna.pk), None)
    firm.walk()
    assert (firm.mapped(), firm.cases()) == ({"2": "Berg Ltd"}, set())


def test_a_hint_alone_moves_nothing(firm: Firm) -> None:
    """Whoever can sign can say anything; what counts is what is read (rule 5)."""
    hears("2", "1")
    hears("99", "1", realm="4711")
    assert firm.sync() is None
    assert firm.mapped() == {"1": "Anna"}


def test_a_chain_of_merges_is_followed_to_its_end(firm: Firm) -> None:
    merges(firm)
    merges(firm, stays="3", goes="2")
    firm.sync()
    assert firm.mapped() == {"3": "Carl"}


@pytest.mark.parametrize("why", ["mapped", "excluded", "removed", "inactive"])
def test_what_stands_in_the_way_is_a_case(firm: Firm, why: str) -> None:
    anna = firm.client("1")
    if why == "mapped":
        firm.maps("2", client("Berg Ltd"))
        firm.sync()
    elif why == "excluded":
        exclusion.exclude_customer(firm.connection, "2", None)
    elif why == "removed":
        firm.says("removed_match", "2", anna)
    before = Client.objects.filter(pk=anna.pk).values().get()
    merges(firm)
    if why == "inactive":
        firm.edits("2", Active=False)
    assert told(firm.sync()) == {("sleep", "Anna (deleted)", "done")}
    assert firm.mapping("1").asleep == Mapping.Asleep.INACTIVE
    assert firm.cases() == {("merged", "1")}
    assert firm.case("merged", "1").facts["merged"] == {"stays": "2", "why": why}
    assert Client.objects.filter(pk=anna.pk).values().get() == before
    for _ in range(2):
        assert firm.sync() is None, "a question is asked once"


def test_the_case_ends_when_nothing_stands_in_the_way(firm: Firm) -> None:
    exclusion.exclude_customer(firm.connection, "2", None)
    merges(firm)
    firm.sync()
    assert firm.cases() == {("merged", "1")}
    exclusion.include_customer(firm.connection, "2", None)
    firm.sync()
    assert (firm.mapped(), firm.cases()) == ({"2": "Berg Ltd"}, set())


def test_two_that_went_into_one_keep_one_customer_for_one_client(firm: Firm) -> None:
    firm.maps("3", client("Carl"))
    firm.sync()
    merges(firm)
    merges(firm, goes="3")
    firm.sync()
    assert firm.mapped() == {"2": "Berg Ltd", "3": "Carl"}
    assert firm.cases() == {("merged", "3")}


def test_it_can_be_undone_and_is_not_done_again(firm: Firm) -> None:
    anna = firm.client("1")
    merges(firm)
    firm.sync()
    assert undo.undo_mapping(firm.connection, "2", None) is undo.Undone.PUT_BACK
    firm.walk()
    anna.refresh_from_db()
    assert (anna.name, anna.company_name, anna.phone) == ("Anna", "Anna & Co", "1")
    assert firm.mapping("1").asleep == Mapping.Asleep.INACTIVE
    firm.sync()
    assert firm.mapped() == {"1": "Anna"}
    assert firm.case("merged", "1").facts["merged"]["why"] == "removed"


@pytest.mark.parametrize("single", [True, False])
def test_what_went_back_follows_again_once_a_person_says_so(firm: Firm, single: bool) -> None:
    """Put match back, of one mapping that was undone or of a run's."""
    merges(firm)
    run = firm.sync()
    assert run is not None
    if single:
        undo.undo_mapping(firm.connection, "2", None)
        firm.walk()
    else:
        undone(firm, run)
    assert firm.mapped() == {"1": "Anna"} and firm.client("1").phone == "1"
    mapping.put_match_back(firm.connection, "2", None)
    assert set(firm.mapped()) == {"2"} and not firm.cases()
    firm.sync()
    assert set(firm.mapped()) == {"2"}
    assert firm.mapping("2").asleep == Mapping.Asleep.AWAKE


def test_what_went_back_is_put_back_only_where_it_still_sleeps(firm: Firm) -> None:
    """Its client has been mapped to somebody else since."""
    merges(firm)
    run = firm.sync()
    assert run is not None
    undone(firm, run)
    anna = firm.client("1")
    Mapping.objects.filter(client=anna).update(qbo_id="77", asleep=Mapping.Asleep.AWAKE)
    with pytest.raises(Refusal):
        mapping.put_match_back(firm.connection, "2", None)
    assert Mapping.objects.get(client=anna).qbo_id == "77"


@pytest.mark.parametrize("is_late", [False, True])
def test_a_run_that_followed_is_undone_on_both_sides(firm: Firm, is_late: bool) -> None:
    """U5: what it wrote goes back, and the mapping sleeps again with the customer that went; also
    where QuickBooks takes it at the second try."""
    anna = firm.client("1")
    edit(anna, mobile="77")
    merges(firm)
    run = firm.sync()
    assert run is not None
    plan = undoing.start(run, None)
    if is_late:
        firm.edits("2", Notes="x")
    firm.approve(plan)
    firm.walk()
    assert told(plan) == {("undo", "Berg Ltd", "done")}
    anna.refresh_from_db()
    assert (anna.name, anna.company_name, anna.phone) == ("Anna", "Anna & Co", "1")
    assert not firm.record("2").get("Mobile")
    assert firm.mapping("1").asleep == Mapping.Asleep.INACTIVE
    firm.sync()
    assert firm.mapped() == {"1": "Anna"}, "no sync follows again"
    assert firm.case("merged", "1").facts["merged"]["why"] == "removed"

    again = undone(firm, plan)
    assert firm.mapped() == {"2": "Berg Ltd"}
    assert (firm.client("2").phone, firm.client("2").mobile) == ("2", "77")
    assert firm.record("2")["Mobile"] == {"FreeFormNumber": "77"}
    assert not firm.cases()
    firm.edits("2", CompanyName="Berg & Sons")
    firm.sync()
    assert firm.client("2").company_name == "Berg & Sons", "it syncs again"

    undone(firm, again)
    assert firm.mapping("1").asleep == Mapping.Asleep.INACTIVE
    assert (firm.mapped(), firm.client("1").phone) == ({"1": "Anna"}, "1")


def test_one_field_of_what_followed(firm: Firm) -> None:
    merges(firm)
    run = firm.sync()
    assert run is not None
    undone(firm, run, qbo_id="2", field="phone")
    assert (firm.mapped(), firm.client("2").phone) == ({"2": "Berg Ltd"}, "1")
    assert firm.sync() is None


def test_who_was_mapped_meanwhile_does_not_follow_again(firm: Firm) -> None:
    merges(firm)
    run = firm.sync()
    assert run is not None
    plan = undone(firm, run)
    firm.maps("2", client("Berg Ltd"))
    firm.sync()
    undone(firm, plan)
    assert firm.mapped() == {"1": "Anna", "2": "Berg Ltd"}
    assert firm.mapping("1").asleep == Mapping.Asleep.INACTIVE


def test_a_disconnected_pair_does_not_follow(firm: Firm) -> None:
    exclusion.disconnect_client(firm.connection, firm.mapping("1").client_pk, None)
    merges(firm)
    firm.sync()
    assert firm.mapped() == {"1": "Anna"}


def test_why_tells_of_the_merge(firm: Firm, capsys: pytest.CaptureFixture[str]) -> None:
    merges(firm)
    firm.sync()
    call_command("qbo_why", "2")
    assert "ID 1, to which the client was mapped before" in capsys.readouterr().out


# Inactive ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("policy, cases", [("flag", {("inactive", "1")}), ("leave", set())])
def test_what_becomes_of_the_client_is_the_companys_policy(
    firm: Firm, policy: str, cases: set[Any]
) -> None:
    firm.chooses(inactive_policy=policy)
    before = Client.objects.values().get()
    firm.edits("1", Active=False)
    firm.sync()
    assert firm.mapping("1").asleep == Mapping.Asleep.INACTIVE
    assert (firm.cases(), Client.objects.values().get()) == (cases, before)
    edit(firm.client("1"), phone="5")
    firm.sync()
    assert firm.record("1")["PrimaryPhone"] == {"FreeFormNumber": "1"}, "neither side is written"
    firm.edits("1", Active=True, CompanyName="Back")
    assert told(firm.sync()) == {("wake", "Anna", "done")}
    assert firm.client("1").company_name == "Back"
    assert firm.record("1")["PrimaryPhone"] == {"FreeFormNumber": "5"}
    assert (firm.mapping("1").asleep, firm.cases()) == ("", set())


def test_a_mark_that_a_reactivation_leaves_is_not_copied(firm: Firm) -> None:
    firm.sandbox.post("switches", {"reactivation_suffix": "keep"})
    firm.edits("1", Active=False)
    firm.sync()
    firm.edits("1", Active=True)
    firm.sync()
    assert firm.record("1")["DisplayName"] == "Anna (deleted)"
    assert firm.client("1").name == "Anna"
    assert firm.sync() is None
    firm.edits("1", DisplayName="Anna Berg")
    firm.sync()
    assert firm.client("1").name == "Anna Berg"


def test_nothing_is_made_of_the_mark_either(firm: Firm) -> None:
    firm.chooses(unmatched="create")
    firm.gets(customer("9", "Dora (deleted)"))
    firm.sync()
    assert firm.mapped()["9"] == "Dora"


# Re-parented ------------------------------------------------------------------------------------


def test_a_mapping_of_one_that_became_a_sub_customer_stays(
    firm: Firm, capsys: pytest.CaptureFixture[str]
) -> None:
    runs = Run.objects.count()
    firm.edits("1", Job=True, ParentRef={"value": "2"})
    firm.sync()
    assert Customer.objects.get(qbo_id="1").path == "Berg Ltd:Anna"
    assert (firm.mapped(), Run.objects.count()) == ({"1": "Anna"}, runs)
    call_command("qbo_why", "1")
    assert "a mapping that is there stays" in capsys.readouterr().out
    firm.edits("1", CompanyName="Sub")
    firm.sync()
    assert firm.client("1").company_name == "Sub"
