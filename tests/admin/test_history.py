"""Who decided what and when: on each record's page, and in Wagtail's own histories."""

from __future__ import annotations

import re
from html import unescape
from typing import Any

import pytest
from crm.models import Client
from django.test import Client as Browser
from django.urls import reverse
from wagtail.log_actions import LogContext
from wagtail.models import ModelLogEntry

from tests.sync.firm import client
from wagtail_qbo_sync.admin.base import customer_url
from wagtail_qbo_sync.admin.client_acts import client_url
from wagtail_qbo_sync.contact import match_key
from wagtail_qbo_sync.models import Connection, Customer, Mapping
from wagtail_qbo_sync.models.mirror import joined_keys
from wagtail_qbo_sync.sync.bulk import decisions
from wagtail_qbo_sync.sync.bulk.choices import Choice
from wagtail_qbo_sync.sync.people import exclusion, mapping

from . import rows
from .desk import words

pytestmark = pytest.mark.django_db


@pytest.fixture
def company() -> Connection:
    return rows.company("Harbor")


@pytest.fixture
def dana() -> Any:
    """Who decides, and sees clients and their history."""
    user = rows.person(rows.VIEW, rows.EDIT_CLIENTS, "wagtail_qbo_sync.map_customer")
    user.first_name, user.last_name = "Dana", "Holm"
    user.save()
    return user


@pytest.fixture
def pairs(company: Connection) -> list[tuple[Customer, Client]]:
    """Three customers and three clients of the same names."""
    names = ("Anna Berg", "Bo Coe", "Cora Dahl")
    return [(rows.customer(company, name), client(name)) for name in names]


def page(browser: Browser, address: str) -> str:
    response = browser.get(address)
    assert response.status_code == 200
    return words(response.content.decode())


def host_history(browser: Browser, one: Client) -> str:
    """Wagtail's own history of a client."""
    return page(browser, reverse("wagtailsnippets_crm_client:history", args=(one.pk,)))


def test_what_was_decided_stands_on_both_pages(
    client: Browser, company: Connection, dana: Any, pairs: list[tuple[Customer, Client]]
) -> None:
    (customer, anna), *_ = pairs
    mapping.map_customer(company, customer.qbo_id, str(anna.pk), dana)
    mapping.remove_match(company, customer.qbo_id, dana)
    exclusion.exclude_client(company, str(anna.pk), dana)
    client.force_login(dana)
    told = page(client, customer_url(customer))
    assert told.index("Match removed") < told.index("Customer mapped to a client")
    assert "Dana Holm" in told and "Client excluded from mapping" not in told
    told = page(client, client_url("client", company, str(anna.pk)))
    for what in ("Client excluded from mapping", "Match removed", "Customer mapped to a client"):
        assert what in told
    told = host_history(client, anna)
    assert "Customer mapped to a client (Harbor)" in told
    assert "Match removed (Harbor)" in told


@pytest.mark.parametrize("how", ["one by one", "in bulk"])
def test_each_of_many_is_in_its_own_history(
    client: Browser, company: Connection, dana: Any, pairs: list[tuple[Customer, Client]], how: str
) -> None:
    """Wagtail hides all but the last entry of those that share a uuid, as in one request."""
    with LogContext(user=dana):
        if how == "in bulk":
            for one, _mine in pairs:  # a suggestion holds while the names are the same
                one.match_keys = joined_keys(match_key(one.display_name), ())
                one.save()
            choices = [Choice(one.qbo_id, "map", str(mine.pk)) for one, mine in pairs]
            assert decisions.decide(company, "map", choices, dana).counts == {"map": 3}
        else:
            for customer, mine in pairs:
                mapping.map_customer(company, customer.qbo_id, str(mine.pk), dana)
    assert len(set(ModelLogEntry.objects.values_list("uuid"))) == ModelLogEntry.objects.count()
    client.force_login(dana)
    for customer, mine in pairs:
        assert "Customer mapped to a client" in page(client, customer_url(customer))
        assert "Customer mapped to a client" in host_history(client, mine)


def test_another_companys_customer_of_the_same_number_has_its_own(
    client: Browser, company: Connection, dana: Any, pairs: list[tuple[Customer, Client]]
) -> None:
    (customer, anna), *_ = pairs
    mapping.map_customer(company, customer.qbo_id, str(anna.pk), dana)
    twin = rows.customer(rows.company("Alpine"), "Twin")
    Customer.objects.filter(pk=twin.pk).update(qbo_id=customer.qbo_id)
    client.force_login(dana)
    assert "Nobody has decided anything here yet." in page(client, customer_url(twin))


def test_who_may_not_view_clients_reads_no_name_in_it(
    client: Browser, company: Connection, dana: Any
) -> None:
    customer, hidden = rows.customer(company, "Anna"), Client.objects.create(name="Secret Ltd")
    mapping.map_customer(company, customer.qbo_id, str(hidden.pk), dana)
    client.force_login(rows.person(rows.VIEW))
    told = page(client, customer_url(customer))
    assert "Customer mapped to a client" in told
    assert "Secret Ltd" not in told


@pytest.mark.parametrize(
    ("state", "offered"),
    [
        ("mapped", "Undo the mapping"),
        ("being made", "Undo the mapping"),
        ("removed", "Put match back"),
        ("excluded", "Include again"),
    ],
)
def test_what_can_be_taken_back_is_offered_there(
    client: Browser,
    company: Connection,
    dana: Any,
    pairs: list[tuple[Customer, Client]],
    state: str,
    offered: str,
) -> None:
    (customer, anna), *_ = pairs
    qbo_id = customer.qbo_id
    if state == "being made":
        mapping.create_client(company, qbo_id, dana)
    elif state == "excluded":
        exclusion.exclude_customer(company, qbo_id, dana)
    else:
        mapping.map_customer(company, qbo_id, str(anna.pk), dana)
    if state == "removed":
        mapping.remove_match(company, qbo_id, dana)
    client.force_login(dana)
    decided = page(client, customer_url(customer)).split("What people decided")[1]
    assert offered in decided
    client.force_login(rows.person(rows.VIEW))
    decided = page(client, customer_url(customer)).split("What people decided")[1]
    assert offered not in decided


def test_what_is_taken_back_there_is_what_the_page_showed(
    client: Browser, company: Connection, dana: Any, pairs: list[tuple[Customer, Client]]
) -> None:
    (customer, anna), (_other, bo), *_ = pairs
    mapping.map_customer(company, customer.qbo_id, str(anna.pk), dana)
    client.force_login(dana)
    shown = client.get(customer_url(customer)).content.decode()
    address = re.search(r'url-value="([^"]+)"', shown.split("What people decided")[1])
    assert address
    mapping.move_mapping(company, customer.qbo_id, str(bo.pk), dana)
    client.post(unescape(address[1]))
    assert Mapping.objects.get(qbo_id=customer.qbo_id).client_pk == str(bo.pk)
