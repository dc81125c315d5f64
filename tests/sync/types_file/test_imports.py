"""An import from upload to undo: nothing half done, nothing twice, nobody overruled."""

from __future__ import annotations

import math
import threading
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from itertools import count
from typing import Any

import pytest
from crm.models import Client, ContactType
from django.contrib.auth.models import AnonymousUser, Permission
from django.db import connection as database
from django.db.models.deletion import Collector
from django.db.models.signals import post_save
from django.test.utils import CaptureQueriesContext
from wagtail.models import ModelLogEntry

from tests import factories
from tests.sync.crashes import undone
from tests.sync.firm import Killed, at, edit, killed_at, site
from tests.sync.test_apply import beside, two_writers  # noqa: F401
from wagtail_qbo_sync import clock, tasks
from wagtail_qbo_sync.host.adapter import get_adapter
from wagtail_qbo_sync.models import ImportBatch, ImportRow, Touched
from wagtail_qbo_sync.sync.noticing import sweep
from wagtail_qbo_sync.sync.records.locked import Refusal
from wagtail_qbo_sync.sync.types_file import (
    applying,
    columns,
    compare,
    imports,
    present,
    preview,
    reading,
    rows,
    slices,
    undoing,
    vocabulary,
)

from .files import csv_of

State = ImportBatch.State
Rows = ImportRow.State


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two rows a slice."""
    monkeypatch.setattr(preview, "COMPARED", 2)
    monkeypatch.setattr(applying, "APPLIED", 2)


def upload(user: Any, *rows: Any, **options: Any) -> ImportBatch:
    return imports.start(csv_of(*rows, **options).encode(), "types.csv", user)


def row(client: Client, contact_type: str) -> tuple[Any, ...]:
    """A row as an export has it."""
    return (client.pk, client.name, client.email, contact_type)


def all_become(user: Any, people: dict[str, Client], contact_type: str) -> ImportBatch:
    return upload(user, *(row(client, contact_type) for client in people.values()))


def fresh(batch: ImportBatch) -> ImportBatch:
    return ImportBatch.objects.get(pk=batch.pk)


def states(batch: ImportBatch) -> dict[str, int]:
    return dict(Counter(batch.rows.values_list("state", flat=True)))


def types_now() -> dict[str, str]:
    rows = Client.objects.select_related("contact_type")
    return {client.name.split()[0]: client.contact_type.name for client in rows}


# The preview --------------------------------------------------------------------------------------


def test_the_preview_touches_nothing(dana: Any, people: dict[str, Client]) -> None:
    sweep.everything()
    Touched.objects.all().delete()
    before = site()
    batch = all_become(dana, people, "Client")
    assert (batch.state, states(batch)) == (State.READY, {Rows.CHANGE: 3})
    assert site() == before
    assert not Touched.objects.exists() and not ModelLogEntry.objects.exists()
    assert bytes(batch.file) == b""


def test_differences_and_errors_by_row(
    dana: Any, people: dict[str, Client], types: dict[str, ContactType]
) -> None:
    batch = upload(
        dana,
        row(people["Anna"], "VIP"),
        row(people["Bo"], "Prospect"),
        row(people["Carl"], "Nonsense"),
        (999_999, "Nobody", "", "VIP"),
        ("seven", "Nobody", "", "VIP"),
        ("", "Nobody", "", "VIP"),
        ("=1+1", "Nobody", "", "VIP"),
    )
    assert [(one.number, one.state, one.why) for one in batch.rows.order_by("number")] == [
        (2, Rows.CHANGE, ""),
        (3, Rows.SAME, ""),
        (4, Rows.ERROR, vocabulary.NO_SUCH_TYPE),
        (5, Rows.ERROR, compare.NO_SUCH_KEY),
        (6, Rows.ERROR, compare.NO_SUCH_KEY),
        (7, Rows.ERROR, compare.NOBODY),
        (8, Rows.ERROR, columns.CALCULATED),
    ]
    anna = batch.rows.get(number=2)
    assert (anna.before, anna.after) == ([str(types["Prospect"].pk)], [str(types["VIP"].pk)])


def test_a_file_with_errors_is_not_applied_in_part(dana: Any, people: dict[str, Client]) -> None:
    batch = upload(dana, row(people["Anna"], "VIP"), row(people["Bo"], "Nonsense"))
    assert not imports.may_confirm(batch) and not imports.confirm(batch, dana)
    assert set(types_now().values()) == {"Prospect"}


def test_rows_about_the_same_client(dana: Any, people: dict[str, Client]) -> None:
    anna = people["Anna"]
    batch = upload(
        dana,
        (f"00{anna.pk}", "", "", "VIP"),
        ("", anna.name, "", "VIP"),
        row(people["Bo"], "VIP"),
    )
    assert list(batch.rows.order_by("number").values_list("why", "about")) == [
        (compare.DOUBLED, {"row": 3}),
        (compare.DOUBLED, {"row": 2}),
        ("", {}),
    ]


def test_clients_without_a_key_in_the_file(dana: Any, people: dict[str, Client]) -> None:
    Client.objects.create(name="Bo Coe", email="other@x.example")
    batch = upload(
        dana,
        ("Anna Berg", "VIP"),
        ("Bo Coe", "VIP"),
        header=("Display name", "contact type"),
    )
    assert [each.why for each in batch.rows.order_by("number")] == ["", compare.SEVERAL]
    assert batch.rows.get(number=2).client_pk == str(people["Anna"].pk)


def test_clients_that_somebody_may_not_see_are_not_there(
    people: dict[str, Client],
) -> None:
    batch = imports.start(
        csv_of(row(people["Anna"], "VIP"), ("", "Bo Coe", "", "VIP")).encode(), "x", None
    )
    assert states(batch) == {Rows.CHANGE: 2}
    blind = get_adapter().visible_to(AnonymousUser(), Client.objects.all())
    assert not blind.exists()


def test_whoever_may_not_see_clients_finds_none(
    django_user_model: Any, people: dict[str, Client]
) -> None:
    blind = django_user_model.objects.create_user("blind")
    batch = upload(blind, row(people["Anna"], "VIP"), ("", "Bo Coe", "", "VIP"))
    assert set(batch.rows.values_list("why", flat=True)) == {
        compare.NO_SUCH_KEY,
        compare.NOBODY,
    }


@pytest.mark.parametrize(
    ("header", "why"),
    [
        (("key", "name"), columns.NO_TYPES),
        (("Contact Type", "Phone"), columns.NO_CLIENT),
        (("ID", "key", "Contact Type"), columns.TWICE),
    ],
)
def test_wrong_columns(db: None, header: tuple[str, ...], why: str) -> None:
    batch = upload(None, ("1", "2", "3"), header=header)
    assert (batch.state, batch.trouble["why"]) == (State.REFUSED, why)
    assert not batch.rows.exists()


def test_columns_that_are_not_imported_are_named(dana: Any, people: dict[str, Client]) -> None:
    batch = upload(
        dana,
        (people["Anna"].pk, "Client", "VIP"),
        header=("ID", "Phone", "Contact Type"),
    )
    assert batch.found == {"encoding": "UTF-8", "ignored": ["Phone"]}


def test_what_is_too_big_is_not_stored(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "MAX_BYTES", 4)
    with pytest.raises(reading.Unreadable):
        imports.start(b"12345", "x.csv", None)
    assert not ImportBatch.objects.exists()


# Applying -----------------------------------------------------------------------------------------


def test_only_the_type_changes(dana: Any, people: dict[str, Client]) -> None:
    anna = people["Anna"]
    batch = upload(dana, (anna.pk, "Renamed", anna.email, "VIP"))
    others = Client.objects.values().get(pk=anna.pk)
    assert imports.confirm(batch, dana)
    now = Client.objects.values().get(pk=anna.pk)
    assert {key for key, _value in now.items() ^ others.items()} == {"contact_type_id"}
    assert types_now()["Anna"] == "VIP"


def test_a_changed_type_is_a_change_without_signals(
    dana: Any, people: dict[str, Client], monkeypatch: pytest.MonkeyPatch
) -> None:
    sweep.everything()
    Touched.objects.all().delete()
    heard = post_save.receivers
    monkeypatch.setattr(post_save, "receivers", [])
    post_save.sender_receivers_cache.clear()
    try:
        imports.confirm(all_become(dana, people, "VIP"), dana)
    finally:
        post_save.receivers = heard
        post_save.sender_receivers_cache.clear()
    assert sorted(Touched.objects.values_list("client_pk", flat=True)) == sorted(
        str(client.pk) for client in people.values()
    )


def test_it_is_noted_once_for_each_client(dana: Any, people: dict[str, Client]) -> None:
    Touched.objects.all().delete()
    imports.confirm(all_become(dana, people, "VIP"), dana)
    assert Touched.objects.count() == 3


def test_the_clients_histories_tell_of_it(dana: Any, people: dict[str, Client]) -> None:
    batch = all_become(dana, people, "VIP")
    imports.confirm(batch, dana)
    logged = ModelLogEntry.objects.filter(action="wagtail_qbo_sync.import_types")
    assert set(logged.values_list("object_id", flat=True)) == {
        str(client.pk) for client in people.values()
    }
    entry = logged.first()
    assert entry is not None and entry.user == dana
    assert entry.data == {
        "file": "types.csv",
        "import": batch.pk,
        "before": "Prospect",
        "after": "VIP",
    }
    assert len(set(logged.values_list("uuid", flat=True))) == 3


def test_what_changed_since_the_preview_is_held_back(
    dana: Any, people: dict[str, Client], types: dict[str, ContactType]
) -> None:
    batch = all_become(dana, people, "VIP")
    edit(people["Anna"], contact_type=types["Client"])
    people["Bo"].delete()
    imports.confirm(batch, dana)
    assert types_now() == {"Anna": "Client", "Carl": "VIP"}
    held = batch.rows.filter(state=Rows.HELD).order_by("number")
    assert [(one.why, one.about) for one in held] == [
        (present.CHANGED_SINCE, {"types": "Client"}),
        (present.GONE, {}),
    ]
    assert fresh(batch).state == State.DONE


def test_a_type_that_is_deleted_meanwhile(
    dana: Any, people: dict[str, Client], types: dict[str, ContactType]
) -> None:
    batch = all_become(dana, people, "VIP")
    types["VIP"].delete()
    imports.confirm(batch, dana)
    assert states(batch) == {Rows.HELD: 3}
    said = batch.rows.values_list("about__message", flat=True)[0]
    assert "There is no Contact Type" in said
    assert set(types_now().values()) == {"Prospect"}


def test_confirming_twice_is_the_same_as_once(dana: Any, people: dict[str, Client]) -> None:
    batch = all_become(dana, people, "VIP")
    stale = fresh(batch)
    assert (
        imports.confirm(batch, dana)
        and not imports.confirm(batch, dana)
        and not imports.confirm(stale, dana)
    )
    assert ModelLogEntry.objects.count() == 3


def test_discarded(dana: Any, people: dict[str, Client]) -> None:
    batch = all_become(dana, people, "VIP")
    assert imports.discard(batch) and not ImportBatch.objects.exists()
    applied = all_become(dana, people, "VIP")
    imports.confirm(applied, dana)
    assert not imports.discard(applied) and ImportBatch.objects.exists()


# It expires ---------------------------------------------------------------------------------------


def test_a_preview_waits_for_a_day(dana: Any, people: dict[str, Client]) -> None:
    batch = all_become(dana, people, "VIP")
    done = all_become(dana, people, "Client")
    imports.confirm(done, dana)
    long_ago = clock.now() - imports.KEPT - timedelta(minutes=1)
    ImportBatch.objects.update(uploaded_at=long_ago)
    assert not imports.confirm(fresh(batch), dana)
    tasks.tick()
    assert list(ImportBatch.objects.all()) == [done]


@pytest.mark.parametrize("confirmed", [False, True])
def test_what_nobody_goes_on_with_can_be_thrown_away_and_expires(
    dana: Any, people: dict[str, Client], monkeypatch: pytest.MonkeyPatch, confirmed: bool
) -> None:
    """Where no worker runs, while it looks ahead; once it is confirmed it does so again."""
    monkeypatch.setattr(imports, "AT_ONCE", 0)
    batch = all_become(dana, people, "VIP")
    if confirmed:
        to_the_end(batch)
        assert imports.confirm(fresh(batch), dana)
    else:
        for _ in range(3):
            slices.advance(batch.pk, fresh(batch).slice, seconds=-1)
    waits = fresh(batch)
    assert waits.state == State.FORECAST
    ImportBatch.objects.update(uploaded_at=clock.now() - imports.KEPT - timedelta(minutes=1))
    assert imports.is_expired(fresh(batch)) is not confirmed
    with undone():
        assert imports.discard(waits) is not confirmed
    imports.heal()
    assert ImportBatch.objects.exists() is confirmed


# Undo ---------------------------------------------------------------------------------------------


def applied(user: Any, people: dict[str, Client], contact_type: str = "VIP") -> ImportBatch:
    batch = all_become(user, people, contact_type)
    assert imports.confirm(batch, user) and batch.state == State.DONE
    return batch


def asked_back(batch: ImportBatch, user: Any) -> ImportBatch:
    """The undo of an import, not confirmed yet."""
    back = imports.undo(batch, user)
    assert back is not None and back.state == State.READY
    return back


def taken_back(batch: ImportBatch, user: Any) -> ImportBatch:
    back = asked_back(batch, user)
    assert imports.confirm(back, user) and back.state == State.DONE
    return back


def test_undo_puts_back_what_nobody_has_changed_since(
    dana: Any, people: dict[str, Client], types: dict[str, ContactType]
) -> None:
    """What was changed before it was asked for is shown; what is changed later is held back."""
    batch = applied(dana, people)
    edit(people["Anna"], contact_type=types["Client"])
    back = asked_back(batch, dana)
    assert states(back) == {Rows.HELD: 1, Rows.CHANGE: 2}
    edit(people["Bo"], contact_type=types["Client"])
    assert imports.confirm(back, dana) and back.state == State.DONE
    assert types_now() == {"Anna": "Client", "Bo": "Client", "Carl": "Prospect"}
    held = back.rows.filter(state=Rows.HELD).order_by("number")
    assert list(held.values_list("client_pk", "why")) == [
        (str(people[name].pk), present.CHANGED_SINCE) for name in ("Anna", "Bo")
    ]


def test_an_undo_that_nobody_confirms_leaves_everything_as_it_was(
    dana: Any, people: dict[str, Client]
) -> None:
    """Thrown away, or forgotten after a day, it can be asked for again."""
    batch = applied(dana, people)
    Touched.objects.all().delete()
    before = site(), ModelLogEntry.objects.count()
    back = asked_back(batch, dana)
    assert not imports.can_undo(batch) and imports.undo(batch, dana) == back
    assert imports.discard(back) and imports.can_undo(batch)
    ImportBatch.objects.filter(pk=asked_back(batch, dana).pk).update(
        uploaded_at=clock.now() - imports.KEPT - timedelta(minutes=1)
    )
    assert not imports.confirm(ImportBatch.objects.get(undoes=batch), dana)
    tasks.tick()
    assert list(ImportBatch.objects.all()) == [batch] and imports.can_undo(batch)
    assert (site(), ModelLogEntry.objects.count()) == before and not Touched.objects.exists()


def test_undoing_twice_is_the_same_as_once(dana: Any, people: dict[str, Client]) -> None:
    batch = all_become(dana, people, "VIP")
    assert imports.undo(batch, dana) is None
    imports.confirm(batch, dana)
    back = taken_back(batch, dana)
    assert imports.undo(batch, dana) == back
    assert not imports.confirm(back, dana) and not imports.discard(back)
    assert ModelLogEntry.objects.filter(action="wagtail_qbo_sync.undo_import").count() == 3


def test_an_undo_can_be_taken_back(dana: Any, people: dict[str, Client]) -> None:
    back = taken_back(applied(dana, people), dana)
    assert set(types_now().values()) == {"Prospect"}
    taken_back(back, dana)
    assert set(types_now().values()) == {"VIP"}


def test_an_undo_is_a_change_too(dana: Any, people: dict[str, Client]) -> None:
    batch = applied(dana, people)
    Touched.objects.all().delete()
    taken_back(batch, dana)
    assert Touched.objects.count() == 3


def test_an_undo_of_many_is_left_to_the_worker(
    dana: Any, people: dict[str, Client], monkeypatch: pytest.MonkeyPatch
) -> None:
    """And so is one on a large site: what it leads to takes a look at all (a request never
    waits)."""
    batch = applied(dana, people)
    Client.objects.create(name="Dora Egg", contact_type=people["Bo"].contact_type)
    for at_once in (2, 3):
        monkeypatch.setattr(imports, "AT_ONCE", at_once)
        back = imports.undo(batch, dana)
        assert back is not None and back.state == State.READING
        to_the_end(back)
        assert fresh(back).state == State.READY and imports.discard(back)


# Whose word it is ---------------------------------------------------------------------------------


def test_the_histories_name_who_confirmed(dana: Any, people: dict[str, Client]) -> None:
    """Not who uploaded the file, or asked for the undo."""
    chief = factories.user(is_superuser=True, username="chief")
    batch = all_become(dana, people, "VIP")
    imports.confirm(batch, chief)
    imports.confirm(asked_back(batch, dana), chief)
    logged = ModelLogEntry.objects.values_list("action", "user__username")
    assert Counter(logged) == {
        ("wagtail_qbo_sync.import_types", "chief"): 3,
        ("wagtail_qbo_sync.undo_import", "chief"): 3,
    }


@pytest.fixture
def hides(monkeypatch: pytest.MonkeyPatch) -> Callable[[Client, Any], None]:
    """The host hides a client from somebody."""

    def do(client: Client, user: Any) -> None:
        usual = type(get_adapter()).visible_to

        def visible_to(adapter: Any, who: Any, clients: Any) -> Any:
            found = usual(adapter, who, clients)
            return found.exclude(pk=client.pk) if who == user else found

        monkeypatch.setattr(type(get_adapter()), "visible_to", visible_to)

    return do


def test_what_is_hidden_from_who_takes_back_stays(
    dana: Any, people: dict[str, Client], hides: Callable[[Client, Any], None]
) -> None:
    batch = applied(dana, people)
    hides(people["Anna"], dana)
    back = taken_back(batch, dana)
    assert types_now() == {"Anna": "VIP", "Bo": "Prospect", "Carl": "Prospect"}
    assert back.rows.get(state=Rows.HELD).why == present.HIDDEN


def test_what_is_hidden_from_who_confirms_stays(
    dana: Any, people: dict[str, Client], hides: Callable[[Client, Any], None]
) -> None:
    """Since the upload, or from whoever confirms in the uploader's place."""
    chief = factories.user(is_superuser=True, username="chief")
    batch = all_become(dana, people, "VIP")
    hides(people["Anna"], dana)
    hides(people["Bo"], chief)
    imports.confirm(batch, chief)
    assert types_now() == {"Anna": "VIP", "Bo": "Prospect", "Carl": "VIP"}
    assert batch.rows.get(state=Rows.HELD).why == present.HIDDEN
    again = all_become(dana, {"Carl": people["Carl"]}, "Client")
    hides(people["Carl"], dana)
    imports.confirm(again, dana)
    assert types_now()["Carl"] == "VIP"


