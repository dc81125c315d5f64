"""Where the host's client model comes from, for the foreign keys in our migrations."""

from __future__ import annotations

import pkgutil
from collections.abc import Iterable, Iterator
from importlib import import_module
from typing import Any

from django.apps import apps
from django.core.exceptions import ImproperlyConfigured
from django.db.migrations import CreateModel, Migration, RenameModel, SeparateDatabaseAndState
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.operations.base import Operation
from django.db.migrations.state import ProjectState

from wagtail_qbo_sync import conf

FIRST = "__first__"


class CreateForClient(CreateModel):
    """CreateModel with a foreign key to the client model, as it is called at that point.

    Our tables may have been made before the host renamed it or after, and a new database meets
    both migrations in any order: the state knows which name it has by then, and RenameModel
    takes our key along like any other.
    """

    def state_forwards(self, app_label: str, state: ProjectState) -> None:
        """Only the state is ours to say; the table is made from it."""
        now = conf.client_model()
        then = next((name for name in client_names() if _key(name) in state.models), now)
        fields = [(name, _aimed(field, now, then)) for name, field in self.fields]
        CreateModel(self.name, fields, self.options, self.bases, self.managers).state_forwards(
            app_label, state
        )


def client_names() -> list[str]:
    """What the client model is called, and what it was before: "crm.Customer", "crm.Client"."""
    app_label, _ = conf.client_model().split(".")
    return [f"{app_label}.{name}" for name, _ in _names()]


def client_migration() -> tuple[str, str]:
    """The migration that creates the client model: ("crm", "0002_client").

    Our first migration depends on it. `CLIENT_MODEL_MIGRATION` names it outright; else it is
    found by looking for CreateModel in the host app's migrations, under its name or, where it
    was renamed, its former one. Not for RenameModel: which came first, that or our tables, is
    another matter on each site.

    Where none creates it yet it is the app's first one, so that `makemigrations` can run; a
    system check stops `migrate` then (`creates_client_model`). Raises ImproperlyConfigured
    when the app is not installed.
    """
    app_label, _ = conf.client_model().split(".")
    if conf.settings.CLIENT_MODEL_MIGRATION:
        return app_label, conf.settings.CLIENT_MODEL_MIGRATION
    found = [each for name, until in _names() for each in _creators(app_label, name, until)]
    return app_label, max(found, default=(False, FIRST))[1]


def creates_client_model() -> bool:
    """Whether the migration of the client model is known, or its app needs none."""
    app_label, name = client_migration()
    return name != FIRST or _migrations_module(app_label) is None


def _names() -> list[tuple[str, str]]:
    """Its names, newest first, each with the migration that took it away, or "" for the present."""
    app_label, model_name = conf.client_model().split(".")
    former = {
        operation.new_name_lower: (operation.old_name, migration.name)
        for migration in _migrations(app_label)
        for operation in _operations(migration.operations)
        if isinstance(operation, RenameModel)
    }
    names = [(model_name, "")]
    while (before := former.pop(names[-1][0].lower(), None)) is not None:
        names.append(before)
    return names


def _creators(app_label: str, model_name: str, until: str) -> list[tuple[bool, str]]:
    """Names of the migrations that create the model, those that squash others marked False.

    The greatest is the last one; a squashed one only where what it replaces is gone. After
    `until` the name is another model's.
    """
    return [
        (not migration.replaces, migration.name)
        for migration in _migrations(app_label)
        for operation in _operations(migration.operations)
        if isinstance(operation, CreateModel) and operation.name_lower == model_name.lower()
        if not until or migration.name <= until
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


def _migrations(app_label: str) -> Iterator[Migration]:
    module_name = _migrations_module(app_label)
    for item in pkgutil.iter_modules(import_module(module_name).__path__) if module_name else ():
        if not item.ispkg and item.name[0] not in "_~":
            module = import_module(f"{module_name}.{item.name}")
            if hasattr(module, "Migration"):
                yield module.Migration(item.name, app_label)


def _operations(given: Iterable[Operation]) -> Iterator[Operation]:
    """Each, and what changes the state alone."""
    for operation in given:
        if isinstance(operation, SeparateDatabaseAndState):
            yield from _operations(operation.state_operations)
        else:
            yield operation


def _key(label: str) -> tuple[str, str]:
    """As a ProjectState names a model."""
    app_label, name = label.split(".")
    return app_label, name.lower()


def _aimed(field: Any, now: str, then: str) -> Any:
    """The field, or if it points to the client model a copy that points to its name of then."""
    if not field.remote_field or field.remote_field.model != now:
        return field
    _, _, args, kwargs = field.deconstruct()
    return type(field)(*args, **{**kwargs, "to": then})
