"""Which clients of the site a command is about."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandError
from django.db.models import QuerySet

from wagtail_qbo_sync.host.adapter import get_adapter
from wagtail_qbo_sync.sync.types_file.vocabulary import NoType, Types


def clients_of(kind: str) -> QuerySet[Any]:
    """All clients, or those of a Contact Type, by its name or key. Raises CommandError."""
    adapter = get_adapter()
    clients = adapter.queryset().order_by("pk")
    if not kind:
        return clients
    try:
        known = Types(adapter.contact_type_choices(), several=False).read(kind)
    except NoType as said:
        raise CommandError(str(said)) from said
    return clients.filter(adapter.contact_types.having(known))
