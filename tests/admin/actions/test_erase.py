"""Erase a customer, from its page (U17)."""

from __future__ import annotations

from django.test import Client

from tests import factories
from tests.admin.conftest import Login, Read
from wagtail_qbo_sync.admin.base import customer_url, url
from wagtail_qbo_sync.models import Connection, Customer, Decision, Outbox


def test_from_the_page_of_a_customer(partner: Client, company: Connection, read: Read) -> None:
    customer = factories.customer(company, "Zerubbabel Quist")
    address = url("customer_erase", customer.pk)
    assert address in partner.get(customer_url(customer)).content.decode()
    page = partner.get(address)
    assert "Nothing of it can be undone then" in read(page)
    assert Customer.objects.exists()
    page = partner.post(address, follow=True)
    assert "Erased. What stays is an exclusion of the QuickBooks ID 1." in read(page)
    assert "Zerubbabel" not in read(page)
    assert not Customer.objects.exists()
    assert Decision.objects.get().kind == "exclude_customer"


def test_refused_while_something_is_on_its_way(
    partner: Client, company: Connection, read: Read
) -> None:
    customer = factories.customer(company)
    Outbox.objects.create(
        connection=company,
        client_pk="1",
        qbo_id=customer.qbo_id,
        kind="update",
        state="written",
        wanted_at=company.connected_at,
    )
    page = partner.post(url("customer_erase", customer.pk), follow=True)
    assert "is on its way to QuickBooks" in read(page)
    assert Customer.objects.exists()


def test_only_for_those_who_may_connect(login: Login, company: Connection) -> None:
    customer = factories.customer(company)
    address = url("customer_erase", customer.pk)
    assert address not in login("view", "map").get(customer_url(customer)).content.decode()
    login("view", "map").post(address)
    assert Customer.objects.exists()


def test_disconnecting_can_delete_what_was_read(partner: Client, company: Connection) -> None:
    factories.customer(company)
    partner.post(url("disconnect", company.pk))
    assert Customer.objects.exists()
    Connection.objects.update(disconnected_at=None)
    partner.post(url("disconnect", company.pk), {"delete_mirror": "1"})
    assert not Customer.objects.exists()
