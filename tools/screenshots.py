"""A picture of each of our screens: light, dark and narrow, of a firm that shows it all.

    tools/screenshots.py [FOLDER [PART OF A NAME ...]]      (make screenshots; into screenshots/)

Fails when a page answers with an error or a script of it throws. Needs Chromium.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
LOOKS: dict[str, dict[str, Any]] = {
    "light": {"color_scheme": "light", "viewport": {"width": 1280, "height": 900}},
    "dark": {"color_scheme": "dark", "viewport": {"width": 1280, "height": 900}},
    "narrow": {"color_scheme": "light", "viewport": {"width": 400, "height": 800}},
}
TALLEST = 6000
"""Pixels; of a longer page the rest repeats what is above."""


OPENED = {
    "row menu": ("customers:index", ["#listing-results td.title [data-w-dropdown-target=toggle]"]),
    "filters": ("customers:index", ["#filters-drilldown [data-w-dropdown-target=toggle]"]),
    "ticked": ("customers:index", ["tbody [data-bulk-action-checkbox] >> nth=0"]),
    "header menu": ("customers:index", ["#w-slim-header-buttons [data-w-dropdown-target=toggle]"]),
    "apply default": ("map", ["text=Apply default value"]),
    "options": ("map", ["[role=combobox] >> nth=0"]),
    "disconnect": ("connections", ["role=button[name=Disconnect] >> nth=0"]),
    "row menu of a client": ("site clients", ["td.title [data-w-dropdown-target=toggle] >> nth=0"]),
}
"""What is opened on a page: the page, and what is clicked there."""
IN_EVERY_STATE = ("connections", "problems", "clients", "map", "client", "site ")
"""How the names of pages begin that look different with several companies, or none."""


def main() -> int:
    """Make the pictures; how many pages went wrong."""
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else ROOT / "screenshots")
    folder.mkdir(parents=True, exist_ok=True)
    sys.path[:0] = [str(ROOT), str(ROOT / "example_project")]
    os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"  # Playwright keeps a loop in this thread
    taken = 0
    wrong: list[str] = []
    with site() as (address, pages), windows(address) as windows_by_look:
        for scene, shown in scenes(pages):
            chosen = {
                f"{scene}{name}": path
                for name, path in shown.items()
                if any(part in f"{scene}{name}" for part in sys.argv[2:] or [""])
            }
            for look, window in windows_by_look.items():
                wrong += pictures(window, chosen, look, folder)
                taken += len(chosen)
    for said in wrong:
        print(said)
    print(f"{taken - len(wrong)} pictures in {folder}")
    return len(wrong)


@contextmanager
def site() -> Iterator[tuple[str, dict[str, str]]]:
    """A server on a database of its own, and the pages to look at by name."""
    import django
    from django.db import OperationalError
    from django.test.utils import setup_databases, setup_test_environment, teardown_databases

    django.setup()
    setup_test_environment()
    databases = setup_databases(verbosity=0, interactive=False)
    from pytest_django.live_server_helper import LiveServer

    from tests import factories, screens

    shown = screens.furnish(factories.connection("Harbor & Finch"))
    pages = shown.pages() | shown.pages_of_the_host()
    factories.user(username="anna", is_superuser=True)
    server = LiveServer("localhost")
    try:
        yield server.url, pages
    finally:
        server.stop()
        with suppress(OperationalError):  # somebody still looks at it: the next run drops it
            teardown_databases(databases, verbosity=0)


def scenes(pages: dict[str, str]) -> Iterator[tuple[str, dict[str, str]]]:
    """The pages of a firm with one company, with one in every state, and with none."""
    from tests import screens
    from wagtail_qbo_sync.models import Connection

    some = {name: path for name, path in pages.items() if name.startswith(IN_EVERY_STATE)}
    opened = {name: pages[page] for name, (page, _clicks) in OPENED.items()}
    yield "", {**pages, **opened}
    screens.companies_in_every_state()
    yield "several ", some
    Connection.objects.all().delete()
    there = {name: path for name, path in pages.items() if not any(map(str.isdigit, path))}
    yield "none ", there


@contextmanager
def windows(address: str) -> Iterator[dict[str, Any]]:
    """A window for each look, in which somebody with every right is logged in."""
    from playwright.sync_api import sync_playwright

    from tests.browser.conftest import CHROMIUM, FLAGS

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        found = {}
        for look, options in LOOKS.items():
            page = browser.new_context(base_url=address, **options).new_page()
            page.goto("/admin/login/")
            page.fill("[name=username]", "anna")
            page.fill("[name=password]", "password")
            page.click("[type=submit]")
            page.wait_for_url("**/admin/")
            found[look] = page
        yield found
        browser.close()


def pictures(page: Any, pages: dict[str, str], look: str, folder: Path) -> Iterator[str]:
    """Take them; what went wrong, in sentences."""
    from playwright.sync_api import Error

    thrown: list[str] = []

    def heard(error: Any) -> None:
        thrown.append(str(error))

    page.on("pageerror", heard)
    for name, path in pages.items():
        answer = page.goto(path)
        try:
            for what in OPENED.get(name, ("", []))[1]:
                page.locator(what).first.click(timeout=5_000)
                page.wait_for_timeout(500)
        except Error as error:
            thrown.append(str(error))
        take(page, folder / f"{name.replace(':', '').replace(' ', '-')}-{look}.png", name)
        if answer is None or not answer.ok or thrown:
            status = answer.status if answer else "no answer"
            yield f"{name} ({look}): {path}: {status} {' '.join(thrown)}"
            thrown.clear()
    page.remove_listener("pageerror", heard)


def take(page: Any, path: Path, name: str) -> None:
    """The whole page, or what is in sight when something is open on it.

    Wagtail scrolls a part of a page, which a picture would cut: the window grows until nothing
    scrolls.
    """
    if name in OPENED:
        page.screenshot(path=path)
        return
    window = page.viewport_size
    height = page.evaluate(
        "Math.max(...[...document.querySelectorAll('html, body, body *')]"
        ".filter((one) => /auto|scroll/.test(getComputedStyle(one).overflowY))"
        ".map((one) => one.scrollHeight), 0)"
    )
    page.set_viewport_size({**window, "height": min(max(window["height"], height), TALLEST)})
    page.screenshot(path=path)
    page.set_viewport_size(window)


if __name__ == "__main__":
    sys.exit(main())
