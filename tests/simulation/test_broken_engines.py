"""The machine's own test: what is broken on purpose, its invariants see."""

from __future__ import annotations

import json
from typing import Any

import pytest
from crm.models import Client

from tests.mutants import MUTANTS
from tests.mutants.mutant import AnyMutant, Mutant
from wagtail_qbo_sync.engine import merge as engine
from wagtail_qbo_sync.engine import plan
from wagtail_qbo_sync.models import Connection
from wagtail_qbo_sync.qbo.api import CompanyApi
from wagtail_qbo_sync.sync.applying import adding

from .conftest import Worlds
from .machine import judge, rest
from .people import POLICIES, Deciding, InQuickBooks, OnSite
from .weather import FAULTS, JUMPS, WHERE, Weather
from .world import World, mail

NAMED = {mutant.name: mutant for mutant in MUTANTS}
ALL_TWO_WAY = Mutant(
    name="directions_ignored",
    breaks="S7",
    module="sync.records.terms",
    old="Direction(own.get(name, connection.direction))",
    new="Direction.TWO_WAY",
    killed_by="",
)
NOTHING_COMES = Mutant(
    name="nothing_comes",
    breaks="L1",
    module="engine.merge",
    old="return silent if self.direction is Direction.PUSH_ONLY else _Outcome.TO_SITE",
    new="return silent",
    killed_by="",
)
NOTHING_IS_TAKEN_BACK = Mutant(
    name="nothing_is_taken_back",
    breaks="S11",
    module="sync.applying.putting_back",
    old="        if same(name, getattr(held, name), value_from_json(name, now))\n",
    new="        if False\n",
    killed_by="",
)
LOGIN_NOT_KEPT = Mutant(
    name="login_not_kept",
    breaks="S13",
    module="sync.access.token",
    old='mine.update(version=F("version") + 1, **columns)',
    new='mine.update(version=F("version") + 1)',
    killed_by="",
)

EVERYTHING_IS_REMOVED = Mutant(
    name="everything_is_removed",
    breaks="S11",
    module="sync.applying.putting_back",
    old="made != digests.get(record.pk) or says_more(",
    new="False and says_more(",
    killed_by="",
)
NOTHING_IS_REMOVED = Mutant(
    name="nothing_is_removed",
    breaks="S11",
    module="sync.applying.putting_back",
    old="            gone.append(Removed(step, record))\n",
    new="",
    killed_by="",
)
LIKENESS_NOT_LOOKED_AT = Mutant(
    name="likeness_not_looked_at",
    breaks="K14",
    module="sync.planning.newcomers",
    old="        if client.key in found.alike:\n",
    new="        if False:\n",
    killed_by="",
)
NEVER_DUE = Mutant(
    name="never_due",
    breaks="L1",
    module="sync.walk.cycle",
    old="DUE = (Q(blocked_until__isnull=True) | Q(blocked_until__lte=Now()))",
    new="DUE = Q(blocked_until__lte=Now())",
    killed_by="",
)
ACTIVITY_FORGOTTEN = Mutant(
    name="activity_forgotten",
    breaks="L1",
    module="sync.applying.activity",
    old="active, state = step.data[ACTIVE], Outbox.State.WRITTEN",
    new="active, state = step.data[ACTIVE], Outbox.State.WANTED",
    killed_by="",
)
ONE_FORGOTTEN = Mutant(
    name="one_forgotten",
    breaks="L1",
    module="sync.walk.cycle",
    old="    elif one.waiting(state.pk).exists() and is_read:\n",
    new="    elif False:\n",
    killed_by="",
)


def both_edit(world: World) -> None:
    """The phone of a pair changes on both sides; then a sync."""
    OnSite(world).edits(0, "phone")
    InQuickBooks(world).edits(world.companies[0], 0, "phone")
    world.cycle(world.companies[0])
    judge(world)


def test_a_world_in_which_nothing_is_broken(worlds: Worlds) -> None:
    with worlds() as world:
        both_edit(world)
        assert ("conflict", "1000") in world.companies[0].cases()
        rest(world)


