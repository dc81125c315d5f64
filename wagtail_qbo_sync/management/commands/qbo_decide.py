"""Single decisions about a customer, a client or both, as the screens make them (U15)."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db.models import QuerySet

from wagtail_qbo_sync.contact import Address, Value
from wagtail_qbo_sync.models import Case, Connection, Customer, Mapping, Run
from wagtail_qbo_sync.sync.bulk import drafts
from wagtail_qbo_sync.sync.people import (
    conflicts,
    creation,
    dead_letters,
    deleted,
    exclusion,
    mapping,
    names,
    reopening,
    undo,
)
from wagtail_qbo_sync.sync.planning import undoing
from wagtail_qbo_sync.sync.records.locked import Refusal

from . import _plan
from ._companies import add_company_argument, chosen_companies
from ._terminal import quiet_queue

Keys = tuple[str, ...]
Options = dict[str, Any]
CUSTOMER, CLIENT, BOTH = ("customer",), ("client",), ("customer", "client")
ACTS: dict[str, dict[Keys, Callable[..., Any]]] = {
    "map": {BOTH: mapping.map_customer},
    "move": {BOTH: mapping.move_mapping},
    "create": {CUSTOMER: mapping.create_client, CLIENT: creation.create_customer},
    "undo": {CUSTOMER: undo.undo_mapping, CLIENT: creation.cancel_creation},
    "remove-match": {CUSTOMER: mapping.remove_match},
    "put-match-back": {CUSTOMER: mapping.put_match_back},
    "exclude": {CUSTOMER: exclusion.exclude_customer, CLIENT: exclusion.exclude_client},
    "exclude-again": {CUSTOMER: exclusion.exclude_again},
    "include": {CUSTOMER: exclusion.include_customer, CLIENT: exclusion.include_client},
    "disconnect": {CUSTOMER: exclusion.disconnect_customer, CLIENT: exclusion.disconnect_client},
    "reconnect": {CUSTOMER: exclusion.reconnect_customer, CLIENT: exclusion.reconnect_client},
    "keep-deleted": {CUSTOMER: deleted.keep},
    "ask-deleted": {CUSTOMER: deleted.ask_again},
}
"""Act -> what it may be about -> what does it, given the company, the keys and the user."""
DONE = "Done. What follows is written by the worker, or by: manage.py qbo_sync"
KEPT = "Chosen. To do what is chosen: manage.py qbo_company save-all"
ON_PROBLEMS: dict[str, Callable[[Case, Any], object]] = {
    "retry": dead_letters.retry,
    "take-back": undoing.take_back_edited,
    "ignore": dead_letters.set_aside,
    "open-again": dead_letters.open_again,
}


class Command(BaseCommand):
    help = "Decides about one customer or client: map, exclude, settle a conflict and the like."

    def add_arguments(self, parser: CommandParser) -> None:
        acts = [*ACTS, *IN_OTHER_WORDS, *ON_PROBLEMS]
        parser.add_argument("act", choices=acts, metavar="ACT", help=", ".join(acts))
        parser.add_argument("--customer", default="", metavar="QUICKBOOKS_ID")
        parser.add_argument("--client", default="", metavar="KEY")
        add_company_argument(parser, "in which company; needed where there are several")
        parser.add_argument("--do", choices=drafts.Do.values, help="choose: what is to be done")
        sides = [conflicts.Take.SITE.value, conflicts.Take.QBO.value]
        parser.add_argument("--take", choices=sides, help="settle: whose values both get")
        parser.add_argument("--value", help="settle: what both get, of one field")
        parser.add_argument(
            "--field", action="append", default=[], help="settle: only this one; may be repeated"
        )
        parser.add_argument("--name", default="", help="rename: the client's new name")

    def handle(self, *args: Any, **options: Any) -> None:
        companies = chosen_companies(options["company"])
        if len(companies) != 1:
            raise CommandError("Say in which company: --company ID or name.")
        act, keys = options["act"], {name: options[name] for name in BOTH if options[name]}
        try:
            with quiet_queue():
                said = _decide(companies[0], act, keys, options)
        except Refusal as refusal:
            raise CommandError(refusal.message) from refusal
        except conflicts.Unfit as unfit:
            raise CommandError(" ".join(map(str, unfit.problems.values()))) from unfit
        except (conflicts.Moved, drafts.Changed) as moved:
            raise CommandError("It has changed just now. Look at it again.") from moved
        self.stdout.write(said)


def _decide(company: Connection, act: str, keys: dict[str, str], options: Options) -> str:
    """What is said of it once it is decided."""
    if act not in ACTS and act != CHOOSE and len(keys) != 1:
        raise CommandError(f"{act} is about --customer or --client.")
    _refuse_unknown_customer(company, keys.get("customer"))
    if act in ACTS:
        _record(company, act, keys)
    elif act in ON_PROBLEMS:
        return _on_problems(company, act, keys)
    else:
        IN_OTHER_WORDS[act](company, keys, options)
    return KEPT if act == CHOOSE else DONE


def _refuse_unknown_customer(company: Connection, qbo_id: str | None) -> None:
    about = {"connection": company, "qbo_id": qbo_id}
    there = qbo_id is None or Customer.objects.filter(**about).exists()
    if not there and not Mapping.objects.filter(**about).exists():
        raise CommandError(f"{company} has no customer with the QuickBooks ID {qbo_id}.")


def _record(company: Connection, act: str, keys: dict[str, str]) -> None:
    does = ACTS[act].get(tuple(keys))
    if does is None:
        wanted = " or ".join(" and ".join(f"--{name}" for name in about) for about in ACTS[act])
        raise CommandError(f"{act} is about {wanted}.")
    does(company, *keys.values(), None)


def _choose(company: Connection, keys: dict[str, str], options: Options) -> None:
    """C9: keep a choice until all are saved, in the place of what was chosen before."""
    do, client_pk = options["do"], keys.get("client", "")
    if do is None or "customer" not in keys or bool(client_pk) != (do == drafts.Do.MAP):
        raise CommandError("choose needs --customer and --do, and --client for --do map alone.")
    before = drafts.drafts_of(company, [keys["customer"]]).get(keys["customer"])
    seen = before.version if before else ""
    drafts.save(company, keys["customer"], drafts.Do(do), None, client_pk=client_pk, seen=seen)


def _settle(company: Connection, keys: dict[str, str], options: Options) -> None:
    """The fields that are in conflict now, or these of them."""
    take, value, fields = options["take"], options["value"], options["field"]
    if (take is None) == (value is None):
        raise CommandError("settle needs --take site, --take qbo or --value.")
    if value is not None and len(fields) != 1:
        raise CommandError("--value is that of one --field.")
    case = _only(_cases(company, keys, Case.objects.filter(kind=Case.Kind.CONFLICT)))
    found = conflicts.standing(case)
    asked = found.fields if found else {}
    if unknown := sorted(set(fields) - asked.keys()):
        held = ", ".join(sorted(asked)) or "none"
        raise CommandError(f"Not in conflict: {', '.join(unknown)}. In conflict: {held}.")
    shown = {name: found.stamp(name) for name in fields or asked} if found else {}
    if take is None:
        choice = conflicts.Choice(conflicts.Take.OTHER, _typed(asked[fields[0]].site, value))
    else:
        choice = conflicts.Choice(conflicts.Take(take))
    conflicts.settle(company, case.qbo_id, dict.fromkeys(shown, choice), shown, None)


def _typed(held: Value, text: str) -> Value:
    """What was typed; of an address its parts, as JSON. Those not named stay as on the site."""
    if not isinstance(held, Address):
        return text
    try:
        typed = replace(held, **json.loads(text))
    except (TypeError, ValueError):
        typed = None
    if typed is None or not all(isinstance(part, str) for part in typed.parts().values()):
        like = json.dumps(dict.fromkeys(held.parts(), "..."))
        raise CommandError(f"An address is given as JSON of its parts: {like}")
    return typed


def _reopen(company: Connection, keys: dict[str, str], options: Options) -> None:
    """How the last conflict was settled is taken back."""
    reopening.reopen(_last(company, keys, reopening.SETTLED), None)


def _rename(company: Connection, keys: dict[str, str], options: Options) -> None:
    if not (name := options["name"].strip()):
        raise CommandError("rename needs --name.")
    names.rename(_only(_cases(company, keys, names.OPEN)), name, None)


def _leave_name(company: Connection, keys: dict[str, str], options: Options) -> None:
    names.leave(_only(_cases(company, keys, names.OPEN)), None)


def _ask_name(company: Connection, keys: dict[str, str], options: Options) -> None:
    """What was said of a name that is taken is taken back."""
    names.ask_again(_last(company, keys, names.ANSWERED), None)


def _on_problems(company: Connection, act: str, keys: dict[str, str]) -> str:
    """All that keep failing of this record, as far as the act fits them."""
    found = _cases(company, keys, Case.objects.filter(kind__in=dead_letters.FAILING))
    done = [did for case in found if (did := ON_PROBLEMS[act](case, None))]
    if not done:
        raise CommandError(f"There is no problem of it to {act}.")
    said = [_planned(did) if isinstance(did, Run) else DONE for did in done]
    return "\n".join(dict.fromkeys(said))


def _planned(plan: Run) -> str:
    """A plan waits, or is over where somebody has put it back by hand."""
    return _plan.NOTHING if plan.state == Run.State.DONE else _plan.waits(plan)


def _cases(company: Connection, keys: dict[str, str], among: QuerySet[Case]) -> list[Case]:
    """What is open about a customer, or about a client, mapped or not."""
    return list(_about(company, keys, among.filter(open_key__isnull=False)).order_by("pk"))


def _last(company: Connection, keys: dict[str, str], among: QuerySet[Case]) -> Case:
    """What was answered last."""
    found = _about(company, keys, among).order_by("closed_at", "pk").last()
    if found is None:
        raise CommandError("Nothing of the kind was answered about it.")
    return found


def _about(company: Connection, keys: dict[str, str], among: QuerySet[Case]) -> QuerySet[Case]:
    about = {"qbo_id": keys["customer"]} if "customer" in keys else {"client_pk": keys["client"]}
    return among.filter(**about, connection=company).select_related("connection")


def _only(found: list[Case]) -> Case:
    if not found:
        raise CommandError("Nothing of the kind is asked about it.")
    return found[0]


CHOOSE = "choose"
IN_OTHER_WORDS: dict[str, Callable[[Connection, dict[str, str], Options], None]] = {
    CHOOSE: _choose,
    "settle": _settle,
    "reopen": _reopen,
    "rename": _rename,
    "leave-name": _leave_name,
    "ask-name": _ask_name,
}
"""Acts that need more to be said than whom they are about."""
