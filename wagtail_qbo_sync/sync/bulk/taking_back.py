"""About many customers: Include again, Exclude again, Remove match, Put it back.

Each comes to the same as its namesake for one customer, in exclusion.py and mapping.py, with as
many statements for a thousand as for one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from django.db.models import QuerySet
from django.utils.translation import gettext_noop

from wagtail_qbo_sync import clock
from wagtail_qbo_sync.compat import wide_statements
from wagtail_qbo_sync.host.adapter import get_adapter
from wagtail_qbo_sync.models import Connection, Customer, Decision, Mapping
from wagtail_qbo_sync.sync.people import exclusion, undo
from wagtail_qbo_sync.sync.people.decide import answer, record_many
from wagtail_qbo_sync.sync.people.mapping import merged_customer
from wagtail_qbo_sync.sync.records import cases
from wagtail_qbo_sync.sync.records.known import to_be_merged
from wagtail_qbo_sync.sync.records.locked import Outcome

from .choices import CLIENT_GONE, CLIENT_TAKEN, SETTLED, told_of

Kind = Decision.Kind
NOT_EXCLUDED = gettext_noop("It is not excluded.")
NOT_MAPPED = gettext_noop("It is not mapped.")
NOTHING_REMOVED = gettext_noop("There is no removed match to put back.")


def include(connection: Connection, qbo_ids: Sequence[str], user: Any) -> Outcome:
    """Excluded customers take part again."""
    customers = _locked(connection, qbo_ids)
    excluded = exclusion.set_aside(connection, qbo_ids)
    outcome = Outcome()
    fit = _fitting(customers, outcome, lambda one: "" if one in excluded else NOT_EXCLUDED)
    record_many(connection, "include_customer", user, told_of(fit))
    outcome.counts["include"] = len(fit)
    return outcome


def exclude_again(connection: Connection, qbo_ids: Sequence[str], user: Any) -> Outcome:
    """Undo `include`: each exclusion is that of whoever said it, a person or the policy."""
    customers = _locked(connection, qbo_ids)
    mapped = Mapping.objects.filter(connection=connection, qbo_id__in=list(qbo_ids))
    free = set(qbo_ids).difference(mapped.values_list("qbo_id", flat=True))
    excluded = exclusion.put_back(connection, sorted(free))
    outcome = Outcome()
    fit = _fitting(customers, outcome, lambda one: "" if one in excluded else SETTLED)
    answer(connection, sorted(excluded), user)
    record_many(connection, "exclude_customer", user, told_of(fit))
    outcome.counts["exclude"] = len(fit)
    return outcome


def remove_match(connection: Connection, qbo_ids: Sequence[str], user: Any) -> Outcome:
    """K8: these customers are not their clients. Never matched again by machine."""
    customers = _locked(connection, qbo_ids)
    rows = Mapping.objects.filter(connection=connection, qbo_id__in=list(qbo_ids))
    mappings = {row.qbo_id: row for row in rows.select_for_update().order_by("pk")}
    outcome = Outcome()
    fit = _fitting(customers, outcome, lambda one: "" if one in mappings else NOT_MAPPED)
    pairs = {(row.qbo_id, row.client_pk) for row in mappings.values()}
    said = Decision.objects.filter(
        connection=connection, kind=Kind.REMOVED_MATCH, qbo_id__in=list(mappings)
    )
    again = [pk for pk, *pair in said.values_list("pk", "qbo_id", "client_pk") if (*pair,) in pairs]
    said.filter(pk__in=again).delete()
    with wide_statements(Decision.objects.db):
        Decision.objects.bulk_create(
            Decision(
                kind=Kind.REMOVED_MATCH,
                connection=connection,
                qbo_id=mapping.qbo_id,
                client_pk=mapping.client_pk,
                by=user,
                at=clock.now(),
                facts={"base": mapping.base, "asleep": mapping.asleep},
            )
            for mapping in mappings.values()
        )
    rows.delete()
    cases.answer(connection, list(mappings), user)
    about = [told | {"client_pk": mappings[told["qbo_id"]].client_pk} for told in told_of(fit)]
    record_many(connection, "remove_match", user, about)
    outcome.counts["remove_match"] = len(fit)
    return outcome


def go_back(connection: Connection, qbo_ids: Sequence[str], user: Any) -> Outcome:
    """U7: mappings that followed a merge go back to the customers that were merged, and sleep."""
    pairs = list(Mapping.objects.filter(connection=connection, qbo_id__in=list(qbo_ids)))
    outcome = remove_match(connection, qbo_ids, user)
    undo.restore_followed(connection, pairs)
    return outcome


def put_match_back(connection: Connection, qbo_ids: Sequence[str], user: Any) -> Outcome:
    """Undo `remove_match`: each pair goes on where it stood, with a merge. One that had gone back
    to a customer that was merged follows again."""
    wanted = _removed(connection, qbo_ids)
    clients = get_adapter().lock(sorted({one.client_pk for one in wanted.values()}))
    customers = _locked(connection, qbo_ids)
    removed = _removed(connection, qbo_ids)
    theirs = Mapping.objects.filter(connection=connection)
    asleep = _asleep_instead(theirs, removed)
    held = theirs.filter(client_pk__in=list(clients)).exclude(pk__in=asleep.values())
    taken = set(held.values_list("client_pk", flat=True))
    settled = set(theirs.filter(qbo_id__in=list(qbo_ids)).values_list("qbo_id", flat=True))

    def objection(qbo_id: str) -> str:
        if qbo_id in settled:
            return SETTLED
        if qbo_id not in removed:
            return NOTHING_REMOVED
        pk = removed[qbo_id].client_pk
        if pk not in clients:
            return CLIENT_GONE
        if pk in taken:
            return CLIENT_TAKEN
        taken.add(pk)
        return ""

    outcome = Outcome()
    fit = _fitting(customers, outcome, objection)
    back = [removed[customer.qbo_id] for customer in fit]
    theirs.filter(pk__in=[asleep[one.qbo_id] for one in back if one.qbo_id in asleep]).delete()
    cases.answer(connection, [gone for one in back if (gone := merged_customer(one))], user)
    with wide_statements(Mapping.objects.db):
        Mapping.objects.bulk_create(
            Mapping(
                connection=connection,
                qbo_id=one.qbo_id,
                client_id=clients[one.client_pk].pk,
                client_pk=one.client_pk,
                base=to_be_merged(one.facts.get("base", {})),
                asleep=one.facts.get("asleep", ""),
            )
            for one in back
        )
    Decision.objects.filter(pk__in=[one.pk for one in back]).delete()
    about = [told | {"client_pk": removed[told["qbo_id"]].client_pk} for told in told_of(fit)]
    record_many(connection, "put_match_back", user, about)
    outcome.counts["put_match_back"] = len(fit)
    return outcome


def _asleep_instead(theirs: QuerySet[Mapping], removed: dict[str, Decision]) -> dict[str, int]:
    """qbo_id -> the key of the mapping to which its match has gone back."""
    merged = {merged_customer(one): one for one in removed.values() if merged_customer(one)}
    rows = theirs.filter(qbo_id__in=list(merged), asleep=Mapping.Asleep.INACTIVE)
    return {
        merged[row.qbo_id].qbo_id: row.pk
        for row in rows
        if row.client_pk == merged[row.qbo_id].client_pk
    }


def _removed(connection: Connection, qbo_ids: Sequence[str]) -> dict[str, Decision]:
    """qbo_id -> the match of it that was removed last."""
    rows = Decision.objects.filter(
        connection=connection, kind=Kind.REMOVED_MATCH, qbo_id__in=list(qbo_ids)
    )
    return {row.qbo_id: row for row in rows.order_by("at", "pk")}


def _locked(connection: Connection, qbo_ids: Sequence[str]) -> list[Customer]:
    """The customers, their rows locked, in their order (rule 10)."""
    rows = Customer.objects.filter(connection=connection, qbo_id__in=list(qbo_ids))
    return list(rows.select_for_update().order_by("pk"))


def _fitting(
    customers: Iterable[Customer], outcome: Outcome, objection: Callable[[str], str]
) -> list[Customer]:
    """Those to whom nothing objects; the others are named in the outcome."""
    fit = []
    for customer in customers:
        if why := objection(customer.qbo_id):
            outcome.skip(why, customer)
        else:
            fit.append(customer)
    return fit
