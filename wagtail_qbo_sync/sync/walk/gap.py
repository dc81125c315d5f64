"""After a gap we look before we act (U19).

Long silence, or a database that was put back, means that what stands here may be long out of
date on the other side. So everything is read first; what was about to be sent is computed
anew, what was sent is settled by reading; and the next plan waits for a person if it sends
anything.
"""

from __future__ import annotations

from datetime import timedelta

from django.db import transaction
from django.db.models import F, Q

from wagtail_qbo_sync import clock
from wagtail_qbo_sync.clock import failpoint
from wagtail_qbo_sync.compat import lock
from wagtail_qbo_sync.doorbell import enqueue
from wagtail_qbo_sync.models import Connection, Outbox, SyncState
from wagtail_qbo_sync.sync.access.lease import Lease, begins
from wagtail_qbo_sync.sync.people.decide import record
from wagtail_qbo_sync.sync.records import outbox
from wagtail_qbo_sync.sync.records.touched import ask_for_sweep
from wagtail_qbo_sync.sync.sending import push, replies

LONG = timedelta(hours=6)
INTERVALS = 3
"""A gap: the last finished cycle is older than LONG, and than so many usual intervals."""

Gap = SyncState.Gap
FROM_THE_START = {**begins(SyncState.Phase.REST), "started_at": None}
"""The columns of a walk that begins anew, wherever it stood."""


def is_due(state: SyncState, lease: Lease) -> bool:
    """Whether nobody has finished a cycle for so long. A walk that goes on is no silence."""
    if lease.slice or state.gap or state.first_synced_at is None or state.synced_at is None:
        return False
    usual = timedelta(minutes=state.connection.poll_minutes)
    return clock.now() - state.synced_at > max(LONG, INTERVALS * usual)


def open_gap(lease: Lease, state: SyncState) -> None:
    """From here on this company is read before anything is done."""
    with lease.transaction(gap=Gap.READ, wanted=F("wanted") + 1, **FROM_THE_START):
        _take_back(state.connection)
    failpoint("gap.opened")


@transaction.atomic
def restored(connection: Connection) -> None:
    """`manage.py qbo_restored`: the database was put back to an earlier state.

    Whoever walks by the state of before is fenced off (rule 10). Everything is read again,
    as what the stored cursor says of the mirror is no more certain.
    """
    SyncState.objects.filter(pk=connection.pk).update(
        gap=Gap.READ,
        wanted=F("wanted") + 1,
        epoch=F("epoch") + 1,
        lease_until=None,
        crashes=0,
        cursor_version="",
        **FROM_THE_START,
    )
    _take_back(connection)
    record(connection, "restored", None)
    ask_for_sweep()
    enqueue("walk", connection.pk)


def _take_back(connection: Connection) -> None:
    """What was not sent is a hint again, or an undo that is still to be done, or what a person had
    created, which goes out after the reading; what was sent is not sent again, but settled."""
    untried = connection.sends.filter(is_open=True, first_tried_at=None)
    unsent = Q(state=Outbox.State.WRITTEN) | Q(send__in=untried)
    for row in lock(connection.outbox.filter(unsent), "run").order_by("pk"):
        if outbox.undoes(row):
            replies.undo_again(row)
        elif row.kind == Outbox.Kind.CREATE and row.run is not None and row.run.by_person:
            replies.unsend(row)
        else:
            outbox.want_again(row)
    untried.delete()
    connection.sends.filter(is_open=True).update(tries=push.TRIES)
