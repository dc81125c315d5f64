"""Every text that people see can be translated: pages, downloads, mails, and the sentences that
commands share with them, in a language made for tests (`other_letters`).

The Django admin is read in tests/hosts/adminhost. What commands and system checks say in their own
words is English, as Django's own is, and not read here.
"""

from __future__ import annotations

import csv
import re
from io import StringIO
from typing import Any

import pytest
from crm.models import Client, ContactType
from django.conf import settings as site
from django.core import mail
from django.db import transaction
from django.test import Client as Browser
from pytest_django import Settings

from tests import factories, screens
from tests.other_letters import WORD, in_other_letters, plain, seen, typed  # noqa: F401
from tests.sync.test_commands import run
from wagtail_qbo_sync.admin.base import url
from wagtail_qbo_sync.models import Case
from wagtail_qbo_sync.sync.telling import alerts, health

pytestmark = pytest.mark.usefixtures("in_other_letters")
OF_WAGTAIL = {"Actions", "Home", "Search"}
"""What Wagtail itself has not marked. ("Home" is also its first page's title, where no test that
committed has emptied the tables.)"""


def of_the_host() -> set[str]:
    """Words of the site's own, which it translates itself; and those of Wagtail's choosers of what
    is its own, which keep the language that they were first shown in."""
    fields = [str(field.verbose_name) for field in Client._meta.fields]
    names = ["Mailing", "Physical", Client._meta.verbose_name_plural, site.WAGTAIL_SITE_NAME]
    names += [str(ContactType._meta.verbose_name), "Choose a", "Choose another", "Edit this"]
    return {
        word
        for name in (*fields, *names)
        for word in WORD.findall(f"{name} {str(name).capitalize()}")
    }


def test_a_text_that_nobody_can_translate_is_found() -> None:
    page = """<p>Elsewhere</p><main><p title="Anna Berg">ｍａｐｐｅｄ Anna</p><use/>
    <dl hidden><dt>name</dt><dd>Searching {name}</dd></dl><input type="submit" value="Save">
    <p aria-label="Close">12</p></main><p>After</p>"""
    assert plain(seen(page), {"Anna", "Berg"}) == ["Searching {name}", "Save", "Close"]


@pytest.mark.django_db
def test_every_page(admin_client: Browser) -> None:
    shown = screens.furnish(factories.connection())
    screens.companies_in_every_state()
    known = typed() | OF_WAGTAIL
    found = {}
    for name, address in shown.pages().items():
        found[name] = plain(seen(admin_client.get(address).content.decode()), known)
    known |= of_the_host()
    for name, address in shown.pages_of_the_host().items():
        found[name] = plain(seen(admin_client.get(address).content.decode()), known)
    assert {name: texts for name, texts in found.items() if texts} == {}


@pytest.mark.django_db
def test_every_answer_to_a_form(admin_client: Browser) -> None:
    """To an empty one, and to one that chooses a client: errors, and what the next page says."""
    shown = screens.furnish(factories.connection())
    known = typed() | OF_WAGTAIL | of_the_host()
    found = {}
    for name, address in {**shown.addresses(), **shown.bulk_actions()}.items():
        for chosen in ({}, dict.fromkeys(("client", "client_pk", "pk", "choice"), shown.client.pk)):
            with transaction.atomic():
                texts = seen(admin_client.post(address, chosen).content.decode())
                texts += seen(admin_client.get(url("connections")).content.decode())
                found[name, bool(chosen)] = plain(texts, known)
                transaction.set_rollback(True)
    assert {name: texts for name, texts in found.items() if texts} == {}


@pytest.mark.django_db
def test_every_download(admin_client: Browser) -> None:
    shown = screens.furnish(factories.connection())
    found = {}
    for name, address in shown.pages().items():
        response: Any = admin_client.get(address, {"export": "csv"})
        if response.streaming:
            heads = next(csv.reader(StringIO(b"".join(response.streaming_content).decode())))
            found[name] = plain(heads, of_the_host())
    assert len(found) == 3
    assert {name: texts for name, texts in found.items() if texts} == {}


@pytest.mark.django_db
def test_every_mail(settings: Settings) -> None:
    """Of companies in every state, with a problem of each kind."""
    settings.WAGTAILADMIN_BASE_URL = None
    settings.WAGTAIL_QBO_SYNC = {**settings.WAGTAIL_QBO_SYNC, "API_READS_A_MONTH": 0}
    factories.user("wagtail_qbo_sync.connect_connection", email="mara@harbor.example")
    company = factories.connection()
    screens.furnish(company)
    screens.companies_in_every_state()
    for kind in Case.Kind.values:
        factories.case(company, kind, "9999")
    alerts.send_all()
    assert len(mail.outbox) >= 3
    lines = [
        line for sent in mail.outbox for line in (str(sent.subject), *str(sent.body).splitlines())
    ]
    assert plain(lines, typed()) == []


@pytest.mark.django_db
def test_what_health_finds(settings: Settings) -> None:
    """Dashboard, cards and qbo_doctor say it."""
    settings.WAGTAILADMIN_BASE_URL = ""
    screens.furnish(factories.connection())
    screens.companies_in_every_state()
    found = health.findings()
    assert len(found) >= 5
    advice = [re.sub(r"/admin/\S+", "", one.do) for one in found]
    assert plain([*(one.says for one in found), *advice], typed()) == []


@pytest.mark.django_db
def test_what_commands_tell_in_the_words_of_the_screens() -> None:
    company = factories.connection()
    shown = screens.furnish(company)
    said = [
        run("qbo_why", "--run", str(shown.run.pk)),
        run("qbo_why", "--client", str(shown.client.pk)),
    ]
    said += [run("qbo_why", one.qbo_id) for one in company.customers.all()]
    lines = [line for text in said for line in text.splitlines()]
    assert len(lines) > 50
    assert plain(lines, typed() | {str(company)}) == []