def test_one_side_wins_although_people_were_to_be_asked(
    worlds: Worlds, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = engine.merge

    def merge(**given: Any) -> engine.Merge:
        return real(**given | {"on_conflict": engine.OnConflict.QBO_WINS})

    monkeypatch.setattr(plan, "merge", merge)
    with worlds() as world, pytest.raises(AssertionError, match="An update was lost"):
        both_edit(world)


def test_bases_of_the_wrong_side(worlds: Worlds, monkeypatch: pytest.MonkeyPatch) -> None:
    """What one side said at the last agreement is taken for what both said: no conflict is seen."""
    real = engine.merge

    def merge(**given: Any) -> engine.Merge:
        return real(**given | {"base_site": given["site"] if given["base_site"] else {}})

    monkeypatch.setattr(plan, "merge", merge)
    with worlds() as world, pytest.raises(AssertionError, match="An update was lost"):
        both_edit(world)


def test_a_sync_token_that_is_read_again_before_sending(
    worlds: Worlds, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rule 8: between reading and sending somebody edits in QuickBooks."""
    real = CompanyApi.batch
    with worlds() as world:
        firm = world.companies[0]

        def batch(api: CompanyApi, body: str, request_id: str) -> Any:
            InQuickBooks(world).edits(firm, 0, "phone")
            document = json.loads(body)
            for item in document["BatchItemRequest"]:
                record = firm.books()[item["Customer"]["Id"]]
                item["Customer"]["SyncToken"] = record["SyncToken"]
            return real(api, json.dumps(document), request_id)

        monkeypatch.setattr(CompanyApi, "batch", batch)
        OnSite(world).edits(0, "phone")
        with pytest.raises(AssertionError, match=r"An update was lost|was read elsewhere"):
            world.cycle(firm)
            judge(world)


def test_what_is_not_mapped_is_written(worlds: Worlds, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rule 7, and without the guard that the door has of its own."""
    monkeypatch.setattr("wagtail_qbo_sync.qbo.client.check_write", lambda _url, _body: None)
    real = CompanyApi.batch

    def batch(api: CompanyApi, body: str, request_id: str) -> Any:
        document = json.loads(body)
        for item in document["BatchItemRequest"]:
            item["Customer"]["Notes"] = ""
        return real(api, json.dumps(document), request_id)

    monkeypatch.setattr(CompanyApi, "batch", batch)
    with worlds() as world:
        OnSite(world).edits(0, "phone")
        with pytest.raises(AssertionError, match="About Anna"):
            world.cycle(world.companies[0])
            judge(world)


# S4 -----------------------------------------------------------------------------------------------


def test_a_customer_is_made_once_more(worlds: Worlds, monkeypatch: pytest.MonkeyPatch) -> None:
    """The answer does not become a mapping, and then the client says something else."""
    monkeypatch.setattr(adding, "join", lambda _connection, _made: None)
    with worlds() as world:
        client = world.companies[1]
        OnSite(world).retypes(0)
        world.cycle(client)
        judge(world)
        for field in ("name", "email", "phone"):
            OnSite(world).edits(0, field)
        with pytest.raises(AssertionError, match="has become"):
            world.cycle(client)
            judge(world)


# S7 -----------------------------------------------------------------------------------------------


def set_to(world: World, policy: str, value: Any) -> None:
    """The first company follows this policy from now on, as people agreed."""
    firm = world.companies[0]
    Deciding(world).chooses(firm, policy, POLICIES[policy].index(value))
    world.cycle(firm)
    world.approves(firm)
    judge(world)


@pytest.mark.parametrize(
    ("policy", "value"), [("direction", "pull"), ("field_directions", {"phone": "pull"})]
)
def test_what_only_comes_is_sent(worlds: Worlds, policy: str, value: Any) -> None:
    with worlds() as world, ALL_TWO_WAY.on():
        set_to(world, policy, value)
        OnSite(world).edits(0, "phone")
        with pytest.raises(AssertionError, match="'phone'"):
            world.cycle(world.companies[0])
            judge(world)


def test_what_only_comes_is_part_of_a_customer_that_is_made(worlds: Worlds) -> None:
    with worlds() as world, ALL_TWO_WAY.on():
        set_to(world, "field_directions", {"phone": "pull"})
        OnSite(world).edits(3, "phone")
        Deciding(world).about_client("create", world.companies[0], 3)
        with pytest.raises(AssertionError, match="'phone'"):
            world.cycle(world.companies[0])
            judge(world)


def test_what_is_only_sent_comes(worlds: Worlds) -> None:
    with worlds() as world, ALL_TWO_WAY.on():
        set_to(world, "direction", "push")
        InQuickBooks(world).edits(world.companies[0], 0, "phone")
        with pytest.raises(AssertionError, match="field='phone'"):
            world.cycle(world.companies[0])
            judge(world)


# S10 and S11 --------------------------------------------------------------------------------------


def test_a_step_that_was_unticked_is_done(worlds: Worlds) -> None:
    with worlds() as world, NAMED["unticked_is_done"].on():
        firm, people = world.companies[0], Deciding(world)
        InQuickBooks(world).edits(firm, 0, "phone")
        people.asks_for_a_plan(firm)
        people.answers_the_plan(firm, "untick", 0)
        with pytest.raises(AssertionError, match="was not to be done"):
            world.cycle(firm)
            judge(world)


@pytest.mark.parametrize(
    ("mutant", "is_edited", "why"),
    [
        (NAMED["undo_tramples"], True, "An undo has trampled"),
        (NAMED["undone_and_done_again"], False, "done again"),
        (NOTHING_IS_TAKEN_BACK, False, "as it was"),
    ],
)
def test_an_undo_that_does_something_else(
    worlds: Worlds, mutant: AnyMutant, is_edited: bool, why: str
) -> None:
    with worlds() as world, mutant.on():
        firm = world.companies[0]
        InQuickBooks(world).edits(firm, 0, "phone")
        world.cycle(firm)
        judge(world)
        if is_edited:
            OnSite(world).edits(0, "phone")
        with pytest.raises(AssertionError, match=why):
            Deciding(world).takes_back(firm, 0)
            world.cycle(firm)
            judge(world)
            OnSite(world).edits(0, "mobile")
            world.cycle(firm)
            judge(world)


@pytest.mark.parametrize(
    ("mutant", "is_edited", "why"),
    [
        (EVERYTHING_IS_REMOVED, True, "was somebody's"),
        (NOTHING_IS_REMOVED, False, "has left"),
    ],
)
def test_an_undo_that_does_something_else_with_a_client_that_was_made(
    worlds: Worlds, mutant: AnyMutant, is_edited: bool, why: str
) -> None:
    with worlds() as world:
        firm = world.companies[0]
        set_to(world, "unmatched", Connection.Unmatched.CREATE)
        InQuickBooks(world).adds(firm, "Hugo")
        world.cycle(firm)
        judge(world)
        if is_edited:
            clients = Client.objects.order_by("pk").values_list("name", flat=True)
            OnSite(world).edits(list(clients).index("Hugo"), "phone")
        with mutant.on(), pytest.raises(AssertionError, match=why):
            Deciding(world).takes_back(firm, 0)
            world.cycle(firm)
            judge(world)


# S12 ----------------------------------------------------------------------------------------------


def test_what_is_sent_is_not_in_the_journal(worlds: Worlds) -> None:
    with worlds() as world, NAMED["no_journal_of_what_was_sent"].on():
        OnSite(world).edits(0, "phone")
        with pytest.raises(AssertionError, match="but the journal says"):
            rest(world)


# K14 ----------------------------------------------------------------------------------------------


def test_a_customer_is_made_of_whom_one_is_like(worlds: Worlds) -> None:
    with worlds() as world, LIKENESS_NOT_LOOKED_AT.on():
        OnSite(world).adds("Otto", is_pushed=True)
        otto = Client.objects.get(name="Otto")
        with world.people():
            otto.email = mail("Emil")
            otto.save()
        judge(world)
        with pytest.raises(AssertionError, match="is like"):
            world.cycle(world.companies[0])
            judge(world)


# S13 ----------------------------------------------------------------------------------------------


def test_passing_trouble_ends_a_login(worlds: Worlds) -> None:
    with worlds() as world, NAMED["passing_trouble_ends_the_login"].on():
        weather = Weather(world)
        weather.tokens_run_out()
        weather.strikes(FAULTS.index({"kind": "server_error"}), WHERE.index("tokens/bearer"), 0, 2)
        with pytest.raises(AssertionError, match="given up"):
            world.cycle(world.companies[0])
            judge(world)


def test_a_new_login_is_not_kept(worlds: Worlds) -> None:
    with worlds() as world, LOGIN_NOT_KEPT.on():
        Weather(world).time_jumps(JUMPS.index(25 * 60 * 60))
        with pytest.raises(AssertionError, match="older login"):
            world.cycle(world.companies[0])
            judge(world)


# L1 -----------------------------------------------------------------------------------------------


def test_one_way_and_nothing_comes(worlds: Worlds) -> None:
    with worlds() as world:
        set_to(world, "direction", Connection.Direction.PULL_ONLY)
        with NOTHING_COMES.on(), pytest.raises(AssertionError, match="phone of 1000"):
            InQuickBooks(world).edits(world.companies[0], 0, "phone")
            rest(world)


def test_what_is_asked_for_is_never_due(worlds: Worlds) -> None:
    never = pytest.raises(AssertionError, match="has something to do")
    with worlds() as world, NEVER_DUE.on(), never:
        rest(world)


def test_a_customer_that_is_to_be_inactive_is_forgotten(worlds: Worlds) -> None:
    """An undo of its creation has ended, and it is not sent."""
    with worlds() as world, ACTIVITY_FORGOTTEN.on():
        firm = world.companies[1]
        OnSite(world).retypes(0)
        world.cycle(firm)
        judge(world)
        Deciding(world).takes_back(firm, 0)
        with pytest.raises(AssertionError, match="has not sent"):
            rest(world)


def test_a_worker_is_rung_for_again_and_again(worlds: Worlds) -> None:
    with worlds() as world, ONE_FORGOTTEN.on():
        firm = world.companies[0]
        Deciding(world).about_customer("sync", firm, 0)
        with pytest.raises(AssertionError, match="goes on and on"):
            world.work(firm)
