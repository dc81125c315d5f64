"""What no page of ours sends, but somebody may: it is answered, never with an error page."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from crm.models import Client
from django.test import Client as Browser
from django.urls import reverse

from tests.admin import rows
from wagtail_qbo_sync.admin.base import url
from wagtail_qbo_sync.admin.bulk_actions import ACTIONS
from wagtail_qbo_sync.admin.client_acts import client_url
from wagtail_qbo_sync.models import Connection

Query = dict[str, Any]


@pytest.fixture
def company(db: None) -> Connection:
    rows.customer(rows.company(), "<i>Berg</i>")
    Client.objects.create(name="<i>Berg</i>")
    return Connection.objects.get()


def asked(company: Connection, text: str) -> Iterator[tuple[str, Query]]:
    """Addresses, each with `text` wherever it takes one."""
    customer, client = company.customers.get(), str(Client.objects.get().pk)
    listing = reverse("wagtail_qbo_sync_customers:index")
    for name in ("q", "p", "ordering", "status", "connection"):
        yield listing, {name: text}
        yield url("clients", company.pk), {name: text}
    for name in ("q", "p", "state"):
        yield url("map", company.pk), {name: text}
    yield url("map_clients", company.pk), {"q": text}
    yield url("sync_line"), {"since": text}
    yield url("customer_map", customer.pk), {"q": text}
    yield client_url("client_map", company, client), {"q": text}
    for name in ("customer", "company", "after"):
        yield url("duplicates"), {name: text}
    for action in ACTIONS:
        names = ("wagtail_qbo_sync", "customer", action.action_type)
        yield reverse("wagtail_bulk_action", args=names), {"id": text}


def sent(company: Connection, text: str) -> Iterator[tuple[str, Query]]:
    customer, client = company.customers.get(), str(Client.objects.get().pk)
    decide = url("map_decide", company.pk)
    yield decide, {"customer": text, "do": "create"}
    yield decide, {"customer": customer.qbo_id, "do": "map", "client": text}
    yield decide, {"customer": customer.qbo_id, "do": text}
    yield url("duplicates"), {"customer": text, "choice": text}
    for name in ("client", "move"):
        yield url("customer_map", customer.pk), {name: text}
    for name in ("customer", "move"):
        yield client_url("client_map", company, client), {name: text}
    yield client_url("client_exclude", company, text), {}


@pytest.mark.parametrize("text", ["a\0b", "9" * 5000, "²", "-1", "' OR 1=1", "%", "<i>Berg</i>"])
def test_it_is_answered(text: str, company: Connection, admin_client: Browser) -> None:
    for address, query in asked(company, text):
        response = admin_client.get(address, query)
        assert response.status_code in (200, 302, 400, 404), (address, query)
        if response.headers["Content-Type"].startswith("text/html"):
            assert b"<i>Berg</i>" not in response.content, (address, query)
    for address, query in sent(company, text):
        response = admin_client.post(address, query)
        assert response.status_code in (200, 302, 400, 404), (address, query)
    assert not company.mappings.exists() and not company.decisions.exists()
