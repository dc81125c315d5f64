"""The token pair: sealed, handed out fresh, refreshed once, and never shown."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Callable
from datetime import timedelta

import pytest
from cryptography.fernet import Fernet
from django.core.management import CommandError, call_command
from django.db.models import F
from django_q.models import OrmQ
from pytest_django import Settings

from wagtail_qbo_sync import clock
from wagtail_qbo_sync.models import Connection, SyncState, Token, TokenUnreadable
from wagtail_qbo_sync.qbo.faults import Action, QboError
from wagtail_qbo_sync.sync.access.token import TokenKeeper, oauth_client
from wagtail_qbo_sync.sync.people import connect
from wagtail_qbo_sync.sync.records import status
from wagtail_qbo_sync.testing.sandbox import SandboxProcess

from .conftest import CALLBACK, CLIENT, FIRM, Json, Plant, Sync, customer
from .processes import Site

BEARER = "tokens/bearer"
Requests = Callable[..., list[Json]]


def refreshes(requests: Requests) -> int:
    """How often a refresh was asked for since the consent's own exchange of its code."""
    return sum(BEARER in call["path"] for call in requests(everything=True)) - 1


def nearly_over() -> None:
    """Let the stored access token come close to its end."""
    Token.objects.update(access_expires_at=clock.now() + timedelta(minutes=9))


def use_keys(settings: Settings, *keys: str) -> None:
    settings.WAGTAIL_QBO_SYNC = {**settings.WAGTAIL_QBO_SYNC, "ENCRYPTION_KEYS": list(keys)}


# At rest, and in words ------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_tokens_are_nowhere_to_be_read(
    connection: Connection,
    plant: Plant,
    sync: Sync,
    sandbox: SandboxProcess,
    database_text: Callable[[], str],
    caplog: pytest.LogCaptureFixture,
    settings: Settings,
) -> None:
    """Not in the database (the queue's tasks included), not in the log, at the loudest level."""
    caplog.set_level(logging.DEBUG)
    plant(FIRM, [customer("1", "Anna Berg", "anna@x.example")])
    secrets = set(connection.token.open())
    sandbox.post("expire", {})
    sync(connection)
    secrets |= set(Token.objects.get().open())
    sandbox.post("faults", {"kind": "token_expired", "path": "/v3/", "count": -1})
    sync(connection)
    assert SyncState.objects.get().trouble["action"] == "reconnect"
    connect.disconnect(connection, None)
    secrets.add(settings.WAGTAIL_QBO_SYNC["CLIENT_SECRET"])
    tasks = [str(row.task) for row in OrmQ.objects.all()]
    assert any("tasks.revoke" in task for task in tasks)
    text = database_text() + caplog.text + "".join(tasks)
    assert len(secrets) >= 4
    assert [secret for secret in secrets if secret in text] == []


def test_tokens_are_in_no_repr_and_no_error(
    connection: Connection, sandbox: SandboxProcess
) -> None:
    stored = connection.token
    access, refresh = stored.open()
    tokens = oauth_client().refresh(refresh)
    sandbox.post("revoke", {})
    with pytest.raises(QboError) as refusal:
        oauth_client().refresh(refresh)
    words = [stored, tokens, TokenKeeper(connection), oauth_client(), refusal.value, connection]
    shown = " ".join([f"{word!r} {word!s}" for word in words] + [repr(refusal.value.__dict__)])
    for secret in (access, refresh, tokens.access_token, tokens.refresh_token):
        assert secret not in shown


def test_wrong_key_gives_no_ciphertext_and_gives_up_nothing(
    connection: Connection, settings: Settings, sync: Sync, requests: Requests
) -> None:
    (good,) = settings.WAGTAIL_QBO_SYNC["ENCRYPTION_KEYS"]
    use_keys(settings, Fernet.generate_key().decode())
    with pytest.raises(TokenUnreadable):
        Token.objects.get().open()
    with pytest.raises(QboError) as refusal:
        TokenKeeper(connection).access_token()
    assert refusal.value.action is Action.OPERATOR
    calls = len(requests(everything=True))
    sync(connection)
    assert "Put the former key back" in SyncState.objects.get().trouble["message"]
    assert len(requests(everything=True)) == calls
    assert not Token.objects.get().rejected
    use_keys(settings, good)
    sync(connection, approve=False)
    assert SyncState.objects.get().trouble == {}


