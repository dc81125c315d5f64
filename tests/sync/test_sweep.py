"""The sweep may die anywhere, be rung twice, and never stands in a host's way (rules 4, 10)."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from itertools import count
from typing import Any

import pytest
from crm.models import Client, client_type
from django.db import DatabaseError, OperationalError, connection, transaction
from pytest_django import DjangoCaptureOnCommitCallbacks

from tests import factories
from wagtail_qbo_sync import clock, tasks
from wagtail_qbo_sync.compat import Now
from wagtail_qbo_sync.host.adapter import ClientAdapter, get_adapter
from wagtail_qbo_sync.models import (
    Case,
    Connection,
    Decision,
    Footprint,
    Mapping,
    Outbox,
    SiteState,
    Touched,
)
from wagtail_qbo_sync.sync.access import lease
from wagtail_qbo_sync.sync.noticing import sweep
from wagtail_qbo_sync.sync.people import deleted
from wagtail_qbo_sync.sync.records import touched

from .firm import Killed, client, edit, killed_at

pytestmark = pytest.mark.django_db


def rung(callbacks: list[Any], name: str = "sweep") -> list[tuple[int, ...]]:
    """With which ids a task was rung for."""
    rings = [getattr(each, "args", ()) for each in callbacks]
    return [ring[1:] for ring in rings if ring[:1] == (name,)]


def state() -> SiteState:
    return SiteState.objects.get()


def run_out() -> None:
    """Let the lease of a silent sweeper end."""
    SiteState.objects.filter(lease_until__isnull=False).update(
        lease_until=Now() - timedelta(seconds=1)
    )


# Killed anywhere --------------------------------------------------------------------------------


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Few rows in a chunk, so that each comes several times."""
    monkeypatch.setattr(sweep, "CHUNK", 3)
    monkeypatch.setattr(deleted, "CHUNK", 2)
    monkeypatch.setattr("wagtail_qbo_sync.host.reading.CHUNK", 3)


def mapped(company: Connection, made: Client) -> None:
    base = {"seen": "x", "site": {"name": made.name, "email": made.email, "phone": made.phone}}
    Mapping.objects.create(
        connection=company, qbo_id=str(made.pk), client=made, client_pk=str(made.pk), base=base
    )


def a_busy_site(lost: int) -> None:
    """Edits, new clients and deletions, some of which signals told of."""
    company = factories.connection(pushed_types=[str(client_type())])
    factories.sync_state(company, first_synced_at=clock.now())
    for number in range(30):
        mapped(company, client(f"Mapped {number:02}", f"m{number}@example.org"))
    sweep.everything()
    assert not Outbox.objects.exists()
    gone = [f"Mapped {number:02}" for number in range(lost)]
    everyone = list(Client.objects.filter(name__in=gone))
    Client.objects.filter(name__in=gone).delete()
    for one in everyone[2:]:
        Client.objects.create(name=one.name, email=one.email)
    edit(Client.objects.get(name="Mapped 28"), phone="2")
    Client.objects.filter(name="Mapped 29").update(phone="3")
    Client.objects.bulk_create([Client(name="New", contact_type_id=client_type())])


def a_few_deleted() -> None:
    a_busy_site(lost=5)


def many_deleted() -> None:
    a_busy_site(lost=27)


def many_attached() -> None:
    many_deleted()
    sweep.everything()
    deleted.answer(Connection.objects.get(), deleted.REATTACH, None)


def picture() -> dict[str, Any]:
    """All that a sweep leaves behind, comparable between two databases."""
    names = {str(one.pk): one.name for one in Client.objects.all()}
    return {
        "wants": sorted(
            (kind, names[pk]) for kind, pk in Outbox.objects.values_list("kind", "client_pk")
        ),
        "mappings": sorted(
            (names.get(pk, "gone"), client is None)
            for pk, client in Mapping.objects.values_list("client_pk", "client")
        ),
        "decisions": sorted(Decision.objects.values_list("kind", "facts__label")),
        "cases": sorted(
            (kind, key is None, len(facts.get("pairs", [])), outcome)
            for kind, key, facts, outcome in Case.objects.values_list(
                "kind", "open_key", "facts", "outcome"
            )
        ),
        "footprints": sorted(names.get(pk, pk) for pk in footprints()),
        "left": Touched.objects.count(),
    }


def footprints() -> Iterator[str]:
    yield from Footprint.objects.values_list("client_pk", flat=True)


@contextmanager
def undone() -> Iterator[None]:
    """Everything in here is rolled back at the end."""
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("scene", [a_few_deleted, many_deleted, many_attached])
def test_killed_at_any_point_it_reaches_the_same_end(scene: Any) -> None:
    scene()
    with undone():
        passed: list[str] = []
        clock.stop_at(passed.append)
        sweep.everything()
        clock.stop_at(None)
        undisturbed = picture()
    assert ("update", "Mapped 28") in undisturbed["wants"] and len(passed) > 20
    for hit, name in enumerate(passed):
        with undone():
            dies_at(hit)
            run_out()
            sweep.everything()
            assert picture() == undisturbed, f"killed at {name}, point {hit} of {passed}"


