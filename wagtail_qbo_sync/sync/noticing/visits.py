"""Sync when people look (C3), or when nobody has looked for a while: the last one is too old.

A visit is a hint (rule 5): the page records it, rings and does not wait. Neither it nor the
poll wakes what a person has to see to first: no first sync, no company that is parked or
disconnected, no sync that failed.
"""

from __future__ import annotations

from datetime import timedelta

from django.db import transaction
from django.db.models import F, QuerySet

from wagtail_qbo_sync import clock
from wagtail_qbo_sync.doorbell import enqueue
from wagtail_qbo_sync.models import Connection, SyncState
from wagtail_qbo_sync.sync.access import usage
from wagtail_qbo_sync.sync.records.status import ConnectionState, connection_state

HOURLY = 60
"""Minutes between two polls when little of the month's reads is left (U14)."""


def visited() -> None:
    """Somebody looks at clients or at our screens. One query, unless a sync is due."""
    for state in _states():
        if _is_due(state, state.connection.visit_minutes):
            _ask(state)


def poll() -> None:
    """Each minute, from the tick: see to it that changes in QuickBooks are read all the same."""
    least = _least()
    for state in _states():
        if _is_due(state, _every(state.connection, least)):
            _ask(state)


def polled_every(connection: Connection) -> int:
    """Minutes between two polls of a company as things are, 0 for never. One query."""
    return _every(connection, _least())


def _least() -> int:
    return HOURLY if usage.share() >= usage.SCARCE else 0


def _every(connection: Connection, least: int) -> int:
    minutes: int = connection.poll_minutes
    return minutes and max(minutes, least)


def _states() -> QuerySet[SyncState]:
    return SyncState.objects.select_related("connection__token")


def _is_due(state: SyncState, minutes: int) -> bool:
    """Whether the last sync is older, and none is under way, wanted or in trouble. 0: never."""
    if not minutes:
        return False
    at_rest = state.phase == SyncState.Phase.REST and state.wanted == state.served
    if not at_rest or state.trouble:
        return False
    if state.first_synced_at is None or state.synced_at is None:
        return False
    if clock.now() - state.synced_at < timedelta(minutes=minutes):
        return False
    return connection_state(state.connection) is ConnectionState.CONNECTED


@transaction.atomic
def _ask(state: SyncState) -> None:
    """Of all who saw that it is due, the first asks; `wanted` only ever grows."""
    unchanged = SyncState.objects.filter(pk=state.pk, wanted=state.wanted, served=state.served)
    if unchanged.update(wanted=F("wanted") + 1, wanted_by=None):
        enqueue("walk", state.pk)
