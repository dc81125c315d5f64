"""Erasing one person (U17): nothing of a customer stays but an exclusion with its QBO id, and
one of its client, which an edit would make a customer again otherwise (K13, K14). Nor do the rows
of others name it (mentions.py), or files (imported.py), as far as it can be told (imprint.py).

The client on the site is the host's, as is the customer in QuickBooks; both stay.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from functools import partial
from typing import Any

from django.contrib.contenttypes.models import ContentType
from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext as _
from wagtail.models import ModelLogEntry

from wagtail_qbo_sync import clock
from wagtail_qbo_sync.compat import despite_locks
from wagtail_qbo_sync.models import (
    Case,
    Change,
    Connection,
    Customer,
    Decision,
    Difference,
    Footprint,
    Mapping,
    Outbox,
    Send,
    SingleSync,
    Step,
)
from wagtail_qbo_sync.sync.records import outbox
from wagtail_qbo_sync.sync.records.locked import Refusal

from . import imported, mentions
from .decide import record
from .imprint import Imprint, imprint

ERASED = {"erased": True}
"""Facts of the exclusion that stays; a pull stores nothing of such a customer."""
NAMED = "clients"
"""With these facts until no row of others names it any more: the keys of its clients."""
Kind = Decision.Kind
HOLDING = (Kind.REMOVED_MATCH, Kind.CLIENT_DELETED)
"""Decisions of others that hold what its client said."""
OF_ERASED: dict[str, Any] = {"kind": Kind.EXCLUDE_CUSTOMER, "facts__erased": True}
ON_THE_WAY = Q(state__in=outbox.ON_THE_WAY) | Q(send__is_open=True)
"""Also where QuickBooks has it, and others in its batch are to be sent again."""


def erase(connection: Connection, qbo_id: str, user: Any) -> None:
    """Delete what we hold of this customer: mirror, mapping, journal, steps, cases, decisions; then
    take its names out of the rows of others, in slices.

    Raises Refusal while something of it is on its way to QuickBooks, or a file of Contact Types is
    being read, and for an unknown one.
    """
    _finish(despite_locks(partial(_erase, connection, qbo_id, user)))


def finish_all() -> None:
    """Where a process ended while it erased somebody: once a day."""
    for one in Decision.objects.filter(facts__has_key=NAMED, **OF_ERASED):
        _finish(one)


def _finish(exclusion: Decision) -> None:
    mentions.blank(exclusion.connection, exclusion.qbo_id, exclusion.facts[NAMED])
    Decision.objects.filter(pk=exclusion.pk).update(facts=ERASED)


@transaction.atomic
def _erase(connection: Connection, qbo_id: str, user: Any) -> Decision:
    """What is its own, and its clients'. The exclusion that stays knows whom others may name."""
    about = {"connection": connection, "qbo_id": qbo_id}
    customer = Customer.objects.select_for_update().filter(**about).first()
    if customer is None and not Change.objects.filter(**about).exists():
        raise Refusal(_("Nothing is stored of a customer with the ID %s.") % qbo_id)
    person = imprint(connection, customer, qbo_id)
    theirs = Q(qbo_id=qbo_id) | Q(client_pk__in=person.mapped)
    theirs |= Q(qbo_id="", client_pk__in=person.clients | person.former)
    if connection.outbox.filter(theirs & ON_THE_WAY).exists():
        raise Refusal(_("A change is on its way to QuickBooks. Try again when it has arrived."))
    imported.hold(person)
    _delete(connection, qbo_id, theirs)
    _forget_clients(connection, person)
    imported.forget(person)
    mentions.forget_former(connection, person)
    _blank_log(connection, qbo_id, person.clients | person.former)
    exclusion = Decision.objects.create(
        kind=Kind.EXCLUDE_CUSTOMER,
        facts=ERASED | {NAMED: sorted(person.clients | person.former)},
        by=user,
        at=clock.now(),
        **about,
    )
    _exclude_clients(connection, qbo_id, person.clients, user)
    record(connection, "erase", user, qbo_id=qbo_id)
    return exclusion


def _delete(connection: Connection, qbo_id: str, theirs: Q) -> None:
    """All rows of its own."""
    # A batch holds others too: what was sent is over, so its body is not needed any more.
    Send.objects.filter(connection=connection, is_open=False).exclude(body="").update(body="")
    Step.objects.filter(theirs, run__connection=connection).delete()
    Difference.objects.filter(theirs, comparison__connection=connection).delete()
    for model in (Change, Case, Outbox):
        model._base_manager.filter(theirs, connection=connection).delete()
    for own in (Mapping, Decision, SingleSync, Customer):
        own._base_manager.filter(connection=connection, qbo_id=qbo_id).delete()


def _forget_clients(connection: Connection, person: Imprint) -> None:
    """What is remembered of what its clients once said."""
    pks = person.clients | person.former
    Footprint.objects.filter(client_pk__in=pks).update(replaced={})
    held = Decision.objects.filter(connection=connection, client_pk__in=pks, kind__in=HOLDING)
    held.update(facts={})


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
    return Decision.objects.filter(connection=connection, **OF_ERASED)


def _exclude_clients(
    connection: Connection, qbo_id: str, client_pks: Iterable[str], user: Any
) -> None:
    """Those it was mapped to, or was once, and that are nobody else's by now. A client that a
    person has excluded stays that."""
    for pk in client_pks:
        Decision.objects.get_or_create(
            connection=connection,
            kind=Kind.EXCLUDE_CLIENT,
            qbo_id="",
            client_pk=pk,
            defaults={"facts": {"erased": qbo_id}, "by": user, "at": clock.now()},
        )


def _blank_log(connection: Connection, qbo_id: str, client_pks: Collection[str]) -> None:
    """Who decided what stays in Wagtail's log; names do not."""
    company = Q(
        content_type=ContentType.objects.get_for_model(Connection), object_id=str(connection.pk)
    )
    theirs = Q(data__in_company=connection.company_name)
    person = Q(data__qbo_id=qbo_id) | Q(data__client_pk__in=list(client_pks))
    entries = ModelLogEntry.objects.filter(company | theirs, person)
    for entry in entries:
        entry.data = {key: entry.data[key] for key in KEPT & entry.data.keys()}
    ModelLogEntry.objects.bulk_update(entries, ["data"], batch_size=500)


KEPT = frozenset({"qbo_id", "client_pk", "in_company"})
