"""Customers that QuickBooks does not list any more (U8).

After everything was read, those that were not among it are asked for by Id; who is not found
then either is gone. So is who is not there any more when a change is sent. Which ones are left
is a query, so a walk that was killed goes on. Where they are many, a person looks first (rule 6).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db.models import QuerySet

from wagtail_qbo_sync.clock import failpoint
from wagtail_qbo_sync.models import Connection, Customer, SyncState
from wagtail_qbo_sync.qbo.api import CompanyApi
from wagtail_qbo_sync.sync.access.lease import Lease

from . import pull, reset

CHUNK = 200
"""Customers that are asked for at once."""

Standing = Customer.Standing


def stride(lease: Lease, state: SyncState, api: CompanyApi) -> None:
    """Ask for the next ones; after the last one the phase moves on."""
    unseen = _unseen(state)
    reset.look(lease, state, unseen.count(), _known(state).count())
    asked = list(unseen.order_by("pk").values_list("qbo_id", flat=True)[:CHUNK])
    if not asked:
        lease.renew(phase=SyncState.Phase.PLAN)
        return
    found = api.customers_by_id(asked).customers
    failpoint("absent.read")
    with lease.transaction(crashes=0):
        there = settle(
            state.connection, asked, found, state.served, believed=reset.is_agreed(state)
        )
        there.update(seen_in=state.comparing_id)
    failpoint("absent.stored")


def settle(
    connection: Connection,
    asked: Sequence[str],
    found: Sequence[Any],
    sync: int = 0,
    *,
    believed: bool = False,
) -> QuerySet[Customer]:
    """Mirror what was found of the customers that were `asked` for by Id, whose rows are returned;
    the others are gone. In a transaction. `sync` and `believed`: as for `pull.mirror`."""
    there = pull.mirror(connection, found, sync, believed=believed).ids
    rows = Customer.objects.filter(connection=connection, qbo_id__in=asked)
    rows.exclude(qbo_id__in=there).update(standing=Standing.GONE)
    return rows.filter(qbo_id__in=there)


def _known(state: SyncState) -> QuerySet[Customer]:
    """Those that were there before everything was read."""
    if state.comparing is None:
        return Customer.objects.none()
    known = Customer.objects.filter(connection=state.connection, pk__lte=state.comparing.newest)
    return known.exclude(standing=Standing.GONE)


def _unseen(state: SyncState) -> QuerySet[Customer]:
    """Those of them that were not among it."""
    return _known(state).exclude(seen_in=state.comparing_id or 0)
