"""Killed at a named point and started again (rule 4): how, and how the ends are compared."""

from __future__ import annotations

import ast
import math
import re
from collections.abc import Callable, Iterator, Set
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from django.db import transaction
from django.db.models import F
from wagtail.models import ModelLogEntry

import wagtail_qbo_sync
from wagtail_qbo_sync import clock
from wagtail_qbo_sync.models import (
    BulkDecision,
    Comparison,
    Footprint,
    ImportBatch,
    Outbox,
    Run,
    Send,
    SiteState,
    SyncState,
    Token,
    Touched,
)
from wagtail_qbo_sync.sync.bulk import decisions, proposal
from wagtail_qbo_sync.sync.noticing import sweep
from wagtail_qbo_sync.sync.people import decide
from wagtail_qbo_sync.sync.planning import undoing
from wagtail_qbo_sync.sync.types_file import slices
from wagtail_qbo_sync.sync.walk import cycle

from .conftest import Json
from .firm import Firm, Killed, expire_lease, picture

State = Run.State
TOLD = ("SyncToken", "Active", "CompanyName", "PrimaryPhone", "Mobile", "PrimaryEmailAddr")


class Scenario(NamedTuple):
    """Something that happens to a company."""

    before: Callable[[Firm], object]
    """What stands before anything dies."""
    go: Callable[[Firm], object]
    """What people do. Done again after a death, so it looks first whether it was done."""
    reaches: str
    """The failpoints for which it is here, by name; it may pass others too."""
    each: bool = False
    """Kill at each passing of a point, and not at the first only."""
    once_more: bool = False
    """Compare after one more sync: whoever died has asked twice."""
    may_differ: Set[str] = frozenset()
    """Parts of the end that tell the way, such as how many runs it took."""


def failpoints() -> set[str]:
    """The names of all failpoints in the package, told from its source."""
    found = set()
    for path in Path(wagtail_qbo_sync.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "failpoint":
                (name,) = node.args
                assert isinstance(name, ast.Constant), f"{path}: a failpoint without a plain name"
                found.add(str(name.value))
    return found


@contextmanager
def undone() -> Iterator[None]:
    """Everything in here is rolled back at the end."""
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


def passing(act: Callable[[], object]) -> list[str]:
    """The failpoints that an act passes, in order."""
    passed: list[str] = []
    clock.stop_at(passed.append)
    act()
    clock.stop_at(None)
    return passed


def dying(act: Callable[[], object], hit: int) -> None:
    """Act, and die at the failpoint of this number."""
    left = iter(range(hit + 1))

    def stop(name: str) -> None:
        if next(left, None) == hit:
            raise Killed(name)

    clock.stop_at(stop)
    with pytest.raises(Killed):
        act()
    clock.stop_at(None)


# What a worker does ------------------------------------------------------------------------------


def work(firm: Firm) -> None:
    """As workers and the tick do, until nothing is left; somebody approves whatever waits."""
    for _ in range(12):
        for decided in BulkDecision.objects.filter(finished_at=None):
            decisions.advance(decided.pk, decided.done)
        for plan in Run.objects.filter(state=State.PLANNING, undoes__isnull=False):
            undoing.advance(plan.pk)
        for plan in Run.objects.filter(state=State.PROPOSED, counts={}):
            proposal.advance(plan.pk)
        for batch in ImportBatch.objects.filter(state__in=slices.UNDER_WAY):
            slices.advance(batch.pk, batch.slice)
        if SiteState.objects.exclude(wanted=F("served"), sweep=SiteState.Sweep.REST).exists():
            sweep.advance(seconds=math.inf)
        firm.walk()
        for run in Run.objects.filter(state=State.WAITING):
            assert decide.approve(run, None)
        if not _is_busy():
            return
    raise AssertionError(f"It goes on and on: {SyncState.objects.values().get()}")


def _is_busy() -> bool:
    return Touched.objects.exists() or SyncState.objects.filter(cycle.todo()).exists()


def time_goes_by(firm: Firm) -> None:
    """All leases of the process that died have run out."""
    expire_lease(firm.connection)
    Token.objects.update(lease_until=None)


# The sweep ---------------------------------------------------------------------------------------


def kill_everywhere(firm: Firm, scenario: Scenario) -> list[str]:
    """Die at every point of a scenario, each time started again; the ends must be the same.

    Returns the points that it passes.
    """
    scenario.before(firm)
    there = firm.records()

    def act() -> None:
        scenario.go(firm)
        work(firm)

    firm.has(*there)
    with undone():
        passed = passing(act)
        if scenario.once_more:
            one_more_sync(firm)
        undisturbed = end(firm, there)
    for hit, name in enumerate(passed):
        if name in passed[:hit] and not scenario.each:
            continue
        firm.has(*there)
        with undone():
            dying(act, hit)
            time_goes_by(firm)
            act()
            if scenario.once_more:
                one_more_sync(firm)
            now = end(firm, there)
            differs = {part for part in now if now[part] != undisturbed[part]}
            assert differs <= scenario.may_differ, f"{differs}, killed at {name}, {hit} of {passed}"
    return passed


def one_more_sync(firm: Firm) -> None:
    """Nothing is left to it, or the same."""
    decide.ask_for_sync(firm.connection)
    work(firm)


def end(firm: Firm, there: list[Json]) -> dict[str, Any]:
    """The end state on both sides, with what came into being in QuickBooks (not `there` before)
    called by name: a second record, or a second write, makes a difference."""
    records = firm.records()
    known = {one["Id"] for one in there}
    made = {one["Id"]: one["DisplayName"] for one in records if one["Id"] not in known}

    def by_name(told: object) -> str:
        text = re.sub(r"(intuit_tid[\\'\": ,]+)[0-9a-f]+(-[0-9a-f]+)+", r"\1", repr(told))
        text = re.sub(r"datetime\.datetime\([^()]*\)", "a moment", text)
        for qbo_id, name in made.items():
            text = text.replace(f"'{qbo_id}'", f"'<{name}>'")
        return text

    return {
        **{part: sorted(map(by_name, rows)) for part, rows in picture().items()},
        "records": sorted(by_name(_told(one)) for one in records),
        "on its way": Outbox.objects.exclude(state__in=["done", "parked", "wanted"]).count(),
        "open": Send.objects.filter(is_open=True).count(),
        "log": sorted(by_name(one) for one in ModelLogEntry.objects.values_list("action")),
        "bulk": list(BulkDecision.objects.values_list("done", "counts", "skipped")),
        "imports": list(ImportBatch.objects.values_list("state", "done", "total")),
        "compared": list(Comparison.objects.values_list("equal", "different", "missing")),
        "noticed": (Footprint.objects.count(), Touched.objects.count()),
        "login": list(Token.objects.values_list("rejected", "lease_until")),
    }


def _told(record: Json) -> tuple[Any, ...]:
    return record["Id"], record["DisplayName"], *(record.get(name) for name in TOLD)
