"""Where each client of the site stands in one company (C7, C14, C16). Reads only."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

from django.db.models import Case as Choose
from django.db.models import (
    CharField,
    Count,
    Exists,
    Model,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    Value,
    When,
)
from django.db.models import TextChoices as Choices
from django.utils.translation import gettext_lazy as _

from wagtail_qbo_sync.host.adapter import get_adapter
from wagtail_qbo_sync.host.keys import as_key
from wagtail_qbo_sync.models import Case, Connection, Customer, Decision, Mapping

EXCLUSIONS = Decision.objects.filter(kind=Decision.Kind.EXCLUDE_CLIENT)


class ClientStatus(Choices):
    """Where a client stands."""

    MAPPED = "mapped", _("Mapped")
    DISCONNECTED = "disconnected", _("Mapped, disconnected")
    UNMAPPED = "unmapped", _("Not mapped")
    EXCLUDED = "excluded", _("Excluded")


def with_client_status(clients: QuerySet[Any], connection: Connection) -> QuerySet[Any]:
    """The host's clients, with `qbo_status` (ClientStatus) and `qbo_id` of their customer.

    Joined in the database: neither mappings nor exclusions pass through memory.
    """
    mappings = Mapping.objects.filter(connection=connection, client=OuterRef("pk"))
    annotated: QuerySet[Any] = clients.annotate(
        qbo_id=Subquery(mappings.values("qbo_id")[:1]),
        qbo_status=status_in(connection, clients.model),
    )
    return annotated


def status_in(connection: Connection, model: type[Model]) -> Choose:
    """Where a client stands in a company, as an expression over the host's model."""
    mappings = Mapping.objects.filter(connection=connection, client=OuterRef("pk"))
    disconnected = mappings.filter(asleep=Mapping.Asleep.DISCONNECTED)
    return Choose(
        When(Exists(disconnected), then=Value(ClientStatus.DISCONNECTED.value)),
        When(Exists(mappings), then=Value(ClientStatus.MAPPED.value)),
        When(_excluded(model, connection), then=Value(ClientStatus.EXCLUDED.value)),
        default=Value(ClientStatus.UNMAPPED.value),
        output_field=CharField(),
    )


def client_statuses(
    connections: Iterable[Connection], pks: Collection[str] | None = None
) -> dict[tuple[int, str], ClientStatus]:
    """(connection, client) -> status, of those that are mapped or excluded. Two queries.

    `pks`: the rows of a page that the host has fetched; None for all clients.
    """
    about: dict[str, Any] = {"connection__in": list(connections)}
    if pks is not None:
        about["client_pk__in"] = pks
    excluded = EXCLUSIONS.filter(**about).values_list("connection_id", "client_pk")
    mapped = Mapping.objects.filter(**about).values_list("connection_id", "client_pk", "asleep")
    return {
        **dict.fromkeys(excluded, ClientStatus.EXCLUDED),
        **{(connection, pk): _of_mapping(asleep) for connection, pk, asleep in mapped},
    }


def in_conflict(
    connections: Iterable[Connection], pks: Collection[str] | None = None
) -> dict[tuple[int, str], int]:
    """(connection, client) -> the customer (its row's key) with whom it is in conflict. One query.

    `pks`: as of `client_statuses`.
    """
    customers = Customer.objects.filter(
        connection=OuterRef("connection"), qbo_id=OuterRef("qbo_id")
    )
    cases = Case.objects.filter(
        connection__in=list(connections), kind=Case.Kind.CONFLICT, open_key__isnull=False
    )
    if pks is not None:
        cases = cases.filter(client_pk__in=pks)
    found = cases.annotate(customer_pk=Subquery(customers.values("pk")[:1]))
    rows = found.filter(customer_pk__isnull=False)
    return {
        (connection, pk): customer
        for connection, pk, customer in rows.values_list(
            "connection_id", "client_pk", "customer_pk"
        )
    }


def taken_clients(connection: Connection, pks: Collection[str] | None = None) -> set[str]:
    """Clients, or those of some, that no customer of this company can be mapped to (K8, C14)."""
    return {pk for _, pk in client_statuses([connection], pks)}


def mapped_elsewhere(connection_id: int, pks: Iterable[str]) -> set[str]:
    """Those of some clients that another company has mapped (C13)."""
    others = Mapping.objects.exclude(connection=connection_id)
    held = others.filter(client__isnull=False, client_pk__in=list(pks))
    return set(held.values_list("client_pk", flat=True))


def taken_by(connection: Connection, pks: Collection[str]) -> tuple[dict[str, str], set[str]]:
    """Of some clients: key -> the customer that holds it, and the keys of those excluded."""
    mappings = Mapping.objects.filter(connection=connection, client_pk__in=pks)
    holds = dict(mappings.values_list("client_pk", "qbo_id"))
    rows = Customer.objects.filter(connection=connection, qbo_id__in=holds.values())
    names = {customer.qbo_id: customer.path for customer in rows}
    excluded = EXCLUSIONS.filter(connection=connection, client_pk__in=pks)
    taken = {pk: names.get(qbo_id, qbo_id) for pk, qbo_id in holds.items()}
    return taken, set(excluded.values_list("client_pk", flat=True))


def count_clients(clients: QuerySet[Any], connection: Connection) -> dict[str, int]:
    """ClientStatus value -> how many of these clients, in one query."""
    rows = (
        with_client_status(clients, connection)
        .order_by()
        .values_list("qbo_status")
        .annotate(count=Count("pk"))
    )
    return dict.fromkeys(ClientStatus.values, 0) | dict(rows)


def count_unmapped_by_type(connection: Connection) -> dict[str, int]:
    """Key of a Contact Type -> clients of it that are neither mapped nor excluded (K12)."""
    adapter = get_adapter()
    clients = with_client_status(adapter.queryset(), connection)
    return adapter.contact_types.count(clients.filter(qbo_status=ClientStatus.UNMAPPED))


def _of_mapping(asleep: str) -> ClientStatus:
    by_person = asleep == Mapping.Asleep.DISCONNECTED
    return ClientStatus.DISCONNECTED if by_person else ClientStatus.MAPPED


def _excluded(model: type[Model], connection: Connection) -> Q:
    said = EXCLUSIONS.filter(connection=connection)
    keys = said.annotate(key=as_key("client_pk", model)).values("key")
    return Q(pk__in=Subquery(keys))
