"""U8: the client of a customer that turns inactive, or is gone, is archived, where the site can,
and comes back with it; only what we archived."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.db import transaction

from wagtail_qbo_sync.host.adapter import ClientAdapter, Refused
from wagtail_qbo_sync.host.refusals import refusals
from wagtail_qbo_sync.models import Connection, Customer, Mapping, Step

Inactive = Connection.OnInactive
ARCHIVED = "archived"
"""In the base of a mapping that sleeps: whether we archived its client; not there if we never
came to it. The step says so first."""


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


def bring_back(mapping: Mapping, client: Any, adapter: ClientAdapter) -> Refused | None:
    """Un-archive the client, its row locked, of a mapping that wakes, if we archived it."""
    if not (mapping.base.get(ARCHIVED) and adapter.can_archive):
        return None
    done = _attempt(adapter, adapter.unarchive, client)
    return done if isinstance(done, Refused) else None


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
