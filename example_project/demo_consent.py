"""The sandbox's consent page, answered without a browser."""

from __future__ import annotations

import urllib.error
import urllib.parse
import urllib.request
from html.parser import HTMLParser
from typing import Any


class _Companies(HTMLParser):
    """The realms that the consent page offers."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.realms: set[str] = set()
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = dict(attrs)
        if named.get("name") == "realm":
            self.realms.add(named.get("value") or "")


class _Stay(urllib.request.HTTPRedirectHandler):
    """Shows where a redirect leads instead of going there."""

    def redirect_request(self, *args: Any, **kwargs: Any) -> None:
        return None


def consent(authorize_url: str, realm: str) -> str:
    """Say yes to one company; the address that the browser is sent back to, "" if to none."""
    browser = urllib.request.build_opener(_Stay)
    with browser.open(authorize_url, timeout=30) as page:
        offered = _Companies(page.read().decode())
    if realm not in offered.realms:
        return ""
    form = urllib.parse.urlencode({"realm": realm}).encode()
    try:
        browser.open(authorize_url, data=form, timeout=30).close()
    except urllib.error.HTTPError as answer:
        with answer:
            return str(answer.headers.get("Location") or "")
    return ""
