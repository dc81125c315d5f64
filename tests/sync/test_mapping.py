"""What people decide about customers and clients, and that it can be taken back (K8, C9-C16)."""

from __future__ import annotations

import pytest
from crm.models import Client
from django.contrib.auth import get_user_model
from wagtail.models import ModelLogEntry

from wagtail_qbo_sync.models import Case, Change, Decision, Mapping, Run, Step
from wagtail_qbo_sync.sync.people import exclusion, mapping, undo
from wagtail_qbo_sync.sync.records.locked import Refusal

from .conftest import customer
from .firm import Firm, client, edit, site

Kind = Decision.Kind


@pytest.fixture
def dana(db: None) -> object:
    """The person who decides."""
    return get_user_model().objects.create_user("dana")


@pytest.fixture
def synced(firm: Firm) -> Firm:
    """Customer 1 is like nobody, customer 2 is like Tom by e-mail only; both wait."""
    client("Tom Reed", "tom@reed.example")
    firm.has(
        customer(
            "1", "Anna Berg", "anna@berg.example", PrimaryPhone={"FreeFormNumber": "555 0101"}
        ),
        customer("2", "Thomas Reed", "tom@reed.example"),
    )
    firm.sync()
    assert firm.mapped() == {}
    return firm


def test_mapping_overwrites_and_can_be_undone(synced: Firm, dana: object) -> None:
    anna = client("A. Berg", phone="555 9999")
    run = mapping.map_customer(synced.connection, "1", str(anna.pk), dana)
    assert synced.mapped() == {"1": "A. Berg"}, "recorded at once"
    synced.walk()
    anna.refresh_from_db()
    assert (anna.name, anna.email, anna.phone) == ("Anna Berg", "anna@berg.example", "555 0101")
    run.refresh_from_db()
    assert run.state == Run.State.DONE and run.approved_by == dana
    undo.undo_mapping(synced.connection, "1", dana)
    synced.walk()
    anna.refresh_from_db()
    assert (anna.name, anna.email, anna.phone) == ("A. Berg", "", "555 9999")
    assert synced.mapped() == {}
    written = Change.objects.last()
    assert written is not None and written.values["phone"] == ["555 0101", "555 9999"]


def test_undo_leaves_what_was_edited_since(synced: Firm, dana: object) -> None:
    anna = client("A. Berg", phone="555 9999")
    mapping.map_customer(synced.connection, "1", str(anna.pk), dana)
    synced.walk()
    edit(anna, phone="555 7777")
    undo.undo_mapping(synced.connection, "1", dana)
    synced.walk()
    anna.refresh_from_db()
    assert (anna.name, anna.phone) == ("A. Berg", "555 7777")
    assert Step.objects.get(kind=Step.Kind.UNDO).data["left"] == ["phone"]


def test_an_undone_mapping_is_a_removed_match(synced: Firm, dana: object) -> None:
    anna = client("Anna Berg", "anna@berg.example")
    mapping.map_customer(synced.connection, "1", str(anna.pk), dana)
    synced.walk()
    undo.undo_mapping(synced.connection, "1", dana)
    synced.sync()
    assert synced.mapped() == {}


def test_undo_before_the_worker_came(synced: Firm, dana: object) -> None:
    anna = client("A. Berg", phone="555 9999")
    run = mapping.map_customer(synced.connection, "1", str(anna.pk), dana)
    assert undo.undo_mapping(synced.connection, "1", dana) is undo.Undone.UNTOUCHED
    before = site()
    synced.walk()
    assert site() == before
    assert run.steps.get().state == Step.State.HELD


def test_mapping_answers_the_open_question(synced: Firm, dana: object) -> None:
    tom = Client.objects.get(name="Tom Reed")
    assert synced.cases() == {("review", "2")}
    mapping.map_customer(synced.connection, "2", str(tom.pk), dana)
    assert synced.cases() == set()
    assert Case.objects.get().closed_by == dana


