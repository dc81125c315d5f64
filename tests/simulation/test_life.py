"""People, weather and sync in random order (see the package's docstring)."""

from __future__ import annotations

import functools
import os
import random
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count

import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from .conftest import Worlds
from .end_state import end_state
from .machine import ACTS, Life
from .world import World

SEEDS = (20261115, 20261160, 20261109, 20261136)
"""Of the short profile: the same lives in every run of CI. Picked so that each rule comes often."""
OFTEN = 3
SOAK_MINUTES = float(os.environ.get("SOAK_MINUTES", "0"))
SOAK_SEED = os.environ.get("SOAK_SEED", "")
"""Of the long one: where it begins, to see again what it found."""


def live(
    worlds: Worlds,
    number: int,
    lives: int,
    acts: int,
    ended: Callable[[World], None] = lambda _world: None,
) -> None:
    """So many lives of so many acts; the same ones for the same number. The first of them is
    always the plainest that Hypothesis knows."""
    life = seed(number)(functools.partial(Life, worlds, ended))
    how = settings(
        max_examples=lives,
        stateful_step_count=acts,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate, Phase.shrink] if SOAK_MINUTES else [Phase.generate],
    )
    run_state_machine_as_test(life, settings=how)  # type: ignore[arg-type]


@contextmanager
def noted(where: str) -> Iterator[None]:
    """What fails says where."""
    try:
        yield
    except BaseException as error:
        error.add_note(where)
        raise


def test_whatever_happens_nothing_is_lost(worlds: Worlds) -> None:
    """The short profile; what fails names its seed. Each rule has to come, or it tests nothing."""
    acts: Counter[str] = Counter()
    for number in SEEDS:
        with noted(f"In the lives of the seed {number}"):
            live(worlds, number, 3, 30, lambda world: acts.update(world.acts))
    assert {name: acts[name] for name in ACTS if acts[name] < OFTEN} == {}


def test_the_same_seed_ends_the_same(worlds: Worlds) -> None:
    """L7."""
    ends: list[list[object]] = []
    for _time in range(2):
        found: list[object] = []
        live(worlds, SEEDS[0], 3, 20, lambda world, found=found: found.append(end_state(world)))  # type: ignore[misc]
        ends.append(found)
    assert ends[0] == ends[1]
    assert len(ends[0]) == 3


@pytest.mark.soak
@pytest.mark.parametrize("worker", range(2))
def test_for_long(worlds: Worlds, worker: int) -> None:
    """Other lives each time. What fails names its number: SOAK_SEED=… make soak."""
    until = time.monotonic() + SOAK_MINUTES * 60
    first = int(SOAK_SEED) if SOAK_SEED else random.randrange(10**9)
    for number in count(first + worker * 10**9):
        with noted(f"SOAK_SEED={number - worker * 10**9} make soak"):
            live(worlds, number, lives=10, acts=60)
        if time.monotonic() > until:
            break
