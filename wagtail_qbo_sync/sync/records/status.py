"""What is shown of the sync: by screens, commands and monitoring. Reads only, but `beat`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Case as Choose
from django.db.models import (
    CharField,
    Count,
    Exists,
    Max,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    Value,
    When,
)
from django.db.models import TextChoices as Choices
from django.utils.translation import gettext_lazy as _

from wagtail_qbo_sync import clock
from wagtail_qbo_sync.conf import settings
from wagtail_qbo_sync.models import (
    Case,
    Comparison,
    Connection,
    Customer,
    Decision,
    Mapping,
    Run,
    SiteState,
    SyncState,
    Token,
)
from wagtail_qbo_sync.sync.access import schedule, usage
from wagtail_qbo_sync.sync.access.installation import is_copy
from wagtail_qbo_sync.sync.access.schedule import Tick

from .parties import MATCHABLE

SILENT_AFTER = timedelta(minutes=2)
UNHEARD_AFTER = timedelta(minutes=1)
"""A walker renews its lease every few seconds, but for a slow call."""
SAME = timedelta(seconds=5)
"""How far the end of a run and the end of its sync may be apart."""
PROBLEMS = (
    Case.Kind.REFUSED,
    Case.Kind.UNSENDABLE,
    Case.Kind.NOT_TAKEN,
    Case.Kind.ALIKE,
    Case.Kind.KEPT,
    Case.Kind.UNREADABLE,
    Case.Kind.CONFLICT,
    Case.Kind.INACTIVE,
    Case.Kind.GONE,
    Case.Kind.MERGED,
    Case.Kind.CLIENT_DELETED,
    Case.Kind.DELETIONS,
    Case.Kind.RESET,
    Case.Kind.UNDO,
)
"""Kinds of cases that are no question of mapping: something went wrong, or stands still."""


class ConnectionState(Choices):
    """How a company is doing, in one word."""

    CONNECTED = "connected", _("Connected")
    RECONNECT = "reconnect", _("Reconnect needed")
    DISCONNECTED = "disconnected", _("Disconnected")
    PAUSED = "paused", _("Paused")
    COPY = "copy", _("Parked: this looks like a copy")


class CustomerStatus(Choices):
    """Where a customer stands (C7, C8)."""

    MAPPED = "mapped", _("Mapped")
    REVIEW = "review", _("Needs review")
    UNMAPPED = "unmapped", _("Not mapped")
    DELETED = "deleted", _("Client deleted")
    EXCLUDED = "excluded", _("Excluded")
    LEFT_OUT = "left_out", _("Left out")
    INACTIVE = "inactive", _("Inactive in QuickBooks")
    GONE = "gone", _("No longer in QuickBooks")


TO_MAP = (CustomerStatus.UNMAPPED, CustomerStatus.REVIEW, CustomerStatus.DELETED)
"""C8: customers without a match, about whom a person is to decide."""


@dataclass(frozen=True, slots=True)
class Status:
    """One connection, as a card and `qbo_status` show it."""

    connection: Connection
    sync: SyncState
    state: ConnectionState
    counts: dict[str, int]
    """CustomerStatus value -> customers; {} where only the progress was asked for."""
    waiting_run: Run | None
    approved_run: Run | None
    """What is being applied, or will be as soon as a worker comes."""
    last_run: Run | None
    heartbeat_at: datetime | None
    """The worker's last sign of life."""
    reads: int
    """Of QuickBooks this month, by all companies together."""
    tick: Tick
    last_comparison: Comparison | None
    """The last full comparison that was finished (U13)."""
    takes_webhooks: bool
    """Whether this site can tell genuine webhooks from others."""
    problems_by_kind: dict[str, int]
    """Case.Kind value, of PROBLEMS -> open cases."""

    @property
    def worker_silent(self) -> bool:
        return is_silent(self.heartbeat_at)

    @property
    def token(self) -> Token | None:
        """Its login to QuickBooks; None where it was given up."""
        return getattr(self.connection, "token", None)

    @property
    def problems(self) -> int:
        """Customers' troubles that wait for a person, by the cases that tell of them."""
        return sum(self.problems_by_kind.values())

    @property
    def is_reset(self) -> bool:
        """Whether it rests because it looks as if it was reset in QuickBooks (rule 6)."""
        return bool(self.problems_by_kind[Case.Kind.RESET])

    @property
    def to_map(self) -> int:
        """C8: customers without a match, those in review included."""
        return sum(self.counts[status] for status in TO_MAP)

    @property
    def last_sync_did(self) -> bool:
        """Whether `last_run` is what the last sync did, rather than one before."""
        ended = self.last_run.finished_at if self.last_run else None
        synced = self.sync.synced_at
        return ended is not None and synced is not None and ended >= synced - SAME

    @property
    def heard_at(self) -> datetime | None:
        """When whoever holds the lease last renewed it; None: nobody does."""
        until = self.sync.lease_until
        return until and until - timedelta(seconds=settings.LEASE_SECONDS)

    @property
    def is_unheard(self) -> bool:
        """Whether the walk was begun by somebody who has perhaps been killed since."""
        begun, heard = self.sync.phase != SyncState.Phase.REST, self.heard_at
        return begun and heard is not None and clock.now() - heard > UNHEARD_AFTER

    @property
    def is_running(self) -> bool:
        """Whether a sync is under way or asked for."""
        is_walked = self.state is ConnectionState.CONNECTED and not self.is_reset
        return is_walked and (
            self.sync.phase != SyncState.Phase.REST
            or self.sync.wanted > self.sync.served
            or self.approved_run is not None
        )