def dies_at(hit: int) -> None:
    """Sweep, and die at the failpoint of this number."""
    points = count()
    with killed_at(lambda _: next(points) == hit), pytest.raises(Killed):
        sweep.everything()


# One sweeper ------------------------------------------------------------------------------------


def test_only_one_sweeps() -> None:
    held = lease.take(sweep.SITE, SiteState)
    assert held is not None
    assert not sweep.advance()
    held.let_go()
    assert sweep.advance()


def test_a_sweeper_that_lost_its_lease_writes_nothing() -> None:
    client("Anna Berg")
    held = lease.take(sweep.SITE, SiteState)
    assert held is not None
    run_out()
    assert lease.take(sweep.SITE, SiteState) is not None
    with pytest.raises(lease.LeaseLost):
        sweep.Sweeper(held, get_adapter()).stride()
    assert not Footprint.objects.exists()


def test_a_slice_rings_for_the_next_which_runs_once(
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    client("Anna Berg")
    with django_capture_on_commit_callbacks() as callbacks:
        sweep.advance(seconds=0)
    (ring,) = rung(callbacks)
    assert ring == (state().epoch, 0)
    tasks.sweep(*ring)
    assert state().slice == 1
    tasks.sweep(*ring)
    assert state().slice == 1, "the second delivery does nothing"


def test_a_walk_waits_while_another_process_fills_footprints() -> None:
    client("Anna Berg")
    held = lease.take(sweep.SITE, SiteState)
    assert held is not None
    assert not sweep.catch_up()
    held.let_go()
    assert sweep.catch_up() and Footprint.objects.exists()


def test_an_error_of_the_host_gives_the_lease_back(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any) -> Any:
        raise RuntimeError

    monkeypatch.setattr(ClientAdapter, "records_after", broken)
    with pytest.raises(RuntimeError):
        sweep.everything()
    assert state().lease_until is None


# Rings ------------------------------------------------------------------------------------------


def test_the_tick_asks_for_a_sweep_every_quarter_of_an_hour(
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    sweep.everything()
    with django_capture_on_commit_callbacks() as callbacks:
        sweep.heal()
    assert not rung(callbacks)
    SiteState.objects.update(swept_at=clock.now() - sweep.EVERY - timedelta(seconds=1))
    for _ in range(2):
        with django_capture_on_commit_callbacks() as callbacks:
            sweep.heal()
        assert rung(callbacks) == [()]
    assert state().wanted == state().served + 1, "asked for once"


def test_the_tick_rings_for_hints_that_nobody_looked_at(
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    sweep.everything()
    Touched.objects.create(client_pk="1")
    with django_capture_on_commit_callbacks() as callbacks:
        sweep.heal()
    assert rung(callbacks) == [()]


def test_a_save_rings_once_for_many(
    monkeypatch: pytest.MonkeyPatch,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    monkeypatch.setattr(touched, "_rung_at", -math.inf)
    monkeypatch.setattr(touched, "RING_SECONDS", 3600)
    rings: list[str] = []
    monkeypatch.setattr(touched, "enqueue", rings.append)
    with django_capture_on_commit_callbacks(execute=True):
        for number in range(3):
            client(f"Client {number}")
    assert rings == ["sweep"] and Touched.objects.count() == 3


# The host comes first -----------------------------------------------------------------------------


def test_a_failure_of_ours_does_not_spoil_the_hosts_save(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """As where the tables are not migrated yet."""
    monkeypatch.setattr(Touched._meta, "db_table", "nowhere")
    with transaction.atomic():
        client("Anna Berg")
        assert Client.objects.filter(name="Anna Berg").exists(), "the transaction goes on"
    assert "was not noted" in caplog.text


@pytest.mark.django_db(transaction=True)
def test_a_host_whose_transaction_is_lost_by_a_failure_of_ours_is_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As in a deadlock on MariaDB, which ends all of a transaction, and not what a savepoint
    holds."""

    def lost(rows: object) -> None:
        with connection.cursor() as cursor:
            cursor.execute("ROLLBACK")
        raise OperationalError(1213, "Deadlock found when trying to get lock")

    monkeypatch.setattr(Touched.objects, "bulk_create", lost)
    with pytest.raises(OperationalError), transaction.atomic():
        client("Anna Berg")
    assert not Client.objects.exists()


def test_a_save_that_is_rolled_back_leaves_no_hint() -> None:
    with pytest.raises(DatabaseError), transaction.atomic():
        client("Anna Berg")
        raise DatabaseError
    assert not Touched.objects.exists()


def test_a_hint_of_a_slower_transaction_is_not_lost() -> None:
    """A hint with a lower key that is committed later than one that was deleted."""
    sweep.everything()
    late, early = Touched.objects.bulk_create([Touched(client_pk="7"), Touched(client_pk="8")])
    Touched.objects.filter(pk=late.pk).delete()
    assert sweep.catch_up() and early.pk
    Touched.objects.create(pk=late.pk, client_pk="7")
    assert sweep.catch_up() and not Touched.objects.exists()
