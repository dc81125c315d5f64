"""Merging comes to rest: with sides that store something else (rule 11), and in a ring (U12)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import product
from typing import TypeAlias

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wagtail_qbo_sync.contact import Value
from wagtail_qbo_sync.engine.merge import Direction, FirstLink, Merge, OnConflict, merge

VALUES = ("", "a", "b", "bb")
Store: TypeAlias = Callable[[str], str]


def exactly(value: str) -> str:
    return value


def nothing(_: str) -> str:
    return ""


def shorter(value: str) -> str:
    return value[:1]


def longer(value: str) -> str:
    return f"{value}!"


STORES: tuple[Store, ...] = (exactly, str.upper, nothing, shorter, longer)


@dataclass
class Site:
    """One field of one client. `replaced` is that of the last write, whichever company's."""

    value: str
    store: Store = exactly
    replaced: dict[str, Value] = field(default_factory=dict)

    def write(self, value: Value) -> None:
        self.replaced = {"name": self.value}
        self.value = self.store(str(value))


@dataclass
class Company:
    """The customer that is mapped to this client in one company."""

    value: str
    policy: OnConflict = OnConflict.ASK
    direction: Direction = Direction.TWO_WAY
    first_link: FirstLink = FirstLink.FROM_QBO
    store: Store = exactly
    base_site: dict[str, Value] = field(default_factory=dict)
    base_qbo: dict[str, Value] = field(default_factory=dict)

    def agree(self, site: Site) -> None:
        """The bases are what both sides hold when read back."""
        self.base_site, self.base_qbo = {"name": site.value}, {"name": self.value}

    def cycle(self, site: Site) -> Merge:
        """Merge, write, read back."""
        found = merge(
            base_site=self.base_site,
            base_qbo=self.base_qbo,
            site={"name": site.value},
            qbo={"name": self.value},
            directions={"name": self.direction},
            on_conflict=self.policy,
            first_link=self.first_link,
            replaced=site.replaced,
        )
        for value in found.to_site.values():
            site.write(value)
        for value in found.to_qbo.values():
            self.value = self.store(str(value))
        if moved(found):
            self.agree(site)
        return found


def moved(found: Merge) -> bool:
    return bool(found.to_site or found.to_qbo or found.settled)


def one_field() -> list[dict[str, Value]]:
    return [{"name": value} for value in VALUES]


def companies() -> Iterator[Company]:
    for value, policy, direction in product(VALUES, OnConflict, Direction):
        yield Company(value, policy, direction)


@pytest.mark.parametrize("how", FirstLink)
@pytest.mark.parametrize("store", STORES)
def test_a_second_merge_finds_nothing_to_do(store: Store, how: FirstLink) -> None:
    every_base = [({}, {}), *product(one_field(), one_field())]
    for company_store, bases, value, replaced in product(STORES, every_base, VALUES, one_field()):
        for company in companies():
            site = Site(value, store, replaced)
            company.store, company.first_link = company_store, how
            company.base_site, company.base_qbo = bases
            first, between = company.cycle(site), (site.value, company.value)
            second = company.cycle(site)
            assert not moved(second), (site, company)
            assert second.conflicts == first.conflicts
            assert second.differs == first.differs - first.settled
            assert (site.value, company.value) == between


@pytest.mark.parametrize("store", STORES)
def test_an_edit_after_a_sync_travels_and_nothing_else_does(store: Store) -> None:
    """An accepted difference is no change; the next edit of either side is one."""
    site, company = Site("a", store), Company("b")
    company.cycle(site)
    assert company.cycle(site) == Merge()
    site.value = "edited"
    assert company.cycle(site) == Merge(to_qbo={"name": "edited"})
    company.value = "again"
    assert company.cycle(site) == Merge(to_site={"name": "again"})
    assert company.cycle(site) == Merge()


def test_a_silent_edit_is_kept_until_the_other_side_changes() -> None:
    site = Site("a")
    company = Company("a", OnConflict.QBO_WINS, Direction.PULL_ONLY)
    company.agree(site)
    site.value = "ours"
    for _ in range(2):
        assert company.cycle(site) == Merge(differs=frozenset({"name"}))
    company.value = "theirs"
    assert company.cycle(site) == Merge(to_site={"name": "theirs"})
    assert company.cycle(site) == Merge()


def test_a_silent_edit_travels_once_its_side_may_speak() -> None:
    site, company = Site("a"), Company("a", direction=Direction.PULL_ONLY)
    company.agree(site)
    site.value = "ours"
    company.cycle(site)
    company.direction = Direction.TWO_WAY
    assert company.cycle(site) == Merge(to_qbo={"name": "ours"})


