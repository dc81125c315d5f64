"""Takes back a run, one of its records, or one field of one (U5), in the foreground."""

from __future__ import annotations

import math
import sys
from typing import Any

from django.contrib.humanize.templatetags.humanize import intcomma
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.translation import gettext

from wagtail_qbo_sync.contact import FIELDS
from wagtail_qbo_sync.models import Run, Step
from wagtail_qbo_sync.sync.people import decide
from wagtail_qbo_sync.sync.planning import undoing
from wagtail_qbo_sync.sync.records.locked import Refusal
from wagtail_qbo_sync.sync.records.runs import ACTIVE

from . import _plan
from ._terminal import INTERRUPTED, quiet_queue
from ._walking import PLAN_WAITS, STOPPED, agreed, refuse_rest, walk


class Command(BaseCommand):
    help = (
        "Prints what would be taken back of a run, and takes it back once that is approved. On a "
        "terminal it asks; elsewhere the plan is left waiting and the exit status is 3."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("run", type=int, metavar="RUN", help="the number of a run")
        parser.add_argument("--customer", default="", metavar="QUICKBOOKS_ID", help="only this one")
        parser.add_argument(
            "--field", default="", choices=[*FIELDS, ACTIVE], help="only this field of the customer"
        )
        parser.add_argument("--yes", action="store_true", help="do not ask")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["field"] and not options["customer"]:
            raise CommandError("Say whose field it is: --customer QUICKBOOKS_ID.")
        try:
            with quiet_queue():
                self._undo(options)
        except KeyboardInterrupt:
            raise CommandError(STOPPED, returncode=INTERRUPTED) from None

    def _undo(self, options: dict[str, Any]) -> None:
        run = Run.objects.select_related("connection__token").filter(pk=options["run"]).first()
        if run is None:
            raise CommandError(f"There is no run {options['run']}.")
        refuse_rest(run.connection)
        about = {"qbo_id": options["customer"], "field": options["field"]}
        try:
            plan = undoing.start(run, None, **about)
        except Refusal as refusal:
            raise CommandError(refusal.message) from refusal
        undoing.advance(plan.pk, math.inf)
        plan.refresh_from_db()
        if plan.state == Run.State.DONE:
            self.stdout.write(_plan.NOTHING)
            return
        for line in (*_plan.counts(plan), "", *_plan.steps(plan)):
            self.stdout.write(line)
        if not (options["yes"] or agreed("Take this back?", self.stdout)):
            self.stdout.write(_plan.waits(plan))
            sys.exit(PLAN_WAITS)
        self._apply(plan)

    def _apply(self, plan: Run) -> None:
        if not decide.approve(plan, None):
            raise CommandError(f"Plan {plan.pk} does not wait for approval any more.")
        walk(plan.connection, self.stdout)
        ended = plan.steps.order_by("pk")
        done = ended.filter(state=Step.State.DONE).count()
        self.stdout.write(f"Taken back: {intcomma(done)} of {intcomma(ended.count())}.")
        for step in ended.exclude(state=Step.State.DONE).iterator():
            who = step.data.get("customer") or step.data.get("client") or step.qbo_id
            self.stdout.write(f"{who}: {step.get_state_display()}. {_why(step)}".rstrip())


def _why(step: Step) -> str:
    """Why it was not taken back; with the later runs that wrote it, and with Intuit's number of
    the call, where there are any."""
    why = gettext(step.data["why"]) if step.data.get("why") else ""
    if since := sorted(set(step.data.get("since", {}).values())):
        why = f"{why} (Run {', '.join(map(str, since))})"
    tid = step.data.get("intuit_tid")
    return f"{why} (Intuit's number for it: {tid})" if tid else why
