"""The accounting API of one company: the calls that we make, and no others.

Built on `client.HardenedQuickBooks`, which is python-quickbooks with its weaknesses closed.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from wagtail_qbo_sync import clock
from wagtail_qbo_sync.qbo import lens, query, writes
from wagtail_qbo_sync.qbo.client import Budget as Budget
from wagtail_qbo_sync.qbo.client import HardenedQuickBooks, Json
from wagtail_qbo_sync.qbo.client import Kind as Kind
from wagtail_qbo_sync.qbo.client import OnCall as OnCall
from wagtail_qbo_sync.qbo.client import TokenSource as TokenSource
from wagtail_qbo_sync.qbo.faults import QboError
from wagtail_qbo_sync.qbo.limits import CHANGES, LOOK_BACK, PAGE_ROWS


@dataclass(frozen=True, slots=True)
class CompanyInfo:
    """What a company calls itself."""

    name: str
    legal_name: str
    country: str


@dataclass(frozen=True, slots=True)
class Page:
    """Customers as received, and QuickBooks' own time of the answer."""

    customers: list[Any]
    server_time: datetime


@dataclass(frozen=True, slots=True)
class Changes(Page):
    """What changed since a moment, if that is all of it."""

    gone: list[str]
    """Ids of records that came without anything else, as deleted ones do."""
    too_many: bool = False
    """There may be more than these: page through what changed instead."""


@dataclass(frozen=True, slots=True)
class NameHolder:
    """A record that has a name already (U10)."""

    entity: query.Entity
    id: str
    display_name: str
    active: bool


@dataclass(frozen=True, slots=True)
class Reply:
    """The whole customer as it is after a write, which becomes the base."""

    customer: Json
    server_time: datetime
    intuit_tid: str


@dataclass(frozen=True, slots=True)
class BatchReply:
    """What became of each item, by bId."""

    results: dict[str, writes.Result]
    server_time: datetime
    intuit_tid: str


