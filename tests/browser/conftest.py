"""A real browser at a real server: what only shows there."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright
from pytest_django.live_server_helper import LiveServer

from tests import factories
from wagtail_qbo_sync.admin.base import RIGHTS
from wagtail_qbo_sync.models import Connection
from wagtail_qbo_sync.sync.records.status import beat

CHROMIUM = "/usr/bin/chromium"
FLAGS = [
    "--no-sandbox",
    "--disable-dev-shm-usage",
    "--disable-gpu",
    "--disable-background-networking",
]
Open = Callable[..., Page]


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """One browser for all tests; each test gets a window without a past."""
    if not Path(CHROMIUM).exists():
        pytest.skip(f"There is no {CHROMIUM}.")
    before = os.environ.get("DJANGO_ALLOW_ASYNC_UNSAFE")
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"  # Playwright keeps a loop in this thread
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()
    if before is None:
        del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]


@pytest.fixture
def open_page(chromium: Browser, live_server: LiveServer) -> Iterator[Open]:
    """Opens an address of ours for somebody with all our rights; errors of scripts fail the test.

    Keyword arguments are Playwright's for a new context: viewport, color_scheme.
    """
    errors: list[str] = []
    contexts = []

    def do(path: str, **options: Any) -> Page:
        context = chromium.new_context(base_url=live_server.url, **options)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(15_000)
        page.on("pageerror", lambda error: errors.append(str(error)))
        user = factories.user(*RIGHTS.values(), "crm.view_client", "crm.change_client")
        page.goto("/admin/login/")
        page.fill("[name=username]", user.get_username())
        page.fill("[name=password]", "password")
        page.click("[type=submit]")
        page.wait_for_url("**/admin/")
        page.goto(path)
        return page

    yield do
    for context in contexts:
        context.close()
    assert errors == []


def search_listing(page: Page, text: str) -> None:
    """Types into a listing's search and leaves the field, until the listing is at rest.

    Wagtail asks the server on typing and once more on leaving the field, and each answer draws
    the rows anew: what is ticked before the second is ticked in vain.
    """
    field = page.locator("main [name=q]")
    for act in (lambda: field.fill(text), field.blur):
        page.locator("#listing-results > *").first.evaluate("row => row.dataset.before = 'yes'")
        act()
        expect(page.locator("#listing-results > [data-before]")).to_have_count(0)


@pytest.fixture
def company(live_server: LiveServer) -> Connection:
    """A connected company, with a worker that is alive."""
    beat()
    return factories.connection("Harbor & Finch")
