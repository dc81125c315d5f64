"""Wagtail's bulk action upon the clients of a company's listing: a plan to create them in
QuickBooks (U11)."""

from __future__ import annotations

from functools import cached_property
from typing import Any, ClassVar
from urllib.parse import urlsplit

from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404
from django.urls import Resolver404, resolve
from django.utils.translation import gettext_lazy as _
from wagtail.admin import messages
from wagtail.admin.views.bulk_action import BulkAction

from wagtail_qbo_sync.host.adapter import get_adapter
from wagtail_qbo_sync.models import Connection, Footprint
from wagtail_qbo_sync.sync.planning import bulk_creation
from wagtail_qbo_sync.sync.records.client_status import ClientStatus
from wagtail_qbo_sync.sync.records.locked import Refusal

from .base import ICON, may, url
from .views.clients import ClientsView

LISTED = 20
"""Clients that are named on the page that asks; the others are counted."""


class SendClients(BulkAction):
    """It stands under our own model, so that no other listing of clients offers it: which company
    it is about is said by the address of the listing alone."""

    models: ClassVar[list[Any]] = [Footprint]
    action_type = "send_clients"
    display_name = _("Create in QuickBooks…")
    aria_label = _("Plan to create the selected clients in QuickBooks")
    template_name = "wagtail_qbo_sync/bulk/send_clients.html"

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if not may(request.user, "map"):
            raise PermissionDenied
        response: HttpResponseBase = super().dispatch(request, *args, **kwargs)
        return response

    @cached_property
    def connection(self) -> Connection:
        """The company whose listing this is."""
        try:
            found = resolve(urlsplit(self.next_url).path)
        except Resolver404:
            raise Http404 from None
        if found.view_name.rpartition(":")[2] not in ("clients", "clients_results"):
            raise Http404
        return get_object_or_404(Connection, pk=found.kwargs["pk"])

    @cached_property
    def ticked(self) -> QuerySet[Any]:
        """What was ticked, of what the person may see and the company does not know."""
        listing = ClientsView()
        listing.setup(self.request, pk=self.connection.pk)
        ids = self.request.GET.getlist("id")
        clients: QuerySet[Any] = (
            listing.get_queryset()
            if "all" in ids
            else listing.get_base_queryset().filter(pk__in=get_adapter().keys(ids))
        )
        return clients.order_by("pk")

    @cached_property
    def free(self) -> list[str]:
        """Keys of those that stand alone."""
        rows = self.ticked.filter(qbo_status=ClientStatus.UNMAPPED)
        return [str(pk) for pk in rows.values_list("pk", flat=True)]

    def get_actionable_objects(self) -> tuple[list[str], dict[str, Any]]:
        return self.free, {}

    def annotate_items(self, items: list[str]) -> list[str]:
        """The first few, by name."""
        records = {one.pk: one.label for one in get_adapter().records(items[:LISTED])}
        return [records[pk] for pk in items[:LISTED] if pk in records]

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        free = len(self.free)
        context: dict[str, Any] = super().get_context_data(**kwargs)
        return context | {
            "header_icon": ICON,
            "title": _("Create in QuickBooks"),
            "company": self.connection,
            "count": free,
            "more": max(0, free - LISTED),
            "left": self.ticked.count() - free,
        }

    def get_execution_context(self) -> dict[str, Any]:
        return {"action": self}

    @classmethod
    def execute_action(
        cls, objects: list[str], action: SendClients | None = None, **kwargs: Any
    ) -> tuple[int, int]:
        assert action is not None
        try:
            run = bulk_creation.start(action.connection, objects, action.request.user)
        except Refusal as refusal:
            messages.warning(action.request, refusal.message)
            return 0, 0
        action.next_url = url("run", run.pk)
        return len(objects), 0


ACTIONS = (SendClients,)
