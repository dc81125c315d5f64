"""The one language spoken inside: a contact, as people typed it.

Pure: imports nothing but the standard library. Two notions of "equal" live here and are
never mixed (docs/explanation/matching.md):

* `match_key` and `email_keys` only *find pairs*: generous, stored as digests.
* `value_key` says whether two *values are the same*: strict, so that a correction of
  capitals in a name is an edit that travels.
"""

from __future__ import annotations

import hashlib
import json
import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, TypeAlias

DELETED_SUFFIX = re.compile(r"\s*\(deleted(-\d+)?\)\s*$", re.IGNORECASE)
"""What QuickBooks appends to the names of inactive customers (docs/quickbooks.md)."""

_BLANKS = re.compile(r"\s+")
_EMAIL_SEPARATORS = re.compile(r"[,;\s]+")
_EXTENSION = re.compile(r"(?:\bext(?:ension)?\b\.?|\bx\.?|#)\s*(\d+)\s*$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Address:
    """A postal address: one value, which travels and conflicts as a whole."""

    line1: str = ""
    line2: str = ""
    city: str = ""
    state: str = ""
    postal_code: str = ""
    country: str = ""

    def __bool__(self) -> bool:
        return any(part.strip() for part in self.parts().values())

    def parts(self) -> dict[str, str]:
        """Part name -> text, in the order in which an address is written."""
        return {part: getattr(self, part) for part in ADDRESS_PARTS}


ADDRESS_PARTS: tuple[str, ...] = tuple(part.name for part in fields(Address))

Value: TypeAlias = str | Address
"""What a field of a contact holds."""


@dataclass(frozen=True, slots=True)
class Contact:
    """What the two sides keep equal (K3, C1): values as typed, "" for nothing."""

    name: str = ""
    company_name: str = ""
    email: str = ""
    phone: str = ""
    mobile: str = ""
    mailing_address: Address = field(default_factory=Address)
    physical_address: Address = field(default_factory=Address)
    alternate_phone: str = ""
    fax: str = ""
    given_name: str = ""
    family_name: str = ""

    def values(self, names: Iterable[str] | None = None) -> dict[str, Value]:
        """Field -> value for `names`, or for every field."""
        return {name: getattr(self, name) for name in (FIELDS if names is None else names)}

    def changed(self, values: Mapping[str, Value]) -> Contact:
        """The same contact with some fields replaced."""
        return replace(self, **values)  # type: ignore[arg-type]

    def to_json(self) -> dict[str, Any]:
        """Only what is not blank, so that stored contacts stay small."""
        return values_to_json({name: value for name, value in self.values().items() if value})

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Contact:
        """The inverse of `to_json`; keys of a later version are ignored."""
        return cls(**values_from_json(data))  # type: ignore[arg-type]


FIELDS: tuple[str, ...] = tuple(item.name for item in fields(Contact))
ADDRESSES = frozenset({"mailing_address", "physical_address"})
PHONES = frozenset({"phone", "mobile", "alternate_phone", "fax"})
PATHS: tuple[str, ...] = tuple(
    path
    for name in FIELDS
    for path in ([f"{name}.{part}" for part in ADDRESS_PARTS] if name in ADDRESSES else [name])
)
"""Each single text of a contact, addresses by their parts: "email", "mailing_address.city"."""


def fields_of(paths: Iterable[str]) -> frozenset[str]:
    """The fields that these paths touch: {"mailing_address.city"} -> {"mailing_address"}."""
    return frozenset(path.partition(".")[0] for path in paths)


def project(contact: Contact, paths: Iterable[str]) -> Contact:
    """The contact as somebody sees it who holds only `paths`; all else is blank."""
    held = set(paths)
    values: dict[str, Value] = {}
    for name in FIELDS:
        if name in ADDRESSES:
            parts = getattr(contact, name).parts()
            values[name] = Address(
                **{part: text for part, text in parts.items() if f"{name}.{part}" in held}
            )
        elif name in held:
            values[name] = getattr(contact, name)
    return Contact(**values)  # type: ignore[arg-type]


def values_to_json(values: Mapping[str, Value]) -> dict[str, Any]:
    """Field -> text, or for an address part -> text without the blank parts."""
    return {
        name: {part: text for part, text in value.parts().items() if text}
        if isinstance(value, Address)
        else value
        for name, value in values.items()
    }


def values_from_json(data: Mapping[str, Any]) -> dict[str, Value]:
    """The inverse of `values_to_json`; unknown fields and parts are ignored."""
    return {name: value_from_json(name, data[name]) for name in FIELDS if name in data}


def value_from_json(name: str, data: Any) -> Value:
    """One stored value of the field `name`."""
    if name in ADDRESSES:
        return Address(**{part: data[part] for part in ADDRESS_PARTS if part in data})
    return str(data)


# Equality that finds pairs ------------------------------------------------------------------


def normalised(text: str) -> str:
    """Text as the matching rules compare it (docs/explanation/matching.md)."""
    plain = unicodedata.normalize("NFKC", text).casefold()
    plain = unicodedata.normalize("NFKC", plain)
    return _BLANKS.sub(" ", plain).strip()


def match_key(name: str) -> str:
    """Digest under which equal names meet; "" for no name. A " (deleted)" mark is ignored."""
    plain = normalised(name)
    while (stripped := normalised(DELETED_SUFFIX.sub("", plain))) != plain:
        plain = stripped
    return _digest(plain)


def email_keys(text: str) -> tuple[str, ...]:
    """Digests of the e-mail addresses in one field, which may hold several."""
    found = dict.fromkeys(split_emails(normalised(text)))
    return tuple(_digest(address) for address in found)


def split_emails(text: str) -> list[str]:
    """The addresses in an e-mail field, as typed."""
    return [part for part in _EMAIL_SEPARATORS.split(text) if "@" in part]


def _digest(text: str) -> str:
    return hashlib.blake2b(text.encode(), digest_size=12).hexdigest() if text else ""


# Equality that says "the same value" --------------------------------------------------------


def value_key(name: str, value: Value) -> str | tuple[str, ...]:
    """What must be equal for two values of the field `name` to be the same (rule 9)."""
    if isinstance(value, Address):
        return tuple(_text_key(part) for part in value.parts().values())
    if name == "email":
        return _text_key(value).casefold()
    if name in PHONES:
        return _phone_key(value)
    return _text_key(value)


def same(name: str, one: Value, other: Value) -> bool:
    """Whether two values of a field say the same."""
    return value_key(name, one) == value_key(name, other)


def content_digest(values: Mapping[str, Value], *extra: str) -> str:
    """Digest of values (and of `extra` texts, such as a Contact Type) by their value keys."""
    keys = {name: value_key(name, value) for name, value in sorted(values.items())}
    text = json.dumps([keys, *extra], ensure_ascii=False, sort_keys=True)
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def _text_key(text: str) -> str:
    return unicodedata.normalize("NFC", text).replace("\r\n", "\n").strip()


def _phone_key(text: str) -> str:
    """Digits with the extension; a text without digits is compared as text."""
    plain = _text_key(text)
    extension = _EXTENSION.search(plain)
    number = plain[: extension.start()] if extension else plain
    digits = "".join(char for char in number if char.isdigit())
    if not digits:
        return plain
    plus = "+" if number.lstrip(" (").startswith("+") else ""
    return f"{plus}{digits}" + (f"x{extension.group(1)}" if extension else "")
