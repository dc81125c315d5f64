"""Time, and the named points between two effects at which a test may end the process."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import datetime

from django.utils import timezone

_stop_at: Callable[[str], None] | None = None


def now() -> datetime:
    """The site's clock, aware. Leases use the database's clock instead (rule 10)."""
    return timezone.now()


def failpoint(name: str) -> None:
    """Mark a point between two effects (rule 4). Does nothing but under a test.

    A test in this process installs a callable with `stop_at`; a test of another process
    sets `QBO_SYNC_FAILPOINT=name`, which ends that process there as `kill -9` would.
    """
    if _stop_at is not None:
        _stop_at(name)
    if os.environ.get("QBO_SYNC_FAILPOINT") == name:
        os._exit(137)


def stop_at(action: Callable[[str], None] | None) -> None:
    """Install what failpoints call, or None to remove it."""
    global _stop_at
    _stop_at = action
