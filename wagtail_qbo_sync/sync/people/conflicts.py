"""People settle what both sides changed, field by field or by a policy, and take it back (U4).

To settle a field is to pass over one side's value: that becomes the base of both sides, so
that the other side's value is a plain edit, which the next cycle carries over as the company's
directions allow. A value that is typed is an edit of the client. Recorded at once, under row
locks and without a lease (rule 10); an edit that comes after it makes a conflict anew.

The case is closed and keeps in facts["settled"] what is needed to take it back.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import partial
from typing import Any, NamedTuple

from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from wagtail_qbo_sync import clock
from wagtail_qbo_sync.contact import (
    Contact,
    Value,
    content_digest,
    fields_of,
    project,
    same,
    value_from_json,
    values_to_json,
)
from wagtail_qbo_sync.engine.merge import Conflict
from wagtail_qbo_sync.host.adapter import ClientRecord, Refused, get_adapter
from wagtail_qbo_sync.models import Case, Change, Connection, Customer
from wagtail_qbo_sync.models import Mapping as Mapped
from wagtail_qbo_sync.qbo import rules
from wagtail_qbo_sync.sync.records import cases, replaced
from wagtail_qbo_sync.sync.records.known import to_be_merged
from wagtail_qbo_sync.sync.records.locked import Outcome, Refusal

from .decide import ask_for_sync, record_many

CONFLICT = Case.Kind.CONFLICT
SIDES = ("site", "qbo")
NOTHING_LEFT = gettext_noop("There is no conflict to settle any more.")


class Take(StrEnum):
    """What a field is to say."""

    SITE = "site"
    QBO = "qbo"
    OTHER = "other"


class Choice(NamedTuple):
    """What a person wants of one field; `value` where it was typed."""

    take: Take
    value: Value = ""


class Moved(Exception):
    """These fields have changed since they were shown; nothing was recorded."""

    def __init__(self, fields: Iterable[str]) -> None:
        super().__init__()
        self.fields = frozenset(fields)


class Unfit(Exception):
    """A typed value that one side would not take; nothing was recorded.

    `problems`: contact path -> a sentence for people; "" for what is about no single field.
    """

    def __init__(self, problems: Mapping[str, str]) -> None:
        super().__init__()
        self.problems = problems


@dataclass(slots=True)
class Standing:
    """An open conflict as it stands now."""

    case: Case
    mapping: Mapped
    customer: Customer
    client: ClientRecord
    fields: dict[str, Conflict] = field(default_factory=dict)
    """Those that still say different things."""

    def stamp(self, name: str) -> str:
        """Another one, once either side says something else."""
        conflict = self.fields[name]
        return content_digest({"site": conflict.site, "qbo": conflict.qbo}, name)


def standing(case: Case) -> Standing | None:
    """An open conflict as it stands now; None where the pair is gone or asleep."""
    return next(iter(_standings(case.connection, [case.qbo_id])), None)


# Settling ---------------------------------------------------------------------------------------


def settle(
    connection: Connection,
    qbo_id: str,
    choices: Mapping[str, Choice],
    shown: Mapping[str, str],
    user: Any,
) -> Case:
    """Settle exactly these fields; what else is in conflict stays so. The case, now closed.

    `shown`: field -> the stamp of what the person saw. Raises Refusal, Moved and Unfit.
    """
    with transaction.atomic():
        found = next(iter(_standings(connection, [qbo_id], lock=True)), None)
        if found is None or not choices:
            raise Refusal(_(NOTHING_LEFT))
        if moved := [
            name
            for name in choices
            if name not in found.fields or shown.get(name) != found.stamp(name)
        ]:
            raise Moved(moved)
        typed = {name: one.value for name, one in choices.items() if one.take is Take.OTHER}
        after = _typed(found, typed, user).contact if typed else found.client.contact
        _settle(connection, [Settled(found, choices, after)], user)
        ask_for_sync(connection, user)
        return found.case


def settle_many(connection: Connection, qbo_ids: Sequence[str], user: Any, take: Take) -> Outcome:
    """Settle every field of these customers' conflicts by a policy. In a transaction."""
    found = [one for one in _standings(connection, qbo_ids, lock=True) if one.fields]
    decided = [
        Settled(one, dict.fromkeys(one.fields, Choice(take)), one.client.contact) for one in found
    ]
    _settle(connection, decided, user)
    outcome = Outcome()
    outcome.counts[f"{take}_wins"] = len(found)
    skip_others(outcome, connection, qbo_ids, {one.case.qbo_id for one in found}, NOTHING_LEFT)
    return outcome


