"""Addresses: their numbers, and the positions that QBO invents for them.

Clients must not compare either: Id, Lat and Long differ between endpoints.
"""

from __future__ import annotations

from collections.abc import Callable
from hashlib import md5

from .schema import ADDRESSES
from .wire import Json


def numbered(record: Json, old: Json, next_number: Callable[[], str]) -> Json:
    """Each address has an Id. Equal ones may share it, until one of them changes."""
    for name, twin in (ADDRESSES, ADDRESSES[::-1]):
        if not (parts := _parts(record.get(name))):
            continue
        before, beside = old.get(name, {}), old.get(twin, {})
        if before and (parts == _parts(before) or before["Id"] != beside.get("Id")):
            number = before["Id"]
        elif not old and parts == _parts(record.get(twin)) and "Id" in record[twin]:
            number = record[twin]["Id"]
        else:
            number = next_number()
        record = {**record, name: {"Id": number, **parts}}
    return record


def placed(shown: Json) -> Json:
    """With a position on each address; what has no city cannot be found on a map."""
    found = {name: {**shown[name], **_place(shown[name])} for name in ADDRESSES if name in shown}
    return {**shown, **found}


def unplaced(address: Json) -> Json:
    return {key: value for key, value in address.items() if key not in ("Lat", "Long")}


def _parts(address: Json | None) -> Json:
    return {key: value for key, value in (address or {}).items() if key != "Id"}


def _place(address: Json) -> Json:
    if "City" not in address:
        return {"Lat": "INVALID", "Long": "INVALID"}
    digest = md5(address["City"].encode(), usedforsecurity=False).hexdigest()
    north, west = int(digest[:6], 16) % 10**6, int(digest[6:12], 16) % 10**6
    return {"Lat": f"42.{north:06}", "Long": f"-71.{west:06}"}
