"""The demo's processes: started, watched, and ended together."""

from __future__ import annotations

import os
import signal
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
START_SECONDS = 120
STOP_SECONDS = 20
"""A worker finishes the slice that it is in."""
STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Trouble(Exception):
    """What stops the demo, as a sentence for a person."""


class Servers:
    """The demo's processes, each a group of its own with its own log."""

    def __init__(self, env: dict[str, str], logs: Path, lock: int | None = None) -> None:
        """`lock`: a file descriptor that each of them keeps open."""
        self._env = env
        self._logs = logs
        self._inherited = () if lock is None else (lock,)
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, name: str, command: Sequence[str]) -> None:
        with (self._logs / f"{name}.log").open("ab") as log:
            self._running[name] = subprocess.Popen(
                command,
                cwd=ROOT,
                env=self._env,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                pass_fds=self._inherited,
            )

    def wait_for(self, name: str, is_ready: Callable[[], bool]) -> None:
        """Until it is ready. Raises Trouble if one ends first or if that takes too long."""
        deadline = time.monotonic() + START_SECONDS
        while not is_ready():
            self.must_run()
            if time.monotonic() > deadline:
                raise Trouble(f"The {name} gives no sign of life. {self._said(name)}")
            time.sleep(0.2)

    def must_run(self) -> None:
        """Raises Trouble if a process has ended by itself."""
        for name, process in self._running.items():
            if process.poll() is not None:
                raise Trouble(f"The {name} ended by itself. {self._said(name)}")

    def stop(self) -> None:
        """End all, the last one first; by force what does not end in time."""
        for number in STOPPING:  # a second Ctrl-C must not leave orphans
            signal.signal(number, signal.SIG_IGN)
        for process in reversed(self._running.values()):
            _signal(process, signal.SIGTERM)
        deadline = time.monotonic() + STOP_SECONDS
        for process in self._running.values():
            with suppress(subprocess.TimeoutExpired):
                process.wait(max(deadline - time.monotonic(), 0.1))
            _signal(process, signal.SIGKILL)
            process.wait()

    def _said(self, name: str) -> str:
        log = self._logs / f"{name}.log"
        last = "\n".join(log.read_text(errors="replace").splitlines()[-5:])
        return f"The end of {log}:\n{last}"


def answers(url: str) -> bool:
    """Whether a server is there, whatever it says."""
    try:
        urllib.request.urlopen(url, timeout=5).close()  # noqa: S310 (our own address)
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False
    return True


def attend(command: Sequence[str], env: dict[str, str]) -> None:
    """Run it in the foreground, to its end; Ctrl-C is for it."""
    before = signal.signal(signal.SIGINT, lambda *_: None)
    try:
        subprocess.run(command, cwd=ROOT, env=env, check=False)
    finally:
        signal.signal(signal.SIGINT, before)


def _signal(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, number)
