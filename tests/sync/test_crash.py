"""The process may die at any line (rule 4): started again, it reaches the same end state."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from importlib import import_module
from itertools import count
from typing import Any

import pytest
from crm.models import Client
from django.db.models.signals import pre_save

from wagtail_qbo_sync import clock
from wagtail_qbo_sync.models import Change, Mapping, Run, SyncState
from wagtail_qbo_sync.sync.applying import apply

from .conftest import customer
from .crash_scenes import ELSEWHERE, SCENARIOS, first_sync, later_sync
from .crashes import failpoints, kill_everywhere, undone
from .firm import Firm, Killed, expire_lease, killed_at, picture, told


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Few records a page, a chunk and a transaction, so that each comes several times; and what
    is little is done while the person waits, however slow this machine is."""
    few = {
        "reading.absent.CHUNK": 2,
        "applying.apply.RECORDS": 3,
        "bulk.decisions.SLICE": 2,
        "reading.compare.CHUNK": 2,
        "people.mentions.CHUNK": 2,
        "planning.plan.CHUNK": 3,
        "bulk.proposal.SLICE": 2,
        "reading.pull.PAGE": 4,
        "sending.push.BATCH_ITEMS": 2,
        "records.retention.CHUNK": 3,
        "types_file.applying.APPLIED": 2,
        "types_file.imports.PATIENCE": math.inf,
        "types_file.preview.COMPARED": 2,
        "planning.undoing.SLICE": 2,
    }
    for name, value in few.items():
        monkeypatch.setattr(f"wagtail_qbo_sync.sync.{name}", value)


SCENES = [first_sync, later_sync]


def walk_to_the_end(firm: Firm) -> None:
    """A sync, however often it is interrupted; whatever waits is approved."""
    firm.walk()
    for run in Run.objects.filter(state=Run.State.WAITING):
        firm.approve(run)


def points(firm: Firm) -> list[str]:
    """The failpoints that a walk to its end passes, in order."""
    passed: list[str] = []
    clock.stop_at(passed.append)
    walk_to_the_end(firm)
    clock.stop_at(None)
    return passed


# The sweep ----------------------------------------------------------------------------------------


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("scene", SCENARIOS)
def test_killed_at_any_point_it_reaches_the_same_end(firm: Firm, scene: str) -> None:
    """No second record in QuickBooks, nothing written twice, nothing lost."""
    scenario = SCENARIOS[scene]
    passed = kill_everywhere(firm, scenario)
    assert set(scenario.reaches.split()) <= set(passed), passed


def test_every_failpoint_has_a_scenario() -> None:
    """A new one without a scenario is named here."""
    reached = {name for one in SCENARIOS.values() for name in one.reaches.split()}
    assert failpoints() - reached - ELSEWHERE.keys() == set(), "no scenario is there for these"
    assert (reached | ELSEWHERE.keys()) - failpoints() == set(), "these are no more"
    for place in ELSEWHERE.values():
        module, _, name = place.partition(".")
        assert hasattr(import_module(f".{module}", __package__), name), place


# Again and again ----------------------------------------------------------------------------------


def dies_at(firm: Firm, hit: int, name: str = "") -> None:
    """Walk on, and die at the failpoint of this number (of those called `name`)."""
    passed = count()
    fatal = killed_at(lambda point: name in ("", point) and next(passed) == hit)
    with fatal, pytest.raises(Killed):
        walk_to_the_end(firm)


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("scene", SCENES)
def test_killed_again_and_again_it_still_arrives(firm: Firm, scene: Callable[[Firm], None]) -> None:
    """Every sixth point kills; what was finished is never done again."""
    scene(firm)
    SyncState.objects.update(wanted=99)
    with undone():
        walk_to_the_end(firm)
        undisturbed = picture()
    deaths = 0
    while firm.state.wanted > firm.state.served or firm.state.phase != "rest" or waiting():
        try:
            dies_at(firm, 5)
        except pytest.fail.Exception:
            continue  # it had arrived before
        deaths += 1
        expire_lease(firm.connection)
        SyncState.objects.update(crashes=0)
        assert deaths < 60
    assert deaths >= 3
    assert picture() == undisturbed


def waiting() -> bool:
    return Run.objects.filter(state__in=["waiting", "applying"]).exists()


# A record that ends the worker ------------------------------------------------------------------


@pytest.fixture
def poison() -> Iterator[Callable[[str], list[str]]]:
    """Saving a client of this name ends the process; returns the names that were saved."""
    receivers: list[Any] = []

    def add(name: str) -> list[str]:
        saved: list[str] = []

        def receive(instance: Client, **kwargs: Any) -> None:
            saved.append(instance.name)
            if instance.name == name:
                raise Killed

        receivers.append(receive)
        pre_save.connect(receive, sender=Client, weak=False)
        return saved

    yield add
    for receive in receivers:
        pre_save.disconnect(receive, sender=Client)


def walk_through_deaths(firm: Firm) -> int:
    """Walk until the run has ended, however often the process dies; how often it did."""
    for deaths in range(30):
        try:
            firm.walk()
        except Killed:
            expire_lease(firm.connection)
        else:
            return deaths
    raise AssertionError("It goes on dying")


def crowd(firm: Firm, size: int, bad: int) -> Run:
    firm.chooses(unmatched="create")
    names = ["Poison" if n == bad else f"Customer {n}" for n in range(1, size + 1)]
    firm.has(*(customer(str(n), name) for n, name in enumerate(names, 1)))
    return firm.plan()


def test_a_record_that_kills_is_parked_and_the_others_finish(
    firm: Firm, poison: Callable[[str], list[str]]
) -> None:
    run = crowd(firm, 20, bad=12)
    saved = poison("Poison")
    Run.objects.update(state=Run.State.APPLYING)
    deaths = walk_through_deaths(firm)
    assert deaths == apply.PARK_AFTER - 1
    assert saved.count("Poison") == deaths
    run.refresh_from_db()
    assert run.state == Run.State.DONE
    assert Client.objects.count() == Mapping.objects.count() == Change.objects.count() == 19
    assert ("create", "Poison", "failed") in told(run)
    case = firm.case("refused", "12")
    assert case.facts["message"] == apply.ENDS_WORKER
    assert firm.sync() is None, "it is not tried again until a side moves"
    assert (firm.state.done, firm.state.crashes) == (20, 0)


def test_no_innocent_record_is_parked(firm: Firm, poison: Callable[[str], list[str]]) -> None:
    """The worker is killed from outside while it goes record by record."""
    run = crowd(firm, 20, bad=0)
    Run.objects.update(state=Run.State.APPLYING)
    for hit in (0, 0, 2, 2, 2, 1):
        dies_at(firm, hit, "apply.written")
        expire_lease(firm.connection)
    firm.walk()
    assert {state for _, _, state in told(run)} == {"done"}
    assert Client.objects.count() == 20


def test_a_parked_record_is_tried_again_when_a_side_moves(
    firm: Firm, poison: Callable[[str], list[str]]
) -> None:
    crowd(firm, 3, bad=2)
    poison("Poison")
    Run.objects.update(state=Run.State.APPLYING)
    walk_through_deaths(firm)
    firm.edits("2", DisplayName="Antidote")
    firm.sync()
    assert firm.mapped()["2"] == "Antidote"
    assert not firm.cases()
