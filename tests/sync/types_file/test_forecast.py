"""From a file to customers in QuickBooks: foreseen, confirmed, and done just so (K15, K14, U3)."""

from __future__ import annotations

import io
from collections.abc import Iterable
from functools import partial
from itertools import count
from typing import Any

import pytest
from crm.models import Client, ContactType
from django.core.management import call_command

from tests import factories
from tests.sync.conftest import customer
from tests.sync.crashes import undone
from tests.sync.firm import Firm, Killed, client, killed_at
from wagtail_qbo_sync import clock
from wagtail_qbo_sync.engine.gate import BRAKE_RECORDS
from wagtail_qbo_sync.models import Case, Decision, ImportBatch, Outbox, Run
from wagtail_qbo_sync.sync.noticing import sweep
from wagtail_qbo_sync.sync.people import mapping
from wagtail_qbo_sync.sync.planning import undoing
from wagtail_qbo_sync.sync.records import gate
from wagtail_qbo_sync.sync.types_file import forecast, imports, slices

from .files import csv_of
from .test_imports import is_the

State = ImportBatch.State
OLD_HAND = customer("99", "Old Hand")


@pytest.fixture
def waiting(db: None) -> ContactType:
    return ContactType.objects.create(name="Waiting list")


@pytest.fixture
def pushed(db: None) -> ContactType:
    """The type whose clients go to QuickBooks."""
    return ContactType.objects.create(name="Monthly books")


@pytest.fixture
def synced(firm: Firm, pushed: ContactType) -> Firm:
    """After its first sync, which found somebody who is like nobody."""
    firm.chooses(pushed_types=[str(pushed.pk)], unmatched="wait")
    firm.has(OLD_HAND)
    firm.sync()
    return firm


def upload(clients: Iterable[Client], contact_type: ContactType) -> ImportBatch:
    """A file that gives them all this type."""
    rows = [(one.pk, one.name, one.email, contact_type.name) for one in clients]
    return imports.start(csv_of(*rows).encode(), "types.csv", None)


def line(firm: Firm, matched: int = 0, created: int = 0, review: int = 0) -> dict[str, Any]:
    return {
        "company": firm.connection.pk,
        "matched": matched,
        "created": created,
        "review": review,
    }


def sync(firm: Firm) -> Run | None:
    """What a worker does after an import: nobody is there to approve."""
    sweep.everything()
    return firm.sync(approve=False)


def names(firm: Firm) -> list[str]:
    """Customers that are there since the first sync."""
    return sorted({one["DisplayName"] for one in firm.records()} - {OLD_HAND["DisplayName"]})


def test_what_is_foreseen_comes_to_pass(
    synced: Firm, waiting: ContactType, pushed: ContactType
) -> None:
    synced.gets(
        customer("1", "Tom Reed", "tom@reed.example"),
        customer("2", "Una Marsh", "una@marsh.example"),
        customer("3", "Vic Lund", "vic@lund.example"),
    )
    synced.sync()
    mapped = client("Vic Lund", "vic@lund.example", contact_type=waiting)
    synced.sync()
    people = [
        client("Tom Reed", "other@reed.example", contact_type=waiting),
        client("Ann Dow", "a@dow.example", contact_type=waiting),
        client("Ann Dow", "b@dow.example", contact_type=waiting),
        client("Coe: Bo", contact_type=waiting),
        client("Cy Orr", contact_type=waiting),
        mapped,
    ]
    excluded = client("Not in QuickBooks", contact_type=waiting)
    synced.says(Decision.Kind.EXCLUDE_CLIENT, client=excluded)
    sweep.everything()
    batch = upload([*people, excluded], pushed)
    assert batch.state == State.READY
    assert batch.forecast == [line(synced, created=2, review=3)]
    assert not Outbox.objects.filter(kind="create").exists(), "looking ahead notes nothing"
    assert imports.confirm(batch, None)
    sync(synced)
    assert names(synced) == ["Ann Dow", "Cy Orr", "Tom Reed", "Una Marsh", "Vic Lund"]
    asked = Case.objects.filter(open_key__isnull=False, qbo_id="", kind__in=["alike", "unsendable"])
    assert asked.count() == 3


