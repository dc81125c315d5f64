"""One run: its plan or its outcome in numbers, and every step by name (K2, U3)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.contrib.humanize.templatetags.humanize import intcomma
from django.db.models import Q, QuerySet, Value
from django.db.models.functions import NullIf
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.functional import cached_property
from django.utils.http import urlencode
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _
from django.views.generic import TemplateView
from wagtail.admin import messages
from wagtail.admin.ui.tables import BaseColumn, TitleColumn
from wagtail.admin.views.generic import BaseListingView

from wagtail_qbo_sync.admin.base import PostOnly, QboAdminView, as_pk, may, typed, url
from wagtail_qbo_sync.admin.clients import Clients, ShownClient, visible
from wagtail_qbo_sync.admin.columns import (
    ClientColumn,
    SignColumn,
    TickColumn,
    ToldColumn,
    UndoColumn,
)
from wagtail_qbo_sync.admin.customer_pages import customer_pages
from wagtail_qbo_sync.admin.filters import StepFilterSet
from wagtail_qbo_sync.admin.run_summary import RunSummary, answering
from wagtail_qbo_sync.admin.signs import step_sign, step_state_sign
from wagtail_qbo_sync.admin.step_export import StepExportMixin
from wagtail_qbo_sync.admin.words import LISTED, Told, clients_in, told
from wagtail_qbo_sync.host.keys import as_key
from wagtail_qbo_sync.models import Run, Step
from wagtail_qbo_sync.sync.people.ticks import WAITING, tick
from wagtail_qbo_sync.sync.planning import undoing
from wagtail_qbo_sync.sync.records.locked import Refusal

SEEN_BY = ["view", "sync"]
RUNS = Run.objects.select_related("connection__token", "started_by", "approved_by", "undoes")


class OfRun(QboAdminView):
    """A screen about one run. What Save all would do is also for who maps."""

    def setup(self, request: Any, *args: Any, **kwargs: Any) -> None:
        super().setup(request, *args, **kwargs)
        self.run: Run = get_object_or_404(RUNS, pk=kwargs["pk"])
        self.any_permission_required = [*SEEN_BY, answering(self.run)]


class AnswerToRun(OfRun, PostOnly):
    """A person's word on a plan."""

    def setup(self, request: Any, *args: Any, **kwargs: Any) -> None:
        super().setup(request, *args, **kwargs)
        self.any_permission_required = [answering(self.run)]


class RunView(OfRun, StepExportMixin, BaseListingView):
    """A run's page: what it is about on top, its steps below."""

    model = Step
    template_name = "wagtail_qbo_sync/runs/run.html"
    results_template_name = "wagtail_qbo_sync/runs/results.html"
    filterset_class = StepFilterSet
    is_searchable = True
    search_fields = ["data__customer"]
    search_backend_name = None
    default_ordering = "pk"
    paginate_by = 100
    verbose_name_plural = Step._meta.verbose_name_plural

    @property
    def is_proposal(self) -> bool:
        """Whether it is what Save all would do."""
        return self.run.state == Run.State.PROPOSED

    def get_page_title(self) -> str:
        if self.run.push:
            return gettext("Clients to send")
        if self.is_proposal:
            return gettext("Save all")
        return gettext("Undo of a sync run") if self.run.undo else gettext("Sync run")

    def get_page_subtitle(self) -> str:
        return str(self.run.connection)

    def parents(self) -> list[dict[str, Any]]:
        if self.is_proposal:
            above = {"url": url("map", self.run.connection_id), "label": _("Map customers")}
        else:
            above = {"url": url("runs"), "label": _("Sync runs")}
        return [*super().parents(), above]

    def get_index_url(self) -> str:
        return url("run", self.run.pk)

    def get_index_results_url(self) -> str:
        return url("run_results", self.run.pk)

    def get_filename(self) -> str:
        return f"quickbooks-run-{self.run.pk}"

    # Ticks ----------------------------------------------------------------------------------

    @cached_property
    def may_tick(self) -> bool:
        """Whether steps can be unticked: a plan that waits, and who may approve it."""
        return self.run.state in WAITING and may(self.request.user, answering(self.run))

    @property
    def untick_all_url(self) -> str:
        return self._with_filters("run_untick_all")

    @property
    def tick_all_url(self) -> str:
        return self._with_filters("run_tick_all")

    @cached_property
    def may_undo(self) -> bool:
        """Whether what the run did can be taken back, step by step too (U5)."""
        return may(self.request.user, "sync") and undoing.undoable(self.run).exists()

    def undo_of(self, step: Step) -> str:
        """Where one record of the run is taken back, by POST; "" if there is nothing to."""
        return undo_url(self.run, qbo_id=step.qbo_id) if undoing.is_undoable(step) else ""

    def _with_filters(self, name: str) -> str:
        query = self.request.GET.copy()
        query.pop("p", None)
        address = url(name, self.run.pk)
        return f"{address}?{query.urlencode()}" if query else address

    # The steps -----------------------------------------------------------------------------

    def get_base_queryset(self) -> QuerySet[Step]:
        return self.run.steps.all()

    def search_queryset(self, queryset: QuerySet[Step]) -> QuerySet[Step]:
        """By the customer's name; and by that of a client whom the person may see."""
        if not self.is_searching:
            return queryset
        by_customer = super().search_queryset(queryset)
        mine = visible(self.request.user)
        keyed = queryset.alias(key=NullIf("client_pk", Value("")))
        by_client = keyed.alias(client=as_key("key", mine.model)).filter(
            data__client__icontains=self.search_query, client__in=mine.values("pk")
        )
        found = Q(pk__in=by_customer.values("pk")) | Q(pk__in=by_client.values("pk"))
        return queryset.filter(found)

    def order_queryset(self, queryset: QuerySet[Step]) -> QuerySet[Step]:
        return queryset.order_by(self.ordering, "pk")

    @cached_property
    def columns(self) -> list[BaseColumn]:
        return [
            *([TickColumn("tick", label=_("Do it"), classname="qbo-act")] if self.may_tick else []),
            TitleColumn(
                "customer",
                label=_("QuickBooks customer"),
                accessor=lambda step: (
                    step.data.get("customer") or step.qbo_id or gettext("No customer yet")
                ),
                sort_key="data__customer",
                get_url=lambda step: self.customers.get(step.qbo_id),
            ),
            SignColumn("kind", label=_("What"), accessor=step_sign, sort_key="kind"),
            SignColumn(
                "state",
                label=_("State"),
                accessor=lambda s: step_state_sign(s.state, s.kind),
                classname="qbo-nowrap",
                sort_key="state",
            ),
            ClientColumn("client", label=_("Client"), accessor=self.client_of),
            ToldColumn("told", label=_("Details"), accessor=self.told_of),
            *(
                [
                    UndoColumn(
                        "undo",
                        label=_("Undo"),
                        accessor=self.undo_of,
                        classname="qbo-act",
                        named=lambda step: step.data.get("customer") or step.qbo_id,
                    )
                ]
                if self.may_undo
                else []
            ),
        ]

    def get_table(self, object_list: Sequence[Step]) -> Any:
        """Customers and clients of the whole page are looked up here, at once."""
        named = [pk for step in object_list for pk in clients_in(step.data, LISTED)]
        pks = [step.client_pk for step in object_list]
        self.clients = Clients(self.request.user, [*pks, *named])
        self.customers = customer_pages(
            self.request.user, self.run.connection_id, [step.qbo_id for step in object_list]
        )
        return super().get_table(object_list)

    def client_of(self, step: Step) -> ShownClient | None:
        """The client of a step as this person may see it."""
        return self.clients.show(step.client_pk, step.data.get("client", ""))

    def told_of(self, step: Step) -> Told:
        """What a step has to say to this person."""
        return told(step.data, step.client_pk, self.clients, LISTED)

    # What it is about ----------------------------------------------------------------------

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        if not self.results_only:
            kwargs["summary"] = RunSummary(self.run, self.request.user)
        return super().get_context_data(**kwargs)


