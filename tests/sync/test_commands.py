"""The commands: what they print, what they refuse, how they end."""

from __future__ import annotations

import io
import json
import logging
import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from crm.models import Client
from django.core.management import CommandError, call_command
from django_q.models import Schedule
from pytest_django import Settings

from tests import factories
from wagtail_qbo_sync import clock
from wagtail_qbo_sync.management.commands import _walking
from wagtail_qbo_sync.models import Case, Connection, Customer, Mapping, Run, SyncState
from wagtail_qbo_sync.sync.access import lease, schedule
from wagtail_qbo_sync.sync.people import connect, decide
from wagtail_qbo_sync.sync.planning import plan, undoing
from wagtail_qbo_sync.sync.records import status
from wagtail_qbo_sync.testing.sandbox import SandboxProcess

from .conftest import CLIENT, FIRM, Json, Plant, Sync, customer
from .firm import Firm, at

NAME = "Harbor & Pine Accounting LLP"


class Terminal(io.StringIO):
    """Where a person sits."""

    def isatty(self) -> bool:
        return True


def run(*arguments: str, stdout: io.StringIO | None = None) -> str:
    """What a command prints."""
    said = stdout or io.StringIO()
    call_command(*arguments, stdout=said, no_color=True)
    return said.getvalue()


def failure(*arguments: str) -> str:
    """What a command that fails says."""
    with pytest.raises(CommandError) as failed:
        run(*arguments)
    return str(failed.value)


def exit_status(*arguments: str) -> tuple[int, str]:
    """How a command ends that leaves a plan waiting, and what it prints."""
    said = io.StringIO()
    with pytest.raises(SystemExit) as ended:
        run(*arguments, stdout=said)
    assert isinstance(ended.value.code, int)
    return ended.value.code, said.getvalue()


@pytest.fixture(autouse=True)
def no_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO())
    monkeypatch.setattr(_walking, "LOOK_SECONDS", 0.05)


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], list[str]]:
    """A person at a terminal who answers every question so. Returns the questions."""

    def do(answer: str) -> list[str]:
        asked: list[str] = []

        def reply(question: str) -> str:
            asked.append(question)
            return answer

        monkeypatch.setattr("sys.stdin", Terminal())
        monkeypatch.setattr("builtins.input", reply)
        return asked

    return do


@pytest.fixture
def anna(plant: Plant) -> Client:
    """A client whom QuickBooks knows too, with another phone number there."""
    phone = {"FreeFormNumber": "(978) 555-0111"}
    plant(FIRM, [customer("1", "Anna Berg", "anna@x.example", PrimaryPhone=phone)])
    return Client.objects.create(name="Anna Berg", email="anna@x.example", phone="1")


# qbo_connect ------------------------------------------------------------------------------------


def test_connect_prints_the_address_and_nothing_else(db: None, sandbox: SandboxProcess) -> None:
    said = run("qbo_connect", "--print-url")
    assert re.fullmatch(rf"{re.escape(sandbox.base_url)}/connect/oauth2\?\S+\n", said)


def test_connect_takes_the_address_that_the_browser_was_sent_to(
    db: None, sandbox: SandboxProcess
) -> None:
    back = sandbox.consent(run("qbo_connect", "--print-url").strip(), FIRM)
    said = run("qbo_connect", "--redirected-url", back)
    assert said == f"Connected {NAME}. Start: manage.py qbo_sync\n"
    assert Connection.objects.get().realm_id == FIRM
    assert "used already" in failure("qbo_connect", "--redirected-url", back)
    again = sandbox.consent(run("qbo_connect", "--print-url").strip(), FIRM)
    assert run("qbo_connect", "--redirected-url", again).startswith(
        f"Renewed the connection of {NAME}"
    )


