"""The arithmetic of the budget keeps to Intuit's numbers whatever the callers do."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wagtail_qbo_sync.qbo import limits
from wagtail_qbo_sync.qbo.limits import Rate, reserve


def sent(rate: Rate, pauses: list[float]) -> list[float]:
    """When calls go out, if each caller asks `pause` seconds after the one before."""
    tat, now, times = None, 1_790_000_000.0, []
    for pause in pauses:
        now += pause
        tat, wait = reserve(tat, now, rate.interval, rate.burst)
        times.append(now + wait)
    return times


def most(times: list[float], seconds: float) -> int:
    """The most calls in any window of so many seconds."""
    return max(sum(1 for other in times if 0 <= other - start < seconds) for start in times)


def test_the_first_ones_go_at_once_and_then_one_an_interval() -> None:
    tat, waits = None, []
    for _ in range(4):
        tat, wait = reserve(tat, 100.0, 0.5, 2)
        waits.append(wait)
    assert waits == [0, 0, 0.5, 1.0]


def test_what_was_not_used_is_not_saved_up_beyond_the_burst() -> None:
    tat, wait = reserve(None, 0.0, 1.0, 3)
    assert (tat, wait) == (1.0, 0.0)
    assert [reserve(1.0, 500.0, 1.0, 3)] == [(501.0, 0.0)]


@given(st.lists(st.sampled_from([0.0, 0.01, 0.124, 0.3, 2.0]), min_size=1, max_size=150))
def test_never_more_than_ten_a_second(pauses: list[float]) -> None:
    assert most(sent(limits.CALLS, pauses), 1 - 1e-6) <= limits.CALLS_PER_SECOND


@pytest.mark.parametrize(
    ("rate", "allowed"),
    [(limits.CALLS, limits.CALLS_PER_MINUTE), (limits.BATCHES, limits.BATCHES_PER_MINUTE)],
)
@pytest.mark.parametrize("idle", [0.0, 59.9, 120.0])
def test_never_more_than_a_minute_allows(rate: Rate, allowed: int, idle: float) -> None:
    times = sent(rate, [0.0] * allowed + [idle] + [0.0] * allowed)
    found = most(times, 60 - 1e-6)
    assert 0.9 * allowed < found <= allowed  # below it, but not needlessly


@given(st.floats(0, 1e9), st.floats(0, 1e9), st.floats(0.001, 100), st.integers(1, 50))
def test_a_slot_is_always_taken(tat: float, now: float, interval: float, burst: int) -> None:
    new, wait = reserve(tat, now, interval, burst)
    assert wait >= 0 and new > max(tat, now)
