"""Where the rows of others name a person who is erased (U17): as somebody they are like, or who has
the name that they were refused. What is asked about the others stays, by keys instead of names.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

from django.db import transaction
from django.db.models import QuerySet

from wagtail_qbo_sync.clock import failpoint
from wagtail_qbo_sync.compat import lock
from wagtail_qbo_sync.models import Case, Connection, Step

CHUNK = 1000
"""Rows that are looked at in a transaction."""
CASES = (Case.Kind.REVIEW, Case.Kind.ALIKE, Case.Kind.NOT_TAKEN)
STEPS = (Step.Kind.REVIEW, Step.Kind.STAY, Step.Kind.UNDO)
"""Kinds whose rows name others."""


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
