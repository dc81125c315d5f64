"""The arena: ways to do one piece of work, side by side, each from the very same start.

A benchmark prepares a site and a company once. Each way then runs in a process of its own, on a
copy of that database, against the same books in one sandbox, which answers at once or after so
many seconds a call. Calls are counted by the sandbox, queries by Django, memory by Linux; and
before a number is kept, it is checked that the work was done.

    python benchmarks/first_sync.py                         # 1,000 and 10,000 on SQLite
    python benchmarks/first_sync.py --sizes 100000 --latency 0.3
    python benchmarks/first_sync.py --database-url postgres://postgres@127.0.0.1:5432/postgres

While the sandbox answers at once nobody keeps to Intuit's limits, neither the sandbox nor we:
what is measured is work, not waiting. With a latency it is the same. What the limits themselves
do is shown by `push.AT_THE_LIMIT`.
"""

from __future__ import annotations

import argparse
import logging
import multiprocessing
import os
import platform
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any

from _company import CALLBACK, Calls, at_any_rate, move_in, plant
from _databases import Databases, databases, url
from _measure import ROOT, cost

FLOOR, OURS, NAIVE = "floor", "ours", "naive"
SIZES = (1_000, 10_000)
PATIENCE = 120.0
"""Seconds that anything but the floor and ours may take, judged by how it did before."""
VERIFIER = "bench-verifier-token"
EVERY_TIME = 10**9

Extra = Mapping[str, float]
"""What a way tells beside its cost, by the name it has in the table."""


@dataclass
class Place:
    """Where a way does its work."""

    count: int
    sandbox: Any
    """A SandboxProcess that runs."""
    latency: float = 0.0


def nothing(place: Place) -> None:
    """Nothing has to be done before."""


def no_matter(results: Sequence[Result]) -> None:
    """The sizes have nothing to do with each other."""


@dataclass(frozen=True)
class Benchmark:
    """One piece of work."""

    name: str
    ways: Mapping[str, Callable[[Place], Extra | None]]
    prepare: Callable[[Place], None]
    """Fills the database, of which each way has a copy."""
    check: Callable[[Place, str], None]
    """Raises AssertionError unless the way that was named has done the work."""
    books: Callable[[int], Sequence[Any]] | None = None
    """The customers that QuickBooks has before each way; None: it isn't asked."""
    arrange: Callable[[Place], None] = nothing
    """Done by each way's process, and not measured."""
    least_calls: Callable[[int], int] | None = None
    """The fewest calls with which the work can be done, of which ours must make no more."""
    limits: bool = False
    """Whether Intuit's limits hold, there and with us."""
    waits: bool = False
    """Whether it is run with a latency too."""
    sizes: Callable[[Sequence[int]], Sequence[int]] = list
    """Those at which it is run, of those that were asked for."""
    compare: Callable[[Sequence[Result]], None] = no_matter
    """Looks at the results of one way at all sizes."""


@dataclass
class Result:
    """What a way took."""

    benchmark: str
    way: str
    database: str
    count: int
    latency: float
    seconds: float = 0.0
    processor: float = 0.0
    calls: int = 0
    reads: int = 0
    """Those of them that Intuit meters as data out."""
    queries: int = 0
    megabytes: float = 0.0
    extra: dict[str, float] = field(default_factory=dict)

    def line(self) -> str:
        """For whoever watches."""
        told = f"{self.way:6} {self.count:7,} {self.seconds:8.2f} s ({self.processor:7.2f} s"
        told += f" of its own) {self.calls:6,} calls {self.queries:7,} queries"
        return f"  {told} {self.megabytes:5.0f} MB"


# One site, one sandbox ------------------------------------------------------------------------


