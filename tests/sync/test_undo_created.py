"""Taking back that a customer was created in QuickBooks: inactive, never again by itself (U5)."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from crm.models import Client, ContactType
from pytest_django import DjangoCaptureOnCommitCallbacks

from wagtail_qbo_sync.models import Case, Change, Customer, Decision, Outbox, Run, Step
from wagtail_qbo_sync.sync.applying import judge, putting_back
from wagtail_qbo_sync.sync.people import decide
from wagtail_qbo_sync.sync.planning import undoing
from wagtail_qbo_sync.sync.records.locked import Refusal
from wagtail_qbo_sync.sync.sending import replies
from wagtail_qbo_sync.sync.walk import gap

from .conftest import Json, customer
from .crashes import undone as rolled_back
from .firm import (
    Firm,
    Killed,
    at,
    client,
    edit,
    expire_lease,
    killed_at,
    picture,
    why,
)
from .test_crash import dies_at, points
from .test_newcomers import made, pushed, synced  # noqa: F401
from .test_push import batches, phone
from .test_undoing import dana, undone, walked  # noqa: F401


@pytest.fixture
def bo(synced: Firm, pushed: ContactType) -> Client:  # noqa: F811
    """A client of whom the last run has made a customer."""
    return client("Bo Coe", "bo@coe.example", phone="2", contact_type=pushed)


@pytest.fixture
def run(synced: Firm, bo: Client) -> Run:  # noqa: F811
    found = synced.sync()
    assert found is not None
    return found


@pytest.fixture
def qbo_id(synced: Firm, run: Run) -> str:  # noqa: F811
    return made(synced)["Bo Coe"]


def test_it_is_made_inactive_and_parted(
    synced: Firm,  # noqa: F811
    run: Run,
    qbo_id: str,
    bo: Client,
    dana: object,  # noqa: F811
    requests: Callable[..., list[Json]],
) -> None:
    step = run.steps.get()
    assert (step.qbo_id, step.data["customer"]) == (qbo_id, "Bo Coe"), "the step names it"
    plan = undone(synced, run, dana)
    record = synced.record(qbo_id)
    assert (record["Active"], record["DisplayName"]) == (False, "Bo Coe (deleted)")
    (item,) = batches(requests)[-1]
    assert item["Customer"] == {"Active": False, "Id": qbo_id, "SyncToken": "0", "sparse": True}
    assert synced.mapped() == {}
    removed = Decision.objects.get()
    assert (removed.kind, removed.qbo_id, removed.client_pk, removed.by) == (
        Decision.Kind.REMOVED_MATCH,
        qbo_id,
        str(bo.pk),
        dana,
    )
    change = Change.objects.get(run=plan)
    assert (change.values, change.actor) == ({"active": [True, False]}, dana)
    assert change.intuit_tid
    bo.refresh_from_db()
    assert bo.name == "Bo Coe", "the client stays as it was"
    assert synced.sync() is None


def test_a_later_edit_does_not_create_it_again(
    synced: Firm,  # noqa: F811
    run: Run,
    bo: Client,
) -> None:
    """K7, rule 15: a person is asked."""
    undone(synced, run)
    edit(bo, phone="3")
    synced.sync()
    assert set(made(synced)) == {"Bo Coe (deleted)"}
    assert Case.objects.get(open_key__isnull=False).kind == Case.Kind.ALIKE
    assert not Outbox.objects.filter(open_key__isnull=False).exists()


def test_the_undo_can_be_undone(synced: Firm, run: Run, qbo_id: str, bo: Client) -> None:  # noqa: F811
    first = undone(synced, run)
    second = undone(synced, first)
    record = synced.record(qbo_id)
    assert (record["Active"], record["DisplayName"]) == (True, "Bo Coe")
    assert synced.mapped() == {qbo_id: "Bo Coe"}
    assert not Decision.objects.exists()
    edit(bo, phone="3")
    synced.sync()
    assert synced.record(qbo_id)["PrimaryPhone"]["FreeFormNumber"] == "3", "it syncs again"
    undone(synced, second)
    assert not synced.record(qbo_id)["Active"]


def test_a_third_undo_in_a_row_ends_as_the_first(
    synced: Firm,  # noqa: F811
    run: Run,
    qbo_id: str,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    undoes = run
    for active in (False, True, False):
        plan = undoing.start(undoes, None)
        assert decide.approve(plan, None)
        walked(synced, django_capture_on_commit_callbacks)
        undoes = Run.objects.get(pk=plan.pk)
        assert undoes.state == Run.State.DONE, undoes.steps.get().data
        assert synced.record(qbo_id)["Active"] is active
        assert synced.mapped() == ({qbo_id: "Bo Coe"} if active else {})
    assert synced.sync() is None


def test_undoing_twice_is_the_same_as_once(synced: Firm, run: Run, qbo_id: str) -> None:  # noqa: F811
    undone(synced, run)
    again = undone(synced, run)
    assert why(again, qbo_id) == judge.INACTIVE_ALREADY
    assert not synced.record(qbo_id)["Active"]


def test_an_open_balance_is_the_answer(synced: Firm, run: Run, qbo_id: str, bo: Client) -> None:  # noqa: F811
    """What QuickBooks refuses changes nothing on either side."""
    synced.gets({**synced.record(qbo_id), "Balance": 12.5})
    plan = undoing.start(run, None)
    synced.approve(plan)
    step = plan.steps.get()
    assert step.state == Step.State.FAILED
    assert "open balance" in step.data["why"] and step.data["intuit_tid"]
    assert synced.record(qbo_id)["Active"] and synced.mapped() == {qbo_id: "Bo Coe"}
    assert not Case.objects.exists(), "the undo's page is the answer"
    edit(bo, phone="3")
    synced.sync()
    assert synced.record(qbo_id)["PrimaryPhone"]["FreeFormNumber"] == "3"
    synced.gets({**synced.record(qbo_id), "Balance": 0})
    undone(synced, run)
    assert not synced.record(qbo_id)["Active"], "and it can be tried again"


@pytest.mark.parametrize("is_seen", [True, False])
def test_a_customer_that_somebody_has_edited_stays(
    synced: Firm,  # noqa: F811
    run: Run,
    qbo_id: str,
    is_seen: bool,
) -> None:
    """Also where the edit is only noticed by the stale SyncToken."""
    synced.edits(qbo_id, **phone("9"))
    if is_seen:
        synced.sync()
    plan = undoing.start(run, None)
    synced.approve(plan)
    synced.walk()
    assert synced.record(qbo_id)["Active"]
    assert why(plan, qbo_id) == putting_back.EDITED_SINCE
    assert synced.mapped() == {qbo_id: "Bo Coe"}


def test_what_we_do_not_sync_is_no_edit(synced: Firm, run: Run, qbo_id: str) -> None:  # noqa: F811
    synced.edits(qbo_id, Notes="x")
    synced.approve(undoing.start(run, None))
    synced.walk()
    assert not synced.record(qbo_id)["Active"]


def test_who_moves_on_each_time_is_left(
    synced: Firm,  # noqa: F811
    run: Run,
    qbo_id: str,
) -> None:
    numbers = iter(range(99))
    plan = undoing.start(run, None)
    with at("push.written", lambda: synced.edits(qbo_id, Notes=str(next(numbers)))):
        synced.approve(plan)
        synced.walk()
        synced.walk()
    assert why(plan, qbo_id) == replies.MOVED_ON
    assert synced.record(qbo_id)["Active"]


def test_what_is_not_sent_when_its_plan_is_pruned_is_dropped_after_a_gap(
    synced: Firm,  # noqa: F811
    run: Run,
    qbo_id: str,
) -> None:
    """U17, U19: what was approved is not kept any more, and the sync goes on."""
    plan = undoing.start(run, None)
    with killed_at(lambda name: name == "push.written"), pytest.raises(Killed):
        synced.approve(plan)
    expire_lease(synced.connection)
    plan.delete()
    gap.restored(synced.connection)
    assert not Outbox.objects.filter(open_key__isnull=False).exists()
    synced.walk()
    assert synced.record(qbo_id)["Active"] and synced.mapped() == {qbo_id: "Bo Coe"}


def test_who_moves_on_when_the_plan_is_pruned_is_left(
    synced: Firm,  # noqa: F811
    run: Run,
    qbo_id: str,
) -> None:
    plan = undoing.start(run, None)

    def moves_on() -> None:
        synced.edits(qbo_id, Notes="x")
        Run.objects.filter(pk=plan.pk).delete()

    with at("push.written", moves_on):
        synced.approve(plan)
    assert not Outbox.objects.filter(open_key__isnull=False).exists()
    assert synced.record(qbo_id)["Active"] and synced.mapped() == {qbo_id: "Bo Coe"}


def test_one_record_and_one_that_was_mapped_to_another(
    synced: Firm,  # noqa: F811
    pushed: ContactType,  # noqa: F811
    bo: Client,
) -> None:
    client("Cy Dee", contact_type=pushed)
    run = synced.sync()
    assert run is not None
    ids = made(synced)
    undone(synced, run, qbo_id=ids["Bo Coe"])
    assert set(made(synced)) == {"Bo Coe (deleted)", "Cy Dee"}
    plan = undoing.start(run, None, qbo_id=ids["Cy Dee"])
    synced.mapping(ids["Cy Dee"]).delete()
    synced.maps(ids["Cy Dee"], client("Somebody Else"))
    synced.approve(plan)
    assert why(plan, ids["Cy Dee"]) == judge.MAPPING_CHANGED
    assert synced.record(ids["Cy Dee"])["Active"]


def test_a_client_that_is_gone_is_no_reason_against_it(
    synced: Firm,  # noqa: F811
    run: Run,
    qbo_id: str,
    bo: Client,
) -> None:
    bo.delete()
    undone(synced, run)
    assert not synced.record(qbo_id)["Active"]
    assert Customer.objects.get(qbo_id=qbo_id).standing == Customer.Standing.INACTIVE


def test_what_is_still_on_its_way_comes_first(synced: Firm, bo: Client) -> None:  # noqa: F811
    with killed_at(lambda name: name == "push.written"), pytest.raises(Killed):
        synced.sync()
    run = Run.objects.latest("pk")
    with pytest.raises(Refusal, match="on its way"):
        undoing.start(run, None)


# Killed while it is applied -----------------------------------------------------------------------


def test_killed_at_any_point_of_applying_it_reaches_the_same_end(
    synced: Firm,  # noqa: F811
    pushed: ContactType,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A run that wrote on both sides, made a client, and created a customer."""
    for name in ("RECORDS", "BULK_RECORDS"):
        monkeypatch.setattr(f"wagtail_qbo_sync.sync.applying.apply.{name}", 2)
    synced.chooses(unmatched="create")
    anna = client("Anna Berg", "anna@berg.example", phone="1", mobile="1")
    synced.gets(
        customer(
            "2", "Anna Berg", "anna@berg.example", **phone("1"), Mobile={"FreeFormNumber": "1"}
        )
    )
    synced.sync()
    synced.edits("2", **phone("2"))
    edit(anna, mobile="2")
    client("Bo Coe", contact_type=pushed)
    synced.gets(customer("3", "Carl Dunn"))
    run = synced.sync()
    assert run is not None
    assert {step.kind for step in run.steps.all()} == {"update", "add", "create"}
    plan = undoing.start(run, None)
    assert decide.approve(plan, None)
    there = synced.records()

    def end() -> tuple[Json, list[tuple[object, ...]]]:
        Change.objects.update(intuit_tid="")  # another call, another number
        names = ("Id", "SyncToken", "Active", "DisplayName", "PrimaryPhone", "Mobile")
        return picture(), [tuple(one.get(name) for name in names) for one in synced.records()]

    with rolled_back():
        passed = points(synced)
        undisturbed = end()
    assert {"apply.written", "apply.recorded", "push.sending", "push.stored"} <= {*passed}
    for hit, name in enumerate(passed):
        synced.has(*there)
        with rolled_back():
            dies_at(synced, hit)
            expire_lease(synced.connection)
            synced.walk()
            assert end() == undisturbed, f"killed at {name}, point {hit} of {passed}"
