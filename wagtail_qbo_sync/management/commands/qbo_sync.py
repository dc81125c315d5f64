"""One whole sync in the foreground, or alongside the worker that is at it already."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction
from django.db.models import Max
from django.utils.translation import gettext

from wagtail_qbo_sync.models import Connection, Run, SingleSync
from wagtail_qbo_sync.sync.noticing import sweep
from wagtail_qbo_sync.sync.people import decide, ticks
from wagtail_qbo_sync.sync.planning import bulk_creation
from wagtail_qbo_sync.sync.records import status
from wagtail_qbo_sync.sync.records.locked import Refusal
from wagtail_qbo_sync.sync.walk import cycle, one

from . import _plan
from ._clients import clients_of
from ._companies import add_company_argument, chosen_companies
from ._terminal import INTERRUPTED, quiet_queue
from ._walking import PLAN_WAITS, STOPPED, agreed, refuse_rest, walk

FIRST = (
    "What was decided before is done first: approved plans, decisions, and changes that are on "
    "their way to QuickBooks."
)
WAITS_NO_MORE = "Plan %s does not wait for approval any more."


class Command(BaseCommand):
    help = (
        "Looks at all clients once, whatever changed them, reads the customers of the connected "
        "companies, compares the two and applies what follows. A plan that needs approval is "
        "asked about on a terminal; elsewhere it is left waiting and the exit status is 3."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        add_company_argument(parser, "only this company")
        _add_ways(parser)
        parser.add_argument(
            "--untick",
            action="append",
            default=[],
            metavar="QUICKBOOKS_ID",
            help="with --approve: leave what is planned of this customer; may be repeated",
        )
        parser.add_argument(
            "--untick-client",
            action="append",
            default=[],
            metavar="KEY",
            help="the same of a client; may be repeated",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            with quiet_queue():
                self._sync_all(options)
        except KeyboardInterrupt:
            raise CommandError(STOPPED, returncode=INTERRUPTED) from None

    def _sync_all(self, options: dict[str, Any]) -> None:
        unticked = {"qbo_id": options["untick"], "client_pk": options["untick_client"]}
        if options["approve"] is None and any(unticked.values()):
            raise CommandError("Steps are unticked of a plan: --approve ID.")
        if options["approve"] is not None:
            self._approve(options["approve"], unticked)
            return
        if options["discard"] is not None:
            self._discard(options["discard"])
            return
        if options["one"] is not None:
            self._one(options["one"], options["company"])
            return
        companies = [c for c in chosen_companies(options["company"]) if c.is_connected]
        if not companies:
            raise CommandError("No company is connected. Connect one: manage.py qbo_connect")
        sweep.everything()
        failures, plans_wait = [], False
        for company in companies:
            try:
                if options["plan"]:
                    self._plan(company)
                elif options["create"] is not None:
                    self._create(company, options["create"])
                else:
                    plans_wait |= not self._sync(company, options["yes"])
            except CommandError as failure:
                failures.append(failure)
        if failures:
            raise CommandError("\n".join(map(str, failures))) from failures[0].__cause__
        if plans_wait:
            sys.exit(PLAN_WAITS)

    def _sync(self, connection: Connection, yes: bool) -> bool:
        """Sync one company. False if a plan is left waiting. Raises CommandError on failure."""
        self._begin(connection)
        newest = Run.objects.filter(connection=connection).aggregate(pk=Max("pk"))["pk"] or 0
        self._walk(connection, decide.ask_for_sync(connection))
        run = _waiting(connection)
        ours = run is not None and run.pk > newest and not _is_asked_for(run)
        if run is not None and self._may_approve(run, yes, ours):
            decide.approve(run, None)
            self._walk(connection)
            run = _waiting(connection)
        self._report(connection)
        if run is not None:
            waits = "A plan waits for approval: see Settings > Connected Apps, or apply it with "
            self.stdout.write(self.style.WARNING(f"{waits}manage.py qbo_sync --approve {run.pk}"))
        return run is None

    def _begin(self, connection: Connection) -> None:
        """Name the company. Raises CommandError where nothing of it can be synced."""
        refuse_rest(connection)
        self.stdout.write(self.style.MIGRATE_HEADING(connection.company_name))

    def _walk(self, connection: Connection, wanted: int = 0) -> None:
        walk(connection, self.stdout, wanted)

    def _plan(self, connection: Connection) -> None:
        """Print what a sync would do; a plan that waits already is that."""
        self._begin(connection)
        if _waiting(connection) is None:
            self._tell_what_comes_first(connection)
            self._walk(connection, decide.ask_for_plan(connection))
        self._print(_waiting(connection))

    def _create(self, connection: Connection, kind: str) -> None:
        """Print the plan of what becomes of the clients without a customer, all or of a kind."""
        self._begin(connection)
        try:
            pks = clients_of(kind).values_list("pk", flat=True)
            bulk_creation.start(connection, [str(pk) for pk in pks], None)
        except Refusal as refusal:
            raise CommandError(refusal.message) from refusal
        self._tell_what_comes_first(connection)
        self._walk(connection)
        self._print(_waiting(connection))

    def _tell_what_comes_first(self, connection: Connection) -> None:
        """Rule 16: a plan is made of what is left when that is settled."""
        if cycle.finishes_first(connection.pk):
            self.stdout.write(self.style.WARNING(FIRST))

    def _print(self, run: Run | None) -> None:
        if run is None:
            self.stdout.write("Nothing to do.")
            return
        for line in (*_plan.counts(run), ""):
            self.stdout.write(line)
        for line in _plan.steps(run):
            self.stdout.write(line)
        self.stdout.write(f"Plan {run.pk}. To apply it: manage.py qbo_sync --approve {run.pk}")

    def _approve(self, pk: int, unticked: Mapping[str, list[str]]) -> None:
        """Apply exactly this plan, but for what is `unticked`: the column of a step -> customers
        or clients. Raises CommandError if it does not wait."""
        run = _plan_of(pk)
        self._begin(run.connection)
        with transaction.atomic():  # all of it or nothing
            for column, keys in unticked.items():
                for key in keys:
                    _untick(run, **{column: key})
            if not decide.approve(run, None):
                raise CommandError(WAITS_NO_MORE % pk)
        self._walk(run.connection)
        self._report(run.connection)

    def _discard(self, pk: int) -> None:
        """Apply nothing of this plan. Raises CommandError if it does not wait, nor is made."""
        if not decide.discard(_plan_of(pk), None):
            raise CommandError(WAITS_NO_MORE % pk)
        self.stdout.write(f"Plan {pk} is discarded: nothing of it is applied.")

    def _one(self, qbo_id: str, company: str) -> None:
        """Sync one customer. Raises CommandError if it cannot be read."""
        companies = chosen_companies(company)
        if len(companies) != 1:
            raise CommandError("Say in which company: --company ID or name.")
        connection = companies[0]
        self._begin(connection)
        if one.is_inert(connection, qbo_id):
            raise CommandError(f"{qbo_id} is excluded or disconnected: nothing of it is read.")
        decide.ask_for_one(connection, qbo_id, None)
        asked = SingleSync.objects.filter(connection=connection, qbo_id=qbo_id)
        walk(connection, self.stdout, more=asked.filter(ended_at=None).exists)
        ended = asked.select_related("run").get()
        if ended.trouble:
            raise CommandError(f"{qbo_id}: {gettext(ended.trouble['message'])}")
        if ended.run is not None:
            for line in _plan.steps(ended.run):
                self.stdout.write(line)
        elif one.may_apply(connection):
            self.stdout.write("Read. Nothing to do.")
        else:
            self.stdout.write(self.style.WARNING("Read. A plan has to be approved first."))

    def _may_approve(self, run: Run, yes: bool, ours: bool) -> bool:
        for why in run.why_it_waits:
            self.stdout.write(f"Needs approval: {why}")
        self.stdout.write("What would be done:")
        for line in _plan.counts(run):
            self.stdout.write(line)
        if yes:
            return ours
        return agreed("Apply this?", self.stdout)

    def _report(self, connection: Connection) -> None:
        self.stdout.write("Customers now:")
        found = status.status_of(connection)
        for customer_status, count in found.counts.items():
            self.stdout.write(_plan.count_line(status.CustomerStatus(customer_status).label, count))
        if found.problems:
            self.stdout.write(
                self.style.WARNING(
                    _plan.count_line("Problems", found.problems)
                    + ": see Settings > Connected Apps, Problems"
                )
            )


def _add_ways(parser: CommandParser) -> None:
    """What is to be done, one of these at a time; without any, a whole sync."""
    what = parser.add_mutually_exclusive_group()
    what.add_argument(
        "--yes",
        action="store_true",
        help="approve the plan that this very run makes, and nothing else",
    )
    what.add_argument(
        "--plan",
        action="store_true",
        help="write down what a sync would do and print it; nothing else is written, but "
        "what was decided before is done first",
    )
    what.add_argument(
        "--create",
        metavar="TYPE",
        nargs="?",
        const="",
        help="write down a plan to send the clients without a customer to QuickBooks, all or "
        "those of a Contact Type, and print it; else as --plan",
    )
    what.add_argument(
        "--approve",
        metavar="ID",
        type=int,
        help="approve the waiting plan of this number, and apply it",
    )
    what.add_argument(
        "--discard",
        metavar="ID",
        type=int,
        help="discard the plan of this number: nothing of it is applied",
    )
    what.add_argument(
        "--one",
        metavar="QUICKBOOKS_ID",
        help="read this customer alone, and apply what follows",
    )


def _plan_of(pk: int) -> Run:
    run = Run.objects.select_related("connection__token").filter(pk=pk).first()
    if run is None:
        raise CommandError(f"There is no plan {pk}.")
    return run


def _untick(run: Run, **about: str) -> None:
    """Leave what is planned of one customer or client. Raises CommandError if nothing is."""
    if not ticks.tick(run, run.steps.filter(**about), ticked=False):
        (key,) = about.values()
        raise CommandError(f"Plan {run.pk} has nothing of {key} that can be unticked.")


def _is_asked_for(run: Run) -> bool:
    """Whether somebody wants to look at this plan: none that a sync has made by itself."""
    return run.by_person or Run.Stop.ASKED in run.stops


def _waiting(connection: Connection) -> Run | None:
    return Run.objects.filter(connection=connection, state=Run.State.WAITING).first()
