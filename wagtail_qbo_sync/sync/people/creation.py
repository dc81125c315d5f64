"""Create in QuickBooks: a person has a customer made of one client, whatever its Contact Type.

Whether that is offered, the decision, and taking it back while it waits. Recorded as those of
`mapping` are: a run of its own, which the worker applies and then sends.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

from django.db import transaction
from django.db.models import Q, QuerySet
from django.db.models import TextChoices as Choices
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, gettext_noop

from wagtail_qbo_sync.engine import plan as engine
from wagtail_qbo_sync.engine.plan import Party
from wagtail_qbo_sync.models import Connection, Outbox, Run, Step
from wagtail_qbo_sync.qbo import rules
from wagtail_qbo_sync.sync.records import cases, locked, outbox
from wagtail_qbo_sync.sync.records.client_status import EXCLUSIONS
from wagtail_qbo_sync.sync.records.locked import Refusal
from wagtail_qbo_sync.sync.records.runs import start_run
from wagtail_qbo_sync.sync.records.terms import can_create, pushed_fields

from .decide import record

TAKEN_BACK = gettext_noop("Somebody took this back before it was sent.")

State = Outbox.State


# Whether it is offered ---------------------------------------------------------------------------


class Creation(Choices):
    """Whether a customer can be made of a client in one company."""

    NO = "", gettext_lazy("Not offered")
    OFFERED = "offered", gettext_lazy("Can be created in QuickBooks")
    WAITS = "waits", gettext_lazy("Waits to be created in QuickBooks")


def is_offered(connection: Connection) -> bool:
    """Whether a client that is not mapped may be created in this company.

    Not before its first sync, which may find the client there (K13), nor where the name of a
    client does not travel (U2). Costs no query with `connection.state` at hand.
    """
    synced = connection.state.first_synced_at is not None
    return connection.is_connected and synced and can_create(connection)


def waiting(
    connections: Iterable[Connection], client_pks: Collection[str] | None = None
) -> set[tuple[int, str]]:
    """(company, client) of whom a customer is about to be made, by a person or a sync.

    Of these clients, or of all. Two queries.
    """
    companies = list(connections)
    rows = Outbox.objects.filter(
        **_about(client_pks),
        connection__in=companies,
        kind=Outbox.Kind.CREATE,
        open_key__isnull=False,
    )
    steps = _asked(companies, client_pks)
    return {
        *rows.values_list("connection_id", "client_pk"),
        *steps.values_list("run__connection_id", "client_pk"),
    }


# Deciding ----------------------------------------------------------------------------------------


def create_customer(connection: Connection, client_pk: str, user: Any) -> Run:
    """Make a customer of this client, whoever it is like. Raises Refusal."""
    with transaction.atomic():
        client = locked.client(client_pk)
        _refuse(connection, client)
        step = engine.by_hand(engine.add(client, pushed_fields(connection)))
        cases.close_of_clients(connection, [client.key], user)
        record(connection, "create_customer", user, client_pk=client.key, client=client.label)
        return start_run(connection, [step], user)


def cancel_creation(connection: Connection, client_pk: str, user: Any) -> None:
    """Undo `create_customer` while it waits. Raises Refusal once it is on its way."""
    with transaction.atomic():
        client = locked.client(client_pk)
        asked = list(_asked([connection], [client.key]))
        for step in asked:
            step.state = Step.State.HELD
            step.data["why"] = TAKEN_BACK
            step.save(update_fields=["state", "data"])
        unsent = _written(connection, client.key).select_for_update()
        if not asked and not unsent:
            raise Refusal(_("“%s” does not wait to be created any more.") % client.label)
        Outbox.objects.filter(pk__in=[row.pk for row in unsent]).delete()
        words = {"client_pk": client.key, "client": client.label}
        record(connection, "cancel_creation", user, **words)


def _refuse(connection: Connection, client: Party) -> None:
    """Why a customer cannot be made of this client, in the words of the first reason."""
    locked.refuse_mapped_client(connection, client)
    if EXCLUSIONS.filter(connection=connection, client_pk=client.key).exists():
        raise Refusal(_("“%s” is excluded from mapping. Include it again first.") % client.label)
    if not is_offered(Connection.objects.select_related("state").get(pk=connection.pk)):
        raise Refusal(_("Nothing can be created in “%s” now.") % connection)
    if _asked([connection], [client.key]) or _on_the_way(connection, client.key).exists():
        raise Refusal(_("A customer is being made of “%s” already.") % client.label)
    values = client.contact.values(pushed_fields(connection))
    if problems := rules.problems(values):
        raise Refusal(" ".join(problem.sentence for problem in problems))


def _asked(
    connections: Collection[Connection], client_pks: Collection[str] | None
) -> QuerySet[Step]:
    """What people have asked for, or approved, and no worker has come to."""
    decided = Q(run__state=Run.State.APPLYING) | Q(run__state=Run.State.PLANNING, run__push={})
    return Step.objects.filter(
        decided,
        **_about(client_pks),
        run__connection__in=connections,
        run__by_person=True,
        kind=Step.Kind.ADD,
        state=Step.State.PLANNED,
    )


def _about(client_pks: Collection[str] | None) -> dict[str, Any]:
    return {} if client_pks is None else {"client_pk__in": client_pks}


def _on_the_way(connection: Connection, client_pk: str) -> QuerySet[Outbox]:
    rows = outbox.on_the_way(connection)
    return rows.filter(client_pk=client_pk, kind=Outbox.Kind.CREATE)


def _written(connection: Connection, client_pk: str) -> QuerySet[Outbox]:
    return _on_the_way(connection, client_pk).filter(state=State.WRITTEN, run__by_person=True)
