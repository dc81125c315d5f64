"""Existing clients sent to QuickBooks in bulk, after a look at the plan (U11; K7, C13, K14)."""

from __future__ import annotations

from collections.abc import Callable
from io import StringIO

import pytest
from crm.models import Client, ContactType
from django.core.management import call_command

from wagtail_qbo_sync.models import Run, SyncState
from wagtail_qbo_sync.sync.people import decide, exclusion
from wagtail_qbo_sync.sync.people.ticks import tick
from wagtail_qbo_sync.sync.planning import bulk_creation, undoing
from wagtail_qbo_sync.sync.records.locked import Refusal
from wagtail_qbo_sync.sync.telling import why

from .conftest import Json, customer
from .firm import Firm, Killed, client, edit, expire_lease, killed_at, site
from .test_push import batches, phone

Requests = Callable[..., list[Json]]


@pytest.fixture
def synced(firm: Firm) -> Firm:
    """After its first sync, with clients of no pushed type: Tom is in QuickBooks too, of Ann there
    is somebody of the same name, Bo and Cy are like nobody."""
    tom = customer("1", "Tom Reed", "tom@reed.example", CompanyName="Reed Ltd", **phone("1"))
    firm.has(tom, customer("2", "Ann Dow", "ann@dow.example"))
    firm.sync()
    for name, email in (("Tom Reed", "tom@reed.example"), ("Bo Coe", ""), ("Cy Fox", "")):
        client(name, email, phone="2")
    client("Ann Dow", "other@dow.example")
    return firm


def planned(firm: Firm) -> Run:
    """The plan of all clients, which waits."""
    run = bulk_creation.start(firm.connection, keys(), None)
    firm.walk()
    run.refresh_from_db()
    assert run.state == Run.State.WAITING and run.why_it_waits
    return run


def keys(*names: str) -> list[str]:
    clients = Client.objects.filter(name__in=names) if names else Client.objects.all()
    return [str(pk) for pk in clients.values_list("pk", flat=True)]


def steps(run: Run) -> list[tuple[str, str, str]]:
    """(kind, client, state), in the order of the plan."""
    rows = run.steps.order_by("pk").values_list("kind", "data__client", "state")
    return list(rows)


def names(firm: Firm) -> set[str]:
    return {one["DisplayName"] for one in firm.records()}


def test_a_plan_is_made_and_nothing_else(synced: Firm, requests: Requests) -> None:
    before, both = len(requests()), (site(), synced.records())
    run = planned(synced)
    assert (site(), synced.records()) == both, "byte by byte"
    kinds = [(kind, name) for kind, name, _state in steps(run)]
    assert kinds[0] == ("link", "Tom Reed"), "matched ones first"
    assert sorted(kinds[1:]) == [("add", "Bo Coe"), ("add", "Cy Fox"), ("stay", "Ann Dow")]
    assert (run.counts["add"], run.counts["sent"]["name"]) == (2, 2)
    assert run.push == {"asked": 4}
    facts = [why.of_client(synced.connection, *keys(name)) for name in ("Bo Coe", "Ann Dow")]
    assert [one.planned for one in facts] == [True, False], "Why? tells of it"
    synced.sync()
    assert not batches(requests) and names(synced) == {"Tom Reed", "Ann Dow"}
    assert {one["path"][-6:] for one in requests()[before:]} & {"/batch"} == set()
    assert not synced.mapped() and not synced.cases()


def test_approved_it_is_done_and_who_is_alike_is_asked_about(
    synced: Firm, requests: Requests
) -> None:
    synced.approve(planned(synced))
    assert [[item["operation"] for item in items] for items in batches(requests)] == [
        ["create", "create"]
    ]
    assert names(synced) == {"Tom Reed", "Ann Dow", "Bo Coe", "Cy Fox"}
    assert set(synced.mapped().values()) == {"Tom Reed", "Bo Coe", "Cy Fox"}
    tom = Client.objects.get(name="Tom Reed")
    assert (tom.phone, tom.company_name) == ("2", "Reed Ltd"), "blanks only (C13)"
    assert synced.cases() == {("conflict", "1"), ("alike", "")}
    assert synced.sync() is None or not batches(requests)[1:]


def test_the_rest_of_a_plan_stays_as_it_is(synced: Firm, requests: Requests) -> None:
    """Unticked, changed or mapped in between: not created, and by no later sync."""
    run = planned(synced)
    assert tick(run, run.steps.filter(data__client="Bo Coe"), ticked=False) == 1
    edit(Client.objects.get(name="Cy Fox"), phone="3")
    synced.approve(run)
    assert {one for one in steps(run) if one[0] == "add"} == {
        ("add", "Bo Coe", "left"),
        ("add", "Cy Fox", "held"),
    }
    synced.sync()
    assert not batches(requests)


