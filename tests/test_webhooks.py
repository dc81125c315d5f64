"""Webhooks arriving (U13): what is believed, what is refused, and what comes of them."""

from __future__ import annotations

import ast
import base64
import hashlib
import hmac
import inspect
import io
import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.core.handlers.wsgi import WSGIRequest
from django.db import connection as database
from django.test import Client, RequestFactory
from django_q.models import OrmQ
from pytest_django import Settings

from tests import factories
from wagtail_qbo_sync import clock
from wagtail_qbo_sync.models import Connection, SiteState, SyncState, WebhookEvent
from wagtail_qbo_sync.qbo import webhook
from wagtail_qbo_sync.sync.noticing import notices
from wagtail_qbo_sync.testing.sandbox import SandboxProcess
from wagtail_qbo_sync.webhooks import receive

URL = "/quickbooks/webhooks/"
REALM = "9130000001"
Json = dict[str, Any]


def signature(body: bytes, token: str = "test-verifier-token") -> str:
    return base64.b64encode(hmac.new(token.encode(), body, hashlib.sha256).digest()).decode()


def post(body: bytes, signed: str | None = None, **headers: str) -> int:
    """The status of the answer; signed as Intuit would unless told."""
    found = Client(enforce_csrf_checks=True).post(
        URL,
        body,
        headers={"intuit-signature": signature(body) if signed is None else signed},
        **{"content_type": "application/json", **headers},  # type: ignore[arg-type]
    )
    assert found.content == b""
    return found.status_code


def event(realm: str = REALM, qbo_id: str = "7", verb: str = "updated", **values: Any) -> Json:
    return {
        "specversion": "1.0",
        "id": "88cd52aa",
        "type": f"qbo.customer.{verb}.v1",
        "time": "2026-03-17T16:19:17Z",
        "intuitentityid": qbo_id,
        "intuitaccountid": realm,
        "data": {},
        **values,
    }


def body(*events: Any) -> bytes:
    return json.dumps(events or [event()]).encode()


def legacy(realm: str = REALM, name: str = "Customer") -> bytes:
    entity = {"name": name, "id": "7", "operation": "Update", "lastUpdated": "2026-03-17T16:19:17Z"}
    notification = {"realmId": realm, "dataChangeEvent": {"entities": [entity]}}
    return json.dumps({"eventNotifications": [notification]}).encode()


def synced(realm: str = REALM, **values: Any) -> Connection:
    """A company whose first sync is done, and that nobody waits for."""
    made = factories.connection(f"Company {realm}", realm_id=realm, **values)
    factories.sync_state(made, first_synced_at=clock.now(), wanted=3, served=3)
    return made


@pytest.fixture
def company(db: None) -> Connection:
    return synced()


def wanted(company: Connection) -> int:
    return SyncState.objects.get(pk=company.pk).wanted


def notified(company: Connection) -> bool:
    return SyncState.objects.get(pk=company.pk).notified_at is not None


def refused() -> int:
    return SiteState.objects.get().webhooks_refused


def row() -> tuple[int, int]:
    """(heard, ignored) of the only one."""
    return WebhookEvent.objects.values_list("heard", "ignored").get()


def nothing_came_of_it() -> bool:
    return not WebhookEvent.objects.exists() and not OrmQ.objects.exists()


# What comes of it -----------------------------------------------------------------------------


@pytest.mark.parametrize("sent", [body(), legacy()])
def test_a_change_asks_for_a_sync(company: Connection, sent: bytes) -> None:
    before = clock.now()
    assert post(sent) == 200
    assert wanted(company) == 4
    assert SyncState.objects.filter(notified_at__gte=before).exists()
    assert row() == (1, 0)
    assert refused() == 0


@pytest.mark.parametrize(
    "kind", ["application/cloudevents+json", "text/plain", "multipart/form-data; boundary=x", ""]
)
def test_whatever_the_content_is_called(company: Connection, kind: str) -> None:
    assert post(body(), content_type=kind) == 200
    assert wanted(company) == 4


def test_a_worker_is_rung_once(
    company: Connection, django_capture_on_commit_callbacks: Callable[..., Any]
) -> None:
    """A ring is out already when the second comes; the run that it starts serves both."""
    for number in ("7", "8"):
        with django_capture_on_commit_callbacks(execute=True):
            post(body(event(qbo_id=number)))
    assert wanted(company) == 5
    assert OrmQ.objects.count() == 1


def test_one_body_about_several_companies(company: Connection) -> None:
    other, third = synced("9130000002"), synced("9130000003")
    sent = body(event(), event(realm="9130000002"), event(), event(realm="555"))
    assert post(sent) == 200
    assert [wanted(one) for one in (company, other, third)] == [4, 4, 3]
    assert row() == (3, 1)


