"""Clients that change and have a pushed type become customers (K12-K14, U10; rules 12 and 16)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from crm.models import Client, ContactType

from wagtail_qbo_sync import clock
from wagtail_qbo_sync.models import Case, Change, Decision, Mapping, Outbox, Run, Send, Step
from wagtail_qbo_sync.sync.noticing import sweep
from wagtail_qbo_sync.sync.people import decide
from wagtail_qbo_sync.sync.people.ticks import tick
from wagtail_qbo_sync.sync.sending import push, replies

from .conftest import Json, customer
from .firm import Firm, Killed, at, client, edit, expire_lease, killed_at
from .test_push import batches, cut, phone, try_again

Requests = Callable[..., list[Json]]


@pytest.fixture
def pushed(db: None) -> ContactType:
    """The type whose clients go to QuickBooks."""
    return ContactType.objects.create(name="Monthly books")


@pytest.fixture
def synced(firm: Firm, pushed: ContactType) -> Firm:
    """After its first sync, which found one customer that is nobody's."""
    firm.has(customer("1", "Tom Reed", "tom@reed.example", **phone("1")))
    firm.chooses(pushed_types=[str(pushed.pk)])
    firm.sync()
    return firm


def made(firm: Firm) -> dict[str, str]:
    """Name -> Id of the customers that were not there before."""
    return {one["DisplayName"]: one["Id"] for one in firm.records() if one["Id"] != "1"}


def asked() -> set[tuple[str, str, str]]:
    """(kind, customer, client by name) of all that is open."""
    names = {str(one.pk): one.name for one in Client.objects.all()}
    rows = Case.objects.filter(open_key__isnull=False).values_list("kind", "qbo_id", "client_pk")
    return {(kind, qbo_id, names.get(pk, pk)) for kind, qbo_id, pk in rows}


def test_a_new_client_of_a_pushed_type_becomes_a_customer(
    synced: Firm, pushed: ContactType, requests: Requests
) -> None:
    """K13, and it is kept up to date."""
    bo = client("Bo Coe", "bo@coe.example", phone="2", contact_type=pushed)
    client("Of another type")
    run = synced.sync()
    assert run is not None
    assert {(step.kind, step.state) for step in run.steps.all()} == {("add", "done")}
    assert set(made(synced)) == {"Bo Coe"}
    assert [len(items) for items in batches(requests)] == [1]
    assert synced.sync() is None, "what we made is nobody's event"
    edit(bo, phone="3")
    synced.sync()
    assert synced.record(made(synced)["Bo Coe"])["PrimaryPhone"] == {"FreeFormNumber": "3"}


def test_old_clients_are_never_created_and_three_that_change_are(
    firm: Firm, pushed: ContactType, requests: Requests
) -> None:
    """K7: no flood. K12: setting the types later creates nothing either."""
    other = ContactType.objects.create(name="Waiting list")
    Client.objects.bulk_create(
        Client(name=f"Old {number}", contact_type=pushed) for number in range(5_000)
    )
    Client.objects.bulk_create(Client(name=f"New {n}", contact_type=other) for n in range(3))
    firm.has(customer("1", "Nobody Else"))
    firm.sync()
    firm.chooses(pushed_types=[str(pushed.pk)])
    for _ in range(3):
        sweep.everything()
        firm.sync()
    assert not batches(requests) and not made(firm)
    Client.objects.filter(name__startswith="New").update(contact_type=pushed)
    sweep.everything()
    firm.sync()
    assert sorted(made(firm)) == ["New 0", "New 1", "New 2"]
    assert [len(items) for items in batches(requests)] == [3]


def test_many_are_one_call_for_thirty_and_no_read(
    synced: Firm, pushed: ContactType, requests: Requests
) -> None:
    for number in range(61):
        client(f"New {number}", contact_type=pushed)
    run = synced.plan()
    assert run.counts["add"] == 61, "the brake counts them (U3)"
    before = len(requests())
    synced.approve(run)
    assert [one["path"][-6:] for one in requests()[before:]] == ["/batch"] * 3
    assert [len(items) for items in batches(requests)] == [30, 30, 1]
    assert len(made(synced)) == 61
    assert len(synced.mapped()) == 61


