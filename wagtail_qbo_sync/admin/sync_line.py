"""The line above a list: when each company was synced, and what has come since (C3, C15)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.contrib.humanize.templatetags.humanize import intcomma
from django.db.models import Max
from django.forms import Media
from django.utils.functional import cached_property
from django.utils.http import urlencode
from django.utils.timesince import timesince
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from wagtail.admin.ui.components import Component

from wagtail_qbo_sync import clock
from wagtail_qbo_sync.host.adapter import get_adapter
from wagtail_qbo_sync.models import Change, Mapping, Step
from wagtail_qbo_sync.sync.records.status import ConnectionState, Status, all_statuses

from .base import to_map_url, url
from .components import WAITING, WATCHING
from .signs import CARE, GOOD, QUIET, Sign

RESTING = 30_000
"""Milliseconds between two looks while nothing is under way: somebody else may ask."""
UPDATES = (Step.Kind.LINK, Step.Kind.CREATE, Step.Kind.UPDATE)


class SyncLine(Component):
    """One line a company, and beneath it "3 clients updated from QuickBooks - Reload".

    It asks for itself again with `since`, the last entry of the journal when the page was
    made.
    """

    template_name = "wagtail_qbo_sync/shared/sync_line.html"

    def __init__(self, statuses: Sequence[Status], user: Any, since: int | None = None) -> None:
        self.statuses = [status for status in statuses if status.connection.is_connected]
        self.user = user
        self.since = latest_change() if since is None else since

    @property
    def media(self) -> Media:
        return Media(
            css={
                "all": [
                    "wagtail_qbo_sync/css/tables.css",  # also on the site's own list of clients
                    "wagtail_qbo_sync/css/sync_line.css",
                ]
            },
            js=["wagtail_qbo_sync/js/qbo-poll.js"],
        )

    def get_context_data(self, parent_context: Any = None) -> dict[str, Any]:
        return {
            "url": f"{url('sync_line')}?{urlencode({'since': self.since})}",
            "interval": self.interval,
            "lines": [CompanyLine(status, self.user) for status in self.statuses],
            "several": len(self.statuses) > 1,
            "news": self.news,
        }

    @property
    def interval(self) -> int:
        """Milliseconds until another look is worth while."""
        running = [status for status in self.statuses if status.is_running]
        if not running:
            return RESTING
        return WAITING if all(status.worker_silent for status in running) else WATCHING

    @cached_property
    def news(self) -> str:
        """How many of the clients that this person may view were written since, "" for none."""
        number = updated_since(self.since, self.user)
        if not number:
            return ""
        return ngettext(
            "%(count)s client updated from QuickBooks",
            "%(count)s clients updated from QuickBooks",
            number,
        ) % {"count": intcomma(number)}


class WithSyncLine:
    """Goes before an IndexView of ours, whose template shows `sync_line`."""

    def get_context_data(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        context: dict[str, Any] = super().get_context_data(*args, **kwargs)  # type: ignore[misc]
        if self.results_only:  # type: ignore[attr-defined]
            return context
        line = SyncLine(all_statuses(), self.request.user)  # type: ignore[attr-defined]
        return context | {"sync_line": line, "media": context["media"] + line.media}


class CompanyLine:
    """How one company is doing, in a few words."""

    def __init__(self, status: Status, user: Any) -> None:
        self.status = status
        self.user = user
        self.name = status.connection.company_name

    @property
    def sign(self) -> Sign:
        """What comes first: under way, synced when, or why not."""
        status = self.status
        if status.state is not ConnectionState.CONNECTED:
            return Sign("warning", CARE, str(status.state.label))
        if status.is_running and not status.worker_silent:
            return Sign("rotate", QUIET, _("Syncing now"))
        if status.sync.synced_at is None:
            return Sign("minus", QUIET, _("Not synced yet"))
        return Sign("circle-check", GOOD, _("Last synced %s") % ago(status.sync.synced_at))

    @property
    def updated(self) -> str:
        """What the last sync did to clients, "" for nothing."""
        run = self.status.last_run
        if run is None or not self.status.last_sync_did:
            return ""
        outcome = run.counts.get("outcome", {})
        number = sum(outcome.get(f"{kind}.{Step.State.DONE}", 0) for kind in UPDATES)
        text = ngettext("%(count)s updated", "%(count)s updated", number)
        return text % {"count": intcomma(number)} if number else ""

    @property
    def waiting(self) -> str:
        """How many customers wait for a person (C8), "" for none."""
        number = self.status.to_map
        text = ngettext("%(count)s waiting", "%(count)s waiting", number)
        return text % {"count": intcomma(number)} if number else ""

    @property
    def waiting_url(self) -> str:
        """Where they are, "" if not for this person."""
        return to_map_url(self.user, [self.status.connection])


def ago(moment: datetime) -> str:
    """How long ago something was, to the minute."""
    now = clock.now()
    if (now - moment).total_seconds() < 60:
        return _("just now")
    return _("%s ago") % timesince(moment, now, depth=1)


def latest_change() -> int:
    """The newest entry of the journal: what is written from now on comes after it."""
    newest: int | None = Change.objects.aggregate(newest=Max("pk"))["newest"]
    return newest or 0


def updated_since(since: int, user: Any) -> int:
    """How many clients that this person may view were written after that entry."""
    written = Change.objects.filter(pk__gt=since, side=Change.Side.SITE)
    if not written.exists():
        return 0
    adapter = get_adapter()
    clients = Mapping.objects.filter(client_pk__in=written.values("client_pk")).values("client")
    return adapter.visible_to(user, adapter.queryset().filter(pk__in=clients)).count()
