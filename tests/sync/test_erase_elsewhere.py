"""Erasing one person (U17): what the rows of others, and files, hold of them."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
from crm.models import ContactType
from django.db import OperationalError
from django.db import connection as database
from django.utils import timezone
from wagtail.models import ModelLogEntry

from tests import factories
from wagtail_qbo_sync.models import (
    Case,
    Change,
    Customer,
    Decision,
    ImportBatch,
    ImportRow,
    Mapping,
    Step,
)
from wagtail_qbo_sync.sync.people import decide, erase, imported, mapping, ticks
from wagtail_qbo_sync.sync.people.imprint import Imprint, imprint
from wagtail_qbo_sync.sync.records.locked import Refusal
from wagtail_qbo_sync.sync.types_file import applying, imports

from .conftest import customer
from .firm import Firm, client, edit
from .test_erase import FORMER, MAIL, NAME, PHONE, ours
from .types_file.files import csv_of

State = ImportBatch.State


@pytest.fixture
def quist(firm: Firm) -> Firm:
    """Mapped to a client that was like it."""
    client(NAME, MAIL, phone=FORMER)
    firm.has(customer("1", NAME, MAIL, PrimaryPhone={"FreeFormNumber": PHONE}))
    firm.sync()
    return firm


def test_a_client_that_is_somebody_else_s_by_now(
    quist: Firm, database_text: Callable[[], str]
) -> None:
    """The journal of its new customer says what it was before; the mapping goes on."""
    person, held = factories.user(username="partner"), quist.client("1")
    quist.gets(customer("2", "Anna Berg", "a@x.example", CompanyName="Berg Ltd"))
    quist.sync()
    mapping.move_mapping(quist.connection, "2", str(held.pk), person)
    quist.sync()
    edit(quist.client("2"), mobile="555 0007")
    quist.sync()
    before = ours(database_text().replace('\\"', '"'))
    assert all(mark in before for mark in (NAME, MAIL, PHONE))
    erase.erase(quist.connection, "1", None)
    left = ours(database_text().replace('\\"', '"'))
    assert [mark for mark in ("Zerubbabel", MAIL, FORMER) if mark in left] == []
    # The client still has its phone: QuickBooks says none of Anna's, and a blank erases nothing.
    assert not Change.objects.filter(values__has_key="phone", client_pk=held.pk).exists()
    journal = Change.objects.filter(client_pk=held.pk, qbo_id="2")
    assert {name for one in journal for name in one.values} == {"company_name", "mobile"}
    linked = Step.objects.get(kind="link", qbo_id="2")
    assert (list(linked.data["values"]), linked.touches) == (
        ["company_name"],
        " site:company_name ",
    )
    assert not Decision.objects.filter(kind="exclude_client").exists(), "it is Anna's now"
    quist.edits("2", CompanyName="Berg & Co")
    quist.sync()
    assert quist.client("2").company_name == "Berg & Co"


@pytest.mark.parametrize("unticked", [False, True])
def test_a_plan_that_waits_stays_whole(quist: Firm, unticked: bool) -> None:
    """Also what was unticked: it can be ticked again."""
    person, held = factories.user(username="partner"), quist.client("1")
    quist.gets(customer("2", "Anna Berg", "a@x.example", CompanyName="Berg Ltd"))
    quist.sync()
    mapping.move_mapping(quist.connection, "2", str(held.pk), person)
    quist.sync()
    quist.edits("2", PrimaryPhone={"FreeFormNumber": "555 9999"}, CompanyName="Berg & Co")
    decide.ask_for_plan(quist.connection)
    plan = quist.plan()
    if unticked:
        assert ticks.tick(plan, plan.steps.all(), person, ticked=False)
    erase.erase(quist.connection, "1", None)
    ticks.tick(plan, plan.steps.all(), person, ticked=True)
    quist.approve(plan)
    assert (quist.client("2").phone, quist.client("2").company_name) == ("555 9999", "Berg & Co")


def test_what_was_unticked_of_a_discarded_plan_goes(quist: Firm) -> None:
    held = quist.client("1")
    quist.gets(customer("2", "Anna Berg", "a@x.example"))
    quist.sync()
    mapping.move_mapping(quist.connection, "2", str(held.pk), None)
    quist.sync()
    quist.edits("2", PrimaryPhone={"FreeFormNumber": "555 9999"})
    decide.ask_for_plan(quist.connection)
    plan = quist.plan()
    step = plan.steps.get(data__values__has_key="phone")
    assert ticks.tick(plan, plan.steps.all(), ticked=False)
    assert decide.discard(plan, None)
    erase.erase(quist.connection, "1", None)
    step.refresh_from_db()
    assert "phone" not in step.data["values"]


def test_cases_that_are_closed_and_hold_their_values_go(quist: Firm) -> None:
    held = quist.mapping("1")
    Mapping.objects.filter(pk=held.pk).update(qbo_id="2")
    facts = ({"phone": {"site": PHONE, "qbo": "5"}}, {"phone": {"site": "6", "qbo": "5"}})
    for one in facts:
        factories.case(quist.connection, "conflict", "2", client_pk=held.client_pk, facts=one)
        Case.objects.update(open_key=None, closed_at=timezone.now())
    erase.erase(quist.connection, "1", None)
    assert Case.objects.get().facts == facts[1]


def test_a_file_that_is_not_read_yet_is_waited_for(
    quist: Firm, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(imports, "READ_AT_ONCE", 0)
    batch = imports.start(csv_of(("", NAME, "", "VIP")).encode(), "types.csv", None)
    assert batch.state == State.READING
    with pytest.raises(Refusal, match="is being read"):
        erase.erase(quist.connection, "1", None)
    assert quist.mapping("1")
    assert imports.discard(batch)
    erase.erase(quist.connection, "1", None)


@pytest.mark.parametrize(
    "row",
    [
        ("", "Quist, Zerubbabel", ""),
        ("", "Mr. ZERUBBABEL  QUIST", ""),
        ("", "", f"office@x.example, {MAIL.upper()}"),
    ],
)
def test_a_preview_that_names_them_is_thrown_away(quist: Firm, row: tuple[str, str, str]) -> None:
    imports.start(csv_of((*row, "VIP")).encode(), "types.csv", None)
    other = imports.start(csv_of(("", "Zerubbabel Finch", "", "VIP")).encode(), "types.csv", None)
    erase.erase(quist.connection, "1", None)
    assert ImportBatch.objects.get().pk == other.pk
    assert ImportRow.objects.get().said["name"] == "Zerubbabel Finch"


def test_an_import_that_was_confirmed_stays_without_them(
    quist: Firm, database_text: Callable[[], str]
) -> None:
    """Neither do its name, and the history of the clients that it changed, name them."""
    ContactType.objects.create(name="VIP")
    anna = client("Anna Berg")
    rows = ((one.pk, "", "", "VIP") for one in (quist.client("1"), anna))
    name = "quist_zerubbabel (2).csv"
    batch = imports.start(csv_of(*rows).encode(), name, None)
    assert imports.confirm(batch, None)
    batch.rows.update(said={"name": "Quist, Zerubbabel"})
    entries = ModelLogEntry.objects.filter(data__import=batch.pk)
    assert [one.data["file"] for one in entries] == [name, name]
    erase.erase(quist.connection, "1", None)
    batch.refresh_from_db()
    assert (batch.state, batch.name) == (State.DONE, "…")
    assert [one.said for one in batch.rows.all()] == [{}, {}]
    assert "zerubbabel" not in ours(database_text().replace('\\"', '"')).lower()


@pytest.mark.server
@pytest.mark.django_db(transaction=True)
def test_a_slice_that_has_read_its_rows_stores_nothing_of_them(
    quist: Firm, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is waited for."""
    if database.vendor == "sqlite":
        pytest.skip("SQLite lets one write at a time")
    ContactType.objects.create(name="VIP")
    row = (quist.client("1").pk, f"{NAME} Jr", MAIL, "VIP")
    batch = imports.start(csv_of(row).encode(), "types.csv", None)
    has_read, is_erased = threading.Event(), threading.Event()
    write = applying._write

    def wait_and_write(*about: Any) -> None:
        has_read.set()
        is_erased.wait(3)
        write(*about)

    monkeypatch.setattr(applying, "_write", wait_and_write)

    def confirm() -> None:
        try:
            imports.confirm(batch, None)
        finally:
            has_read.set()
            database.close()

    slices = threading.Thread(target=confirm)
    slices.start()
    has_read.wait(60)
    erase.erase(quist.connection, "1", None)
    is_erased.set()
    slices.join(60)
    stored = ImportRow.objects.get()
    assert (stored.state, stored.said, stored.why, stored.about) == ("done", {}, "", {})


