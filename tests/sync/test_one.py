"""Sync this one: a customer that somebody waits for is read out of turn, by every rule."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth import get_user_model

from wagtail_qbo_sync import clock
from wagtail_qbo_sync.models import Change, Customer, Decision, Mapping, Run, SingleSync, SyncState
from wagtail_qbo_sync.sync.access import lease
from wagtail_qbo_sync.sync.people import decide, exclusion
from wagtail_qbo_sync.sync.walk import cycle

from .conftest import Json, customer
from .firm import Firm, Killed, at, client, edit, expire_lease, killed_at, told

Requests = Callable[..., list[Json]]


@pytest.fixture
def anna(db: None) -> Any:
    return get_user_model().objects.create_user("anna")


@pytest.fixture
def synced(firm: Firm) -> Firm:
    """Mia (1) and Noel (2) are mapped; Ida (3) is like nobody."""
    client("Mia Lund", "mia@lund.example")
    client("Noel Fox", "noel@fox.example")
    firm.has(
        customer("1", "Mia Lund", "mia@lund.example"),
        customer("2", "Noel Fox", "noel@fox.example"),
        customer("3", "Ida Holm", "ida@holm.example"),
    )
    firm.sync()
    firm.sandbox.delete("requests")
    return firm


def asks(firm: Firm, qbo_id: str, user: Any = None) -> SingleSync:
    """Somebody asks for this one, and the worker comes; twice, since applying is a walk of its
    own. What became of it."""
    decide.ask_for_one(firm.connection, qbo_id, user)
    firm.walk()
    firm.walk()
    return single(qbo_id)


def single(qbo_id: str) -> SingleSync:
    return SingleSync.objects.get(qbo_id=qbo_id)


def read(requests: Requests) -> list[str]:
    return [request["path"].rpartition("/company/")[2] for request in requests()]


def test_one_is_read_and_applied_and_no_other(synced: Firm, requests: Requests, anna: Any) -> None:
    synced.edits("1", CompanyName="Lund Ltd")
    synced.edits("2", CompanyName="Fox Ltd")
    ended = asks(synced, "1", anna)
    assert read(requests)[-1].endswith("/customer/1")
    assert [path for path in read(requests) if path.endswith("/query")] == []
    assert synced.client("1").company_name == "Lund Ltd"
    assert synced.client("2").company_name == ""
    assert told(ended.run) == {("update", "Mia Lund", "done")}
    assert ended.ended_at is not None and ended.trouble == {}
    assert Change.objects.get(run=ended.run).actor == anna


def test_nothing_new_makes_no_run(synced: Firm) -> None:
    runs = Run.objects.count()
    ended = asks(synced, "1")
    assert (ended.run, ended.trouble) == (None, {})
    assert ended.ended_at is not None
    assert Run.objects.count() == runs


def test_it_is_no_sync_of_the_company(synced: Firm) -> None:
    before = synced.state
    synced.edits("1", CompanyName="Lund Ltd")
    asks(synced, "1")
    after = synced.state
    for name in ("synced_at", "cursor", "served", "wanted", "planned_through"):
        assert getattr(after, name) == getattr(before, name)


def test_one_that_is_not_mapped_is_matched_against_everybody(synced: Firm) -> None:
    """K4 for this one; K6 too: the likeness is asked about."""
    client("Ida Holm", "ida@holm.example")
    asks(synced, "3")
    assert synced.mapped()["3"] == "Ida Holm"


def test_a_likeness_is_asked_about(synced: Firm) -> None:
    client("Somebody", "ida@holm.example")
    asks(synced, "3")
    assert synced.cases() == {("review", "3")}


def test_before_the_first_sync_it_is_only_read(firm: Firm) -> None:
    client("Mia Lund", "mia@lund.example")
    firm.has(customer("1", "Mia Lund", "mia@lund.example"))
    run = firm.plan()
    firm.edits("1", CompanyName="Lund Ltd")
    assert asks(firm, "1").run is None
    assert firm.mapped() == {}
    assert Customer.objects.get().contact.company_name == "Lund Ltd"
    run.refresh_from_db()
    assert run.state == Run.State.WAITING


def test_while_a_plan_waits_it_is_only_read(synced: Firm) -> None:
    Run.objects.create(
        connection=synced.connection, state=Run.State.WAITING, started_at=clock.now()
    )
    synced.edits("1", CompanyName="Lund Ltd")
    assert asks(synced, "1").run is None
    assert synced.client("1").company_name == ""
    assert Customer.objects.get(qbo_id="1").contact.company_name == "Lund Ltd"


def test_what_a_person_said_no_to_is_not_read(synced: Firm, requests: Requests) -> None:
    synced.says(Decision.Kind.EXCLUDE_CUSTOMER, "3")
    pk = synced.mapping("1").client_pk
    exclusion.disconnect_client(synced.connection, pk, None)
    for qbo_id in ("3", "1"):
        assert asks(synced, qbo_id).ended_at is not None
    assert read(requests) == []


def test_one_that_quickbooks_does_not_know_is_its_own_trouble(synced: Firm) -> None:
    Customer.objects.create(
        connection=synced.connection,
        qbo_id="4711",
        standing="top",
        display_name="Nobody",
        match_keys="-",
        record={"sync_token": 0, "contact": {"name": "Nobody"}, "digest": ""},
    )
    ended = asks(synced, "4711")
    assert ended.trouble["code"] == "610"
    assert ended.trouble["intuit_tid"]
    assert synced.state.trouble == {}


def test_trouble_backs_the_company_off_and_it_is_done_later(synced: Firm) -> None:
    synced.edits("1", CompanyName="Lund Ltd")
    synced.sandbox.post("faults", {"kind": "server_error", "path": "/customer/", "count": 1})
    assert asks(synced, "1").ended_at is None
    assert synced.state.blocked_until is not None
    SyncState.objects.update(blocked_until=None)
    synced.walk()
    synced.walk()
    assert single("1").trouble == {}
    assert synced.client("1").company_name == "Lund Ltd"
    assert synced.state.trouble == {}


def test_nobody_asks_while_quickbooks_wants_quiet(synced: Firm, requests: Requests) -> None:
    until = clock.now() + timedelta(hours=1)
    SyncState.objects.update(blocked_until=until, trouble={"throttled": True})
    assert asks(synced, "1").ended_at is None
    assert read(requests) == []


def test_trouble_that_needs_a_person_ends_it(synced: Firm) -> None:
    synced.sandbox.post(
        "faults", {"kind": "respond", "status": 403, "path": "/customer/", "body": "", "count": 1}
    )
    ended = asks(synced, "1")
    assert ended.ended_at is not None
    assert ended.trouble["message"] == synced.state.trouble["message"]
    assert cycle.advance(synced.connection.pk)
    assert single("1").ended_at == ended.ended_at


def test_a_copy_asks_nothing(synced: Firm, requests: Requests) -> None:
    synced.chooses(installation={})
    assert asks(synced, "1").ended_at is None
    assert read(requests) == []


def test_it_waits_for_the_walk_under_way_and_is_rung_for(
    synced: Firm, django_capture_on_commit_callbacks: Any
) -> None:
    held = lease.take(synced.connection.pk)
    assert held is not None
    assert asks(synced, "1").ended_at is None
    expire_lease(synced.connection)
    with django_capture_on_commit_callbacks() as rings:
        cycle.heal()
    assert [ring.args for ring in rings] == [("walk", synced.connection.pk)]
    synced.walk()
    assert single("1").ended_at is not None


def test_one_asked_for_during_a_sync_comes_after_it(synced: Firm) -> None:
    asked: list[None] = []

    def click() -> None:
        if not asked:
            asked.append(decide.ask_for_one(synced.connection, "1", None))

    with at("pull.stored", click):
        synced.sync()
    assert single("1").ended_at is None
    synced.walk()
    assert single("1").ended_at is not None


def test_asked_again_while_it_is_read_is_read_again(synced: Firm) -> None:
    asked: list[None] = []

    def click() -> None:
        if not asked:
            asked.append(decide.ask_for_one(synced.connection, "1", None))

    with at("one.read", click):
        asks(synced, "1")
    synced.walk()
    assert single("1").ended_at is not None


@pytest.mark.parametrize("point", ["one.read", "one.mirrored", "one.planned", "apply.recorded"])
def test_killed_anywhere_it_ends_the_same(synced: Firm, point: str) -> None:
    synced.edits("1", CompanyName="Lund Ltd")
    decide.ask_for_one(synced.connection, "1", None)
    with pytest.raises(Killed), killed_at(lambda name: name == point):
        synced.walk()
        synced.walk()
    for _ in range(2):
        expire_lease(synced.connection)
        synced.walk()
    assert synced.client("1").company_name == "Lund Ltd"
    assert Change.objects.filter(qbo_id="1", values__has_key="company_name").count() == 1
    assert single("1").ended_at is not None


def test_a_conflict_is_held_as_in_any_sync(synced: Firm) -> None:
    edit(synced.client("1"), company_name="Ours")
    synced.edits("1", CompanyName="Theirs")
    asks(synced, "1")
    assert synced.cases() == {("conflict", "1")}
    assert synced.client("1").company_name == "Ours"
    assert Mapping.objects.count() == 2
