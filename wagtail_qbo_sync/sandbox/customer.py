"""What a body does to a customer's own values: full and sparse updates, blanks, checks.

Pure functions on documents; the company (names, numbers, parents) is in `company.py`.
Full updates empty whatever is left out, sparse ones touch only what is sent
(docs/quickbooks.md, "Full and sparse updates").
"""

from __future__ import annotations

import re

from . import faults
from .schema import (
    ADDRESS_PARTS,
    ADDRESSES,
    DELIVERY,
    FLAGS,
    KEPT,
    NAME_PARTS,
    NAMES,
    SINGLES,
    TEXT,
    WRITABLE,
    wrong_type,
)
from .switches import Switches
from .wire import Json

EMAIL = re.compile(r"[^@\s,;]+@[^@\s,;]+\.[^@\s,;]+")


def new(body: Json, switches: Switches) -> Json:
    """The values of a customer that is being created."""
    return full({}, body, switches)


def full(old: Json, body: Json, switches: Switches) -> Json:
    """The values after a full update: what is not sent is emptied or back to its default."""
    values = {name: sent(name, body.get(name), None, switches) for name in WRITABLE}
    for name, default in FLAGS.items():
        if values[name] is None:
            values[name] = old.get("Active", True) if name == "Active" else default
    values["PreferredDeliveryMethod"] = values["PreferredDeliveryMethod"] or "Print"
    values["DisplayName"] = values["DisplayName"] or _built_name(values)
    values["PrintOnCheckName"] = values["PrintOnCheckName"] or check_name(values)
    return _finish(values, body)


def sparse(old: Json, body: Json, switches: Switches) -> Json:
    """The values after a sparse update."""
    values = {name: old.get(name) for name in WRITABLE}
    for name in WRITABLE:
        if name in body:
            value = sent(name, body[name], old.get(name), switches)
            values[name] = old.get(name) if value is None and name in KEPT else value
    return _finish(values, body)


def _finish(values: Json, body: Json) -> Json:
    if not values["DisplayName"]:
        raise faults.no_name()
    if values["ParentRef"] and "Job" not in body:
        values["Job"] = True
    if not values["Job"]:
        values["ParentRef"] = None
    elif not values["ParentRef"]:
        raise faults.no_parent()
    if values["PreferredDeliveryMethod"] == "Email" and not values["PrimaryEmailAddr"]:
        raise faults.email_needed()
    return {name: value for name, value in values.items() if value is not None}


def sent(name: str, raw: object, old: object, switches: Switches) -> object:
    """What a sent value makes of the old one. None means empty."""
    if name in ADDRESSES:
        return _address(name, raw, old, switches)
    if name in SINGLES:
        _, key, longest = SINGLES[name]
        if isinstance(raw, dict):
            if key not in raw:
                return old
            raw = raw[key]
        text = _text(name, raw, longest, old, switches)
        return text if text is old or text is None else {key: _checked(name, str(text), switches)}
    if name in FLAGS:
        return old if raw is None or raw == "" else _flag(name, raw)
    if name == "PreferredDeliveryMethod":
        if raw and raw not in DELIVERY:
            raise faults.bad_enumeration(name, raw)
        return raw or old
    text = _text(name, raw, TEXT[name], old, switches)
    if name in NAMES and isinstance(text, str) and re.search(r"[:\t\n]", text):
        raise faults.bad_characters(name, switches["bad_name_code"])
    return text


def _text(name: str, raw: object, longest: int, old: object, switches: Switches) -> object:
    if raw is None:
        return old if switches["clear_by"] == "empty" else None
    if isinstance(raw, bool) or not isinstance(raw, str | int | float):
        raise wrong_type(name, raw)
    text = str(raw).strip()
    if not text:
        return old if switches["clear_by"] == "null" else None
    if len(text) > longest:
        raise faults.too_long(name, longest, len(text))
    return text


def _flag(name: str, raw: object) -> bool:
    if isinstance(raw, bool):
        return raw
    if isinstance(raw, str) and raw.lower() in ("true", "false"):
        return raw.lower() == "true"
    raise wrong_type(name, raw)


def _checked(name: str, text: str, switches: Switches) -> str:
    if name == "WebAddr" and "://" not in text:
        return f"http://{text}"
    if name == "PrimaryEmailAddr":
        several = switches["several_emails"] == "accept"
        parts = re.split(r"\s*[,;]\s*", text) if several else [text]
        if not all(EMAIL.fullmatch(part) for part in parts):
            raise faults.bad_email(text)
    return text


def _address(name: str, raw: object, old: object, switches: Switches) -> object:
    """An address replaces the old one as a unit, unless the switch says otherwise."""
    if raw is None:
        return old if switches["clear_by"] == "empty" else None
    assert isinstance(raw, dict)  # schema.check_known
    before = old if isinstance(old, dict) else {}
    merging = switches["address_update"] == "merge"
    after: Json = {}
    for part, longest in ADDRESS_PARTS.items():
        kept = before.get(part) if merging else None
        value = _text(part, raw[part], longest, kept, switches) if part in raw else kept
        if value is not None:
            after[part] = value
    if after:
        return after
    emptied = any(part in raw for part in ADDRESS_PARTS) and switches["clear_by"] != "null"
    return None if emptied else old


def _built_name(values: Json) -> str | None:
    return " ".join(values[part] for part in NAME_PARTS if values[part]) or None


def check_name(values: Json) -> str | None:
    """PrintOnCheckName, if nobody gave one: the company, else the person, else DisplayName."""
    person = [values[part] for part in NAME_PARTS[1:4] if values.get(part)]
    return values.get("CompanyName") or " ".join(person) or values.get("DisplayName")
