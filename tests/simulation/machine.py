"""Who acts next is Hypothesis' choice."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from tests.sync.firm import at
from wagtail_qbo_sync.sync.people.conflicts import Take

from . import at_rest, invariants
from .company import Company
from .fields import EDITED
from .people import LENIENT, POLICIES, Deciding, InQuickBooks, OnSite
from .weather import FAULTS, JUMPS, WHERE, Weather
from .world import World

ANY = st.integers(0, 11)
"""Whom of those there are: counted round."""
COMPANY = st.sampled_from((0, 0, 1))
FIELD = st.sampled_from(EDITED)
NAMES = st.sampled_from(("Anna", "Gina", "Hugo", "Ines", "Jon"))
BETWEEN = (
    "sweep.hints",
    "pull.read",
    "pull.stored",
    "plan.begun",
    "plan.stored",
    "plan.finished",
    "apply.committed",
    "push.written",
    "push.sending",
    "push.sent",
    "push.stored",
)
"""Failpoints at which no row is locked, so that people can act there."""
OF_CUSTOMERS = ("create", "exclude", "include", "part", "join again", "disconnect", "reconnect")
MORE_OF_CUSTOMERS = ("undo", "sync", "keep")
OF_CLIENTS = ("exclude", "include", "disconnect", "reconnect", "create", "cancel")
SWITCHES: tuple[tuple[str, Any], ...] = (
    ("clear_by", "empty"),
    ("batch_order", "given"),
    ("batch_requestid", "item"),
    ("cdc_inactive", "stub"),
    ("reactivation_suffix", "keep"),
    ("deactivation_event", "both"),
    ("webhook_format", "legacy"),
    ("webhook_order", "reversed"),
    ("validation_envelope", "gateway"),
    ("duplicate_detail", "sentence"),
    ("address_update", "replace"),
)

ACTS: list[str] = []
"""The names of all rules."""


def act(**choices: Any) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """A rule; the world counts how often it comes."""

    def counted(method: Callable[..., None]) -> Callable[..., None]:
        ACTS.append(method.__name__)

        @functools.wraps(method)
        def comes(life: Life, **chosen: Any) -> None:
            life.world.acts[method.__name__] += 1
            method(life, **chosen)

        made: Callable[..., None] = rule(**choices)(comes)
        return made

    return counted


class Life(RuleBasedStateMachine):
    """A world, from its first sync until it comes to rest.

    `begin` makes the world; at its end, whatever happened, it is undone. `ended` hears of each
    world that came to rest.
    """

    def __init__(
        self,
        begin: Callable[[], AbstractContextManager[World]],
        ended: Callable[[World], None] = lambda _world: None,
    ) -> None:
        super().__init__()
        self._place = begin()
        self._ended = ended
        self.world = self._place.__enter__()
        self.site = OnSite(self.world)
        self.books = InQuickBooks(self.world)
        self.people = Deciding(self.world)
        self.weather = Weather(self.world)

    def company(self, which: int) -> Company:
        return self.world.companies[which]

    # On the site -------------------------------------------------------------------------------

    @act(name=NAMES, is_pushed=st.booleans())
    def somebody_adds_a_client(self, name: str, is_pushed: bool) -> None:
        self.site.adds(name, is_pushed)

    @act(which=ANY, field=FIELD)
    def somebody_edits_a_client(self, which: int, field: str) -> None:
        self.site.edits(which, field)

    @act(which=ANY, field=FIELD, clears=st.booleans())
    def a_script_edits_a_client(self, which: int, field: str, clears: bool) -> None:
        self.site.edits(which, field, clears=clears, quietly=True)

    @act(which=ANY, field=FIELD)
    def somebody_clears_a_value(self, which: int, field: str) -> None:
        self.site.edits(which, field, clears=True)

    @act(which=ANY, field=FIELD)
    def somebody_saves_an_old_form(self, which: int, field: str) -> None:
        self.site.saves_an_old_form(which, field)

    @act(which=ANY, company=COMPANY, field=FIELD)
    def somebody_types_what_quickbooks_says(self, which: int, company: int, field: str) -> None:
        self.site.types_what_qbo_says(self.company(company), which, field)

    @act(which=ANY)
    def a_client_is_to_be_pushed(self, which: int) -> None:
        self.site.retypes(which)

    @act(which=ANY)
    def a_client_is_deleted(self, which: int) -> None:
        self.site.deletes(which)

    # In QuickBooks -----------------------------------------------------------------------------

    @act(company=COMPANY, name=NAMES)
    def a_customer_is_added(self, company: int, name: str) -> None:
        self.books.adds(self.company(company), name)

    @act(company=COMPANY, which=ANY, field=FIELD)
    def a_customer_is_edited(self, company: int, which: int, field: str) -> None:
        self.books.edits(self.company(company), which, field)

    @act(company=COMPANY, which=ANY, field=FIELD)
    def a_customers_value_is_cleared(self, company: int, which: int, field: str) -> None:
        self.books.edits(self.company(company), which, field, clears=True)

    @act(company=COMPANY, which=ANY, money=st.booleans())
    def something_else_of_a_customer_changes(self, company: int, which: int, money: bool) -> None:
        act = self.books.invoices if money else self.books.notes
        act(self.company(company), which)

    @act(company=COMPANY, which=ANY)
    def a_customer_turns_inactive_or_active(self, company: int, which: int) -> None:
        self.books.deactivates(self.company(company), which)

    @act(company=COMPANY, which=ANY, goes=ANY)
    def two_customers_are_merged(self, company: int, which: int, goes: int) -> None:
        self.books.merges(self.company(company), which, goes)

    @act(company=COMPANY, which=ANY, above=ANY)
    def a_customer_moves_in_its_family(self, company: int, which: int, above: int) -> None:
        self.books.moves(self.company(company), which, above)

    # Deciding ----------------------------------------------------------------------------------

    @act(company=COMPANY, which=ANY, act=st.sampled_from(OF_CUSTOMERS))
    def somebody_decides_about_a_customer(self, company: int, which: int, act: str) -> None:
        self.people.about_customer(act, self.company(company), which)

    @act(company=COMPANY, which=ANY, act=st.sampled_from(MORE_OF_CUSTOMERS))
    def somebody_asks_about_a_customer(self, company: int, which: int, act: str) -> None:
        self.people.about_customer(act, self.company(company), which)

    @act(company=COMPANY, which=ANY, act=st.sampled_from(OF_CLIENTS))
    def somebody_decides_about_a_client(self, company: int, which: int, act: str) -> None:
        self.people.about_client(act, self.company(company), which)

    @act(company=COMPANY, which=ANY, client=ANY, moves=st.booleans())
    def somebody_maps(self, company: int, which: int, client: int, moves: bool) -> None:
        self.people.maps(self.company(company), which, client, moves=moves)

    @act(company=COMPANY, which=ANY, take=st.sampled_from((Take.SITE, Take.QBO)))
    def somebody_settles_a_conflict(self, company: int, which: int, take: Take) -> None:
        self.people.settles(self.company(company), which, take)

    @act(company=COMPANY, policy=st.sampled_from(sorted(POLICIES)), value=ANY)
    def somebody_changes_a_policy(self, company: int, policy: str, value: int) -> None:
        self.people.chooses(self.company(company), policy, value)

    @act(company=COMPANY)
    def somebody_asks_to_see_a_plan(self, company: int) -> None:
        self.people.asks_for_a_plan(self.company(company))

    @act(company=COMPANY, answer=st.sampled_from(("approve", "discard", "untick")), step=ANY)
    def somebody_answers_a_plan(self, company: int, answer: str, step: int) -> None:
        self.people.answers_the_plan(self.company(company), answer, step)

    @act(company=COMPANY, which=st.integers(0, 3))
    def somebody_takes_a_run_back(self, company: int, which: int) -> None:
        self.people.takes_back(self.company(company), which)

    @act(company=COMPANY)
    def somebody_includes_all(self, company: int) -> None:
        self.people.includes_all(self.company(company))

    # The worker --------------------------------------------------------------------------------

    @act(company=COMPANY)
    def a_sync(self, company: int) -> None:
        self.world.cycle(self.company(company))

    @act()
    def both_sync(self) -> None:
        for company in self.world.companies:
            self.world.cycle(company)

    @act()
    def the_minute_ticks(self) -> None:
        self.weather.ticks()

    @act()
    def all_clients_are_looked_at(self) -> None:
        self.world.sweep()

    @act(company=COMPANY, hit=st.integers(0, 24))
    def the_worker_dies(self, company: int, hit: int) -> None:
        self.world.dies(self.company(company), hit)

    @act(
        company=COMPANY,
        point=st.sampled_from(BETWEEN),
        act=st.sampled_from(("site", "qbo", "delete", "part", "disconnect", "deactivate")),
        which=ANY,
        field=FIELD,
    )
    def somebody_acts_during_a_sync(
        self, company: int, point: str, act: str, which: int, field: str
    ) -> None:
        here = self.company(company)
        acts: dict[str, Callable[[], None]] = {
            "site": lambda: self.site.edits(which, field),
            "qbo": lambda: self.books.edits(here, which, field),
            "delete": lambda: self.site.deletes(which),
            "part": lambda: self.people.about_customer("part", here, which),
            "disconnect": lambda: self.people.about_customer("disconnect", here, which),
            "deactivate": lambda: self.books.deactivates(here, which),
        }
        still = [acts[act]]

        def once() -> None:
            if still and self.world.is_between_transactions():
                still.pop()()

        with at(point, once):
            self.world.cycle(here)

    # The weather -------------------------------------------------------------------------------

    @act(
        fault=st.integers(0, len(FAULTS) - 1),
        where=st.integers(0, len(WHERE) - 1),
        skip=st.integers(0, 1),
        count=st.integers(1, 2),
    )
    def a_call_will_fail(self, fault: int, where: int, skip: int, count: int) -> None:
        self.weather.strikes(fault, where, skip, count)

    @act(switch=st.sampled_from(SWITCHES))
    def quickbooks_has_its_ways(self, switch: tuple[str, Any]) -> None:
        self.weather.turns(*switch)

    @act()
    def logins_run_out(self) -> None:
        self.weather.tokens_run_out()

    @act(far=st.integers(0, len(JUMPS) - 1))
    def time_jumps(self, far: int) -> None:
        self.weather.time_jumps(far)

    @act()
    def notices_are_sent(self) -> None:
        self.weather.sends_notices()

    @act()
    def notices_are_lost(self) -> None:
        self.weather.loses_notices()

    @act(which=ANY, times=st.integers(1, 2))
    def a_notice_comes(self, which: int, times: int) -> None:
        self.weather.notice_comes(which, times)

    # What must hold ----------------------------------------------------------------------------

    @act()
    def everything_comes_to_rest(self) -> None:
        rest(self.world)

    @invariant()
    def safe(self) -> None:
        judge(self.world)

    def teardown(self) -> None:
        """A world that nothing is wrong with comes to rest at its end."""
        try:
            if sys.exc_info()[0] is None:
                rest(self.world)
                self._ended(self.world)
        finally:
            self._place.__exit__(None, None, None)


def judge(world: World) -> None:
    """Look, and check the invariants of safety."""
    world.watch.observe()
    for check in invariants.AFTER_EACH_ACT:
        check(world)
    world.inert = invariants.inert(world)
    world.watch.forget()


def rest(world: World) -> None:
    """No faults, people approve what waits, three cycles; then one in which nothing is done."""
    world.calms_down()
    world.comes_to_rest()
    judge(world)
    for check in at_rest.AT_REST:
        check(world)
    for company in world.companies:
        world.cycle(company)
    world.watch.observe()
    at_rest.l2_quiet(world)
    judge(world)
    for company in world.companies:
        company.policies = {company.connection.on_conflict} & LENIENT
