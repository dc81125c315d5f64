"""A plan's page: what is ticked, what it would write on both sides, and its download (U3)."""

from __future__ import annotations

import csv
import io
import json
import re
from typing import Any

import pytest
from crm.models import Client
from django.db import connection as database
from django.test import Client as Browser
from django.test.utils import CaptureQueriesContext

from wagtail_qbo_sync.models import Run, Step, SyncState
from wagtail_qbo_sync.sync.records.runs import touches

from . import rows
from .test_runs import address, get, named, text_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def plan() -> Run:
    """Anna's phone is overwritten, Ben's e-mail filled, Cleo's mobile sent; Dan only waits."""
    run = rows.run(rows.company(), counts={"overwritten": {"phone": 1}, "sent": {"mobile": 1}})
    data: dict[str, tuple[str, dict[str, Any]]] = {
        "Anna": ("update", {"values": {"phone": ["1", "2"]}}),
        "Ben": ("update", {"values": {"email": ["", "=cmd()"]}}),
        "Cleo": ("push", {"to_qbo": {"mobile": ["3", "4"]}}),
        "Dan": ("wait", {}),
    }
    for name, (kind, values) in data.items():
        client = Client.objects.create(name=f"{name} on the site") if values else None
        step = rows.step(run, rows.customer(run.connection, name), kind, client, **values)
        Step.objects.filter(pk=step.pk).update(touches=touches(step.data))
    return run


@pytest.fixture
def browser(client: Browser) -> Browser:
    client.force_login(rows.person(rows.VIEW, rows.SYNC, rows.EDIT_CLIENTS))
    return client


def states(plan: Run) -> dict[str, str]:
    return {step.data["customer"]: step.state for step in plan.steps.all()}


def tick(browser: Browser, plan: Run, name: str, ticked: str) -> Any:
    step = plan.steps.get(data__customer=name)
    return browser.post(address("run_tick", plan.pk), {"step": step.pk, "ticked": ticked})


def test_a_step_is_unticked_and_ticked_again(browser: Browser, plan: Run) -> None:
    page = text_of(get(browser, "run", plan.pk))
    assert page.count('type="checkbox" value="') == 3, "nothing depends on whether Dan is ticked"
    assert page.count('data-action="qbo-ticks#send"') == 3
    said = tick(browser, plan, "Anna", "")
    assert json.loads(said.content) == {"said": "“Anna” is left as it is."}
    assert states(plan)["Anna"] == "unticked"
    assert "Phone: <strong>" not in text_of(get(browser, "run_summary", plan.pk))
    tick(browser, plan, "Anna", "1")
    assert states(plan)["Anna"] == "planned"
    tick(browser, plan, "Dan", "")
    assert states(plan)["Dan"] == "planned"


def test_both_directions_are_counted(browser: Browser, plan: Run) -> None:
    page = text_of(get(browser, "run", plan.pk))
    assert "Phone: <strong>1</strong> client<" in page
    assert "What is sent to QuickBooks" in page
    assert "Mobile: <strong>1</strong> customer<" in page


def test_all_that_the_filter_shows_is_unticked(browser: Browser, plan: Run) -> None:
    """ "Only overwrites of the phone"."""
    assert named(get(browser, "run", plan.pk, over="phone")) == ["Anna"]
    assert named(get(browser, "run", plan.pk, over="email")) == []
    assert named(get(browser, "run", plan.pk, qbo="mobile")) == ["Cleo"]
    response = get(browser, "run", plan.pk, over="phone", p="1")
    where = response.context["view"].untick_all_url
    assert where.endswith("untick-all/?over=phone")
    response = browser.post(where, follow=True)
    assert "1 step is unticked." in text_of(response)
    assert response.redirect_chain == [(address("run", plan.pk) + "?over=phone", 302)]
    assert states(plan) == {
        "Anna": "unticked",
        "Ben": "planned",
        "Cleo": "planned",
        "Dan": "planned",
    }
    browser.post(address("run_untick_all", plan.pk))
    assert sorted(states(plan).values()) == ["planned", "unticked", "unticked", "unticked"]
    browser.post(address("run_tick_all", plan.pk))
    assert set(states(plan).values()) == {"planned"}


def test_a_plan_that_waits_no_more_is_ticked_no_more(browser: Browser, plan: Run) -> None:
    Run.objects.update(state=Run.State.APPLYING)
    assert tick(browser, plan, "Anna", "").status_code == 409
    page = text_of(browser.post(address("run_untick_all", plan.pk), follow=True))
    assert "does not wait for approval any more" in page
    assert set(states(plan).values()) == {"planned"}
    assert "qbo-ticks#send" not in text_of(get(browser, "run_results", plan.pk))


@pytest.mark.parametrize("step", ["", "x", "0", "9" * 30, "\0"])
def test_a_step_that_is_not_of_the_plan(browser: Browser, plan: Run, step: str) -> None:
    assert browser.post(address("run_tick", plan.pk), {"step": step}).status_code == 404


def test_another_plan_s_step_is_not_ticked(browser: Browser, plan: Run) -> None:
    other = rows.step(rows.run(plan.connection), rows.customer(plan.connection), "update")
    assert browser.post(address("run_tick", plan.pk), {"step": other.pk}).status_code == 404


def test_who_may_only_view_ticks_nothing(client: Browser, plan: Run) -> None:
    client.force_login(rows.person(rows.VIEW))
    page = text_of(get(client, "run", plan.pk))
    assert "qbo-ticks#send" not in page
    assert "Untick all" not in page


