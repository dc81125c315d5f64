"""Empty databases and copies of full ones, so that each way starts from the very same rows."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit, urlunsplit

from _measure import ROOT


class Databases(Protocol):
    """Makes databases; all of them are dropped at the end."""

    def copy(self, source: str = "") -> str:
        """The name of a new one: empty, without tables, or with all that is in `source`."""


@contextmanager
def databases(server: str) -> Iterator[Databases]:
    """On this PostgreSQL server ("postgres://..."), or as SQLite files ("")."""
    with _postgres(server) if server else _sqlite() as found:
        yield found


@contextmanager
def _sqlite() -> Iterator[Databases]:
    with tempfile.TemporaryDirectory() as folder:
        yield _Files(Path(folder))


class _Files:
    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def copy(self, source: str = "") -> str:
        path = self._folder / f"{uuid.uuid4().hex}.sqlite3"
        if source:
            shutil.copy(source, path)
        return str(path)


@contextmanager
def _postgres(server: str) -> Iterator[Databases]:
    import psycopg
    from psycopg import sql

    with psycopg.connect(server, autocommit=True) as admin:
        made = _OnServer(admin)
        try:
            yield made
        finally:
            for name in made.names:
                drop = sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)")
                admin.execute(drop.format(sql.Identifier(name)))


class _OnServer:
    def __init__(self, admin: object) -> None:
        self._admin = admin
        self.names: list[str] = []

    def copy(self, source: str = "") -> str:
        from psycopg import sql

        name = f"qbo_bench_{uuid.uuid4().hex[:12]}"
        names = sql.Identifier(name), sql.Identifier(source or "template1")
        create = sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(*names)
        self._admin.execute(create)  # type: ignore[attr-defined]
        self.names.append(name)
        return name


def url(server: str, name: str) -> str:
    """What DATABASE_URL has to be for the database of this name."""
    if not server:
        return f"sqlite:///{name}"
    return urlunsplit(urlsplit(server)._replace(path=f"/{name}"))


@contextmanager
def with_tables(server: str) -> Iterator[Callable[[], str]]:
    """Makes databases of the example site with all tables and no rows, by DATABASE_URL."""
    with databases(server) as stored:
        empty = stored.copy()
        command = [sys.executable, str(ROOT / "example_project" / "manage.py"), "migrate", "-v0"]
        environment = {**os.environ, "DATABASE_URL": url(server, empty)}
        subprocess.run(command, check=True, env=environment)
        yield lambda: url(server, stored.copy(empty))
