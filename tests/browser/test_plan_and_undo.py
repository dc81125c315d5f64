"""From Connect to an approved plan with a step unticked, and back to where it began (U3, U5)."""

from __future__ import annotations

import re

import pytest
from crm.models import Client
from playwright.sync_api import Page, Route, expect
from pytest_django import Settings

from tests import factories
from tests.sync.conftest import FIRM, customer
from tests.sync.conftest import sandbox as sandbox
from tests.sync.firm import Firm
from wagtail_qbo_sync.admin.base import url
from wagtail_qbo_sync.models import Connection, Run, Step
from wagtail_qbo_sync.qbo import limits
from wagtail_qbo_sync.sync.records.status import beat
from wagtail_qbo_sync.testing.sandbox import SandboxProcess

from .conftest import Open

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def phones() -> dict[str, str]:
    return dict(Client.objects.values_list("name", "phone"))


def connect(page: Page, sandbox: SandboxProcess) -> Firm:
    """As a person does, through Intuit's consent."""
    with page.expect_navigation(url=f"{sandbox.base_url}/**"):
        page.get_by_role("button", name="Connect to QuickBooks").click()
    page.goto(sandbox.consent(page.url, FIRM))
    expect(page.locator(".messages")).to_contain_text("is connected")
    return Firm(Connection.objects.get(), FIRM, sandbox)


def approve(page: Page, firm: Firm) -> None:
    page.get_by_role("button", name="Approve and apply").click()
    expect(page.locator(".messages")).to_contain_text("The plan is approved")
    firm.walk()
    page.reload()
    expect(page.locator("#qbo-run-facts")).to_contain_text("Finished")


def test_from_first_connect_to_an_approved_plan_to_an_undone_run(
    open_page: Open,
    sandbox: SandboxProcess,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    settings.WAGTAIL_QBO_SYNC = {**settings.WAGTAIL_QBO_SYNC, "REDIRECT_URI": ""}
    monkeypatch.setattr(limits, "CALLS", limits.Rate(interval=0, burst=1))
    beat()
    for name in ("Anna Berg", "Bo Coe"):
        Client.objects.create(name=name, email=f"{name[0]}@x.example", phone="1")
    page = open_page(url("connections"))
    firm = connect(page, sandbox)
    firm.has(
        customer("1", "Anna Berg", "A@x.example", PrimaryPhone={"FreeFormNumber": "2"}),
        customer("2", "Bo Coe", "B@x.example", PrimaryPhone={"FreeFormNumber": "2"}),
    )
    page.locator(".messages").get_by_role("button", name="Sync now").click()
    expect(page.locator(".messages")).to_contain_text("started")
    firm.walk()
    assert phones() == {"Anna Berg": "1", "Bo Coe": "1"}, "a plan writes nothing"

    page.goto(url("connections"))
    page.get_by_role("link", name="Look at the plan").click()
    overwritten = page.locator("#qbo-run-plan")
    expect(overwritten).to_contain_text("Phone: 2 clients")
    box = page.get_by_role("checkbox", name="Do this for Bo Coe")
    box.focus()
    box.press("Space")
    said = page.locator("[data-qbo-ticks-target=status]")
    expect(said).to_have_text("“Bo Coe” is left as it is.")
    expect(overwritten).to_contain_text("Phone: 1 client")
    expect(box).not_to_be_checked()
    expect(box).to_be_focused()
    approve(page, firm)
    assert phones() == {"Anna Berg": "2", "Bo Coe": "1"}
    assert firm.mapped() == {"1": "Anna Berg"}

    page.get_by_role("button", name="Undo this run…").click()
    expect(page.get_by_role("heading", name="Undo of a sync run")).to_be_visible()
    expect(page.locator("#qbo-run-plan")).to_contain_text("Put back")
    approve(page, firm)
    assert phones() == {"Anna Berg": "1", "Bo Coe": "1"}
    assert firm.mapped() == {}
    assert firm.sync() is None, "and no sync does it again"


def test_a_tick_that_does_not_arrive_goes_back_and_says_so(
    open_page: Open, company: Connection
) -> None:
    run = factories.run(company, Run.State.WAITING)
    step = Step.objects.create(run=run, kind="link", qbo_id="1", data={"customer": "Anna Berg"})
    page = open_page(url("run", run.pk))
    box = page.get_by_role("checkbox", name="Do this for Anna Berg")
    said = page.locator("[data-qbo-ticks-target=status]")
    page.context.set_offline(True)
    box.press("Space")
    expect(said).to_have_text("That was not saved. Load the page again.")
    expect(box).to_be_checked()
    page.context.set_offline(False)
    Run.objects.update(state=Run.State.APPLYING)  # somebody approves it
    box.press("Space")
    expect(box).to_be_enabled()
    expect(box).to_be_checked()
    step.refresh_from_db()
    assert step.state == Step.State.PLANNED


def test_what_another_admin_unticks_meanwhile_is_looked_at_first(
    open_page: Open, company: Connection
) -> None:
    run = factories.run(company, Run.State.WAITING)
    for name in ("Anna Berg", "Bo Coe"):
        Step.objects.create(run=run, kind="link", qbo_id="1", data={"customer": name})
    anna, bo = (
        open_page(url("run", run.pk)).get_by_role("checkbox", name=f"Do this for {name}")
        for name in ("Anna Berg", "Bo Coe")
    )
    page = anna.page
    bo.uncheck()
    expect(bo.page.locator("#qbo-run-plan")).to_contain_text("1 Mapped")
    anna.uncheck()
    expect(page.locator("#qbo-run-plan")).not_to_contain_text("1 Mapped")
    page.get_by_role("button", name="Approve and apply").click()
    expect(page.locator(".messages")).to_contain_text("Somebody else has changed the ticks")
    expect(page.get_by_role("checkbox", name="Do this for Bo Coe")).not_to_be_checked()
    page.get_by_role("checkbox", name="Do this for Bo Coe").check()
    expect(page.locator("#qbo-run-plan")).to_contain_text("1 Mapped")
    page.get_by_role("button", name="Approve and apply").click()
    expect(page.locator(".messages")).to_contain_text("The plan is approved")
    assert run.steps.get(state=Step.State.PLANNED).data["customer"] == "Bo Coe"


def test_no_plan_is_approved_before_a_tick_has_arrived(
    open_page: Open, company: Connection
) -> None:
    run = factories.run(company, Run.State.WAITING)
    Step.objects.create(run=run, kind="link", qbo_id="1", data={"customer": "Anna Berg"})
    page = open_page(url("run", run.pk))
    buttons = page.locator(".qbo-approval__buttons")
    held: list[Route] = []
    page.route(f"**{url('run_tick', run.pk)}", lambda route: held.append(route))
    page.get_by_role("checkbox", name="Do this for Anna Berg").uncheck()
    expect(buttons).to_have_attribute("inert", "")
    held[0].continue_()
    expect(buttons).not_to_have_attribute("inert", "")
    assert run.steps.get().state == Step.State.UNTICKED


def test_a_narrow_screen_sorts_too(open_page: Open, company: Connection) -> None:
    run = factories.run(company, Run.State.DONE)
    for name in ("Anna Berg", "Bo Coe"):
        Step.objects.create(run=run, kind="link", state="done", qbo_id="1", data={"customer": name})
    page = open_page(url("run", run.pk), viewport={"width": 400, "height": 800})
    page.locator("#listing-results thead").get_by_role("link", name="QuickBooks customer").click()
    expect(page).to_have_url(re.compile("ordering=data__customer"))
