"""Undoing a run from its page, one record from its row, one field from the journal (U5)."""

from __future__ import annotations

import re
from typing import Any

import pytest
from crm.models import Client
from django.test import Client as Browser

from tests import factories
from tests.admin import rows
from tests.admin.test_runs import address, get, text_of
from wagtail_qbo_sync.models import Change, Customer, Run
from wagtail_qbo_sync.sync.applying import putting_back
from wagtail_qbo_sync.sync.planning import undoing

pytestmark = pytest.mark.django_db


@pytest.fixture
def run() -> Run:
    """It overwrote Anna's phone, and mapped nobody."""
    company = factories.connection()
    run = rows.run(company, Run.State.DONE)
    anna = rows.customer(company, "Anna", phone="2")
    client = rows.mapped(anna, Client.objects.create(name="Anna", phone="2"))
    rows.step(run, anna, "update", client, "done", values={"phone": ["1", "2"]})
    rows.step(run, rows.customer(company, "Ben"), "wait", None, "done")
    rows.change(anna, client, run, phone=["1", "2"])
    return run


@pytest.fixture
def browser(client: Browser) -> Browser:
    client.force_login(rows.person(rows.VIEW, rows.SYNC, rows.EDIT_CLIENTS))
    return client


def test_a_run_s_page_leads_to_what_would_be_taken_back(browser: Browser, run: Run) -> None:
    page = text_of(get(browser, "run", run.pk))
    assert "Undo this run…" in page
    assert page.count(f"{address('run_undo', run.pk)}?qbo_id=") == 1, "Ben only waited"
    response = browser.post(address("run_undo", run.pk), follow=True)
    plan = Run.objects.get(undoes=run)
    assert response.redirect_chain == [(address("run", plan.pk), 302)]
    text = text_of(response)
    assert "This is what would be taken back" in text
    assert "Approve and apply" in text
    assert "the run of" in text
    assert "the undo of" in text_of(get(browser, "run", run.pk))
    browser.post(address("run_undo", run.pk))
    assert Run.objects.filter(undoes=run).count() == 1, "a second click joins the first"


def test_a_later_run_that_wrote_it_since_is_led_to(browser: Browser, run: Run) -> None:
    undo = rows.run(run.connection, Run.State.DONE, undoes=run, undo={"after": 0})
    later = rows.run(run.connection, Run.State.DONE)
    about = {"left": ["phone"], "since": {"phone": later.pk}, "why": putting_back.WRITTEN_SINCE}
    anna = run.steps.get(kind="update")
    undo.steps.create(kind="undo", state="held", qbo_id=anna.qbo_id, data=about)
    page = text_of(get(browser, "run_results", undo.pk))
    assert "A later run has written this since, so it is left as it is." in page
    assert "Changed since, so left as it is: Phone" in page
    assert f'<a href="{address("run", later.pk)}">Run {later.pk} wrote it</a>' in page


def test_one_field_from_the_journal(browser: Browser, run: Run) -> None:
    company = run.connection
    client = Client.objects.get(name="Anna")
    response = browser.get(address("client", company.pk, str(client.pk)))
    assert "Undo Phone…" in text_of(response)
    qbo_id = run.steps.get(kind="update").qbo_id
    where = f"{address('run_undo', run.pk)}?qbo_id={qbo_id}&field=phone"
    assert where.replace("&", "&amp;") in text_of(response)
    browser.post(where)
    plan = Run.objects.get(undoes=run)
    assert plan.steps.get().data["values"] == {"phone": ["2", "1"]}


@pytest.mark.parametrize(
    "query, status", [("qbo_id=4711", 200), ("field=x", 200), ("qbo_id=%00", 404), ("field=", 404)]
)
def test_nothing_to_take_back(browser: Browser, run: Run, query: str, status: int) -> None:
    """A field that was not written leaves a plan that is over at once."""
    response = browser.post(f"{address('run_undo', run.pk)}?{query}", follow=True)
    assert response.status_code == status
    assert not Run.objects.filter(state=Run.State.WAITING).exists()


def test_a_waiting_plan_comes_first(browser: Browser, run: Run) -> None:
    rows.run(run.connection)
    response: Any = browser.post(address("run_undo", run.pk), follow=True)
    assert "A plan waits for approval." in text_of(response)
    assert not Run.objects.filter(undoes=run).exists()


def test_who_may_only_view_undoes_nothing(client: Browser, run: Run) -> None:
    client.force_login(rows.person(rows.VIEW))
    assert address("run_undo", run.pk) not in text_of(get(client, "run", run.pk))
    assert client.post(address("run_undo", run.pk)).status_code == 302
    assert not Run.objects.filter(undoes=run).exists()


@pytest.mark.parametrize(("kind", "state"), [("follow", "done"), ("undo", "failed")])
def test_what_can_be_taken_back_too(browser: Browser, run: Run, kind: str, state: str) -> None:
    """A mapping that followed a merge; and what an undo did, where QuickBooks refused the rest."""
    anna = run.steps.get(kind="update")
    anna.kind, anna.state = kind, state
    anna.data |= {"on_site": {"values": {"phone": ["2", "1"]}}, "values": {}}
    anna.save()
    page = text_of(get(browser, "run", run.pk))
    assert f"{address('run_undo', run.pk)}?qbo_id={anna.qbo_id}" in page
    if kind == "undo":
        assert re.search(r"Phone<.*> *2 *<.*becomes.*> *1 *<", page), (
            "the page tells what was put back"
        )


