"""What a decision is about, its rows locked; and why a decision cannot stand.

The client's row is locked first, then the customer's (rule 10), so that a run that is applying
either comes before the decision or respects it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from django.db import IntegrityError
from django.db.models import Q
from django.utils.translation import gettext as _

from wagtail_qbo_sync.compat import lock
from wagtail_qbo_sync.engine import plan as engine
from wagtail_qbo_sync.engine.plan import Party
from wagtail_qbo_sync.host.adapter import ClientAdapter, get_adapter
from wagtail_qbo_sync.models import Connection, Customer, Mapping, Run

from .parties import TAKE_PART, client_party
from .runs import BEING_MADE


class Refusal(Exception):
    """A decision that cannot stand; nothing was recorded. The message is for people.

    `holder`: the client or customer that is in the way, by name, "" if none. `client_pk`: the
    client that the message names.
    """

    def __init__(self, message: str, holder: str = "", client_pk: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.holder = holder
        self.client_pk = client_pk


@dataclass(slots=True)
class Outcome:
    """What choices do, or did."""

    counts: Counter[str] = field(default_factory=Counter)
    """What was done -> customers."""
    skipped: dict[str, list[Customer]] = field(default_factory=dict)
    """Why, a sentence to be translated -> customers that are left as they were."""
    steps: list[engine.Step] = field(default_factory=list)
    """What is to be written to clients."""

    def skip(self, why: str, customer: Customer) -> None:
        """Name one whose choice cannot stand."""
        self.skipped.setdefault(why, []).append(customer)


def client(client_pk: str) -> Party:
    """The client, its row locked. Raises Refusal."""
    adapter: ClientAdapter = get_adapter()
    if not adapter.lock([client_pk]):
        raise Refusal(_("This client is no longer there."))
    return client_party(next(adapter.records([client_pk])), adapter)


def customer(connection: Connection, qbo_id: str, any_standing: bool = False) -> Customer:
    """The customer, its row locked. Raises Refusal."""
    rows = Customer.objects.filter(connection=connection, qbo_id=qbo_id)
    customer = lock(rows, "connection").first()
    if customer is None:
        raise Refusal(_("This customer is no longer there."))
    if not any_standing and customer.standing not in TAKE_PART:
        raise Refusal(_("“%s” is inactive or a project in QuickBooks.") % customer.path)
    return customer


def mapping(connection: Connection, qbo_id: str) -> Mapping:
    mapping = (
        Mapping.objects.select_for_update().filter(connection=connection, qbo_id=qbo_id).first()
    )
    if mapping is None:
        raise Refusal(_("This customer is not mapped."))
    return mapping


def mapping_of_client(connection: Connection, client_pk: str) -> Mapping:
    rows = Mapping.objects.select_for_update()
    mapping = rows.filter(connection=connection, client_pk=client_pk).first()
    if mapping is None:
        raise Refusal(_("This client is not mapped."))
    return mapping


def refuse_mapped(connection: Connection, customer: Customer, client: Party | None = None) -> None:
    """K8: one client per customer, one customer per client and company; name the first."""
    mine = Mapping.objects.filter(connection=connection, qbo_id=customer.qbo_id).first()
    if mine is not None:
        holder = next((r.label for r in get_adapter().records([mine.client_pk])), mine.client_pk)
        raise Refusal(
            _("“%(customer)s” is mapped to “%(client)s” already.")
            % {"customer": customer.path, "client": holder},
            holder,
            mine.client_pk,
        )
    if client is not None:
        refuse_mapped_client(connection, client)


def refuse_mapped_client(connection: Connection, client: Party) -> None:
    """K8, from the client's side."""
    theirs = Mapping.objects.filter(connection=connection, client_pk=client.key).first()
    if theirs is not None:
        other = Customer.objects.filter(connection=connection, qbo_id=theirs.qbo_id).first()
        holder = other.path if other else theirs.qbo_id
        raise Refusal(
            _("“%(client)s” is mapped to the customer “%(customer)s” already.")
            % {"client": client.label, "customer": holder},
            holder,
            client.key,
        )


@contextmanager
def first_come() -> Iterator[None]:
    """Two people at the same moment: the second is told, instead of seeing an error page."""
    try:
        yield
    except IntegrityError as error:
        raise Refusal(_("Somebody mapped this customer or client just now.")) from error


def refuse_beside_a_plan(connection: Connection) -> None:
    """One plan at a time: none that a person asks for while another waits, or is being made.

    The caller has locked the company's state, as a sync that closes its plan does (`Draft`), so
    that whoever comes second finds the other.
    """
    if a_plan_stands(connection):
        raise Refusal(_("A plan waits for approval. Approve or discard it first."))


def a_plan_stands(connection: Connection) -> bool:
    """Whether a plan waits for approval, or one that a person asked for is being made."""
    stands = BEING_MADE | Q(state=Run.State.WAITING)
    return Run.objects.filter(stands, connection=connection).exists()
