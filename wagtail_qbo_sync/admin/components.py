"""The pieces that our screens are put together from: a company's card, buttons that POST."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib.humanize.templatetags.humanize import intcomma
from django.utils.dateparse import parse_datetime
from django.utils.functional import Promise
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from wagtail.admin.ui.components import Component
from wagtail.admin.widgets.button import HeaderButton

from wagtail_qbo_sync import clock
from wagtail_qbo_sync.conf import settings
from wagtail_qbo_sync.models import Connection, SyncState
from wagtail_qbo_sync.sync.access import usage
from wagtail_qbo_sync.sync.access.schedule import Tick
from wagtail_qbo_sync.sync.reading import reset
from wagtail_qbo_sync.sync.records.status import (
    TO_MAP,
    ConnectionState,
    CustomerStatus,
    Status,
    connection_state,
)
from wagtail_qbo_sync.sync.telling.health import ends_soon

from .base import comparisons_url, customers_url, may, problems_url, url
from .reviews import map_label, resolve_label, resolve_url
from .signs import Sign, company_sign, comparison_sign

WORKER_COMMAND = "python manage.py qbo_worker"
SCHEDULE_COMMAND = "python manage.py qbo_schedule"

WATCHING = 2_000
"""Milliseconds between two looks at a sync under way."""
WAITING = 15_000
"""The same where nothing moves until a worker starts or a next try is due."""

State = ConnectionState
WAITS_UNTIL = {
    State.DISCONNECTED: _("It can be approved once the company is connected again."),
    State.PAUSED: _("It can be approved once the pause is over."),
    State.COPY: _("It can be approved once somebody has said that this is the live site."),
}
"""Where a plan cannot be approved, and what has to happen before."""


def cannot_sync(connection: Connection) -> str:
    """Why nothing of a company can be synced now, "" if it can."""
    state = connection_state(connection)
    words = {"company": connection.company_name, "state": state.label}
    if state is not State.CONNECTED:
        return gettext("“%(company)s” cannot be synced: %(state)s.") % words
    if reset.stops(connection):
        text = gettext("“%(company)s” looks as if it was reset in QuickBooks. See Problems first.")
        return text % words
    return ""


class PostHeaderButton(HeaderButton):
    """A button in the page's header that POSTs, or opens a dialog."""

    template_name = "wagtail_qbo_sync/shared/header_button.html"


@dataclass(frozen=True)
class Count:
    """How many customers stand somewhere, and where they are listed ("" if not for this user)."""

    label: str | Promise
    number: str
    url: str
    among: Count | None = None
    """Some of them, counted apart."""


@dataclass(frozen=True)
class Trouble:
    """What went wrong, what was done, and what is tried again when (sync/access/trouble.py)."""

    facts: dict[str, Any]

    @property
    def happened(self) -> str:
        return gettext(self.facts["message"])

    @property
    def was_done(self) -> str:
        if self.facts["phase"] == SyncState.Phase.PULL and not self.facts["total"]:
            return gettext("Nothing was read yet.")
        numbers = {name: intcomma(self.facts[name]) for name in ("done", "total")}
        sentences = {
            SyncState.Phase.PULL: _("%(done)s of %(total)s customers were read."),
            SyncState.Phase.CONFIRM: _("%(done)s of %(total)s customers were read."),
            SyncState.Phase.PLAN: _("The customers were read; nothing was changed on the site."),
            SyncState.Phase.APPLY: _("%(done)s of %(total)s steps of the plan were applied."),
        }
        sentence = sentences.get(self.facts["phase"])
        return str(sentence) % numbers if sentence and self.facts["total"] else ""

    @property
    def at(self) -> datetime | None:
        return parse_datetime(self.facts["at"])

    @property
    def next_try(self) -> datetime | None:
        """When a machine tries again; None: only a person restarts it."""
        return parse_datetime(self.facts["next_try"]) if self.facts["next_try"] else None

    @property
    def advice(self) -> str | Promise:
        """What a person does about it."""
        if self.facts["action"] == "reconnect":
            return _("It is not tried again until the company has been reconnected.")
        if self.facts["action"] == "operator":
            return _("It is not tried again by itself. Once that has been set right, Sync now.")
        return _("It is not tried again by itself. Sync now tries again.")


