"""Where Intuit's webhooks arrive: a URL outside the admin, for the host's URLconf.

    path("quickbooks/webhooks/", include("wagtail_qbo_sync.webhooks"))

It reads the very bytes, takes them down and answers; a worker does the rest. It imports
neither qbo nor engine.
"""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from wagtail_qbo_sync.sync.noticing import notices


@csrf_exempt
@require_POST
def receive(request: HttpRequest) -> HttpResponse:
    """200 for whatever Intuit signed, understood or not: anything else it would send again."""
    body = request.read(notices.LARGEST + 1)
    if len(body) > notices.LARGEST:
        notices.refuse()
        return HttpResponse(status=413)
    if not notices.is_genuine(body, request.headers.get("intuit-signature")):
        notices.refuse()
        return HttpResponse(status=403)
    notices.note(body)
    return HttpResponse()


urlpatterns = [path("", receive, name="qbo_webhooks")]
