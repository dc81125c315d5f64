"""A decision about many customers, as people see it: its progress, what it did, its Undo."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.contrib.humanize.templatetags.humanize import intcomma
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext, ngettext_lazy
from wagtail.admin import messages
from wagtail.admin.ui.components import Component

from wagtail_qbo_sync.models import BulkDecision, Customer
from wagtail_qbo_sync.sync.bulk import decisions as bulk_decisions
from wagtail_qbo_sync.sync.records.status import worker_is_silent

from .acts import waits_for, with_undo
from .base import CUSTOMERS, may, url
from .components import WAITING, WATCHING, WORKER_COMMAND

LISTED = 100
"""Customers that are named of those left as they were, for each reason."""
DID = {
    "map": ngettext_lazy("%(n)s customer is mapped.", "%(n)s customers are mapped.", "count"),
    "create": ngettext_lazy(
        "A client is made of %(n)s customer.", "Clients are made of %(n)s customers.", "count"
    ),
    "exclude": ngettext_lazy(
        "%(n)s customer is excluded from mapping.",
        "%(n)s customers are excluded from mapping.",
        "count",
    ),
    "leave": ngettext_lazy(
        "%(n)s customer is left unmapped.", "%(n)s customers are left unmapped.", "count"
    ),
    "include": ngettext_lazy(
        "%(n)s customer is included again.", "%(n)s customers are included again.", "count"
    ),
    "remove_match": ngettext_lazy(
        "The match of %(n)s customer is removed. No sync makes it again.",
        "The matches of %(n)s customers are removed. No sync makes them again.",
        "count",
    ),
    "put_match_back": ngettext_lazy(
        "The match of %(n)s customer is put back.",
        "The matches of %(n)s customers are put back.",
        "count",
    ),
    "parted": ngettext_lazy(
        "%(n)s customer is no longer mapped.", "%(n)s customers are no longer mapped.", "count"
    ),
    "removed": ngettext_lazy(
        "%(n)s client that was made is removed.",
        "%(n)s clients that were made are removed.",
        "count",
    ),
    "not_made": ngettext_lazy(
        "No client is made of %(n)s customer.", "No clients are made of %(n)s customers.", "count"
    ),
    "qbo_wins": ngettext_lazy(
        "The conflict of %(n)s customer is settled: QuickBooks wins.",
        "The conflicts of %(n)s customers are settled: QuickBooks wins.",
        "count",
    ),
    "site_wins": ngettext_lazy(
        "The conflict of %(n)s customer is settled: the site wins.",
        "The conflicts of %(n)s customers are settled: the site wins.",
        "count",
    ),
    "unsettle": ngettext_lazy(
        "%(n)s customer is in conflict again, as before.",
        "%(n)s customers are in conflict again, as before.",
        "count",
    ),
}
"""What was done -> a sentence. Its order is that of the sentences."""
LEFT = ngettext_lazy(
    "%(n)s customer is left as before.", "%(n)s customers are left as before.", "count"
)
NOT_ALL = ngettext_lazy(
    "Not all could be taken back of %(n)s customer.",
    "Not all could be taken back of %(n)s customers.",
    "count",
)


@dataclass(frozen=True, slots=True)
class LeftAsBefore:
    """Customers for whom a decision could not stand."""

    why: str
    customers: list[tuple[str, str]]
    """(name, address of the customer's page, "" if not for this person), LISTED at most."""
    more: int


class BulkProgress(Component):
    """How a decision about many customers goes, and in the end what became of it."""

    template_name = "wagtail_qbo_sync/bulk/progress.html"

    def __init__(self, bulk: BulkDecision, user: Any) -> None:
        self.bulk = bulk
        self.user = user

    @property
    def is_done(self) -> bool:
        return self.bulk.finished_at is not None

    @property
    def no_worker(self) -> bool:
        """Whether nobody is there to go on with it."""
        return not self.is_done and worker_is_silent()

    @property
    def interval(self) -> int:
        """Milliseconds until another look at it is worth while, 0 for never."""
        if self.is_done:
            return 0
        return WAITING if self.no_worker else WATCHING

    @property
    def undone_by(self) -> BulkDecision | None:
        """What took it back, or is doing so."""
        return BulkDecision.objects.filter(undoes=self.bulk).defer("choices").first()

    @property
    def left(self) -> list[LeftAsBefore]:
        """Those that are left as they were, by reason."""
        links = may(self.user, "view")

        def shown(customer: Customer) -> tuple[str, str]:
            page = reverse(f"{CUSTOMERS}:inspect", args=[customer.pk]) if links else ""
            return customer.path, page

        skipped = bulk_decisions.skipped_of(self.bulk, LISTED)
        return [
            LeftAsBefore(
                gettext(why),
                [shown(customer) for customer in customers],
                len(self.bulk.skipped[why]) - len(customers),
            )
            for why, customers in skipped.items()
        ]

    def get_context_data(self, parent_context: Any = None) -> dict[str, Any]:
        run = self.bulk.run_id if may(self.user, "view", "sync") else None
        return {
            "progress": self,
            "bulk": self.bulk,
            "done": intcomma(self.bulk.done),
            "total": intcomma(self.bulk.total),
            "sentences": sentences(self.bulk),
            "waits_for": waits_for(self.bulk.connection) if self.bulk.run_id else "",
            "left": self.left if self.is_done else [],
            "undone_by": self.undone_by,
            "run_url": url("run", run) if run and self.is_done else "",
            "undo_url": undo_url(self.bulk),
            "worker_command": WORKER_COMMAND,
        }


def sentences(bulk: BulkDecision) -> list[str]:
    """What was done so far."""
    told = [_numbered(DID[do], bulk.counts[do]) for do in DID if bulk.counts.get(do)]
    if bulk.act == BulkDecision.Act.UNDO and bulk.run_id:
        told.append(gettext("Clients get back what was overwritten."))
    return told


def _numbered(sentence: Any, count: int) -> str:
    return str(sentence % {"n": intcomma(count), "count": count})


def undo_url(bulk: BulkDecision) -> str:
    """Where the whole of it is taken back, by POST; "" where it cannot be."""
    return url("bulk_undo", bulk.pk) if bulk_decisions.can_undo(bulk) else ""


def tell(request: HttpRequest, bulk: BulkDecision) -> None:
    """Say in a message what was decided, with its Undo. For one that is done."""
    text = " ".join(sentences(bulk)) or gettext("Nothing was changed.")
    if bulk.run_id and (note := waits_for(bulk.connection)):
        text = f"{text} {note}"
    if skipped := sum(map(len, bulk.skipped.values())):
        text = format_html(
            '{} {} <a href="{}">{}</a>',
            text,
            _numbered(NOT_ALL if bulk.act == BulkDecision.Act.UNDO else LEFT, skipped),
            url("bulk", bulk.pk),
            gettext("Who, and why"),
        )
    if address := undo_url(bulk):
        text = with_undo(text, address)
    (messages.success if bulk.counts else messages.warning)(request, text)