def test_who_will_be_matched(synced: Firm, waiting: ContactType, pushed: ContactType) -> None:
    synced.gets(customer("1", "Tom Reed", "tom@reed.example"))
    synced.sync()
    tom = client("Tom Reed", "tom@reed.example", contact_type=waiting)
    batch = upload([tom], pushed)
    assert batch.forecast == [line(synced, matched=1)]
    imports.confirm(batch, None)
    sync(synced)
    assert synced.mapped() == {"1": "Tom Reed"} and names(synced) == ["Tom Reed"]


def test_only_companies_that_take_types_and_have_synced_are_named(
    firm: Firm, waiting: ContactType, pushed: ContactType
) -> None:
    tom = client("Tom Reed", contact_type=waiting)
    assert upload([tom], pushed).forecast == []
    firm.chooses(pushed_types=[str(pushed.pk)])
    assert upload([tom], pushed).forecast == [], "its first sync is to come"
    firm.has(OLD_HAND)
    firm.sync()
    assert upload([tom], pushed).forecast == [line(firm, created=1)]
    other = client("Una Marsh", contact_type=pushed)
    assert upload([other], waiting).forecast == [line(firm)]


def test_what_has_changed_since_is_said_before_anything_is_done(
    synced: Firm, waiting: ContactType, pushed: ContactType
) -> None:
    tom = client("Tom Reed", "tom@reed.example", contact_type=waiting)
    batch = upload([tom], pushed)
    synced.gets(customer("1", "Tom Reed", "thomas@reed.example"))
    synced.sync()
    imports.confirm(batch, None)
    tom.refresh_from_db()
    assert tom.contact_type == waiting
    assert imports.has_moved(batch) and batch.forecast == [line(synced, review=1)]
    assert imports.confirm(batch, None)
    tom.refresh_from_db()
    assert batch.state == State.DONE and tom.contact_type == pushed


def test_equal_numbers_of_other_clients_are_not_what_was_confirmed(
    synced: Firm, waiting: ContactType, pushed: ContactType
) -> None:
    synced.gets(customer("1", "Reed & Marsh", "tom@x.example"))
    synced.sync()
    tom = client("Tom Reed", "tom@x.example", contact_type=waiting)
    una = client("Una Marsh", "una@x.example", contact_type=waiting)
    batch = upload([tom, una], pushed)
    numbers = [line(synced, created=1, review=1)]
    assert batch.forecast == numbers
    synced.edits("1", PrimaryEmailAddr={"Address": "una@x.example"})
    synced.sync()
    imports.confirm(batch, None)
    assert (batch.state, batch.forecast) == (State.READY, numbers)
    assert outcomes(batch) == {
        ("Tom Reed", "created", "review"),
        ("Una Marsh", "review", "created"),
    }
    assert Client.objects.filter(contact_type=waiting).count() == 2
    assert imports.confirm(batch, None) and batch.state == State.DONE
    assert {was for _name, _kind, was in outcomes(batch)} == {""}
    sync(synced)
    assert names(synced) == ["Reed & Marsh", "Tom Reed"]


def outcomes(batch: ImportBatch) -> set[tuple[str, str, str]]:
    """(client by name, what it becomes, what had been confirmed)."""
    rows = batch.outcomes.values_list("client_pk", "kind", "was")
    return {(Client.objects.get(pk=pk).name, kind, was) for pk, kind, was in rows}


