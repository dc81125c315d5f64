"""What the listings of runs, comparisons and bulk decisions have in common."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from wagtail.admin.ui.tables import BaseColumn, Column
from wagtail.admin.views.generic import BaseListingView

from wagtail_qbo_sync.admin.base import QboAdminView, url
from wagtail_qbo_sync.admin.columns import TimeColumn
from wagtail_qbo_sync.admin.filters import has_several_companies


class LatestFirstView(QboAdminView, BaseListingView):
    """What happened, the latest first; the time leads to each one's own page."""

    template_name = "wagtail_qbo_sync/shared/listing.html"
    default_ordering = "-started_at"
    paginate_by = 50
    page_url_name = ""

    @property
    def verbose_name_plural(self) -> Any:
        return self.model._meta.verbose_name_plural

    def order_queryset(self, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.order_by(self.ordering, "-pk")

    def time_column(self, label: str | Promise) -> BaseColumn:
        return TimeColumn(
            "started_at",
            label=label,
            sort_key="started_at",
            classname="qbo-nowrap",
            get_url=lambda each: url(self.page_url_name, each.pk),
        )

    def company_columns(self) -> list[BaseColumn]:
        """Which company, where there are several."""
        company = Column("company", label=_("Company"), accessor="connection")
        return [company] if has_several_companies() else []
