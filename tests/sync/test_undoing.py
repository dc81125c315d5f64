"""Taking back a run, a record, a field, on both sides (U5, rule 15)."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import Any

import pytest
from crm.models import Client, ContactType
from django.db import connection as database
from django.test.utils import CaptureQueriesContext
from pytest_django import DjangoCaptureOnCommitCallbacks, Settings

from tests import factories
from wagtail_qbo_sync import clock
from wagtail_qbo_sync.models import Case, Change, Decision, Outbox, Run, Step
from wagtail_qbo_sync.sync.applying import putting_back
from wagtail_qbo_sync.sync.people import dead_letters, decide
from wagtail_qbo_sync.sync.planning import undoing
from wagtail_qbo_sync.sync.records.locked import Refusal
from wagtail_qbo_sync.sync.records.status import open_problems

from .conftest import Json, customer
from .firm import Firm, Killed, at, client, edit, expire_lease, killed_at, site, told, why
from .test_apply import beside
from .test_lease import rung
from .test_push import changes


def phone(number: str) -> Json:
    return {"PrimaryPhone": {"FreeFormNumber": number}}


def mobile(number: str) -> Json:
    return {"Mobile": {"FreeFormNumber": number}}


@pytest.fixture
def dana(db: None) -> Any:
    return factories.user("crm.view_client", username="dana")


def undone(firm: Firm, run: Run, user: Any = None, **about: str) -> Run:
    """The undo of this, planned, approved and applied."""
    run.refresh_from_db()
    plan = undoing.start(run, user, **about)
    assert plan.state == Run.State.WAITING
    assert decide.approve(plan, user)
    firm.walk()
    plan.refresh_from_db()
    assert plan.state == Run.State.DONE
    return plan


@pytest.fixture
def anna(firm: Firm) -> Client:
    """Mapped to customer 1; both say phone 1 and mobile 1."""
    client("Anna Berg", "anna@berg.example", phone="1", mobile="1")
    firm.has(customer("1", "Anna Berg", "anna@berg.example", **phone("1"), **mobile("1")))
    firm.sync()
    return firm.client("1")


@pytest.fixture
def both(firm: Firm, anna: Client) -> Run:
    """A run that wrote the phone to the site and sent the mobile to QuickBooks."""
    firm.edits("1", **phone("2"))
    changes(firm, anna, mobile="2")
    run = firm.sync()
    assert run is not None
    assert says(firm, anna) == ("2", "2", "2", "2")
    return run


def says(firm: Firm, anna: Client) -> tuple[str, str, str, str]:
    """Phone and mobile on the site, phone and mobile in QuickBooks."""
    anna.refresh_from_db()
    record = firm.record("1")
    there = [record[name]["FreeFormNumber"] for name in ("PrimaryPhone", "Mobile")]
    return anna.phone, anna.mobile, there[0], there[1]


UNDONE = ("1", "2", "2", "1")
"""Each side has back what the run replaced there, and the two differ."""


def test_both_sides_get_back_what_was_there(firm: Firm, anna: Client, both: Run, dana: Any) -> None:
    plan = undone(firm, both, dana)
    assert says(firm, anna) == UNDONE
    assert plan.undoes == both
    journal = Change.objects.filter(run=plan).order_by("side")
    assert [(one.side, one.values, one.actor) for one in journal] == [
        ("qbo", {"mobile": ["2", "1"]}, dana),
        ("site", {"phone": ["2", "1"]}, dana),
    ]
    assert journal[0].intuit_tid


def test_no_sync_undoes_it_and_an_edit_travels(firm: Firm, anna: Client, both: Run) -> None:
    undone(firm, both)
    for _again in range(3):
        assert firm.sync() is None
    firm.edits("1", Notes="x")
    assert says(firm, anna) == UNDONE
    firm.edits("1", **phone("3"))
    changes(firm, anna, mobile="3")
    firm.sync()
    assert says(firm, anna) == ("3", "3", "3", "3")


def test_what_is_still_on_its_way_comes_first(firm: Firm, anna: Client) -> None:
    """Else one side alone would be taken back, and the other would arrive after that."""
    firm.edits("1", **phone("2"))
    changes(firm, anna, mobile="2")
    with killed_at("push.written".__eq__), pytest.raises(Killed):
        firm.sync()
    expire_lease(firm.connection)
    run = Run.objects.latest("pk")
    for about in ({}, {"qbo_id": "1"}):
        with pytest.raises(Refusal, match="on its way"):
            undoing.start(run, None, **about)
    firm.walk()
    undone(firm, run)
    assert says(firm, anna) == UNDONE


def test_a_run_whose_journal_may_be_gone_is_not_taken_back(
    firm: Firm, both: Run, settings: Settings
) -> None:
    """U17: half of it could be gone already."""
    settings.WAGTAIL_QBO_SYNC = {**settings.WAGTAIL_QBO_SYNC, "JOURNAL_DAYS": 30}
    Run.objects.filter(pk=both.pk).update(started_at=clock.now() - timedelta(days=31))
    both.refresh_from_db()
    with pytest.raises(Refusal, match="nothing in it"):
        undoing.start(both, None)


def test_making_the_plan_writes_nothing_on_either_side(firm: Firm, both: Run) -> None:
    before = site(), firm.records()
    plan = undoing.start(both, None)
    assert (site(), firm.records()) == before
    step = plan.steps.get()
    assert step.data["values"] == {"phone": ["2", "1"]}
    assert step.data["to_qbo"] == {"mobile": ["2", "1"]}
    assert not Outbox.objects.exclude(state=Outbox.State.DONE).exists()


def test_what_was_edited_since_is_left_and_named(firm: Firm, anna: Client, both: Run) -> None:
    firm.edits("1", **mobile("7"))
    firm.sync()
    plan = undone(firm, both)
    assert says(firm, anna) == ("1", "7", "2", "7")
    assert plan.steps.get().data["left"] == ["mobile"]
    assert firm.case("undo", "1").facts["left"] == ["mobile"], "a person is asked"
    assert firm.sync() is None
    assert firm.cases() == {("undo", "1")}


def test_what_was_edited_can_be_put_back_all_the_same(
    firm: Firm, anna: Client, both: Run, dana: Any
) -> None:
    firm.edits("1", **mobile("7"))
    firm.sync()
    undone(firm, both)
    case = firm.case("undo", "1")
    assert undoing.take_back_edited(case, dana)
    plan = Run.objects.get(state=Run.State.WAITING)
    assert undoing.take_back_edited(case, dana), "asked for twice, it is one plan"
    step = plan.steps.get()
    assert (step.data["values"], step.data["to_qbo"]) == ({}, {"mobile": ["7", "1"]})
    assert says(firm, anna) == ("1", "7", "2", "7"), "it waits for approval"
    firm.approve(plan)
    assert says(firm, anna) == ("1", "7", "2", "1")
    assert not firm.cases()
    assert not undoing.take_back_edited(case, dana), "it is settled"
    assert firm.sync() is None
    undone(firm, plan)
    assert says(firm, anna)[3] == "7", "it is undone like any other"


def test_what_was_edited_once_more_is_left_once_more(firm: Firm, anna: Client, both: Run) -> None:
    edit(anna, phone="7")
    undone(firm, both, qbo_id="1", field="phone")
    case = firm.case("undo", "1")
    assert undoing.take_back_edited(case, None)
    plan = Run.objects.get(state=Run.State.WAITING)
    assert plan.steps.get().data["values"] == {"phone": ["7", "1"]}
    edit(anna, phone="8")
    firm.approve(plan)
    assert why(plan, "1") == putting_back.EDITED_SINCE
    assert says(firm, anna)[0] == "8"
    assert firm.cases() == {("undo", "1")}


def test_what_somebody_puts_back_by_hand_is_settled(firm: Firm, anna: Client, both: Run) -> None:
    edit(anna, phone="7")
    undone(firm, both, qbo_id="1", field="phone")
    edit(anna, phone="1")
    assert undoing.take_back_edited(firm.case("undo", "1"), None)
    assert not firm.cases() and not Run.objects.filter(state=Run.State.WAITING).exists()


def test_what_is_left_stays_as_it_is_where_a_person_says_so(
    firm: Firm, anna: Client, both: Run
) -> None:
    firm.edits("1", **mobile("7"))
    firm.sync()
    undone(firm, both)
    assert dead_letters.set_aside(firm.case("undo", "1"), None)
    assert not open_problems().exists()
    assert firm.sync() is None
    assert says(firm, anna)[1] == "7"


def test_a_later_run_that_wrote_over_it_is_named(firm: Firm, anna: Client, both: Run) -> None:
    """It was not somebody who edited."""
    firm.edits("1", **phone("3"))
    later = firm.sync()
    assert later is not None
    plan = undone(firm, both, field="phone", qbo_id="1")
    assert why(plan, "1") == putting_back.WRITTEN_SINCE
    assert plan.steps.get().data["since"] == {"phone": later.pk}
    assert not firm.cases(), "the later run comes first"
    edit(anna, phone="4")
    plan = undone(firm, both, field="phone", qbo_id="1")
    assert why(plan, "1") == putting_back.EDITED_SINCE, "nor is it that run any more"


def test_an_edit_that_waits_for_its_sync_is_not_lost(firm: Firm, anna: Client, both: Run) -> None:
    """The hint of another field stays."""
    changes(firm, anna, fax="8", email="new@berg.example")
    undone(firm, both)
    firm.sync()
    assert firm.record("1")["PrimaryEmailAddr"] == {"Address": "new@berg.example"}
    assert says(firm, anna) == UNDONE


def test_undoing_twice_is_the_same_as_once(firm: Firm, anna: Client, both: Run) -> None:
    first = undoing.start(both, None)
    assert undoing.start(both, None) == first, "asked for twice, it is one plan"
    firm.approve(first)
    again = undone(firm, both)
    assert why(again, "1") == putting_back.WRITTEN_SINCE
    assert again.steps.get().data["since"] == {"mobile": first.pk, "phone": first.pk}
    assert says(firm, anna) == UNDONE


def test_an_undo_can_be_undone(firm: Firm, anna: Client, both: Run) -> None:
    undone(firm, undone(firm, both))
    assert says(firm, anna) == ("2", "2", "2", "2")
    assert firm.sync() is None


def walked(firm: Firm, capture: DjangoCaptureOnCommitCallbacks) -> int:
    """How often a worker walks: as long as it is rung for."""
    for walks in range(1, 9):
        with capture() as callbacks:
            firm.walk()
        if not rung(callbacks, "walk"):
            return walks
    raise AssertionError("it rings on and on")


def test_a_third_undo_in_a_row_ends_as_the_first(
    firm: Firm,
    anna: Client,
    both: Run,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    """The last one meets a customer that has moved on, so a worker is rung for once more."""
    run = both
    walks: list[int] = []
    for ends in (UNDONE, ("2", "2", "2", "2"), UNDONE):
        plan = undoing.start(run, None)
        assert decide.approve(plan, None)
        if len(walks) == 2:
            firm.edits("1", Notes="x")
        walks.append(walked(firm, django_capture_on_commit_callbacks))
        run = Run.objects.get(pk=plan.pk)
        assert (run.state, says(firm, anna)) == (Run.State.DONE, ends)
    assert walks == [1, 1, 2]
    assert firm.sync() is None


def test_one_field(firm: Firm, anna: Client, both: Run) -> None:
    undone(firm, both, qbo_id="1", field="phone")
    assert says(firm, anna) == ("1", "2", "2", "2")
    undone(firm, both, qbo_id="1", field="mobile")
    assert says(firm, anna) == UNDONE
    with pytest.raises(Refusal, match="nothing in it"):
        undoing.start(both, None, qbo_id="4711")


def test_one_record_of_a_run_and_what_a_plan_leaves_unticked(firm: Firm) -> None:
    for name in ("Anna Berg", "Bo Coe"):
        client(name, f"{name[0]}@x.example", phone="1")
    firm.has(
        customer("1", "Anna Berg", "A@x.example", **phone("2")),
        customer("2", "Bo Coe", "B@x.example", **phone("2")),
    )
    run = firm.sync()
    assert run is not None
    undone(firm, run, qbo_id="1")
    assert firm.mapped() == {"2": "Bo Coe"}
    assert firm.client_phone("Anna Berg") == "1"
    assert firm.client_phone("Bo Coe") == "2"


def test_a_plan_that_waits_comes_first(firm: Firm, both: Run) -> None:
    firm.edits("1", **phone("9"))
    decide.ask_for_plan(firm.connection)
    firm.walk()
    with pytest.raises(Refusal, match="A plan waits"):
        undoing.start(both, None)


# Mappings, and clients that were made -------------------------------------------------------------


@pytest.fixture
def first(firm: Firm) -> Run:
    """A first run of a link that overwrote a phone and a client that was made."""
    client("Anna Berg", "anna@berg.example", phone="1")
    firm.chooses(unmatched="create")
    firm.has(
        customer("1", "Anna Berg", "anna@berg.example", **phone("2")),
        customer("2", "Carl Dunn", "carl@dunn.example", **phone("2")),
    )
    run = firm.sync()
    assert run is not None
    return run


def test_a_first_run_is_undone_as_a_whole(firm: Firm, first: Run, dana: Any) -> None:
    plan = undone(firm, first, dana)
    assert firm.mapped() == {}
    assert firm.client_phone("Anna Berg") == "1"
    assert not Client.objects.filter(name="Carl Dunn").exists(), plan.steps.get(qbo_id="2").data
    kinds = {(one.kind, one.qbo_id, one.by) for one in Decision.objects.all()}
    assert kinds == {("removed_match", "1", dana), ("client_deleted", "2", dana)}
    gone = Change.objects.get(run=plan, qbo_id="2")
    assert gone.values["phone"] == ["2", None]
    assert firm.sync() is None, "and no sync does it again"


def test_and_its_undo_is_undone(firm: Firm, first: Run) -> None:
    undone(firm, undone(firm, first))
    assert firm.mapped() == {"1": "Anna Berg", "2": "Carl Dunn"}
    assert firm.client_phone("Anna Berg") == firm.client_phone("Carl Dunn") == "2"
    assert not Decision.objects.exists()
    looked = firm.sync()
    assert looked is not None and set(looked.steps.values_list("kind", flat=True)) == {"agree"}
    assert firm.sync() is None


def test_a_client_that_became_somebody_s_own_stays(firm: Firm, first: Run) -> None:
    edit(firm.client("2"), mobile="9")
    plan = undone(firm, first)
    assert Client.objects.filter(name="Carl Dunn").exists()
    assert plan.steps.get(qbo_id="2").data["why"] == putting_back.STAYS_EDITED
    assert firm.mapped() == {}


def test_whoever_has_left_is_no_command(firm: Firm, first: Run) -> None:
    """Their account is deleted before what they approved is applied."""
    anna = factories.user("wagtail_qbo_sync.sync_connection")
    plan = undoing.start(first, anna)
    assert decide.approve(plan, anna)
    anna.delete()
    firm.sync()
    assert Client.objects.filter(name="Carl Dunn").exists()
    assert plan.steps.get(qbo_id="2").data["why"] == putting_back.STAYS_HIDDEN


def test_a_client_that_the_approver_may_not_view_stays(firm: Firm, first: Run) -> None:
    """Some may sync who may not see all clients."""
    plan = undone(firm, first, factories.user("wagtail_qbo_sync.sync_connection"))
    assert Client.objects.filter(name="Carl Dunn").exists()
    assert plan.steps.get(qbo_id="2").data["why"] == putting_back.STAYS_HIDDEN
    assert firm.mapped() == {}


def test_a_person_who_mapped_meanwhile_comes_first(firm: Firm, first: Run) -> None:
    plan = undoing.start(first, None)
    firm.mapping("1").delete()
    firm.maps("1", client("Somebody Else"))
    firm.approve(plan)
    assert plan.steps.get(qbo_id="1").state == Step.State.HELD
    assert firm.mapped()["1"] == "Somebody Else"


# QuickBooks has moved on --------------------------------------------------------------------------


def test_an_unseen_edit_of_another_field_does_not_stop_it(
    firm: Firm, anna: Client, both: Run
) -> None:
    plan = undoing.start(both, None)
    firm.edits("1", CompanyName="Berg Ltd")
    firm.approve(plan)
    firm.walk()
    assert says(firm, anna) == UNDONE
    firm.sync()
    assert firm.client("1").company_name == "Berg Ltd"
    assert says(firm, anna) == UNDONE


def test_an_unseen_edit_of_the_very_field_is_left(firm: Firm, anna: Client, both: Run) -> None:
    plan = undoing.start(both, None)
    firm.edits("1", **mobile("7"))
    firm.approve(plan)
    firm.walk()
    assert says(firm, anna)[3] == "7"
    step = plan.steps.get()
    assert (step.state, step.data["left"]) == (Step.State.DONE, ["mobile"])
    firm.sync()
    assert says(firm, anna) == ("1", "7", "2", "7"), "and travels, as any edit"
    undone(firm, plan)
    assert says(firm, anna)[0] == "2", "what was taken back can be taken back"


def test_what_quickbooks_refuses_is_told_by_the_step(firm: Firm, anna: Client) -> None:
    """U10: the old name belongs to somebody else by now. What the site gets back stays."""
    firm.edits("1", **phone("2"))
    changes(firm, anna, name="Anna Lund")
    run = firm.sync()
    assert run is not None
    firm.gets(customer("2", "Anna Berg"))
    plan = undoing.start(run, None)
    firm.approve(plan)
    step = plan.steps.get()
    assert (step.state, firm.record("1")["DisplayName"]) == (Step.State.FAILED, "Anna Lund")
    assert step.data["why"] and step.data["intuit_tid"]
    assert says(firm, anna)[0] == "1"
    assert not Case.objects.exists(), "the undo's page is the answer"


def pair_says(firm: Firm, tom: Client) -> tuple[str, str, Json | None]:
    """Phone and mobile on the site, mobile in QuickBooks."""
    tom.refresh_from_db()
    return tom.phone, tom.mobile, firm.record("1").get("Mobile")


@pytest.fixture
def tom(firm: Firm) -> Client:
    """A client whom the last run has mapped: it got a phone, and QuickBooks got its mobile."""
    pushed = ContactType.objects.create(name="Monthly books")
    firm.chooses(pushed_types=[str(pushed.pk)])
    firm.has(customer("1", "Tom Reed", "tom@reed.example", **phone("1")))
    firm.sync()
    tom = client("Tom Reed", "tom@reed.example", mobile="5", contact_type=pushed)
    run = firm.sync()
    assert told(run) == {("link", "Tom Reed", "done")}
    assert pair_says(firm, tom) == ("1", "5", {"FreeFormNumber": "5"})
    return tom


@pytest.mark.parametrize("is_late", [False, True])
def test_what_arrived_at_the_second_try_is_undone_as_any(
    firm: Firm, tom: Client, is_late: bool
) -> None:
    """Where QuickBooks had moved on, the mapping was removed with the first try."""
    plan = undoing.start(Run.objects.latest("pk"), None)
    if is_late:
        firm.edits("1", Notes="x")
    firm.approve(plan)
    firm.walk()
    assert told(plan) == {("undo", "Tom Reed", "done")}, plan.steps.get().data
    assert (firm.mapped(), pair_says(firm, tom)[:2]) == ({}, ("", "5"))
    assert pair_says(firm, tom)[2] in (None, {})
    assert ("rounds" in plan.steps.get().data) is is_late
    again = undone(firm, plan)
    assert firm.mapped() == {"1": "Tom Reed"}
    assert pair_says(firm, tom) == ("1", "5", {"FreeFormNumber": "5"})
    undone(firm, again)
    assert firm.mapped() == {}


def test_what_stands_of_an_undo_that_quickbooks_refused_can_be_undone(
    firm: Firm, anna: Client
) -> None:
    """The site has its phone back, and QuickBooks does not take the name back."""
    firm.edits("1", **phone("2"))
    changes(firm, anna, name="Anna Lund")
    run = firm.sync()
    assert run is not None
    firm.gets(customer("2", "Anna Berg"))
    plan = undoing.start(run, None)
    firm.approve(plan)
    assert plan.steps.get().state == Step.State.FAILED
    undone(firm, plan)
    assert says(firm, anna)[0] == "2"


# Slices -------------------------------------------------------------------------------------------

POINTS = ["undo.started", "undo.counted", "undo.planned", "undo.committed"]


@pytest.mark.parametrize("is_shown", [True, False])
def test_asked_for_while_a_sync_plans_it_is_the_only_plan(
    firm: Firm, both: Run, is_shown: bool
) -> None:
    """U3. What the sync has found comes with a later one."""
    firm.edits("1", CompanyName="Berg Ltd")
    (decide.ask_for_plan if is_shown else decide.ask_for_sync)(firm.connection)
    with at("plan.stored", lambda: undoing.start(both, None)):
        firm.walk()
    waiting = Run.objects.get(state=Run.State.WAITING)
    assert waiting.undoes == both
    assert not Run.objects.filter(state__in=["planning", "applying"]).exists()
    assert firm.client("1").company_name == "" and firm.state.phase == "rest"
    firm.approve(waiting)
    assert firm.client("1").phone == "1"
    firm.sync()
    assert firm.client("1").company_name == "Berg Ltd"


@pytest.mark.postgres
def test_asked_for_while_a_sync_closes_its_plan_it_is_refused(
    transactional_db: None, firm: Firm, both: Run
) -> None:
    if database.vendor == "sqlite":
        pytest.skip("SQLite lets one write at a time")
    refused: list[str] = []
    threads: list[threading.Thread] = []

    def asks() -> None:
        try:
            undoing.start(Run.objects.get(pk=both.pk), None)
        except Refusal as refusal:
            refused.append(refusal.message)

    def second() -> None:
        threads.append(beside(asks))
        threads[0].join(0.5)
        assert threads[0].is_alive(), "it waits for the company's state"

    firm.edits("1", CompanyName="Berg Ltd")
    decide.ask_for_plan(firm.connection)
    with at("plan.closed", second):
        firm.walk()
    threads[0].join()
    assert refused and Run.objects.get(state=Run.State.WAITING).undoes is None


@pytest.fixture
def many(firm: Firm) -> Run:
    """A run that mapped six."""
    for number in range(1, 7):
        client(f"Customer {number}", f"c{number}@x.example", phone="1")
    firm.has(
        *(customer(str(n), f"Customer {n}", f"c{n}@x.example", **phone("2")) for n in range(1, 7))
    )
    run = firm.sync()
    assert run is not None
    return run


def tries(plan: Run, times: int, point: str = "undo.planned") -> None:
    """A worker that is ended at this point each time."""
    for _time in range(times):
        with killed_at(point.__eq__), pytest.raises(Killed):
            undoing.advance(plan.pk)


def crashing(many: Run, times: int) -> Run:
    """An undo of many whose planning has ended the process so many times."""
    with killed_at("undo.planned".__eq__), pytest.raises(Killed):
        undoing.start(many, None)
    plan = Run.objects.get(undoes=many)
    tries(plan, times - 1)
    return plan


def test_what_ends_the_worker_each_time_is_given_up_and_the_sync_goes_on(
    firm: Firm, many: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rule 13: counted before the work, as a crash leaves no other trace."""
    monkeypatch.setattr(undoing, "SLICE", 2)
    plan = crashing(many, undoing.PARK_AFTER)
    firm.edits("1", **phone("9"))
    assert firm.sync() is None, "while it is made nothing is planned beside it"
    undoing.advance(plan.pk)
    plan.refresh_from_db()
    assert (plan.state, plan.trouble["message"]) == (Run.State.FAILED, undoing.STOPS)
    assert firm.case("undo", "").facts == {"run": plan.pk, "message": undoing.STOPS}
    firm.sync()
    assert firm.client("1").phone == "9"
    undone(firm, many, qbo_id="2")
    assert firm.cases() == {("undo", "")}, "of the whole, a person still knows nothing"
    again = undoing.start(many, None)
    assert (again.state, firm.cases()) == (Run.State.WAITING, set())


