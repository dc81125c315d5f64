"""Numbers and times as the reader's language writes them: pages, mails and commands, in German."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from django.core import mail
from django.test import Client as Browser
from django.utils import translation
from pytest_django import Settings

from tests import factories, screens
from tests.other_letters import seen
from tests.sync.test_commands import run
from wagtail_qbo_sync import clock
from wagtail_qbo_sync.management.commands import _plan, _walking
from wagtail_qbo_sync.models import Case, Comparison, Run, SyncState, Token
from wagtail_qbo_sync.sync.telling import alerts, health

MONTHS = "Jan|Feb|March|April|May|June|July|Aug|Sept|Oct|Nov|Dec"
NOT_GERMAN = re.compile(
    r"\b\d{1,3},\d{3}\b"
    r"|\b\d{4,} (?:customer|client|of)"
    rf"|\b(?:{MONTHS})[a-z]*\.? \d{{1,2}}, \d{{4}}"
    r"|\b20\d\d-\d\d-\d\d\b"
    r"|\b[ap]\.m\."
)
DAY = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)


@pytest.fixture(autouse=True)
def german(settings: Settings) -> Iterator[None]:
    settings.LANGUAGE_CODE, settings.USE_THOUSAND_SEPARATOR = "de", True
    with translation.override("de"):
        yield


def many() -> None:
    """Numbers that are grouped, wherever a page counts what stands in a row."""
    Comparison.objects.update(equal=98321, different=444, missing=0)
    SyncState.objects.update(done=1234, total=5678, reads=4321)
    for one in Run.objects.all():
        Run.objects.filter(pk=one.pk).update(counts={**one.counts, "overwritten": {"email": 2345}})


@pytest.mark.parametrize("text", ["1,234", "Nov. 22, 2026", "2026-11-22", "4321 of 9", "9 a.m."])
def test_what_is_not_german_is_found(text: str) -> None:
    assert NOT_GERMAN.search(text) and not NOT_GERMAN.search("1.234 am 22. November 2026, 9:30")


@pytest.mark.django_db
def test_every_page(admin_client: Browser) -> None:
    shown = screens.furnish(factories.connection())
    screens.companies_in_every_state()
    many()
    texts = {
        name: seen(admin_client.get(address).content.decode())
        for name, address in {**shown.pages(), **shown.pages_of_the_host()}.items()
    }
    found = {name: [one for one in said if NOT_GERMAN.search(one)] for name, said in texts.items()}
    assert {name: said for name, said in found.items() if said} == {}
    read = " ".join(one for said in texts.values() for one in said)
    assert "1.234 of 5.678" in read and "98.321" in read and "2.345" in read
    today = clock.now().strftime("%d.%m.%Y")
    assert today in read


@pytest.mark.django_db
def test_a_mail(settings: Settings) -> None:
    settings.WAGTAILADMIN_BASE_URL = None
    person = factories.user("wagtail_qbo_sync.connect_connection", email="mara@harbor.example")
    company = factories.connection(connected_by=person)
    Case.objects.bulk_create(
        Case(
            connection=company,
            kind="conflict",
            qbo_id=str(number),
            open_key=f"conflict:{number}",
            opened_at=clock.now(),
        )
        for number in range(1234)
    )
    alerts.send_all()
    (sent,) = mail.outbox
    assert ": 1.234\n" in sent.body


@pytest.mark.django_db
def test_health(settings: Settings) -> None:
    company = factories.connection()
    factories.sync_state(company, reads=1234, reads_month=f"{clock.now():%Y-%m}")
    settings.WAGTAIL_QBO_SYNC = {**settings.WAGTAIL_QBO_SYNC, "API_READS_A_MONTH": 1500}
    Token.objects.update(refresh_expires_at=clock.now() + timedelta(days=3))
    said = " ".join(one.says for one in health.findings())
    assert "1.234 of 1.500 reads" in said
    assert re.search(r"ends on \d{1,2}\. \w+ 20\d\d\.", said)


@pytest.mark.django_db
def test_commands() -> None:
    company = factories.connection()
    factories.sync_state(company, synced_at=DAY, reads=4321, reads_month=f"{clock.now():%Y-%m}")
    factories.comparison(company, different=444, equal=98321, finished_at=DAY)
    said = run("qbo_status")
    assert re.search(r"last synced: 22\. November 2026 \d?\d:30 \w+", said)
    assert "98.321 of 98.765 equal, 22. November 2026" in said
    assert "Reads this month: 4.321 of" in said
    assert _plan.count_line("Sent", 1234).endswith(" 1.234")
    assert _walking._bar(1234, 5678).endswith(" 1.234 of 5.678")
