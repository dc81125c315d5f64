"""Taking back how a conflict was settled: it is open again, and the client says what it said.

Not where QuickBooks says something else by now: what was sent to it stays (U5), and so does
what anybody has edited since.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from wagtail_qbo_sync.contact import Value, project, same, value_from_json
from wagtail_qbo_sync.engine.plan import Ask
from wagtail_qbo_sync.host.adapter import ClientRecord, get_adapter
from wagtail_qbo_sync.models import Case, Connection, Customer
from wagtail_qbo_sync.models import Mapping as Mapped
from wagtail_qbo_sync.sync.records import cases, outbox, replaced
from wagtail_qbo_sync.sync.records.locked import Outcome, Refusal

from .conflicts import CONFLICT, SIDES, Unfit, opening, rebased, skip_others, write
from .decide import ask_for_sync, record_many

SETTLED = Case.objects.filter(kind=CONFLICT, open_key=None, facts__has_key="settled")
"""What a person or a decision about many has settled."""
TOO_LATE = gettext_noop("It has been sent to QuickBooks, or edited since.")


@dataclass(slots=True)
class Reopened:
    """A settled conflict: the fields that are in conflict again, and those that stay."""

    case: Case
    fields: list[str] = field(default_factory=list)
    left: list[str] = field(default_factory=list)


def reopen(case: Case, user: Any) -> Reopened:
    """Take back what a person settled with this case. Raises Refusal."""
    with transaction.atomic():
        found = _reopen(case.connection, [case.pk], user)
        if not found or not found[0].fields:
            raise Refusal(_(TOO_LATE))
        ask_for_sync(case.connection, user)
        return found[0]


def reopen_many(connection: Connection, qbo_ids: Sequence[str], user: Any) -> Outcome:
    """Take back how the conflicts of these customers were settled last. In a transaction."""
    settled = SETTLED.filter(connection=connection, qbo_id__in=list(qbo_ids))
    latest = dict(settled.order_by("closed_at", "pk").values_list("qbo_id", "pk"))
    done = [one for one in _reopen(connection, list(latest.values()), user) if one.fields]
    outcome = Outcome()
    outcome.counts["unsettle"] = len(done)
    skip_others(outcome, connection, qbo_ids, {one.case.qbo_id for one in done}, TOO_LATE)
    return outcome


def _reopen(connection: Connection, pks: Sequence[int], user: Any) -> list[Reopened]:
    """Clients first, then customers, mappings and cases are locked (rule 10)."""
    adapter = get_adapter()
    about = dict(Case.objects.filter(pk__in=pks).values_list("qbo_id", "client_pk"))
    adapter.lock(sorted(set(about.values())))
    ours: Any = {"connection": connection, "qbo_id__in": list(about)}
    customers = _by_id(Customer.objects.filter(**ours))
    mappings = _by_id(Mapped.objects.filter(**ours, asleep=Mapped.Asleep.AWAKE))
    clients = {record.pk: record for record in adapter.records(about.values())}
    on_the_way = set(outbox.on_the_way(connection).values_list("client_pk", flat=True))
    asked = cases.asked(connection, about)
    done: list[_Pair] = []
    for case in Case.objects.filter(pk__in=pks).select_for_update().order_by("pk"):
        mapping, client = mappings.get(case.qbo_id), clients.get(case.client_pk)
        if mapping and client and mapping.client_pk == client.pk and client.pk not in on_the_way:
            pair = _Pair(case, mapping, customers[case.qbo_id], client)
            pair.put_back(user)
            done.append(pair)
    replaced.note_again({pair.client.pk: pair.notes for pair in done if pair.notes})
    Mapped.objects.bulk_update([pair.mapping for pair in done], ["base"])
    Case.objects.bulk_update([pair.case for pair in done], ["facts"])
    again = [pair for pair in done if pair.fields]
    cases.open_all(connection, [pair.question(asked) for pair in again])
    record_many(connection, "reopen", user, [pair.told() for pair in again])
    return [Reopened(pair.case, pair.fields, pair.left) for pair in done]


def _by_id(rows: Any) -> dict[str, Any]:
    return {row.qbo_id: row for row in rows.select_for_update().order_by("pk")}


@dataclass(slots=True)
class _Pair:
    """A settled conflict, its rows locked."""

    case: Case
    mapping: Mapped
    customer: Customer
    client: ClientRecord
    fields: list[str] = field(default_factory=list)
    left: list[str] = field(default_factory=list)
    notes: dict[str, Any] = field(default_factory=dict)
    conflicts: dict[str, Any] = field(default_factory=dict)

    def put_back(self, user: Any) -> None:
        """Move the bases back, and write to the client what it said."""
        settled: dict[str, Any] = self.case.facts.get("settled", {})
        values = {name: value_from_json(name, was["site"]) for name, was in settled.items()}
        for name, was in settled.items():
            (self.fields if self._stands(name, was) else self.left).append(name)
        if not self.fields:
            return
        differing = {
            name: values[name]
            for name in self.fields
            if not same(name, values[name], getattr(self.client.contact, name))
        }
        try:
            if differing:
                write(self.mapping, self.client, differing, user)
        except Unfit:  # the site does not take any more what it held
            self.fields, self.left = [], [*settled]
            return
        self.mapping.base = rebased(
            self.mapping.base,
            {
                side: {name: settled[name]["base"].get(side) for name in self.fields}
                for side in SIDES
            },
        )
        self.notes = {name: note for name in self.fields if (note := settled[name]["replaced"])}
        kept = {name: was for name, was in settled.items() if name not in self.fields}
        self.conflicts = {
            name: {side: settled[name][side] for side in SIDES} for name in self.fields
        }
        self.case.facts |= {"settled": kept}

    def _stands(self, name: str, was: Mapping[str, Any]) -> bool:
        """Whether QuickBooks still says what it said, and nobody edited the client since."""
        there = project(self.customer.contact, get_adapter().paths)
        if not same(name, getattr(there, name), value_from_json(name, was["qbo"])):
            return False
        held: Value = getattr(self.client.contact, name)
        agreed = self.mapping.base.get("site", {}).get(name, was["after"])
        ours = (was["site"], was["after"], agreed)
        return any(same(name, held, value_from_json(name, one)) for one in ours)

    def question(self, asked: Mapping[str, Any]) -> cases.Opening:
        """The conflict as it was asked, together with what is asked by now."""
        now = asked.get(self.case.qbo_id, {}).get(Ask.CONFLICT, {}).get("conflicts", {})
        return opening(self.case, now | self.conflicts)

    def told(self) -> dict[str, Any]:
        """What Wagtail's log keeps of it."""
        return {
            "qbo_id": self.case.qbo_id,
            "client_pk": self.case.client_pk,
            "customer": self.customer.path,
            "fields": self.fields,
        }
