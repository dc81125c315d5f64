"""Exclude from mapping (C11, C14): no sync undoes it, and a click does."""

from __future__ import annotations

from django.test import Client as Browser

from tests.admin.desk import Desk
from tests.sync.firm import edit, site
from wagtail_qbo_sync.models import Decision


def test_it_is_offered_where_it_fits(desk: Desk) -> None:
    assert "Exclude from mapping" in desk.offered("1")
    assert "Exclude from mapping" in desk.offered("2")
    assert desk.offered("3") == ["Map to another client…", "Remove match", "Why?"]


def test_it_holds_through_syncs(desk: Desk) -> None:
    firm = desk.firm
    firm.chooses(unmatched="create")
    assert "“Anna Berg” is excluded from mapping." in desk.does("exclude", "1")
    firm.edits("1", CompanyName="Changed since")
    before = site()
    firm.sync()
    assert site() == before
    assert desk.status("1") == "excluded"
    assert desk.offered("1") == ["Include again", "Why?"]


def test_one_in_review_leaves_the_review(desk: Desk) -> None:
    desk.does("exclude", "2")
    desk.firm.sync()
    assert desk.firm.cases() == set()
    assert desk.status("2") == "excluded"


def test_undo_is_including_again(desk: Desk) -> None:
    desk.does("exclude", "1")
    assert "“Anna Berg” is included again." in desk.undoes()
    assert desk.status("1") == "unmapped"
    assert not Decision.objects.exclude(kind="included").exists()


def test_one_in_review_comes_back_to_it(desk: Desk) -> None:
    desk.does("exclude", "2")
    desk.undoes()
    desk.firm.sync()
    assert desk.status("2") == "review"


def test_a_mapped_customer_is_refused(desk: Desk) -> None:
    assert "“Mia Lund” is mapped to “Mia Lund” already." in desk.does("exclude", "3")
    assert desk.status("3") == "mapped"


def test_the_refusal_names_nobody_whom_the_person_may_not_see(desk: Desk, blind: Browser) -> None:
    edit(desk.firm.client("3"), name="Secret Lund")
    desk.browser = blind
    said = desk.does("exclude", "3")
    assert "“Mia Lund” is mapped already, to a client you may not view." in said
    assert "Secret" not in said
