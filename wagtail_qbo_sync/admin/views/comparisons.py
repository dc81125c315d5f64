"""The full comparisons: what each found, and every pair that was not equal (U13)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import path
from django.utils.functional import cached_property
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from wagtail.admin import messages
from wagtail.admin.ui.tables import BaseColumn, Column, TitleColumn
from wagtail.admin.views.generic import BaseListingView

from wagtail_qbo_sync.admin.base import PostOnly, QboAdminView, comparisons_url, may, url
from wagtail_qbo_sync.admin.clients import Clients, ShownClient
from wagtail_qbo_sync.admin.columns import ClientColumn, NumberColumn, SignColumn
from wagtail_qbo_sync.admin.components import PostHeaderButton, cannot_sync
from wagtail_qbo_sync.admin.customer_pages import customer_pages
from wagtail_qbo_sync.admin.filters import (
    ComparisonFilterSet,
    DifferenceFilterSet,
    only_company,
)
from wagtail_qbo_sync.admin.labels import field_label
from wagtail_qbo_sync.admin.signs import comparison_sign, difference_sign
from wagtail_qbo_sync.models import Comparison, Connection, Difference, SyncState
from wagtail_qbo_sync.sync.reading import compare

from .connections import post_attrs
from .latest import LatestFirstView


class ComparisonsView(LatestFirstView):
    """All that were finished, the latest first."""

    any_permission_required = ["view", "sync"]
    model = Comparison
    page_title = _("Full comparisons")
    page_url_name = "comparison"
    index_url_name = "wagtail_qbo_sync:comparisons"
    index_results_url_name = "wagtail_qbo_sync:comparisons_results"
    filterset_class = ComparisonFilterSet

    def get_base_queryset(self) -> QuerySet[Comparison]:
        return Comparison.objects.select_related("connection")

    def get_header_buttons(self) -> list[PostHeaderButton]:
        """For the company that is listed."""
        company = self._company()
        if company is None or not may(self.request.user, "sync"):
            return []
        attrs = post_attrs(url("compare", company.pk))
        return [PostHeaderButton(gettext("Compare now"), icon_name="rotate", attrs=attrs)]

    def _company(self) -> Connection | None:
        chosen = self.request.GET.get("connection", "")
        if chosen.isdecimal() and len(chosen) < 18:
            return Connection.objects.filter(pk=chosen).first()
        return only_company()

    @cached_property
    def columns(self) -> list[BaseColumn]:
        return [
            self.time_column(_("Started")),
            *self.company_columns(),
            SignColumn("result", label=_("Result"), accessor=comparison_sign),
            NumberColumn("different", label=_("Different"), sort_key="different"),
            NumberColumn("missing", label=_("Missing"), sort_key="missing"),
            NumberColumn("resting", label=_("At rest, not compared")),
        ]


class ComparisonView(QboAdminView, BaseListingView):
    """What one comparison found: each pair that was not equal, with the reason."""

    any_permission_required = ["view", "sync"]
    model = Difference
    template_name = "wagtail_qbo_sync/shared/listing.html"
    filterset_class = DifferenceFilterSet
    is_searchable = True
    search_fields = ["customer", "qbo_id"]
    search_backend_name = None
    default_ordering = "pk"
    paginate_by = 100
    verbose_name_plural = Difference._meta.verbose_name_plural

    def setup(self, request: Any, *args: Any, **kwargs: Any) -> None:
        super().setup(request, *args, **kwargs)
        rows = Comparison.objects.select_related("connection")
        self.comparison: Comparison = get_object_or_404(rows, pk=kwargs["pk"])

    def get_page_title(self) -> str:
        return str(comparison_sign(self.comparison).text)

    def get_page_subtitle(self) -> str:
        return str(self.comparison.connection)

    def parents(self) -> list[dict[str, Any]]:
        above = comparisons_url(self.comparison.connection)
        return [*super().parents(), {"url": above, "label": ComparisonsView.page_title}]

    def get_index_url(self) -> str:
        return url("comparison", self.comparison.pk)

    def get_index_results_url(self) -> str:
        return url("comparison_results", self.comparison.pk)

    def get_base_queryset(self) -> QuerySet[Difference]:
        return self.comparison.differences.all()

    def order_queryset(self, queryset: QuerySet[Difference]) -> QuerySet[Difference]:
        return queryset.order_by(self.ordering, "pk")

    @cached_property
    def columns(self) -> list[BaseColumn]:
        return [
            TitleColumn(
                "customer",
                label=_("QuickBooks customer"),
                accessor=lambda each: each.customer or each.qbo_id,
                sort_key="customer",
                get_url=lambda each: self.customers.get(each.qbo_id),
            ),
            ClientColumn("client", label=_("Client"), accessor=self.client_of),
            SignColumn("why", label=_("Why"), accessor=difference_sign, sort_key="why"),
            Column("fields", label=_("Different"), accessor=named_fields),
        ]

    def get_table(self, object_list: Sequence[Difference]) -> Any:
        """Customers and clients of the whole page are looked up here, at once."""
        user, company = self.request.user, self.comparison.connection
        self.clients = Clients(user, [each.client_pk for each in object_list])
        self.customers = customer_pages(user, company.pk, [each.qbo_id for each in object_list])
        return super().get_table(object_list)

    def client_of(self, difference: Difference) -> ShownClient | None:
        """The client of a pair as this person may see it."""
        return self.clients.show(difference.client_pk)


def named_fields(difference: Difference) -> str:
    """The fields that differ, for people; their values are on the pair's own pages."""
    return ", ".join(field_label(name) for name in difference.fields)


class CompareNow(PostOnly):
    """Begin a full comparison."""

    permission_required = "sync"

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        rows = SyncState.objects.select_related("connection__token")
        state = get_object_or_404(rows, pk=pk)
        if objection := cannot_sync(state.connection) or self._not_yet(state):
            messages.error(request, objection)
        elif compare.begin(state):
            messages.success(request, gettext("Everything is read and compared now."))
        else:
            messages.warning(
                request, gettext("A sync or a comparison is under way. Try again after it.")
            )
        return redirect(comparisons_url(state.connection))

    def _not_yet(self, state: SyncState) -> str:
        if state.first_synced_at is not None:
            return ""
        return gettext("“%s” has not been synced yet.") % state.connection.company_name


urlpatterns = [
    path("", ComparisonsView.as_view(), name="comparisons"),
    path("results/", ComparisonsView.as_view(results_only=True), name="comparisons_results"),
    path("<int:pk>/", ComparisonView.as_view(), name="comparison"),
    path("<int:pk>/results/", ComparisonView.as_view(results_only=True), name="comparison_results"),
    path("<int:pk>/begin/", CompareNow.as_view(), name="compare"),
]
