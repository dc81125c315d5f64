"""E-mail and signal when a person is needed (U14): once, again after a week, never twice."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from smtplib import SMTPException
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.core import mail
from django.core.mail import send_mail
from django.db import connection as database
from django.test.utils import CaptureQueriesContext
from django.utils import translation
from pytest_django import DjangoAssertNumQueries, Settings
from wagtail.users.models import UserProfile

from tests import factories
from wagtail_qbo_sync import clock, signals
from wagtail_qbo_sync.models import Case, Connection, SyncState, Token
from wagtail_qbo_sync.sync.telling import alerts

from .firm import Killed, killed_at

ADDRESS = "mara@harbor.example"


@pytest.fixture
def company(db: None, settings: Settings) -> Connection:
    settings.WAGTAILADMIN_BASE_URL = None
    may_connect = "wagtail_qbo_sync.connect_connection"
    person = factories.user(may_connect, username="mara", email=ADDRESS)
    return factories.connection(connected_by=person)


@pytest.fixture
def heard() -> Iterator[list[str]]:
    """What hosts are told by the signal."""
    reasons: list[str] = []

    def listen(reason: str, **kwargs: Any) -> None:
        reasons.append(reason)

    signals.attention_needed.connect(listen)
    yield reasons
    signals.attention_needed.disconnect(listen)


def later(**time: int) -> None:
    """As if everything had been told so much earlier."""
    past = timedelta(**time)
    for state in SyncState.objects.all():
        at = clock.now() - past
        state.told = {
            key: (datetime.fromisoformat(told) - past).isoformat()
            for key, told in state.told.items()
        }
        state.tell_after = at
        state.save()
    Case.objects.filter(told_at__isnull=False).update(told_at=clock.now() - past)


def bodies() -> list[str]:
    """The mails since the last look."""
    found = [str(each.body) for each in mail.outbox]
    mail.outbox.clear()
    return found


def test_one_mail_lists_what_is_new(company: Connection, heard: list[str]) -> None:
    factories.run(company, "waiting")
    for qbo_id in "12":
        factories.case(company, "conflict", qbo_id)
    factories.case(company, "review", "3")
    alerts.send_all()
    (sent,) = mail.outbox
    assert (sent.to, sent.subject) == ([ADDRESS], f"QuickBooks sync: {company} needs you")
    lines = ["A plan of changes waits for approval.", "Changed on both sides: 2"]
    assert sent.body == "\n".join([str(company), "", *lines]) + "\n"
    assert heard == ["\n".join(lines)]


def test_once_and_again_after_a_week(company: Connection) -> None:
    Token.objects.update(rejected=True)
    factories.case(company, "conflict", "1")
    alerts.send_all()
    assert len(bodies()) == 1
    for days in (0, 6):
        later(days=days)
        alerts.send_all()
        assert bodies() == []
    later(days=8)
    alerts.send_all()
    (again,) = bodies()
    assert "login" in again and "Changed on both sides: 1" in again


def test_only_what_is_new_is_told_and_not_each_minute(company: Connection) -> None:
    factories.case(company, "conflict", "1")
    alerts.send_all()
    bodies()
    factories.case(company, "refused", "2")
    alerts.send_all()
    assert bodies() == []
    later(minutes=16)
    alerts.send_all()
    (told,) = bodies()
    assert "Refused by the site: 1" in told and "both sides" not in told


def test_another_plan_is_another_thing(company: Connection) -> None:
    first = factories.run(company, "waiting")
    alerts.send_all()
    first.delete()
    factories.run(company, "waiting")
    later(hours=1)
    alerts.send_all()
    assert len(bodies()) == 2


def test_what_is_over_and_comes_again_is_news(company: Connection) -> None:
    for rejected in (True, False, True):
        Token.objects.update(rejected=rejected)
        later(hours=1)
        alerts.send_all()
    assert len(bodies()) == 2


def test_killed_or_doubled_it_is_not_told_twice(company: Connection) -> None:
    factories.case(company, "conflict", "1")
    with pytest.raises(Killed), killed_at(lambda name: name == "alerts.noted"):
        alerts.send_all()
    later(hours=1)
    alerts.send_all()
    assert bodies() == []


def test_a_second_tick_finds_it_taken(company: Connection) -> None:
    """Both have seen that there is something; the first notes it."""
    factories.case(company, "conflict", "1")
    now = clock.now()
    assert alerts._note(company, [], now) is not None
    assert alerts._note(company, [], now + timedelta(seconds=1)) is None


def test_a_mail_server_that_fails_is_tried_again(
    company: Connection,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    heard: list[str],
) -> None:
    factories.run(company, "waiting")
    factories.case(company, "conflict", "1")
    with monkeypatch.context() as patch:
        patch.setattr(alerts, "send_mail", failing)
        alerts.send_all()
    assert "was not sent" in caplog.text
    alerts.send_all()
    assert bodies() == []
    SyncState.objects.update(tell_after=clock.now())
    alerts.send_all()
    (told,) = bodies()
    assert "approval" in told and "both sides: 1" in told
    assert len(heard) == 1


def failing(*args: Any) -> None:
    raise SMTPException("no")


def test_what_is_owed_keeps_nothing_new_from_being_told(
    company: Connection, monkeypatch: pytest.MonkeyPatch, heard: list[str]
) -> None:
    """While each mail fails, what comes is signalled; later one mail tells all of it, once."""
    factories.case(company, "conflict", "1")
    with monkeypatch.context() as patch:
        patch.setattr(alerts, "send_mail", failing)
        alerts.send_all()
        later(hours=1)
        factories.case(company, "refused", "2")
        factories.run(company, "waiting")
        for _tick in range(3):
            later(minutes=16)
            alerts.send_all()
    assert len(heard) == 2 and "approval" in heard[1] and "both sides" not in heard[1]
    for _tick in range(3):
        later(minutes=16)
        alerts.send_all()
    (told,) = bodies()
    assert "both sides: 1" in told and "Refused by the site: 1" in told and "approval" in told
    assert len(heard) == 2


def test_what_is_new_is_mailed_with_what_is_owed(company: Connection, heard: list[str]) -> None:
    """One mail, the moment that somebody can be reached."""
    get_user_model().objects.update(email="")
    factories.case(company, "conflict", "1")
    alerts.send_all()
    later(hours=1)
    get_user_model().objects.update(email=ADDRESS)
    factories.case(company, "refused", "2")
    for _tick in range(3):
        alerts.send_all()
        later(hours=1)
    (told,) = bodies()
    assert "both sides: 1" in told and "Refused by the site: 1" in told
    assert heard == ["Changed on both sides: 1", "Refused by the site: 1"]


@pytest.mark.parametrize("values", [{"email": ""}, {"is_active": False}])
def test_nobody_to_mail_to(company: Connection, heard: list[str], values: dict[str, Any]) -> None:
    get_user_model().objects.update(**values)
    factories.case(company, "conflict", "1")
    alerts.send_all()
    assert bodies() == [] and len(heard) == 1


def test_who_gets_an_address_is_mailed_what_is_owed(company: Connection, heard: list[str]) -> None:
    """Once, and without another signal; while nobody has one, a tick does nothing more."""
    users = get_user_model().objects
    users.update(email="")
    factories.case(company, "conflict", "1")
    factories.run(company, "waiting")
    alerts.send_all()
    later(hours=1)
    factories.case(company, "refused", "2")
    for _tick in range(3):
        alerts.send_all()
        later(hours=1)
    assert bodies() == [] and len(heard) == 2
    Case.objects.filter(kind="refused").update(open_key=None)
    users.update(email=ADDRESS)
    for _tick in range(2):
        alerts.send_all()
        later(hours=1)
    (told,) = bodies()
    assert "approval" in told and "both sides: 1" in told and "Refused" not in told
    assert len(heard) == 2


def test_what_is_over_is_not_owed(company: Connection) -> None:
    get_user_model().objects.update(email="")
    case = factories.case(company, "conflict", "1")
    alerts.send_all()
    Case.objects.filter(pk=case.pk).update(open_key=None)
    get_user_model().objects.update(email=ADDRESS)
    later(hours=1)
    alerts.send_all()
    assert bodies() == [] and SyncState.objects.get().told == {}


@pytest.mark.parametrize("gone", ["deleted", "inactive", "not entitled", "no address"])
def test_who_connected_it_is_gone(company: Connection, gone: str) -> None:
    """Then all are told who may connect it, and nobody else."""
    users = get_user_model().objects
    if gone == "deleted":
        users.all().delete()
    elif gone == "inactive":
        users.update(is_active=False)
    elif gone == "not entitled":
        users.get().user_permissions.clear()
    else:
        users.update(email="")
    factories.user("wagtail_qbo_sync.connect_connection", email="ida@harbor.example")
    users.create_superuser("root", "root@harbor.example")
    factories.user("wagtail_qbo_sync.map_customer", email="stranger@harbor.example")
    left = factories.user("wagtail_qbo_sync.connect_connection", email="left@harbor.example")
    users.filter(pk=left.pk).update(is_active=False)
    factories.case(company, "conflict", "1")
    alerts.send_all()
    told = [each.to for each in mail.outbox]
    assert told == [["ida@harbor.example"], ["root@harbor.example"]]


def test_an_address_that_is_refused_keeps_nobody_else_from_being_told(
    company: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    get_user_model().objects.all().delete()
    for name in ("bad", "good"):
        get_user_model().objects.create_superuser(name, f"{name}@harbor.example")

    def send(subject: str, text: str, sender: None, to: list[str]) -> None:
        if to == ["bad@harbor.example"]:
            raise SMTPException("no")
        send_mail(subject, text, sender, to)

    monkeypatch.setattr(alerts, "send_mail", send)
    factories.case(company, "conflict", "1")
    alerts.send_all()
    later(hours=1)
    alerts.send_all()
    assert [each.to for each in mail.outbox] == [["good@harbor.example"]]


def test_in_their_language_with_links(
    company: Connection, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.WAGTAILADMIN_BASE_URL = "https://harbor.example/"
    UserProfile.objects.create(user=company.connected_by, preferred_language="de")
    factories.case(company, "conflict", "1")
    spoken: list[str | None] = []

    def send(*args: Any) -> None:
        spoken.append(translation.get_language())
        send_mail(*args)

    monkeypatch.setattr(alerts, "send_mail", send)
    alerts.send_all()
    (told,) = bodies()
    assert spoken == ["de"]
    assert "https://harbor.example/admin/" in told and "problems" in told


def test_a_copy_and_a_paused_site_tell_nobody(company: Connection, settings: Settings) -> None:
    factories.case(company, "conflict", "1")
    settings.WAGTAIL_QBO_SYNC = {**settings.WAGTAIL_QBO_SYNC, "PAUSED": True}
    alerts.send_all()
    settings.WAGTAIL_QBO_SYNC = {**settings.WAGTAIL_QBO_SYNC, "PAUSED": False}
    Connection.objects.update(installation={})
    alerts.send_all()
    Connection.objects.update(disconnected_at=clock.now())
    alerts.send_all()
    assert bodies() == []


def test_a_failure_is_signalled_where_it_happens(company: Connection, heard: list[str]) -> None:
    """The e-mail says it; hosts were told at once (tests/sync/test_trouble.py)."""
    trouble = {"message": "No.", "next_try": "", "at": clock.now().isoformat()}
    SyncState.objects.update(trouble=trouble)
    alerts.send_all()
    assert "The last sync failed" in bodies()[0] and heard == []


def test_reads_that_are_nearly_used_up_are_mailed_once_a_month(company: Connection) -> None:
    SyncState.objects.update(reads=400_000, reads_month=f"{clock.now():%Y-%m}")
    alerts.send_all()
    later(hours=1)
    alerts.send_all()
    (body,) = bodies()
    assert "80 % of the reads" in body


def test_each_reason_is_told_once_and_again_after_a_week_of_its_own(company: Connection) -> None:
    """What is told of one thing says nothing about another, and what ends takes none with it."""
    run = factories.run(company, "waiting")
    alerts.send_all()
    assert "approval" in bodies()[0]
    later(days=4)
    SyncState.objects.update(reads=400_000, reads_month=f"{clock.now():%Y-%m}")
    alerts.send_all()
    (body,) = bodies()
    assert "80 % of the reads" in body and "approval" not in body
    later(days=4)
    alerts.send_all()
    (body,) = bodies()
    assert "approval" in body and "80 % of the reads" not in body
    run.delete()
    for _minute in range(2):
        later(hours=1)
        alerts.send_all()
    assert bodies() == []
    later(days=4)
    alerts.send_all()
    assert "80 % of the reads" in bodies()[0]


def test_a_plan_is_not_told_again_because_a_login_ended_meanwhile(
    company: Connection, heard: list[str]
) -> None:
    factories.run(company, "waiting")
    for rejected in (False, True, False):
        Token.objects.update(rejected=rejected)
        later(hours=1)
        alerts.send_all()
    plan, login = bodies()
    assert "approval" in plan and "login" in login and "approval" not in login
    assert len(heard) == 2


def test_a_minute_that_owes_writes_nothing(company: Connection) -> None:
    get_user_model().objects.update(email="")
    factories.case(company, "conflict", "1")
    alerts.send_all()
    later(hours=1)
    with CaptureQueriesContext(database) as asked:
        alerts.send_all()
    assert [each["sql"] for each in asked if not each["sql"].startswith("SELECT")] == []


def test_a_quiet_minute_costs_five_queries(
    company: Connection, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    with django_assert_num_queries(5):
        alerts.send_all()
