"""How long history is kept (U17): what goes when, in slices, and what undo says then."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db.models import Model
from pytest_django import DjangoCaptureOnCommitCallbacks, Settings

from tests import factories
from wagtail_qbo_sync import clock
from wagtail_qbo_sync.models import (
    Case,
    Change,
    Comparison,
    Connection,
    Customer,
    Difference,
    ImportBatch,
    ImportOutcome,
    ImportRow,
    Mapping,
    OAuthState,
    Outbox,
    Run,
    Send,
    SingleSync,
    Step,
    SyncState,
    WebhookEvent,
)
from wagtail_qbo_sync.sync.people import connect, undo
from wagtail_qbo_sync.sync.records import retention
from wagtail_qbo_sync.sync.records.locked import Refusal
from wagtail_qbo_sync.sync.types_file import imports

from .conftest import customer
from .firm import Firm, Killed, client, killed_at
from .test_lease import rung

Capture = DjangoCaptureOnCommitCallbacks


@pytest.fixture
def company(db: None) -> Connection:
    return factories.connection()


def ago(days: float) -> datetime:
    return clock.now() - timedelta(days=days, minutes=1)


def change(company: Connection, at: datetime, run: Run | None = None) -> Change:
    return Change.objects.create(
        connection=company, run=run, side="site", qbo_id="1", client_pk="1", values={}, at=at
    )


def run(company: Connection, days: float, state: str = Run.State.DONE, kind: str = "update") -> Run:
    made = factories.run(company, state, finished_at=ago(days))
    Step.objects.create(run=made, kind=kind, state=Step.State.DONE, qbo_id="1")
    return made


def history(company: Connection, days: float) -> list[Model]:
    """What `HISTORY_DAYS` is about, so old."""
    at = ago(days)
    found = factories.comparison(company, started_at=at)
    about: dict[str, Any] = {"connection": company, "client_pk": "1", "kind": "update"}
    return [
        run(company, days),
        run(company, days, Run.State.DISCARDED),
        Difference.objects.create(comparison=found, qbo_id="1", client_pk="1", why="site"),
        factories.bulk_decision(company, finished_at=at),
        SingleSync.objects.create(connection=company, qbo_id=str(days), asked_at=at, ended_at=at),
        WebhookEvent.objects.create(body_hash=str(days), received_at=at, heard=1, ignored=0),
        Outbox.objects.create(**about, state="done", wanted_at=at),
        Send.objects.create(
            connection=company, request_id=str(days), is_open=False, first_tried_at=at
        ),
    ]


def journal(company: Connection, days: float) -> list[Model]:
    """What `JOURNAL_DAYS` is about, so old."""
    wrote = run(company, days)
    pairs = [run(company, days, kind=kind) for kind in ("link", "sleep", "wake", "follow", "undo")]
    closed = factories.case(company, "conflict", str(days), open_key=None, closed_at=ago(days))
    certificate = factories.comparison(company, started_at=ago(days))
    return [change(company, ago(days), wrote), wrote, *pairs, closed, certificate]


def is_there(row: Model) -> bool:
    return type(row)._base_manager.filter(pk=row.pk).exists()


def test_each_goes_in_its_time(company: Connection) -> None:
    old = [*history(company, 30), *journal(company, 400)]
    young = [*history(company, 29), *journal(company, 399)]
    assert retention.prune()
    assert [row for row in old if is_there(row)] == []
    assert [row for row in young if not is_there(row)] == []


def test_what_holds_is_never_too_old(company: Connection) -> None:
    at = ago(5000)
    kept: list[Model] = [
        factories.case(company, Case.Kind.CONFLICT, "1", opened_at=at),
        factories.run(company, Run.State.WAITING, started_at=at),
        Outbox.objects.create(connection=company, client_pk="1", kind="update", wanted_at=at),
        Send.objects.create(connection=company, request_id="1", first_tried_at=at),
        factories.bulk_decision(company, started_at=at),
        SingleSync.objects.create(connection=company, qbo_id="1", asked_at=at),
        Comparison.objects.create(connection=company, started_at=ago(1)),
    ]
    retention.prune()
    assert [row for row in kept if not is_there(row)] == []


def test_for_ever(company: Connection, settings: Settings) -> None:
    days = {"JOURNAL_DAYS": 0, "HISTORY_DAYS": 0}
    settings.WAGTAIL_QBO_SYNC = {**settings.WAGTAIL_QBO_SYNC, **days}
    old = [*history(company, 5000), *journal(company, 5000)]
    retention.prune()
    assert [row for row in old if not is_there(row)] == []


def test_in_slices_that_can_be_killed(company: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "CHUNK", 3)
    made = run(company, 500)
    Step.objects.bulk_create(Step(run=made, kind="update", qbo_id=str(n)) for n in range(10))
    with killed_at(lambda name: name == "retention.deleted"), pytest.raises(Killed):
        retention.prune()
    assert Step.objects.count() == 8
    assert is_there(made)
    assert retention.prune()
    assert not is_there(made)


def test_time_is_up(company: Connection, django_capture_on_commit_callbacks: Capture) -> None:
    history(company, 31)
    with django_capture_on_commit_callbacks() as callbacks:
        assert not retention.prune(seconds=-1)
    assert len(rung(callbacks, "prune")) == 1


def test_once_a_day_however_many_ask(
    company: Connection, django_capture_on_commit_callbacks: Capture
) -> None:
    with django_capture_on_commit_callbacks() as callbacks:
        retention.ring()
        retention.ring()
    assert len(rung(callbacks, "prune")) == 1


def test_old_consents_go(db: None) -> None:
    OAuthState.objects.create(state_hash="a", redirect_uri="x", created_at=ago(1))
    OAuthState.objects.create(state_hash="b", redirect_uri="x", created_at=ago(0.5))
    retention.prune()
    assert OAuthState.objects.get().state_hash == "b"


# Imports ----------------------------------------------------------------------------------------


def chain(company: Connection, *ended: float) -> list[ImportBatch]:
    """An import that ended so many days ago, its undo, the undo of that..."""
    found: list[ImportBatch] = []
    for days in ended:
        undoes = found[-1] if found else None
        at = ago(days)
        batch = ImportBatch.objects.create(
            state="done", undoes=undoes, finished_at=at, uploaded_at=at, moved_at=at
        )
        ImportRow.objects.create(batch=batch, number=2, state="done", client_pk="1")
        ImportOutcome.objects.create(batch=batch, connection=company, client_pk="1", kind="created")
        found.append(batch)
    return found


def test_imports_go_in_whole_chains(company: Connection) -> None:
    kept = [*chain(company, 399), *chain(company, 402, 401, 399), *chain(company, 402, 1)]
    now = clock.now()
    waits = ImportBatch.objects.create(uploaded_at=now, moved_at=now)
    gone = [*chain(company, 400), *chain(company, 402, 401, 400)]
    with killed_at(lambda name: name == "retention.deleted"), pytest.raises(Killed):
        retention.prune()
    assert ImportRow.objects.count() == len(kept)
    assert ImportBatch.objects.filter(pk__in=[one.pk for one in gone]).count() == len(gone)
    assert retention.prune()
    assert {one.pk for one in ImportBatch.objects.all()} == {one.pk for one in [*kept, waits]}
    assert ImportRow.objects.count() == ImportOutcome.objects.count() == len(kept)


def test_an_import_whose_rows_may_be_gone_is_not_undone(company: Connection) -> None:
    (old,), (young,) = chain(company, 400), chain(company, 399)
    assert (imports.can_undo(old), imports.can_undo(young)) == (False, True)


# Undo without a journal -------------------------------------------------------------------------


def linked(firm: Firm) -> Mapping:
    client("Anna Berg", "a@x.example", phone="1")
    phone = {"PrimaryPhone": {"FreeFormNumber": "2"}}
    firm.has(customer("1", "Anna Berg", "a@x.example", **phone))
    firm.sync()
    return firm.mapping("1")


def test_undo_of_a_mapping_without_its_journal_is_refused(firm: Firm) -> None:
    linked(firm)
    Run.objects.update(finished_at=ago(401))
    Change.objects.update(at=ago(401))
    SyncState.objects.update(first_synced_at=ago(401))
    retention.prune()
    with pytest.raises(Refusal, match="not kept any more"):
        undo.undo_mapping(firm.connection, "1", None)
    assert firm.mapping("1")
    assert firm.client("1").phone == "2"


def test_undo_months_later_still_works(firm: Firm) -> None:
    linked(firm)
    Run.objects.update(finished_at=ago(399))
    Change.objects.update(at=ago(399))
    SyncState.objects.update(first_synced_at=ago(401))
    retention.prune()
    assert undo.undo_mapping(firm.connection, "1", None) is undo.Undone.PUT_BACK
    firm.walk()
    assert firm.client_phone("Anna Berg") == "1"


# The mirror -------------------------------------------------------------------------------------


def test_disconnecting_can_delete_the_mirror(firm: Firm) -> None:
    linked(firm)
    connect.disconnect(firm.connection, None, delete_mirror=True)
    assert not Customer.objects.exists()
    assert firm.mapping("1")
    Connection.objects.update(disconnected_at=None)
    assert firm.sync() is None
    assert firm.mapped() == {"1": "Anna Berg"}
    assert Customer.objects.count() == 1


def test_or_keep_it(firm: Firm) -> None:
    linked(firm)
    connect.disconnect(firm.connection, None)
    assert Customer.objects.count() == 1
