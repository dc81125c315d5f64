"""What QuickBooks adds to the host's listing of its clients, whoever made that (C3, C15)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import django_filters
from django import forms
from django.contrib.humanize.templatetags.humanize import intcomma
from django.db.models import Case, IntegerField, Model, Q, QuerySet, Value, When
from django.db.models.lookups import Exact
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.template.loader import select_template
from django.urls import reverse
from django.utils.functional import cached_property
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from wagtail.admin.filters import WagtailFilterSet
from wagtail.admin.ui.tables import BaseColumn, Column
from wagtail.admin.widgets.button import Button, HeaderButton
from wagtail.search.index import class_is_indexed

from wagtail_qbo_sync.host.adapter import get_adapter
from wagtail_qbo_sync.models import Connection
from wagtail_qbo_sync.sync.noticing import visits
from wagtail_qbo_sync.sync.records.client_status import ClientStatus, client_statuses, status_in
from wagtail_qbo_sync.sync.records.status import Status, all_statuses
from wagtail_qbo_sync.sync.types_file.columns import FORMATS

from . import types_file
from .base import CUSTOMERS, ICON, RIGHTS, may, to_map_url, url
from .client_acts import Offers
from .client_rows import LISTED, connected, row_buttons
from .signs import client_sign
from .sync_line import SyncLine

SORT_KEY = "quickbooks"
FILTER = "quickbooks"


def with_quickbooks(view_class: Any) -> Any:
    """The host's IndexView class, with what we add to it."""
    return type(view_class.__name__, (ClientListing, view_class), {})


class StatusColumn(Column):
    """Where a client stands: one sign, or one for each company."""

    cell_template_name = "wagtail_qbo_sync/clients/status_cell.html"


class StatusFilter(django_filters.MultipleChoiceFilter):
    """Any of several states, each towards one company.

    It is the listing that narrows: only the listing knows whether a search index, which
    cannot ask our tables, comes between.
    """

    def filter(self, queryset: Any, value: Any) -> Any:
        return queryset


