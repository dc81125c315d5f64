"""The time of all clocks: the site's, the database's and QuickBooks'."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db.models.functions import Now
from django.utils import timezone

from wagtail_qbo_sync import clock
from wagtail_qbo_sync.testing.sandbox import SandboxProcess


class TimeShift:
    """All three run on, this many seconds ahead of the real time."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, sandbox: SandboxProcess) -> None:
        self.seconds = 0
        self._sandbox = sandbox
        monkeypatch.setattr(clock, "now", self._now)
        monkeypatch.setattr(Now, "as_sqlite", self._as_sqlite)
        monkeypatch.setattr(Now, "as_postgresql", self._as_postgresql)

    def set(self, seconds: int) -> None:
        """So far ahead from now on."""
        self.seconds = seconds
        self._sandbox.post("clock", {"offset": seconds})

    def jump(self, seconds: int) -> None:
        """So much later."""
        self.set(self.seconds + seconds)

    def _now(self) -> Any:
        return timezone.now() + timedelta(seconds=self.seconds)

    # The database's clock: Django's own templates, moved.

    @property
    def _as_sqlite(self) -> Any:
        shift = self

        def as_sqlite(now: Any, compiler: Any, connection: Any, **context: Any) -> Any:
            moved = f"'NOW', '+{shift.seconds} seconds'"
            template = f"STRFTIME('%%%%Y-%%%%m-%%%%d %%%%H:%%%%M:%%%%f', {moved})"
            return now.as_sql(compiler, connection, template=template, **context)

        return as_sqlite

    @property
    def _as_postgresql(self) -> Any:
        shift = self

        def as_postgresql(now: Any, compiler: Any, connection: Any, **context: Any) -> Any:
            template = f"(STATEMENT_TIMESTAMP() + INTERVAL '{shift.seconds} seconds')"
            return now.as_sql(compiler, connection, template=template, **context)

        return as_postgresql
