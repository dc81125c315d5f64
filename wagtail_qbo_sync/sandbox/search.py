"""Running a query over a company's records: which properties, which rows, in which order."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from .clock import pacific, parse_time
from .company import Company
from .faults import Fault, query_invalid
from .query import Condition, Value, parse
from .schema import KNOWN
from .switches import Switches
from .wire import Json

# Properties that can be filtered and sorted by, with the kind that decides how they compare.
_PEOPLE = {
    "Id": "id",
    "DisplayName": "text",
    "GivenName": "text",
    "MiddleName": "text",
    "FamilyName": "text",
    "CompanyName": "text",
    "PrintOnCheckName": "text",
    "PrimaryEmailAddr": "email",
    "Active": "flag",
    "Balance": "number",
    "MetaData.CreateTime": "time",
    "MetaData.LastUpdatedTime": "time",
}
FILTERABLE: dict[str, dict[str, str]] = {
    "Customer": {**_PEOPLE, "FullyQualifiedName": "text"},
    "Vendor": _PEOPLE,
    "Employee": _PEOPLE,
    "CompanyInfo": {"Id": "id", "CompanyName": "text"},
}
_OPERATORS = {
    "id": ("=", "IN"),
    "flag": ("=", "IN"),
    "text": ("=", "<", ">", "<=", ">=", "IN", "LIKE"),
    "email": ("=", "IN", "LIKE"),
    "number": ("=", "<", ">", "<=", ">=", "IN"),
    "time": ("=", "<", ">", "<=", ">=", "IN"),
}
Test = Callable[[Json], bool]


def run(statement: str, company: Company, switches: Switches, now: float) -> Json:
    """The `QueryResponse` of a statement: rows, a count, or `{}` when nothing is found."""
    query = parse(statement)
    entity = _entity(query.entity)
    if query.start < 1 and switches["startposition_zero"] == "refuse":
        raise query_invalid(f"value {query.start} is too small. Min allowed value is 1")
    conditions = [(each, _property(entity, each.name)) for each in query.conditions]
    tests = [_test(entity, name, each, now) for each, name in conditions]
    if entity != "CompanyInfo" and not any(name == "Active" for _, name in conditions):
        tests.append(lambda record: bool(record["Active"]))  # inactive ones are hidden
    found = [record for record in _records(entity, company) if all(t(record) for t in tests)]
    if query.counting:
        return {"totalCount": len(found)}
    for name, falling in reversed(query.order or (("", False),)):
        found.sort(key=_sort_key(entity, company, name, switches), reverse=falling)
    start = max(query.start, 1)
    page = found[start - 1 : start - 1 + query.most]
    if not page:
        return {}
    rows = [_row(entity, company, record) for record in page]
    chosen = {_path(entity, name) for name in query.fields}
    if chosen:
        keys = chosen | {"domain", "sparse", "Id"}
        rows = [{key: value for key, value in row.items() if key in keys} for row in rows]
    return {entity: rows, "startPosition": start, "maxResults": len(rows)}


def _entity(name: str) -> str:
    for known in FILTERABLE:
        if known.lower() == name.lower():
            return known
    raise query_invalid(f"invalid context declaration: {name}")


def _records(entity: str, company: Company) -> Iterable[Json]:
    if entity == "Customer":
        return company.customers.values()
    if entity == "CompanyInfo":
        return [company.facts["info"]]
    return company.others[entity].values()


def _row(entity: str, company: Company, record: Json) -> Json:
    if entity == "Customer":
        return company.reply(record, row=True)
    return {**record, "domain": "QBO", "sparse": False}


def _path(entity: str, name: str) -> str:
    """The top-level key of a projected property."""
    top = name.partition(".")[0]
    for known in KNOWN["Customer"]:
        if known.lower() == top.lower():
            return known
    raise query_invalid(f"Property {name} not found for Entity {entity}")


def _property(entity: str, name: str) -> str:
    for known in FILTERABLE[entity]:
        if known.lower() == name.lower():
            return known
    known = _path(entity, name)
    raise query_invalid(f"property '{known}' is not queryable")


def _stored(record: Json, name: str) -> Any:
    if name == "PrimaryEmailAddr":
        return record.get(name, {}).get("Address")
    top, _, below = name.partition(".")
    return record[top].get(below) if below else record.get(name)


def _test(entity: str, name: str, condition: Condition, now: float) -> Test:
    kind = FILTERABLE[entity][name]
    operator = condition.operator
    if operator not in _OPERATORS[kind]:
        raise query_invalid(f"Operator {operator} is not supported for property {name}")
    if operator == "LIKE":
        return _like(name, condition.values[0])
    wanted = [_literal(kind, name, value, now) for value in condition.values]
    read = _READ[kind]
    first = wanted[0]
    compare: dict[str, Callable[[Any], bool]] = {
        "=": lambda value: value == first,
        "IN": lambda value: value in wanted,
        "<": lambda value: value < first,
        ">": lambda value: value > first,
        "<=": lambda value: value <= first,
        ">=": lambda value: value >= first,
    }
    holds = compare[operator]

    def test(record: Json) -> bool:
        value = _stored(record, name)
        return value is not None and holds(read(value))

    return test


def _like(name: str, value: Value) -> Test:
    pattern = re.compile(
        ".*".join(re.escape(part) for part in value.text.casefold().split("%")), re.DOTALL
    )
    return lambda record: bool(pattern.fullmatch((_stored(record, name) or "").casefold()))


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


_READ: dict[str, Callable[[Any], Any]] = {
    "id": str,
    "flag": bool,
    "text": str.casefold,
    "email": str.casefold,
    "number": lambda value: Decimal(str(value)),
    "time": _moment,
}


def _literal(kind: str, name: str, value: Value, now: float) -> Any:
    """A written value as something that compares with stored ones of that kind."""
    if kind == "flag":
        if value.kind != "word" or value.text == "CURRENT_DATE":
            raise _bad_value(name, value)
        return value.text == "TRUE"
    if kind in ("text", "email", "id"):
        return value.text.casefold()
    try:
        if kind == "number":
            return Decimal(value.text)
        if value.text == "CURRENT_DATE":
            return pacific(now).replace(hour=0, minute=0, second=0, microsecond=0)
        return parse_time(value.text)
    except (InvalidOperation, ValueError):
        raise _bad_value(name, value) from None


def _bad_value(name: str, value: Value) -> Fault:
    return query_invalid(f"value {value.text} is not valid for property {name}")


def _sort_key(
    entity: str, company: Company, name: str, switches: Switches
) -> Callable[[Json], Any]:
    if not name:
        if entity != "Customer":
            return lambda record: record.get("DisplayName", "")
        if switches["default_order"] == "case":
            return lambda record: record["FullyQualifiedName"]
        return lambda record: record["FullyQualifiedName"].casefold()
    if entity == "Customer" and name.lower() == "balancewithjobs":
        return company.balance_with_jobs
    known = _property(entity, name)
    kind = FILTERABLE[entity][known]
    if kind == "email":
        raise query_invalid(f"property '{known}' is not sortable")
    if kind == "id":
        return lambda record: int(record["Id"])
    read = _READ[kind]

    def key(record: Json) -> Any:
        value = _stored(record, known)
        return (value is not None, read(value) if value is not None else 0)

    return key
