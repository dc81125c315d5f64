"""Erasing one person (U17): nothing of them is left but an ID, and nothing comes back."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from crm.models import ContactType
from django.core.management import CommandError, call_command
from django.db import connection as database
from django.test.utils import CaptureQueriesContext

from tests import factories
from wagtail_qbo_sync import clock, tasks
from wagtail_qbo_sync.models import (
    BulkDecision,
    Case,
    Change,
    Customer,
    Decision,
    Mapping,
    Outbox,
    Send,
    Step,
)
from wagtail_qbo_sync.sync.bulk import decisions
from wagtail_qbo_sync.sync.bulk.choices import Choice
from wagtail_qbo_sync.sync.people import decide, erase, exclusion, mapping, mentions
from wagtail_qbo_sync.sync.reading import compare
from wagtail_qbo_sync.sync.records.locked import Refusal
from wagtail_qbo_sync.sync.types_file import imports

from .conftest import customer
from .firm import Firm, Killed, client, edit, killed_at
from .test_merged import merges
from .types_file.files import csv_of

NAME, MAIL, PHONE = "Zerubbabel Quist", "zerubbabel@quist.example", "207-555-0199"
FORMER = "207-555-0100"
MARKS = ("Zerubbabel", MAIL, PHONE, FORMER)


@pytest.fixture
def quist(firm: Firm) -> Firm:
    """A firm that knows somebody well: mapped, overwritten, sent, compared, asked about."""
    person = factories.user(username="partner")
    client(NAME, MAIL, phone=FORMER)
    client("Anna Berg", "a@x.example")
    firm.has(
        customer("1", NAME, MAIL, PrimaryPhone={"FreeFormNumber": PHONE}),
        customer("2", "Anna Berg", "a@x.example"),
        customer("3", NAME + " junior"),
    )
    firm.sync()
    row = (firm.mapping("1").client_pk, NAME, MAIL, "No such type")
    imports.start(csv_of(row).encode(), "types.csv", None)
    edit(firm.client("1"), mobile=FORMER)
    firm.sync()
    edit(firm.client("1"), phone=FORMER)
    firm.edits("1", PrimaryPhone={"FreeFormNumber": "1 0199"})
    firm.sync()
    assert compare.begin(firm.state)
    firm.walk()
    firm.walk()
    exclusion.disconnect_client(firm.connection, firm.mapping("1").client_pk, person)
    decide.record(firm.connection, "map", person, qbo_id="1", customer=NAME, client=NAME)
    return firm


OFFICE = "office@shared.example"
"""An address that others share, by which they are like them."""


@pytest.fixture
def known(firm: Firm) -> Firm:
    """A firm in which the rows of others name somebody: of a wrong match, of who is like them, of
    whose name is taken, and of a merge in QuickBooks."""
    person = factories.user(username="partner")
    kind = ContactType.objects.create(name="Monthly books")
    firm.chooses(pushed_types=[str(kind.pk)])
    one = client(NAME, OFFICE, phone=FORMER)
    key = str(one.pk)
    firm.has(customer("2", "Ida Holm", "ida@holm.example"))
    firm.sync()
    mapping.map_customer(firm.connection, "2", key, person)
    firm.sync()
    mapping.remove_match(firm.connection, "2", person)
    edit(one, name=NAME, email=OFFICE, phone=FORMER)
    exclusion.exclude_client(firm.connection, key, person)
    exclusion.include_client(firm.connection, key, person)
    phone = {"PrimaryPhone": {"FreeFormNumber": PHONE}}
    firm.gets(customer("1", NAME, OFFICE, **phone))
    firm.sync()
    mapping.map_customer(firm.connection, "1", key, person)
    firm.sync()
    firm.gets(customer("4", "Otto Falk", OFFICE))
    zoe = client("Zoe Quill", OFFICE)
    edit(zoe, contact_type=kind)
    firm.sync()
    review = firm.case("review", "4")
    assert NAME in {each["label"] for each in review.facts["candidates"]}
    alike = Case.objects.get(kind="alike", client_pk=str(zoe.pk))
    assert NAME in {each["label"] for each in alike.facts["customers"]}
    holder = {"entity": "Customer", "id": "1", "name": NAME, "active": True}
    factories.case(firm.connection, "not_taken", "2", facts={"name_holder": holder})
    rows = [(key, "Somebody", "", ""), ("", NAME, "nobody@x.example", "")]
    imports.start(csv_of(*rows).encode(), "types.csv", None)
    firm.gets(customer("9", NAME + " & Co", OFFICE, **phone))
    merges(firm, "9", "1")
    firm.sync()
    assert firm.mapping("9").client_pk == key
    return firm


@pytest.fixture
def pushed(quist: Firm) -> ContactType:
    """The type whose clients go to QuickBooks."""
    kind = ContactType.objects.create(name="Monthly books")
    quist.chooses(pushed_types=[str(kind.pk)])
    return kind


def ours(text: str) -> str:
    """The database without the site's own clients, their search index and their history, all
    of which stay."""
    rows = re.split(r'(?="model": )', text)
    theirs = ('"model": "crm.', '"model": "wagtailsearch')
    history = '"model": "wagtailcore.modellogentry"'
    label = f'"label": "{NAME}"'
    return "".join(
        row.replace(label, "", 1) if row.startswith(history) else row
        for row in rows
        if not row.startswith(theirs)
    )


def test_nothing_is_left_but_the_id(quist: Firm, database_text: Callable[[], str]) -> None:
    before = database_text().replace('\\"', '"')
    assert all(mark in before for mark in MARKS) and "No such type" in before
    pk = quist.mapping("1").client_pk
    erase.erase(quist.connection, "1", None)
    erase.erase(quist.connection, "3", None)
    left = ours(database_text().replace('\\"', '"'))
    assert [mark for mark in MARKS if mark in left] == []
    said = Decision.objects.values_list("kind", "qbo_id", "client_pk", "facts")
    assert list(said.order_by("kind", "qbo_id")) == [
        ("exclude_client", "", pk, {"erased": "1"}),
        ("exclude_customer", "1", "", {"erased": True}),
        ("exclude_customer", "3", "", {"erased": True}),
    ]
    assert not Mapping.objects.filter(qbo_id="1").exists()
    assert quist.mapped() == {"2": "Anna Berg"}


def test_no_row_of_others_names_them(known: Firm, database_text: Callable[[], str]) -> None:
    marks = ("Zerubbabel", PHONE, FORMER)
    before = ours(database_text().replace('\\"', '"'))
    assert all(mark in before for mark in marks)
    for qbo_id in ("9", "1"):
        erase.erase(known.connection, qbo_id, None)
    left = ours(database_text().replace('\\"', '"'))
    assert [mark for mark in marks if mark in left] == []
    assert ("review", "4") in known.cases(), "others are still asked about"
    assert Case.objects.get(kind="not_taken").facts["name_holder"]["name"] == "1"


def test_a_process_that_ends_is_followed_up(known: Firm) -> None:
    """By the daily deletion."""
    with pytest.raises(Killed), killed_at("erase.blanked".__eq__):
        erase.erase(known.connection, "9", None)
    tasks.prune()
    review = known.case("review", "4")
    assert {each["label"] for each in review.facts["candidates"]} == {"", "Zoe Quill"}
    assert Decision.objects.get(kind="exclude_customer", qbo_id="9").facts == {"erased": True}


def test_names_are_taken_out_in_slices_of_as_many_queries(
    db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = factories.run(factories.connection(), "done")

    def queries(count: int) -> int:
        Step.objects.all().delete()
        named = {"candidates": [{"pk": "7", "label": NAME}, {"pk": "8", "label": "Bo"}]}
        rows = (Step(run=run, kind="review", qbo_id=str(n), data=named) for n in range(count))
        Step.objects.bulk_create(rows)
        with CaptureQueriesContext(database) as asked:
            mentions.blank(run.connection, "1", ["7"])
        for data in Step.objects.values_list("data", flat=True):
            assert [one["label"] for one in data["candidates"]] == ["", "Bo"]
        return len(asked)

    one_slice = queries(10)
    assert queries(40) == one_slice
    monkeypatch.setattr(mentions, "CHUNK", 10)
    three = queries(30)
    assert queries(50) - queries(40) == queries(40) - three


def test_no_sync_stores_anything_of_them_again(quist: Firm) -> None:
    erase.erase(quist.connection, "1", None)
    quist.edits("1", CompanyName="Quist & Co")
    quist.sync()
    assert compare.begin(quist.state)
    quist.walk()
    quist.walk()
    assert set(Customer.objects.values_list("qbo_id", flat=True)) == {"2", "3"}
    assert not Change.objects.filter(qbo_id="1").exists()
    assert not Step.objects.filter(qbo_id="1").exists()


@pytest.mark.parametrize("removed_before", [False, True])
def test_an_edit_of_the_client_makes_no_customer_anew(
    quist: Firm, pushed: ContactType, removed_before: bool
) -> None:
    """K13 and K14 look at clients, and know nothing of a customer that was erased."""
    held, stranger = quist.client("1"), client("Bo Coe", contact_type=pushed)
    quist.sync()
    if removed_before:
        mapping.remove_match(quist.connection, "1", None)
    erase.erase(quist.connection, "1", None)
    there = {each["Id"] for each in quist.records()}
    edit(held, phone="5", contact_type=pushed)
    edit(stranger, phone="6")
    quist.sync()
    assert {each["Id"] for each in quist.records()} == there
    assert not Outbox.objects.filter(client_pk=str(held.pk), kind="create").exists()


def test_allowed_again_the_pair_is_found_again(quist: Firm, pushed: ContactType) -> None:
    """Both exclusions are lifted, but for what a person said of a client."""
    held, other = quist.client("1"), quist.client("2")
    quist.says(Decision.Kind.EXCLUDE_CLIENT, client=other)
    erase.erase(quist.connection, "1", None)
    erase.erase(quist.connection, "2", None)
    assert erase.allow_again(quist.connection, "1", None)
    assert erase.allow_again(quist.connection, "2", None)
    said = Decision.objects.exclude(kind=Decision.Kind.REMOVED_MATCH)
    assert list(said.values_list("client_pk", flat=True)) == [str(other.pk)]
    quist.edits("1", CompanyName="Quist & Co")
    quist.sync()
    assert quist.mapped() == {"1": held.name}


@pytest.mark.parametrize("how", ["undo of many", "one"])
def test_including_again_is_no_way_back(firm: Firm, how: str) -> None:
    """They were excluded before they were erased; who takes that back does not see it."""
    firm.has(customer("1", NAME, MAIL), customer("2", "Anna Berg", "a@x.example"))
    firm.sync()
    act, person = BulkDecision.Act.EXCLUDE, factories.user(username="partner")
    both = decisions.decide(firm.connection, act, [Choice("1", act), Choice("2", act)], person)
    erase.erase(firm.connection, "1", person)
    if how == "one":
        exclusion.include_customer(firm.connection, "1", person)
    else:
        decisions.undo(both, person)
        assert not Decision.objects.filter(qbo_id="2", kind=Decision.Kind.EXCLUDE_CUSTOMER).exists()
    compare.begin(firm.state)
    firm.sync()
    assert list(Customer.objects.values_list("qbo_id", flat=True)) == ["2"]


def test_the_client_and_the_customer_stay(quist: Firm) -> None:
    there, held = quist.record("1"), quist.client("1")
    erase.erase(quist.connection, "1", None)
    held.refresh_from_db()
    assert held.name == NAME
    assert quist.record("1") == there


def test_what_is_on_its_way_is_waited_for(quist: Firm) -> None:
    pk = quist.mapping("2").client_pk
    row = Outbox.objects.create(
        connection=quist.connection,
        client_pk=pk,
        qbo_id="2",
        kind="update",
        state="sent",
        wanted_at=clock.now(),
        send=Send.objects.create(connection=quist.connection, request_id="r", body="{}"),
    )
    with pytest.raises(Refusal, match="on its way"):
        erase.erase(quist.connection, "2", None)
    assert quist.mapping("2")
    Outbox.objects.filter(pk=row.pk).update(state="done")
    with pytest.raises(Refusal, match="on its way"):
        erase.erase(quist.connection, "2", None)  # others in the batch are not done
    Send.objects.update(is_open=False)
    erase.erase(quist.connection, "2", None)
    assert set(Send.objects.values_list("body", flat=True)) == {""}


def test_the_command(quist: Firm, capsys: pytest.CaptureFixture[str]) -> None:
    call_command("qbo_erase", "1", "--yes")
    assert "an exclusion of the ID 1" in capsys.readouterr().out
    with pytest.raises(CommandError, match="Nothing is stored"):
        call_command("qbo_erase", "4711", "--yes")
    call_command("qbo_erase", "1", "--allow-again")
    assert not Decision.objects.filter(qbo_id="1").exists()
    with pytest.raises(CommandError, match="was not erased"):
        call_command("qbo_erase", "1", "--allow-again")
    factories.connection("Other")
    with pytest.raises(CommandError, match="--company"):
        call_command("qbo_erase", "1", "--yes")


def test_a_person_may_think_twice(quist: Firm, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("builtins.input", lambda question: "")
    with pytest.raises(CommandError, match="Nothing was erased"):
        call_command("qbo_erase", "1")
    assert Customer.objects.filter(qbo_id="1").exists()