class UndoView(PostOnly):
    """Plan to take back a run; one record or one field of it where the address says so (U5)."""

    permission_required = "sync"

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        run = get_object_or_404(RUNS, pk=pk)
        about = {name: typed(request.GET, name) for name in ("qbo_id", "field")}
        if any(name in request.GET and not value for name, value in about.items()):
            raise Http404  # a part that is not named is not the whole
        try:
            plan = undoing.start(run, request.user, **about)
        except Refusal as refusal:
            messages.warning(request, refusal.message)
            return redirect(url("run", pk))
        return redirect(url("run", plan.pk))


def undo_url(run: Run, **about: str) -> str:
    """Where a run, or what is named of it, is taken back, by POST."""
    address = url("run_undo", run.pk)
    return f"{address}?{urlencode(about)}" if about else address


class TickView(AnswerToRun):
    """One box of a plan. The answer is what is to be said; 409 if the plan waits no more."""

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        run = self.run
        step = get_object_or_404(run.steps, pk=as_pk(request.POST.get("step", "")))
        ticked = bool(request.POST.get("ticked"))
        if tick(run, run.steps.filter(pk=step.pk), request.user, ticked=ticked) is None:
            return JsonResponse({"said": str(WAITS_NO_MORE)}, status=409)
        words = gettext("“%s” will be done.") if ticked else gettext("“%s” is left as it is.")
        client = Clients(request.user, [step.client_pk]).show(step.client_pk)
        name = step.data.get("customer") or step.qbo_id or (client.label if client else "")
        return JsonResponse({"said": words % name})


class TickAllView(AnswerToRun):
    """All that a run's listing shows, on every page: its address has the listing's filters."""

    ticked = False

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        listing = RunView()
        listing.setup(request, pk=pk)
        changed = tick(listing.run, listing.get_queryset(), request.user, ticked=self.ticked)
        if changed is None:
            messages.warning(request, WAITS_NO_MORE)
        else:
            messages.success(request, self.said(changed))
        query = request.GET.urlencode()
        return redirect(f"{url('run', pk)}?{query}" if query else url("run", pk))

    def said(self, changed: int) -> str:
        """What was done."""
        words = {"n": intcomma(changed)}
        if self.ticked:
            return ngettext("%(n)s step is ticked.", "%(n)s steps are ticked.", changed) % words
        return ngettext("%(n)s step is unticked.", "%(n)s steps are unticked.", changed) % words


WAITS_NO_MORE = _("This plan does not wait for approval any more.")


class RunSummaryView(OfRun, TemplateView):
    """What is on top of a run's page, which the page asks for again while it is applied."""

    template_name = "wagtail_qbo_sync/runs/again.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        summary = RunSummary(self.run, self.request.user, is_again=True)
        return super().get_context_data(summary=summary, **kwargs)
