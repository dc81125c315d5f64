"""Erasing one person (U17): nothing of a customer stays but an exclusion with its QBO id, and
one of its client, which an edit would make a customer again otherwise (K13, K14).

The client on the site is the host's, as is the customer in QuickBooks; both stay.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.contrib.contenttypes.models import ContentType
from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext as _
from wagtail.models import ModelLogEntry

from wagtail_qbo_sync import clock
from wagtail_qbo_sync.models import (
    Case,
    Change,
    Connection,
    Customer,
    Decision,
    Difference,
    Footprint,
    ImportRow,
    Mapping,
    Outbox,
    Send,
    SingleSync,
    Step,
)

from . import outbox
from .decide import record
from .locked import Refusal

ERASED = {"erased": True}
"""Facts of the exclusion that stays; a pull stores nothing of such a customer."""
Kind = Decision.Kind


def erase(connection: Connection, qbo_id: str, user: Any) -> None:
    """Delete what we hold of this customer: mirror, mapping, journal, steps, cases, decisions.

    Raises Refusal while something of it is on its way to QuickBooks, and for an unknown one.
    """
    about = {"connection": connection, "qbo_id": qbo_id}
    with transaction.atomic():
        mirror = Customer.objects.select_for_update().filter(**about)
        if mirror.first() is None and not Change.objects.filter(**about).exists():
            raise Refusal(_("Nothing is stored of a customer with the ID %s.") % qbo_id)
        if outbox.on_the_way(connection).filter(qbo_id=qbo_id).exists():
            raise Refusal(_("A change is on its way to QuickBooks. Try again when it has arrived."))
        _blank_sends(connection, qbo_id)
        mapped = set(Mapping.objects.filter(**about).values_list("client_pk", flat=True))
        parted = Decision.objects.filter(kind=Kind.REMOVED_MATCH, **about)
        clients = mapped | set(parted.values_list("client_pk", flat=True))
        Footprint.objects.filter(client_pk__in=mapped).update(replaced={})
        ImportRow.objects.filter(client_pk__in=clients).update(said={}, why="", about={})
        Step.objects.filter(run__connection=connection, qbo_id=qbo_id).delete()
        Difference.objects.filter(comparison__connection=connection, qbo_id=qbo_id).delete()
        for model in (Mapping, Change, Case, Decision, Outbox, SingleSync, Customer):
            model._base_manager.filter(**about).delete()
        _blank_log(connection, qbo_id)
        Decision.objects.create(
            kind=Kind.EXCLUDE_CUSTOMER, facts=ERASED, by=user, at=clock.now(), **about
        )
        _exclude_clients(connection, qbo_id, clients, user)
        record(connection, "erase", user, qbo_id=qbo_id)


def allow_again(connection: Connection, qbo_id: str, user: Any) -> bool:
    """The next full reading may store this customer again, and its client takes part again.

    False if it was not erased.
    """
    with transaction.atomic():
        erased = erased_ones(connection).filter(qbo_id=qbo_id)
        if not erased.delete()[0]:
            return False
        Decision.objects.filter(
            connection=connection, kind=Kind.EXCLUDE_CLIENT, facts__erased=qbo_id
        ).delete()
        record(connection, "include_customer", user, qbo_id=qbo_id)
    return True


def erased_ones(connection: Connection) -> Any:
    """The exclusions that stay of erased customers."""
    return Decision.objects.filter(
        connection=connection, kind=Kind.EXCLUDE_CUSTOMER, facts__erased=True
    )


def _exclude_clients(
    connection: Connection, qbo_id: str, client_pks: Iterable[str], user: Any
) -> None:
    """Those it was mapped to, or was once. A client that a person has excluded stays that."""
    for pk in client_pks:
        Decision.objects.get_or_create(
            connection=connection,
            kind=Kind.EXCLUDE_CLIENT,
            qbo_id="",
            client_pk=pk,
            defaults={"facts": {"erased": qbo_id}, "by": user, "at": clock.now()},
        )


def _blank_sends(connection: Connection, qbo_id: str) -> None:
    """A batch holds others too: what was sent is over, so its body is not needed any more."""
    rows = Outbox.objects.filter(connection=connection, qbo_id=qbo_id)
    Send.objects.filter(is_open=False, rows__in=rows).update(body="")


def _blank_log(connection: Connection, qbo_id: str) -> None:
    """Who decided what stays in Wagtail's log; names do not."""
    company = Q(
        content_type=ContentType.objects.get_for_model(Connection), object_id=str(connection.pk)
    )
    theirs = Q(data__in_company=connection.company_name)
    entries = ModelLogEntry.objects.filter(company | theirs, data__qbo_id=qbo_id)
    for entry in entries:
        entry.data = {key: entry.data[key] for key in KEPT & entry.data.keys()}
    ModelLogEntry.objects.bulk_update(entries, ["data"], batch_size=500)


KEPT = frozenset({"qbo_id", "client_pk", "in_company"})
