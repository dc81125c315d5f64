"""Noticing what happened to the clients, whatever wrote them (rule 12, U16).

One sweep for the whole site, under a lease of its own, in slices. What signals told of
(Touched) is looked at first; from time to time everything is: each client is compared with
its footprint, and every footprint and mapping must have its client. A difference is what
somebody did: the footprint moves, and in the same transaction the outbox notes what has to
go to QuickBooks. Under a new field map, or on a new site, footprints are filled and nothing
follows from it.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Collection, Sequence
from contextlib import suppress
from datetime import timedelta

from django.db import OperationalError
from django.db.models import F, Q

from wagtail_qbo_sync import clock
from wagtail_qbo_sync.clock import failpoint
from wagtail_qbo_sync.compat import upsert, wide_statements
from wagtail_qbo_sync.doorbell import enqueue
from wagtail_qbo_sync.host.adapter import ClientAdapter, ClientRecord, get_adapter
from wagtail_qbo_sync.models import Footprint, SiteState, Touched
from wagtail_qbo_sync.sync.access.lease import FREE, Lease, LeaseLost, next_slice, take
from wagtail_qbo_sync.sync.people import deleted
from wagtail_qbo_sync.sync.records import field_maps, outbox
from wagtail_qbo_sync.sync.records.parties import client_digest
from wagtail_qbo_sync.sync.records.touched import ask_for_sweep

logger = logging.getLogger(__name__)

SITE = 1
"""Key of the one SiteState."""
CHUNK = 1000
"""Hints, or footprints, that are looked at in one transaction."""
SLICE_SECONDS = 5.0
EVERY = timedelta(minutes=15)
"""How often everything is swept."""

Phase = SiteState.Sweep


def advance(
    epoch: int = 0, slice: int = 0, seconds: float = SLICE_SECONDS, only_hints: bool = False
) -> bool:
    """Sweep for one slice of `seconds`. True if this process did.

    `epoch` 0 starts, or takes over from a sweeper that went silent. A ring that comes twice,
    or too late, does nothing.
    """
    lease = next_slice(SITE, epoch, slice, SiteState) if epoch else take(SITE, SiteState)
    if lease is None:
        return False
    try:
        _sweep(lease, time.monotonic() + seconds, only_hints)
    except LeaseLost:
        pass
    except OperationalError:  # locked, in a deadlock or away; the tick rings again
        logger.warning("The sweep was stopped by the database.", exc_info=True)
        _let_go(lease)
    except Exception:
        _let_go(lease)
        raise
    return True


def catch_up() -> bool:
    """Before a walk: look at what signals told of, and see to it that all have footprints.

    False while another process is still filling them: until then nobody's edit could be told
    from ours.
    """
    is_filled = _is_filled(get_adapter())
    if Touched.objects.exists() or not is_filled:
        advance(seconds=math.inf, only_hints=is_filled)
    return _is_filled(get_adapter())


def everything() -> None:
    """Sweep everything now, in the foreground, unless another process is at it."""
    ask_for_sweep()
    advance(seconds=math.inf)


def heal() -> None:
    """Each minute: ask for a sweep when one is due, and ring for what nobody is sweeping."""
    due = Q(swept_at__isnull=True) | Q(swept_at__lt=clock.now() - EVERY)
    rest = Q(wanted=F("served"), sweep=Phase.REST)
    site = SiteState.objects.filter(FREE, pk=SITE)
    site.filter(due, rest).update(wanted=F("wanted") + 1)
    if site.exclude(rest).exists() or (Touched.objects.exists() and site.exists()):
        enqueue("sweep")


def _let_go(lease: Lease) -> None:
    with suppress(LeaseLost):
        lease.let_go()


def _state() -> SiteState:
    return SiteState.objects.get(pk=SITE)


def _is_filled(adapter: ClientAdapter) -> bool:
    """Whether every client has had a footprint under the present field map."""
    return SiteState.objects.filter(pk=SITE, filled=adapter.version).exists()


# The sweep ------------------------------------------------------------------------------------


def _sweep(lease: Lease, deadline: float, only_hints: bool) -> None:
    """Hints first, then everything if it was asked for, until nothing is left or time is up."""
    sweeper = Sweeper(lease, get_adapter())
    while sweeper.hints() or (not only_hints and sweeper.stride()):
        if time.monotonic() > deadline:
            lease.finish_slice()
            enqueue("sweep", lease.epoch, lease.slice)
            return
    lease.let_go()
    failpoint("sweep.ended")
    if Touched.objects.exists():
        enqueue("sweep")


class Sweeper:
    """Looks at clients for one holder of the lease."""

    def __init__(self, lease: Lease, adapter: ClientAdapter) -> None:
        self.lease = lease
        self.adapter = adapter
        self.is_filled = _is_filled(adapter)

    def stride(self) -> bool:
        """Do the next piece of a sweep of everything. False when none is asked for."""
        state = _state()
        if state.sweep == Phase.REST:
            return self._begin(state)
        if state.sweep == Phase.DELETED:
            self._deleted(state.swept_to)
        else:
            self._clients(state)
        return True

    def _begin(self, state: SiteState) -> bool:
        if self.is_filled and state.wanted == state.served:
            return False
        self.lease.renew(sweep=Phase.DELETED, swept_to="", served=state.wanted)
        failpoint("sweep.begun")
        return True

    # What signals told of ---------------------------------------------------------------------

    def hints(self) -> bool:
        """Look at the clients of the oldest hints, and delete just these. False if none waits.

        By key and not up to the highest: one with a lower key may not be committed yet. While
        footprints are being filled, hints wait.
        """
        if not self.is_filled:
            return False
        hints = dict(Touched.objects.order_by("pk").values_list("pk", "client_pk")[:CHUNK])
        if not hints:
            return False
        deleted.notice(self.lease)
        pks = set(hints.values())
        records = list(self.adapter.records(pks))
        gone = pks.difference(record.pk for record in records)
        with self.lease.transaction():
            self._look(records)
            self._forget(gone)
            Touched.objects.filter(pk__in=list(hints)).delete()
        failpoint("sweep.hints")
        return True

    # Everything -------------------------------------------------------------------------------

    def _deleted(self, swept_to: str) -> None:
        """Mappings without a client, then the next footprints: those without one are dropped."""
        if not swept_to:
            deleted.notice(self.lease, thorough=True)
        rows = Footprint.objects.filter(pk__gt=int(swept_to or 0)).order_by("pk")
        chunk = dict(rows.values_list("pk", "client_pk")[:CHUNK])
        if not chunk:
            self.lease.renew(sweep=Phase.CLIENTS, swept_to="")
            return
        gone = set(chunk.values()) - self.adapter.existing(chunk.values())
        with self.lease.transaction(swept_to=str(max(chunk))):
            self._forget(gone)
        failpoint("sweep.looked")

    def _clients(self, state: SiteState) -> None:
        """The next clients, in the order of their keys."""
        records = self.adapter.records_after(state.swept_to)
        if not records:
            self._finish(state)
            return
        with self.lease.transaction(swept_to=records[-1].pk):
            self._look(records)
        failpoint("sweep.compared")

    def _finish(self, state: SiteState) -> None:
        """Or begin anew, if the field map was changed by a deploy half way through."""
        version = self.adapter.version
        if Footprint.objects.exclude(version=version).exists():
            self.lease.renew(sweep=Phase.DELETED, swept_to="")
            return
        self.lease.renew(
            sweep=Phase.REST,
            swept_to="",
            swept_at=clock.now(),
            filled=version,
            **field_maps.noted(state, self.adapter),
        )
        self.is_filled = True
        failpoint("sweep.finished")

    # One look ---------------------------------------------------------------------------------

    def _look(self, records: Sequence[ClientRecord]) -> None:
        """Compare with the footprints, and note what differs. In a transaction.

        What differs is read again with the clients' rows locked: a walk that has just written
        such a client moves its footprint in the same transaction, and so does not look like
        somebody else.
        """
        differing = self._differing(records)
        if differing and self.is_filled:
            pks = [record.pk for record in differing]
            self.adapter.lock(pks)
            differing = self._differing(list(self.adapter.records(pks)))
        if not differing:
            return
        known = self._versions(differing)
        with wide_statements(Footprint.objects.db):
            upsert(
                Footprint,
                [self._footprint(record) for record in differing],
                unique="client_pk",
                update=["digest", "version"],
            )
        failpoint("sweep.moved")
        if self.is_filled:
            current = (None, self.adapter.version)
            events = [record for record in differing if known.get(record.pk) in current]
            outbox.want(events)

    def _differing(self, records: Sequence[ClientRecord]) -> list[ClientRecord]:
        pks = [record.pk for record in records]
        rows = Footprint.objects.filter(client_pk__in=pks, version=self.adapter.version)
        stored = dict(rows.values_list("client_pk", "digest"))
        return [
            record
            for record in records
            if stored.get(record.pk) != client_digest(record, self.adapter)
        ]

    def _versions(self, records: Sequence[ClientRecord]) -> dict[str, str]:
        rows = Footprint.objects.filter(client_pk__in=[record.pk for record in records])
        return dict(rows.values_list("client_pk", "version"))

    def _footprint(self, record: ClientRecord) -> Footprint:
        digest = client_digest(record, self.adapter)
        return Footprint(client_pk=record.pk, digest=digest, version=self.adapter.version)

    def _forget(self, gone: Collection[str]) -> None:
        """These clients are no more: one that comes back is a new one."""
        if gone:
            outbox.forget(gone)
            Footprint.objects.filter(client_pk__in=list(gone)).delete()
