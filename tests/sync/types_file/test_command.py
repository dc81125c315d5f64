"""`manage.py qbo_types`: the same by command line."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from crm.models import Client
from django.core.management import CommandError, call_command

from wagtail_qbo_sync.models import ImportBatch
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


def test_what_cannot_be_read(tmp_path: Path, people: dict[str, Client]) -> None:
    file = tmp_path / "types.csv"
    with pytest.raises(CommandError, match="No such file"):
        run("import", file)
    file.write_text("a,b\n1,2\n")
    with pytest.raises(CommandError, match="There is no column “Contact Type”"):
        run("import", file)
    assert not ImportBatch.objects.exists()
