"""A copy never syncs (U18): which installation a connection belongs to."""

from __future__ import annotations

import hashlib

from django.conf import settings as django_settings
from django.db import connections, router

from wagtail_qbo_sync.conf import settings
from wagtail_qbo_sync.models import Connection


def this_installation() -> dict[str, str]:
    """What tells this installation from a copy of it; stored when a company is connected."""
    database = connections[router.db_for_write(Connection)].settings_dict
    return {
        "installation": settings.INSTALLATION,
        "address": settings.REDIRECT_URI or getattr(django_settings, "WAGTAILADMIN_BASE_URL", ""),
        "database": _digest(f"{database.get('HOST') or ''}/{database.get('NAME') or ''}"),
    }


def is_parked(connection: Connection) -> bool:
    """Whether no call at all may be made for it, not even to refresh its login."""
    return settings.is_paused or is_copy(connection)


def is_copy(connection: Connection) -> bool:
    """Whether it was connected by another installation than this one."""
    return bool(connection.installation != this_installation())


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]
