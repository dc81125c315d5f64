"""Change data capture: what changed since a moment (docs/quickbooks.md, "Changes")."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from . import faults
from .clock import pacific, parse_time
from .company import Company
from .switches import Switches
from .wire import Json

MOST = 1000
LOOK_BACK = timedelta(days=30)
# Of these QBO keeps no changes.
WITHOUT = {"journalcode", "taxagency", "timeactivity", "taxcode", "taxrate"}


def run(asked: Mapping[str, str], company: Company, switches: Switches, now: float) -> Json:
    """The `CDCResponse`: for each entity its changed records, oldest first, or `{}`.

    At most 1,000 in all, and nothing says that there were more.
    """
    for name in ("entities", "changedSince"):
        if not asked.get(name):
            raise faults.missing_parameter(name)
    since = _moment(asked["changedSince"])
    if since < pacific(now) - LOOK_BACK and switches["cdc_look_back"] == "refuse":
        raise faults.too_long_ago(asked["changedSince"])
    left, slots = MOST, []
    for name in asked["entities"].split(","):
        rows = _rows(name.strip(), company, since, switches)[:left]
        left -= len(rows)
        slots.append(rows)
    return {"CDCResponse": [{"QueryResponse": [_slot(each) for each in slots]}]}


def _moment(text: str) -> datetime:
    """Without an offset it is Pacific; a `+` that was not encoded arrives as a blank."""
    try:
        return parse_time(text)
    except ValueError:
        raise faults.query_invalid(f"value {text} is not valid for changedSince") from None


def _rows(
    name: str, company: Company, since: datetime, switches: Switches
) -> list[tuple[str, Json]]:
    if name.lower() in WITHOUT:
        raise faults.unsupported(f"/v3/company/{company.realm}/cdc {name}")
    kinds = {kind.lower(): kind for kind in ("Customer", *company.others)}
    kind = kinds.get(name.lower())
    if kind is None:  # nobody here has any
        return []
    table = company.customers if kind == "Customer" else company.others[kind]
    found = sorted(_since(table.values(), since), key=_updated)
    if kind == "Customer" and switches["cdc_inactive"] == "stub":
        live = [each for each in found if each["Active"]]
        gone = [each for each in found if not each["Active"]]
        rows = [company.reply(each, row=True) for each in live] + [_stub(each) for each in gone]
    elif kind == "Customer":
        rows = [company.reply(each, row=True) for each in found]
    else:
        rows = [{**each, "domain": "QBO", "sparse": False} for each in found]
    return [(kind, row) for row in rows]


def _since(records: Iterable[Json], since: datetime) -> list[Json]:
    return [each for each in records if _updated(each) >= since]


def _updated(record: Json) -> datetime:
    return datetime.fromisoformat(record["MetaData"]["LastUpdatedTime"])


def _stub(record: Json) -> Json:
    """What deleted transactions look like; nobody has seen whether customers do."""
    stamp = {"LastUpdatedTime": record["MetaData"]["LastUpdatedTime"]}
    return {"domain": "QBO", "status": "Deleted", "Id": record["Id"], "MetaData": stamp}


def _slot(rows: list[tuple[str, Json]]) -> Json:
    if not rows:
        return {}
    kind = rows[0][0]
    return {kind: [row for _, row in rows], "startPosition": 1, "maxResults": len(rows)}
