"""The listing of runs, a run's page, and a person's word on its plan."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from crm.models import Client, client_type
from django.db import connection as database
from django.test import Client as Browser
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import translation
from wagtail.models import ModelLogEntry

from tests import factories
from wagtail_qbo_sync import clock
from wagtail_qbo_sync.admin.signs import kind_sign, step_state_sign
from wagtail_qbo_sync.models import Customer, Run, Step
from wagtail_qbo_sync.sync.records.runs import touches
from wagtail_qbo_sync.sync.records.status import beat

from . import rows

pytestmark = pytest.mark.django_db


@pytest.fixture
def browser(client: Browser) -> Callable[..., Browser]:
    """A browser in which somebody with these permissions is logged in."""

    def logged_in(*rights: str) -> Browser:
        client.force_login(rows.person(*rights))
        return client

    return logged_in


def address(name: str, *args: Any) -> str:
    return reverse(f"wagtail_qbo_sync:{name}", args=args)


def get(browser: Browser, name: str = "runs", *args: Any, **query: Any) -> Any:
    response = browser.get(address(name, *args), query)
    assert response.status_code == 200
    return response


def text_of(response: Any) -> str:
    return " ".join(response.content.decode().split())


def named(response: Any) -> list[str]:
    return [step.data["customer"] for step in response.context["object_list"]]


# Who may ------------------------------------------------------------------------------------


def test_the_screens_are_closed_to_others(browser: Any) -> None:
    run = rows.run(rows.company())
    shut_out = browser("wagtail_qbo_sync.map_customer", rows.EDIT_CLIENTS)
    for name, args in (
        ("runs", ()),
        ("runs_results", ()),
        ("run", (run.pk,)),
        ("run_results", (run.pk,)),
    ):
        response = shut_out.get(address(name, *args))
        assert response.status_code == 302
        assert response["Location"] == reverse("wagtailadmin_home")


@pytest.mark.parametrize("act", ["run_approve", "run_discard"])
def test_who_may_only_view_cannot_speak_on_a_plan(browser: Any, act: str) -> None:
    run = rows.run(rows.company())
    viewer = browser(rows.VIEW)
    page = text_of(get(viewer, "run", run.pk))
    assert "waits for your approval" in page
    assert "Someone who may sync has to approve it." in page
    assert address(act, run.pk) not in page
    assert viewer.post(address(act, run.pk)).status_code == 302
    run.refresh_from_db()
    assert run.state == Run.State.WAITING


def test_who_may_only_sync_sees_the_plan_without_links_to_customers(browser: Any) -> None:
    customer = rows.customer(rows.company(), "Anna Berg")
    run = rows.run(customer.connection)
    rows.step(run, customer, "wait")
    page = text_of(get(browser(rows.SYNC), "run", run.pk))
    assert "Anna Berg" in page
    assert "Approve and apply" in page
    assert "/qbo/customers/" not in page


# Approving ----------------------------------------------------------------------------------


@pytest.mark.parametrize("act", ["run_approve", "run_discard"])
def test_a_visit_decides_nothing(browser: Any, act: str) -> None:
    run = rows.run(rows.company())
    assert browser(rows.SYNC).get(address(act, run.pk)).status_code == 405
    run.refresh_from_db()
    assert run.state == Run.State.WAITING


def test_approving_twice_is_harmless(browser: Any) -> None:
    run = rows.run(rows.company())
    page = get(browser := browser(rows.SYNC), "run", run.pk)
    assert f'action="{address("run_approve", run.pk)}"' in text_of(page)
    for _click in range(2):
        response = browser.post(address("run_approve", run.pk), follow=True)
        assert response.redirect_chain == [(address("run", run.pk), 302)]
    run.refresh_from_db()
    assert run.state == Run.State.APPLYING
    assert run.approved_by == response.wsgi_request.user
    assert ModelLogEntry.objects.filter(action="wagtail_qbo_sync.approve").count() == 1
    assert "does not wait for approval any more" in text_of(response)
    assert "Approve and apply" not in text_of(response)


def test_discarding_and_then_approving_applies_nothing(browser: Any) -> None:
    run = rows.run(rows.company())
    browser = browser(rows.SYNC)
    response = browser.post(address("run_discard", run.pk), follow=True)
    assert "The plan is discarded." in text_of(response)
    browser.post(address("run_approve", run.pk))
    run.refresh_from_db()
    assert run.state == Run.State.DISCARDED
    assert run.approved_by is None


@pytest.mark.parametrize("name", ["run", "run_results", "run_approve", "run_discard"])
def test_a_run_that_is_not_there(browser: Any, name: str) -> None:
    browser = browser(rows.SYNC)
    answer = browser.get if name in ("run", "run_results") else browser.post
    assert answer(address(name, 4711)).status_code == 404


def test_a_waiting_plan_shows_what_it_would_do(browser: Any) -> None:
    company = rows.company()
    run = rows.run(
        company, counts={"link": 2, "create": 1, "overwritten": {"email": 1, "phone": 2}}
    )
    for name, kind in (("Anna", "link"), ("Ben", "link"), ("Cleo", "create")):
        rows.step(run, rows.customer(company, name), kind)
    response = get(browser(rows.SYNC, rows.VIEW), "run", run.pk)
    assert [(line.sign.text, line.number) for line in response.context["counts"]] == [
        ("Mapped", 2),
        ("Client created", 1),
    ]
    page = text_of(response)
    assert page.index("Phone: <strong>2</strong> clients") < page.index(
        "E-mail: <strong>1</strong> client<"
    )
    planned = response.context["counts"][0].url
    assert named(response.client.get(planned)) == ["Anna", "Ben"]


@pytest.mark.parametrize(
    ("values", "paused", "until"),
    [
        ({"disconnected_at": clock.now()}, False, "once the company is connected again"),
        ({"installation": {}}, False, "once somebody has said that this is the live site"),
        ({}, True, "once the pause is over"),
    ],
)
def test_a_plan_of_a_company_that_cannot_be_synced_can_only_be_discarded(
    values: Any, paused: bool, until: str, browser: Any, settings: Any
) -> None:
    settings.WAGTAIL_QBO_SYNC = {**settings.WAGTAIL_QBO_SYNC, "PAUSED": paused}
    run = rows.run(rows.company(**values))
    browser = browser(rows.VIEW, rows.SYNC)
    page = text_of(get(browser, "run", run.pk))
    assert f"It can be approved {until}." in page
    assert "Approve and apply" not in page
    assert "waits for your approval" not in page
    assert address("run_discard", run.pk) in page
    page = text_of(browser.post(address("run_approve", run.pk), follow=True))
    assert page.count(f"It can be approved {until}.") == 2
    browser.post(address("run_discard", run.pk))
    run.refresh_from_db()
    assert run.state == Run.State.DISCARDED


# While it is applied ------------------------------------------------------------------------


def interval(response: Any) -> int:
    """Milliseconds until the page asks for its upper part again."""
    return int(text_of(response).split('data-qbo-poll-interval-value="')[1].split('"')[0])


def test_a_run_that_is_applied_is_looked_at_until_it_has_ended(browser: Any) -> None:
    beat()
    company = factories.connection()
    run = rows.run(company, "applying")
    anna, ben = rows.customer(company, "Anna"), rows.customer(company, "Ben")
    rows.step(run, anna, "link", state="done")
    last = rows.step(run, ben, "link")
    browser = browser(rows.SYNC)
    page = get(browser, "run", run.pk)
    assert address("run_summary", run.pk) in text_of(page)
    assert "About to start" in text_of(page)
    assert interval(page) > 0
    soon = clock.now() + timedelta(minutes=2)
    factories.sync_state(company, phase="apply", done=1, total=2, lease_until=soon)
    page = get(browser, "run_summary", run.pk)
    assert "Applying: 1 of 2" in text_of(page)
    assert 'value="1" max="2"' in text_of(page)
    assert [(line.sign.text, line.number) for line in page.context["counts"]] == [
        ("Mapped: Planned", 1),
        ("Mapped", 1),
    ]
    assert interval(page) > 0
    Step.objects.filter(pk=last.pk).update(state="done")
    Run.objects.update(state="done", finished_at=clock.now())
    factories.sync_state(company, phase="rest", lease_until=None)
    page = get(browser, "run_summary", run.pk)
    assert interval(page) == 0
    assert "Finished" in text_of(page)
    assert "<progress" not in text_of(page)
    assert "Show its steps as they are now" in text_of(page)
    assert "Show its steps as they are now" not in text_of(get(browser, "run", run.pk))


@pytest.mark.parametrize("state", ["waiting", "done", "failed", "discarded"])
def test_a_run_that_stands_still_is_not_looked_at(state: str, browser: Any) -> None:
    assert interval(get(browser(rows.SYNC), "run", rows.run(rows.company(), state).pk)) == 0


def test_a_run_that_no_worker_applies_says_so(browser: Any) -> None:
    page = get(browser(rows.SYNC), "run", rows.run(factories.connection(), "applying").pk)
    assert "no worker is running" in text_of(page)
    assert interval(page) > 0


# Its steps ----------------------------------------------------------------------------------


def five_steps() -> tuple[Run, Client, Customer]:
    """A run that came to five ends; the client of its first step, and the customer."""
    company = rows.company()
    run = rows.run(company, "done", counts={"outcome": {"link.done": 1, "create.failed": 1}})
    anna, ben, cleo, dan, eve = (
        rows.customer(company, name) for name in ("Anna", "Ben", "Cleo", "Dan", "Eve")
    )
    client = Client.objects.create(name="Anna on the site")
    twin = Client.objects.create(name="Twin")
    rows.step(
        run,
        anna,
        "link",
        client,
        "done",
        values={
            "phone": ["555-0001", "555-0002"],
            "mailing_address": [{}, rows.ADDRESS],
        },
    )
    rows.step(
        run,
        ben,
        "create",
        None,
        "failed",
        values={"name": [None, "Ben"]},
        why="Client with this E-mail already exists.",
        refused={"field": "email", "holder": str(twin.pk)},
    )
    many = [rows.candidate(twin, "email")] * 6
    rows.step(run, cleo, "review", None, "done", candidates=many, more=2)
    rows.step(
        run,
        dan,
        "update",
        client,
        "held",
        values={"email": ["a@example.com", "b@example.com"]},
        why="The client changed on the site after this was planned.",
    )
    rows.step(
        run,
        eve,
        "conflict",
        client,
        "done",
        conflicts={"phone": {"site": "", "qbo": "555-0009"}},
    )
    return run, client, anna


def test_what_became_of_each_step_is_told_by_name(browser: Any) -> None:
    run, client, anna = five_steps()
    response = get(browser(rows.VIEW, rows.EDIT_CLIENTS), "run", run.pk)
    page = text_of(response)
    for text in (
        "555-0001",
        "555-0002",
        "12 Quay Street<br>Unit 4<br>Portland, ME 04101",
        "(empty)",
        "E-mail:</strong> Client with this E-mail already exists. Held by:",
        "(same e-mail)",
        "and 3 more",
        "Held back",
        "The client changed on the site after this was planned.",
        "In QuickBooks:",
        "555-0009",
        reverse("wagtailsnippets_crm_client:edit", args=(client.pk,)),
        reverse("wagtail_qbo_sync_customers:inspect", args=(anna.pk,)),
    ):
        assert text in page
    assert [line.sign.text for line in response.context["counts"]] == [
        "Mapped",
        "Client created: Failed",
    ]


def test_why_is_translated_when_it_is_shown(browser: Any) -> None:
    customer = rows.customer(rows.company())
    run = rows.run(customer.connection, "failed", trouble={"message": "Delete"})
    rows.step(run, customer, "create", state="held", why="Delete")
    browser = browser(rows.VIEW)
    with translation.override("de"):
        page = text_of(get(browser, "run", run.pk))
    assert page.count("Löschen") == 2  # from Wagtail's catalogue, which stands in for ours


def test_who_may_not_view_clients_reads_nothing_of_them(browser: Any) -> None:
    customer = rows.customer(rows.company(), "Anna")
    run = rows.run(customer.connection, "done")
    client = Client.objects.create(name="Secret & Sons")
    rows.step(run, customer, "update", client, values={"phone": ["Secret 1", "555-0002"]})
    rows.step(run, customer, "review", candidates=[rows.candidate(client, "name")], more=0)
    rows.step(run, customer, "conflict", client, conflicts={"fax": {"site": "Secret", "qbo": "2"}})
    rows.step(
        run, customer, "create", why="Taken.", refused={"field": "email", "holder": str(client.pk)}
    )
    gone = Client.objects.create(name="Secret gone")
    rows.step(run, customer, "update", gone, values={"phone": ["Secret 3", "555-0003"]})
    gone.delete()
    limited = browser(rows.VIEW, rows.SYNC)
    for name in ("run", "run_results"):
        page = text_of(get(limited, name, run.pk))
        assert "Secret" not in page
        assert "A client you may not view" in page
        assert "A deleted client" in page
        assert "What the client holds is not shown" in page
        assert "555-0002" in page
    page = text_of(get(browser(rows.VIEW, rows.SEE_CLIENTS), "run", run.pk))
    assert "Secret &amp; Sons" in page
    assert "Secret 1" in page
    assert "Secret gone" not in page
    assert "Secret 3" not in page


def test_a_superuser_reads_what_a_deleted_client_was_called(admin_client: Browser) -> None:
    customer = rows.customer(rows.company(), "Anna")
    run = rows.run(customer.connection, "done")
    gone = Client.objects.create(name="Anna before")
    rows.step(run, customer, "update", gone, values={"phone": ["555-0001", "555-0002"]})
    gone.delete()
    page = text_of(get(admin_client, "run", run.pk))
    assert "Anna before (deleted)" in page
    assert "555-0001" in page


def test_steps_are_searched_by_customer_filtered_and_sorted(browser: Any) -> None:
    company = rows.company()
    run, other = rows.run(company, "done"), rows.run(company, "done")
    client = Client.objects.create(name="Hidden Ltd")
    for name, kind, state in (
        ("Cleo", "link", "done"),
        ("Anna", "link", "held"),
        ("Ben", "wait", "done"),
    ):
        rows.step(run, rows.customer(company, name), kind, client, state)
    rows.step(other, rows.customer(company, "Other"), "link", None, "done")
    browser = browser(rows.VIEW)

    def found(**query: Any) -> list[str]:
        shown = named(get(browser, "run", run.pk, **query))
        assert named(get(browser, "run_results", run.pk, **query)) == shown
        return shown

    assert found() == ["Cleo", "Anna", "Ben"]
    assert found(q="ann") == ["Anna"]
    assert found(q="hidden") == [], "nobody finds out a name that they may not read"
    assert found(kind="link") == ["Cleo", "Anna"]
    assert found(kind=["link", "wait"], state="done") == ["Cleo", "Ben"]
    assert found(ordering="data__customer") == ["Anna", "Ben", "Cleo"]
    assert found(ordering="-data__customer") == ["Cleo", "Ben", "Anna"]
    assert found(ordering="kind") == ["Cleo", "Anna", "Ben"]


def test_a_hundred_steps_to_a_page_and_as_many_queries_as_for_five(browser: Any) -> None:
    company = rows.company()
    run = rows.run(company, "done")
    browser = browser(rows.VIEW, rows.EDIT_CLIENTS)
    twin = rows.candidate(Client.objects.create(name="Twin"), "name")
    made: list[tuple[Customer, Client]] = []
    kind = client_type()

    def queries(steps: int) -> int:
        for number in range(Step.objects.count(), steps):
            about = Customer(connection=company, qbo_id=str(number), standing="top", match_keys="-")
            about.display_name, about.record = f"Customer {number}", {}
            made.append((about, Client(name=f"Client {number}", contact_type_id=kind)))
        Customer.objects.bulk_create(customer for customer, _client in made)
        Client.objects.bulk_create(client for _customer, client in made)
        Step.objects.bulk_create(
            Step(
                run=run,
                kind="link",
                qbo_id=about.qbo_id,
                client_pk=str(client.pk),
                data={"customer": about.path, "candidates": [twin], "more": 0},
            )
            for about, client in made
        )
        made.clear()
        with CaptureQueriesContext(database) as captured:
            assert len(named(get(browser, "run", run.pk))) == min(steps, 100)
        return len(captured)

    queries(4)  # fills Wagtail's caches
    assert queries(5) == queries(50) == queries(101) == queries(2000)
    assert len(named(get(browser, "run", run.pk, p=20))) == 100


def test_names_are_text_on_the_page(browser: Any) -> None:
    nasty = '<script>alert("x")</script>'
    customer = rows.customer(rows.company(nasty), nasty)
    client = Client.objects.create(name=nasty)
    run = rows.run(customer.connection, "failed", trouble={"message": nasty})
    rows.company("Another")
    rows.step(
        run,
        customer,
        "conflict",
        client,
        why=nasty,
        values={"name": [nasty, nasty], "mailing_address": [{"city": nasty}, {"line1": nasty}]},
        conflicts={nasty: {"site": nasty, "qbo": nasty}},
        candidates=[rows.candidate(client, "name")],
        more=0,
    )
    browser = browser(rows.VIEW, rows.SYNC, rows.EDIT_CLIENTS)
    for response in (get(browser), get(browser, "run", run.pk)):
        assert nasty not in response.content.decode()
        assert "&lt;script&gt;alert" in response.content.decode()


def test_numbers_with_separators_break_no_address(browser: Any, settings: Any) -> None:
    settings.USE_THOUSAND_SEPARATOR = True
    company = rows.company(pk=12345)
    run = rows.run(company, pk=54321, counts={"wait": 1234, "overwritten": {"email": 2345}})
    browser = browser(rows.VIEW, rows.SYNC)
    page = text_of(get(browser, "run", run.pk))
    assert 'action="/admin/qbo/runs/54321/approve/"' in page
    assert "<strong>2,345</strong> clients" in page
    page = text_of(get(browser))
    assert 'href="/admin/qbo/runs/54321/"' in page
    assert "<strong>1,234</strong>" in page


@pytest.mark.parametrize(
    ("kind", "word", "icon"),
    [
        ("wait", "Listed", "list-ul"),
        ("review", "Asked", "help"),
        ("conflict", "Asked", "help"),
        ("link", "Done", "check"),
    ],
)
def test_what_was_left_to_a_person_is_not_called_done(kind: str, word: str, icon: str) -> None:
    sign = step_state_sign("done", kind)
    assert (sign.text, sign.icon) == (word, icon)
    assert step_state_sign("held", kind).text == "Held back"


def test_a_row_that_waits_for_a_person_has_no_tick(browser: Any) -> None:
    customer = rows.customer(rows.company(), "Anna")
    run = rows.run(customer.connection, "done")
    rows.step(run, customer, "wait", state="done")
    table = text_of(get(browser(rows.VIEW), "run_results", run.pk)).partition("<tbody>")[2]
    assert "<span>Listed</span>" in table
    assert "#icon-check" not in table


def test_nobody_is_named_who_was_none(browser: Any) -> None:
    run = rows.run(rows.company(), "done", approved_at=clock.now())
    page = text_of(get(browser(rows.VIEW), "run", run.pk))
    assert re.search("Started</dt> <dd>[^<]+, Command line or schedule</dd>", page)
    assert re.search("Approved</dt> <dd>[^<]+, on the command line</dd>", page)


# The listing --------------------------------------------------------------------------------


def test_runs_are_listed_the_latest_first(browser: Any) -> None:
    harbor, alpine = rows.company("Harbor"), rows.company("Alpine")
    old = rows.run(harbor, "done", counts={"link": 3, "review": 1, "overwritten": {}})
    new = rows.run(alpine, "waiting", started_by=rows.person())
    browser = browser(rows.VIEW)
    response = get(browser)
    assert list(response.context["object_list"]) == [new, old]
    page = text_of(response)
    for text in (
        "Harbor",
        "Waits for approval",
        "Finished",
        "Command line or schedule",
        "<strong>3</strong>",
    ):
        assert text in page
    assert str(new.started_by) in page
    assert list(get(browser, connection=harbor.pk).context["object_list"]) == [old]
    assert list(get(browser, "runs_results", state="waiting").context["object_list"]) == [new]
    assert list(get(browser, ordering="started_at").context["object_list"]) == [old, new]


def test_a_finished_run_is_listed_with_its_outcome(browser: Any) -> None:
    outcome = {"link.done": 3, "link.held": 1, "create.held": 1, "create.failed": 4}
    rows.run(rows.company(), "done", counts={"link": 4, "create": 5, "outcome": outcome})
    page = text_of(get(browser(rows.VIEW)))
    shown = re.findall(r"<strong>(\d+)</strong> ([^<]+)</li>", page)
    assert shown == [("3", "Mapped"), ("2", "Held back"), ("4", "Failed")]


def test_fifty_runs_cost_as_many_queries_as_five(browser: Any) -> None:
    company = rows.company()
    browser = browser(rows.VIEW)

    def queries(runs: int) -> int:
        for _number in range(runs - Run.objects.count()):
            rows.run(company, "done", started_by=rows.person(), counts={"link": 1})
        with CaptureQueriesContext(database) as captured:
            assert len(get(browser).context["object_list"]) == runs
        return len(captured)

    queries(4)
    assert queries(5) == queries(50)


@pytest.mark.parametrize(("state", "most"), [("waiting", 11), ("applying", 16)])
def test_counting_the_steps_of_an_undo_costs_the_same_for_any_number(
    browser: Any, state: str, most: int
) -> None:
    """What the page asks for again while a plan waits, or is applied."""
    company = rows.company()
    undoes = rows.run(company, "done")
    undo = rows.run(company, state, by_person=True, undoes=undoes, undo={"after": 0})
    person = browser(rows.VIEW, rows.SYNC)
    values = {"phone": ["2", "1"]}
    told = {"customer": "C", "client": "C", "seen": rows.SEEN, "values": values, "active": False}

    def queries(steps: int) -> int:
        Step.objects.bulk_create(
            Step(
                run=undo,
                kind="undo",
                state=("planned", "unticked", "done", "held")[number % 4],
                qbo_id=str(number),
                data=told,
                touches=touches(told),
            )
            for number in range(undo.steps.count(), steps)
        )
        with CaptureQueriesContext(database) as captured:
            page = text_of(get(person, "run_summary", undo.pk))
        assert f"<strong>{steps // 4}</strong>" in page
        return len(captured)

    queries(4)
    assert queries(8) == queries(2000) <= most


def test_a_finished_run_leads_to_all_who_wait(browser: Any) -> None:
    run = rows.run(rows.company(), "done")
    page = text_of(get(browser(rows.VIEW), "run", run.pk))
    assert f"connection={run.connection_id}&amp;status=unmapped&amp;status=review" in page


@pytest.mark.parametrize(
    ("asks", "label"),
    [
        ("inactive", "Inactive in QuickBooks"),
        ("gone", "No longer in QuickBooks"),
        ("merged", "Merged in QuickBooks"),
    ],
)
def test_why_a_mapping_sleeps_is_said_of_each_and_not_of_their_number(
    asks: str, label: str
) -> None:
    step = Step(kind=Step.Kind.SLEEP, data={"asks": asks})
    assert str(step.label) == label
    assert kind_sign(Step.Kind.SLEEP).text == "No longer active in QuickBooks"
