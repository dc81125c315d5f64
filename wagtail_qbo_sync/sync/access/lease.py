"""One walker per connection, and one sweeper of the site, fenced (rule 10).

A walker holds the lease under an `epoch`; take-over raises it. Within an epoch the walk
goes on in slices, each started once by compare-and-swap, so a task that is delivered twice
ends at once the second time. All times are the database's.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar

from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.db.models.expressions import CombinedExpression

from wagtail_qbo_sync.compat import Now, chunks
from wagtail_qbo_sync.conf import settings
from wagtail_qbo_sync.models import Run, SiteState, SyncState

Item = TypeVar("Item")

FREE = Q(lease_until__isnull=True) | Q(lease_until__lt=Now())
"""Rows (states or tokens) whose lease nobody holds."""


def begins(phase: str, run: Run | None = None, total: int = 0) -> dict[str, Any]:
    """The columns of a walk that begins a phase, wherever it stood."""
    return {"phase": phase, "run": run, "position": 0, "done": 0, "total": total}


class LeaseLost(Exception):
    """Somebody else walks now, or a person disconnected the company: stop, write nothing."""


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to work on one connection, or the site, until it is lost or let go."""

    pk: int
    epoch: int
    slice: int
    states: type[SyncState] | type[SiteState] = SyncState

    @property
    def connection_id(self) -> int:
        """The connection of a walk."""
        return self.pk

    def renew(self, **changes: Any) -> None:
        """Prolong it and store `changes` to the state with it. Raises LeaseLost.

        Every transaction of a walk calls this before it writes.
        """
        if not self._held().update(lease_until=until(), **changes):
            raise LeaseLost

    def outlast(self, seconds: float) -> None:
        """Prolong it to at least `seconds`, for a call that may take so long. Raises LeaseLost."""
        if not self._held().update(lease_until=until(seconds)):
            raise LeaseLost

    @contextmanager
    def transaction(self, **changes: Any) -> Iterator[None]:
        """A transaction in which this lease is renewed first."""
        with transaction.atomic():
            self.renew(**changes)
            yield

    def renewing(self, items: Iterable[Item], each: int = 2000) -> Iterator[Item]:
        """The same items; the lease is renewed before `each` so many. Raises LeaseLost."""
        for chunk in chunks(items, each):
            self.renew()
            yield from chunk

    def finish_slice(self) -> None:
        """The slice's work is done: crashes are forgotten."""
        self.renew(crashes=0)

    def let_go(self, **changes: Any) -> None:
        """Give the lease back, storing `changes`. Raises LeaseLost."""
        if not self._held().update(lease_until=None, crashes=0, **changes):
            raise LeaseLost

    def _held(self) -> QuerySet[Any]:
        return self.states._default_manager.filter(
            pk=self.pk, epoch=self.epoch, slice=self.slice, lease_until__isnull=False
        )


def until(at_least: float = 0) -> CombinedExpression:
    """When a lease that is renewed now ends, by the database's clock. `at_least`: seconds."""
    return Now() + timedelta(seconds=max(at_least, settings.LEASE_SECONDS))


def take(pk: int, states: type[SyncState] | type[SiteState] = SyncState) -> Lease | None:
    """The lease, if nobody holds it; under a new epoch, so an old holder is fenced off."""
    rows: QuerySet[Any] = states._default_manager.filter(pk=pk)
    with transaction.atomic():
        taken = rows.filter(FREE).update(
            lease_until=until(), epoch=F("epoch") + 1, slice=0, crashes=F("crashes") + 1
        )
        if not taken:
            return None
        epoch = rows.values_list("epoch", flat=True).get()
    return Lease(pk, epoch, 0, states)


def next_slice(
    pk: int, epoch: int, slice: int, states: type[SyncState] | type[SiteState] = SyncState
) -> Lease | None:
    """The lease for the slice after `slice` of this epoch, or None if it was started already."""
    rows: QuerySet[Any] = states._default_manager.filter(pk=pk)
    started = rows.filter(epoch=epoch, slice=slice, lease_until__isnull=False).update(
        lease_until=until(), slice=slice + 1, crashes=F("crashes") + 1
    )
    return Lease(pk, epoch, slice + 1, states) if started else None
