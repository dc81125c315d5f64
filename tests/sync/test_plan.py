"""Plans: what waits for approval, and that exactly what was approved is applied (U3)."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from crm.models import Client

from wagtail_qbo_sync.models import Connection, Customer, Decision, Mapping, Run, SyncState
from wagtail_qbo_sync.sync.applying import judge, likeness
from wagtail_qbo_sync.sync.people import connect, decide

from .conftest import CLIENT, Json, customer
from .firm import Firm, Killed, at, client, edit, expire_lease, killed_at, told, why

Kind = Decision.Kind


def phone(number: str) -> Json:
    return {"PrimaryPhone": {"FreeFormNumber": number}}


@pytest.fixture
def waiting(firm: Firm) -> Run:
    """A first plan of two links and two creations."""
    client("Anna Berg", "anna@berg.example", phone="1")
    client("Bo Coe", "bo@coe.example", phone="1")
    firm.chooses(unmatched="create")
    firm.has(
        customer("1", "Anna Berg", "anna@berg.example", **phone("2")),
        customer("2", "Bo Coe", "bo@coe.example", **phone("2")),
        customer("3", "Carl Dunn", "carl@dunn.example"),
        customer("4", "Dora Egg", "dora@egg.example"),
    )
    return firm.plan()


def held(firm: Firm, run: Run, *qbo_ids: str) -> None:
    """These steps of the approved run are held back, and only these."""
    firm.approve(run)
    states = dict(run.steps.values_list("qbo_id", "state"))
    assert states == {one: "held" if one in qbo_ids else "done" for one in "1234"}
    run.refresh_from_db()
    assert run.state == Run.State.DONE


def test_exactly_the_plan_is_applied(firm: Firm, waiting: Run) -> None:
    held(firm, waiting)
    assert firm.mapped() == {
        "1": "Anna Berg",
        "2": "Bo Coe",
        "3": "Carl Dunn",
        "4": "Dora Egg",
    }


def test_a_client_that_was_edited_is_held_back(firm: Firm, waiting: Run) -> None:
    edit(Client.objects.get(name="Anna Berg"), phone="3")
    held(firm, waiting, "1")
    assert why(waiting, "1") == judge.CLIENT_CHANGED
    assert Client.objects.get(name="Anna Berg").phone == "3"
    assert told(firm.sync()) == {("link", "Anna Berg", "done")}, "the next sync plans it anew"


def test_a_client_that_was_deleted_is_held_back(firm: Firm, waiting: Run) -> None:
    Client.objects.get(name="Anna Berg").delete()
    held(firm, waiting, "1")
    assert not Client.objects.filter(name="Anna Berg").exists()


def test_a_customer_that_changed_is_held_back(firm: Firm, waiting: Run) -> None:
    firm.edits("1", **phone("4"))
    firm.edits("3", CompanyName="Dunn Ltd")
    firm.sync(approve=False)
    held(firm, waiting, "1", "3")
    assert why(waiting, "3") == judge.CUSTOMER_CHANGED
    firm.sync()
    assert firm.client("1").phone == "4"
    assert firm.client("3").company_name == "Dunn Ltd"


def test_a_customer_that_became_inactive_is_held_back(firm: Firm, waiting: Run) -> None:
    firm.edits("3", Active=False)
    firm.sync(approve=False)
    held(firm, waiting, "3")
    assert why(waiting, "3") == judge.ACTIVITY_CHANGED
    assert firm.sync() is None


def test_a_person_who_mapped_meanwhile_comes_first(firm: Firm, waiting: Run) -> None:
    other = client("Somebody Else")
    firm.maps("3", other)
    firm.maps("99", Client.objects.get(name="Bo Coe"))
    held(firm, waiting, "2", "3")
    assert why(waiting, "2") == why(waiting, "3") == judge.MAPPED
    assert not Client.objects.filter(name="Carl Dunn").exists()


def test_a_person_who_excluded_meanwhile_comes_first(firm: Firm, waiting: Run) -> None:
    firm.says(Kind.EXCLUDE_CUSTOMER, "1")
    firm.says(Kind.EXCLUDE_CLIENT, client=Client.objects.get(name="Bo Coe"))
    firm.says(Kind.EXCLUDE_CUSTOMER, "3")
    held(firm, waiting, "1", "2", "3")
    assert why(waiting, "1") == judge.DECIDED


@pytest.mark.parametrize("kind", [Kind.REMOVED_MATCH, Kind.CLIENT_DELETED])
def test_any_no_about_a_customer_holds_its_step_back(firm: Firm, waiting: Run, kind: str) -> None:
    """Mapped to somebody and removed again while the plan waited."""
    firm.says(kind, "1", client("Somebody Else"))
    firm.says(kind, "3", client("Somebody Else"))
    held(firm, waiting, "1", "3")


def test_a_review_is_not_asked_about_who_was_mapped_meanwhile(firm: Firm) -> None:
    berg = client("Anna Berg", "else@berg.example")
    firm.has(customer("1", "Anna Berg", "anna@berg.example"), customer("2", "Bo Coe"))
    run = firm.plan()
    firm.maps("1", berg)
    firm.says(Kind.EXCLUDE_CUSTOMER, "2")
    firm.approve(run)
    assert {state for _, _, state in told(run)} == {"held"}
    assert not firm.cases()


def test_a_mapping_by_hand_that_was_undone_is_held_back(firm: Firm) -> None:
    firm.has(*(customer(str(n), f"Customer {n}") for n in range(1, 4)))
    firm.sync()
    firm.maps("1", client("Berg, A."))
    with at("plan.finished", Mapping.objects.filter(qbo_id="1").delete):
        run = firm.sync()
    assert run is not None and why(run, "1") == judge.MAPPING_CHANGED
    assert Client.objects.filter(name="Berg, A.").exists()


# Somebody typed in the very client that is about to be created ------------------------------------


@pytest.mark.parametrize(
    "name, email",
    [("Carl Dunn", ""), ("Dunn, C.", "CARL@dunn.example"), ("carl dunn", "carl@dunn.example")],
)
def test_a_creation_beside_a_client_like_it_is_held_back(
    firm: Firm, waiting: Run, name: str, email: str
) -> None:
    typed = client(name, email)
    held(firm, waiting, "3")
    assert why(waiting, "3") == likeness.WHY
    assert Client.objects.filter(name__iexact="carl dunn").exclude(pk=typed.pk).count() == 0
    firm.sync()
    assert ("review", "3") in firm.cases() or firm.mapping("3").client == typed


def test_a_client_renamed_into_likeness_holds_back_too(firm: Firm, waiting: Run) -> None:
    edit(client("Somebody Else"), name="Carl Dunn")
    held(firm, waiting, "3")


def test_customers_alike_are_all_created_as_approved(firm: Firm) -> None:
    """A couple with one address: neither is like a client that was there."""
    firm.chooses(unmatched="create")
    firm.has(
        customer("1", "Anna Berg", "berg@berg.example"),
        customer("2", "Bo Berg", "berg@berg.example"),
    )
    firm.sync()
    assert firm.mapped() == {"1": "Anna Berg", "2": "Bo Berg"}


def test_what_the_run_itself_wrote_does_not_hold_it_back(
    firm: Firm, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Interrupted half-way, and looked over again."""
    monkeypatch.setattr("wagtail_qbo_sync.sync.applying.apply.RECORDS", 1)
    client("Anna Berg", "anna@berg.example")
    firm.chooses(unmatched="create")
    firm.has(
        customer("1", "Anna Berg", "anna@berg.example"),
        customer("2", "Bo Berg", "bo@berg.example"),
        customer("3", "Bo Berg", "bo@berg.example"),
    )
    run = firm.plan()
    hits = iter(range(99))
    with (
        killed_at(lambda name: name == "apply.committed" and next(hits) == 1),
        pytest.raises(Killed),
    ):
        firm.approve(run)
    expire_lease(firm.connection)
    SyncState.objects.update(position=0)
    firm.walk()
    assert {state for _, _, state in told(run)} == {"done"}


