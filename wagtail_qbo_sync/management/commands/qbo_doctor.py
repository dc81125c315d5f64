"""Looks at everything that the sync needs, and says what to do."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from django.core.checks import ERROR, run_checks
from django.core.management.base import BaseCommand, CommandParser
from django.db import DEFAULT_DB_ALIAS

from wagtail_qbo_sync.sync.telling.health import Finding, Level, findings

TAGS = ("wagtail_qbo_sync", "qbo_credentials", "qbo_worker")


class Command(BaseCommand):
    help = "Looks at settings, worker, schedule and companies; exit code 1 if something is wrong."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="for machines")

    def handle(self, *args: Any, **options: Any) -> None:
        found = [*_of_settings(), *findings()]
        is_well = all(each.level is not Level.ERROR for each in found)
        if options["json"]:
            told = {"ok": is_well, "findings": [asdict(each) for each in found]}
            self.stdout.write(json.dumps(told, indent=2))
        else:
            self._say(found)
        if not is_well:
            raise SystemExit(1)

    def _say(self, found: list[Finding]) -> None:
        if not found:
            self.stdout.write(self.style.SUCCESS("All is well."))
        for each in found:
            style = self.style.ERROR if each.level is Level.ERROR else self.style.WARNING
            where = f"{each.company}: " if each.company else ""
            self.stdout.write(style(f"{where}{each.says}"))
            if each.do:
                self.stdout.write(f"  {each.do}")


def _of_settings() -> Iterator[Finding]:
    """What our system checks say, from the redirect URI to the worker's settings, and of what
    the tables were made for."""
    for one in run_checks(tags=TAGS, databases=[DEFAULT_DB_ALIAS]):
        if not one.is_silenced():
            level = Level.ERROR if one.level >= ERROR else Level.WARNING
            yield Finding(level, "", str(one.msg), str(one.hint or ""))
