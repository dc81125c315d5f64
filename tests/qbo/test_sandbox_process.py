"""The helper that starts the sandbox: it ends what it starts and says what went wrong."""

from __future__ import annotations

import socket

import pytest

from wagtail_qbo_sync.testing.sandbox import SandboxProcess


def listens(url: str) -> bool:
    try:
        socket.create_connection(("127.0.0.1", int(url.rpartition(":")[2])), 2).close()
    except OSError:
        return False
    return True


def test_it_starts_answers_and_ends() -> None:
    with SandboxProcess("--no-throttle") as box:
        assert listens(box.base_url)
        assert {each["role"] for each in box.get("")["companies"]} == {"firm", "client"}
        assert box.post("clock", {"advance": 60})["offset"] == 60
        assert box.delete("faults") == []
        with pytest.raises(RuntimeError, match=r"No company|KeyError"):
            box.get("customers?realm=nobody")
    assert not listens(box.base_url)
    box.stop()  # again is no error


def test_one_that_does_not_start_says_so() -> None:
    with pytest.raises(RuntimeError, match="did not start"):
        SandboxProcess("--no-such-flag").start()
    with pytest.raises(RuntimeError, match="did not start"):
        SandboxProcess(start_seconds=0.001).start()
