"""What the panel on a client's page shows: a row for each company, and what can be done."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.contrib.admin.utils import quote
from django.forms import Media
from django.http import HttpRequest
from django.utils.functional import cached_property
from django.utils.translation import gettext as _
from wagtail.admin.staticfiles import versioned_static
from wagtail.admin.widgets.button import Button

from wagtail_qbo_sync.host.adapter import get_adapter
from wagtail_qbo_sync.sync.noticing.visits import visited
from wagtail_qbo_sync.sync.people.creation import Creation
from wagtail_qbo_sync.sync.records.client_status import ClientStatus
from wagtail_qbo_sync.sync.records.status import ConnectionState
from wagtail_qbo_sync.sync.telling.standings import Pair, Standing, last_pulled, standings

from .acts import post_attrs
from .base import conflict_url, may, url
from .client_acts import client_buttons
from .guard import QboFormMixin
from .labels import field_label
from .signs import Sign, company_sign, standing_sign
from .sync_line import ago
from .web_links import customer_url

LOOKS = 20_000
"""Milliseconds between two looks at whether a sync has written to the client."""


@dataclass(frozen=True, slots=True)
class Row:
    """The client in one company."""

    standing: Standing
    sign: Sign
    buttons: list[Button]

    @property
    def customer_url(self) -> str:
        """The customer in QuickBooks, "" for none."""
        if not self.standing.qbo_id:
            return ""
        return customer_url(self.standing.connection, self.standing.qbo_id)

    @property
    def customer_name(self) -> str:
        """As QuickBooks calls it; its number where the mirror was deleted."""
        customer = self.standing.customer
        return customer.path if customer else self.standing.qbo_id

    @property
    def differs(self) -> str:
        """Fields that differ and may not travel, by name (U2); "" for none."""
        return ", ".join(map(field_label, self.standing.differs))

    @property
    def trouble(self) -> Sign | None:
        """Why nothing travels at all, in this company."""
        state = self.standing.company
        return None if state is ConnectionState.CONNECTED else company_sign(state)

    @property
    def synced(self) -> str:
        """How long ago, of a pair that is synced at all."""
        synced_at = self.standing.connection.state.synced_at
        return ago(synced_at) if self.travels and synced_at else ""

    @property
    def travels(self) -> bool:
        """Whether what is saved here reaches QuickBooks, and the other way."""
        is_awake = self.standing.pair not in (Pair.INACTIVE, Pair.GONE)
        return self.standing.status == ClientStatus.MAPPED and is_awake and self.trouble is None


class ClientRecord:
    """One client for one person, beside the form in which it is edited."""

    looks = LOOKS

    def __init__(self, client: Any, request: HttpRequest, form: QboFormMixin) -> None:
        self.client, self.request, self.form = client, request, form
        self.is_stored = client is not None and client.pk is not None
        if self.is_stored:
            visited()  # whoever looks at a client (C3), also who is shown no panel

    @cached_property
    def is_shown(self) -> bool:
        """Not of a new client, nor to who may not view our side of it, or not this client."""
        user = self.request.user
        if not self.is_stored or not may(user, "view"):
            return False
        return bool(get_adapter().visible_keys(user, [self.client_pk]))

    @cached_property
    def rows(self) -> list[Row]:
        """One for each company."""
        return [
            Row(standing, standing_sign(standing), list(self._buttons(standing)))
            for standing in standings(self.client_pk)
        ]

    @property
    def writes_to_quickbooks(self) -> bool:
        return any(row.travels for row in self.rows)

    @property
    def is_behind(self) -> bool:
        """Whether a sync has written what the form does not show yet."""
        return self.form.is_behind

    @property
    def stamp(self) -> str:
        """What the page is compared with later on."""
        return stamp(self.client_pk)

    @property
    def client_pk(self) -> str:
        return str(self.client.pk)

    @property
    def news_url(self) -> str:
        return url("client_news", quote(self.client_pk))

    @property
    def media(self) -> Media:
        return Media(
            css={"all": [versioned_static("wagtail_qbo_sync/css/panel.css")]},
            js=[versioned_static("wagtail_qbo_sync/js/qbo-news.js")],
        )

    def _buttons(self, standing: Standing) -> Iterator[Button]:
        connection, user = standing.connection, self.request.user
        is_connected = standing.company is ConnectionState.CONNECTED
        is_read = is_connected and standing.status == ClientStatus.MAPPED
        if is_read and standing.customer and may(user, "sync"):
            attrs = post_attrs(url("sync_customer", standing.customer.pk))
            yield Button(_("Sync now"), icon_name="rotate", attrs=attrs)
        conflict = ""
        if standing.pair == Pair.CONFLICT and standing.customer:
            conflict = conflict_url(standing.customer.pk, self.request.path)
        yield from client_buttons(
            connection,
            self.client_pk,
            standing.status,
            user,
            self.request.path,
            creates=standing.creation == Creation.OFFERED,
            conflict=conflict,
        )


def stamp(client_pk: str) -> str:
    """An ETag that changes when a sync writes to the client."""
    return f'"{last_pulled(client_pk)}"'