# Waiting ----------------------------------------------------------------------------------------


def test_while_a_plan_waits_reading_goes_on_and_nothing_is_planned(
    firm: Firm, waiting: Run
) -> None:
    firm.gets(customer("5", "Eve Foy"))
    assert firm.sync(approve=False) is None
    assert Customer.objects.filter(qbo_id="5").exists()
    assert Run.objects.get() == waiting
    assert set(waiting.steps.values_list("state", flat=True)) == {"planned"}
    firm.approve(waiting)
    assert told(firm.sync()) == {("create", "Eve Foy", "done")}


def test_after_discarding_the_next_sync_plans_again(firm: Firm, waiting: Run) -> None:
    firm.chooses(unmatched="wait")
    decide.discard(waiting, None)
    assert not Mapping.objects.exists()
    run = firm.plan()
    assert run != waiting and run.first
    assert {(kind, name) for kind, name, _ in told(run)} == {
        ("link", "Anna Berg"),
        ("link", "Bo Coe"),
        ("wait", "Carl Dunn"),
        ("wait", "Dora Egg"),
    }, "whom the discarded plan named is named again"


def test_an_approved_plan_cannot_be_approved_or_discarded_again(firm: Firm, waiting: Run) -> None:
    firm.approve(waiting)
    assert not decide.approve(waiting, None)
    assert not decide.discard(waiting, None)


