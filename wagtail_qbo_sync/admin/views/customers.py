"""The customers of QuickBooks, where each stands, and all that is known of one (K8, C7)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db.models import QuerySet
from django.db.models.functions import Lower
from django.shortcuts import get_object_or_404
from django.urls import path
from django.utils.functional import cached_property
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.generic import TemplateView
from wagtail.admin.ui.tables import BaseColumn, BulkActionsCheckboxColumn, Column
from wagtail.admin.views import generic
from wagtail.admin.viewsets.model import ModelViewSet
from wagtail.admin.widgets.button import Button, HeaderButton
from wagtail.permission_policies import ModelPermissionPolicy

from wagtail_qbo_sync.admin.acts import act_buttons, reversal_buttons
from wagtail_qbo_sync.admin.base import CUSTOMERS, ICON, QboAdminView, customers_crumb, may, url
from wagtail_qbo_sync.admin.clients import Clients
from wagtail_qbo_sync.admin.columns import ClientColumn, CustomerColumn, SignColumn
from wagtail_qbo_sync.admin.exports import SafeExportMixin
from wagtail_qbo_sync.admin.filters import CustomerFilterSet, has_several_companies, only_company
from wagtail_qbo_sync.admin.history import History
from wagtail_qbo_sync.admin.labels import contact_rows
from wagtail_qbo_sync.admin.reviews import in_review, map_label, resolve_label, resolve_url
from wagtail_qbo_sync.admin.signs import status_sign
from wagtail_qbo_sync.admin.sync_line import WithSyncLine
from wagtail_qbo_sync.admin.tabs import Tabs
from wagtail_qbo_sync.admin.words import case_words, clients_in, told
from wagtail_qbo_sync.models import BulkDecision, Case, Customer
from wagtail_qbo_sync.sync.bulk.drafts import to_map
from wagtail_qbo_sync.sync.records import by_hand
from wagtail_qbo_sync.sync.records.status import CustomerStatus, with_status


class CustomersView(QboAdminView, WithSyncLine, SafeExportMixin, generic.IndexView):
    """The listing: search, filters, sorting, export."""

    is_visit = True
    any_permission_required = ["view"]
    permission_policy = ModelPermissionPolicy(Customer)  # Wagtail's listing asks for "add" too
    model = Customer
    template_name = "wagtail_qbo_sync/customers/index.html"
    results_template_name = "wagtail_qbo_sync/manage/results.html"
    filterset_class = CustomerFilterSet
    search_fields = ["display_name", "record__contact__email"]
    search_backend_name = None
    default_ordering = "display_name"
    paginate_by = 50
    list_export = ["display_name", "path", "status", "client", "email", "company", "qbo_id"]
    export_filename = "quickbooks-customers"
    export_headings = {
        "display_name": _("QuickBooks customer"),
        "path": _("Parent and name"),
        "status": _("Status"),
        "client": _("Client"),
        "email": _("E-mail"),
        "company": _("Company"),
        "qbo_id": _("QuickBooks ID"),
    }

    @cached_property
    def tabs(self) -> Tabs:
        """What stands above the listing; a filter that cannot be read narrows nothing."""
        chosen = self.filters.form.cleaned_data if self.filters.is_valid() else {}
        company = chosen.get("connection") or only_company()
        statuses = chosen.get("status", ())
        return Tabs(self.request.user, company, statuses, query=self.search_query)

    def get_base_queryset(self) -> QuerySet[Customer]:
        return with_status(Customer.objects.select_related("connection"))

    def order_queryset(self, queryset: QuerySet[Customer]) -> QuerySet[Customer]:
        """By name whatever the case, and never in an order that changes between pages."""
        down = self.ordering.startswith("-")
        name = Lower("display_name")
        if self.ordering.lstrip("-") == "status":
            return queryset.order_by(self.ordering, name, "pk")
        return queryset.order_by(name.desc() if down else name, "pk")

    @cached_property
    def may_map(self) -> bool:
        """Whether rows can be ticked, for bulk actions."""
        return may(self.request.user, "map")

    select_all_label = _("Select all customers in listing")

    @property
    def ticked(self) -> str:
        """The model whose bulk actions the rows are ticked for, "" for none."""
        return "customer" if self.may_map else ""

    @cached_property
    def unfinished(self) -> list[BulkDecision]:
        """Decisions about many customers that a worker is carrying out."""
        going_on = BulkDecision.objects.filter(finished_at=None).select_related("connection")
        return list(going_on.defer("choices").order_by("pk")) if self.may_map else []

    @cached_property
    def columns(self) -> list[BaseColumn]:
        columns: list[BaseColumn] = [
            *([BulkActionsCheckboxColumn("bulk", obj_type="customer")] if self.may_map else []),
            self._get_title_column_class(CustomerColumn)(
                "display_name",
                label=_("QuickBooks customer"),
                sort_key="display_name",
                get_url=self.get_inspect_url,
                get_title_id=lambda customer: f"customer_{customer.pk}_title",
            ),
            SignColumn("status", label=_("Status"), accessor=status_sign, sort_key="status"),
            ClientColumn("client", label=_("Client"), accessor=self.client_of),
            Column("email", label=_("E-mail"), accessor=email_of, classname="qbo-wide"),
        ]
        if has_several_companies():
            columns.append(
                Column("company", label=_("Company"), accessor="connection", classname="qbo-wide")
            )
        return columns

    @cached_property
    def header_buttons(self) -> list[Any]:
        """What is to be done with these customers: one button, as two leave no room for the
        title. To map them belongs to one company."""
        company = self.tabs.company
        if not self.may_map or self.resolves_first:
            return [self.resolve_button] if self.resolve_button else []
        if company and (waiting := to_map(company).count()):
            address = url("map", company.pk)
            return [HeaderButton(map_label(waiting), url=address, icon_name="link")]
        return []

    @property
    def resolves_first(self) -> bool:
        """Whether the listing is of those that are like a client."""
        return list(self.tabs.statuses) == [CustomerStatus.REVIEW]

    @cached_property
    def resolve_button(self) -> Any:
        """Leads to them one by one; None where there are none."""
        if not self.may_map or not (alike := in_review().count()):
            return None
        kind = HeaderButton if self.resolves_first else Button
        return kind(resolve_label(alike), url=resolve_url(), icon_name="help")

    @cached_property
    def header_more_buttons(self) -> list[Any]:
        """The other thing to do, and what was decided before."""
        buttons = list(super().header_more_buttons)
        if self.resolve_button and not self.resolves_first:
            buttons.append(self.resolve_button)
        if self.may_map:
            address = url("bulk_decisions")
            buttons.append(Button(_("Bulk decisions"), url=address, icon_name="history"))
        return buttons

    def get_list_more_buttons(self, instance: Customer) -> list[Any]:
        """What fits the row and the person. Results fetched alone lead back to the listing."""
        query = self.request.GET.urlencode()
        here = f"{self.get_index_url()}?{query}" if query else self.get_index_url()
        being_made = (instance.connection_id, instance.qbo_id) in self.being_made
        return list(act_buttons(instance, self.request.user, here, being_made=being_made))

    def get_table(self, object_list: Sequence[Any]) -> Any:
        """What the rows of the whole page need is looked up here, at once."""
        pks = [row.client_pk or row.gone_pk for row in object_list]
        self.clients = Clients(self.request.user, pks)
        self.being_made = by_hand.all_being_created([] if self.is_export else object_list)
        return super().get_table(object_list)

    def client_of(self, customer: Any) -> Any:
        """The mapped client as this person may see it, or None."""
        return shown_client(customer, self.clients)

    def to_row_dict(self, item: Any) -> dict[str, Any]:
        client = self.client_of(item)
        return {
            "display_name": item.display_name,
            "path": item.path,
            "status": status_sign(item).text,
            "client": client.label if client else "",
            "email": email_of(item),
            "company": item.connection.company_name,
            "qbo_id": item.qbo_id,
        }


def shown_client(customer: Any, clients: Clients) -> Any:
    """The client, or the deleted one by its last name (U16), as a person may see it; or None."""
    gone = clients.show(customer.gone_pk, customer.gone_name or "")
    return clients.show(customer.client_pk) or gone


def email_of(customer: Customer) -> str:
    """The e-mail as it stands in QuickBooks, maybe several addresses."""
    email: str = customer.record["contact"].get("email", "")
    return email


class CustomerView(QboAdminView, TemplateView):
    """One customer: what QuickBooks says, where it stands, what waits, what was written."""

    is_visit = True
    permission_required = "view"
    template_name = "wagtail_qbo_sync/customers/inspect.html"

    def setup(self, request: Any, *args: Any, **kwargs: Any) -> None:
        super().setup(request, *args, **kwargs)
        customers = with_status(Customer.objects.select_related("connection"))
        self.customer: Any = get_object_or_404(customers, pk=kwargs["pk"])

    def get_page_title(self) -> str:
        return str(self.customer.display_name)

    def get_header_more_buttons(self) -> list[Any]:
        user = self.request.user
        being_made = bool(by_hand.all_being_created([self.customer]))
        path = self.request.path
        buttons = list(act_buttons(self.customer, user, path, being_made=being_made))
        if may(user, "connect"):
            address = url("customer_erase", self.customer.pk)
            buttons.append(Button(gettext("Erase…"), address, icon_name="bin", priority=100))
        return buttons

    def parents(self) -> list[dict[str, Any]]:
        return [customers_crumb()]

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        customer, user = self.customer, self.request.user
        about = {"connection": customer.connection, "qbo_id": customer.qbo_id}
        history = History(**about)
        cases = list(
            Case.objects.filter(**about, open_key__isnull=False).order_by("opened_at", "pk")
        )
        clients = Clients(
            user,
            [
                customer.client_pk or customer.gone_pk,
                *history.client_pks,
                *(case.client_pk for case in cases),
                *(pk for case in cases for pk in clients_in(case.facts)),
            ],
        )
        return super().get_context_data(
            customer=customer,
            sign=status_sign(customer),
            client=shown_client(customer, clients),
            fields=contact_rows(customer.record["contact"]),
            cases=[
                {
                    "kind": case.get_kind_display(),
                    "words": case_words(case),
                    "opened_at": case.opened_at,
                    "told": told(case.facts, case.client_pk, clients),
                }
                for case in cases
            ],
            reversals=reversal_buttons(customer, user),
            **history.show(clients),
            **kwargs,
        )


class CustomerViewSet(ModelViewSet):
    """Customers are read from QuickBooks, so nothing here adds, edits or deletes one."""

    model = Customer
    name = CUSTOMERS
    url_prefix = "qbo/customers"
    icon = ICON
    index_view_class = CustomersView
    inspect_view_class = CustomerView
    inspect_view_enabled = True
    copy_view_enabled = False
    add_to_reference_index = False

    def get_common_view_kwargs(self, **kwargs: Any) -> dict[str, Any]:
        names = ("index", "index_results", "inspect")
        return {f"{name}_url_name": self.get_url_name(name) for name in names} | kwargs

    @property
    def index_view(self) -> Any:
        return self.construct_view(CustomersView)

    @property
    def index_results_view(self) -> Any:
        return self.construct_view(CustomersView, results_only=True)

    @property
    def inspect_view(self) -> Any:
        return self.construct_view(CustomerView)

    def get_urlpatterns(self) -> list[Any]:
        return [
            path("", self.index_view, name="index"),
            path("results/", self.index_results_view, name="index_results"),
            path("inspect/<int:pk>/", self.inspect_view, name="inspect"),
        ]

    def register_admin_url_finder(self) -> None:
        """There is no page that edits a customer."""
