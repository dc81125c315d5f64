"""An e-mail, and the signal, when a company needs a person (U14): once for each thing, and again
after a week.

What is told is noted before it is sent, in one conditional transaction per company, so that a
tick that is killed or doubled tells nothing twice. If no mail can be sent, it is noted back.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings as django_settings
from django.core.mail import send_mail
from django.db import transaction
from django.db.models import Count, Q, QuerySet
from django.urls import reverse
from django.utils import translation
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _

from wagtail_qbo_sync import clock, signals
from wagtail_qbo_sync.clock import failpoint
from wagtail_qbo_sync.models import Case, Connection, SyncState
from wagtail_qbo_sync.sync.records.status import ConnectionState, connection_state, open_problems

from .attention import Attention, Reason, attention
from .recipients import recipients

logger = logging.getLogger(__name__)

AGAIN = timedelta(days=7)
PAUSE = timedelta(minutes=15)
"""Between two mails of a company: a sync finds one thing after the other. Also after a failure."""


STOPS = frozenset({Reason.RECONNECT, Reason.RESET, Reason.FAILED})
"""Reasons of which the signal was sent when the sync stopped (trouble.py)."""


@dataclass(frozen=True, slots=True)
class News:
    """What has not been told yet, or a week ago."""

    reasons: tuple[Attention, ...]
    """Of the company itself."""
    problems: dict[str, int]
    """Case.Kind value -> how many."""

    def lines(self) -> list[str]:
        """In the language that is active."""
        company = [str(each.reason.label) for each in self.reasons]
        return company + [f"{Case.Kind(kind).label}: {n}" for kind, n in self.problems.items()]


def send_all() -> None:
    """Each minute, from the tick. A paused site and a copy tell nobody anything."""
    waiting: dict[int, list[Attention]] = {}
    for each in attention():
        waiting.setdefault(each.connection.pk, []).append(each)
    companies = Connection.objects.filter(disconnected_at=None).select_related(
        "state", "token", "connected_by"
    )
    for company in companies:
        if connection_state(company) not in (ConnectionState.PAUSED, ConnectionState.COPY):
            _look_after(company, waiting.get(company.pk, []))


def _look_after(company: Connection, waits: Sequence[Attention]) -> None:
    now, told = clock.now(), company.state.told
    is_over = told.keys() - {_key(each) for each in waits}
    is_new = _due(told, waits, now) or _untold(company, now).exists()
    if not is_over and not is_new:
        return
    news = _note(company, waits, now)
    if news is None:
        return
    failpoint("alerts.noted")
    _signal(company, news)
    people = recipients(company)
    reached = [person for person in people if _mail(person, company, news)]
    if people and not reached:
        _note_back(company, news, now)


def _due(told: dict[str, str], waits: Iterable[Attention], now: datetime) -> list[Attention]:
    """What was not told within a week."""
    times = {each: parse_datetime(told.get(_key(each), "")) for each in waits}
    return [each for each, at in times.items() if at is None or at < now - AGAIN]


@transaction.atomic
def _note(company: Connection, waits: Sequence[Attention], now: datetime) -> News | None:
    """What is told now. None: another tick does, or did a moment ago, or there is nothing.

    What is over is forgotten: should it come again, it is news.
    """
    state = SyncState.objects.select_for_update().get(pk=company.pk)
    keys = {_key(each) for each in waits}
    state.told = {key: at for key, at in state.told.items() if key in keys}
    if state.tell_after is not None and state.tell_after > now:
        state.save(update_fields=["told"])
        return None
    due = _due(state.told, waits, now)
    told = _untold(company, now).update(told_at=now)
    if due or told:
        state.told |= {_key(each): now.isoformat() for each in due}
        state.tell_after = now + PAUSE
    state.save(update_fields=["told", "tell_after"])
    noted = Case.objects.filter(connection=company, told_at=now).order_by()
    counts: Any = noted.values_list("kind").annotate(count=Count("pk")) if told else ()
    return News(tuple(due), dict(sorted(counts))) if due or told else None


@transaction.atomic
def _note_back(company: Connection, news: News, now: datetime) -> None:
    """It was not told: it is tried again after the pause."""
    Case.objects.filter(connection=company, told_at=now).update(told_at=None)
    state = SyncState.objects.select_for_update().get(pk=company.pk)
    untold = {_key(each) for each in news.reasons}
    state.told = {key: at for key, at in state.told.items() if key not in untold}
    state.save(update_fields=["told"])


def _untold(company: Connection, now: datetime) -> QuerySet[Case]:
    due = Q(told_at__isnull=True) | Q(told_at__lt=now - AGAIN)
    return open_problems().filter(due, connection=company)


def _key(waits: Attention) -> str:
    """Another plan, or another failure, is another thing."""
    if waits.run is not None:
        return f"{waits.reason}:{waits.run.pk}"
    if waits.reason is Reason.FAILED:
        return f"{waits.reason}:{waits.connection.state.trouble['at']}"
    return str(waits.reason)


def _signal(company: Connection, news: News) -> None:
    """But for a sync that stopped: that was told when it did (trouble.py)."""
    trouble = company.state.trouble
    known = STOPS if trouble and not trouble.get("next_try") else frozenset()
    if not news.problems and known.issuperset(each.reason for each in news.reasons):
        return
    signals.attention_needed.send_robust(
        sender=SyncState, connection=company, reason="\n".join(news.lines())
    )


def _mail(person: Any, company: Connection, news: News) -> bool:
    """In their language. Whether the backend took it."""
    profile = getattr(person, "wagtail_userprofile", None)
    language = profile.get_preferred_language() if profile else django_settings.LANGUAGE_CODE
    with translation.override(language):
        name = " ".join(company.company_name.split())  # one line, whatever QuickBooks calls it
        subject = _("QuickBooks sync: %s needs you") % name
        lines = [name, "", *news.lines(), "", *_links(news)]
        try:
            send_mail(subject, "\n".join(lines).strip() + "\n", None, [person.email])
        except Exception:
            logger.exception("Company %s: the e-mail to a person was not sent", company.pk)
            return False
    return True


def _links(news: News) -> list[str]:
    """Absolute ones; a worker knows the site's address from its settings alone."""
    base = (getattr(django_settings, "WAGTAILADMIN_BASE_URL", None) or "").rstrip("/")
    names = ["connections", *(["problems"] if news.problems else [])]
    return [base + reverse(f"wagtail_qbo_sync:{name}") for name in names] if base else []
