"""Where the rows of others name a person who is erased (U17): as somebody they are like, or who has
the name that they were refused; or whose values their client held, as it was that person's before.
What is asked about the others stays, by keys instead of names.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

from django.db import transaction
from django.db.models import Q, QuerySet

from wagtail_qbo_sync.clock import failpoint
from wagtail_qbo_sync.compat import lock
from wagtail_qbo_sync.contact import normalised
from wagtail_qbo_sync.models import Case, Change, Connection, Outbox, Run, Step
from wagtail_qbo_sync.sync.records.runs import touches

from .imprint import WRITTEN, Imprint

CHUNK = 1000
"""Rows that are looked at in a transaction."""
CASES = (Case.Kind.REVIEW, Case.Kind.ALIKE, Case.Kind.NOT_TAKEN)
STEPS = (Step.Kind.REVIEW, Step.Kind.STAY, Step.Kind.UNDO)
"""Kinds whose rows name others."""
SAYS = ("client", "conflicts", "unticked")
"""Of a step's data: what a client was called, and what it said besides what was written."""
OPEN = Q(state__in=[Step.State.PLANNED, Step.State.UNTICKED]) & ~Q(run__state=Run.State.DISCARDED)
"""Steps that may yet be done: one that is unticked can be ticked again."""


def blank(connection: Connection, qbo_id: str, client_pks: Collection[str]) -> None:
    """Take the names out, slice by slice. Done again, it does nothing more."""
    cases = Case.objects.filter(connection=connection, kind__in=CASES)
    steps = Step.objects.filter(run__connection=connection, kind__in=STEPS)
    asked: tuple[tuple[QuerySet[Any], str], ...] = ((cases, "facts"), (steps, "data"))
    for rows, column in asked:
        for pks in _slices(rows):
            with transaction.atomic():
                some = lock(rows.model._base_manager.filter(pk__in=pks)).order_by("pk")
                named = [row for row in some if _blank(getattr(row, column), qbo_id, client_pks)]
                rows.model._base_manager.bulk_update(named, [column])
            failpoint("erase.blanked")


def _slices(rows: QuerySet[Any]) -> Iterator[list[int]]:
    last = 0
    in_order = rows.order_by("pk").values_list("pk", flat=True)
    while pks := list(in_order.filter(pk__gt=last)[:CHUNK]):
        yield pks
        last = pks[-1]


def _blank(data: dict[str, Any], qbo_id: str, client_pks: Collection[str]) -> bool:
    """Whether it named the person."""
    clients = [one for one in data.get("candidates", ()) if one["pk"] in client_pks]
    customers = [one for one in data.get("customers", ()) if one["qbo_id"] == qbo_id]
    holder = data.get("name_holder", {})
    is_holder = holder.get("entity") == "Customer" and holder.get("id") == qbo_id
    for one in clients:
        one["label"] = ""
    for one in customers:
        one["label"] = qbo_id
    if is_holder:
        holder["name"] = qbo_id
    return bool(clients or customers or is_holder)


# Clients that are somebody else's by now ---------------------------------------------------------


def forget_former(connection: Connection, person: Imprint) -> None:
    """Fields whose values were the person's go from what others' rows say of its former clients;
    so do their cases that are closed and what was sent, where these hold any.

    What is planned stays, ticked or not: it is what the client says now, which is the site's; and
    a field that is not in its step would never be written.
    """
    about = Q(connection=connection, client_pk__in=person.former)
    changes: QuerySet[Change] = Change.objects.filter(about)
    for change in changes:
        change.values = _without(change.values, person)
        change.save(update_fields=["values"])
    steps = Step.objects.filter(run__connection=connection, client_pk__in=person.former)
    for step in steps.exclude(OPEN):
        step.data = _forgotten(step.data, person)
        step.touches = touches(step.data)
        step.save(update_fields=["data", "touches"])
    over: tuple[tuple[QuerySet[Any], str], ...] = (
        (Case.objects.filter(about, open_key=None), "facts"),
        (Outbox.objects.filter(about, state=Outbox.State.DONE), "values"),
    )
    for rows, column in over:
        held = [pk for pk, data in rows.values_list("pk", column) if person.holds(data)]
        rows.model._base_manager.filter(pk__in=held).delete()


def _without(values: dict[str, Any], person: Imprint) -> dict[str, Any]:
    return {name: pair for name, pair in values.items() if not person.holds(pair)}


def _forgotten(data: dict[str, Any], person: Imprint) -> dict[str, Any]:
    """What a step wrote, without those fields; what else it says, without those texts."""
    kept = {key: _without(data[key], person) for key in WRITTEN if key in data}
    return data | kept | {key: _blanked(data[key], person) for key in SAYS if key in data}


def _blanked(data: Any, person: Imprint) -> Any:
    if isinstance(data, dict):
        return {key: _blanked(part, person) for key, part in data.items()}
    if isinstance(data, list):
        return [_blanked(part, person) for part in data]
    is_theirs = isinstance(data, str) and normalised(data) in person.texts
    return "" if is_theirs else data