def test_what_goes_well_makes_crashes_forgotten(
    firm: Firm, many: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(undoing, "SLICE", 2)
    plan = crashing(many, undoing.PARK_AFTER - 1)
    tries(plan, 1, "undo.committed")
    tries(plan, undoing.PARK_AFTER - 1)
    undoing.advance(plan.pk)
    plan.refresh_from_db()
    assert plan.state == Run.State.WAITING
    assert sorted(plan.steps.values_list("qbo_id", flat=True)) == list("123456")


def test_it_can_be_discarded_while_it_is_made(firm: Firm, many: Run) -> None:
    plan = crashing(many, 1)
    assert decide.discard(plan, None)
    undoing.advance(plan.pk)
    plan.refresh_from_db()
    assert (plan.state, plan.steps.count()) == (Run.State.DISCARDED, 0)
    firm.edits("1", **phone("9"))
    firm.sync()
    assert firm.client("1").phone == "9"
    assert undoing.start(many, None).state == Run.State.WAITING


def test_without_the_run_it_waits_with_what_it_has(
    firm: Firm, many: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """U17: the run was pruned in between."""
    monkeypatch.setattr(undoing, "SLICE", 2)
    with killed_at("undo.committed".__eq__), pytest.raises(Killed):
        undoing.start(many, None)
    plan = Run.objects.get(undoes=many)
    many.delete()
    undoing.advance(plan.pk)
    plan.refresh_from_db()
    assert (plan.state, plan.steps.count()) == (Run.State.WAITING, 2)


def test_the_tick_rings_for_what_nobody_is_making(
    many: Run, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    plan = crashing(many, 1)

    def rings() -> list[tuple[int, ...]]:
        with django_capture_on_commit_callbacks() as callbacks:
            undoing.heal()
        return rung(callbacks, "undo")

    ago = clock.now() - timedelta(minutes=2)
    Run.objects.filter(pk=plan.pk).update(started_at=ago)
    assert rings() == [], "somebody was at it a moment ago"
    Run.objects.filter(pk=plan.pk).update(undo={**plan.undo, "tried_at": ago.isoformat()})
    assert rings() == [(plan.pk,)]


@pytest.mark.parametrize("point", POINTS)
@pytest.mark.parametrize("hit", range(3))
def test_killed_while_planning_it_goes_on(
    firm: Firm, many: Run, monkeypatch: pytest.MonkeyPatch, point: str, hit: int
) -> None:
    monkeypatch.setattr(undoing, "SLICE", 2)
    hits = iter(range(99))
    if point == "undo.started" and hit:
        pytest.skip("passed once only")
    with (
        killed_at(lambda name: name == point and next(hits) == hit),
        pytest.raises(Killed),
    ):
        undoing.start(many, None)
    plan = Run.objects.get(undoes=many)
    undoing.advance(plan.pk)
    plan.refresh_from_db()
    assert plan.state == Run.State.WAITING
    assert sorted(plan.steps.values_list("qbo_id", flat=True)) == list("123456")


def test_a_slice_costs_as_many_queries_for_any_number(
    firm: Firm, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a run that wrote to 2,000 clients."""
    many = Run.objects.create(connection=firm.connection, state="done", started_at=clock.now())
    about = [{"qbo_id": str(n), "client_pk": str(n)} for n in range(2000)]
    values = {"phone": ["1", "2"]}
    data = {"values": values, "customer": "C", "client": "C", "seen": {}}
    Step.objects.bulk_create(
        Step(run=many, kind="update", state="done", data=data, **one) for one in about
    )
    journal = {"connection": firm.connection, "run": many, "side": "site", "at": clock.now()}
    Change.objects.bulk_create(Change(values=values, **journal, **one) for one in about)

    def planned(size: int) -> int:
        plan = Run.objects.create(
            connection=many.connection,
            state=Run.State.PLANNING,
            started_at=many.started_at,
            undoes=many,
            undo={"after": 0},
        )
        monkeypatch.setattr(undoing, "SLICE", size)
        with CaptureQueriesContext(database) as captured:
            assert undoing._slice(plan.pk)
        assert plan.steps.count() == size
        plan.delete()
        return len(captured)

    assert planned(1) == planned(6) == planned(500) == planned(2000)
