"""Single decisions about a customer, a client or both, as the screens make them (U15)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db.models import QuerySet

from wagtail_qbo_sync.models import Case, Connection, Customer, Mapping
from wagtail_qbo_sync.sync.people import (
    conflicts,
    creation,
    dead_letters,
    deleted,
    exclusion,
    mapping,
    names,
    undo,
)
from wagtail_qbo_sync.sync.planning import undoing
from wagtail_qbo_sync.sync.records.locked import Refusal

from ._companies import add_company_argument, chosen_companies
from ._terminal import quiet_queue

Keys = tuple[str, ...]
CUSTOMER, CLIENT, BOTH = ("customer",), ("client",), ("customer", "client")
ACTS: dict[str, dict[Keys, Callable[..., Any]]] = {
    "map": {BOTH: mapping.map_customer},
    "move": {BOTH: mapping.move_mapping},
    "create": {CUSTOMER: mapping.create_client, CLIENT: creation.create_customer},
    "undo": {CUSTOMER: undo.undo_mapping, CLIENT: creation.cancel_creation},
    "remove-match": {CUSTOMER: mapping.remove_match},
    "put-match-back": {CUSTOMER: mapping.put_match_back},
    "exclude": {CUSTOMER: exclusion.exclude_customer, CLIENT: exclusion.exclude_client},
    "include": {CUSTOMER: exclusion.include_customer, CLIENT: exclusion.include_client},
    "disconnect": {CUSTOMER: exclusion.disconnect_customer, CLIENT: exclusion.disconnect_client},
    "reconnect": {CUSTOMER: exclusion.reconnect_customer, CLIENT: exclusion.reconnect_client},
    "keep-deleted": {CUSTOMER: deleted.keep},
}
"""Act -> what it may be about -> what does it, given the company, the keys and the user."""
ON_PROBLEMS: dict[str, Callable[[Case, Any], bool]] = {
    "retry": dead_letters.retry,
    "take-back": undoing.take_back_edited,
    "ignore": dead_letters.set_aside,
    "open-again": dead_letters.open_again,
}
SETTLE, RENAME, LEAVE_NAME = "settle", "rename", "leave-name"


class Command(BaseCommand):
    help = "Decides about one customer or client: map, exclude, settle a conflict and the like."

    def add_arguments(self, parser: CommandParser) -> None:
        acts = [*ACTS, SETTLE, RENAME, LEAVE_NAME, *ON_PROBLEMS]
        parser.add_argument("act", choices=acts, metavar="ACT", help=", ".join(acts))
        parser.add_argument("--customer", default="", metavar="QUICKBOOKS_ID")
        parser.add_argument("--client", default="", metavar="KEY")
        add_company_argument(parser, "in which company; needed where there are several")
        sides = [conflicts.Take.SITE.value, conflicts.Take.QBO.value]
        parser.add_argument("--take", choices=sides, help="settle: whose values both get")
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
                self._decide(companies[0], act, keys, options)
        except Refusal as refusal:
            raise CommandError(refusal.message) from refusal
        except conflicts.Unfit as unfit:
            raise CommandError(" ".join(map(str, unfit.problems.values()))) from unfit
        except conflicts.Moved as moved:
            raise CommandError("It has changed just now. Look at it again.") from moved
        self.stdout.write("Done. What follows is written by the worker, or by: manage.py qbo_sync")

    def _decide(
        self, company: Connection, act: str, keys: dict[str, str], options: dict[str, Any]
    ) -> None:
        if act not in ACTS and len(keys) != 1:
            raise CommandError(f"{act} is about --customer or --client.")
        _refuse_unknown_customer(company, keys.get("customer"))
        if act in ACTS:
            _record(company, act, keys)
        elif act == SETTLE:
            _settle(company, keys, options["take"], options["field"])
        elif act in ON_PROBLEMS:
            _on_problems(company, act, keys)
        elif act == RENAME:
            if not options["name"].strip():
                raise CommandError("rename needs --name.")
            names.rename(_only(_cases(company, keys, names.OPEN)), options["name"].strip(), None)
        else:
            names.leave(_only(_cases(company, keys, names.OPEN)), None)


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


def _settle(company: Connection, keys: dict[str, str], take: str | None, fields: list[str]) -> None:
    """The fields that are in conflict now, or these of them."""
    if take is None:
        raise CommandError("settle needs --take site or --take qbo.")
    case = _only(_cases(company, keys, Case.objects.filter(kind=Case.Kind.CONFLICT)))
    found = conflicts.standing(case)
    asked = found.fields if found else {}
    if unknown := sorted(set(fields) - asked.keys()):
        held = ", ".join(sorted(asked)) or "none"
        raise CommandError(f"Not in conflict: {', '.join(unknown)}. In conflict: {held}.")
    shown = {name: found.stamp(name) for name in fields or asked} if found else {}
    choice = conflicts.Choice(conflicts.Take(take))
    conflicts.settle(company, case.qbo_id, dict.fromkeys(shown, choice), shown, None)


def _on_problems(company: Connection, act: str, keys: dict[str, str]) -> None:
    """All that keep failing of this record, as far as the act fits them."""
    found = _cases(company, keys, Case.objects.filter(kind__in=dead_letters.FAILING))
    if not [case for case in found if ON_PROBLEMS[act](case, None)]:
        raise CommandError(f"There is no problem of it to {act}.")


def _cases(company: Connection, keys: dict[str, str], among: QuerySet[Case]) -> list[Case]:
    """What is open about a customer, or about a client, mapped or not."""
    about = {"qbo_id": keys["customer"]} if "customer" in keys else {"client_pk": keys["client"]}
    found = among.filter(**about, connection=company, open_key__isnull=False)
    return list(found.select_related("connection").order_by("pk"))


def _only(found: list[Case]) -> Case:
    if not found:
        raise CommandError("Nothing of the kind is asked about it.")
    return found[0]