def test_connect_asks_on_a_terminal(
    db: None, sandbox: SandboxProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    screen = Terminal()

    def paste(_: str) -> str:
        address = screen.getvalue().split()[0]
        return f"  {sandbox.consent(address, FIRM)} \n"

    monkeypatch.setattr("builtins.input", paste)
    assert f"Connected {NAME}" in run("qbo_connect", stdout=screen)


@pytest.mark.parametrize(("ends", "status"), [(EOFError, 1), (KeyboardInterrupt, 130)])
def test_connect_that_gets_no_answer(
    db: None,
    sandbox: SandboxProcess,
    monkeypatch: pytest.MonkeyPatch,
    ends: type[BaseException],
    status: int,
) -> None:
    def leave(_: str) -> str:
        raise ends

    monkeypatch.setattr("builtins.input", leave)
    with pytest.raises(CommandError, match="No address was given") as failed:
        run("qbo_connect")
    assert failed.value.returncode == status
    assert not Connection.objects.exists()


def test_connect_says_why_not(db: None, sandbox: SandboxProcess) -> None:
    denied = sandbox.deny(run("qbo_connect", "--print-url").strip())
    assert "Access was not granted" in failure("qbo_connect", "--redirected-url", denied)
    assert "not one that was started here" in failure("qbo_connect", "--redirected-url", "nonsense")


def test_reconnect_of_one_company(connection: Connection, sandbox: SandboxProcess) -> None:
    address = run("qbo_connect", "--print-url", "--company", FIRM).strip()
    said = failure("qbo_connect", "--redirected-url", sandbox.consent(address, CLIENT))
    assert f"this is the connection of “{NAME}”" in said
    assert "No connected company is called 'Nobody'" in failure(
        "qbo_connect", "--company", "Nobody"
    )


@pytest.mark.parametrize(
    ("key", "value", "says"),
    [
        ("CLIENT_SECRET", "", "has no CLIENT_SECRET"),
        ("ENCRYPTION_KEYS", [], "has no ENCRYPTION_KEYS"),
        ("ENCRYPTION_KEYS", ["no key"], "is no Fernet key"),
        ("REDIRECT_URI", "http://firm.example/callback/", "only to https"),
    ],
)
def test_connect_refuses_without_what_it_needs(
    db: None,
    sandbox: SandboxProcess,
    settings: Settings,
    requests: Callable[..., list[Json]],
    key: str,
    value: Any,
    says: str,
) -> None:
    settings.WAGTAIL_QBO_SYNC = {**settings.WAGTAIL_QBO_SYNC, key: value}
    assert says in failure("qbo_connect", "--print-url")
    assert requests(everything=True) == []


# qbo_sync ---------------------------------------------------------------------------------------


def test_sync_without_a_company(db: None) -> None:
    assert failure("qbo_sync") == "No company is connected. Connect one: manage.py qbo_connect"


def test_sync_of_a_company_that_is_not_there(connection: Connection) -> None:
    said = failure("qbo_sync", "--company", "Nobody")
    assert said == f"No connected company is called 'Nobody'. Known: {NAME} ({FIRM})."


def test_sync_leaves_the_first_plan_waiting(connection: Connection, anna: Client) -> None:
    code, said = exit_status("qbo_sync")
    assert code == 3
    assert said.splitlines() == [
        NAME,
        "Reading customers ...",
        "Comparing ...",
        "Needs approval: It is the first sync of this company.",
        "What would be done:",
        "  Mapped                               1",
        "  Overwrites phone                     1",
        "Customers now:",
        "  Mapped                               0",
        "  Needs review                         0",
        "  Not mapped                           1",
        "  Client deleted                       0",
        "  Excluded                             0",
        "  Left out                             0",
        "  Inactive in QuickBooks               0",
        "  No longer in QuickBooks              0",
        "A plan waits for approval: see Settings > Connected Apps, or apply it with "
        f"manage.py qbo_sync --approve {Run.objects.get().pk}",
    ]
    assert Run.objects.get().state == Run.State.WAITING
    anna.refresh_from_db()
    assert anna.phone == "1"


def test_sync_with_yes_approves_its_own_plan(connection: Connection, anna: Client) -> None:
    said = run("qbo_sync", "--yes")
    anna.refresh_from_db()
    assert anna.phone == "(978) 555-0111"
    assert "Applying ..." in said
    assert "  Mapped                               1\n  Needs review" in said
    assert Run.objects.get().state == Run.State.DONE


def test_sync_with_yes_leaves_an_older_plan_alone(
    connection: Connection, anna: Client, sync: Sync
) -> None:
    older = sync(connection, approve=False)
    assert older is not None
    code, _ = exit_status("qbo_sync", "--yes")
    assert code == 3
    assert Run.objects.get().state == Run.State.WAITING
    assert not Mapping.objects.exists()


def test_sync_with_yes_leaves_a_plan_alone_that_somebody_asks_for_meanwhile(
    firm: Firm, anna: Client
) -> None:
    """It approves what this very sync would do, and no undo that a person wants to look at."""
    firm.sync()
    first = Run.objects.get()
    firm.edits("1", CompanyName="Berg")
    with at("plan.stored", lambda: undoing.start(first, None)):
        code, _ = exit_status("qbo_sync", "--yes")
    assert code == 3
    assert Run.objects.get(undoes=first).state == Run.State.WAITING


@pytest.mark.parametrize(("answer", "mapped"), [("y", 1), ("YES ", 1), ("", 0), ("n", 0)])
def test_sync_asks_on_a_terminal(
    connection: Connection,
    anna: Client,
    answers: Callable[[str], list[str]],
    answer: str,
    mapped: int,
) -> None:
    asked = answers(answer)
    if mapped:
        run("qbo_sync")
    else:
        assert exit_status("qbo_sync")[0] == 3
    assert asked == ["Apply this? [y/N] "]
    assert Mapping.objects.count() == mapped


def test_sync_notices_what_no_signal_told_of(
    connection: Connection, anna: Client, sandbox: SandboxProcess
) -> None:
    run("qbo_sync", "--yes")
    Client.objects.update(phone="(978) 555-0222")
    run("qbo_sync")
    [record] = sandbox.get(f"customers?realm={FIRM}")
    assert record["PrimaryPhone"]["FreeFormNumber"] == "(978) 555-0222"


def test_sync_takes_the_end_of_input_for_a_no(
    connection: Connection, anna: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", Terminal())  # at its end: the real input() is asked
    code, said = exit_status("qbo_sync")
    assert code == 3
    assert "A plan waits for approval" in said
    assert not Mapping.objects.exists()


def test_sync_that_is_interrupted_leaves_the_walk_to_others(
    connection: Connection, anna: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def ctrl_c(*_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(plan, "Planner", ctrl_c)
        with pytest.raises(CommandError, match="What was done is kept") as failed:
            run("qbo_sync", "--yes")
    assert failed.value.returncode == 130
    state = SyncState.objects.get()
    assert (state.phase, state.lease_until) == (SyncState.Phase.PLAN, None)
    run("qbo_sync", "--yes")
    assert Mapping.objects.exists()


def test_sync_says_how_many_problems_there_are(connection: Connection, anna: Client) -> None:
    assert "Problems" not in run("qbo_sync", "--yes")
    factories.case(connection, Case.Kind.REFUSED, "9")
    said = run("qbo_sync")
    assert re.search(r"Problems +1: see Settings > Connected Apps, Problems\n", said)


def test_sync_says_nothing_of_the_queue(
    connection: Connection,
    anna: Client,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    caplog.set_level(logging.INFO, "django-q")
    queue = logging.getLogger("django-q")
    heard: list[bool] = []
    real = decide.ask_for_sync

    def ask(company: Connection) -> int:
        heard.append(queue.isEnabledFor(logging.INFO))
        return real(company)

    monkeypatch.setattr(decide, "ask_for_sync", ask)
    run("qbo_sync", "--yes")
    assert (heard, queue.isEnabledFor(logging.INFO)) == ([False], True)


def test_second_sync_finds_nothing_to_do(connection: Connection, anna: Client) -> None:
    run("qbo_sync", "--yes")
    said = run("qbo_sync")
    assert "What would be done" not in said
    assert Run.objects.count() == 1


def test_sync_shows_a_bar_on_a_terminal(connection: Connection, anna: Client) -> None:
    said = run("qbo_sync", "--yes", stdout=Terminal())
    drawn = re.findall(r"\r(\w[^\r]*)", said)
    assert drawn[0].startswith("Reading customers ...")
    assert any("] 1 of 1" in line for line in drawn)
    assert "Reading customers ...\n" not in said


def test_sync_of_one_of_two_companies(connected: Callable[..., Connection], plant: Plant) -> None:
    plant(FIRM, [customer("1", "Anna Berg")])
    plant(CLIENT, [customer("1", "Bo Lund")])
    firm, client = connected(FIRM), connected(CLIENT)
    run("qbo_sync", "--yes", "--company", client.company_name.upper())
    assert Customer.objects.get().connection == client
    run("qbo_sync", "--yes", "--company", FIRM)
    assert Customer.objects.filter(connection=firm).exists()


def test_sync_goes_on_with_the_other_company_after_a_failure(
    connected: Callable[..., Connection], plant: Plant, sandbox: SandboxProcess
) -> None:
    plant(FIRM, [customer("1", "Anna Berg")])
    plant(CLIENT, [customer("1", "Bo Lund")])
    connected(FIRM)
    connected(CLIENT)
    sandbox.post("revoke", {"realm": "firm"})
    said = failure("qbo_sync", "--yes")
    assert said.startswith(f"{NAME}: QuickBooks has ended our access")
    assert Customer.objects.get().display_name == "Bo Lund"


def test_sync_that_fails_says_what_happens_next(
    connection: Connection, anna: Client, sandbox: SandboxProcess
) -> None:
    sandbox.post("faults", {"kind": "unavailable_html", "path": "/query", "skip": 1})
    said = failure("qbo_sync", "--yes")
    assert said.startswith(f"{NAME}: QuickBooks has a problem of its own.")
    assert re.search(
        r"The worker tries again after [A-Z]\w+\.? \d+, 20\d\d, [^.]+ (a|p)\.m\. \w+\.", said
    )
    assert "Intuit's number for it: 1-" in said
    run("qbo_sync", "--yes")  # whoever asks again does not wait
    assert Mapping.objects.exists()


def test_sync_waits_out_a_429(
    connection: Connection,
    anna: Client,
    sandbox: SandboxProcess,
    requests: Callable[..., list[Json]],
) -> None:
    sandbox.post("faults", {"kind": "throttle", "path": "/query"})
    assert "limiting how often" in failure("qbo_sync")
    calls = len(requests())
    assert "limiting how often" in failure("qbo_sync")
    assert len(requests()) == calls


def test_sync_that_meets_an_error_of_ours(
    connection: Connection, anna: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any) -> None:
        raise ZeroDivisionError("by nought")

    monkeypatch.setattr(plan, "Planner", broken)
    said = failure("qbo_sync")
    assert "Something unexpected went wrong on this site" in said
    assert "(ZeroDivisionError: by nought)" in said


def test_sync_joins_a_walk_that_is_under_way(
    connection: Connection, anna: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While a worker walks, the command watches it; then its own asking is served."""
    decide.ask_for_sync(connection)
    worker = lease.take(connection.pk)
    assert worker is not None
    worker.renew(phase=SyncState.Phase.PULL, served=1, total=1)
    looks: list[float] = []

    def worker_ends(seconds: float) -> None:
        looks.append(seconds)
        worker.let_go(phase=SyncState.Phase.REST)

    monkeypatch.setattr("time.sleep", worker_ends)
    code, said = exit_status("qbo_sync")
    assert (code, looks) == (3, [_walking.LOOK_SECONDS])
    assert said.count("Reading customers ...") == 1
    assert SyncState.objects.get().served == 2


@pytest.mark.parametrize("state", ["disconnected", "paused", "copy"])
def test_sync_of_a_company_that_is_not_to_be_synced(
    connection: Connection, settings: Settings, state: str
) -> None:
    if state == "disconnected":
        connect.disconnect(connection, None)
        assert "No company is connected" in failure("qbo_sync")
        return
    keys: Json = {"PAUSED": True} if state == "paused" else {"INSTALLATION": "other"}
    settings.WAGTAIL_QBO_SYNC = {**settings.WAGTAIL_QBO_SYNC, **keys}
    says = {"paused": "Paused", "copy": "Parked: this looks like a copy"}[state]
    assert failure("qbo_sync", "--yes") == f"{NAME}: {says}."


# qbo_status -------------------------------------------------------------------------------------


def test_status_without_a_company(db: None) -> None:
    said = run("qbo_status")
    assert "No worker. Start one: manage.py qbo_worker" in said
    assert "No company is connected. Connect one: manage.py qbo_connect" in said


def test_status_for_people(connection: Connection, anna: Client, sync: Sync) -> None:
    status.beat()
    sync(connection, approve=False)
    said = run("qbo_status").splitlines()
    assert said[0] == f"{NAME}: Connected"
    assert re.match(r"  last synced: \w+\.? \d+, 20", said[1])
    assert re.match(r"  to be reconnected by: \w+\.? \d+, 20", said[2])
    assert said[3] == "  a plan waits for approval"
    assert said[6].split() == ["Not", "mapped", "1"]


def test_status_for_machines(
    connection: Connection, anna: Client, sync: Sync, sandbox: SandboxProcess
) -> None:
    sync(connection)
    sandbox.post("revoke", {})
    sync(connection)
    found = json.loads(run("qbo_status", "--json"))
    assert found["worker_silent"] is True
    (company,) = found["companies"]
    assert (company["realm_id"], company["state"]) == (FIRM, "reconnect")
    assert company["plan_waits"] is False
    assert company["counts"]["mapped"] == 1
    assert company["trouble"]["action"] == "reconnect"
    assert company["synced_at"]


def test_status_of_the_schedule(db: None) -> None:
    schedule.repair()
    assert "No schedule" not in run("qbo_status")
    Schedule.objects.all().delete()
    assert "No schedule. Make it: manage.py qbo_schedule" in run("qbo_status")
    assert json.loads(run("qbo_status", "--json"))["schedule"] == "missing"


def test_status_of_the_worker(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    status.beat()
    assert "No worker" not in run("qbo_status")
    later = clock.now() + timedelta(minutes=3)
    monkeypatch.setattr(clock, "now", lambda: later)
    assert "No worker" in run("qbo_status")


def test_status_names_the_problems(connection: Connection) -> None:
    assert "Refused" not in run("qbo_status")
    factories.case(connection, "refused", "1")
    factories.case(connection, "refused", "2")
    assert "Refused by the site          2" in run("qbo_status")
    (company,) = json.loads(run("qbo_status", "--json"))["companies"]
    assert {kind: n for kind, n in company["problems"].items() if n} == {"refused": 2}


# qbo_sync --plan, --approve -----------------------------------------------------------------------


def test_what_is_unticked_is_left(connection: Connection, anna: Client, plant: Plant) -> None:
    bo = Client.objects.create(name="Bo Coe", email="bo@x.example", phone="1")
    phone = {"PrimaryPhone": {"FreeFormNumber": "2"}}
    plant(
        FIRM,
        [
            customer("1", "Anna Berg", "anna@x.example", **phone),
            customer("2", "Bo Coe", "bo@x.example", **phone),
            customer("3", "Cy Dee", "cy@x.example", **phone),
        ],
    )
    cy = Client.objects.create(name="Cy Dee", email="cy@x.example", phone="1")
    run("qbo_sync", "--plan")
    pk = str(Run.objects.get(state=Run.State.WAITING).pk)
    assert "nothing of 4711" in failure("qbo_sync", "--approve", pk, "--untick", "4711")
    assert "--approve ID" in failure("qbo_sync", "--untick", "1")
    run("qbo_sync", "--approve", pk, "--untick", "1", "--untick-client", str(bo.pk))
    assert [Client.objects.get(pk=one.pk).phone for one in (anna, bo, cy)] == ["1", "1", "2"]


def test_one_customer_is_synced_alone(connection: Connection, anna: Client, plant: Plant) -> None:
    assert "approved first" in run("qbo_sync", "--one", "1"), "before the first sync it is read"
    assert not Mapping.objects.exists()
    run("qbo_sync", "--yes")
    documents = [
        customer(qbo_id, name, email, PrimaryPhone={"FreeFormNumber": "5"}, SyncToken="1")
        for qbo_id, name, email in (("1", "Anna Berg", "anna@x.example"), ("2", "Bo Coe", ""))
    ]
    plant(FIRM, documents)
    said = run("qbo_sync", "--one", "1")
    assert "Site, Phone: (978) 555-0111 -> 5" in said
    anna.refresh_from_db()
    assert anna.phone == "5"
    assert not Customer.objects.filter(qbo_id="2").exists(), "nobody else is read"
    assert "Nothing to do." in run("qbo_sync", "--one", "1")
    assert failure("qbo_sync", "--one", "4711").startswith("4711: ")
    run("qbo_decide", "disconnect", "--customer", "1")
    assert "excluded or disconnected" in failure("qbo_sync", "--one", "1")


def test_a_plan_is_printed_and_then_approved_by_its_number(
    connection: Connection, anna: Client
) -> None:
    said = run("qbo_sync", "--plan")
    waiting = Run.objects.get(state=Run.State.WAITING)
    for line in (
        "  Mapped                               1",
        "  Overwrites phone                     1",
        "Mapped: Anna Berg = Anna Berg",
        "  Site, Phone: 1 -> (978) 555-0111",
        f"To apply it: manage.py qbo_sync --approve {waiting.pk}",
    ):
        assert line in said
    assert said.endswith(run("qbo_sync", "--plan").partition("\n")[2]), "that waits is the one"
    anna.refresh_from_db()
    assert anna.phone == "1"
    run("qbo_sync", "--approve", str(waiting.pk))
    anna.refresh_from_db()
    assert anna.phone == "(978) 555-0111"
    assert run("qbo_sync", "--plan").endswith("Nothing to do.\n")
    assert "does not wait for approval" in failure("qbo_sync", "--approve", str(waiting.pk))
    assert "There is no plan 4711" in failure("qbo_sync", "--approve", "4711")
