"""What was written down and not sent yet, when a gap, a lost login or a setting comes between."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from crm.models import ContactType

from wagtail_qbo_sync import clock
from wagtail_qbo_sync.models import Connection, Outbox, Run, SyncState
from wagtail_qbo_sync.sync.people import connect, decide
from wagtail_qbo_sync.sync.people.creation import create_customer
from wagtail_qbo_sync.sync.planning import undoing
from wagtail_qbo_sync.sync.records import outbox
from wagtail_qbo_sync.sync.walk import gap

from .conftest import Json, customer
from .firm import Firm, Killed, at, client, edit, expire_lease, killed_at
from .test_newcomers import made, pushed, synced  # noqa: F401
from .test_push import phone

pytestmark = pytest.mark.usefixtures("db")
Connected = Callable[[], Connection]
Requests = Callable[..., list[Json]]


def dies_before_it_sends(firm: Firm, act: Callable[[], object], point: str) -> None:
    with pytest.raises(Killed), killed_at(point.__eq__):
        act()
    expire_lease(firm.connection)


def comes_back_after_a_gap(firm: Firm) -> None:
    SyncState.objects.update(synced_at=clock.now() - timedelta(hours=7))
    comes_to_rest(firm)


def comes_to_rest(firm: Firm) -> None:
    for walk in [firm.sync] * 3 + [firm.walk] * 3:
        walk()
    assert not outbox.ready(firm.connection).exists(), "nothing is asked for each minute"
    wanted = firm.state.wanted
    outbox.ring()
    assert firm.state.wanted == wanted


def undo_of(run: Run | None) -> Run:
    assert run is not None
    plan = undoing.start(run, None)
    plan.refresh_from_db()
    assert decide.approve(plan, None)
    return plan


@pytest.mark.parametrize(
    "row",
    [Outbox(kind="activity", run=Run()), Outbox(kind="update", run=Run(undo={"run": 1}))],
    ids=["activity", "undo"],
)
def test_what_undoes_is_no_hint_about_a_client(row: Outbox) -> None:
    """A person has approved just this: it is not computed anew."""
    with pytest.raises(ValueError, match="no hint"):
        outbox.want_again(row)


def test_a_gap_loses_no_undo(synced: Firm) -> None:  # noqa: F811
    one = client("Ann Lee", "ann@lee.example", phone="1")
    synced.gets(customer("2", "Ann Lee", "ann@lee.example", **phone("1")))
    synced.sync()
    edit(one, phone="2")
    plan = undo_of(synced.sync())
    dies_before_it_sends(synced, synced.walk, "apply.committed")
    comes_back_after_a_gap(synced)
    plan.refresh_from_db()
    assert plan.state == Run.State.DONE
    assert synced.record("2")["PrimaryPhone"]["FreeFormNumber"] == "1"


def test_a_gap_loses_no_undo_of_a_creation(synced: Firm, pushed: ContactType) -> None:  # noqa: F811
    client("Bo Coe", "bo@coe.example", contact_type=pushed)
    run = synced.sync()
    qbo_id = made(synced)["Bo Coe"]
    undo_of(run)
    dies_before_it_sends(synced, synced.walk, "apply.committed")
    comes_back_after_a_gap(synced)
    assert not synced.record(qbo_id)["Active"]


def test_a_gap_loses_no_creation_by_hand(synced: Firm) -> None:  # noqa: F811
    bo = client("Bo Coe", "bo@coe.example")
    synced.sync()
    create_customer(synced.connection, str(bo.pk), None)
    dies_before_it_sends(synced, synced.walk, "apply.committed")
    comes_back_after_a_gap(synced)
    assert "Bo Coe" in made(synced)


def test_a_creation_by_hand_goes_without_a_field_that_only_comes_by_then(
    synced: Firm,  # noqa: F811
) -> None:
    bo = client("Bo Coe", "bo@coe.example", phone="5")
    synced.sync()
    create_customer(synced.connection, str(bo.pk), None)
    dies_before_it_sends(synced, synced.walk, "apply.committed")
    synced.chooses(field_directions={"phone": "pull"})
    comes_to_rest(synced)
    assert "PrimaryPhone" not in synced.record(made(synced)["Bo Coe"])


@pytest.mark.parametrize("how", ["lost", "disconnected"])
def test_a_login_that_comes_back_reads_before_it_creates(
    synced: Firm,  # noqa: F811
    pushed: ContactType,  # noqa: F811
    connected: Connected,
    how: str,
) -> None:
    """Somebody has made the customer in QuickBooks meanwhile (K14)."""
    client("Bo Coe", "bo@coe.example", contact_type=pushed)
    if how == "lost":
        with at("push.written", lambda: synced.sandbox.post("revoke", {})):
            synced.sync()
        assert synced.state.trouble["action"] == "reconnect"
    else:
        dies_before_it_sends(synced, synced.sync, "push.written")
        connect.disconnect(synced.connection, None)
    synced.gets(customer("2", "Robert Coe", "bo@coe.example"))
    assert connected() == synced.connection
    comes_to_rest(synced)
    assert set(made(synced)) == {"Robert Coe"}


def unsent(firm: Firm, act: Callable[[], Any]) -> None:
    """Written down, and cut off before it reached QuickBooks."""
    firm.sandbox.post("faults", {"kind": "cut", "path": "/batch", "when": "before", "count": 1})
    act()
    assert firm.state.trouble


def test_a_restored_site_reads_before_it_creates(
    synced: Firm,  # noqa: F811
    pushed: ContactType,  # noqa: F811
) -> None:
    client("Bo Coe", "bo@coe.example", contact_type=pushed)
    unsent(synced, synced.sync)
    synced.edits("1", PrimaryEmailAddr={"Address": "bo@coe.example"})
    gap.restored(synced.connection)
    SyncState.objects.update(blocked_until=None)
    comes_to_rest(synced)
    assert made(synced) == {}


def test_a_restored_site_reads_before_it_creates_by_hand(
    synced: Firm,  # noqa: F811
    requests: Requests,
) -> None:
    bo = client("Bo Coe", "bo@coe.example")
    synced.sync()
    create_customer(synced.connection, str(bo.pk), None)
    unsent(synced, synced.walk)
    gap.restored(synced.connection)
    SyncState.objects.update(blocked_until=None)
    before = len(requests())
    synced.walk()
    paths = [call["path"].rsplit("/", 1)[-1] for call in requests()[before:]]
    assert "batch" not in paths[:2], "what became of it is looked for, then everything is read"
