"""The migration that our first one depends on."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.test import override_settings
from pytest_django import Settings

from wagtail_qbo_sync import checks
from wagtail_qbo_sync.host.swappable import client_migration, client_names, creates_client_model

HEAD = "from django.db import migrations\n\nclass Migration(migrations.Migration):\n"


@pytest.fixture
def written(tmp_path: Path, settings: Settings) -> Iterator[Path]:
    """An empty package of migrations that stands in for crm's."""
    package = tmp_path / "crm_history"
    package.mkdir()
    (package / "__init__.py").touch()
    sys.path.insert(0, str(tmp_path))
    settings.MIGRATION_MODULES = {"crm": "crm_history"}
    yield package
    sys.path.remove(str(tmp_path))
    for name in [name for name in sys.modules if name.partition(".")[0] == "crm_history"]:
        del sys.modules[name]


def write(package: Path, name: str, body: str) -> None:
    indented = "".join(f"    {line}\n" for line in body.splitlines())
    (package / f"{name}.py").write_text(HEAD + indented)


CREATE = 'operations = [migrations.CreateModel("Client", [])]'


def test_it_is_the_one_that_creates_the_model() -> None:
    assert client_migration() == ("crm", "0001_initial")


def test_it_is_found_wherever_it_stands(written: Path) -> None:
    write(written, "0001_initial", 'operations = [migrations.CreateModel("Office", [])]')
    write(written, "0002_client", CREATE)
    write(written, "0003_more", 'operations = [migrations.RenameModel("Client", "Client2")]')
    assert client_migration() == ("crm", "0002_client")


def test_under_a_former_name_too(written: Path) -> None:
    """What is called so by now is another model."""
    write(written, "0001_initial", CREATE.replace("Client", "Guest"))
    write(written, "0002_a", 'operations = [migrations.RenameModel("Guest", "Visitor")]')
    write(written, "0003_b", 'operations = [migrations.RenameModel("visitor", "Client")]')
    write(written, "0004_new", CREATE.replace("Client", "Guest"))
    assert client_migration() == ("crm", "0001_initial")
    assert client_names() == ["crm.Client", "crm.visitor", "crm.Guest"]


def test_operations_on_the_state_alone_count(written: Path) -> None:
    inner = CREATE.partition("= ")[2]
    write(
        written,
        "0001_initial",
        f"operations = [migrations.SeparateDatabaseAndState(state_operations={inner})]",
    )
    assert client_migration() == ("crm", "0001_initial")


def test_a_squashed_one_counts_only_without_those_it_replaces(written: Path) -> None:
    write(written, "0001_squashed", f'replaces = [("crm", "0001_initial")]\n{CREATE}')
    assert client_migration() == ("crm", "0001_squashed")
    write(written, "0001_initial", CREATE)
    assert client_migration() == ("crm", "0001_initial")


def test_a_squashed_one_may_have_renamed_it(written: Path) -> None:
    """It makes the model under its new name, and stands beside those that it replaces."""
    replaces = 'replaces = [("crm", "0001_initial"), ("crm", "0002_renamed")]'
    write(written, "0001_squashed_0002_renamed", f"{replaces}\n{CREATE}")
    write(written, "0001_initial", CREATE.replace("Client", "Guest"))
    write(written, "0002_renamed", 'operations = [migrations.RenameModel("Guest", "Client")]')
    assert client_migration() == ("crm", "0001_initial")


def test_a_model_made_twice_is_the_last_one(written: Path) -> None:
    write(written, "0001_initial", CREATE)
    write(written, "0005_again", CREATE)
    assert client_migration() == ("crm", "0005_again")


def test_before_makemigrations_it_is_the_first_and_migrate_is_stopped(written: Path) -> None:
    assert client_migration() == ("crm", "__first__")
    assert not creates_client_model()
    (found,) = checks.check_client_migration(None, databases=["default"])
    assert found.id == "wagtail_qbo_sync.E002"
    assert checks.check_client_migration(None) == []  # makemigrations looks at no database


def test_the_setting_decides(written: Path, settings: Settings) -> None:
    settings.WAGTAIL_QBO_SYNC = {"CLIENT_MODEL_MIGRATION": "0007_renamed"}
    assert client_migration() == ("crm", "0007_renamed")
    assert creates_client_model()


def test_an_app_without_migrations_needs_none(settings: Settings) -> None:
    settings.MIGRATION_MODULES = {"crm": None}
    assert client_migration() == ("crm", "__first__")
    assert creates_client_model()


def test_an_app_that_is_not_installed_is_named() -> None:
    with (
        override_settings(WAGTAIL_QBO_SYNC_CLIENT_MODEL="nothere.Client"),
        pytest.raises(ImproperlyConfigured, match="nothere"),
    ):
        client_migration()


def test_a_mistake_inside_a_migration_is_not_hidden(written: Path) -> None:
    (written / "0001_initial.py").write_text("import no_such_module\n")
    with pytest.raises(ModuleNotFoundError, match="no_such_module"):
        client_migration()
