"""Bulk action: include again."""

from __future__ import annotations

from tests.admin.desk import Desk
from wagtail_qbo_sync.models import Decision
from wagtail_qbo_sync.sync.people import exclusion, mapping

from .bulk import asks, confirms


def test_they_take_part_again_and_undo_excludes_them(desk: Desk) -> None:
    for qbo_id in ("1", "2"):
        exclusion.exclude_customer(desk.firm.connection, qbo_id, None)
    assert "Mapped Mia Lund" in asks(desk.browser, "include")
    confirms(desk.browser, "include")
    assert "2 customers are included again." in desk.said()
    assert {desk.status("1"), desk.status("2")} == {"unmapped"}
    assert "2 customers are excluded from mapping." in desk.undoes()
    assert {desk.status("1"), desk.status("2")} == {"excluded"}


def test_undo_leaves_each_exclusion_to_whoever_said_it(desk: Desk) -> None:
    exclusion.exclude_customer(desk.firm.connection, "1", None)
    exclusion.exclude_customer(desk.firm.connection, "2", None)
    Decision.objects.filter(qbo_id="2").update(by_policy=True)
    before = list(Decision.objects.order_by("pk").values())
    confirms(desk.browser, "include")
    desk.said()
    desk.undoes()
    assert list(Decision.objects.order_by("pk").values()) == before


def test_undo_names_who_was_decided_about_since(desk: Desk) -> None:
    for qbo_id in ("1", "2"):
        exclusion.exclude_customer(desk.firm.connection, qbo_id, None)
    confirms(desk.browser, "include")
    desk.said()
    mapping.create_client(desk.firm.connection, "1", None)
    said = desk.undoes()
    assert "1 customer is excluded from mapping." in said
    assert "1 customer is left as before." in said
    assert desk.status("1") != "excluded" and desk.status("2") == "excluded"
