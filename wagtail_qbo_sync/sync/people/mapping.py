"""People say which customer is which client, or that a client is to be made of one.

Recorded at once, without the connection's lease (rule 10). What is to be written to clients
becomes a run of its own, which the worker applies; nothing here calls QuickBooks. Each
decision can be taken back (undo.py).
"""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from wagtail_qbo_sync import clock
from wagtail_qbo_sync.engine.plan import Party
from wagtail_qbo_sync.host.adapter import get_adapter
from wagtail_qbo_sync.models import Connection, Customer, Decision, Mapping, Run
from wagtail_qbo_sync.sync.records import cases, locked
from wagtail_qbo_sync.sync.records.by_hand import create_step, link_step
from wagtail_qbo_sync.sync.records.client_status import mapped_elsewhere
from wagtail_qbo_sync.sync.records.known import to_be_merged
from wagtail_qbo_sync.sync.records.locked import Refusal, first_come
from wagtail_qbo_sync.sync.records.runs import start_run

from .decide import answer, ask_for_sync, record

Kind = Decision.Kind


def map_customer(connection: Connection, qbo_id: str, client_pk: str, user: Any) -> Run:
    """C9, C14: this customer is this client. Raises Refusal.

    The client's synced fields are overwritten from QuickBooks if this is its first mapping;
    in a second company only blanks are filled (C13).
    """
    with first_come(), transaction.atomic():
        client = locked.client(client_pk)
        customer = locked.customer(connection, qbo_id)
        locked.refuse_mapped(connection, customer, client)
        _take_back(connection, qbo_id, client.key)
        return _link(customer, client, "map", user)


def move_mapping(connection: Connection, qbo_id: str, client_pk: str, user: Any) -> Run:
    """K8: this customer is this client, whoever the two were mapped to before. Raises Refusal.

    The matches that it replaces are kept as removed ones, so that no machine makes them again
    and `undo.undo_mapping` can put them back.
    """
    with first_come(), transaction.atomic():
        client = locked.client(client_pk)
        customer = locked.customer(connection, qbo_id)
        _take_back(connection, qbo_id, client.key)
        either = Q(qbo_id=qbo_id) | Q(client_pk=client.key)
        held = Mapping.objects.select_for_update().filter(either, connection=connection)
        replaced_by = {"qbo_id": qbo_id, "client_pk": client.key}
        for mapping in held.order_by("pk"):
            if (mapping.qbo_id, mapping.client_pk) == (qbo_id, client.key):
                raise Refusal(_("They are mapped to each other already."))
            _remove(mapping, user, replaced_by=replaced_by)
        return _link(customer, client, "move", user)


def _link(customer: Customer, client: Party, action: str, user: Any) -> Run:
    """Join the two; a run then writes the values."""
    connection, adapter = customer.connection, get_adapter()
    elsewhere = client.key in mapped_elsewhere(connection.pk, [client.key])
    Mapping.objects.create(
        connection=connection, qbo_id=customer.qbo_id, client_id=client.key, client_pk=client.key
    )
    answer(connection, [customer.qbo_id], user)
    cases.close_by_mapping(connection, {client.key: customer.qbo_id}, user)
    step = link_step(customer, client, adapter, elsewhere=elsewhere)
    names = {"customer": customer.path, "client": client.label}
    record(connection, action, user, qbo_id=customer.qbo_id, client_pk=client.key, **names)
    return start_run(connection, [step], user)


def create_client(connection: Connection, qbo_id: str, user: Any) -> Run:
    """C10: make a client of this customer, whatever it is like. Raises Refusal."""
    with transaction.atomic():
        customer = locked.customer(connection, qbo_id)
        locked.refuse_mapped(connection, customer)
        _take_back(connection, qbo_id)
        answer(connection, [qbo_id], user)
        adapter = get_adapter()
        step = create_step(customer, adapter)
        record(connection, "create", user, qbo_id=qbo_id, customer=customer.path)
        return start_run(connection, [step], user)


def remove_match(
    connection: Connection, qbo_id: str, user: Any, action: str = "remove_match"
) -> Mapping:
    """K8: they are not the same. Never matched again by machine; both wait for a person.

    Returns the mapping that was. Raises Refusal.
    """
    with transaction.atomic():
        mapping = locked.mapping(connection, qbo_id)
        _remove(mapping, user, action)
        return mapping


def put_match_back(connection: Connection, qbo_id: str, user: Any) -> None:
    """Undo `remove_match`: the pair goes on where it stood, with a merge. Raises Refusal."""
    removed = Decision.objects.filter(
        kind=Kind.REMOVED_MATCH, connection=connection, qbo_id=qbo_id
    ).order_by("-at", "-pk")
    if (latest := removed.first()) is None:
        raise Refusal(_("There is no removed match to put back."))
    restore_match(latest, user)


def restore_match(removed: Decision, user: Any) -> None:
    """Put this removed match back. Raises Refusal."""
    connection, qbo_id = removed.connection, removed.qbo_id
    with first_come(), transaction.atomic():
        client = locked.client(removed.client_pk)
        customer = locked.customer(connection, qbo_id, any_standing=True)
        if gone := merged_customer(removed):
            _asleep(connection, gone, removed.client_pk).delete()
        locked.refuse_mapped(connection, customer, client)
        Mapping.objects.create(
            connection=connection,
            qbo_id=qbo_id,
            client_id=client.key,
            client_pk=client.key,
            base=to_be_merged(removed.facts.get("base", {})),
            asleep=removed.facts.get("asleep", ""),
        )
        removed.delete()
        answer(connection, [gone] if gone else [], user)
        record(connection, "put_match_back", user, qbo_id=qbo_id, client_pk=client.key)
        ask_for_sync(connection, user)


def merged_customer(removed: Decision) -> str:
    """The customer of which a match had followed a merge (U7), "" for none."""
    followed: dict[str, str] = removed.facts.get("base", {}).get("followed", {})
    return followed.get("gone", "")


def _asleep(connection: Connection, qbo_id: str, client_pk: str) -> QuerySet[Mapping]:
    """The mapping to which such a match has gone back, and that follows again."""
    asleep = Mapping.objects.filter(connection=connection, asleep=Mapping.Asleep.INACTIVE)
    return asleep.filter(qbo_id=qbo_id, client_pk=client_pk)


def _remove(mapping: Mapping, user: Any, action: str = "remove_match", **facts: Any) -> None:
    """The match goes and is remembered, with what is needed to put it back."""
    about: dict[str, Any] = {"qbo_id": mapping.qbo_id, "client_pk": mapping.client_pk}
    Decision.objects.update_or_create(
        kind=Kind.REMOVED_MATCH,
        connection=mapping.connection,
        **about,
        defaults={
            "by": user,
            "at": clock.now(),
            "facts": {"base": mapping.base, "asleep": mapping.asleep, **facts},
        },
    )
    mapping.delete()
    answer(mapping.connection, [mapping.qbo_id], user)
    record(mapping.connection, action, user, **about)


def _take_back(connection: Connection, qbo_id: str, client_pk: str = "") -> None:
    """A new decision about a customer, or a client, replaces the Nos that were said before."""
    about = Decision.objects.filter(connection=connection)
    about.filter(qbo_id=qbo_id).delete()
    if client_pk:
        about.filter(kind=Kind.EXCLUDE_CLIENT, client_pk=client_pk).delete()