# Approved as it was shown ------------------------------------------------------------------------


def approve(browser: Browser, plan: Run, page: str) -> str:
    """What is said when the page is approved, as its form sends it."""
    seen = re.findall(r'name="seen" value="(\d+)"', page)
    assert len(seen) == 1
    return text_of(browser.post(address("run_approve", plan.pk), {"seen": seen[0]}, follow=True))


def test_somebody_else_s_tick_is_looked_at_before_the_plan_is_applied(
    browser: Browser, plan: Run
) -> None:
    page = text_of(get(browser, "run", plan.pk))
    tick(browser, plan, "Ben", "")
    other = Browser()
    other.force_login(rows.person(rows.SYNC))
    tick(other, plan, "Anna", "")
    said = approve(browser, plan, page)
    assert "Somebody else has changed the ticks since you opened this page" in said
    assert "Phone: <strong>" not in said, "this is how they are now"
    assert Run.objects.get().state == Run.State.WAITING
    assert "The plan is approved" in approve(browser, plan, said)


def test_one_s_own_ticks_in_other_windows_are_seen(browser: Browser, plan: Run) -> None:
    page = text_of(get(browser, "run", plan.pk))
    get(browser, "run", plan.pk, over="phone")
    browser.post(address("run_untick_all", plan.pk) + "?over=phone")
    tick(browser, plan, "Ben", "")
    assert "The plan is approved" in approve(browser, plan, page)
    assert states(plan)["Anna"] == states(plan)["Ben"] == "unticked"


def test_all_that_somebody_else_unticked_is_looked_at_too(browser: Browser, plan: Run) -> None:
    page = text_of(get(browser, "run", plan.pk))
    other = Browser()
    other.force_login(rows.person(rows.SYNC))
    for act in ("run_untick_all", "run_tick_all"):
        other.post(address(act, plan.pk))
    assert "Somebody else has changed the ticks" in approve(browser, plan, page)
    page = text_of(get(browser, "run", plan.pk))
    other.post(address("run_tick_all", plan.pk))
    assert "The plan is approved" in approve(browser, plan, page), "all were ticked already"


def test_a_tick_and_an_approval_cost_as_many_queries_for_any_number_of_steps(
    browser: Browser, plan: Run
) -> None:
    def queries() -> list[int]:
        numbers = []
        for act, data in (
            ("run_untick_all", {}),
            ("run_tick_all", {}),
            ("run_approve", {"seen": "0"}),
        ):
            with CaptureQueriesContext(database) as captured:
                browser.post(address(act, plan.pk), data)
            numbers.append(len(captured))
        assert Run.objects.get().state == Run.State.APPLYING
        return numbers

    few = queries()
    Run.objects.update(state=Run.State.WAITING)
    for number in range(60):
        about = rows.customer(plan.connection, f"More {number}")
        rows.step(plan, about, "update", values={"phone": ["1", "2"]})
    assert queries() == few


# The download -----------------------------------------------------------------------------------


def download(browser: Browser, plan: Run, **query: str) -> list[dict[str, str]]:
    response = browser.get(address("run", plan.pk), {"export": "csv", **query})
    assert f"quickbooks-run-{plan.pk}.csv" in response["Content-Disposition"]
    text = b"".join(response.streaming_content).decode()  # type: ignore[attr-defined]
    return list(csv.DictReader(io.StringIO(text)))


def test_each_field_is_a_row_and_no_formula(browser: Browser, plan: Run) -> None:
    found = download(browser, plan)
    told = [(r["QuickBooks customer"], r["Written to"], r["Field"], r["Old"]) for r in found]
    assert told == [
        ("Anna", "Site", "Phone", "1"),
        ("Ben", "Site", "E-mail", ""),
        ("Cleo", "QuickBooks", "Mobile", "3"),
        ("Dan", "", "", ""),
    ]
    assert found[1]["New"] == "'=cmd()"
    assert found[0]["Client"] == "Anna on the site"
    assert [row["QuickBooks customer"] for row in download(browser, plan, over="phone")] == ["Anna"]


def test_a_spreadsheet_can_be_downloaded_too(browser: Browser, plan: Run) -> None:
    response = browser.get(address("run", plan.pk), {"export": "xlsx"})
    assert b"".join(response.streaming_content).startswith(b"PK")  # type: ignore[attr-defined]


def test_a_download_names_no_client_to_who_may_not_see_them(client: Browser, plan: Run) -> None:
    client.force_login(rows.person(rows.VIEW))
    text = str(download(client, plan))
    assert "Anna on" not in text
    assert "A client you may not view" in text
    assert "'Old': '1'" not in text


def test_a_download_costs_as_many_queries_for_any_number_of_steps(
    browser: Browser, plan: Run
) -> None:
    def queries() -> int:
        with CaptureQueriesContext(database) as captured:
            download(browser, plan)
        return len(captured)

    few = queries()
    for number in range(60):
        rows.step(
            plan,
            rows.customer(plan.connection, f"More {number}"),
            "update",
            Client.objects.create(name=f"More {number}"),
            values={"phone": ["1", "2"]},
        )
    assert queries() == few


# Asking for one -----------------------------------------------------------------------------------


def test_what_a_sync_would_do_is_asked_for(browser: Browser) -> None:
    company = rows.company()
    page = text_of(browser.post(address("show_plan", company.pk), follow=True))
    assert "cannot be synced" in page, "it has no login"
    assert SyncState.objects.get(pk=company.pk).shows == 0
