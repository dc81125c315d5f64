"""Who changed what and when, of a pair in conflict: as far as logs and journal tell. Reads only."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib.contenttypes.models import ContentType
from wagtail.models import ModelLogEntry

from wagtail_qbo_sync.host.adapter import get_adapter
from wagtail_qbo_sync.models import Change, Connection
from wagtail_qbo_sync.sync.people.conflicts import Standing

CHANGES = 50
"""Entries of the journal that are looked through, the latest."""
EDITED = ("wagtail.edit", "wagtail.create")


@dataclass(frozen=True, slots=True)
class Origin:
    """Where one field of a pair comes from; None where nobody knows."""

    agreed_at: datetime | None = None
    """When the two sides were last made to say the same."""
    site_at: datetime | None = None
    site_by: Any = None
    """The user who edited the client last."""
    site_from: Connection | None = None
    """The other company whose customer was written to the client."""


def origins(standing: Standing) -> dict[str, Origin]:
    """Field -> where it comes from. Three queries at most."""
    mapping = standing.mapping
    found = Change.objects.filter(client_pk=mapping.client_pk).select_related("connection", "actor")
    changes = list(found.order_by("-at", "-pk")[:CHANGES])
    edit = _latest_edit(mapping.client_pk)
    return {name: _origin(mapping.connection_id, name, changes, edit) for name in standing.fields}


def _origin(
    connection_id: int, name: str, changes: Iterable[Change], edit: ModelLogEntry | None
) -> Origin:
    about = [change for change in changes if name in change.values]
    here = [change for change in about if change.connection_id == connection_id]
    elsewhere = [
        change
        for change in about
        if change.connection_id != connection_id and change.side == Change.Side.SITE
    ]
    agreed_at = here[0].at if here else None
    since = [change for change in elsewhere if agreed_at is None or change.at > agreed_at]
    if since and (edit is None or since[0].at > edit.timestamp):
        return Origin(agreed_at, since[0].at, since[0].actor, since[0].connection)
    if edit is not None and (agreed_at is None or edit.timestamp > agreed_at):
        return Origin(agreed_at, edit.timestamp, edit.user)
    return Origin(agreed_at)


def _latest_edit(client_pk: str) -> ModelLogEntry | None:
    """What Wagtail's log knows of the client's own form."""
    model = ContentType.objects.get_for_model(get_adapter().model, for_concrete_model=False)
    entries = ModelLogEntry.objects.filter(
        content_type=model, object_id=client_pk, action__in=EDITED
    )
    return entries.select_related("user").order_by("-timestamp").first()
