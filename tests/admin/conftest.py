"""People who look at our screens, and what they read there."""

from __future__ import annotations

import re
from collections.abc import Callable
from html import unescape
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client
from django.utils.html import strip_tags

from tests import factories
from wagtail_qbo_sync.admin.base import RIGHTS
from wagtail_qbo_sync.models import Connection
from wagtail_qbo_sync.sync.access import schedule
from wagtail_qbo_sync.sync.records.status import beat

Login = Callable[..., Client]
Read = Callable[[Any], str]


@pytest.fixture
def login(db: None) -> Login:
    """A browser in which somebody with these rights ("view", "sync") is logged in."""

    def do(*rights: str, **values: Any) -> Client:
        client = Client()
        client.force_login(factories.user(*(RIGHTS[right] for right in rights), **values))
        return client

    return do


@pytest.fixture
def partner(login: Login) -> Client:
    """Somebody who may do everything of ours, and see clients."""
    return login(*RIGHTS)


@pytest.fixture
def browser(db: None) -> Client:
    """The browser of somebody who may also change the site's clients."""
    found = Client()
    found.force_login(factories.user(*RIGHTS.values(), "crm.view_client", "crm.change_client"))
    return found


@pytest.fixture
def company(db: None) -> Connection:
    """A connected company, with a worker that is alive and ticks."""
    beat()
    schedule.repair()
    return factories.connection("Harbor & Finch")


@pytest.fixture
def read() -> Read:
    """The words of a page, or of the page that it redirects to."""

    def do(response: HttpResponse) -> str:
        text = re.sub(r"<(script|style|template).*?</\1>", " ", response.content.decode(), flags=16)
        return " ".join(unescape(strip_tags(text)).split())

    return do
