"""`manage.py qbo_types`: the same by command line."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from crm.models import Client, ContactType
from django.core.management import CommandError, call_command

from tests import factories
from tests.sync.firm import edit
from wagtail_qbo_sync import clock
from wagtail_qbo_sync.management.commands import qbo_types
from wagtail_qbo_sync.models import ImportBatch
from wagtail_qbo_sync.sync.types_file import forecast, imports, preview, slices
from wagtail_qbo_sync.sync.types_file.reading import read

from .files import HEADER, csv_of


def run(*args: object) -> str:
    said = io.StringIO()
    call_command("qbo_types", *map(str, args), stdout=said)
    return said.getvalue()


def types_now() -> set[str]:
    return set(Client.objects.values_list("contact_type__name", flat=True))


@pytest.mark.parametrize("ending", ["csv", "xlsx"])
def test_out_and_in_again(tmp_path: Path, people: dict[str, Client], ending: str) -> None:
    file = tmp_path / f"types.{ending}"
    assert "3 clients" in run("export", file, "--type", "prospect")
    rows = [cells for _number, cells in read(file.read_bytes()).rows]
    assert rows[0] == list(HEADER)
    assert rows[1] == [str(people["Anna"].pk), "Anna Berg", "anna@x.example", "Prospect"]
    back = tmp_path / "back.csv"
    back.write_text(csv_of(*([*cells[:3], "VIP"] for cells in rows[1:])))
    assert "Anna Berg: Prospect -> VIP" in run("import", back, "--dry-run")
    assert types_now() == {"Prospect"} and not ImportBatch.objects.exists()
    assert "3 clients changed" in run("import", back)
    assert types_now() == {"VIP"}


def test_a_file_with_errors_changes_nothing(tmp_path: Path, people: dict[str, Client]) -> None:
    file = tmp_path / "types.csv"
    anna = people["Anna"]
    file.write_text(csv_of((anna.pk, anna.name, "", "VIP"), ("9999", "", "", "VIP")))
    with pytest.raises(CommandError, match="1 rows cannot be used, so nothing was changed"):
        run("import", file)
    assert types_now() == {"Prospect"} and not ImportBatch.objects.exists()


@pytest.mark.parametrize("args", [("export", "x.pdf"), ("export", "x.csv", "--type", "Nonsense")])
def test_what_cannot_be_exported(people: dict[str, Client], args: tuple[str, ...]) -> None:
    with pytest.raises(CommandError):
        run(*args)


def test_a_worker_that_is_faster_is_waited_for(
    tmp_path: Path, people: dict[str, Client], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is rung for what takes long, and does a slice just before the command would."""
    monkeypatch.setattr(imports, "AT_ONCE", 0)
    advance = slices.advance

    def beaten(pk: int, slice: int, seconds: float) -> None:
        advance(pk, slice, -1)
        advance(pk, slice, seconds)

    monkeypatch.setattr(slices, "advance", beaten)
    imported(tmp_path, people, "VIP")
    assert types_now() == {"VIP"}


def test_what_somebody_throws_away_meanwhile_is_not_called_done(
    tmp_path: Path, people: dict[str, Client], monkeypatch: pytest.MonkeyPatch
) -> None:
    confirm = imports.confirm

    def too_late(batch: ImportBatch, user: Any) -> bool:
        imports.discard(batch)
        return confirm(batch, user)

    monkeypatch.setattr(imports, "confirm", too_late)
    with pytest.raises(CommandError, match="thrown it away, meanwhile"):
        imported(tmp_path, people, "VIP")
    assert types_now() == {"Prospect"}


