"""Webhooks: Intuit says that something changed (U13). Hints, no truth (rule 5): a cycle reads
what it was, and what is lost, doubled or late changes nothing in the end."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from django.db import IntegrityError, transaction
from django.db.models import BigIntegerField, Case, F, When

from wagtail_qbo_sync import clock
from wagtail_qbo_sync.conf import settings
from wagtail_qbo_sync.doorbell import enqueue
from wagtail_qbo_sync.models import SiteState, SyncState, WebhookEvent
from wagtail_qbo_sync.qbo import webhook
from wagtail_qbo_sync.qbo.webhook import Event, Notice, UnreadableWebhook
from wagtail_qbo_sync.sync.records.status import ConnectionState, connection_state

LARGEST = webhook.MAX_BYTES


def is_genuine(body: bytes, signature: str | None) -> bool:
    """Whether these very bytes come from Intuit. Nothing does while no token is set."""
    return webhook.is_signed(body, signature, [settings.WEBHOOK_VERIFIER_TOKEN])


def refuse() -> None:
    """Count what is not from Intuit; nothing else is kept of it."""
    SiteState.objects.filter(pk=1).update(webhooks_refused=F("webhooks_refused") + 1)


def note(body: bytes) -> None:
    """Take down a genuine body, understood or not, and ask for a sync of whom it concerns.

    A body that came before is no news. One look, one insert, one update.
    """
    notice = _read(body)
    states = _concerned(notice.events)
    realms = {state.connection.realm_id for state in states}
    heard = [event for event in notice.events if _is_ours(event, realms)]
    told = {event.realm for event in heard}
    row = WebhookEvent(
        body_hash=hashlib.sha256(body).hexdigest(),
        received_at=clock.now(),
        heard=len(heard),
        ignored=len(notice.events) - len(heard) + notice.odd,
        merges=[[each.realm, each.id, each.merged_id] for each in heard if each.merged_id] or None,
    )
    try:
        with transaction.atomic():
            row.save(force_insert=True)
            _ask([state for state in states if state.connection.realm_id in told])
    except IntegrityError:
        if not WebhookEvent.objects.filter(body_hash=row.body_hash).exists():
            raise


def _read(body: bytes) -> Notice:
    try:
        return webhook.parse(body)
    except UnreadableWebhook:
        return Notice((), odd=1)


def _is_ours(event: Event, realms: Iterable[str]) -> bool:
    return event.entity == "customer" and event.realm in realms


def _concerned(events: Iterable[Event]) -> list[SyncState]:
    """The connected companies that a body speaks of."""
    realms = {event.realm for event in events}
    connected = SyncState.objects.select_related("connection__token").filter(
        connection__realm_id__in=realms,
        connection__environment=settings.ENVIRONMENT,
        connection__disconnected_at=None,
    )
    return list(connected) if realms else []


def _ask(states: list[SyncState]) -> None:
    """Raise `wanted`, and ring where no ring is out already."""
    if not states:
        return
    woken = [state for state in states if _may_wake(state)]
    raised = When(pk__in=[state.pk for state in woken], then=F("wanted") + 1)
    wanted = Case(raised, default=F("wanted"), output_field=BigIntegerField())
    pks = [state.pk for state in states]
    SyncState.objects.filter(pk__in=pks).update(wanted=wanted, notified_at=clock.now())
    for state in woken:
        if state.wanted == state.served and state.blocked_until is None:
            enqueue("walk", state.pk)


def _may_wake(state: SyncState) -> bool:
    """Not where a person has to see to something first: a first sync, a login, a failure.

    What is put off after a failure stays put off: it reads what is new when its time comes.
    """
    waits_for_a_person = bool(state.trouble) and state.blocked_until is None
    return (
        state.first_synced_at is not None
        and not waits_for_a_person
        and connection_state(state.connection) is ConnectionState.CONNECTED
    )
