"""Statements of QuickBooks' query language (docs/quickbooks.md, queries). Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final, Literal, get_args

from wagtail_qbo_sync.qbo.limits import PAGE_ROWS

Entity = Literal["Customer", "Vendor", "Employee"]
"""The kinds of record that share one set of names."""

_ALL: Final = "Active IN (true,false)"
"""Without it, inactive records are left out."""


def quote(text: str) -> str:
    """The text as a literal: in single quotes, backslash and apostrophe escaped."""
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


def count_customers(since: datetime | None = None) -> str:
    """How many customers there are, or how many of them changed since then."""
    return f"SELECT COUNT(*) FROM Customer WHERE {_changed(since)}"  # noqa: S608


def customers(start: int, size: int, since: datetime | None = None) -> str:
    """One page of customers by Id, from the `start`th (1 is the first). Raises ValueError."""
    return _page(_changed(since), start, size)


def _page(where: str, start: int, size: int) -> str:
    if start < 1 or not 1 <= size <= PAGE_ROWS:
        raise ValueError(f"No page of {size} from {start}: 1 to {PAGE_ROWS} rows, from 1 on")
    page = f"ORDERBY Id STARTPOSITION {start} MAXRESULTS {size}"
    return f"SELECT * FROM Customer WHERE {where} {page}"  # noqa: S608


def customers_by_id(ids: Sequence[str]) -> str:
    """These customers, in one page. Raises ValueError."""
    if not 1 <= len(ids) <= PAGE_ROWS:
        raise ValueError(f"1 to {PAGE_ROWS} ids are asked for at once, not {len(ids)}")
    listed = ",".join(quote(each) for each in ids)
    where = f"Id IN ({listed}) AND {_ALL}"
    return f"SELECT * FROM Customer WHERE {where} MAXRESULTS {len(ids)}"  # noqa: S608


def customers_created(start: int, size: int, since: datetime | None) -> str:
    """The same of those that were made since then."""
    made = f"MetaData.CreateTime >= {quote(moment(since))} AND {_ALL}" if since else _ALL
    return _page(made, start, size)


def moment(at: datetime) -> str:
    """A moment with its offset; without one it would be read as US Pacific. Raises ValueError."""
    if at.tzinfo is None:
        raise ValueError(f"{at} has no offset")
    return at.isoformat(timespec="seconds")


def _changed(since: datetime | None) -> str:
    if since is None:
        return _ALL
    return f"MetaData.LastUpdatedTime >= {quote(moment(since))} AND {_ALL}"


def holders(entity: Entity, display_name: str) -> str:
    """Who has this name; only what C2 lets us see of them. Raises ValueError."""
    if entity not in get_args(Entity):
        raise ValueError(f"No names are looked up in {entity!r}")
    where = f"DisplayName = {quote(display_name)} AND {_ALL}"
    return f"SELECT Id, DisplayName, Active FROM {entity} WHERE {where}"  # noqa: S608
