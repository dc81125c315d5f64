"""Undo of a mapping (U5): what it overwrote comes back, and what it made goes."""

from __future__ import annotations

import pytest
from crm.models import Client, ContactType
from taggit.models import Tag, TaggedItem

from tests import factories
from tests.admin.desk import Desk
from tests.sync.firm import client, edit, site
from wagtail_qbo_sync.host.adapter import get_adapter
from wagtail_qbo_sync.models import Change, Decision, Mapping
from wagtail_qbo_sync.sync.people import mapping


def test_overwritten_values_come_back(desk: Desk) -> None:
    anna = client("A. Berg", phone="555 9999")
    desk.does("map", "1", client=str(anna.pk))
    desk.firm.walk()
    anna.refresh_from_db()
    assert (anna.name, anna.phone) == ("Anna Berg", "555 0101")
    said = desk.undoes()
    assert "“Anna Berg” is no longer mapped, and its client gets back what was" in said
    desk.firm.walk()
    anna.refresh_from_db()
    assert (anna.name, anna.email, anna.phone) == ("A. Berg", "", "555 9999")
    desk.firm.sync()
    assert "1" not in desk.firm.mapped()


def test_what_was_edited_since_stays(desk: Desk) -> None:
    anna = client("A. Berg", phone="555 9999")
    desk.does("map", "1", client=str(anna.pk))
    desk.firm.walk()
    edit(anna, phone="555 7777")
    desk.undoes()
    desk.firm.walk()
    anna.refresh_from_db()
    assert (anna.name, anna.phone) == ("A. Berg", "555 7777")


def test_a_second_undo_is_refused(desk: Desk) -> None:
    anna = client("A. Berg")
    desk.does("map", "1", client=str(anna.pk))
    desk.does("undo_map", "1")
    assert "This customer is not mapped." in desk.does("undo_map", "1")


@pytest.mark.parametrize("later", ["move", "remove_match", "disconnect"])
def test_a_message_takes_back_no_more_than_it_told_of(desk: Desk, later: str) -> None:
    """Somebody else has decided otherwise, while the message was still shown."""
    anna, other = client("A. Berg"), client("Other")
    desk.does("map", "1", client=str(anna.pk))
    if later == "move":
        mapping.move_mapping(desk.firm.connection, "1", str(other.pk), factories.user())
    else:
        desk.browser.post(desk.address(later, "1"))
    stood = list(Mapping.objects.values()), list(Decision.objects.values())
    assert "decided anew since then" in desk.undoes()
    assert (list(Mapping.objects.values()), list(Decision.objects.values())) == stood


def test_values_that_later_syncs_wrote_go_too(desk: Desk) -> None:
    anna = client("A. Berg", phone="555 9999")
    desk.does("map", "1", client=str(anna.pk))
    desk.firm.walk()
    desk.firm.edits("1", PrimaryPhone={"FreeFormNumber": "555 0102"})
    desk.firm.sync()
    desk.does("undo_map", "1")
    desk.firm.walk()
    assert desk.firm.client_phone("A. Berg") == "555 9999"


def test_nothing_overwritten_is_not_promised_back(desk: Desk) -> None:
    anna = client("Anna Berg", "anna@berg.example", phone="555 0101")
    desk.does("map", "1", client=str(anna.pk))
    desk.firm.walk()
    assert "“Anna Berg” is no longer mapped. " in desk.undoes() + " "
    assert "gets back" not in desk.messages()


# A client that was made -----------------------------------------------------------------------


def made(desk: Desk) -> Client:
    """A client, made of Anna."""
    desk.does("create", "1")
    desk.firm.walk()
    return desk.firm.client("1")


def still_waits(desk: Desk) -> None:
    """No sync maps Anna or makes a client of her, whatever the policy."""
    desk.firm.chooses(unmatched="create")
    desk.firm.edits("1", CompanyName="Changed since")
    before = site()
    desk.firm.sync()
    desk.firm.sync()
    assert site() == before
    assert "1" not in desk.firm.mapped()


def test_a_client_that_was_made_is_removed(desk: Desk) -> None:
    before = site()
    anna = made(desk)
    assert "The client that was made of “Anna Berg” is removed." in desk.does("undo_map", "1")
    assert site() == before
    decision = Decision.objects.get()
    assert (decision.kind, decision.facts) == ("client_deleted", {"client": "Anna Berg"})
    kept = Change.objects.filter(client_pk=str(anna.pk)).latest("pk")
    assert kept.values["phone"] == ["555 0101", None], "what it held is kept"
    still_waits(desk)


def test_one_that_later_syncs_wrote_to_is_removed_too(desk: Desk) -> None:
    made(desk)
    desk.firm.edits("1", CompanyName="Berg Ltd", PrimaryPhone={"FreeFormNumber": "555 0102"})
    desk.firm.sync()
    desk.does("undo_map", "1")
    assert not Client.objects.filter(company_name="Berg Ltd").exists()


def test_the_worker_had_not_made_it_yet(desk: Desk) -> None:
    desk.does("create", "1")
    assert "No client is made of “Anna Berg”." in desk.undoes()
    desk.firm.walk()
    assert not Client.objects.filter(name="Anna Berg").exists()
    still_waits(desk)
    desk.does("create", "1")
    desk.firm.walk()
    assert desk.firm.mapped()["1"] == "Anna Berg", "a person may say so again"


def test_one_that_somebody_edited_stays(desk: Desk) -> None:
    edit(made(desk), phone="555 7777")
    assert "stays: somebody has edited it since" in desk.does("undo_map", "1")
    assert Client.objects.filter(name="Anna Berg").exists()
    assert Decision.objects.get().kind == "removed_match"
    still_waits(desk)


def test_an_edit_of_what_is_never_synced_counts(desk: Desk) -> None:
    anna = made(desk)
    edit(anna, contact_type=ContactType.objects.create(name="Vendor"))
    assert "somebody has edited it since" in desk.does("undo_map", "1")
    assert Client.objects.filter(pk=anna.pk).exists()


def test_one_that_something_refers_to_stays(desk: Desk) -> None:
    anna, other = made(desk), factories.connection("Other")
    Mapping.objects.create(connection=other, qbo_id="9", client=anna, client_pk=str(anna.pk))
    assert "stays: something else on the site refers to it" in desk.does("undo_map", "1")
    assert Client.objects.filter(pk=anna.pk).exists()
    still_waits(desk)


def test_one_that_has_a_tag_stays(desk: Desk) -> None:
    """A generic key: the client model knows nothing of it."""
    anna = made(desk)
    TaggedItem.objects.create(tag=Tag.objects.create(name="VIP"), content_object=anna)
    assert "stays: something else on the site refers to it" in desk.does("undo_map", "1")
    assert Client.objects.filter(pk=anna.pk).exists()


def test_one_that_the_person_may_not_view_stays(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The rest is done, and it is said."""
    anna = made(desk)
    monkeypatch.setattr(
        type(get_adapter()), "visible_to", lambda self, user, clients: clients.exclude(pk=anna.pk)
    )
    assert "stays: you may not view it" in desk.does("undo_map", "1")
    assert Client.objects.filter(pk=anna.pk).exists()
    assert not Mapping.objects.filter(qbo_id="1").exists()
    assert Decision.objects.get().kind == "removed_match"


def test_one_that_is_gone_already(desk: Desk) -> None:
    made(desk).delete()
    desk.does("undo_map", "1")
    assert Decision.objects.get().kind == "client_deleted"
    still_waits(desk)
