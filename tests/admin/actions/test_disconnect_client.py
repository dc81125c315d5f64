"""Disconnect, and Connect again (C16): the pair is kept and sleeps."""

from __future__ import annotations

from crm.models import Client

from tests.admin.desk import Desk
from tests.sync.firm import edit, site


def test_it_holds_through_syncs(desk: Desk) -> None:
    mia = desk.firm.client("3")
    assert "“Mia Lund” is disconnected." in desk.does_to("disconnect", mia)
    desk.firm.edits("3", CompanyName="Changed since")
    before = site()
    desk.firm.sync()
    desk.firm.sync()
    assert site() == before
    assert desk.firm.mapped()["3"] == "Mia Lund"


def test_undo_wakes_the_pair_with_a_merge(desk: Desk) -> None:
    mia = desk.firm.client("3")
    desk.does_to("disconnect", mia)
    desk.firm.edits("3", CompanyName="Lund Ltd")
    edit(mia, mobile="555 0404")
    assert "“Mia Lund” is connected again." in desk.undoes()
    desk.firm.sync()
    mia.refresh_from_db()
    assert (mia.company_name, mia.mobile) == ("Lund Ltd", "555 0404")


def test_one_that_is_not_mapped_is_refused(desk: Desk) -> None:
    tom = Client.objects.get(name="Tom Reed")
    assert "This client is not mapped." in desk.does_to("disconnect", tom)


def test_the_row_of_its_customer_connects_it_again(desk: Desk) -> None:
    assert "Connect again" not in desk.offered("3")
    mia = desk.firm.client("3")
    desk.does_to("disconnect", mia)
    assert desk.offered("3")[:2] == ["Connect again", "Map to another client…"]
    edit(mia, mobile="555 0404")
    assert "“Mia Lund” is connected again." in desk.does("reconnect", "3")
    desk.firm.sync()
    assert desk.firm.record("3")["Mobile"] == {"FreeFormNumber": "555 0404"}
    assert "Connect again" not in desk.offered("3")


def test_connecting_from_the_customer_can_be_undone(desk: Desk) -> None:
    desk.does_to("disconnect", desk.firm.client("3"))
    desk.does("reconnect", "3")
    assert "“Mia Lund” is disconnected. Its mapping is kept" in desk.undoes()
    assert desk.customer("3").asleep == "disconnected"
