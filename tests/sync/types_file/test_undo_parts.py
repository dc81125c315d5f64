"""Parts of an import taken back: what an undo has left, and one client of many (U5)."""

from __future__ import annotations

import threading
from importlib import import_module
from types import SimpleNamespace
from typing import Any

import pytest
from crm.models import Client, ContactType
from django.apps import apps
from django.db import connection, transaction

from tests.sync.firm import edit
from tests.sync.test_apply import beside, two_writers  # noqa: F401
from wagtail_qbo_sync.compat import lock
from wagtail_qbo_sync.models import ImportBatch, ImportRow
from wagtail_qbo_sync.sync.records.locked import Refusal
from wagtail_qbo_sync.sync.types_file import imports, present

from .test_imports import all_become, applied, asked_back, fresh, states, taken_back, types_now

State = ImportBatch.State
Rows = ImportRow.State


def test_what_an_undo_has_left_can_be_asked_for_again(
    dana: Any, people: dict[str, Client], types: dict[str, ContactType]
) -> None:
    """And only that: what was put back and has been changed since is nobody's to put back."""
    batch = applied(dana, people)
    edit(people["Anna"], contact_type=types["Client"])
    first = taken_back(batch, dana)
    assert states(fresh(batch)) == {Rows.BACK: 2, Rows.DONE: 1}
    edit(people["Anna"], contact_type=types["VIP"])
    edit(people["Bo"], contact_type=types["VIP"])
    assert imports.can_undo(batch)
    second = taken_back(batch, dana)
    assert second != first
    assert [one.client_pk for one in second.rows.all()] == [str(people["Anna"].pk)]
    assert types_now() == {"Anna": "Prospect", "Bo": "VIP", "Carl": "Prospect"}
    assert states(fresh(batch)) == {Rows.BACK: 3}
    assert not imports.can_undo(batch) and imports.undo(batch, dana) == second


def test_what_is_still_in_the_way_is_named_once_more(
    dana: Any, people: dict[str, Client], types: dict[str, ContactType]
) -> None:
    batch = applied(dana, people)
    edit(people["Anna"], contact_type=types["Client"])
    taken_back(batch, dana)
    again = asked_back(batch, dana)
    assert [one.why for one in again.rows.all()] == [present.CHANGED_SINCE]
    assert not imports.may_confirm(again) and imports.discard(again)
    assert imports.can_undo(batch)


def test_what_somebody_has_put_back_by_hand_stays_as_it_is(
    dana: Any, people: dict[str, Client], types: dict[str, ContactType]
) -> None:
    batch = applied(dana, people)
    edit(people["Anna"], contact_type=types["Prospect"])
    assert states(asked_back(batch, dana)) == {Rows.SAME: 1, Rows.CHANGE: 2}


def test_what_somebody_has_put_back_by_hand_is_back(
    dana: Any, people: dict[str, Client], types: dict[str, ContactType]
) -> None:
    """It is not offered for ever; of an undo, the import's own stands again."""
    batch = applied(dana, people)
    anna = str(people["Anna"].pk)
    edit(people["Anna"], contact_type=types["Prospect"])
    back = taken_back(batch, dana)
    assert states(fresh(batch)) == {Rows.BACK: 3} and not imports.can_undo(batch)
    assert imports.undo(batch, dana) == back
    edit(people["Bo"], contact_type=types["VIP"])
    again = imports.undo(back, dana, str(people["Bo"].pk))
    assert again is not None and states(again) == {Rows.SAME: 1} and imports.discard(again)
    assert imports.can_undo(batch, str(people["Bo"].pk)) and not imports.can_undo(batch, anna)


def test_where_all_was_put_back_by_hand_nothing_is_offered(
    dana: Any, people: dict[str, Client], types: dict[str, ContactType]
) -> None:
    batch = applied(dana, people)
    for one in people.values():
        edit(one, contact_type=types["Prospect"])
    back = asked_back(batch, dana)
    assert not imports.may_confirm(back) and imports.discard(back)
    assert not imports.can_undo(batch) and imports.undo(batch, dana) is None


