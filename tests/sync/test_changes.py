"""Reading what changed since the last sync, and nothing else (U13, rule 4)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from urllib.parse import parse_qs

import pytest
from django.db import connection as database

from wagtail_qbo_sync import clock
from wagtail_qbo_sync.models import Customer, Run, SyncState
from wagtail_qbo_sync.sync.reading import pull
from wagtail_qbo_sync.sync.reading.pull import OVERLAP

from .conftest import Json, customer
from .firm import Firm, at

Requests = Callable[..., list[Json]]
FORGOTTEN = timedelta(days=30)


@pytest.fixture
def synced(firm: Firm) -> Firm:
    """Five mapped customers, and a sandbox that has forgotten how that came."""
    firm.chooses(unmatched="create")
    firm.has(*(customer(str(n), f"Customer {n}", f"c{n}@example.org") for n in range(1, 6)))
    firm.sync()
    firm.sandbox.delete("requests")
    return firm


def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three changes are too many, and a page holds two."""
    monkeypatch.setattr("wagtail_qbo_sync.qbo.api.CHANGES", 3)
    monkeypatch.setattr("wagtail_qbo_sync.sync.reading.pull.PAGE", 2)


def later(firm: Firm) -> None:
    """Nothing has changed since the last sync yet."""
    SyncState.objects.update(cursor=clock.now() + timedelta(seconds=50))
    firm.sandbox.post("clock", {"offset": 100})


def calls(requests: Requests) -> list[str]:
    return [request["path"].rpartition("/")[2] for request in requests()]


def forgets(firm: Firm) -> None:
    """The last sync was so long ago that QuickBooks tells no changes since."""
    SyncState.objects.update(cursor=clock.now() - FORGOTTEN)


def companies() -> dict[str, str]:
    return {row.qbo_id: row.contact.company_name for row in Customer.objects.all()}


@pytest.mark.parametrize("changed", [0, 1, 4])
def test_one_read_however_many_changed(synced: Firm, requests: Requests, changed: int) -> None:
    for number in range(1, changed + 1):
        synced.edits(str(number), PrimaryPhone={"FreeFormNumber": f"555-{number}"})
    synced.sync()
    assert calls(requests) == ["cdc"]
    phones = {number: synced.client(str(number)).phone for number in range(1, 6)}
    assert phones == {n: f"555-{n}" if n <= changed else "" for n in range(1, 6)}


def test_an_idle_cycle_writes_nothing(synced: Firm) -> None:
    written: list[str] = []

    def watch(execute: Callable[..., object], sql: str, *rest: object) -> object:
        if sql.startswith(("INSERT", "UPDATE", "DELETE")) and "syncstate" not in sql:
            written.append(sql)
        return execute(sql, *rest)

    with database.execute_wrapper(watch):
        assert synced.sync() is None
    assert [sql for sql in written if "django_q" not in sql] == []


def test_a_balance_that_moves_causes_nothing(synced: Firm, requests: Requests) -> None:
    runs, before = Run.objects.count(), list(Customer.objects.order_by("pk").values())
    synced.sandbox.post("invoice", {"realm": synced.realm, "id": "2", "amount": 99})
    assert synced.sync() is None
    assert calls(requests) == ["cdc"]
    assert list(Customer.objects.order_by("pk").values()) == before
    assert Run.objects.count() == runs


def test_the_cursor_is_quickbooks_own_time_less_ten_minutes(
    synced: Firm, requests: Requests
) -> None:
    """Its clock is half an hour ahead of ours; and it moves when nothing changed too."""
    synced.sandbox.post("clock", {"offset": 1800})
    synced.sync()
    cursor = synced.state.cursor
    assert cursor is not None
    assert abs(cursor - (clock.now() + timedelta(minutes=30) - OVERLAP)) < timedelta(minutes=2)
    synced.sync()
    asked = parse_qs(requests()[-1]["query"])["changedSince"]
    assert asked == [cursor.isoformat(timespec="seconds")]


