"""Clients without a customer, ticked or all that are listed: a plan to create them (U11)."""

from __future__ import annotations

import re
from typing import Any

import pytest
from crm.models import Client
from django.test import Client as Browser
from django.urls import reverse
from django.utils.http import urlencode

from tests import factories
from tests.admin.actions.bulk import main
from tests.admin.desk import Desk
from tests.sync.firm import client
from wagtail_qbo_sync.admin.base import RIGHTS, url
from wagtail_qbo_sync.models import Run


@pytest.fixture
def bo(synced: Any) -> Client:
    client("Cy Fox")
    return client("Bo Coe", "bo@coe.example", phone="555 0707")


def address(desk: Desk, *ids: Any, **filters: Any) -> str:
    """Where the listing's button leads with these rows ticked."""
    where = reverse("wagtail_bulk_action", args=["wagtail_qbo_sync", "footprint", "send_clients"])
    listing = url("clients", desk.firm.connection.pk)
    query = [*filters.items(), *(("id", one) for one in ids), ("next", listing)]
    return f"{where}?{urlencode(query, doseq=True)}"


def test_the_listing_offers_it_and_it_leads_to_a_plan(desk: Desk, bo: Client) -> None:
    page = desk.browser.get(url("clients", desk.firm.connection.pk)).content.decode()
    assert (
        reverse("wagtail_bulk_action", args=["wagtail_qbo_sync", "footprint", "send_clients"])
        in page
    )
    assert f'value="{bo.pk}"' in page or f'data-object-id="{bo.pk}"' in page
    asked = main(desk.browser.get(address(desk, "all")))
    assert "Make a plan to create 3 clients in QuickBooks?" in asked and "Bo Coe" in asked
    assert "1 selected client is mapped or excluded and stays as it is." in asked
    response = desk.browser.post(address(desk, "all"))
    run = Run.objects.get(state=Run.State.PLANNING)
    assert response["Location"] == url("run", run.pk)
    assert "are being compared" in main(desk.browser.get(url("run", run.pk)))
    desk.firm.walk()
    again = desk.browser.get(url("run_summary", run.pk)).content.decode()
    assert 'data-qbo-poll-interval-value="0"' in again and "The plan is ready." in again
    said = main(desk.browser.get(url("run", run.pk)))
    assert "what would become of 3 clients that were chosen" in said
    assert "Someone who may sync has to approve it." in said
    assert len(desk.firm.records()) == 3
    page = main(desk.browser.get(url("run", run.pk)))
    assert "Clients to send" in page and "Cy Fox" in page and "No customer yet" in page
    page = main(desk.browser.get(url("run", run.pk), {"q": "coe"}))
    assert "Bo Coe" in page and "Cy Fox" not in page, "searched by the client's name"


def test_only_what_is_ticked_or_listed(desk: Desk, bo: Client) -> None:
    for where in (address(desk, bo.pk, 4711, "x'"), address(desk, "all", q="Coe")):
        assert "create 1 client in QuickBooks?" in main(desk.browser.get(where))
    where = address(desk, "all", status="mapped")
    assert "This is for none of the selected clients" in main(desk.browser.get(where))
    desk.browser.post(address(desk, bo.pk))
    assert Run.objects.get(state=Run.State.PLANNING).push["clients"] == [str(bo.pk)]
    desk.browser.post(address(desk, bo.pk))
    assert "A plan waits for approval" in desk.said()


def test_who_may_sync_unticks_and_approves(desk: Desk, bo: Client) -> None:
    desk.browser.post(address(desk, "all"))
    desk.firm.walk()
    run = Run.objects.get(state=Run.State.WAITING)
    cy = run.steps.get(data__client="Cy Fox")
    syncer = Browser()
    syncer.force_login(factories.user(RIGHTS["sync"], RIGHTS["view"], "crm.view_client"))
    said = syncer.post(url("run_tick", run.pk), {"step": cy.pk}).json()["said"]
    assert said == "“Cy Fox” is left as it is."
    why = url("why_client", run.connection_id, cy.client_pk)
    assert "that waits, this step is unticked: “Created in QuickBooks”" in main(syncer.get(why))
    syncer.post(url("run_approve", run.pk))
    desk.firm.walk()
    told = syncer.get(why)
    assert "a person had unticked this step, so it was not done" in main(told)
    assert f'href="{url("run", run.pk)}"' in told.content.decode()
    assert {one["DisplayName"] for one in desk.firm.records()} >= {"Bo Coe"}
    assert "Cy Fox" not in {one["DisplayName"] for one in desk.firm.records()}


def test_not_for_who_may_not(desk: Desk, bo: Client, blind: Browser) -> None:
    """Who sees no clients sends none; who may not map is not offered it; another listing has no
    company."""
    assert "none of the selected clients" in main(blind.get(address(desk, "all")))
    viewer = Browser()
    viewer.force_login(factories.user(RIGHTS["view"], "crm.view_client"))
    page = viewer.get(url("clients", desk.firm.connection.pk)).content.decode()
    assert not re.search(r"send_clients|data-bulk-action-checkbox", page)
    assert viewer.get(address(desk, "all")).status_code == 302
    elsewhere = address(desk, "all").replace("clients%2F", "")
    assert desk.browser.get(elsewhere).status_code == 404
