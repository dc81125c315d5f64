"""The full comparisons: their history, what each found, and asking for one (U13)."""

from __future__ import annotations

from django.db import connection as database
from django.test import Client
from django.test.utils import CaptureQueriesContext

from tests import factories
from tests.admin import rows
from wagtail_qbo_sync import clock
from wagtail_qbo_sync.admin.base import comparisons_url, url
from wagtail_qbo_sync.models import Comparison, Connection, Difference, SyncState

from .conftest import Login, Read


def differ(found: Comparison, count: int, why: str = "conflict") -> None:
    Difference.objects.bulk_create(
        Difference(
            comparison=found,
            qbo_id=str(number),
            client_pk="",
            customer=f"Customer {number}",
            why="asked",
            asked=why,
            fields=["phone", "mailing_address"],
        )
        for number in range(count)
    )


def test_the_card_shows_the_last_one(partner: Client, company: Connection, read: Read) -> None:
    assert "Last full comparison None yet" in read(partner.get(url("connections")))
    factories.comparison(company, equal=9811, missing=1)
    factories.comparison(company, equal=9812)
    factories.comparison(company, finished_at=None)
    page = partner.get(url("connections"))
    assert "Last full comparison 9,812 of 9,812 equal" in read(page)
    assert comparisons_url(company) in page.content.decode()


def test_the_history_of_a_company(partner: Client, company: Connection, read: Read) -> None:
    factories.comparison(company, equal=9810, different=1, missing=1, resting=1402)
    factories.comparison(factories.connection("Other"), equal=77)
    said = read(partner.get(comparisons_url(company)))
    assert "9,810 of 9,812 equal 1 1 1,402" in said
    assert "77 of 77" not in said


def test_each_difference_with_its_reason(partner: Client, company: Connection, read: Read) -> None:
    found = factories.comparison(company, equal=1, different=1)
    differ(found, 1)
    said = read(partner.get(url("comparison", found.pk)))
    assert "1 of 2 equal" in said
    assert "Customer 0" in said
    assert "Waits for a person: Changed on both sides" in said
    assert "Phone, Mailing address" in said


def test_a_client_that_one_may_not_see_is_not_named(
    login: Login, company: Connection, read: Read
) -> None:
    mapping = rows.mapped(factories.customer(company))
    found = factories.comparison(company)
    differ(found, 1)
    Difference.objects.update(client_pk=str(mapping.pk))
    hidden = login("view")
    said = read(hidden.get(url("comparison", found.pk)))
    assert "A client you may not view" in said
    assert mapping.name not in said


def test_queries_do_not_grow(partner: Client, company: Connection) -> None:
    few, many = factories.comparison(company), factories.comparison(company)
    differ(few, 2)
    differ(many, 60)
    counts = []
    for found in (few, few, many):  # the first look fills caches
        with CaptureQueriesContext(database) as captured:
            partner.get(url("comparison", found.pk))
        counts.append(len(captured))
    assert counts[1] == counts[2]


def test_asking_for_one(partner: Client, company: Connection, read: Read) -> None:
    page = partner.post(url("compare", company.pk), follow=True)
    assert "has not been synced yet" in read(page)
    factories.sync_state(company, first_synced_at=clock.now())
    page = partner.post(url("compare", company.pk), follow=True)
    assert "Everything is read and compared now." in read(page)
    assert SyncState.objects.get().comparing == Comparison.objects.get()
    page = partner.post(url("compare", company.pk), follow=True)
    assert "is under way" in read(page)
    assert Comparison.objects.count() == 1


def test_who_may_only_look_is_not_offered_to_ask(login: Login, company: Connection) -> None:
    address = url("compare", company.pk)
    assert address not in login("view").get(comparisons_url(company)).content.decode()
    assert address in login("sync").get(comparisons_url(company)).content.decode()
