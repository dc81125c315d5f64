"""Hints that clients were written: noted in the host's transaction, a worker rung after it."""

from __future__ import annotations

import time
from collections.abc import Collection

from django.db import transaction
from django.db.models import F

from wagtail_qbo_sync.doorbell import enqueue
from wagtail_qbo_sync.models import SiteState, Touched

RING_SECONDS = 0.2
"""About how often a worker looks for tasks: one ring serves all that is touched in between,
as by an import. A ring too few is made up for by the tick."""

_rung_at = -RING_SECONDS


def note(client_pks: Collection[str]) -> None:
    """These clients were written or deleted in the present transaction."""
    Touched.objects.bulk_create(Touched(client_pk=pk) for pk in client_pks)
    transaction.on_commit(_ring, robust=True)


def ask_for_sweep() -> None:
    """Everything is to be looked at, also if that is being done now: it may have passed by."""
    SiteState.objects.update(wanted=F("wanted") + 1)
    enqueue("sweep")


def _ring() -> None:
    global _rung_at
    if time.monotonic() - _rung_at >= RING_SECONDS:
        _rung_at = time.monotonic()
        enqueue("sweep")
