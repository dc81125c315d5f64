"""The runs: what was planned and what became of it, and a person's word on a plan (K2, U3)."""

from __future__ import annotations

from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import path
from django.utils.functional import cached_property
from django.utils.translation import gettext_lazy as _
from wagtail.admin import messages
from wagtail.admin.ui.tables import BaseColumn, Column

from wagtail_qbo_sync.admin.base import as_pk, url
from wagtail_qbo_sync.admin.columns import CountsColumn, SignColumn
from wagtail_qbo_sync.admin.filters import RunFilterSet
from wagtail_qbo_sync.admin.run_summary import RunSummary, started_by
from wagtail_qbo_sync.admin.signs import run_state_sign
from wagtail_qbo_sync.models import Run
from wagtail_qbo_sync.sync.bulk import proposal
from wagtail_qbo_sync.sync.people import decide
from wagtail_qbo_sync.sync.records.locked import Refusal

from .latest import LatestFirstView
from .run import (
    WAITS_NO_MORE,
    AnswerToRun,
    RunSummaryView,
    RunView,
    TickAllView,
    TickView,
    UndoView,
)


class RunsView(LatestFirstView):
    """All runs, the latest first."""

    any_permission_required = ["view", "sync"]
    model = Run
    page_title = _("Sync runs")
    page_url_name = "run"
    index_url_name = "wagtail_qbo_sync:runs"
    index_results_url_name = "wagtail_qbo_sync:runs_results"
    filterset_class = RunFilterSet

    def get_base_queryset(self) -> QuerySet[Run]:
        return Run.objects.select_related("connection", "started_by")

    @cached_property
    def columns(self) -> list[BaseColumn]:
        return [
            self.time_column(_("Started")),
            *self.company_columns(),
            Column("started_by", label=_("By"), accessor=started_by, classname="qbo-wide"),
            SignColumn("state", label=_("State"), accessor=lambda run: run_state_sign(run.state)),
            CountsColumn("counts", label=_("What")),
        ]


class ApproveView(AnswerToRun):
    """Apply this plan, or save what it proposes. A second click, or somebody else's, changes
    nothing."""

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        run, seen = self.run, as_pk(request.POST.get("seen", ""))
        try:
            if saved := proposal.save(run, request.user, seen):
                return redirect(url("bulk", saved.pk))
            approved = decide.approve(run, request.user, seen)
        except Refusal as refusal:
            messages.warning(request, refusal.message)
            return redirect(url("run", pk))
        if approved:
            messages.success(request, _("The plan is approved and is being applied."))
        else:
            run.refresh_from_db(fields=["state"])
            messages.warning(request, RunSummary(run, request.user).waits_until or WAITS_NO_MORE)
        return redirect(url("run", pk))


class DiscardView(AnswerToRun):
    """Apply nothing of this plan."""

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        run = self.run
        if proposal.drop(run):
            return redirect(url("map", run.connection_id))
        if decide.discard(run, request.user):
            said = _("The plan is discarded. The next sync compares again from the start.")
            messages.success(request, _("The plan is discarded.") if run.by_person else said)
        else:
            messages.warning(request, WAITS_NO_MORE)
        return redirect(url("run", pk))


urlpatterns = [
    path("", RunsView.as_view(), name="runs"),
    path("results/", RunsView.as_view(results_only=True), name="runs_results"),
    path("<int:pk>/", RunView.as_view(), name="run"),
    path("<int:pk>/summary/", RunSummaryView.as_view(), name="run_summary"),
    path("<int:pk>/results/", RunView.as_view(results_only=True), name="run_results"),
    path("<int:pk>/undo/", UndoView.as_view(), name="run_undo"),
    path("<int:pk>/tick/", TickView.as_view(), name="run_tick"),
    path("<int:pk>/tick-all/", TickAllView.as_view(ticked=True), name="run_tick_all"),
    path("<int:pk>/untick-all/", TickAllView.as_view(), name="run_untick_all"),
    path("<int:pk>/approve/", ApproveView.as_view(), name="run_approve"),
    path("<int:pk>/discard/", DiscardView.as_view(), name="run_discard"),
]
