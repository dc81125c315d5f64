"""How often a company may be called, and what the calls would be metered as.

QBO allows 500 requests a minute and 10 a second per company, 40 of them batches; data in is a
Core call, data out a CorePlus call, each item of a batch for itself, and only successful ones
count (docs/quickbooks.md, "Limits").
"""

from __future__ import annotations

from collections import Counter, defaultdict, deque

PER_SECOND = 10
PER_MINUTE = 500
BATCHES_PER_MINUTE = 40


class Limits:
    def __init__(self) -> None:
        self._recent: dict[str, deque[float]] = defaultdict(deque)
        self._batches: dict[str, deque[float]] = defaultdict(deque)
        self.metered: dict[str, Counter[str]] = defaultdict(Counter)

    def admits(self, realm: str, now: float) -> bool:
        """Counts the request, unless it is one too many."""
        recent = _last_minute(self._recent[realm], now)
        last_second = sum(1 for moment in recent if moment > now - 1)
        if len(recent) >= PER_MINUTE or last_second >= PER_SECOND:
            return False
        recent.append(now)
        return True

    def admits_batch(self, realm: str, now: float) -> bool:
        """Counts the batch, which is a request too, unless it is one too many."""
        recent = _last_minute(self._batches[realm], now)
        if len(recent) >= BATCHES_PER_MINUTE:
            return False
        recent.append(now)
        return True

    def meter(self, realm: str, kind: str) -> None:
        self.metered[realm][kind] += 1

    def forget(self) -> None:
        self._recent.clear()
        self._batches.clear()
        self.metered.clear()


def _last_minute(moments: deque[float], now: float) -> deque[float]:
    while moments and moments[0] <= now - 60:
        moments.popleft()
    return moments
