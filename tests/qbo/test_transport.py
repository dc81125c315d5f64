"""HTTP as it goes wrong: every horror becomes a QboError, quickly, and holds no token."""

from __future__ import annotations

import gzip
import json
import logging
import socket
import time
import traceback
from collections.abc import Callable
from pathlib import Path

import pytest
from pytest_django import Settings

from tests.qbo.conftest import TOKEN, Door, Tokens
from tests.qbo.raw_server import Answer, RawServer, cut, hang, http
from wagtail_qbo_sync.qbo import transport
from wagtail_qbo_sync.qbo.faults import Action, QboError
from wagtail_qbo_sync.qbo.transport import GuardedSession, check_url

MakeDoor = Callable[..., Door]

NOT_FOUND = '{"QueryResponse":{"totalCount":41},"time":"2020-09-29T06:03:53.438-07:00"}'
HTML = "<html><body>Service Unavailable</body></html>"
B_429 = (
    '{"fault":{"error":[{"message":"message=ThrottleExceeded; errorCode=003001; '
    'statusCode=429","detail":"The request limit was reached.  Try again later",'
    '"code":"3001","element":null}],"type":"SERVICE"},"time":1601391072830}'
)


def xml(code: str) -> str:
    return (
        '<?xml version="1.0"?><IntuitResponse xmlns="http://schema.intuit.com/finance/v3">'
        f'<Fault type="x"><Error code="{code}"><Message>m</Message><Detail>d</Detail></Error>'
        "</Fault></IntuitResponse>"
    )


def a_fault(code: str, message: str) -> str:
    return json.dumps({"Fault": {"Error": [{"code": code, "Message": message}]}})


def half_of_a_promised_body(client: socket.socket) -> None:
    client.sendall(http(200, NOT_FOUND[:20], length=500))