def test_what_takes_part_no_more_is_said_too(
    synced: Firm, waiting: ContactType, pushed: ContactType
) -> None:
    tom = client("Tom Reed", contact_type=waiting)
    una = client("Una Marsh", contact_type=waiting)
    batch = upload([tom, una], pushed)
    synced.says(Decision.Kind.EXCLUDE_CLIENT, client=tom)
    imports.confirm(batch, None)
    assert outcomes(batch) == {("Tom Reed", "nothing", "created"), ("Una Marsh", "created", "")}
    synced.chooses(pushed_types=[])
    imports.confirm(batch, None)
    assert (batch.forecast, outcomes(batch)) == ([], {("Una Marsh", "nothing", "created")})
    imports.confirm(batch, None)
    assert batch.state == State.DONE and not batch.outcomes.exists()


def test_what_was_confirmed_is_not_stopped_by_the_brake(
    synced: Firm, waiting: ContactType, pushed: ContactType
) -> None:
    """U3: what a person has just approved does not count; the same by machine does."""
    people = [client(f"New {n}", contact_type=waiting) for n in range(BRAKE_RECORDS + 5)]
    batch = upload(people, pushed)
    assert batch.forecast == [line(synced, created=len(people))]
    imports.confirm(batch, None)
    run = sync(synced)
    assert run is not None and run.state == Run.State.DONE
    assert len(names(synced)) == len(people)
    for n in range(BRAKE_RECORDS):
        client(f"Typed in {n}", contact_type=pushed)
    run = sync(synced)
    assert run is not None and run.state == Run.State.DONE, "the import's do not count for the day"
    for n in range(BRAKE_RECORDS):
        client(f"Typed in later {n}", contact_type=pushed)
    run = sync(synced)
    assert run is not None and run.stops == ["brake"]


@pytest.mark.parametrize("may_approve", [True, False])
def test_only_who_may_approve_plans_lets_creations_pass_the_brake(
    synced: Firm, waiting: ContactType, pushed: ContactType, may_approve: bool
) -> None:
    rights = ["crm.view_client", "crm.change_client", "wagtail_qbo_sync.map_customer"]
    rights += ["wagtail_qbo_sync.sync_connection"] if may_approve else []
    dana = factories.user(*rights, username="dana")
    people = [client(f"New {n}", contact_type=waiting) for n in range(BRAKE_RECORDS + 5)]
    batch = upload(people, pushed)
    assert imports.confirm(batch, dana) and batch.state == State.DONE
    run = sync(synced)
    assert run is not None and run.stops == ([] if may_approve else ["brake"])


def test_only_creations_that_were_foreseen_pass_the_brake(
    synced: Firm, waiting: ContactType, pushed: ContactType
) -> None:
    number = BRAKE_RECORDS + 5
    alike = [customer(str(n), f"Like {n}", f"{n}@x.example") for n in range(1, number + 1)]
    synced.gets(*alike)
    synced.sync()
    people = [client(f"New {n}", f"{n}@x.example", contact_type=waiting) for n in range(1, number)]
    tom = client("Tom Reed", contact_type=waiting)
    batch = upload([*people, tom], pushed)
    assert batch.forecast == [line(synced, created=1, review=number - 1)]
    assert gate.approved_clients(synced.connection) == set(), "nobody has confirmed it yet"
    imports.confirm(batch, None)
    assert gate.approved_clients(synced.connection) == {str(tom.pk)}
    for one in alike:
        synced.gets({**one, "SyncToken": "1", "PrimaryEmailAddr": {"Address": "else@x.example"}})
    run = sync(synced)
    assert run is not None and run.stops == ["brake"]


def undoable(people: Iterable[Client], contact_type: ContactType) -> ImportBatch:
    """An import that took these clients out of a type that is pushed."""
    Outbox.objects.all().delete()
    batch = upload(people, contact_type)
    assert imports.confirm(batch, None) and batch.state == State.DONE
    return batch


