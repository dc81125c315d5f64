"""What stops a sync until a person has looked at its plan (U3)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from crm.models import Client

from wagtail_qbo_sync import clock
from wagtail_qbo_sync.models import Case, Run, Step, SyncState
from wagtail_qbo_sync.sync.people import decide
from wagtail_qbo_sync.sync.records import gate, status

from .conftest import customer
from .firm import Firm, client, edit, told

MANY = 40


@pytest.fixture
def firm(firm: Firm) -> Firm:
    """Forty mapped customers, and nothing to do."""
    clients = [Client(name=f"Client {n}", email=f"c{n}@example.org") for n in range(1, MANY + 1)]
    Client.objects.bulk_create(clients)
    firm.has(*(customer(str(n), f"Client {n}", f"c{n}@example.org") for n in range(1, MANY + 1)))
    firm.sync()
    return firm


def calls(firm: Firm, first: int, last: int, company: str = "Ltd") -> None:
    """Somebody edits these customers in QuickBooks."""
    for number in range(first, last + 1):
        firm.edits(str(number), CompanyName=company)


def stops(run: Run | None) -> list[str]:
    assert run is not None
    return list(run.stops) if run.state == Run.State.WAITING else []


# The brake --------------------------------------------------------------------------------------


def test_one_run_beyond_the_brake_waits(firm: Firm) -> None:
    calls(firm, 1, 26)
    run = firm.plan()
    assert run.stops == [Run.Stop.BRAKE]
    assert "more than 10 %" in str(run.why_it_waits[0])
    assert not Client.objects.exclude(company_name="").exists()


def test_small_runs_add_up_within_a_day(firm: Firm) -> None:
    calls(firm, 1, 13)
    assert stops(firm.sync(approve=False)) == []
    calls(firm, 14, 25)
    assert stops(firm.sync(approve=False)) == []
    calls(firm, 26, 26)
    run = firm.plan()
    assert run.stops == [Run.Stop.BRAKE]
    firm.approve(run)
    assert firm.client("26").company_name == "Ltd"
    calls(firm, 27, 27)
    assert stops(firm.sync(approve=False)) == [], "what a person has seen counts no more"


def test_the_same_record_counts_once(firm: Firm) -> None:
    calls(firm, 1, 20)
    firm.sync()
    calls(firm, 1, 20, "Inc")
    assert stops(firm.sync(approve=False)) == []


def test_what_was_sent_counts_too(firm: Firm) -> None:
    for one in Client.objects.order_by("pk")[:13]:
        edit(one, phone="555")
    assert stops(firm.sync(approve=False)) == []
    calls(firm, 14, 26)
    assert stops(firm.sync(approve=False)) == [Run.Stop.BRAKE]


def test_a_customer_and_a_client_of_the_same_number_are_two_records(firm: Firm) -> None:
    run = Run.objects.create(connection=firm.connection, started_at=clock.now())
    done = {"run": run, "state": Step.State.DONE, "data": {"to_qbo": {"phone": ["", "1"]}}}
    Step.objects.create(kind=Step.Kind.PUSH, qbo_id="7", client_pk="3", **done)
    Step.objects.create(kind=Step.Kind.ADD, client_pk="7", **done)
    assert gate.recent(firm.connection) == {("customer", "7"), ("client", "7")}


def test_a_day_later_it_counts_no_more(firm: Firm) -> None:
    calls(firm, 1, 20)
    firm.sync()
    Run.objects.update(started_at=clock.now() - timedelta(hours=25), approved_at=None)
    calls(firm, 21, 40)
    assert stops(firm.sync(approve=False)) == []


def test_what_people_decide_one_by_one_does_not_count(firm: Firm) -> None:
    calls(firm, 1, 20)
    firm.sync()
    Run.objects.filter(stops=[]).update(by_person=True)
    calls(firm, 21, 40)
    assert stops(firm.sync(approve=False)) == []


def test_deletions_count(firm: Firm) -> None:
    for one in Client.objects.order_by("pk")[:10]:
        one.delete()
    firm.sync()
    assert Case.objects.filter(kind=Case.Kind.CLIENT_DELETED).count() == 10
    calls(firm, 11, 26)
    assert stops(firm.sync(approve=False)) == [Run.Stop.BRAKE]


def test_writes_count_for_deletions(firm: Firm) -> None:
    calls(firm, 1, 16)
    firm.sync()
    for one in Client.objects.order_by("-pk")[:10]:
        one.delete()
    firm.sync()
    assert firm.cases() == {(Case.Kind.DELETIONS, "")}


# After a change of settings ----------------------------------------------------------------------


@pytest.mark.parametrize(
    "before, after",
    [
        ({"direction": "push"}, {"direction": "two_way"}),
        (
            {"field_directions": {"company_name": "push"}},
            {"field_directions": {"company_name": "two_way"}},
        ),
    ],
)
def test_another_direction_shows_its_plan(
    firm: Firm, before: dict[str, Any], after: dict[str, Any]
) -> None:
    firm.chooses(**before)
    firm.sync()
    calls(firm, 1, 1)
    firm.sync()
    assert firm.client("1").company_name == "", "it stays in QuickBooks"
    firm.chooses(**after)
    firm.edits("1", PrimaryPhone={"FreeFormNumber": "1"})
    run = firm.plan()
    assert run.stops == [Run.Stop.TERMS]
    firm.approve(run)
    assert firm.client("1").company_name == "Ltd"
    calls(firm, 2, 2)
    assert stops(firm.sync(approve=False)) == [], "the settings are agreed to"


def test_another_policy_shows_its_plan(firm: Firm) -> None:
    edit(firm.client("1"), phone="2")
    firm.edits("1", PrimaryPhone={"FreeFormNumber": "3"})
    firm.sync()
    assert firm.cases() == {(Case.Kind.CONFLICT, "1")}
    firm.chooses(on_conflict="qbo")
    assert firm.plan().stops == [Run.Stop.TERMS]
    assert firm.client("1").phone == "2"


def test_another_policy_for_those_who_match_nobody_shows_its_plan(firm: Firm) -> None:
    firm.gets(customer("99", "New One"))
    firm.sync()
    firm.chooses(unmatched="create")
    run = firm.plan()
    assert (run.stops, told(run)) == (
        [Run.Stop.TERMS],
        {("create", "New One", "planned")},
    )


def test_sub_customers_too_shows_its_plan(firm: Firm) -> None:
    client("Site A", "a@example.org")
    sub = {"Job": True, "ParentRef": {"value": "1"}, "FullyQualifiedName": "Client 1:Site A"}
    firm.gets(customer("99", "Site A", "a@example.org", CompanyName="A", **sub))
    firm.sync()
    assert "99" not in firm.mapped()
    firm.chooses(hierarchy="sub")
    run = firm.plan()
    assert (run.stops, told(run)) == ([Run.Stop.TERMS], {("link", "Client 1:Site A", "planned")})


def test_a_change_that_writes_nothing_asks_for_nothing(firm: Firm) -> None:
    firm.chooses(on_conflict="site")
    assert firm.sync(approve=False) is None
    calls(firm, 1, 1)
    assert stops(firm.sync(approve=False)) == []


def test_a_discarded_plan_is_asked_about_again(firm: Firm) -> None:
    firm.chooses(on_conflict="site")
    calls(firm, 1, 1)
    decide.discard(firm.plan(), None)
    assert firm.plan().stops == [Run.Stop.TERMS]


def test_an_installation_from_before_goes_on_as_it_was(firm: Firm) -> None:
    """What it had agreed to is not known; its first plan agrees."""
    SyncState.objects.update(agreed_terms="")
    calls(firm, 1, 1)
    assert stops(firm.sync(approve=False)) == []
    assert firm.state.agreed_terms == gate.terms(firm.connection)


# While a plan waits ------------------------------------------------------------------------------


def test_while_a_plan_waits_reading_goes_on_and_nothing_is_applied(firm: Firm) -> None:
    calls(firm, 1, 26)
    run = firm.plan()
    firm.edits("1", CompanyName="Moved on")
    firm.edits("30", CompanyName="Later")
    assert firm.sync(approve=False) is None, "no plan beside it"
    said = {row.qbo_id: row.contact.company_name for row in firm.connection.customers.all()}
    assert (said["1"], said["30"]) == ("Moved on", "Later"), "reading goes on"
    assert not Client.objects.exclude(company_name="").exists(), "nothing is applied"
    assert status.status_of(firm.connection).waiting_run == run
    firm.approve(run)
    held = run.steps.get(qbo_id="1")
    assert held.state == "held" and "changed in QuickBooks" in held.data["why"]
    assert run.steps.filter(state="done").count() == 25
    assert not Client.objects.filter(company_name="Later").exists()
    firm.sync()
    assert firm.client("1").company_name == "Moved on"
    assert firm.client("30").company_name == "Later"
