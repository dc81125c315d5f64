"""One budget of calls per company for all processes, kept in the database
(docs/quickbooks.md, limits)."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Any, Literal

from django.db import transaction
from django.db.models import Q

from wagtail_qbo_sync.compat import Now
from wagtail_qbo_sync.models import SyncState
from wagtail_qbo_sync.qbo import limits
from wagtail_qbo_sync.qbo.faults import QboError
from wagtail_qbo_sync.qbo.transport import longest_seconds

from . import usage
from .lease import Lease

LONGEST_QUEUE = 60.0
"""Seconds; a slot further ahead is of a clock that has been set back since, and is void."""


class DatabaseBudget:
    """The `Budget` port of the door to QuickBooks.

    `lease`: of the walk that calls. No call starts unless the lease outlives it (rule 10).
    """

    def __init__(self, connection_id: int, lease: Lease | None = None) -> None:
        self.connection_id = connection_id
        self.lease = lease

    def reserve(self, kind: Literal["read", "write", "batch"]) -> None:
        """Wait for a slot. Raises QboError (BACK_OFF) after a 429 to anybody, and LeaseLost."""
        wait = self._take(kind)
        if wait > 0:
            time.sleep(wait)
        if self.lease is not None:
            self.lease.outlast(longest_seconds())

    def _take(self, kind: str) -> float:
        """Seconds to wait, by the database's clock (rule 10).

        The slot is taken in a short transaction, the wait is outside.
        """
        rate = limits.BATCHES if kind == "batch" else limits.CALLS
        column = "batch_tat" if kind == "batch" else "call_tat"
        with transaction.atomic():
            now, blocked_until, before, reads, month = (
                SyncState.objects.select_for_update()
                .values_list(Now(), "blocked_until", column, "reads", "reads_month")
                .get(pk=self.connection_id)
            )
            if blocked_until and blocked_until > now:
                left = (blocked_until - now).total_seconds()
                raise QboError.of("3001", message="Still waiting", retry_after=left)
            at = now.timestamp()
            if before and before > at + LONGEST_QUEUE:
                before = None
            tat, wait = limits.reserve(before, at, rate.interval, rate.burst)
            changes: dict[str, Any] = {column: tat}
            if kind == "read":
                changes |= usage.counted(reads, month, now)
            SyncState.objects.filter(pk=self.connection_id).update(**changes)
        return wait

    def throttled(self, seconds: float) -> None:
        """QuickBooks said 429: all workers wait. A longer wait that stands already stays."""
        until = Now() + timedelta(seconds=seconds)
        SyncState.objects.filter(
            Q(blocked_until__isnull=True) | Q(blocked_until__lt=until), pk=self.connection_id
        ).update(blocked_until=until)
