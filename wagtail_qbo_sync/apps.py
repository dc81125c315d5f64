"""The app: schedules, the remembered client model, the checks."""

from __future__ import annotations

from typing import Any

from django.apps import AppConfig
from django.apps import apps as global_apps
from django.db.models.signals import post_migrate
from django.utils.translation import gettext_lazy as _


class WagtailQboSyncConfig(AppConfig):
    name = "wagtail_qbo_sync"
    label = "wagtail_qbo_sync"
    verbose_name = _("QuickBooks Online sync")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from . import checks

        post_migrate.connect(_after_migrate, sender=self)
        said = [*checks.check_client_model(None), *checks.check_adapter(None)]
        if not any(each.is_serious() for each in said):
            _listen()


def _listen() -> None:
    """Note which clients are written, for the sweep."""
    from .host import tracking
    from .host.adapter import get_adapter
    from .sync.records import touched

    tracking.listen(get_adapter(), touched.note)


def _after_migrate(*, using: str, apps: Any = global_apps, **kwargs: Any) -> None:
    """Note the client model that the tables were made for, and schedule the tick.

    Tables may be missing: `migrate` can be asked for one app, or back to zero, which ends the
    tick. The worker sees to the schedule too when it starts.
    """
    from django.db import connections, router

    from .models import SiteState
    from .sync.access import schedule

    tables = connections[using].introspection.table_names()
    has_schedules = global_apps.is_installed("django_q") and "django_q_schedule" in tables
    if not router.allow_migrate_model(using, SiteState):
        return
    if SiteState._meta.db_table in tables:
        _note_client_model(SiteState.objects.using(using), apps)
        if has_schedules:
            schedule.repair()
    elif has_schedules and using == router.db_for_write(SiteState):
        schedule.remove()


def _note_client_model(rows: Any, apps: Any) -> None:
    """Its name at the point to which `migrate` went; a name of before only gives way to another.

    Nothing is noted where `migrate` does not know of the tables: `zero --fake` left them there.
    """
    from .host.swappable import client_names

    try:
        mapping = apps.get_model("wagtail_qbo_sync", "Mapping")
    except LookupError:
        return
    label = mapping._meta.get_field("client").related_model._meta.label
    state, _ = rows.get_or_create(pk=1, defaults={"client_model": label})
    if state.client_model.lower() in map(str.lower, client_names()):
        rows.update(client_model=label)