def test_wrong_key_when_the_login_is_due_for_a_refresh(
    connection: Connection, settings: Settings
) -> None:
    nearly_over()
    use_keys(settings, Fernet.generate_key().decode())
    with pytest.raises(QboError, match="No key"):
        TokenKeeper(connection).access_token()
    stored = Token.objects.get()
    assert (stored.rejected, stored.lease_until) == (False, None)


def test_connecting_again_with_another_key(
    connection: Connection,
    settings: Settings,
    sync: Sync,
    returned: Callable[..., dict[str, str]],
) -> None:
    use_keys(settings, Fernet.generate_key().decode())
    sync(connection)
    url = connect.start(None, "a session", CALLBACK, connection)
    connect.complete(returned(url), None, "a session")
    sync(connection, approve=False)
    assert SyncState.objects.get().trouble == {}


def test_no_keys_at_all_is_for_the_operator(
    connection: Connection, settings: Settings, sync: Sync
) -> None:
    use_keys(settings)
    sync(connection)
    assert SyncState.objects.get().trouble["action"] == "operator"
    use_keys(settings, "dGVzdHMtdGVzdHMtdGVzdHMtdGVzdHMtdGVzdHMtMDE=")
    sync(connection, approve=False)
    assert SyncState.objects.get().trouble == {}


def test_rows_that_were_swapped_are_noticed(
    connected: Callable[..., Connection], requests: Requests, sync: Sync
) -> None:
    firm, client = connected(FIRM), connected(CLIENT)
    mine, other = firm.token.sealed, client.token.sealed
    Token.objects.filter(pk=firm.pk).update(sealed=other)
    Token.objects.filter(pk=client.pk).update(sealed=mine)
    with pytest.raises(TokenUnreadable, match="another company"):
        Token.objects.get(pk=firm.pk).open()
    calls = len(requests(everything=True))
    sync(firm)
    assert len(requests(everything=True)) == calls
    assert SyncState.objects.get(pk=firm.pk).trouble["code"] == "encryption_keys"


# Other keys -------------------------------------------------------------------------------------


def test_rotating_keys(connection: Connection, settings: Settings) -> None:
    old, new = settings.WAGTAIL_QBO_SYNC["ENCRYPTION_KEYS"][0], Fernet.generate_key().decode()
    pair = connection.token.open()
    use_keys(settings, new, old)
    assert Token.objects.get().open() == pair
    said = io.StringIO()
    call_command("qbo_rotate_keys", stdout=said)
    assert said.getvalue() == "1 tokens are sealed anew.\n"
    use_keys(settings, new)
    assert Token.objects.get().open() == pair


def test_rotating_keys_names_what_no_key_opens(connection: Connection) -> None:
    Token.objects.update(sealed="garbage")
    with pytest.raises(CommandError, match="Harbor & Pine"):
        call_command("qbo_rotate_keys", stdout=io.StringIO())


def test_rotating_keys_while_the_pair_is_refreshed(
    connection: Connection, sandbox: SandboxProcess, settings: Settings
) -> None:
    """Whatever the rotation does, the pair that Intuit gave is the one that is kept."""
    old, new = settings.WAGTAIL_QBO_SYNC["ENCRYPTION_KEYS"][0], Fernet.generate_key().decode()
    use_keys(settings, new, old)
    sandbox.post("clock", {"advance": 25 * 3600})  # the refresh token's value changes now
    sandbox.post("switches", {"refresh_grace": 0})
    first = connection.token.open()[1]
    nearly_over()

    def rotate(point: str) -> None:
        call_command("qbo_rotate_keys", stdout=io.StringIO())

    clock.stop_at(rotate)
    TokenKeeper(connection).access_token()
    clock.stop_at(None)
    kept = Token.objects.get().open()[1]
    assert kept != first
    assert oauth_client().refresh(kept)