class ClientListing:
    """Goes before an IndexView. With no company connected, only the way to connect one is added."""

    request: HttpRequest
    model: Any
    results_only: bool
    is_export: bool
    filterset_class: Any

    def setup(self, request: HttpRequest, *args: Any, **kwargs: Any) -> None:
        super().setup(request, *args, **kwargs)  # type: ignore[misc]
        self.companies = connected()
        if self.companies:
            self.filterset_class = with_status_filter(
                self.filterset_class, self.model, self.companies
            )

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if (kind := request.GET.get(types_file.EXPORT)) in FORMATS:
            return self.contact_types_as(kind)
        if not self.results_only and not self.is_export:
            visits.visited()
        response: HttpResponseBase = super().get(request, *args, **kwargs)  # type: ignore[misc]
        return response

    def contact_types_as(self, kind: str) -> HttpResponseBase:
        """The clients that the listing now shows, on all pages, with their types (K15)."""
        found = self.get_queryset()  # type: ignore[attr-defined]
        keys = (
            found.values_list("pk", flat=True)
            if isinstance(found, QuerySet)
            else (client.pk for client in found)  # by a search index
        )
        return types_file.download(self.request.user, list(map(str, keys)), kind)

    # The table --------------------------------------------------------------------------------

    @cached_property
    def columns(self) -> list[BaseColumn]:
        theirs = list(super().columns)  # type: ignore[misc]
        if not self.companies:
            return theirs
        # A search index sorts by none but its own fields.
        sort_key = None if class_is_indexed(self.model) else SORT_KEY
        ours = StatusColumn(
            "quickbooks", label=_("QuickBooks"), accessor=self.signs_of, sort_key=sort_key
        )
        return [*theirs, ours]

    def get_table(self, object_list: Sequence[Any]) -> Any:
        """Where the clients of the whole page stand is looked up here, at once, and which of them
        the person may decide about: the host may list more than `visible_to` lets see."""
        pks = [str(client.pk) for client in object_list]
        self.visible = get_adapter().visible_keys(self.request.user, pks)
        self.client_statuses = client_statuses(self.companies, pks)
        self.offers = Offers(self.companies, pks)
        for client in object_list:
            setattr(client, LISTED, True)
        return super().get_table(object_list)  # type: ignore[misc]

    def get_list_more_buttons(self, client: Any) -> list[Any]:
        """Theirs, then ours. Results fetched alone lead back to the listing."""
        query = self.request.GET.urlencode()
        index_url = self.index_url  # type: ignore[attr-defined]
        here = f"{index_url}?{query}" if query else index_url
        theirs = list(super().get_list_more_buttons(client))  # type: ignore[misc]
        if str(client.pk) not in self.visible:
            return theirs
        user = self.request.user
        ours = row_buttons(client, self.companies, self.status_of, self.offers, user, here)
        return theirs + ours

    def signs_of(self, client: Any) -> list[tuple[str, Any]]:
        """(company, sign) of a row; the company is named where there are several."""
        several = len(self.companies) > 1
        return [
            (company.company_name if several else "", client_sign(self.status_of(client, company)))
            for company in self.companies
        ]

    def status_of(self, client: Any, company: Connection) -> ClientStatus:
        """Where a client of this page stands towards a company."""
        return self.client_statuses.get((company.pk, str(client.pk)), ClientStatus.UNMAPPED)

    # Sorting, filtering, searching ------------------------------------------------------------

    def order_queryset(self, queryset: QuerySet[Any]) -> QuerySet[Any]:
        ordering = self.ordering  # type: ignore[attr-defined]
        if isinstance(ordering, str) and ordering.lstrip("-") == SORT_KEY:
            ranks = [rank(company, self.model) for company in self.companies]
            down = ordering.startswith("-")
            ranked: QuerySet[Any] = queryset
            return ranked.order_by(*(each.desc() if down else each for each in ranks), "pk")
        ordered: QuerySet[Any] = super().order_queryset(queryset)  # type: ignore[misc]
        return ordered

    def filter_queryset(self, queryset: QuerySet[Any]) -> QuerySet[Any]:
        filtered: QuerySet[Any] = super().filter_queryset(queryset)  # type: ignore[misc]
        return filtered if self.searches_index else self.narrowed(filtered)

    def search_queryset(self, queryset: QuerySet[Any]) -> Any:
        found = super().search_queryset(queryset)  # type: ignore[misc]
        if not self.searches_index or not self.chosen:
            return found
        return self.narrowed(queryset.filter(pk__in=[client.pk for client in found]))

    def narrowed(self, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Those who stand as the filter says, in one company or another."""
        wanted = Q()
        for choice in self.chosen:
            company, _dash, status = choice.partition("-")
            stands = status_in(Connection(pk=int(company)), self.model)
            wanted |= Q(Exact(stands, Value(status)))
        return queryset.filter(wanted)

    @property
    def chosen(self) -> list[str]:
        """What the filter says: "company-status" each."""
        filters = self.filters  # type: ignore[attr-defined]
        if not filters or not filters.is_valid():
            return []
        chosen: list[str] = filters.form.cleaned_data.get(FILTER, [])
        return chosen

    @property
    def searches_index(self) -> bool:
        """Whether Wagtail's search finds the rows, rather than the database."""
        searching = self.is_searching and self.search_backend_name  # type: ignore[attr-defined]
        return bool(searching) and class_is_indexed(self.model)

    # Around the table -------------------------------------------------------------------------

    @cached_property
    def statuses(self) -> list[Status]:
        """How the companies do."""
        return [status for status in all_statuses() if status.connection.is_connected]

    @cached_property
    def header_buttons(self) -> list[Any]:
        """ "Map 12", where customers wait for this person."""
        theirs = list(super().header_buttons)  # type: ignore[misc]
        number = sum(status.to_map for status in self.statuses)
        if not number or not may(self.request.user, "map"):
            return theirs
        label = _("Map %s") % intcomma(number)
        waiting = [status.connection for status in self.statuses if status.to_map]
        address = to_map_url(self.request.user, waiting)
        return [*theirs, HeaderButton(label, url=address, icon_name=ICON)]

    @cached_property
    def header_more_buttons(self) -> list[Any]:
        theirs = list(super().header_more_buttons)  # type: ignore[misc]
        user = self.request.user
        if self.companies and may(user, "view"):
            address = reverse(f"{CUSTOMERS}:index")
            theirs.append(Button(_("Manage QuickBooks data"), url=address, icon_name="list-ul"))
        index_url = self.index_url  # type: ignore[attr-defined]
        theirs += types_file.buttons(user, index_url, self.request.GET)
        if may(user, *RIGHTS):
            theirs.append(Button(_("Manage integrations"), url=url("connections"), icon_name=ICON))
        return theirs

    def get_template_names(self) -> list[str]:
        """The host's page, as the parent of one that has our line above the list."""
        names: list[str] = super().get_template_names()  # type: ignore[misc]
        if self.results_only or not self.companies:
            return names
        self.host_template = select_template(names)
        return ["wagtail_qbo_sync/clients/index.html"]

    def get_context_data(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        context: dict[str, Any] = super().get_context_data(*args, **kwargs)  # type: ignore[misc]
        if self.companies and not self.results_only:
            line = SyncLine(self.statuses, self.request.user)
            context |= {"sync_line": line, "media": context["media"] + line.media}
        return context


def with_status_filter(filterset_class: Any, model: Any, companies: Sequence[Connection]) -> Any:
    """The host's filters, or none, and ours."""
    several = len(companies) > 1
    choices = [
        (f"{company.pk}-{status.value}", f"{company}: {status.label}" if several else status.label)
        for company in companies
        for status in ClientStatus
    ]
    ours = StatusFilter(
        label=gettext_lazy("QuickBooks"), choices=choices, widget=forms.CheckboxSelectMultiple
    )
    base = filterset_class or WagtailFilterSet
    meta = getattr(base, "Meta", None) or type("Meta", (), {"model": model, "fields": []})
    return type(base.__name__, (base,), {FILTER: ours, "Meta": meta})


def rank(company: Connection, model: type[Model]) -> Case:
    """Sorts clients by where they stand, the mapped ones first."""
    stands = status_in(company, model)
    return Case(
        *(
            When(Exact(stands, Value(status.value)), then=Value(place))
            for place, status in enumerate(ClientStatus)
        ),
        output_field=IntegerField(),
    )
