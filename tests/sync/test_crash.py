"""The process may die at any line (rule 4): started again, it reaches the same end state."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from typing import Any

import pytest
from crm.models import Client
from django.db import transaction
from django.db.models.signals import pre_save

from wagtail_qbo_sync import clock
from wagtail_qbo_sync.models import Change, Mapping, Run, SyncState
from wagtail_qbo_sync.sync import apply

from .conftest import Json, customer
from .firm import Firm, Killed, client, edit, expire_lease, killed_at, picture, told


def phone(number: str) -> Json:
    return {"PrimaryPhone": {"FreeFormNumber": number}}


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Few records a page, a plan's chunk and a transaction, so that each comes several times."""
    monkeypatch.setattr("wagtail_qbo_sync.sync.pull.PAGE", 4)
    monkeypatch.setattr("wagtail_qbo_sync.sync.plan.CHUNK", 3)
    monkeypatch.setattr("wagtail_qbo_sync.sync.apply.RECORDS", 3)


def first_sync(firm: Firm) -> None:
    """Before the first sync: somebody for every kind of step."""
    firm.chooses(unmatched="create")
    client("Anna Berg", "anna@berg.example", phone="1")
    client("Bo Coe", "bo@coe.example", city="Salem")
    client("Carl Dunn", "else@dunn.example")
    firm.has(
        customer("1", "Anna Berg", "anna@berg.example", **phone("2")),
        customer("2", "Bo Coe", "bo@coe.example", CompanyName="Coe"),
        customer("3", "Carl Dunn", "carl@dunn.example"),
        customer("4", "Dora Egg", "dora@egg.example"),
        customer("5", "Eve Foy", **phone("0" * 31)),
        customer("6", "Gus Hay"),
        customer("7", "Ida Joy (deleted)", Active=False),
        customer("8", "Kim Low", "kim@low.example"),
    )


def later_sync(firm: Firm) -> None:
    """Before a later sync: an update, a conflict, an agreement, a sleep, a wake, a creation."""
    first_sync(firm)
    firm.sync()
    firm.edits("6", Active=False)
    firm.sync()
    edit(firm.client("2"), company_name="Theirs")
    edit(firm.client("4"), phone="7")
    firm.edits("1", **phone("3"))
    firm.edits("2", CompanyName="Ours", **phone("4"))
    firm.edits("4", **phone("7"))
    firm.edits("5", **phone("5"))
    firm.edits("6", Active=True)
    firm.edits("8", Active=False)
    firm.gets(customer("9", "New One"))


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


@contextmanager
def undone() -> Iterator[None]:
    """Everything in here is rolled back at the end."""
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("scene", SCENES)
def test_killed_at_any_point_it_reaches_the_same_end(
    firm: Firm, scene: Callable[[Firm], None]
) -> None:
    scene(firm)
    SyncState.objects.update(wanted=99)
    with undone():
        passed = points(firm)
        undisturbed = picture()
    assert len(undisturbed["changes"]) >= 3 and len(passed) >= 15
    for hit, name in enumerate(passed):
        with undone():
            dies_at(firm, hit)
            expire_lease(firm.connection)
            walk_to_the_end(firm)
            assert picture() == undisturbed, f"killed at {name}, point {hit} of {passed}"


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
