"""Whether a plan is applied at once, or a person looks at it first, and why (U3, U19)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

BRAKE_RECORDS = 25
BRAKE_SHARE = 0.10
"""U3: what goes beyond both of these waits for a person."""


class Stop(StrEnum):
    """Why a plan waits; the same words as `models.Run.Stop`."""

    FIRST = "first"
    """The first sync of a company."""
    BRAKE = "brake"
    """It would change unusually many records, by itself or with what went before."""
    TERMS = "terms"
    """Settings or the field map were changed after the last plan, and it would write."""
    ASKED = "asked"
    """A person asked to see the plan."""
    GAP = "gap"
    """Nobody looked for long, or the database was put back; and it would send something."""


@dataclass(frozen=True, slots=True)
class Volume:
    """How much a plan would do."""

    writes: int
    """Steps of machines that write to a side."""
    pushes: int
    """Those of them that send something to QuickBooks."""
    records: int
    """Customers that take part."""
    touched: int
    """Records that it and the machines' runs of the last 24 hours change."""


def exceeds_brake(touched: int, records: int) -> bool:
    """Whether machines would change unusually many of `records`."""
    return touched > BRAKE_RECORDS and touched > BRAKE_SHARE * records


def stops(
    volume: Volume,
    *,
    is_first: bool = False,
    is_asked_for: bool = False,
    has_new_terms: bool = False,
    has_gap: bool = False,
) -> list[Stop]:
    """Why the plan waits for a person; [] if it may be applied at once."""
    if is_first:
        return [Stop.FIRST]
    reasons = {
        Stop.ASKED: is_asked_for,
        Stop.BRAKE: volume.writes > 0 and exceeds_brake(volume.touched, volume.records),
        Stop.TERMS: volume.writes > 0 and has_new_terms,
        Stop.GAP: volume.pushes > 0 and has_gap,
    }
    return [stop for stop, holds in reasons.items() if holds]
