"""U8: the client of a customer that turns inactive is archived, where the site can."""

from __future__ import annotations

from typing import Any

import pytest
from crm.models import Client
from django.core.management import call_command
from pytest_django import Settings

from tests import factories
from wagtail_qbo_sync.host.adapter import ClientAdapter, get_adapter
from wagtail_qbo_sync.models import Mapping, Run
from wagtail_qbo_sync.sync.people import ticks
from wagtail_qbo_sync.sync.planning import undoing
from wagtail_qbo_sync.sync.reading import compare
from wagtail_qbo_sync.sync.records.archive import archives

from .conftest import customer
from .firm import Firm, client, told

AWAY = "archive"


class ArchivingAdapter(ClientAdapter):
    """A site whose clients are archived by their city, which is not synced."""

    fields = {"name": "name", "email": "email", "company_name": "company_name"}

    def archive(self, client: Any) -> bool:
        if client.mobile == "never":
            raise ValueError("This one is always in use.")
        return self._put(client, AWAY, "")

    def unarchive(self, client: Any) -> bool:
        if client.mobile == "gone":
            raise ValueError("It cannot come back.")
        return self._put(client, "", AWAY)

    def _put(self, client: Any, city: str, instead_of: str) -> bool:
        if client.city != instead_of:
            return False
        client.city = city
        client.save()
        return True


class ArchivesNoMore(ClientAdapter):
    fields = ArchivingAdapter.fields


@pytest.fixture
def firm(settings: Settings, firm: Firm) -> Firm:
    """Anna is mapped, and the policy is to archive."""
    path = f"{__name__}.{ArchivingAdapter.__name__}"
    settings.WAGTAIL_QBO_SYNC = {**settings.WAGTAIL_QBO_SYNC, "ADAPTER": path}
    client("Anna", "anna@example.org")
    firm.has(customer("1", "Anna", "anna@example.org"))
    firm.chooses(inactive_policy="archive")
    firm.sync()
    assert firm.mapped() == {"1": "Anna"}
    return firm


def city() -> str:
    return Client.objects.get().city


def turns(firm: Firm, *, active: bool, **values: Any) -> Any:
    """What the next sync tells of it."""
    firm.edits("1", Active=active, **values)
    return told(firm.sync())


def test_it_is_archived_and_comes_back_with_its_customer(
    firm: Firm, capsys: pytest.CaptureFixture[str]
) -> None:
    assert turns(firm, active=False) == {("sleep", "Anna (deleted)", "done")}
    assert (city(), firm.cases()) == (AWAY, set())
    assert firm.mapping("1").asleep == Mapping.Asleep.INACTIVE
    call_command("qbo_why", "1")
    assert "The sync archived the client for that" in capsys.readouterr().out
    assert firm.sync() is None
    assert turns(firm, active=True, CompanyName="Back") == {("wake", "Anna", "done")}
    assert (city(), firm.client("1").company_name) == ("", "Back")
    assert "archived" not in firm.mapping("1").base
    assert firm.sync() is None


def test_one_that_was_archived_before_stays_so(firm: Firm) -> None:
    Client.objects.update(city=AWAY)
    turns(firm, active=False)
    turns(firm, active=True)
    assert city() == AWAY


def test_one_that_a_person_took_back_and_archived_later_is_theirs(firm: Firm) -> None:
    for _ in range(2):
        turns(firm, active=False)
        turns(firm, active=True)
    Client.objects.update(city=AWAY)
    firm.edits("1", CompanyName="New")
    firm.sync()
    assert (city(), firm.client("1").company_name) == (AWAY, "New")


def test_what_the_site_does_not_archive_is_flagged(firm: Firm) -> None:
    Client.objects.update(mobile="never")
    turns(firm, active=False)
    assert firm.mapping("1").asleep == Mapping.Asleep.INACTIVE
    assert (city(), firm.cases()) == ("", {("inactive", "1")})


def test_what_does_not_come_back_is_named_and_its_mapping_sleeps_on(firm: Firm) -> None:
    turns(firm, active=False)
    Client.objects.update(mobile="gone")
    assert turns(firm, active=True, CompanyName="Back") == {("wake", "Anna", "failed")}
    assert firm.cases() == {("refused", "1")}
    assert (city(), firm.client("1").company_name) == (AWAY, "")
    assert firm.sync() is None, "not tried again until a side moves"
    Client.objects.update(mobile="")
    firm.edits("1", CompanyName="Here")
    firm.sync()
    assert (city(), firm.client("1").company_name, firm.cases()) == ("", "Here", set())


def test_it_comes_back_although_a_value_is_refused(firm: Firm) -> None:
    turns(firm, active=False)
    again = customer("1", "Anna", "else@example.org", CompanyName="x" * 101, SyncToken="9")
    firm.gets(again)
    assert told(firm.sync()) == {("wake", "Anna", "done")}
    assert (city(), firm.client("1").email) == ("", "else@example.org")
    assert (firm.mapping("1").asleep, firm.cases()) == ("", {("refused", "1")})
    assert firm.sync() is None


def test_a_client_of_two_companies_is_in_use_and_flagged(firm: Firm) -> None:
    anna = firm.client("1")
    other = factories.connection("Other")
    Mapping.objects.create(connection=other, qbo_id="9", client=anna, client_pk=str(anna.pk))
    turns(firm, active=False)
    assert (city(), firm.cases()) == ("", {("inactive", "1")})


def test_one_that_is_gone_is_archived_too(firm: Firm) -> None:
    there = firm.records()
    firm.has()
    assert compare.begin(firm.state)
    firm.walk()
    assert (city(), firm.cases()) == (AWAY, set())
    firm.has(*there)
    firm.sync()
    assert city() == ""


