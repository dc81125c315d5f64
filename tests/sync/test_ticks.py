"""A plan's steps that a person unticks, and plans that are only shown (U3, rule 15)."""

from __future__ import annotations

from typing import Any

import pytest
from crm.models import Client
from wagtail.models import ModelLogEntry

from tests import factories
from wagtail_qbo_sync.models import Change, Decision, Outbox, Run, Step
from wagtail_qbo_sync.sync.applying import judge
from wagtail_qbo_sync.sync.people import decide, mapping
from wagtail_qbo_sync.sync.people.ticks import by_others, can_untick, tick, touched_fields
from wagtail_qbo_sync.sync.records.locked import Refusal
from wagtail_qbo_sync.sync.records.runs import touching

from .conftest import Json, customer
from .firm import Firm, Killed, at, client, edit, expire_lease, killed_at, site, told, why
from .test_push import batches, changes


def phone(number: str) -> Json:
    return {"PrimaryPhone": {"FreeFormNumber": number}}


def untick(run: Run, *qbo_ids: str) -> None:
    assert tick(run, run.steps.filter(qbo_id__in=qbo_ids), ticked=False) == len(qbo_ids)


def shown(firm: Firm) -> Run:
    """Somebody asked what a sync would do."""
    decide.ask_for_plan(firm.connection)
    firm.walk()
    return Run.objects.get(connection=firm.connection, state=Run.State.WAITING)


@pytest.fixture
def first(firm: Firm) -> Run:
    """A first plan: two links that overwrite a phone, and a creation."""
    client("Anna Berg", "anna@berg.example", phone="1")
    client("Bo Coe", "bo@coe.example", phone="1")
    firm.chooses(unmatched="create")
    firm.has(
        customer("1", "Anna Berg", "anna@berg.example", **phone("2")),
        customer("2", "Bo Coe", "bo@coe.example", **phone("2")),
        customer("3", "Carl Dunn", "carl@dunn.example"),
    )
    return firm.plan()


def test_an_unticked_mapping_is_a_removed_match(firm: Firm, first: Run) -> None:
    untick(first, "1")
    firm.approve(first)
    assert told(first) == {
        ("link", "Anna Berg", "left"),
        ("link", "Bo Coe", "done"),
        ("create", "Carl Dunn", "done"),
    }
    assert firm.client_phone("Anna Berg") == "1"
    assert "1" not in firm.mapped()
    assert firm.sync() is None
    assert "1" not in firm.mapped()
    mapping.put_match_back(firm.connection, "1", None)
    firm.sync()
    assert firm.client("1").phone == "2", "a person's word brings it back"


def test_of_an_unticked_creation_no_client_is_made(firm: Firm, first: Run) -> None:
    untick(first, "3")
    firm.approve(first)
    assert Decision.objects.get().kind == Decision.Kind.CLIENT_DELETED
    assert firm.sync() is None
    assert not Client.objects.filter(name="Carl Dunn").exists()


@pytest.fixture
def pair(firm: Firm) -> Client:
    """Anna is mapped; both sides say phone 1 and mobile 1."""
    client("Anna Berg", "anna@berg.example", phone="1", mobile="1")
    both = {**phone("1"), "Mobile": {"FreeFormNumber": "1"}}
    firm.has(customer("1", "Anna Berg", "anna@berg.example", **both))
    firm.sync()
    return firm.client("1")


def test_an_unticked_change_stands_as_agreed_on_both_sides(
    firm: Firm, pair: Client, requests: Any
) -> None:
    firm.edits("1", **phone("2"))
    changes(firm, pair, mobile="2")
    plan = shown(firm)
    assert plan.steps.get().touches.split() == ["site:phone", "over:phone", "qbo:mobile"]
    untick(plan, "1")
    firm.approve(plan)
    assert told(plan) == {("update", "Anna Berg", "left")}
    assert plan.steps.get().data["unticked"]["values"] == {"phone": ["1", "2"]}
    for _again in range(2):
        assert firm.sync() is None
    pair.refresh_from_db()
    assert (pair.phone, pair.mobile) == ("1", "2")
    assert firm.record("1")["Mobile"] == {"FreeFormNumber": "1"}
    assert not batches(requests)
    assert not Change.objects.filter(run=plan).exists()
    assert not Outbox.objects.exists(), "the hint is used up"
    firm.edits("1", **phone("3"))
    firm.sync()
    pair.refresh_from_db()
    assert (pair.phone, pair.mobile) == ("3", "2"), "an edit travels, and that field alone"


def test_what_was_edited_since_is_held_back_and_asked_again(firm: Firm, pair: Client) -> None:
    firm.edits("1", **phone("2"))
    plan = shown(firm)
    untick(plan, "1")
    edit(pair, fax="7")
    changes(firm, pair, mobile="2")
    firm.approve(plan)
    assert why(plan, "1") == judge.CLIENT_CHANGED


