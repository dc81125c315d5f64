"""What the benchmarks share: how long something takes, what it costs, and the example site."""

from __future__ import annotations

import os
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parent.parent
PROC = Path("/proc/self")


class Timed(NamedTuple):
    """What was done gave, and this process's seconds that it took."""

    result: Any
    seconds: float


def timed(what: str, act: Callable[[], Any]) -> Timed:
    """Do it and say how long it took."""
    started, busy = time.perf_counter(), time.process_time()
    result = act()
    took, worked = time.perf_counter() - started, time.process_time() - busy
    print(f"{what:46} {took:7.2f} s, of ours {worked:7.2f} s   {megabytes():5.0f} MB", flush=True)
    return Timed(result, worked)


def megabytes() -> float:
    """The highest resident size so far (Linux counts KiB, macOS bytes)."""
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6


@dataclass
class Cost:
    """What an act took: seconds by the clock and of this process, queries, and the megabytes
    that it had at its highest beyond those before."""

    seconds: float = 0.0
    processor: float = 0.0
    queries: int = 0
    megabytes: float = 0.0


@contextmanager
def cost() -> Iterator[Cost]:
    """Counts while it is open; the numbers stand in what it gives once it is closed."""
    from django.db import connection

    found = Cost()

    def count(execute: Callable[..., Any], *arguments: Any) -> Any:
        found.queries += 1
        return execute(*arguments)

    _forget_peak()
    before = _peak()
    started, busy = time.perf_counter(), time.process_time()
    with connection.execute_wrapper(count):
        yield found
    found.seconds, found.processor = time.perf_counter() - started, time.process_time() - busy
    found.megabytes = _peak() - before


def _forget_peak() -> None:
    """From here the highest resident size counts anew. Only Linux can; elsewhere the highest one
    of the whole process counts, so that what was done before may hide what is measured."""
    if (PROC / "clear_refs").exists():
        (PROC / "clear_refs").write_text("5")


def _peak() -> float:
    """The highest resident size since then, in megabytes."""
    if not (PROC / "status").exists():
        return megabytes()
    lines = (PROC / "status").read_text().splitlines()
    (line,) = (line for line in lines if line.startswith("VmHWM"))
    return int(line.split()[1]) * 1024 / 1e6


@contextmanager
def example_site(database_url: str) -> Iterator[None]:
    """The example project's settings, on this database; "" for SQLite in a file of its own."""
    sys.path[:0] = [str(ROOT), str(ROOT / "example_project")]
    os.environ["DJANGO_SETTINGS_MODULE"] = "example.settings"
    os.environ["DJANGO_DEBUG"] = "0"
    with tempfile.TemporaryDirectory() as folder:
        os.environ["DATABASE_URL"] = database_url or f"sqlite:///{folder}/db.sqlite3"
        yield