@pytest.mark.parametrize("lost", ["change_client", "map_customer", "is_active"])
def test_who_loses_the_right_before_it_is_written_changes_nothing_more(
    dana: Any, people: dict[str, Client], monkeypatch: pytest.MonkeyPatch, small: None, lost: str
) -> None:
    """A worker does it later: the slices that are written by then stay, the rest is held back."""
    monkeypatch.setattr(imports, "AT_ONCE", 0)
    batch = all_become(dana, people, "VIP")
    to_the_end(batch)
    assert imports.confirm(fresh(batch), dana)

    def loses() -> None:
        if lost == "is_active":
            type(dana).objects.update(is_active=False)
        else:
            dana.user_permissions.remove(Permission.objects.get(codename=lost))

    with at("import.applied", loses):
        to_the_end(fresh(batch))
    assert states(batch) == {Rows.DONE: 2, Rows.HELD: 1} and fresh(batch).state == State.DONE
    assert batch.rows.get(state=Rows.HELD).why == present.NO_RIGHT
    assert types_now() == {"Anna": "VIP", "Bo": "VIP", "Carl": "Prospect"}


# Slices -------------------------------------------------------------------------------------------


def end() -> dict[str, Any]:
    """The end state, comparable between two databases."""
    rows = ImportRow.objects.order_by("batch", "number")
    return {
        "types": types_now(),
        "rows": list(rows.values_list("number", "state", "why")),
        "batches": list(ImportBatch.objects.order_by("pk").values("state", "total", "done")),
        "log": sorted(ModelLogEntry.objects.values_list("action", "object_id")),
        "touched": sorted(Touched.objects.values_list("client_pk", flat=True)),
    }


