"""Include again takes an exclusion back, and can itself be taken back."""

from __future__ import annotations

from tests.admin.desk import Desk
from wagtail_qbo_sync.models import Decision
from wagtail_qbo_sync.sync.people import decide, mapping


def test_a_policy_applies_again(desk: Desk) -> None:
    desk.does("exclude", "1")
    desk.firm.chooses(unmatched="create")
    desk.firm.sync()
    assert desk.status("1") == "excluded"
    assert "“Anna Berg” is included again." in desk.does("include", "1")
    desk.firm.sync()
    assert desk.firm.mapped()["1"] == "Anna Berg"


def test_undo_excludes_again(desk: Desk) -> None:
    desk.does("exclude", "1")
    desk.does("include", "1")
    assert "“Anna Berg” is excluded from mapping." in desk.undoes()
    desk.firm.sync()
    assert desk.status("1") == "excluded"


def test_undo_leaves_the_exclusion_to_the_policy_that_said_it(desk: Desk) -> None:
    """So that a change of the policy still offers to release it (U1)."""
    desk.firm.chooses(unmatched="exclude")
    desk.firm.sync()
    before = Decision.objects.values().get(qbo_id="1")
    assert before["by_policy"]
    desk.does("include", "1")
    assert decide.excluded_by_policy(desk.firm.connection) == 0
    desk.undoes()
    assert Decision.objects.values().get(qbo_id="1") == before
    assert decide.excluded_by_policy(desk.firm.connection) == 1


def test_a_person_who_excludes_it_anew_has_said_it(desk: Desk) -> None:
    desk.firm.chooses(unmatched="exclude")
    desk.firm.sync()
    for act in ("include", "exclude", "include", "exclude_again"):
        desk.does(act, "1")
    said = Decision.objects.get(qbo_id="1")
    assert (said.kind, said.by_policy) == ("exclude_customer", False)


def test_undo_does_not_overrule_who_mapped_it_since(desk: Desk) -> None:
    desk.does("exclude", "1")
    desk.does("include", "1")
    undo = desk.last
    mapping.create_client(desk.firm.connection, "1", None)
    desk.last = undo
    assert "decided anew since then" in desk.undoes()
    assert "There is no exclusion to put back." in desk.does("exclude_again", "1")
    desk.firm.walk()
    assert desk.firm.mapped()["1"] == "Anna Berg"
