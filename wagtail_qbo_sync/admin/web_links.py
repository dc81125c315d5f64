"""Where people find a customer in QuickBooks itself."""

from __future__ import annotations

from urllib.parse import urlencode

from wagtail_qbo_sync.conf import API_URLS
from wagtail_qbo_sync.models import Connection

APPS = {
    API_URLS["production"]: "https://app.qbo.intuit.com",
    API_URLS["sandbox"]: "https://app.sandbox.qbo.intuit.com",
}
"""Address of the API -> of the pages that people use."""


def customer_url(connection: Connection, qbo_id: str) -> str:
    """The customer's page. It opens in the right company, whichever one works in there.

    An API elsewhere is a sandbox of ours, which shows its pages itself.
    """
    app = APPS.get(connection.api_url.rstrip("/"))
    if app is None:
        return f"{connection.api_url}/company/{connection.realm_id}/customer/{qbo_id}"
    query = urlencode(
        {
            "deeplinkcompanyid": connection.realm_id,
            "pagereq": f"customerdetail?nameId={qbo_id}",
        }
    )
    return f"{app}/app/login?{query}"
