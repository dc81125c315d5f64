"""The site's clients as one company sees them: where each stands (K8, C7)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from django.db.models import QuerySet
from django.db.models.functions import Lower
from django.shortcuts import get_object_or_404
from django.urls import path
from django.utils.functional import cached_property
from django.utils.translation import gettext_lazy as _
from wagtail.admin.ui.tables import BaseColumn, BulkActionsCheckboxColumn, Column, TitleColumn
from wagtail.admin.views import generic
from wagtail.permission_policies import ModelPermissionPolicy

from wagtail_qbo_sync.admin import types_file
from wagtail_qbo_sync.admin.base import QboAdminView, customer_url, customers_crumb, may, url
from wagtail_qbo_sync.admin.client_acts import Offers, client_buttons, client_url
from wagtail_qbo_sync.admin.clients import visible
from wagtail_qbo_sync.admin.columns import LinkColumn, SignColumn
from wagtail_qbo_sync.admin.exports import SafeExportMixin
from wagtail_qbo_sync.admin.filters import ClientFilterSet
from wagtail_qbo_sync.admin.signs import client_sign
from wagtail_qbo_sync.admin.sync_line import WithSyncLine
from wagtail_qbo_sync.admin.tabs import Tabs
from wagtail_qbo_sync.compat import chunks
from wagtail_qbo_sync.host.adapter import get_adapter
from wagtail_qbo_sync.models import Connection, Customer
from wagtail_qbo_sync.sync.people.creation import is_offered
from wagtail_qbo_sync.sync.records.client_status import ClientStatus, with_client_status
from wagtail_qbo_sync.sync.types_file.vocabulary import Types

CHUNK = 500
"""Clients of a download that are read at a time."""


class ClientsView(QboAdminView, WithSyncLine, SafeExportMixin, generic.IndexView):
    """The listing, of the clients that the person may see; searched by our own means, since
    a host's search index knows nothing of statuses."""

    is_visit = True
    any_permission_required = ["view"]
    permission_policy = ModelPermissionPolicy(Customer)  # Wagtail's listing asks for "add" too
    page_title = _("Clients")
    template_name = "wagtail_qbo_sync/customers/index.html"
    results_template_name = "wagtail_qbo_sync/manage/results.html"
    filterset_class = ClientFilterSet
    default_ordering = "name"
    paginate_by = 50
    list_export = ["name", "status", "customer", "email", "contact_type", "company", "key"]
    export_filename = "clients"
    export_headings = {
        "name": _("Client"),
        "status": _("Status"),
        "customer": _("QuickBooks customer"),
        "email": _("E-mail"),
        "contact_type": _("Contact Type"),
        "company": _("Company"),
        "key": _("Client’s key on the site"),
    }

    def setup(self, request: Any, *args: Any, **kwargs: Any) -> None:
        self.adapter = get_adapter()
        self.model = self.adapter.model
        super().setup(request, *args, **kwargs)

    @cached_property
    def connection(self) -> Connection:
        companies = Connection.objects.select_related("state")
        return get_object_or_404(companies, pk=self.kwargs["pk"])

    @cached_property
    def visible(self) -> QuerySet[Any]:
        """The clients that this person may see."""
        return visible(self.request.user)

    @cached_property
    def may_see_none(self) -> bool:
        """Whether nothing is listed because the person may not view clients at all."""
        return self.visible.query.is_empty()

    @cached_property
    def tabs(self) -> Tabs:
        """What stands above the listing; a filter that cannot be read narrows nothing."""
        chosen = self.filters.form.cleaned_data if self.filters.is_valid() else {}
        statuses = chosen.get("status", ())
        user, query = self.request.user, self.search_query
        return Tabs(user, self.connection, statuses, of_clients=True, query=query)

    def get_page_subtitle(self) -> str:
        return self.connection.company_name

    def parents(self) -> list[dict[str, Any]]:
        return [*super().parents(), customers_crumb()]

    def get_index_url(self) -> str:
        return url("clients", self.connection.pk)

    def get_index_results_url(self) -> str:
        return url("clients_results", self.connection.pk)

    @cached_property
    def header_more_buttons(self) -> list[Any]:
        """Its downloads can be brought back with other Contact Types (K15)."""
        return [*super().header_more_buttons, *types_file.buttons(self.request.user)]

    select_all_label = _("Select all clients in listing")

    @cached_property
    def ticked(self) -> str:
        """The model whose bulk actions the rows are ticked for (U11), "" for none."""
        can = may(self.request.user, "map") and is_offered(self.connection)
        return "footprint" if can else ""

    # Which rows ------------------------------------------------------------------------------

    @cached_property
    def is_searchable(self) -> bool:
        return bool(self.adapter.searched)

    def get_base_queryset(self) -> QuerySet[Any]:
        return with_client_status(self.visible, self.connection)

    def get_filterset_kwargs(self) -> dict[str, Any]:
        return {**super().get_filterset_kwargs(), "queryset": self.visible}

    def search_queryset(self, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if not self.is_searching:
            return queryset
        order = queryset.query.order_by
        found = self.adapter.search(self.search_query, limit=None, within=queryset)
        return found.order_by(*order)

    def order_queryset(self, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """By name whatever the case, and never in an order that changes between pages."""
        down = self.ordering.startswith("-")
        names = [Lower(column) for column in self.adapter.searched[:1]]
        if self.ordering.lstrip("-") == "status":
            return queryset.order_by(f"{'-' if down else ''}qbo_status", *names, "pk")
        return queryset.order_by(*(name.desc() if down else name for name in names), "pk")

    # What is shown of them --------------------------------------------------------------------

    @cached_property
    def columns(self) -> list[BaseColumn]:
        kinds = Column(
            "contact_type",
            label=_("Contact Type"),
            accessor=self.types_of,
            classname="qbo-wide",
        )
        boxes = [BulkActionsCheckboxColumn("bulk", obj_type="footprint")] if self.ticked else []
        return [
            *boxes,
            self._get_title_column_class(TitleColumn)(
                "name",
                label=_("Client"),
                accessor=lambda client: self.records[str(client.pk)].label,
                sort_key="name" if self.adapter.searched else None,
                get_url=lambda client: client_url("client", self.connection, str(client.pk)),
                get_title_id=lambda client: f"footprint_{client.pk}_title",
            ),
            SignColumn(
                "status",
                label=_("Status"),
                accessor=lambda client: client_sign(ClientStatus(client.qbo_status)),
                sort_key="status",
            ),
            LinkColumn("customer", label=_("QuickBooks customer"), accessor=self.customer_of),
            Column("email", label=_("E-mail"), accessor=self.email_of, classname="qbo-wide"),
            *([kinds] if self.types else []),
        ]

    def get_table(self, object_list: Sequence[Any]) -> Any:
        """What the rows of the page say is looked up here, at once; a download does so later."""
        self.look_up([] if self.is_export else object_list)
        return super().get_table(object_list)

    def look_up(self, clients: Iterable[Any]) -> None:
        """The records and customers of some rows."""
        clients = list(clients)
        records = self.adapter.records(str(client.pk) for client in clients)
        self.records = {record.pk: record for record in records}
        held = [client.qbo_id for client in clients if client.qbo_id]
        rows = Customer.objects.filter(connection=self.connection, qbo_id__in=held)
        self.customers = {customer.qbo_id: customer for customer in rows}
        self.offers = Offers([self.connection], [str(client.pk) for client in clients])

    @cached_property
    def types(self) -> dict[str, str]:
        """Key of a Contact Type -> its label."""
        return dict(self.adapter.contact_type_choices())

    @cached_property
    def vocabulary(self) -> Types:
        """The same as a download says it, which can be brought back (K15)."""
        return Types(self.types.items(), self.adapter.contact_types.several)

    def types_of(self, client: Any) -> str:
        """The Contact Types of a client, by name."""
        keys = self.records[str(client.pk)].contact_types
        return ", ".join(self.types.get(key, key) for key in keys)

    def email_of(self, client: Any) -> str:
        """The e-mail that the site holds, maybe several addresses."""
        return self.records[str(client.pk)].contact.email

    def customer_of(self, client: Any) -> tuple[str, str] | None:
        """(name, address of its page) of the customer that a client is mapped to."""
        customer = self.customers.get(client.qbo_id)
        return (customer.path, customer_url(customer)) if customer else None

    def get_list_more_buttons(self, instance: Any) -> list[Any]:
        """What fits the row and the person. Results fetched alone lead back to the listing."""
        query = self.request.GET.urlencode()
        here = f"{self.get_index_url()}?{query}" if query else self.get_index_url()
        pk, status = str(instance.pk), instance.qbo_status
        creates = self.offers.creates(self.connection, pk, status)
        user = self.request.user
        conflict = self.offers.conflict(self.connection, pk, status, here)
        return client_buttons(
            self.connection, pk, status, user, here, creates=creates, conflict=conflict
        )

    # Downloads --------------------------------------------------------------------------------

    def as_spreadsheet(self, queryset: QuerySet[Any], spreadsheet_format: str) -> Any:
        """Read chunk by chunk, however many there are."""
        return super().as_spreadsheet(self.rows(queryset), spreadsheet_format)

    def rows(self, clients: QuerySet[Any]) -> Iterator[Any]:
        for chunk in chunks(clients.iterator(CHUNK), CHUNK):
            self.look_up(chunk)
            yield from (client for client in chunk if str(client.pk) in self.records)

    def to_row_dict(self, item: Any) -> dict[str, Any]:
        customer = self.customer_of(item)
        return {
            "name": self.records[str(item.pk)].label,
            "status": client_sign(ClientStatus(item.qbo_status)).text,
            "customer": customer[0] if customer else "",
            "email": self.email_of(item),
            "contact_type": self.vocabulary.cell(self.records[str(item.pk)].contact_types),
            "company": self.connection.company_name,
            "key": str(item.pk),
        }


urlpatterns = [
    path("<int:pk>/", ClientsView.as_view(), name="clients"),
    path("<int:pk>/results/", ClientsView.as_view(results_only=True), name="clients_results"),
]