class Arena:
    """Runs benchmarks on one kind of database."""

    def __init__(self, server: str, stored: Databases, sandbox: Any) -> None:
        self._server = server
        self._stored = stored
        self._sandbox = sandbox
        self._prepared: dict[Any, str] = {}
        self.database = "PostgreSQL" if server else "SQLite"
        self._empty = stored.copy()
        in_a_process(self._empty, _migrate)

    def machine(self) -> str:
        """On what and when, in a sentence, with the load of the last quarter of an hour."""
        versions = in_a_process(self._empty, _versions)
        cores = f"{os.cpu_count()} cores ({platform.machine()})"
        day = datetime.now(UTC).date()
        load = f"{os.getloadavg()[2]:.1f} processes ran at the same time"
        return f"Measured on {day}: {cores}, {platform.system()}, {versions}; {load}."

    def another_database(self) -> str:
        """The DATABASE_URL of one with all tables and no rows."""
        return url(self._server, self._stored.copy(self._empty))

    def run(
        self, benchmark: Benchmark, sizes: Sequence[int], latencies: Sequence[float]
    ) -> list[Result]:
        """All ways at all sizes."""
        results: list[Result] = []
        sizes = benchmark.sizes(sizes)
        for latency in latencies if benchmark.waits else (0.0,):
            slow = f", {latency * 1000:.0f} ms a call" if latency else ""
            print(f"{benchmark.name}, {self.database}{slow}", flush=True)
            for way in benchmark.ways:
                done = self._way(benchmark, way, sizes, latency, results)
                benchmark.compare(done)
                results += done
        return results

    def _way(
        self,
        benchmark: Benchmark,
        way: str,
        sizes: Sequence[int],
        latency: float,
        before: Sequence[Result],
    ) -> list[Result]:
        done: list[Result] = []
        for count in sizes:
            known = [one for one in (*before, *done) if one.way == way]
            if way not in (FLOOR, OURS) and _expected(known, count, latency) > PATIENCE:
                print(f"  {way:6} {count:7,} is left out: it would take minutes", flush=True)
                continue
            result = self._measured(benchmark, way, Place(count, self._sandbox, latency))
            print(result.line(), flush=True)
            done.append(result)
        return done

    def _measured(self, benchmark: Benchmark, way: str, place: Place) -> Result:
        result = Result(benchmark.name, way, self.database, place.count, place.latency)
        source = self._source(benchmark, place)
        self._open_books(benchmark, place.count)
        found = in_a_process(self._stored.copy(source), lambda: _measure(benchmark, way, place))
        for name, value in found.items():
            setattr(result, name, value)
        least = benchmark.least_calls
        if way == OURS and least is not None:
            allowed = least(place.count)
            assert result.calls <= allowed, f"{result.calls} calls, {allowed} are enough"
        return result

    def _source(self, benchmark: Benchmark, place: Place) -> str:
        """The database that was prepared for this, by whichever benchmark came first."""
        key = benchmark.prepare, place.count
        if key not in self._prepared:
            self._open_books(benchmark, place.count)
            name = self._stored.copy(self._empty)
            in_a_process(name, lambda: benchmark.prepare(place))
            self._prepared[key] = name
        return self._prepared[key]

    def _open_books(self, benchmark: Benchmark, count: int) -> None:
        self._sandbox.delete("faults")
        self._sandbox.post("switches", {"throttle": False})
        if benchmark.books:
            plant(self._sandbox, benchmark.books(count), clear=True)


def _expected(known: Sequence[Result], count: int, latency: float) -> float:
    """Seconds, by the last time that it was done."""
    if not known:
        return 0.0
    last = known[-1]
    share = count / last.count
    return share * (last.seconds + last.calls * max(latency - last.latency, 0.0))


