"""What a cell says of Contact Types, and back.

A type is written so that reading it finds just this type: by its label, with its key where the
label alone could mean another one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from django.utils.translation import gettext_noop

from wagtail_qbo_sync.contact import normalised

SEPARATOR = "; "
"""Between the Contact Types of one client."""
UNPRINTABLE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
"""Characters that XLSX cannot hold."""
LISTED = 12
"""How many types are named to somebody who wrote one that is not there."""

NO_SUCH_TYPE = gettext_noop("There is no Contact Type “%(type)s”. There are: %(types)s.")
NO_TYPES_AT_ALL = gettext_noop("There is no Contact Type “%(type)s”, nor any other.")
ALIKE_TYPES = gettext_noop(
    "Several Contact Types are called “%(type)s”. Write the one you mean so: %(types)s."
)


class NoType(ValueError):
    """A cell means no type, or several. `why`: a sentence to be translated and filled."""

    def __init__(self, why: str, **about: Any) -> None:
        super().__init__(why % about)
        self.why = why
        self.about = about


def printable(text: str) -> str:
    """Without the signs that a workbook cannot hold, and with lines that end as it ends them."""
    return UNPRINTABLE.sub("", text).replace("\r\n", "\n").replace("\r", "\n")


def joined(keys: Iterable[str], labels: dict[str, str]) -> str:
    """The types of one client as people see them."""
    return SEPARATOR.join(labels.get(key, key) for key in keys)


class Types:
    """The site's Contact Types by what people write."""

    def __init__(self, choices: Iterable[tuple[str, str]], several: bool) -> None:
        self.labels = {key: printable(label) for key, label in choices}
        self.several = several
        self.by_label: dict[str, list[str]] = {}
        self.by_both: dict[str, list[str]] = {}
        for key, label in self.labels.items():
            self.by_label.setdefault(normalised(label), []).append(key)
            self.by_both.setdefault(normalised(_with_key(key, label)), []).append(key)
        self.written = {key: self._written(key) for key in self.labels}
        """Key -> how an export says it."""

    def cell(self, keys: Iterable[str]) -> str:
        """What an export says of a client's types; one that is none any more has only its key."""
        return joined(sorted(keys), self.written)

    def read(self, text: str) -> tuple[str, ...]:
        """The keys that a cell means. Raises NoType."""
        if not self.several or len(self._meant(text)) == 1:
            return (self._one(text),)
        parts = [part.strip() for part in text.split(SEPARATOR.strip())]
        return tuple(sorted({self._one(part) for part in parts if part}))

    def _written(self, key: str) -> str:
        label = self.labels[key]
        forms = [label, _with_key(key, label), key]
        if self.several:
            forms = [form for form in forms if SEPARATOR.strip() not in form]
        return next(
            (form for form in forms if normalised(form) and self._meant(form) == [key]), label
        )

    def _meant(self, text: str) -> list[str]:
        """All types that a text can mean, by their labels before their keys."""
        plain = normalised(text)
        found = self.by_label.get(plain, [])
        if len(found) == 1:
            return found
        return [text] if text in self.labels else found or self.by_both.get(plain, [])

    def _one(self, text: str) -> str:
        keys = self._meant(text)
        if len(keys) == 1:
            return keys[0]
        if keys:
            raise NoType(ALIKE_TYPES, type=text, types=", ".join(self.written[key] for key in keys))
        if not self.labels:
            raise NoType(NO_TYPES_AT_ALL, type=text)
        named = list(self.written.values())
        more = ["…"] if len(named) > LISTED else []
        raise NoType(NO_SUCH_TYPE, type=text, types=", ".join([*named[:LISTED], *more]))


def _with_key(key: str, label: str) -> str:
    return f"{label} ({key})".strip()
