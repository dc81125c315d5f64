"""What a run is about: how it stands, what it would do or did, and a person's word on it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.db.models import Count
from django.utils.functional import Promise, cached_property
from django.utils.http import urlencode
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from wagtail.admin.ui.components import Component
from wagtail.admin.utils import get_user_display_name

from wagtail_qbo_sync.models import Run, Step
from wagtail_qbo_sync.sync.people.ticks import by_others, touched_fields
from wagtail_qbo_sync.sync.planning import undoing
from wagtail_qbo_sync.sync.records.runs import touching
from wagtail_qbo_sync.sync.records.status import ConnectionState, connection_state, status_of

from .base import may, to_map_url, url
from .components import WAITING, WAITS_UNTIL, WATCHING, ConnectionCard
from .labels import field_label
from .signs import Sign, kind_sign, outcome_sign, run_state_sign

State = Run.State


@dataclass(frozen=True, slots=True)
class CountLine:
    """So many steps of a kind that stand alike."""

    sign: Sign
    number: int
    url: str


class RunSummary(Component):
    """The upper part of a run's page.

    `is_again`: whether the page asks for it again; the steps below it are then of before.
    """

    template_name = "wagtail_qbo_sync/runs/summary.html"

    def __init__(self, run: Run, user: Any, *, is_again: bool = False) -> None:
        self.run = run
        self.user = user
        self.is_again = is_again

    @property
    def waits(self) -> bool:
        return self.run.state == State.WAITING or (self.is_proposal and not self.is_planned)

    @property
    def is_proposal(self) -> bool:
        """Whether it is what Save all would do, and waits for that."""
        return self.run.state == State.PROPOSED

    @property
    def nothing_ticked(self) -> bool:
        """Whether saving would do nothing."""
        return not any(state == Step.State.PLANNED for _kind, state in self.numbers)

    @property
    def seen(self) -> int:
        """What the ticks that this page shows are known by when it is approved."""
        return by_others(self.run, self.user)

    @property
    def undecided(self) -> int:
        """Customers to map whom the plan does not name."""
        number: int = self.run.counts.get("undecided", 0)
        return number

    @property
    def is_applied(self) -> bool:
        """Whether it is being applied, or will be as soon as a worker comes."""
        return self.run.state == State.APPLYING

    @cached_property
    def waits_until(self) -> str | Promise:
        """What has to happen before it can be approved, "" for nothing."""
        state: ConnectionState = connection_state(self.run.connection)
        asks = self.run.state == State.WAITING
        return WAITS_UNTIL.get(state, "") if asks else ""

    @cached_property
    def card(self) -> ConnectionCard | None:
        """How the company's sync does, while the run is applied."""
        if not self.is_applied:
            return None
        return ConnectionCard(status_of(self.run.connection, counted=False), self.user)

    @property
    def interval(self) -> int:
        """Milliseconds until another look at it is worth while, 0 for never."""
        if self.is_planned:
            return WATCHING
        return self.card.interval or WAITING if self.card else 0

    @property
    def is_planned(self) -> bool:
        """Whether a plan that a person asked for is still being put together."""
        if self.is_proposal:
            return not self.run.counts
        return self.run.state == State.PLANNING and bool(self.run.undo or self.run.push)

    @cached_property
    def undo_url(self) -> str:
        """Where the whole of it is taken back, by POST; "" where nothing can be."""
        can = may(self.user, "sync") and undoing.undoable(self.run).exists()
        return url("run_undo", self.run.pk) if can else ""

    @cached_property
    def undone_by(self) -> list[tuple[Run, str]]:
        """The runs that took this one back, or parts of it, with their addresses."""
        runs = self.run.undone_by.exclude(state=State.DISCARDED).order_by("pk")
        return [(run, url("run", run.pk)) for run in runs]

    @property
    def undoes_url(self) -> str:
        """The run that this one takes back, "" for none."""
        return url("run", self.run.undoes_id) if self.run.undoes_id else ""

    @cached_property
    def ended(self) -> int:
        """Customers that an undo would make inactive: a person is told, and confirms (U5)."""
        if not (self.waits and self.run.undo):
            return 0
        planned = self.run.steps.filter(touching("qbo:active"), state=Step.State.PLANNED)
        return planned.filter(data__active=False).count()

    @property
    def discard_url(self) -> str:
        """Where the plan is dropped, by POST."""
        return url("run_discard", self.run.pk)

    @property
    def started_by(self) -> str:
        return started_by(self.run)

    @property
    def approved_by(self) -> str:
        """Who approved it. One that needed no approval has no time of it either."""
        if self.run.approved_by:
            return str(get_user_display_name(self.run.approved_by))
        return gettext("on the command line")

    @property
    def to_map_url(self) -> str:
        """Where all who wait for a person are, "" for who may not see them."""
        return to_map_url(self.user, [self.run.connection])

    @property
    def counts(self) -> list[CountLine]:
        """What is planned, or what became of it, each number leading to its steps."""
        return [
            CountLine(
                kind_sign(kind)
                if self.waits and state == Step.State.PLANNED
                else outcome_sign(kind, state),
                self.numbers[kind, state],
                f"{url('run', self.run.pk)}?{urlencode({'kind': kind, 'state': state})}",
            )
            for kind in Step.Kind.values
            for state in Step.State.values
            if self.numbers.get((kind, state))
        ]

    @cached_property
    def numbers(self) -> Mapping[tuple[str, str], int]:
        """(kind, state) -> steps. Counted anew only while they are changing."""
        outcome = self.run.counts.get("outcome")
        if outcome is not None:
            pairs = ((key.split("."), number) for key, number in outcome.items())
            return {(kind, state): number for (kind, state), number in pairs}
        rows = self.run.steps.order_by().values_list("kind", "state").annotate(n=Count("pk"))
        return {(kind, state): number for kind, state, number in rows}

    @cached_property
    def unticked(self) -> dict[str, dict[str, int]]:
        """What a plan would write if everything were ticked, and does not."""
        if not self.waits:
            return {"over": {}, "qbo": {}}
        return touched_fields(self.run, Step.State.UNTICKED)

    @property
    def overwritten(self) -> list[tuple[str, int]]:
        """(field for people, clients whose value is replaced), the most first."""
        return _ranked(self.run.counts.get("overwritten", {}), self.unticked["over"])

    @property
    def sent(self) -> list[tuple[str, int]]:
        """(field for people, customers to whom it is sent), the most first."""
        return _ranked(self.run.counts.get("sent", {}), self.unticked["qbo"])

    def get_context_data(self, parent_context: Any = None) -> dict[str, Any]:
        trouble = self.run.trouble.get("message", "")
        return {
            **(self.card.get_context_data() if self.card else {}),
            "summary": self,
            "run": self.run,
            "sign": run_state_sign(self.run.state),
            "may_answer": may(self.user, answering(self.run)),
            "counts": self.counts,
            "overwritten": self.overwritten,
            "sent": self.sent,
            "trouble": gettext(trouble) if trouble else "",
            "csrf_token": parent_context.get("csrf_token") if parent_context else None,
        }


def answering(run: Run) -> str:
    """The right to untick, approve or discard it: what Save all would do is for who maps."""
    return "map" if run.state == State.PROPOSED else "sync"


def started_by(run: Run) -> str:
    """Who asked for it; the schedule and commands are nobody."""
    if run.started_by:
        return str(get_user_display_name(run.started_by))
    return str(_("Command line or schedule"))


def _ranked(fields: Mapping[str, int], unticked: Mapping[str, int]) -> list[tuple[str, int]]:
    left = {name: number - unticked.get(name, 0) for name, number in fields.items()}
    ranked = sorted(left.items(), key=lambda item: -item[1])
    return [(field_label(name), number) for name, number in ranked if number]
