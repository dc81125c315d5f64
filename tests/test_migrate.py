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
    env = {**os.environ, "DATABASE_URL": f"sqlite:///{database}"}
    done = subprocess.run(
        [sys.executable, str(MANAGE), "migrate", "-v0", *arguments],
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
