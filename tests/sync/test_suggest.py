"""Suggestions for a page of customers: true when they are shown, however old the index is."""

from __future__ import annotations

import time
from typing import Any

import pytest
from crm.models import Client
from django.db import connection as database
from django.test.utils import CaptureQueriesContext

from tests import factories
from wagtail_qbo_sync import clock
from wagtail_qbo_sync.contact import Contact, match_key
from wagtail_qbo_sync.models import Connection, Customer, Decision, Mapping
from wagtail_qbo_sync.models.mirror import joined_keys
from wagtail_qbo_sync.sync.bulk import drafts
from wagtail_qbo_sync.sync.telling import suggest
from wagtail_qbo_sync.sync.telling.suggest import Reason, suggestions

from .firm import client


@pytest.fixture(autouse=True)
def kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """An index that is kept for long, as on a large site."""
    monkeypatch.setattr(suggest, "KEPT", 1e9)


@pytest.fixture
def company(db: None) -> Connection:
    return factories.connection()


def waiting(company: Connection, name: str, **held: Any) -> Customer:
    contact = Contact(name=name, **held)
    keys = joined_keys(match_key(name), ())
    return factories.customer(company, name, contact=contact, match_keys=keys)


def names(company: Connection, *customers: Customer, limit: int = 3) -> list[list[str]]:
    """The clients that are suggested for each customer, by name."""
    called = {str(one.pk): one.name for one in Client.objects.all()}
    found = suggestions(company, customers, limit)
    return [[called[one.client_pk] for one in found[each.qbo_id]] for each in customers]


def test_they_are_ranked_and_say_why(company: Connection) -> None:
    anna = waiting(company, "Anna Berg", email="anna@berg.example", phone="555 010 1000")
    client("Anna Bergh")
    client("Carl Dunn", phone="+1 555 010 1000")
    client("Berg Anna", "anna@berg.example")
    client("Nobody Like Her")
    assert names(company, anna) == [["Berg Anna", "Anna Bergh", "Carl Dunn"]]
    first, second, third = suggestions(company, [anna])[anna.qbo_id]
    assert first.reasons == (Reason.SIMILAR_NAME, Reason.SAME_EMAIL)
    assert first.why == ["similar name", "same e-mail"]
    assert (second.why, third.why) == (["similar name"], ["same phone"])
    assert names(company, anna, limit=1) == [["Berg Anna"]]


def test_the_exact_name_comes_first(company: Connection) -> None:
    anna = waiting(company, "Anna Berg", email="anna@berg.example", phone="555 010 1000")
    client("Anna Bergh", "anna@berg.example", phone="555 010 1000")
    client("ANNA  BERG")
    assert names(company, anna) == [["ANNA  BERG", "Anna Bergh"]]
    assert [one.exact for one in suggestions(company, [anna])[anna.qbo_id]] == [True, False]


def test_every_reason_has_words() -> None:
    assert set(suggest.WORDS) == set(Reason)


@pytest.mark.parametrize("page", [1, 7])
def test_exact_is_what_save_all_would_map(company: Connection, page: int) -> None:
    for name in ("One", "Twins", "Twins", "Taken", "Parted", "Alone"):
        client(name)
    customers = [waiting(company, name) for name in ("One", "Twins", "Taken", "Parted")]
    customers += [waiting(company, "Doubled"), waiting(company, "Doubled"), waiting(company, "X")]
    client("Doubled")
    says(company, "exclude_client", client_pk=pk("Taken"))
    says(company, "removed_match", qbo_id=customers[3].qbo_id, client_pk=pk("Parted"))
    found: dict[str, str] = {}
    for start in range(0, len(customers), page):
        for qbo_id, each in suggestions(company, customers[start : start + page]).items():
            found.update((qbo_id, one.client_pk) for one in each if one.exact)
    assert found == drafts.exact_names(company) == {customers[0].qbo_id: pk("One")}


def test_a_customer_that_is_settled_does_not_make_a_name_doubtful(company: Connection) -> None:
    done, anna = waiting(company, "Anna Berg"), waiting(company, "Anna Berg")
    client("Anna Berg")
    says(company, "exclude_customer", qbo_id=done.qbo_id)
    assert suggestions(company, [anna])[anna.qbo_id][0].exact


# Whatever has happened since the index was made ---------------------------------------------------


def pk(name: str) -> str:
    return str(Client.objects.get(name=name).pk)


def says(company: Connection, kind: str, **about: str) -> None:
    Decision.objects.create(kind=kind, connection=company, at=clock.now(), **about)


@pytest.mark.parametrize("what", ["mapped", "excluded", "parted", "renamed", "retyped", "gone"])
def test_nobody_is_suggested_who_is_no_target_any_more(company: Connection, what: str) -> None:
    anna = waiting(company, "Anna Berg")
    berg, bergh = client("Anna Berge"), client("Anna Bergh")
    assert names(company, anna) == [["Anna Berge", "Anna Bergh"]]
    mine = {"client_pk": str(berg.pk)}
    if what == "mapped":
        Mapping.objects.create(connection=company, qbo_id="x", client=berg, **mine)
    elif what == "excluded":
        says(company, "exclude_client", **mine)
    elif what == "parted":
        says(company, "removed_match", qbo_id=anna.qbo_id, **mine)
    elif what == "gone":
        berg.delete()
    else:
        changed = {"renamed": {"name": "Somebody Else"}, "retyped": {"phone": "1"}}[what]
        Client.objects.filter(pk=berg.pk).update(**changed)
    assert names(company, anna) == [[bergh.name]]


def test_mapped_in_another_company_is_free_here(company: Connection) -> None:
    anna, berg = waiting(company, "Anna Berg"), client("Anna Bergh")
    other = factories.connection("Other")
    Mapping.objects.create(connection=other, qbo_id="x", client=berg, client_pk=str(berg.pk))
    assert names(company, anna) == [["Anna Bergh"]]


def test_whoever_comes_or_goes_makes_a_new_index(company: Connection) -> None:
    anna = waiting(company, "Anna Berg")
    assert names(company, anna) == [[]]
    client("Anna Bergh")
    assert names(company, anna) == [["Anna Bergh"]]


def test_an_edit_is_seen_once_the_index_has_had_its_time(
    company: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    anna, other = waiting(company, "Anna Berg"), client("Carl Dunn")
    assert names(company, anna) == [[]]
    Client.objects.filter(pk=other.pk).update(name="Anna Bergh")
    assert names(company, anna) == [[]]
    later = time.monotonic() + 1e12
    monkeypatch.setattr(time, "monotonic", lambda: later)
    assert names(company, anna) == [["Anna Bergh"]]


def test_queries_do_not_grow_with_the_clients(company: Connection) -> None:
    customers = [waiting(company, f"Customer {number}") for number in range(50)]
    counted = []
    for number in (50, 1950):
        Client.objects.bulk_create(Client(name=f"Customer {each}") for each in range(number))
        suggestions(company, customers)  # makes the index
        with CaptureQueriesContext(database) as queries:
            suggestions(company, customers)
        counted.append(len(queries))
    assert counted == [8, 8]
