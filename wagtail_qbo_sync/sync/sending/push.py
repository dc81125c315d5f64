"""Sending: what was written down goes to QuickBooks in batches, each stored before it is sent.

A batch without an answer is sent again as it was, which QuickBooks does once, and after a
while settled by reading (rule 16). This comes first in a walk, before anything is read.
"""

from __future__ import annotations

import json
import uuid
from datetime import timedelta

from django.db import transaction
from django.db.models import F
from django.db.models.functions import Coalesce

from wagtail_qbo_sync import clock
from wagtail_qbo_sync.clock import failpoint
from wagtail_qbo_sync.host.adapter import get_adapter
from wagtail_qbo_sync.models import Connection, Outbox, Send, SyncState
from wagtail_qbo_sync.qbo import writes
from wagtail_qbo_sync.qbo.api import CompanyApi
from wagtail_qbo_sync.qbo.faults import Action, QboError
from wagtail_qbo_sync.qbo.limits import BATCH_ITEMS
from wagtail_qbo_sync.sync.access.lease import Lease
from wagtail_qbo_sync.sync.applying import adding, outgoing
from wagtail_qbo_sync.sync.reading import absent, pull
from wagtail_qbo_sync.sync.records.holders import name_holders, refused_names

from . import adopt, replies

TRIES = 3
REPLAYED_FOR = timedelta(hours=1)
"""How often, and for how long, a batch of unknown outcome is sent again (rule 16)."""
LATER = frozenset({Action.BACK_OFF, Action.RECONNECT, Action.OPERATOR})
"""The batch as a whole was not taken for reasons that have nothing to do with it."""

Results = dict[str, writes.Result | adopt.Near]
"""What became of the items of a batch, by bId."""
State = Outbox.State
Phase = SyncState.Phase


def stride(lease: Lease, state: SyncState, api: CompanyApi) -> None:
    """Settle or send the next batch. When none is left, what arrived too late is merged again;
    after a gap not before everything was read (U19).

    Where a walk was taken over, what it was about to create has to wait for another reading.
    Raises QboError where the connection as a whole has to wait.
    """
    send = _open(state.connection)
    is_stale = state.started_at is None and adding.of_machines(state.connection).exists()
    if send is None and (state.gap == SyncState.Gap.READ or is_stale):
        lease.renew(**pull.beginning(state))
        return
    send = send or _next(lease, state.connection)
    if send is None:
        again = state.connection.outbox.filter(state=State.WANTED, rounds__gt=0)
        phase = Phase.PLAN if again.exists() else Phase.REST
        lease.renew(phase=phase, position=0, run=None, crashes=0)
    elif _is_replayed(send):
        _deliver(lease, send, api)
    else:
        _settle(lease, send, api)


def _open(connection: Connection) -> Send | None:
    """The oldest batch of which nobody knows what became."""
    tried = connection.sends.filter(is_open=True, first_tried_at__isnull=False)
    return tried.order_by("pk").first()


def _next(lease: Lease, connection: Connection) -> Send | None:
    """The next batch, put together of what was written down and may still be sent."""
    with lease.transaction():
        untried = connection.sends.filter(is_open=True, first_tried_at=None)
        Outbox.objects.filter(send__in=untried).update(state=State.WRITTEN, send=None)
        untried.delete()
        written = connection.outbox.select_for_update().filter(state=State.WRITTEN)
        rows: list[Outbox] = []
        while not rows and (oldest := list(written.order_by("pk")[:BATCH_ITEMS])):
            rows = _still_wanted(oldest[: oldest[0].together], connection)
        if not rows:
            return None
        body = writes.batch({row.bid: json.loads(row.body) for row in rows})
        send = Send.objects.create(
            connection=connection,
            request_id=str(uuid.uuid4()),
            body=body,
            created_since=SyncState.objects.get(pk=connection.pk).cursor,
        )
        pks = [row.pk for row in rows]
        Outbox.objects.filter(pk__in=pks).update(state=State.SENT, send=send)
    failpoint("push.written")
    return send


def _still_wanted(rows: list[Outbox], connection: Connection) -> list[Outbox]:
    creations = [row for row in rows if row.kind == Outbox.Kind.CREATE]
    updates = [row for row in rows if row.kind == Outbox.Kind.UPDATE]
    approved = [row for row in rows if row.kind == Outbox.Kind.ACTIVITY]
    return [
        *outgoing.take_back(updates, connection),
        *adding.take_back(creations, connection),
        *approved,
    ]