def whole_way(data: bytes, user: Any) -> None:
    """Upload, confirm and undo; whoever is rung goes on where it stands."""
    batch = ImportBatch.objects.order_by("pk").first() or imports.start(data, "t.csv", user)
    to_the_end(batch)
    imports.confirm(fresh(batch), user)
    to_the_end(batch)
    back = imports.undo(fresh(batch), user)
    assert back is not None
    to_the_end(back)
    imports.confirm(fresh(back), user)
    to_the_end(back)


def to_the_end(batch: ImportBatch) -> None:
    slices.advance(batch.pk, fresh(batch).slice)


@pytest.mark.usefixtures("small")
def test_killed_at_any_point_it_reaches_the_same_end(dana: Any, people: dict[str, Client]) -> None:
    data = csv_of(*(row(client, "VIP") for client in people.values())).encode()
    passed: list[str] = []
    with undone():
        clock.stop_at(passed.append)
        whole_way(data, dana)
        clock.stop_at(None)
        undisturbed = end()
    assert undisturbed["types"] == dict.fromkeys(people, "Prospect")
    assert len(undisturbed["log"]) == 6 and {"import.applied", "import.undoing"} < set(passed)
    for hit, name in enumerate(passed):
        with undone():
            with killed_at(partial(is_the, hit, count())), pytest.raises(Killed):
                whole_way(data, dana)
            whole_way(data, dana)
            assert end() == undisturbed, f"killed at {name}, point {hit}"