def test_what_somebody_throws_away_while_it_is_read(
    tmp_path: Path, people: dict[str, Client], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(imports, "READ_AT_ONCE", 0)
    advance = slices.advance

    def thrown_away(pk: int, slice: int, seconds: float) -> None:
        assert imports.discard(ImportBatch.objects.get(pk=pk))
        advance(pk, slice, seconds)

    monkeypatch.setattr(slices, "advance", thrown_away)
    with pytest.raises(CommandError, match="thrown it away meanwhile"):
        imported(tmp_path, people, "VIP")


def test_what_cannot_be_read(tmp_path: Path, people: dict[str, Client]) -> None:
    file = tmp_path / "types.csv"
    with pytest.raises(CommandError, match="No such file"):
        run("import", file)
    file.write_text("a,b\n1,2\n")
    with pytest.raises(CommandError, match="There is no column “Contact Type”"):
        run("import", file)
    assert not ImportBatch.objects.exists()


def imported(folder: Path, people: dict[str, Client], contact_type: str) -> ImportBatch:
    file = folder / "types.csv"
    file.write_text(csv_of(*((one.pk, one.name, "", contact_type) for one in people.values())))
    run("import", file)
    return ImportBatch.objects.latest("pk")


def test_an_import_is_undone(tmp_path: Path, people: dict[str, Client]) -> None:
    batch = imported(tmp_path, people, "VIP")
    edit(people["Bo"], contact_type=ContactType.objects.get(name="Client"))
    said = run("undo", batch.pk, "--dry-run")
    assert "Anna Berg: VIP -> Prospect" in said and "Bo Coe: Somebody has changed" in said
    assert types_now() == {"VIP", "Client"} and list(ImportBatch.objects.all()) == [batch]
    said = run("undo", batch.pk)
    assert types_now() == {"Prospect", "Client"} and "2 clients changed" in said
    assert "Bo Coe: Somebody has changed" in run("undo", batch.pk)
    back = ImportBatch.objects.get(undoes=batch)
    run("undo", back.pk)
    assert types_now() == {"VIP", "Client"}


def test_one_client_of_an_import_is_undone(tmp_path: Path, people: dict[str, Client]) -> None:
    batch, anna = imported(tmp_path, people, "VIP"), people["Anna"]
    said = run("undo", batch.pk, "--client", anna.pk)
    assert "Anna Berg: VIP -> Prospect" in said and "1 clients changed" in said
    anna.refresh_from_db()
    assert anna.contact_type.name == "Prospect" and types_now() == {"Prospect", "VIP"}
    with pytest.raises(CommandError, match="It has been undone already"):
        run("undo", batch.pk, "--client", anna.pk)
    with pytest.raises(CommandError, match="There is nothing to take back"):
        run("undo", batch.pk, "--client", "9999")
    assert "2 clients changed" in run("undo", batch.pk)


def test_what_an_undo_has_left_is_undone(tmp_path: Path, people: dict[str, Client]) -> None:
    batch = imported(tmp_path, people, "VIP")
    edit(people["Bo"], contact_type=ContactType.objects.get(name="Client"))
    run("undo", batch.pk)
    edit(people["Bo"], contact_type=ContactType.objects.get(name="VIP"))
    assert "1 clients changed" in run("undo", batch.pk)
    with pytest.raises(CommandError, match="It has been undone already"):
        run("undo", batch.pk)


def test_nothing_is_left_to_undo(tmp_path: Path, people: dict[str, Client]) -> None:
    """Somebody has changed all of them since, or put them back."""
    batch = imported(tmp_path, people, "VIP")
    Client.objects.update(contact_type=ContactType.objects.get(name="Prospect"))
    assert "No client would change" in run("undo", batch.pk)
    assert list(ImportBatch.objects.all()) == [batch]


def test_an_undo_says_what_it_leads_to(tmp_path: Path, people: dict[str, Client]) -> None:
    company = factories.connection(
        company_name="Acme", pushed_types=[str(people["Bo"].contact_type_id)]
    )
    factories.sync_state(company, first_synced_at=clock.now())
    said = run("undo", imported(tmp_path, people, "VIP").pk)
    assert "Acme: 0 matched, 3 created in QuickBooks, 0 sent to review." in said


def test_what_waits_is_discarded(tmp_path: Path, people: dict[str, Client]) -> None:
    """A file that somebody has uploaded, or an undo that they have asked for."""
    anna = people["Anna"]
    waits = imports.start(csv_of((anna.pk, anna.name, "", "VIP")).encode(), "types.csv", None)
    assert "Thrown away" in run("discard", waits.pk)
    assert not ImportBatch.objects.exists() and types_now() == {"Prospect"}
    batch = imported(tmp_path, people, "VIP")
    back = imports.undo(batch, None)
    assert back is not None
    with pytest.raises(CommandError, match=f"qbo_types discard {back.pk}"):
        run("undo", batch.pk)
    run("discard", back.pk)
    assert list(ImportBatch.objects.all()) == [batch] and types_now() == {"VIP"}


def test_what_cannot_be_discarded_or_undone(tmp_path: Path, people: dict[str, Client]) -> None:
    batch = imported(tmp_path, people, "VIP")
    with pytest.raises(CommandError, match="It is being applied, or has been"):
        run("discard", batch.pk)
    same = imports.start(csv_of((people["Bo"].pk, "", "", "VIP")).encode(), "types.csv", None)
    with pytest.raises(CommandError, match="There is nothing to take back"):
        run("undo", same.pk)
    for act in ("discard", "undo"):
        with pytest.raises(CommandError, match="There is no import 9999"):
            run(act, 9999)
    assert types_now() == {"VIP"}


def meanwhile(monkeypatch: pytest.MonkeyPatch, act: Callable[[ImportBatch], object]) -> None:
    """Somebody else acts while the command prints what an import would do."""
    say = qbo_types.Command._say

    def say_and_act(command: qbo_types.Command, batch: ImportBatch, *states: str) -> None:
        say(command, batch, *states)
        act(ImportBatch.objects.get(pk=batch.pk))

    monkeypatch.setattr(qbo_types.Command, "_say", say_and_act)


def test_what_somebody_confirms_while_it_is_printed_stays_in_the_journal(
    tmp_path: Path, people: dict[str, Client], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A look throws nothing away that was done."""
    chief = factories.user(is_superuser=True, username="chief")
    meanwhile(monkeypatch, lambda batch: imports.confirm(batch, chief))
    file = tmp_path / "types.csv"
    file.write_text(csv_of((people["Anna"].pk, "", "", "VIP")))
    with pytest.raises(CommandError, match="Somebody else has confirmed it"):
        run("import", file, "--dry-run")
    assert types_now() == {"VIP", "Prospect"}
    batch = ImportBatch.objects.get()
    assert batch.state == ImportBatch.State.DONE and imports.can_undo(batch)


def test_what_has_moved_and_somebody_confirms_again_stays_in_the_journal(
    tmp_path: Path, people: dict[str, Client], monkeypatch: pytest.MonkeyPatch
) -> None:
    chief = factories.user(is_superuser=True, username="chief")
    has_moved = imports.has_moved

    def look(batch: ImportBatch) -> bool:
        moved = has_moved(batch)
        if moved:
            assert imports.confirm(ImportBatch.objects.get(pk=batch.pk), chief)
        return moved

    monkeypatch.setattr(imports, "has_moved", look)
    monkeypatch.setattr(forecast, "is_as_confirmed", lambda batch: batch.confirmed_by == chief)
    with pytest.raises(CommandError, match="Somebody else has confirmed it"):
        imported(tmp_path, people, "VIP")
    assert types_now() == {"VIP"} and imports.can_undo(ImportBatch.objects.get())


def test_what_cannot_be_foreseen_any_more_is_not_called_done(
    tmp_path: Path, people: dict[str, Client], monkeypatch: pytest.MonkeyPatch
) -> None:
    company = factories.connection(pushed_types=[str(people["Bo"].contact_type_id)])
    factories.sync_state(company, first_synced_at=clock.now())
    monkeypatch.setattr(preview, "gives_up", lambda batch: batch.is_confirmed)
    with pytest.raises(CommandError, match="cannot be told"):
        imported(tmp_path, people, "VIP")
    assert types_now() == {"Prospect"} and not ImportBatch.objects.exists()


@pytest.mark.parametrize("dry", [(), ("--dry-run",)])
def test_an_undo_that_somebody_asks_for_at_that_moment_is_theirs(
    tmp_path: Path,
    people: dict[str, Client],
    dana: Any,
    monkeypatch: pytest.MonkeyPatch,
    dry: tuple[str, ...],
) -> None:
    batch = imported(tmp_path, people, "VIP")
    undo = imports.undo

    def just_before(batch: ImportBatch, user: Any, client_pk: str = "") -> ImportBatch | None:
        undo(batch, dana, client_pk)
        return undo(batch, user, client_pk)

    monkeypatch.setattr(imports, "undo", just_before)
    with pytest.raises(CommandError, match="An undo of it waits to be confirmed in the admin"):
        run("undo", batch.pk, *dry)
    back = ImportBatch.objects.get(undoes=batch)
    assert back.user == dana and not back.is_confirmed and types_now() == {"VIP"}


def test_what_nobody_goes_on_with_is_discarded(tmp_path: Path, people: dict[str, Client]) -> None:
    """No worker looks what an undo leads to; another part of the import is undone instead."""
    batch = imported(tmp_path, people, "VIP")
    back = imports.undo(batch, None)
    assert back is not None
    ImportBatch.objects.filter(pk=back.pk).update(state=ImportBatch.State.FORECAST)
    assert "Thrown away" in run("discard", back.pk)
    assert "1 clients changed" in run("undo", batch.pk, "--client", people["Bo"].pk)


def test_an_undo_that_could_not_be_made_holds_up_no_other(
    tmp_path: Path, people: dict[str, Client]
) -> None:
    batch = imported(tmp_path, people, "VIP")
    back = imports.undo(batch, None)
    assert back is not None
    ImportBatch.objects.filter(pk=back.pk).update(state=ImportBatch.State.REFUSED)
    assert "3 clients changed" in run("undo", batch.pk)
    with pytest.raises(CommandError, match="It has been undone already, by import"):
        run("undo", batch.pk)
