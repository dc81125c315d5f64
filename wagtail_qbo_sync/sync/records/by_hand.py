"""Steps that stem from a person's choice: what they do, and which still wait for the worker."""

from __future__ import annotations

from collections.abc import Iterable

from django.db.models import QuerySet
from django.utils.translation import gettext_noop

from wagtail_qbo_sync.contact import fields_of
from wagtail_qbo_sync.engine import plan as engine
from wagtail_qbo_sync.engine.merge import FirstLink
from wagtail_qbo_sync.engine.plan import Party
from wagtail_qbo_sync.host.adapter import ClientAdapter
from wagtail_qbo_sync.models import Connection, Customer, Run, Step

from .parties import customer_party
from .terms import terms_of

BEING_CREATED = gettext_noop("A client is being made of this customer already.")


def link_step(
    customer: Customer, client: Party, adapter: ClientAdapter, *, elsewhere: bool
) -> engine.Step:
    """The first link of a pair that a person chose (C13). `elsewhere`: another company has it."""
    link = FirstLink.FILL_BLANKS if elsewhere else FirstLink.FROM_QBO
    base = engine.Base(link=link, by_hand=True)
    party = customer_party(customer, adapter)
    fields = fields_of(adapter.paths)
    terms = terms_of(customer.connection, fields)
    step = engine.pair(party, client, fields, base, terms=terms)
    assert step is not None  # a first link always has a step
    return step


def create_step(customer: Customer, adapter: ClientAdapter) -> engine.Step:
    """A client made of a customer because a person said so (C10)."""
    party = customer_party(customer, adapter)
    return engine.by_hand(
        engine.unmatched(party, fields_of(adapter.paths), engine.Unmatched.CREATE)
    )


def being_created(
    connection: Connection, qbo_ids: Iterable[str], but: Run | None = None
) -> set[str]:
    """Those of the customers of which a person has asked a client to be made, which is not
    there yet. `but`: what is asked in this run does not count."""
    asked = asked_creations(connection, qbo_ids)
    if but is not None:
        asked = asked.exclude(run=but)
    return set(asked.values_list("qbo_id", flat=True))


def all_being_created(customers: Iterable[Customer]) -> set[tuple[int, str]]:
    """(company, customer) of those of them, maybe of several companies. One query."""
    shown = {(customer.connection_id, customer.qbo_id) for customer in customers}
    asked = _asked_creations(qbo_id for _company, qbo_id in shown)
    return shown & set(asked.values_list("run__connection_id", "qbo_id"))


def asked_creations(connection: Connection, qbo_ids: Iterable[str]) -> QuerySet[Step]:
    """The steps that are to make them."""
    return _asked_creations(qbo_ids).filter(run__connection=connection)


def _asked_creations(qbo_ids: Iterable[str]) -> QuerySet[Step]:
    return Step.objects.filter(
        run__by_person=True,
        run__state__in=[Run.State.PLANNING, Run.State.APPLYING],
        kind=Step.Kind.CREATE,
        state=Step.State.PLANNED,
        qbo_id__in=list(qbo_ids),
    )
