"""Connect a company from a terminal, through Intuit's consent page (K1)."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl, urlsplit

from django.core.management.base import BaseCommand, CommandError, CommandParser

from wagtail_qbo_sync.sync.people import connect

from ._companies import add_company_argument, chosen_companies
from ._readiness import refuse_unless_ready
from ._terminal import INTERRUPTED, quiet_queue

UNANSWERED = (
    "No address was given, so no company was connected. To go on within ten minutes: "
    'manage.py qbo_connect --redirected-url "the address that the browser was sent back to"'
)


class Command(BaseCommand):
    help = "Connects a QuickBooks Online company. Without options it asks for the address."

    def add_arguments(self, parser: CommandParser) -> None:
        way = parser.add_mutually_exclusive_group()
        way.add_argument(
            "--print-url", action="store_true", help="print the address to log in at, and stop"
        )
        way.add_argument(
            "--redirected-url",
            metavar="URL",
            help="the address that the browser was sent back to",
        )
        add_company_argument(parser, "reconnect this company, and no other")

    def handle(self, *args: Any, **options: Any) -> None:
        refuse_unless_ready("qbo_credentials")
        if options["redirected_url"]:
            self._complete(options["redirected_url"])
            return
        address = self._start(options["company"])
        self.stdout.write(address)
        if not options["print_url"]:
            self.stdout.write("Open this address in a browser and choose the company.")
            self._complete(_pasted())

    def _start(self, company: str) -> str:
        reconnects = chosen_companies(company)[0] if company else None
        try:
            return connect.start(None, connect.TERMINAL, connect.redirect_uri(), reconnects)
        except connect.ConnectRefused as refused:
            raise CommandError(refused.message) from refused

    def _complete(self, url: str) -> None:
        answer = dict(parse_qsl(urlsplit(url.strip()).query))
        try:
            with quiet_queue():
                made = connect.complete(answer, None, connect.TERMINAL)
        except connect.ConnectRefused as refused:
            raise CommandError(refused.message) from refused
        verb = "Renewed the connection of" if made.renewed else "Connected"
        self.stdout.write(f"{verb} {made.connection.company_name}. Start: manage.py qbo_sync")


def _pasted() -> str:
    """What a person pastes. Raises CommandError if nobody does."""
    try:
        return input("Then paste the address that the browser was sent back to: ")
    except EOFError:
        raise CommandError(UNANSWERED) from None
    except KeyboardInterrupt:
        raise CommandError(UNANSWERED, returncode=INTERRUPTED) from None
