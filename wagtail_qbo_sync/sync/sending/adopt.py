"""Creations whose outcome nobody knows, settled by reading (rule 16)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from wagtail_qbo_sync.contact import Contact
from wagtail_qbo_sync.engine import adopt as engine
from wagtail_qbo_sync.models import Decision, Mapping, Outbox
from wagtail_qbo_sync.qbo import lens, writes
from wagtail_qbo_sync.qbo.faults import QboError
from wagtail_qbo_sync.sync.records import outbox


@dataclass(frozen=True, slots=True)
class Near:
    """Customers that may be the one that was made: a person decides."""

    customers: list[dict[str, Any]]


def settle(rows: Sequence[Outbox], documents: Iterable[Any]) -> dict[str, writes.Result | Near]:
    """What became of these rows, by bId, told from the customers that were made since.

    One that was not made is told as one to be sent again.
    """
    found = {read.qbo_id: (read, document) for read, document in _readable(documents)}
    taken = _taken(rows, found)
    made = [
        engine.Made(qbo_id, read.contact, qbo_id not in taken)
        for qbo_id, (read, _) in found.items()
    ]
    outcomes = engine.look({row.bid: sent(row) for row in rows}, made)
    results: dict[str, writes.Result | Near] = {}
    for bid, outcome in outcomes.items():
        if outcome.adopted:
            results[bid] = writes.Sent(found[outcome.adopted][1])
        elif outcome.near:
            results[bid] = Near(
                [
                    {"qbo_id": qbo_id, "label": found[qbo_id][0].full_name, "by": sorted(by)}
                    for qbo_id, by in outcome.near
                ]
            )
        else:
            results[bid] = writes.Refused(QboError.of("5010"))
    return results


def sent(row: Outbox) -> Contact:
    """What a row says to QuickBooks."""
    return Contact().changed(outbox.said(row))


def _readable(documents: Iterable[Any]) -> Iterable[tuple[lens.Snapshot, Any]]:
    """A customer that cannot be read is none of ours, which we made to be readable."""
    for document in documents:
        try:
            yield lens.snapshot(document), document
        except lens.MalformedCustomer:
            continue


def _taken(rows: Sequence[Outbox], qbo_ids: Iterable[str]) -> set[str]:
    """Customers that are somebody's, or that a person keeps out of the sync."""
    about: dict[str, Any] = {
        "connection__in": {row.connection_id for row in rows},
        "qbo_id__in": list(qbo_ids),
    }
    mapped = Mapping.objects.filter(**about).values_list("qbo_id", flat=True)
    excluded = Decision.objects.filter(kind=Decision.Kind.EXCLUDE_CUSTOMER, **about)
    return {*mapped, *excluded.values_list("qbo_id", flat=True)}
