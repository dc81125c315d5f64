"""What people said and what is open, for one connection: read once for a plan."""

from __future__ import annotations

from collections.abc import Mapping as MappingType
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from wagtail_qbo_sync.contact import Value, values_from_json
from wagtail_qbo_sync.engine import plan as engine
from wagtail_qbo_sync.engine.match import CustomerKeys
from wagtail_qbo_sync.engine.merge import FirstLink
from wagtail_qbo_sync.models import Connection, Customer, Decision, Mapping, Outbox
from wagtail_qbo_sync.models.mirror import split_keys

from . import cases, outbox
from .field_maps import FieldMaps


@dataclass(frozen=True, slots=True)
class Pair:
    """What decides whether a mapping is worth a closer look."""

    client_pk: str
    """"" when the client was deleted."""
    asleep: str
    seen: str | None
    """Digest of the customer at the last agreement, under the adapter's present field map."""
    silent: dict[str, str]
    """Field -> the `Terms.stance` for which its difference was left standing (U2)."""
    archived: bool | None
    """Whether its client was archived by us; None: we never came to it (archive.py)."""


@dataclass(frozen=True, slots=True)
class Known:
    """By qbo_id and client pk; grows with the number of mappings and decisions only."""

    pairs: dict[str, Pair]
    asked: set[str]
    """Customers about whom a question is open."""
    excluded_customers: set[str]
    held: set[str]
    removed: set[tuple[str, str]]
    taken_clients: set[str]
    mapped_elsewhere: set[str]
    wants: dict[str, datetime]
    """Mapped clients that were changed on the site -> when that was noted last."""
    creates: dict[str, datetime]
    """Clients that were changed and may become customers -> when that was noted last."""
    under_way: set[str]
    """Clients of whom something is on its way to QuickBooks."""

    @classmethod
    def load(cls, connection: Connection, version: str) -> Known:
        """`version`: the adapter's; a pair of another one is worth a look."""
        mappings = Mapping.objects.filter(connection=connection).values_list(
            "qbo_id",
            "client_id",
            "client_pk",
            "asleep",
            "base__seen",
            "base__version",
            "base__silent",
            "base__archived",
        )
        pairs = {
            qbo_id: Pair(
                client_pk if client is not None else "",
                asleep,
                seen if of == version else None,
                silent or {},
                archived,
            )
            for qbo_id, client, client_pk, asleep, seen, of, silent, archived in mappings.iterator()
        }
        said: dict[str, set[tuple[str, str]]] = {kind: set() for kind in Decision.Kind.values}
        decisions = connection.decisions.exclude(kind__in=Decision.NO_NO)
        for kind, qbo_id, client_pk in decisions.values_list("kind", "qbo_id", "client_pk"):
            said[kind].add((qbo_id, client_pk))
        excluded_clients = {pk for _, pk in said[Decision.Kind.EXCLUDE_CLIENT]}
        wants: dict[str, dict[str, datetime]] = {kind: {} for kind in Outbox.Kind.values}
        hints = outbox.ready(connection).values_list("kind", "client_pk", "wanted_at")
        for kind, client_pk, wanted_at in hints:
            wants[kind][client_pk] = wanted_at
        elsewhere = Mapping.objects.exclude(connection=connection).filter(client__isnull=False)
        return cls(
            pairs=pairs,
            asked=cases.asked_about(connection),
            excluded_customers={qbo_id for qbo_id, _ in said[Decision.Kind.EXCLUDE_CUSTOMER]},
            held={qbo_id for qbo_id, _ in said[Decision.Kind.CLIENT_DELETED]},
            removed=said[Decision.Kind.REMOVED_MATCH],
            taken_clients=excluded_clients | {pair.client_pk for pair in pairs.values()},
            mapped_elsewhere=set(elsewhere.values_list("client_pk", flat=True)),
            wants=wants[Outbox.Kind.UPDATE],
            creates=wants[Outbox.Kind.CREATE],
            under_way=set(outbox.on_the_way(connection).values_list("client_pk", flat=True)),
        )

    def keys_of(
        self, qbo_id: str, standing: str, match_keys: str, *, matchable: bool
    ) -> CustomerKeys:
        """What the matching rules see of a customer; `matchable`: as far as its standing goes."""
        name, emails = split_keys(match_keys)
        return CustomerKeys(
            qbo_id,
            name,
            emails,
            is_sub=standing == Customer.Standing.SUB,
            held=qbo_id in self.held,
            matchable=matchable
            and qbo_id not in self.pairs
            and qbo_id not in self.excluded_customers,
        )

    def link(self, client_pk: str) -> FirstLink:
        """C13: only a client's first mapping is overwritten from QuickBooks, and not where a
        change of the client led to it (K14)."""
        if client_pk in self.mapped_elsewhere or client_pk in self.creates:
            return FirstLink.FILL_BLANKS
        return FirstLink.FROM_QBO


def stored_base(
    mapping: Mapping,
    link: FirstLink,
    replaced: MappingType[str, Value],
    maps: FieldMaps,
    rewritten: engine.Rewritten,
) -> engine.Base:
    """A mapping's base, as the engine takes it; `link` counts until it is linked.

    `replaced`: field -> what our last write to the client replaced. A field that is kept
    elsewhere since then has no base: it is linked by itself (C13).
    """
    base = mapping.base
    linked = "seen" in base
    moved = maps.changed_since(base.get("version", ""))

    def still(part: str) -> dict[str, Any]:
        return {name: was for name, was in base.get(part, {}).items() if name not in moved}

    return engine.Base(
        site=values_from_json(still("site")),
        qbo=values_from_json(still("qbo")),
        replaced={name: was for name, was in replaced.items() if name not in moved},
        silent=still("silent"),
        settled=base.get("settled", ""),
        rewritten=rewritten,
        link=FirstLink(base.get("link", link)),
        linked=linked,
        by_hand=not linked,
    )


def to_be_merged(base: dict[str, Any]) -> dict[str, Any]:
    """The same base, of a pair that the next cycle has to look at."""
    return {**base, "seen": ""} if "seen" in base else base
