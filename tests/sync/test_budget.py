"""One budget of calls per company for all processes."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from pytest_django import DjangoAssertNumQueries

from wagtail_qbo_sync import clock
from wagtail_qbo_sync.models import Connection, SyncState
from wagtail_qbo_sync.qbo.faults import Action, QboError
from wagtail_qbo_sync.sync.access import usage
from wagtail_qbo_sync.sync.access.budget import DatabaseBudget
from wagtail_qbo_sync.testing.sandbox import SandboxProcess

from .conftest import CLIENT, FIRM, Json
from .processes import Site


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long callers were told to wait, instead of waiting."""
    told: list[float] = []
    monkeypatch.setattr("time.sleep", told.append)
    return told


def company(realm: str) -> int:
    made = Connection.objects.create(
        realm_id=realm, environment="sandbox", company_name=realm, connected_at=clock.now()
    )
    SyncState.objects.create(connection=made)
    return made.pk


@pytest.fixture
def pk(db: None) -> int:
    return company(FIRM)


def test_eight_a_second_whoever_calls(pk: int, waits: list[float]) -> None:
    for _ in range(9):
        DatabaseBudget(pk).reserve("read")
        DatabaseBudget(pk).reserve("write")
    assert 1.7 < max(waits) <= 2.125


def test_each_company_has_its_own(pk: int, waits: list[float]) -> None:
    other = company(CLIENT)
    for _ in range(8):
        DatabaseBudget(pk).reserve("read")
    waits.clear()
    DatabaseBudget(other).reserve("read")
    assert waits == []


def test_batches_count_apart(pk: int, waits: list[float]) -> None:
    for _ in range(8):
        DatabaseBudget(pk).reserve("read")
    waits.clear()
    DatabaseBudget(pk).reserve("batch")
    DatabaseBudget(pk).reserve("batch")
    assert waits == []
    DatabaseBudget(pk).reserve("batch")
    assert 1 < waits[0] < 2


def test_reads_are_counted_by_the_month_in_the_update_that_is_made_anyway(
    pk: int, waits: list[float], django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    SyncState.objects.update(reads=7, reads_month="2001-01")
    with django_assert_num_queries(4):  # the savepoint, the row, the slot
        DatabaseBudget(pk).reserve("read")
    DatabaseBudget(pk).reserve("read")
    DatabaseBudget(pk).reserve("write")
    DatabaseBudget(pk).reserve("batch")
    DatabaseBudget(company(CLIENT)).reserve("read")
    assert SyncState.objects.get(pk=pk).reads == 2
    assert usage.this_month() == 3


def test_a_clock_that_was_set_back_stops_nobody(pk: int, waits: list[float]) -> None:
    SyncState.objects.update(call_tat=(clock.now() + timedelta(days=1)).timestamp())
    DatabaseBudget(pk).reserve("read")
    assert waits == []
    assert abs((SyncState.objects.get().call_tat or 0) - clock.now().timestamp()) < 5


def test_the_databases_clock_decides(
    pk: int, waits: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    """However wrong the clock of this machine is."""
    ahead = clock.now() + timedelta(hours=1)
    monkeypatch.setattr("django.utils.timezone.now", lambda: ahead)
    DatabaseBudget(pk).throttled(30)
    with pytest.raises(QboError):
        DatabaseBudget(pk).reserve("read")


def test_after_a_429_nobody_calls(pk: int, waits: list[float]) -> None:
    DatabaseBudget(pk).throttled(30)
    with pytest.raises(QboError) as refusal:
        DatabaseBudget(pk).reserve("read")
    assert refusal.value.action is Action.BACK_OFF
    assert 25 < (refusal.value.retry_after or 0) <= 31
    SyncState.objects.update(blocked_until=clock.now() - timedelta(seconds=1))
    DatabaseBudget(pk).reserve("read")


def test_longest_429_counts(pk: int) -> None:
    DatabaseBudget(pk).throttled(600)
    DatabaseBudget(pk).throttled(1)
    blocked = SyncState.objects.get().blocked_until
    assert blocked is not None
    assert blocked > clock.now() + timedelta(seconds=500)


CALLS = """
import sys
from wagtail_qbo_sync.conf import settings
from wagtail_qbo_sync.models import Connection
from wagtail_qbo_sync.qbo.api import CompanyApi
from wagtail_qbo_sync.sync.access.budget import DatabaseBudget
from wagtail_qbo_sync.sync.access.token import TokenKeeper
company = Connection.objects.get()
budget = DatabaseBudget(company.pk)
api = CompanyApi(company.realm_id, settings.api_url, TokenKeeper(company), budget)
print("ready", flush=True)
sys.stdin.readline()
print([api.count_customers() for _ in range(14)][-1])
"""


def test_two_processes_together_stay_below_intuits_limit(
    connection: Connection,
    site: Callable[[], Site],
    sandbox: SandboxProcess,
    requests: Callable[..., list[Json]],
) -> None:
    sandbox.post("switches", {"throttle": True})
    here = site()
    processes = [here.python(CALLS) for _ in range(2)]
    for process in processes:
        assert process.stdout
        assert process.stdout.readline() == "ready\n", process.communicate()[1]
    before = len(requests())
    for process in processes:
        assert process.stdin
        process.stdin.write("go\n")
        process.stdin.flush()
    assert [process.communicate(timeout=60)[1] for process in processes] == ["", ""]
    calls = requests()[before:]
    assert [call["status"] for call in calls] == [200] * 28
    times = sorted(call["time"] for call in calls)
    assert times[-1] - times[0] > 3
