"""How often Intuit may be called: the numbers, and the arithmetic that keeps to them.

Pure. The state (one `tat` per company and kind, for all processes) is kept by the budget in
the sync room. Source of the numbers: docs/quickbooks.md, limits.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

CALLS_PER_MINUTE: Final = 500
CALLS_PER_SECOND: Final = 10
BATCHES_PER_MINUTE: Final = 40
BATCH_ITEMS: Final = 30
PAGE_ROWS: Final = 1000
CHANGES: Final = 1000
THROTTLED_SECONDS: Final = 60.0
"""How long to keep quiet after a 429 that does not say."""
LOOK_BACK: Final = timedelta(days=29)
"""Intuit tells changes of 30 days; the rest is for clocks that disagree."""


@dataclass(frozen=True, slots=True)
class Rate:
    """A steady rate: one call each `interval` seconds, up to `burst` of them at once."""

    interval: float
    burst: int


CALLS: Final = Rate(interval=0.125, burst=2)
"""At most 10 in any second and 482 in any minute: below both of Intuit's limits."""
BATCHES: Final = Rate(interval=60 / 38, burst=2)
"""At most 40 in any minute."""


def reserve(tat: float | None, now: float, interval: float, burst: int) -> tuple[float, float]:
    """Take the next free slot: (new tat, seconds to wait for it).

    `tat` ("theoretical arrival time") is what the last call returned, in the seconds of
    `now`; None at first. Store the new one before waiting: the slot is then taken whatever
    becomes of the caller. This is the generic cell rate algorithm.
    """
    start = now if tat is None else max(tat, now)
    wait = start - (burst - 1) * interval - now
    return start + interval, max(0.0, wait)
