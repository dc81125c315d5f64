"""One client as one company sees it: where it stands, what was decided and written."""

from __future__ import annotations

from typing import Any

from django.shortcuts import get_object_or_404
from django.urls import path
from django.views.generic import TemplateView

from wagtail_qbo_sync.admin.acts import reversal_buttons
from wagtail_qbo_sync.admin.base import QboAdminView, clients_url, customer_url, customers_crumb
from wagtail_qbo_sync.admin.client_acts import Offers, client_buttons
from wagtail_qbo_sync.admin.clients import Clients, visible
from wagtail_qbo_sync.admin.history import History
from wagtail_qbo_sync.admin.labels import contact_rows
from wagtail_qbo_sync.admin.signs import client_sign
from wagtail_qbo_sync.models import Connection, Customer
from wagtail_qbo_sync.sync.records.client_status import ClientStatus, with_client_status
from wagtail_qbo_sync.sync.records.status import with_status

from .client_acts import client_or_404


class ClientView(QboAdminView, TemplateView):
    """Only for who may see the client; to anybody else it is not there."""

    is_visit = True
    permission_required = "view"
    template_name = "wagtail_qbo_sync/manage/client.html"

    def setup(self, request: Any, *args: Any, **kwargs: Any) -> None:
        super().setup(request, *args, **kwargs)
        self.connection = get_object_or_404(Connection, pk=kwargs["pk"])

    def get(self, request: Any, *args: Any, **kwargs: Any) -> Any:
        self.client = client_or_404(request.user, kwargs["client"])
        rows = with_client_status(visible(request.user), self.connection)
        self.row = get_object_or_404(rows, pk=self.client.pk)
        return super().get(request, *args, **kwargs)

    def get_page_title(self) -> str:
        return self.client.label

    def parents(self) -> list[dict[str, Any]]:
        listing = {"url": clients_url(self.connection), "label": self.connection.company_name}
        return [customers_crumb(), listing]

    def get_header_more_buttons(self) -> list[Any]:
        pk, status, user = self.client.pk, self.row.qbo_status, self.request.user
        here = self.request.path
        offers = Offers([self.connection], [pk])
        creates = offers.creates(self.connection, pk, status)
        conflict = offers.conflict(self.connection, pk, status, here)
        return client_buttons(
            self.connection, pk, status, user, here, creates=creates, conflict=conflict
        )

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        user, pk = self.request.user, self.client.pk
        history = History(self.connection, client_pk=pk)
        clients = Clients(user, [pk, *history.client_pks])
        customers = Customer.objects.select_related("connection").filter(
            connection=self.connection, qbo_id=self.row.qbo_id
        )
        customer = with_status(customers).first() if self.row.qbo_id else None
        return super().get_context_data(
            connection=self.connection,
            sign=client_sign(ClientStatus(self.row.qbo_status)),
            client=clients.show(pk),
            customer=customer,
            customer_url=customer_url(customer) if customer else "",
            fields=contact_rows(self.client.contact.to_json()),
            reversals=reversal_buttons(customer, user) if customer else [],
            **history.show(clients),
        )


urlpatterns = [path("<int:pk>/client/<str:client>/", ClientView.as_view(), name="client")]