def test_new_key_is_one(settings: Settings) -> None:
    said = io.StringIO()
    call_command("qbo_rotate_keys", "--new-key", stdout=said)
    assert Fernet(said.getvalue().strip())


# Fresh ------------------------------------------------------------------------------------------


def test_a_good_token_is_not_refreshed(connection: Connection, requests: Requests) -> None:
    assert TokenKeeper(connection).access_token() == connection.token.open()[0]
    assert refreshes(requests) == 0


def test_refreshed_before_it_ends(connection: Connection, requests: Requests) -> None:
    before = connection.token.open()[0]
    nearly_over()
    after = TokenKeeper(connection).access_token()
    stored = Token.objects.get()
    assert after != before
    assert stored.open()[0] == after  # stored before it is used
    assert (stored.version, stored.lease_until) == (2, None)
    assert stored.access_expires_at > clock.now() + timedelta(minutes=50)
    assert TokenKeeper(connection).access_token() == after
    assert refreshes(requests) == 1


def test_end_that_no_refreshing_moves_is_not_forgotten(
    connection: Connection, sandbox: SandboxProcess
) -> None:
    end = Token.objects.get().hard_expires_at
    assert end is not None
    answer = {
        "access_token": "a" * 400,
        "refresh_token": "RT1-" + "b" * 40,
        "expires_in": 3600,
        "x_refresh_token_expires_in": 8726400,
    }
    sandbox.post(
        "faults", {"kind": "respond", "status": 200, "path": BEARER, "body": json.dumps(answer)}
    )
    nearly_over()
    TokenKeeper(connection).access_token()
    stored = Token.objects.get()
    assert stored.open()[0] == "a" * 400
    assert stored.hard_expires_at == end


def test_401_in_the_middle_means_one_refresh(
    connection: Connection, sandbox: SandboxProcess, requests: Requests, sync: Sync, plant: Plant
) -> None:
    plant(FIRM, [customer("1", "Anna Berg", "anna@x.example")])
    sandbox.post("expire", {})
    sync(connection)
    assert refreshes(requests) == 1
    assert [call["status"] for call in requests()][1:] == [401, 200, 200]
    assert SyncState.objects.get().trouble == {}


def test_401_to_a_token_that_somebody_replaced_already(
    connection: Connection, requests: Requests
) -> None:
    old = connection.token.open()[0]
    nearly_over()
    new = TokenKeeper(connection).access_token()
    assert TokenKeeper(connection).rejected(old) == new
    assert refreshes(requests) == 1


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "unavailable_html"},
        {"kind": "cut"},
        {"kind": "half_json"},
        {"kind": "throttle"},
        {"kind": "server_error"},
    ],
    ids=lambda fault: str(fault["kind"]),
)
def test_passing_trouble_keeps_the_token(
    connection: Connection, sandbox: SandboxProcess, fault: Json
) -> None:
    sandbox.post("faults", {**fault, "path": BEARER})
    nearly_over()
    with pytest.raises(QboError) as failure:
        TokenKeeper(connection).access_token()
    assert failure.value.action is Action.BACK_OFF
    stored = Token.objects.get()
    assert (stored.version, stored.rejected, stored.lease_until) == (1, False, None)
    assert TokenKeeper(connection).access_token()


def test_wrong_secret_keeps_the_token(connection: Connection, sandbox: SandboxProcess) -> None:
    sandbox.post("faults", {"kind": "invalid_client", "path": BEARER})
    nearly_over()
    with pytest.raises(QboError) as failure:
        TokenKeeper(connection).access_token()
    assert failure.value.action is Action.OPERATOR
    assert not Token.objects.get().rejected


