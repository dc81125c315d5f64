"""L3: webhooks are hints. However they come, or not at all, the end is the same (rule 5)."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from .conftest import Worlds
from .end_state import end_state
from .machine import rest
from .people import InQuickBooks, OnSite
from .weather import Weather
from .world import World

Coming = Callable[[Weather], None]


def in_order(weather: Weather) -> None:
    while weather.notices:
        weather.notice_comes(0)


def backwards(weather: Weather) -> None:
    while weather.notices:
        weather.notice_comes(len(weather.notices) - 1)


def twice(weather: Weather) -> None:
    while weather.notices:
        weather.notice_comes(0, times=2)


def none(weather: Weather) -> None:
    weather.loses_notices()


def events(world: World, coming: Coming) -> None:
    """Things happen on both sides, each told by a notice; then the notices come."""
    books, site, weather = InQuickBooks(world), OnSite(world), Weather(world)
    firm, client = world.companies
    acts: list[Callable[[], None]] = [
        lambda: books.edits(firm, 0, "phone"),
        lambda: books.edits(client, 1, "mailing_address"),
        lambda: books.deactivates(firm, 1),
        lambda: site.edits(2, "mobile"),
        lambda: books.adds(client, "Gina"),
        lambda: books.edits(firm, 0, "phone"),
        lambda: books.edits(firm, 2, "mobile"),
    ]
    for act in acts:
        act()
        weather.sends_notices()
    assert len(weather.notices) == len(acts) - 1
    coming(weather)
    assert not weather.notices


@pytest.mark.parametrize("coming", [backwards, twice, none])
def test_however_notices_come_the_end_is_the_same(worlds: Worlds, coming: Coming) -> None:
    ends = []
    for way in (in_order, coming):
        with worlds() as world:
            events(world, way)
            rest(world)
            ends.append(end_state(world))
    assert ends[0] == ends[1]
