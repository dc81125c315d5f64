"""The demo's manners: a sentence for what is wrong, and no process left behind.

That it connects, syncs and serves is tested in tests/browser/test_demo.py.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import demo
import demo_servers
import pytest

DEMO = Path(demo.__file__)
STUBBORN = """
import signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
print(child.pid, flush=True)
time.sleep(60)
"""

TELL = """
from django.db import connection
from wagtail_qbo_sync.conf import settings
print(settings.API_URL, connection.settings_dict["NAME"])
"""


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A state folder of our own; the ports as if nobody had chosen any."""
    monkeypatch.setattr(demo, "STATE", tmp_path)
    monkeypatch.setattr(demo, "LOGS", tmp_path)
    monkeypatch.delenv("PORT", raising=False)
    monkeypatch.delenv("SANDBOX_PORT", raising=False)
    return tmp_path


@pytest.fixture
def handlers() -> Iterator[None]:
    """Puts back the signal handlers, which `Servers.stop` sets aside."""
    before = {number: signal.getsignal(number) for number in demo_servers.STOPPING}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def gone(pid: int) -> bool:
    """Whether the process has ended; one that nobody has collected yet counts as ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


def eventually(condition: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + 10
    while not (held := condition()) and time.monotonic() < deadline:
        time.sleep(0.05)
    return held


def started(
    state: Path, *arguments: str, typed: str = "", **environment: str
) -> subprocess.CompletedProcess[str]:
    """The demo as a command, in a folder of its own, where it is to end by itself."""
    return subprocess.run(
        [sys.executable, DEMO, *arguments],
        input=typed,
        env={**os.environ, "DEMO_DIR": str(state), **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@pytest.mark.parametrize("connected", [False, True])
def test_taken_port_is_a_sentence(state: Path, connected: bool) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        if connected:
            demo.Ports(port, port).keep()
        done = started(state, SANDBOX_PORT=str(port), PORT=str(port))
    way_out = "make demo-reset, then make demo" if connected else "Choose another: make demo"
    assert done.returncode == 1
    assert done.stderr.startswith(f"Port {port} cannot be used (")
    assert done.stderr.endswith(f"{way_out} PORT={port + 1}\n")


@pytest.mark.parametrize("arguments", [(), ("--reset",)])
def test_a_running_demo_is_left_alone(state: Path, arguments: tuple[str, ...]) -> None:
    demo.Ports(8123, 8124).keep()
    with demo.only_one():
        done = started(state, *arguments)
    assert done.returncode == 1
    assert done.stderr == (
        f"The demo is running already, as process {os.getpid()}. "
        "End it first, with Ctrl-C where it runs.\n"
    )
    assert demo.Ports.chosen() == demo.Ports(8123, 8124)


@pytest.mark.usefixtures("handlers")
def test_a_server_that_was_left_behind_keeps_the_folder(state: Path) -> None:
    with demo.only_one() as lock:
        servers = demo_servers.Servers(dict(os.environ), state, lock)
        servers.start("site", [sys.executable, "-c", "import time; time.sleep(60)"])
    try:
        with pytest.raises(demo_servers.Trouble, match="running already"), demo.only_one():
            pass
    finally:
        servers.stop()
    with demo.only_one():
        pass


def test_reset_forgets_what_the_demo_made_and_nothing_else(state: Path) -> None:
    (state / "logs").mkdir()
    for name in ("db.sqlite3", "db.sqlite3-wal", "logs/site.log", "mine.txt"):
        (state / name).touch()
    demo.Ports(8123, 8124).keep()
    demo.reset()
    assert [path.name for path in state.iterdir()] == ["mine.txt"]


def test_environment_for_a_shell(state: Path) -> None:
    assert started(state, "--env").stderr == "There is no demo yet. Make one: make demo\n"
    demo.Ports(8123, 8124).keep()
    lines = started(state, "--env", QBO_SYNC_PAUSED="1").stdout.splitlines()
    assert "export QBO_API_URL=http://127.0.0.1:8124" in lines
    assert f"export DATABASE_URL=sqlite:///{state}/db.sqlite3" in lines
    assert "export QBO_SYNC_PAUSED=1" in lines


def test_a_shell_beside_a_running_demo_is_on_its_site(state: Path) -> None:
    demo.Ports(8123, 8124).keep()
    with demo.only_one():
        done = started(state, "--shell", typed=TELL)
    assert done.returncode == 0, done.stderr
    assert f"http://127.0.0.1:8124 {state}/db.sqlite3" in done.stdout


@pytest.mark.parametrize("text", ["web", "0", "65536", "-1"])
def test_what_is_no_port_is_a_sentence(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("PORT", text)
    with pytest.raises(demo_servers.Trouble, match="PORT must be a port number"):
        demo.Ports.chosen()


def test_ports_stay_those_of_the_first_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORT", "8123")
    demo.Ports.chosen().keep()
    monkeypatch.delenv("PORT")
    assert demo.Ports.chosen() == demo.Ports(8123, 8010)
    monkeypatch.setenv("PORT", "8124")
    with pytest.raises(demo_servers.Trouble, match="make demo-reset"):
        demo.Ports.chosen()


@pytest.mark.usefixtures("handlers")
def test_stopping_leaves_no_process(monkeypatch: pytest.MonkeyPatch, state: Path) -> None:
    monkeypatch.setattr(demo_servers, "STOP_SECONDS", 0.5)
    servers = demo_servers.Servers(dict(os.environ), state)
    servers.start("stubborn", [sys.executable, "-c", STUBBORN])
    log = state / "stubborn.log"
    assert eventually(lambda: log.read_text().strip().isdecimal())
    servers.stop()
    assert eventually(lambda: gone(int(log.read_text())))


@pytest.mark.usefixtures("handlers")
def test_server_that_dies_is_named_with_its_last_words(state: Path) -> None:
    servers = demo_servers.Servers(dict(os.environ), state)
    servers.start("site", [sys.executable, "-c", "raise SystemExit('no room')"])
    try:
        with pytest.raises(demo_servers.Trouble, match=r"The site ended by itself.*\nno room"):
            servers.wait_for("site", lambda: False)
    finally:
        servers.stop()