STAYS = _(
    "What stays: your clients as they are, all mappings, exclusions and other decisions, and the "
    "history. Nothing is deleted in QuickBooks. When the same company is connected again, it goes "
    "on from there."
)
DELETES = _(
    "Also delete what was read of its customers. If the company is connected again, they are read "
    "anew."
)
"""What a person is told before a company is disconnected."""


class ConnectionCard(Component):
    """A company on Connected Apps: how it does, and what can be done.

    `warn_dialog`: id of the dialog to be shown before anything is connected here, "" for
    none (U18).
    """

    template_name = "wagtail_qbo_sync/connections/card.html"
    stays, deletes = STAYS, DELETES

    def __init__(self, status: Status, user: Any, *, warn_dialog: str = "") -> None:
        self.status = status
        self.warn_dialog = warn_dialog
        self.is_running = status.is_running
        self.user = user
        self.connection: Connection = status.connection
        self.sync: SyncState = status.sync
        self.sign = company_sign(status.state)

    # How it does --------------------------------------------------------------------------

    @property
    def is_walked(self) -> bool:
        """Whether somebody holds the lease: a worker, or a command in the foreground."""
        held = self.sync.lease_until is not None and self.sync.lease_until > clock.now()
        return held and not (self.status.is_unheard and self.status.worker_silent)

    @property
    def no_worker(self) -> bool:
        """Whether nobody is there who would sync it."""
        return self._is_connected and self.status.worker_silent and not self.is_walked

    @property
    def tick_problem(self) -> str:
        """What is wrong with the schedule, "" for nothing. Where no worker is, being overdue
        is a matter of course."""
        tick = self.status.tick
        if not self._is_connected or tick is Tick.ON_TIME:
            return ""
        if tick is Tick.OVERDUE:
            return "" if self.status.worker_silent else gettext("The worker's schedule is overdue.")
        return gettext("The worker's schedule is missing.")

    @property
    def is_moving(self) -> bool:
        """Whether there is progress to be seen."""
        waits = self.no_worker or self._is_blocked or self.status.is_unheard
        return self.is_running and not waits

    @property
    def is_unheard(self) -> bool:
        """Whether a worker took this up and has perhaps stopped since."""
        waits = self.no_worker or self._is_blocked
        return self.is_running and self.status.is_unheard and not waits

    @property
    def progress(self) -> str | Promise:
        """What is being done."""
        if self.sync.phase == SyncState.Phase.REST:
            return _("About to start")
        return SyncState.Phase(self.sync.phase).label

    @property
    def is_measured(self) -> bool:
        """Whether the numbers are of what is being done: comparing has none of its own."""
        measured = (SyncState.Phase.PULL, SyncState.Phase.APPLY, SyncState.Phase.COMPARE)
        return self.sync.phase in measured and self.sync.total > 0

    @property
    def done_and_total(self) -> dict[str, str]:
        """The numbers of the progress, as people read them."""
        return {"done": str(intcomma(self.sync.done)), "total": str(intcomma(self.sync.total))}

    @property
    def trouble(self) -> Trouble | None:
        """But for a reset, of which the question tells."""
        shown = self.sync.trouble and not self.is_walked and not self.status.is_reset
        return Trouble(self.sync.trouble) if shown else None

    @property
    def interval(self) -> int:
        """Milliseconds until another look at it is worth while, 0 for never."""
        if not self.is_running:
            return 0
        return WATCHING if self.is_moving else WAITING

    @property
    def reset_url(self) -> str:
        """Where a person says go on with a company that was reset."""
        return problems_url(self.connection) if may(self.user, "view") else ""

    @property
    def counts(self) -> list[Count]:
        numbers = self.status.counts
        mapped, review = CustomerStatus.MAPPED, CustomerStatus.REVIEW
        excluded = CustomerStatus.EXCLUDED
        to_review = self._count(_("need review"), numbers[review], review)
        return [
            self._count(_("Mapped"), numbers[mapped], mapped),
            self._count(
                _("To map"),
                self.status.to_map,
                *TO_MAP,
                among=to_review if numbers[review] else None,
            ),
            self._count(_("Excluded"), numbers[excluded], excluded),
            self._problems(),
        ]

    # What can be done ---------------------------------------------------------------------

    @property
    def may_sync(self) -> bool:
        return self._is_connected and may(self.user, "sync")

    @property
    def may_reconnect(self) -> bool:
        """Also where the keys in the settings do not open its login: a new one is an answer."""
        state, trouble = self.status.state, self.status.sync.trouble
        lost = state in (State.RECONNECT, State.DISCONNECTED)
        sealed = state is State.CONNECTED and trouble.get("code") == "encryption_keys"
        return (lost or sealed) and may(self.user, "connect")

    @property
    def may_disconnect(self) -> bool:
        """Not on a copy: ending the login would end the live site's (U18)."""
        kept = self.status.state not in (State.DISCONNECTED, State.COPY)
        return kept and may(self.user, "connect")

    @property
    def list_url(self) -> str:
        return customers_url(self.connection) if may(self.user, "view") else ""

    @property
    def map_url(self) -> str:
        """Where all who wait are decided about; "" if nobody waits, or not for this user (C8)."""
        if not self.status.to_map or not may(self.user, "map"):
            return ""
        return url("map", self.connection.pk)

    @property
    def map_label(self) -> str:
        return map_label(self.status.to_map)

    @property
    def review_url(self) -> str:
        """Where likely duplicates are settled; "" if there are none, or not for this user."""
        waiting = self.status.counts[CustomerStatus.REVIEW]
        if not waiting or not may(self.user, "map"):
            return ""
        return resolve_url(company=self.connection.pk)

    @property
    def review_label(self) -> str:
        return resolve_label(self.status.counts[CustomerStatus.REVIEW])

    @property
    def settings_url(self) -> str:
        return url("settings", self.connection.pk) if may(self.user, "change") else ""

    @property
    def waiting_run_url(self) -> str:
        return self._run_url(self.status.waiting_run)

    @property
    def last_run_url(self) -> str:
        return self._run_url(self.status.last_run)

    @property
    def reconnect_by(self) -> datetime | None:
        """When a person has to connect it again at the latest; None: it is not connected."""
        token = self.status.token
        return token.reconnect_by if token and self._is_connected else None

    @property
    def ends_soon(self) -> bool:
        return self._is_connected and ends_soon(self.status.token)

    @property
    def budget(self) -> int:
        """How many reads this site is to make a month, of all companies together (U14)."""
        return settings.API_READS_A_MONTH

    @property
    def reads_are_many(self) -> bool:
        return self.status.reads >= self.budget * usage.NEARLY

    @property
    def comparison(self) -> Sign | None:
        """What the last full comparison found (U13)."""
        last = self.status.last_comparison
        return comparison_sign(last) if last else None

    @property
    def comparisons_url(self) -> str:
        return comparisons_url(self.connection) if may(self.user, "view", "sync") else ""

    @property
    def plan_waits_until(self) -> str | Promise:
        """What has to happen before the waiting plan can be approved, "" for nothing."""
        return WAITS_UNTIL.get(self.status.state, "")

    @property
    def dialog(self) -> str:
        """Id of the dialog that asks before disconnecting."""
        return f"qbo-disconnect-{self.connection.pk}"

    def get_context_data(self, parent_context: Any = None) -> dict[str, Any]:
        return {
            "card": self,
            "connection": self.connection,
            "status": self.status,
            "sync": self.sync,
            "worker_command": WORKER_COMMAND,
            "schedule_command": SCHEDULE_COMMAND,
        }

    # -------------------------------------------------------------------------------------

    @property
    def _is_connected(self) -> bool:
        return self.status.state is State.CONNECTED

    @property
    def _is_blocked(self) -> bool:
        return self.sync.blocked_until is not None and self.sync.blocked_until > clock.now()

    def _problems(self) -> Count:
        number = self.status.problems
        seen = number and may(self.user, "view")
        address = problems_url(self.connection) if seen else ""
        return Count(_("Problems"), str(intcomma(number)), address)

    def _count(
        self,
        label: str | Promise,
        number: int,
        *statuses: CustomerStatus,
        among: Count | None = None,
    ) -> Count:
        seen = number and may(self.user, "view")
        address = customers_url(self.connection, *statuses) if seen else ""
        return Count(label, str(intcomma(number)), address, among)

    def _run_url(self, run: Any) -> str:
        return url("run", run.pk) if run is not None and may(self.user, "view", "sync") else ""


def shortest_interval(cards: Sequence[ConnectionCard]) -> int:
    """Milliseconds until the page should look again, 0 for never."""
    return min((card.interval for card in cards if card.interval), default=0)
