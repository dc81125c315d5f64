"""How many reads this site has made of QuickBooks this month (U14).

Intuit counts them per calendar month and developer workspace, which may have other sites too.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from django.db.models import Sum

from wagtail_qbo_sync import clock
from wagtail_qbo_sync.conf import settings
from wagtail_qbo_sync.models import SyncState

NEARLY = 0.8
"""The part of the budget from which on people are told."""
SCARCE = 0.95
"""From here on nobody but people, visits and webhooks asks more often than once an hour."""


def counted(reads: int, month: str, now: datetime) -> dict[str, Any]:
    """The columns of a SyncState after one more read."""
    this = _month(now)
    return {"reads": reads + 1 if month == this else 1, "reads_month": this}


def this_month() -> int:
    """Of all companies together, disconnected ones too. One query."""
    states = SyncState.objects.filter(reads_month=_month(clock.now()))
    return states.aggregate(reads=Sum("reads"))["reads"] or 0


def share() -> float:
    """The part of this month's budget that is used up. One query."""
    budget = settings.API_READS_A_MONTH
    return this_month() / budget if budget > 0 else 1.0


def _month(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m}"
