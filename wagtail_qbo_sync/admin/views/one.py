"""Sync this one: one customer, or one client's customer, is read and compared out of turn."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import path
from django.utils.translation import gettext as _
from wagtail.admin import messages

from wagtail_qbo_sync.admin.base import PostOnly
from wagtail_qbo_sync.admin.components import WORKER_COMMAND, cannot_sync
from wagtail_qbo_sync.models import Customer, Mapping
from wagtail_qbo_sync.sync.people import decide
from wagtail_qbo_sync.sync.records.status import worker_is_silent
from wagtail_qbo_sync.sync.walk import one

from .acts import way_back
from .client_acts import client_or_404

CUSTOMERS = Customer.objects.select_related("connection__token")


class SyncCustomer(PostOnly):
    """Ask for one customer, say what happens, and go back to where one came from."""

    permission_required = "sync"

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        customer = self.customer()
        connection = customer.connection
        if objection := cannot_sync(connection) or inert(customer):
            messages.error(request, objection)
        else:
            decide.ask_for_one(connection, customer.qbo_id, request.user)
            said = messages.warning if worker_is_silent() else messages.success
            said(request, promise(customer))
        return redirect(way_back(request, connection))

    def customer(self) -> Customer:
        return get_object_or_404(CUSTOMERS, pk=self.kwargs["pk"])


class SyncClient(SyncCustomer):
    """The same for the customer that a client is mapped to in one company."""

    def customer(self) -> Customer:
        client = client_or_404(self.request.user, self.kwargs["client"])
        mapping = get_object_or_404(Mapping, connection=self.kwargs["pk"], client_pk=client.pk)
        about = {"connection": mapping.connection_id, "qbo_id": mapping.qbo_id}
        return get_object_or_404(CUSTOMERS, **about)


def inert(customer: Customer) -> str:
    """Why nothing of it is read, "" if it is: a person said so."""
    if not one.is_inert(customer.connection, customer.qbo_id):
        return ""
    return _("“%s” is excluded or disconnected: nothing of it is read.") % customer.path


def promise(customer: Customer) -> str:
    """What is going to happen."""
    if worker_is_silent():
        text = _(
            "Noted, but no worker is running. “%(customer)s” is read once there is one: %(run)s"
        )
        return text % {"customer": customer.path, "run": WORKER_COMMAND}
    if not one.may_apply(customer.connection):
        text = _(
            "“%s” is read from QuickBooks next. Nothing is written to the site before the plan "
            "that waits, or that the first sync makes, has been approved."
        )
        return text % customer.path
    text = _("“%s” is read from QuickBooks next, and what it says is applied.")
    return text % customer.path


urlpatterns = [
    path("customer/<int:pk>/", SyncCustomer.as_view(), name="sync_customer"),
    path("client/<int:pk>/<str:client>/", SyncClient.as_view(), name="sync_client"),
]
