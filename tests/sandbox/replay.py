"""Saying the same again: a recorded exchange against the sandbox, and what must be the same."""

from __future__ import annotations

import re
from typing import Any

from .conftest import Box, Json

# Differ between endpoints and years, by nature: not compared.
VOLATILE = {"MetaData", "V4IDPseudonym", "Id", "SyncToken", "Balance", "BalanceWithJobs"}
PLACE = {"Lat", "Long"}
# In replies of 2026, not yet in those of 2020, whose rows showed the tax code now and then.
SINCE_2020 = {"IsProject", "ClientEntityId", "V4IDPseudonym", "DefaultTaxCodeRef"}


def plant(box: Box, records: list[Json], kind: str = "Customer", clear: bool = False) -> None:
    """Recorded entities as the books of the firm, parents first."""
    ordered = sorted(records, key=lambda each: each.get("Level", 0))
    body = {"realm": "firm", "kind": kind, "records": ordered, "clear": clear}
    box.control("plant", body)


def same_entity(ours: Json, theirs: Json, old: bool = False) -> None:
    """The same keys in the same order, and the same values where values can be the same."""
    ignored = SINCE_2020 if old else set()
    assert [k for k in ours if k not in ignored] == [k for k in theirs if k not in ignored]
    for key, value in theirs.items():
        if key in ignored | VOLATILE:
            assert type(ours.get(key, value)) in (type(value), int, float)
        elif key.endswith("Addr") and isinstance(value, dict):
            assert _without(ours[key], PLACE | {"Id"}) == _without(value, PLACE | {"Id"})
        else:
            assert ours[key] == value, key


def same_fault(ours: Json, theirs: Json) -> None:
    """The same fault, but for the time, the server's name and the token in it."""
    assert _masked(ours) == _masked(theirs)


def _without(value: Json, keys: set[str]) -> Json:
    return {key: each for key, each in value.items() if key not in keys}


def _masked(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: type(each) if key == "time" else _masked(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_masked(each) for each in value]
    if isinstance(value, str):
        value = re.sub(r"https://\S*?(?=/v3/)", "https://host", value)
        value = re.sub(r"(?<=/company/)[^/]+", "realm", value)
        return re.sub(r"(?<=Token expired: )\S+", "token", value)
    return value
