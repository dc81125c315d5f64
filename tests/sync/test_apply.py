"""Applying: in few records a transaction, and beside people who decide this very moment."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from crm.models import Client
from django.db import connection as database
from django.db import transaction
from django.db.models.signals import pre_save

from wagtail_qbo_sync import clock
from wagtail_qbo_sync.models import Customer, Decision, Mapping, Run, Step
from wagtail_qbo_sync.sync.applying import batch, judge

from .conftest import customer
from .firm import Firm, at, client, told, why


def crowd(firm: Firm, size: int) -> Run:
    """A plan to create so many clients."""
    firm.chooses(unmatched="create")
    firm.has(*(customer(str(n), f"Customer {n}") for n in range(1, size + 1)))
    return firm.plan()


def transactions(firm: Firm, run: Run) -> list[int]:
    """How many clients there were after each transaction."""
    sizes: list[int] = []
    with at("apply.committed", lambda: sizes.append(Client.objects.count())):
        firm.approve(run)
    return sizes


def test_at_most_fifty_records_a_transaction(firm: Firm) -> None:
    sizes = transactions(firm, crowd(firm, 120))
    assert sizes[-1] == 120
    assert max(after - before for before, after in zip([0, *sizes], sizes, strict=False)) <= 50


def test_a_transaction_ends_when_its_time_is_over(
    firm: Firm, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batch, "SECONDS", 0.0)
    monkeypatch.setattr(batch, "WRITE_AT_ONCE", 2)
    sizes = transactions(firm, crowd(firm, 5))
    assert sizes[:3] == [2, 4, 5]


def test_progress_is_exact(firm: Firm) -> None:
    run = crowd(firm, 60)
    done: list[tuple[int, int]] = []
    with at("apply.committed", lambda: done.append((firm.state.done, firm.state.total))):
        firm.approve(run)
    assert done[-1] == (60, 60)
    assert all(total == 60 for _, total in done)


def test_nothing_of_a_transaction_that_fails_remains(firm: Firm) -> None:
    run = crowd(firm, 3)
    with at("apply.recorded", lambda: 1 / 0), pytest.raises(ZeroDivisionError):
        firm.approve(run)
    assert not (Client.objects.exists() or Mapping.objects.exists())
    assert set(run.steps.values_list("state", flat=True)) == {"planned"}
    assert firm.state.trouble["code"] == "ZeroDivisionError"


@pytest.fixture
def maps_first(firm: Firm) -> Iterator[Callable[[str], None]]:
    """While a client of this name is saved, its customer gets mapped to somebody else."""
    receivers: list[Any] = []

    def add(name: str) -> None:
        def receive(instance: Client, **kwargs: Any) -> None:
            if instance.name == name:
                firm.maps(Customer.objects.get(display_name=name).qbo_id, rival)

        rival = client("Rival")
        receivers.append(receive)
        pre_save.connect(receive, sender=Client, weak=False)

    yield add
    for receive in receivers:
        pre_save.disconnect(receive, sender=Client)


def test_only_the_step_of_a_mapping_made_meanwhile_is_held(
    firm: Firm, maps_first: Callable[[str], None]
) -> None:
    run = crowd(firm, 7)
    maps_first("Customer 4")
    firm.approve(run)
    states = dict(run.steps.values_list("qbo_id", "state"))
    assert states == {str(n): "held" if n == 4 else "done" for n in range(1, 8)}
    assert why(run, "4") == judge.MAPPED
    assert Client.objects.exclude(name="Rival").count() == 6, "no client is left over"
    assert not Client.objects.filter(name="Customer 4").exists()
    for step in run.steps.filter(state=Step.State.DONE):
        assert step.client_pk == firm.mapping(step.qbo_id).client_pk
    assert firm.state.done == 7


def test_only_the_step_of_a_client_mapped_meanwhile_is_held(firm: Firm) -> None:
    """K8 from the client's side: the database lets only one customer have it."""
    people = [client(f"Customer {n}", f"{n}@example.org") for n in range(1, 6)]
    firm.has(
        *(
            customer(str(n), one.name, one.email, CompanyName="Ltd")
            for n, one in enumerate(people, 1)
        )
    )
    run = firm.plan()

    def receive(instance: Client, **kwargs: Any) -> None:
        if instance.pk == people[3].pk and not Mapping.objects.filter(qbo_id="99").exists():
            firm.maps("99", people[3])

    pre_save.connect(receive, sender=Client)
    try:
        firm.approve(run)
    finally:
        pre_save.disconnect(receive, sender=Client)
    states = dict(run.steps.values_list("qbo_id", "state"))
    assert states == {str(n): "held" if n == 4 else "done" for n in range(1, 6)}
    assert why(run, "4") == judge.MAPPED
    assert Client.objects.get(pk=people[3].pk).company_name == ""


