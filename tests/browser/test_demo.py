"""`make demo` as people meet it: started for real, driven from Connect to a mapped client."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import demo
import pytest
from playwright.sync_api import Browser, Page, Response, expect

pytestmark = pytest.mark.browser
COMPANY = "Harbor & Pine Accounting LLP"
PATIENCE = 120.0
"""Seconds for what takes a few on a machine with nothing else to do."""
START_PATIENCE = 300.0
"""The same for a start, which takes half a minute there."""


class Demo:
    """One that runs in a folder of its own."""

    def __init__(self, folder: Path, *arguments: str, typed: str = "") -> None:
        self.folder = folder
        self.site, self.sandbox = free_ports()
        ports = {"PORT": str(self.site), "SANDBOX_PORT": str(self.sandbox)}
        self._output = folder.with_suffix(".output")
        entered = folder.with_suffix(".input")
        entered.write_text(typed)
        with self._output.open("wb") as output, entered.open("rb") as given:
            self._process = subprocess.Popen(
                [sys.executable, demo.__file__, *arguments],
                env={**os.environ, **ports, "DEMO_DIR": str(folder), "PYTHONUNBUFFERED": "1"},
                stdin=given,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def site_url(self) -> str:
        return f"http://127.0.0.1:{self.site}"

    @property
    def sandbox_url(self) -> str:
        return f"http://127.0.0.1:{self.sandbox}"

    @property
    def said(self) -> str:
        return self._output.read_text()

    def wait_until_it_serves(self) -> None:
        deadline = time.monotonic() + START_PATIENCE
        while "Ctrl-C ends both." not in self.said:
            assert self._process.poll() is None, self.said
            assert time.monotonic() < deadline, self.said
            time.sleep(0.1)

    def press_ctrl_c(self) -> int:
        """End it as a person would; the exit status."""
        self._process.send_signal(signal.SIGINT)
        return self.wait()

    def wait(self) -> int:
        """Until it has ended; the exit status."""
        return self._process.wait(START_PATIENCE)

    def processes(self) -> list[int]:
        """All that were started for this demo and still run, whoever their parent is now."""
        mark = f"DEMO_DIR={self.folder}\0".encode()
        found = []
        for path in Path("/proc").glob("[0-9]*/environ"):
            with suppress(OSError):
                if mark in path.read_bytes():
                    found.append(int(path.parent.name))
        return found

    def kill(self) -> None:
        for process in self.processes():
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        self._process.wait()


@contextmanager
def running(folder: Path, *arguments: str) -> Iterator[Demo]:
    started = Demo(folder, *arguments)
    try:
        started.wait_until_it_serves()
        yield started
    finally:
        started.kill()


def free_ports() -> tuple[int, int]:
    anywhere = ("127.0.0.1", 0)
    with socket.create_server(anywhere) as one, socket.create_server(anywhere) as two:
        return one.getsockname()[1], two.getsockname()[1]


@pytest.fixture
def page(chromium: Browser) -> Iterator[Page]:
    """A window without a past; errors of scripts fail the test."""
    errors: list[str] = []
    context = chromium.new_context()
    context.set_default_timeout(PATIENCE * 1000)
    page = context.new_page()
    page.on("pageerror", lambda error: errors.append(str(error)))
    expect.set_options(timeout=PATIENCE * 1000)
    yield page
    expect.set_options(timeout=5_000)
    context.close()
    assert errors == []


def log_in(page: Page, site: str) -> None:
    page.goto(f"{site}/admin/login/")
    page.get_by_label("Username").fill("partner")
    page.get_by_label("Password").fill("demo")
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(f"{site}/admin/")


def connect(page: Page, site: str, sandbox: str) -> None:
    """From the menu to QuickBooks' consent and back."""
    page.get_by_role("button", name="Settings", exact=True).click()
    page.get_by_role("link", name="Connected Apps").click()
    page.get_by_role("button", name="Connect to QuickBooks").click()
    page.wait_for_url(f"{sandbox}/**")
    page.get_by_role("group", name="Install for your firm").get_by_label(COMPANY).check()
    page.get_by_role("button", name="Connect", exact=True).click()
    page.wait_for_url(f"{site}/admin/qbo/customers/?connection=*")


def test_from_connect_to_a_mapped_client(page: Page, tmp_path: Path) -> None:
    with running(tmp_path / "demo", "--unconnected") as started:
        assert "Nothing is connected by itself" in started.said
        site = started.site_url
        log_in(page, site)
        connect(page, site, started.sandbox_url)
        message = page.locator(".messages")
        expect(message).to_contain_text(f"“{COMPANY}” is connected. Nothing has been read yet.")

        message.get_by_role("button", name="Sync now").click()
        expect(page.locator(".messages")).to_contain_text(f"Sync of “{COMPANY}” started.")
        page.goto(f"{site}/admin/qbo/connected-apps/")
        page.get_by_role("link", name="Look at the plan").click()
        waits = page.get_by_role("heading", name="This plan waits for your approval")
        expect(waits).to_be_visible()
        page.get_by_role("button", name="Approve and apply").click()
        expect(page.locator(".messages")).to_contain_text("The plan is approved")

        page.goto(f"{site}/admin/qbo/connected-apps/")
        card = page.locator(".qbo-card")
        expect(card.get_by_role("link", name="What it did")).to_be_visible()
        expect(page.get_by_role("progressbar")).to_have_count(0)
        expect(card).to_contain_text(re.compile(r"Mapped\s+184\b"), use_inner_text=True)

        page.goto(f"{site}/admin/qbo/customers/?status=mapped")
        row = page.locator("table.listing tbody tr").first
        expect(row).to_contain_text("Mapped")
        client = row.locator("a[href*='/edit/']")
        name = client.inner_text()
        client.click()
        expect(page.locator("input[name=name]")).to_have_value(name)
        assert started.press_ctrl_c() == 0
        assert started.processes() == []
        assert "Ended." in started.said


