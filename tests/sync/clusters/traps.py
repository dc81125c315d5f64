"""Traps: a process that comes to a failpoint stands still there until it is killed or let go.

A test lays one by a file of the failpoint's name; the first process to come by takes it, by
renaming it, so one trap holds one process.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

from django.apps import AppConfig

from wagtail_qbo_sync import clock

FOLDER = "QBO_TEST_TRAPS"
"""The environment variable that names the folder of the traps."""


class TrapsConfig(AppConfig):
    name = "tests.sync.clusters"
    label = "traps"

    def ready(self) -> None:
        clock.stop_at(_stand_still)


class Traps:
    """The test's side."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()

    def lay(self, point: str) -> None:
        """The next process that comes to this failpoint is held."""
        (self.folder / point).touch()

    def holds(self, point: str) -> int:
        """The process that stands there; 0 if none does yet."""
        held = list(self.folder.glob(f"{point}.pid*"))
        return int(held[0].suffix.removeprefix(".pid")) if held else 0

    def let_go(self, point: str) -> None:
        """What is held there goes on."""
        for held in self.folder.glob(f"{point}.pid*"):
            held.unlink()


def _stand_still(point: str) -> None:
    trap = Path(os.environ[FOLDER]) / point
    held = trap.with_name(f"{point}.pid{os.getpid()}")
    try:
        trap.rename(held)
    except FileNotFoundError:
        return
    while held.exists():
        time.sleep(0.02)