@pytest.mark.parametrize(
    "sent",
    [
        body(event(realm="310687", qbo_id="1234")),
        body(event(type="qbo.invoice.created.v1")),
        body(event(type="com.example.hat")),
        legacy(name="Vendor"),
        legacy(realm="310687"),
        b"[5]",
        b"{}",
        b"",
        b"half {",
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"a":' * 100_000,
    ],
)
def test_what_is_not_about_us_is_counted_and_answered_with_200(
    company: Connection, sent: bytes
) -> None:
    """Intuit would send anything else again and again."""
    assert post(sent) == 200
    assert row() == (0, 1)
    assert (wanted(company), notified(company), OrmQ.objects.count()) == (3, False, 0)


def test_the_same_body_again_is_no_news(company: Connection) -> None:
    assert [post(body()), post(body()), post(legacy())] == [200] * 3
    assert wanted(company) == 5
    assert WebhookEvent.objects.count() == 2


def test_a_merge_is_noted(company: Connection) -> None:
    merged = event(verb="merged", qbo_id="7", data={"deletedid": "27"})
    assert post(body(event(), merged, {**merged, "intuitaccountid": "555"})) == 200
    assert WebhookEvent.objects.get().merges == [[REALM, "7", "27"]]


def test_without_a_merge_none_is_noted(company: Connection) -> None:
    post(body())
    assert WebhookEvent.objects.filter(merges__isnull=True).exists()


# Who is not woken ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "state",
    [
        {"first_synced_at": None},
        {"trouble": {"action": "bug"}},
    ],
)
def test_what_a_person_sees_to_first_is_not_woken(company: Connection, state: Json) -> None:
    factories.sync_state(company, **state)
    assert post(body()) == 200
    assert (wanted(company), notified(company)) == (3, True)


def test_a_back_off_is_not_lifted(
    company: Connection, django_capture_on_commit_callbacks: Callable[..., Any]
) -> None:
    later = clock.now() + timedelta(hours=1)
    factories.sync_state(company, blocked_until=later, trouble={"action": "back_off"})
    with django_capture_on_commit_callbacks(execute=True):
        post(body())
    state = SyncState.objects.get()
    assert (state.wanted, state.blocked_until) == (4, later)
    assert not OrmQ.objects.exists()


@pytest.mark.parametrize(
    "values",
    [
        {"disconnected_at": clock.now()},
        {"environment": "production"},
        {"installation": {"address": "elsewhere"}},
        {"token": False},
    ],
    ids=lambda values: next(iter(values)),
)
def test_a_company_that_is_not_connected_here_is_not_woken(db: None, values: Json) -> None:
    company = synced(**values)
    assert post(body()) == 200
    assert wanted(company) == 3


# What is refused ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "signed", ["", "x", "not base64!", "é", signature(body(), "other"), signature(b"[]")]
)
def test_what_intuit_did_not_sign_is_only_counted(company: Connection, signed: str) -> None:
    assert post(body(), signed) == 403
    assert (wanted(company), refused()) == (3, 1)
    assert nothing_came_of_it()


def test_a_changed_byte_breaks_the_signature(company: Connection) -> None:
    assert post(body() + b" ", signature(body())) == 403


def test_without_a_token_everything_is_refused(company: Connection, settings: Settings) -> None:
    settings.WAGTAIL_QBO_SYNC = {**settings.WAGTAIL_QBO_SYNC, "WEBHOOK_VERIFIER_TOKEN": ""}
    assert post(body(), signature(body(), "")) == 403
    assert refused() == 1


def test_no_header_at_all(company: Connection) -> None:
    answer = Client().post(URL, body(), content_type="application/json")
    assert (answer.status_code, refused()) == (403, 1)


@pytest.mark.parametrize(("size", "status"), [(0, 200), (1, 413)])
def test_a_huge_body_is_not_read(company: Connection, size: int, status: int) -> None:
    """The largest is still understood."""
    padding = b" " * (notices.LARGEST - len(body()) + size)
    assert post(body() + padding) == status
    assert (wanted(company), refused()) == ((4, 0) if status == 200 else (3, 1))


def test_a_body_that_says_it_is_huge_is_not_read_to_its_end(company: Connection) -> None:
    """Whatever its length claims: no more than the limit and one byte is asked for."""

    class Endless(io.BytesIO):
        asked = 0

        def read(self, size: int | None = -1) -> bytes:
            assert size is not None and 0 <= size <= notices.LARGEST + 1
            self.asked += size
            return b"x" * size

    wire = Endless()
    environ = RequestFactory().post(URL, content_type="application/json").environ
    request = WSGIRequest({**environ, "CONTENT_LENGTH": str(10**12), "wsgi.input": wire})
    assert receive(request).status_code == 413
    assert wire.asked == notices.LARGEST + 1
    assert (refused(), nothing_came_of_it()) == (1, True)


@pytest.mark.parametrize(
    "sent",
    [
        body(*[event(qbo_id=str(number)) for number in range(9_000)]),
        body(event(qbo_id="9" * 5_000)),
        b'[{"intuitentityid": ' + b"9" * 5_000 + b"}]",
        b"[" + b"1e999," * 1000 + b"NaN]",
    ],
    ids=["thousands", "a long id", "a long number", "no numbers"],
)
def test_what_is_signed_and_immense_is_answered_at_once(company: Connection, sent: bytes) -> None:
    assert len(sent) < notices.LARGEST
    assert post(sent) == 200
    assert WebhookEvent.objects.count() == 1
    assert OrmQ.objects.count() <= 1


