"""The full comparison (U13): a certificate of every mapped pair, which changes nothing."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from crm.models import Client
from django.core.management import call_command
from django.db import connection as database
from django.test.utils import CaptureQueriesContext
from pytest_django import DjangoAssertNumQueries, Settings

from tests import factories
from wagtail_qbo_sync import clock
from wagtail_qbo_sync.models import (
    Comparison,
    Connection,
    Customer,
    Difference,
    Footprint,
    Mapping,
    Run,
    SyncState,
    Touched,
)
from wagtail_qbo_sync.sync.people import connect
from wagtail_qbo_sync.sync.reading import compare

from .conftest import Json, customer
from .firm import Firm, Killed, at, client, edit, expire_lease, killed_at, picture

Requests = Callable[..., list[Json]]
Why = Difference.Why


def phone(number: str) -> Json:
    return {"PrimaryPhone": {"FreeFormNumber": number}}


def pairs(firm: Firm, count: int) -> None:
    """So many customers, each with a client that says the same; synced."""
    for number in range(1, count + 1):
        client(f"Client {number}", f"c{number}@x.example", phone="1")
    firm.has(
        *(
            customer(str(number), f"Client {number}", f"c{number}@x.example", **phone("1"))
            for number in range(1, count + 1)
        )
    )
    firm.sync()
    assert Mapping.objects.count() == count


def compared(firm: Firm) -> Comparison:
    """A whole comparison, as a worker would walk it; as often as it rings."""
    assert compare.begin(firm.state)
    firm.walk()
    firm.walk()
    return Comparison.objects.latest("pk")


def numbers(found: Comparison) -> tuple[int, int, int, int]:
    return found.equal, found.different, found.missing, found.resting


def whys(found: Comparison) -> dict[str, str]:
    return dict(found.differences.values_list("qbo_id", "why"))


# The certificate --------------------------------------------------------------------------------


def test_all_equal(firm: Firm) -> None:
    pairs(firm, 3)
    found = compared(firm)
    assert found.finished_at is not None
    assert numbers(found) == (3, 0, 0, 0)
    assert not found.differences.exists()
    state = firm.state
    assert (state.comparing, state.phase, state.lease_until) == (None, "rest", None)


def test_it_reads_everything_and_a_sync_has_its_turn_first(firm: Firm, requests: Requests) -> None:
    """An edit of this minute on either side is taken over before the pairs are compared."""
    pairs(firm, 3)
    firm.edits("1", **phone("2"))
    edit(firm.client("2"), phone="3")
    before = len(requests())
    found = compared(firm)
    assert numbers(found) == (3, 0, 0, 0)
    asked = [each["path"] for each in requests()[before:]]
    assert sum(path.endswith("/query") for path in asked) == 2  # a count, and the only page
    assert not any(path.endswith("/cdc") for path in asked)
    assert firm.client("1").phone == "2"


def test_what_change_data_never_told_of_is_found(firm: Firm) -> None:
    pairs(firm, 2)
    moved = datetime(2020, 1, 1, tzinfo=UTC).isoformat()
    old = {"MetaData": {"CreateTime": moved, "LastUpdatedTime": moved}}
    record = customer("1", "Client 1", "c1@x.example", SyncToken="5", **phone("9")) | old
    firm.sandbox.post("plant", {"realm": firm.realm, "records": [record]})
    assert firm.sync() is None
    assert numbers(compared(firm)) == (2, 0, 0, 0)
    assert firm.client("1").phone == "9"


def test_each_difference_with_its_reason(firm: Firm) -> None:
    pairs(firm, 6)
    firm.chooses(field_directions={"company_name": "pull"})
    edit(firm.client("1"), phone="2")
    firm.edits("1", **phone("3"))  # a conflict
    edit(firm.client("2"), company_name="Ours")  # on a silent side
    firm.edits("3", Active=False)
    gone = Client.objects.filter(pk=firm.mapping("4").client_pk)
    mapping = firm.mapping("5")
    mapping.asleep = Mapping.Asleep.DISCONNECTED
    mapping.save()
    with at("pull.stored", lambda: gone._raw_delete(gone.db)):  # so that no signal tells of it
        found = compared(firm)
    assert whys(found) == {"1": Why.ASKED, "2": Why.ONE_WAY, "4": Why.NO_CLIENT}
    assert numbers(found) == (1, 2, 1, 2)
    assert found.compared == 4
    one = found.differences.get(qbo_id="1")
    assert (one.asked, one.fields, one.customer) == ("conflict", ["phone"], "Client 1")


def test_the_pair_of_a_customer_that_is_gone_rests(firm: Firm) -> None:
    pairs(firm, 2)
    firm.has(customer("2", "Client 2", "c2@x.example", **phone("1")))
    found = compared(firm)
    assert (numbers(found), whys(found)) == ((1, 0, 0, 1), {})
    assert Customer.objects.filter(qbo_id="1").exists(), "nothing is dropped"


def test_a_customer_read_after_everything_was_is_not_missing(firm: Firm) -> None:
    pairs(firm, 1)
    firm.gets(customer("2", "Client 2", "c2@x.example"))
    client("Client 2", "c2@x.example")
    firm.sync()
    assert compare.begin(firm.state)
    with killed_at(lambda name: name == "pull.stored"), pytest.raises(Killed):
        firm.walk()
    Comparison.objects.update(newest=Customer.objects.get(qbo_id="1").pk)
    Customer.objects.filter(qbo_id="2").update(seen_in=0)  # as change data would have stored it
    expire_lease(firm.connection)
    firm.walk()
    firm.walk()
    assert numbers(Comparison.objects.get()) == (2, 0, 0, 0)


def test_a_difference_that_stands_as_agreed(firm: Firm) -> None:
    client("Anna Berg", "a@x.example", phone="1")
    firm.has(customer("1", "Anna Berg", "a@x.example"))
    firm.sync()
    assert firm.client("1").phone == "1"  # a blank that erased nothing (C13)
    assert whys(compared(firm)) == {"1": Why.AGREED}


def test_what_waits_in_a_plan_says_so(firm: Firm) -> None:
    pairs(firm, 30)
    for number in range(1, 27):
        firm.edits(str(number), **phone("2"))
    assert compare.begin(firm.state)
    firm.walk()
    assert Run.objects.filter(state=Run.State.WAITING).exists()
    firm.walk()
    found = Comparison.objects.get()
    assert numbers(found) == (4, 26, 0, 0)
    assert set(whys(found).values()) == {Why.PLANNED}


def test_footprints_are_looked_at_too(firm: Firm) -> None:
    pairs(firm, 2)
    footprint = Footprint.objects.filter(client_pk=firm.mapping("1").client_pk)
    with at("pull.stored", lambda: footprint.update(digest="of another day")):
        assert compared(firm).unnoticed == 1
    assert Touched.objects.count() == 1
    assert compared(firm).unnoticed == 0  # the hint was followed


# It changes nothing -----------------------------------------------------------------------------


def test_nothing_but_its_own_result_is_written(firm: Firm) -> None:
    pairs(firm, 3)
    edit(firm.client("1"), phone="2")
    firm.edits("1", **phone("3"))
    firm.sync()
    before, there = picture(), firm.records()
    states = Footprint.objects.order_by("pk").values_list("client_pk", "digest", "version")
    footprints = list(states)
    compared(firm)
    assert picture() == before
    assert firm.records() == there
    assert list(states.all()) == footprints


# Killed and taken up again ----------------------------------------------------------------------


def test_killed_at_every_point_it_reaches_the_same_end(
    firm: Firm, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("wagtail_qbo_sync.sync.reading.pull.PAGE", 2)
    monkeypatch.setattr(compare, "CHUNK", 2)
    pairs(firm, 5)
    edit(firm.client("1"), phone="2")
    firm.edits("1", **phone("3"))
    passed: list[str] = []
    clock.stop_at(passed.append)
    expected = numbers(compared(firm))
    clock.stop_at(None)
    assert passed.count("compare.stored") == 4
    for stop in range(len(passed)):
        assert compare.begin(firm.state)
        left = iter(range(stop + 1))

        def hit(name: str, left: Any = left, stop: int = stop) -> bool:
            return next(left, None) == stop

        for _ in range(6):
            try:
                with killed_at(hit):
                    firm.walk()
            except Killed:
                expire_lease(firm.connection)
        found = Comparison.objects.latest("pk")
        assert found.finished_at is not None, passed[stop]
        assert numbers(found) == expected, passed[stop]
        assert found.differences.count() == expected[1] + expected[2]


def test_the_queries_of_a_slice_do_not_grow(firm: Firm, monkeypatch: pytest.MonkeyPatch) -> None:
    pairs(firm, 12)

    def queries(size: int) -> int:
        monkeypatch.setattr(compare, "CHUNK", size)
        assert compare.begin(firm.state)
        seen: list[int] = []
        with CaptureQueriesContext(database) as captured:
            clock.stop_at(
                lambda name: seen.append(len(captured)) if name == "compare.stored" else None
            )
            firm.walk()
            firm.walk()
        clock.stop_at(None)
        return seen[1] - seen[0]

    assert queries(2) == queries(5)


# When -------------------------------------------------------------------------------------------


@pytest.fixture
def company(db: None, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Connection:
    """Synced first three days ago; it is three in the morning at the site."""
    settings.TIME_ZONE = "America/New_York"
    night = datetime(2026, 3, 10, 7, 0, tzinfo=UTC)
    monkeypatch.setattr(clock, "now", lambda: night)
    made = factories.connection()
    then = night - timedelta(days=3)
    factories.sync_state(made, synced_at=night, first_synced_at=then)
    return made


@pytest.mark.parametrize(
    ("values", "begun"),
    [
        ({}, True),
        ({"compared_at": datetime(2026, 3, 10, 5, 59, tzinfo=UTC)}, True),
        ({"compared_at": datetime(2026, 3, 10, 6, 1, tzinfo=UTC)}, False),
        ({"first_synced_at": datetime(2026, 3, 10, 6, 1, tzinfo=UTC)}, False),
        ({"first_synced_at": None}, False),
        ({"phase": "apply"}, False),
        ({"trouble": {"action": "operator"}}, False),
    ],
)
def test_once_a_night_where_it_can_be(
    company: Connection, values: dict[str, Any], begun: bool
) -> None:
    factories.sync_state(company, **values)
    compare.ring()
    compare.ring()
    assert Comparison.objects.count() == begun
    assert SyncState.objects.get().wanted == begun


def test_not_on_a_copy(company: Connection) -> None:
    Connection.objects.update(installation={})
    compare.ring()
    assert not Comparison.objects.exists()


def test_the_look_costs_one_query(
    company: Connection, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    factories.sync_state(company, compared_at=clock.now())
    with django_assert_num_queries(1):
        compare.ring()


def test_two_clusters_begin_one(company: Connection) -> None:
    seen = SyncState.objects.get()
    assert compare.begin(seen)
    assert not compare.begin(seen)
    assert Comparison.objects.count() == 1


def test_disconnecting_ends_it(company: Connection) -> None:
    compare.begin(SyncState.objects.get())
    connect.disconnect(company, None)
    assert SyncState.objects.get().comparing is None
    assert Comparison.objects.get().finished_at is None


# Where it is told -------------------------------------------------------------------------------


def test_status_tells(firm: Firm, capsys: pytest.CaptureFixture[str]) -> None:
    pairs(firm, 2)
    compared(firm)
    call_command("qbo_status")
    assert "last full comparison: 2 of 2 equal" in capsys.readouterr().out
