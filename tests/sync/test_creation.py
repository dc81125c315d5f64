"""Create in QuickBooks: a person has a customer made of one client (K13, U10)."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from crm.models import Client
from django.contrib.auth import get_user_model

from wagtail_qbo_sync.models import Case, Change, Decision, Outbox, Step, SyncState
from wagtail_qbo_sync.sync.people import creation, exclusion
from wagtail_qbo_sync.sync.people.creation import Creation
from wagtail_qbo_sync.sync.records.locked import Refusal
from wagtail_qbo_sync.sync.telling.standings import standings

from .conftest import Json, customer
from .firm import Firm, Killed, at, client, edit, expire_lease, killed_at
from .test_push import batches

Requests = Callable[..., list[Json]]


@pytest.fixture
def dana(db: None) -> object:
    """The person who decides."""
    return get_user_model().objects.create_user("dana")


@pytest.fixture
def synced(firm: Firm) -> Firm:
    """After its first sync, with one customer that is mapped to nobody."""
    firm.has(customer("1", "Tom Reed", "tom@reed.example"))
    firm.sync()
    return firm


@pytest.fixture
def bo(synced: Firm) -> Client:
    """Of no pushed type."""
    return client("Bo Coe", "bo@coe.example", phone="555 0101", city="Salem")


def stands(bo: Client) -> Creation:
    (one,) = standings(str(bo.pk))
    return one.creation


def made(firm: Firm) -> Json:
    """The one customer that was not there before."""
    (record,) = (one for one in firm.records() if one["Id"] != "1")
    return record


def create(firm: Firm, bo: Client, dana: object) -> None:
    """The person clicks, and the worker does it."""
    creation.create_customer(firm.connection, str(bo.pk), dana)
    firm.walk()


def test_a_click_makes_a_customer_and_maps_it(
    synced: Firm, bo: Client, dana: object, requests: Requests
) -> None:
    assert stands(bo) == Creation.OFFERED
    before = len(requests())
    run = creation.create_customer(synced.connection, str(bo.pk), dana)
    assert stands(bo) == Creation.WAITS
    synced.walk()
    assert [one["path"][-6:] for one in requests()[before:]] == ["/batch"], "one call, no read"
    record = made(synced)
    assert (record["DisplayName"], record["BillAddr"]["City"]) == ("Bo Coe", "Salem")
    assert set(synced.mapped().values()) == {"Bo Coe"}
    assert stands(bo) == Creation.NO
    run.refresh_from_db()
    assert {(step.kind, step.state) for step in run.steps.all()} == {("add", "done")}
    change = Change.objects.get(side=Change.Side.QBO)
    assert change.values["phone"] == [None, "555 0101"] and change.qbo_id == record["Id"]
    assert change.actor == dana and change.intuit_tid
    assert synced.sync() is None, "nothing is left to say on either side"
    edit(bo, phone="555 0102")
    synced.sync()
    assert made(synced)["PrimaryPhone"] == {"FreeFormNumber": "555 0102"}


def test_only_what_is_there_is_sent(synced: Firm, dana: object, requests: Requests) -> None:
    create(synced, client("Bo Coe"), dana)
    (item,) = batches(requests)[0]
    assert (item["operation"], item["Customer"]) == ("create", {"DisplayName": "Bo Coe"})


def test_a_field_that_only_comes_from_quickbooks_is_not_sent(
    synced: Firm, bo: Client, dana: object
) -> None:
    synced.chooses(field_directions={"phone": "pull"})
    create(synced, bo, dana)
    assert "PrimaryPhone" not in made(synced)
    assert synced.sync() is None
    bo.refresh_from_db()
    assert bo.phone == "555 0101"


def test_it_is_taken_back_while_it_waits(synced: Firm, bo: Client, dana: object) -> None:
    creation.create_customer(synced.connection, str(bo.pk), dana)
    creation.cancel_creation(synced.connection, str(bo.pk), dana)
    assert stands(bo) == Creation.OFFERED
    synced.walk()
    assert len(synced.records()) == 1
    with pytest.raises(Refusal):
        creation.cancel_creation(synced.connection, str(bo.pk), dana)
    create(synced, bo, dana)
    assert set(synced.mapped().values()) == {"Bo Coe"}


def test_it_is_taken_back_when_it_is_written_but_not_sent(
    synced: Firm, bo: Client, dana: object
) -> None:
    creation.create_customer(synced.connection, str(bo.pk), dana)
    with pytest.raises(Killed), killed_at("apply.committed".__eq__):
        synced.walk()
    expire_lease(synced.connection)
    assert stands(bo) == Creation.WAITS
    creation.cancel_creation(synced.connection, str(bo.pk), dana)
    synced.walk()
    assert len(synced.records()) == 1 and not Outbox.objects.exists()


def test_it_is_sent_by_who_takes_over(synced: Firm, bo: Client, dana: object) -> None:
    """The person has seen whom it is like: nothing has to be read again before."""
    creation.create_customer(synced.connection, str(bo.pk), dana)
    with pytest.raises(Killed), killed_at("apply.committed".__eq__):
        synced.walk()
    expire_lease(synced.connection)
    synced.walk()
    assert set(synced.mapped().values()) == {"Bo Coe"} and len(synced.records()) == 2


@pytest.mark.parametrize(
    "spoil", ["mapped", "excluded", "pull only", "never synced", "disconnected", "twice"]
)
def test_where_it_does_not_fit_it_is_refused(
    synced: Firm, bo: Client, dana: object, spoil: str
) -> None:
    if spoil == "mapped":
        synced.maps("1", bo)
    elif spoil == "excluded":
        exclusion.exclude_client(synced.connection, str(bo.pk), dana)
    elif spoil == "pull only":
        synced.chooses(direction="pull")
    elif spoil == "never synced":
        SyncState.objects.update(first_synced_at=None)
    elif spoil == "disconnected":
        synced.chooses(disconnected_at="2026-01-06T09:00:00Z")
    else:
        creation.create_customer(synced.connection, str(bo.pk), dana)
    synced.connection.state.refresh_from_db()
    assert stands(bo) != Creation.OFFERED
    with pytest.raises(Refusal):
        creation.create_customer(synced.connection, str(bo.pk), dana)
    assert Step.objects.filter(kind="add").count() == (spoil == "twice")


def test_a_name_that_quickbooks_would_refuse_is_refused_at_once(
    synced: Firm, bo: Client, dana: object
) -> None:
    """U10: nothing is cut off, and nothing is sent."""
    edit(bo, name="Coe: Bo")
    with pytest.raises(Refusal, match="colon"):
        creation.create_customer(synced.connection, str(bo.pk), dana)


# What happens between the click and the sending ---------------------------------------------------


def test_who_is_mapped_or_excluded_meanwhile_is_not_created(
    synced: Firm, bo: Client, dana: object
) -> None:
    creation.create_customer(synced.connection, str(bo.pk), dana)
    exclusion.exclude_client(synced.connection, str(bo.pk), dana)
    synced.walk()
    creation_step = Step.objects.get(kind="add")
    assert creation_step.state == "held" and len(synced.records()) == 1


def test_who_is_excluded_when_it_is_written_is_not_created(
    synced: Firm, bo: Client, dana: object
) -> None:
    creation.create_customer(synced.connection, str(bo.pk), dana)
    with at(
        "apply.committed", lambda: exclusion.exclude_client(synced.connection, str(bo.pk), dana)
    ):
        synced.walk()
    assert len(synced.records()) == 1 and not Outbox.objects.exists()


def test_who_is_excluded_while_it_is_under_way_is_not_mapped(
    synced: Firm, bo: Client, dana: object
) -> None:
    creation.create_customer(synced.connection, str(bo.pk), dana)
    with at("push.sent", lambda: exclusion.exclude_client(synced.connection, str(bo.pk), dana)):
        synced.walk()
    assert len(synced.records()) == 2 and synced.mapped() == {}
    synced.sync()
    assert ("review", made(synced)["Id"]) in synced.cases(), "a person sees the two"


def test_who_is_deleted_while_it_is_under_way_is_asked_about(
    synced: Firm, bo: Client, dana: object
) -> None:
    """U16: no sync makes the client again."""
    synced.chooses(unmatched="create")
    creation.create_customer(synced.connection, str(bo.pk), dana)
    with at("push.sent", bo.delete):
        synced.walk()
    synced.sync()
    assert ("client_deleted", made(synced)["Id"]) in synced.cases()
    assert not Client.objects.filter(name="Bo Coe").exists()


def test_an_edit_while_it_is_under_way_follows(synced: Firm, bo: Client, dana: object) -> None:
    creation.create_customer(synced.connection, str(bo.pk), dana)
    with at("push.sent", lambda: edit(bo, phone="555 0102")):
        synced.walk()
    synced.sync()
    assert made(synced)["PrimaryPhone"] == {"FreeFormNumber": "555 0102"}


# What QuickBooks answers --------------------------------------------------------------------------


def test_a_name_that_is_taken_is_a_case_that_names_the_holder(
    synced: Firm, dana: object, requests: Requests
) -> None:
    """U10. The mirror knows: nothing is read."""
    tom = client("TOM REED")
    create(synced, tom, dana)
    case = Case.objects.get(kind="not_taken", open_key__isnull=False)
    assert (case.qbo_id, case.client_pk) == ("", str(tom.pk))
    assert case.facts["code"] == "6240"
    holder = {"entity": "Customer", "id": "1", "name": "Tom Reed", "active": True}
    assert case.facts["name_holder"] == holder
    assert requests()[-1]["path"].endswith("/batch")
    edit(tom, name="Tom Reed, Salem")
    assert stands(tom) == Creation.OFFERED
    create(synced, tom, dana)
    assert made(synced)["DisplayName"] == "Tom Reed, Salem"
    assert not Case.objects.filter(kind="not_taken", open_key__isnull=False).exists()


@pytest.mark.parametrize("entity", ["Customer", "Vendor", "Employee"])
def test_a_holder_that_the_mirror_does_not_know_is_looked_up(
    synced: Firm, dana: object, entity: str
) -> None:
    record = {"Id": "77", "DisplayName": "Gus Holt", "Active": True, "SyncToken": "0"}
    record |= {"MetaData": customer("77", "Gus Holt")["MetaData"]}
    synced.sandbox.post(
        "plant", {"realm": synced.realm, "kind": entity, "records": [record], "clear": False}
    )
    create(synced, client("Gus Holt"), dana)
    case = Case.objects.get(kind="not_taken", open_key__isnull=False)
    holder = {"entity": entity, "id": "77", "name": "Gus Holt", "active": True}
    assert case.facts["name_holder"] == holder


def test_what_it_kept_instead_is_a_case(synced: Firm, bo: Client, dana: object) -> None:
    create(synced, client("  Ann Dow", phone="1"), dana)
    record = made(synced)
    assert record["DisplayName"] == "Ann Dow"
    assert set(synced.mapped().values()) == {"  Ann Dow"}, "outer blanks are no difference"
    assert not Case.objects.filter(kind="kept").exists()


def test_a_removed_match_does_not_stop_a_person(synced: Firm, bo: Client, dana: object) -> None:
    synced.says(Decision.Kind.REMOVED_MATCH, "1", bo)
    create(synced, bo, dana)
    assert set(synced.mapped().values()) == {"Bo Coe"}