def _measure(benchmark: Benchmark, way: str, place: Place) -> dict[str, Any]:
    """In the way's own process: arrange, do, count, check."""
    move_in()
    benchmark.arrange(place)
    sandbox = place.sandbox
    sandbox.post("switches", {"throttle": benchmark.limits})
    if place.latency:
        rule = {"kind": "latency", "path": "^/v3/", "seconds": place.latency, "count": EVERY_TIME}
        sandbox.post("faults", rule)
    calls = Calls(sandbox)
    with at_any_rate(not benchmark.limits), cost() as spent:
        extra = benchmark.ways[way](place)
    found = {**asdict(spent), **calls.counts(), "extra": dict(extra or {})}
    sandbox.delete("faults")
    benchmark.check(place, way)
    return found


def _versions() -> str:
    """Of what has a say in it."""
    import django
    import wagtail
    from django.db import connection

    connection.ensure_connection()
    server = ".".join(map(str, connection.get_database_version()))
    python = platform.python_version()
    names = f"Python {python}, Django {django.__version__}, Wagtail {wagtail.__version__}"
    return f"{names}, {connection.display_name} {server}"


def _migrate() -> None:
    from django.core.management import call_command

    call_command("migrate", verbosity=0)


def in_a_process(database: str, act: Callable[[], Any]) -> Any:
    """What it gives, done on this database. Raises RuntimeError if it fails.

    Forked, so that Django is loaded once and no way warms anything up for the next.
    """
    context = multiprocessing.get_context("fork")
    here, there = context.Pipe(duplex=False)

    def work() -> None:
        from django.db import connections

        here.close()
        connections["default"].settings_dict["NAME"] = database
        try:
            there.send((True, act()))
        except BaseException:
            there.send((False, traceback.format_exc()))
        finally:
            connections.close_all()

    process = context.Process(target=work)
    process.start()
    there.close()
    try:
        done, given = here.recv()
    except EOFError:
        done, given = False, "The process has ended."
    process.join()
    if not done:
        raise RuntimeError(given)
    return given


@contextmanager
def arena(server: str) -> Iterator[Arena]:
    """A site on this PostgreSQL server, or ("") on SQLite, and a sandbox."""
    sys.path[:0] = [str(ROOT), str(ROOT / "example_project")]
    os.environ |= {
        "DJANGO_SETTINGS_MODULE": "example.settings",
        "DJANGO_DEBUG": "0",
        "DATABASE_URL": url(server, "nobody"),
    }
    import django

    django.setup()
    logging.disable(logging.WARNING)
    from cryptography.fernet import Fernet
    from django.conf import settings
    from django.test.utils import override_settings

    from wagtail_qbo_sync.testing.sandbox import SandboxProcess

    with SandboxProcess("--no-throttle") as sandbox, databases(server) as stored:
        ours = {
            **settings.WAGTAIL_QBO_SYNC,
            "ENVIRONMENT": "sandbox",
            "API_URL": sandbox.base_url,
            "DISCOVERY_URL": sandbox.discovery_url,
            "CLIENT_ID": "sandbox-client",
            "CLIENT_SECRET": "sandbox-secret",
            "REDIRECT_URI": CALLBACK,
            "WEBHOOK_VERIFIER_TOKEN": VERIFIER,
            "ENCRYPTION_KEYS": [Fernet.generate_key().decode()],
            "PAUSED": False,
        }
        sandbox.post("switches", {"second_consent": "keeps"})  # each size has its own
        with override_settings(WAGTAIL_QBO_SYNC=ours):
            yield Arena(server, stored, sandbox)


def main(*benchmarks: Benchmark) -> None:
    """The command line of a benchmark."""
    parser = argparse.ArgumentParser(
        description=sys.modules["__main__"].__doc__,
        formatter_class=argparse.RawTextHelpFormatter,
    )
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES, help="records")
    parser.add_argument("--latency", type=float, nargs="+", default=[0.0], help="seconds a call")
    parser.add_argument("--database-url", default="", help="a PostgreSQL server (SQLite)")
    options = parser.parse_args()
    with arena(options.database_url) as place:
        for benchmark in benchmarks:
            place.run(benchmark, options.sizes, options.latency)
