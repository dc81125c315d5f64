"""One decision about many customers, in slices: nothing twice, nothing lost, nobody overruled."""

from __future__ import annotations

import threading
from datetime import timedelta
from functools import partial
from itertools import count
from typing import Any

import pytest
from crm.models import Client
from django.db import connection as database
from django.test.utils import CaptureQueriesContext
from wagtail.models import ModelLogEntry

from tests import factories
from wagtail_qbo_sync import clock, tasks
from wagtail_qbo_sync.contact import match_key
from wagtail_qbo_sync.models import (
    BulkDecision,
    Case,
    Connection,
    Customer,
    Decision,
    Mapping,
    Run,
    Step,
)
from wagtail_qbo_sync.models.mirror import joined_keys
from wagtail_qbo_sync.sync.bulk import decisions, drafts, undo_bulk
from wagtail_qbo_sync.sync.bulk.choices import CHOSEN_ANEW, SETTLED, Choice
from wagtail_qbo_sync.sync.bulk.drafts import Do
from wagtail_qbo_sync.sync.people import exclusion, mapping, undo
from wagtail_qbo_sync.sync.records import by_hand, cases
from wagtail_qbo_sync.sync.records.locked import Refusal
from wagtail_qbo_sync.sync.records.status import with_status

from .conftest import customer
from .crashes import undone
from .firm import Firm, Killed, at, client, edit, killed_at, picture, site
from .test_apply import beside
from .test_drafts import save_all

Act = BulkDecision.Act


@pytest.fixture
def dana(db: None) -> Any:
    return factories.user("crm.view_client", admin=False, username="dana")


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two customers a slice."""
    monkeypatch.setattr(decisions, "SLICE", 2)


@pytest.fixture
def six(firm: Firm, dana: Any) -> Firm:
    """1 and 2 have a client of their name, 3 to 6 have none; all is chosen but not saved."""
    for name in ("Anna Berg", "Bo Coe"):
        client(name, phone="1")
    names = ["Anna Berg", "Bo Coe", "Carl Dunn", "Dora Egg", "Eve Foy", "Gus Hay"]
    firm.has(
        *(
            customer(str(number), name, PrimaryPhone={"FreeFormNumber": "2"})
            for number, name in enumerate(names, 1)
        )
    )
    firm.sync()
    for qbo_id, do in (("3", Do.CREATE), ("4", Do.EXCLUDE), ("5", Do.CREATE), ("6", Do.LEAVE)):
        drafts.save(firm.connection, qbo_id, do, dana)
    return firm


def saved(firm: Firm, user: Any) -> BulkDecision:
    """Somebody presses Save all; nothing is carried out yet."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(decisions, "AT_ONCE", 0)
        return save_all(firm.connection, user)


def to_the_end(decided: BulkDecision) -> BulkDecision:
    """Whoever is rung goes on where it stands."""
    decided.refresh_from_db()
    decisions.advance(decided.pk, decided.done)
    decided.refresh_from_db()
    return decided


def statuses(company: Connection) -> dict[str, str]:
    rows = with_status(Customer.objects.filter(connection=company))
    return dict(rows.values_list("qbo_id", "status"))


def end(firm: Firm) -> dict[str, Any]:
    """The end state, with what Wagtail's log says of it."""
    log = ModelLogEntry.objects.values_list("action", "data__qbo_id")
    rows = BulkDecision.objects.values("done", "counts", "skipped", "crashes")
    return picture() | {"log": sorted(map(str, log)), "bulk": list(rows)}


# Crashes ----------------------------------------------------------------------------------------


@pytest.mark.usefixtures("small")
def test_killed_at_any_point_it_reaches_the_same_end(six: Firm, dana: Any) -> None:
    decided = saved(six, dana)
    passed: list[str] = []
    with undone():
        clock.stop_at(passed.append)
        to_the_end(decided)
        clock.stop_at(None)
        six.walk()
        undisturbed = end(six)
    assert len(passed) == 3 * 3
    assert undisturbed["bulk"][0]["counts"] == {"map": 2, "create": 2, "exclude": 1, "leave": 1}
    for hit, name in enumerate(passed):
        with undone():
            passes = count()
            fatal = killed_at(partial(is_the, hit, passes))
            with fatal, pytest.raises(Killed):
                to_the_end(decided)
            to_the_end(decided)
            six.walk()
            assert end(six) == undisturbed, f"killed at {name}, point {hit}"