def test_somebody_alike_who_came_to_quickbooks_holds_it_back(synced: Firm) -> None:
    run = planned(synced)
    synced.gets(customer("3", "Bo Coe", "new@coe.example"))
    synced.sync()
    synced.approve(run)
    assert ("add", "Bo Coe", "held") in steps(run)


@pytest.mark.parametrize(
    ("before", "now", "state"),
    [
        ({}, {"direction": "pull"}, "held"),
        ({}, {"field_directions": {"phone": "pull"}}, "held"),
        ({"field_directions": {"phone": "pull"}}, {"field_directions": {}}, "done"),
    ],
)
def test_no_more_and_nothing_else_is_sent_than_the_plan_shows(
    synced: Firm, before: Json, now: Json, state: str
) -> None:
    """The settings were changed while it waited."""
    synced.chooses(**before)
    run = planned(synced)
    synced.chooses(**now)
    synced.approve(run)
    assert {("add", "Bo Coe", state), ("add", "Cy Fox", state)} <= set(steps(run))
    made = [one for one in synced.records() if one["DisplayName"] in ("Bo Coe", "Cy Fox")]
    assert len(made) == (2 if state == "done" else 0)
    assert not any("PrimaryPhone" in one for one in made)


@pytest.mark.parametrize("begun", [True, False])
def test_it_can_be_dropped(synced: Firm, requests: Requests, begun: bool) -> None:
    run = bulk_creation.start(synced.connection, keys(), None) if begun else planned(synced)
    assert decide.discard(run, None)
    synced.walk()
    synced.sync()
    assert not batches(requests) and not Run.objects.exclude(pk=run.pk).filter(state="waiting")
    assert planned(synced).counts["add"] == 2, "it can be asked for again"


def test_ended_at_any_point_it_is_made_once(synced: Firm) -> None:
    run = bulk_creation.start(synced.connection, keys(), None)
    for point in ("plan.stored", "plan.finished"):
        with pytest.raises(Killed), killed_at(point.__eq__):
            synced.walk()
        expire_lease(synced.connection)
    synced.walk()
    run.refresh_from_db()
    assert run.state == Run.State.WAITING and len(steps(run)) == 4


def test_one_plan_at_a_time(synced: Firm) -> None:
    """Nothing is taken back beside a plan that is still being made, nor the other way round."""
    synced.approve(planned(synced))
    done = Run.objects.get(state=Run.State.DONE, by_person=True)
    client("Di Ray")
    made = bulk_creation.start(synced.connection, keys("Di Ray"), None)
    with pytest.raises(Refusal):
        undoing.start(done, None)
    Run.objects.filter(pk=made.pk).update(push={}, undo={"qbo_id": "", "field": ""}, undoes=done)
    with pytest.raises(Refusal):
        bulk_creation.start(synced.connection, keys("Di Ray"), None)


@pytest.mark.parametrize("spoil", ["waits", "twice", "unsynced", "pull only", "all excluded"])
def test_where_it_does_not_fit_it_is_refused(synced: Firm, spoil: str) -> None:
    chosen = keys()
    if spoil == "waits":
        planned(synced)
    elif spoil == "twice":
        bulk_creation.start(synced.connection, chosen, None)
    elif spoil == "unsynced":
        SyncState.objects.update(first_synced_at=None)
    elif spoil == "pull only":
        synced.chooses(direction="pull")
    else:
        chosen = keys("Bo Coe")
        exclusion.exclude_client(synced.connection, chosen[0], None)
    before = Run.objects.count()
    with pytest.raises(Refusal):
        bulk_creation.start(synced.connection, chosen, None)
    assert Run.objects.count() == before


def test_many_are_one_call_for_thirty(synced: Firm, requests: Requests) -> None:
    Client.objects.bulk_create(Client(name=f"Old {number}") for number in range(58))
    synced.approve(planned(synced))
    assert [len(items) for items in batches(requests)] == [30, 30]


def test_from_a_command_line(synced: Firm, requests: Requests) -> None:
    kind = ContactType.objects.create(name="Monthly books")
    client("Di Ray", contact_type=kind)
    out = StringIO()
    call_command("qbo_sync", "--create", "Monthly books", stdout=out)
    run = Run.objects.get(state=Run.State.WAITING)
    assert "Created in QuickBooks: Di Ray" in out.getvalue() and len(steps(run)) == 1
    assert f"--approve {run.pk}" in out.getvalue() and not batches(requests)
    call_command("qbo_sync", "--approve", str(run.pk), stdout=StringIO())
    assert "Di Ray" in names(synced)
    call_command("qbo_sync", "--create", stdout=out)
    assert len(steps(Run.objects.get(state=Run.State.WAITING))) == 4