def _is_replayed(send: Send) -> bool:
    tried = send.first_tried_at
    return tried is None or (send.tries < TRIES and tried > clock.now() - REPLAYED_FOR)


def _deliver(lease: Lease, send: Send, api: CompanyApi) -> None:
    """Send it; that it was tried is stored before, for nobody knows what comes after."""
    with lease.transaction():
        Send.objects.filter(pk=send.pk).update(
            tries=F("tries") + 1, first_tried_at=Coalesce("first_tried_at", clock.now())
        )
    failpoint("push.sending")
    try:
        reply = api.batch(send.body, send.request_id)
    except QboError as error:
        if error.unknown_outcome:
            raise
        if error.action in LATER:
            _take_back_the_try(lease, send)
            raise
        if send.tries:  # an earlier try may have taken effect
            _settle(lease, send, api)
            return
        if _halve(lease, send, error):
            return
        results: Results = dict.fromkeys(_bids(send), writes.Refused(error))
        tid = error.intuit_tid
    else:
        results, tid = {**reply.results}, reply.intuit_tid
    failpoint("push.sent")
    if send.tries:  # a name that is taken may be taken by what an earlier try has made
        found = _found(send, api, refused_names(send, results))
        results |= {bid: one for bid, one in found.items() if isinstance(one, writes.Sent)}
    _store(lease, send, results, tid, api)


def _take_back_the_try(lease: Lease, send: Send) -> None:
    """It was not taken. Unless an earlier try may have been, it is put together anew, so that
    what people say meanwhile counts (rule 15)."""
    with lease.transaction():
        Send.objects.filter(pk=send.pk).update(tries=send.tries, first_tried_at=send.first_tried_at)


def _halve(lease: Lease, send: Send, error: QboError) -> bool:
    """A batch was refused as a whole: each half goes out by itself, down to the item that is
    to blame (rule 13). False of a single one, which is to blame."""
    with lease.transaction():
        rows = send.rows.filter(state=State.SENT)
        many = rows.count()
        if many == 1:
            return False
        rows.update(state=State.WRITTEN, send=None, together=many // 2)
        Send.objects.filter(pk=send.pk).update(is_open=False, intuit_tid=error.intuit_tid)
    failpoint("push.halved")
    return True


def _settle(lease: Lease, send: Send, api: CompanyApi) -> None:
    """Nobody knows what became of it, and it is too late to send it again: read."""
    rows = send.rows.filter(state=State.SENT)
    updates = list(rows.exclude(kind=Outbox.Kind.CREATE))
    results: Results = {}
    if updates:
        page = api.customers_by_id([row.qbo_id for row in updates])
        results |= {row.bid: replies.as_read(row, page.customers) for row in updates}
    results |= _found(send, api, list(rows.filter(kind=Outbox.Kind.CREATE)))
    failpoint("push.read")
    _store(lease, send, results, "", api)


def _found(send: Send, api: CompanyApi, rows: list[Outbox]) -> Results:
    """What became of these creations, told from the customers that were made since."""
    if not rows:
        return {}
    return adopt.settle(rows, api.customers_created(send.created_since))


def _store(lease: Lease, send: Send, results: Results, tid: str, api: CompanyApi) -> None:
    """Store what became of the items, and the customers that had moved on before theirs arrived.

    An item that moved on and whose customer cannot be read now is sent again with its batch: to
    merge it with what was known before would only be refused again. The clients of what was
    created, or made inactive, are locked before anything of ours (rule 10): they are mapped, or
    parted.
    """
    moved = replies.moved_on(send, results)
    ids, read, unread = sorted(moved.values()), [], None
    try:
        read = api.customers_by_id(ids).customers if ids else []
    except QboError as error:  # what became of the others must be stored whatever happens here
        results = {bid: one for bid, one in results.items() if bid not in moved}
        ids, unread = [], error
    failpoint("push.reread")
    holders = name_holders(send, results, api)
    joined = send.rows.exclude(kind=Outbox.Kind.UPDATE)
    with transaction.atomic():
        get_adapter().lock(joined.values_list("client_pk", flat=True))
        taken = any(isinstance(one, writes.Sent) for one in results.values())
        pushed = {"pushed_at": clock.now()} if taken else {}
        lease.renew(done=F("done") + len(results), crashes=0, **pushed)
        stops = replies.store(send, results, tid, holders) or unread
        if ids:
            absent.settle(send.connection, ids, read)
    failpoint("push.stored")
    if stops:
        raise stops


def _bids(send: Send) -> list[str]:
    return [row.bid for row in send.rows.filter(state=State.SENT)]