def test_while_it_is_gathered_it_can_be_discarded(browser: Browser, run: Run) -> None:
    undo = rows.run(run.connection, Run.State.PLANNING, undoes=run, undo={"after": 0})
    page = text_of(get(browser, "run", undo.pk))
    assert "is being gathered from the journal" in page
    where = address("run_discard", undo.pk)
    assert where in page
    browser.post(where)
    undo.refresh_from_db()
    assert undo.state == Run.State.DISCARDED


def test_who_may_only_view_does_not_discard_it(client: Browser, run: Run) -> None:
    client.force_login(rows.person(rows.VIEW))
    undo = rows.run(run.connection, Run.State.PLANNING, undoes=run, undo={"after": 0})
    assert address("run_discard", undo.pk) not in text_of(get(client, "run", undo.pk))
    client.post(address("run_discard", undo.pk))
    undo.refresh_from_db()
    assert undo.state == Run.State.PLANNING


def test_what_was_left_waits_for_a_person_under_problems(browser: Browser, run: Run) -> None:
    anna = run.steps.get(kind="update")
    of = Customer.objects.get(qbo_id=anna.qbo_id)
    undo = rows.run(run.connection, Run.State.DONE, undoes=run, undo={"after": 0})
    case = rows.case(of, "undo", Client.objects.get(), run=undo.pk, left=["phone"])
    Client.objects.update(phone="3")
    page = text_of(get(browser, "problems"))
    assert "Not taken back" in page and "Changed since, so left as it is: Phone" in page
    assert address("problem_take_back", case.pk) in page
    back = {"next": address("problems")}
    response = browser.post(address("problem_take_back", case.pk), back, follow=True)
    plan = Run.objects.get(state=Run.State.WAITING)
    assert response.redirect_chain == [(address("run", plan.pk), 302)]
    assert "This plan waits for your approval" in text_of(response)
    assert plan.steps.get().data["values"] == {"phone": ["3", "1"]}
    response = browser.post(address("problem_take_back", case.pk), follow=True)
    assert response.redirect_chain == [(address("run", plan.pk), 302)]
    assert Run.objects.filter(undoes=run).count() == 2, "a second click joins the first"
    run.delete()
    page = text_of(browser.post(address("problem_take_back", case.pk), follow=True))
    assert "not kept any more" in page


def test_an_undo_that_was_given_up_is_named_under_problems(browser: Browser, run: Run) -> None:
    undo = rows.run(run.connection, Run.State.FAILED, undoes=run, undo={"after": 0})
    undo.trouble = {"message": undoing.STOPS}
    undo.save()
    nobody = Customer(connection=run.connection, qbo_id="")
    case = rows.case(nobody, "undo", None, run=undo.pk, message=undoing.STOPS)
    page = text_of(get(browser, "problems"))
    assert "An undo as a whole" in page and "could not be gathered" in page
    assert address("run", undo.pk) in page
    assert address("problem_take_back", case.pk) not in page
    assert "could not be gathered" in text_of(get(browser, "run", undo.pk))


# A customer that was created in QuickBooks -----------------------------------------------------


def test_a_person_confirms_that_a_customer_is_made_inactive(browser: Browser) -> None:
    """From the run's row and from the journal; the plan says so, and what QuickBooks refused is
    told by the step and by Why?."""
    company = rows.company()
    run = rows.run(company, Run.State.DONE)
    anna = rows.customer(company, "Anna")
    client = rows.mapped(anna, Client.objects.create(name="Anna"))
    rows.step(run, anna, "add", client, "done", to_qbo={"name": [None, "Anna"]})
    rows.change(anna, client, run, name=[None, "Anna"])
    Change.objects.update(side=Change.Side.QBO)
    where = f"{address('run_undo', run.pk)}?qbo_id={anna.qbo_id}"
    assert where in text_of(get(browser, "run", run.pk))
    journal = text_of(browser.get(address("client", company.pk, str(client.pk))))
    assert where in journal and "Undo creation…" in journal
    text = text_of(browser.post(where, follow=True))
    assert "1 customer that was created in QuickBooks is made inactive there." in text
    plan = Run.objects.get(undoes=run)
    told = text_of(get(browser, "run_results", plan.pk))
    assert re.search(r"Active in QuickBooks.*Yes.*No", told, re.DOTALL)
    filtered = browser.get(f"{address('run_results', plan.pk)}?qbo=active")
    assert "Active in QuickBooks" in text_of(filtered)
    step = plan.steps.get()
    step.state, step.data = "failed", {**step.data, "why": "It has a balance.", "intuit_tid": "t-1"}
    step.save()
    Run.objects.filter(pk=plan.pk).update(state=Run.State.DONE)
    assert "It has a balance." in text_of(get(browser, "run_results", plan.pk))
    why = text_of(browser.get(address("why_customer", anna.pk)))
    assert "It has a balance. (Intuit&#x27;s reference: t-1)" in why
    assert "created “Anna” in QuickBooks of “Anna”" in why
