"""Where each client stands in one company."""

from __future__ import annotations

import pytest
from crm.models import Client

from tests import factories
from wagtail_qbo_sync.models import Connection, Decision, Mapping
from wagtail_qbo_sync.sync.records.client_status import count_clients, with_client_status

from .firm import client

pytestmark = pytest.mark.django_db


def excluded(company: Connection, one: Client) -> Client:
    Decision.objects.create(
        kind="exclude_client", connection=company, client_pk=str(one.pk), at=company.connected_at
    )
    return one


def test_each_client_stands_somewhere() -> None:
    here, elsewhere = factories.connection("Here"), factories.connection("Elsewhere")
    for number, (company, asleep) in enumerate(
        [(here, ""), (here, "inactive"), (here, "disconnected"), (elsewhere, "")]
    ):
        one = client(f"{number} {company.company_name} {asleep}".strip())
        Mapping.objects.create(
            connection=company,
            qbo_id=str(number),
            client=one,
            client_pk=str(one.pk),
            asleep=asleep,
        )
    excluded(here, client("4 No"))
    excluded(elsewhere, client("5 No there"))
    rows = with_client_status(Client.objects.order_by("name"), here)
    assert list(rows.values_list("name", "qbo_status", "qbo_id")) == [
        ("0 Here", "mapped", "0"),
        ("1 Here inactive", "mapped", "1"),
        ("2 Here disconnected", "disconnected", "2"),
        ("3 Elsewhere", "unmapped", None),
        ("4 No", "excluded", None),
        ("5 No there", "unmapped", None),
    ]
    assert count_clients(Client.objects.all(), here) == {
        "mapped": 2,
        "disconnected": 1,
        "unmapped": 2,
        "excluded": 1,
    }
