"""What a first sync of 10,000 customers costs (issue, "Measured"): calls, queries, memory."""

from __future__ import annotations

import tracemalloc
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, ClassVar

import pytest
from crm.models import Client, client_type
from django.db import connection as database
from pytest_django import Settings

from wagtail_qbo_sync import clock
from wagtail_qbo_sync.contact import Contact, email_keys, match_key
from wagtail_qbo_sync.host.adapter import ClientAdapter, get_adapter
from wagtail_qbo_sync.models import Change, Connection, Customer, Mapping, Run
from wagtail_qbo_sync.models.mirror import joined_keys
from wagtail_qbo_sync.sync.access.lease import take
from wagtail_qbo_sync.sync.planning import plan
from wagtail_qbo_sync.sync.records.parties import customer_digest

from .conftest import Json, customer
from .firm import Firm

SIZE = 10_000
PHASES = {"pull.read": "pull", "plan.begun": "plan", "plan.finished": "apply"}


class BulkAdapter(ClientAdapter):
    bulk: ClassVar[bool] = True


def seeded(firm: Firm, count: int) -> None:
    """So many believable customers, sub-customers and inactive ones among them."""
    firm.has()
    firm.sandbox.post("seed", {"realm": firm.realm, "count": count})


def known(count: int) -> None:
    """So many clients that are customers 1, 2, ... with another phone number."""
    Client.objects.bulk_create(
        Client(name=f"Customer {n}", email=f"c{n}@example.org", phone="1", contact_type_id=kind)
        for kind in [client_type()]
        for n in range(1, count + 1)
    )


def crowd(count: int) -> list[Json]:
    phone = {"PrimaryPhone": {"FreeFormNumber": "2"}}
    return [
        customer(str(n), f"Customer {n}", f"c{n}@example.org", **phone) for n in range(1, count + 1)
    ]


@contextmanager
def queries() -> Iterator[Counter[str]]:
    """Statements by phase: notice, pull, plan, apply. Savepoints and the like are counted too."""
    counts: Counter[str] = Counter()
    phase = "notice"

    def note(point: str) -> None:
        nonlocal phase
        phase = PHASES.get(point, phase)

    def watch(execute: Callable[..., Any], sql: str, *rest: Any) -> Any:
        counts[phase] += 1
        return execute(sql, *rest)

    clock.stop_at(note)
    with database.execute_wrapper(watch):
        yield counts
    clock.stop_at(None)


@pytest.fixture
def bulk(settings: Settings) -> None:
    adapter = f"{__name__}.BulkAdapter"
    settings.WAGTAIL_QBO_SYNC = {**settings.WAGTAIL_QBO_SYNC, "ADAPTER": adapter}


@pytest.mark.usefixtures("bulk")
def test_a_first_sync_of_ten_thousand_in_bulk(
    firm: Firm, requests: Callable[..., list[Json]]
) -> None:
    firm.chooses(unmatched="create")
    seeded(firm, SIZE)
    with queries() as counts:
        run = firm.plan()
    reads = [one for one in requests() if one["path"].endswith("/query")]
    assert len(reads) <= 11
    assert (counts["pull"] + counts["plan"]) / (SIZE / 1000) <= 20, counts
    with queries() as counts:
        firm.approve(run)
    assert counts.total() / (SIZE / 1000) <= 40, counts
    assert Customer.objects.count() == SIZE
    created = run.counts["create"]
    assert created > SIZE * 0.8
    assert Client.objects.count() == Mapping.objects.count() == Change.objects.count() == created
    again_costs_nothing(firm)


def again_costs_nothing(firm: Firm) -> None:
    """A second sync with nothing changed writes to no client, and makes no run."""
    runs, touched = Run.objects.count(), []

    def watch(execute: Callable[..., Any], sql: str, *rest: Any) -> Any:
        if "crm_client" in sql and not sql.startswith("SELECT"):
            touched.append(sql)
        return execute(sql, *rest)

    with queries() as counts, database.execute_wrapper(watch):
        assert firm.sync() is None
    assert (touched, Run.objects.count()) == ([], runs)
    assert counts.total() / (SIZE / 1000) <= 20, counts


@pytest.mark.usefixtures("bulk")
def test_links_and_creations_in_bulk(firm: Firm) -> None:
    firm.chooses(unmatched="create")
    known(2000)
    firm.has(*crowd(4000))
    run = firm.plan()
    assert run.counts == {
        "link": 2000,
        "create": 2000,
        "overwritten": {"phone": 2000},
        "sent": {},
    }
    with queries() as counts:
        firm.approve(run)
    assert counts.total() / 4 <= 40, counts
    assert Client.objects.filter(phone="2").count() == 4000
    assert Mapping.objects.count() == Change.objects.count() == 4000


def test_links_and_creations_through_save(firm: Firm) -> None:
    firm.chooses(unmatched="create")
    known(150)
    firm.has(*crowd(300))
    run = firm.plan()
    with queries() as counts:
        firm.approve(run)
    assert counts.total() / 300 <= 8, counts
    assert Client.objects.filter(phone="2").count() == 300
    assert Mapping.objects.count() == Change.objects.count() == 300


def test_reviews_are_asked_in_few_queries(firm: Firm) -> None:
    known(1000)
    Client.objects.update(email="one@example.org")
    firm.has(*crowd(1000))
    run = firm.plan()
    with queries() as counts:
        firm.approve(run)
    assert len(firm.cases()) == 1000
    assert counts.total() / 1000 <= 0.4, counts


# Memory -----------------------------------------------------------------------------------------


def test_planning_holds_little_more_than_the_match_keys(
    firm: Firm, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a further customer and client cost at the peak of a plan, in bytes."""
    monkeypatch.setattr(plan, "CHUNK", 200)
    small, large = peak(firm, 1000), peak(firm, 4000)
    each = (large - small) / 3000
    assert each < 1000, f"{each:.0f} bytes"


def peak(firm: Firm, count: int) -> int:
    """Bytes at the peak of a plan for so many customers, half of them clients, all with
    a long address; the rows are made without QuickBooks."""
    mirror(firm.connection, count)
    known(count // 2)
    run = None
    tracemalloc.start()
    try:
        run = firm_plans(firm)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
        assert run is not None and run.steps.count() == count
        for model in (Run, Client, Customer):
            model._default_manager.all().delete()


def mirror(connection: Connection, count: int) -> None:
    Customer.objects.bulk_create(
        Customer(
            connection=connection,
            qbo_id=str(n),
            standing="top",
            display_name=contact.name,
            match_keys=joined_keys(match_key(contact.name), email_keys(contact.email)),
            record={
                "sync_token": 0,
                "contact": contact.to_json() | {"mailing_address": {"line1": "x" * 2000}},
                "digest": customer_digest(contact, get_adapter()),
            },
        )
        for n in range(1, count + 1)
        for contact in [Contact(name=f"Customer {n}", email=f"c{n}@example.org")]
    )


def firm_plans(firm: Firm) -> Run:
    """Only the planning part of a sync."""
    lease = take(firm.connection.pk)
    assert lease is not None
    plan.make(lease, firm.state)
    lease.let_go()
    return Run.objects.get()
