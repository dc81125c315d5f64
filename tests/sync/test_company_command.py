"""`manage.py qbo_company`: what people decide about a whole company (U15)."""

from __future__ import annotations

import io
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest
from crm.models import Client
from django.core.exceptions import ValidationError
from django.core.management.base import CommandError

from tests import factories
from wagtail_qbo_sync import clock
from wagtail_qbo_sync.models import (
    BulkDecision,
    Case,
    Connection,
    Customer,
    Decision,
    Mapping,
    Run,
    SyncState,
    Token,
)
from wagtail_qbo_sync.sync.bulk import decisions, proposal
from wagtail_qbo_sync.sync.people import deleted

from .conftest import customer
from .firm import Firm, client, edit
from .test_commands import answers, exit_status, failure, run  # noqa: F401
from .test_refused import host_rule  # noqa: F401


@pytest.fixture
def company(db: None) -> Connection:
    return factories.connection("Harbor & Finch")


def asks(company: Connection, kind: str, **facts: object) -> None:
    factories.case(company, kind, "", facts=facts)


def test_disconnect(company: Connection) -> None:
    factories.customer(company)
    assert "are kept" in run("qbo_company", "disconnect", "--yes")
    company.refresh_from_db()
    assert not company.is_connected and Customer.objects.exists()
    assert "is not connected" in failure("qbo_company", "disconnect")


def test_disconnect_with_its_mirror(company: Connection) -> None:
    factories.customer(company)
    run("qbo_company", "disconnect", "--delete-mirror", "--yes")
    assert not Customer.objects.exists()


def test_a_copy_is_named_before_it_disconnects(company: Connection) -> None:
    Connection.objects.update(installation={"installation": "elsewhere"})
    assert "live site or a copy" in failure("qbo_company", "disconnect")
    run("qbo_company", "copy")
    company.refresh_from_db()
    assert not company.is_connected and not Token.objects.exists()


def test_the_live_site_is_that_of_all_its_companies(company: Connection) -> None:
    factories.connection("Other")
    assert "by another site" in failure("qbo_company", "live-site")
    Connection.objects.update(installation={"installation": "elsewhere"})
    said = run("qbo_company", "live-site")
    assert said.count("live site now") == 2
    assert "by another site" in failure("qbo_company", "copy"), "both belong here now"


def test_a_reset_is_taken_for_the_truth(company: Connection) -> None:
    asks(company, "reset", unseen=40, known=40)
    assert "A plan shows" in run("qbo_company", "go-on", "--yes")
    assert not Case.objects.filter(open_key__isnull=False).exists()
    assert "Nothing of the kind" in failure("qbo_company", "go-on")


@pytest.mark.parametrize(
    ("act", "answer"), [("reattach-deleted", deleted.REATTACH), ("leave-deleted", deleted.LEAVE)]
)
def test_many_deleted_clients(company: Connection, act: str, answer: str) -> None:
    asks(company, "deletions", lost=40, pairs=[])
    run("qbo_company", act, "--yes")
    assert Case.objects.get().facts["answer"]["do"] == answer
    assert "Nothing of the kind" in failure("qbo_company", act)


def test_whom_the_policy_excluded_takes_part_again(company: Connection) -> None:
    for qbo_id in "123":
        Decision.objects.create(
            connection=company,
            kind=Decision.Kind.EXCLUDE_CUSTOMER,
            qbo_id=qbo_id,
            by_policy=qbo_id != "3",
            at=clock.now(),
        )
    assert "Taking part again: 2" in run("qbo_company", "release-excluded")
    assert Decision.objects.get().qbo_id == "3"
    assert "had excluded" in failure("qbo_company", "release-excluded")


