"""intuitlib's client, and what its weaknesses would have let through."""

from __future__ import annotations

import json
import logging
import threading
import traceback
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from intuitlib.client import AuthClient

from tests.qbo.raw_server import Answer, RawServer, cut, hang, http
from wagtail_qbo_sync.qbo import discovery
from wagtail_qbo_sync.qbo.faults import Action, QboError
from wagtail_qbo_sync.qbo.oauth import OAuthClient, TokenSet
from wagtail_qbo_sync.qbo.transport import GuardedSession

SECRET = "client-secret-1"
STATE = "a-state-that-nobody-guesses"
REFRESH = "refresh-token-that-is-used"
GOOD: dict[str, Any] = {
    "token_type": "bearer",
    "access_token": "new-access-token",
    "refresh_token": "new-refresh-token",
    "expires_in": 3600,
    "x_refresh_token_expires_in": 8726400,
}


def document(url: str, **changes: Any) -> bytes:
    """A discovery document as Intuit's."""
    return http(
        200,
        json.dumps(
            {
                "issuer": "https://oauth.platform.intuit.com/op/v1",
                "authorization_endpoint": f"{url}/connect/oauth2",
                "token_endpoint": f"{url}/oauth2/v1/tokens/bearer",
                "userinfo_endpoint": f"{url}/v1/openid_connect/userinfo",
                "revocation_endpoint": f"{url}/v2/oauth2/tokens/revoke",
                "jwks_uri": f"{url}/op/v1/jwks",
                **changes,
            }
        ),
    )


@pytest.fixture
def server() -> Iterator[RawServer]:
    """Serves its discovery document first; tests append what comes then."""
    with RawServer(b"") as each:
        each.answers = [document(each.url)]
        yield each


@pytest.fixture
def client(server: RawServer) -> OAuthClient:
    return OAuthClient("client-id", SECRET, "http://127.0.0.1:8000/back/", f"{server.url}/d/")


def failure(call: Callable[[], object]) -> QboError:
    with pytest.raises(QboError) as caught:
        call()
    return caught.value


# The library's ways out -------------------------------------------------------------------------


def test_making_one_calls_nobody(server: RawServer, client: OAuthClient) -> None:
    assert isinstance(client, AuthClient) and server.requests == []


def test_the_authorize_url(client: OAuthClient, server: RawServer) -> None:
    url = urlsplit(client.authorize_url(STATE))
    assert f"{url.scheme}://{url.netloc}{url.path}" == f"{server.url}/connect/oauth2"
    assert parse_qs(url.query) == {
        "client_id": ["client-id"],
        "response_type": ["code"],
        "scope": ["com.intuit.quickbooks.accounting"],
        "redirect_uri": ["http://127.0.0.1:8000/back/"],
        "state": [STATE],
    }


@pytest.mark.parametrize("state", ["", "short"])
def test_the_librarys_own_weak_state_is_never_used(client: OAuthClient, state: str) -> None:
    with pytest.raises(ValueError, match="state"):
        client.authorize_url(state)


def test_an_exchange(client: OAuthClient, server: RawServer) -> None:
    server.answers.append(http(200, json.dumps(GOOD)))
    tokens = client.exchange("the-code", "77")
    assert tokens == TokenSet("new-access-token", "new-refresh-token", 3600, 8726400, None)
    head, _, body = server.requests[1].partition("\r\n\r\n")
    assert head.startswith("POST /oauth2/v1/tokens/bearer HTTP/1.1")
    assert "\r\nAccept: application/json\r\n" in head
    assert "\r\nAuthorization: Basic Y2xpZW50LWlkOmNsaWVudC1zZWNyZXQtMQ==" in head
    assert parse_qs(body) == {
        "grant_type": ["authorization_code"],
        "code": ["the-code"],
        "redirect_uri": ["http://127.0.0.1:8000/back/"],
    }


