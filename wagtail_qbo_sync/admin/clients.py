"""Clients as one person may see them: no name without a right (docs/reference/permissions.md)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet
from django.utils.translation import gettext as _
from wagtail.admin.admin_url_finder import AdminURLFinder

from wagtail_qbo_sync.compat import chunks
from wagtail_qbo_sync.host.adapter import ClientRecord, get_adapter

from .django_admin import change_url

CHUNK = 500
"""Clients that are looked up at a time: far below what databases take as parameters."""


@dataclass(frozen=True, slots=True)
class ShownClient:
    """One client for one person."""

    label: str
    url: str = ""
    """Address of its edit page; "" if there is none or the person may not edit."""
    may_see: bool = False
    """Whether the client's own values may be shown too."""


class Clients:
    """Looks up clients by key: four queries for a page, besides what the adapter prefetches."""

    def __init__(self, user: Any, pks: Iterable[str | None]) -> None:
        self.user = user
        self.adapter = get_adapter()
        self.found: dict[str, ShownClient] = {}
        self.there: set[str] = set()
        finder = AdminURLFinder(user)
        for keys in chunks(self.adapter.keys(filter(None, pks)), CHUNK):
            self._load(keys, finder)

    def show(self, pk: str | None, name: str = "") -> ShownClient | None:
        """The client, or None for no key. `name`: how it was called when it was still there."""
        if not pk:
            return None
        if pk in self.found:
            return self.found[pk]
        if pk in self.there:
            return ShownClient(_("A client you may not view"))
        # Nobody can say who might have seen a client that is gone, but a superuser sees all.
        if self.user.is_superuser and name:
            return ShownClient(_("%(name)s (deleted)") % {"name": name}, may_see=True)
        return ShownClient(_("A deleted client"), may_see=self.user.is_superuser)

    def _load(self, keys: list[Any], finder: AdminURLFinder) -> None:
        clients = self.adapter.queryset().filter(pk__in=keys)
        self.there.update(map(str, clients.values_list("pk", flat=True)))
        visible = {str(client.pk): client for client in self.adapter.visible_to(self.user, clients)}
        for record in self.adapter.records(visible):
            client = visible[record.pk]
            address = finder.get_edit_url(client) or change_url(client, self.user)
            self.found[record.pk] = ShownClient(record.label, address, may_see=True)


def visible(user: Any) -> QuerySet[Any]:
    """The clients that a person may see."""
    adapter = get_adapter()
    return adapter.visible_to(user, adapter.queryset())


def visible_record(user: Any, pk: str) -> ClientRecord | None:
    """A client that the person may see; None for any other, and for what is no key at all."""
    adapter = get_adapter()
    mine = next(iter(adapter.by_keys([pk])), None)
    if mine is None or not adapter.visible_to(user, mine).exists():
        return None
    return next(adapter.records([pk]), None)
