"""Values that may stand only once, checked against every row, also those a manager hides."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import reduce
from operator import or_
from typing import Any

from django.core.exceptions import ValidationError
from django.db import models, router

from .model_fields import field_of
from .record import Refused
from .refusals import PathOf, taken

_CHUNK = 100


def refuse_taken(client: models.Model, names: Collection[str], path_of: PathOf) -> None:
    """Raise Refused if a value of the fields `names` breaks uniqueness or a constraint.

    One query per unique field (or set of fields) that is touched; none for the others.
    """
    model = type(client)
    for owner, unique in unique_sets(model, names):
        holder = holders(owner, unique, [client]).get(key_in(client, unique))
        if holder is not None and holder != client.pk:
            raise taken(model, unique, as_client(model, owner, holder), path_of)
    _refuse_constraints(client, names, path_of)


def unique_sets(
    model: type[models.Model], names: Collection[str]
) -> Iterator[tuple[type[models.Model], tuple[str, ...]]]:
    """(model that owns them, fields that are unique together), where one is in `names`."""
    for owner in (model, *model._meta.get_parent_list()):
        meta = owner._meta
        sets: list[tuple[str, ...]] = [
            (field.name,)
            for field in meta.local_concrete_fields
            if field.unique and not field.primary_key
        ]
        sets += [tuple(fields) for fields in meta.unique_together]
        sets += [tuple(constraint.fields) for constraint in meta.total_unique_constraints]
        for fields in dict.fromkeys(sets):
            if any(name in names for name in fields):
                yield owner, fields


def holders(
    owner: type[models.Model], unique: tuple[str, ...], clients: Sequence[models.Model]
) -> Mapping[tuple[Any, ...], Any]:
    """Values of the fields `unique` that these clients want -> key of the row that has them."""
    wanted = list(dict.fromkeys(key for one in clients if (key := key_in(one, unique))))
    found: dict[tuple[Any, ...], Any] = {}
    columns = [field_of(owner, name).attname for name in unique]
    for start in range(0, len(wanted), _CHUNK):
        chunk = wanted[start : start + _CHUNK]
        match = reduce(or_, (models.Q(**dict(zip(columns, key, strict=True))) for key in chunk))
        rows = owner._base_manager.filter(match).values_list("pk", *columns)
        found.update({tuple(values): pk for pk, *values in rows})
    return found


def key_in(client: models.Model, unique: tuple[str, ...]) -> tuple[Any, ...]:
    """What a client holds in these fields; () where a NULL makes every row different."""
    fields = [field_of(type(client), name) for name in unique]
    values = tuple(field.to_python(getattr(client, field.attname)) for field in fields)
    return () if None in values else values


def as_client(model: type[models.Model], owner: type[models.Model], holder: Any) -> str:
    """The holder's key, "" if the row is a parent's that is no client."""
    if owner is not model and not model._base_manager.filter(pk=holder).exists():
        return ""
    return str(holder)


def _refuse_constraints(client: models.Model, names: Collection[str], path_of: PathOf) -> None:
    """Constraints with conditions or expressions, as Django checks them."""
    model = type(client)
    database = client._state.db or router.db_for_write(model)
    untouched = {field.name for field in model._meta.fields if field.name not in names}
    for owner, constraints in client.get_constraints():
        for constraint in constraints:
            if constraint in owner._meta.total_unique_constraints:
                continue
            try:
                constraint.validate(owner, client, exclude=untouched, using=database)
            except ValidationError as error:
                if not isinstance(constraint, models.UniqueConstraint):
                    raise
                raise _guess_holder(client, constraint, path_of, error) from error


def _guess_holder(
    client: models.Model,
    constraint: models.UniqueConstraint,
    path_of: PathOf,
    error: ValidationError,
) -> Refused:
    """Who holds the value that Lower(...) or a condition makes unique."""
    model = type(client)
    names = sorted(_names_in(constraint))
    same = {f"{name}__iexact": getattr(client, name) for name in names}
    others = model._base_manager.filter(**same).exclude(pk=client.pk)
    if (holder := others.values_list("pk", flat=True).first()) is not None:
        return taken(model, names, str(holder), path_of)
    return Refused(" ".join(error.messages), field=next(filter(None, map(path_of, names)), ""))


def _names_in(constraint: models.UniqueConstraint) -> set[str]:
    """The fields that a constraint is about."""
    nodes = [
        node
        for expression in constraint.expressions
        for node in (expression.flatten() if hasattr(expression, "flatten") else [expression])
    ]
    named = (str(getattr(node, "name", "")) for node in nodes if isinstance(node, models.F))
    return {*constraint.fields, *named}