# Matched first (K14) ----------------------------------------------------------------------------


def test_who_is_there_already_is_mapped_and_nothing_typed_is_lost(
    synced: Firm, pushed: ContactType
) -> None:
    """C13, from the site's side: blanks are filled, what differs is a conflict."""
    synced.edits("1", CompanyName="Reed Ltd")
    tom = client("Tom Reed", "tom@reed.example", phone="2", city="Salem", contact_type=pushed)
    synced.sync()
    tom.refresh_from_db()
    assert not made(synced) and synced.mapped() == {"1": "Tom Reed"}
    assert (tom.phone, tom.company_name) == ("2", "Reed Ltd")
    record = synced.record("1")
    assert (record["PrimaryPhone"]["FreeFormNumber"], record["BillAddr"]["City"]) == ("1", "Salem")
    assert asked() == {("conflict", "1", "Tom Reed")}


@pytest.mark.parametrize("who", ["free", "mapped", "excluded"])
def test_any_likeness_is_for_a_person(synced: Firm, pushed: ContactType, who: str) -> None:
    """K6, and the four Nos: beside an excluded customer none is created."""
    if who == "mapped":
        client("Tom Reed", "tom@reed.example")
        synced.sync()
    elif who == "excluded":
        synced.says(Decision.Kind.EXCLUDE_CUSTOMER, "1")
    client("Thea Reed", "tom@reed.example", contact_type=pushed)
    synced.sync()
    assert not made(synced)
    case = Case.objects.get(kind="alike", open_key__isnull=False)
    (alike,) = case.facts["customers"]
    assert alike == {"qbo_id": "1", "label": "Tom Reed", "by": ["email"], "taken": who != "free"}
    assert not Outbox.objects.filter(state="wanted").exists(), "the question is the answer"


def test_an_inactive_customer_is_no_likeness(synced: Firm, pushed: ContactType) -> None:
    synced.edits("1", Active=False)
    client("Tom Reed", "tom@reed.example", contact_type=pushed)
    synced.sync()
    assert "Tom Reed" in made(synced)


def test_whose_match_was_removed_is_for_a_person(synced: Firm, pushed: ContactType) -> None:
    bo = client("Bo Coe", contact_type=pushed)
    synced.says(Decision.Kind.REMOVED_MATCH, "1", bo)
    synced.sync()
    assert not made(synced) and ("alike", "", "Bo Coe") in asked()


def test_the_question_is_answered_by_another_name(synced: Firm, pushed: ContactType) -> None:
    thea = client("Thea Reed", "tom@reed.example", contact_type=pushed)
    synced.sync()
    assert ("alike", "", "Thea Reed") in asked()
    edit(thea, email="thea@reed.example")
    synced.sync()
    assert set(made(synced)) == {"Thea Reed"}
    assert not Case.objects.filter(kind="alike", open_key__isnull=False).exists()


@pytest.mark.parametrize("who", ["client", "company"])
def test_it_is_no_question_of_a_type_that_is_not_pushed_any_more(
    synced: Firm, pushed: ContactType, who: str
) -> None:
    thea = client("Thea Reed", "tom@reed.example", contact_type=pushed)
    synced.sync()
    assert ("alike", "", "Thea Reed") in asked()
    if who == "client":
        edit(thea, contact_type=ContactType.objects.create(name="Other"))
    else:
        synced.chooses(pushed_types=[])
    synced.sync()
    assert ("alike", "", "Thea Reed") not in asked()