def is_the(hit: int, passes: count[int], _point: str) -> bool:
    return next(passes) == hit


@pytest.mark.usefixtures("small")
def test_a_ring_that_comes_twice_or_late_does_nothing(
    dana: Any, people: dict[str, Client], monkeypatch: pytest.MonkeyPatch
) -> None:
    batch = all_become(dana, people, "VIP")
    monkeypatch.setattr(imports, "AT_ONCE", 0)
    imports.confirm(batch, dana)
    slices.advance(batch.pk, fresh(batch).slice, seconds=-1)  # looks ahead once more
    first = fresh(batch).slice
    slices.advance(batch.pk, first, seconds=-1)
    before = end()
    assert fresh(batch).done == 2
    slices.advance(batch.pk, first)
    assert end() == before
    to_the_end(batch)
    done = end()
    for late in range(first + 4):
        slices.advance(batch.pk, late)
    assert end() == done and fresh(batch).state == State.DONE


@pytest.mark.usefixtures("small")
def test_one_row_that_ends_the_worker_stops_only_itself(
    dana: Any, people: dict[str, Client], monkeypatch: pytest.MonkeyPatch
) -> None:
    batch = all_become(dana, people, "VIP")
    write = type(get_adapter()).write_contact_types

    def fatal(adapter: Any, client: Client, keys: Any) -> Any:
        if client.pk == people["Bo"].pk:
            raise Killed
        return write(adapter, client, keys)

    monkeypatch.setattr(type(get_adapter()), "write_contact_types", fatal)
    with pytest.raises(Killed):
        imports.confirm(batch, dana)
    for _ in range(3):
        with pytest.raises(Killed):
            to_the_end(batch)
    to_the_end(batch)
    assert states(batch) == {Rows.DONE: 2, Rows.HELD: 1}
    assert batch.rows.get(state=Rows.HELD).why == rows.STOPS
    assert types_now() == {"Anna": "VIP", "Bo": "Prospect", "Carl": "VIP"}


