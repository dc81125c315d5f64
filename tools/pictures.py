"""The README's pictures, taken of the demo on its way from Connect to Map customers.

    tools/pictures.py [FOLDER]      (make pictures; into docs/pictures/)

The demo's firm is always the same, so are the pictures, but for dates and Wagtail's looks. Each is
kept small enough for a page to load. Needs Chromium.
"""

from __future__ import annotations

import io
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Page

ROOT = Path(__file__).resolve().parent.parent
WINDOW = {"width": 1280, "height": 860}
LARGEST = 120_000
"""Bytes of a picture."""
ALIKE = "Bayberry Cafe Co."
"""A customer whose name is a client's, while the e-mail is not: it waits for a person."""
MAPPED = "Gloucester Senior Center"
"""One that the first sync maps, with another phone than its client has."""


def main() -> int:
    """Make the pictures; how many became too large."""
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else ROOT / "docs" / "pictures")
    folder.mkdir(parents=True, exist_ok=True)
    sys.path[:0] = [str(ROOT), str(ROOT / "example_project")]
    os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"
    import django

    django.setup()
    from tests.browser.test_demo import running

    too_large = 0
    with (
        tempfile.TemporaryDirectory() as place,
        running(Path(place) / "demo", "--unconnected") as it,
        window() as page,
    ):
        for name in walk(page, it.site_url, it.sandbox_url):
            page.wait_for_timeout(500)  # until nothing moves any more
            size = keep(page.screenshot(), folder / f"{name}.png")
            print(f"{name}.png: {size:,} bytes")
            too_large += size > LARGEST
    return too_large


@contextmanager
def window() -> Iterator[Page]:
    from playwright.sync_api import sync_playwright

    from tests.browser.conftest import CHROMIUM, FLAGS

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        page = browser.new_page(viewport=WINDOW)  # type: ignore[arg-type]
        page.set_default_timeout(120_000)
        yield page
        browser.close()


def walk(page: Page, site: str, sandbox: str) -> Iterator[str]:
    """Through the demo; stops with a name where a picture of the page is to be taken."""
    from tests.browser.test_demo import connect, log_in

    log_in(page, site)
    connect(page, site, sandbox)
    page.locator(".messages").get_by_role("button", name="Sync now").click()
    page.goto(f"{site}/admin/qbo/connected-apps/")
    page.get_by_role("link", name="Look at the plan").wait_for()
    page.goto(f"{site}/admin/")
    yield "dashboard"
    page.get_by_role("link", name="Look at the plan").click()
    yield "plan"
    page.get_by_role("button", name="Approve and apply").click()
    page.goto(f"{site}/admin/qbo/connected-apps/")
    page.locator(".qbo-card").get_by_role("link", name="What it did").wait_for()
    page.get_by_role("link", name="Map customers").first.click()
    page.locator("tr").filter(has_text=ALIKE).get_by_role("combobox").click()
    yield "map-customers"
    page.goto(f"{site}/admin/qbo/customers/?q={MAPPED}")
    row = page.locator("table.listing tbody tr").filter(has_text=MAPPED)
    row.get_by_role("button", name=f"More options for '{MAPPED}'").click()
    page.get_by_role("link", name="Why?").click()
    page.get_by_role("heading", name="Why?").wait_for()
    yield "why"


def keep(picture: bytes, path: Path) -> int:
    """Write it with as many colours as it needs; its size."""
    from PIL import Image

    with Image.open(io.BytesIO(picture)) as full:
        few = full.convert("RGB").quantize(128, dither=Image.Dither.NONE)
        few.save(path, optimize=True)
    return path.stat().st_size


if __name__ == "__main__":
    sys.exit(main())
