"""The names that client models usually give their fields."""

from __future__ import annotations

from collections.abc import Mapping

from django.db import models

from .model_fields import holds_text

NAMES: Mapping[str, tuple[str, ...]] = {
    "name": ("name", "display_name", "full_name", "client_name"),
    "company_name": ("company_name", "company", "organisation", "organization"),
    "email": ("email", "email_address", "e_mail"),
    "phone": ("phone", "phone_number", "telephone"),
    "mobile": ("mobile", "mobile_phone", "mobile_number", "cell_phone"),
}
_ADDRESS: Mapping[str, tuple[str, ...]] = {
    "line1": ("address", "address_1", "address1", "address_line_1", "street"),
    "line2": ("address_2", "address2", "address_line_2", "street_2"),
    "city": ("city", "town"),
    "state": ("state", "province", "region"),
    "postal_code": ("zip_code", "zip", "postal_code", "postcode"),
    "country": ("country",),
}
_PREFIXES: Mapping[str, tuple[str, ...]] = {
    "mailing_address": ("mailing_", "billing_", ""),
    "physical_address": ("physical_", "shipping_"),
}


def guess_fields(model: type[models.Model]) -> dict[str, str]:
    """Contact path -> name of the model's field that says so by its name."""
    held = {field.name for field in model._meta.concrete_fields if holds_text(field)}
    candidates = dict(NAMES)
    for address, prefixes in _PREFIXES.items():
        for part, names in _ADDRESS.items():
            candidates[f"{address}.{part}"] = tuple(
                prefix + name for prefix in prefixes for name in names
            )
    found: dict[str, str] = {}
    for path, names in candidates.items():
        if name := next((name for name in names if name in held), None):
            found[path] = name
    return found