def test_of_two_new_ones_that_are_alike_one_is_created(synced: Firm, pushed: ContactType) -> None:
    client("Ann Dow", "a@dow.example", contact_type=pushed)
    client("Ann Dow", "b@dow.example", contact_type=pushed)
    synced.sync()
    assert set(made(synced)) == {"Ann Dow"}
    assert ("alike", "", "Ann Dow") in asked()
    assert synced.sync() is None


def test_what_quickbooks_would_refuse_is_not_sent(
    synced: Firm, pushed: ContactType, requests: Requests
) -> None:
    """U10: never cut off."""
    bo = client("Coe: Bo", contact_type=pushed)
    synced.sync()
    assert not batches(requests) and asked() == {("unsendable", "", "Coe: Bo")}
    edit(bo, name="Bo Coe")
    synced.sync()
    assert set(made(synced)) == {"Bo Coe"} and asked() == set()


def test_a_type_that_is_lost_before_it_is_sent_withdraws_it(
    synced: Firm, pushed: ContactType, requests: Requests
) -> None:
    bo = client("Bo Coe", contact_type=pushed)
    other = ContactType.objects.create(name="Waiting list")
    with at("apply.committed", lambda: edit(bo, contact_type=other)):
        synced.sync()
    assert not batches(requests) and not Outbox.objects.exists()


def test_a_customer_that_comes_before_the_approval_holds_it_back(
    synced: Firm, pushed: ContactType
) -> None:
    for number in range(30):
        client(f"New {number}", f"n{number}@new.example", contact_type=pushed)
    run = synced.plan()
    synced.gets(customer("2", "New 7"))
    synced.sync(approve=False)
    synced.approve(run)
    held = run.steps.get(state=Step.State.HELD)
    assert held.data["client"] == "New 7"
    assert len(made(synced)) == 30, "29, and the one that a person made"


def test_unticked_no_customer_is_made_until_somebody_edits_the_client(
    synced: Firm, pushed: ContactType, requests: Requests
) -> None:
    """U3, rule 15."""
    bo = client("Bo Coe", "bo@coe.example", contact_type=pushed)
    decide.ask_for_plan(synced.connection)
    synced.walk()
    run = Run.objects.get(connection=synced.connection, state=Run.State.WAITING)
    assert tick(run, run.steps.filter(kind="add"), ticked=False) == 1
    synced.approve(run)
    assert {(step.kind, step.state) for step in run.steps.all()} == {("add", "left")}
    assert synced.sync() is None
    assert not made(synced) and not batches(requests)
    edit(bo, phone="3")
    synced.sync()
    assert set(made(synced)) == {"Bo Coe"}


# When nobody knows what became of it --------------------------------------------------------------


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("settled_by", ["sending again", "reading"])
def test_a_lost_reply_makes_no_second_customer(
    synced: Firm, pushed: ContactType, requests: Requests, when: str, settled_by: str
) -> None:
    """Rule 16. What came into being meanwhile is not taken for ours."""
    client("Bo Coe", "bo@coe.example", contact_type=pushed)
    cut(synced, when)
    synced.sync()
    assert Send.objects.get().is_open
    synced.gets(customer("2", "Cy Orr"))
    if settled_by == "reading":
        Send.objects.update(first_tried_at=clock.now() - push.REPLAYED_FOR - timedelta(seconds=1))
    try_again(synced)
    assert sorted(made(synced)) == ["Bo Coe", "Cy Orr"]
    assert synced.mapped() == {made(synced)["Bo Coe"]: "Bo Coe"}
    assert not Send.objects.filter(is_open=True).exists()
    assert Change.objects.filter(side=Change.Side.QBO).count() == 1
    first, *again = [one for one in requests() if one["path"].endswith("/batch")]
    if settled_by == "sending again":
        assert [one["body"] for one in again] == [first["body"]]
    else:
        assert len(again) == (when == "before")
    synced.sync()
    assert sorted(made(synced)) == ["Bo Coe", "Cy Orr"]