def test_an_undo_says_what_it_leads_to_and_waits_for_a_person(
    synced: Firm, waiting: ContactType, pushed: ContactType
) -> None:
    """Types that come back may send clients to QuickBooks, as any other change of types (K13)."""
    synced.gets(customer("1", "Tom Reed", "tom@reed.example"))
    synced.sync()
    people = [
        client("Tom Reed", "tom@reed.example", contact_type=pushed),
        client("Ann Dow", "a@dow.example", contact_type=pushed),
        client("Coe: Bo", contact_type=pushed),
    ]
    back = imports.undo(undoable(people, waiting), None)
    assert back is not None and back.state == State.READY
    assert back.forecast == [line(synced, matched=1, created=1, review=1)]
    assert outcomes(back) == {
        ("Tom Reed", "matched", ""),
        ("Ann Dow", "created", ""),
        ("Coe: Bo", "review", ""),
    }
    assert set(Client.objects.values_list("contact_type", flat=True)) == {waiting.pk}
    assert imports.confirm(back, None) and back.state == State.DONE
    sync(synced)
    assert names(synced) == ["Ann Dow", "Tom Reed"] and synced.mapped()["1"] == "Tom Reed"


def test_an_undo_that_would_lead_to_something_else_by_then_waits_again(
    synced: Firm, waiting: ContactType, pushed: ContactType
) -> None:
    tom = client("Tom Reed", "tom@reed.example", contact_type=pushed)
    back = imports.undo(undoable([tom], waiting), None)
    assert back is not None and outcomes(back) == {("Tom Reed", "created", "")}
    synced.gets(customer("1", "Tom Reed", "thomas@reed.example"))
    synced.sync()
    imports.confirm(back, None)
    tom.refresh_from_db()
    assert imports.has_moved(back) and tom.contact_type == waiting
    assert outcomes(back) == {("Tom Reed", "review", "created")}


def test_what_a_confirmed_undo_foresaw_is_not_stopped_by_the_brake(
    synced: Firm, waiting: ContactType, pushed: ContactType
) -> None:
    people = [client(f"New {n}", contact_type=pushed) for n in range(BRAKE_RECORDS + 5)]
    back = imports.undo(undoable(people, waiting), None)
    assert back is not None and back.forecast == [line(synced, created=len(people))]
    assert gate.approved_clients(synced.connection) == set(), "nobody has confirmed it yet"
    imports.confirm(back, None)
    run = sync(synced)
    assert run is not None and run.state == Run.State.DONE
    assert len(names(synced)) == len(people)


def test_killed_at_any_point_what_is_confirmed_stays_the_same(
    synced: Firm, waiting: ContactType, pushed: ContactType
) -> None:
    """Killed while it looks ahead, at confirming, and while it looks again (rule 4)."""
    tom = client("Tom Reed", contact_type=waiting)
    other = factories.connection(company_name="Other", pushed_types=[str(pushed.pk)])
    factories.sync_state(other, first_synced_at=clock.now())

    def whole_way() -> None:
        batch = ImportBatch.objects.first() or upload([tom], pushed)
        slices.advance(batch.pk, ImportBatch.objects.get().slice)
        if not batch.is_confirmed:
            imports.confirm(ImportBatch.objects.get(), None)
        slices.advance(batch.pk, ImportBatch.objects.get().slice)

    def end() -> Any:
        batch = ImportBatch.objects.get()
        tom.refresh_from_db()
        return batch.state, batch.forecast, outcomes(batch), tom.contact_type

    passed: list[str] = []
    with undone():
        clock.stop_at(passed.append)
        whole_way()
        clock.stop_at(None)
        undisturbed = end()
    assert undisturbed[0] == State.DONE and undisturbed[2] == {("Tom Reed", "created", "")}
    assert len(undisturbed[1]) == 2
    for hit, point in enumerate(passed):
        with undone():
            with killed_at(partial(is_the, hit, count())), pytest.raises(Killed):
                whole_way()
            whole_way()
            assert end() == undisturbed, f"killed at {point}, point {hit}"


