"""Canaries through a whole life: no token, secret or person in a log, trace, repr or task.

Every logger listens at its loudest, those of the libraries too. What is stored of people stands
in the database and on pages for those who may see it, and nowhere else.
"""

from __future__ import annotations

import contextlib
import io
import json
import logging
import sys
import traceback
from collections.abc import Callable, Iterator
from multiprocessing import Value
from queue import Queue
from typing import Any

import pytest
from crm.models import Client
from django.core import mail
from django.core.management import call_command
from django.views.debug import ExceptionReporter
from django_q.brokers import get_broker
from django_q.models import OrmQ, Schedule, Task
from django_q.monitor import save_task
from django_q.worker import worker
from pytest_django import Settings

from tests import factories
from tests.canaries import app_secrets, secrets, secrets_of_the_site, spoken
from wagtail_qbo_sync import clock, conf, doorbell, tasks
from wagtail_qbo_sync.models import Connection, OAuthState, Outbox, SyncState, Token
from wagtail_qbo_sync.qbo.api import CompanyApi
from wagtail_qbo_sync.qbo.oauth import TokenSet
from wagtail_qbo_sync.qbo.transport import GuardedSession
from wagtail_qbo_sync.sync.access import keep_alive, schedule, token
from wagtail_qbo_sync.sync.people import connect, decide
from wagtail_qbo_sync.sync.reading import pull
from wagtail_qbo_sync.sync.telling import alerts
from wagtail_qbo_sync.testing.sandbox import SandboxProcess

from .conftest import CALLBACK, customer
from .firm import Firm, at, edit

PERSON = ("Canary Quillfeather", "canary.q@secret-person.example", "(907) 555-0163")
PHONE = {"PrimaryPhone": {"FreeFormNumber": PERSON[2]}}
OTHERS = ("Zebulon Hawksworth", "z.hawksworth@secret-person.example", "(907) 555-0164")


class Ears(logging.Handler):
    """Keeps every record as a log file would show it, its arguments and traceback included."""

    def __init__(self) -> None:
        super().__init__(logging.NOTSET)
        self.lines: list[str] = []
        self.setFormatter(logging.Formatter("%(name)s %(levelname)s %(message)s"))

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(f"{self.format(record)} {record.args!r}")

    @property
    def text(self) -> str:
        return "\n".join(self.lines)


@pytest.fixture
def heard() -> Iterator[Ears]:
    """Every logger there is, at DEBUG, also those that pass nothing on."""
    ears = Ears()
    known = logging.root.manager.loggerDict.values()
    loggers = [logging.root, *(one for one in known if isinstance(one, logging.Logger))]
    before = [(one, one.level, one.disabled) for one in loggers]
    deaf = [one for one in loggers if one is logging.root or not one.propagate]
    for one in loggers:
        one.setLevel(logging.DEBUG)
        one.disabled = False
    for one in deaf:
        one.addHandler(ears)
    yield ears
    for one in deaf:
        one.removeHandler(ears)
    for one, level, disabled in before:
        one.setLevel(level)
        one.disabled = disabled


