"""The acts upon one client that need no more than a click (C14, C16)."""

from __future__ import annotations

from typing import Any

from django.contrib.admin.utils import unquote
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import path

from wagtail_qbo_sync.admin.base import PostOnly
from wagtail_qbo_sync.admin.client_acts import CLIENT_ACTS, decide_client
from wagtail_qbo_sync.admin.clients import visible_record
from wagtail_qbo_sync.host.adapter import ClientRecord
from wagtail_qbo_sync.models import Connection

from .acts import way_back


class ClientAct(PostOnly):
    """One of `client_acts.CLIENT_ACTS`; then back to where one came from."""

    permission_required = "map"
    act = ""

    def post(self, request: HttpRequest, pk: int, client: str) -> HttpResponse:
        connection = get_object_or_404(Connection, pk=pk)
        decide_client(request, self.act, connection, client_or_404(request.user, client))
        return redirect(way_back(request, connection))


def client_or_404(user: Any, quoted: str) -> ClientRecord:
    """The client that an address names, if the person may see it; else it is as if not there."""
    record = visible_record(user, unquote(quoted))
    if record is None:
        raise Http404
    return record


urlpatterns = [
    path(
        f"<int:pk>/client/<str:client>/{name}/", ClientAct.as_view(act=name), name=f"client_{name}"
    )
    for name in CLIENT_ACTS
]