def test_what_is_taken_back_is_approved_no_more(
    synced: Firm, waiting: ContactType, pushed: ContactType
) -> None:
    batch = upload([client("Tom Reed", contact_type=waiting)], pushed)
    imports.confirm(batch, None)
    back = imports.undo(batch, None)
    assert back is not None
    assert gate.approved_clients(synced.connection) != set(), "the undo is not confirmed"
    imports.confirm(back, None)
    assert gate.approved_clients(synced.connection) == set()


def test_what_is_taken_back_of_one_client_is_approved_no_more(
    synced: Firm, waiting: ContactType, pushed: ContactType, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As soon as that is confirmed, whoever writes it; the other client's stays approved."""
    tom, una = (client(name, contact_type=waiting) for name in ("Tom Reed", "Una Marsh"))
    batch = upload([tom, una], pushed)
    imports.confirm(batch, None)
    back = imports.undo(batch, None, str(tom.pk))
    assert back is not None
    assert gate.approved_clients(synced.connection) == {str(tom.pk), str(una.pk)}
    monkeypatch.setattr(imports, "AT_ONCE", 0)
    imports.confirm(back, None)
    slices.advance(back.pk, back.slice, -1)
    slices.advance(back.pk, back.slice + 1, -1)
    back.refresh_from_db()
    assert back.state == State.APPLYING and tom.contact_type == waiting
    assert gate.approved_clients(synced.connection) == {str(una.pk)}
    slices.advance(back.pk, back.slice)
    assert gate.approved_clients(synced.connection) == {str(una.pk)}


def test_an_undo_names_the_customers_that_stay_and_what_takes_them_away(
    synced: Firm, waiting: ContactType, pushed: ContactType
) -> None:
    """U5: they were created by a sync, whose own undo makes them inactive; and then they are
    named no more."""
    tom, una = (client(name, contact_type=waiting) for name in ("Tom Reed", "Una Marsh"))
    mapped = client("Old Hand", contact_type=pushed)
    synced.maps(OLD_HAND["Id"], mapped)
    batch = upload([tom, una], pushed)
    imports.confirm(batch, None)
    run = sync(synced)
    assert run is not None and names(synced) == ["Tom Reed", "Una Marsh"]
    everybody = [str(one.pk) for one in (tom, una, mapped)]
    back = imports.undo(batch, None, str(tom.pk))
    assert back is not None
    (step,) = forecast.creations(back, everybody)
    assert (step.run, step.client_pk) == (run, str(tom.pk))
    assert [one.client_pk for one in forecast.creations(batch, everybody)] == everybody[:2]
    said = io.StringIO()
    imports.discard(back)
    call_command("qbo_types", "undo", str(batch.pk), "--client", str(tom.pk), stdout=said)
    assert f"manage.py qbo_undo {run.pk} --customer {step.qbo_id}" in said.getvalue()
    back = ImportBatch.objects.get(undoes=batch)
    synced.approve(undoing.start(run, None, qbo_id=step.qbo_id))
    synced.walk()
    assert not synced.record(step.qbo_id)["Active"]
    assert forecast.creations(back, everybody) == []
    tom.refresh_from_db()
    assert tom.contact_type == waiting


def test_who_was_mapped_by_hand_was_not_created(
    synced: Firm, waiting: ContactType, pushed: ContactType
) -> None:
    """Before the sync came to it: nothing that is there because of the import stays."""
    tom, una = (client(name, contact_type=waiting) for name in ("Tom Reed", "Una Marsh"))
    batch = upload([tom, una], pushed)
    assert imports.confirm(batch, None) and batch.forecast == [line(synced, created=2)]
    mapping.map_customer(synced.connection, OLD_HAND["Id"], str(tom.pk), None)
    synced.walk()
    sync(synced)
    assert names(synced) == ["Una Marsh"] and len(synced.mapped()) == 2
    assert [one.client_pk for one in forecast.created(batch)] == [str(una.pk)]
    back = imports.undo(batch, None)
    assert back is not None and forecast.created(back).count() == 1
    Run.objects.all().delete()
    assert not forecast.created(batch).exists(), "nobody knows any more who made it"
