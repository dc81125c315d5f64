"""Why a customer or a client stands where it stands (U6): all that is stored about it, gathered.

Reads only, and asks nobody but the database; as many queries for any customer. What is
gathered here is put into words elsewhere, for one person.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Q, QuerySet
from wagtail.models import ModelLogEntry

from wagtail_qbo_sync.contact import email_keys, match_key
from wagtail_qbo_sync.host.adapter import ClientRecord, get_adapter
from wagtail_qbo_sync.models import (
    Case,
    Change,
    Connection,
    Customer,
    Decision,
    ImportRow,
    Mapping,
    Outbox,
    Run,
    SingleSync,
    Step,
    SyncState,
)
from wagtail_qbo_sync.sync.noticing.visits import polled_every
from wagtail_qbo_sync.sync.people.creation import waiting
from wagtail_qbo_sync.sync.reading.pull import OVERLAP
from wagtail_qbo_sync.sync.records.status import (
    ConnectionState,
    connection_state,
    with_status,
    worker_is_silent,
)

CHANGES = 20
"""Entries of the journal that are told, the latest."""
IMPORTS = 5
ALIKE = 5
"""Customers, or clients, that are like a client and are named."""
NAMESAKES = 20
"""Clients that are looked at for the same name."""
MADE = (Step.Kind.LINK, Step.Kind.CREATE, Step.Kind.ADD)
"""Steps by which two became a pair."""
SAID = Decision.objects.exclude(kind=Decision.Kind.INCLUDED)
"""An exclusion that was taken back says nothing any more."""


@dataclass(frozen=True, slots=True)
class Company:
    """How the company of a customer does, as far as it says what happens next."""

    connection: Connection
    sync: SyncState
    state: ConnectionState
    waiting: Run | None = None
    """A plan that waits for approval."""
    worker_silent: bool = False
    polled_every: int = 0
    """Minutes between two syncs that nobody asks for; 0: there are none."""

    @property
    def read_at(self) -> datetime | None:
        """QuickBooks' own time of the last whole reading."""
        return self.sync.cursor and self.sync.cursor + OVERLAP

    @property
    def next_sync(self) -> datetime | None:
        """When the company is looked at again by itself; None for never, or for a while."""
        sync = self.sync
        waits = sync.phase != SyncState.Phase.REST or sync.wanted > sync.served or sync.trouble
        if waits or not self.polled_every or sync.first_synced_at is None or not sync.synced_at:
            return None
        return sync.synced_at + timedelta(minutes=self.polled_every)


@dataclass(frozen=True, slots=True)
class Facts:
    """What is stored about a customer or a client in one company."""

    company: Company
    customer: Any = None
    """From `status.with_status`; None for a client without one, or one that was never read."""
    client_pk: str = ""
    """The client that is asked about, or that the customer is mapped to."""
    mapping: Mapping | None = None
    made: Step | None = None
    """How the two were mapped, or the client made; None where no run tells."""
    latest: Step | None = None
    """The newest step about the customer, or to make one of a client that has none, of any run."""
    disconnected: ModelLogEntry | None = None
    """Who made the mapping sleep."""
    decisions: tuple[Decision, ...] = ()
    cases: tuple[Case, ...] = ()
    """What is open about the customer."""
    changes: tuple[Change, ...] = ()
    on_its_way: tuple[Outbox, ...] = ()
    """What is to go to QuickBooks, or has gone without an answer."""
    single: SingleSync | None = None
    record: ClientRecord | None = None
    """A client without a customer."""
    asked: bool = False
    """Whether a customer is about to be made of it."""
    planned: bool = False
    """Whether the plan that waits would make one."""
    alike: tuple[Any, ...] = ()
    """Customers, with their status, that have the name or the e-mail of a client without one."""
    namesakes: tuple[str, ...] = ()
    """Keys of other clients of the same name."""
    imports: tuple[ImportRow, ...] = ()
    """Imports that changed the client's Contact Type, the latest first."""

    @property
    def is_gone(self) -> bool:
        """Whether the customer is no longer in QuickBooks (U8)."""
        return self.customer is not None and self.customer.standing == Customer.Standing.GONE


def of_customer(customer: Customer) -> Facts:
    """About one customer."""
    connection = customer.connection
    mapping = Mapping.objects.filter(connection=connection, qbo_id=customer.qbo_id).first()
    return _facts(company_of(connection), customer.qbo_id, mapping)


def of_client(connection: Connection, client_pk: str) -> Facts:
    """About one client in one company."""
    company = company_of(connection)
    mapping = Mapping.objects.filter(connection=connection, client_pk=client_pk).first()
    if mapping is not None:
        return _facts(company, mapping.qbo_id, mapping)
    decisions = SAID.filter(connection=connection, client_pk=client_pk)
    record = next(get_adapter().records([client_pk]), None)
    about = {"client_pk": client_pk, "open_key__isnull": False}
    return Facts(
        company,
        client_pk=client_pk,
        record=record,
        cases=tuple(connection.cases.filter(qbo_id="", **about).order_by("opened_at", "pk")),
        on_its_way=tuple(connection.outbox.filter(**about).order_by("pk")),
        latest=_latest(_steps(connection, "").filter(client_pk=client_pk, kind=Step.Kind.ADD)),
        asked=waiting([connection], [client_pk]) != set(),
        planned=_is_planned(company.waiting, client_pk),
        decisions=tuple(decisions.select_related("by").order_by("at", "pk")),
        changes=_changes(Q(connection=connection, client_pk=client_pk)),
        alike=_alike(connection, record) if record else (),
        namesakes=_namesakes(record) if record else (),
        imports=_imports(client_pk),
    )