def test_a_refresh_asks_for_the_hard_end(client: OAuthClient, server: RawServer) -> None:
    hard = {**GOOD, "x_refresh_token_hard_expires_in": 156032154}
    server.answers.append(http(200, json.dumps(hard)))
    assert client.refresh(REFRESH).hard_expires_in == 156032154
    head, _, body = server.requests[1].partition("\r\n\r\n")
    assert "x-include-refresh-token-hard-expires-in: true" in head
    assert parse_qs(body) == {"grant_type": ["refresh_token"], "refresh_token": [REFRESH]}


def test_the_same_refresh_token_again_is_no_error(client: OAuthClient, server: RawServer) -> None:
    server.answers.append(http(200, json.dumps({**GOOD, "refresh_token": REFRESH})))
    assert client.refresh(REFRESH).refresh_token == REFRESH


def test_nothing_of_an_answer_but_the_tokens_is_let_in(
    client: OAuthClient, server: RawServer
) -> None:
    evil = {"request": "x", "client_secret": "x", "environment": "x", "id_token": "a.b.c"}
    server.answers.append(http(200, json.dumps({**GOOD, **evil})))
    client.refresh(REFRESH)
    assert (client.client_secret, client.id_token) == (SECRET, None)
    assert callable(client.request) and client.environment == f"{server.url}/d/"
    assert len(server.requests) == 2  # no keys were fetched to check the id_token


@pytest.mark.parametrize("call", ["refresh", "exchange"])
def test_no_token_stays_behind(client: OAuthClient, server: RawServer, call: str) -> None:
    server.answers += [http(200, json.dumps(GOOD)), http(500)]

    def ask() -> TokenSet:
        return client.refresh(REFRESH) if call == "refresh" else client.exchange(REFRESH, "77")

    tokens = ask()
    after_success = repr(vars(client))
    failure(ask)
    for text in (after_success, repr(vars(client)), repr(client), repr(tokens), str(tokens)):
        assert not [t for t in (tokens.access_token, tokens.refresh_token, REFRESH) if t in text]
    assert SECRET not in repr(client)


@pytest.mark.parametrize(
    "changes",
    [
        {"access_token": None},
        {"refresh_token": None},
        {"refresh_token": ""},
        {"access_token": ["a"]},
        {"access_token": "with a blank"},
        {"access_token": "line\r\nbreak-and-more"},
        {"access_token": "x" * 8193},
        {"expires_in": None},
        {"expires_in": 0},
        {"expires_in": "3600"},
        {"expires_in": True},
        {"x_refresh_token_expires_in": -1},
        {"x_refresh_token_hard_expires_in": "soon"},
    ],
)
def test_half_an_answer_is_no_token_pair(
    client: OAuthClient, server: RawServer, changes: dict[str, Any]
) -> None:
    server.answers.append(http(200, json.dumps({**GOOD, **changes})))
    error = failure(lambda: client.refresh(REFRESH))
    assert (error.action, error.code) == (Action.BUG, "token_answer")


@pytest.mark.parametrize("body", ["", "<html>", '{"access_token":"abc', "null"])
def test_no_json_with_200_is_tried_again_later(
    client: OAuthClient, server: RawServer, body: str
) -> None:
    server.answers.append(http(200, body))
    error = failure(lambda: client.refresh(REFRESH))
    assert error.action is Action.BACK_OFF and error.unknown_outcome


# Refusals ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "action"),
    [
        (http(400, '{"error":"invalid_grant"}'), Action.RECONNECT),
        (http(400, '{"error_description":"Token invalid","error":"invalid_grant"}'), "reconnect"),
        (http(401, '{"error":"invalid_client"}'), Action.OPERATOR),
        (http(400, '{"error":"invalid_client"}'), Action.OPERATOR),
        (http(401), Action.OPERATOR),
        (http(400, '{"error":"unsupported_grant_type"}'), Action.BUG),
        (http(400, '{"error":"what?"}'), Action.BUG),
        (http(429), Action.BACK_OFF),
        (http(503, "<html>"), Action.BACK_OFF),
        (http(307, Location="http://example.invalid/"), Action.OPERATOR),
        (cut, Action.BACK_OFF),
    ],
)
def test_what_a_refusal_means(
    client: OAuthClient, server: RawServer, answer: Answer, action: Action
) -> None:
    server.answers.append(answer)
    for call in (lambda: client.refresh(REFRESH), lambda: client.exchange("the-code", "77")):
        assert failure(call).action is Action(action)


