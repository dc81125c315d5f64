"""Columns of our listings. What they show is worked out by the view, once for the page."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib.humanize.templatetags.humanize import intcomma
from django.utils.formats import date_format
from django.utils.timezone import localtime
from wagtail.admin.ui.tables import Column, TitleColumn

from wagtail_qbo_sync.models import Run, Step
from wagtail_qbo_sync.sync.people.ticks import can_untick


class CustomerColumn(TitleColumn):
    """A customer's name; below it where a sub-customer or a project stands."""

    cell_template_name = "wagtail_qbo_sync/tables/customer_cell.html"

    def get_cell_context_data(
        self, instance: Any, parent_context: dict[str, Any]
    ) -> dict[str, Any]:
        context: dict[str, Any] = super().get_cell_context_data(instance, parent_context)
        path = instance.path
        context["path"] = "" if path == instance.display_name else path
        return context


class SignColumn(Column):
    """A `signs.Sign`: icon and word."""

    cell_template_name = "wagtail_qbo_sync/tables/sign_cell.html"


class ClientColumn(Column):
    """A `clients.ShownClient`, linked where the person may edit it."""

    cell_template_name = "wagtail_qbo_sync/tables/client_cell.html"


class LinkColumn(Column):
    """A pair of text and address, or None."""

    cell_template_name = "wagtail_qbo_sync/tables/link_cell.html"


class TickColumn(Column):
    """Whether a step of a plan is to be done: a box that is sent at once; nothing where the
    step is none to be unticked."""

    cell_template_name = "wagtail_qbo_sync/tables/tick_cell.html"

    def get_value(self, instance: Step) -> bool | None:
        is_open = instance.state in (Step.State.PLANNED, Step.State.UNTICKED)
        return instance.state == Step.State.PLANNED if is_open and can_untick(instance) else None


class LabelledColumn(Column):
    """A text that says what it is also where the rows of a table are stacked."""

    cell_template_name = "wagtail_qbo_sync/tables/labelled_cell.html"


class OutcomeColumn(Column):
    """A `types_file.Outcome`: what a client becomes in QuickBooks, and what stays there."""

    cell_template_name = "wagtail_qbo_sync/tables/outcome_cell.html"


class UndoColumn(Column):
    """A button that takes one step back; its value is where, "" for none. `named`: of whom."""

    cell_template_name = "wagtail_qbo_sync/tables/undo_cell.html"

    def __init__(self, name: str, *, named: Callable[[Any], str], **options: Any) -> None:
        super().__init__(name, **options)
        self.named = named

    def get_cell_context_data(
        self, instance: Any, parent_context: dict[str, Any]
    ) -> dict[str, Any]:
        context: dict[str, Any] = super().get_cell_context_data(instance, parent_context)
        return {**context, "named": self.named(instance)}


class ToldColumn(Column):
    """A `words.Told`: values old and new, reasons, candidates."""

    cell_template_name = "wagtail_qbo_sync/tables/told_cell.html"


class ActsColumn(Column):
    """(label, address to post to) of each act upon a row, whose title has the id
    `row-<pk>-title`."""

    cell_template_name = "wagtail_qbo_sync/tables/acts_cell.html"


class CountsColumn(Column):
    """What became of a run's steps, or what is planned, in numbers."""

    cell_template_name = "wagtail_qbo_sync/tables/counts_cell.html"

    def get_value(self, instance: Run) -> list[tuple[str, str]]:
        numbers = ended(instance) or planned(instance)
        return [(label, str(intcomma(number))) for label, number in numbers if number]


def planned(run: Run) -> list[tuple[str, int]]:
    """(kind of step for people, how many), the most telling kinds first."""
    return [(str(kind.label), run.counts.get(kind, 0)) for kind in Step.Kind]


def ended(run: Run) -> list[tuple[str, int]]:
    """The same of what was done, and what was not; [] while a run has not ended."""
    outcome = run.counts.get("outcome")
    if outcome is None:
        return []
    done = [(str(kind.label), outcome.get(f"{kind}.done", 0)) for kind in Step.Kind]
    not_done = [
        (str(state.label), sum(outcome.get(f"{kind}.{state}", 0) for kind in Step.Kind))
        for state in (Step.State.HELD, Step.State.FAILED, Step.State.LEFT)
    ]
    return done + not_done


class NumberColumn(Column):
    """A count, as people read it."""

    def get_value(self, instance: Any) -> str:
        return str(intcomma(super().get_value(instance)))


class TimeColumn(TitleColumn):
    """A moment, linked."""

    def get_value(self, instance: Any) -> str:
        moment = localtime(super().get_value(instance))
        return date_format(moment, "SHORT_DATETIME_FORMAT")