def half_of_a_chunk(client: socket.socket) -> None:
    client.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nff\r\n{")


def drip(client: socket.socket) -> None:
    client.sendall(http(200, length=10_000))
    while True:
        client.sendall(b" ")
        time.sleep(0.05)


def failure(api: Door) -> QboError:
    with pytest.raises(QboError) as caught:
        api.count_customers()
    return caught.value


@pytest.mark.parametrize(
    ("answer", "action", "code", "status"),
    [
        pytest.param(cut, "back_off", "cut", None, id="cut before the answer"),
        pytest.param(half_of_a_promised_body, "back_off", "cut", None, id="cut in the body"),
        pytest.param(half_of_a_chunk, "back_off", "cut", None, id="cut in a chunk"),
        pytest.param(b"SSH-2.0-OpenSSH_9.2\r\n", "back_off", "cut", None, id="not HTTP at all"),
        pytest.param(http(200, NOT_FOUND[:30]), "back_off", "not_json", 200, id="half a document"),
        pytest.param(http(200, HTML), "back_off", "not_json", 200, id="HTML with 200"),
        pytest.param(http(200), "back_off", "not_json", 200, id="nothing with 200"),
        pytest.param(http(503, HTML), "back_off", "", 503, id="HTML 503"),
        pytest.param(http(502), "back_off", "", 502, id="nothing with 502"),
        pytest.param(http(500, xml("3100")), "back_off", "3100", 500, id="XML 500"),
        pytest.param(http(429, xml("3001")), "back_off", "3001", 429, id="XML 429"),
        pytest.param(http(429, B_429), "back_off", "3001", 429, id="JSON 429"),
        pytest.param(http(403, xml("3001")), "back_off", "3001", 403, id="XML 429 of 2016"),
        pytest.param(http(401, xml("130")), "operator", "130", 401, id="wrong cluster"),
        pytest.param(http(403, HTML), "operator", "", 403, id="a firewall"),
        pytest.param(http(404, HTML), "operator", "", 404, id="a wrong address"),
        pytest.param(http(403, xml("3100")), "reconnect", "3100", 403, id="XML 3100"),
        pytest.param(http(200, xml("10000")), "back_off", "10000", 200, id="XML fault with 200"),
        pytest.param(http(200, xml("6190")), "back_off", "6190", 200, id="lapsed with 200"),
        pytest.param(
            http(200, '{"Fault":{"Error":[{"Message":"m","code":"6000"}]}}'),
            "case",
            "6000",
            200,
            id="JSON fault with 200",
        ),
        pytest.param(http(200, '{"QueryResponse":5}'), "bug", "shape", 200, id="another shape"),
        pytest.param(http(200, "[" * 99_999), "back_off", "not_json", 200, id="deep nesting"),
        pytest.param(http(204), "bug", "", 204, id="a success that is none"),
        pytest.param(
            http(200, b"\x1f\x8bjunk", Content_Encoding="gzip"), "back_off", "cut", None, id="gzip"
        ),
    ],
)
def test_every_horror_is_judged(
    door: MakeDoor, answer: Answer, action: str, code: str, status: int | None
) -> None:
    with RawServer(answer) as server:
        error = failure(door(server.url))
    assert (error.action, error.code, error.status) == (Action(action), code, status)
    if status:
        assert error.intuit_tid == "1-5f733be9-e9e791ec27b83239921a70ee"


def test_a_server_that_says_nothing_is_given_up(door: MakeDoor) -> None:
    with RawServer(hang) as server:
        api = door(server.url)
        api.session.read_seconds = 0.2
        started = time.monotonic()
        error = failure(api)
    assert error.code == "timeout" and error.action is Action.BACK_OFF
    assert time.monotonic() - started < 5 and len(server.requests) == 1


def test_a_server_that_drips_is_given_up(door: MakeDoor) -> None:
    with RawServer(drip) as server:
        api = door(server.url)
        api.session.read_seconds = 0.5
        started = time.monotonic()
        assert failure(api).code == "timeout"
    assert time.monotonic() - started < 5


def test_the_time_limits_are_five_and_sixty_seconds() -> None:
    session = GuardedSession()
    assert (session.connect_seconds, session.read_seconds) == (5, 60)
    seen = []
    session.send = lambda request, **options: seen.append(options)  # type: ignore[assignment]
    with pytest.raises(AttributeError):  # our send answers nothing
        session.request("GET", "https://example.invalid/")
    assert seen[0]["timeout"] == (5, 60)


def test_a_server_that_is_not_there(door: MakeDoor) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        url = f"http://127.0.0.1:{closed.getsockname()[1]}"
    api = door(url)
    assert failure(api).code == "unreachable"
    with pytest.raises(QboError) as caught:
        api.create({"DisplayName": "A"}, "id-1")
    assert not caught.value.unknown_outcome  # it was never sent


def test_a_server_that_speaks_no_tls(door: MakeDoor) -> None:
    with RawServer(b"no TLS here") as server:
        error = failure(door(server.url.replace("http:", "https:")))
    assert (error.code, error.action) == ("certificate", Action.OPERATOR)


def test_an_answer_without_end_is_not_read(door: MakeDoor) -> None:
    def endless(client: socket.socket) -> None:
        client.sendall(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")
        while True:
            client.sendall(b" " * 65536)

    with RawServer(endless) as server:
        api = door(server.url)
        api.session.max_bytes = 10**6
        assert failure(api).code == "too_large"


def test_a_small_answer_that_swells_is_not_read(door: MakeDoor) -> None:
    bomb = gzip.compress(b" " * 10**8)
    with RawServer(http(200, bomb, Content_Encoding="gzip")) as server:
        api = door(server.url)
        api.session.max_bytes = 10**6
        assert failure(api).code == "too_large"


def test_compressed_and_chunked_answers_are_read(door: MakeDoor) -> None:
    zipped = http(200, gzip.compress(NOT_FOUND.encode()), Content_Encoding="gzip")
    chunked = (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
        + f"{len(NOT_FOUND):x}\r\n{NOT_FOUND}\r\n0\r\n\r\n".encode()
    )
    with RawServer(zipped, chunked) as server:
        api = door(server.url)
        assert [api.count_customers(), api.count_customers()] == [41, 41]


def test_connections_are_used_again(door: MakeDoor) -> None:
    def several(client: socket.socket) -> None:
        answer = http(200, NOT_FOUND).replace(b"Connection: close", b"Connection: keep-alive")
        client.sendall(answer)
        client.recv(65536)
        client.sendall(answer)

    with RawServer(several) as server:
        api = door(server.url)
        assert [api.count_customers(), api.count_customers()] == [41, 41]
        assert len(server.requests) == 1  # connections, that is


# Redirects, addresses, environment ------------------------------------------------------------


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_are_not_followed(door: MakeDoor, status: int) -> None:
    with RawServer(http(200, NOT_FOUND)) as other:
        with RawServer(http(status, Location=f"{other.url}/v3/x")) as server:
            error = failure(door(server.url))
        assert other.requests == []
    assert (error.action, error.status) == (Action.OPERATOR, status)


@pytest.mark.parametrize(
    "url",
    [
        "https://quickbooks.api.intuit.com",
        "https://127.0.0.1:8010",
        "http://127.0.0.1:8010",
        "http://127.9.9.9",
        "http://localhost:8010/",
        "http://[::1]:8010",
    ],
)
def test_addresses_that_may_be_called(url: str) -> None:
    assert check_url(url) == url


@pytest.mark.parametrize(
    "url",
    [
        "http://quickbooks.api.intuit.com",
        "http://127.0.0.1.example.com",
        "http://localhost.example.com",
        "http://127.0.0.1@example.com",
        "http://127.0.0.1:80@example.com",
        "http://127.0.0.1\\@example.com",
        "http://127.0.0.1\t@example.com",
        "http://127.0.0.1\n.example.com",
        "http://127.0.0.1#@example.com",
        "http://localhost@example.com",
        "http://localhost.",
        "http://127.1",
        "http://2130706433",
        "http://0x7f000001",
        "http://0177.0.0.1",
        "http://１２７.0.0.1",
        "http://[::ffff:10.0.0.1]",
        "http://[::]",
        "http://[fe80::1]",
        "http://169.254.169.254/latest/meta-data/",
        "http://10.0.0.1",
        "http://0.0.0.0",
        "https://",
        "https:///v3",
        "https://example.com\\.intuit.com",
        "https://example.com .intuit.com",
        "https://exam\tple.com",
        "https://user:secret@example.com",
        "https://example.com:notaport",
        "https://[::1",
        "https://example.com/#x",
        "file:///etc/passwd",
        "ftp://127.0.0.1",
        "quickbooks.api.intuit.com",
        "",
    ],
)
def test_addresses_that_may_not_be_called(url: str, door: MakeDoor) -> None:
    with pytest.raises(QboError) as caught:
        door(url)
    assert (caught.value.action, caught.value.code) == (Action.OPERATOR, "address")
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("url", ["http://example.com[::1]/", "http://[::1].example.com/"])
def test_what_python_takes_for_this_machine_and_is_not_is_not_called(url: str) -> None:
    """Some versions read ::1 out of these; then they are refused before a connection is made."""
    with pytest.raises(QboError) as caught:
        GuardedSession().request("GET", url)
    assert (caught.value.action, caught.value.code) == (Action.OPERATOR, "address")


def test_plain_http_can_be_refused_even_here() -> None:
    with pytest.raises(QboError):
        check_url("http://127.0.0.1", plain_http=False)


def test_a_server_on_this_machine_is_asked_without_proxy_and_netrc(
    door: MakeDoor, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login somebody password something\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.delenv("no_proxy", raising=False)
    with RawServer(http(200, NOT_FOUND)) as server:
        assert door(server.url).count_customers() == 41
    assert f"Authorization: Bearer {TOKEN}" in server.requests[0]


def test_a_proxy_is_used_for_the_rest_of_the_world(
    door: MakeDoor, monkeypatch: pytest.MonkeyPatch
) -> None:
    with RawServer(http(407)) as proxy:
        monkeypatch.setenv("https_proxy", proxy.url)
        monkeypatch.delenv("no_proxy", raising=False)
        monkeypatch.delenv("NO_PROXY", raising=False)
        error = failure(door("https://quickbooks.example.com"))
    assert proxy.requests[0].startswith("CONNECT quickbooks.example.com:443")
    assert error.code == "unreachable"


def test_a_bundle_of_certificates_from_the_environment(
    door: MakeDoor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/nowhere/bundle.pem")
    error = failure(door("https://127.0.0.1:9"))
    assert (error.code, error.action) == ("certificate", Action.OPERATOR)


# Tokens leak nowhere --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "answer",
    [
        cut,
        http(401, a_fault("3200", f"Token expired: {TOKEN}")),
        http(200, a_fault(TOKEN, TOKEN)),
        http(403, a_fault("3100", f"Bearer {TOKEN}")),
        http(302, Location=f"http://example.invalid/?token={TOKEN}"),
    ],
)
def test_no_token_in_errors_and_logs(
    door: MakeDoor, answer: Answer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with RawServer(answer) as server:
        api = door(server.url)
        error = failure(api)
    assert TOKEN in server.requests[0]
    told = [
        "".join(traceback.format_exception(error)),
        repr(error),
        repr(vars(error)),
        repr(error.__context__),
        repr(api),
        repr({name: value for name, value in vars(api).items() if name != "tokens"}),
        caplog.text,
    ]
    assert [text for text in told if TOKEN in text] == []


def test_a_token_that_is_no_header_is_not_shown(door: MakeDoor) -> None:
    with RawServer(http(200, NOT_FOUND)) as server:
        error = failure(door(server.url, Tokens("secret\r\nX-Evil: 1")))
        assert server.requests == []
    assert error.__context__ is None and "secret" not in f"{error!r} {vars(error)}"


def test_the_whole_call_has_an_upper_bound() -> None:
    assert transport.longest_seconds() == 125


def test_the_longest_call_follows_the_setting(settings: Settings) -> None:
    settings.WAGTAIL_QBO_SYNC = {**settings.WAGTAIL_QBO_SYNC, "CALL_SECONDS": 20}
    assert transport.longest_seconds() == 45
    assert GuardedSession().read_seconds == 20
