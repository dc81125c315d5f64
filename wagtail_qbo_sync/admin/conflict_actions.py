"""Wagtail's bulk actions upon the listing of conflicts: all of one side win (U4)."""

from __future__ import annotations

from functools import cached_property
from typing import Any, ClassVar

from django.db.models import Exists, OuterRef, QuerySet
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext_lazy
from wagtail.admin.views.generic.base import BaseListingView

from wagtail_qbo_sync.host.adapter import get_adapter
from wagtail_qbo_sync.models import BulkDecision, Case, Customer

from .bulk_actions import CustomerBulkAction, Row
from .views.conflicts import OPEN, ConflictsView

Act = BulkDecision.Act


class SettleConflicts(CustomerBulkAction):
    """One for the customers of the ticked conflicts, whose clients the person may view."""

    models: ClassVar[list[Any]] = [Case]
    nouns = ConflictsView.verbose_name_plural

    def listing(self) -> BaseListingView:
        return ConflictsView()

    def customers(self, ticked: Any) -> QuerySet[Customer]:
        asked = OPEN.filter(
            pk__in=ticked, connection=OuterRef("connection"), qbo_id=OuterRef("qbo_id")
        )
        return Customer.objects.filter(Exists(asked))

    @cached_property
    def visible(self) -> set[str]:
        """The clients that the person may view."""
        keys = [row.client_pk for row in self.rows if row.client_pk]
        return get_adapter().visible_keys(self.request.user, keys)

    def objection(self, row: Row) -> str | Promise:
        return "" if row.client_pk in self.visible else _("A client you may not view")

    def client_of(self, row: Row) -> str:
        return row.client_pk or ""


class QuickBooksWins(SettleConflicts):
    act = Act.QBO_WINS
    action_type = "qbo_wins"
    action_priority = 10
    display_name = _("QuickBooks wins")
    aria_label = _("Settle the selected conflicts: QuickBooks wins")
    question = ngettext_lazy(
        "Take what QuickBooks says for %(n)s customer in conflict?",
        "Take what QuickBooks says for %(n)s customers in conflict?",
        "count",
    )
    note = _(
        "In the fields in conflict, and in no others, the next sync writes to the clients what "
        "QuickBooks says. It can be undone."
    )


class SiteWins(SettleConflicts):
    act = Act.SITE_WINS
    action_type = "site_wins"
    action_priority = 20
    display_name = _("The site wins")
    aria_label = _("Settle the selected conflicts: the site wins")
    question = ngettext_lazy(
        "Keep what the site says for %(n)s customer in conflict?",
        "Keep what the site says for %(n)s customers in conflict?",
        "count",
    )
    note = _(
        "In the fields in conflict, and in no others, the next sync writes to QuickBooks what the "
        "site says, where changes may travel there. It can be undone until then."
    )


ACTIONS = (QuickBooksWins, SiteWins)