def test_refused_for_good(
    connection: Connection, sandbox: SandboxProcess, requests: Requests, sync: Sync
) -> None:
    sandbox.post("revoke", {})
    sync(connection)
    assert Token.objects.get().rejected
    found = status.status_of(connection)
    assert found.state is status.ConnectionState.RECONNECT
    assert found.sync.trouble["intuit_tid"]
    calls = len(requests(everything=True))
    sync(connection)  # asked for again: nothing to ask Intuit with
    assert len(requests(everything=True)) == calls


def test_refused_because_somebody_else_refreshed(
    connection: Connection, sandbox: SandboxProcess
) -> None:
    """The old refresh token is dead, but not the connection: the new one is stored already."""
    sandbox.post("clock", {"advance": 25 * 3600})
    nearly_over()
    slow = Token.objects.get()
    slow.connection = connection
    TokenKeeper(connection).access_token()
    newest = Token.objects.get()
    assert newest.open()[1] != slow.open()[1]
    TokenKeeper(connection)._refresh(slow)
    assert Token.objects.get() == newest
    stored = Token.objects.get()
    assert (stored.rejected, stored.version, stored.sealed) == (False, 2, newest.sealed)


def test_crash_between_intuits_answer_and_ours(connection: Connection, requests: Requests) -> None:
    class Killed(BaseException):
        pass

    def kill(point: str) -> None:
        assert point == "token.refreshed"
        raise Killed

    nearly_over()
    clock.stop_at(kill)
    with pytest.raises(Killed):
        TokenKeeper(connection).access_token()
    clock.stop_at(None)
    stored = Token.objects.get()
    assert stored.version == 1
    assert stored.lease_until is not None
    Token.objects.update(lease_until=clock.now() - timedelta(seconds=1))  # time goes by
    assert TokenKeeper(connection).access_token()
    assert Token.objects.get().version == 2
    assert refreshes(requests) == 2


def test_who_refreshes_already_is_waited_for(
    connection: Connection, requests: Requests, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody else has the turn: no second call, and their tokens are taken."""
    nearly_over()
    Token.objects.update(lease_until=clock.now() + timedelta(minutes=1))

    def they_are_done(seconds: float) -> None:
        sealed = Token.closed(FIRM, "their access token", "their refresh token")
        over = clock.now() + timedelta(hours=1)
        version = F("version") + 1
        Token.objects.update(sealed=sealed, version=version, access_expires_at=over)

    monkeypatch.setattr("time.sleep", they_are_done)
    assert TokenKeeper(connection).access_token() == "their access token"
    assert refreshes(requests) == 0


# At the same time -------------------------------------------------------------------------------

CONTENDERS = """
import hashlib, sys, threading
from django.db import connection
from wagtail_qbo_sync.models import Connection
from wagtail_qbo_sync.sync.access.token import TokenKeeper
company = Connection.objects.get()
start = threading.Barrier(4)
got = []
def ask():
    start.wait()
    token = TokenKeeper(company).access_token()
    got.append(hashlib.sha256(token.encode()).hexdigest())
    connection.close()
print("ready", flush=True)
sys.stdin.readline()
threads = [threading.Thread(target=ask) for _ in range(4)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
print(*got)
"""


def test_two_processes_of_four_threads_refresh_once(
    connection: Connection, site: Callable[[], Site], sandbox: SandboxProcess, requests: Requests
) -> None:
    """Whatever the database: eight want a fresh token at once, Intuit is asked for one."""
    nearly_over()
    # Slow enough for all to meet, and the old refresh token dies as soon as it is used.
    sandbox.post("clock", {"advance": 25 * 3600})
    sandbox.post("faults", {"kind": "latency", "seconds": 1, "path": BEARER})
    here = site()
    processes = [here.python(CONTENDERS) for _ in range(2)]
    for process in processes:
        assert process.stdout
        assert process.stdout.readline() == "ready\n", process.communicate()[1]
    for process in processes:
        assert process.stdin
        process.stdin.write("go\n")
        process.stdin.flush()
    said = [process.communicate(timeout=60) for process in processes]
    tokens = [token for out, _ in said for token in out.split()]
    assert len(tokens) == 8, said
    assert len(set(tokens)) == 1
    assert refreshes(requests) == 1
