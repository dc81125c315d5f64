"""The client list in a browser: what a sync has written while it was open, and the keyboard."""

from __future__ import annotations

from datetime import timedelta

import pytest
from crm.models import Client
from playwright.sync_api import expect

from tests import factories
from tests.admin import rows
from tests.sync.conftest import (  # noqa: F401
    connected,
    connection,
    customer,
    firm,
    returned,
    sandbox,
)
from tests.sync.firm import Firm
from wagtail_qbo_sync import clock
from wagtail_qbo_sync.models import Connection, SyncState
from wagtail_qbo_sync.sync.records.status import beat

from .conftest import Open, search_listing

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
LISTING = "/admin/snippets/crm/client/"


def test_a_visit_brings_what_changed_in_quickbooks(open_page: Open, firm: Firm) -> None:  # noqa: F811
    beat()
    firm.has(customer("1", "Anna Berg", PrimaryPhone={"FreeFormNumber": "555 0101"}))
    firm.chooses(unmatched="create")
    firm.sync()
    firm.edits("1", PrimaryPhone={"FreeFormNumber": "555 0142"})
    SyncState.objects.update(synced_at=clock.now() - timedelta(minutes=3))
    page = open_page(LISTING)
    line = page.locator("#qbo-sync-line")
    expect(line).to_contain_text("Syncing now")
    expect(page.locator("#listing-results")).to_contain_text("555 0101")
    firm.walk()
    expect(line.get_by_role("status")).to_contain_text("1 client updated from QuickBooks")
    expect(line).to_contain_text("Last synced just now")
    expect(page.locator("#listing-results")).to_contain_text("555 0101")
    line.get_by_role("link", name="Reload").press("Enter")
    expect(page.locator("#listing-results")).to_contain_text("555 0142")
    expect(line.get_by_role("status")).to_have_text("")


def test_reload_stays_with_the_search(open_page: Open, company: Connection) -> None:
    for name in ("Anna Berg", "Mia Lund"):
        Client.objects.create(name=name)
    factories.sync_state(company, wanted=1)
    page = open_page(LISTING)
    search_listing(page, "Mia")
    expect(page.locator("#listing-results")).not_to_contain_text("Anna Berg")
    late = rows.customer(company, "Late")
    rows.change(late, rows.mapped(late), phone=["1", "2"])
    page.get_by_role("link", name="Reload").click()
    expect(page.locator("#listing-results")).not_to_contain_text("Anna Berg")
    expect(page.locator("#listing-results")).to_contain_text("Mia Lund")