def test_a_conflict_ends_when_an_edit_makes_both_equal() -> None:
    site, company = Site("b"), Company("c")
    company.base_site = company.base_qbo = {"name": "a"}
    assert company.cycle(site).conflicts
    company.value = "b"
    assert company.cycle(site) == Merge(settled=frozenset({"name"}))
    assert company.cycle(site) == Merge()


def test_a_stale_form_is_a_conflict_and_not_an_edit() -> None:
    site, company = Site("old"), Company("old")
    company.agree(site)
    company.value = "new"
    company.cycle(site)
    site.value = "old"
    assert company.cycle(site).conflicts
    assert (site.value, company.value) == ("old", "new")


SETTINGS = list(product(OnConflict, Direction))


def rings() -> Iterator[tuple[str, Company, Company]]:
    """A value of the site, and two companies with any values, policies and directions."""
    for value, ours, theirs in product(VALUES, repeat=3):
        for one, other in product(SETTINGS, SETTINGS):
            yield value, Company(ours, *one), Company(theirs, *other)


def comes_to_rest(site: Site, *companies: Company) -> bool:
    for _ in range(4):
        found = [company.cycle(site) for company in companies]
        if not any(map(moved, found)):
            return True
    return False


@pytest.mark.parametrize("store", STORES)
def test_edits_anywhere_in_a_ring_of_two_companies_come_to_rest(store: Store) -> None:
    for replaced in ({}, *one_field()):
        for value, first, second in rings():
            for company in (first, second):
                company.base_site, company.base_qbo = {"name": "a"}, {"name": "a"}
            site = Site(value, store, replaced)
            assert comes_to_rest(site, first, second), (site, first, second)


# Nothing that was typed is lost -----------------------------------------------------------------


class Ring:
    """A client in two companies, and what people have typed there.

    A write of ours replaces what a company has not agreed to yet only if its policy says so.
    """

    def __init__(self, first: Company, second: Company) -> None:
        self.site = Site("a")
        self.companies = (first, second)
        self.typed: set[str] = set()
        for company in self.companies:
            company.agree(self.site)

    def types(self, where: int, value: str) -> None:
        """Somebody edits a customer (0, 1) or the client (2)."""
        place: Site | Company = (*self.companies, self.site)[where]
        if value != place.value:
            place.value = value
            self.typed.add(value)

    def cycle(self, which: int) -> Merge:
        company = self.companies[which]
        site_edited = {"name": self.site.value} != company.base_site
        customer_edited = {"name": company.value} != company.base_qbo
        found = company.cycle(self.site)
        assert not (found.to_site and site_edited) or company.policy is OnConflict.QBO_WINS
        assert not (found.to_qbo and customer_edited) or company.policy is OnConflict.SITE_WINS
        return found

    def standing(self) -> set[str]:
        return {self.site.value, *(company.value for company in self.companies)}

    def rests(self) -> bool:
        """Within three cycles of both."""
        for _ in range(4):
            found = [self.cycle(which) for which in (0, 1)]
            if not any(map(moved, found)):
                return True
        return False


@pytest.mark.parametrize(("one", "other"), list(product(SETTINGS, SETTINGS)))
def test_all_edited_at_once_with_every_pair_of_policies_and_directions(
    one: tuple[OnConflict, Direction], other: tuple[OnConflict, Direction]
) -> None:
    for here, there, site in product(VALUES, repeat=3):
        ring = Ring(Company("a", *one), Company("a", *other))
        for where, value in enumerate((here, there, site)):
            ring.types(where, value)
        assert ring.rests(), (here, there, site)
        if one[0] is other[0] is OnConflict.ASK:
            assert ring.typed <= ring.standing()


settings_of_two = st.tuples(st.sampled_from(SETTINGS), st.sampled_from(SETTINGS))
edits = st.tuples(st.just("edit"), st.integers(0, 2), st.text("abc", max_size=2))
cycles = st.tuples(st.just("cycle"), st.integers(0, 1), st.just(""))


@given(settings_of_two, st.lists(st.one_of(edits, cycles), max_size=20))
def test_edits_and_cycles_in_any_order(
    terms: tuple[tuple[OnConflict, Direction], tuple[OnConflict, Direction]],
    acts: list[tuple[str, int, str]],
) -> None:
    ring = Ring(Company("a", *terms[0]), Company("a", *terms[1]))
    for act, where, value in acts:
        if act == "edit":
            ring.types(where, value)
        else:
            ring.cycle(where)
    assert ring.rests()


@pytest.mark.parametrize("store", STORES)
def test_linking_a_client_to_a_second_company_comes_to_rest(store: Store) -> None:
    for value, first, second in rings():
        second.first_link = FirstLink.FILL_BLANKS
        site = Site(value, store)
        first.cycle(site)
        assert comes_to_rest(site, first, second), (site, first, second)