def skip_others(
    outcome: Outcome, connection: Connection, qbo_ids: Iterable[str], done: set[str], why: str
) -> None:
    """Name the customers with whom nothing was done."""
    left = [qbo_id for qbo_id in qbo_ids if qbo_id not in done]
    for customer in Customer.objects.filter(connection=connection, qbo_id__in=left).order_by("pk"):
        outcome.skip(why, customer)


def write(
    about: Mapped | Case, before: ClientRecord, values: Mapping[str, Value], user: Any
) -> ClientRecord:
    """A person's edit of a client whose row is locked: noticed as any edit, and journalled.

    Raises Unfit.
    """
    adapter = get_adapter()
    client = adapter.lock([about.client_pk])[about.client_pk]
    written = adapter.attempt(partial(adapter.write, client, values))
    if isinstance(written, Refused):
        raise Unfit({written.field: written.message})
    was, now = (values_to_json(one.contact.values(values)) for one in (before, written))
    Change.objects.create(
        connection=about.connection,
        side=Change.Side.SITE,
        qbo_id=about.qbo_id,
        client_pk=about.client_pk,
        values={name: [was[name], now[name]] for name in values if was[name] != now[name]},
        actor=user,
        at=clock.now(),
    )
    return written


def _typed(found: Standing, values: Mapping[str, Value], user: Any) -> ClientRecord:
    """Write what was typed to the client, if QuickBooks would take it too."""
    if problems := rules.problems(values):
        raise Unfit({problem.path: problem.sentence for problem in problems})
    return write(found.mapping, found.client, values, user)


@dataclass(frozen=True, slots=True)
class Settled:
    """A conflict with what was chosen, and what the client says afterwards."""

    standing: Standing
    choices: Mapping[str, Choice]
    after: Contact

    def facts(self, notes: Mapping[str, Any]) -> dict[str, Any]:
        """Field -> what is needed to take it back. `notes`: `replaced.forget`."""
        base = self.standing.mapping.base
        after = values_to_json(self.after.values(self.choices))
        return {
            name: {
                "take": str(choice.take),
                "after": after[name],
                **_both(self.standing.fields[name], name),
                "base": {side: base[side][name] for side in SIDES if name in base.get(side, ())},
                "replaced": notes.get(name),
            }
            for name, choice in self.choices.items()
        }


def _settle(connection: Connection, decided: Sequence[Settled], user: Any) -> None:
    """Move the bases, close the cases, and ask anew about what is left."""
    notes = replaced.forget({one.standing.mapping.client_pk: one.choices for one in decided})
    left: list[cases.Opening] = []
    for one in decided:
        mapping, case, fields = one.standing.mapping, one.standing.case, one.standing.fields
        facts = one.facts(notes.get(mapping.client_pk, {}))
        passed_over = {
            name: told["site" if told["take"] == Take.QBO else "qbo"]
            for name, told in facts.items()
        }
        mapping.base = rebased(mapping.base, dict.fromkeys(SIDES, passed_over))
        case.facts |= {"settled": facts}
        cases.end(case, cases.DECIDED, user)
        if others := fields.keys() - facts.keys():
            left.append(opening(case, {name: _both(fields[name], name) for name in sorted(others)}))
    Mapped.objects.bulk_update([one.standing.mapping for one in decided], ["base"])
    Case.objects.bulk_update([one.standing.case for one in decided], cases.ENDING)
    cases.open_all(connection, left)
    record_many(connection, "settle", user, [_told(one) for one in decided])


