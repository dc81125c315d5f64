"""Sync this one: from a row's menu, for a customer or a client's customer."""

from __future__ import annotations

import pytest
from crm.models import Client
from django.test import Client as Browser

from tests import factories
from tests.admin.desk import Desk
from wagtail_qbo_sync import clock
from wagtail_qbo_sync.admin.base import RIGHTS, url
from wagtail_qbo_sync.models import Run, SingleSync, SiteState, SyncState
from wagtail_qbo_sync.sync.people import exclusion


@pytest.fixture
def syncer(desk: Desk) -> Desk:
    """Somebody who may sync too, at the same desk."""
    rights = (RIGHTS[right] for right in ("map", "view", "sync"))
    desk.browser = Browser()
    desk.browser.force_login(factories.user(*rights, "crm.view_client", first_name="Anna"))
    return desk


def asks(desk: Desk, qbo_id: str) -> str:
    desk.browser.post(url("sync_customer", desk.customer(qbo_id).pk), {"next": desk.came_from})
    return desk.said()


def test_it_is_read_applied_and_told_of(syncer: Desk) -> None:
    firm = syncer.firm
    assert "Sync this one" in syncer.offered("3")
    firm.edits("3", CompanyName="Lund Ltd")
    said = asks(syncer, "3")
    assert "“Mia Lund” is read from QuickBooks next, and what it says is applied." in said
    firm.walk()
    firm.walk()
    assert firm.client("3").company_name == "Lund Ltd"
    page = syncer.browser.get(url("why_customer", syncer.customer("3").pk)).content.decode()
    assert "Anna asked for this one alone." in page


def test_a_client_s_customer(syncer: Desk) -> None:
    firm = syncer.firm
    pk = firm.mapping("3").client_pk
    syncer.browser.post(url("sync_client", firm.connection.pk, pk))
    assert SingleSync.objects.get().qbo_id == "3"
    unmapped = url("sync_client", firm.connection.pk, Client.objects.get(name="Tom Reed").pk)
    assert syncer.browser.post(unmapped).status_code == 404


def test_who_may_not_sync_is_not_offered_it(desk: Desk) -> None:
    assert "Sync this one" not in desk.offered("3")


def test_nothing_of_an_excluded_or_disconnected_one_is_read(syncer: Desk) -> None:
    firm = syncer.firm
    exclusion.disconnect_client(firm.connection, firm.mapping("3").client_pk, None)
    syncer.does("exclude", "1")
    for qbo_id in ("1", "3"):
        assert "Sync this one" not in syncer.offered(qbo_id)
        assert "is excluded or disconnected: nothing of it is read." in asks(syncer, qbo_id)
    assert not SingleSync.objects.exists()


def test_a_copy_syncs_nothing(syncer: Desk) -> None:
    syncer.firm.chooses(installation={})
    assert "cannot be synced" in asks(syncer, "3")
    assert not SingleSync.objects.exists()


def test_it_says_that_a_plan_comes_first(syncer: Desk) -> None:
    Run.objects.create(
        connection=syncer.firm.connection, state=Run.State.WAITING, started_at=clock.now()
    )
    assert "Nothing is written to the site before the plan" in asks(syncer, "3")


def test_it_says_that_nobody_is_there_to_do_it(syncer: Desk) -> None:
    SiteState.objects.update(heartbeat_at=None)
    assert "Noted, but no worker is running." in asks(syncer, "3")
    assert SyncState.objects.get().wanted == SyncState.objects.get().served
