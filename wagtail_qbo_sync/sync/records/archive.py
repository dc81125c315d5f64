"""U8: the client of a customer that turns inactive, or is gone, is archived, where the site can,
and comes back with it; only what we archived."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.db import transaction
from django.utils.translation import gettext_noop

from wagtail_qbo_sync.host.adapter import ClientAdapter, Refused
from wagtail_qbo_sync.host.refusals import refusals
from wagtail_qbo_sync.models import Connection, Customer, Mapping, Step

Inactive = Connection.OnInactive
ARCHIVED = "archived"
"""In the base of a mapping that sleeps: whether we archived its client; not there if we never
came to it. The step says so first."""
BROUGHT_BACK = "brought_back"
"""In the data of a step that takes an archiving back: whether its client was archived still."""
IN_USE = gettext_noop("The client stays in use: another company maps it too.")
NOT_ANY_MORE = gettext_noop("The client stays in use: this site archives no clients any more.")


def archives(connection: Connection, adapter: ClientAdapter, standing: str) -> bool:
    """Whether the client of a mapped customer that comes to stand so is to be archived."""
    rests = standing in (Customer.Standing.INACTIVE, Customer.Standing.GONE)
    return rests and connection.inactive_policy == Inactive.ARCHIVE and adapter.can_archive


def put_away(step: Step, client: Any, adapter: ClientAdapter, *, is_elsewhere: bool) -> None:
    """Archive the client, its row locked, of a mapping that falls asleep.

    One that another company maps too, and one that the site does not let go, stay: then a
    person is told, as by the policy to flag.
    """
    done = Refused("") if is_elsewhere else _attempt(adapter, adapter.archive, client)
    if isinstance(done, Refused):
        step.data["asks"] = step.data["archives"]
    else:
        step.data[ARCHIVED] = done


def bring_back(mapping: Mapping, client: Any, adapter: ClientAdapter) -> bool | Refused:
    """Un-archive the client, its row locked, of a mapping that wakes, if we archived it. Whether
    it was archived still."""
    if not (mapping.base.get(ARCHIVED) and adapter.can_archive):
        return False
    return _attempt(adapter, adapter.unarchive, client)


def put_away_again(client: Any, adapter: ClientAdapter, *, is_elsewhere: bool) -> bool | Refused:
    """Archive the client, its row locked, that an undo had brought back (U5). Whether it was in
    use still; or why it stays, which is the answer to whoever asked."""
    if not adapter.can_archive:
        return Refused(NOT_ANY_MORE)
    return Refused(IN_USE) if is_elsewhere else _attempt(adapter, adapter.archive, client)


def noted(base: dict[str, Any], step: Step) -> dict[str, Any]:
    """The base of a mapping that fell asleep or woke by this step."""
    if step.kind == Step.Kind.SLEEP:
        return base | {ARCHIVED: bool(step.data.get(ARCHIVED) or base.get(ARCHIVED))}
    return {name: value for name, value in base.items() if name != ARCHIVED}


def _attempt(adapter: ClientAdapter, act: Callable[[Any], bool], client: Any) -> bool | Refused:
    """Do it in a savepoint of its own; whatever the host raises is a refusal."""
    try:
        with (
            transaction.atomic(using=adapter.database),
            refusals(adapter.model, adapter.path_of),
        ):
            return act(client)
    except Refused as refusal:
        return refusal
