"""The example site in processes of its own: started from a copy of its database, and from a backup
of it in mid-life (U18, U19)."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, Protocol

import pytest
from django.db import connection as database

from .conftest import Json, customer
from .firm import Firm, client
from .processes import MANAGE, Site, address
from .test_push import phone

LIVE = """
from wagtail_qbo_sync.models import Connection
from wagtail_qbo_sync.sync.people import connect
connect.this_is_the_live_site(Connection.objects.get(), None)
"""
EDIT = """
from crm.models import Client
anna = Client.objects.get()
anna.{field} = "{value}"
anna.save()
"""


def manage(site: Site, *arguments: str) -> tuple[int, str]:
    """A command of the site, to its end: exit code and what it said."""
    done = subprocess.run(
        [sys.executable, MANAGE, *arguments], env=site.env, capture_output=True, text=True
    )
    return done.returncode, done.stdout + done.stderr


def does(site: Site, code: str) -> None:
    """Somebody does something on the site."""
    process = site.python(code)
    _out, errors = process.communicate(timeout=300)
    assert process.returncode == 0, errors


class Copy(Protocol):
    """A database that is a copy of ours, where a site of its own runs."""

    def move_in(self, site: Site) -> None:
        """Let the site's processes run there."""

    def back_up(self) -> None: ...

    def restore(self) -> None: ...

    def query(self, statement: str) -> tuple[Any, ...]:
        """The first row that this gives."""


class CopiedFile:
    """SQLite: `Site` has copied our database, which stands in memory, to a file."""

    def __init__(self, folder: Path) -> None:
        self.file, self.backup = folder / "db.sqlite3", folder / "backup.sqlite3"

    def move_in(self, site: Site) -> None:
        """It runs there already."""

    def back_up(self) -> None:
        self._copy(self.file, self.backup)

    def restore(self) -> None:
        self._copy(self.backup, self.file)

    def query(self, statement: str) -> tuple[Any, ...]:
        with closing(sqlite3.connect(self.file)) as there:
            return tuple(there.execute(statement).fetchone())

    def _copy(self, source: Path, target: Path) -> None:
        with closing(sqlite3.connect(source)) as old, closing(sqlite3.connect(target)) as new:
            old.backup(new)


class CopiedDatabase:
    """PostgreSQL: databases made of another one as their template, to which nobody is connected
    just then."""

    def __init__(self) -> None:
        self.ours: str = database.settings_dict["NAME"]
        self.name, self.backup = f"{self.ours}_copy", f"{self.ours}_backup"

    def move_in(self, site: Site) -> None:
        self._copy(self.ours, self.name)
        site.env["DATABASE_URL"] = address(self.name)

    def back_up(self) -> None:
        self._copy(self.name, self.backup)

    def restore(self) -> None:
        self._copy(self.backup, self.name)

    def query(self, statement: str) -> tuple[Any, ...]:
        there = database.copy()
        there.settings_dict = {**there.settings_dict, "NAME": self.name}
        with closing(there), there.cursor() as cursor:
            cursor.execute(statement)
            return tuple(cursor.fetchone())

    def drop(self) -> None:
        with database._nodb_cursor() as cursor:
            for name in (self.name, self.backup):
                cursor.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')

    def _copy(self, source: str, target: str) -> None:
        database.close()
        with database._nodb_cursor() as cursor:
            cursor.execute(f'DROP DATABASE IF EXISTS "{target}" WITH (FORCE)')
            cursor.execute(f'CREATE DATABASE "{target}" TEMPLATE "{source}"')


@pytest.fixture
def copied(tmp_path: Path) -> Iterator[Copy]:
    """Where the copy is kept; gone afterwards."""
    if database.vendor == "sqlite":
        yield CopiedFile(tmp_path)
        return
    there = CopiedDatabase()
    yield there
    there.drop()


@pytest.mark.skipif(database.vendor == "mysql", reason="It copies no database in one statement.")
def test_a_copy_rests_and_a_backup_looks_first(
    site: Callable[[], Site],
    firm: Firm,
    copied: Copy,
    requests: Callable[..., list[Json]],
) -> None:
    firm.has(customer("1", "Anna Berg", "anna@berg.example", **phone("1")))
    client("Anna Berg", "anna@berg.example")
    firm.sync()
    copy, before = site(), len(requests(everything=True))
    copied.move_in(copy)
    code, said = manage(copy, "qbo_sync", "--yes")
    assert code == 1 and "Parked: this looks like a copy" in said
    assert len(requests(everything=True)) == before, "not even for a token"

    does(copy, LIVE)
    assert manage(copy, "qbo_sync", "--yes")[0] == 0

    copied.back_up()
    does(copy, EDIT.format(field="phone", value="2"))
    assert manage(copy, "qbo_sync", "--yes")[0] == 0
    assert firm.record("1")["PrimaryPhone"] == {"FreeFormNumber": "2"}

    copied.restore()
    assert manage(copy, "qbo_restored")[0] == 0
    does(copy, EDIT.format(field="city", value="Salem"))
    code, said = manage(copy, "qbo_sync")
    assert code == 3, said
    assert "BillAddr" not in firm.record("1"), "a person looks before anything is sent"
    assert firm.record("1")["PrimaryPhone"] == {"FreeFormNumber": "2"}
    (plan,) = copied.query("SELECT max(id) FROM wagtail_qbo_sync_run")
    assert manage(copy, "qbo_sync", "--approve", str(plan))[0] == 0
    assert firm.record("1")["BillAddr"]["City"] == "Salem"
    assert copied.query("SELECT phone FROM crm_client") == ("2",), "what was sent after the backup"
