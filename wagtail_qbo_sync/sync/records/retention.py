"""How long history is kept (U17): once a day, what is too old goes, in slices.

A run that wrote something, mapped or parted lives as long as the journal: undo is computed from its
steps. Deleting what is gone already does nothing, so that slices may come twice, or stop.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import datetime, timedelta

from django.db.models import Exists, OuterRef, Q, QuerySet

from wagtail_qbo_sync import clock
from wagtail_qbo_sync.clock import failpoint
from wagtail_qbo_sync.conf import settings
from wagtail_qbo_sync.doorbell import enqueue
from wagtail_qbo_sync.models import (
    BulkDecision,
    Case,
    Change,
    Comparison,
    Difference,
    ImportBatch,
    ImportOutcome,
    ImportRow,
    OAuthState,
    Outbox,
    Run,
    Send,
    SingleSync,
    SiteState,
    Step,
    WebhookEvent,
)

EVERY = timedelta(days=1)
CHUNK = 1000
"""Rows per statement, each in a transaction of its own."""
SLICE_SECONDS = 5.0
CONSENTS = timedelta(days=1)
MATCHING = (
    Step.Kind.LINK,
    Step.Kind.CREATE,
    Step.Kind.SLEEP,
    Step.Kind.WAKE,
    Step.Kind.FOLLOW,
    Step.Kind.UNDO,
)
"""Kinds of steps that change a pair, or archive its client, though they may write no value."""
ENDED = (Run.State.DONE, Run.State.FAILED, Run.State.DISCARDED)


def ring() -> None:
    """Each minute: ring once a day, however many ask."""
    due = Q(pruned_at__isnull=True) | Q(pruned_at__lt=clock.now() - EVERY)
    if SiteState.objects.filter(due, pk=1).update(pruned_at=clock.now()):
        enqueue("prune")


def prune(seconds: float = SLICE_SECONDS) -> bool:
    """Delete for so many seconds, then ring for the rest. True when nothing is left.

    A ring that is lost leaves the rest to the next day.
    """
    deadline = time.monotonic() + seconds
    for rows in _too_old():
        while pks := list(rows.order_by("pk").values_list("pk", flat=True)[:CHUNK]):
            rows.model._base_manager.filter(pk__in=pks).delete()
            failpoint("retention.deleted")
            if time.monotonic() > deadline:
                enqueue("prune")
                return False
    return True


def _too_old() -> Iterator[QuerySet]:
    """What may go; steps before their run, which would take all of its own with it at once."""
    if journal := _before(settings.JOURNAL_DAYS):
        yield Change.objects.filter(at__lt=journal)
        yield Case.objects.filter(closed_at__lt=journal)
        yield Comparison.objects.filter(started_at__lt=journal, differences=None)
        yield from _with_steps(Run.objects.filter(finished_at__lt=journal))
        yield from _imports(journal)
    if history := _before(settings.HISTORY_DAYS):
        yield from _with_steps(_idle(Run.objects.filter(finished_at__lt=history)))
        yield Run.objects.filter(state=Run.State.PROPOSED, started_at__lt=history)
        yield Difference.objects.filter(comparison__started_at__lt=history)
        yield BulkDecision.objects.filter(finished_at__lt=history)
        yield SingleSync.objects.filter(ended_at__lt=history)
        yield WebhookEvent.objects.filter(received_at__lt=history)
        over = [Outbox.State.DONE, Outbox.State.PARKED]
        yield Outbox.objects.filter(state__in=over, wanted_at__lt=history)
        yield Send.objects.filter(is_open=False, first_tried_at__lt=history, rows=None)
    yield OAuthState.objects.filter(created_at__lt=clock.now() - CONSENTS)


def _with_steps(runs: QuerySet[Run]) -> Iterator[QuerySet]:
    ended = runs.filter(state__in=ENDED)
    yield Step.objects.filter(run__in=ended)
    yield ended


def _imports(before: datetime) -> Iterator[QuerySet]:
    """Imports of Contact Types, each with all that was taken back of it: an undo that was made
    later keeps what it undoes. Their rows first."""
    kept: set[int] = set()
    undoings = ImportBatch.objects.filter(undoes__isnull=False)
    found = undoings.filter(Q(finished_at=None) | Q(finished_at__gte=before))
    while more := set(found.values_list("undoes_id", flat=True)):
        kept |= more
        found = undoings.filter(pk__in=more)
    old = ImportBatch.objects.filter(finished_at__lt=before).exclude(pk__in=kept).defer("file")
    yield ImportRow.objects.filter(batch__in=old)
    yield ImportOutcome.objects.filter(batch__in=old)
    yield old


def _idle(runs: QuerySet[Run]) -> QuerySet[Run]:
    """Runs of which nothing can be undone: they wrote nothing, and changed no pair."""
    mapped = Step.objects.filter(run=OuterRef("pk"), kind__in=MATCHING, state=Step.State.DONE)
    return runs.exclude(Exists(Change.objects.filter(run=OuterRef("pk")))).exclude(Exists(mapped))


def _before(days: int) -> datetime | None:
    """None: kept for ever."""
    return clock.now() - timedelta(days=days) if days > 0 else None


def is_pruned(since: datetime | None) -> bool:
    """Whether the journal of something that began then may be gone."""
    journal = _before(settings.JOURNAL_DAYS)
    return journal is not None and since is not None and since < journal
