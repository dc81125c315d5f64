"""The example site in processes of its own: started from a copy of its database, and from a backup
of it in mid-life (U18, U19)."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from django.db import connection as database

from .conftest import Json, customer
from .firm import Firm, client
from .processes import MANAGE, Site
from .test_push import phone

LIVE = """
from wagtail_qbo_sync.models import Connection
from wagtail_qbo_sync.sync import connect
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
    _out, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors


def copied(source: Path, target: Path) -> None:
    with closing(sqlite3.connect(source)) as old, closing(sqlite3.connect(target)) as new:
        old.backup(new)


@pytest.mark.skipif(database.vendor != "sqlite", reason="The database is copied as a file.")
def test_a_copy_rests_and_a_backup_looks_first(
    site: Callable[[], Site],
    firm: Firm,
    tmp_path: Path,
    requests: Callable[..., list[Json]],
) -> None:
    firm.has(customer("1", "Anna Berg", "anna@berg.example", **phone("1")))
    client("Anna Berg", "anna@berg.example")
    firm.sync()
    copy, before = site(), len(requests(everything=True))
    code, said = manage(copy, "qbo_sync", "--yes")
    assert code == 1 and "Parked: this looks like a copy" in said
    assert len(requests(everything=True)) == before, "not even for a token"

    does(copy, LIVE)
    assert manage(copy, "qbo_sync", "--yes")[0] == 0

    file, backup = tmp_path / "db.sqlite3", tmp_path / "backup.sqlite3"
    copied(file, backup)
    does(copy, EDIT.format(field="phone", value="2"))
    assert manage(copy, "qbo_sync", "--yes")[0] == 0
    assert firm.record("1")["PrimaryPhone"] == {"FreeFormNumber": "2"}

    copied(backup, file)
    assert manage(copy, "qbo_restored")[0] == 0
    does(copy, EDIT.format(field="city", value="Salem"))
    code, said = manage(copy, "qbo_sync")
    assert code == 3, said
    assert "BillAddr" not in firm.record("1"), "a person looks before anything is sent"
    assert firm.record("1")["PrimaryPhone"] == {"FreeFormNumber": "2"}
    (plan,) = copy.query("SELECT max(id) FROM wagtail_qbo_sync_run")
    assert manage(copy, "qbo_sync", "--approve", str(plan))[0] == 0
    assert firm.record("1")["BillAddr"]["City"] == "Salem"
    assert copy.query("SELECT phone FROM crm_client") == ("2",), "what was sent after the backup"
