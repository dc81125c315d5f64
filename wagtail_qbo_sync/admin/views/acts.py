"""The acts upon one customer that need no more than a click (K8, C10, C11, C14)."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import path
from wagtail.admin.utils import get_valid_next_url_from_request

from wagtail_qbo_sync.admin.acts import ACTS, NEEDS_CLIENT, decide
from wagtail_qbo_sync.admin.base import PostOnly, customers_url, may, url
from wagtail_qbo_sync.models import Connection, Customer


class CustomerAct(PostOnly):
    """One of `acts.ACTS` upon one customer; then back to where one came from."""

    permission_required = "map"
    act = ""

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        customer = get_object_or_404(Customer.objects.select_related("connection"), pk=pk)
        decide(request, self.act, customer)
        return redirect(way_back(request, customer.connection))


def way_back(request: HttpRequest, connection: Connection) -> str:
    """Where one came from; else the company's customers, or what else the person may see."""
    next_url: str = get_valid_next_url_from_request(request)
    if next_url:
        return next_url
    return customers_url(connection) if may(request.user, "view") else url("connections")


def act_path(name: str) -> Any:
    """The address of an act."""
    address = f"<int:pk>/{name.replace('_', '-')}/"
    return path(address, CustomerAct.as_view(act=name), name=f"customer_{name}")


urlpatterns = [act_path(name) for name in ACTS if name not in NEEDS_CLIENT]
