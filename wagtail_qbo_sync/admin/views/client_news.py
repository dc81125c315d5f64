"""Whether a sync has changed a client that somebody has open in a form."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.utils.cache import get_conditional_response

from wagtail_qbo_sync.admin.base import QboAdminView
from wagtail_qbo_sync.admin.client_record import stamp

from .client_acts import client_or_404


class ClientNews(QboAdminView):
    """304 as long as no sync has written to the client; no body either way."""

    permission_required = "view"
    http_method_names = ["get", "options"]

    def get(self, request: HttpRequest, client: str) -> HttpResponse:
        etag = stamp(client_or_404(request.user, client).pk)
        fresh = HttpResponse(headers={"ETag": etag})
        return get_conditional_response(request, etag=etag, response=fresh) or fresh


urlpatterns = [path("<str:client>/news/", ClientNews.as_view(), name="client_news")]
