"""What both sides keep of a contact, read straight from the host's columns and QuickBooks' JSON.

Written out here once more, so that an error in the lens or the adapter cannot hide itself.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from crm.models import Client

Json = dict[str, Any]
Value = str | tuple[str, ...]

_DELETED = re.compile(r" \(deleted(-\d+)?\)$")
_LINES = ("Line1", "Line2", "City", "CountrySubDivisionCode", "PostalCode", "Country")
_MAILING = ("address", "address_2", "city", "state", "zip_code", "country")
_PHYSICAL = tuple(f"physical_{name}" for name in _MAILING)


def _number(name: str) -> Callable[[Json], str]:
    return lambda record: str(record.get(name, {}).get("FreeFormNumber", ""))


def _address(name: str) -> Callable[[Json], tuple[str, ...]]:
    return lambda record: tuple(str(record.get(name, {}).get(line, "")) for line in _LINES)


IN_QBO: dict[str, Callable[[Json], Value]] = {
    "name": lambda record: _DELETED.sub("", record["DisplayName"]),
    "company_name": lambda record: str(record.get("CompanyName", "")),
    "email": lambda record: str(record.get("PrimaryEmailAddr", {}).get("Address", "")),
    "phone": _number("PrimaryPhone"),
    "mobile": _number("Mobile"),
    "mailing_address": _address("BillAddr"),
    "physical_address": _address("ShipAddr"),
}
MAPPED = frozenset(
    [
        *("DisplayName", "CompanyName", "PrimaryEmailAddr", "PrimaryPhone", "Mobile"),
        *("BillAddr", "ShipAddr"),
    ]
)
COMPUTED = frozenset(["SyncToken", "MetaData", "FullyQualifiedName", "Balance", "BalanceWithJobs"])
"""Of QuickBooks' own making: names of families, money, versions."""
EDITED = ("phone", "mobile", "company_name", "mailing_address", "name", "email")
"""What people edit; the physical address is mapped too, and stays as it was."""
FIELDS = tuple(IN_QBO)


def in_qbo(record: Json) -> dict[str, Value]:
    """What a customer says."""
    return {field: read(record) for field, read in IN_QBO.items()}


def on_site(client: Client) -> dict[str, Value]:
    """What a client says."""
    plain = {name: getattr(client, name) for name in FIELDS if hasattr(client, name)}
    return {
        **plain,
        "mailing_address": tuple(getattr(client, name) for name in _MAILING),
        "physical_address": tuple(getattr(client, name) for name in _PHYSICAL),
    }


def columns(field: str, value: Value) -> Json:
    """The client's columns that hold this value."""
    if field == "mailing_address":
        return dict(zip(_MAILING, value, strict=True))
    return {field: value}


def properties(field: str, value: Value) -> Json:
    """The customer's properties that hold this value, for a sparse update; "" clears."""
    if field.endswith("_address"):
        name = {"mailing_address": "BillAddr", "physical_address": "ShipAddr"}[field]
        return {name: dict(zip(_LINES, value, strict=True))}
    if field in ("phone", "mobile"):
        name = {"phone": "PrimaryPhone", "mobile": "Mobile"}[field]
        return {name: {"FreeFormNumber": value}}
    if field == "email":
        return {"PrimaryEmailAddr": {"Address": value}}
    return {{"name": "DisplayName", "company_name": "CompanyName"}[field]: value}


def said_in(body: Json) -> set[str]:
    """The fields about which a customer's body says something."""
    named = {next(iter(properties(field, blank(field)))): field for field in FIELDS}
    return {named[key] for key in body.keys() & named.keys()}


def blank(field: str) -> Value:
    """Nothing."""
    return ("",) * len(_LINES) if field.endswith("_address") else ""


def unmapped(record: Json) -> Json:
    """What no sync may touch."""
    return {key: record[key] for key in record if key not in MAPPED | COMPUTED | {"Active"}}