def test_a_disconnected_company_s_plan_cannot_be_approved(firm: Firm, waiting: Run) -> None:
    connect.disconnect(firm.connection, None)
    waiting.connection.refresh_from_db()
    assert not decide.approve(waiting, None)
    firm.walk()
    assert firm.mapped() == {}
    assert decide.discard(waiting, None)


def test_what_was_approved_before_a_disconnect_is_asked_again(firm: Firm, waiting: Run) -> None:
    """The plan may be of another day when the company comes back."""
    assert decide.approve(waiting, None)
    connect.disconnect(firm.connection, None)
    waiting.refresh_from_db()
    assert (waiting.state, waiting.approved_at) == (Run.State.WAITING, None)


# The brake --------------------------------------------------------------------------------------


@pytest.fixture
def many(firm: Firm) -> Callable[[int, int], None]:
    """So many mapped pairs; then so many of them edited in QuickBooks."""

    def do(pairs: int, edited: int) -> None:
        firm.chooses(unmatched="create")
        names = [(str(n), f"Customer {n}") for n in range(1, pairs + 1)]
        firm.has(*(customer(*each) for each in names))
        firm.sync()
        firm.gets(*(customer(*each, SyncToken="1", **phone("5")) for each in names[:edited]))

    return do


@pytest.mark.parametrize(
    "pairs, edited, waits", [(100, 25, False), (100, 26, True), (270, 27, False), (270, 28, True)]
)
def test_a_run_that_writes_much_waits(
    firm: Firm, many: Callable[[int, int], None], pairs: int, edited: int, waits: bool
) -> None:
    many(pairs, edited)
    run = firm.sync(approve=False)
    assert run is not None and run.state == ("waiting" if waits else "done")
    assert Client.objects.filter(phone="5").count() == (0 if waits else edited)
    if waits:
        firm.approve(run)
        assert Client.objects.filter(phone="5").count() == edited


# A second company -------------------------------------------------------------------------------


def test_a_link_planned_as_the_first_does_not_overwrite_as_the_second(
    firm: Firm, waiting: Run, connected: Callable[..., Connection]
) -> None:
    anna = Client.objects.get(name="Anna Berg")
    Mapping.objects.create(
        connection=connected(CLIENT), qbo_id="7", client=anna, client_pk=str(anna.pk)
    )
    held(firm, waiting, "1")
    assert why(waiting, "1") == judge.MAPPED_ELSEWHERE
    run = firm.sync()
    assert told(run) == {("link", "Anna Berg", "done")}
    anna.refresh_from_db()
    assert anna.phone == "1"
    assert firm.case("conflict", "1").facts["conflicts"] == {"phone": {"site": "1", "qbo": "2"}}
