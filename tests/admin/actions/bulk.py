"""Ticking customers of the listing and deciding about all of them at once."""

from __future__ import annotations

import re
from typing import Any

from django.test import Client as Browser
from django.urls import reverse
from django.utils.http import urlencode

from tests.admin.desk import words
from wagtail_qbo_sync.admin.base import url
from wagtail_qbo_sync.models import Customer

LISTING = reverse("wagtail_qbo_sync_customers:index")


def address(action: str, *names: str, **filters: Any) -> str:
    """Where an action is asked for: about customers by name, or without one about all that the
    listing shows under these filters."""
    pks: list[Any] = [Customer.objects.get(display_name=name).pk for name in names] or ["all"]
    where = reverse("wagtail_bulk_action", args=["wagtail_qbo_sync", "customer", action])
    query = [*filters.items(), *(("id", pk) for pk in pks), ("next", LISTING)]
    return f"{where}?{urlencode(query, doseq=True)}"


def asks(browser: Browser, action: str, *names: str, **filters: Any) -> str:
    """The words of the page that asks."""
    response = browser.get(address(action, *names, **filters))
    assert response.status_code == 200
    return main(response)


def confirms(browser: Browser, action: str, *names: str, **filters: Any) -> Any:
    """Presses the button of the page that asks."""
    asked = browser.get(address(action, *names, **filters)).content.decode()
    about = re.search(r'name="about" value="([^"]*)"', asked)
    assert about is not None
    return browser.post(address(action, *names, **filters), {"about": about.group(1)})


def main(response: Any) -> str:
    """The words of a page's content."""
    page = response.content.decode()
    found = re.search(r"<main.*</main>", page, re.DOTALL)
    assert found is not None
    return words(re.sub(r"<(script|template).*?</\1>", " ", found.group(), flags=re.DOTALL))


def said(browser: Browser) -> str:
    """The messages that wait for this person."""
    page = browser.get(url("connections")).content.decode()
    found = re.search(r'<div\s+class="messages".*?</ul>', page, re.DOTALL)
    return words(found.group()) if found else ""
