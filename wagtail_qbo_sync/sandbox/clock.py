"""The sandbox's clock: real time plus an offset that tests move, and QBO's two time formats.

QBO stamps everything with the US Pacific offset. The daylight-saving rule is written out here
because `zoneinfo` needs a time zone database that not every machine has.
"""

from __future__ import annotations

import time
from datetime import UTC, date, datetime, timedelta, timezone

STANDARD = timezone(timedelta(hours=-8))
DAYLIGHT = timezone(timedelta(hours=-7))


class Clock:
    """Seconds since the epoch, shifted by `offset`."""

    def __init__(self, offset: float = 0.0) -> None:
        self.offset = offset

    def now(self) -> float:
        return time.time() + self.offset


def pacific(epoch: float) -> datetime:
    """The moment as an aware datetime with the Pacific offset of that day."""
    moment = datetime.fromtimestamp(epoch, UTC)
    starts = _sunday(moment.year, 3, nth=2) + timedelta(hours=10)
    ends = _sunday(moment.year, 11, nth=1) + timedelta(hours=9)
    return moment.astimezone(DAYLIGHT if starts <= moment < ends else STANDARD)


def _sunday(year: int, month: int, nth: int) -> datetime:
    first = date(year, month, 1)
    day = 1 + (6 - first.weekday()) % 7 + 7 * (nth - 1)
    return datetime(year, month, day, tzinfo=UTC)


def reply_time(epoch: float) -> str:
    """The `time` of a reply: `2026-05-05T02:05:12.193-07:00`."""
    return pacific(epoch).isoformat(timespec="milliseconds")


def record_time(epoch: float) -> str:
    """A MetaData time: as above, to the second."""
    return pacific(epoch).isoformat(timespec="seconds")


def parse_time(text: str) -> datetime:
    """A date or a date-time of a query; without an offset it is Pacific. Raises ValueError."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        return moment.replace(tzinfo=pacific(moment.replace(tzinfo=STANDARD).timestamp()).tzinfo)
    return moment