# Beside others, on a database where two can write -------------------------------------------------


@pytest.fixture
def two_writers(transactional_db: None) -> None:
    if database.vendor == "sqlite":
        pytest.skip("SQLite lets one write at a time")


def beside(act: Callable[[], object]) -> threading.Thread:
    """Somebody acts in a process of their own, as far as the database can tell."""

    def run() -> None:
        try:
            act()
        finally:
            database.close()

    thread = threading.Thread(target=run)
    thread.start()
    return thread


@pytest.mark.server
@pytest.mark.usefixtures("two_writers")
def test_a_person_who_maps_between_look_and_record_comes_first(firm: Firm) -> None:
    run = crowd(firm, 3)
    rival = client("Rival")
    acts = iter([lambda: beside(lambda: firm.maps("2", rival)).join()])
    with at("apply.judged", lambda: next(acts, lambda: None)()):
        firm.approve(run)
    states = dict(run.steps.values_list("qbo_id", "state"))
    assert states == {"1": "done", "2": "held", "3": "done"}
    assert firm.mapping("2").client == rival
    assert Client.objects.count() == 3


@pytest.mark.server
@pytest.mark.usefixtures("two_writers")
def test_a_person_who_excludes_after_the_look_comes_after_the_record(firm: Firm) -> None:
    """Who locks the customer waits for us, and then sees what we have done."""
    run = crowd(firm, 2)
    seen: list[bool] = []
    threads: list[threading.Thread] = []

    @transaction.atomic
    def exclude() -> None:
        Customer.objects.select_for_update().get(qbo_id="1")
        seen.append(Mapping.objects.filter(qbo_id="1").exists())
        firm.says(Decision.Kind.EXCLUDE_CUSTOMER, "1")

    def start() -> None:
        if not threads:
            threads.append(beside(exclude))
            threads[0].join(0.5)
            assert threads[0].is_alive(), "it waits for our locks"

    with at("apply.judged", start):
        firm.approve(run)
    threads[0].join()
    assert seen == [True]
    assert {state for _, _, state in told(run)} == {"done"}


@pytest.mark.server
@pytest.mark.usefixtures("two_writers")
def test_a_person_who_disconnects_after_the_look_stays_disconnected(firm: Firm) -> None:
    crowd(firm, 1)
    Run.objects.update(state=Run.State.APPLYING)
    firm.walk()
    firm.edits("1", CompanyName="Changed")
    threads: list[threading.Thread] = []
    asleep = Mapping.Asleep.DISCONNECTED

    def start() -> None:
        threads.append(beside(lambda: Mapping.objects.update(asleep=asleep)))

    with at("apply.judged", start):
        firm.sync()
    threads[0].join()
    assert firm.mapping("1").asleep == asleep


def test_failpoints_stand_between_any_two_effects(firm: Firm) -> None:
    passed: list[str] = []
    client("Anna Berg", "anna@berg.example", phone="1")
    firm.has(customer("1", "Anna Berg", "anna@berg.example"))
    run = firm.plan()
    clock.stop_at(passed.append)
    firm.approve(run)
    firm.sync()
    assert passed == [
        "apply.looked",
        "apply.judged",
        "apply.written",
        "apply.recorded",
        "apply.committed",
        "apply.finished",
        "pull.read",
        "pull.stored",
        "plan.begun",
        "plan.finished",
    ]
