"""What a sync costs in calls: as few as can be, also when nothing or everything has changed, and
hardly more after a crash at the worst point. (The first sync and its queries: test_counts.py.)"""

from __future__ import annotations

import json
from collections.abc import Callable
from urllib.parse import parse_qs

import pytest
from crm.models import Client
from django.db import connection as database
from django.db.models.signals import post_save
from django.test.utils import CaptureQueriesContext

from wagtail_qbo_sync.models import Change, Outbox, Run

from .conftest import Json, customer
from .firm import Firm, Killed, client, edit, expire_lease, killed_at

Requests = Callable[..., list[Json]]
MANY = 40


def phone(number: str) -> Json:
    return {"PrimaryPhone": {"FreeFormNumber": number}}


def person(number: int, **values: object) -> Json:
    return customer(str(number), f"P {number}", f"p{number}@e.example", **values)


def settled(firm: Firm, count: int = MANY) -> None:
    """As many pairs, and nothing that is new."""
    for number in range(1, count + 1):
        client(f"P {number}", f"p{number}@e.example", phone="1")
    firm.has(*(person(number, **phone("1")) for number in range(1, count + 1)))
    firm.sync()
    assert firm.sync() is None
    firm.sandbox.delete("requests")


def called(requests: Requests) -> list[str]:
    return [one["path"].rpartition("/")[2] for one in requests()]


def metered(firm: Firm) -> int:
    """Calls that Intuit counts as data out, each item of a batch for itself."""
    counted: dict[str, int] = firm.sandbox.get("counts").get(firm.realm, {})
    return counted.get("CorePlus", 0)


def test_an_idle_cycle_is_one_read_and_saves_nobody(firm: Firm, requests: Requests) -> None:
    settled(firm)
    saved: list[object] = []

    def note(instance: object, **kwargs: object) -> None:
        saved.append(instance)

    post_save.connect(note, sender=Client)
    try:
        assert firm.sync() is None
    finally:
        post_save.disconnect(note, sender=Client)
    assert called(requests) == ["cdc"]
    assert metered(firm) == 1
    assert saved == []


def test_an_idle_cycle_asks_as_often_for_many_as_for_few(firm: Firm) -> None:
    asked = []
    for count in (5, MANY):
        settled(firm, count)
        with CaptureQueriesContext(database) as queries:
            assert firm.sync() is None
        asked.append(len(queries))
    few, many = asked
    assert many == few


@pytest.mark.parametrize("changed", [1, MANY])
def test_however_many_changed_it_is_one_read(firm: Firm, requests: Requests, changed: int) -> None:
    settled(firm)
    for number in range(1, changed + 1):
        firm.edits(str(number), **phone("2"))
    run = firm.sync()
    assert run is not None and Change.objects.filter(run=run).count() == changed
    assert called(requests) == ["cdc"]
    assert metered(firm) == 1


def test_what_is_sent_costs_no_read_of_its_own(firm: Firm, requests: Requests) -> None:
    settled(firm)
    for one in Client.objects.all():
        edit(one, phone="2")
    firm.sync()
    assert called(requests) == ["cdc", "batch", "batch"]
    assert metered(firm) == 1, "for what changed there"
    assert {one["PrimaryPhone"]["FreeFormNumber"] for one in firm.records()} == {"2"}


@pytest.mark.parametrize("number", [1, 2, 3, 4])
def test_a_crash_while_reading_costs_one_page_at_most(
    firm: Firm, requests: Requests, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    """After whichever page came and was not stored."""
    monkeypatch.setattr("wagtail_qbo_sync.sync.reading.pull.PAGE", 10)
    firm.has(*(person(each) for each in range(1, MANY + 1)))
    passed: list[str] = []

    def hit(point: str) -> bool:
        passed.extend([point] if point == "pull.read" else [])
        return point == "pull.read" and len(passed) == number

    with killed_at(hit), pytest.raises(Killed):
        firm.sync()
    expire_lease(firm.connection)
    firm.walk()
    pages = [one["body"] for one in requests() if one["body"].startswith("SELECT *")]
    assert len(pages) == MANY // 10 + 1, "one of them was read again"
    assert len(set(pages)) == MANY // 10
    assert Run.objects.count() == 1


@pytest.mark.parametrize("point", ["push.written", "push.sending", "push.sent", "push.stored"])
def test_a_crash_while_sending_costs_one_batch_at_most(
    firm: Firm, requests: Requests, point: str
) -> None:
    settled(firm)
    for one in Client.objects.all():
        edit(one, phone="2")
    with killed_at(point.__eq__), pytest.raises(Killed):
        firm.sync()
        firm.approve(Run.objects.latest("pk"))
    expire_lease(firm.connection)
    firm.sync()
    sent = [one for one in requests() if one["path"].endswith("/batch")]
    assert len(sent) <= 2 + 1
    ids = {parse_qs(one["query"])["requestid"][0] for one in sent}
    assert len(ids) == 2, "what is sent again is the same request"
    assert sum(len(json.loads(one["body"])["BatchItemRequest"]) for one in sent) <= MANY + 30
    assert {one["SyncToken"] for one in firm.records()} == {"1"}, "each was written once"
    assert not Outbox.objects.exclude(state=Outbox.State.DONE).exists()
