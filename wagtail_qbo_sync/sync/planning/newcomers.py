"""Clients that changed and have no customer: which become customers, and which are for a person
(K13, K14). Only those that the outbox has noted are looked at (K7)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence, Set
from typing import Any

from django.utils import translation

from wagtail_qbo_sync.compat import chunks
from wagtail_qbo_sync.engine import match
from wagtail_qbo_sync.engine import plan as engine
from wagtail_qbo_sync.engine.match import ClientKeys, CustomerKeys, Review
from wagtail_qbo_sync.engine.plan import Party
from wagtail_qbo_sync.host.adapter import ClientAdapter
from wagtail_qbo_sync.models import Case, Connection, Customer, Run
from wagtail_qbo_sync.qbo import rules
from wagtail_qbo_sync.sync.records.known import Known
from wagtail_qbo_sync.sync.records.parties import client_party, keys_of
from wagtail_qbo_sync.sync.records.terms import can_create, is_pushed, pushed_fields

CHUNK = 2000
SHOWN = ("customers", "more", "sibling", "problems", "fields")
"""What a step about a client tells the person who is asked."""


class Newcomers:
    """Plans one connection's."""

    def __init__(
        self,
        connection: Connection,
        adapter: ClientAdapter,
        known: Known,
        *,
        any_type: bool = False,
    ) -> None:
        self.connection = connection
        self.adapter = adapter
        self.known = known
        self.any_type = any_type
        """Whether a person chose the clients, whatever their Contact Type (U11)."""
        self.fields = pushed_fields(connection)
        self.named: set[str] = set()
        """Clients whose step serves their hint; the hints of all others ask for nothing."""

    def steps(self, customers: Sequence[CustomerKeys], matched: Set[str]) -> Iterator[engine.Step]:
        """A step for each client that may become a customer; `matched` have found theirs."""
        self.named = matched & self.known.creates.keys()
        for step in self.judged(list(self._keys(matched)), customers):
            self.named.add(step.client_pk)
            yield step

    def judged(
        self, keys: Sequence[ClientKeys], customers: Sequence[CustomerKeys]
    ) -> Iterator[engine.Step]:
        """The step of each of these clients, which have no customer and are of a pushed type."""
        found = match.newcomers(keys, customers, self.known.removed)
        for chunk in chunks((client.pk for client in keys), CHUNK):
            labels = self._labels(found, chunk)
            for record in self.adapter.records(chunk):
                yield self._step(client_party(record, self.adapter), found, labels)

    def moot(self) -> list[str]:
        """Clients about whom a person is asked although their type is not pushed any more (K12).
        Those whom a person sent were asked about whatever their type (U11)."""
        asked = dict(
            Case.objects.filter(
                kind=Case.Kind.ALIKE, connection=self.connection, open_key__isnull=False
            ).values_list("client_pk", "facts__run")
        )
        if not asked:
            return []
        by_hand = Run.objects.filter(pk__in=filter(None, asked.values())).exclude(push={})
        chosen = set(by_hand.values_list("pk", flat=True))
        records = self.adapter.records(pk for pk, run in asked.items() if run not in chosen)
        return [one.pk for one in records if not is_pushed(self.connection, one)]

    def _keys(self, matched: Set[str]) -> Iterator[ClientKeys]:
        """Still of a pushed type, and neither mapped, excluded nor about to be sent."""
        if not can_create(self.connection):
            return
        known = self.known
        free = known.creates.keys() - matched - known.taken_clients - known.under_way
        for record in self.adapter.records(free):
            if self.any_type or is_pushed(self.connection, record):
                yield keys_of(record)

    def _step(self, client: Party, found: match.Newcomers, labels: dict[str, str]) -> engine.Step:
        if client.key in found.alike:
            facts = _alike(found.alike[client.key], labels)
            return engine.stay(client, Case.Kind.ALIKE, facts)
        if client.key in found.parted:
            parted = [qbo_id for qbo_id, pk in self.known.removed if pk == client.key]
            customers = [{"qbo_id": one, "label": labels.get(one, one)} for one in sorted(parted)]
            return engine.stay(client, Case.Kind.ALIKE, {"customers": customers})
        if client.key in found.siblings:
            facts = {"sibling": found.siblings[client.key]}
            return engine.stay(client, Case.Kind.ALIKE, facts)
        if problems := rules.problems(client.contact.values(sorted(self.fields))):
            fields = sorted({problem.path.partition(".")[0] for problem in problems})
            facts = {"problems": problem_facts(problems), "fields": fields}
            return engine.stay(client, Case.Kind.UNSENDABLE, facts)
        return engine.add(client, self.fields)

    def _labels(self, found: match.Newcomers, pks: Sequence[str]) -> dict[str, str]:
        """qbo_id -> name, of the customers that these clients are like or were parted from."""
        named = {one.pk for pk in pks if pk in found.alike for one in found.alike[pk].candidates}
        named |= {qbo_id for qbo_id, pk in self.known.removed if pk in found.parted}
        rows = Customer.objects.filter(connection=self.connection, qbo_id__in=named)
        return {row.qbo_id: row.path for row in rows}


def _alike(review: Review, labels: dict[str, str]) -> dict[str, Any]:
    customers = [
        {
            "qbo_id": one.pk,
            "label": labels.get(one.pk, ""),
            "by": sorted(one.by),
            "taken": one.taken,
        }
        for one in review.candidates
    ]
    return {"customers": customers, "more": review.more}


def problem_facts(problems: Iterable[rules.Problem]) -> list[dict[str, Any]]:
    """What QuickBooks would refuse, as it is stored: each reader gets their own language."""
    with translation.override(None):
        return [
            {"path": one.path, "message": str(one.template), "numbers": dict(one.numbers)}
            for one in problems
        ]
