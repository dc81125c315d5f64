"""What QuickBooks takes: lengths and characters, asked before anything is sent.

Pure but for the translated sentences. Source: docs/quickbooks.md, names and lengths.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from wagtail_qbo_sync.contact import ADDRESSES, PHONES, Address, Value, split_emails

_ADDRESS_LENGTHS = {
    "line1": 500,
    "line2": 500,
    "city": 255,
    "state": 255,
    "postal_code": 30,
    "country": 255,
}

MAX_LENGTHS: Final[Mapping[str, int]] = {
    "name": 500,
    "company_name": 100,
    "given_name": 100,
    "family_name": 100,
    "email": 100,
    **dict.fromkeys(sorted(PHONES), 30),
    **{f"{name}.{part}": n for name in sorted(ADDRESSES) for part, n in _ADDRESS_LENGTHS.items()},
}
"""Contact path -> the longest text that QuickBooks takes there."""

NAME_FIELDS: Final = frozenset({"name", "given_name", "family_name"})
"""The fields in which a colon, tab or line break is refused: a colon parts sub-customers."""

_FORBIDDEN = frozenset(":\t\n\r")


@dataclass(frozen=True, slots=True)
class Problem:
    """Why QuickBooks would refuse a value: the contact path and a sentence for people."""

    path: str
    template: str | Promise
    numbers: tuple[tuple[str, int], ...] = ()

    @property
    def sentence(self) -> str:
        """Translated when asked for."""
        return str(self.template) % dict(self.numbers)


def length(text: str) -> int:
    """The length as Intuit's servers count it: characters beyond the basic plane are two."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def problems(values: Mapping[str, Value]) -> list[Problem]:
    """Everything that QuickBooks would refuse in these values; [] when it takes them."""
    return [problem for name, value in values.items() for problem in _of_field(name, value)]


def name_problems(name: str) -> list[Problem]:
    """Everything that speaks against a customer of this name."""
    return problems({"name": name})


def _of_field(name: str, value: Value) -> Iterator[Problem]:
    if isinstance(value, Address):
        for part, text in value.parts().items():
            yield from _too_long(f"{name}.{part}", text)
        return
    yield from _too_long(name, value)
    if name == "name" and not value.strip():
        yield Problem(name, _("QuickBooks needs a name."))
    if name in NAME_FIELDS and _FORBIDDEN & set(value):
        yield Problem(name, _("QuickBooks takes no colon, tab or line break in a name."))
    if name == "email" and value.strip() and not _looks_like_emails(value):
        yield Problem(name, _("QuickBooks does not take this as an e-mail address."))


def _too_long(path: str, text: str) -> Iterator[Problem]:
    if length(text) > MAX_LENGTHS[path]:
        sentence = _("QuickBooks takes at most %(max)d characters here; these are %(length)d.")
        yield Problem(path, sentence, (("max", MAX_LENGTHS[path]), ("length", length(text))))


def _looks_like_emails(text: str) -> bool:
    """At least one address, and each with an @ and a dot behind it."""
    found = split_emails(text)
    return bool(found) and all("." in address.rpartition("@")[2] for address in found)