def test_the_cursor_moves_with_the_rows_or_not_at_all(
    synced: Firm, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rule 4: whatever ends the storing, what was read and not stored is asked for again."""
    before = synced.state
    synced.edits("1", CompanyName="One")
    with monkeypatch.context() as patch, pytest.raises(ZeroDivisionError):
        patch.setattr(pull, "mirror", lambda *args, **kwargs: 1 / 0)
        synced.sync()
    assert (synced.state.cursor, synced.state.pulled_at) == (before.cursor, before.pulled_at)
    synced.sync()
    assert companies()["1"] == "One"


def test_an_edit_while_the_changes_are_read_comes_next_time(synced: Firm) -> None:
    synced.edits("1", CompanyName="One")
    acts = iter([lambda: synced.edits("2", CompanyName="Two")])
    with at("pull.read", lambda: next(acts, lambda: None)()):
        synced.sync()
    synced.sync()
    assert (companies()["1"], companies()["2"]) == ("One", "Two")


@pytest.mark.parametrize("changed", [3, 4])
def test_too_many_changes_come_in_pages(
    synced: Firm, requests: Requests, monkeypatch: pytest.MonkeyPatch, changed: int
) -> None:
    few(monkeypatch)
    later(synced)
    for number in range(1, changed + 1):
        synced.edits(str(number), CompanyName="Ltd")
    synced.sync()
    asked = [request["body"] for request in requests() if request["path"].endswith("query")]
    assert calls(requests)[0] == "cdc"
    assert len(asked) == 1 + 3, "a count, the pages, and an empty one"
    assert len({text.partition(" AND ")[0].partition("WHERE ")[2] for text in asked}) == 1
    assert all("MetaData.LastUpdatedTime >= '" in text for text in asked)
    assert all("ORDERBY Id" in text for text in asked[1:])
    assert list(companies().values()).count("Ltd") == changed


def test_what_changes_between_pages_pushes_nobody_out(
    synced: Firm, monkeypatch: pytest.MonkeyPatch
) -> None:
    few(monkeypatch)
    later(synced)
    for number in (3, 4, 5):
        synced.edits(str(number), CompanyName="Ltd")
    acts = iter([lambda: synced.edits("1", CompanyName="Inc")])
    with at("pull.stored", lambda: next(acts, lambda: None)()):
        synced.sync()
    assert [companies()[number] for number in "345"] == ["Ltd"] * 3
    synced.sync()
    assert companies()["1"] == "Inc"


@pytest.mark.parametrize("by", ["our clock", "QuickBooks"])
def test_changes_of_too_long_ago_come_with_everything(
    synced: Firm, requests: Requests, by: str
) -> None:
    if by == "our clock":
        forgets(synced)
    else:
        synced.sandbox.post("faults", {"kind": "fault", "code": "500", "path": "/cdc"})
    synced.edits("1", CompanyName="One")
    synced.sync()
    assert calls(requests) == (["cdc"] if by == "QuickBooks" else []) + ["query", "query"]
    assert companies()["1"] == "One"
    assert synced.state.trouble == {}


def test_a_customer_told_of_as_deleted_is_read_by_its_id(synced: Firm) -> None:
    synced.sandbox.post("switches", {"cdc_inactive": "stub"})
    synced.edits("2", Active=False)
    synced.sync()
    assert Customer.objects.get(qbo_id="2").standing == "inactive"


def test_another_field_map_reads_everything(
    synced: Firm, requests: Requests, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The digests in the mirror are of the fields that were mapped."""
    SyncState.objects.update(cursor_version="another")
    synced.sync()
    assert calls(requests) == ["query", "query"]
    synced.sandbox.delete("requests")
    synced.sync()
    assert calls(requests) == ["cdc"]


def test_a_failure_while_changes_are_read_is_tried_again(synced: Firm) -> None:
    synced.edits("1", CompanyName="One")
    synced.sandbox.post("faults", {"kind": "server_error", "path": "/cdc"})
    synced.sync()
    assert (companies()["1"], synced.state.trouble["phase"]) == ("", "pull")
    SyncState.objects.update(blocked_until=None)
    synced.walk()
    assert (companies()["1"], synced.state.trouble) == ("One", {})


def test_a_merged_customer_is_an_inactive_one(synced: Firm) -> None:
    synced.sandbox.post("merge", {"realm": synced.realm, "stays": "1", "goes": "2"})
    synced.sync()
    standings = dict(Customer.objects.values_list("qbo_id", "standing"))
    assert (standings["1"], standings["2"]) == ("top", "inactive")
    assert synced.cases() == {("inactive", "2")}
