"""Writing many clients with a handful of queries, for adapters that say `bulk = True`.

What cannot be written together (a draft, a value that two of the batch want, whatever the
database refuses as a whole) is written one by one afterwards, so that each client gets its
own refusal.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from django.db import DataError, IntegrityError, connections, transaction

from wagtail_qbo_sync.compat import wide_statements
from wagtail_qbo_sync.contact import Contact, Value

from .contact_types import unknown_type
from .drafts import has_draft
from .record import ClientRecord, Refused
from .refusals import refusals, taken
from .unique import as_client, holders, key_in, unique_sets
from .writing import ClientWriting

Outcome = ClientRecord | Refused


@dataclass(slots=True)
class _Staged:
    """An item that is validated and waits to be written with the others."""

    index: int
    client: Any
    texts: Mapping[str, str]
    names: frozenset[str]
    contact_type: str = ""


def can_create(adapter: ClientWriting) -> bool:
    """Whether bulk_create can make clients of this model and tell their keys."""
    meta = adapter.model._meta
    features = connections[adapter.database].features
    knows_keys = features.can_return_rows_from_bulk_insert or meta.pk.has_default()
    return not meta.parents and bool(knows_keys)


def write_many(
    adapter: ClientWriting, items: Sequence[tuple[Any, Mapping[str, Value]]]
) -> list[Outcome]:
    """`ClientAdapter.write` for many locked clients."""
    outcomes: dict[int, Outcome] = {}
    staged: list[_Staged] = []
    later: list[int] = []
    keys = [str(client.pk) for client, _ in items]
    for index, (client, values) in enumerate(items):
        texts = adapter.differing(client, values)
        if has_draft(client):
            later.append(index)
            continue
        try:
            with refusals(adapter.model, adapter.path_of):
                names = adapter.stage(client, texts) if texts else frozenset()
        except Refused as refusal:
            outcomes[index] = refusal
            continue
        staged.append(_Staged(index, client, texts, names))
    later += _set_aside(adapter, staged, outcomes)
    later += _together(partial(_update, adapter), adapter, staged)
    _read_back(adapter, staged, outcomes)
    fresh = adapter.lock(keys[index] for index in later) if later else {}
    for index in later:
        client = fresh.get(keys[index])
        outcomes[index] = (
            adapter.attempt(partial(adapter.write, client, items[index][1]))
            if client is not None
            else Refused("The client is no longer there.")
        )
    return [outcomes[index] for index in range(len(items))]


def new_many(adapter: ClientWriting, items: Sequence[tuple[Contact, str]]) -> list[Outcome]:
    """`ClientAdapter.new` for many contacts; needs `can_create`."""
    outcomes: dict[int, Outcome] = {}
    staged: list[_Staged] = []
    unknown = adapter.contact_types.unknown({contact_type for _, contact_type in items})
    for index, (contact, contact_type) in enumerate(items):
        try:
            if contact_type in unknown:
                raise unknown_type(contact_type)
            client, texts = adapter.stage_new(contact, contact_type)
        except Refused as refusal:
            outcomes[index] = refusal
            continue
        staged.append(_Staged(index, client, texts, adapter.field_names, contact_type))
    later = _set_aside(adapter, staged, outcomes)
    later += _together(partial(_create, adapter), adapter, staged)
    _read_back(adapter, staged, outcomes)
    for index in later:
        outcomes[index] = adapter.attempt(partial(adapter.new, *items[index]))
    return [outcomes[index] for index in range(len(items))]


def _set_aside(
    adapter: ClientWriting, staged: list[_Staged], outcomes: dict[int, Outcome]
) -> list[int]:
    """Take out of `staged` what others hold (refused) or what two of the batch want (returned)."""
    model = adapter.model
    later: set[int] = set()
    touched = frozenset().union(*(one.names for one in staged))
    for owner, unique in unique_sets(model, touched):
        concerned = [one for one in staged if not one.names.isdisjoint(unique)]
        held = holders(owner, unique, [one.client for one in concerned])
        wanted: set[tuple[Any, ...]] = set()
        for one in concerned:
            key = key_in(one.client, unique)
            holder = held.get(key)
            if holder is not None and holder != one.client.pk:
                who = as_client(model, owner, holder)
                outcomes.setdefault(one.index, taken(model, unique, who, adapter.path_of))
            elif key and key in wanted:
                later.add(one.index)
            wanted.add(key)
    staged[:] = [one for one in staged if one.index not in outcomes and one.index not in later]
    return sorted(later - outcomes.keys())


def _together(
    action: Callable[[Sequence[_Staged]], None], adapter: ClientWriting, staged: list[_Staged]
) -> list[int]:
    """Do it all at once; where that fails, empty `staged` and return its indices."""
    try:
        with transaction.atomic(using=adapter.database):
            action(staged)
            return []
    except (Refused, IntegrityError, DataError, ValueError, TypeError):
        failed = [one.index for one in staged]
        staged.clear()
        return failed


def _update(adapter: ClientWriting, staged: Sequence[_Staged]) -> None:
    changed = [one for one in staged if one.names]
    names = set().union(*(one.names for one in changed))
    if changed:
        fields = adapter.model._meta.concrete_fields
        stamped = [field for field in fields if getattr(field, "auto_now", False)]
        for one in changed:
            for field in stamped:
                field.pre_save(one.client, False)
        names.update(field.name for field in stamped)
        _save_rows(adapter, [one.client for one in changed], sorted(names))
    _save_related(adapter, staged)


def _save_rows(adapter: ClientWriting, clients: list[Any], names: list[str]) -> None:
    """Some columns of rows that are there, and locked.

    Where the database can, as an insert that meets the rows it names: `bulk_update` makes a
    CASE for every value, which is slow to build and slower to run.
    """
    features = connections[adapter.database].features
    if adapter.model._meta.parents or not features.supports_update_conflicts:
        adapter.queryset().bulk_update(clients, names)
        return
    target = ["pk"] if features.supports_update_conflicts_with_target else None
    with wide_statements(adapter.database):
        adapter.queryset().bulk_create(
            clients, update_conflicts=True, unique_fields=target, update_fields=names
        )


def _create(adapter: ClientWriting, staged: Sequence[_Staged]) -> None:
    with wide_statements(adapter.database):
        adapter.queryset().bulk_create([one.client for one in staged])
    adapter.contact_types.after_bulk([(one.client, one.contact_type) for one in staged])
    _save_related(adapter, staged)


def _save_related(adapter: ClientWriting, staged: Iterable[_Staged]) -> None:
    for one in staged:
        if one.texts:
            with refusals(adapter.model, adapter.path_of):
                adapter.save_related(one.client, one.texts)


def _read_back(
    adapter: ClientWriting, staged: Sequence[_Staged], outcomes: dict[int, Outcome]
) -> None:
    index_of: dict[str, int] = {str(one.client.pk): one.index for one in staged}
    for record in adapter.records(index_of):
        outcomes[index_of[record.pk]] = record
    for index in index_of.values():
        outcomes.setdefault(index, Refused("The client is no longer there."))