def beat() -> None:
    """The worker is alive."""
    if not SiteState.objects.filter(pk=1).update(heartbeat_at=clock.now()):
        SiteState.objects.create(pk=1, heartbeat_at=clock.now())


def worker_is_silent() -> bool:
    """Whether no worker has shown a sign of life for two minutes."""
    return is_silent(heartbeat())


def is_silent(seen: datetime | None) -> bool:
    """Whether a worker that was last seen then is to be taken for stopped."""
    return seen is None or clock.now() - seen > SILENT_AFTER


def heartbeat() -> datetime | None:
    """The worker's last sign of life."""
    return SiteState.objects.filter(pk=1).values_list("heartbeat_at", flat=True).first()


def webhooks_refused() -> int:
    """How many POSTs to our address for webhooks were not from Intuit."""
    return SiteState.objects.values_list("webhooks_refused", flat=True).first() or 0


def all_statuses(only: Connection | None = None, *, counted: bool = True) -> list[Status]:
    """Every connection, connected ones first, by company; or one.

    Not `counted`, it costs the same however many customers there are: it tells how a sync goes
    on, and of problems only whether the company was reset.
    """
    connections = Connection.objects.select_related("state", "token").order_by(
        "disconnected_at", "company_name", "pk"
    )
    if only is not None:
        connections = connections.filter(pk=only.pk)
    counts = _counts() if counted else {}
    problems = _problems(PROBLEMS if counted else (Case.Kind.RESET,))
    seen, reads, tick = heartbeat(), usage.this_month(), schedule.tick()
    unfinished = Q(state__in=[Run.State.WAITING, Run.State.APPLYING])
    runs = Run.objects.filter(unfinished | Q(pk__in=Subquery(_last_run_ids()))).order_by("pk")
    comparisons = {each.connection_id: each for each in _last_comparisons()}
    by_state = {(run.connection_id, run.state): run for run in runs}
    return [
        Status(
            connection=connection,
            sync=connection.state,
            state=connection_state(connection),
            counts={status: counts.get((connection.pk, status), 0) for status in CustomerStatus}
            if counted
            else {},
            waiting_run=by_state.get((connection.pk, Run.State.WAITING)),
            approved_run=by_state.get((connection.pk, Run.State.APPLYING)),
            last_run=by_state.get((connection.pk, Run.State.DONE)),
            heartbeat_at=seen,
            reads=reads,
            tick=tick,
            last_comparison=comparisons.get(connection.pk),
            takes_webhooks=bool(settings.WEBHOOK_VERIFIER_TOKEN),
            problems_by_kind={kind: problems.get((connection.pk, kind), 0) for kind in PROBLEMS},
        )
        for connection in connections
    ]


def status_of(connection: Connection, *, counted: bool = True) -> Status:
    """One connection."""
    return next(iter(all_statuses(connection, counted=counted)))


def connection_state(connection: Connection) -> ConnectionState:
    """How a company is doing. A copy that is paused too is a copy: the pause will end."""
    if not connection.is_connected:
        return ConnectionState.DISCONNECTED
    if is_copy(connection):
        return ConnectionState.COPY
    if settings.is_paused:
        return ConnectionState.PAUSED
    token: Token | None = getattr(connection, "token", None)
    if token is None or token.rejected:
        return ConnectionState.RECONNECT
    return ConnectionState.CONNECTED