def test_those_asleep_already_are_archived_once_the_policy_says_so(firm: Firm) -> None:
    firm.chooses(inactive_policy="flag")
    turns(firm, active=False)
    assert firm.cases() == {("inactive", "1")}
    firm.chooses(inactive_policy="archive")
    plan = firm.plan()
    assert (plan.stops, plan.steps.get().label) == (["terms"], "Client archived")
    firm.approve(plan)
    assert (city(), firm.cases()) == (AWAY, set())
    Client.objects.update(city="")
    assert firm.sync() is None, "who takes it back into use by hand is not overruled"
    assert city() == ""


def test_unticked_it_sleeps_and_stays_in_use(firm: Firm) -> None:
    firm.chooses(inactive_policy="flag")
    turns(firm, active=False)
    firm.chooses(inactive_policy="archive")
    plan = firm.plan()
    assert ticks.tick(plan, plan.steps.all(), ticked=False) == 1
    firm.approve(plan)
    assert (city(), firm.mapping("1").asleep) == ("", Mapping.Asleep.INACTIVE)
    assert firm.sync() is None


def test_undoing_the_run_brings_it_back(firm: Firm) -> None:
    firm.edits("1", Active=False)
    run = firm.sync()
    assert run is not None and run.steps.get().label == "Client archived"
    firm.approve(undoing.start(run, None))
    assert (city(), firm.mapping("1").asleep) == ("", Mapping.Asleep.INACTIVE)
    assert firm.sync() is None, "not archived again"
    Client.objects.update(city=AWAY)
    turns(firm, active=True)
    assert city() == AWAY, "by whom it was archived since is their business"


def undone(firm: Firm, run: Run) -> Run:
    run.refresh_from_db()
    plan = undoing.start(run, None)
    firm.approve(plan)
    plan.refresh_from_db()
    return plan


def ended(run: Run) -> list[str]:
    return list(run.steps.values_list("state", flat=True))


def archived(firm: Firm) -> Run:
    """The run that archived Anna."""
    firm.edits("1", Active=False)
    run = firm.sync()
    assert run is not None and city() == AWAY
    return run


def test_undoing_the_undo_archives_it_again_and_so_on(firm: Firm) -> None:
    back = undone(firm, archived(firm))
    assert city() == ""
    again = undone(firm, back)
    assert ended(again) == ["done"]
    assert (city(), firm.mapping("1").base["archived"]) == (AWAY, True)
    assert firm.sync() is None
    third = undone(firm, again)
    assert (ended(third), city()) == (["done"], "")
    undone(firm, third)
    turns(firm, active=True)
    assert city() == "", "it comes back with its customer"


def test_who_came_back_with_its_customer_is_not_archived_again(firm: Firm) -> None:
    back = undone(firm, archived(firm))
    turns(firm, active=True)
    assert ended(undone(firm, back)) == ["held"] and city() == ""


def test_whom_a_person_took_back_before_the_undo_is_not_archived_again(firm: Firm) -> None:
    run = archived(firm)
    Client.objects.update(city="")
    back = undone(firm, run)
    plan = undoing.start(back, None)
    assert (plan.state, ended(plan)) == (Run.State.DONE, []), "there is nothing to take back"


def test_why_it_is_not_archived_again_is_the_answer(firm: Firm) -> None:
    back = undone(firm, archived(firm))
    Client.objects.update(mobile="never")
    again = undone(firm, back)
    assert ended(again) == ["failed"] and city() == ""
    assert again.steps.get().data["why"].endswith("This one is always in use.")
    Client.objects.update(mobile="")
    other, anna = factories.connection("Other"), Client.objects.get()
    Mapping.objects.create(connection=other, qbo_id="9", client=anna, client_pk=str(anna.pk))
    again = undone(firm, back)
    assert "another company" in again.steps.get().data["why"] and city() == ""


def test_a_site_that_archives_no_more_says_so(firm: Firm, settings: Settings) -> None:
    back = undone(firm, archived(firm))
    path = f"{ArchivesNoMore.__module__}.{ArchivesNoMore.__name__}"
    settings.WAGTAIL_QBO_SYNC = {**settings.WAGTAIL_QBO_SYNC, "ADAPTER": path}
    again = undone(firm, back)
    assert ended(again) == ["failed"] and city() == ""
    assert "archives no clients any more" in again.steps.get().data["why"]


def test_an_undo_leaves_what_came_back_already(firm: Firm) -> None:
    firm.edits("1", Active=False)
    run = firm.sync()
    turns(firm, active=True)
    Client.objects.update(city=AWAY)
    assert run is not None
    plan = undoing.start(run, None)
    firm.approve(plan)
    assert (city(), plan.steps.get().state) == (AWAY, "held")


def test_a_project_is_not_inactive(firm: Firm) -> None:
    assert archives(firm.connection, get_adapter(), "inactive")
    assert archives(firm.connection, get_adapter(), "gone")
    assert not archives(firm.connection, get_adapter(), "project")


def test_a_site_that_cannot_archive_flags(firm: Firm) -> None:
    assert not archives(firm.connection, ClientAdapter(), "inactive")


def test_many_at_once_wait_for_a_person(firm: Firm) -> None:
    """The brake (U3) counts them."""
    many = [str(number) for number in range(100, 130)]
    for one in many:
        client(f"Many {one}", f"{one}@example.org")
    firm.gets(*(customer(one, f"Many {one}", f"{one}@example.org") for one in many))
    firm.sync()
    assert len(firm.mapped()) == 31
    for one in many:
        firm.edits(one, Active=False)
    assert firm.plan().stops == ["brake"]
    assert not Client.objects.filter(city=AWAY).exists()
