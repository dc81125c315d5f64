"""The acts upon a client in the menu of its row, in the host's own listing (C14, C16)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from django.apps import apps
from django.urls import reverse
from wagtail.admin.widgets.button import Button

from wagtail_qbo_sync import conf
from wagtail_qbo_sync.host.adapter import get_adapter
from wagtail_qbo_sync.models import Connection
from wagtail_qbo_sync.sync.records.client_status import ClientStatus, client_statuses

from .base import may
from .client_acts import Offers, client_buttons
from .clients import visible

AFTER = 100
"""Wagtail sorts by priority; its own acts upon a row end at 30."""
LISTED = "_qbo_listed"
"""An attribute of rows in a listing of ours, which sees to their buttons itself."""
KNOWN = "_qbo_statuses"
"""The attribute of a request's user that keeps what all rows of its page need."""


def connected() -> list[Connection]:
    """The companies that clients stand somewhere in."""
    companies = Connection.objects.filter(disconnected_at=None).select_related("state")
    return list(companies.order_by("company_name", "pk"))


def row_buttons(
    client: Any,
    companies: Sequence[Connection],
    status_in: Callable[[Any, Connection], ClientStatus],
    offers: Offers,
    user: Any,
    next_url: str,
) -> list[Button]:
    """What fits the client in each company, which is named where there are several."""
    buttons: list[Button] = []
    pk = str(client.pk)
    for company in companies:
        status = status_in(client, company)
        creates = offers.creates(company, pk, status)
        conflict = offers.conflict(company, pk, status, next_url)
        for button in client_buttons(
            company, pk, status, user, next_url, creates=creates, conflict=conflict
        ):
            if len(companies) > 1:
                button.label = f"{button.label} ({company})"
            button.priority = AFTER + len(buttons)
            buttons.append(button)
    return buttons


def snippet_buttons(client: Any, user: Any) -> list[Button]:
    """The same where Wagtail asks about one snippet after another, knowing of no page."""
    if not isinstance(client, apps.get_model(conf.client_model())) or hasattr(client, LISTED):
        return []
    if not may(user, "map"):
        return []
    if not hasattr(user, KNOWN):
        setattr(user, KNOWN, KnownStatuses())
    known: KnownStatuses = getattr(user, KNOWN)
    if not known.sees(user, client):
        return []
    listing = reverse(type(client).snippet_viewset.get_url_name("list"))
    return row_buttons(client, known.companies, known.status_in, known.offers, user, listing)


class KnownStatuses:
    """Where all clients stand, for one request. Six queries, however many rows ask, and one more
    where the host says which clients a person may see."""

    visible: set[str] | None = None

    def __init__(self) -> None:
        self.companies = connected()
        self.statuses = client_statuses(self.companies)
        self.offers = Offers(self.companies)

    def sees(self, user: Any, client: Any) -> bool:
        """Whether our acts upon the client are open to the person who is shown its row."""
        adapter = get_adapter()
        if not adapter.narrows:
            return adapter.may_list(user)
        if self.visible is None:
            self.visible = set(map(str, visible(user).values_list("pk", flat=True)))
        return str(client.pk) in self.visible

    def status_in(self, client: Any, company: Connection) -> ClientStatus:
        return self.statuses.get((company.pk, str(client.pk)), ClientStatus.UNMAPPED)