def with_status(customers: QuerySet[Customer]) -> QuerySet[Any]:
    """Customers with `status` (CustomerStatus), `client_pk` and `asleep` of their mapping.

    `gone`: whether the mapping's client is, which nobody has decided about. `gone_pk` and
    `gone_name`: the client that was deleted, of one that is held for it (U16); `gone_asked`:
    whether a person is asked about that.
    """
    mappings, deleted = Mapping.objects.filter(**MINE), _deleted()
    return customers.annotate(
        client_pk=Subquery(mappings.values("client_pk")[:1]),
        asleep=Subquery(mappings.values("asleep")[:1]),
        gone=Exists(mappings.filter(client=None)),
        gone_pk=Subquery(deleted.values("client_pk")[:1]),
        gone_asked=Exists(Case.of_customer(Case.Kind.CLIENT_DELETED)),
        gone_name=Subquery(deleted.values("facts__label")[:1]),
        status=_status(),
    )


MINE = {"connection": OuterRef("connection"), "qbo_id": OuterRef("qbo_id")}
"""Rows about the customer of the query around them."""


def _deleted() -> QuerySet[Decision]:
    """That the customer's client was deleted on the site (U16)."""
    said = Decision.objects.filter(kind=Decision.Kind.CLIENT_DELETED, **MINE)
    return said.exclude(client_pk="")


def _status() -> Choose:
    """Where a customer stands: the first of these that holds."""
    standing, status = Customer.Standing, CustomerStatus
    excluded = Decision.objects.filter(kind=Decision.Kind.EXCLUDE_CUSTOMER, **MINE)
    first: list[tuple[Q | Exists, CustomerStatus]] = [
        (Q(standing=standing.GONE), status.GONE),
        (Q(standing=standing.INACTIVE), status.INACTIVE),
        (Exists(Mapping.objects.filter(**MINE)), status.MAPPED),
        (Exists(excluded), status.EXCLUDED),
        (~_matchable(), status.LEFT_OUT),
        (Exists(_deleted()), status.DELETED),
        (Exists(Case.of_customer(Case.Kind.REVIEW)), status.REVIEW),
    ]
    return Choose(
        *(When(holds, then=Value(stands.value)) for holds, stands in first),
        default=Value(status.UNMAPPED.value),
        output_field=CharField(),
    )


def _matchable() -> Q:
    """Those who take part in matching, by their company's settings (U9)."""
    found = Q()
    for hierarchy, standings in MATCHABLE.items():
        found |= Q(connection__hierarchy=hierarchy, standing__in=standings)
    return found


def count_customers(connection: Connection | None) -> dict[str, int]:
    """CustomerStatus value -> customers of one company, or of all, in one query."""
    customers = Customer.objects.filter(connection=connection) if connection else Customer.objects
    rows: Any = (
        with_status(customers.all()).order_by().values_list("status").annotate(count=Count("pk"))
    )
    return dict.fromkeys(CustomerStatus.values, 0) | dict(rows)


def count_conflicts(connection: Connection | None = None) -> int:
    """How many customers are in conflict, of one company or of all that are connected."""
    asked = Case.objects.filter(kind=Case.Kind.CONFLICT, open_key__isnull=False)
    if connection is not None:
        return asked.filter(connection=connection).count()
    return asked.filter(connection__disconnected_at=None).count()


def count_to_map() -> dict[int, int]:
    """C8's number by the pk of each connected company that has customers to map. One query."""
    connected = Customer.objects.filter(connection__disconnected_at=None)
    waiting = with_status(connected).filter(status__in=TO_MAP).order_by()
    rows: Any = waiting.values_list("connection_id").annotate(count=Count("pk"))
    return dict(rows)


def open_problems() -> QuerySet[Case]:
    """What went wrong or stands still, of all companies; not what a person has set aside."""
    return Case.objects.filter(kind__in=PROBLEMS, open_key__isnull=False, set_aside_at=None)


def _problems(kinds: Iterable[str]) -> dict[tuple[int, str], int]:
    asked = open_problems().filter(kind__in=kinds).order_by()
    rows: Any = asked.values_list("connection_id", "kind").annotate(count=Count("pk"))
    return {(connection, kind): count for connection, kind, count in rows}


def _counts() -> dict[tuple[int, str], int]:
    rows: Any = (
        with_status(Customer.objects.all())
        .order_by()
        .values_list("connection_id", "status")
        .annotate(count=Count("pk"))
    )
    return {(connection, status): count for connection, status, count in rows}


def _last_comparisons() -> QuerySet[Comparison]:
    finished = Comparison.objects.filter(finished_at__isnull=False).order_by()
    last = finished.values("connection").annotate(last=Max("pk")).values("last")
    return Comparison.objects.filter(pk__in=Subquery(last))


def _last_run_ids() -> Any:
    return (
        Run.objects.filter(state=Run.State.DONE)
        .order_by()
        .values("connection")
        .annotate(last=Max("pk"))
        .values("last")
    )
