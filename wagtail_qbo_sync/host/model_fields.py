"""Small questions about a model's fields."""

from __future__ import annotations

from typing import Any

from django.db import models


def field_of(model: type[models.Model], name: str) -> models.Field[Any, Any]:
    """A field that the model itself has. Raises FieldDoesNotExist."""
    field = model._meta.get_field(name)
    assert isinstance(field, models.Field)
    return field


def holds_text(field: models.Field[Any, Any]) -> bool:
    """Whether a field holds a text that people type, with no relation behind it."""
    return isinstance(field, models.CharField | models.TextField) and not field.primary_key
