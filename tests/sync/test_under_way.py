"""What people do while a change is on its way to QuickBooks, or was not taken there (U2, U10,
rules 4, 11, 15 and 16)."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from crm.models import Client
from django.test import Client as Browser

from wagtail_qbo_sync.admin.base import problems_url
from wagtail_qbo_sync.host.adapter import ClientAdapter, get_adapter
from wagtail_qbo_sync.models import Change, Connection, Decision, Mapping, Outbox, Send

from .conftest import CLIENT, Json, customer
from .firm import Firm, Killed, at, client, edit, expire_lease, killed_at, told
from .test_push import batches, changes, phone, try_again

Requests = Callable[..., list[Json]]
Act = Callable[[Firm, Client], object]


@pytest.fixture
def anna(firm: Firm) -> Client:
    """Mapped to customer 1, both with phone 1."""
    client("Anna Berg", "anna@berg.example", phone="1")
    firm.has(customer("1", "Anna Berg", "anna@berg.example", **phone("1")))
    firm.sync()
    return firm.client("1")


# Written down, and not sent yet -------------------------------------------------------------------


def disconnects(firm: Firm, anna: Client) -> None:
    Mapping.objects.update(asleep=Mapping.Asleep.DISCONNECTED)


def removes_the_match(firm: Firm, anna: Client) -> None:
    Mapping.objects.all().delete()
    firm.says(Decision.Kind.REMOVED_MATCH, "1", anna)


def maps_another(firm: Firm, anna: Client) -> None:
    removes_the_match(firm, anna)
    firm.maps("1", client("Bo Coe", phone="1"))


def deletes_the_client(firm: Firm, anna: Client) -> None:
    anna.delete()


def lets_nothing_go_out(firm: Firm, anna: Client) -> None:
    firm.chooses(direction="pull")


@pytest.mark.parametrize(
    "act", [disconnects, removes_the_match, maps_another, deletes_the_client, lets_nothing_go_out]
)
@pytest.mark.parametrize("point", ["apply.committed", "push.written"])
def test_what_a_person_took_back_is_not_sent(
    firm: Firm, anna: Client, requests: Requests, act: Act, point: str
) -> None:
    changes(firm, anna, phone="2")
    with pytest.raises(Killed), killed_at(point.__eq__):
        firm.sync()
    assert Outbox.objects.get().state != Outbox.State.WANTED
    expire_lease(firm.connection)
    act(firm, anna)
    firm.sync()
    firm.sync()
    assert firm.record("1")["PrimaryPhone"] == {"FreeFormNumber": "1"}
    assert not batches(requests)
    assert not Outbox.objects.exists() and not Send.objects.exists(), "nothing waits in vain"


def test_an_edit_while_the_outcome_is_unknown_follows(firm: Firm, anna: Client) -> None:
    changes(firm, anna, phone="2")
    rule = {"kind": "cut", "path": "/batch", "when": "after", "count": 1}
    firm.sandbox.post("faults", rule)
    firm.sync()
    changes(firm, anna, phone="3")
    try_again(firm)
    firm.sync()
    assert firm.record("1")["PrimaryPhone"] == {"FreeFormNumber": "3"}
    assert firm.sync() is None


@pytest.mark.parametrize("point", ["apply.committed", "push.sent"])
def test_a_field_that_is_no_longer_mapped_is_no_question(
    firm: Firm, anna: Client, monkeypatch: pytest.MonkeyPatch, point: str
) -> None:
    """Rule 7: taken back before it was sent; after that its answer is no question."""
    fewer = {path: name for path, name in get_adapter().field_map.items() if path != "phone"}
    changes(firm, anna, phone="2")

    def deploys() -> None:
        monkeypatch.setattr(ClientAdapter, "fields", fewer)
        get_adapter.cache_clear()

    try:
        with at(point, deploys):
            firm.sync()
        firm.sync()
    finally:
        get_adapter.cache_clear()
    assert not firm.cases()
    expected = "2" if point == "push.sent" else "1"
    assert firm.record("1")["PrimaryPhone"] == {"FreeFormNumber": expected}


def test_a_customer_made_inactive_meanwhile_sleeps_and_gets_it_when_it_wakes(
    firm: Firm, anna: Client
) -> None:
    changes(firm, anna, phone="2")
    with pytest.raises(Killed), killed_at("apply.committed".__eq__):
        firm.sync()
    expire_lease(firm.connection)
    firm.edits("1", Active=False)
    firm.sync()
    firm.sync()
    assert firm.record("1")["PrimaryPhone"] == {"FreeFormNumber": "1"}
    firm.edits("1", Active=True)
    firm.sync()
    assert firm.record("1")["PrimaryPhone"] == {"FreeFormNumber": "2"}


# Directions ---------------------------------------------------------------------------------------


def test_what_stood_for_a_silent_quickbooks_goes_out_when_it_may(firm: Firm, anna: Client) -> None:
    firm.chooses(direction="pull")
    changes(firm, anna, phone="2")
    firm.sync()
    assert firm.sync() is None
    firm.chooses(direction="two_way")
    firm.sync()
    assert firm.record("1")["PrimaryPhone"] == {"FreeFormNumber": "2"}
    assert firm.sync() is None


def test_what_stood_for_a_silent_site_comes_in_when_it_may(firm: Firm, anna: Client) -> None:
    firm.chooses(direction="push")
    firm.edits("1", **phone("2"))
    firm.sync()
    assert firm.sync() is None
    assert firm.client("1").phone == "1"
    firm.chooses(direction="two_way")
    firm.sync()
    assert firm.client("1").phone == "2"
    assert firm.sync() is None


def test_a_difference_that_an_edit_took_back_stands_no_more(firm: Firm, anna: Client) -> None:
    firm.chooses(direction="pull")
    for number, silent in (("2", {"phone"}), ("1", set())):
        edit(anna, phone=number)
        firm.sync()
        assert set(firm.mapping("1").base["silent"]) == silent


# What QuickBooks did not take ---------------------------------------------------------------------


def is_taken(firm: Firm, anna: Client) -> None:
    """A name that another customer has."""
    firm.gets(customer("2", "Taken Name"))
    firm.sync()
    changes(firm, anna, name="Taken Name")
    firm.sync()


def has_a_colon(firm: Firm, anna: Client) -> None:
    changes(firm, anna, name="Anna: Berg")
    firm.sync()


@pytest.mark.parametrize(("act", "kind"), [(is_taken, "not_taken"), (has_a_colon, "unsendable")])
def test_it_is_no_question_any_more_once_the_client_says_what_was_agreed(
    firm: Firm, anna: Client, act: Act, kind: str
) -> None:
    act(firm, anna)
    assert (kind, "1") in firm.cases()
    changes(firm, anna, name="Anna Berg")
    firm.sync()
    assert (kind, "1") not in firm.cases()
    assert firm.sync() is None


@pytest.mark.parametrize("act", [is_taken, has_a_colon])
def test_it_is_told_among_the_problems(
    firm: Firm, anna: Client, admin_client: Browser, act: Act
) -> None:
    act(firm, anna)
    page = admin_client.get(problems_url(firm.connection))
    assert [case.client_pk for case in page.context["object_list"]] == [str(anna.pk)]


@pytest.mark.parametrize(("act", "kind"), [(is_taken, "not_taken"), (has_a_colon, "unsendable")])
def test_it_holds_back_nothing_else(firm: Firm, anna: Client, act: Act, kind: str) -> None:
    act(firm, anna)
    changes(firm, anna, phone="2")
    firm.sync()
    assert firm.record("1")["PrimaryPhone"] == {"FreeFormNumber": "2"}
    assert (kind, "1") in firm.cases(), "that is still to be answered"
    assert firm.sync() is None


def test_what_it_kept_is_no_question_once_both_say_the_same(firm: Firm, anna: Client) -> None:
    firm.sandbox.post("switches", {"clear_by": "null"})  # a blank clears nothing there
    changes(firm, anna, phone="")
    firm.sync()
    assert firm.sync() is None
    assert firm.cases() == {("kept", "1")}
    changes(firm, anna, phone="1")
    firm.sync()
    assert not firm.cases()


def test_a_pair_that_is_to_be_looked_at_again_is_noted_as_seen(firm: Firm, anna: Client) -> None:
    mapping = firm.mapping("1")
    mapping.base["seen"] = ""
    mapping.save()
    assert told(firm.sync()) == {("agree", "Anna Berg", "done")}
    assert firm.sync() is None


# Two companies ------------------------------------------------------------------------------------


@pytest.fixture
def other(firm: Firm, anna: Client, connected: Callable[..., Connection]) -> Firm:
    """A second company of the same site; Anna is mapped there too."""
    second = Firm(connected(CLIENT), CLIENT, firm.sandbox)
    second.has(customer("7", "Anna Berg", "anna@berg.example", **phone("1")))
    second.sync()
    return second


def test_an_edit_in_one_company_goes_round_and_comes_to_rest(firm: Firm, other: Firm) -> None:
    """U12."""
    firm.edits("1", **phone("2"))
    firm.sync()
    hint = Outbox.objects.get(state=Outbox.State.WANTED)
    assert (hint.connection, hint.qbo_id) == (other.connection, "7"), "and not where it came from"
    other.sync()
    assert other.record("7")["PrimaryPhone"] == {"FreeFormNumber": "2"}
    assert firm.sync() is None and other.sync() is None


@pytest.mark.parametrize("policy", ["ask", "qbo", "site"])
@pytest.mark.parametrize("second", ["two_way", "pull", "push"])
@pytest.mark.parametrize("first", ["two_way", "pull", "push"])
def test_two_companies_and_the_site_edited_at_once_come_to_rest(
    firm: Firm, other: Firm, anna: Client, first: str, second: str, policy: str
) -> None:
    """U12: within three cycles, whatever people set."""
    firm.chooses(direction=first, on_conflict=policy)
    other.chooses(direction=second, on_conflict=policy)
    firm.edits("1", **phone("2"))
    other.edits("7", **phone("3"))
    changes(firm, anna, phone="4", city="Salem")
    for _ in range(3):
        firm.sync()
        other.sync()
    assert firm.sync() is None and other.sync() is None
    where = {
        firm.record("1")["PrimaryPhone"]["FreeFormNumber"],
        other.record("7")["PrimaryPhone"]["FreeFormNumber"],
        firm.client("1").phone,
    }
    if policy == "ask":
        assert where == {"2", "3", "4"}, "nothing that was typed is lost"


@pytest.mark.parametrize(
    ("mine", "theirs"),
    [
        (("two_way", "qbo"), ("two_way", "site")),
        (("two_way", "ask"), ("two_way", "qbo")),
        (("pull", "qbo"), ("two_way", "site")),
        (("push", "site"), ("pull", "ask")),
    ],
    ids=" ".join,
)
def test_two_companies_with_policies_of_their_own_come_to_rest(
    firm: Firm, other: Firm, anna: Client, mine: tuple[str, str], theirs: tuple[str, str]
) -> None:
    """U12: and what was typed stands somewhere, or in the journal as what was there before."""
    for company, (direction, policy) in ((firm, mine), (other, theirs)):
        company.chooses(direction=direction, on_conflict=policy)
    firm.edits("1", **phone("2"))
    other.edits("7", **phone("3"))
    changes(firm, anna, phone="4", city="Salem")
    for _ in range(3):
        firm.sync()
        other.sync()
    assert firm.sync() is None and other.sync() is None
    journal = [
        values.get("phone", []) for values in Change.objects.values_list("values", flat=True)
    ]
    kept = {
        firm.record("1")["PrimaryPhone"]["FreeFormNumber"],
        other.record("7")["PrimaryPhone"]["FreeFormNumber"],
        firm.client("1").phone,
        *(value for values in journal for value in values),
    }
    assert {"2", "3", "4"} <= kept
    assert firm.client("1").city == "Salem"
