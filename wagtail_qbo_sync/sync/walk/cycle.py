"""The walk: settle, read, compare, apply, send.

It goes in short slices, by whoever holds the lease. What is to be done next stands in
SyncState.phase, so any process can go on where another one stopped. The worker, Sync now and
`manage.py qbo_sync` all walk here.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from django.db import OperationalError
from django.db.models import F, Q

from wagtail_qbo_sync.compat import Now
from wagtail_qbo_sync.doorbell import enqueue
from wagtail_qbo_sync.models import Run, SingleSync, SyncState
from wagtail_qbo_sync.qbo.api import CompanyApi
from wagtail_qbo_sync.qbo.faults import QboError
from wagtail_qbo_sync.sync.access import trouble
from wagtail_qbo_sync.sync.access.budget import DatabaseBudget
from wagtail_qbo_sync.sync.access.installation import is_parked
from wagtail_qbo_sync.sync.access.lease import FREE, Lease, LeaseLost, begins, next_slice, take
from wagtail_qbo_sync.sync.access.token import TokenKeeper
from wagtail_qbo_sync.sync.applying import apply
from wagtail_qbo_sync.sync.noticing import sweep
from wagtail_qbo_sync.sync.planning import bulk_creation, plan
from wagtail_qbo_sync.sync.reading import absent, compare, pull, reset
from wagtail_qbo_sync.sync.records import outbox
from wagtail_qbo_sync.sync.sending import push

from . import gap, one

SLICE_SECONDS = 5.0
"""How long one task works before it rings for the next."""

Phase = SyncState.Phase
DUE = (Q(blocked_until__isnull=True) | Q(blocked_until__lte=Now())) & ~Q(reset.STOPS)
GOES_ON = Q(trouble={}) | ~Q(trouble__next_try="")
"""No trouble, or none that waits for a person: then what is on its way is not sent again each
minute. (A negated look at a key leaves out the rows without it.)"""


def advance(
    connection_id: int,
    epoch: int = 0,
    slice: int = 0,
    seconds: float = SLICE_SECONDS,
    on_stride: Callable[[SyncState], None] | None = None,
) -> bool:
    """Walk on for one slice of `seconds`. True if this process did the walking.

    `epoch` 0 starts a walk or takes over one whose walker went silent. A ring that comes
    twice, or too late, does nothing.
    """
    if not _may_walk(connection_id):
        return False
    lease = next_slice(connection_id, epoch, slice) if epoch else take(connection_id)
    if lease is None:
        return False
    try:
        state = _state(connection_id)
        trouble.stop_crashing(lease, state)
        _walk(lease, state, time.monotonic() + seconds, on_stride)
    except LeaseLost:
        return True
    except QboError as error:
        trouble.note_fault(lease, _state(connection_id), error)
    except OperationalError as error:
        trouble.note_busy(lease, _state(connection_id), error)
    except Exception as error:
        trouble.note_bug(lease, _state(connection_id), error)
        raise
    return True


def _walk(
    lease: Lease,
    state: SyncState,
    deadline: float,
    on_stride: Callable[[SyncState], None] | None,
) -> None:
    """Phase after phase until there is nothing left to do, or the slice's time is over."""
    state = _begun(lease, state)
    if state.phase == Phase.REST:  # a ring too many: whatever is noted stays noted
        lease.let_go()
        return
    while state.phase != Phase.REST:
        if on_stride:
            on_stride(state)
        STRIDES[Phase(state.phase)](lease, state)
        state = _state(lease.connection_id)
        if time.monotonic() > deadline and state.phase != Phase.REST:
            lease.finish_slice()
            enqueue("walk", lease.connection_id, lease.epoch, lease.slice)
            return
    _rest(lease)


def _begun(lease: Lease, state: SyncState) -> SyncState:
    """At rest: what happened on the site is noticed. What is on its way is settled; then an
    approved plan is applied; then comes the one customer that somebody waits for; else what
    changed in QuickBooks is read; then clients that a person wants sent are planned (U11); and
    when all that is done, the pairs are compared. After a gap (U19) reading comes before all but
    settling. What another left half way goes on, but what it read is of nobody knows when."""
    if state.phase != Phase.REST and not lease.slice:
        lease.renew(started_at=None)
        state = _state(state.pk)
    if gap.is_due(state, lease):
        gap.open_gap(lease, state)
        state = _state(state.pk)
    if state.phase != Phase.REST or not sweep.catch_up():
        return state
    is_read = state.gap != SyncState.Gap.READ
    if outbox.waits(state.pk):
        lease.renew(**begins(Phase.PUSH))
        return _state(state.pk)
    approved = Run.objects.filter(connection_id=state.pk, state=Run.State.APPLYING).first()
    if approved is not None and is_read:
        total = approved.steps.filter(state__in=apply.TO_DO).count()
        lease.renew(**begins(Phase.APPLY, approved, total))
    elif one.waiting(state.pk).exists() and is_read:
        lease.renew(**begins(Phase.ONE))
    elif state.wanted > state.served:
        lease.renew(**pull.beginning(state))
    elif is_read and (plan_of_clients := bulk_creation.begun().filter(connection=state.pk).first()):
        lease.renew(**begins(Phase.PLAN, plan_of_clients))
    elif state.comparing and state.comparing.read_at and not state.trouble:
        lease.renew(**compare.beginning(state))
    return _state(state.pk)