@pytest.fixture
def conflicts(firm: Firm) -> list[Client]:
    """Three pairs whose phones say different things, all new."""
    names = ["Anna Berg", "Bo Coe", "Cid Dunn"]
    mails = [f"{name[0]}@x.example" for name in names]
    made = [client(name, mail, phone="1") for name, mail in zip(names, mails, strict=True)]
    number = {"PrimaryPhone": {"FreeFormNumber": "1"}}
    rows = zip("123", names, mails, strict=True)
    firm.has(*(customer(qbo_id, name, mail, **number) for qbo_id, name, mail in rows))
    firm.sync()
    for qbo_id, one in zip("123", made, strict=True):
        edit(one, phone="2")
        firm.edits(qbo_id, PrimaryPhone={"FreeFormNumber": "3"})
    firm.sync()
    assert len(firm.cases()) == 3
    return made


def test_settle_all(firm: Firm, conflicts: list[Client], monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where they are more than are settled at once."""
    monkeypatch.setattr("wagtail_qbo_sync.sync.bulk.decisions.AT_ONCE", 1)
    monkeypatch.setattr("wagtail_qbo_sync.sync.bulk.decisions.SLICE", 2)
    assert "--take" in failure("qbo_company", "settle-all")
    said = run("qbo_company", "settle-all", "--take=qbo", "--yes")
    made = BulkDecision.objects.get()
    assert "3 customers are settled: QuickBooks wins." in said
    assert f"undo-many --decision {made.pk}" in said
    run("qbo_sync")
    assert set(Client.objects.values_list("phone", flat=True)) == {"3"}
    assert "no open conflict" in failure("qbo_company", "settle-all", "--take=site")
    assert BulkDecision.objects.get() == made


def test_a_decision_about_many_is_taken_back(
    firm: Firm, conflicts: list[Client], monkeypatch: pytest.MonkeyPatch
) -> None:
    """U5, by its number. To its end, also where it is about more than are done at once."""
    run("qbo_company", "settle-all", "--take=qbo", "--yes")
    made = BulkDecision.objects.get()
    monkeypatch.setattr("wagtail_qbo_sync.sync.bulk.decisions.AT_ONCE", 1)
    monkeypatch.setattr("wagtail_qbo_sync.sync.bulk.decisions.SLICE", 2)
    assert "--decision" in failure("qbo_company", "undo-many")
    assert "--decision" in failure("qbo_company", "undo-many", "--decision=4711")
    undo = ("qbo_company", "undo-many", f"--decision={made.pk}")
    assert "3 customers are in conflict again" in run(*undo)
    assert len(firm.cases()) == 3
    assert "or was already" in failure(*undo)
    factories.connection("Other")
    assert "has no decision" in failure(*undo, "--company=Other")


@pytest.fixture
def to_map(firm: Firm) -> Firm:
    """1 Anna and 3 Carl are like nobody, 2 has Tom's e-mail; and there is a client Dora."""
    client("Tom Reed", "tom@reed.example")
    client("Dora Lund", "dora@lund.example")
    firm.has(
        customer("1", "Anna Berg", "anna@berg.example"),
        customer("2", "Thomas Reed", "tom@reed.example"),
        customer("3", "Carl Cole", "carl@cole.example"),
    )
    firm.sync()
    return firm


def test_what_is_chosen_is_saved_when_it_was_read(
    to_map: Firm,
    answers: Callable[[str], list[str]],  # noqa: F811
) -> None:
    """C9 to C12."""
    save = ("qbo_company", "save-all")
    assert "nothing is chosen" in failure(*save)
    dora = Client.objects.get(name="Dora Lund")
    run("qbo_decide", "choose", "--customer=1", "--do=map", f"--client={dora.pk}")
    assert "--do" in failure("qbo_company", "choose-rest")
    said = run("qbo_company", "choose-rest", "--do=create")
    assert "Chosen: 1." in said and "as like a client: 1." in said
    code, said = exit_status(*save)
    assert code == 3 and "Nothing is saved" in said
    assert f"Mapped: Anna Berg = {dora.name}" in said and "Client created: Carl Cole" in said
    assert not Mapping.objects.exists() and not Run.objects.filter(state="proposed").exists()
    asked = answers("y")
    said = run(*save)
    assert asked == ["Save this? [y/N] "]
    assert "1 customer is mapped." in said and "A client is made of 1 customer." in said
    run("qbo_sync")
    assert to_map.client("1").pk == dora.pk and to_map.client("3").name == "Carl Cole"
    made = BulkDecision.objects.get()
    assert f"--decision {made.pk}" in said
    run("qbo_company", "undo-many", f"--decision={made.pk}")
    assert not Mapping.objects.exists()


def test_what_cannot_be_saved_is_named(to_map: Firm) -> None:
    dora = Client.objects.get(name="Dora Lund")
    run("qbo_decide", "choose", "--customer=1", "--do=map", f"--client={dora.pk}")
    run("qbo_decide", "choose", "--customer=2", "--do=leave")
    dora.delete()
    said = run("qbo_company", "save-all", "--yes")
    assert "Anna Berg (Left as it is: This client is no longer there.)" in said
    assert "1 customer is left unmapped." in said
    assert "Nothing of this" in failure("qbo_company", "save-all", "--yes")


def test_the_rest_is_undecided_again(to_map: Firm) -> None:
    run("qbo_company", "choose-rest", "--do=exclude")
    assert run("qbo_company", "unchoose-rest") == "Undecided again: 3.\n"
    assert "nothing is chosen" in failure("qbo_company", "save-all")
    assert "for the rest" in failure("qbo_company", "unchoose-rest")


def test_nobody_is_left_to_choose_for(company: Connection) -> None:
    assert "Nobody" in failure("qbo_company", "choose-rest", "--do=create")


class Beside:
    """A worker that holds the first `busy` slices, and does what it has of them meanwhile."""

    def __init__(self, room: ModuleType, busy: int, does: Callable[[int], object]) -> None:
        self._advance, self._busy, self._does = room.advance, busy, does

    def __call__(self, pk: int, *args: Any) -> None:
        self._busy -= 1
        if self._busy < 0:
            self._advance(pk, *args)
        else:
            self._does(pk)


def test_what_a_worker_is_doing_is_waited_for(
    firm: Firm, conflicts: list[Client], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else it would say that nothing was changed."""
    monkeypatch.setattr(decisions, "SLICE", 2)
    monkeypatch.setattr(decisions, "AT_ONCE", 1)
    first = Beside(decisions, 1, lambda pk: decisions._slice(pk, 0, _choices(pk)))
    monkeypatch.setattr(decisions, "advance", first)
    said = run("qbo_company", "settle-all", "--take=qbo", "--yes")
    made = BulkDecision.objects.get()
    assert "3 customers are settled: QuickBooks wins." in said
    assert f"undo-many --decision {made.pk}" in said


def _choices(pk: int) -> list[list[str]]:
    found: list[list[str]] = BulkDecision.objects.get(pk=pk).choices
    return found


def test_all_is_shown_before_it_is_saved_beside_a_worker(
    to_map: Firm,
    answers: Callable[[str], list[str]],  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The worker has put the first of two together and is at it, when the command looks."""
    run("qbo_company", "choose-rest", "--do=create")

    def first(pk: int) -> None:
        plan = Run.objects.get(pk=pk)
        if left := proposal._left(plan):
            proposal._slice(pk, left[:1])

    monkeypatch.setattr(proposal, "advance", Beside(proposal, 2, first))
    answers("y")
    said = run("qbo_company", "save-all")
    assert "Client created: Carl Cole" in said and "Client created: Anna Berg" in said


@pytest.mark.parametrize("looks", [0, 1])
def test_what_is_thrown_away_meanwhile_is_not_waited_for(
    to_map: Firm, monkeypatch: pytest.MonkeyPatch, looks: int
) -> None:
    run("qbo_company", "choose-rest", "--do=create")
    busy = iter([False] * looks + [True])

    def worker(pk: int, *args: Any) -> None:
        if next(busy):
            Run.objects.filter(pk=pk).delete()

    monkeypatch.setattr(proposal, "advance", worker)
    assert "thrown it away" in failure("qbo_company", "save-all", "--yes")


def test_what_is_unchosen_meanwhile_is_nothing_to_save(
    to_map: Firm, monkeypatch: pytest.MonkeyPatch
) -> None:
    run("qbo_company", "choose-rest", "--do=create")
    busy = Beside(proposal, 1, lambda pk: Decision.objects.filter(by_policy=True).delete())
    monkeypatch.setattr(proposal, "advance", busy)
    assert "nothing is chosen" in failure("qbo_company", "save-all", "--yes")
    assert not Run.objects.filter(state="proposed").exists()


def test_what_the_site_refused_is_tried_again(
    firm: Firm,
    host_rule: Callable[[Callable[[Client], None]], None],  # noqa: F811
) -> None:
    strict = True

    def rule(instance: Client) -> None:
        if strict:
            raise ValidationError({"company_name": "Not today."})

    client("Anna Berg", "anna@berg.example")
    firm.has(customer("1", "Anna Berg", "anna@berg.example"))
    firm.sync()
    host_rule(rule)
    firm.edits("1", CompanyName="Berg Ltd")
    firm.sync()
    strict = False
    assert "Tried again: 1" in run("qbo_company", "retry-all")
    run("qbo_sync")
    assert firm.client("1").company_name == "Berg Ltd"
    wanted = SyncState.objects.get().wanted
    assert "has refused" in failure("qbo_company", "retry-all")
    assert SyncState.objects.get().wanted == wanted, "no sync is asked for"


def test_which_company_is_said(company: Connection) -> None:
    factories.connection("Other")
    assert "--company" in failure("qbo_company", "disconnect")
    run("qbo_company", "disconnect", "--company=Other", "--yes")
    company.refresh_from_db()
    assert company.is_connected


@pytest.mark.parametrize(
    ("act", "kind", "question"),
    [
        (("disconnect",), "", "Disconnect “Harbor & Finch”?"),
        (("disconnect", "--delete-mirror"), "", "Disconnect “Harbor & Finch”?"),
        (("go-on",), "reset", "Do it?"),
        (("leave-deleted",), "deletions", "Do it?"),
        (("reattach-deleted",), "deletions", "Do it?"),
    ],
)
def test_it_asks_as_the_screen_does(
    company: Connection,
    answers: Callable[[str], list[str]],  # noqa: F811
    act: tuple[str, ...],
    kind: str,
    question: str,
) -> None:
    """On a terminal; where nobody is there, nothing is done."""
    if kind:
        asks(company, kind, unseen=40, known=50, lost=40, pairs=[])
    factories.customer(company)

    def stands() -> tuple[object, ...]:
        return Customer.objects.count(), *Connection.objects.values(), *Case.objects.values()

    before = stands()
    assert "it takes --yes" in failure("qbo_company", *act)
    asked = answers("n")
    out = io.StringIO()
    with pytest.raises(CommandError, match="Nothing was changed"):
        run("qbo_company", *act, stdout=out)
    assert asked == [f"{question} [y/N] "]
    told = {
        "": "What stays: your clients",
        "reset": "40 of 50 customers are missing",
        "deletions": "40 mapped clients",
    }
    assert told[kind] in out.getvalue()
    assert ("Also delete" in out.getvalue()) == ("--delete-mirror" in act)
    assert stands() == before
    answers("y")
    run("qbo_company", *act)
    assert stands() != before


def test_settle_all_asks_about_as_many(
    conflicts: list[Client],
    answers: Callable[[str], list[str]],  # noqa: F811
) -> None:
    asked = answers("n")
    assert "Nothing was changed" in failure("qbo_company", "settle-all", "--take=site")
    assert asked == ["Keep what the site says for 3 customers in conflict? [y/N] "]
    assert not BulkDecision.objects.exists()