def test_a_token_server_that_hangs_is_given_up(client: OAuthClient, server: RawServer) -> None:
    server.answers.append(hang)
    client.read_seconds = 0.2
    assert failure(lambda: client.refresh(REFRESH)).code == "timeout"


def test_secrets_are_in_no_error_and_no_log(
    client: OAuthClient, server: RawServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    told = f"{REFRESH} of client-id:{SECRET} Basic Y2xpZW50LWlkOmNsaWVudC1zZWNyZXQtMQ=="
    body = json.dumps({"error": "invalid_grant", "error_description": told})
    server.answers.append(http(400, body))
    error = failure(lambda: client.refresh(REFRESH))
    texts = [
        "".join(traceback.format_exception(error)),
        repr(vars(error)),
        repr(error.__context__),
        caplog.text,
    ]
    for secret in (REFRESH, SECRET, "Y2xpZW50LWlkOmNsaWVudC1zZWNyZXQtMQ"):
        assert [text for text in texts if secret in text] == []
    assert error.intuit_tid == "1-5f733be9-e9e791ec27b83239921a70ee"


def test_a_code_is_in_no_error(client: OAuthClient, server: RawServer) -> None:
    body = json.dumps({"error": "invalid_grant", "error_description": "code the-code is spent"})
    server.answers.append(http(400, body))
    error = failure(lambda: client.exchange("the-code", "77"))
    assert error.message == "code [redacted] is spent"


# Revoking ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("answer", [http(200), http(200, "<html>"), http(400, '{"error":"x"}')])
def test_what_is_revoked_already_is_revoked(
    client: OAuthClient, server: RawServer, answer: bytes
) -> None:
    server.answers.append(answer)
    client.revoke(REFRESH)
    head, _, body = server.requests[1].partition("\r\n\r\n")
    assert head.startswith("POST /v2/oauth2/tokens/revoke HTTP/1.1")
    assert json.loads(body) == {"token": REFRESH}


@pytest.mark.parametrize(
    ("answer", "action"),
    [
        (http(400, '{"error":"invalid_client"}'), Action.OPERATOR),
        (http(401), Action.OPERATOR),
        (http(503), Action.BACK_OFF),
        (cut, Action.BACK_OFF),
    ],
)
def test_a_revoke_that_failed(
    client: OAuthClient, server: RawServer, answer: Answer, action: Action
) -> None:
    server.answers.append(answer)
    assert failure(lambda: client.revoke(REFRESH)).action is action


# Discovery --------------------------------------------------------------------------------------


def test_the_document_is_asked_for_once_by_all_threads(server: RawServer) -> None:
    found: list[discovery.Endpoints] = []
    url = f"{server.url}/d/"
    threads = [
        threading.Thread(target=lambda: found.append(discovery.endpoints(url))) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert len(found) == 8 and len(set(found)) == 1 and len(server.requests) == 1


def test_each_url_has_its_own_document(server: RawServer) -> None:
    discovery.endpoints(f"{server.url}/d/")
    discovery.endpoints(f"{server.url}/other/")
    assert [request.split()[1] for request in server.requests] == ["/d/", "/other/"]


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Lets time pass for discovery."""
    now = [1000.0]
    monkeypatch.setattr(discovery, "time", SimpleNamespace(monotonic=lambda: now[0]))

    def pass_by(seconds: float) -> None:
        now[0] += seconds

    return pass_by


def test_the_document_is_asked_for_again_after_a_day(
    server: RawServer, later: Callable[[float], None]
) -> None:
    url = f"{server.url}/d/"
    discovery.endpoints(url)
    later(discovery.KEEP_SECONDS - 1)
    discovery.endpoints(url)
    assert len(server.requests) == 1
    later(2)
    discovery.endpoints(url)
    assert len(server.requests) == 2


def test_what_is_known_serves_while_intuit_is_away(
    server: RawServer, later: Callable[[float], None]
) -> None:
    url = f"{server.url}/d/"
    known = discovery.endpoints(url)
    server.answers = [http(503)]
    later(discovery.KEEP_SECONDS + 1)
    assert discovery.endpoints(url) == known == discovery.endpoints(url)
    assert len(server.requests) == 2  # and it is not asked each time
    server.answers = [http(404)]
    later(discovery.RETRY_SECONDS + 1)
    assert failure(lambda: discovery.endpoints(url)).action is Action.OPERATOR


def test_a_failure_is_not_remembered(server: RawServer) -> None:
    url = f"{server.url}/d/"
    server.answers.insert(0, http(503))
    assert failure(lambda: discovery.endpoints(url)).action is Action.BACK_OFF
    assert discovery.endpoints(url).token.endswith("/bearer")


@pytest.mark.parametrize(
    "answer",
    [
        http(200, "[]"),
        http(200, '"text"'),
        http(200, "{}"),
        http(404),
        document("https://example.com", token_endpoint=None),
        document("https://example.com", token_endpoint=5),
        document("https://example.com", token_endpoint="http://example.com/token"),
        document("https://example.com", revocation_endpoint="ftp://example.com/"),
    ],
)
def test_what_is_no_document_is_for_the_operator(server: RawServer, answer: bytes) -> None:
    server.answers = [answer]
    error = failure(lambda: discovery.endpoints(f"{server.url}/d/"))
    assert error.action is Action.OPERATOR


def test_a_document_from_afar_cannot_send_us_to_plain_http(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        GuardedSession,
        "request",
        lambda *args, **options: type(
            "Answer",
            (),
            {
                "status_code": 200,
                "headers": {},
                "content": document("http://127.0.0.1:9").partition(b"\r\n\r\n")[2],
            },
        ),
    )
    error = failure(lambda: discovery.endpoints("https://example.com/d/"))
    assert error.code == "address"


INTUITS = "https://developer.intuit.com/.well-known/openid_configuration/"


def said(address: str) -> str:
    """What is taken for the token endpoint when Intuit's document names this address."""
    return discovery._checked(address, INTUITS)


@pytest.mark.parametrize(
    "address",
    [
        "https://oauth.platform.intuit.com/oauth2/v1/tokens/bearer",
        "https://appcenter.intuit.com/connect/oauth2",
        "https://developer.intuit.com/x",
        "https://intuit.com/x",
    ],
)
def test_a_document_leads_to_intuit(address: str) -> None:
    assert said(address) == address


@pytest.mark.parametrize(
    "address",
    [
        "https://evil.example/oauth2/v1/tokens/bearer",
        "https://evilintuit.com/",
        "https://intuit.com.evil.example/",
        "https://oauth.platform.intuit.com@evil.example/",
        "https://evil.example\\.intuit.com/",
        "https://evil.example#.intuit.com/",
        "https://evil.example?.intuit.com/",
        "https://169.254.169.254/latest/meta-data/",
        "https://127.0.0.1/",
        "http://oauth.platform.intuit.com/",
        "javascript:alert(1)//.intuit.com",
    ],
)
def test_a_document_leads_nowhere_else(address: str) -> None:
    """Codes, refresh tokens and the app's secret would go there, and people to log in."""
    assert failure(lambda: said(address)).action is Action.OPERATOR


def test_a_document_on_this_machine_cannot_lead_away_from_it(
    client: OAuthClient, server: RawServer
) -> None:
    server.answers = [document(server.url, token_endpoint="https://evil.example/token")]
    error = failure(lambda: client.refresh(REFRESH))
    assert (error.code, error.action) == ("address", Action.OPERATOR)
    assert len(server.requests) == 1


def test_a_plain_http_discovery_elsewhere_is_not_asked() -> None:
    error = failure(lambda: discovery.endpoints("http://example.com/d/"))
    assert (error.code, error.action) == ("address", Action.OPERATOR)
