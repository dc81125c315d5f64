"""A company that was reset: many customers are missing, or older than they were (rule 6)."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from crm.models import Client
from django.core.management import CommandError, call_command

from wagtail_qbo_sync.models import Customer, Mapping, Run
from wagtail_qbo_sync.sync.reading import compare, reset
from wagtail_qbo_sync.sync.records import cases
from wagtail_qbo_sync.sync.walk import cycle

from .conftest import Json, customer
from .firm import Firm, Killed, client, expire_lease, killed_at, site

MANY = range(100, 130)


def was(number: int) -> Json:
    return customer(str(number), f"Was {number}", f"{number}@example.org", SyncToken="3")


OTHERS = [customer(str(number), f"Other {number}") for number in range(500, 540)]
RESTARTED = [customer(str(number), f"Restarted {number}") for number in MANY]


@pytest.fixture
def firm(firm: Firm) -> Firm:
    """Thirty are mapped."""
    for number in MANY:
        client(f"Was {number}", f"{number}@example.org")
    firm.has(*map(was, MANY))
    firm.sync()
    assert len(firm.mapped()) == len(MANY)
    return firm


def reads_all(firm: Firm) -> None:
    """The nightly comparison, which begins with reading everything."""
    assert compare.begin(firm.state)
    firm.walk()
    firm.walk()


def standings() -> set[str]:
    rows = Customer.objects.filter(qbo_id__in=[str(number) for number in MANY])
    return set(rows.values_list("standing", flat=True))


@pytest.mark.parametrize("now", [OTHERS, RESTARTED], ids=["other Ids", "the same Ids"])
def test_the_company_rests_until_a_person_says_go_on(
    firm: Firm, requests: Callable[..., list[Json]], now: list[Json]
) -> None:
    before = site()
    firm.has(*now)
    with killed_at(lambda name: name == "reset.asked"), pytest.raises(Killed):
        reads_all(firm)
    expire_lease(firm.connection)
    firm.walk()
    assert firm.cases() == {("reset", "")}
    case = firm.case("reset", "")
    assert (case.facts["unseen"], case.facts["known"]) == (len(MANY), len(MANY))
    assert (firm.state.phase, firm.state.trouble["code"]) == ("rest", "reset")
    asked = len(requests())
    assert firm.sync() is None
    cycle.heal()
    with pytest.raises(CommandError, match="until a person says go on"):
        call_command("qbo_sync")
    assert len(requests()) == asked, "whoever asks: nothing is read"
    assert standings() == {"top"}
    assert set(Mapping.objects.values_list("asleep", flat=True)) == {""}
    assert site() == before

    reset.go_on(firm.connection, None)
    firm.walk()
    assert ("reset", "") not in firm.cases() and not firm.state.trouble
    assert site() == before, "what follows is a plan, which waits"
    run = Run.objects.get(state=Run.State.WAITING)
    assert "asked" in run.stops
    firm.approve(run)
    if now is OTHERS:
        assert standings() == {"gone"}
        assert firm.cases() == {("gone", str(number)) for number in MANY}
    else:
        assert set(Client.objects.values_list("name", flat=True)) == {
            f"Restarted {number}" for number in MANY
        }
    for _ in range(3):  # what was asked for meanwhile, and the pairs
        firm.walk()
    reads_all(firm)
    assert ("reset", "") not in firm.cases(), "what a person has agreed to is not asked again"
    with pytest.raises(cases.AlreadyAnswered):
        reset.go_on(firm.connection, None)


def test_a_few_are_no_reset(firm: Firm) -> None:
    """Below the brake each is looked at by itself; an older one is not believed."""
    firm.has(*RESTARTED[:10], *map(was, MANY[15:]))
    reads_all(firm)
    assert firm.cases() == {("gone", str(number)) for number in MANY[10:15]}
    assert firm.client("100").name == "Was 100"


def test_many_new_ones_do_not_hide_it(firm: Firm) -> None:
    """The share is of those that were known before."""
    firm.has(*OTHERS, *(customer(str(number), f"More {number}") for number in range(600, 900)))
    reads_all(firm)
    assert firm.cases() == {("reset", "")}
