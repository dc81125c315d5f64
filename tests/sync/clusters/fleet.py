"""Real clusters of django-q2 under `qbo_worker`, as an operator runs them, to be hurt."""

from __future__ import annotations

import os
import re
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from itertools import count
from pathlib import Path

from tests.sync.processes import Site, alive, eventually

from .traps import FOLDER, Traps

SETTINGS = "tests.sync.clusters.site_settings"
NAME = "QBO_TEST_CLUSTER"
"""The environment variable by which all processes of a cluster are known, orphans too."""
SAYS = {
    "worker": re.compile(r"ready for work at (\d+)"),
    "monitor": re.compile(r"monitoring at (\d+)"),
    "pusher": re.compile(r"pushing tasks at (\d+)"),
}
"""How django-q2 says which process is what."""


class Cluster:
    """One `qbo_worker` with its cluster: a parent, a sentinel, a monitor, a pusher, two workers."""

    def __init__(self, site: Site, log: Path) -> None:
        self.log = log
        self.marker = str(log)
        with log.open("w") as output:
            self.supervisor = site.start("qbo_worker", output=output, **{NAME: self.marker})

    @property
    def said(self) -> str:
        return self.log.read_text()

    def processes(self) -> set[int]:
        """All that run, whoever their parent is now."""
        return marked(NAME, self.marker)

    def all_of(self, role: str) -> set[int]:
        """The living "worker"s, "monitor" or "pusher"."""
        said = {int(pid) for pid in SAYS[role].findall(self.said)}
        return said & self.processes()

    def one(self, role: str) -> int:
        """The "monitor", "pusher", "sentinel" or the cluster's "parent"."""
        if role in SAYS:
            return max(self.all_of(role))
        sentinel = parent_of(max(self.all_of("pusher")))
        return sentinel if role == "sentinel" else parent_of(sentinel)

    def is_complete(self) -> bool:
        """Whether everything of it runs."""
        counts = [len(self.all_of(role)) for role in ("worker", "monitor", "pusher")]
        return counts == [2, 1, 1]

    def task_of(self, pid: int) -> str:
        """The name of the task that this worker began last."""
        worker = re.search(rf"(Process-\w+) ready for work at {pid}\b", self.said)
        assert worker is not None
        return str(re.findall(rf"{worker[1]} processing (\S+) '", self.said)[-1])

    def has_done(self, task: str) -> bool:
        """Whether this task has ended, without an error."""
        return re.search(rf"Processed '\S+' \({task}\)", self.said) is not None

    def owns(self, pid: int) -> bool:
        return pid in self.processes()

    def kill(self) -> None:
        """`kill -9` for every one of its processes, at once and for good."""
        kill_all(self.processes)
        self.supervisor.wait()


class Fleet:
    """The clusters of one test on one site, with the traps that are laid for them."""

    def __init__(self, site: Site, folder: Path) -> None:
        self.site, self.folder = site, folder
        self.traps = Traps(folder / "traps")
        self.clusters: list[Cluster] = []
        """Those that run, or are being started again."""
        self._numbers = count()
        site.env |= {"DJANGO_SETTINGS_MODULE": SETTINGS, FOLDER: str(self.traps.folder)}

    def start(self, count: int = 1) -> list[Cluster]:
        """So many more clusters; returns when they run."""
        new = []
        for _ in range(count):
            log = self.folder / f"cluster{next(self._numbers)}.log"
            new.append(Cluster(self.site, log))
            self.clusters.append(new[-1])
        for cluster in new:
            eventually(cluster.is_complete, f"{cluster.log.name} to run")
        return new

    def replace(self, cluster: Cluster) -> None:
        """Kill it as a whole; another one takes its place, as after a crash of its machine."""
        self.clusters.remove(cluster)
        cluster.kill()
        self.start()

    def held(self, point: str) -> int:
        """The process that was caught at this failpoint; waits for it."""
        pid: int = eventually(lambda: self.traps.holds(point), f"a process at {point}")
        return pid

    def cluster_of(self, pid: int) -> Cluster:
        return next(cluster for cluster in self.clusters if cluster.owns(pid))

    def other(self, cluster: Cluster) -> Cluster:
        return next(each for each in self.clusters if each is not cluster)

    def end(self) -> None:
        """Leave nothing behind, orphans included."""
        kill_all(lambda: marked(FOLDER, str(self.traps.folder)))
        for cluster in self.clusters:
            cluster.supervisor.wait()


def parent_of(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def marked(name: str, value: str) -> set[int]:
    """The living processes with this in their environment."""
    wanted, found = f"{name}={value}".encode(), set()
    for path in Path("/proc").glob("[0-9]*/environ"):
        with suppress(OSError):
            if wanted in path.read_bytes().split(b"\0"):
                found.add(int(path.parent.name))
    return alive(found)


def kill(pid: int) -> None:
    """`kill -9`; one that has just ended is fine."""
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def kill_all(find: Callable[[], set[int]]) -> None:
    """`kill -9` for all that are found, until none is: a supervisor may be starting another."""
    while pids := find():
        for pid in pids:
            kill(pid)
        time.sleep(0.02)
