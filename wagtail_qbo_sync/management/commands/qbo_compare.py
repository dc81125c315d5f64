"""Compares all mapped pairs on both sides now, and prints the certificate (U13)."""

from __future__ import annotations

import json
from typing import Any

from django.contrib.humanize.templatetags.humanize import intcomma
from django.core.management.base import BaseCommand, CommandError, CommandParser

from wagtail_qbo_sync.admin.labels import field_label
from wagtail_qbo_sync.models import Comparison, Connection, Difference, SyncState
from wagtail_qbo_sync.sync.reading import compare

from ._companies import add_company_argument, chosen_companies
from ._terminal import INTERRUPTED, quiet_queue
from ._walking import STOPPED, refuse_rest, walk

NUMBERS = ("compared", "equal", "different", "missing", "resting", "unnoticed")


class Silent:
    """Where progress goes when the output is for machines."""

    def isatty(self) -> bool:
        return False

    def write(self, *_args: Any, **_options: Any) -> None:
        """Nothing."""


class Command(BaseCommand):
    help = "Reads all customers, compares all mapped pairs on both sides, and says what differs."

    def add_arguments(self, parser: CommandParser) -> None:
        add_company_argument(parser, "only this company")
        parser.add_argument("--json", action="store_true", help="for machines")

    def handle(self, *args: Any, **options: Any) -> None:
        companies = [c for c in chosen_companies(options["company"]) if c.is_connected]
        if not companies:
            raise CommandError("No company is connected. Connect one: manage.py qbo_connect")
        out = Silent() if options["json"] else self.stdout
        try:
            with quiet_queue():
                found = [_compare(company, out) for company in companies]
        except KeyboardInterrupt:
            raise CommandError(STOPPED, returncode=INTERRUPTED) from None
        if options["json"]:
            self.stdout.write(json.dumps([_told(each) for each in found], indent=2))
            return
        for each in found:
            self._say(each)

    def _say(self, found: Comparison) -> None:
        self.stdout.write(self.style.MIGRATE_HEADING(found.connection.company_name))
        self.stdout.write(f"{intcomma(found.equal)} of {intcomma(found.compared)} equal.")
        for name in NUMBERS[2:]:
            if number := getattr(found, name):
                self.stdout.write(f"  {name}: {intcomma(number)}")
        for one in found.differences.order_by("pk").iterator():
            fields = ", ".join(map(field_label, one.fields))
            self.stdout.write(f"{one.customer or one.qbo_id}: {one.get_why_display()} {fields}")


def _compare(connection: Connection, out: Any) -> Comparison:
    """Begin one, or join the one that is under way, and walk to its end. Raises CommandError."""
    refuse_rest(connection)
    state = SyncState.objects.select_related("connection", "comparing").get(pk=connection.pk)
    if state.first_synced_at is None:
        raise CommandError(f"{connection.company_name} has not been synced yet: manage.py qbo_sync")
    if state.comparing is None and not compare.begin(state):
        raise CommandError(f"{connection.company_name}: a sync is under way. Try again after it.")
    state.refresh_from_db()
    found = state.comparing
    if found is None:
        raise CommandError(f"{connection.company_name}: the comparison was ended by somebody.")
    under_way = SyncState.objects.filter(pk=connection.pk, comparing=found)
    walk(connection, out, state.wanted, more=under_way.exists)
    found.refresh_from_db()
    return found


def _told(found: Comparison) -> dict[str, Any]:
    return {
        "company": found.connection.company_name,
        "realm": found.connection.realm_id,
        "started_at": found.started_at.isoformat(),
        "finished_at": found.finished_at and found.finished_at.isoformat(),
        **{name: getattr(found, name) for name in NUMBERS},
        "differences": [_difference(one) for one in found.differences.order_by("pk")],
    }


def _difference(one: Difference) -> dict[str, Any]:
    return {
        "qbo_id": one.qbo_id,
        "client": one.client_pk,
        "customer": one.customer,
        "why": one.why,
        "asked": one.asked,
        "fields": one.fields,
    }
