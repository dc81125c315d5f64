"""`manage.py qbo_undo` and `qbo_compare`: what they print, and how they end (U15)."""

from __future__ import annotations

import json

import pytest

from wagtail_qbo_sync.models import Connection, Run
from wagtail_qbo_sync.sync.planning import undoing

from .firm import Firm, Killed, client, edit, killed_at
from .test_commands import answers, exit_status, failure, no_terminal, run  # noqa: F401
from .test_push import anna, changes, phone  # noqa: F401


@pytest.fixture
def done(firm: Firm, anna: object) -> Run:  # noqa: F811
    """A run that wrote a phone to the site."""
    firm.edits("1", **phone("2"))
    found = firm.sync()
    assert found is not None
    return found


def test_a_run_is_taken_back_with_yes(firm: Firm, done: Run) -> None:
    said = run("qbo_undo", str(done.pk), "--yes")
    assert "Put back: Anna Berg = Anna Berg" in said
    assert "Site, Phone: 2 -> 1" in said
    assert "Taken back: 1 of 1." in said
    assert firm.client_phone("Anna Berg") == "1"
    undo = Run.objects.get(undoes=done)
    again = run("qbo_undo", str(done.pk), "--yes")
    assert "Anna Berg: Held back. A later run has written this since" in again, "twice is once"
    assert f"(Run {undo.pk})" in again


def test_without_a_terminal_the_plan_waits(firm: Firm, done: Run) -> None:
    code, said = exit_status("qbo_undo", str(done.pk), "--customer", "1", "--field", "phone")
    plan = Run.objects.get(undoes=done)
    assert (code, plan.state) == (3, Run.State.WAITING)
    assert f"qbo_sync --approve {plan.pk}" in said
    assert firm.client_phone("Anna Berg") == "2"
    run("qbo_sync", "--approve", str(plan.pk))
    assert firm.client_phone("Anna Berg") == "1"


def test_on_a_terminal_it_asks(firm: Firm, done: Run, answers: object) -> None:  # noqa: F811
    asked = answers("y")  # type: ignore[operator]
    run("qbo_undo", str(done.pk))
    assert asked == ["Take this back? [y/N] "]
    assert firm.client_phone("Anna Berg") == "1"


def test_a_plan_is_discarded_also_while_it_is_made(firm: Firm, done: Run) -> None:
    exit_status("qbo_undo", str(done.pk))
    waiting = Run.objects.get(undoes=done)
    assert "is discarded" in run("qbo_sync", "--discard", str(waiting.pk))
    assert "does not wait" in failure("qbo_sync", "--discard", str(waiting.pk))
    with killed_at("undo.planned".__eq__), pytest.raises(Killed):
        undoing.start(done, None)
    made = Run.objects.latest("pk")
    assert made.state == Run.State.PLANNING
    run("qbo_sync", "--discard", str(made.pk))
    made.refresh_from_db()
    assert made.state == Run.State.DISCARDED
    assert "no plan" in failure("qbo_sync", "--discard", "4711")


def test_what_was_edited_since_is_taken_back_all_the_same(firm: Firm, done: Run) -> None:
    firm.edits("1", **phone("3"))
    edit(firm.client("1"), phone="4")
    said = run("qbo_undo", str(done.pk), "--yes")
    assert "Somebody has edited this since" in said
    said = run("qbo_decide", "take-back", "--customer", "1")
    plan = Run.objects.get(state=Run.State.WAITING)
    assert said == f"Plan {plan.pk} waits. To apply it: manage.py qbo_sync --approve {plan.pk}\n"
    assert plan.steps.get().data["values"] == {"phone": ["4", "1"]}
    run("qbo_sync", "--approve", str(plan.pk))
    assert firm.client_phone("Anna Berg") == "1"
    assert "no problem of it" in failure("qbo_decide", "take-back", "--customer", "1")


def test_what_was_put_back_by_hand_is_not_planned(firm: Firm, done: Run) -> None:
    edit(firm.client("1"), phone="4")
    run("qbo_undo", str(done.pk), "--yes")
    edit(firm.client("1"), phone="1")
    said = run("qbo_decide", "take-back", "--customer", "1")
    assert said == "Nothing of it is to be taken back.\n"


def test_what_cannot_be_taken_back(firm: Firm, done: Run) -> None:
    assert "no run" in failure("qbo_undo", "4711")
    assert "nothing in it" in failure("qbo_undo", str(done.pk), "--customer", "4711")
    assert "--customer" in failure("qbo_undo", str(done.pk), "--field", "phone")
    field = ("--customer", "1", "--field", "fax")
    assert "Nothing of it" in run("qbo_undo", str(done.pk), *field)
    undoing.start(done, None)
    assert "A plan waits" in failure("qbo_undo", str(done.pk), "--customer", "1")


def test_compare_prints_the_certificate(firm: Firm, anna: object) -> None:  # noqa: F811
    assert "1 of 1 equal." in run("qbo_compare")
    firm.chooses(direction=Connection.Direction.PULL_ONLY)
    changes(firm, anna, phone="5")  # type: ignore[arg-type]
    firm.sync()
    said = run("qbo_compare")
    assert "0 of 1 equal." in said and "Anna Berg: Left as it is" in said and "Phone" in said
    (told,) = json.loads(run("qbo_compare", "--json"))
    assert (told["equal"], told["compared"]) == (0, 1)
    (one,) = told["differences"]
    assert (one["qbo_id"], one["why"], one["fields"]) == ("1", "one_way", ["phone"])


def test_compare_before_the_first_sync(firm: Firm) -> None:
    client("Nobody")
    assert "has not been synced yet" in failure("qbo_compare")
