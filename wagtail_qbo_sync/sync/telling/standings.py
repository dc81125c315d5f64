"""Where one client stands in each company (C16). Reads only."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import reduce
from operator import or_
from typing import Any

from django.db.models import Max, Q
from django.db.models import TextChoices as Choices
from django.utils.translation import gettext_lazy as _

from wagtail_qbo_sync.models import Case, Change, Connection, Customer, Mapping
from wagtail_qbo_sync.sync.people.creation import Creation, is_offered, waiting
from wagtail_qbo_sync.sync.records.client_status import EXCLUSIONS, ClientStatus
from wagtail_qbo_sync.sync.records.status import ConnectionState, connection_state

TROUBLES = (Case.Kind.CONFLICT, Case.Kind.REFUSED)
"""Open questions of a pair, the most telling first."""


class Pair(Choices):
    """How the pair of a mapped client does."""

    IN_SYNC = "", _("Mapped")
    LINKING = "linking", _("Mapped, about to be synced")
    CONFLICT = "conflict", _("Mapped, changed on both sides")
    REFUSED = "refused", _("Mapped, refused by the site")
    INACTIVE = "inactive", _("Mapped, inactive in QuickBooks")
    GONE = "gone", _("Mapped, no longer in QuickBooks")


@dataclass(frozen=True, slots=True)
class Standing:
    """One client in one company."""

    connection: Connection
    company: ConnectionState
    status: ClientStatus
    pair: Pair = Pair.IN_SYNC
    """Of a client that is mapped; said of no other."""
    customer: Customer | None = None
    """None where it is not mapped, or where the mirror was deleted."""
    qbo_id: str = ""
    creation: Creation = Creation.NO
    differs: tuple[str, ...] = ()
    """Fields whose difference a direction leaves standing (U2)."""


def standings(client_pk: Any) -> list[Standing]:
    """The client in every company, by name: seven queries, however many companies there are."""
    connections = Connection.objects.select_related("state", "token").order_by("company_name", "pk")
    mappings = {row.connection_id: row for row in Mapping.objects.filter(client=client_pk)}
    customers = {row.connection_id: row for row in _customers(mappings.values())}
    troubles = _troubles(mappings.values())
    said = EXCLUSIONS.filter(client_pk=client_pk)
    waits = {pk for pk, _client in waiting(connections, [str(client_pk)])}
    excluded = set(said.values_list("connection", flat=True))
    return [
        _standing(
            connection,
            mappings.get(connection.pk),
            customers.get(connection.pk),
            troubles.get(connection.pk, set()),
            is_excluded=connection.pk in excluded,
            is_being_created=connection.pk in waits,
        )
        for connection in connections
    ]


def last_pulled(client_pk: str) -> int:
    """Number of the last entry in the journal that a sync wrote to this client, 0 for none."""
    written = Change.objects.filter(client_pk=client_pk, side=Change.Side.SITE)
    return written.aggregate(last=Max("pk"))["last"] or 0


def _standing(
    connection: Connection,
    mapping: Mapping | None,
    customer: Customer | None,
    troubles: set[str],
    *,
    is_excluded: bool,
    is_being_created: bool,
) -> Standing:
    company = connection_state(connection)
    if mapping is None:
        if is_excluded:
            return Standing(connection, company, ClientStatus.EXCLUDED)
        offered = Creation.OFFERED if is_offered(connection) else Creation.NO
        creation = Creation.WAITS if is_being_created else offered
        return Standing(connection, company, ClientStatus.UNMAPPED, creation=creation)
    if mapping.asleep == Mapping.Asleep.DISCONNECTED:
        status, pair = ClientStatus.DISCONNECTED, Pair.IN_SYNC
    else:
        status, pair = ClientStatus.MAPPED, _pair(mapping, customer, troubles)
    differs = tuple(sorted(mapping.base.get("silent", ()))) if not mapping.asleep else ()
    return Standing(connection, company, status, pair, customer, mapping.qbo_id, differs=differs)


def _pair(mapping: Mapping, customer: Customer | None, troubles: set[str]) -> Pair:
    if mapping.asleep == Mapping.Asleep.INACTIVE:
        is_gone = customer is not None and customer.standing == Customer.Standing.GONE
        return Pair.GONE if is_gone else Pair.INACTIVE
    for kind in TROUBLES:
        if kind in troubles:
            return Pair(kind.value)
    return Pair.IN_SYNC if mapping.base else Pair.LINKING


def _customers(mappings: Iterable[Mapping]) -> Iterable[Customer]:
    pairs = [Q(connection=row.connection_id, qbo_id=row.qbo_id) for row in mappings]
    return Customer.objects.filter(reduce(or_, pairs)) if pairs else Customer.objects.none()


def _troubles(mappings: Iterable[Mapping]) -> dict[int, set[str]]:
    """Connection -> kinds of cases that are open about its pair."""
    keys = [Case.key(kind, row.connection_id, row.qbo_id) for row in mappings for kind in TROUBLES]
    found: dict[int, set[str]] = {}
    for connection, kind in Case.objects.filter(open_key__in=keys).values_list(
        "connection", "kind"
    ):
        found.setdefault(connection, set()).add(kind)
    return found