def _rest(lease: Lease) -> None:
    """Let go; a click or a decision that came during the last page is not lost.

    Trouble with reading ends with the reading; another plan that was applied meanwhile is no
    sign that it would go well now.
    """
    state = _state(lease.connection_id)
    lease.let_go(**({} if state.trouble.get("phase") == Phase.PULL else trouble.NONE))
    if SyncState.objects.filter(todo(), pk=lease.connection_id).exists():
        enqueue("walk", lease.connection_id)


def _plan(lease: Lease, state: SyncState) -> None:
    if state.run is not None:
        bulk_creation.make(lease, state, state.run)
    else:
        plan.make(lease, state)


def _read(lease: Lease, state: SyncState) -> None:
    with _api(lease, state) as api:
        pull.stride(lease, state, api)


def _confirm(lease: Lease, state: SyncState) -> None:
    with _api(lease, state) as api:
        absent.stride(lease, state, api)


def _read_one(lease: Lease, state: SyncState) -> None:
    with _api(lease, state) as api:
        one.look(lease, state, api)


def _send(lease: Lease, state: SyncState) -> None:
    with _api(lease, state) as api:
        push.stride(lease, state, api)


@contextmanager
def _api(lease: Lease, state: SyncState) -> Iterator[CompanyApi]:
    connection = state.connection
    api = CompanyApi(
        realm_id=connection.realm_id,
        api_url=connection.api_url,
        tokens=TokenKeeper(connection),
        budget=DatabaseBudget(connection.pk, lease),
    )
    try:
        yield api
    finally:
        api.close()


STRIDES: dict[SyncState.Phase, Callable[[Lease, SyncState], None]] = {
    Phase.PULL: _read,
    Phase.CONFIRM: _confirm,
    Phase.PLAN: _plan,
    Phase.APPLY: apply.stride,
    Phase.ONE: _read_one,
    Phase.PUSH: _send,
    Phase.COMPARE: compare.stride,
}


def _state(connection_id: int) -> SyncState:
    return SyncState.objects.select_related("connection", "run", "wanted_by", "comparing").get(
        pk=connection_id
    )


def _may_walk(connection_id: int) -> bool:
    connected = SyncState.objects.filter(DUE, pk=connection_id, connection__disconnected_at=None)
    state = connected.select_related("connection").first()
    return state is not None and not is_parked(state.connection)


def heal() -> None:
    """Ring for every walk that was asked for, approved or begun and that nobody is walking."""
    waiting = SyncState.objects.filter(FREE & DUE & todo(), connection__disconnected_at=None)
    for connection_id in waiting.values_list("pk", flat=True):
        enqueue("walk", connection_id)


def finishes_first(connection_id: int) -> bool:
    """Whether something that was decided before is still to be done, before the next plan."""
    return SyncState.objects.filter(_approved_or_asked() | _unsent(), pk=connection_id).exists()


def todo() -> Q:
    """The states of companies with something to do: a walk that was begun, a sync or a customer
    that was asked for, a plan that was approved, what is to be sent, or pairs to be compared."""
    clients = Q(connection__in=bulk_creation.begun().values("connection"))
    goes_on = (_unsent() | clients) & GOES_ON
    asked = Q(wanted__gt=F("served")) | _approved_or_asked()
    return ~Q(phase=Phase.REST) | asked | goes_on | compare.READY


def _approved_or_asked() -> Q:
    """The states of companies with an approved plan, or a customer that somebody waits for."""
    approved = Run.objects.filter(state=Run.State.APPLYING).values("connection")
    singles = SingleSync.objects.filter(ended_at__isnull=True).values("connection")
    return Q(connection__in=approved) | Q(connection__in=singles)


def _unsent() -> Q:
    return Q(connection__in=outbox.waiting().values("connection"))
