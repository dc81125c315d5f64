"""Conflicts: what both sides changed, listed, and settled one by one (U4)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import path
from django.utils.functional import cached_property
from django.utils.text import get_text_list
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _
from django.views.generic import TemplateView
from wagtail.admin import messages
from wagtail.admin.paginator import WagtailPaginator
from wagtail.admin.ui.tables import (
    BaseColumn,
    BulkActionsCheckboxColumn,
    Column,
    DateColumn,
    TitleColumn,
)
from wagtail.admin.utils import get_valid_next_url_from_request
from wagtail.admin.views.generic import BaseListingView

from wagtail_qbo_sync.admin.acts import waits_for, with_undo
from wagtail_qbo_sync.admin.base import PostOnly, QboAdminView, conflict_url, conflicts_url, url
from wagtail_qbo_sync.admin.clients import Clients, ShownClient
from wagtail_qbo_sync.admin.columns import ClientColumn, ToldColumn
from wagtail_qbo_sync.admin.conflict_form import ConflictForm
from wagtail_qbo_sync.admin.filters import ConflictFilterSet, has_several_companies
from wagtail_qbo_sync.admin.labels import field_label
from wagtail_qbo_sync.admin.words import Told, told
from wagtail_qbo_sync.models import Case, Customer
from wagtail_qbo_sync.sync.people import conflicts
from wagtail_qbo_sync.sync.people.reopening import reopen
from wagtail_qbo_sync.sync.records.locked import Refusal
from wagtail_qbo_sync.sync.telling.origins import origins

from .problems import named, with_customer

OPEN = Case.objects.filter(kind=Case.Kind.CONFLICT, open_key__isnull=False)


class ConflictPaginator(WagtailPaginator):
    """Counts in people's words."""

    verbose_name = _("conflict")
    verbose_name_plural = _("conflicts")


class ConflictsView(QboAdminView, BaseListingView):
    """Open conflicts, the latest first; ticked ones are settled by a policy."""

    is_visit = True
    permission_required = "map"
    model = Case
    page_title = _("Conflicts")
    template_name = "wagtail_qbo_sync/conflicts/index.html"
    index_url_name = "wagtail_qbo_sync:conflicts"
    index_results_url_name = "wagtail_qbo_sync:conflicts_results"
    filterset_class = ConflictFilterSet
    is_searchable = True
    search_fields = ["customer_name"]
    search_backend_name = None
    default_ordering = "-opened_at"
    paginate_by = 50
    paginator_class = ConflictPaginator
    verbose_name_plural = ConflictPaginator.verbose_name_plural

    def get_base_queryset(self) -> QuerySet[Case]:
        return with_customer(OPEN.select_related("connection"))

    def order_queryset(self, queryset: QuerySet[Case]) -> QuerySet[Case]:
        return queryset.order_by(self.ordering, "pk")

    @cached_property
    def columns(self) -> list[BaseColumn]:
        company = Column("company", label=_("Company"), accessor="connection")
        return [
            BulkActionsCheckboxColumn("bulk", obj_type="conflict"),
            TitleColumn(
                "customer",
                label=_("QuickBooks customer"),
                accessor=named,
                sort_key="customer_name",
                get_url=lambda case: conflict_url(case.customer_pk) if case.customer_pk else None,
                get_title_id=lambda case: f"conflict_{case.pk}_title",
            ),
            ToldColumn("told", label=_("What differs"), accessor=self.told_of),
            ClientColumn(
                "client", label=_("Client"), accessor=self.client_of, classname="qbo-wide"
            ),
            *([company] if has_several_companies() else []),
            DateColumn("opened_at", label=_("Since"), sort_key="opened_at", classname="qbo-wide"),
        ]

    def get_table(self, object_list: Sequence[Case]) -> Any:
        """Clients of the whole page are looked up here, at once."""
        self.clients = Clients(self.request.user, [case.client_pk for case in object_list])
        return super().get_table(object_list)

    def client_of(self, case: Case) -> ShownClient | None:
        """The client of a case as this person may see it."""
        return self.clients.show(case.client_pk)

    def told_of(self, case: Case) -> Told:
        """What the two sides say, as far as this person may see it."""
        return told(case.facts, case.client_pk, self.clients)


