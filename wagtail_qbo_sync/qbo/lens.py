"""A QuickBooks customer seen as a Contact, and edits of a Contact as a customer's body.

`get` and `put` are a lens: writing back what was read changes nothing (`put` gives an empty
body), and what was written is what is read next. Bodies are sparse and hold mapped properties
only, so nothing else is ever touched (rule 7). What the properties mean: docs/quickbooks.md,
customers and addresses. Input is foreign: whatever is wrong with it is a MalformedCustomer.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from wagtail_qbo_sync.contact import (
    ADDRESS_PARTS,
    DELETED_SUFFIX,
    PATHS,
    Address,
    Contact,
    Value,
    split_emails,
)
from wagtail_qbo_sync.qbo.faults import QboError, lookup

Json = dict[str, Any]

_PLAIN = {
    "name": "DisplayName",
    "company_name": "CompanyName",
    "given_name": "GivenName",
    "family_name": "FamilyName",
}
_NESTED = {
    "email": ("PrimaryEmailAddr", "Address"),
    "phone": ("PrimaryPhone", "FreeFormNumber"),
    "mobile": ("Mobile", "FreeFormNumber"),
    "alternate_phone": ("AlternatePhone", "FreeFormNumber"),
    "fax": ("Fax", "FreeFormNumber"),
}
_ADDRESS = {"mailing_address": "BillAddr", "physical_address": "ShipAddr"}

PROPERTIES: frozenset[str] = frozenset(
    [*_PLAIN.values(), *(outer for outer, _ in _NESTED.values()), *_ADDRESS.values()]
)
"""The only properties of a customer that are ever written."""

_LINES = ("Line1", "Line2", "Line3", "Line4", "Line5")
_MORE_LINES = _LINES[1:]
_PARTS = {
    "line1": "Line1",
    "city": "City",
    "state": "CountrySubDivisionCode",
    "postal_code": "PostalCode",
    "country": "Country",
}
_NOT_KEPT = ("Id", "Lat", "Long")
"""Of an address: differs between two readings of the same customer, so it is no content."""

_MAX_TEXT = 4000
_MAX_NAME = 500
_NUMBER = re.compile(r"[0-9]{1,20}", re.ASCII)
_MAX_SYNC_TOKEN = 2**63 - 1
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
"""NUL and halves of characters, which databases refuse."""


class MalformedCustomer(QboError):
    """A customer that cannot be read; the others can. `qbo_id` is "" when even that is missing."""

    def __init__(self, problem: str, qbo_id: str = "") -> None:
        super().__init__(lookup(None, "malformed"), code="malformed", message=problem)
        self.qbo_id = qbo_id


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What is kept of a customer, and nothing else: no balance, tax id, terms or notes (C2)."""

    qbo_id: str
    sync_token: int
    active: bool
    display_name: str
    """As QuickBooks has it, with the " (deleted)" mark of an inactive one."""
    full_name: str
    """The path of a sub-customer, "Parent:Child"; else the display name."""
    parent_id: str
    is_sub: bool
    is_project: bool
    contact: Contact
    bill_addr: dict[str, str]
    ship_addr: dict[str, str]
    created: datetime | None
    updated: datetime | None
    """Moves with the balance, too: it does not say that anything here has changed."""


# Reading --------------------------------------------------------------------------------------


def snapshot(customer: Any) -> Snapshot:
    """Everything that is kept of a customer document. Raises MalformedCustomer."""
    row = _mapping(customer, "customer")
    qbo_id = ""
    try:
        qbo_id = _number(row, "Id")
        display_name = _text(row, "DisplayName", longest=_MAX_NAME)
        parent = _mapping(row.get("ParentRef"), "ParentRef")
        times = _mapping(row.get("MetaData"), "MetaData")
        addresses = _address_rows(row)
        return Snapshot(
            qbo_id=qbo_id,
            sync_token=_sync_token(row),
            active=_flag(row, "Active", default=True),
            display_name=display_name,
            full_name=_text(row, "FullyQualifiedName") or display_name,
            parent_id=_number(parent, "value") if parent else "",
            is_sub=bool(parent) or _flag(row, "Job"),
            is_project=_flag(row, "IsProject"),
            contact=_contact(row, addresses),
            bill_addr=addresses["BillAddr"],
            ship_addr=addresses["ShipAddr"],
            created=_time(times, "CreateTime"),
            updated=_time(times, "LastUpdatedTime"),
        )
    except MalformedCustomer as error:
        problem = error.message
    raise MalformedCustomer(problem, qbo_id)


def get(customer: Mapping[str, Any]) -> Contact:
    """The customer as a Contact. Raises MalformedCustomer for wrong types.

    The name is without a " (deleted)" mark, which is never to be copied. The e-mail is the
    whole field, which may hold several addresses.
    """
    return _contact(customer, _address_rows(customer))


def _contact(customer: Mapping[str, Any], addresses: Mapping[str, Mapping[str, str]]) -> Contact:
    values: dict[str, Value] = {field: _text(customer, name) for field, name in _PLAIN.items()}
    values["name"] = without_mark(_text(customer, "DisplayName"))
    for field, (outer, inner) in _NESTED.items():
        values[field] = _text(_mapping(customer.get(outer), outer), inner)
    for field, name in _ADDRESS.items():
        values[field] = _address(addresses[name])
    return Contact(**values)  # type: ignore[arg-type]


def without_mark(display_name: str) -> str:
    """The name without the mark that QuickBooks gives to inactive customers."""
    return DELETED_SUFFIX.sub("", display_name) or display_name


