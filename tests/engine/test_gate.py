"""When a plan waits for a person (U3, U19)."""

from __future__ import annotations

import pytest

from wagtail_qbo_sync.engine.gate import BRAKE_RECORDS, Stop, Volume, exceeds_brake, stops


@pytest.mark.parametrize(
    "touched, records, waits",
    [
        (BRAKE_RECORDS, 30, False),
        (BRAKE_RECORDS + 1, 30, True),
        (100, 1000, False),
        (101, 1000, True),
        (BRAKE_RECORDS + 1, 0, True),
    ],
)
def test_the_brake(touched: int, records: int, waits: bool) -> None:
    assert exceeds_brake(touched, records) is waits


def volume(writes: int = 0, pushes: int = 0, touched: int = 0) -> Volume:
    return Volume(writes=writes, pushes=pushes, records=50, touched=touched)


@pytest.mark.parametrize(
    "of, terms, gap, why",
    [
        (volume(), True, True, []),
        (volume(touched=40), False, False, []),
        (volume(writes=1, touched=26), False, False, [Stop.BRAKE]),
        (volume(writes=1, touched=25), False, False, []),
        (volume(writes=1, touched=1), True, False, [Stop.TERMS]),
        (volume(writes=1, touched=1), False, True, []),
        (volume(writes=1, pushes=1, touched=1), False, True, [Stop.GAP]),
        (
            volume(writes=30, pushes=1, touched=30),
            True,
            True,
            [Stop.BRAKE, Stop.TERMS, Stop.GAP],
        ),
    ],
)
def test_why_a_plan_waits(of: Volume, terms: bool, gap: bool, why: list[Stop]) -> None:
    assert stops(of, is_first=False, has_new_terms=terms, has_gap=gap) == why
    asked = stops(of, is_asked_for=True, has_new_terms=terms, has_gap=gap)
    assert asked == [Stop.ASKED, *why]
    assert stops(of, is_first=True, has_new_terms=terms, has_gap=gap) == [Stop.FIRST]
