"""Keys of clients, which we keep as texts, as the database keeps them."""

from __future__ import annotations

from typing import Any

from django.db import connections, models, router
from django.db.models import Value
from django.db.models.functions import Cast, Replace


def as_key(column: str, model: type[models.Model]) -> models.Func:
    """A column of ours that holds `str(pk)` of rows of `model`, to be compared with their pk."""
    field: Any = model._meta.pk
    while field.is_relation:  # of a row that extends another model's
        field = field.target_field
    database = connections[router.db_for_read(model)]
    if isinstance(field, models.UUIDField) and not database.features.has_native_uuid_field:
        return Replace(column, Value("-"), Value(""), output_field=models.CharField())
    return Cast(column, output_field=field)
