"""What a person can decide about one client in one company: which acts fit, and doing them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Any

from django.contrib.admin.utils import quote
from django.http import HttpRequest
from django.utils.functional import cached_property
from django.utils.http import urlencode
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from wagtail.admin.widgets.button import Button

from wagtail_qbo_sync.host.adapter import ClientRecord
from wagtail_qbo_sync.models import Connection
from wagtail_qbo_sync.sync.people import creation, exclusion
from wagtail_qbo_sync.sync.records.client_status import ClientStatus, in_conflict

from .acts import Act, carry_out, post_attrs
from .base import conflict_url, may, url

Status = ClientStatus
CLIENT_ACTS: dict[str, Act] = {
    "exclude": Act(
        exclusion.exclude_client,
        _("“%(client)s” is excluded from mapping."),
        _("Exclude from mapping"),
        "circle-xmark",
        undo="include",
    ),
    "include": Act(
        exclusion.include_client,
        _("“%(client)s” is included again."),
        _("Include again"),
        "resubmit",
        undo="exclude",
    ),
    "create": Act(
        creation.create_customer,
        _("A customer is made of “%(client)s” in QuickBooks."),
        _("Create in QuickBooks"),
        "upload",
        undo="cancel_creation",
        writes=True,
    ),
    "cancel_creation": Act(
        creation.cancel_creation, _("No customer is made of “%(client)s” in QuickBooks.")
    ),
    "disconnect": Act(
        exclusion.disconnect_client,
        _("“%(client)s” is disconnected. Its mapping is kept, and nothing of it is synced."),
        _("Disconnect"),
        "circle-xmark",
        undo="reconnect",
    ),
    "reconnect": Act(
        exclusion.reconnect_client,
        _("“%(client)s” is connected again."),
        _("Connect again"),
        "arrow-right-full",
        undo="disconnect",
    ),
}
FITTING: dict[str, tuple[str, ...]] = {
    Status.MAPPED: ("map", "disconnect"),
    Status.DISCONNECTED: ("reconnect", "map"),
    Status.UNMAPPED: ("map", "create", "exclude"),
    Status.EXCLUDED: ("include",),
}
"""Where a client stands -> the acts that make sense; "map" stands for choosing a customer,
"create" holds where `Offers` says so."""


class Offers:
    """What else fits clients, of `pks` or of all, in these companies: of whom a customer can be
    made, and whose conflict can be settled.

    Two queries, once it is asked about a client that stands alone; one for those in a pair.
    """

    def __init__(self, companies: Sequence[Connection], pks: Collection[str] | None = None) -> None:
        self.companies = companies
        self.pks = pks

    @cached_property
    def waiting(self) -> set[tuple[int, str]]:
        return creation.waiting(self.companies, self.pks)

    @cached_property
    def in_conflict(self) -> dict[tuple[int, str], int]:
        return in_conflict(self.companies, self.pks)

    def conflict(self, connection: Connection, pk: str, status: str, next_url: str) -> str:
        """Where its conflict is settled, "" if there is none."""
        customer = self.in_conflict.get((connection.pk, pk)) if status == Status.MAPPED else None
        return conflict_url(customer, next_url) if customer else ""

    def creates(self, connection: Connection, pk: str, status: str) -> bool:
        """`connection` must come with its state."""
        if status != Status.UNMAPPED or not creation.is_offered(connection):
            return False
        return (connection.pk, pk) not in self.waiting


def client_url(name: str, connection: Connection, pk: str) -> str:
    """Address of an act ("client_exclude") or a screen upon one client in one company."""
    return url(name, connection.pk, quote(pk))


def client_map_url(connection: Connection, pk: str, next_url: str) -> str:
    """The page on which a customer is chosen for a client; it leads back to `next_url`."""
    return f"{client_url('client_map', connection, pk)}?{urlencode({'next': next_url})}"


def client_buttons(
    connection: Connection,
    pk: str,
    status: str,
    user: Any,
    next_url: str,
    *,
    creates: bool,
    conflict: str,
) -> list[Button]:
    """What fits a client that the person may see, for a menu.

    `creates` and `conflict`: whether a customer can be made of it, and where its conflict is
    settled (`Offers`).
    """
    names = [name for name in FITTING[status] if name != "create" or creates]
    deciding = _deciding(connection, pk, names, status, next_url) if may(user, "map") else []
    if conflict and may(user, "map"):
        settle = Button(gettext("Settle the conflict"), url=conflict, icon_name="warning")
        deciding = [settle, *deciding]
    address = client_url("why_client", connection, pk)
    why = Button(gettext("Why?"), url=address, icon_name="info-circle")
    buttons = [*deciding, *([why] if may(user, "view") else [])]
    for place, button in enumerate(buttons):
        button.priority = place  # Wagtail sorts by it, and would sort by label
    return buttons


def _deciding(
    connection: Connection, pk: str, names: Iterable[str], status: str, next_url: str
) -> list[Button]:
    buttons = []
    for name in names:
        if name == "map":
            is_free = status == Status.UNMAPPED
            label = gettext("Map to customer…") if is_free else gettext("Map to another customer…")
            address = client_map_url(connection, pk, next_url)
            buttons.append(Button(label, url=address, icon_name="arrow-right-full"))
        else:
            act = CLIENT_ACTS[name]
            attrs = post_attrs(client_url(f"client_{name}", connection, pk))
            buttons.append(Button(str(act.label), icon_name=act.icon, attrs=attrs))
    return buttons


def decide_client(
    request: HttpRequest, name: str, connection: Connection, client: ClientRecord
) -> bool:
    """Do an act upon a client that the person may see, and say so; False where it was refused."""
    act = CLIENT_ACTS[name]
    return carry_out(
        request,
        act,
        (connection, client.pk),
        {"client": client.label},
        subject={"client_pk": client.pk},
        undo_url=client_url(f"client_{act.undo}", connection, client.pk) if act.undo else "",
        refused=lambda refusal: refusal.message,
    )
