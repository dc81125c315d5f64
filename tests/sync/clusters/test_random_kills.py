"""Whatever is killed, and whenever: for long, by `make soak` (rule 4, rule 10)."""

from __future__ import annotations

import os
import random
import time
from contextlib import suppress

import pytest
from crm.models import client_type

from tests.sync.conftest import customer
from tests.sync.firm import Firm, client, edit
from tests.sync.processes import eventually
from wagtail_qbo_sync.models import Run
from wagtail_qbo_sync.sync.people import decide

from .fleet import Cluster, Fleet, kill
from .invariants import assert_invariants, unrest
from .test_kills import people, phone

pytestmark = [pytest.mark.postgres, pytest.mark.soak]

MINUTES = float(os.environ.get("SOAK_MINUTES", "0"))
SEED = os.environ.get("SOAK_SEED", "")
SIZE = 40
KILLS = 6
"""So many between two rests: more of them at one place would be taken for a bad record's doing."""
ROLES = ("worker", "worker", "monitor", "pusher", "sentinel", "parent", "cluster")


class Life:
    """People at work on both sides, and what dies meanwhile, by the chance of a seed. When a
    process is hit depends on the machine, too."""

    def __init__(self, firm: Firm, fleet: Fleet, seed: int) -> None:
        self.firm, self.fleet, self.chance = firm, fleet, random.Random(seed)
        self.number = SIZE
        self.phase = 0
        self.killed: list[str] = []

    def somebody_works(self) -> None:
        """Between two rests a pair is edited on one side only: nobody is to be asked."""
        chosen = 2 * self.chance.randrange(SIZE // 2) + 1
        self.number += 1
        name, mail = f"New One {self.number}", f"new{self.number}@x.example"
        match self.chance.randrange(4):
            case 0:
                client(name, mail, phone="1")
            case 1:
                self.firm.gets(customer(str(self.number), name, mail, **phone(self.number)))
            case 2:
                there = str((chosen + self.phase) % SIZE + 1)
                self.firm.edits(there, **phone(self.number))
            case _:
                here = str((chosen + self.phase + 1) % SIZE + 1)
                edit(self.firm.client(here), phone=f"777 {self.number}")
        decide.ask_for_sync(self.firm.connection)

    def something_dies(self) -> None:
        role, cluster = self.chance.choice(ROLES), self.chance.choice(self.fleet.clusters)
        self.killed.append(role)
        if role == "cluster":
            self.fleet.replace(cluster)
            return
        with suppress(OSError, ValueError):  # what is dead, or not there yet, is killed enough
            kill(self._one(cluster, role))

    def _one(self, cluster: Cluster, role: str) -> int:
        return max(cluster.all_of(role)) if role == "worker" else cluster.one(role)

    def comes_to_rest(self) -> None:
        """Somebody approves what waits; then nothing is left, lost or twice."""

        def at_rest() -> bool:
            for run in Run.objects.filter(state=Run.State.WAITING):
                decide.approve(run, None)
            return not unrest(self.firm)

        eventually(at_rest, "the site to come to rest", lambda: unrest(self.firm))
        assert_invariants(self.firm)
        for cluster in self.fleet.clusters:
            eventually(cluster.is_complete, f"{cluster.log.name} to be there again")
        self.phase += 1


def test_whatever_is_killed_nothing_is_lost(firm: Firm, fleet: Fleet) -> None:
    """What fails names its number: SOAK_SEED=… make soak."""
    seed = int(SEED) if SEED else random.randrange(10**9)
    until = time.monotonic() + MINUTES * 60
    people(firm, SIZE)
    firm.sync()
    firm.chooses(pushed_types=[str(client_type())])
    fleet.start(2)
    life = Life(firm, fleet, seed)
    try:
        while not life.phase or time.monotonic() < until:
            for _ in range(KILLS):
                for _act in range(life.chance.randint(1, 5)):
                    life.somebody_works()
                time.sleep(life.chance.uniform(0, 3))  # the moment is what is tried
                life.something_dies()
            life.comes_to_rest()
    except BaseException as error:
        error.add_note(f"SOAK_SEED={seed} make soak, after {life.killed}")
        raise
