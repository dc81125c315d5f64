"""On Wagtail's first page: how many customers wait, and which company needs a person."""

from __future__ import annotations

from typing import Any

from django.forms import Media
from django.utils.functional import Promise, cached_property
from django.utils.translation import gettext_lazy as _
from wagtail.admin.site_summary import SummaryItem
from wagtail.admin.ui.components import Component

from wagtail_qbo_sync.models import Connection
from wagtail_qbo_sync.sync.records.status import count_conflicts, count_to_map
from wagtail_qbo_sync.sync.telling.attention import Attention, Reason, most_pressing

from .base import conflicts_url, may, to_map_url, url

RIGHT = {
    Reason.COPY: "connect",
    Reason.RECONNECT: "connect",
    Reason.PLAN: "sync",
    Reason.RESET: "sync",
    Reason.FAILED: "sync",
    Reason.READS: "change",
}
"""Reason -> who can do something about it, and so is told."""


class ToMapItem(SummaryItem):
    """How many customers are to be mapped or reviewed, for who may."""

    order = 400
    template_name = "wagtail_qbo_sync/home/to_map.html"

    def is_shown(self) -> bool:
        return may(self.request.user, "map") and bool(self.numbers)

    @cached_property
    def numbers(self) -> dict[int, int]:
        return count_to_map()

    def get_context_data(self, parent_context: Any = None) -> dict[str, Any]:
        companies = [Connection(pk=pk) for pk in self.numbers]
        return {
            "number": sum(self.numbers.values()),
            "url": to_map_url(self.request.user, companies),
        }


class AttentionPanel(Component):
    """The companies that need this person, and the conflicts that wait for who may settle them;
    empty for everybody else."""

    name = "qbo_attention"
    order = 90
    template_name = "wagtail_qbo_sync/home/attention.html"

    def __init__(self, user: Any) -> None:
        self.user = user

    @cached_property
    def entries(self) -> list[tuple[Attention, str, str | Promise]]:
        """(what, address, what the link says) of each."""
        if not may(self.user, *RIGHT.values()):
            return []
        found = [each for each in most_pressing() if may(self.user, RIGHT[each.reason])]
        return [(each, *_way(each)) for each in found]

    @cached_property
    def conflicts(self) -> int:
        """How many customers are in conflict."""
        return count_conflicts() if may(self.user, "map") else 0

    @property
    def media(self) -> Media:
        return Media(css={"all": ["wagtail_qbo_sync/css/tables.css"]})

    def get_context_data(self, parent_context: Any = None) -> dict[str, Any]:
        return {
            "entries": self.entries,
            "conflicts": self.conflicts,
            "conflicts_url": conflicts_url(),
        }


def _way(about: Attention) -> tuple[str, str | Promise]:
    """Where it is seen to."""
    if about.run is not None:
        return url("run", about.run.pk), _("Look at the plan")
    return url("connections"), _("Connected Apps")