def _facts(company: Company, qbo_id: str, mapping: Mapping | None) -> Facts:
    about = Q(connection=company.connection, qbo_id=qbo_id)
    client_pk = mapping.client_pk if mapping else ""
    decided = SAID.filter(
        about | Q(connection=company.connection, client_pk=client_pk, qbo_id="")
        if client_pk
        else about
    )
    cases = Case.objects.filter(about, open_key__isnull=False)
    steps = _steps(company.connection, qbo_id)
    made = steps.filter(kind__in=MADE, client_pk=client_pk)
    return Facts(
        company,
        customer=with_status(Customer.objects.filter(about)).first(),
        client_pk=client_pk,
        mapping=mapping,
        made=made.first() if mapping else None,
        latest=_latest(steps),
        disconnected=_disconnected(company.connection, mapping),
        decisions=tuple(decided.select_related("by").order_by("at", "pk")),
        cases=tuple(cases.order_by("opened_at", "pk")),
        changes=_changes(about),
        on_its_way=_on_its_way(company.connection, mapping),
        single=SingleSync.objects.filter(about).select_related("asked_by").first(),
        imports=_imports(client_pk) if client_pk else (),
    )


def _steps(connection: Connection, qbo_id: str) -> QuerySet[Step]:
    """The newest first; "" for those about clients without a customer."""
    steps = Step.objects.filter(run__connection=connection, qbo_id=qbo_id)
    return steps.select_related("run__started_by", "run__approved_by").order_by("-pk")


def _latest(steps: QuerySet[Step]) -> Step | None:
    return steps.exclude(run__state__in=[Run.State.DISCARDED, Run.State.PROPOSED]).first()


def company_of(connection: Connection) -> Company:
    """How the company does, as far as it says what happens next."""
    waiting = Run.objects.filter(connection=connection, state=Run.State.WAITING)
    return Company(
        connection=connection,
        sync=SyncState.objects.get(pk=connection.pk),
        state=connection_state(connection),
        waiting=waiting.first(),
        worker_silent=worker_is_silent(),
        polled_every=polled_every(connection),
    )


def _changes(about: Q) -> tuple[Change, ...]:
    changes = Change.objects.filter(about).select_related("actor", "run")
    return tuple(changes.order_by("-at", "-pk")[:CHANGES])


def _imports(client_pk: str) -> tuple[ImportRow, ...]:
    rows = ImportRow.objects.filter(client_pk=client_pk, state__in=ImportRow.WROTE)
    return tuple(
        rows.select_related("batch__confirmed_by", "batch__undoes").order_by("-pk")[:IMPORTS]
    )


def _on_its_way(connection: Connection, mapping: Mapping | None) -> tuple[Outbox, ...]:
    if mapping is None:
        return ()
    rows = connection.outbox.filter(client_pk=mapping.client_pk, open_key__isnull=False)
    return tuple(rows.order_by("pk"))


def _disconnected(connection: Connection, mapping: Mapping | None) -> ModelLogEntry | None:
    """Who said so stands in Wagtail's log alone."""
    if mapping is None or mapping.asleep != Mapping.Asleep.DISCONNECTED:
        return None
    said: QuerySet[ModelLogEntry] = ModelLogEntry.objects.for_instance(connection).filter(
        action="wagtail_qbo_sync.disconnect_client", data__client_pk=mapping.client_pk
    )
    return said.select_related("user").order_by("-timestamp").first()


def _is_planned(plan: Run | None, client_pk: str) -> bool:
    rows = Step.objects.filter(run=plan, client_pk=client_pk, kind=Step.Kind.ADD)
    return plan is not None and rows.filter(state=Step.State.PLANNED).exists()


# A client without a customer --------------------------------------------------------------------


def _alike(connection: Connection, record: ClientRecord) -> tuple[Any, ...]:
    """By the keys that the matching rules compare: name first, then e-mails."""
    name, emails = match_key(record.contact.name), email_keys(record.contact.email)
    same = Q(pk__in=[])
    if name:
        same |= Q(match_keys=name) | Q(match_keys__startswith=f"{name} ")
    for email in emails:
        same |= Q(match_keys__endswith=f" {email}") | Q(match_keys__contains=f" {email} ")
    customers = Customer.objects.filter(same, connection=connection).order_by("pk")
    return tuple(with_status(customers)[:ALIKE])


def _namesakes(record: ClientRecord) -> tuple[str, ...]:
    adapter, name = get_adapter(), match_key(record.contact.name)
    if not name:
        return ()
    found = adapter.search(record.contact.name, limit=NAMESAKES)
    others = [str(client.pk) for client in found if str(client.pk) != record.pk]
    same = (one for one in adapter.records(others) if match_key(one.contact.name) == name)
    return tuple(one.pk for one in same)[:ALIKE]