def test_one_client_is_taken_back(dana: Any, people: dict[str, Client]) -> None:
    batch = applied(dana, people)
    anna, bo = (str(people[name].pk) for name in ("Anna", "Bo"))
    back = imports.undo(batch, dana, anna)
    assert back is not None and states(back) == {Rows.CHANGE: 1}
    assert types_now()["Anna"] == "VIP", "nothing before it is confirmed"
    assert imports.confirm(back, dana)
    assert types_now() == {"Anna": "Prospect", "Bo": "VIP", "Carl": "VIP"}
    assert imports.undo(batch, dana, anna) == back, "twice is the same as once"
    assert imports.undo(batch, dana, "999") is None
    assert imports.can_undo(batch, bo) and not imports.can_undo(batch, anna)
    rest = taken_back(batch, dana)
    assert states(rest) == {Rows.DONE: 2}
    assert set(types_now().values()) == {"Prospect"}


def test_an_undo_of_one_client_is_taken_back_and_the_whole_after_that(
    dana: Any, people: dict[str, Client]
) -> None:
    """What an undo of an undo has brought again is the import's own once more."""
    batch = applied(dana, people)
    back = imports.undo(batch, dana, str(people["Anna"].pk))
    assert back is not None and imports.confirm(back, dana)
    again = taken_back(back, dana)
    assert types_now()["Anna"] == "VIP" and states(fresh(batch)) == {Rows.DONE: 3}
    assert states(fresh(back)) == {Rows.BACK: 1}
    taken_back(again, dana)
    assert types_now()["Anna"] == "Prospect" and states(fresh(batch))[Rows.BACK] == 1
    taken_back(batch, dana)
    assert set(types_now().values()) == {"Prospect"}


def test_another_part_waits_for_the_one_that_nobody_has_decided(
    dana: Any, people: dict[str, Client]
) -> None:
    """Who asks for one client is never given the undo of all."""
    batch = applied(dana, people)
    anna, bo = (str(people[name].pk) for name in ("Anna", "Bo"))
    back = imports.undo(batch, dana, anna)
    assert imports.undo(batch, dana, anna) == back
    for other in ("", bo):
        with pytest.raises(Refusal, match="waits to be confirmed"):
            imports.undo(batch, dana, other)
    assert back is not None and imports.discard(back)
    assert imports.undo(batch, dana, bo) is not None


def test_an_undo_is_named_as_its_import_is_by_then(dana: Any, people: dict[str, Client]) -> None:
    """U17: the file's name may have been erased since somebody opened the page."""
    batch = applied(dana, people)
    ImportBatch.objects.update(name="…")
    assert batch.name == "types.csv" and asked_back(batch, dana).name == "…"


def test_an_undo_of_what_is_there_no_more(dana: Any, people: dict[str, Client]) -> None:
    batch = applied(dana, people)
    ImportBatch.objects.all().delete()
    with pytest.raises(Refusal, match="thrown away meanwhile"):
        imports.undo(batch, dana)


def test_undos_of_before_are_brought_after_it(
    dana: Any, people: dict[str, Client], types: dict[str, ContactType]
) -> None:
    """0005: rows did not say whether they were taken back."""
    batch = applied(dana, people)
    edit(people["Anna"], contact_type=types["Client"])
    taken_back(taken_back(batch, dana), dana)
    taken_back(ImportBatch.objects.latest("pk"), dana)
    later = applied(dana, people, "Client")
    taken_back(later, dana)
    before = dict(ImportRow.objects.values_list("pk", "state"))
    assert ImportRow.objects.filter(state=Rows.BACK).update(state=Rows.DONE)
    migration = import_module("wagtail_qbo_sync.migrations.0005_import_undo_parts")
    migration.note_taken_back(apps, SimpleNamespace(connection=connection))
    assert dict(ImportRow.objects.values_list("pk", "state")) == before


@pytest.mark.server
@pytest.mark.usefixtures("two_writers")
def test_two_who_ask_at_the_same_time_make_one(dana: Any, people: dict[str, Client]) -> None:
    batch = all_become(dana, people, "VIP")
    assert imports.confirm(batch, dana)
    asked: list[Any] = []
    threads: list[threading.Thread] = []
    with transaction.atomic():
        lock(ImportBatch.objects.filter(pk=batch.pk)).get()
        for _ in range(2):
            threads.append(beside(lambda: asked.append(imports.undo(fresh(batch), dana))))
        for thread in threads:
            thread.join(0.5)
            assert thread.is_alive(), "it waits for whoever asks just now"
    for thread in threads:
        thread.join()
    assert [one.pk for one in asked] == [ImportBatch.objects.get(undoes=batch).pk] * 2
