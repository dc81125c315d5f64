"""The supervised worker as it really runs: processes, a queue, signals."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from crm.models import Client
from django.core.management import CommandError, call_command
from pytest_django import Settings

from wagtail_qbo_sync.models import Connection

from .conftest import FIRM, Plant, customer
from .processes import SECONDS, Site, alive, children, eventually

PERSON = """
import sys
from wagtail_qbo_sync.models import Connection, Run
from wagtail_qbo_sync.sync.people import connect, decide
company = Connection.objects.get()
connect.this_is_the_live_site(company, None)
decide.ask_for_sync(company)
sys.stdin.readline()
decide.approve(Run.objects.get(), None)
"""


class Worker:
    """`manage.py qbo_worker` on the example site, with its words in a file."""

    def __init__(self, site: Site, folder: Path, *options: str) -> None:
        self.site = site
        self._words = folder / "worker.log"
        with self._words.open("w") as words:
            self.process = site.start("qbo_worker", *options, output=words)

    @property
    def said(self) -> str:
        return self._words.read_text()

    def family(self) -> set[int]:
        """The processes of the cluster: parent, sentinel, monitor, pusher, two workers."""
        found = children(self.process.pid)
        return found if len(found) >= 6 else set()

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(SECONDS)


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Worker]]:
    """Starts workers, and leaves none behind whatever the test did."""
    started: list[Worker] = []

    def do(site: Site, *options: str) -> Worker:
        started.append(Worker(site, tmp_path, *options))
        return started[-1]

    yield do
    for worker in started:
        if worker.process.poll() is None:
            worker.process.send_signal(signal.SIGSTOP)  # so that it starts no further cluster
            for pid in {worker.process.pid} | children(worker.process.pid):
                os.kill(pid, signal.SIGKILL)
        worker.process.wait()


def test_sync_now_from_click_to_mapped_client_then_a_clean_end(
    connection: Connection, plant: Plant, site: Callable[[], Site], start: Callable[..., Worker]
) -> None:
    Client.objects.create(name="Anna Berg", email="anna@x.example")
    plant(FIRM, [customer("1", "Anna Berg", "anna@x.example"), customer("2", "Bo Lund")])
    here = site()
    worker = start(here)
    person = here.python(PERSON)

    def count(what: str) -> Any:
        return here.query(f"SELECT count(*) FROM wagtail_qbo_sync_{what}")[0]

    eventually(lambda: count("run WHERE state = 'waiting'"), "the worker to read and to plan")
    assert count("mapping") == 0
    _, said = person.communicate("Yes\n", timeout=SECONDS)
    assert person.returncode == 0, said
    eventually(lambda: count("mapping"), "the client to be mapped")
    assert count("sitestate WHERE heartbeat_at IS NOT NULL") == 1
    family = worker.family()
    assert len(family) == 6
    assert worker.stop() == 0
    assert alive(family) == set()
    assert "The worker has stopped." in worker.said
    assert "starting it again" not in worker.said


def test_cluster_that_hangs_or_ends_is_started_again(
    db: None, site: Callable[[], Site], start: Callable[..., Worker], connection: Connection
) -> None:
    here = site()
    worker = start(here, "--silence", "24", "--tick", "4")  # a busy machine is slow to start

    def heartbeat() -> Any:
        return here.query("SELECT heartbeat_at FROM wagtail_qbo_sync_sitestate")[0]

    first = eventually(heartbeat, "the first heartbeat")
    family = eventually(worker.family, "the whole cluster")
    later = eventually(lambda: heartbeat() != first, "a heartbeat that nobody scheduled")
    assert later
    assert "starting it again" not in worker.said  # a quiet cluster is asked, not killed
    for pid in family:
        os.kill(pid, signal.SIGSTOP)
    eventually(lambda: "No heartbeat from the cluster" in worker.said, "the hang to be seen")
    eventually(lambda: not alive(family), "the hung processes to be gone")
    stopped = heartbeat()
    eventually(lambda: heartbeat() != stopped, "the new cluster's heartbeat")

    again = eventually(worker.family, "the new cluster")
    os.kill(min(again), signal.SIGKILL)  # its parent, which takes nobody along
    eventually(lambda: "The cluster ended with" in worker.said, "the end to be seen")
    eventually(lambda: not alive(again), "its orphans to be gone")
    newest = eventually(worker.family, "the third cluster")
    worker.process.send_signal(signal.SIGTERM)
    worker.process.send_signal(signal.SIGINT)  # an impatient person
    assert worker.process.wait(SECONDS) == 0
    eventually(lambda: not alive(newest), "the end of the third cluster")


def test_worker_refuses_without_what_it_needs(db: None, settings: Settings) -> None:
    for times in ({"tick": 0.5}, {"silence": 1}):
        with pytest.raises(CommandError, match="must be 1 s or more"):
            call_command("qbo_worker", **times)
    ours = settings.WAGTAIL_QBO_SYNC
    for key in ("TICK_SECONDS", "SILENCE_SECONDS"):  # where the command is not told otherwise
        settings.WAGTAIL_QBO_SYNC = {**ours, key: 0}
        with pytest.raises(CommandError, match=f"{key}'\\] is 0"):
            call_command("qbo_worker")
        settings.SILENCED_SYSTEM_CHECKS = ["wagtail_qbo_sync.W018"]
        with pytest.raises(CommandError, match="must be 1 s or more"):
            call_command("qbo_worker")
        settings.SILENCED_SYSTEM_CHECKS = []
    settings.WAGTAIL_QBO_SYNC = ours
    settings.Q_CLUSTER = {**settings.Q_CLUSTER, "timeout": None}
    with pytest.raises(CommandError, match="Q_CLUSTER has no timeout"):
        call_command("qbo_worker")
    settings.WAGTAIL_QBO_SYNC = {**settings.WAGTAIL_QBO_SYNC, "CLIENT_ID": ""}
    with pytest.raises(CommandError, match=re.escape("has no CLIENT_ID")):
        call_command("qbo_worker")
