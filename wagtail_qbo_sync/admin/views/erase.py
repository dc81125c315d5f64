"""Erasing one customer, after a page that says what goes and what stays (U17)."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import path
from django.utils.translation import gettext
from django.views.generic import TemplateView
from wagtail.admin import messages

from wagtail_qbo_sync.admin.base import (
    QboAdminView,
    customer_url,
    customers_crumb,
    customers_url,
    may,
    url,
)
from wagtail_qbo_sync.models import Customer
from wagtail_qbo_sync.sync.people import erase
from wagtail_qbo_sync.sync.records.locked import Refusal


class EraseView(QboAdminView, TemplateView):
    """For those who may connect and disconnect: nobody can take it back."""

    permission_required = "connect"
    template_name = "wagtail_qbo_sync/customers/erase.html"

    def setup(self, request: HttpRequest, *args: Any, **kwargs: Any) -> None:
        super().setup(request, *args, **kwargs)
        customers = Customer.objects.select_related("connection")
        self.customer = get_object_or_404(customers, pk=kwargs["pk"])

    def get_page_title(self) -> str:
        return gettext("Erase a customer")

    def get_page_subtitle(self) -> str:
        return self.customer.path

    def parents(self) -> list[dict[str, Any]]:
        return [customers_crumb()] if may(self.request.user, "view") else []

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(
            customer=self.customer, way_back=self.way_back(gone=False), **kwargs
        )

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        customer = self.customer
        try:
            erase.erase(customer.connection, customer.qbo_id, request.user)
        except Refusal as refusal:
            messages.error(request, refusal.message)
            return redirect(self.way_back(gone=False))
        text = gettext("Erased. What stays is an exclusion of the QuickBooks ID %s.")
        messages.success(request, text % customer.qbo_id)
        return redirect(self.way_back(gone=True))

    def way_back(self, *, gone: bool) -> str:
        """The customer's page, or the listing once there is none."""
        if not may(self.request.user, "view"):
            return url("connections")
        return customers_url(self.customer.connection) if gone else customer_url(self.customer)


urlpatterns = [path("<int:pk>/erase/", EraseView.as_view(), name="customer_erase")]
