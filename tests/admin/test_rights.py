"""Who may not see a client reads nothing of it on any of our pages (docs/reference/permissions.md).

Every address is asked for in every way, so that a new one is covered as soon as it is there.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterable, Iterator
from html import unescape
from io import BytesIO
from typing import Any

import pytest
from crm.models import Client
from django.db import transaction
from django.db.models import QuerySet
from django.test import Client as Browser
from pytest_django import Settings

from tests import factories, screens
from tests.screens import Shown
from wagtail_qbo_sync.admin.base import CUSTOMERS, RIGHTS, url
from wagtail_qbo_sync.host.adapter import ClientAdapter
from wagtail_qbo_sync.models import Connection

from .conftest import Login

ASKED = [{}, {"q": "member"}, {"export": "csv"}, {"export": "xlsx"}]
"""What may follow an address: a search that finds clients, and the two exports."""


class HalfAdapter(ClientAdapter):
    """Every other client is somebody else's."""

    def visible_to(self, user: Any, queryset: QuerySet[Any]) -> QuerySet[Any]:
        seen = [pk for pk in queryset.values_list("pk", flat=True) if is_seen(pk)]
        return super().visible_to(user, queryset).filter(pk__in=seen)


def is_seen(pk: int) -> bool:
    return pk % 2 == 0


def body(response: Any) -> str:
    """What a person can read of an answer."""
    if response.streaming:
        content = b"".join(response.streaming_content)
    else:
        content = response.content
    if content.startswith(b"PK"):
        with zipfile.ZipFile(BytesIO(content)) as archive:
            content = b" ".join(archive.read(name) for name in archive.namelist())
    text = unescape(content.decode())
    return text.encode().decode("unicode_escape") if "json" in response["Content-Type"] else text


def answers(browser: Browser, address: str, client: Client) -> Iterator[str]:
    """Everything an address says to this person, and the messages that it leaves; then it is
    as if nobody had asked."""
    with transaction.atomic():
        for asked in ASKED:
            yield body(browser.get(address, asked))
        chosen = dict.fromkeys(("client", "client_pk", "pk", "choice"), str(client.pk))
        yield body(browser.post(address, chosen))
        yield body(browser.get(url("connections")))
        transaction.set_rollback(True)


def told(said: Iterable[str], secrets: Iterable[str]) -> list[str]:
    """Which of the secrets are said."""
    texts = list(said)
    return sorted({secret for secret in secrets if any(secret in text for text in texts)})


def leaks(
    browser: Browser, shown: Shown, client: Client, secrets: list[str]
) -> dict[str, list[str]]:
    """Name of an address -> the secrets that it tells, of those that tell any."""
    found = {
        name: told(answers(browser, address, client), secrets)
        for name, address in {**shown.addresses(), **shown.bulk_actions()}.items()
    }
    return {name: each for name, each in found.items() if each}


def test_nobody_who_may_not_see_clients_reads_of_one(login: Login, company: Connection) -> None:
    shown = screens.furnish(company)
    secrets = [*screens.secrets(Client.objects.all()), screens.VANISHED]
    assert leaks(login(*RIGHTS), shown, shown.client, secrets) == {}


@pytest.fixture
def half(settings: Settings) -> None:
    """A site whose people see half of the clients."""
    adapter = f"{__name__}.HalfAdapter"
    settings.WAGTAIL_QBO_SYNC = {**settings.WAGTAIL_QBO_SYNC, "ADAPTER": adapter}


@pytest.mark.usefixtures("half")
def test_the_adapter_narrows_what_is_read(login: Login, company: Connection) -> None:
    shown = screens.furnish(company)
    hidden = [client for client in Client.objects.all() if not is_seen(client.pk)]
    secrets = [*screens.secrets(hidden), screens.VANISHED]
    assert leaks(sees_clients(login), shown, hidden[0], secrets) == {}


def sees_clients(login: Login) -> Browser:
    """Somebody with all of our rights, and the host's to view and change clients."""
    browser = Browser()

    browser.force_login(factories.user(*RIGHTS.values(), "crm.view_client", "crm.change_client"))
    return browser


@pytest.mark.usefixtures("half")
def test_those_whom_one_may_see_are_named(login: Login, company: Connection) -> None:
    """Else the two tests above would say nothing."""
    shown = screens.furnish(company)
    seen = [client.name for client in Client.objects.all() if is_seen(client.pk)]
    browser, addresses = sees_clients(login), shown.addresses()
    said = [body(browser.get(addresses[f"{CUSTOMERS}:index"], asked)) for asked in ASKED[:3]]
    said += [body(browser.get(addresses["wagtail_qbo_sync:run"]))]
    assert len(told(said, seen)) > 5
