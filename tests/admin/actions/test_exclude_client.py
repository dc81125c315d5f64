"""Exclude from mapping, from a client's row (C14): this company never matches it again."""

from __future__ import annotations

from crm.models import Client
from django.test import Client as Browser

from tests.admin.desk import Desk
from tests.sync.conftest import customer
from tests.sync.firm import client, site
from wagtail_qbo_sync.models import Decision


def test_it_holds_through_syncs(desk: Desk) -> None:
    bo = client("Bo Coe", "bo@coe.example")
    assert "“Bo Coe” is excluded from mapping." in desk.does_to("exclude", bo)
    desk.firm.gets(customer("4", "Bo Coe", "bo@coe.example"))
    before = site()
    desk.firm.sync()
    desk.firm.sync()
    assert site() == before
    assert "4" not in desk.firm.mapped()
    assert desk.status("4") == "review"


def test_undo_frees_it(desk: Desk) -> None:
    bo = client("Bo Coe", "bo@coe.example")
    desk.does_to("exclude", bo)
    assert "“Bo Coe” is included again." in desk.undoes()
    desk.firm.gets(customer("4", "Bo Coe", "bo@coe.example"))
    desk.firm.sync()
    assert desk.firm.client("4") == bo


def test_a_mapped_client_is_refused(desk: Desk) -> None:
    said = desk.does_to("exclude", desk.firm.client("3"))
    assert "“Mia Lund” is mapped. Remove the match or disconnect it first." in said
    assert not Decision.objects.exists()


def test_one_that_may_not_be_seen_is_not_there(desk: Desk, blind: Browser) -> None:
    tom = Client.objects.get(name="Tom Reed")
    for act in ("exclude", "include", "disconnect", "reconnect", "create", "cancel_creation"):
        assert blind.post(desk.client_address(act, tom)).status_code == 404
    assert not Decision.objects.exists()
