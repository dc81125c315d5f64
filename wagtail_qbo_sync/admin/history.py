"""What people decided about one record, and what was written for it: the latest first."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.contrib.contenttypes.models import ContentType
from django.db.models import Q
from django.utils.http import urlencode
from django.utils.translation import gettext
from wagtail.models import ModelLogEntry

from wagtail_qbo_sync.models import Change, Connection, Customer, Run

from .base import may, url
from .clients import Clients
from .labels import field_label
from .words import told_change

ENTRIES = 50
"""How many of either are shown."""


class History:
    """Of a customer (`qbo_id=`) or a client (`client_pk=`) in one company.

    `clients` of `show` must know the clients of `client_pks`.
    """

    def __init__(self, connection: Connection, **about: str) -> None:
        entries = ModelLogEntry.objects.filter(
            content_type=ContentType.objects.get_for_model(Connection),
            object_id=str(connection.pk),
            **{f"data__{key}": value for key, value in about.items()},
        )
        changes = Change.objects.filter(Q(connection=connection, **about)).select_related("run")
        self.connection = connection
        self.said = list(entries.select_related("user").order_by("-timestamp", "-pk")[:ENTRIES])
        self.changes = list(changes.order_by("-at", "-pk")[: ENTRIES + 1])

    @property
    def client_pks(self) -> list[str]:
        """The clients that are named."""
        said = (entry.data.get("client_pk", "") for entry in self.said)
        return [*said, *(change.client_pk for change in self.changes)]

    def show(self, clients: Clients) -> dict[str, Any]:
        """For `manage/history.html`, with the clients as one person may see them."""
        held = {entry.data.get("qbo_id") for entry in self.said}
        rows = Customer.objects.filter(connection=self.connection, qbo_id__in=held - {None})
        customers = {customer.qbo_id: customer for customer in rows}
        return {
            "said": [
                {
                    "at": entry.timestamp,
                    "by": entry.user_display_name,
                    "what": entry.message,
                    "customer": customers.get(entry.data.get("qbo_id")),
                    "client": clients.show(entry.data.get("client_pk")),
                }
                for entry in self.said
            ],
            "changes": [
                {
                    "change": change,
                    "client": clients.show(change.client_pk),
                    "told": told_change(change, clients),
                    "run_url": url("run", change.run_id) if change.run_id else "",
                    "undo": list(_undo(change, clients.user)),
                }
                for change in self.changes[:ENTRIES]
            ],
            "has_more_changes": len(self.changes) > ENTRIES,
        }


def _undo(change: Change, user: Any) -> Iterator[tuple[str, str]]:
    """(field for people, where it is taken back by POST) of what an entry overwrote, or of the
    customer that it created (U5)."""
    run = change.run
    if run is None or run.state not in (Run.State.DONE, Run.State.FAILED) or not may(user, "sync"):
        return
    for name, (before, _after) in change.values.items():
        if before is not None:
            about = urlencode({"qbo_id": change.qbo_id, "field": name})
            yield field_label(name), f"{url('run_undo', run.pk)}?{about}"
    if change.side == Change.Side.QBO and None in (before for before, _ in change.values.values()):
        about = urlencode({"qbo_id": change.qbo_id})
        yield gettext("creation"), f"{url('run_undo', run.pk)}?{about}"
