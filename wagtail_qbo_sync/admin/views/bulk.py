"""Decisions about many customers: watching one, reading what it did, taking it back."""

from __future__ import annotations

from typing import Any

from django.contrib.humanize.templatetags.humanize import intcomma
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import path
from django.utils.functional import cached_property
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.generic import TemplateView
from wagtail.admin import messages
from wagtail.admin.ui.tables import BaseColumn, Column
from wagtail.admin.utils import get_user_display_name

from wagtail_qbo_sync.admin.base import PostOnly, QboAdminView, customers_url, may, url
from wagtail_qbo_sync.admin.bulk import BulkProgress, sentences, tell
from wagtail_qbo_sync.models import BulkDecision
from wagtail_qbo_sync.sync.bulk import decisions as bulk_decisions

from .acts import way_back
from .latest import LatestFirstView

BULK = BulkDecision.objects.select_related("connection__token", "by", "undoes").defer(
    "choices", "undoes__choices"
)


class BulkDecisionsView(LatestFirstView):
    """All of them, the latest first: from here they are taken back later."""

    any_permission_required = ["map"]
    model = BulkDecision
    page_title = _("Bulk decisions")
    page_url_name = "bulk"
    index_url_name = "wagtail_qbo_sync:bulk_decisions"
    index_results_url_name = "wagtail_qbo_sync:bulk_decisions_results"

    def get_base_queryset(self) -> QuerySet[BulkDecision]:
        rows = BulkDecision.objects.select_related("connection", "by", "undone_by")
        return rows.defer("choices", "undone_by__choices")

    @cached_property
    def columns(self) -> list[BaseColumn]:
        return [
            self.time_column(_("When")),
            Column("act", label=_("What"), accessor="get_act_display"),
            *self.company_columns(),
            Column("by", label=_("By"), accessor=decided_by, classname="qbo-wide"),
            Column("outcome", label=_("Outcome"), accessor=outcome),
        ]


def decided_by(bulk: BulkDecision) -> str:
    """Who; programs are nobody."""
    return str(get_user_display_name(bulk.by)) if bulk.by else gettext("Command line")


def outcome(bulk: BulkDecision) -> str:
    """What it did, in short."""
    if bulk.finished_at is None:
        return gettext("%(done)s of %(total)s customers are decided about.") % {
            "done": intcomma(bulk.done),
            "total": intcomma(bulk.total),
        }
    said = sentences(bulk) or [gettext("Nothing was changed.")]
    if hasattr(bulk, "undone_by"):
        said.append(gettext("Taken back."))
    return " ".join(said)


class BulkView(QboAdminView, TemplateView):
    """The page, which fetches itself again until the decision is carried out."""

    permission_required = "map"
    template_name = "wagtail_qbo_sync/bulk/page.html"

    def setup(self, request: Any, *args: Any, **kwargs: Any) -> None:
        super().setup(request, *args, **kwargs)
        self.bulk: BulkDecision = get_object_or_404(BULK, pk=kwargs["pk"])

    def get_page_title(self) -> str:
        return str(self.bulk.get_act_display())

    def get_page_subtitle(self) -> str:
        return str(self.bulk.connection)

    def parents(self) -> list[dict[str, Any]]:
        return [*super().parents(), {"url": url("bulk_decisions"), "label": _("Bulk decisions")}]

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        seen = may(self.request.user, "view")
        return super().get_context_data(
            progress=BulkProgress(self.bulk, self.request.user),
            bulk=self.bulk,
            customers_url=customers_url(self.bulk.connection) if seen else "",
            **kwargs,
        )


class UndoView(PostOnly):
    """Take the whole of it back."""

    permission_required = "map"

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        bulk = get_object_or_404(BULK, pk=pk)
        undone = bulk_decisions.undo(bulk, request.user)
        if undone is None:
            messages.warning(request, _("This cannot be taken back as a whole, or was already."))
        elif undone.finished_at is None:
            return redirect(url("bulk", undone.pk))
        else:
            tell(request, undone)
        return redirect(way_back(request, bulk.connection))


urlpatterns = [
    path("", BulkDecisionsView.as_view(), name="bulk_decisions"),
    path("results/", BulkDecisionsView.as_view(results_only=True), name="bulk_decisions_results"),
    path("<int:pk>/", BulkView.as_view(), name="bulk"),
    path("<int:pk>/undo/", UndoView.as_view(), name="bulk_undo"),
]
