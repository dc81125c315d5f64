"""Why a customer or a client stands where it stands, or why a run did what it did (U6): the
sentences of the admin's Why?."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from wagtail_qbo_sync.admin.clients import ShownClient
from wagtail_qbo_sync.admin.why import Part, clients_of, of_run, tell
from wagtail_qbo_sync.host.adapter import get_adapter
from wagtail_qbo_sync.models import Connection, Customer, Run
from wagtail_qbo_sync.sync.telling import why, why_run

from ._companies import add_company_argument, chosen_companies


class Command(BaseCommand):
    help = "Says of a customer, client or run what was read, decided, written, and what is next."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("customer", nargs="?", default="", help="a QuickBooks ID")
        parser.add_argument("--client", default="", metavar="PK", help="a client's key instead")
        parser.add_argument("--run", type=int, metavar="ID", help="a run's number instead")
        add_company_argument(parser, "only in this company")

    def handle(self, *args: Any, **options: Any) -> None:
        customer, client = options["customer"], options["client"]
        if sum(map(bool, (customer, client, options["run"]))) != 1:
            raise CommandError(
                "Name a customer by its QuickBooks ID, a client by --client or a run by --run."
            )
        if options["run"]:
            self._of_run(options["run"])
            return
        companies = chosen_companies(options["company"])
        if client:
            there = any(get_adapter().records([client]))
            found = [why.of_client(company, client) for company in companies] if there else []
        else:
            rows = Customer.objects.select_related("connection")
            rows = rows.filter(connection__in=companies, qbo_id=customer).order_by("connection")
            found = [why.of_customer(row) for row in rows]
        if not found:
            raise CommandError("There is no such customer or client.")
        for facts in found:
            names = AllNames(clients_of(facts))
            self._say(facts.company.connection, tell(facts, names))

    def _of_run(self, pk: int) -> None:
        run = Run.objects.select_related("connection__token").filter(pk=pk).first()
        if run is None:
            raise CommandError(f"There is no run {pk}.")
        facts = why_run.of_run(run)
        self._say(run.connection, of_run.tell(facts, AllNames(of_run.clients_of(facts))))

    def _say(self, company: Connection, parts: Iterable[Part]) -> None:
        self.stdout.write(self.style.MIGRATE_HEADING(str(company)))
        for part in parts:
            self.stdout.write(f"  {part.heading}")
            for sentence in part.sentences:
                self.stdout.write(f"    {sentence.text}")


class AllNames:
    """Whoever has the command line has the database, so every client is named."""

    def __init__(self, keys: Iterable[str]) -> None:
        keys = set(filter(None, keys))
        self.labels = {record.pk: record.label for record in get_adapter().records(keys)}

    def show(self, pk: str | None, name: str = "") -> ShownClient | None:
        """The client, or how it was called."""
        return ShownClient(self.labels.get(pk or "", name or pk or ""), may_see=True)
