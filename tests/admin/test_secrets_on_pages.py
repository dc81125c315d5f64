"""No token, secret, key or code in anything that the site answers to whoever may see everything."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client as Browser
from pytest_django import Settings

from tests import screens
from tests.canaries import secrets, spoken
from wagtail_qbo_sync.admin.base import url
from wagtail_qbo_sync.models import Connection, Token

from .walk import answers

BACK = {"code": "XAB11-canary-code", "state": "canary-state", "realmId": "9341452000000101"}


@pytest.fixture
def shown(company: Connection) -> screens.Shown:
    """A firm whose login can be told from other words, beside companies in every state."""
    found = screens.furnish(company)
    screens.companies_in_every_state()
    sealed = Token.closed(company.realm_id, "canary-access-token", "RT1-canary-refresh-token")
    Token.objects.filter(pk=company.pk).update(sealed=sealed)
    return found


def all_of(response: Any) -> str:
    """What goes over the wire."""
    content = b"".join(response.streaming_content) if response.streaming else response.content
    return f"{response.headers} {content.decode(errors='replace')}"


def everything(browser: Browser, shown: screens.Shown) -> Iterator[tuple[str, Any]]:
    """Pages, acts, messages, downloads, and what is said to who comes back from QuickBooks."""
    yield from answers(browser, shown, "Anna")
    for name, address in shown.addresses().items():
        yield f"{name} as a file", browser.get(address, {"export": "csv"})
    for params in (BACK, {**BACK, "error": "access_denied"}):
        yield "callback", browser.get(url("callback"), params)
        yield "message of callback", browser.get(url("connections"))


def test_nothing_that_is_answered_holds_a_secret(
    browser: Browser, shown: screens.Shown, settings: Settings
) -> None:
    canaries = {*secrets(shown.company, settings), Token.objects.get(pk=shown.company.pk).sealed}
    canaries |= {BACK["code"], BACK["state"]}
    assert {"canary-access-token", "RT1-canary-refresh-token"} <= canaries
    texts = {name: all_of(each) for name, each in everything(browser, shown)}
    assert {name: found for name, text in texts.items() if (found := spoken(text, canaries))} == {}
    assert sum("Harbor Bakery" in text for text in texts.values()) > 20
