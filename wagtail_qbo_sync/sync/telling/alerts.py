"""An e-mail, and the signal, when a company needs a person (U14): once for each thing, and again
after a week.

What is told is noted before it is sent, in one conditional transaction per company, so that a
tick that is killed or doubled tells nothing twice. What reached nobody by mail is owed: it is
mailed, with what is new by then or alone, and without another signal, as soon as there is
somebody who can be reached.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings as django_settings
from django.contrib.humanize.templatetags.humanize import intcomma
from django.core.mail import send_mail
from django.db import transaction
from django.db.models import Count, Q, QuerySet
from django.utils import translation
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _

from wagtail_qbo_sync import clock, signals
from wagtail_qbo_sync.clock import failpoint
from wagtail_qbo_sync.models import Case, Connection, SyncState
from wagtail_qbo_sync.sync.records.status import ConnectionState, connection_state, open_problems

from .attention import Attention, Reason, attention
from .health import page_url
from .recipients import recipients

logger = logging.getLogger(__name__)

AGAIN = timedelta(days=7)
PAUSE = timedelta(minutes=15)
"""Between two mails of a company: a sync finds one thing after the other. Also after a failure."""
OWED = "owed"
"""Among what was told: since when that has reached nobody by mail."""

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
        counts = self.problems.items()
        return company + [f"{Case.Kind(kind).label}: {intcomma(n)}" for kind, n in counts]


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
    is_over = told.keys() - {_key(each) for each in waits} - {OWED}
    is_new = bool(_due(told, waits, now)) or _untold(company, now).exists()
    if is_over or is_new:
        _tell(company, waits, now)
    if OWED in told and not is_new:
        _pay(company, waits, now)


def _tell(company: Connection, waits: Sequence[Attention], now: datetime) -> None:
    """The signal of what is new, and a mail of that and of what is owed."""
    noted = _note(company, waits, now)
    if noted is None:
        return
    failpoint("alerts.noted")
    news, since = noted
    _signal(company, news)
    _mail_since(company, recipients(company), waits, since)


def _pay(company: Connection, waits: Sequence[Attention], now: datetime) -> None:
    """Mail what is owed, once there is somebody to mail to."""
    people = recipients(company)
    since = _take_owed(company, now) if people else None
    if since is None:
        return
    failpoint("alerts.noted")
    _mail_since(company, people, waits, since)


def _mail_since(
    company: Connection, people: Iterable[Any], waits: Sequence[Attention], since: datetime
) -> None:
    """Mail what was told since then and still stands; where that reaches nobody, it is owed."""
    company.state.refresh_from_db(fields=["told"])
    told = {key: parse_datetime(at) for key, at in company.state.told.items()}
    reasons = [each for each in waits if (at := told.get(_key(each))) and at >= since]
    problems = open_problems().filter(connection=company, told_at__gte=since)
    news = _news(reasons, problems)
    if news is not None and not _reach(people, company, news):
        _owe(company, since)


def _reach(people: Iterable[Any], company: Connection, news: News) -> bool:
    """Mail to all of them. Whether anybody got it."""
    reached = [person for person in people if _mail(person, company, news)]
    return bool(reached)


def _due(told: dict[str, str], waits: Iterable[Attention], now: datetime) -> list[Attention]:
    """What was not told within a week."""
    times = {each: parse_datetime(told.get(_key(each), "")) for each in waits}
    return [each for each, at in times.items() if at is None or at < now - AGAIN]


@transaction.atomic
def _note(
    company: Connection, waits: Sequence[Attention], now: datetime
) -> tuple[News, datetime] | None:
    """What is told now, and since when a mail has to tell: what is owed is told along. None:
    another tick does, or did a moment ago, or there is nothing.

    What is over is forgotten: should it come again, it is news.
    """
    state = SyncState.objects.select_for_update().get(pk=company.pk)
    keys = {OWED, *(_key(each) for each in waits)}
    state.told = {key: at for key, at in state.told.items() if key in keys}
    if state.tell_after is not None and state.tell_after > now:
        state.save(update_fields=["told"])
        return None
    due = _due(state.told, waits, now)
    told = _untold(company, now).update(told_at=now)
    news = _news(due, Case.objects.filter(connection=company, told_at=now) if told else None)
    since = parse_datetime(state.told.pop(OWED, "")) or now if news else now
    if news:
        state.told |= {_key(each): now.isoformat() for each in due}
        state.tell_after = now + PAUSE
    state.save(update_fields=["told", "tell_after"])
    return (news, since) if news else None


def _news(reasons: Iterable[Attention], problems: QuerySet[Case] | None = None) -> News | None:
    """None: there is nothing."""
    counts: Any = ()
    if problems is not None:
        counts = problems.order_by().values_list("kind").annotate(count=Count("pk"))
    news = News(tuple(reasons), dict(sorted(counts)))
    return news if news.reasons or news.problems else None


@transaction.atomic
def _owe(company: Connection, since: datetime) -> None:
    """What was told since then has reached nobody; what was owed before stays so."""
    state = SyncState.objects.select_for_update().get(pk=company.pk)
    state.told = {OWED: since.isoformat()} | state.told
    state.save(update_fields=["told"])


@transaction.atomic
def _take_owed(company: Connection, now: datetime) -> datetime | None:
    """Since when something is owed, which this tick sees to. None: another does, or did a moment
    ago."""
    state = SyncState.objects.select_for_update().get(pk=company.pk)
    if OWED not in state.told or (state.tell_after is not None and state.tell_after > now):
        return None
    since = parse_datetime(state.told.pop(OWED))
    state.tell_after = now + PAUSE
    state.save(update_fields=["told", "tell_after"])
    return since


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
    names = ["connections", *(["problems"] if news.problems else [])]
    return [link for name in names if (link := page_url(name))]