def rebased(base: dict[str, Any], moved: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """The same base with other values (side -> field -> value; None: none), to be merged
    anew. What was computed from the former one does not hold any more."""
    sides = {side: base.get(side, {}) | dict(moved[side]) for side in SIDES}
    held = {
        side: {name: value for name, value in values.items() if value is not None}
        for side, values in sides.items()
    }
    return to_be_merged({**base, **held, "settled": clock.now().isoformat()})


def opening(case: Case, conflicts: Mapping[str, Any]) -> cases.Opening:
    """The question of a case, about these fields."""
    facts = {name: fact for name, fact in case.facts.items() if name != "settled"}
    return cases.Opening(
        CONFLICT, case.qbo_id, case.client_pk, facts | {"conflicts": dict(conflicts)}
    )


def _told(one: Settled) -> dict[str, Any]:
    """What Wagtail's log keeps of it."""
    return {
        "qbo_id": one.standing.case.qbo_id,
        "client_pk": one.standing.case.client_pk,
        "customer": one.standing.customer.path,
        "fields": {name: str(choice.take) for name, choice in one.choices.items()},
    }


def _both(conflict: Conflict, name: str) -> dict[str, Any]:
    """What the two sides say, as cases hold it."""
    return {side: values_to_json({name: getattr(conflict, side)})[name] for side in SIDES}


# Reading ----------------------------------------------------------------------------------------


def _standings(
    connection: Connection, qbo_ids: Sequence[str], *, lock: bool = False
) -> list[Standing]:
    """The open conflicts of these customers whose pair is there and awake.

    `lock`: clients first, then customers, mappings and cases (rule 10); in a transaction.
    """
    adapter = get_adapter()
    about: Any = {"connection": connection, "qbo_id__in": list(qbo_ids)}
    pairs = Mapped.objects.filter(**about, client__isnull=False, asleep=Mapped.Asleep.AWAKE)
    if lock:
        adapter.lock(sorted(set(pairs.values_list("client_pk", flat=True))))
    customers = {row.qbo_id: row for row in _rows(Customer.objects.filter(**about), lock)}
    mappings = {row.qbo_id: row for row in _rows(pairs, lock)}
    open_ones = Case.objects.filter(**about, kind=CONFLICT, open_key__isnull=False)
    keys = [mapping.client_pk for mapping in mappings.values()]
    clients = {record.pk: record for record in adapter.records(keys)}
    found = []
    for case in _rows(open_ones, lock):
        mapping, customer = mappings.get(case.qbo_id), customers.get(case.qbo_id)
        client = clients.get(mapping.client_pk) if mapping else None
        if mapping and customer and client and mapping.client_pk == case.client_pk:
            fields = _fields(case, mapping, customer, client)
            found.append(Standing(case, mapping, customer, client, fields))
    return found


def _rows(rows: Any, lock: bool) -> Any:
    return rows.select_for_update().order_by("pk") if lock else rows.order_by("pk")


def _fields(
    case: Case, mapping: Mapped, customer: Customer, client: ClientRecord
) -> dict[str, Conflict]:
    """The fields that were asked about and that differ now, as both sides say them."""
    paths = get_adapter().paths
    there = project(customer.contact, paths)
    names = [name for name in case.facts["conflicts"] if name in fields_of(paths)]

    def base(side: str, name: str) -> Value | None:
        held = mapping.base.get(side, {})
        return value_from_json(name, held[name]) if name in held else None

    return {
        name: Conflict(base("site", name), base("qbo", name), site, qbo)
        for name in names
        if not same(name, site := getattr(client.contact, name), qbo := getattr(there, name))
    }
