"""What a developer would write without us: python-quickbooks' objects, one by one.

Nothing is wrong with it for a hundred customers. It reads in the library's own pages, looks for
each client, saves it, and keeps the customer's Id; to send one it reads the customer first, as
the library's save() needs its SyncToken and all of its fields. To learn what changed it reads
everything again. Our own signal receivers are switched off, as such a site would not have them.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from _company import REALM

PAGE = 100
"""Rows a call: the library's default."""


@contextmanager
def client(connection: Any) -> Iterator[Any]:
    """The library's client of the company; within, nobody of ours listens."""
    import requests
    from quickbooks import QuickBooks

    from wagtail_qbo_sync.conf import settings
    from wagtail_qbo_sync.host.tracking import our_own_writes
    from wagtail_qbo_sync.sync.access.token import TokenKeeper

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        made = QuickBooks(company_id=REALM)
    made.api_url_v3 = f"{settings.API_URL}/v3"
    made.session = requests.Session()
    made.session.access_token = TokenKeeper(connection).access_token()
    with our_own_writes():
        yield made


def read_all(connection: Any) -> None:
    """Every customer to its client."""
    from quickbooks.objects import Customer

    with client(connection) as quickbooks:
        start = 1
        while page := Customer.filter(
            order_by="Id", start_position=start, max_results=PAGE, qb=quickbooks
        ):
            for customer in page:
                save(connection, customer)
            start += len(page)


def save(connection: Any, customer: Any) -> None:
    """One customer to its client, which is looked for by Id, then by name."""
    from crm.models import Client

    from wagtail_qbo_sync.models import Mapping

    link = Mapping.objects.filter(qbo_id=customer.Id).select_related("client").first()
    found = link.client if link else Client.objects.filter(name=customer.DisplayName).first()
    one = found or Client()
    one.name = customer.DisplayName
    one.company_name = customer.CompanyName
    one.email = customer.PrimaryEmailAddr.Address
    one.phone = customer.PrimaryPhone.FreeFormNumber
    one.address, one.city = customer.BillAddr.Line1, customer.BillAddr.City
    one.state = customer.BillAddr.CountrySubDivisionCode
    one.zip_code = customer.BillAddr.PostalCode
    one.physical_address, one.physical_city = customer.ShipAddr.Line1, customer.ShipAddr.City
    one.physical_state = customer.ShipAddr.CountrySubDivisionCode
    one.physical_zip_code = customer.ShipAddr.PostalCode
    one.save()
    if link is None:
        Mapping.objects.create(
            connection=connection, qbo_id=customer.Id, client=one, client_pk=str(one.pk), base={}
        )


def send_all(connection: Any) -> None:
    """The mobile of every client to its customer."""
    from quickbooks.objects import Customer, PhoneNumber

    from wagtail_qbo_sync.models import Mapping

    with client(connection) as quickbooks:
        for link in Mapping.objects.select_related("client"):
            assert link.client is not None
            customer = Customer.get(link.qbo_id, qb=quickbooks)
            customer.Mobile = PhoneNumber()
            customer.Mobile.FreeFormNumber = link.client.mobile
            customer.save(qb=quickbooks)
