"""Choosing the customer of one client: the other way round than map_one (C14, K8)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.db.models import Q
from django.db.models.functions import Lower
from django.shortcuts import get_object_or_404
from django.urls import path
from django.utils.functional import cached_property
from django.utils.translation import gettext_lazy as _

from wagtail_qbo_sync.admin.acts import decide
from wagtail_qbo_sync.admin.base import (
    as_pk,
    clients_url,
    customers_crumb,
    may,
)
from wagtail_qbo_sync.admin.client_acts import Offers, client_url
from wagtail_qbo_sync.admin.clients import Clients, ShownClient
from wagtail_qbo_sync.admin.labels import contact_rows
from wagtail_qbo_sync.admin.words import Told, told
from wagtail_qbo_sync.contact import Contact
from wagtail_qbo_sync.host.adapter import ClientRecord
from wagtail_qbo_sync.models import Connection, Customer
from wagtail_qbo_sync.sync.people.decide import last_said
from wagtail_qbo_sync.sync.records.client_status import ClientStatus, client_statuses, taken_by
from wagtail_qbo_sync.sync.records.status import TO_MAP, CustomerStatus, with_status
from wagtail_qbo_sync.sync.telling.preview import previews_of

from .acts import way_back
from .choosing import LIMIT, Choosing, about
from .client_acts import client_or_404

CHOSEN = [*TO_MAP, CustomerStatus.EXCLUDED, CustomerStatus.MAPPED]


@dataclass(frozen=True, slots=True)
class Found:
    """A customer that can be chosen."""

    customer: Any
    about: str
    told: Told
    client: ShownClient | None
    """Whom it is mapped to already."""
    excluded: bool
    is_here: bool
    """Whether that is the client in question."""


class MapClient(Choosing):
    """Which customer a client is."""

    page_title = _("Map to customer")
    template_name = "wagtail_qbo_sync/map_client/page.html"
    results_template_name = "wagtail_qbo_sync/map_client/results.html"
    asked_for = "customer"
    gone = _("Choose a customer that is still there.")

    def setup(self, request: Any, *args: Any, **kwargs: Any) -> None:
        super().setup(request, *args, **kwargs)
        self.connection = get_object_or_404(Connection, pk=kwargs["pk"])

    @cached_property
    def client(self) -> ClientRecord:
        """Only one that the person may see."""
        return client_or_404(self.request.user, self.kwargs["client"])

    def get_page_subtitle(self) -> str:
        return str(self.client.label)

    def parents(self) -> list[dict[str, Any]]:
        if not may(self.request.user, "view"):
            return super().parents()
        listing = {"url": clients_url(self.connection), "label": self.connection.company_name}
        return [customers_crumb(), listing]

    @property
    def contact(self) -> Contact:
        return self.client.contact

    def chosen(self, key: str) -> Customer | None:
        """404 for a person who may not see the client."""
        customers = Customer.objects.select_related("connection")
        mine = customers.filter(connection=self.connection)
        return mine.filter(pk=as_pk(key)).first() if self.client else None

    def decide(self, act: str, chosen: Customer) -> bool:
        return decide(self.request, act, chosen, self.client.pk, self.client.label)

    @property
    def next_url(self) -> str:
        return way_back(self.request, self.connection)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        holders, excluded = taken_by(self.connection, [self.client.pk])
        return super().get_context_data(
            company=self.connection,
            client=self.client,
            fields=contact_rows(self.client.contact.to_json()),
            said=last_said(self.connection),
            mapped_to=holders.get(self.client.pk, ""),
            is_excluded=self.client.pk in excluded,
            results_url=client_url("client_map_results", self.connection, self.client.pk),
            create_url=self.create_url,
            exclude_url=client_url("client_exclude", self.connection, self.client.pk),
            **kwargs,
        )

    @property
    def create_url(self) -> str:
        """Where a customer is made of the client instead, "" where that is not offered."""
        pk = self.client.pk
        status = client_statuses([self.connection], [pk]).get(
            (self.connection.pk, pk), ClientStatus.UNMAPPED
        )
        creates = Offers([self.connection], [pk]).creates(self.connection, pk, status)
        return client_url("client_create", self.connection, pk) if creates else ""

    def find(self, text: str) -> list[Found]:
        """The first customers that match, those without a client first; constant queries."""
        words = Q()
        for word in text.split():
            words &= Q(display_name__icontains=word) | Q(record__contact__email__icontains=word)
        rows = with_status(
            Customer.objects.select_related("connection").filter(words, connection=self.connection)
        ).filter(status__in=CHOSEN)
        customers = list(rows.order_by("client_pk", Lower("display_name"), "pk")[:LIMIT])
        clients = Clients(self.request.user, [self.client.pk, *(c.client_pk for c in customers)])
        written = previews_of(self.client, customers)
        return [
            Found(
                customer=customer,
                about=about(customer.contact),
                told=told(written[customer.qbo_id], self.client.pk, clients),
                client=clients.show(customer.client_pk),
                excluded=customer.status == CustomerStatus.EXCLUDED,
                is_here=customer.client_pk == self.client.pk,
            )
            for customer in customers
        ]


urlpatterns = [
    path("<int:pk>/client/<str:client>/map/", MapClient.as_view(), name="client_map"),
    path(
        "<int:pk>/client/<str:client>/map/results/",
        MapClient.as_view(results_only=True),
        name="client_map_results",
    ),
]
