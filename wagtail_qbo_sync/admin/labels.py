"""Contact fields and their values as people read them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext_lazy as _

from wagtail_qbo_sync.contact import Address, value_from_json

FIELDS = {
    "name": _("Name"),
    "company_name": _("Company name"),
    "email": _("E-mail"),
    "phone": _("Phone"),
    "mobile": _("Mobile"),
    "mailing_address": _("Mailing address"),
    "physical_address": _("Physical address"),
    "alternate_phone": _("Alternate phone"),
    "fax": _("Fax"),
    "given_name": _("Given name"),
    "family_name": _("Family name"),
    "contact_type": _("Contact Type"),
    "active": _("Active in QuickBooks"),
}
PARTS = {
    "line1": _("address"),
    "line2": _("address 2"),
    "city": _("city"),
    "state": _("state"),
    "postal_code": _("ZIP code"),
    "country": _("country"),
}


def field_label(path: str) -> str:
    """ "email" -> "E-mail", "mailing_address.city" -> "Mailing address: city"; "" for ""."""
    name, _dot, part = path.partition(".")
    label = str(FIELDS.get(name, name))
    return f"{label}: {PARTS.get(part, part)}" if part else label


def value_lines(name: str, stored: Any) -> tuple[str, ...]:
    """A stored value (`contact.values_to_json`) by lines; () for a blank one or None."""
    if isinstance(stored, bool):
        return (str(_("Yes") if stored else _("No")),)
    value = "" if stored is None else value_from_json(name, stored)
    text = _address(value) if isinstance(value, Address) else value
    return tuple(line.strip() for line in text.splitlines() if line.strip())


def contact_rows(stored: Mapping[str, Any]) -> list[tuple[str, tuple[str, ...]]]:
    """(label, lines) of a stored contact (`Contact.to_json`), without what is blank."""
    rows = [(field_label(name), value_lines(name, stored.get(name))) for name in FIELDS]
    return [(label, lines) for label, lines in rows if lines]


def _address(address: Address) -> str:
    region = " ".join(filter(None, [address.state, address.postal_code]))
    town = ", ".join(filter(None, [address.city, region]))
    return "\n".join([address.line1, address.line2, town, address.country])
