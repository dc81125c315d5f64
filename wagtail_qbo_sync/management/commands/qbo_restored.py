"""After the database was put back to an earlier state: look before acting (U19)."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from wagtail_qbo_sync.sync.walk import gap

from ._companies import add_company_argument, chosen_companies
from ._terminal import quiet_queue


class Command(BaseCommand):
    help = (
        "To be run after the site's database was restored from a backup, before the worker is "
        "started. The next sync reads everything, sends nothing of what was on its way, and "
        "waits for approval if its plan would send anything to QuickBooks."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        add_company_argument(parser, "only this company")

    def handle(self, *args: Any, **options: Any) -> None:
        companies = [c for c in chosen_companies(options["company"]) if c.is_connected]
        if not companies:
            raise CommandError("No company is connected: nothing is going to be sent.")
        with quiet_queue():
            for company in companies:
                gap.restored(company)
                self.stdout.write(f"{company.company_name}: the next sync looks first.")
        self.stdout.write("Start the worker, or sync now: manage.py qbo_sync")
