"""Connected Apps: what a card says, and what can be done from it (K2, U18)."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection as database
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils.formats import date_format
from django.utils.timezone import localtime
from django.utils.translation import override
from django_q.models import Schedule
from pytest_django import Settings
from wagtail.models import ModelLogEntry

from tests import factories
from wagtail_qbo_sync import clock
from wagtail_qbo_sync.admin.base import customers_url, problems_url, url
from wagtail_qbo_sync.models import Connection, Run, SiteState, SyncState, Token
from wagtail_qbo_sync.sync.records.status import beat

from .conftest import Login, Read

LATER = timedelta(minutes=9)
Phase = SyncState.Phase


def interval(page: Any) -> int:
    """Milliseconds until the page looks again."""
    return int(page.content.decode().split('data-qbo-poll-interval-value="')[1].split('"')[0])


def under_way(connection: Connection, **values: Any) -> None:
    """A worker walks it now."""
    later = clock.now() + timedelta(minutes=2)
    defaults = {"phase": Phase.PULL, "done": 1000, "total": 2300, "lease_until": later}
    factories.sync_state(connection, **{**defaults, **values})


def in_trouble(connection: Connection, **values: Any) -> dict[str, Any]:
    """The last walk ended with a fault; None of it is under way."""
    trouble = {
        "message": "QuickBooks has a problem of its own.",
        "action": "back_off",
        "code": "503",
        "intuit_tid": "1-65af",
        "phase": "pull",
        "done": 1000,
        "total": 2300,
        "at": clock.now().isoformat(),
        "next_try": (clock.now() + LATER).isoformat(),
        **values,
    }
    waits = bool(trouble["next_try"])
    factories.sync_state(
        connection,
        trouble=trouble,
        phase=Phase.PULL if waits else Phase.REST,
        blocked_until=clock.now() + LATER if waits else None,
    )
    return trouble


# What is shown ------------------------------------------------------------------------------


def test_without_a_company_the_page_explains_and_offers_to_connect(
    login: Login, read: Read
) -> None:
    page = login("connect").get(url("connections"))
    assert "No company is connected yet" in read(page)
    assert "Connect to QuickBooks" in read(page)
    page = login("view").get(url("connections"))
    assert "Someone who may connect companies has to do this" in read(page)
    assert "Connect to QuickBooks" not in read(page)
    assert url("connect") not in page.content.decode()


def test_a_card_counts_customers_and_leads_to_them(
    partner: Client, company: Connection, read: Read
) -> None:
    factories.customers(company, mapped=3, review=2, unmapped=4, excluded=1, inactive=5)
    page = partner.get(url("connections"))
    assert "Mapped 3 To map 6 (2 need review) Excluded 1" in read(page)
    html = page.content.decode().replace("&amp;", "&")
    for statuses in ([], ["mapped"], ["unmapped", "review", "deleted"], ["review"], ["excluded"]):
        assert f'href="{customers_url(company, *statuses)}"' in html


def test_links_of_a_card_lead_to_as_many_customers(partner: Client, company: Connection) -> None:
    factories.customers(company, mapped=3, review=2, unmapped=4, excluded=1, inactive=5)
    factories.customers(factories.connection("Other"), mapped=7, unmapped=7)
    for statuses, count in (
        (["mapped"], 3),
        (["unmapped", "review", "deleted"], 6),
        (["excluded"], 1),
    ):
        page = partner.get(customers_url(company, *statuses))
        assert page.context["items_count"] == count


def test_who_may_not_see_customers_gets_numbers_without_links(
    login: Login, company: Connection, read: Read
) -> None:
    factories.customers(company, mapped=3, review=1)
    page = login("sync").get(url("connections"))
    assert "Mapped 3" in read(page)
    assert "customers/" not in page.content.decode()
    assert "View customers" not in read(page)


def test_numbers_are_grouped_but_ids_are_not(
    partner: Client, company: Connection, read: Read, settings: Any
) -> None:
    settings.USE_THOUSAND_SEPARATOR = True
    big = factories.connection("Big", pk=12345)
    under_way(big, done=1300, total=5000)
    page = partner.get(url("connections"))
    assert "Reading customers: 1,300 of 5,000" in read(page)
    assert 'value="1300" max="5000"' in page.content.decode()
    assert "12,345" not in page.content.decode()


def test_a_card_tells_of_a_schedule_that_is_missing_or_overdue(
    partner: Client, company: Connection, read: Read
) -> None:
    assert "schedule is" not in read(partner.get(url("connections")))
    Schedule.objects.update(next_run=clock.now() - LATER)
    said = read(partner.get(url("connections")))
    assert "The worker's schedule is overdue." in said
    assert "repairs it with python manage.py qbo_schedule" in said
    SiteState.objects.update(heartbeat_at=None)
    assert "overdue" not in read(partner.get(url("connections")))
    Schedule.objects.all().delete()
    assert "The worker's schedule is missing." in read(partner.get(url("connections")))


def test_a_card_tells_by_when_it_has_to_be_connected_again(
    partner: Client, company: Connection, read: Read
) -> None:
    ends = date_format(localtime(company.token.reconnect_by), "DATE_FORMAT")
    assert f"Reconnect by {ends}" in read(partner.get(url("connections")))
    Token.objects.update(rejected=True)
    assert "Reconnect by" not in read(partner.get(url("connections")))


def test_a_card_tells_when_quickbooks_last_gave_notice(
    partner: Client, company: Connection, read: Read, settings: Settings
) -> None:
    assert "Last notice from QuickBooks None yet" in read(partner.get(url("connections")))
    factories.sync_state(company, notified_at=clock.now())
    assert "Last notice from QuickBooks Just now" in read(partner.get(url("connections")))
    factories.sync_state(company, notified_at=None)
    settings.WAGTAIL_QBO_SYNC = {**settings.WAGTAIL_QBO_SYNC, "WEBHOOK_VERIFIER_TOKEN": ""}
    assert "Last notice from QuickBooks Not set up" in read(partner.get(url("connections")))


def test_every_company_has_a_card_and_none_costs_a_query_more(partner: Client) -> None:
    beat()

    def queries() -> int:
        with CaptureQueriesContext(
            database,
        ) as captured:
            page = partner.get(url("connections"))
        assert page.content.decode().count('class="qbo-card"') == Connection.objects.count()
        return len(captured)

    def fill(number: int) -> None:
        company = factories.connection(f"Company {number}")
        factories.customers(company, mapped=1, unmapped=1)
        factories.run(company)
        factories.run(company, Run.State.WAITING)

    fill(0)
    queries()  # what is cached for ever is asked for here
    few = queries()
    for number in range(1, 6):
        fill(number)
    assert queries() == few


@pytest.mark.parametrize(
    ("values", "word"),
    [
        ({}, "Connected"),
        ({"token": False}, "Reconnect needed"),
        ({"disconnected_at": clock.now()}, "Disconnected"),
        ({"installation": {"installation": "elsewhere"}}, "Parked: this looks like a copy"),
    ],
)
def test_the_state_is_a_word_beside_an_icon(
    values: dict[str, Any], word: str, partner: Client, read: Read
) -> None:
    made = factories.connection("Acme", **values)
    html = partner.get(url("cards")).content.decode()
    state = html.split(f'id="qbo-{made.pk}-state"')[1].split("</div>")[0]
    assert f"<span>{word}</span>" in state
    assert "<svg" in state


def test_the_page_obeys_a_strict_content_security_policy(
    partner: Client, company: Connection
) -> None:
    """No script or style of ours stands in the page itself."""
    under_way(company)
    factories.connection("Copy", installation={})
    for address in (url("connections"), url("settings", company.pk)):
        html = partner.get(address).content.decode()
        ours = html.split('id="main"')[1].split("</main>")[0]
        assert "qbo" in ours
        assert not [
            inline for inline in ("<script", "<style", " style=", " onclick=") if inline in ours
        ]


# Progress -----------------------------------------------------------------------------------


def test_progress_says_phase_and_numbers_and_is_looked_at_again(
    partner: Client, company: Connection, read: Read
) -> None:
    under_way(company)
    page = partner.get(url("cards"))
    assert "Reading customers: 1,000 of 2,300" in read(page)
    assert "<progress" in page.content.decode()
    assert 0 < interval(page) <= 5_000


def test_while_it_runs_no_customer_is_counted(partner: Client, company: Connection) -> None:
    """The page asks every two seconds, of however many customers."""
    factories.customers(company, mapped=2, unmapped=2)

    def tables() -> set[str]:
        with CaptureQueriesContext(database) as captured:
            page = partner.get(url("cards")).content.decode()
        assert (f'id="qbo-{company.pk}-facts"' in page) == (not interval_of(page))
        sql = " ".join(query["sql"] for query in captured.captured_queries)
        return {name for name in ("_customer", "_mapping", "_decision") if f"sync{name}" in sql}

    def interval_of(page: str) -> bool:
        return 'interval-value="0"' not in page

    under_way(company)
    assert tables() == set()
    factories.sync_state(company, phase=Phase.REST, lease_until=None)
    assert "_customer" in tables(), "counted once it has ended"


def test_a_card_tells_of_reading_sending_worker_and_reads(
    partner: Client, company: Connection, read: Read
) -> None:
    """U14."""
    ago = clock.now() - timedelta(minutes=17)
    factories.sync_state(company, pulled_at=ago, reads=450_000, reads_month=f"{clock.now():%Y-%m}")
    beat()
    words = read(partner.get(url("connections")))
    assert "Last read from QuickBooks 17 minutes ago" in words
    assert "Last sent to QuickBooks None yet" in words
    assert "Worker last seen Just now" in words
    assert "Reads by this site this month 450,000 of 500,000" in words


def test_progress_of_unknown_length_claims_nothing(partner: Client, company: Connection) -> None:
    under_way(company, done=0, total=0)
    bar = partner.get(url("cards")).content.decode().split("<progress")[1].split(">")[0]
    assert "value=" not in bar


def test_a_sync_that_was_only_asked_for_is_looked_at_too(
    partner: Client, company: Connection, read: Read
) -> None:
    factories.sync_state(company, wanted=1)
    page = partner.get(url("cards"))
    assert "About to start" in read(page)
    assert interval(page) > 0


def test_an_approved_plan_is_about_to_start(
    partner: Client, company: Connection, read: Read
) -> None:
    factories.run(company, Run.State.APPLYING)
    page = partner.get(url("cards"))
    assert "About to start" in read(page)
    assert interval(page) > 0


def test_at_rest_nobody_looks_again(partner: Client, company: Connection, read: Read) -> None:
    factories.sync_state(company, synced_at=clock.now() - timedelta(minutes=17))
    page = partner.get(url("connections"))
    assert interval(page) == 0
    assert "17 minutes ago" in read(page)
    assert "<progress" not in page.content.decode()


def test_one_company_at_work_is_enough_to_look_again(partner: Client, company: Connection) -> None:
    under_way(factories.connection("Other"))
    assert interval(partner.get(url("connections"))) > 0


@pytest.mark.parametrize("seen", [None, timedelta(minutes=3)])
def test_without_a_worker_there_is_no_progress_but_a_command(
    seen: timedelta | None, partner: Client, company: Connection, read: Read
) -> None:
    SiteState.objects.update(heartbeat_at=seen and clock.now() - seen)
    factories.sync_state(company, wanted=1)
    page = partner.get(url("cards"))
    words = read(page)
    assert "A sync was asked for, but no worker is running." in words
    assert "python manage.py qbo_worker" in words
    assert "Sync now (no worker is running)" in words
    assert "<progress" not in page.content.decode()
    assert interval(page) >= 10_000  # still looks whether one has come


def test_a_command_in_the_foreground_needs_no_worker(
    partner: Client, company: Connection, read: Read
) -> None:
    SiteState.objects.update(heartbeat_at=None)
    under_way(company)
    page = partner.get(url("cards"))
    assert "no worker" not in read(page)
    assert "<progress" in page.content.decode()


def test_numbers_of_the_walk_before_are_not_shown(
    partner: Client, company: Connection, read: Read
) -> None:
    """Neither before the next one begins, nor while it compares."""
    factories.sync_state(company, wanted=1, done=270, total=270)
    page = partner.get(url("cards"))
    assert "About to start" in read(page)
    assert "270" not in read(page)
    assert 'max="' not in page.content.decode()
    under_way(company, phase=Phase.PLAN, done=5255, total=5255)
    page = partner.get(url("cards"))
    assert "Comparing" in read(page)
    assert "5,255" not in read(page)
    assert 'max="' not in page.content.decode()


def test_a_walk_whose_worker_was_killed_is_not_shown_as_progress(
    partner: Client, company: Connection, read: Read
) -> None:
    """Its lease runs for minutes; it was last renewed when the worker lived."""
    for seconds in (-20, 60):
        under_way(company, phase=Phase.PLAN, lease_until=clock.now() + timedelta(seconds=seconds))
        page = partner.get(url("cards"))
        assert "Comparing, but the worker has been silent since" in read(page)
        assert "another one goes on from there" in read(page)
        assert "<progress" not in page.content.decode()
        assert interval(page) > 0
    SiteState.objects.update(heartbeat_at=clock.now() - timedelta(minutes=3))
    page = partner.get(url("cards"))
    assert "no worker is running" in read(page)
    assert "has been silent" not in read(page)


# Trouble ------------------------------------------------------------------------------------


def test_trouble_says_what_happened_what_was_done_and_when_it_is_tried_again(
    partner: Client, company: Connection, read: Read
) -> None:
    trouble = in_trouble(company)
    page = partner.get(url("cards"))
    words = read(page)
    assert f"{trouble['message']} 1,000 of 2,300 customers were read." in words
    assert "It is tried again by itself at" in words
    assert "code 503, Intuit's reference 1-65af" in words
    assert "<progress" not in page.content.decode()
    assert interval(page) >= 10_000


@pytest.mark.parametrize(
    ("phase", "said"),
    [
        ("plan", "nothing was changed on the site"),
        ("apply", "1,000 of 2,300 steps of the plan were applied."),
        ("rest", "problem of its own. It is tried again"),
    ],
)
def test_trouble_in_another_phase(
    phase: str, said: str, partner: Client, company: Connection, read: Read
) -> None:
    in_trouble(company, phase=phase)
    assert said in read(partner.get(url("cards")))


@pytest.mark.parametrize(("code", "offered"), [("encryption_keys", True), ("130", False)])
def test_a_login_that_no_key_opens_may_be_renewed(
    partner: Client, company: Connection, code: str, offered: bool
) -> None:
    in_trouble(company, action="operator", code=code, next_try="")
    assert (url("reconnect", company.pk) in partner.get(url("cards")).content.decode()) == offered


@pytest.mark.parametrize(
    ("action", "said"),
    [
        ("reconnect", "until the company has been reconnected"),
        ("operator", "Once that has been set right, Sync now."),
        ("bug", "Sync now tries again."),
    ],
)
def test_trouble_that_only_a_person_can_end(
    action: str, said: str, partner: Client, company: Connection, read: Read
) -> None:
    in_trouble(company, action=action, next_try="")
    page = partner.get(url("cards"))
    assert said in read(page)
    assert "tried again by itself at" not in read(page)
    assert interval(page) == 0


def test_trouble_is_told_in_the_language_of_the_reader(
    partner: Client, company: Connection, read: Read
) -> None:
    in_trouble(company, message="Save", next_try="")  # a word that others translate
    with override("de"):
        assert "Speichern" in read(partner.get(url("cards")))


def test_a_new_try_puts_the_trouble_aside(partner: Client, company: Connection, read: Read) -> None:
    in_trouble(company)
    under_way(company, blocked_until=None)
    page = partner.get(url("cards"))
    assert "problem of its own" not in read(page)
    assert "<progress" in page.content.decode()


def test_trouble_before_anything_was_read(partner: Client, company: Connection, read: Read) -> None:
    in_trouble(company, message="QuickBooks is limiting how often we may call.", done=0, total=0)
    words = read(partner.get(url("cards")))
    assert "may call. Nothing was read yet. It is tried again by itself at" in words
    assert "is kept" not in words


@pytest.mark.parametrize(
    ("values", "paused", "until"),
    [
        ({"disconnected_at": clock.now()}, False, "once the company is connected again"),
        ({"installation": {}}, False, "once somebody has said that this is the live site"),
        ({}, True, "once the pause is over"),
    ],
)
def test_a_plan_that_cannot_be_approved_is_put_off(
    values: dict[str, Any],
    paused: bool,
    until: str,
    partner: Client,
    read: Read,
    settings: Any,
) -> None:
    settings.WAGTAIL_QBO_SYNC = {**settings.WAGTAIL_QBO_SYNC, "PAUSED": paused}
    run = factories.run(factories.connection("Acme", **values), Run.State.WAITING)
    page = partner.get(url("cards"))
    assert f"A plan is put off. It can be approved {until}." in read(page)
    assert "waits for your approval" not in read(page)
    assert f'href="{url("run", run.pk)}"' in page.content.decode()


def test_the_last_run_is_of_the_last_sync_or_dated(
    partner: Client, company: Connection, read: Read
) -> None:
    ended = clock.now() - timedelta(hours=2)
    run = factories.run(company, finished_at=ended)
    factories.sync_state(company, synced_at=ended)
    page = partner.get(url("cards"))
    assert "Last sync 2 hours ago What it did" in read(page)
    assert "Last changes" not in read(page)
    factories.sync_state(company, synced_at=clock.now())
    page = partner.get(url("cards"))
    assert "What it did" not in read(page)
    assert "Last changes 2 hours ago" in read(page)
    assert f'href="{url("run", run.pk)}"' in page.content.decode()


def test_problems_are_counted_and_lead_to_their_list(
    partner: Client, login: Login, company: Connection, read: Read
) -> None:
    assert "Problems 0" in read(partner.get(url("cards")))
    factories.case(company, "refused", "1")
    factories.case(company, "conflict", "2")
    page = partner.get(url("cards"))
    assert "Problems 2" in read(page)
    assert f'href="{problems_url(company)}"' in page.content.decode()
    page = login("sync").get(url("cards"))
    assert "Problems 2" in read(page)
    assert problems_url(company) not in page.content.decode()


def test_a_waiting_plan_is_linked(partner: Client, company: Connection, read: Read) -> None:
    run = factories.run(company, Run.State.WAITING)
    page = partner.get(url("cards"))
    assert "A plan waits for your approval." in read(page)
    assert f'href="{url("run", run.pk)}"' in page.content.decode()


# Sync now -----------------------------------------------------------------------------------


def test_sync_now_asks_and_a_second_click_joins(
    partner: Client, company: Connection, read: Read
) -> None:
    first = partner.post(url("sync", company.pk), follow=True)
    assert "Sync of “Harbor & Finch” started." in read(first)
    second = partner.post(url("sync", company.pk), follow=True)
    assert "A sync is under way already" in read(second)
    assert SyncState.objects.get(pk=company.pk).wanted == 2


def test_sync_now_rings_the_worker(
    partner: Client,
    company: Connection,
    django_capture_on_commit_callbacks: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rung: list[Any] = []
    monkeypatch.setattr("django_q.tasks.async_task", lambda *args, **kwargs: rung.append(args))
    with django_capture_on_commit_callbacks(execute=True):
        partner.post(url("sync", company.pk))
    assert rung == [("wagtail_qbo_sync.tasks.walk", company.pk)]


def test_sync_now_is_noted_when_the_worker_cannot_be_rung(
    partner: Client,
    company: Connection,
    django_capture_on_commit_callbacks: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def broken(*args: Any, **kwargs: Any) -> None:
        raise ConnectionError("no broker")

    monkeypatch.setattr("django_q.tasks.async_task", broken)
    with django_capture_on_commit_callbacks(execute=True):
        assert partner.post(url("sync", company.pk)).status_code == 302
    assert SyncState.objects.get(pk=company.pk).wanted == 1


def test_sync_now_without_a_worker_says_so(
    partner: Client, company: Connection, read: Read
) -> None:
    SiteState.objects.update(heartbeat_at=None)
    page = read(partner.post(url("sync", company.pk), follow=True))
    assert "no worker is running. The sync starts once there is one: python manage.py" in page
    assert SyncState.objects.get(pk=company.pk).wanted == 1


@pytest.mark.parametrize(
    "values",
    [
        {"token": False},
        {"disconnected_at": clock.now()},
        {"installation": {"installation": "elsewhere"}},
    ],
)
def test_sync_now_is_refused_where_nothing_can_be_synced(
    values: dict[str, Any], partner: Client, read: Read
) -> None:
    made = factories.connection("Acme", **values)
    assert url("sync", made.pk) not in partner.get(url("cards")).content.decode()
    assert "“Acme” cannot be synced" in read(partner.post(url("sync", made.pk), follow=True))
    assert SyncState.objects.get(pk=made.pk).wanted == 0


# Disconnecting ------------------------------------------------------------------------------


def test_disconnecting_asks_first_and_says_what_stays(partner: Client, company: Connection) -> None:
    html = partner.get(url("connections")).content.decode()
    rest = html.partition('id="qbo-cards"')[2].partition("<template")[2]
    assert "What stays: your clients as they are, all mappings" in rest
    assert f'action="{url("disconnect", company.pk)}"' in rest
    assert "<template" not in partner.get(url("cards")).content.decode()


def test_disconnecting_keeps_what_was_decided(
    partner: Client, company: Connection, read: Read
) -> None:
    factories.customers(company, mapped=2, excluded=1)
    page = partner.post(url("disconnect", company.pk), follow=True)
    assert "“Harbor & Finch” is disconnected." in read(page)
    assert "Mapped 2" in read(page)
    assert "Excluded 1" in read(page)
    company.refresh_from_db()
    assert not company.is_connected
    entry = ModelLogEntry.objects.get(action="wagtail_qbo_sync.disconnect")
    assert entry.message == "Disconnected from QuickBooks"
    assert entry.user is not None
    again = partner.post(url("disconnect", company.pk), follow=True)
    assert "is disconnected" in read(again)
    assert ModelLogEntry.objects.count() == 1


# A copy never syncs -------------------------------------------------------------------------


@pytest.fixture
def copied(db: None) -> list[Connection]:
    """Two companies that another installation connected."""
    elsewhere = {"installation": "elsewhere"}
    return [factories.connection(name, installation=elsewhere) for name in ("Acme", "Bolt")]


SCREENS_WITH_BANNER = ["connections", "runs"]


@pytest.mark.parametrize("screen", SCREENS_WITH_BANNER)
def test_a_copy_says_so_on_our_screens(
    screen: str, partner: Client, login: Login, copied: list[Connection], read: Read
) -> None:
    page = read(partner.get(url(screen)))
    assert "This looks like a copy of another site" in page
    assert "Acme and Bolt: connected by another installation" in page
    assert "This is the live site now" in page
    page = read(login("view", "sync").get(url(screen)))
    assert "Someone who may connect companies has to say" in page
    assert "This is the live site now" not in page


@pytest.mark.parametrize("screen", SCREENS_WITH_BANNER)
def test_no_banner_where_nothing_is_parked(
    screen: str, partner: Client, company: Connection, read: Read
) -> None:
    factories.connection("Gone", disconnected_at=clock.now(), installation={})
    page = read(partner.get(url(screen)))
    assert "copy" not in page
    assert "paused" not in page


def test_the_live_site_goes_on(partner: Client, copied: list[Connection], read: Read) -> None:
    page = partner.post(url("live_site"), follow=True)
    assert "This is the live site now. Syncing goes on here." in read(page)
    assert "looks like a copy" not in read(page)
    assert Token.objects.count() == 2
    assert ModelLogEntry.objects.filter(action="wagtail_qbo_sync.live_site").count() == 2


def test_a_copy_forgets_its_logins_without_ending_them(
    partner: Client,
    copied: list[Connection],
    read: Read,
    django_capture_on_commit_callbacks: Any,
) -> None:
    company = factories.connection("Ours")
    with django_capture_on_commit_callbacks() as rung:
        page = partner.post(url("copy"), follow=True)
    assert rung == []
    assert "This is a copy" in read(page)
    assert list(Token.objects.values_list("pk", flat=True)) == [company.pk]
    for connection in copied:
        connection.refresh_from_db()
        assert not connection.is_connected


def test_a_copy_cannot_disconnect(partner: Client, copied: list[Connection], read: Read) -> None:
    company = copied[0]
    assert url("disconnect", company.pk) not in partner.get(url("connections")).content.decode()
    page = partner.post(url("disconnect", company.pk), follow=True)
    assert "Say first whether this is the live site" in read(page)
    company.refresh_from_db()
    assert company.is_connected


def test_a_copy_that_is_paused_cannot_disconnect_either(
    partner: Client, copied: list[Connection], read: Read, settings: Any
) -> None:
    settings.WAGTAIL_QBO_SYNC = {**settings.WAGTAIL_QBO_SYNC, "PAUSED": True}
    page = partner.get(url("connections"))
    assert url("disconnect", copied[0].pk) not in page.content.decode()
    assert "Syncing is paused on this site." in read(page)
    assert "This looks like a copy of another site" in read(page)
    page = partner.post(url("disconnect", copied[0].pk), follow=True)
    assert "Say first whether this is the live site" in read(page)
    copied[0].refresh_from_db()
    assert copied[0].is_connected


def test_connecting_on_a_copy_is_warned_of(partner: Client, copied: list[Connection]) -> None:
    html = partner.get(url("connections")).content.decode()
    assert 'data-a11y-dialog-show="qbo-connect-parked"' in html
    assert 'id="qbo-connect-parked"' in html
    assert "each undoes the other&#x27;s work" in html or "each undoes the other's work" in html
    assert f'data-w-action-url-value="{url("connect")}"' not in html


def test_reconnecting_on_a_copy_is_warned_of_too(partner: Client, read: Read) -> None:
    """Also when the companies were disconnected before the site was copied."""
    gone = factories.connection("Gone", disconnected_at=clock.now(), installation={})
    page = partner.get(url("connections"))
    html = page.content.decode()
    assert url("reconnect", gone.pk) not in html
    assert html.count('data-a11y-dialog-show="qbo-connect-parked"') == 2
    partner.post(url("copy"))
    gone.refresh_from_db()
    assert gone.installation == {}
    partner.post(url("live_site"))
    assert url("reconnect", gone.pk) in partner.get(url("connections")).content.decode()


def test_a_paused_site_says_so_and_warns(
    partner: Client, company: Connection, read: Read, settings: Any
) -> None:
    settings.WAGTAIL_QBO_SYNC = {**settings.WAGTAIL_QBO_SYNC, "PAUSED": True}
    page = partner.get(url("connections"))
    assert "Syncing is paused on this site." in read(page)
    assert "Sync now" not in read(page)
    html = page.content.decode()
    assert 'data-a11y-dialog-show="qbo-connect-parked"' in html
    assert "not even to connect a company" in html
    assert "Connect anyway" not in html
    assert "is ended too, as soon as the pause of this site is over" in html


def test_log_entries_hold_no_secret(partner: Client, copied: list[Connection]) -> None:
    partner.post(url("live_site"))
    partner.post(url("disconnect", copied[0].pk))
    kept = json.dumps(list(ModelLogEntry.objects.values_list("data", flat=True)))
    for token in Token.objects.all():
        assert token.sealed not in kept
        assert not any(secret in kept for secret in token.open())
