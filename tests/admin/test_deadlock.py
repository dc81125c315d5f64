"""A walk holds the company's state and wants a customer; a person's decision, the other way round.

One of them is ended by the database. A walk goes on a minute later; a person sees nothing of it.
"""

from __future__ import annotations

import threading
from contextlib import suppress
from typing import Any

import pytest
from crm.models import Client
from django.db import OperationalError, transaction
from django.db import connection as database

from tests import factories
from tests.admin.conftest import Login
from wagtail_qbo_sync import clock
from wagtail_qbo_sync.admin.base import url
from wagtail_qbo_sync.compat import despite_locks
from wagtail_qbo_sync.models import Connection, Customer, Decision, Mapping, SyncState, Touched
from wagtail_qbo_sync.sync.people import decide, mapping


def walk(customer: Customer, begun: threading.Event, decided: threading.Event) -> None:
    """The transaction of a walk that stores a customer; it has done more than the person, so
    that MariaDB ends the person's. PostgreSQL ends whoever has waited for a second."""
    try:
        with suppress(OperationalError), transaction.atomic():
            SyncState.objects.filter(pk=customer.connection_id).update(done=1)
            Touched.objects.bulk_create(Touched(client_pk=str(number)) for number in range(99))
            begun.set()
            decided.wait(60)
            Customer.objects.filter(pk=customer.pk).update(seen_in=1)
    finally:
        database.close()


@pytest.mark.server
@pytest.mark.django_db(transaction=True)
def test_a_person_whose_decision_was_ended_by_a_deadlock_sees_nothing_of_it(
    login: Login, monkeypatch: pytest.MonkeyPatch
) -> None:
    if database.vendor == "sqlite":
        pytest.skip("SQLite lets one write at a time")
    company = factories.connection()
    anna, customer = Client.objects.create(name="Anna"), factories.customer(company, "Anna")
    about = {"connection": company, "qbo_id": customer.qbo_id, "client_pk": str(anna.pk)}
    Decision.objects.create(kind=Decision.Kind.REMOVED_MATCH, at=clock.now(), **about)
    browser = login("map", "view")
    begun, decided, asks = threading.Event(), threading.Event(), []

    def ask_for_sync(*args: Any) -> int:
        asks.append(args)
        decided.set()
        return decide.ask_for_sync(*args)

    monkeypatch.setattr(mapping, "ask_for_sync", ask_for_sync)
    walker = threading.Thread(target=walk, args=(customer, begun, decided))
    walker.start()
    begun.wait(60)
    response = browser.post(url("customer_put_match_back", customer.pk))
    walker.join(60)
    assert response.status_code == 302
    assert Mapping.objects.filter(**about).count() == 1
    assert not Decision.objects.filter(**about).exists()
    assert SyncState.objects.get().wanted == 1
    if database.vendor == "mysql":
        assert len(asks) == 2, "it was done anew"


WAIT_A_SECOND = {
    "mysql": "SET innodb_lock_wait_timeout = 1",
    "postgresql": "SET lock_timeout = '1s'",
}


@pytest.mark.server
@pytest.mark.django_db(transaction=True)
def test_a_lock_that_somebody_held_for_too_long_is_waited_for_anew() -> None:
    """All of the first try is taken back, also on MariaDB, which ends only its last statement."""
    if database.vendor == "sqlite":
        pytest.skip("SQLite lets one write at a time")
    factories.connection()
    held, free = threading.Event(), threading.Event()
    tries: list[int] = []

    def holder() -> None:
        try:
            with transaction.atomic():
                SyncState.objects.update(done=1)
                held.set()
                free.wait(60)
        finally:
            database.close()

    other = threading.Thread(target=holder)

    def act() -> int:
        tries.append(len(tries))
        if len(tries) == 2:
            free.set()
            other.join(60)
        with transaction.atomic():
            Touched.objects.create(client_pk=f"try {len(tries)}")
            return SyncState.objects.update(wanted=7)

    other.start()
    held.wait(60)
    with database.cursor() as cursor:
        cursor.execute(WAIT_A_SECOND[database.vendor])
    try:
        assert despite_locks(act) == 1
    finally:
        database.close()  # and with it, how long it waits
    assert [each.client_pk for each in Touched.objects.all()] == ["try 2"]


def deadlock() -> OperationalError:
    return OperationalError(1213, "Deadlock found when trying to get lock")


def timeout() -> OperationalError:
    return OperationalError(1205, "Lock wait timeout exceeded; try restarting transaction")


@pytest.mark.django_db(transaction=True)
def test_it_is_done_anew_twice_and_no_more() -> None:
    endings: list[Exception | None] = [deadlock(), timeout(), None]

    def act() -> str:
        if ending := endings.pop(0):
            raise ending
        return "done"

    assert despite_locks(act) == "done"
    endings = [deadlock(), deadlock(), deadlock(), None]
    with pytest.raises(OperationalError):
        despite_locks(act)
    endings = [OperationalError(2006, "Server has gone away"), None]
    with pytest.raises(OperationalError, match="gone"):
        despite_locks(act)


@pytest.mark.django_db(transaction=True)
def test_what_is_part_of_another_transaction_is_not_done_anew() -> None:
    endings: list[Exception | None] = [deadlock(), None]

    def act() -> None:
        if ending := endings.pop(0):
            raise ending

    with pytest.raises(OperationalError), transaction.atomic():
        despite_locks(act)
    assert endings == [None]
    assert not Connection.objects.exists()