def _address(row: Mapping[str, str]) -> Address:
    parts = {part: row.get(name, "") for part, name in _PARTS.items()}
    lines = [row.get(name, "") for name in _MORE_LINES]
    return Address(line2=", ".join(line for line in lines if line), **parts)


def _address_rows(customer: Mapping[str, Any]) -> dict[str, dict[str, str]]:
    return {name: _address_row(customer, name) for name in _ADDRESS.values()}


def _address_row(customer: Mapping[str, Any], name: str) -> dict[str, str]:
    """An address as received, without what is no content; {} for one with only an Id."""
    row = _mapping(customer.get(name), name)
    return {key: text for key in row if key not in _NOT_KEPT and (text := _text(row, key))}


# Writing --------------------------------------------------------------------------------------


def put(
    values: Mapping[str, Value],
    *,
    customer: Mapping[str, Any] | None,
    paths: Collection[str] = PATHS,
) -> Json:
    """The sparse body that makes `customer` (None: a new one) show these values.

    Only properties whose value differs are in it; {} means that nothing is to be sent.
    `paths` are the paths that the site holds: parts of an address that it does not hold go
    out as they were last read.
    """
    old = get(customer) if customer else Contact()
    body: Json = {}
    for field, value in values.items():
        if value == getattr(old, field):
            continue
        if isinstance(value, Address):
            held = [part for part in ADDRESS_PARTS if f"{field}.{part}" in paths]
            name = _ADDRESS[field]
            body |= _put_address(name, value, _address_row(customer or {}, name), held)
        elif field in _PLAIN:
            body[_PLAIN[field]] = value
        else:
            outer, inner = _NESTED[field]
            text = put_email(value, old.email) if field == "email" else value
            if text != getattr(old, field):
                body[outer] = {inner: text}
    return body


def put_email(value: str, held: str) -> str:
    """The new text of an e-mail field that holds `held`.

    One address in place of several stands for the first of them: the others survive (a site
    with one address never saw them). So does an empty one.
    """
    before = split_emails(held)
    if len(before) < 2 or len(split_emails(value)) > 1:
        return value
    first, second = before[0], before[1]
    start = held.index(first)
    if value.strip():
        return held[:start] + value + held[start + len(first) :]
    return held[:start] + held[held.index(second, start + len(first)) :]


def _put_address(name: str, value: Address, row: Mapping[str, str], held: Collection[str]) -> Json:
    """The whole address under its property; {} when nothing of it differs."""
    old = _address(row)
    new = dict(row)
    for part, key in _PARTS.items():
        if part in held:
            new[key] = getattr(value, part)
    if "line2" in held and value.line2 != old.line2:
        new |= dict.fromkeys(_MORE_LINES, "") | {"Line2": value.line2}
    if {key: text for key, text in new.items() if text} == dict(row):
        return {}
    if row:  # blanks clear what was there, whether the address is merged or replaced
        new = dict.fromkeys([*_LINES, *_PARTS.values()], "") | new
    else:
        new = {key: text for key, text in new.items() if text}
    return {name: new}


def remembered(
    contact: Contact, bill_addr: Mapping[str, str], ship_addr: Mapping[str, str]
) -> Json:
    """A document for `put` from what is stored of a customer: `get` of it is `contact`."""
    row: Json = {name: getattr(contact, field) for field, name in _PLAIN.items()}
    for field, (outer, inner) in _NESTED.items():
        row[outer] = {inner: getattr(contact, field)}
    return {**row, "BillAddr": dict(bill_addr), "ShipAddr": dict(ship_addr)}


# Foreign values -------------------------------------------------------------------------------


def _mapping(value: Any, name: str) -> Mapping[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise MalformedCustomer(f"{name} is {_kind(value)}, not an object")
    return value


def _text(row: Mapping[str, Any], name: str, *, longest: int = _MAX_TEXT) -> str:
    value = row.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise MalformedCustomer(f"{name} is {_kind(value)}, not a text")
    if len(value) > longest:
        raise MalformedCustomer(f"{name} is {len(value)} characters long")
    if not value.isprintable() and _UNSTORABLE.search(value):
        raise MalformedCustomer(f"{name} has characters that cannot be stored")
    return value


def _number(row: Mapping[str, Any], name: str) -> str:
    """The digits of an id or a counter, which are texts in JSON."""
    value = row.get(name)
    text = str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""
    if not _NUMBER.fullmatch(text):
        raise MalformedCustomer(f"{name} is missing" if value is None else f"{name} is no number")
    return text


def _sync_token(row: Mapping[str, Any]) -> int:
    token = int(_number(row, "SyncToken"))
    if token > _MAX_SYNC_TOKEN:
        raise MalformedCustomer("SyncToken is too large")
    return token


def _flag(row: Mapping[str, Any], name: str, *, default: bool = False) -> bool:
    value = row.get(name)
    if value is None:
        return default
    if not isinstance(value, bool):
        raise MalformedCustomer(f"{name} is {_kind(value)}, not true or false")
    return value


def _time(row: Mapping[str, Any], name: str) -> datetime | None:
    text = _text(row, name)
    if not text:
        return None
    try:
        return parse_time(text)
    except ValueError:
        raise MalformedCustomer(f"{name} is no time with an offset") from None


def parse_time(text: str) -> datetime:
    """A time with its offset, in UTC. Raises ValueError; one without an offset is refused."""
    try:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is None:
            raise ValueError("no offset")
        return moment.astimezone(UTC)
    except (TypeError, OverflowError) as error:
        raise ValueError(str(error)) from None


def _kind(value: Any) -> str:
    return {list: "a list", dict: "an object", str: "a text", bool: "true or false"}.get(
        type(value), "a number"
    )
