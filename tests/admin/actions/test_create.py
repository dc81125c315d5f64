"""Create new client (C10, C14)."""

from __future__ import annotations

from crm.models import Client

from tests.admin.desk import Desk
from wagtail_qbo_sync.models import Run, SiteState


def test_a_client_is_made_and_mapped(desk: Desk) -> None:
    said = desk.does("create", "1")
    assert "A client is made of “Anna Berg”." in said
    desk.firm.walk()
    made = desk.firm.client("1")
    assert (made.name, made.email, made.phone) == ("Anna Berg", "anna@berg.example", "555 0101")
    assert desk.offered("1") == ["Map to another client…", "Remove match", "Why?"]


def test_one_that_is_like_a_client_too(desk: Desk) -> None:
    desk.does("create", "2")
    desk.firm.walk()
    assert desk.firm.mapped()["2"] == "Thomas Reed"
    assert Client.objects.filter(email="tom@reed.example").count() == 2
    desk.firm.sync()
    assert desk.firm.cases() == set()


def test_a_second_click_makes_no_second_client(desk: Desk) -> None:
    desk.does("create", "1")
    assert "A client is being made of this customer already." in desk.does("create", "1")
    assert Run.objects.filter(by_person=True).count() == 1
    desk.firm.walk()
    assert "“Anna Berg” is mapped to “Anna Berg” already." in desk.does("create", "1")
    assert Client.objects.filter(name="Anna Berg").count() == 1


def test_it_says_when_nobody_is_there_to_do_it(desk: Desk) -> None:
    SiteState.objects.all().delete()
    assert "No worker is running. It is written once there is one:" in desk.does("create", "1")


def test_it_is_done_before_anything_else_is_decided(desk: Desk) -> None:
    desk.does("create", "1")
    assert desk.offered("1") == ["Undo the mapping", "Why?"]
    assert "A client is being made of this customer already." in desk.does("exclude", "1")
    desk.firm.walk()
    assert desk.status("1") == "mapped"
