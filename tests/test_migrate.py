"""`migrate` in the ways people use it: one app alone, and back to nothing (E004's own advice)."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

MANAGE = Path(__file__).parent.parent / "example_project" / "manage.py"
TICK = ("wagtail_qbo_sync.tick",)


def schedules(database: Path) -> list[tuple[str]]:
    """What django-q2, if it has tables, is to run from time to time."""
    with closing(sqlite3.connect(database)) as connection:
        tables = connection.execute("SELECT name FROM sqlite_master").fetchall()
        if ("django_q_schedule",) not in tables:
            return []
        return connection.execute("SELECT name FROM django_q_schedule").fetchall()


def migrate(database: Path, *arguments: str) -> None:
    manage(database, "migrate", "-v0", *arguments)


def manage(database: Path, *arguments: str) -> None:
    env = {**os.environ, "DATABASE_URL": f"sqlite:///{database}"}
    done = subprocess.run(
        [sys.executable, str(MANAGE), *arguments],
        env={**env, "DJANGO_SETTINGS_MODULE": "example.settings"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("there", [["wagtail_qbo_sync"], []])
def test_one_app_alone_and_back_to_zero(tmp_path: Path, there: list[str]) -> None:
    database = tmp_path / "db.sqlite3"
    for arguments in (there, ["wagtail_qbo_sync", "zero"], []):
        migrate(database, *arguments)
        assert schedules(database) == ([] if arguments else [TICK])


def test_tables_that_are_there_and_not_recorded(tmp_path: Path) -> None:
    """Other apps can be migrated meanwhile, and ours be recorded again."""
    database = tmp_path / "db.sqlite3"
    ours = ["wagtail_qbo_sync"]
    for arguments in (ours, [*ours, "zero", "--fake"], ["contenttypes"], [*ours, "--fake"]):
        migrate(database, *arguments)


UNDONE_IN_PARTS = """
from wagtail_qbo_sync.clock import now
from wagtail_qbo_sync.models import ImportBatch, ImportRow

def make(clients, states, **about):
    batch = ImportBatch.objects.create(state="done", uploaded_at=now(), moved_at=now(), **about)
    ImportRow.objects.bulk_create(
        ImportRow(batch=batch, number=number, client_pk=client, state=state)
        for number, (client, state) in enumerate(zip(clients, states), 1)
    )
    return batch

first = make("abc", ("back", "back", "done"), name="first")
make("a", ["done"], name="a", undoes=first, only="a")
other = make("b", ["back"], name="b", undoes=first, only="b")
make("b", ["done"], name="again", undoes=other)
make("b", ["done"], name="b again", undoes=first, only="b")
"""


def test_back_from_imports_that_were_undone_in_parts(tmp_path: Path) -> None:
    """Before them an import had one undo at most; and forward again."""
    database = tmp_path / "db.sqlite3"
    migrate(database, "wagtail_qbo_sync")
    manage(database, "shell", "-c", UNDONE_IN_PARTS)
    undos = """
        SELECT batch.name, undone.name FROM wagtail_qbo_sync_importbatch batch
        JOIN wagtail_qbo_sync_importbatch undone ON batch.undoes_id = undone.id ORDER BY batch.id
    """
    rows = "SELECT client_pk, state FROM wagtail_qbo_sync_importrow ORDER BY id"
    for target, first in (("0004", "done"), ("0006", "back"), ("0004", "done")):
        migrate(database, "wagtail_qbo_sync", target)
        with closing(sqlite3.connect(database)) as connection:
            kept = [("again", "b"), ("b again", "first")]
            assert connection.execute(undos).fetchall() == kept
            held = connection.execute(rows).fetchall()
        assert [client for client, _state in held] == list("abcabbb")
        assert held[1] == ("b", first)
        assert {state for _client, state in held[2:4]} == {"done"}
    for arguments in (["zero"], []):
        migrate(database, "wagtail_qbo_sync", *arguments)
