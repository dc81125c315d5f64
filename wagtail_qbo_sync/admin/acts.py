"""What a person can decide about one customer: which acts fit, as buttons, and doing them.

Every screen decides through `decide`, so that each says the same and offers the same Undo.
What can be decided about a client stands in `client_acts`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from django.http import HttpRequest
from django.template.loader import render_to_string
from django.utils.functional import Promise
from django.utils.html import format_html
from django.utils.http import urlencode
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from wagtail.admin import messages
from wagtail.admin.widgets.button import Button

from wagtail_qbo_sync.compat import despite_locks
from wagtail_qbo_sync.models import Customer, Decision, Mapping
from wagtail_qbo_sync.sync.people import deleted, exclusion, mapping, undo
from wagtail_qbo_sync.sync.people.decide import last_said, was_said_since
from wagtail_qbo_sync.sync.people.undo import Undone
from wagtail_qbo_sync.sync.records import by_hand
from wagtail_qbo_sync.sync.records.locked import Refusal
from wagtail_qbo_sync.sync.records.status import (
    TO_MAP,
    ConnectionState,
    CustomerStatus,
    connection_state,
    worker_is_silent,
)

from .base import as_pk, may, url
from .clients import Clients
from .components import WORKER_COMMAND
from .reviews import resolve_url

Status = CustomerStatus


@dataclass(frozen=True, slots=True)
class Act:
    """One thing to decide. `does` raises Refusal where it cannot stand."""

    does: Callable[..., Any]
    said: str | Promise | Callable[[Any], str | Promise]
    """What is said of it afterwards, or how to say what `does` returned."""
    label: str | Promise = ""
    icon: str = ""
    undo: str = ""
    """The act that takes it back, "" where none takes back the whole of it."""
    writes: bool = False
    """Whether a worker has to write to the site afterwards."""


def _create(connection: Any, qbo_id: str, user: Any) -> None:
    """A second click does not make a second client."""
    _refuse_while_created(connection, qbo_id)
    mapping.create_client(connection, qbo_id, user)


def _exclude(connection: Any, qbo_id: str, user: Any) -> None:
    """What a person has asked for a moment ago is done first."""
    _refuse_while_created(connection, qbo_id)
    exclusion.exclude_customer(connection, qbo_id, user)


def _refuse_while_created(connection: Any, qbo_id: str) -> None:
    """Between a person's click and the worker's write."""
    if by_hand.being_created(connection, [qbo_id]):
        raise Refusal(gettext(by_hand.BEING_CREATED))


UNDONE = {
    Undone.UNTOUCHED: _("“%(customer)s” is no longer mapped."),
    Undone.PUT_BACK: _(
        "“%(customer)s” is no longer mapped, and its client gets back what was overwritten."
    ),
    Undone.PARTLY: _(
        "“%(customer)s” is no longer mapped, and its client gets back what was overwritten, "
        "but for what somebody has edited since."
    ),
    Undone.NOT_MADE: _("No client is made of “%(customer)s”."),
    Undone.REMOVED: _("The client that was made of “%(customer)s” is removed."),
    Undone.EDITED: _(
        "“%(customer)s” is no longer mapped. The client that was made of it stays: "
        "somebody has edited it since."
    ),
    Undone.REFERRED_TO: _(
        "“%(customer)s” is no longer mapped. The client that was made of it stays: "
        "something else on the site refers to it."
    ),
    Undone.HIDDEN: _(
        "“%(customer)s” is no longer mapped. The client that was made of it stays: "
        "you may not view it."
    ),
}

ACTS: dict[str, Act] = {
    "map": Act(
        mapping.map_customer,
        _("“%(customer)s” is mapped to “%(client)s”."),
        undo="undo_map",
        writes=True,
    ),
    "move": Act(
        mapping.move_mapping,
        _("“%(customer)s” is now mapped to “%(client)s”."),
        undo="undo_map",
        writes=True,
    ),
    "undo_map": Act(undo.undo_mapping, lambda done: UNDONE[done], _("Undo the mapping"), "rotate"),
    "create": Act(
        _create,
        _("A client is made of “%(customer)s”."),
        _("Create new client"),
        "plus",
        undo="undo_map",
        writes=True,
    ),
    "exclude": Act(
        _exclude,
        _("“%(customer)s” is excluded from mapping."),
        _("Exclude from mapping"),
        "circle-xmark",
        undo="include",
    ),
    "include": Act(
        exclusion.include_customer,
        _("“%(customer)s” is included again."),
        _("Include again"),
        "resubmit",
        undo="exclude_again",
    ),
    "exclude_again": Act(
        exclusion.exclude_again, _("“%(customer)s” is excluded from mapping."), undo="include"
    ),
    "remove_match": Act(
        mapping.remove_match,
        _("The match of “%(customer)s” is removed. No sync makes it again."),
        _("Remove match"),
        "cross",
        undo="put_match_back",
    ),
    "put_match_back": Act(
        mapping.put_match_back,
        _("The match of “%(customer)s” is put back."),
        _("Put match back"),
        undo="remove_match",
    ),
    "disconnect": Act(
        exclusion.disconnect_customer,
        _("“%(customer)s” is disconnected. Its mapping is kept, and nothing of it is synced."),
        undo="reconnect",
    ),
    "reconnect": Act(
        exclusion.reconnect_customer,
        _("“%(customer)s” is connected again."),
        _("Connect again"),
        "arrow-right-full",
        undo="disconnect",
    ),
    "keep_deleted": Act(
        deleted.keep,
        _("“%(customer)s” stays without a client."),
        _("Leave it without a client"),
        "check",
        undo="ask_again",
    ),
    "ask_again": Act(
        deleted.ask_again,
        _("A person is asked about “%(customer)s” again."),
        undo="keep_deleted",
    ),
}


SAID = "said"
"""Of an Undo's address, or a form: the log's newest entry when it was made."""
NEEDS_CLIENT = frozenset({"map", "move"})
"""Acts for which a client is chosen first, on a page of their own."""


def act_url(name: str, customer: Customer) -> str:
    """Where an act is asked for, by POST."""
    return url(f"customer_{name}", customer.pk)


def map_url(customer: Customer, next_url: str) -> str:
    """The page on which a client is chosen for a customer; it leads back to `next_url`."""
    return f"{url('customer_map', customer.pk)}?{urlencode({'next': next_url})}"


# What fits ------------------------------------------------------------------------------------


def fitting(customer: Any, being_made: bool) -> list[str]:
    """The acts that make sense now; the customer must come from `status.with_status`.

    `being_made`: whether a person has asked for its client, and the worker has not come to it.
    """
    status = CustomerStatus(customer.status)
    if status in TO_MAP and being_made:
        return ["undo_map"]
    if status in TO_MAP:
        kept = ["keep_deleted"] if customer.gone_asked else []
        return ["map", "create", "exclude", *kept]
    if status is Status.EXCLUDED:
        return ["include"]
    if not customer.client_pk:
        return []
    if status is not Status.MAPPED:
        return ["remove_match"]
    sleeps = customer.asleep == Mapping.Asleep.DISCONNECTED and not customer.gone
    return [*(["reconnect"] if sleeps else []), "move", "remove_match"]


def act_buttons(customer: Any, user: Any, next_url: str, *, being_made: bool) -> list[Button]:
    """Buttons for a menu. `next_url`: the screen that the page of a choice leads back to."""
    deciding = _deciding(customer, next_url, being_made) if may(user, "map") else []
    buttons = [*deciding, *_looking(customer, user)]
    for place, button in enumerate(buttons):
        button.priority = place  # Wagtail sorts by it, and would sort by label
    return buttons


def _deciding(customer: Any, next_url: str, being_made: bool) -> list[Button]:
    buttons = []
    if customer.status == Status.REVIEW:
        buttons.append(
            Button(
                gettext("Resolve duplicate…"),
                url=resolve_url(customer=customer.pk, company=customer.connection_id),
                icon_name="help",
            )
        )
    for name in fitting(customer, being_made):
        if name in NEEDS_CLIENT:
            moves = name == "move"
            label = gettext("Map to another client…") if moves else gettext("Map to client…")
            buttons.append(Button(label, url=map_url(customer, next_url), icon_name="link"))
        else:
            act = ACTS[name]
            attrs = post_attrs(act_url(name, customer))
            buttons.append(Button(str(act.label), icon_name=act.icon, attrs=attrs))
    return buttons


def _looking(customer: Any, user: Any) -> list[Button]:
    """What decides nothing: read this one now, and why it stands where it stands."""
    buttons = []
    if may(user, "sync") and is_read(customer):
        attrs = post_attrs(url("sync_customer", customer.pk))
        buttons.append(Button(gettext("Sync this one"), icon_name="rotate", attrs=attrs))
    if may(user, "view"):
        address = url("why_customer", customer.pk)
        buttons.append(Button(gettext("Why?"), url=address, icon_name="info-circle"))
    return buttons


def is_read(customer: Any) -> bool:
    """Whether a sync reads anything of it: nobody excluded or disconnected it (rule 15)."""
    return not (
        customer.status == Status.EXCLUDED or customer.asleep == Mapping.Asleep.DISCONNECTED
    )


def reversals(customer: Any) -> list[str]:
    """The acts that take back what was decided; from `status.with_status` too."""
    about = {"connection": customer.connection, "qbo_id": customer.qbo_id}
    if customer.client_pk or by_hand.being_created(customer.connection, [customer.qbo_id]):
        return ["undo_map"]
    if customer.status == Status.EXCLUDED:
        return ["include"]
    removed = Decision.objects.filter(**about, kind=Decision.Kind.REMOVED_MATCH)
    return ["put_match_back"] if removed.exists() else []


def reversal_buttons(customer: Any, user: Any) -> list[dict[str, Any]]:
    """The same for `shared/post_button.html`, as far as the person may. They take back what the
    page showed, and nothing that was said since."""
    names = reversals(customer) if may(user, "map") else []
    seen = _seen(customer.connection) if names else ""
    return [{"url": act_url(name, customer) + seen, "label": ACTS[name].label} for name in names]


def post_attrs(address: str) -> dict[str, str]:
    return {
        "data-controller": "w-action",
        "data-action": "w-action#post",
        "data-w-action-url-value": address,
    }


# Doing it -------------------------------------------------------------------------------------


def decide(
    request: HttpRequest, name: str, customer: Customer, client_pk: str = "", client: str = ""
) -> bool:
    """Do an act and say so in a message, with its Undo; False where it was refused.

    `client_pk` and `client`: the client's key and name, where the act is about one; the
    caller has seen to it that the person may view it.
    """
    act = ACTS[name]
    about = (customer.qbo_id, client_pk) if client_pk else (customer.qbo_id,)
    return carry_out(
        request,
        act,
        (customer.connection, *about),
        {"customer": customer.path, "client": client},
        subject={"qbo_id": customer.qbo_id} | ({"client_pk": client_pk} if client_pk else {}),
        undo_url=act_url(act.undo, customer) if act.undo else "",
        refused=lambda refusal: _refused(refusal, customer, request.user),
    )


def carry_out(
    request: HttpRequest,
    act: Act,
    about: tuple[Any, ...],
    words: dict[str, str],
    *,
    subject: dict[str, str],
    undo_url: str,
    refused: Callable[[Refusal], str],
) -> bool:
    """Do an act upon `about` (a connection and keys) and say so; False where it was refused.

    `subject`: whom the log knows it by. The Undo of a message takes back just what that told
    of, and a mapping is moved just from where the page showed it: not what somebody else has
    said since.
    """
    connection = about[0]
    try:
        said = request.POST.get(SAID) or request.GET.get(SAID)
        if said and was_said_since(as_pk(said), connection, subject):
            raise Refusal(gettext("This was decided anew since then, so nothing was changed."))
        done = despite_locks(partial(act.does, *about, request.user))
    except Refusal as refusal:
        messages.error(request, refused(refusal))
        return False
    text = str(act.said(done) if callable(act.said) else act.said) % words
    if (act.writes or done in (Undone.PUT_BACK, Undone.PARTLY)) and (note := waits_for(connection)):
        text = f"{text} {note}"
    if undo_url:
        text = with_undo(text, undo_url + _seen(connection))
    messages.success(request, text)
    return True


def _seen(connection: Any) -> str:
    """Binds an address to what was said until now."""
    return f"?{urlencode({SAID: last_said(connection)})}"


def with_undo(text: str, address: str) -> str:
    """A message with a button that takes back what it tells of."""
    button = render_to_string(
        "wagtail_qbo_sync/shared/post_button.html",
        {
            "url": address,
            "label": gettext("Undo"),
            "classname": "button button-small button-secondary",
        },
    )
    return format_html('{} <span class="buttons">{}</span>', text, button)


def _refused(refusal: Refusal, customer: Customer, user: Any) -> str:
    """Why not; without the name of a client that the person may not view."""
    client = Clients(user, [refusal.client_pk]).show(refusal.client_pk)
    if client is None or client.may_see:
        return refusal.message
    mine = {"connection": customer.connection, "qbo_id": customer.qbo_id}
    if Mapping.objects.filter(**mine).exists():
        return gettext("“%s” is mapped already, to a client you may not view.") % customer.path
    return gettext("A client you may not view is mapped to another customer already.")


def waits_for(connection: Any) -> str:
    """What has to happen before a worker writes it, to the site or QuickBooks, "" if nothing."""
    state = connection_state(connection)
    if state is not ConnectionState.CONNECTED:
        return gettext("Nothing is written while the company’s state is: %s.") % (state.label)
    if worker_is_silent():
        return gettext("No worker is running. It is written once there is one: %s") % WORKER_COMMAND
    return ""