def test_it_connects_and_syncs_by_itself(page: Page, tmp_path: Path) -> None:
    with running(tmp_path / "demo") as started:
        site = started.site_url
        assert f"{COMPANY}, customers in QuickBooks" in started.said
        assert re.search(r"mapped: name and e-mail are those of a client +184\n", started.said)
        assert f"The site        {site}/admin/\n" in started.said
        assert "log in as partner, admin or staff; the password of each is demo" in started.said
        log_in(page, site)
        page.goto(f"{site}/admin/qbo/connected-apps/")
        expect(page.locator(".qbo-card")).to_contain_text(
            re.compile(r"Mapped\s+184\b"), use_inner_text=True
        )
        assert started.press_ctrl_c() == 0
        assert started.processes() == []


def test_edits_travel_both_ways_by_themselves(page: Page, tmp_path: Path) -> None:
    """Nobody asks for a sync, and no visit does while the last one is fresh."""
    with running(tmp_path / "demo") as started:
        log_in(page, started.site_url)
        page.goto(f"{started.site_url}/admin/qbo/customers/?status=mapped")
        client = page.locator("table.listing tbody tr").first.locator("a[href*='/edit/']")
        name, on_site = client.inner_text(), f"{started.site_url}{client.get_attribute('href')}"
        in_quickbooks = address_in_quickbooks(page, started, name)

        edit(page, in_quickbooks, "617-555-0101")
        wait_for_phone(page, on_site, "617-555-0101")

        edit(page, on_site, "617-555-0102")
        wait_for_phone(page, in_quickbooks, "617-555-0102")

        stop_webhooks(page, started)
        page.goto(on_site)
        edit(page.context.new_page(), in_quickbooks, "617-555-0103")
        save(page, "617-555-0104")
        problems = f"{started.site_url}/admin/qbo/problems/"
        row = page.locator("table.listing tr").filter(has_text=name)
        wait_for(page, problems, lambda: row.count() == 1)
        expect(row).to_contain_text("Both sides were changed to different values.")
        assert phone_at(page, in_quickbooks) == "617-555-0103"
        assert phone_at(page, on_site) == "617-555-0104"

        page.goto(problems)
        row.get_by_role("link", name=name).first.click()
        page.get_by_role("radio", name="In QuickBooks").click()
        page.get_by_role("button", name="Save", exact=True).click()
        expect(page.locator(".messages")).to_contain_text("Settled for")
        wait_for_phone(page, on_site, "617-555-0103")
        assert phone_at(page, in_quickbooks) == "617-555-0103"
        page.goto(problems)
        expect(row).to_have_count(0)


def address_in_quickbooks(page: Page, started: Demo, name: str) -> str:
    """Where a user of QuickBooks edits this customer."""
    page.goto(f"{started.sandbox_url}/company/{demo.FIRM}")
    page.get_by_label("Search by name").fill(name)
    page.get_by_role("button", name="Search").click()
    page.get_by_role("link", name=name, exact=True).first.click()
    expect(page.get_by_role("heading", name=name)).to_be_visible()
    return page.url


def stop_webhooks(page: Page, started: Demo) -> None:
    """Nobody is told of edits in QuickBooks any more."""
    page.goto(f"{started.sandbox_url}/webhooks")
    page.get_by_label("Address").fill("")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_label("Address")).to_have_value("")


def edit(page: Page, address: str, phone: str) -> None:
    page.goto(address)
    save(page, phone)


def save(page: Page, phone: str) -> None:
    """In the form of either side, which leads elsewhere once it is saved."""
    page.get_by_label("Phone", exact=True).fill(phone)
    with page.expect_response(is_a_form_sent) as answer:
        page.get_by_role("button", name="Save", exact=True).click()
    assert answer.value.status == 302


def is_a_form_sent(response: Response) -> bool:
    request = response.request
    return request.method == "POST" and request.is_navigation_request()


def phone_at(page: Page, address: str) -> str:
    page.goto(address)
    return page.get_by_label("Phone", exact=True).input_value()


def wait_for_phone(page: Page, address: str, phone: str) -> None:
    wait_for(page, address, lambda: page.get_by_label("Phone", exact=True).input_value() == phone)


def wait_for(page: Page, address: str, is_so: Callable[[], bool]) -> None:
    """Open the page again and again until it is so."""
    deadline = time.monotonic() + PATIENCE
    page.goto(address)
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.2)
        page.goto(address)


def test_a_shell_alone_is_connected_and_leaves_nothing_behind(tmp_path: Path) -> None:
    shell = Demo(tmp_path / "demo", "--shell", typed="print('mapped:', Mapping.objects.count())")
    assert shell.wait() == 0, shell.said
    found = re.search(r"mapped: (\d+)", shell.said)
    assert found and int(found[1]) > 0, shell.said
    assert shell.processes() == []