def is_the(hit: int, passes: count[int], _point: str) -> bool:
    """Whether this is the point of that number."""
    return next(passes) == hit


@pytest.mark.usefixtures("small")
def test_it_is_noted_before_anybody_begins(six: Firm, dana: Any) -> None:
    with killed_at(lambda name: name == "bulk.started"), pytest.raises(Killed):
        saved(six, dana)
    to_the_end(BulkDecision.objects.get())
    assert statuses(six.connection)["4"] == "excluded"


@pytest.mark.usefixtures("small")
def test_a_ring_that_comes_twice_or_late_does_nothing(six: Firm, dana: Any) -> None:
    decided = saved(six, dana)
    decisions.advance(decided.pk, 0, seconds=-1)
    before = end(six)
    decisions.advance(decided.pk, 0)
    assert end(six) == before and before["bulk"][0]["done"] == 2
    to_the_end(decided)
    done = end(six)
    decisions.advance(decided.pk, 4)
    decisions.advance(decided.pk, 6)
    assert end(six) == done


@pytest.mark.usefixtures("small")
def test_one_that_fails_each_time_is_passed_over_and_named(
    six: Firm, dana: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    create_step = by_hand.create_step

    def fails(about: Customer, adapter: Any) -> Any:
        if about.qbo_id == "3":
            raise ZeroDivisionError
        return create_step(about, adapter)

    decided = saved(six, dana)
    monkeypatch.setattr(by_hand, "create_step", fails)
    tries = 0
    while BulkDecision.objects.filter(finished_at=None).exists():
        tries += 1
        try:
            to_the_end(decided)
        except ZeroDivisionError:
            assert tries < 9
    decided.refresh_from_db()
    assert decided.skipped == {decisions.STOPS: ["3"]}
    assert decided.counts == {"map": 2, "create": 1, "exclude": 1, "leave": 1}
    assert drafts.drafts_of(six.connection, ["3"])["3"].do == Do.CREATE, "its draft stays"
    assert decided.run is not None and decided.run.steps.get(qbo_id="3").state == "left"


# Rings ------------------------------------------------------------------------------------------


@pytest.fixture
def rings(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    found: list[tuple[Any, ...]] = []
    monkeypatch.setattr(decisions, "enqueue", lambda *ring: found.append(ring))
    return found


def test_a_tick_rings_for_one_that_nobody_does(
    six: Firm, dana: Any, rings: list[tuple[Any, ...]]
) -> None:
    decided = saved(six, dana)
    assert rings.pop() == ("bulk", decided.pk, 0)
    tasks.tick()
    assert rings == [], "somebody may be at it"
    BulkDecision.objects.update(
        moved_at=clock.now() - decisions.SILENT_AFTER - timedelta(seconds=1)
    )
    tasks.tick()
    assert rings == [("bulk", decided.pk, 0)]
    tasks.bulk(*rings[0][1:])
    assert BulkDecision.objects.get().finished_at is not None
    BulkDecision.objects.update(moved_at=clock.now() - timedelta(days=1))
    tasks.tick()
    assert len(rings) == 1


@pytest.mark.usefixtures("small")
def test_a_task_is_short_and_rings_for_the_next(
    six: Firm, dana: Any, rings: list[tuple[Any, ...]]
) -> None:
    decided = saved(six, dana)
    for done in (0, 2, 4):
        assert rings.pop() == ("bulk", decided.pk, done)
        decisions.advance(decided.pk, done, seconds=-1)
    assert rings == []
    assert BulkDecision.objects.get().finished_at is not None


# The run that writes ----------------------------------------------------------------------------


@pytest.mark.usefixtures("small")
def test_nothing_is_written_before_all_is_decided_then_one_run_does(six: Firm, dana: Any) -> None:
    decided = saved(six, dana)
    decisions.advance(decided.pk, 0, seconds=-1)
    six.walk()
    assert six.client_phone("Anna Berg") == "1"
    to_the_end(decided)
    six.walk()
    assert six.mapped() == {"1": "Anna Berg", "2": "Bo Coe", "3": "Carl Dunn", "5": "Eve Foy"}
    assert six.client_phone("Anna Berg") == "2"
    run = Run.objects.get(by_person=True)
    assert (run.state, run.steps.count(), decided.run) == (Run.State.DONE, 6, run)
    assert run.approved_at is not None and run.approved_by == dana


@pytest.mark.usefixtures("small")
def test_a_cycle_that_comes_by_plans_nothing_beside_it(six: Firm, dana: Any) -> None:
    decided = saved(six, dana)
    decisions.advance(decided.pk, 0, seconds=-1)
    six.sync()
    assert Run.objects.get(by_person=True).state == Run.State.PLANNING
    assert Step.objects.filter(kind="link").count() == 2, "the links are planned once"
    to_the_end(decided)
    six.walk()
    assert six.client_phone("Anna Berg") == "2"
    assert set(Step.objects.filter(kind="link").values_list("state", flat=True)) == {"done"}
    assert six.state.wanted > six.state.served, "what it left is looked at afterwards"


def test_where_nothing_is_to_be_written_there_is_no_run(six: Firm, dana: Any) -> None:
    runs = Run.objects.count()
    decided = decisions.decide(six.connection, Act.EXCLUDE, [Choice("1", "exclude")], dana)
    assert decided.run is None and Run.objects.count() == runs


# Other people -----------------------------------------------------------------------------------


@pytest.mark.usefixtures("small")
def test_who_was_decided_about_meanwhile_is_left_to_that_decision(six: Firm, dana: Any) -> None:
    decided = saved(six, dana)
    decisions.advance(decided.pk, 0, seconds=-1)
    eve = client("Other Eve")
    mapping.map_customer(six.connection, "5", str(eve.pk), None)
    drafts.save(
        six.connection,
        "6",
        Do.EXCLUDE,
        None,
        seen=drafts.drafts_of(six.connection, ["6"])["6"].version,
    )
    done = to_the_end(decided)
    assert done.skipped == {SETTLED: ["5"], CHOSEN_ANEW: ["6"]}
    assert Mapping.objects.get(qbo_id="5").client == eve
    assert drafts.drafts_of(six.connection, ["6"])["6"].do == Do.EXCLUDE


def test_a_suggestion_that_somebody_changed_meanwhile_is_not_carried_out(
    six: Firm, dana: Any
) -> None:
    decided = saved(six, dana)
    drafts.save(six.connection, "1", Do.EXCLUDE, None)
    assert to_the_end(decided).skipped == {CHOSEN_ANEW: ["1"]}
    assert "1" not in six.mapped() and statuses(six.connection)["1"] != "excluded"


def test_excluding_keeps_the_nos_of_before(six: Firm, dana: Any) -> None:
    """Included again, the customer is not matched with whom it was parted from."""
    anna = Client.objects.get(name="Anna Berg")
    six.says(Decision.Kind.REMOVED_MATCH, "1", anna)
    decisions.decide(six.connection, Act.EXCLUDE, [Choice("1", "exclude")], dana)
    decisions.decide(six.connection, Act.INCLUDE, [Choice("1", "include")], dana)
    assert Decision.objects.filter(kind="removed_match").exists()


# Taking back ------------------------------------------------------------------------------------


@pytest.mark.usefixtures("small")
def test_undo_takes_back_what_was_done_and_no_more(six: Firm, dana: Any) -> None:
    exclusion.exclude_customer(six.connection, "3", dana)
    decided = decisions.decide(
        six.connection, Act.EXCLUDE, [Choice(str(one), "exclude") for one in range(1, 7)], dana
    )
    assert decided.skipped == {SETTLED: ["3"]}
    assert decisions.undo(decided, dana) is not None
    assert statuses(six.connection)["3"] == "excluded"
    assert "excluded" not in {statuses(six.connection)[one] for one in "12456"}


def test_undo_of_one_that_is_not_finished_waits(six: Firm, dana: Any) -> None:
    decided = decisions.start(six.connection, Act.EXCLUDE, [Choice("1", "exclude")], dana)
    assert decisions.undo(decided, dana) is None


def test_matches_are_put_back_but_not_over_others(six: Firm, dana: Any) -> None:
    save_all(six.connection, dana)
    six.walk()
    both = [Choice(one, "remove_match") for one in ("1", "2")]
    removed = decisions.decide(six.connection, Act.REMOVE_MATCH, both, dana)
    assert set(six.mapped()) == {"3", "5"}
    bo = Client.objects.get(name="Bo Coe")
    mapping.map_customer(six.connection, "6", str(bo.pk), dana)
    back = decisions.undo(removed, dana)
    assert back is not None and back.counts == {"put_match_back": 1}
    assert list(back.skipped.values()) == [["2"]]
    assert Mapping.objects.get(qbo_id="1").base["seen"] == "", "it wakes with a merge"


def test_a_pair_is_parted_again(six: Firm, dana: Any) -> None:
    """Its removed match may still be remembered: it was moved here from another customer."""
    mapping.map_customer(six.connection, "6", str(Client.objects.get(name="Bo Coe").pk), dana)
    mapping.remove_match(six.connection, "6", dana)
    said = Decision.objects.values("kind", "connection_id", "qbo_id", "client_pk", "at").get(
        kind=Decision.Kind.REMOVED_MATCH
    )
    mapping.put_match_back(six.connection, "6", dana)
    Decision.objects.create(**said)
    done = decisions.decide(six.connection, Act.REMOVE_MATCH, [Choice("6", "remove_match")], dana)
    assert done.counts == {"remove_match": 1} and six.mapped() == {}


@pytest.mark.usefixtures("small")
def test_killed_at_any_point_an_undo_reaches_the_same_end(
    six: Firm, dana: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decisions, "BY_RECORD", 2)
    before = site()
    decided = to_the_end(saved(six, dana))
    six.walk()
    assert set(six.mapped()) == {"1", "2", "3", "5"}
    monkeypatch.setattr(decisions, "enqueue", lambda *_: None)
    passed: list[str] = []
    with undone():
        clock.stop_at(passed.append)
        taken_back(decided, dana)
        clock.stop_at(None)
        six.walk()
        undisturbed = end(six)
    assert len(passed) == 1 + 3 * 3
    assert undisturbed["bulk"][1]["counts"] == {"parted": 2, "removed": 2, "include": 1}
    for hit, name in enumerate(passed):
        with undone():
            with killed_at(partial(is_the, hit, count())), pytest.raises(Killed):
                taken_back(decided, dana)
            to_the_end(BulkDecision.objects.get(undoes=decided))
            six.walk()
            assert end(six) == undisturbed, f"killed at {name}, point {hit}"
            assert site() == before
            assert six.mapped() == {}


def taken_back(decided: BulkDecision, user: Any) -> BulkDecision:
    """Somebody presses Undo, and a worker is rung for it."""
    again = decisions.undo(decided, user)
    assert again is not None
    return to_the_end(again) if again.finished_at is None else again


def test_an_undo_leaves_and_names_what_was_edited_or_decided_since(six: Firm, dana: Any) -> None:
    """Anna's client is edited, Bo is mapped anew, Carl's client is edited, Eve's is referred to."""
    decided = to_the_end(saved(six, dana))
    six.walk()
    edit(Client.objects.get(name="Anna Berg"), phone="3")
    mapping.remove_match(six.connection, "2", dana)
    mapping.map_customer(six.connection, "2", str(Client.objects.get(name="Bo Coe").pk), dana)
    edit(six.client("3"), city="Portland")
    about = {"connection": factories.connection("Other"), "qbo_id": "9"}
    eve = six.client("5")
    Mapping.objects.create(**about, client=eve, client_pk=str(eve.pk))
    again = taken_back(decided, dana)
    six.walk()
    assert again.counts == {"parted": 3, "include": 1}
    assert again.skipped == {
        SETTLED: ["2"],
        undo_bulk.STAYS[undo.Undone.PARTLY]: ["1"],
        undo_bulk.STAYS[undo.Undone.EDITED]: ["3"],
        undo_bulk.STAYS[undo.Undone.REFERRED_TO]: ["5"],
    }
    assert six.mapped() == {"2": "Bo Coe"}
    assert Client.objects.get(name="Anna Berg").phone == "3"
    assert Client.objects.filter(name__in=["Carl Dunn", "Eve Foy"]).count() == 2


def test_an_undo_leaves_and_names_clients_that_the_person_may_not_view(
    six: Firm, dana: Any
) -> None:
    decided = to_the_end(saved(six, dana))
    six.walk()
    dana.user_permissions.clear()
    there = Client.objects.count()
    again = taken_back(decided, type(dana).objects.get(pk=dana.pk))
    assert again.skipped == {undo_bulk.STAYS[undo.Undone.HIDDEN]: ["3", "5"]}
    assert (Client.objects.count(), six.mapped()) == (there, {})


def test_an_undo_before_the_worker_came(six: Firm, dana: Any) -> None:
    before = site()
    decided = to_the_end(saved(six, dana))
    again = taken_back(decided, dana)
    assert again.counts == {"parted": 2, "not_made": 2, "include": 1}
    six.walk()
    six.sync()
    assert site() == before and six.mapped() == {}


def test_no_sync_does_again_what_was_taken_back(six: Firm, dana: Any) -> None:
    decided = to_the_end(saved(six, dana))
    six.walk()
    taken_back(decided, dana)
    six.walk()
    before = site()
    six.chooses(unmatched="create")
    six.edits("3", CompanyName="Changed since")
    six.sync()
    six.sync()
    assert {"1", "2", "3", "5"} & set(six.mapped()) == set()
    assert len(site()) == len(before) + 2, "Dora and Gus, about whom nobody said anything"


def test_it_is_taken_back_once(six: Firm, dana: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where two people press the button at the same moment."""
    decided = to_the_end(saved(six, dana))
    again = taken_back(decided, dana)
    assert decisions.undo(decided, dana) is None and not decisions.can_undo(again)
    monkeypatch.setattr(decisions, "can_undo", lambda _: True)
    assert decisions.undo(decided, dana) is None
    assert BulkDecision.objects.count() == 2


def test_what_was_open_about_a_client_is_closed_and_asked_again(six: Firm, dana: Any) -> None:
    """As where one is mapped."""
    anna = str(Client.objects.get(name="Anna Berg").pk)
    alike = cases.Opening(Case.Kind.ALIKE, "", anna, {"customers": []})
    cases.open_all(six.connection, [alike])
    decided = decisions.decide(six.connection, Act.MAP, [Choice("1", "map", anna)], dana)
    assert decided.counts["map"] == 1
    closed = Case.objects.get(kind=Case.Kind.ALIKE)
    assert (closed.open_key, closed.outcome, closed.closed_by) == (None, "decided", dana)
    six.walk()
    taken_back(decided, dana)
    assert Case.objects.get(kind=Case.Kind.ALIKE).open_key is not None


def test_nothing_is_taken_back_of_who_was_only_left(six: Firm, dana: Any) -> None:
    decided = decisions.decide(six.connection, Act.SAVE, [Choice("6", "leave")], dana)
    assert decided.counts == {"leave": 1} and not decisions.can_undo(decided)


def test_a_task_reads_once_what_was_decided(six: Firm, dana: Any, small: None) -> None:
    decided = saved(six, dana)
    with CaptureQueriesContext(database) as queries:
        decisions.advance(decided.pk)
    decided.refresh_from_db()
    assert decided.finished_at is not None and decided.total > decisions.SLICE
    column = f".{database.ops.quote_name('choices')}"
    assert sum(column in query["sql"] for query in queries) == 1


# Log and statements -----------------------------------------------------------------------------


def test_each_decision_has_an_entry_of_its_own_in_the_log(six: Firm, dana: Any) -> None:
    """Entries of one uuid hide each other on Wagtail's history pages."""
    before = set(ModelLogEntry.objects.values_list("pk", flat=True))
    save_all(six.connection, dana)
    entries = ModelLogEntry.objects.for_instance(six.connection).exclude(pk__in=before)
    said = sorted(f"{one.action.partition('.')[2]} {one.data['qbo_id']}" for one in entries)
    assert said == ["create 3", "create 5", "exclude_customer 4", "map 1", "map 2"]
    assert len({one.uuid for one in entries}) == 5
    assert {one.user for one in entries} == {dana}


def waiting(company: Connection, number: int) -> list[str]:
    made = Customer.objects.bulk_create(
        Customer(
            connection=company,
            qbo_id=f"{number}-{each}",
            standing="top",
            display_name=f"Customer {number} {each}",
            match_keys=joined_keys(match_key(f"Customer {number} {each}"), ()),
            record={"contact": {"name": f"Customer {number} {each}"}, "digest": ""},
        )
        for each in range(number)
    )
    return [one.qbo_id for one in made]


def test_a_slice_takes_as_many_statements_for_2000_as_for_50(
    db: None, dana: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decisions, "SLICE", 2000)
    company = factories.connection()
    counted: dict[int, list[int]] = {50: [], 2000: []}
    for number, queries in counted.items():
        qbo_ids = waiting(company, number)
        for act in (Act.EXCLUDE, Act.INCLUDE, Act.CREATE):
            decided = decisions.start(company, act, [Choice(one, act) for one in qbo_ids], dana)
            with CaptureQueriesContext(database) as captured:
                decisions.advance(decided.pk)
            queries.append(len(captured))
            assert BulkDecision.objects.get(pk=decided.pk).counts == {act: number}
    assert counted[50] == counted[2000]


def test_mapping_and_parting_too(db: None, dana: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decisions, "SLICE", 1000)
    company = factories.connection()
    counted: dict[int, list[int]] = {50: [], 900: []}
    for number, queries in counted.items():
        for qbo_id in waiting(company, number):
            client(f"Customer {qbo_id.replace('-', ' ')}")
        pairs = drafts.exact_names(company)
        decided = decisions.start(
            company, Act.MAP, [Choice(one, "map", pk) for one, pk in pairs.items()], dana
        )
        with CaptureQueriesContext(database) as captured:
            decisions.advance(decided.pk)
        queries.append(len(captured))
        for act in (Act.REMOVE_MATCH, Act.PUT_MATCH_BACK):
            decided = decisions.start(company, act, [Choice(one, act) for one in pairs], dana)
            with CaptureQueriesContext(database) as captured:
                decisions.advance(decided.pk)
            queries.append(len(captured))
        assert Mapping.objects.filter(qbo_id__in=list(pairs)).count() == number
    assert counted[50] == counted[900]


def test_few_are_decided_about_at_once(six: Firm, dana: Any) -> None:
    choices = [Choice("1", "exclude")]
    assert decisions.decide(six.connection, Act.EXCLUDE, choices, dana).finished_at is not None
    many = [Choice(str(number), "exclude") for number in range(decisions.AT_ONCE + 1)]
    assert decisions.decide(six.connection, Act.EXCLUDE, many, dana).done == 0


# Two at once, where two can write -----------------------------------------------------------------


@pytest.fixture
def two_writers(transactional_db: None) -> None:
    if database.vendor == "sqlite":
        pytest.skip("SQLite lets one write at a time")


@pytest.mark.server
@pytest.mark.usefixtures("two_writers")
def test_two_workers_at_one_slice_do_it_once(six: Firm, dana: Any) -> None:
    decided = saved(six, dana)
    threads: list[threading.Thread] = []

    def second() -> None:
        if not threads:
            threads.append(beside(lambda: decisions.advance(decided.pk, 0)))
            threads[0].join(0.5)
            assert threads[0].is_alive(), "it waits for our locks"

    with at("bulk.recorded", second):
        decisions.advance(decided.pk, 0)
    threads[0].join()
    decided.refresh_from_db()
    assert decided.counts == {"map": 2, "create": 2, "exclude": 1, "leave": 1}
    assert Step.objects.filter(run=decided.run).count() == 6


@pytest.mark.server
@pytest.mark.usefixtures("two_writers")
def test_a_person_who_maps_while_we_record_comes_after_and_is_told(six: Firm, dana: Any) -> None:
    decided = saved(six, dana)
    rival = client("Rival")
    refused: list[str] = []
    threads: list[threading.Thread] = []

    def maps() -> None:
        try:
            mapping.map_customer(six.connection, "1", str(rival.pk), None)
        except Refusal as refusal:
            refused.append(refusal.message)

    with at("bulk.recorded", lambda: threads.append(beside(maps))):
        decisions.advance(decided.pk, 0)
    threads[0].join()
    assert refused and six.mapped()["1"] == "Anna Berg"
