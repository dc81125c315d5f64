"""A client model that was renamed before our tables were made: `migrate` on a new database, and on
one that has the site's tables already."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
MODELS = """
from django.db import models

class Customer(models.Model):
    name = models.CharField(max_length=100)
"""
CREATED = """
from django.db import migrations, models

class Migration(migrations.Migration):
    operations = [
        migrations.CreateModel(
            "Client",
            [
                ("id", models.BigAutoField(primary_key=True)),
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
SETTINGS = """
from example.settings import *

INSTALLED_APPS = ["office", *(app for app in INSTALLED_APPS if app != "crm")]
WAGTAIL_QBO_SYNC_CLIENT_MODEL = "office.Customer"
WAGTAIL_QBO_SYNC = {**WAGTAIL_QBO_SYNC, "CLIENT_MODEL_MIGRATION": "0002_renamed"}
"""
TELL = """
from office.models import Customer
from wagtail_qbo_sync import clock
from wagtail_qbo_sync.models import Connection, Mapping

company = Connection.objects.create(realm_id="1", environment="sandbox", connected_at=clock.now())
client = Customer.objects.create(name="Anna Berg")
Mapping.objects.create(connection=company, qbo_id="1", client=client, client_pk=str(client.pk))
print("mapped:", Mapping.objects.get().client.name)
"""


@pytest.mark.parametrize("there", [["office"], []], ids=["old", "fresh"])
def test_renamed_before_our_tables_were_made(tmp_path: Path, there: list[str]) -> None:
    history = tmp_path / "office" / "migrations"
    history.mkdir(parents=True)
    for file, text in {
        tmp_path / "office" / "__init__.py": "",
        tmp_path / "office" / "models.py": MODELS,
        tmp_path / "renamed_settings.py": SETTINGS,
        history / "__init__.py": "",
        history / "0001_initial.py": CREATED,
        history / "0002_renamed.py": RENAMED,
    }.items():
        file.write_text(text)
    env = {
        **os.environ,
        "DATABASE_URL": f"sqlite:///{tmp_path / 'db.sqlite3'}",
        "DJANGO_SETTINGS_MODULE": "renamed_settings",
        "PYTHONPATH": os.pathsep.join(map(str, [tmp_path, ROOT / "example_project", ROOT])),
    }
    for arguments in (["migrate", "-v0", *there], ["migrate", "-v0"], ["shell", "-v0", "-c", TELL]):
        done = subprocess.run(
            [sys.executable, "-m", "django", *arguments],
            env=env,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
    assert done.stdout == "mapped: Anna Berg\n"
