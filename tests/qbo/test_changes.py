"""What changed since a moment, asked of a whole company over HTTP."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from tests.qbo.conftest import FIRM, Connect, failure
from tests.qbo.raw_server import RawServer, http
from wagtail_qbo_sync.qbo.api import Changes
from wagtail_qbo_sync.qbo.faults import Action
from wagtail_qbo_sync.testing.sandbox import SandboxProcess

OLD = "2026-01-05T09:00:00-08:00"


def just_now() -> datetime:
    return datetime.now(UTC) - timedelta(seconds=5)


def edit(box: SandboxProcess, qbo_id: str, **values: Any) -> None:
    box.post("customer", {"realm": FIRM, "values": {"Id": qbo_id, **values}})


def plant(box: SandboxProcess, count: int, stamp: str) -> None:
    meta = {"CreateTime": OLD, "LastUpdatedTime": stamp}
    records = [
        {"Id": str(n), "SyncToken": "0", "DisplayName": f"C{n}", "Active": True, "MetaData": meta}
        for n in range(1, count + 1)
    ]
    box.post("plant", {"realm": FIRM, "records": records, "clear": True})


def told(found: Changes | None) -> Changes:
    assert found is not None
    return found


def test_one_read_brings_what_changed_and_quickbooks_own_time(
    connect: Connect, box: SandboxProcess
) -> None:
    api = connect()
    edit(box, "1", Title="Dr")
    edit(box, "2", Active=False)
    found = told(api.changes(just_now()))
    assert {row["Id"]: row["Active"] for row in found.customers} == {"1": True, "2": False}
    assert (found.gone, found.too_many) == ([], False)
    assert abs(found.server_time - datetime.now(UTC)) < timedelta(minutes=1)
    assert len(api.calls) == 1


def test_nothing_changed(connect: Connect) -> None:
    assert told(connect().changes(just_now())).customers == []


@pytest.mark.parametrize("hours", [-8, 0, 5.5])
def test_the_moment_is_the_same_wherever_it_is_written(
    connect: Connect, box: SandboxProcess, hours: float
) -> None:
    """Sent with its offset, `+` and all."""
    api, zone = connect(), timezone(timedelta(hours=hours))
    edit(box, "1", Title="Dr")
    since = datetime.now(UTC)
    before, after = since - timedelta(seconds=30), since + timedelta(seconds=30)
    assert len(told(api.changes(before.astimezone(zone))).customers) == 1
    assert told(api.changes(after.astimezone(zone))).customers == []


def test_a_moment_without_an_offset_is_refused(connect: Connect) -> None:
    with pytest.raises(TypeError, match="offset"):
        connect().changes(datetime(2026, 11, 1))


@pytest.mark.parametrize(("count", "too_many"), [(999, False), (1000, True), (1200, True)])
def test_a_thousand_may_not_be_all(
    connect: Connect, box: SandboxProcess, count: int, too_many: bool
) -> None:
    plant(box, count, datetime.now(UTC).isoformat(timespec="seconds"))
    found = told(connect().changes(just_now()))
    assert found.too_many is too_many
    assert len(found.customers) == min(count, 1000)


def test_too_long_ago_by_our_clock_is_not_even_asked(connect: Connect) -> None:
    api = connect()
    assert api.changes(datetime.now(UTC) - timedelta(days=29, minutes=1)) is None
    assert api.calls == []


def test_too_long_ago_by_quickbooks_clock(connect: Connect, box: SandboxProcess) -> None:
    box.post("clock", {"advance": 1800})
    api, since = connect(), datetime.now(UTC) - timedelta(days=28)
    box.post("faults", {"kind": "fault", "code": "500", "path": "/cdc"})
    assert api.changes(since) is None
    assert len(api.calls) == 1


def test_a_deleted_stub_is_read_by_its_id(connect: Connect, box: SandboxProcess) -> None:
    api = connect()
    box.post("switches", {"cdc_inactive": "stub"})
    edit(box, "2", Active=False)
    found = told(api.changes(just_now()))
    assert (found.customers, found.gone) == ([], ["2"])
    [row] = api.customers_by_id([*found.gone, "99999"]).customers
    assert (row["Id"], row["Active"]) == ("2", False)


def test_paging_through_what_changed(connect: Connect, box: SandboxProcess) -> None:
    plant(box, 5, OLD)
    for qbo_id in ("2", "3", "5"):
        edit(box, qbo_id, Title="Dr")
    api, since = connect(), just_now()
    assert api.count_customers(since) == 3
    pages = [api.customers(start, 2, since).customers for start in (1, 3, 5)]
    assert [[row["Id"] for row in page] for page in pages] == [["2", "3"], ["5"], []]


@pytest.mark.parametrize("ids", [[], ["1"] * 1001, ["1' OR Id > '0"]])
def test_ids_that_are_none(connect: Connect, ids: list[str]) -> None:
    with pytest.raises(ValueError, match="id"):
        connect().customers_by_id(ids)


@pytest.mark.parametrize(
    "document",
    [
        "{}",
        '{"CDCResponse":[5],"time":"2026-05-05T02:05:12-07:00"}',
        '{"CDCResponse":[{"QueryResponse":{}}],"time":"2026-05-05T02:05:12-07:00"}',
        '{"CDCResponse":[{"QueryResponse":[{"Customer":{}}]}],"time":"2026-05-05T02:05:12-07:00"}',
        '{"CDCResponse":[{"QueryResponse":[{}]}]}',
    ],
)
def test_another_shape_is_no_answer(door: Any, document: str) -> None:
    with RawServer(http(200, document)) as server:
        error = failure(lambda: door(server.url).changes(just_now()))
    assert (error.action, error.code) == (Action.BUG, "shape")
