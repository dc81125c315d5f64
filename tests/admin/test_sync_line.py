"""The line above a list, asked for again: what has come since the page was made (C3)."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from crm.models import Client, client_type
from django.db import connection as database
from django.test import Client as Browser
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from pytest_django import Settings

from tests import factories
from tests.admin import rows
from wagtail_qbo_sync import clock
from wagtail_qbo_sync.admin import components, sync_line
from wagtail_qbo_sync.admin.base import RIGHTS, url
from wagtail_qbo_sync.host.adapter import ClientAdapter
from wagtail_qbo_sync.models import (
    Change,
    Connection,
    Customer,
    Mapping,
    SiteState,
    SyncState,
)

from .desk import words

SEES = "crm.view_client"


def browser(*permissions: str) -> Browser:
    client = Browser()
    client.force_login(factories.user(*permissions))
    return client


def news(page: Any) -> str:
    """What is announced."""
    found = re.search(r'<div id="qbo-sync-line-news".*?</div>', page.content.decode(), re.DOTALL)
    assert found is not None and 'role="status"' in found.group()
    return words(found.group())


def interval(page: Any) -> int:
    found = re.search(r'interval-value="(\d+)"', page.content.decode())
    assert found is not None
    return int(found.group(1))


def writes(company: Connection, *names: str) -> list[Client]:
    """A sync writes these clients, each of its own customer, anew or not."""
    written = []
    for name in names:
        customer = rows.customer(company, name)
        written.append(rows.mapped(customer))
        rows.change(customer, written[-1], phone=["1", "2"])
    return written


def asks(person: Browser, since: int = 0) -> Any:
    return person.get(url("sync_line"), {"since": since})


def test_what_was_written_since_is_announced(company: Connection) -> None:
    person = browser(SEES)
    assert news(asks(person)) == ""
    writes(company, "Anna Berg")
    before = sync_line.latest_change()
    writes(company, "Bo Lund")
    assert news(asks(person, before)) == "1 client updated from QuickBooks Reload"
    writes(company, "Cy Hall", "Di Moss")
    assert news(asks(person, before)) == "3 clients updated from QuickBooks Reload"
    assert news(asks(person, sync_line.latest_change())) == ""


def test_a_client_counts_once(company: Connection) -> None:
    anna = writes(company, "Anna Berg")[0]
    other = rows.customer(factories.connection("Client Co"), "Anna Berg")
    rows.mapped(other, anna)
    rows.change(other, anna, name=["Anna", "Anna Berg"])
    assert news(asks(browser(SEES))) == "1 client updated from QuickBooks Reload"


def test_looking_again_costs_the_same_for_any_number(company: Connection) -> None:
    """Of clients that were written, and of customers that wait."""
    person = browser(SEES)
    since = sync_line.latest_change()

    def queries(number: int) -> int:
        there = range(Change.objects.count(), number)
        clients = [Client(name=f"C{n}", contact_type_id=client_type()) for n in there]
        Client.objects.bulk_create(clients)
        about = [{"connection": company, "qbo_id": f"x{n}"} for n in there]
        Customer.objects.bulk_create(
            Customer(**one, standing="top", display_name="C", match_keys="-", record={})
            for one in about
        )
        Mapping.objects.bulk_create(
            Mapping(**one, client=of, client_pk=str(of.pk))
            for one, of in zip(about, clients, strict=True)
        )
        Change.objects.bulk_create(
            Change(**one, client_pk=str(of.pk), side="site", values={}, at=clock.now())
            for one, of in zip(about, clients, strict=True)
        )
        with CaptureQueriesContext(database) as captured:
            assert news(asks(person, since)).startswith(f"{number:,} client")
        return len(captured)

    queries(1)
    assert queries(5) == queries(2000) <= 15


def test_what_was_written_to_quickbooks_does_not_count(company: Connection) -> None:
    writes(company, "Anna Berg")
    Change.objects.update(side=Change.Side.QBO)
    assert news(asks(browser(SEES))) == ""


class OnlyInRome(ClientAdapter):
    """A site on which everybody sees the clients of one city."""

    def visible_to(self, user: Any, queryset: Any) -> Any:
        return super().visible_to(user, queryset).filter(city="Rome")


def test_clients_one_may_not_view_are_not_counted(company: Connection, settings: Settings) -> None:
    roman, _ = writes(company, "Anna Berg", "Bo Lund")
    Client.objects.filter(pk=roman.pk).update(city="Rome")
    assert news(asks(browser(RIGHTS["view"]))) == ""
    here = f"{__name__}.OnlyInRome"
    settings.WAGTAIL_QBO_SYNC = {**settings.WAGTAIL_QBO_SYNC, "ADAPTER": here}
    assert news(asks(browser(SEES))) == "1 client updated from QuickBooks Reload"


def test_the_page_asks_from_its_own_moment_on(company: Connection) -> None:
    writes(company, "Anna Berg")
    page = browser(SEES).get(reverse("wagtailsnippets_crm_client:list"))
    assert news(page) == ""
    asked = f"{url('sync_line')}?since={sync_line.latest_change()}"
    assert f'data-qbo-poll-url-value="{asked}"' in page.content.decode()
    assert (
        f'data-qbo-poll-url-value="{asked}"'
        in asks(browser(SEES), sync_line.latest_change()).content.decode()
    )


@pytest.mark.parametrize(
    ("wanted", "worker", "milliseconds"),
    [
        (0, True, sync_line.RESTING),
        (1, True, components.WATCHING),
        (1, False, components.WAITING),
    ],
)
def test_how_soon_it_looks_again(
    wanted: int, worker: bool, milliseconds: int, company: Connection
) -> None:
    factories.sync_state(company, wanted=wanted)
    if not worker:
        SiteState.objects.update(heartbeat_at=None)
    assert interval(asks(browser(SEES))) == milliseconds


def test_looking_again_is_no_visit(company: Connection) -> None:
    then = clock.now() - timedelta(hours=1)
    factories.sync_state(company, synced_at=then, first_synced_at=then)
    asks(browser(SEES))
    assert SyncState.objects.get().wanted == 0


@pytest.mark.parametrize("since", ["", "-1", "soon", "1.5"])
def test_nonsense_is_refused(since: str, company: Connection) -> None:
    assert browser(SEES).get(url("sync_line"), {"since": since}).status_code == 400


def test_who_sees_no_page_with_it_gets_none(company: Connection) -> None:
    assert asks(browser()).status_code == 302
    assert asks(Browser()).status_code == 302
