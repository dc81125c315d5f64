"""A client model that was renamed: on a database that has the site's tables already, ours too or
not, and on a new one."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
MODEL = """
from django.db import models

class {model}(models.Model):
    name = models.CharField(max_length=100)
"""
CREATED = """
from django.db import migrations, models

class Migration(migrations.Migration):
    operations = [
        migrations.CreateModel(
            "Client",
            [
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("name", models.CharField(max_length=100)),
            ],
        )
    ]
"""
RENAMED = """
from django.db import migrations

class Migration(migrations.Migration):
    dependencies = [("office", "0001_initial")]
    operations = [migrations.RenameModel("Client", "Customer")]
"""
SQUASHED = CREATED.replace('"Client"', '"Customer"').replace(
    "    operations",
    '    replaces = [("office", "0001_initial"), ("office", "0002_renamed")]\n    operations',
)
SETTINGS = """
from example.settings import *

INSTALLED_APPS = ["office", *(app for app in INSTALLED_APPS if app != "crm")]
WAGTAIL_QBO_SYNC_CLIENT_MODEL = "office.{model}"
WAGTAIL_QBO_SYNC = {{**WAGTAIL_QBO_SYNC, "CLIENT_MODEL_MIGRATION": "{migration}"}}
MIGRATION_MODULES = dict.fromkeys(
    "sessions taggit wagtailadmin wagtailcore wagtaildocs wagtailimages wagtailsearch "
    "wagtailusers django_q import_export".split()
)
"""
HEAD = """
import django

django.setup()

from django.apps import apps
from django.core.management import call_command

from wagtail_qbo_sync import clock
from wagtail_qbo_sync.models import Connection, Mapping, SiteState


def migrate(*where):
    call_command("migrate", *where, verbosity=0, skip_checks=False, run_syncdb=not where)


def mapped(model):
    company = Connection.objects.create(connected_at=clock.now())
    client = apps.get_model("office", model).objects.create(name="Anna Berg")
    Mapping.objects.create(connection=company, qbo_id="1", client=client, client_pk=str(client.pk))


def tell():
    client = Mapping.objects.select_related("client").get().client
    print(client.name, client._meta.label, SiteState.objects.get().client_model)

"""
CUSTOMER = "Anna Berg office.Customer office.Customer"


class Office:
    """A site that has one app of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.history = folder, folder / "office" / "migrations"
        self.history.mkdir(parents=True)
        for package in (self.history, self.history.parent):
            (package / "__init__.py").touch()
        (self.history / "0001_initial.py").write_text(CREATED)

    def calls_it(self, model: str, migration: str = "") -> None:
        (self.folder / "office" / "models.py").write_text(MODEL.format(model=model))
        settings = SETTINGS.format(model=model, migration=migration)
        (self.folder / "office_settings.py").write_text(settings)

    def renames_it(self) -> None:
        self.calls_it("Customer")
        (self.history / "0002_renamed.py").write_text(RENAMED)

    def runs(self, code: str, answer: str = "") -> list[str]:
        """What is printed by a process that knows the site as it is now."""
        path = [self.folder, ROOT / "example_project", ROOT]
        done = subprocess.run(
            [sys.executable, "-B", "-c", HEAD + code],
            env={
                **os.environ,
                "DATABASE_URL": f"sqlite:///{self.folder / 'db.sqlite3'}",
                "DJANGO_SETTINGS_MODULE": "office_settings",
                "PYTHONPATH": os.pathsep.join(map(str, path)),
            },
            input=answer,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout.splitlines()


@pytest.fixture
def office(tmp_path: Path) -> Office:
    return Office(tmp_path)


@pytest.mark.parametrize("migration", ["", "0002_renamed"], ids=["found", "named"])
@pytest.mark.parametrize("first", ["migrate('office')", ""], ids=["old", "fresh"])
def test_renamed_before_our_tables_were_made(office: Office, first: str, migration: str) -> None:
    office.renames_it()
    office.calls_it("Customer", migration)
    assert office.runs(f"{first}\nmigrate()\nmapped('Customer')\ntell()") == [CUSTOMER]


def test_renamed_afterwards(office: Office) -> None:
    """As makemigrations asks; who takes our tables off keeps it."""
    office.calls_it("Client")
    office.runs("migrate()\nmapped('Client')")
    office.calls_it("Customer")
    office.runs("call_command('makemigrations', 'office', name='renamed')", answer="y\n")
    assert "RenameModel" in (office.history / "0002_renamed.py").read_text()
    assert office.runs("migrate()\ntell()") == [CUSTOMER]
    office.runs("call_command('makemigrations', check_changes=True, dry_run=True)")
    again = "migrate('wagtail_qbo_sync', 'zero')\nmigrate()\nmapped('Customer')\ntell()"
    assert office.runs(again) == [CUSTOMER]


def test_back_to_the_former_name(office: Office) -> None:
    office.renames_it()
    office.runs("migrate()\nmapped('Customer')\nmigrate('office', '0001')")
    (office.history / "0002_renamed.py").unlink()
    office.calls_it("Client")
    assert office.runs("migrate()\ntell()") == ["Anna Berg office.Client office.Client"]


@pytest.mark.parametrize("first", ["Client", ""], ids=["old", "fresh"])
def test_renamed_and_squashed_at_once(office: Office, first: str) -> None:
    """A database may have the first migration alone, and our tables with it, or nothing."""
    if first:
        office.calls_it(first)
        office.runs(f"migrate()\nmapped({first!r})")
    office.renames_it()
    (office.history / "0001_squashed_0002_renamed.py").write_text(SQUASHED)
    then = "" if first else "mapped('Customer')"
    assert office.runs(f"migrate()\n{then}\ntell()") == [CUSTOMER]
