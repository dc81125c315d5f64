"""What people say about a name that QuickBooks refused, because somebody there has it (U10).

That the client is the one who has it is said by mapping them (mapping.py). Here: another name,
which is an edit of the client; and leaving it, so that nothing is sent until a side is edited
again. Recorded at once, under row locks (rule 10). The case keeps in facts["said"] what is
needed to take it back.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from wagtail_qbo_sync.contact import project, same
from wagtail_qbo_sync.host.adapter import ClientRecord, get_adapter
from wagtail_qbo_sync.models import Case, Connection, Customer, Outbox
from wagtail_qbo_sync.models import Mapping as Mapped
from wagtail_qbo_sync.qbo import rules, writes
from wagtail_qbo_sync.sync.records import cases, holders, outbox
from wagtail_qbo_sync.sync.records.locked import Refusal
from wagtail_qbo_sync.sync.records.parties import TAKE_PART

from . import creation
from .conflicts import SIDES, Unfit, rebased, write
from .decide import ask_for_sync, record

TAKEN = Case.objects.filter(kind=Case.Kind.NOT_TAKEN, facts__code=writes.NAME_TAKEN)
OPEN = TAKEN.filter(open_key__isnull=False)
ANSWERED = TAKEN.filter(open_key=None, facts__has_key="said")


def is_taken(case: Case) -> bool:
    """Whether the case is about a name that somebody else has."""
    return case.kind == Case.Kind.NOT_TAKEN and case.facts.get("code") == writes.NAME_TAKEN


def refused_name(case: Case) -> str:
    """The name that QuickBooks did not take."""
    return str(case.facts.get("untaken", {}).get("name", ""))


def holding_customer(case: Case) -> Customer | None:
    """Who has the name, if it is a customer that a client can be mapped to."""
    holder = case.facts.get("name_holder", {})
    if holder.get("entity") != "Customer":
        return None
    rows = Customer.objects.select_related("connection").filter(connection=case.connection)
    return rows.filter(qbo_id=holder["id"], standing__in=TAKE_PART).first()


# Saying -----------------------------------------------------------------------------------------


@transaction.atomic
def rename(case: Case, name: str, user: Any) -> None:
    """Another name, on the site and in QuickBooks. Raises Refusal, and Unfit with the reason."""
    client = _locked(case)
    before = client.contact.name
    if reason := _objection(case, name):
        raise Unfit({"name": reason})
    after = write(case, client, {"name": name}, user).contact.name
    _answer(case, {"name": [before, after]}, "rename", user)
    if not case.qbo_id:
        creation.create_customer(case.connection, case.client_pk, user)
    ask_for_sync(case.connection, user)


@transaction.atomic
def leave(case: Case, user: Any) -> None:
    """The names differ, or the client has no customer, until somebody edits it. Raises Refusal."""
    client = _locked(case)
    said: dict[str, Any] = {}
    if case.qbo_id:
        mapping, customer = _pair(case)
        said["base"] = {side: mapping.base.get(side, {}).get("name") for side in SIDES}
        there = project(customer.contact, get_adapter().paths).name
        names = {"site": {"name": client.contact.name}, "qbo": {"name": there}}
        _rebase(mapping, names)
    _answer(case, said, "leave_name", user)


@transaction.atomic
def ask_again(case: Case, user: Any) -> None:
    """Take back what was said: the client has its name back, and it is asked again. Raises
    Refusal where the new name is in QuickBooks, or edited, by now."""
    client = _locked(case, is_open=False)
    said = case.facts.pop("said")
    if "name" in said:
        before, after = said["name"]
        _take_back_name(case, client, after, user)
        write(case, client, {"name": before}, user)
    elif "base" in said:
        mapping, _customer = _pair(case)
        _rebase(mapping, {side: {"name": said["base"][side]} for side in SIDES})
    if not cases.reopen(case):
        raise Refusal(_("This is asked again already."))
    _record(case, "ask_name", user)
    ask_for_sync(case.connection, user)


# How --------------------------------------------------------------------------------------------


def _locked(case: Case, *, is_open: bool = True) -> ClientRecord:
    """The client, its row locked, then the case's, read again. Raises Refusal."""
    adapter = get_adapter()
    adapter.lock([case.client_pk])
    client = next(iter(adapter.records([case.client_pk])), None)
    asked = OPEN if is_open else ANSWERED
    fresh = asked.filter(pk=case.pk).select_for_update().first()
    if client is None or fresh is None:
        raise Refusal(_("Somebody else has answered this, or the client is gone."))
    case.facts = fresh.facts
    return client


def _pair(case: Case) -> tuple[Mapped, Customer]:
    """The mapping that the refused name is about, with its customer. Raises Refusal."""
    about: Any = {"connection": case.connection, "qbo_id": case.qbo_id}
    customer = Customer.objects.select_for_update().filter(**about).first()
    pairs = Mapped.objects.select_for_update().filter(**about, asleep=Mapped.Asleep.AWAKE)
    mapping = pairs.filter(client_pk=case.client_pk).first()
    if mapping is None or customer is None:
        raise Refusal(_("The client is not mapped to this customer any more."))
    return mapping, customer


def _rebase(mapping: Mapped, names: Mapping[str, Mapping[str, Any]]) -> None:
    mapping.base = rebased(mapping.base, names)
    mapping.save(update_fields=["base"])


def _objection(case: Case, name: str) -> str:
    """Why this cannot be the new name, "" if it can."""
    if name.strip().casefold() == refused_name(case).strip().casefold():
        return _("QuickBooks has refused this name. Type another one.")
    if problems := rules.problems({"name": name}):
        return " ".join(problem.sentence for problem in problems)
    holder = holders.mirrored(case.connection, name)
    if holder and holder["id"] != case.qbo_id:
        return str(_("The customer “%s” has this name.") % holder["name"])
    return ""


def _take_back_name(case: Case, client: ClientRecord, name: str, user: Any) -> None:
    """Nothing of it is sent. Raises Refusal where that is too late."""
    too_late = Refusal(_("The name has been sent to QuickBooks, or edited since."))
    if not same("name", client.contact.name, name):
        raise too_late
    if not case.qbo_id:
        creation.cancel_creation(case.connection, case.client_pk, user)
    elif same("name", _pair(case)[1].contact.name, name) or _is_sent(case.connection, client.pk):
        raise too_late


def _is_sent(connection: Connection, client_pk: str) -> bool:
    under_way = outbox.on_the_way(connection)
    return under_way.filter(client_pk=client_pk, kind=Outbox.Kind.UPDATE).exists()


def _answer(case: Case, said: dict[str, Any], action: str, user: Any) -> None:
    case.facts["said"] = said
    cases.end(case, cases.DECIDED, user)
    case.save(update_fields=cases.ENDING)
    _record(case, action, user)


def _record(case: Case, action: str, user: Any) -> None:
    record(case.connection, action, user, qbo_id=case.qbo_id, client_pk=case.client_pk)
