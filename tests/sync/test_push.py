"""Sending to QuickBooks (K10, U2, U4, U10; rules 8, 11 and 16)."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import nullcontext
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from crm.models import Client, ContactType
from django.core.management import call_command
from pytest_django import DjangoCaptureOnCommitCallbacks

from wagtail_qbo_sync import clock
from wagtail_qbo_sync.models import Case, Change, Mapping, Outbox, Run, Send, SyncState
from wagtail_qbo_sync.qbo import writes
from wagtail_qbo_sync.qbo.faults import Action
from wagtail_qbo_sync.sync.noticing import sweep
from wagtail_qbo_sync.sync.people import decide, exclusion
from wagtail_qbo_sync.sync.sending import push, replies
from wagtail_qbo_sync.sync.walk import cycle

from .conftest import Json, customer
from .firm import Firm, Killed, at, client, edit, expire_lease, killed_at, told
from .test_lease import rung

Requests = Callable[..., list[Json]]
WAITS = {"next_try": ""}
"""Trouble that only a person ends."""


def phone(number: str) -> Json:
    return {"PrimaryPhone": {"FreeFormNumber": number}}


def wants(firm: Firm, *clients: Client) -> None:
    """The sweep has noticed that these were changed."""
    for one in clients:
        Outbox.objects.update_or_create(
            open_key=Outbox.key("wanted", firm.connection.pk, str(one.pk)),
            defaults={
                "connection": firm.connection,
                "client_pk": str(one.pk),
                "kind": Outbox.Kind.UPDATE,
                "wanted_at": clock.now(),
            },
        )


def changes(firm: Firm, one: Client, **values: Any) -> None:
    """Somebody edits a client, and the sweep notices."""
    edit(one, **values)
    wants(firm, one)


def batches(requests: Requests) -> list[list[Json]]:
    """The items of every batch that was sent."""
    sent = [one for one in requests() if one["path"].endswith("/batch")]
    return [json.loads(one["body"])["BatchItemRequest"] for one in sent]


@pytest.fixture
def anna(firm: Firm) -> Client:
    """Mapped to customer 1, both with phone 1."""
    client("Anna Berg", "anna@berg.example", phone="1")
    firm.has(customer("1", "Anna Berg", "anna@berg.example", **phone("1")))
    firm.sync()
    return firm.client("1")


def test_an_edit_reaches_quickbooks(firm: Firm, anna: Client, requests: Requests) -> None:
    changes(firm, anna, phone="2")
    assert told(firm.sync()) == {("push", "Anna Berg", "done")}
    assert firm.record("1")["PrimaryPhone"] == {"FreeFormNumber": "2"}
    (item,) = batches(requests)[0]
    assert set(item["Customer"]) == {"Id", "SyncToken", "sparse", "PrimaryPhone"}
    change = Change.objects.get(side=Change.Side.QBO)
    assert change.values == {"phone": ["1", "2"]}
    assert change.intuit_tid
    mapping = firm.mapping("1")
    assert mapping.base["site"]["phone"] == mapping.base["qbo"]["phone"] == "2"
    assert not Send.objects.filter(is_open=True).exists()
    assert firm.sync() is None, "our own echo is no change"
    assert len(batches(requests)) == 1


def test_a_removal_travels(firm: Firm, anna: Client) -> None:
    changes(firm, anna, phone="")
    firm.sync()
    assert not firm.record("1").get("PrimaryPhone", {}).get("FreeFormNumber")
    assert firm.sync() is None
    assert not firm.cases()


def test_both_directions_at_once(firm: Firm, anna: Client) -> None:
    changes(firm, anna, phone="2")
    firm.edits("1", CompanyName="Berg Ltd")
    assert told(firm.sync()) == {("update", "Anna Berg", "done")}
    anna.refresh_from_db()
    assert (anna.phone, anna.company_name) == ("2", "Berg Ltd")
    record = firm.record("1")
    assert (record["PrimaryPhone"]["FreeFormNumber"], record["CompanyName"]) == ("2", "Berg Ltd")
    assert firm.sync() is None


def test_a_conflict_holds_its_field_and_no_other(firm: Firm, anna: Client) -> None:
    changes(firm, anna, phone="2", city="Salem")
    firm.edits("1", **phone("3"))
    firm.sync()
    assert firm.cases() == {("conflict", "1")}
    record = firm.record("1")
    assert record["PrimaryPhone"]["FreeFormNumber"] == "3"
    assert record["BillAddr"]["City"] == "Salem"
    assert firm.sync() is None


@pytest.mark.parametrize(
    ("policy", "phones"), [("qbo", ("3", "3")), ("site", ("2", "2")), ("ask", ("2", "3"))]
)
def test_the_policy_settles_conflicts(
    firm: Firm, anna: Client, policy: str, phones: tuple[str, str]
) -> None:
    firm.chooses(on_conflict=policy)
    changes(firm, anna, phone="2")
    firm.edits("1", **phone("3"))
    firm.sync()
    anna.refresh_from_db()
    assert (anna.phone, firm.record("1")["PrimaryPhone"]["FreeFormNumber"]) == phones
    assert firm.sync() is None


def test_a_policy_chosen_later_settles_what_waits(firm: Firm, anna: Client) -> None:
    changes(firm, anna, phone="2")
    firm.edits("1", **phone("3"))
    firm.sync()
    firm.chooses(on_conflict="site")
    firm.sync()
    assert firm.record("1")["PrimaryPhone"]["FreeFormNumber"] == "2"
    assert firm.cases() == set()


@pytest.mark.parametrize(
    ("terms", "phones"),
    [
        ({"direction": "pull"}, ("2", "1")),
        ({"direction": "pull", "field_directions": {"phone": "two_way"}}, ("2", "2")),
        ({"field_directions": {"phone": "pull"}}, ("2", "1")),
        ({"direction": "push"}, ("2", "2")),
    ],
)
def test_a_silent_side_sends_nothing(
    firm: Firm, anna: Client, terms: dict[str, Any], phones: tuple[str, str]
) -> None:
    firm.chooses(**terms)
    changes(firm, anna, phone="2")
    firm.sync()
    anna.refresh_from_db()
    assert (anna.phone, firm.record("1")["PrimaryPhone"]["FreeFormNumber"]) == phones
    assert not Outbox.objects.exclude(state="done").exists(), "nothing waits in vain"
    assert firm.sync() is None


def test_a_push_of_many_is_one_call_for_thirty_and_no_read(firm: Firm, requests: Requests) -> None:
    people = [customer(str(n), f"P {n}", f"p{n}@e.example", **phone("1")) for n in range(1, 62)]
    clients = [client(f"P {n}", f"p{n}@e.example", phone="1") for n in range(1, 62)]
    firm.has(*people)
    firm.sync()
    for one in clients:
        changes(firm, one, phone="2")
    run = firm.plan()
    before = len(requests())
    firm.approve(run)
    assert [one["path"][-6:] for one in requests()[before:]] == ["/batch"] * 3
    assert [len(items) for items in batches(requests)] == [30, 30, 1]


def edited_but_refused(firm: Firm, people: int, times: int) -> None:
    """So many clients get another phone; QuickBooks will refuse so many whole batches."""
    named = [(f"P {n}", f"p{n}@e.example") for n in range(1, people + 1)]
    clients = [client(*one, phone="1") for one in named]
    firm.has(*(customer(str(n), *one, **phone("1")) for n, one in enumerate(named, start=1)))
    firm.sync()
    for one in clients:
        edit(one, phone="2")
    rule = {"kind": "fault", "code": "2010", "status": 400, "path": "/batch", "count": times}
    firm.sandbox.post("faults", rule)


@pytest.mark.parametrize("killed", [False, True])
def test_a_batch_that_is_refused_as_a_whole_is_halved(
    firm: Firm, requests: Requests, killed: bool
) -> None:
    """Rule 13: only what is to blame is put aside."""
    edited_but_refused(firm, people=5, times=3)
    if killed:
        with killed_at("push.halved".__eq__), pytest.raises(Killed):
            firm.sync()
        expire_lease(firm.connection)
    firm.sync()
    assert [len(items) for items in batches(requests)] == [5, 2, 1, 1, 2, 1]
    assert firm.cases() == {("not_taken", "1")}
    numbers = {one["Id"]: one["PrimaryPhone"]["FreeFormNumber"] for one in firm.records()}
    assert numbers == {"1": "1", "2": "2", "3": "2", "4": "2", "5": "2"}


def test_a_batch_of_unknown_outcome_that_is_refused_as_a_whole_blames_nobody(
    firm: Firm, requests: Requests
) -> None:
    """Killed between noting the try and sending: read what came of it, and send it anew."""
    edited_but_refused(firm, people=3, times=1)
    with killed_at("push.sending".__eq__), pytest.raises(Killed):
        firm.sync()
    expire_lease(firm.connection)
    firm.walk()
    firm.sync()
    assert [len(items) for items in batches(requests)] == [3, 3]
    assert firm.cases() == set()
    assert {one["PrimaryPhone"]["FreeFormNumber"] for one in firm.records()} == {"2"}


def test_many_429s_blame_no_record(firm: Firm, anna: Client) -> None:
    """Rule 13: limits delay the company; nothing was taken, so no try is counted."""
    changes(firm, anna, phone="2")
    firm.sandbox.post("faults", {"kind": "throttle_json", "path": "/batch", "count": 12})
    firm.sync()
    for _ in range(12):
        assert list(Outbox.objects.values_list("rounds")) == [(0,)]
        SyncState.objects.update(blocked_until=None)
        firm.walk()
    assert firm.cases() == set()
    assert firm.record("1")["PrimaryPhone"] == {"FreeFormNumber": "2"}


def test_what_a_person_said_during_a_429_counts(firm: Firm) -> None:
    """Rule 15: the batch was not taken, so who was left out of it since stays out."""
    pushed = ContactType.objects.create(name="Monthly")
    client("Anna Berg", "anna@berg.example", phone="1")
    firm.has(customer("1", "Anna Berg", "anna@berg.example", **phone("1")))
    firm.chooses(pushed_types=[str(pushed.pk)])
    firm.sync()
    bo = client("Bo Coe", contact_type=pushed)
    edit(firm.client("1"), phone="2")
    firm.sandbox.post("faults", {"kind": "throttle_json", "path": "/batch", "count": 1})
    firm.sync()
    exclusion.exclude_client(firm.connection, str(bo.pk), None)
    exclusion.disconnect_customer(firm.connection, "1", None)
    SyncState.objects.update(blocked_until=None)
    firm.walk()
    assert [(one["DisplayName"], one["PrimaryPhone"]) for one in firm.records()] == [
        ("Anna Berg", {"FreeFormNumber": "1"})
    ]


def test_the_brake_counts_what_is_sent(firm: Firm) -> None:
    count = 26
    clients = [client(f"P {n}", f"p{n}@e.example", phone="1") for n in range(count)]
    firm.has(
        *(customer(str(n + 1), f"P {n}", f"p{n}@e.example", **phone("1")) for n in range(count))
    )
    firm.sync()
    for one in clients:
        changes(firm, one, phone="2")
    run = firm.plan()
    assert run.counts["push"] == count
    assert {one["PrimaryPhone"]["FreeFormNumber"] for one in firm.records()} == {"1"}


def test_an_edit_after_the_plan_is_not_lost(firm: Firm, anna: Client) -> None:
    changes(firm, anna, phone="2")
    with at("plan.finished", lambda: edit(anna, phone="3")):
        run = firm.sync()
    assert told(run) == {("push", "Anna Berg", "held")}
    firm.sync()
    assert firm.record("1")["PrimaryPhone"] == {"FreeFormNumber": "3"}


@pytest.mark.parametrize("later", ["3", "1"])
def test_an_edit_while_it_is_under_way_follows(firm: Firm, anna: Client, later: str) -> None:
    """Also one that goes back to what was agreed upon before."""

    def edits_again() -> None:
        edit(anna, phone=later)
        sweep.everything()

    edit(anna, phone="2")
    with at("push.sent", edits_again):
        firm.sync()
    assert firm.record("1")["PrimaryPhone"] == {"FreeFormNumber": "2"}
    firm.sync()
    assert firm.record("1")["PrimaryPhone"] == {"FreeFormNumber": later}


# When QuickBooks has moved on ------------------------------------------------------------------


def test_another_field_edited_there_meanwhile_stands(
    firm: Firm, anna: Client, requests: Requests
) -> None:
    """Rule 8: the stale SyncToken is refused, read again, merged again."""
    changes(firm, anna, phone="2")
    seen: list[str] = []

    def meanwhile() -> None:
        if not seen:
            firm.edits("1", CompanyName="Berg Ltd")
        seen.append("written")

    with at("push.written", meanwhile):
        firm.sync()
    assert len(seen) == 2, "sent, refused, and sent again"
    record = firm.record("1")
    assert (record["PrimaryPhone"]["FreeFormNumber"], record["CompanyName"]) == ("2", "Berg Ltd")
    anna.refresh_from_db()
    assert anna.company_name == "Berg Ltd"
    assert not firm.cases()


def test_the_same_field_edited_there_meanwhile_is_a_conflict(firm: Firm, anna: Client) -> None:
    changes(firm, anna, phone="2")
    with at("push.written", lambda: firm.edits("1", **phone("3"))):
        firm.sync()
    assert firm.cases() == {("conflict", "1")}
    assert firm.record("1")["PrimaryPhone"] == {"FreeFormNumber": "3"}


def test_after_three_rounds_a_person_is_told(firm: Firm, anna: Client) -> None:
    changes(firm, anna, phone="2")
    numbers = iter(range(100))
    with at("push.written", lambda: firm.edits("1", CompanyName=f"Berg {next(numbers)}")):
        firm.sync()
    assert firm.cases() == {("not_taken", "1")}
    assert next(numbers) == 3
    changes(firm, anna, phone="4")
    firm.sync()
    assert firm.record("1")["PrimaryPhone"] == {"FreeFormNumber": "4"}
    assert not firm.cases()


@pytest.mark.parametrize("killed", [False, True])
def test_no_round_is_made_without_the_reading_that_follows(
    firm: Firm, anna: Client, requests: Requests, killed: bool
) -> None:
    """QuickBooks moved on once, also where it cannot be read for a while or the walk ends."""
    bo = client("Bo Coe", "bo@coe.example", phone="1")
    firm.gets(customer("2", "Bo Coe", "bo@coe.example", **phone("1")))
    firm.sync()
    for one in (anna, bo):
        changes(firm, one, phone="2")
    with pytest.raises(Killed), killed_at("push.written".__eq__):
        firm.sync()
    expire_lease(firm.connection)
    firm.edits("1", CompanyName="Berg Ltd")
    if killed:
        with pytest.raises(Killed), killed_at("push.stored".__eq__):
            firm.walk()
        expire_lease(firm.connection)
    else:
        firm.sandbox.post("faults", {"kind": "unavailable_html", "path": "/query", "count": -1})
        firm.walk()
        assert firm.state.trouble and firm.record("2")["PrimaryPhone"]["FreeFormNumber"] == "2"
        assert not Outbox.objects.filter(client_pk=bo.pk, state="sent").exists(), "arrived"
        for _ in range(push.TRIES):
            try_again(firm)
        assert not firm.cases()
        firm.sandbox.delete("faults")
    try_again(firm)
    record = firm.record("1")
    assert (record["PrimaryPhone"]["FreeFormNumber"], record["CompanyName"]) == ("2", "Berg Ltd")
    assert not firm.cases()
    assert len({one["requestid"] for one in requests() if one["path"].endswith("/batch")}) == 2


# When nobody knows what became of it -------------------------------------------------------------


def cut(firm: Firm, when: str, count: int = 1) -> None:
    rule = {"kind": "cut", "path": "/batch", "when": when, "count": count}
    firm.sandbox.post("faults", rule)


def try_again(firm: Firm) -> None:
    """The back-off is over."""
    SyncState.objects.update(blocked_until=None)
    firm.walk()


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_lost_reply_is_settled_by_sending_the_same_again(
    firm: Firm, anna: Client, requests: Requests, when: str
) -> None:
    changes(firm, anna, phone="2")
    token = int(firm.record("1")["SyncToken"])
    cut(firm, when)
    firm.sync()
    assert Send.objects.get().is_open
    try_again(firm)
    first, second = [one for one in requests() if one["path"].endswith("/batch")]
    assert (first["requestid"], first["body"]) == (second["requestid"], second["body"])
    record = firm.record("1")
    assert record["PrimaryPhone"] == {"FreeFormNumber": "2"}
    assert int(record["SyncToken"]) == token + 1, "done once"
    assert not Send.objects.get().is_open
    assert firm.sync() is None


@pytest.mark.parametrize("when", ["before", "after"])
def test_when_it_is_too_late_to_send_again_it_is_settled_by_reading(
    firm: Firm, anna: Client, requests: Requests, when: str
) -> None:
    changes(firm, anna, phone="2")
    token = int(firm.record("1")["SyncToken"])
    cut(firm, when)
    firm.sync()
    Send.objects.update(first_tried_at=clock.now() - push.REPLAYED_FOR - timedelta(seconds=1))
    try_again(firm)
    record = firm.record("1")
    assert record["PrimaryPhone"] == {"FreeFormNumber": "2"}
    assert int(record["SyncToken"]) == token + 1, "done once"
    assert not Send.objects.filter(is_open=True).exists()
    assert Change.objects.filter(side=Change.Side.QBO).count() == 1
    assert firm.sync() is None


@pytest.mark.parametrize("how", ["refused", "read"])
def test_a_customer_that_is_not_there_any_more_is_gone(
    firm: Firm, anna: Client, capsys: pytest.CaptureFixture[str], how: str
) -> None:
    """U8. What was edited waits with the mapping, and travels if the customer is there again."""
    changes(firm, anna, phone="2")
    if how == "read":
        cut(firm, "before")
        firm.sync()
        Send.objects.update(first_tried_at=clock.now() - push.REPLAYED_FOR - timedelta(seconds=1))
        firm.has()
        try_again(firm)
    with at("push.written", firm.has):
        firm.sync()
    run = Run.objects.latest("pk")
    assert told(run) == {("sleep", "Anna Berg", "done")}
    assert run.steps.get().label == "No longer in QuickBooks"
    assert firm.mapping("1").asleep == Mapping.Asleep.INACTIVE
    assert firm.cases() == {("gone", "1")}
    call_command("qbo_why", "1")
    assert "“Anna Berg” is no longer in QuickBooks" in capsys.readouterr().out
    assert firm.sync() is None
    firm.has(customer("1", "Anna Berg", "anna@berg.example", **phone("1")))
    firm.sync()
    assert firm.record("1")["PrimaryPhone"] == {"FreeFormNumber": "2"}
    assert not firm.cases()


def test_it_is_sent_again_three_times_at_most(firm: Firm, anna: Client, requests: Requests) -> None:
    changes(firm, anna, phone="2")
    cut(firm, "before", count=-1)
    firm.sync()
    for _ in range(3):
        try_again(firm)
    assert len(batches(requests)) == push.TRIES + 1, "after that it is read, and a new one made"
    assert Send.objects.count() == 2


def test_a_customer_that_cannot_be_read_settles_nothing_and_stops_nothing(
    firm: Firm, anna: Client
) -> None:
    changes(firm, anna, phone="2")
    with pytest.raises(Killed), killed_at("push.written".__eq__):
        firm.sync()
    found = replies.as_read(Outbox.objects.get(), [{"Id": "1", "PrimaryPhone": "no object"}])
    assert isinstance(found, writes.Refused) and found.error.action is Action.CASE


@pytest.mark.parametrize(("trouble", "rings"), [({}, 1), ({"next_try": "soon"}, 1), (WAITS, 0)])
def test_the_tick_rings_for_what_is_to_be_sent(
    firm: Firm,
    anna: Client,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
    trouble: Json,
    rings: int,
) -> None:
    changes(firm, anna, phone="2")
    with pytest.raises(Killed), killed_at("apply.finished".__eq__):
        firm.sync()
    expire_lease(firm.connection)
    SyncState.objects.update(phase=SyncState.Phase.REST, trouble=trouble)
    with django_capture_on_commit_callbacks() as callbacks:
        cycle.heal()
    assert len(rung(callbacks, "walk")) == rings


def test_one_lost_item_does_not_hold_the_others(firm: Firm, anna: Client) -> None:
    bo = client("Bo Coe", "bo@coe.example", phone="1")
    firm.gets(customer("2", "Bo Coe", "bo@coe.example", **phone("1")))
    firm.sync()
    changes(firm, anna, phone="2")
    changes(firm, bo, phone="2")
    firm.sandbox.post(
        "faults", {"kind": "system_fault", "path": "/batch", "item": '"Id": ?"2"', "count": 1}
    )
    firm.sync()
    assert firm.record("1")["PrimaryPhone"] == {"FreeFormNumber": "2"}
    for _ in range(push.TRIES):
        try_again(firm)
    assert firm.record("2")["PrimaryPhone"] == {"FreeFormNumber": "2"}
    assert not firm.cases()


# What QuickBooks does not take --------------------------------------------------------------------


def test_what_it_would_refuse_is_not_sent(firm: Firm, anna: Client, requests: Requests) -> None:
    """U10: nothing is truncated in silence, and the rest of the edit travels."""
    changes(firm, anna, name="Anna: Berg", phone="2")
    firm.sync()
    assert firm.cases() == {("unsendable", "1")}
    (problem,) = firm.case("unsendable", "1").facts["problems"]
    assert problem["path"] == "name"
    assert firm.record("1")["DisplayName"] == "Anna Berg"
    assert firm.record("1")["PrimaryPhone"] == {"FreeFormNumber": "2"}
    changes(firm, anna, name="Anna Coe")
    firm.sync()
    assert firm.record("1")["DisplayName"] == "Anna Coe"
    assert not firm.cases()


def test_what_it_refuses_is_a_case_and_is_not_tried_again(
    firm: Firm, anna: Client, requests: Requests
) -> None:
    firm.gets(customer("2", "Taken Name"))
    firm.sync()
    changes(firm, anna, name="Taken Name")
    firm.sync()
    case = firm.case("not_taken", "1")
    assert (case.facts["code"], case.facts["fields"]) == ("6240", ["name"])
    assert case.facts["intuit_tid"]
    sent = len(batches(requests))
    assert firm.sync() is None
    assert len(batches(requests)) == sent
    changes(firm, anna, name="Free Name")
    firm.sync()
    assert firm.record("1")["DisplayName"] == "Free Name"
    assert Case.objects.get(pk=case.pk).open_key is None


def test_what_it_kept_instead_is_a_case(firm: Firm, anna: Client) -> None:
    firm.sandbox.post("switches", {"clear_by": "null"})  # a blank clears nothing there
    changes(firm, anna, phone="")
    firm.sync()
    assert firm.record("1")["PrimaryPhone"] == {"FreeFormNumber": "1"}
    assert firm.case("kept", "1").facts["conflicts"] == {"phone": {"site": "", "qbo": "1"}}
    assert firm.sync() is None, "the difference stands as agreed"


@pytest.mark.parametrize("when", ["before it is applied", "while it is applied"])
@pytest.mark.parametrize(
    ("direction", "held"), [("push", {"update"}), ("pull", {"push"}), ("two_way", set())]
)
def test_a_direction_that_is_set_after_the_plan_is_heeded(
    firm: Firm, anna: Client, direction: str, held: set[str], when: str
) -> None:
    """U2, for both directions: what was planned to travel the other way is looked at anew."""
    client("Bo Coe", "bo@coe.example", phone="1")
    firm.gets(customer("2", "Bo Coe", "bo@coe.example", **phone("1")))
    firm.sync()
    changes(firm, anna, phone="2")
    firm.edits("2", **phone("3"))
    decide.ask_for_plan(firm.connection)
    firm.walk()
    run = Run.objects.get(state=Run.State.WAITING)
    choose = partial(firm.chooses, field_directions={"phone": direction})
    with at("apply.looked", choose) if when.startswith("while") else nullcontext(choose()):
        firm.approve(run)
    for _ in range(2):
        sent, written = "1" if "push" in held else "2", "1" if "update" in held else "3"
        assert firm.record("1")["PrimaryPhone"] == {"FreeFormNumber": sent}
        assert firm.client("2").phone == written
        firm.sync()
    assert set(run.steps.filter(state="held").values_list("kind", flat=True)) == held
    assert not Outbox.objects.exclude(state="done").exists(), "nothing waits in vain"


# Ending the process -----------------------------------------------------------------------------


def test_killed_at_any_point_it_arrives_once(firm: Firm, anna: Client, requests: Requests) -> None:
    passed: list[str] = []
    clock.stop_at(passed.append)
    changes(firm, anna, phone="2")
    firm.sync()
    clock.stop_at(None)
    points = [point for point in passed if point.startswith(("push.", "apply.", "plan."))]
    assert {"push.written", "push.sending", "push.sent", "push.stored"} <= set(points)
    for number, point in enumerate(dict.fromkeys(points), 3):
        token = int(firm.record("1")["SyncToken"])
        changes(firm, anna, phone=str(number))
        with pytest.raises(Killed), killed_at(point.__eq__):
            firm.sync()
        expire_lease(firm.connection)
        firm.sync()
        record = firm.record("1")
        assert record["PrimaryPhone"] == {"FreeFormNumber": str(number)}, point
        assert int(record["SyncToken"]) == token + 1, point
        assert not Outbox.objects.exclude(state="done").exists(), point
        assert firm.sync() is None, point


@pytest.mark.parametrize("is_lost", [False, True])
def test_the_other_addresses_of_an_email_are_no_question(firm: Firm, is_lost: bool) -> None:
    """Of several a site with one address knows the first; the others survive its edit."""
    firm.sandbox.post("switches", {"several_emails": "accept"})
    client("Anna Berg", "anna@berg.example")
    firm.has(customer("1", "Anna Berg", "anna@berg.example, office@berg.example"))
    firm.sync()
    edit(firm.client("1"), email="a.berg@berg.example")
    if is_lost:
        cut(firm, "after")
    firm.sync()
    Send.objects.update(first_tried_at=clock.now() - push.REPLAYED_FOR - timedelta(seconds=1))
    try_again(firm)
    assert firm.record("1")["PrimaryEmailAddr"] == {
        "Address": "a.berg@berg.example, office@berg.example"
    }
    assert not firm.cases()
    assert firm.sync() is None