class CompanyApi(HardenedQuickBooks):
    """The calls that we make to one company. One object per run; not shared by threads."""

    def company_info(self) -> CompanyInfo:
        """What the company calls itself; also the test that the token is for this realm."""
        document, tid = self.call("GET", self._url("companyinfo", self.company_id))
        info = _part(document, "CompanyInfo", dict, tid)
        texts = {name: _text(info, name) for name in ("CompanyName", "LegalName", "Country")}
        return CompanyInfo(texts["CompanyName"], texts["LegalName"], texts["Country"])

    def count_customers(self, since: datetime | None = None) -> int:
        """How many customers there are, active and inactive; or have changed since then."""
        document, tid = self._ask(query.count_customers(since))
        count = int(_part(_part(document, "QueryResponse", dict, tid), "totalCount", int, tid))
        if count < 0:
            raise QboError.of("shape", status=200, intuit_tid=tid)
        return count

    def customers(
        self, start: int = 1, size: int = PAGE_ROWS, since: datetime | None = None
    ) -> Page:
        """A page of customers, active and inactive, by Id; `start` counts from 1.

        The rows are as received: `lens.snapshot` says which of them are sound.
        """
        return self._page(query.customers(start, size, since))

    def customers_by_id(self, ids: Sequence[str]) -> Page:
        """These customers, active or not, in any order; an unknown id is left out."""
        return self._page(query.customers_by_id([writes.checked_id(each) for each in ids]))

    def customers_created(self, since: datetime | None) -> list[Any]:
        """The customers that were made since then, active or not: whoever asks expects few."""
        rows: list[Any] = []
        while page := self._page(
            query.customers_created(len(rows) + 1, PAGE_ROWS, since)
        ).customers:
            rows += page
        return rows

    def changes(self, since: datetime) -> Changes | None:
        """The customers that changed since then; None if that is too long ago.

        The fault for that has a code of its own only by the company it keeps: nothing else in
        this call can be an operation that QuickBooks does not support.
        """
        if since < clock.now() - LOOK_BACK:
            return None
        params = {"entities": "Customer", "changedSince": query.moment(since)}
        try:
            document, tid = self.call("GET", self._url("cdc"), params=params)
        except QboError as error:
            if error.code == "500":
                return None
            raise
        found = list(_changed_rows(document, tid))
        gone = [row["Id"] for row in found if _is_stub(row)]
        rows = [row for row in found if not _is_stub(row)]
        return Changes(rows, _server_time(document, tid), gone, len(found) >= CHANGES)

    def customer(self, qbo_id: str) -> Json:
        """One customer, active or not. An unknown id is a QboError with code 610."""
        document, tid = self.call("GET", self._url("customer", writes.checked_id(qbo_id)))
        return dict(_part(document, "Customer", dict, tid))

    def find_name(self, entity: query.Entity, display_name: str) -> list[NameHolder]:
        """Who of these has this very name (compared as QuickBooks does: without case)."""
        document, tid = self._ask(query.holders(entity, display_name))
        return [
            NameHolder(
                entity, _text(row, "Id"), _text(row, "DisplayName"), row.get("Active") is not False
            )
            for row in _rows(document, entity, tid)
            if isinstance(row, dict)
        ]

    def create(self, body: Mapping[str, Any], request_id: str) -> Reply:
        """Make a customer of a body of `lens.put`. The same request id never makes two."""
        return self._write(writes.new_customer(body), request_id)

    def update(
        self, qbo_id: str, sync_token: int, values: Mapping[str, Any], request_id: str
    ) -> Reply:
        """Change these properties and no other. `sync_token`: of what `values` came from."""
        return self._write(writes.changed_customer(qbo_id, sync_token, values), request_id)

    def batch(self, body: str, request_id: str) -> BatchReply:
        """Send a text of `writes.batch`. Each item is done or refused for itself.

        The same text under the same request id does nothing twice. Raises QboError for the
        batch as a whole.
        """
        document, tid = self.call("POST", self._url("batch"), body, request_id=request_id)
        _part(document, "BatchItemResponse", list, tid, write=True)
        results = writes.results(body, document, tid)
        for result in results.values():
            if isinstance(result, writes.Refused):
                self.note_throttling(result.error)
        return BatchReply(results, _server_time(document, tid, write=True), tid)

    def _write(self, body: Mapping[str, Any], request_id: str) -> Reply:
        document, tid = self.call(
            "POST",
            self._url("customer"),
            json.dumps(body),
            request_id=request_id,
        )
        customer = _part(document, "Customer", dict, tid, write=True)
        return Reply(customer, _server_time(document, tid, write=True), tid)

    def _page(self, statement: str) -> Page:
        document, tid = self._ask(statement)
        return Page(_rows(document, "Customer", tid), _server_time(document, tid))

    def _ask(self, statement: str) -> tuple[Json, str]:
        return self.call("POST", self._url("query"), statement, "application/text")

    def _url(self, *parts: str) -> str:
        return "/".join([self.api_url, "company", self.company_id, *parts])


# Reading answers ------------------------------------------------------------------------------


def _part(
    document: Mapping[str, Any], name: str, kind: type, tid: str, *, write: bool = False
) -> Any:
    value = document.get(name)
    if not isinstance(value, kind) or isinstance(value, bool):
        raise QboError.of(
            "shape", status=200, write=write, intuit_tid=tid, message=f"No {name} in the answer"
        )
    return value


def _rows(document: Mapping[str, Any], entity: str, tid: str) -> list[Any]:
    found = _part(document, "QueryResponse", dict, tid)
    return list(_part(found, entity, list, tid)) if entity in found else []


def _changed_rows(document: Mapping[str, Any], tid: str) -> Iterator[Any]:
    for response in _part(document, "CDCResponse", list, tid):
        slots = _part(_object(response), "QueryResponse", list, tid)
        for slot in map(_object, slots):
            yield from _part(slot, "Customer", list, tid) if "Customer" in slot else []


def _object(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _is_stub(row: Any) -> bool:
    return isinstance(row, dict) and row.get("status") == "Deleted" and writes.is_id(row.get("Id"))


def _server_time(document: Mapping[str, Any], tid: str, *, write: bool = False) -> datetime:
    text = _part(document, "time", str, tid, write=write)
    try:
        return lens.parse_time(text)
    except ValueError:
        message = "The answer's time is none"
    raise QboError.of("shape", status=200, write=write, intuit_tid=tid, message=message)


def _text(row: Mapping[str, Any], name: str) -> str:
    value = row.get(name)
    return value[:1000] if isinstance(value, str) else ""