def test_an_undo_that_ends_the_worker_each_time_is_given_up(
    dana: Any, people: dict[str, Client]
) -> None:
    """It says so; it can be dropped and asked for again."""
    batch = all_become(dana, people, "VIP")
    imports.confirm(batch, dana)
    with killed_at("import.turned".__eq__):
        with pytest.raises(Killed):
            imports.undo(fresh(batch), dana)
        back = ImportBatch.objects.get(undoes=batch)
        for _ in range(rows.GIVE_UP_AFTER - 1):
            with pytest.raises(Killed):
                to_the_end(back)
        to_the_end(back)
    assert (fresh(back).state, fresh(back).trouble["why"]) == (State.REFUSED, undoing.STOPS)
    assert imports.discard(fresh(back))
    again = imports.undo(fresh(batch), dana)
    assert again is not None and imports.confirm(fresh(again), dana)
    assert set(types_now().values()) == {"Prospect"}


def test_a_large_file_is_left_to_the_worker(
    dana: Any, people: dict[str, Client], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(imports, "READ_AT_ONCE", 10)
    monkeypatch.setattr(imports, "AT_ONCE", 2)
    batch = all_become(dana, people, "VIP")
    assert (batch.state, batch.total) == (State.READING, 0) and batch.file
    tasks.import_types(batch.pk, 0)
    assert fresh(batch).state == State.READY
    imports.confirm(fresh(batch), dana)
    assert (fresh(batch).state, set(types_now().values())) == (State.FORECAST, {"Prospect"})
    ImportBatch.objects.update(moved_at=clock.now() - timedelta(minutes=2))
    rung: list[Any] = []
    monkeypatch.setattr(imports, "enqueue", lambda *about: rung.append(about))
    imports.heal()
    assert rung == [("import_types", batch.pk, fresh(batch).slice)]
    tasks.import_types(*rung[0][1:])
    assert set(types_now().values()) == {"VIP"}


@pytest.mark.parametrize("many", ["clients", "customers"])
def test_a_large_site_is_left_to_the_worker(
    dana: Any, people: dict[str, Client], many: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However small the file is: all of them have to be looked at (a request never waits)."""
    monkeypatch.setattr(imports, "AT_ONCE", 3)
    assert all_become(dana, people, "VIP").state == State.READY
    if many == "clients":
        Client.objects.create(name="Dora Egg", contact_type=people["Bo"].contact_type)
    else:
        company = factories.connection(pushed_types=["1"])
        factories.sync_state(company, first_synced_at=clock.now())
        for number in range(4):
            factories.customer(company, f"C {number}")
    batch = upload(dana, row(people["Anna"], "VIP"))
    assert (batch.state, batch.total) == (State.READING, 0)
    tasks.import_types(batch.pk, 0)
    imports.confirm(fresh(batch), dana)
    assert (fresh(batch).state, types_now()["Anna"]) == (State.FORECAST, "Prospect")
    to_the_end(batch)
    assert types_now()["Anna"] == "VIP"


def test_queries_grow_with_slices_and_not_with_clients(
    dana: Any, types: dict[str, ContactType], monkeypatch: pytest.MonkeyPatch
) -> None:
    Client.objects.bulk_create(
        Client(name=f"C {n}", contact_type=types["Prospect"]) for n in range(imports.AT_ONCE)
    )
    pks = list(Client.objects.order_by("pk").values_list("pk", flat=True))

    def preview(number: int) -> int:
        data = csv_of(*((pk, "", "", "VIP") for pk in pks[:number])).encode()
        with CaptureQueriesContext(database) as queries:
            batch = imports.start(data, "x.csv", dana)
        assert states(batch) == {Rows.CHANGE: number}
        batch.delete()
        return len(queries)

    ten, one_slice, two_slices = preview(10), preview(1000), preview(2000)
    assert ten == 50
    # How many rows one statement takes is Django's and the database's business.
    assert one_slice - ten <= 7
    assert two_slices - one_slice <= 21


def test_queries_of_an_import(dana: Any, people: dict[str, Client]) -> None:
    """Of a transaction with so many clients, and of each of them."""

    def applied(contact_type: str, *names: str) -> int:
        batch = upload(dana, *(row(people[name], contact_type) for name in names))
        with CaptureQueriesContext(database) as queries:
            assert imports.confirm(batch, dana)
        assert states(batch) == {Rows.DONE: len(names)}
        return len(queries)

    one, three = applied("VIP", "Anna"), applied("Client", "Anna", "Bo", "Carl")
    assert (one, three - one) == (56, 10)


def test_two_previews_of_the_same_clients(dana: Any, people: dict[str, Client]) -> None:
    first, second = all_become(dana, people, "VIP"), all_become(dana, people, "Client")
    imports.confirm(second, dana)
    imports.confirm(first, dana)
    assert set(types_now().values()) == {"Client"} and states(first) == {Rows.HELD: 3}


@pytest.mark.server
@pytest.mark.usefixtures("two_writers")
@pytest.mark.parametrize("goes", ["discarded", "healed"])
def test_who_confirms_while_it_is_thrown_away_comes_too_late(
    dana: Any, people: dict[str, Client], monkeypatch: pytest.MonkeyPatch, goes: str
) -> None:
    """Django looks first what belongs to a row, and deletes it then, whatever it has become."""
    batch = all_become(dana, people, "VIP")
    if goes == "healed":
        ImportBatch.objects.update(uploaded_at=clock.now() - imports.KEPT)
    confirmed: list[bool] = []
    threads: list[threading.Thread] = []
    delete = Collector.delete

    def confirm() -> None:
        confirmed.append(imports.confirm(batch, dana))

    def while_another_confirms(collector: Collector) -> Any:
        if not threads:
            monkeypatch.setattr(imports, "is_expired", lambda _: False)
            threads.append(beside(confirm))
            threads[0].join(timeout=3)
        return delete(collector)

    monkeypatch.setattr(Collector, "delete", while_another_confirms)
    imports.discard(batch) if goes == "discarded" else imports.heal()
    threads[0].join()
    assert confirmed == [False] and not ImportBatch.objects.exists()
    assert "VIP" not in types_now().values()


def test_an_import_is_found_by_its_key_to_be_changed(dana: Any, people: dict[str, Client]) -> None:
    """MariaDB finds it by its state else, and locks the index before the row."""
    with CaptureQueriesContext(database) as queries:
        taken_back(applied(dana, people), dana)
    table = database.ops.quote_name(ImportBatch._meta.db_table)
    moved = [one["sql"] for one in queries if one["sql"].startswith(f"UPDATE {table}")]
    where = {sql.rsplit(" WHERE ", 1)[1] for sql in moved}
    assert len(moved) > 6 and not {text for text in where if "state" in text or "slice" in text}


@pytest.mark.parametrize("point", ["import.started", "import.undoing"])
def test_what_is_thrown_away_in_another_window_meanwhile(
    dana: Any, people: dict[str, Client], point: str
) -> None:
    batch = applied(dana, people)

    def discard() -> None:
        assert imports.discard(ImportBatch.objects.exclude(pk=batch.pk).get())

    with at(point, discard), pytest.raises(Refusal, match="thrown away meanwhile"):
        if point == "import.undoing":
            imports.undo(batch, dana)
        else:
            all_become(dana, people, "Client")
    assert set(types_now().values()) == {"VIP"} and imports.can_undo(batch)


@pytest.mark.parametrize("since", ["upload", "confirm"])
def test_who_has_left_is_not_the_command_line(
    dana: Any, people: dict[str, Client], monkeypatch: pytest.MonkeyPatch, since: str
) -> None:
    """It would see all clients; their account was deleted while a worker had still to do it."""
    monkeypatch.setattr(imports, "READ_AT_ONCE", 0 if since == "upload" else imports.READ_AT_ONCE)
    batch = all_become(dana, people, "VIP")
    monkeypatch.setattr(imports, "AT_ONCE", 0)
    assert since == "upload" or imports.confirm(batch, dana)
    dana.delete()
    finished = fresh(batch)
    slices.advance(finished.pk, finished.slice, math.inf)
    assert set(types_now().values()) == {"Prospect"}
    assert states(fresh(batch)) == {"error" if since == "upload" else "held": 3}
