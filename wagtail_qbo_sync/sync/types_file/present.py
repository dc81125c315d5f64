"""Clients as they are now: whether a row's client still is as the row has seen it, and is
somebody's to change."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import AnonymousUser
from django.utils.translation import gettext_noop

from wagtail_qbo_sync.host.adapter import ClientRecord, get_adapter
from wagtail_qbo_sync.models import ImportBatch, ImportRow

from .compare import Verdict
from .rows import held
from .vocabulary import joined

CHANGED_SINCE = gettext_noop("Somebody has changed its Contact Type meanwhile, to “%(types)s”.")
NO_TYPE_SINCE = gettext_noop("Somebody has taken away its Contact Type meanwhile.")
GONE = gettext_noop("The client is no longer there.")
NO_RIGHT = gettext_noop(
    "Whoever confirmed it may not change Contact Types by file any more: that takes the rights to "
    "map customers and to change clients."
)
HIDDEN = gettext_noop("Whoever wants the change may not view this client.")


@dataclass(frozen=True, slots=True)
class Present:
    """Some clients, for the person on whose word they are changed."""

    records: Mapping[str, ClientRecord]
    seen: Set[str]
    """Those that the person may see."""
    labels: dict[str, str]
    """Of the site's Contact Types."""

    @classmethod
    def of(cls, pks: Set[str], user: Any) -> Present:
        adapter = get_adapter()
        records = {record.pk: record for record in adapter.records(pks)}
        return cls(records, visible(user, pks), dict(adapter.contact_type_choices()))

    def has(self, client_pk: str, types: Sequence[str]) -> bool:
        """Whether the person sees a client, and that it has these Contact Types."""
        record = self.records.get(client_pk) if client_pk in self.seen else None
        return record is not None and sorted(record.contact_types) == types

    def hinders(self, row: ImportRow) -> Verdict | None:
        """Why the row's client is left alone; None: nothing stands in the way."""
        record = self.records.get(row.client_pk)
        if record is None:
            return held(row, GONE)
        if row.client_pk not in self.seen:
            return held(row, HIDDEN)
        now = sorted(record.contact_types)
        if now == row.before:
            return None
        if not now:
            return held(row, NO_TYPE_SINCE)
        return held(row, CHANGED_SINCE, types=joined(now, self.labels))


def person(batch: ImportBatch, user: Any) -> Any:
    """On whose word: None for the command line, which sees all clients. Who has left sees none."""
    return user if user is not None or batch.by_command else AnonymousUser()


def may_import(user: Any) -> bool:
    """Whether a person may change Contact Types by file: who may change clients, and map. The
    command line (None) may."""
    if user is None:
        return True
    return user.has_perm("wagtail_qbo_sync.map_customer") and get_adapter().may_change(user)


def visible(user: Any, pks: Set[str]) -> Set[str]:
    """Those of these clients that a person may see; all for the command line (None)."""
    return pks if user is None else get_adapter().visible_keys(user, pks)