@pytest.mark.django_db(transaction=True)
def test_what_the_database_ended_is_done_anew(quist: Firm, monkeypatch: pytest.MonkeyPatch) -> None:
    endings: list[Exception | None] = [OperationalError(1213, "Deadlock found"), None]
    hold = imported.hold

    def hold_or_end(person: Imprint) -> None:
        hold(person)
        if ending := endings.pop(0):
            raise ending

    monkeypatch.setattr(imported, "hold", hold_or_end)
    erase.erase(quist.connection, "1", None)
    assert not endings and not Customer.objects.exists()


def test_what_cannot_be_read_opens_no_case_of_them(quist: Firm) -> None:
    erase.erase(quist.connection, "1", None)
    quist.gets(*({**customer(qbo_id, NAME), "CompanyName": 7} for qbo_id in "15"))
    quist.sync()
    assert set(Case.objects.values_list("kind", "qbo_id")) == {("unreadable", "5")}


def test_a_name_of_one_word_is_told_alone(quist: Firm) -> None:
    quist.gets(customer("4", "Cher"))
    quist.sync()
    found = imprint(quist.connection, Customer.objects.get(qbo_id="4"), "4")
    assert found.is_named("CHER") and not found.is_named("Cher Ami")
    assert found.is_in_file_name("cher.csv") and not found.is_in_file_name("cheroot.csv")
