"""A supervised worker: django-q2's cluster, started again when it falls silent.

A cluster whose worker died at a bad moment can wait for ever while looking alive, so the
heartbeat in the database is the judge (docs/how-to/workers.md).
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DatabaseError, close_old_connections

from wagtail_qbo_sync import clock
from wagtail_qbo_sync.conf import settings
from wagtail_qbo_sync.doorbell import enqueue
from wagtail_qbo_sync.models import SiteState
from wagtail_qbo_sync.sync.access import schedule

from ._readiness import refuse_unless_ready

SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
PATIENCE_SECONDS = 20
"""How long a cluster may take to end by itself when we stop."""
HANGING_SECONDS = 2
"""The same for one that gives no sign of life: its work is done again from the database."""
LOOK_SECONDS = 5.0
LEAST = timedelta(seconds=1)
"""What asks for a heartbeat more often does little else."""


class Command(BaseCommand):
    help = "Runs the worker and starts it again when it hangs. Stop it with Ctrl-C or SIGTERM."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--silence",
            type=float,
            default=settings.SILENCE_SECONDS,
            metavar="SECONDS",
            help="how long without a heartbeat before the cluster is started again",
        )
        parser.add_argument(
            "--tick",
            type=float,
            default=settings.TICK_SECONDS,
            metavar="SECONDS",
            help="how long without a heartbeat before one is asked for; at most half of --silence",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        refuse_unless_ready("qbo_credentials", "qbo_worker")
        self._silence = timedelta(seconds=options["silence"])
        self._tick = min(timedelta(seconds=options["tick"]), self._silence / 2)
        if self._tick < LEAST:
            raise CommandError(f"--tick and half of --silence must be {LEAST.seconds} s or more.")
        command = [*_manage(), "qcluster"]
        if options["pythonpath"]:
            command.append(f"--pythonpath={options['pythonpath']}")
        for number in SIGNALS:
            signal.signal(number, _stop)
        try:
            while True:
                self._supervise(command)
        except KeyboardInterrupt:
            self.stdout.write("The worker has stopped.")

    def _supervise(self, command: list[str]) -> None:
        """One cluster, from its start until it ends or has been silent for too long."""
        if schedule.repair():
            self.stdout.write("The schedule of the tick was missing or wrong, and is repaired.")
        look = min(LOOK_SECONDS, self._tick.total_seconds() / 3)
        patience = PATIENCE_SECONDS
        cluster = subprocess.Popen(command, start_new_session=True)  # noqa: S603 (our own)
        try:
            seen = _Pulse()
            while cluster.poll() is None:
                time.sleep(look)
                quiet = seen.quiet_for()
                if quiet > self._silence:
                    self.stderr.write("No heartbeat from the cluster: starting it again.")
                    patience = HANGING_SECONDS
                    return
                seen.ask_again_after(self._tick)
            self.stderr.write(f"The cluster ended with {cluster.returncode}: starting it again.")
            time.sleep(look)
        finally:
            _end(cluster, patience)


class _Pulse:
    """The heartbeat that a cluster leaves in the database, since it was started."""

    def __init__(self) -> None:
        self._last = self._asked = clock.now()
        enqueue("tick")

    def quiet_for(self) -> timedelta:
        """How long ago the last sign of life was."""
        with suppress(DatabaseError):  # a database that is away says nothing about the cluster
            close_old_connections()
            found = SiteState.objects.filter(pk=1).values_list("heartbeat_at", flat=True).first()
            if found and found > self._last:
                self._last = found
        return clock.now() - self._last

    def ask_again_after(self, patience: timedelta) -> None:
        """Ring for a sign of life when there was none for so long, and none was asked for: the
        schedule alone may be late, or gone, and so may what we rang for."""
        if clock.now() - max(self._last, self._asked) > patience:
            self._asked = clock.now()
            enqueue("tick")


def _manage() -> list[str]:
    """How this very command was started, up to the name of the command."""
    if Path(sys.argv[0]).name == "__main__.py":
        return [sys.executable, "-m", "django"]
    return [sys.executable, sys.argv[0]]


def _stop(*_: Any) -> None:
    """End by the way of `finally`; further signals must not cut that short."""
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt


def _end(cluster: subprocess.Popen[bytes], patience: float) -> None:
    """End the whole process group: politely, then by force. No orphan is left behind."""
    with suppress(ProcessLookupError):
        os.kill(cluster.pid, signal.SIGTERM)
    with suppress(subprocess.TimeoutExpired):
        cluster.wait(patience)
    with suppress(ProcessLookupError):
        os.killpg(cluster.pid, signal.SIGKILL)
    cluster.wait()
