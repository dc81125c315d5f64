"""Connected Apps in a browser: progress that moves, dialogs, and a whole way from Connect."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from playwright.sync_api import Page, Request, expect
from pytest_django.live_server_helper import LiveServer

from tests import factories
from wagtail_qbo_sync import clock
from wagtail_qbo_sync.admin.base import url
from wagtail_qbo_sync.models import Connection, Run, Step, SyncState, Token
from wagtail_qbo_sync.qbo import discovery
from wagtail_qbo_sync.sync.access.installation import is_copy
from wagtail_qbo_sync.testing.sandbox import SandboxProcess

from .conftest import Open

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
FIRM = "9341452000000101"


def under_way(company: Connection, done: int) -> None:
    later = clock.now() + timedelta(minutes=2)
    factories.sync_state(
        company, phase=SyncState.Phase.PULL, done=done, total=5000, lease_until=later
    )


def at_rest(company: Connection) -> None:
    factories.sync_state(
        company, phase=SyncState.Phase.REST, lease_until=None, synced_at=clock.now()
    )


def looks(page: Page) -> list[str]:
    """The page's requests for its cards from now on."""
    seen: list[str] = []

    def note(request: Request) -> None:
        if "cards" in request.url:
            seen.append(request.url)

    page.on("request", note)
    return seen


def test_progress_moves_and_then_the_page_is_quiet(open_page: Open, company: Connection) -> None:
    under_way(company, 1000)
    page = open_page(url("connections"))
    status = page.get_by_role("status").filter(has_text="Reading customers")
    expect(status).to_contain_text("1,000 of 5,000")
    expect(page.get_by_role("progressbar")).to_have_attribute("value", "1000")
    under_way(company, 3000)
    expect(status).to_contain_text("3,000 of 5,000")
    factories.customers(company, mapped=3)
    at_rest(company)
    expect(page.get_by_role("progressbar")).to_have_count(0)
    expect(page.locator(".qbo-card")).to_contain_text("Mapped\n3", use_inner_text=True)
    seen = looks(page)
    page.wait_for_timeout(5_000)
    assert seen == []


def test_a_run_moves_while_it_is_applied_and_then_is_quiet(
    open_page: Open, company: Connection
) -> None:
    run = factories.run(company, Run.State.WAITING)
    for number in range(3):
        data = {"customer": "Anna Berg"}
        Step.objects.create(run=run, kind="link", qbo_id=str(number), data=data)
    page = open_page(url("run", run.pk))
    page.get_by_role("button", name="Approve and apply").click()
    status = page.get_by_role("status").filter(has=page.get_by_role("progressbar"))
    expect(status).to_contain_text("About to start")
    later = clock.now() + timedelta(minutes=5)
    factories.sync_state(company, phase=SyncState.Phase.APPLY, done=2, total=3, lease_until=later)
    run.steps.filter(qbo_id__lt="2").update(state="done")
    expect(status).to_contain_text("Applying: 2 of 3")
    expect(page.locator("#qbo-run-counts")).to_contain_text("2\nMapped", use_inner_text=True)
    run.steps.update(state="done")
    Run.objects.update(state=Run.State.DONE, finished_at=clock.now())
    at_rest(company)
    expect(page.get_by_role("progressbar")).to_have_count(0)
    expect(page.locator("#qbo-run-facts")).to_contain_text("Finished")
    page.get_by_role("link", name="Show its steps as they are now").click()
    expect(page.locator("#listing-results tbody")).not_to_contain_text("Planned")


def test_a_hidden_tab_asks_for_nothing(open_page: Open, company: Connection) -> None:
    under_way(company, 1000)
    page = open_page(url("connections"))
    hide = "hidden => Object.defineProperty(document, 'hidden', {value: hidden, writable: true})"
    page.evaluate(hide, True)
    seen = looks(page)
    page.wait_for_timeout(5_000)
    assert seen == []
    page.evaluate("document.hidden = false")
    with page.expect_request("**/cards/"):
        pass


def test_progress_does_not_take_the_focus_away(open_page: Open, company: Connection) -> None:
    under_way(company, 1000)
    page = open_page(url("connections"))
    button = page.get_by_role("button", name="Disconnect")
    button.focus()
    under_way(company, 2000)
    expect(page.locator(".qbo-card__progress")).to_contain_text("2,000 of 5,000")
    expect(button).to_be_focused()


def test_a_server_that_is_away_for_a_moment_is_asked_again(
    open_page: Open, company: Connection
) -> None:
    under_way(company, 1000)
    page = open_page(url("connections"))
    page.context.set_offline(True)
    page.wait_for_timeout(3_000)
    page.context.set_offline(False)
    under_way(company, 2000)
    expect(page.locator(".qbo-card__progress")).to_contain_text("2,000 of 5,000")


def test_who_was_logged_out_does_not_ask_for_ever(open_page: Open, company: Connection) -> None:
    under_way(company, 1000)
    page = open_page(url("connections"))
    page.context.clear_cookies()
    with page.expect_response("**/login/**"):
        pass
    seen = looks(page)
    page.wait_for_timeout(5_000)
    assert seen == []


