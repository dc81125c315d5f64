"""Where the state lives: dictionaries in memory, written through to one SQLite file if asked.

The documents in a table are values: replace them whole, never change them in place.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from typing import Any


class Store:
    """All tables of a sandbox. Without a path nothing is kept after the process ends."""

    def __init__(self, path: str | None = None) -> None:
        self._tables: dict[str, Table] = {}
        self.database = sqlite3.connect(path, check_same_thread=False) if path else None
        if self.database:
            self.database.isolation_level = None
            self.database.executescript(
                "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;"
                "CREATE TABLE IF NOT EXISTS documents"
                " (name TEXT, id TEXT, body TEXT, PRIMARY KEY (name, id));"
            )

    def table(self, name: str) -> Table:
        if name not in self._tables:
            self._tables[name] = Table(self.database, name)
        return self._tables[name]

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """A killed process leaves what one request wrote as a whole, or nothing of it.

        An exception does not undo anything, so that file and memory stay the same.
        """
        if self.database is None:
            yield
            return
        self.database.execute("BEGIN")
        try:
            yield
        finally:
            self.database.execute("COMMIT")

    def clear(self) -> None:
        for table in self._tables.values():
            table.clear()

    def close(self) -> None:
        if self.database:
            self.database.close()


class Table(MutableMapping[str, Any]):
    """One named set of JSON documents by id, in the order in which they came."""

    def __init__(self, database: sqlite3.Connection | None, name: str) -> None:
        self._database = database
        self._name = name
        self._rows: dict[str, Any] = {}
        if database:
            found = database.execute(
                "SELECT id, body FROM documents WHERE name = ? ORDER BY rowid", (name,)
            )
            self._rows = {key: json.loads(body) for key, body in found}

    def __getitem__(self, key: str) -> Any:
        return self._rows[key]

    def __setitem__(self, key: str, value: Any) -> None:
        self._rows[key] = value
        if self._database:
            self._database.execute(
                "INSERT INTO documents VALUES (?, ?, ?)"
                " ON CONFLICT DO UPDATE SET body = excluded.body",
                (self._name, key, json.dumps(value)),
            )

    def __delitem__(self, key: str) -> None:
        del self._rows[key]
        if self._database:
            self._database.execute(
                "DELETE FROM documents WHERE name = ? AND id = ?", (self._name, key)
            )

    def clear(self) -> None:
        self._rows.clear()
        if self._database:
            self._database.execute("DELETE FROM documents WHERE name = ?", (self._name,))

    def __iter__(self) -> Iterator[str]:
        return iter(self._rows)

    def __len__(self) -> int:
        return len(self._rows)
