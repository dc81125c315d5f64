"""Clusters of django-q2 lose their processes in the middle of the work (rule 4, rule 10)."""

from __future__ import annotations

from datetime import timedelta

import pytest
from crm.models import Client, client_type
from django.db import transaction

from tests.sync.conftest import Json, customer
from tests.sync.firm import Firm, client, edit, picture
from tests.sync.processes import alive, eventually
from wagtail_qbo_sync import clock
from wagtail_qbo_sync.models import Mapping, Run, Token
from wagtail_qbo_sync.sync.people import decide

from .fleet import Fleet, kill
from .invariants import assert_invariants, comes_to_rest, token_calls

pytestmark = pytest.mark.postgres


def phone(number: int) -> Json:
    return {"PrimaryPhone": {"FreeFormNumber": f"555 {number:04}"}}


def people(firm: Firm, size: int) -> None:
    """So many customers; every second has a client already, whose phone differs."""
    firm.chooses(unmatched="create")
    names = [(n, f"Customer {n}", f"c{n}@x.example") for n in range(1, size + 1)]
    firm.has(*(customer(str(n), name, email, **phone(n)) for n, name, email in names))
    for n, name, email in names[::2]:
        client(name, email, phone=f"1{n}")


def first_sync(firm: Firm, size: int) -> Json:
    """Before the first sync, with a login that is due for a refresh.

    Returns what the sync leads to when nothing disturbs it.
    """
    people(firm, size)
    with transaction.atomic():
        firm.sync()
        undisturbed = picture()
        transaction.set_rollback(True)
    assert len(undisturbed["mappings"]) == size
    Token.objects.update(access_expires_at=clock.now() + timedelta(minutes=9))
    return undisturbed


def approves(firm: Firm) -> None:
    """A person looks at the plan, as soon as there is one, and approves."""
    waiting = Run.objects.filter(state=Run.State.WAITING)
    assert decide.approve(eventually(waiting.first, "the plan"), None)


def held_while_applying(firm: Firm, fleet: Fleet) -> tuple[Json, int]:
    """Two clusters at a first sync; the worker that applies it is held between two transactions.

    Returns what the sync leads to when nothing disturbs it, and that worker's process.
    """
    undisturbed = first_sync(firm, 60)
    fleet.traps.lay("apply.committed")
    fleet.start(2)
    decide.ask_for_sync(firm.connection)
    approves(firm)
    return undisturbed, fleet.held("apply.committed")


def assert_as(undisturbed: Json, firm: Firm) -> None:
    """At rest everything is as without the disturbance, and the login was refreshed once."""
    comes_to_rest(firm)
    assert_invariants(firm)
    assert token_calls(firm) == [200, 200]
    assert picture() == undisturbed


def test_two_clusters_and_a_worker_that_is_killed_twice(firm: Firm, fleet: Fleet) -> None:
    """Another worker goes on, from what the dead one had stored."""
    undisturbed = first_sync(firm, 300)
    fleet.traps.lay("pull.stored")
    fleet.traps.lay("apply.recorded")
    fleet.start(2)
    decide.ask_for_sync(firm.connection)
    kill(fleet.held("pull.stored"))
    approves(firm)
    kill(fleet.held("apply.recorded"))
    assert not Mapping.objects.exists()  # it had not committed anything
    assert_as(undisturbed, firm)


def test_a_sentinel_that_is_killed_leaves_no_orphan_at_work(firm: Firm, fleet: Fleet) -> None:
    """Its workers would go on without a guard; the supervisor ends them all and starts anew."""
    undisturbed, walker = held_while_applying(firm, fleet)
    cluster = fleet.cluster_of(walker)
    before = cluster.processes()
    kill(cluster.one("sentinel"))
    eventually(lambda: "The cluster ended with" in cluster.said, "the end to be noticed")
    orphans = before - {cluster.supervisor.pid}
    eventually(lambda: not alive(orphans), "the orphans to be ended", lambda: alive(orphans))
    assert_as(undisturbed, firm)
    eventually(cluster.is_complete, "the cluster to be there again")


def test_monitor_and_pusher_that_are_killed_come_back(firm: Firm, fleet: Fleet) -> None:
    undisturbed, walker = held_while_applying(firm, fleet)
    cluster = fleet.cluster_of(walker)
    for role in ("monitor", "pusher"):
        kill(cluster.one(role))
        eventually(cluster.is_complete, f"the {role} to be there again")
    fleet.traps.let_go("apply.committed")
    assert_as(undisturbed, firm)


def test_a_worker_that_wakes_after_its_lease_writes_nothing(firm: Firm, fleet: Fleet) -> None:
    """It stood still for longer than its lease; another worker has taken over meanwhile."""
    undisturbed, sleeper = held_while_applying(firm, fleet)
    assert_as(undisturbed, firm)
    cluster = fleet.cluster_of(sleeper)
    task = cluster.task_of(sleeper)
    assert not cluster.has_done(task)
    fleet.traps.let_go("apply.committed")
    eventually(lambda: cluster.has_done(task), "the sleeper to end its task")
    assert alive({sleeper})
    assert_as(undisturbed, firm)


def test_a_whole_cluster_killed_while_it_sends(firm: Firm, fleet: Fleet) -> None:
    """QuickBooks has made the customers, and the answer is lost: no second one is made."""
    people(firm, 60)
    firm.sync()
    Token.objects.update(access_expires_at=clock.now() + timedelta(minutes=9))
    firm.chooses(pushed_types=[str(client_type())])
    for number in range(1, 11):
        edit(firm.client(str(number)), phone=f"777 {number}")
        client(f"New One {number}", f"new{number}@x.example", phone=f"{number}")
    decide.ask_for_sync(firm.connection)
    fleet.traps.lay("push.sent")
    fleet.start(2)
    cluster = fleet.cluster_of(fleet.held("push.sent"))
    assert len(firm.records()) == 70
    assert Mapping.objects.count() == 60
    cluster.kill()
    comes_to_rest(firm)
    assert_invariants(firm)
    assert len(firm.records()) == 70
    assert Mapping.objects.count() == Client.objects.count() == 70
    assert token_calls(firm) == [200, 200]
