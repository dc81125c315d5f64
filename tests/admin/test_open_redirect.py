"""Whatever stands in `next`: nobody is sent, or offered a way, to another site or a script."""

from __future__ import annotations

import re
from html import unescape
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.db import transaction
from django.test import Client as Browser

from tests import factories, screens
from wagtail_qbo_sync.admin.base import RIGHTS
from wagtail_qbo_sync.models import Connection

EVIL = [
    "https://evil.example/x",
    "/\\evil.example/x",
    "javascript:alert('evil.example')",
    "//evil.example/x",
    "\thttps://evil.example/x",
    "https:evil.example/x",
]
WAYS = re.compile(r'(?:href|action|formaction|src|data-[\w-]*url[\w-]*|value)="([^"]*)"')


def leads_away(address: str) -> bool:
    """Whether a browser would leave the site, or run a script, for this address."""
    plain = re.sub(r"[\t\r\n]", "", unescape(address)).replace("\\", "/").strip().lower()
    parts = urlsplit(plain)
    return "evil.example" in parts.netloc or (bool(parts.scheme) and "evil.example" in plain)


@pytest.mark.parametrize("evil", EVIL[:3])
def test_next_never_leads_away(evil: str, company: Connection) -> None:
    """Every address of ours, asked for and posted to; its name in a query and in a form."""
    shown = screens.small(company)
    browser = Browser()
    browser.force_login(factories.user(*RIGHTS.values(), "crm.view_client", "crm.change_client"))
    away: dict[str, Any] = {}
    answered = 0
    acts = {name: address.partition("?")[0] for name, address in shown.bulk_actions().items()}
    for name, address in {**shown.addresses(), **acts}.items():
        with transaction.atomic():
            asked = {"next": evil, "id": "all"}
            for response in (
                browser.get(address, asked),
                browser.post(address, asked),
                browser.post(address, query_params=asked),
            ):
                answered += 1
                found = [response.headers.get("Location", "")]
                if not response.streaming:
                    found += WAYS.findall(response.content.decode())
                if wrong := list(filter(leads_away, found)):
                    away[name] = wrong
            transaction.set_rollback(True)
    assert away == {}
    assert answered > 200


@pytest.mark.parametrize("evil", EVIL)
def test_the_walk_knows_what_leads_away(evil: str) -> None:
    """Else the walk above would say nothing."""
    assert leads_away(evil)
    assert not leads_away("/admin/reports/?next=https%3A%2F%2Fevil.example")
