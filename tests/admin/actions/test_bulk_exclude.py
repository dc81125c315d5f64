"""Bulk action: exclude."""

from __future__ import annotations

from django.test import Client as Browser

from tests.admin.desk import Desk
from wagtail_qbo_sync.models import Decision

from .bulk import LISTING, asks, confirms


def test_they_are_excluded_at_once_and_no_sync_undoes_it(desk: Desk) -> None:
    response = confirms(desk.browser, "exclude", "Anna Berg", "Thomas Reed")
    assert response.headers["Location"] == LISTING
    assert "2 customers are excluded from mapping." in desk.said()
    desk.firm.chooses(unmatched="create")
    desk.firm.sync()
    assert desk.firm.mapped() == {"3": "Mia Lund"}
    assert (desk.status("1"), desk.status("2")) == ("excluded", "excluded")
    assert desk.firm.cases() == set()


def test_undo_takes_back_all_of_it(desk: Desk) -> None:
    confirms(desk.browser, "exclude", "Anna Berg", "Thomas Reed")
    desk.said()
    assert "2 customers are included again." in desk.undoes()
    assert not Decision.objects.exclude(kind__in=Decision.NO_NO).exists()


def test_who_is_mapped_is_left_and_named(desk: Desk) -> None:
    page = asks(desk.browser, "exclude", "Anna Berg", "Mia Lund")
    assert "Exclude 1 customer from mapping? Anna Berg" in page
    assert "Left as before Mapped Mia Lund" in page
    confirms(desk.browser, "exclude", "Anna Berg", "Mia Lund")
    assert desk.firm.mapped() == {"3": "Mia Lund"}
    assert desk.status("1") == "excluded"


def test_for_nobody_there_is_nothing_to_confirm(desk: Desk) -> None:
    page = asks(desk.browser, "exclude", "Mia Lund")
    assert "This is for none of the selected customers" in page
    assert "Go back" in page


def test_who_may_not_see_clients_may_exclude(desk: Desk, blind: Browser) -> None:
    confirms(blind, "exclude", "Anna Berg")
    assert desk.status("1") == "excluded"
