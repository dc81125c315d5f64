"""Decisions about a whole company, as the screens make them (U15)."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterable
from typing import Any

from django.contrib.humanize.templatetags.humanize import intcomma
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.functional import Promise
from django.utils.translation import gettext

from wagtail_qbo_sync.admin.bulk import sentences
from wagtail_qbo_sync.admin.components import DELETES, STAYS
from wagtail_qbo_sync.admin.conflict_actions import QuickBooksWins, SiteWins
from wagtail_qbo_sync.admin.views.company_questions import question
from wagtail_qbo_sync.models import BulkDecision, Case, Connection, Run
from wagtail_qbo_sync.sync.access.installation import is_copy
from wagtail_qbo_sync.sync.bulk import decisions, drafts, proposal
from wagtail_qbo_sync.sync.bulk.choices import Choice, Do
from wagtail_qbo_sync.sync.people import connect, dead_letters, decide, deleted
from wagtail_qbo_sync.sync.people.conflicts import Take
from wagtail_qbo_sync.sync.reading import reset
from wagtail_qbo_sync.sync.records.cases import AlreadyAnswered

from . import _plan
from ._companies import add_company_argument, chosen_companies
from ._terminal import quiet_queue
from ._walking import PLAN_WAITS, THROWN_AWAY, agreed, finish, refuse_rest

Options = dict[str, Any]
SETTLES = {each.act: each for each in (QuickBooksWins, SiteWins)}
"""What the screen asks before many conflicts are settled."""
WINS = {Take.QBO: BulkDecision.Act.QBO_WINS, Take.SITE: BulkDecision.Act.SITE_WINS}


def _disconnect(company: Connection, options: Options) -> str:
    if not company.is_connected:
        raise CommandError(f"{company} is not connected.")
    if is_copy(company):
        raise CommandError("Say first whether this is the live site or a copy of it.")
    title = gettext("Disconnect “%(company)s”?") % {"company": company.company_name}
    _ask(options, [STAYS, *([DELETES] if options["delete_mirror"] else [])], title)
    connect.disconnect(company, None, delete_mirror=options["delete_mirror"])
    return "Disconnected. Its mappings and what was decided are kept."


def _ask(options: Options, said: Iterable[str | Promise], question: str) -> None:
    """What the screen says before it. Raises CommandError unless a person agrees, or `--yes`."""
    if options["yes"]:
        return
    out = options["out"]
    for line in said:
        out.write(str(line))
    if not agreed(question, out):
        raise CommandError("Nothing was changed. Without a terminal it takes --yes.")


def _ask_about(company: Connection, kind: str, options: Options) -> None:
    """What the open question is. Raises AlreadyAnswered where nothing of the kind is asked."""
    case = Case.objects.filter(connection=company, kind=kind, open_key__isnull=False).first()
    if case is None or "answer" in case.facts:
        raise AlreadyAnswered
    _ask(options, [question(case).said], "Do it?")


def _go_on(company: Connection, options: Options) -> str:
    _ask_about(company, Case.Kind.RESET, options)
    reset.go_on(company, None)
    return "What QuickBooks has now is taken for the truth. A plan shows what follows."


def _reattach(company: Connection, options: Options) -> str:
    _ask_about(company, Case.Kind.DELETIONS, options)
    deleted.answer(company, deleted.REATTACH, None)
    return "The pairs that were found are put together again."


def _leave_deleted(company: Connection, options: Options) -> str:
    _ask_about(company, Case.Kind.DELETIONS, options)
    deleted.answer(company, deleted.LEAVE, None)
    return "The customers stay without their deleted clients."


def _retry_all(company: Connection, options: Options) -> str:
    refuse_rest(company)
    again = dead_letters.retry_all(company, None)
    if not again:
        raise CommandError("There is nothing that the site has refused.")
    return f"Tried again: {intcomma(again)} that the site refused."


def _release(company: Connection, options: Options) -> str:
    released = decide.release_excluded_by_policy(company, None)
    if not released:
        raise CommandError("There is nobody whom the policy had excluded.")
    return f"Taking part again: {intcomma(released)} that the policy had excluded."


def _settle_all(company: Connection, options: Options) -> str:
    """Every conflict that is open now, as one decision, which can be taken back."""
    if options["take"] is None:
        raise CommandError("settle-all needs --take site or --take qbo.")
    act = WINS[Take(options["take"])]
    asked = Case.objects.filter(
        connection=company, kind=Case.Kind.CONFLICT, open_key__isnull=False
    ).values_list("qbo_id", flat=True)
    choices = [Choice(qbo_id, act) for qbo_id in asked]
    if not choices:
        raise CommandError("There is no open conflict.")
    words = SETTLES[act]
    numbers = {"count": len(choices), "n": intcomma(len(choices))}
    _ask(options, [words.note], str(words.question % numbers))
    return _carried_out(decisions.decide(company, act, choices, None))


def _undo_many(company: Connection, options: Options) -> str:
    """The whole of one decision about many, whoever made it."""
    pk = options["decision"]
    made = BulkDecision.objects.filter(connection=company, pk=pk or 0).first()
    if made is None:
        raise CommandError(f"{company} has no decision {pk}. undo-many needs --decision.")
    undone = decisions.undo(made, None)
    if undone is None:
        raise CommandError("This cannot be taken back as a whole, or was already.")
    return _carried_out(undone)


def _carried_out(bulk: BulkDecision) -> str:
    """What a decision did, when it is recorded to its end; and who is left as before, and why."""
    finish(
        bulk,
        lambda each: each.finished_at is not None,
        lambda each: decisions.advance(each.pk, each.done, math.inf),
    )
    left = [f"{gettext(why)} ({intcomma(len(qbo_ids))})" for why, qbo_ids in bulk.skipped.items()]
    lines = [*(sentences(bulk) or ["Nothing was changed."]), *left]
    if decisions.can_undo(bulk):
        lines.append(f"To take it back: manage.py qbo_company undo-many --decision {bulk.pk}")
    return "\n".join(lines)


# Map customers --------------------------------------------------------------------------------


def _choose_rest(company: Connection, options: Options) -> str:
    """C12: the same for all customers for whom nobody has chosen anything."""
    if options["do"] is None:
        raise CommandError("choose-rest needs --do create or --do exclude.")
    did = drafts.apply_default(company, Do(options["do"]), None)
    if not (did.chosen or did.exact or did.alike):
        raise CommandError("Nobody is left for whom nothing is chosen.")
    chosen, exact, alike = map(intcomma, (did.chosen, did.exact, did.alike))
    return (
        f"Chosen: {chosen}. Suggested by name: {exact}. Undecided, as like a client: {alike}.\n"
        "Nothing is done before all is saved: save-all."
    )


def _proposed(company: Connection) -> Run:
    """What would be saved, put together to its end. Raises CommandError where that is nothing."""
    try:
        plan = proposal.propose(company, None)
    except Run.DoesNotExist:
        raise CommandError(THROWN_AWAY) from None
    if plan is not None:
        finish(plan, lambda run: bool(run.counts), lambda run: proposal.advance(run.pk, math.inf))
        if plan.steps.exists():
            return plan
        proposal.drop(plan)
    raise CommandError("There is nothing to save: nothing is chosen.")


def _unchoose_rest(company: Connection, options: Options) -> str:
    undecided = drafts.take_back_default(company)
    if not undecided:
        raise CommandError("Nothing was chosen for the rest.")
    return f"Undecided again: {intcomma(undecided)}."


ACTS: dict[str, Callable[[Connection, Options], str]] = {
    "disconnect": _disconnect,
    "go-on": _go_on,
    "reattach-deleted": _reattach,
    "leave-deleted": _leave_deleted,
    "retry-all": _retry_all,
    "release-excluded": _release,
    "settle-all": _settle_all,
    "undo-many": _undo_many,
    "choose-rest": _choose_rest,
    "unchoose-rest": _unchoose_rest,
}
SAVE_ALL = "save-all"
OF_THE_SITE: dict[str, tuple[Callable[[Connection, Any], None], str]] = {
    "live-site": (connect.this_is_the_live_site, "This is the live site now."),
    "copy": (connect.this_is_a_copy, "This is a copy: the login is forgotten here."),
}
"""What is said of a site that looks like a copy, of all its companies unless one is named (U18)."""


class Command(BaseCommand):
    help = "Decides about a whole company: disconnect it, go on after a reset and the like."

    def add_arguments(self, parser: CommandParser) -> None:
        acts = [*ACTS, SAVE_ALL, *OF_THE_SITE]
        parser.add_argument("act", choices=acts, metavar="ACT", help=", ".join(acts))
        add_company_argument(parser, "which company; needed where there are several")
        parser.add_argument(
            "--delete-mirror",
            action="store_true",
            help="disconnect: delete what was read of its customers, too",
        )
        sides = [Take.SITE.value, Take.QBO.value]
        parser.add_argument("--take", choices=sides, help="settle-all: whose values both get")
        parser.add_argument("--decision", type=int, metavar="ID", help="undo-many: which one")
        same = [Do.CREATE.value, Do.EXCLUDE.value]
        parser.add_argument("--do", choices=same, help="choose-rest: what is to be done")
        parser.add_argument("--yes", action="store_true", help="do not ask")

    def handle(self, *args: Any, **options: Any) -> None:
        companies = chosen_companies(options["company"])
        with quiet_queue():
            if options["act"] in OF_THE_SITE:
                self._say_of_the_site(companies, options["act"])
            elif len(companies) != 1:
                raise CommandError("Say which company: --company ID or name.")
            elif options["act"] == SAVE_ALL:
                self._save_all(companies[0], options["yes"])
            else:
                self._decide(companies[0], options)

    def _say_of_the_site(self, companies: list[Connection], act: str) -> None:
        does, said = OF_THE_SITE[act]
        copies = [company for company in companies if is_copy(company)]
        if not copies:
            raise CommandError("No company was connected by another site than this one.")
        for company in copies:
            does(company, None)
            self.stdout.write(f"{company}: {said}")

    def _decide(self, company: Connection, options: Options) -> None:
        try:
            said = ACTS[options["act"]](company, options | {"out": self.stdout})
        except AlreadyAnswered as answered:
            raise CommandError(f"Nothing of the kind is asked about {company}.") from answered
        self.stdout.write(said)

    def _save_all(self, company: Connection, yes: bool) -> None:
        """What is chosen is shown first; exactly that is done (C11)."""
        plan = _proposed(company)
        for line in (*_plan.counts(plan), "", *_plan.steps(plan)):
            self.stdout.write(line)
        if not (yes or agreed("Save this?", self.stdout)):
            proposal.drop(plan)
            self.stdout.write("Nothing is saved. What was chosen stays chosen.")
            sys.exit(PLAN_WAITS)
        saved = proposal.save(plan, None)
        if saved is None:
            raise CommandError("Nothing of this can be saved any more.")
        self.stdout.write(_carried_out(saved))
