"""Choosing the client of one customer: search, see what would be overwritten, map (C9, C14)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.shortcuts import get_object_or_404
from django.urls import path
from django.utils.functional import cached_property
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from wagtail_qbo_sync.admin.acts import act_url, decide
from wagtail_qbo_sync.admin.base import customers_crumb, may, url
from wagtail_qbo_sync.admin.clients import Clients, ShownClient, visible, visible_record
from wagtail_qbo_sync.admin.labels import contact_rows
from wagtail_qbo_sync.admin.words import Told, told
from wagtail_qbo_sync.contact import Contact
from wagtail_qbo_sync.host.adapter import ClientRecord, get_adapter
from wagtail_qbo_sync.models import Customer
from wagtail_qbo_sync.sync.people.decide import last_said
from wagtail_qbo_sync.sync.records.client_status import taken_by
from wagtail_qbo_sync.sync.records.status import CustomerStatus, with_status
from wagtail_qbo_sync.sync.telling.preview import previews

from .acts import way_back
from .choosing import LIMIT, Choosing, about


@dataclass(frozen=True, slots=True)
class Found:
    """A client that can be chosen, or that cannot and why."""

    pk: str
    client: ShownClient
    about: str
    told: Told
    taken_by: str = ""
    """The customer that it is mapped to already."""
    excluded: bool = False
    is_here: bool = False
    """Whether the customer is mapped to it."""


class MapCustomer(Choosing):
    """Which client a customer is."""

    page_title = _("Map to client")
    template_name = "wagtail_qbo_sync/map_one/page.html"
    results_template_name = "wagtail_qbo_sync/map_one/results.html"
    asked_for = "client"
    gone = _("Choose a client that is still there.")

    def setup(self, request: Any, *args: Any, **kwargs: Any) -> None:
        super().setup(request, *args, **kwargs)
        self.adapter = get_adapter()
        self.visible = visible(request.user)

    @cached_property
    def customer(self) -> Any:
        customers = with_status(Customer.objects.select_related("connection"))
        return get_object_or_404(customers, pk=self.kwargs["pk"])

    def get_page_subtitle(self) -> str:
        return str(self.customer.path)

    def parents(self) -> list[dict[str, Any]]:
        if not may(self.request.user, "view"):
            return super().parents()
        return [customers_crumb()]

    @property
    def contact(self) -> Contact:
        contact: Contact = self.customer.contact
        return contact

    def chosen(self, key: str) -> ClientRecord | None:
        """Only one that the person may see, whatever the form said."""
        return visible_record(self.request.user, key)

    def decide(self, act: str, chosen: ClientRecord) -> bool:
        return decide(self.request, act, self.customer, chosen.pk, chosen.label)

    def problem(self) -> str:
        """Why no client can be chosen, "" if one can."""
        status = CustomerStatus(self.customer.status)
        text = {
            CustomerStatus.INACTIVE: gettext("“%s” is inactive in QuickBooks."),
            CustomerStatus.GONE: gettext("“%s” is no longer in QuickBooks."),
            CustomerStatus.LEFT_OUT: gettext("“%s” is left out by the company’s settings."),
        }.get(status, "")
        return text % self.customer.path if text else ""

    @property
    def next_url(self) -> str:
        return way_back(self.request, self.customer.connection)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        mapped = self.customer.client_pk
        return super().get_context_data(
            customer=self.customer,
            fields=contact_rows(self.customer.record["contact"]),
            said=last_said(self.customer.connection),
            may_see_none=not self.visible.exists(),
            results_url=url("customer_map_results", self.customer.pk),
            create_url=act_url("create", self.customer),
            exclude_url=act_url("exclude", self.customer),
            is_excluded=self.customer.status == CustomerStatus.EXCLUDED,
            mapped_to=Clients(self.request.user, [mapped]).show(mapped),
            **kwargs,
        )

    def find(self, text: str) -> list[Found]:
        matches = self.adapter.search(text, LIMIT, within=self.visible)
        pks = [str(pk) for pk in matches.values_list("pk", flat=True)]
        clients = Clients(self.request.user, pks)
        records = {record.pk: record for record in self.adapter.records(pks)}
        written = previews(self.customer, records.values(), self.adapter)
        taken, excluded = taken_by(self.customer.connection, pks)
        return [
            Found(
                pk=pk,
                client=client,
                about=about(contact),
                told=told(written[pk], pk, clients),
                taken_by=taken.get(pk, ""),
                excluded=pk in excluded,
                is_here=pk == self.customer.client_pk,
            )
            for pk in pks
            if pk in records  # else deleted this very moment
            for client, contact in [(clients.show(pk), records[pk].contact)]
            if client is not None
        ]


urlpatterns = [
    path("<int:pk>/map/", MapCustomer.as_view(), name="customer_map"),
    path(
        "<int:pk>/map/results/",
        MapCustomer.as_view(results_only=True),
        name="customer_map_results",
    ),
]
