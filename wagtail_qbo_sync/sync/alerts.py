"""An e-mail, and the signal, when a company needs a person (U14): once for each thing, and again
after a week.

What is told is noted before it is sent, in one conditional transaction per company, so that a
tick that is killed or doubled tells nothing twice. If the mail server fails, it is noted back.
"""

from __future__ import annotations

import logging
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

from .attention import Attention, Reason, attention
from .status import ConnectionState, connection_state, open_problems

logger = logging.getLogger(__name__)

AGAIN = timedelta(days=7)
PAUSE = timedelta(minutes=15)
"""Between two mails of a company: a sync finds one thing after the other. Also after a failure."""


@dataclass(frozen=True, slots=True)
class News:
    """What has not been told yet, or a week ago."""

    company: Attention | None
    problems: dict[str, int]
    """Case.Kind value -> how many."""

    def lines(self) -> list[str]:
        """In the language that is active."""
        company = [str(self.company.reason.label)] if self.company else []
        return company + [f"{Case.Kind(kind).label}: {n}" for kind, n in self.problems.items()]


def send_all() -> None:
    """Each minute, from the tick. A paused site and a copy tell nobody anything."""
    waiting = {each.connection.pk: each for each in attention()}
    companies = Connection.objects.filter(disconnected_at=None).select_related(
        "state", "token", "connected_by"
    )
    for company in companies:
        if connection_state(company) not in (ConnectionState.PAUSED, ConnectionState.COPY):
            _look_after(company, waiting.get(company.pk))


def _look_after(company: Connection, waits: Attention | None) -> None:
    now, told = clock.now(), company.state.told
    key = _key(waits) if waits else ""
    if told and key not in told:  # it is over; should it come again, it is news
        SyncState.objects.filter(pk=company.pk).update(told={})
    at = parse_datetime(told.get(key, ""))
    is_new = waits is not None and (at is None or at < now - AGAIN)
    if not is_new and not _untold(company, now).exists():
        return
    news = _note(company, waits if is_new else None, now)
    if news is None:
        return
    failpoint("alerts.noted")
    _signal(company, news)
    try:
        _mail(company, news)
    except Exception:
        logger.exception("Company %s: the e-mail to a person was not sent", company.pk)
        _note_back(company, news, now)


@transaction.atomic
def _note(company: Connection, waits: Attention | None, now: datetime) -> News | None:
    """What is told now. None: another tick does, or did a moment ago, or there is nothing."""
    free = Q(tell_after__isnull=True) | Q(tell_after__lte=now)
    changes: dict[str, Any] = {"tell_after": now + PAUSE}
    if waits is not None:
        changes["told"] = {_key(waits): now.isoformat()}
    if not SyncState.objects.filter(free, pk=company.pk).update(**changes):
        return None
    _untold(company, now).update(told_at=now)
    noted = Case.objects.filter(connection=company, told_at=now).order_by()
    counts: Any = noted.values_list("kind").annotate(count=Count("pk"))
    return News(waits, dict(sorted(counts))) if waits or counts else None


def _note_back(company: Connection, news: News, now: datetime) -> None:
    """It was not told: it is tried again after the pause."""
    Case.objects.filter(connection=company, told_at=now).update(told_at=None)
    if news.company is not None:
        SyncState.objects.filter(pk=company.pk, tell_after=now + PAUSE).update(told={})


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
    """But for a sync that failed: that was told when it did (trouble.py)."""
    trouble = company.state.trouble
    if news.company and not news.problems and trouble and not trouble.get("next_try"):
        return
    signals.attention_needed.send_robust(
        sender=SyncState, connection=company, reason="\n".join(news.lines())
    )


def _mail(company: Connection, news: News) -> None:
    """To whoever connected the company, in their language. Raises what the backend raises."""
    person: Any = company.connected_by
    if person is None or not person.is_active or not person.email:
        return
    profile = getattr(person, "wagtail_userprofile", None)
    language = profile.get_preferred_language() if profile else django_settings.LANGUAGE_CODE
    with translation.override(language):
        subject = _("QuickBooks sync: %s needs you") % " ".join(company.company_name.split())
        lines = [company.company_name, "", *news.lines(), "", *_links(news)]
        send_mail(subject, "\n".join(lines).strip() + "\n", None, [person.email])


def _links(news: News) -> list[str]:
    """Absolute ones; a worker knows the site's address from its settings alone."""
    base = (getattr(django_settings, "WAGTAILADMIN_BASE_URL", None) or "").rstrip("/")
    names = ["connections", *(["problems"] if news.problems else [])]
    return [base + reverse(f"wagtail_qbo_sync:{name}") for name in names] if base else []
