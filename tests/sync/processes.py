"""The example site as processes of their own, with a database on disk or on a server."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any, TextIO
from urllib.parse import quote

from django.db import connection

ROOT = Path(__file__).parents[2]
MANAGE = str(ROOT / "example_project" / "manage.py")
SERVERS = {"postgresql": ("postgres", 5432), "mysql": ("mysql", 3306)}
"""Vendor -> how its addresses begin, and its usual port."""
SETUP = "import django; django.setup()\n"
SECONDS = 120
"""More than a busy machine takes for anything that one test waits for."""


class Site:
    """Starts manage.py and pieces of Python as processes; all see the same database."""

    def __init__(self, folder: Path, settings: dict[str, Any]) -> None:
        keys = ",".join(settings["ENCRYPTION_KEYS"])
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("QBO_", "REDIS_"))}
        self._file = folder / "db.sqlite3" if connection.vendor == "sqlite" else None
        self.env = {
            **kept,
            "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'example_project'}",
            "DJANGO_SETTINGS_MODULE": "example.settings",
            "DATABASE_URL": _copied_to(self._file) if self._file else address(),
            "QBO_ENVIRONMENT": settings["ENVIRONMENT"],
            "QBO_API_URL": settings["API_URL"],
            "QBO_DISCOVERY_URL": settings["DISCOVERY_URL"],
            "QBO_CLIENT_ID": settings["CLIENT_ID"],
            "QBO_CLIENT_SECRET": settings["CLIENT_SECRET"],
            "QBO_REDIRECT_URI": settings["REDIRECT_URI"],
            "QBO_ENCRYPTION_KEYS": keys,
        }

    def start(self, *arguments: str, output: TextIO, **env: str) -> subprocess.Popen[str]:
        """A command that goes on, writing to `output`; the caller ends it. `env`: more for it."""
        command = [sys.executable, MANAGE, *arguments]
        return subprocess.Popen(
            command, env={**self.env, **env}, stdout=output, stderr=subprocess.STDOUT, text=True
        )

    def python(self, code: str, **env: str) -> subprocess.Popen[str]:
        """A piece of Python with Django set up; the caller talks to it and ends it. `env`: more
        for it."""
        return subprocess.Popen(
            [sys.executable, "-c", SETUP + code],
            env={**self.env, **env},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def query(self, statement: str) -> tuple[Any, ...]:
        """The first row that this gives in the processes' database."""
        if self._file is None:
            with connection.cursor() as cursor:
                cursor.execute(statement)
                return tuple(cursor.fetchone())
        with closing(sqlite3.connect(self._file, timeout=20)) as database:
            return tuple(database.execute(statement).fetchone())


def _copied_to(path: Path) -> str:
    """The address of a copy of our database, which stands in memory, in a file."""
    connection.ensure_connection()
    with closing(sqlite3.connect(path)) as copy:
        connection.connection.backup(copy)
        # Set here, as two processes that find it unset and set it at once lock each other out.
        copy.execute("PRAGMA journal_mode=WAL")
    return f"sqlite:///{path}"


def address(name: str = "") -> str:
    """The address of our database on its server, or of another one there."""
    database = connection.settings_dict
    scheme, port = SERVERS[connection.vendor]
    password = f":{quote(database['PASSWORD'])}" if database["PASSWORD"] else ""
    place = f"{database['HOST']}:{database['PORT'] or port}"
    return f"{scheme}://{quote(database['USER'])}{password}@{place}/{name or database['NAME']}"


def eventually(
    found: Callable[[], Any], what: str, instead: Callable[[], Any] = lambda: "nothing"
) -> Any:
    """What `found` gives, as soon as it gives something. `instead`: what there was at last."""
    ends = time.monotonic() + SECONDS
    while time.monotonic() < ends:
        if result := found():
            return result
        time.sleep(0.1)
    raise AssertionError(f"Waited in vain for {what}; there was {instead()!r}")


def children(pid: int) -> set[int]:
    """A process's children and theirs."""
    found: set[int] = set()
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(stat.read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue  # it has just ended
        if parent == pid:
            child = int(stat.parent.name)
            found |= {child} | children(child)
    return found


def alive(pids: set[int]) -> set[int]:
    """Those that still run; what only waits to be buried does not."""
    found = set()
    for pid in pids:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            continue
        if state != "Z":
            found.add(pid)
    return found
