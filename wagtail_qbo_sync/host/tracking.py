"""Hearing of it when clients are written or deleted (docs/explanation/noticing.md).

Signals are hints: what really happened is for the sweep to find, which misses nothing that
raises no signal (rule 5). So a receiver only passes on the keys of clients, and whatever goes
wrong with that is logged and never the host's problem.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import partial
from typing import Any, TypeAlias

from django.apps import apps
from django.db import models, transaction
from django.db.models import signals

from .adapter import ClientAdapter
from .contact_types import ManyRowTypes

logger = logging.getLogger(__name__)

Note: TypeAlias = Callable[[Collection[str]], object]
"""Takes the keys of clients that something was done to; runs in the host's transaction."""
Keys: TypeAlias = Callable[[Any], Iterable[Any]]
"""From a row to the keys of the clients it belongs to."""

_ours: ContextVar[bool] = ContextVar("ours", default=False)


@contextmanager
def our_own_writes() -> Iterator[None]:
    """Within, nothing is noted: what we write ourselves moves the footprints (rule 12)."""
    before = _ours.set(True)
    try:
        yield
    finally:
        _ours.reset(before)


def listen(adapter: ClientAdapter, note: Note) -> None:
    """Call `note` for whatever signals tell of the adapter's clients.

    That is their own model with its proxies and children, the models it inherits from, those
    that `related_models` names, and the rows of a many-to-many of Contact Types.
    """
    paths = dict(adapter.related_models())
    types = adapter.contact_types
    if isinstance(types, ManyRowTypes):
        paths[types.through] = types.client_column
        _connect(signals.m2m_changed, types.through, partial(_types_changed, adapter, note, types))
    base = _concrete(adapter.model)
    ancestors = set(base._meta.get_parent_list())
    for model in apps.get_models(include_auto_created=True):
        if issubclass(model, base):
            _watch(model, adapter, note, lambda client: [client.pk], signals.post_delete)
        elif model in ancestors:
            _watch(model, adapter, note, partial(_heirs, adapter), signals.post_delete)
        elif path := paths.get(_concrete(model)):
            _watch(model, adapter, note, partial(_owners, path), signals.pre_delete)


def _watch(
    model: type[models.Model], adapter: ClientAdapter, note: Note, keys: Keys, deleted: Any
) -> None:
    """`deleted`: pre_delete where the row must still be there to lead to its client."""

    def heard(instance: Any, **kwargs: Any) -> None:
        _pass_on(adapter, note, lambda: keys(instance))

    _connect(signals.post_save, model, heard)
    _connect(deleted, model, heard)


def _connect(signal: Any, model: type[models.Model], receiver: Callable[..., None]) -> None:
    signal.connect(receiver, sender=model, weak=False)


def _concrete(model: type[models.Model]) -> type[models.Model]:
    """The model that has the table; another one only for a proxy."""
    return model._meta.concrete_model or model


def _heirs(adapter: ClientAdapter, ancestor: Any) -> Iterable[Any]:
    """The client that extends a row of a model it inherits from."""
    link = adapter.model._meta.get_ancestor_link(_concrete(type(ancestor)))
    assert link is not None  # it is an ancestor
    return adapter.queryset().filter(**{link.name: ancestor.pk}).values_list("pk", flat=True)


def _owners(path: str, row: Any) -> Iterable[Any]:
    """The clients that a path leads to from a stored row."""
    rows: Any = type(row)._base_manager.using(row._state.db).filter(pk=row.pk)
    return [pk for pk in rows.values_list(path, flat=True) if pk is not None]


def _types_changed(
    adapter: ClientAdapter,
    note: Note,
    types: ManyRowTypes,
    instance: Any,
    action: str,
    reverse: bool,
    pk_set: Collection[Any] | None,
    **kwargs: Any,
) -> None:
    """Types were given to or taken from a client, or clients to or from a type (`reverse`)."""
    if action not in ("post_add", "post_remove", "pre_clear"):
        return

    def keys() -> Iterable[Any]:
        if not reverse:
            return [instance.pk]
        if pk_set is not None:
            return pk_set
        cleared = types.through._base_manager.filter(**{types.key_column: instance.pk})
        return cleared.values_list(types.client_column, flat=True)

    _pass_on(adapter, note, keys)


def _pass_on(adapter: ClientAdapter, note: Note, keys: Callable[[], Iterable[Any]]) -> None:
    """In a savepoint, so that a failure of ours does not spoil the host's transaction."""
    if _ours.get():
        return
    try:
        with transaction.atomic(using=adapter.database):
            if found := [str(pk) for pk in keys()]:
                note(found)
    except Exception:
        if transaction.get_connection(adapter.database).needs_rollback:
            raise  # MariaDB ends the whole transaction in a deadlock: the host has to know
        logger.exception("A change of a client was not noted; the next sweep will notice it.")
