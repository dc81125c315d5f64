"""Why the sync wrote something: what the site's own tables say of a value."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import Any, NamedTuple

from wagtail_qbo_sync.models import Change, Outbox, Run, Step

from .company import Company
from .fields import Value

PARTS = ("line1", "line2", "city", "state", "postal_code", "country")
LINKS = {Step.Kind.LINK, Step.Kind.CREATE}


class Writing(NamedTuple):
    """A run has written a field."""

    run: Run | None
    before: Value
    after: Value


Told = tuple[str, bool, tuple[Writing, ...]]
"""What a value that was written belongs to, whether the journal has it, and which runs wrote."""


class Story:
    """What the site's own tables say of a value that the sync has written."""

    def of(self, name: str, was: Value, value: Value) -> Told:
        raise NotImplementedError


class Sent(Story):
    """Of one that stands in QuickBooks now. Its journal comes with the answer."""

    def __init__(self, company: Company, qbo_id: str) -> None:
        rows = Outbox.objects.filter(connection=company.connection, qbo_id=qbo_id)
        self._rows = list(rows.select_related("run").order_by("-pk"))
        self._company = company

    def of(self, name: str, was: Value, value: Value) -> Told:
        for row in self._rows:
            if name in row.values and as_value(name, row.values[name][1]) == value:
                why = _why(self._company, row.run, row.qbo_id, name)
                return why, True, (Writing(row.run, was, value),)
        return "", bool(self._rows), ()


class Pulled(Story):
    """Of one that stands on the site now, by the journal."""

    def __init__(self, companies: list[Company], pk: str, since: int) -> None:
        rows = Change.objects.filter(side=Change.Side.SITE, client_pk=pk, pk__gt=since)
        self._rows = list(rows.select_related("run").order_by("pk"))
        self._companies = {company.connection.pk: company for company in companies}

    def of(self, name: str, was: Value, value: Value) -> Told:
        rows = [row for row in self._rows if name in row.values]
        if not rows:
            return "", False, ()
        told = [(as_value(name, old), as_value(name, new)) for old, new in _each(rows, name)]
        goes_on = all(one[1] == next_one[0] for one, next_one in pairwise(told))
        journalled = goes_on and (told[0][0], told[-1][1]) == (was, value)
        writings = (Writing(row.run, *pair) for row, pair in zip(rows, told, strict=True))
        last = rows[-1]
        why = _why(self._companies[last.connection_id], last.run, last.qbo_id, name)
        return why, journalled, tuple(writings)


def _each(rows: Iterable[Change], name: str) -> Iterator[tuple[Any, Any]]:
    for row in rows:
        before, after = row.values[name]
        yield before, after


def _why(company: Company, run: Run | None, qbo_id: str, name: str) -> str:
    kinds = set(run.steps.filter(qbo_id=qbo_id).values_list("kind", flat=True)) if run else set()
    if run is not None and (run.undoes_id or Step.Kind.UNDO in kinds):
        return "undo"
    if kinds & LINKS or (qbo_id, name) in company.unlinked:
        return "first link"
    return "policy" if company.policies else ""


def as_value(name: str, told: Any) -> Value:
    """A value as our tables hold it."""
    if isinstance(told, dict):
        return tuple(told.get(part, "") for part in PARTS)
    return str(told or "")
