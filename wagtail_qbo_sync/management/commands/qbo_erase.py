"""Erases one customer from the mirror and the history of a company."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from wagtail_qbo_sync.sync.people import erase
from wagtail_qbo_sync.sync.records.locked import Refusal

from ._companies import add_company_argument, chosen_companies


class Command(BaseCommand):
    help = "Erases what is stored of one QuickBooks customer; the next sync stores nothing of it."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("qbo_id", metavar="QUICKBOOKS_ID")
        add_company_argument(parser, "whose customer it is; needed where there are several")
        parser.add_argument("--yes", action="store_true", help="do not ask")
        parser.add_argument(
            "--allow-again", action="store_true", help="let a later sync store it again"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        companies, qbo_id = chosen_companies(options["company"]), options["qbo_id"]
        if len(companies) != 1:
            raise CommandError("Say whose customer it is: --company ID or name.")
        company = companies[0]
        if options["allow_again"]:
            if not erase.allow_again(company, qbo_id, None):
                raise CommandError(f"{qbo_id} was not erased in {company}.")
            self.stdout.write("The next full reading stores it again.")
            return
        question = f"Erase all that is stored of customer {qbo_id} of {company}? [y/N] "
        if not options["yes"] and input(question).strip().lower() not in {"y", "yes"}:
            raise CommandError("Nothing was erased.")
        try:
            erase.erase(company, qbo_id, None)
        except Refusal as refusal:
            raise CommandError(refusal.message) from refusal
        self.stdout.write(f"Erased. What stays is an exclusion of the ID {qbo_id}.")
