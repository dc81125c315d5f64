"""What the benchmarks share: the site, how long something takes, and how much memory."""

from __future__ import annotations

import os
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parent.parent


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


@contextmanager
def example_site(database_url: str) -> Iterator[None]:
    """The example project's settings, on this database; "" for SQLite in a file of its own."""
    sys.path[:0] = [str(ROOT), str(ROOT / "example_project")]
    os.environ["DJANGO_SETTINGS_MODULE"] = "example.settings"
    os.environ["DJANGO_DEBUG"] = "0"
    with tempfile.TemporaryDirectory() as folder:
        os.environ["DATABASE_URL"] = database_url or f"sqlite:///{folder}/db.sqlite3"
        yield
