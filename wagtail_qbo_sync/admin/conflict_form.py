"""The page of one conflict: its fields with three values each, and what a person chose (U4)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from django import forms
from django.http import QueryDict
from django.utils.text import capfirst
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from wagtail_qbo_sync.contact import ADDRESS_PARTS, ADDRESSES, Address, Value
from wagtail_qbo_sync.sync.people.conflicts import Choice, Standing, Take

from .labels import PARTS, field_label
from .sides import Piece, differences

LATER = ""
"""A field that is left as it is."""
WAYS = [
    (LATER, _("Decide later")),
    (Take.SITE, _("On the site")),
    (Take.QBO, _("In QuickBooks")),
    (Take.OTHER, _("Another value")),
]


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a field: the whole of it, or a part of an address."""

    label: str
    agreed: str
    site: str
    qbo: str
    pieces: tuple[Piece, ...]
    """Where the two differ, () where they do not."""
    input: Any
    """The form's field for another value."""


class FieldForm(forms.Form):
    """What one field is to say. `line` (or the parts of an address) holds another value."""

    take = forms.ChoiceField(choices=WAYS, required=False)
    stamp = forms.CharField(required=False)

    def __init__(self, name: str, standing: Standing, data: QueryDict | None) -> None:
        super().__init__(data, prefix=name, auto_id=f"id_{name}_%s")
        self.name = name
        self.site, self.qbo = standing.fields[name].site, standing.fields[name].qbo
        self.agreed = standing.fields[name].base_site
        self.now = standing.stamp(name)
        for part, text in _texts(self.site).items():
            self.fields[part] = forms.CharField(required=False, initial=text, max_length=2000)

    @property
    def label(self) -> str:
        return field_label(self.name)

    @property
    def is_agreed(self) -> bool:
        """Whether the two sides ever said the same."""
        return self.agreed is not None

    @property
    def chosen(self) -> str:
        """The way that is marked on the page."""
        return str(self["take"].value() or LATER)

    @property
    def ways(self) -> dict[str, str]:
        """Take -> what it is called."""
        return {str(value): str(label) for value, label in WAYS}

    @property
    def lines(self) -> list[Line]:
        """The field line by line: an address by its parts."""
        sides = [_texts(value) for value in (self.agreed, self.site, self.qbo)]
        found = []
        for part in _texts(self.site):
            agreed, site, qbo = (texts.get(part, "") for texts in sides)
            pieces = tuple(differences(site, qbo)) if site.strip() != qbo.strip() else ()
            label = str(capfirst(PARTS.get(part, self.label)))
            found.append(Line(label, agreed, site, qbo, pieces, self[part]))
        return found

    @property
    def is_typed(self) -> bool:
        """Whether another value than the site's was typed."""
        return self.is_bound and self.typed != self.site

    @property
    def typed(self) -> Value:
        texts = {part: self.cleaned_data.get(part, "") for part in _texts(self.site)}
        return Address(**texts) if isinstance(self.site, Address) else texts["line"]

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or {}
        take = cleaned.get("take", LATER)
        if take in (Take.SITE, Take.QBO) and self.is_typed:
            self.add_error(
                None,
                gettext("You typed another value too. Choose “Another value” to save it."),
            )
        return cleaned

    @property
    def choice(self) -> Choice | None:
        """What the person wants; None for later. Who types a value wants it."""
        take = self.cleaned_data["take"] or (Take.OTHER if self.is_typed else LATER)
        if take == LATER:
            return None
        return Choice(Take(take), self.typed if take == Take.OTHER else "")


def _texts(value: Value | None) -> dict[str, str]:
    """Part -> text; a plain field has one part, "line"."""
    if isinstance(value, Address):
        return value.parts()
    return {"line": value or ""}


class ConflictForm:
    """A form for each field that is in conflict now."""

    def __init__(self, standing: Standing, data: QueryDict | None = None) -> None:
        self.standing = standing
        self.fields = [
            FieldForm(name, standing, data) for name in sorted(standing.fields, key=_order)
        ]
        self.error = ""

    def is_valid(self) -> bool:
        if not all(form.is_valid() for form in self.fields):
            return False
        if not self.choices:
            self.error = gettext("Choose what at least one field is to say.")
        return not self.error

    @property
    def choices(self) -> dict[str, Choice]:
        """Field -> what the person wants."""
        return {form.name: choice for form in self.fields if (choice := form.choice)}

    @property
    def shown(self) -> dict[str, str]:
        """Field -> the stamp of what the page showed."""
        return {form.name: form.cleaned_data["stamp"] for form in self.fields}

    def refuse(self, problems: Mapping[str, str]) -> None:
        """Say at each field why its value cannot stand."""
        by_name = {form.name: form for form in self.fields}
        for path, sentence in problems.items():
            name, _dot, part = path.partition(".")
            if form := by_name.get(name):
                form.add_error(part or ("line" if "line" in form.fields else None), sentence)
            else:
                self.error = sentence

    def mark_moved(self, names: Iterable[str]) -> None:
        """Say at each of these fields that it has changed since it was shown."""
        for form in self.fields:
            if form.name in names:
                form.add_error(
                    None, gettext("This has changed since you opened the page. Look again.")
                )


def _order(name: str) -> tuple[bool, str]:
    """Addresses, which are large, come last."""
    return name in ADDRESSES, name


assert "line" not in ADDRESS_PARTS
