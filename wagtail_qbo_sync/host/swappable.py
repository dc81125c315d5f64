"""Where the host's client model comes from, for the foreign keys in our migrations."""

from __future__ import annotations

import pkgutil
from collections.abc import Iterable, Iterator
from importlib import import_module

from django.apps import apps
from django.core.exceptions import ImproperlyConfigured
from django.db.migrations import CreateModel, Migration, SeparateDatabaseAndState
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.operations.base import Operation

from wagtail_qbo_sync import conf

FIRST = "__first__"


def client_migration() -> tuple[str, str]:
    """The migration that creates the client model: ("crm", "0002_client").

    Our first migration depends on it. `CLIENT_MODEL_MIGRATION` names it outright; else it is
    found by looking for CreateModel in the host app's migrations. RenameModel is not followed:
    a site that had migrated before the rename would get an inconsistent history.

    Where none creates it yet it is the app's first one, so that `makemigrations` can run; a
    system check stops `migrate` then (`creates_client_model`). Raises ImproperlyConfigured
    when the app is not installed.
    """
    app_label, model_name = conf.client_model().split(".")
    if conf.settings.CLIENT_MODEL_MIGRATION:
        return app_label, conf.settings.CLIENT_MODEL_MIGRATION
    return app_label, max(_creators(app_label, model_name), default=(False, FIRST))[1]


def creates_client_model() -> bool:
    """Whether the migration of the client model is known, or its app needs none."""
    app_label, name = client_migration()
    return name != FIRST or _migrations_module(app_label) is None


def _creators(app_label: str, model_name: str) -> list[tuple[bool, str]]:
    """Names of the migrations that create the model, those that squash others marked False.

    The greatest is the last one; a squashed one only where what it replaces is gone.
    """
    module_name = _migrations_module(app_label)
    return [
        (not migration.replaces, migration.name)
        for migration in (_migrations(app_label, module_name) if module_name else ())
        if _creates(migration.operations, model_name.lower())
    ]


def _migrations_module(app_label: str) -> str | None:
    """The package that holds the app's migrations; None when it has none."""
    if app_label not in apps.app_configs:
        raise ImproperlyConfigured(
            f"{conf.CLIENT_MODEL_SETTING} names the app {app_label!r}, which is not installed."
        )
    name, explicit = MigrationLoader.migrations_module(app_label)
    if name is None:
        return None
    try:
        import_module(name)
    except ModuleNotFoundError as error:
        if explicit or error.name != name:
            raise
        return None
    return name


def _migrations(app_label: str, module_name: str) -> Iterator[Migration]:
    for item in pkgutil.iter_modules(import_module(module_name).__path__):
        if not item.ispkg and item.name[0] not in "_~":
            module = import_module(f"{module_name}.{item.name}")
            if hasattr(module, "Migration"):
                yield module.Migration(item.name, app_label)


def _creates(operations: Iterable[Operation], model_name: str) -> bool:
    return any(
        (isinstance(operation, CreateModel) and operation.name_lower == model_name)
        or (
            isinstance(operation, SeparateDatabaseAndState)
            and _creates(operation.state_operations, model_name)
        )
        for operation in operations
    )
