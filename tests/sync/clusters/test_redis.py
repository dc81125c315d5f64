"""The queue in Redis, which hands a task out once and forgets it (rule 13)."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator

import pytest

from tests.sync.firm import Firm

from .fleet import Fleet, kill
from .test_kills import assert_as, held_while_applying

pytestmark = [pytest.mark.postgres, pytest.mark.redis]
redis = pytest.importorskip("redis")
URL = os.environ.get("TEST_REDIS_URL", "redis://127.0.0.1:6379/9")
"""A database in which a test may close everybody's connections."""


class Queue:
    """The queue of one test's clusters."""

    def __init__(self) -> None:
        self.name = f"tests-{uuid.uuid4().hex}"
        self.server = redis.Redis.from_url(URL)

    def flush(self) -> None:
        """All tasks that wait are lost."""
        self.server.delete(f"django_q:{self.name}:q")

    def cut(self) -> int:
        """Close all connections but our own; how many there were."""
        mine, database = self.server.client_id(), URL.rpartition("/")[2]
        others = [
            client["id"]
            for client in self.server.client_list()
            if client["db"] == database and int(client["id"]) != mine
        ]
        return sum(self.server.client_kill_filter(_id=each) for each in others)

    def end(self) -> None:
        for key in self.server.scan_iter(f"*{self.name}*"):
            self.server.delete(key)
        self.server.close()


@pytest.fixture
def queue(fleet: Fleet) -> Iterator[Queue]:
    made = Queue()
    try:
        made.server.ping()
    except redis.ConnectionError as error:
        pytest.skip(f"No Redis at {URL} ({error}). TEST_REDIS_URL names another one.")
    fleet.site.env |= {"REDIS_URL": URL, "QBO_TEST_QUEUE": made.name}
    yield made
    fleet.end()
    made.end()


def test_redis_that_forgets_and_hangs_up(firm: Firm, fleet: Fleet, queue: Queue) -> None:
    """What the queue loses, the tick finds in the database. (What this process asks for is heard
    of by the tick alone, too: it does not know that queue.)"""
    undisturbed, walker = held_while_applying(firm, fleet)
    queue.flush()
    assert queue.cut() >= 2
    kill(walker)  # its task is in no queue any more
    assert_as(undisturbed, firm)