def test_one_that_never_arrives_is_told_at_last(synced: Firm, pushed: ContactType) -> None:
    bo = client("Bo Coe", "bo@coe.example", contact_type=pushed)
    cut(synced, "before")
    synced.sync()
    Send.objects.update(first_tried_at=clock.now() - push.REPLAYED_FOR - timedelta(seconds=1))
    Outbox.objects.update(rounds=replies.ROUNDS - 1)
    try_again(synced)
    case = Case.objects.get(client_pk=str(bo.pk))
    assert (case.kind, case.facts["message"]) == (Case.Kind.NOT_TAKEN, replies.NEVER_CAME)
    assert not made(synced)


def test_one_that_is_only_near_is_for_a_person(synced: Firm, pushed: ContactType) -> None:
    client("Bo Coe", "bo@coe.example", contact_type=pushed)
    cut(synced, "before")
    synced.sync()
    Send.objects.update(first_tried_at=clock.now() - push.REPLAYED_FOR - timedelta(seconds=1))
    made_there = customer("2", "BO  COE")
    made_there["MetaData"]["CreateTime"] = clock.now().isoformat(timespec="seconds")
    synced.sandbox.post("plant", {"realm": synced.realm, "records": [made_there]})
    try_again(synced)
    assert set(made(synced)) == {"BO  COE"} and synced.mapped() == {}
    assert ("alike", "", "Bo Coe") in asked()


def test_while_it_is_unknown_nobody_is_matched_or_created_from(
    synced: Firm, pushed: ContactType
) -> None:
    synced.chooses(unmatched="create")
    client("Bo Coe", "bo@coe.example", contact_type=pushed)
    cut(synced, "after", count=-1)
    synced.sync()
    for _ in range(2):
        try_again(synced)
        assert list(Client.objects.filter(name="Bo Coe").values_list("email", flat=True)) == [
            "bo@coe.example"
        ]
        assert synced.mapped().get(made(synced)["Bo Coe"]) is None


@pytest.mark.parametrize(
    "point",
    ["pull.stored", "plan.stored", "apply.looked", "apply.committed", "push.written"],
)
@pytest.mark.parametrize("email", ["bo@coe.example", "else@coe.example"])
def test_who_came_while_nobody_walked_is_no_second_customer(
    synced: Firm, pushed: ContactType, point: str, email: str
) -> None:
    """K14. The walker died before it had sent; meanwhile somebody made a customer by hand."""
    client("Bo Coe", "bo@coe.example", contact_type=pushed)
    with pytest.raises(Killed), killed_at(point.__eq__):
        synced.sync()
    expire_lease(synced.connection)
    synced.gets(customer("2", "Robert Coe", email))
    for _ in range(3):  # as often as it rings
        synced.walk()
    synced.sync()
    if email == "bo@coe.example":
        assert set(made(synced)) == {"Robert Coe"}
        assert ("alike", "", "Bo Coe") in asked()
    else:
        assert set(made(synced)) == {"Robert Coe", "Bo Coe"}


def test_killed_at_any_point_it_arrives_once(
    synced: Firm, pushed: ContactType, requests: Requests
) -> None:
    passed: list[str] = []
    clock.stop_at(passed.append)
    client("New 0", contact_type=pushed)
    synced.sync()
    clock.stop_at(None)
    points = [point for point in passed if point.startswith(("push.", "apply.", "plan.", "sweep."))]
    assert {"push.written", "push.sending", "push.sent", "push.stored"} <= set(points)
    for number, point in enumerate(dict.fromkeys(points), 1):
        one = client(f"New {number}", f"{number}@new.example", contact_type=pushed)
        with pytest.raises(Killed), killed_at(point.__eq__):
            synced.sync()
        expire_lease(synced.connection)
        synced.sync()
        assert len(made(synced)) == number + 1, point
        mapping = Mapping.objects.get(client=one)
        assert synced.record(mapping.qbo_id)["DisplayName"] == one.name, point
        assert not Outbox.objects.exclude(state="done").exists(), point
        assert synced.sync() is None, point
