"""Customers, clients and companies with hostile names, on every page and in every download.

tests/browser/test_hostile_names.py looks at the same pages in a browser.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from html.parser import HTMLParser
from typing import Any

import pytest
from crm.models import Client
from django.core import mail
from django.test import Client as Browser
from openpyxl import load_workbook

from tests import factories, screens
from tests.hostile import FORMULAS, poison
from wagtail_qbo_sync.admin.base import CUSTOMERS
from wagtail_qbo_sync.host.adapter import get_adapter
from wagtail_qbo_sync.models import Case, Connection
from wagtail_qbo_sync.sync.telling import alerts
from wagtail_qbo_sync.sync.types_file.columns import export, is_formula

from .walk import answers

MARKUP = "\"'><x-evil onx-evil=\"1\" onx-evil='1'></td></script><script>x_evil()</script>\u202e "


class Reader(HTMLParser):
    """A browser's view of a page: what of it is markup, and what a script would run."""

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.evil: list[str] = []
        self.shown = 0
        self._script = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "x-evil" or any("x-evil" in name for name, _ in attrs):
            self.evil.append(f"<{tag} {attrs!r:.200}>")
        texts = [(name, str(text)) for name, text in attrs]
        scripts = [text for name, text in texts if name.startswith("on") and "x_evil" in text]
        links = [text for name, text in texts if name in ("href", "src", "action")]
        self.evil += scripts + [each for each in links if "javascript:" in each.lower()]
        self._script = (dict(attrs).get("type") or "js") if tag == "script" else ""

    def handle_endtag(self, tag: str) -> None:
        self._script = ""

    def handle_data(self, data: str) -> None:
        if "x_evil()" in data:
            self.shown += 1
            if self._script and "json" not in self._script:
                self.evil.append(f"script: {data[:200]}")


def test_no_page_and_no_message_takes_a_name_for_markup(
    browser: Browser, company: Connection
) -> None:
    shown = screens.furnish(company)
    poison(MARKUP)
    evil, seen = {}, 0
    for name, response in answers(browser, shown, MARKUP):
        if response.status_code == 200 and response["Content-Type"].startswith("text/html"):
            page = Reader(response.content.decode())
            seen += page.shown
            if page.evil:
                evil[name] = page.evil
    assert evil == {}
    assert seen > 500


# Downloads ---------------------------------------------------------------------------------------


def cells(response: Any) -> Iterator[tuple[Any, bool]]:
    """(value, whether the program would calculate it) of each cell of a download."""
    content = b"".join(response.streaming_content) if response.streaming else response.content
    yield from cells_of(content)


def cells_of(content: bytes) -> Iterator[tuple[Any, bool]]:
    if content.startswith(b"PK"):
        for row in load_workbook(io.BytesIO(content)).worksheets[0].iter_rows():
            for cell in row:
                yield cell.value, cell.data_type == "f" or cell.hyperlink is not None
    else:
        for line in csv.reader(io.StringIO(content.decode("utf-8-sig"), newline="")):
            yield from ((text, is_formula(text)) for text in line)


def is_download(response: Any) -> bool:
    return response.status_code == 200 and "attachment" in response.get("Content-Disposition", "")


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
def test_no_download_holds_a_formula(kind: str, browser: Browser, company: Connection) -> None:
    shown = screens.furnish(company)
    poison(*FORMULAS)
    found = {}
    for name, address in {**shown.addresses(), **shown.pages_of_the_host()}.items():
        response = browser.get(address, {"export": kind})
        if is_download(response):
            assert "\n" not in response["Content-Disposition"]
            found[name] = list(cells(response))
    ours = {name: each for name, each in found.items() if not name.startswith("site ")}
    assert {f"{CUSTOMERS}:index", f"{screens.OURS}:clients", f"{screens.OURS}:run"} <= {*ours}
    assert {
        name: [value for value, runs in each if runs]
        for name, each in ours.items()
        if any(runs for _value, runs in each)
    } == {}
    texts = [value for each in ours.values() for value, _ in each if isinstance(value, str)]
    assert sum("HYPERLINK" in text for text in texts) > 5


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
def test_the_types_file_holds_no_formula(kind: str, company: Connection) -> None:
    screens.furnish(company)
    poison(*FORMULAS)
    pks = [str(pk) for pk in Client.objects.values_list("pk", flat=True)]
    found = list(cells_of(export(get_adapter(), pks, kind)))
    assert [value for value, runs in found if runs] == []
    assert len(found) > 4 * len(pks)


# E-mail ------------------------------------------------------------------------------------------


def test_a_companys_name_adds_no_header_and_no_line_to_a_mail(company: Connection) -> None:
    """QuickBooks gives the name."""
    name = "Harbor\r\nBcc: evil@x.example\n\nYour login ended: http://evil.example\u2028<b>now</b>"
    may_connect = "wagtail_qbo_sync.connect_connection"
    person = factories.user(may_connect, email="partner@firm.example")
    Connection.objects.filter(pk=company.pk).update(company_name=name, connected_by=person)
    factories.case(company, Case.Kind.REFUSED, "1")
    alerts.send_all()
    [sent] = mail.outbox
    assert sent.recipients() == ["partner@firm.example"]
    assert not {"Bcc", "bcc"} & {*sent.message().keys()}
    assert [line for line in sent.body.splitlines() if line.startswith(("Bcc", "Your"))] == []
    assert sent.content_subtype == "plain"