def test_a_replay_of_years_ago_is_no_more_than_a_hint(company: Connection) -> None:
    """Its signature holds for ever: once the body is forgotten, a sync is asked for again, which
    reads what is true now."""
    assert [post(body()), post(body())] == [200, 200]
    WebhookEvent.objects.all().delete()
    assert post(body()) == 200
    assert wanted(company) == 5


@pytest.mark.parametrize(
    "signed",
    [
        signature(body()).encode().hex(),
        signature(body()).rstrip("="),
        signature(body()) + "\u0000",
        f" {signature(body())}é",
        signature(body()).swapcase(),
        "\U0001f511" * 44,
        "=" * 100_000,
    ],
)
def test_what_is_nearly_a_signature_is_none(company: Connection, signed: str) -> None:
    request = RequestFactory().post(URL, body(), content_type="application/json")
    request.META["HTTP_INTUIT_SIGNATURE"] = signed
    assert receive(request).status_code == 403
    assert (refused(), nothing_came_of_it()) == (1, True)


def test_signatures_are_compared_in_constant_time(
    company: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By hmac.compare_digest, of whole digests and for each token, whatever the first says."""
    compared: list[tuple[bytes, bytes]] = []
    real = hmac.compare_digest

    def compare(ours: bytes, given: bytes) -> bool:
        compared.append((ours, given))
        return real(ours, given)

    monkeypatch.setattr(hmac, "compare_digest", compare)
    given = signature(body())
    assert webhook.is_signed(body(), given, ["test-verifier-token", "former"])
    assert [given for _, given in compared] == [given.encode()] * 2
    assert compared[0][0] == given.encode() and len(compared[1][0]) == len(given)
    tree = ast.parse(inspect.getsource(webhook.is_signed))
    assert not [each for each in ast.walk(tree) if isinstance(each, ast.Compare)]


def test_a_host_with_smaller_limits_takes_it_all_the_same(
    company: Connection, settings: Settings
) -> None:
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 100
    assert post(body()) == 200


@pytest.mark.parametrize("method", ["get", "head", "put", "delete", "options"])
def test_only_post(company: Connection, method: str) -> None:
    assert getattr(Client(), method)(URL).status_code == 405
    assert (refused(), nothing_came_of_it()) == (0, True)


# What it costs ----------------------------------------------------------------------------------


def statements(sent: bytes, signed: str | None = None) -> list[str]:
    """What a POST does to the database, savepoints aside."""
    found: list[str] = []

    def watch(execute: Callable[..., Any], sql: str, *rest: Any) -> Any:
        verb = sql.split()[0]
        if verb not in ("SAVEPOINT", "RELEASE", "ROLLBACK"):
            found.append(verb)
        return execute(sql, *rest)

    with database.execute_wrapper(watch):
        post(sent, signed)
    return found


@pytest.mark.parametrize("companies", [1, 5, 50])
def test_three_statements_one_of_them_an_insert(db: None, companies: int) -> None:
    realms = [str(9_130_000_000 + number) for number in range(companies)]
    for realm in realms:
        synced(realm)
    sent = body(*[event(realm=realm, qbo_id=str(n)) for realm in realms for n in range(3)])
    assert statements(sent) == ["SELECT", "INSERT", "UPDATE"]
    assert set(SyncState.objects.values_list("wanted", flat=True)) == {4}


def test_fewer_where_less_is_to_be_done(company: Connection) -> None:
    assert statements(body(event(realm="555"))) == ["SELECT", "INSERT"]
    assert statements(b"{}") == ["INSERT"]
    assert statements(body(), "forged") == ["UPDATE"]
    post(body())
    assert statements(body()) == ["SELECT", "INSERT", "SELECT"]


# From the sandbox -------------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["legacy", "cloudevents"])
def test_what_the_sandbox_sends_is_understood(
    db: None, sandbox: SandboxProcess, settings: Settings, form: str
) -> None:
    token = {"WEBHOOK_VERIFIER_TOKEN": "sandbox-verifier"}
    settings.WAGTAIL_QBO_SYNC = {**settings.WAGTAIL_QBO_SYNC, **token}
    sandbox.post("reset")
    sandbox.post("switches", {"webhook_hold": True, "webhook_format": form})
    companies = [synced(realm) for realm in ("9341452000000101", "9341452000000202")]
    for realm in ("firm", "client"):
        sandbox.post("customer", {"realm": realm, "values": {"DisplayName": "Q"}})
    sent = sandbox.post("webhooks/take")
    headers = sent["headers"]
    signed, kind = headers["intuit-signature"], headers["Content-Type"]
    assert post(sent["body"].encode(), signed, content_type=kind) == 200
    assert [wanted(company) for company in companies] == [4, 4]
    assert row() == (2, 0)
