"""What people set for a company: which way values travel, and who wins (U2, U4)."""

from __future__ import annotations

from collections.abc import Iterable

from wagtail_qbo_sync.contact import fields_of
from wagtail_qbo_sync.engine.merge import Direction, OnConflict, Terms
from wagtail_qbo_sync.host.adapter import ClientRecord, get_adapter
from wagtail_qbo_sync.models import Connection


def terms_of(connection: Connection, fields: Iterable[str]) -> Terms:
    """The terms of these fields."""
    own = connection.field_directions
    return Terms(
        {name: Direction(own.get(name, connection.direction)) for name in fields},
        OnConflict(connection.on_conflict),
    )


def pushed_fields(connection: Connection) -> frozenset[str]:
    """The fields that travel from the site to this company."""
    directions = terms_of(connection, fields_of(get_adapter().paths)).directions
    return frozenset(name for name, way in directions.items() if way != Direction.PULL_ONLY)


def pulled_fields(connection: Connection) -> frozenset[str]:
    """The fields that travel from this company to the site."""
    directions = terms_of(connection, fields_of(get_adapter().paths)).directions
    return frozenset(name for name, way in directions.items() if way != Direction.PUSH_ONLY)


def can_create(connection: Connection) -> bool:
    """Whether a customer can be made there of a client: a customer needs a name (U2)."""
    return "name" in pushed_fields(connection)


def is_pushed(connection: Connection, record: ClientRecord) -> bool:
    """K12; of several types one is enough."""
    return not set(connection.pushed_types).isdisjoint(record.contact_types)