def test_ticking_again(firm: Firm, first: Run) -> None:
    untick(first, "1", "2")
    assert tick(first, first.steps.filter(qbo_id="1"), ticked=True) == 1
    firm.approve(first)
    assert firm.mapped() == {"1": "Anna Berg", "3": "Carl Dunn"}


def test_only_steps_that_write_can_be_unticked(firm: Firm) -> None:
    firm.has(customer("1", "Anna Berg"))
    plan = firm.plan()
    step = plan.steps.get()
    assert step.kind == Step.Kind.WAIT and not can_untick(step)
    assert tick(plan, plan.steps.all(), ticked=False) == 0


def test_an_approved_plan_is_ticked_no_more(firm: Firm, first: Run) -> None:
    firm.approve(first)
    assert tick(first, first.steps.all(), ticked=False) is None


def test_steps_are_found_by_what_they_overwrite(firm: Firm, first: Run) -> None:
    untick(first, "2")
    assert {step.qbo_id for step in first.steps.filter(touching("over:phone"))} == {"1", "2"}
    assert not first.steps.filter(touching("over:email")).exists()
    assert touched_fields(first, Step.State.UNTICKED) == {"over": {"phone": 1}, "qbo": {}}


@pytest.mark.parametrize("point", ["apply.judged", "apply.written", "apply.recorded"])
def test_killed_while_it_leaves_a_step(firm: Firm, first: Run, point: str) -> None:
    untick(first, "1", "3")
    with killed_at(lambda name: name == point), pytest.raises(Killed):
        firm.approve(first)
    expire_lease(firm.connection)
    firm.walk()
    assert firm.mapped() == {"2": "Bo Coe"}
    assert Decision.objects.count() == 2


# Approved as it was shown ------------------------------------------------------------------------


def test_a_plan_is_applied_as_it_was_shown(firm: Firm, first: Run) -> None:
    """One's own ticks are seen, in whatever window; those of others, also taken back, are not."""
    ann, bo = factories.user(), factories.user()
    mine, theirs = first.steps.filter(qbo_id="1"), first.steps.filter(qbo_id="3")
    seen = by_others(first, ann)
    tick(first, mine, ann, ticked=False)
    tick(first, theirs, bo, ticked=False)
    with pytest.raises(Refusal, match="Somebody else has changed the ticks"):
        decide.approve(first, ann, seen)
    first.refresh_from_db()
    assert first.state == Run.State.WAITING and first.approved_by is None
    assert not ModelLogEntry.objects.filter(action="wagtail_qbo_sync.approve").exists()
    assert tick(first, theirs, bo, ticked=False) == 0
    seen = by_others(Run.objects.get(pk=first.pk), ann)
    tick(first, mine, ann, ticked=True)
    assert decide.approve(first, ann, seen)
    firm.walk()
    assert firm.mapped() == {"1": "Anna Berg", "2": "Bo Coe"}


def test_a_command_s_ticks_are_somebody_else_s(first: Run) -> None:
    ann = factories.user()
    untick(first, "1")
    with pytest.raises(Refusal):
        decide.approve(first, ann, seen=0)
    assert decide.approve(first, ann), "whatever is ticked"


# What a sync would do ---------------------------------------------------------------------------


def test_a_plan_that_is_asked_for_writes_nothing_on_either_side(firm: Firm, pair: Client) -> None:
    firm.edits("1", **phone("2"))
    changes(firm, pair, mobile="2")
    before = site(), firm.records()
    plan = shown(firm)
    assert (site(), firm.records()) == before
    assert not Outbox.objects.exclude(state=Outbox.State.WANTED).exists()
    assert plan.counts["overwritten"] == {"phone": 1} and plan.counts["sent"] == {"mobile": 1}
    firm.approve(plan)
    assert firm.client("1").phone == "2"
    assert firm.record("1")["Mobile"] == {"FreeFormNumber": "2"}


def test_only_the_plan_that_was_asked_for_is_shown(firm: Firm, pair: Client) -> None:
    firm.edits("1", **phone("2"))
    firm.approve(shown(firm))
    firm.edits("1", **phone("3"))
    run = firm.sync(approve=False)
    assert run is not None and run.state == Run.State.DONE
    decide.ask_for_plan(firm.connection)
    firm.walk()
    assert firm.state.shows == 0, "there was nothing to do"
    firm.edits("1", **phone("4"))
    run = firm.sync(approve=False)
    assert run is not None and run.state == Run.State.DONE


def test_asked_for_while_a_sync_is_under_way(firm: Firm, pair: Client) -> None:
    """The plan that is being made goes its way; the next one is shown."""
    firm.edits("1", **phone("2"))
    asked: list[int] = []

    def ask() -> None:
        if not asked:
            asked.append(decide.ask_for_plan(firm.connection))
            firm.edits("1", **phone("3"))

    with at("plan.stored", ask):
        firm.sync(approve=False)
    assert firm.client("1").phone == "2"
    firm.walk()
    waiting = Run.objects.get(state=Run.State.WAITING)
    assert waiting.steps.get().data["values"] == {"phone": ["2", "3"]}