def test_a_second_mapping_is_refused_and_names_the_first(synced: Firm, dana: object) -> None:
    tom, other = Client.objects.get(name="Tom Reed"), client("Other")
    mapping.map_customer(synced.connection, "2", str(tom.pk), dana)
    with pytest.raises(Refusal, match="mapped to “Tom Reed” already") as refused:
        mapping.map_customer(synced.connection, "2", str(other.pk), dana)
    assert refused.value.holder == "Tom Reed"
    with pytest.raises(Refusal, match="mapped to the customer “Thomas Reed” already"):
        mapping.map_customer(synced.connection, "1", str(tom.pk), dana)
    assert Mapping.objects.count() == 1


@pytest.mark.parametrize("pk", ["", "0", "999999", "x"])
def test_a_client_that_is_not_there(synced: Firm, dana: object, pk: str) -> None:
    with pytest.raises(Refusal, match="no longer there"):
        mapping.map_customer(synced.connection, "1", pk, dana)
    assert not Mapping.objects.exists()


def test_creating_by_hand_in_spite_of_likeness(synced: Firm, dana: object) -> None:
    mapping.create_client(synced.connection, "2", dana)
    synced.walk()
    assert synced.client("2").name == "Thomas Reed"
    assert Client.objects.filter(email="tom@reed.example").count() == 2
    with pytest.raises(Refusal):
        mapping.create_client(synced.connection, "2", dana)


def test_creating_twice_before_the_worker_makes_one(synced: Firm, dana: object) -> None:
    mapping.create_client(synced.connection, "1", dana)
    mapping.create_client(synced.connection, "1", dana)
    synced.walk()
    synced.walk()
    assert Client.objects.filter(name="Anna Berg").count() == 1


def test_excluding_after_creating_comes_first(synced: Firm, dana: object) -> None:
    """Both said before the worker came: the later word counts."""
    mapping.create_client(synced.connection, "1", dana)
    exclusion.exclude_customer(synced.connection, "1", dana)
    synced.walk()
    assert not Client.objects.filter(name="Anna Berg").exists()
    assert synced.mapped() == {}


def test_a_removed_match_can_be_put_back(synced: Firm, dana: object) -> None:
    tom = Client.objects.get(name="Tom Reed")
    mapping.map_customer(synced.connection, "2", str(tom.pk), dana)
    synced.walk()
    mapping.remove_match(synced.connection, "2", dana)
    synced.edits("2", PrimaryPhone={"FreeFormNumber": "555 0303"})
    synced.sync()
    assert synced.mapped() == {}
    assert synced.client_phone("Thomas Reed") == ""
    mapping.put_match_back(synced.connection, "2", dana)
    synced.sync()
    assert synced.mapped() == {"2": "Thomas Reed"}
    assert synced.client_phone("Thomas Reed") == "555 0303", "it goes on with a merge"
    assert not Decision.objects.exists()


def test_excluding_and_including_a_customer(synced: Firm, dana: object) -> None:
    exclusion.exclude_customer(synced.connection, "2", dana)
    assert synced.cases() == set()
    synced.sync()
    assert synced.cases() == set()
    exclusion.include_customer(synced.connection, "2", dana)
    synced.sync()
    assert synced.cases() == {("review", "2")}


def test_a_mapped_customer_is_not_excluded(synced: Firm, dana: object) -> None:
    tom = Client.objects.get(name="Tom Reed")
    mapping.map_customer(synced.connection, "2", str(tom.pk), dana)
    with pytest.raises(Refusal):
        exclusion.exclude_customer(synced.connection, "2", dana)
    with pytest.raises(Refusal, match="is mapped"):
        exclusion.exclude_client(synced.connection, str(tom.pk), dana)
    assert not Decision.objects.exists()


def test_an_excluded_client_is_left_alone(firm: Firm, dana: object) -> None:
    anna = client("Anna Berg", "anna@berg.example")
    exclusion.exclude_client(firm.connection, str(anna.pk), dana)
    firm.has(customer("1", "Anna Berg", "anna@berg.example"))
    firm.sync()
    assert firm.mapped() == {}
    exclusion.include_client(firm.connection, str(anna.pk), dana)
    firm.sync()
    assert firm.mapped() == {"1": "Anna Berg"}


