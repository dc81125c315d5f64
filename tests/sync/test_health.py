"""What is wrong, in sentences that say what to do: `qbo_doctor` (U14)."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.urls import reverse
from django_q.models import Schedule
from pytest_django import Settings

from tests import factories
from wagtail_qbo_sync import clock
from wagtail_qbo_sync.models import Connection, SiteState, SyncState, Token
from wagtail_qbo_sync.sync.access import schedule
from wagtail_qbo_sync.sync.records.status import beat
from wagtail_qbo_sync.sync.telling import health
from wagtail_qbo_sync.sync.telling.health import Level

NAME = "Harbor & Finch"


@pytest.fixture
def company(db: None) -> Connection:
    """A company, a worker and a schedule that are well."""
    beat()
    schedule.repair()
    may_connect = "wagtail_qbo_sync.connect_connection"
    person = factories.user(may_connect, username="mara", email="mara@harbor.example")
    made = factories.connection(NAME, connected_by=person)
    now = clock.now()
    factories.sync_state(made, first_synced_at=now, synced_at=now, notified_at=now)
    return made


def found() -> list[tuple[str, str, str]]:
    return [(each.level.value, each.company, each.says) for each in health.findings()]


def test_all_is_well(company: Connection) -> None:
    assert found() == []


def test_nobody_is_mailed(company: Connection) -> None:
    get_user_model().objects.all().delete()
    assert found() == [("warning", NAME, "Nobody is e-mailed when it needs a person.")]


def test_no_company(db: None) -> None:
    assert found() == [("warning", "", "No company is connected.")]


def test_no_worker_hides_that_the_schedule_is_overdue(company: Connection) -> None:
    Schedule.objects.update(next_run=clock.now() - timedelta(hours=1))
    assert found() == [("error", "", "The schedule of the tick: Overdue.")]
    SiteState.objects.update(heartbeat_at=None)
    assert found() == [("error", "", "No worker is running.")]
    Schedule.objects.all().delete()
    assert found()[1:] == [("error", "", "The schedule of the tick: Missing.")]


@pytest.mark.parametrize(
    ("days", "said"),
    [(31, []), (29, ["Its login to QuickBooks ends on "])],
)
def test_a_login_that_ends_soon(company: Connection, days: int, said: list[str]) -> None:
    Token.objects.update(hard_expires_at=clock.now() + timedelta(days=days))
    assert [says.partition("on ")[0] + "on " for _, _, says in found()] == said


def test_reads_that_are_nearly_used_up(company: Connection) -> None:
    this = f"{clock.now():%Y-%m}"
    SyncState.objects.update(reads=399_999, reads_month=this)
    assert found() == []
    SyncState.objects.update(reads=400_000)
    assert [says for _, _, says in found()] == [
        "400,000 of 500,000 reads of QuickBooks for this month are used up."
    ]
    SyncState.objects.update(reads_month="2001-01")
    assert found() == []


TROUBLE: dict[str, Any] = {"message": "QuickBooks has a problem.", "next_try": ""}


@pytest.mark.parametrize(("next_try", "level"), [("", "error"), ("2026-01-01", "warning")])
def test_trouble(company: Connection, next_try: str, level: str) -> None:
    SyncState.objects.update(trouble=TROUBLE | {"next_try": next_try})
    assert found() == [(level, NAME, "QuickBooks has a problem.")]


def test_what_waits_for_a_person(company: Connection) -> None:
    factories.run(company, "waiting")
    factories.case(company, "conflict", "1")
    SyncState.objects.update(notified_at=None)
    assert [says for _, _, says in found()] == [
        "A plan waits for approval.",
        "Problems that wait for a person: 1.",
        "No webhook has ever come, so changes in QuickBooks are noticed late.",
    ]


@pytest.mark.parametrize(
    ("base", "page"),
    [("https://firm.example/", "https://firm.example/admin/"), ("", "Settings, Connected Apps;")],
)
def test_a_plan_that_waits_is_led_to(
    company: Connection, settings: Settings, base: str, page: str
) -> None:
    settings.WAGTAILADMIN_BASE_URL = base
    plan = factories.run(company, "waiting")
    do = next(each.do for each in health.findings() if each.says == "A plan waits for approval.")
    assert f"decide: {page}" in do
    assert do.endswith(f"or apply it: manage.py qbo_sync --approve {plan.pk}")
    assert (reverse("wagtail_qbo_sync:run", args=[plan.pk]) in do) == bool(base)


def test_where_the_admin_has_no_address_a_plan_is_told_without_one(
    company: Connection, settings: Settings
) -> None:
    """As of a worker with a URLconf of its own."""
    settings.WAGTAILADMIN_BASE_URL = "https://firm.example"
    settings.ROOT_URLCONF = "wagtail_qbo_sync.webhooks"
    plan = factories.run(company, "waiting")
    (one,) = health.findings()
    assert "decide: Settings, Connected Apps;" in one.do and f"--approve {plan.pk}" in one.do


def test_a_company_that_cannot_sync(company: Connection) -> None:
    Token.objects.update(rejected=True)
    assert found() == [("error", NAME, "Reconnect needed.")]
    Connection.objects.update(installation={})
    (one,) = health.findings()
    assert (one.level, one.says) == (Level.ERROR, "Parked: this looks like a copy.")
    assert "live site" in one.do


def test_the_doctor_says_what_to_do(
    company: Connection, settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    Schedule.objects.all().delete()
    settings.Q_CLUSTER = {**settings.Q_CLUSTER, "timeout": None}
    SiteState.objects.update(client_model="crm.Person")
    with pytest.raises(SystemExit) as ended:
        call_command("qbo_doctor")
    assert ended.value.code == 1
    said = capsys.readouterr().out
    assert "Q_CLUSTER has no timeout" in said
    assert "python manage.py qbo_schedule" in said
    assert "made for the client model crm.Person" in said, "what is to be asked of the database"


def test_for_machines(company: Connection, capsys: pytest.CaptureFixture[str]) -> None:
    Token.objects.update(rejected=True)
    with pytest.raises(SystemExit):
        call_command("qbo_doctor", "--json")
    told = json.loads(capsys.readouterr().out)
    assert told["ok"] is False
    assert told["findings"][-1] == {
        "level": "error",
        "company": NAME,
        "says": "Reconnect needed.",
        "do": "Connected Apps: Reconnect.",
    }


def test_warnings_alone_are_no_failure(
    company: Connection, capsys: pytest.CaptureFixture[str]
) -> None:
    factories.run(company, "waiting")
    call_command("qbo_doctor", "--json")
    assert json.loads(capsys.readouterr().out)["ok"] is True
