"""Customers that QuickBooks does not list any more (U8)."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.core.management import call_command

from wagtail_qbo_sync.models import Comparison, Customer, Mapping
from wagtail_qbo_sync.sync.reading import compare
from wagtail_qbo_sync.sync.walk import gap

from .conftest import Json, customer
from .firm import Firm, Killed, at, client, edit, expire_lease, killed_at, told

ANNA = customer("1", "Anna", "anna@example.org")
BERG = customer("2", "Berg", "info@berg.example")


@pytest.fixture
def firm(firm: Firm) -> Firm:
    """Anna and Berg are mapped."""
    client("Anna", "anna@example.org")
    client("Berg", "info@berg.example")
    firm.has(ANNA, BERG)
    firm.sync()
    assert firm.mapped() == {"1": "Anna", "2": "Berg"}
    return firm


def reads_all(firm: Firm) -> None:
    """The nightly comparison, which begins with reading everything."""
    assert compare.begin(firm.state)
    firm.walk()
    firm.walk()  # as often as it rings


def standing(qbo_id: str) -> str:
    return Customer.objects.get(qbo_id=qbo_id).standing


def test_it_sleeps_and_a_person_is_told(firm: Firm) -> None:
    firm.has(BERG)
    assert firm.sync() is None, "change data cannot tell of it"
    assert standing("1") == "top"
    reads_all(firm)
    assert (standing("1"), standing("2")) == ("gone", "top")
    assert firm.mapping("1").asleep == Mapping.Asleep.INACTIVE
    assert firm.cases() == {("gone", "1")}
    edit(firm.client("1"), phone="5")
    assert firm.sync() is None, "neither side is written"
    reads_all(firm)
    assert firm.cases() == {("gone", "1")}, "asked once"


def test_it_wakes_with_a_merge_when_it_is_there_again(firm: Firm) -> None:
    firm.has(BERG)
    reads_all(firm)
    edit(firm.client("1"), phone="5")
    firm.gets({**ANNA, "CompanyName": "Anna & Co"})
    assert told(firm.sync()) == {("wake", "Anna", "done")}
    assert (standing("1"), firm.mapping("1").asleep, firm.cases()) == ("top", "", set())
    assert firm.client("1").company_name == "Anna & Co"
    assert firm.record("1")["PrimaryPhone"] == {"FreeFormNumber": "5"}


def test_one_that_the_list_left_out_but_is_there_stays(firm: Firm) -> None:
    """The list is read in pages, and moves meanwhile: only who is not found by Id is gone."""
    firm.has(BERG)
    with at("pull.stored", lambda: firm.gets(ANNA)):
        reads_all(firm)
    assert (standing("1"), firm.mapping("1").asleep, firm.cases()) == ("top", "", set())


@pytest.mark.parametrize("point", ["pull.stored", "absent.read", "absent.stored"])
def test_killed_and_started_again(firm: Firm, point: str) -> None:
    firm.has(BERG)
    assert compare.begin(firm.state)
    with killed_at(lambda name: name == point), pytest.raises(Killed):
        firm.walk()
    assert not firm.cases(), "nothing is acted on before all is confirmed"
    expire_lease(firm.connection)
    firm.walk()
    assert (standing("1"), standing("2"), firm.cases()) == ("gone", "top", {("gone", "1")})


def test_a_reading_that_was_cut_off_before_it_was_confirmed(firm: Firm) -> None:
    """A first sync and a changed field map read all customers too, but compare nothing: only who
    was missing in a comparison's own reading is asked for, and by Id."""
    firm.has(BERG)
    assert compare.begin(firm.state)
    with killed_at("pull.stored".__eq__), pytest.raises(Killed):
        firm.walk()
    gap.restored(firm.connection)
    firm.gets(ANNA)
    for _ in range(3):
        firm.walk()
    assert (standing("1"), firm.mapping("1").asleep, firm.cases()) == ("top", "", set())
    (night,) = Comparison.objects.filter(finished_at__isnull=False)
    assert (night.equal, night.missing) == (2, 0)


def test_it_costs_one_call_and_none_where_all_are_listed(
    firm: Firm, requests: Callable[..., list[Json]]
) -> None:
    def queries() -> int:
        before = len(requests())
        reads_all(firm)
        return sum(each["path"].endswith("/query") for each in requests()[before:])

    assert queries() == 2, "a count and a page"
    firm.has(BERG)
    assert queries() == 3
    assert queries() == 2, "who is gone is not asked for each night"


def test_inactive_first_and_gone_then(firm: Firm) -> None:
    firm.edits("1", Active=False)
    firm.sync()
    assert firm.cases() == {("inactive", "1")}
    firm.has(BERG)
    reads_all(firm)
    assert firm.cases() == {("gone", "1")}
    firm.gets({**ANNA, "Active": False})
    firm.sync()
    assert firm.cases() == {("inactive", "1")}


def test_nobody_is_told_where_the_company_chose_so(firm: Firm) -> None:
    firm.chooses(inactive_policy="leave")
    firm.has(BERG)
    reads_all(firm)
    assert (firm.mapping("1").asleep, firm.cases()) == (Mapping.Asleep.INACTIVE, set())


def test_why_tells(firm: Firm, capsys: pytest.CaptureFixture[str]) -> None:
    firm.has(BERG)
    reads_all(firm)
    call_command("qbo_why", "1")
    said = capsys.readouterr().out
    assert "is no longer in QuickBooks: it is not found there" in said
    assert "asleep, because the customer is no longer in QuickBooks" in said
    assert "wakes if the customer is in QuickBooks again" in said
