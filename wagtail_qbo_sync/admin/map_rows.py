"""The rows of Map customers: what is chosen for each, and which clients are offered (C9)."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.utils.translation import gettext, pgettext
from wagtail.admin.utils import get_user_display_name

from wagtail_qbo_sync.host.adapter import get_adapter
from wagtail_qbo_sync.models import Connection, Customer
from wagtail_qbo_sync.sync.bulk.drafts import Do, Draft, drafts_of
from wagtail_qbo_sync.sync.records.client_status import taken_by
from wagtail_qbo_sync.sync.records.status import CustomerStatus
from wagtail_qbo_sync.sync.telling.suggest import Suggestion, suggestions

from .clients import Clients, ShownClient, visible
from .reviews import resolve_url

FOUND = 20
"""Clients that a search answers with; more are found by typing more."""

Option = tuple[str, str, str, int]
"""A client to choose: key, name, what is said of it, and 1 if it cannot be chosen."""


@dataclass(frozen=True, slots=True)
class MapRow:
    """One customer, and the field beside it."""

    customer: Any
    chosen: str = ""
    """What stands in the field, as `Do` and the client's key: "map:17"; "" for nothing."""
    text: str = ""
    note: str = ""
    version: str = ""
    """Of the choice that stands, "" where nobody has chosen (`drafts.save`)."""
    options: list[Option] = field(default_factory=list)

    @property
    def offered(self) -> str:
        """The suggestions, as the page's script reads them."""
        return json.dumps(self.options, ensure_ascii=False, separators=(",", ":"))

    @property
    def about(self) -> str:
        """What tells customers of one name apart."""
        contact = self.customer.record["contact"]
        return about(contact.get("email", ""), contact.get("phone", ""))

    @property
    def path(self) -> str:
        """Where a sub-customer stands, "" for others."""
        path: str = self.customer.path
        return "" if path == self.customer.display_name else path

    @property
    def review_url(self) -> str:
        """Where the clients that it is like stand side by side, "" if it is like none (K6)."""
        if self.customer.status != CustomerStatus.REVIEW:
            return ""
        return resolve_url(customer=self.customer.pk, company=self.customer.connection_id)


def map_rows(connection: Connection, customers: Sequence[Any], user: Any) -> dict[str, MapRow]:
    """qbo_id -> row, for a page of customers; in a constant number of queries."""
    offered = suggestions(connection, customers)
    drafts = drafts_of(connection, [customer.qbo_id for customer in customers])
    chosen = [draft.client_pk for draft in drafts.values()]
    clients = Clients(
        user, [*chosen, *(one.client_pk for each in offered.values() for one in each)]
    )
    return {
        customer.qbo_id: _row(
            customer, drafts.get(customer.qbo_id), offered[customer.qbo_id], clients
        )
        for customer in customers
    }


def _row(
    customer: Customer, draft: Draft | None, offered: Iterable[Suggestion], clients: Clients
) -> MapRow:
    """The choice that stands, else the client of exactly its name (C9)."""
    seen = [(one, client) for one in offered if (client := _shown(one.client_pk, clients))]
    options = [(one.client_pk, client.label, comma(one.why), 0) for one, client in seen]
    if draft is not None:
        chosen, text = f"{draft.do}:{draft.client_pk}", text_of(draft, clients)
        return MapRow(customer, chosen, text, note_of(draft), draft.version, options)
    for one, client in seen:
        if one.exact:
            chosen = f"{Do.MAP}:{one.client_pk}"
            return MapRow(customer, chosen, client.label, gettext("Exact name"), "", options)
    return MapRow(customer, options=options)


def _shown(pk: str, clients: Clients) -> ShownClient | None:
    """A client that this person may see."""
    client = clients.show(pk)
    return client if client and client.may_see else None


def standing(draft: Draft, user: Any) -> dict[str, str]:
    """A choice that stands, for the page's script."""
    clients = Clients(user, [draft.client_pk])
    return {
        "chosen": f"{draft.do}:{draft.client_pk}",
        "text": text_of(draft, clients),
        "note": note_of(draft),
        "version": draft.version,
    }


def text_of(draft: Draft, clients: Clients) -> str:
    """What was chosen, in words: the client's name, or what else is to be done."""
    client = clients.show(draft.client_pk)
    return client.label if client else str(draft.do.label)


def note_of(draft: Draft) -> str:
    """Whose choice it is."""
    if draft.by_default:
        return gettext("Default value")
    return gettext("Chosen by %s") % who(draft) if draft.by else gettext("Chosen")


def who(draft: Draft) -> str:
    """Who chose, by name."""
    return str(get_user_display_name(draft.by)) if draft.by else gettext("Somebody")


def found(connection: Connection, text: str, user: Any) -> list[Option]:
    """The first clients that match, as far as this person may see them."""
    adapter = get_adapter()
    matches = adapter.search(text, FOUND, within=visible(user))
    pks = [str(pk) for pk in matches.values_list("pk", flat=True)]
    records = {record.pk: record for record in adapter.records(pks)}
    taken, excluded = taken_by(connection, pks)

    def option(pk: str) -> Option:
        record = records[pk]
        if pk in taken:
            return pk, record.label, gettext("already mapped to “%s”") % taken[pk], 1
        if pk in excluded:
            return pk, record.label, gettext("excluded from mapping"), 1
        return pk, record.label, about(record.contact.email, record.contact.phone), 0

    return [option(pk) for pk in pks if pk in records]  # else deleted this very moment


def about(*values: str) -> str:
    """What is known besides the name."""
    return comma(filter(None, values))


def comma(texts: Iterable[str]) -> str:
    """Texts in a row."""
    return pgettext("between reasons", ", ").join(texts)