def test_disconnecting_asks_once_also_after_the_card_was_renewed(
    open_page: Open, company: Connection
) -> None:
    under_way(company, 1000)
    page = open_page(url("connections"))
    for done in (2000, 3000):
        under_way(company, done)
        expect(page.locator(".qbo-card__progress")).to_contain_text(f"{done:,} of 5,000")
    at_rest(company)
    expect(page.get_by_role("progressbar")).to_have_count(0)
    page.get_by_role("button", name="Disconnect").click()
    dialog = page.get_by_role("dialog", name="Disconnect “Harbor & Finch”?")
    expect(dialog).to_have_count(1)
    expect(dialog).to_contain_text("What stays")
    dialog.get_by_role("button", name="Keep it connected").click()
    expect(dialog).not_to_be_visible()
    page.get_by_role("button", name="Disconnect").click()
    dialog.get_by_role("button", name="Disconnect", exact=True).click()
    expect(page.locator(".messages")).to_contain_text("“Harbor & Finch” is disconnected.")
    expect(page.get_by_role("button", name="Reconnect")).to_be_visible()


def test_a_copy_warns_before_it_connects(open_page: Open, live_server: LiveServer) -> None:
    factories.connection("Acme", installation={"installation": "elsewhere"})
    page = open_page(url("connections"))
    page.get_by_role("button", name="Connect a company").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("This looks like a copy")
    dialog.get_by_role("button", name="Do not connect").click()
    page.get_by_role("button", name="This is a copy").click()
    expect(page.locator(".messages")).to_contain_text("This is a copy")
    expect(page.locator(".qbo-card")).to_contain_text("Disconnected")


def test_from_connect_to_a_sync_that_was_asked_for(
    open_page: Open, live_server: LiveServer, sandbox: SandboxProcess, settings: Any
) -> None:
    sandbox.post("reset", {})
    settings.WAGTAIL_QBO_SYNC = {
        **settings.WAGTAIL_QBO_SYNC,
        "API_URL": sandbox.base_url,
        "DISCOVERY_URL": sandbox.discovery_url,
        "CLIENT_ID": "sandbox-client",
        "CLIENT_SECRET": "sandbox-secret",
        "REDIRECT_URI": "",
    }
    discovery.forget()
    page = open_page("/admin/")
    page.get_by_role("button", name="Settings", exact=True).click()
    page.get_by_role("link", name="Connected Apps").click()
    with page.expect_navigation(url=f"{sandbox.base_url}/**"):
        page.get_by_role("button", name="Connect to QuickBooks").click()
    back = sandbox.consent(page.url, FIRM)
    page.goto(back)
    company = Connection.objects.get()
    message = page.locator(".messages")
    expect(message).to_contain_text(f"“{company.company_name}” is connected.")
    expect(page).to_have_url(f"{live_server.url}/admin/qbo/customers/?connection={company.pk}")
    message.get_by_role("button", name="Sync now").click()
    expect(message).to_contain_text("no worker is running")
    assert SyncState.objects.get().wanted == 1


def test_settings_are_saved(open_page: Open, company: Connection) -> None:
    page = open_page(url("connections"))
    page.get_by_role("link", name="Settings", exact=True).click()
    page.get_by_label("Create a client").check()
    page.get_by_label("Sub-customers too").check()
    page.get_by_role("button", name="Save").click()
    expect(page.locator(".messages")).to_contain_text("The settings of “Harbor & Finch” are saved")
    company.refresh_from_db()
    assert (company.unmatched, company.hierarchy) == ("create", "sub")


def test_a_staging_copy_is_asked_whether_it_is_the_live_site(
    open_page: Open, company: Connection
) -> None:
    """U18: started from the live site's database, it rests, says so on our screens, and a person
    says what it is."""
    Connection.objects.update(installation={"installation": "live"})
    page = open_page(url("connections"))
    banner = page.locator(".help-block.help-critical")
    expect(banner).to_contain_text("This looks like a copy of another site")
    expect(page.get_by_role("button", name="Sync now")).to_have_count(0)
    page.goto("/admin/qbo/customers/")
    expect(banner).to_contain_text("Harbor & Finch")
    page.get_by_role("button", name="This is a copy").click()
    expect(page.get_by_text("its logins to QuickBooks are forgotten here")).to_be_visible()
    assert not Token.objects.exists()


def test_a_site_that_has_moved_goes_on(open_page: Open, company: Connection) -> None:
    Connection.objects.update(installation={"installation": "before"})
    page = open_page(url("connections"))
    page.get_by_role("button", name="This is the live site now").click()
    expect(page.get_by_text("Syncing goes on here.")).to_be_visible()
    expect(page.locator(".help-block.help-critical")).to_have_count(0)
    expect(page.get_by_role("button", name="Sync now")).to_be_visible()
    assert not is_copy(Connection.objects.get())
    assert Token.objects.exists()
