"""A form field for the direction of each contact field (U2): a small table of selects."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from wagtail_qbo_sync.models import Connection

from .labels import field_label

CHOICES = [("", _("As the company")), *Connection.Direction.choices]


class DirectionsTable(forms.MultiWidget):
    """A row for each contact field; `{field: direction}`, without those that do as the company."""

    template_name = "wagtail_qbo_sync/settings/directions.html"

    def __init__(self, names: Sequence[str]) -> None:
        self.names = names
        super().__init__({name: forms.Select(choices=CHOICES) for name in names})

    def decompress(self, value: dict[str, str] | None) -> list[str]:
        return [(value or {}).get(name, "") for name in self.names]

    def get_context(self, name: str, value: Any, attrs: Any) -> dict[str, Any]:
        context: dict[str, Any] = super().get_context(name, value, attrs)
        labels = map(field_label, self.names)
        context["rows"] = list(zip(labels, context["widget"]["subwidgets"], strict=True))
        return context


class DirectionsField(forms.MultiValueField):
    """`names`: the contact fields that the site holds, in their order."""

    def __init__(self, names: Sequence[str], **kwargs: Any) -> None:
        self.names = names
        super().__init__(
            fields=[forms.ChoiceField(choices=CHOICES, required=False) for _name in names],
            widget=DirectionsTable(names),
            required=False,
            require_all_fields=False,
            **kwargs,
        )

    def compress(self, data_list: Sequence[str]) -> dict[str, str]:
        return {name: one for name, one in zip(self.names, data_list, strict=False) if one}
