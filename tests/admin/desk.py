"""What a person who maps does on our screens, told in short sentences."""

from __future__ import annotations

import re
from dataclasses import dataclass
from html import unescape
from typing import Any

from crm.models import Client
from django.test import Client as Browser
from django.urls import reverse
from django.utils.html import strip_tags

from tests.sync.firm import Firm
from wagtail_qbo_sync.admin.base import url
from wagtail_qbo_sync.admin.client_acts import client_url
from wagtail_qbo_sync.models import Customer
from wagtail_qbo_sync.sync.records.status import with_status


@dataclass
class Desk:
    """A browser, and the firm it works for."""

    browser: Browser
    firm: Firm
    came_from: str
    last: str = ""
    """The messages that were shown last, as HTML."""

    def customer(self, qbo_id: str) -> Any:
        customers = with_status(Customer.objects.filter(connection=self.firm.connection))
        return customers.get(qbo_id=qbo_id)

    def status(self, qbo_id: str) -> str:
        return str(self.customer(qbo_id).status)

    def address(self, act: str, qbo_id: str) -> str:
        return url(f"customer_{act}", self.customer(qbo_id).pk)

    def does(self, act: str, qbo_id: str, **data: str) -> str:
        """Asks for an act from the listing; the words that are shown there afterwards."""
        return self.posts(self.address(act, qbo_id), **data)

    def does_to(self, act: str, client: Client, **data: str) -> str:
        """The same for an act upon a client."""
        return self.posts(self.client_address(act, client), **data)

    def client_address(self, act: str, client: Client) -> str:
        return client_url(f"client_{act}", self.firm.connection, str(client.pk))

    def posts(self, address: str, **data: str) -> str:
        """Asks for something from the listing; the words that are shown there afterwards."""
        response = self.browser.post(address, {"next": self.came_from, **data})
        assert response.status_code == 302
        assert response.headers["Location"] == self.came_from
        return self.said()

    def said(self) -> str:
        """The messages that wait for this person."""
        return words(self.messages())

    def messages(self) -> str:
        page = self.browser.get(url("connections")).content.decode()
        found = re.search(r'<div\s+class="messages".*?</ul>', page, re.DOTALL)
        self.last = found.group() if found else ""
        return self.last

    def undoes(self) -> str:
        """Presses Undo in the message that was shown last."""
        address = re.search(r'data-w-action-url-value="([^"]+)"', self.last)
        assert address is not None
        self.browser.post(address.group(1), {"next": self.came_from})
        return self.said()

    def offered(self, qbo_id: str) -> list[str]:
        """The labels of the row's menu, in order."""
        name = self.customer(qbo_id).display_name
        page = self.browser.get(reverse("wagtail_qbo_sync_customers:index"), {"q": name})
        return menu(page.content.decode())


def words(html: str) -> str:
    """The text of some HTML."""
    return " ".join(unescape(strip_tags(html)).split())


def menu(page: str) -> list[str]:
    """The labels of the first row's menu."""
    row = re.search(r"<tbody>.*?</tr>", page, re.DOTALL)
    assert row is not None
    found = re.search(r'data-w-dropdown-target="content".*?</div>\s*</div>', row.group(), re.DOTALL)
    if found is None:
        return []
    items = re.finditer(r"<(a|button)\b.*?</\1>", found.group(), re.DOTALL)
    return [words(item.group()) for item in items]
