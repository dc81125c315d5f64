"""People say that a customer or a client takes no part, and that it does again.

Recorded at once, without the connection's lease, as in mapping.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext as _

from wagtail_qbo_sync import clock
from wagtail_qbo_sync.models import Case, Connection, Decision, Mapping
from wagtail_qbo_sync.sync.records import cases, locked
from wagtail_qbo_sync.sync.records.known import to_be_merged
from wagtail_qbo_sync.sync.records.locked import Refusal

from .decide import answer, ask_for_sync, record

Kind = Decision.Kind
NOT_ERASED = Q(facts__erased__isnull=True)
"""The exclusion of somebody who was erased stays until `erase.allow_again` (U17)."""

# Excluding ----------------------------------------------------------------------------------


def exclude_customer(connection: Connection, qbo_id: str, user: Any) -> None:
    """C11: the customer takes no part until it is included again. Raises Refusal."""
    with transaction.atomic():
        locked.refuse_mapped(connection, locked.customer(connection, qbo_id, any_standing=True))
        is_new = _say(Kind.EXCLUDE_CUSTOMER, connection, user, qbo_id=qbo_id)
        answer(connection, [qbo_id], user)
        if is_new:
            record(connection, "exclude_customer", user, qbo_id=qbo_id)


def include_customer(connection: Connection, qbo_id: str, user: Any) -> None:
    """Undo `exclude_customer`, or what the policy said (U1)."""
    with transaction.atomic():
        if set_aside(connection, [qbo_id]):
            record(connection, "include_customer", user, qbo_id=qbo_id)


def exclude_again(connection: Connection, qbo_id: str, user: Any) -> None:
    """Undo `include_customer`: the exclusion is that of whoever said it. Raises Refusal."""
    with transaction.atomic():
        locked.refuse_mapped(connection, locked.customer(connection, qbo_id, any_standing=True))
        if not put_back(connection, [qbo_id]):
            raise Refusal(_("There is no exclusion to put back."))
        answer(connection, [qbo_id], user)
        record(connection, "exclude_customer", user, qbo_id=qbo_id)


def set_aside(connection: Connection, qbo_ids: Sequence[str]) -> set[str]:
    """These exclusions hold no more, and are kept for `put_back`. Whom they were about; nobody who
    was erased (U17)."""
    about = Decision.objects.filter(connection=connection, qbo_id__in=list(qbo_ids))
    said = about.filter(NOT_ERASED, kind=Kind.EXCLUDE_CUSTOMER)
    excluded = set(said.values_list("qbo_id", flat=True))
    about.filter(kind=Kind.INCLUDED, qbo_id__in=excluded).delete()
    said.update(kind=Kind.INCLUDED)
    return excluded


def put_back(connection: Connection, qbo_ids: Sequence[str]) -> set[str]:
    """Undo `set_aside`, but for whom somebody has excluded since. Whom it is about."""
    about = Decision.objects.filter(connection=connection, qbo_id__in=list(qbo_ids))
    said = about.filter(kind__in=[Kind.EXCLUDE_CUSTOMER, Kind.INCLUDED])
    kinds: dict[str, set[str]] = {}
    for qbo_id, kind in said.values_list("qbo_id", "kind"):
        kinds.setdefault(qbo_id, set()).add(kind)
    kept = {qbo_id for qbo_id, found in kinds.items() if found == {Kind.INCLUDED}}
    about.filter(kind=Kind.INCLUDED, qbo_id__in=kept).update(kind=Kind.EXCLUDE_CUSTOMER)
    return kept


def exclude_client(connection: Connection, client_pk: str, user: Any) -> None:
    """C14: the client is never matched or pushed in this company. Raises Refusal."""
    with transaction.atomic():
        client = locked.client(client_pk)
        if Mapping.objects.filter(connection=connection, client_pk=client.key).exists():
            raise Refusal(
                _("“%s” is mapped. Remove the match or disconnect it first.") % client.label
            )
        is_new = _say(Kind.EXCLUDE_CLIENT, connection, user, client_pk=client.key)
        cases.close_of_clients(connection, [client.key], user)
        if is_new:
            record(connection, "exclude_client", user, client_pk=client.key, client=client.label)


def include_client(connection: Connection, client_pk: str, user: Any) -> None:
    """Undo `exclude_client`."""
    with transaction.atomic():
        if _unsay(Kind.EXCLUDE_CLIENT, connection, client_pk=client_pk):
            record(connection, "include_client", user, client_pk=client_pk)


# One client's sync --------------------------------------------------------------------------


def disconnect_client(connection: Connection, client_pk: str, user: Any) -> None:
    """C16, red X: the pair is kept but sleeps; nothing of it is read or written."""
    with transaction.atomic():
        _put_to_sleep(connection, locked.mapping_of_client(connection, client_pk), user)


def disconnect_customer(connection: Connection, qbo_id: str, user: Any) -> None:
    """The same of the pair that this customer is in."""
    with transaction.atomic():
        _put_to_sleep(connection, locked.mapping(connection, qbo_id), user)


def reconnect_client(connection: Connection, client_pk: str, user: Any) -> None:
    """Undo `disconnect_client`: the pair wakes with a merge."""
    with transaction.atomic():
        _wake(connection, locked.mapping_of_client(connection, client_pk), user)


def reconnect_customer(connection: Connection, qbo_id: str, user: Any) -> None:
    """The same of the pair that this customer is in."""
    with transaction.atomic():
        _wake(connection, locked.mapping(connection, qbo_id), user)


# Helpers ------------------------------------------------------------------------------------


def _put_to_sleep(connection: Connection, mapping: Mapping, user: Any) -> None:
    if mapping.asleep == Mapping.Asleep.DISCONNECTED:
        return
    mapping.asleep = Mapping.Asleep.DISCONNECTED
    mapping.save(update_fields=["asleep"])
    cases.close_all(connection, Case.Kind.CONFLICT, [mapping.qbo_id])
    about = {"client_pk": mapping.client_pk, "qbo_id": mapping.qbo_id}
    record(connection, "disconnect_client", user, **about)


def _wake(connection: Connection, mapping: Mapping, user: Any) -> None:
    if mapping.asleep != Mapping.Asleep.DISCONNECTED:
        return
    mapping.asleep = Mapping.Asleep.AWAKE
    mapping.base = to_be_merged(mapping.base)
    mapping.save(update_fields=["asleep", "base"])
    about = {"client_pk": mapping.client_pk, "qbo_id": mapping.qbo_id}
    record(connection, "reconnect_client", user, **about)
    ask_for_sync(connection, user)


def _say(
    kind: str, connection: Connection, user: Any, qbo_id: str = "", client_pk: str = ""
) -> bool:
    """Whether nobody has said so before: a second click changes nothing, nor who said it. What
    the policy said is the person's from now on."""
    about = {"kind": kind, "connection": connection, "qbo_id": qbo_id, "client_pk": client_pk}
    said = {"by": user, "by_policy": False, "at": clock.now()}
    if Decision.objects.get_or_create(**about, defaults=said)[1]:
        return True
    return bool(Decision.objects.filter(**about, by_policy=True).update(**said))


def _unsay(kind: str, connection: Connection, **about: str) -> bool:
    """Whether it had been said."""
    return bool(Decision.objects.filter(kind=kind, connection=connection, **about).delete()[0])
