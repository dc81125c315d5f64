"""What is wrong with the sync as a whole, in sentences that say what to do (U14). Reads only."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Any

from django.conf import settings as django_settings
from django.contrib.humanize.templatetags.humanize import intcomma
from django.urls import NoReverseMatch, reverse
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from wagtail_qbo_sync import clock
from wagtail_qbo_sync.conf import settings
from wagtail_qbo_sync.models import Run, Token
from wagtail_qbo_sync.sync.access import schedule, usage
from wagtail_qbo_sync.sync.access.trouble import RESET
from wagtail_qbo_sync.sync.records import status
from wagtail_qbo_sync.sync.records.status import ConnectionState, Status

from .recipients import recipients

SOON = timedelta(days=30)
"""How long before a login ends it is worth a word."""
State = ConnectionState


class Level(StrEnum):
    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is not as it should be. `company`: its name, "" for the site."""

    level: Level
    company: str
    says: str
    do: str


def ends_soon(token: Token | None) -> bool:
    """Whether a person has to connect the company again before long."""
    return token is not None and token.reconnect_by < clock.now() + SOON


def findings() -> list[Finding]:
    """Of the site first, then of each connected company."""
    companies = [item for item in status.all_statuses() if item.state is not State.DISCONNECTED]
    return [*_of_site(companies), *(found for item in companies for found in _of(item))]


def _of_site(companies: list[Status]) -> Iterator[Finding]:
    if not companies:
        yield Finding(
            Level.WARNING, "", _("No company is connected."), _("Connect one on Connected Apps.")
        )
        return
    silent = status.worker_is_silent()
    if silent:
        yield Finding(Level.ERROR, "", _("No worker is running."), "python manage.py qbo_worker")
    read, share = usage.this_month(), settings.API_READS_A_MONTH
    if read >= share * usage.NEARLY:
        yield Finding(
            Level.WARNING,
            "",
            _("%(read)s of %(share)s reads of QuickBooks for this month are used up.")
            % {"read": intcomma(read), "share": intcomma(share)},
            _("Read less often (Settings of each company), or raise API_READS_A_MONTH."),
        )
    tick = schedule.tick()
    if tick is schedule.Tick.MISSING or (tick is schedule.Tick.OVERDUE and not silent):
        yield Finding(
            Level.ERROR,
            "",
            _("The schedule of the tick: %s.") % tick.label,
            "python manage.py qbo_schedule",
        )


def page_url(name: str, *args: Any) -> str:
    """A page of ours with the site's address, which a worker knows from its settings alone; "" if
    they do not say it, or name URLs without Wagtail's admin."""
    base = (getattr(django_settings, "WAGTAILADMIN_BASE_URL", None) or "").rstrip("/")
    try:
        return base + reverse(f"wagtail_qbo_sync:{name}", args=args) if base else ""
    except NoReverseMatch:
        return ""


def _decide(plan: Run) -> str:
    """Where a person looks at a plan, and how it is applied without a screen."""
    text = _("Look at it and decide: %(page)s; or apply it: manage.py qbo_sync --approve %(plan)s")
    page = page_url("run", plan.pk) or _("Settings, Connected Apps")
    return text % {"page": page, "plan": plan.pk}


def _of(item: Status) -> Iterator[Finding]:
    name, trouble = item.connection.company_name, item.sync.trouble
    if item.state is not State.CONNECTED:
        yield Finding(Level.ERROR, name, f"{item.state.label}.", _(_TO_DO[item.state]))
        return
    if item.token is not None and ends_soon(item.token):
        by = date_format(item.token.reconnect_by, "DATE_FORMAT")
        yield Finding(
            Level.WARNING,
            name,
            _("Its login to QuickBooks ends on %s.") % by,
            _("Reconnect it on Connected Apps before."),
        )
    if item.is_reset:
        says, do = _(RESET), _("Problems: go on, or disconnect it on Connected Apps.")
        yield Finding(Level.ERROR, name, says, do)
    elif trouble and not trouble.get("next_try"):
        yield Finding(
            Level.ERROR, name, _(trouble["message"]), _("Sync now, once that is set right.")
        )
    elif trouble:
        yield Finding(Level.WARNING, name, _(trouble["message"]), _("It is tried again by itself."))
    if item.waiting_run is not None:
        yield Finding(
            Level.WARNING, name, _("A plan waits for approval."), _decide(item.waiting_run)
        )
    if item.problems:
        says = _("Problems that wait for a person: %s.") % intcomma(item.problems)
        yield Finding(Level.WARNING, name, says, _("Settings, Connected Apps, Problems."))
    if not recipients(item.connection):
        yield Finding(
            Level.WARNING,
            name,
            _("Nobody is e-mailed when it needs a person."),
            _("Give an e-mail address to whoever connected it, or may connect companies."),
        )
    if item.takes_webhooks and item.sync.first_synced_at and item.sync.notified_at is None:
        yield Finding(
            Level.WARNING,
            name,
            _("No webhook has ever come, so changes in QuickBooks are noticed late."),
            _("See whether the address is registered at Intuit."),
        )


_TO_DO = {
    State.RECONNECT: gettext_noop("Connected Apps: Reconnect."),
    State.PAUSED: gettext_noop("Take QBO_SYNC_PAUSED out of the environment."),
    State.COPY: gettext_noop("Connected Apps: say whether this is the live site or a copy."),
}
