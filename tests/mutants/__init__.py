"""Wrong engines, each of which a named test has to notice (docs/explanation/invariants.md).

`python -m tests.mutants` runs them, as does the stage `mutants`. A mutant that no test notices
is a hole in the tests: the missing test belongs in the room of what is wrong.
"""

from __future__ import annotations

from . import of_applying, of_doors, of_engine, of_people, of_reading, of_sending
from .mutant import AnyMutant

MUTANTS: tuple[AnyMutant, ...] = (
    *of_engine.MUTANTS,
    *of_doors.MUTANTS,
    *of_reading.MUTANTS,
    *of_applying.MUTANTS,
    *of_sending.MUTANTS,
    *of_people.MUTANTS,
)