def test_a_disconnected_client_sleeps_and_wakes_with_a_merge(synced: Firm, dana: object) -> None:
    tom = Client.objects.get(name="Tom Reed")
    mapping.map_customer(synced.connection, "2", str(tom.pk), dana)
    synced.walk()
    exclusion.disconnect_client(synced.connection, str(tom.pk), dana)
    synced.edits("2", PrimaryPhone={"FreeFormNumber": "555 0303"})
    edit(tom, mobile="555 0404")
    synced.sync()
    assert synced.client_phone("Thomas Reed") == ""
    exclusion.reconnect_client(synced.connection, str(tom.pk), dana)
    synced.sync()
    tom.refresh_from_db()
    assert (tom.phone, tom.mobile) == ("555 0303", "555 0404")


def test_a_second_click_is_no_second_decision(synced: Firm, dana: object) -> None:
    """Who clicks what another person has just clicked neither says it again nor takes it over."""
    company, late = synced.connection, get_user_model().objects.create_user("late")
    anna, tom = str(client("Anna B.").pk), str(Client.objects.get(name="Tom Reed").pk)
    mapping.map_customer(company, "2", tom, dana)
    synced.walk()
    acts = [
        (exclusion.exclude_customer, "1"),
        (exclusion.exclude_client, anna),
        (exclusion.disconnect_client, tom),
        (exclusion.include_customer, "1"),
        (exclusion.include_client, anna),
        (exclusion.reconnect_client, tom),
    ]
    for act, about in acts:
        before = ModelLogEntry.objects.for_instance(company).count()
        act(company, about, dana)
        act(company, about, late)
        assert ModelLogEntry.objects.for_instance(company).count() == before + 1, act.__name__
    assert not ModelLogEntry.objects.filter(user=late).exists()


def test_decisions_need_no_lease(synced: Firm, dana: object) -> None:
    """Rule 10: a click while a walk holds the lease is recorded, and its values come after."""
    from wagtail_qbo_sync.sync.access.lease import take

    held = take(synced.connection.pk)
    assert held is not None
    anna = client("A. Berg")
    mapping.map_customer(synced.connection, "1", str(anna.pk), dana)
    assert synced.mapped() == {"1": "A. Berg"}
    held.let_go()
    synced.walk()
    assert synced.mapped() == {"1": "Anna Berg"}


def test_a_decision_does_not_stand_for_the_first_approval(firm: Firm, dana: object) -> None:
    """U3: the first sync asks, whatever a person mapped before."""
    anna = client("A. Berg")
    client("Tom Reed", "tom@reed.example")
    firm.has(customer("1", "Anna Berg"), customer("2", "Tom Reed", "tom@reed.example"))
    plan = firm.plan()
    mapping.map_customer(firm.connection, "1", str(anna.pk), dana)
    firm.walk()
    assert firm.mapped() == {"1": "Anna Berg"}
    plan.refresh_from_db()
    assert plan.state == Run.State.WAITING
    assert firm.state.first_synced_at is None
    firm.approve(plan)
    assert firm.mapped() == {"1": "Anna Berg", "2": "Tom Reed"}


def test_a_second_company_fills_blanks_only(synced: Firm, dana: object) -> None:
    from wagtail_qbo_sync.models import Connection

    anna = client("A. Berg")
    other = Connection.objects.create(
        realm_id="1",
        environment="sandbox",
        company_name="Other",
        connected_at=synced.connection.connected_at,
    )
    Mapping.objects.create(connection=other, qbo_id="77", client=anna, client_pk=str(anna.pk))
    mapping.map_customer(synced.connection, "1", str(anna.pk), dana)
    synced.walk()
    anna.refresh_from_db()
    assert (anna.name, anna.email) == ("A. Berg", "anna@berg.example")
    assert ("conflict", "1") in synced.cases()