class ConflictView(QboAdminView, TemplateView):
    """One customer and its client, field by field."""

    permission_required = "map"
    template_name = "wagtail_qbo_sync/conflicts/page.html"
    page_title = _("Settle a conflict")
    form: ConflictForm | None = None

    def setup(self, request: Any, *args: Any, **kwargs: Any) -> None:
        super().setup(request, *args, **kwargs)
        customers = Customer.objects.select_related("connection")
        self.customer: Customer = get_object_or_404(customers, pk=kwargs["pk"])

    @cached_property
    def standing(self) -> conflicts.Standing | None:
        """The conflict as it stands now; None where there is none left."""
        mine = OPEN.filter(connection=self.customer.connection, qbo_id=self.customer.qbo_id)
        case = mine.select_related("connection").first()
        found = conflicts.standing(case) if case else None
        return found if found and found.fields else None

    @cached_property
    def client(self) -> ShownClient:
        """As this person may see it."""
        assert self.standing is not None
        pk = self.standing.mapping.client_pk
        return Clients(self.request.user, [pk]).show(pk) or ShownClient("")

    @property
    def next_url(self) -> str:
        came_from: str = get_valid_next_url_from_request(self.request)
        return came_from or conflicts_url(self.customer.connection)

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if self.standing is None:
            return self.gone()
        self.form = ConflictForm(self.standing)
        return self.shown()

    def shown(self) -> HttpResponse:
        """The page with its form."""
        response: HttpResponse = self.render_to_response(self.get_context_data())
        return response

    def gone(self) -> HttpResponse:
        """Somebody settled it, or an edit made both sides equal."""
        text = gettext("“%s” has no conflict any more.")
        messages.info(self.request, text % self.customer.path)
        return redirect(self.next_url)

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if self.standing is None:
            return self.gone()
        self.form = form = ConflictForm(self.standing, request.POST)
        if not self.client.may_see:
            form.error = gettext("You may not view this client, so you cannot settle it.")
        if form.error or not form.is_valid() or not self.is_settled(form):
            messages.error(request, form.error or gettext("Nothing was saved. Look at the fields."))
            return self.shown()
        return redirect(self.next_url)

    def is_settled(self, form: ConflictForm) -> bool:
        """Settle what was chosen and say so; what speaks against it is said at the fields."""
        customer, user = self.customer, self.request.user
        choices = form.choices
        try:
            case = conflicts.settle(customer.connection, customer.qbo_id, choices, form.shown, user)
        except conflicts.Moved as moved:
            form.mark_moved(moved.fields)
        except conflicts.Unfit as unfit:
            form.refuse(unfit.problems)
        except Refusal as refusal:
            form.error = refusal.message
        else:
            self.say(case, list(choices), len(form.fields) - len(choices))
            return True
        return False

    def say(self, case: Case, names: Sequence[str], left: int) -> None:
        """What was settled, with its Undo."""
        words = {
            "customer": self.customer.path,
            "fields": get_text_list([field_label(name) for name in names], gettext("and")),
        }
        text = gettext("Settled for “%(customer)s”: %(fields)s. The next sync carries it over.")
        text %= words
        if left:
            more = ngettext("%s field still waits.", "%s fields still wait.", left)
            text = f"{text} {more % left}"
        if note := waits_for(case.connection):
            text = f"{text} {note}"
        messages.success(self.request, with_undo(text, url("conflict_reopen", case.pk)))

    def get_page_subtitle(self) -> str:
        return self.customer.path

    def parents(self) -> list[dict[str, Any]]:
        return [{"url": url("conflicts"), "label": gettext("Conflicts")}]

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        assert self.standing is not None and self.form is not None
        known = origins(self.standing)
        return super().get_context_data(
            **kwargs,
            customer=self.customer,
            client=self.client,
            company=self.customer.connection if has_several_companies() else None,
            form=self.form,
            fields=[(form, known[form.name]) for form in self.form.fields],
            opened_at=self.standing.case.opened_at,
            next_url=self.next_url,
        )


class ReopenView(PostOnly):
    """Take back how a conflict was settled."""

    permission_required = "map"

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        settled = Case.objects.filter(kind=Case.Kind.CONFLICT, outcome="decided")
        case = get_object_or_404(settled.select_related("connection"), pk=pk)
        client = Clients(request.user, [case.client_pk]).show(case.client_pk)
        try:
            if client is None or not client.may_see:
                raise Refusal(gettext("You may not view this client, so you cannot settle it."))
            found = reopen(case, request.user)
        except Refusal as refusal:
            messages.error(request, refusal.message)
        else:
            labels = get_text_list([field_label(name) for name in found.fields], gettext("and"))
            text = gettext("In conflict again, as before: %s.") % labels
            if found.left:
                kept = get_text_list([field_label(name) for name in found.left], gettext("and"))
                more = gettext("Sent to QuickBooks or edited since, so left as it is: %s.") % kept
                text = f"{text} {more}"
            messages.success(request, text)
        next_url: str = get_valid_next_url_from_request(request)
        return redirect(next_url or conflicts_url(case.connection))


urlpatterns = [
    path("", ConflictsView.as_view(), name="conflicts"),
    path("results/", ConflictsView.as_view(results_only=True), name="conflicts_results"),
    path("<int:pk>/", ConflictView.as_view(), name="conflict"),
    path("<int:pk>/reopen/", ReopenView.as_view(), name="conflict_reopen"),
]