@pytest.fixture
def rings(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    """What workers are rung with: name and arguments."""
    found: list[tuple[Any, ...]] = []
    real = doorbell._ring

    def ring(*what: Any) -> None:
        found.append(what)
        real(*what)

    monkeypatch.setattr(doorbell, "_ring", ring)
    return found


def printed(*command: str) -> str:
    """What a command prints, however it ends."""
    said = io.StringIO()
    with contextlib.suppress(SystemExit):
        call_command(*command, stdout=said, stderr=said, no_color=True)
    return said.getvalue()


@pytest.mark.django_db(transaction=True)
def test_a_whole_life_tells_of_nobody(
    firm: Firm,
    settings: Settings,
    heard: Ears,
    rings: list[tuple[Any, ...]],
    database_text: Callable[[], str],
) -> None:
    """Connect, first sync, both directions, a token that expired, disconnect."""
    firm.connection.connected_by = factories.user(email="partner@firm.example")
    firm.connection.save()
    canaries = secrets(firm.connection, settings)
    firm.has(customer("1", PERSON[0], PERSON[1], **PHONE))
    mine = Client.objects.create(name=PERSON[0], email=PERSON[1])
    firm.sync()
    assert firm.client("1").phone == PERSON[2]  # it came, so that there is something to leak
    edit(mine, phone=OTHERS[2])
    firm.sync()
    firm.edits("1", PrimaryPhone={"FreeFormNumber": OTHERS[2]})
    firm.sandbox.post("expire", {})
    firm.sync()
    canaries |= secrets(firm.connection, settings)
    said = [
        printed("qbo_doctor", "--json"),
        printed("qbo_status", "--json"),
        printed("qbo_why", "1"),
        printed("dumpdata"),
    ]
    connect.disconnect(firm.connection, None)
    queue = [str(row.task) for row in OrmQ.objects.all()]
    assert any("tasks." in task for task in queue)
    assert PERSON[0] in said[3]  # the dump is one
    for text in (*said, database_text(), *(f"{m.subject} {m.body}" for m in mail.outbox)):
        assert spoken(text, canaries) == []
    people = {*PERSON, *OTHERS}
    assert len(heard.lines) > 20
    for text in (heard.text, *queue, repr(rings)):
        assert spoken(text, canaries | people) == []
    assert all(isinstance(each, int) for _name, *ids in rings for each in ids)


def fault(code: str, words: str) -> str:
    """A fault of the API in Intuit's envelope, whose every part says these words."""
    error = {"code": code, "Message": words, "Detail": words, "element": words}
    return json.dumps({"Fault": {"Error": [error], "type": words}})


@pytest.mark.parametrize(
    ("status", "code"), [(401, "3200"), (403, "3100"), (429, "3001"), (500, "10000"), (400, "2020")]
)
def test_a_fault_that_repeats_everything_is_not_repeated(
    firm: Firm, settings: Settings, heard: Ears, status: int, code: str
) -> None:
    canaries = {*secrets(firm.connection, settings), *PERSON}
    words = " and ".join(sorted(canaries))
    for body in (fault(code, words), f"<html>{words}</html>", fault(words, words)):
        order = {"kind": "respond", "path": "/v3/", "status": status, "body": body, "count": 2}
        headers = {"intuit_tid": PERSON[1]}
        firm.sandbox.post("faults", {**order, "headers": headers})
        firm.sync()
        SyncState.objects.update(blocked_until=None, wanted=0, served=0)
        Token.objects.update(rejected=False)
    assert spoken(heard.text, canaries) == []
    assert f"Company {firm.connection.pk}" in heard.text
    said = printed("qbo_doctor", "--json") + printed("qbo_status", "--json")
    assert spoken(said, canaries - {*PERSON}) == []


@pytest.mark.parametrize("error", ["invalid_grant", "invalid_client", "server_error"])
def test_a_refresh_that_fails_tells_no_token(
    firm: Firm, settings: Settings, heard: Ears, error: str
) -> None:
    canaries = secrets(firm.connection, settings)
    told = {"error": error, "error_description": f"{' '.join(canaries)} {PERSON[1]}"}
    order = {"kind": "respond", "path": "/oauth2/", "status": 400, "count": 9}
    firm.sandbox.post("faults", {**order, "body": json.dumps(told)})
    Token.objects.update(access_expires_at=clock.now() - 2 * keep_alive.UNUSED)
    keep_alive.refresh(firm.connection.pk)
    firm.sync()
    trouble = json.dumps(SyncState.objects.get().trouble)
    assert spoken(heard.text + trouble, canaries | {PERSON[1]}) == []
    assert SyncState.objects.get().trouble


@pytest.mark.parametrize("namesake", ["a customer", "a vendor", "quoted in the answer"])
def test_a_refused_name_is_told_of_nobody(
    firm: Firm, settings: Settings, heard: Ears, rings: list[tuple[Any, ...]], namesake: str
) -> None:
    """Fault 6240, whose answer may quote names; who has the name is then asked for by it."""
    firm.connection.connected_by = factories.user(email="partner@firm.example")
    firm.connection.save()
    firm.has(customer("1", PERSON[0], PERSON[1]))
    if namesake == "a customer":
        firm.gets(customer("2", OTHERS[0]))
    else:
        vendors = [customer("2", OTHERS[0])]
        firm.sandbox.post("plant", {"realm": firm.realm, "kind": "Vendor", "records": vendors})
    mine = Client.objects.create(name=PERSON[0], email=PERSON[1])
    firm.sync()
    edit(mine, name=OTHERS[0])

    def quote() -> None:
        if namesake == "quoted in the answer":
            words = f"The name supplied already exists. : {OTHERS[0]} ({OTHERS[1]}), {PERSON[0]}"
            item = {"bId": Outbox.objects.get().bid, **json.loads(fault("6240", words))}
            body = json.dumps({"BatchItemResponse": [item], "time": f"{clock.now():%FT%T%z}"})
            order = {"kind": "respond", "path": "/batch", "status": 200, "body": body}
            firm.sandbox.post("faults", order)

    with at("push.sending", quote):
        firm.sync()
    case = firm.case("not_taken", "1")
    assert case.facts["code"] == "6240"
    alerts.send_all()
    said = [printed("qbo_doctor", "--json"), printed("qbo_status", "--json"), repr(case)]
    said += [f"{m.subject} {m.body}" for m in mail.outbox]
    queue = [str(row.task) for row in OrmQ.objects.all()]
    people = {*PERSON, *OTHERS}
    for text in (heard.text, *queue, repr(rings), *said):
        assert spoken(text, people | secrets(firm.connection, settings)) == []


def test_a_consent_tells_no_code_and_no_token(
    sandbox: SandboxProcess,
    settings: Settings,
    heard: Ears,
    returned: Callable[..., dict[str, str]],
    database_text: Callable[[], str],
) -> None:
    """Whether the code is refused with words that repeat all, changed for tokens, or used twice."""
    canaries, said = secrets_of_the_site(settings), []

    def comes_back() -> dict[str, str]:
        back = returned(connect.start(None, "a session", CALLBACK))
        canaries.update((back["code"], back["state"]))
        return back

    def refused(back: dict[str, str]) -> None:
        with pytest.raises(connect.ConnectRefused) as refusal:
            connect.complete(back, None, "a session")
        said.append("".join(traceback.format_exception(refusal.value)))
        causes = refusal.value.__cause__, refusal.value.__context__
        said.extend(f"{each!r} {vars(each) if each else ''}" for each in (refusal.value, *causes))

    for status in (200, 400, 401, 500):
        back = comes_back()
        words = " and ".join((back["code"], back["state"], *app_secrets(settings)))
        for body in (json.dumps({"error": words, "error_description": words}), words):
            order = {"kind": "respond", "path": "/oauth2/", "status": status, "body": body}
            sandbox.post("faults", order)
            refused(back)
            back = comes_back()
    made = connect.complete(back, None, "a session")
    refused(back)
    canaries |= secrets(made.connection, settings)
    said += [repr(made), repr(back and OAuthState.objects.first()), database_text()]
    assert "/oauth2/v1/tokens/bearer" in heard.text  # so that it was listened to
    for text in (heard.text, *said):
        assert spoken(text, canaries) == []


# A crash, as a report with every variable would show it ------------------------------------------


def report(crash: Callable[[], object]) -> str:
    """What an e-mail to ADMINS, with HTML, would say of an error, every frame's variables."""
    try:
        crash()
    except ZeroDivisionError:
        return ExceptionReporter(None, *sys.exc_info()).get_traceback_html()
    raise AssertionError("Nothing crashed")


def nought(*_: Any, **__: Any) -> Any:
    raise ZeroDivisionError("by nought")


@pytest.mark.parametrize("crashes", [(GuardedSession, "_read"), (pull, "_close_nameless")])
def test_a_crash_in_a_task_shows_no_variables(
    firm: Firm, settings: Settings, monkeypatch: pytest.MonkeyPatch, crashes: tuple[Any, str]
) -> None:
    """With the token in the headers of an HTTP call, and with a customer that was read."""
    firm.has(customer("1", PERSON[0], PERSON[1]))
    monkeypatch.setattr(*crashes, nought)
    decide.ask_for_sync(firm.connection)
    text = report(lambda: tasks.walk(firm.connection.pk))
    assert "nought" in text and "tasks.py" in text
    assert spoken(text, {*secrets(firm.connection, settings), *PERSON}) == []


def kept_by_the_queue() -> str:
    """What stands in django-q's tables once its worker has tried all that waited."""
    todo: Queue[Any] = Queue()
    done: Queue[Any] = Queue()
    for row in OrmQ.objects.all():
        todo.put(row.task)
    todo.put("STOP")
    worker(todo, done, Value("d", -1))
    while not done.empty():
        save_task(done.get(), get_broker())
    rows = [vars(row) for row in (*Task.objects.all(), *Schedule.objects.all())]
    return str([*rows, *(row.task for row in OrmQ.objects.all())])


@pytest.mark.django_db(transaction=True)  # a worker hangs up before each task
def test_what_the_queue_keeps_of_a_crash_tells_of_nobody(
    firm: Firm, settings: Settings, heard: Ears, monkeypatch: pytest.MonkeyPatch
) -> None:
    firm.has(customer("1", PERSON[0], PERSON[1]))
    schedule.repair()
    with monkeypatch.context() as broken:
        broken.setattr(pull, "_close_nameless", nought)
        decide.ask_for_sync(firm.connection)
        kept = kept_by_the_queue()
    assert "tasks.tick" in kept and "ZeroDivisionError" in kept
    assert spoken(kept + heard.text, {*secrets(firm.connection, settings), *PERSON}) == []


def test_a_crash_while_a_login_is_ended_or_refreshed_shows_no_variables(
    connection: Connection, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    canaries = secrets(connection, settings)
    Token.objects.update(access_expires_at=clock.now() - 2 * keep_alive.UNUSED)
    monkeypatch.setattr(GuardedSession, "_read", nought)
    assert spoken(report(lambda: tasks.refresh(connection.pk)), canaries) == []
    Token.objects.update(lease_until=None)
    connect.disconnect(connection, None)
    version = Token.objects.get().version
    assert spoken(report(lambda: tasks.revoke(connection.pk, version)), canaries) == []


# In the hands of objects -------------------------------------------------------------------------


def test_no_object_shows_what_it_holds(connection: Connection, settings: Settings) -> None:
    """Neither repr nor str, of none that holds a token, a secret or the key of one."""
    canaries = secrets(connection, settings)
    keeper, client = token.TokenKeeper(connection), token.oauth_client()
    stored = Token.objects.get()
    api = CompanyApi(connection.realm_id, connection.api_url, keeper, connect._NoBudget())
    pair = TokenSet(*stored.open(), 3600, 86400, None)
    one_use = connect._OneToken(stored.open()[0])
    settings_now = conf.Settings(**{**settings.WAGTAIL_QBO_SYNC, "ENCRYPTION_KEYS": ("x",)})
    for each in (stored, keeper, client, api, api.session, pair, one_use, settings_now, connection):
        assert spoken(f"{each!r} {each!s} {[each]} {{'of': each}}", canaries) == [], type(each)
