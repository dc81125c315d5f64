"""Connecting from the screen, through a real consent at the sandbox (K1, C5, C6)."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

import pytest
from django.conf import settings
from django.contrib.auth import get_user_model
from django.db import connection as database
from django.test import Client
from django.views.debug import ExceptionReporter

from tests import factories
from wagtail_qbo_sync.admin.base import RIGHTS, customers_url, url
from wagtail_qbo_sync.models import Connection, Customer, OAuthState, SyncState, Token
from wagtail_qbo_sync.qbo import api, discovery, oauth
from wagtail_qbo_sync.sync.access import token
from wagtail_qbo_sync.sync.people import connect
from wagtail_qbo_sync.testing.sandbox import SandboxProcess

from .conftest import Login, Read

FIRM = "9341452000000101"
OTHER = "9341452000000202"
Consent = Callable[..., dict[str, str]]


@pytest.fixture(autouse=True)
def quickbooks(sandbox: SandboxProcess, settings: Any) -> SandboxProcess:
    """The settings lead to the sandbox, as after a fresh start."""
    sandbox.post("reset", {})
    settings.WAGTAIL_QBO_SYNC = {
        **settings.WAGTAIL_QBO_SYNC,
        "API_URL": sandbox.base_url,
        "DISCOVERY_URL": sandbox.discovery_url,
        "CLIENT_ID": "sandbox-client",
        "CLIENT_SECRET": "sandbox-secret",
    }
    discovery.forget()
    return sandbox


@pytest.fixture
def consent(sandbox: SandboxProcess) -> Consent:
    """Presses Connect, or Reconnect, and agrees at QuickBooks: what comes back."""

    def do(client: Client, realm: str = FIRM, reconnects: Connection | None = None) -> Any:
        address = url("reconnect", reconnects.pk) if reconnects else url("connect")
        away = client.post(address)
        assert away.status_code == 302
        back = sandbox.consent(away.headers["Location"], realm)
        return dict(parse_qsl(urlsplit(back).query))

    return do


def came_back(client: Client, params: dict[str, str], **options: Any) -> Any:
    return client.get(url("callback"), params, **options)


# Going --------------------------------------------------------------------------------------


def test_connect_leads_to_quickbooks(partner: Client, sandbox: SandboxProcess) -> None:
    away = partner.post(url("connect"))
    address = urlsplit(away.headers["Location"])
    assert away.status_code == 302
    assert away.headers["Location"].startswith(sandbox.base_url)
    asked = parse_qs(address.query)
    assert asked["redirect_uri"] == ["http://127.0.0.1:8000/admin/qbo/callback/"]
    assert asked["client_id"] == ["sandbox-client"]
    assert "secret" not in address.query


def test_the_way_back_is_this_site_unless_the_settings_name_one(
    partner: Client, settings: Any
) -> None:
    settings.WAGTAIL_QBO_SYNC = {**settings.WAGTAIL_QBO_SYNC, "REDIRECT_URI": ""}
    away = partner.post(url("connect"), secure=True, headers={"host": "firm.example"})
    asked = parse_qs(urlsplit(away.headers["Location"]).query)
    assert asked["redirect_uri"] == ["https://firm.example/admin/qbo/callback/"]


@pytest.mark.parametrize(
    ("setting", "value"),
    [("CLIENT_ID", ""), ("CLIENT_SECRET", ""), ("ENCRYPTION_KEYS", []), ("ENCRYPTION_KEYS", ["x"])],
)
def test_missing_settings_are_named(
    setting: str, value: Any, partner: Client, read: Read, settings: Any
) -> None:
    settings.WAGTAIL_QBO_SYNC = {**settings.WAGTAIL_QBO_SYNC, setting: value}
    page = read(partner.post(url("connect"), follow=True))
    assert f"has to set {setting} in WAGTAIL_QBO_SYNC" in page
    assert not OAuthState.objects.exists()


def test_quickbooks_out_of_reach_is_a_sentence(partner: Client, read: Read, settings: Any) -> None:
    nowhere = "http://127.0.0.1:9/.well-known/openid_sandbox_configuration/"
    settings.WAGTAIL_QBO_SYNC = {**settings.WAGTAIL_QBO_SYNC, "DISCOVERY_URL": nowhere}
    discovery.forget()
    page = partner.post(url("connect"), follow=True)
    assert page.redirect_chain == [(url("connections"), 302)]
    assert "QuickBooks" in " ".join(str(message) for message in page.context["messages"])


# Coming back --------------------------------------------------------------------------------


def test_one_comes_back_to_the_companys_customers_and_nothing_was_read(
    partner: Client, consent: Consent, read: Read, sandbox: SandboxProcess
) -> None:
    back = came_back(partner, consent(partner), follow=True)
    made = Connection.objects.get()
    assert back.redirect_chain == [(customers_url(made), 302)]
    words = read(back)
    assert f"“{made.company_name}” is connected. Nothing has been read yet." in words
    assert "Sync now" in words
    assert made.realm_id == FIRM
    assert made.connected_by == get_user_model().objects.get(pk=partner.session["_auth_user_id"])
    assert SyncState.objects.get().wanted == 0
    assert not Customer.objects.exists()
    asked = [each["path"] for each in sandbox.get("requests")["requests"]]
    assert [path for path in asked if path.startswith("/v3/") and "companyinfo" not in path] == []


def test_who_may_only_connect_lands_on_connected_apps(
    login: Login, consent: Consent, read: Read
) -> None:
    client = login("connect")
    back = came_back(client, consent(client), follow=True)
    assert back.redirect_chain == [(url("connections"), 302)]
    assert "is connected. Nothing has been read yet." in read(back)
    assert url("sync", Connection.objects.get().pk) not in back.content.decode()


def test_the_same_company_again_is_renewed(partner: Client, consent: Consent, read: Read) -> None:
    came_back(partner, consent(partner))
    company = Connection.objects.get()
    factories.customers(company, mapped=1)
    partner.post(url("disconnect", company.pk))
    back = came_back(partner, consent(partner, reconnects=company), follow=True)
    assert f"“{company.company_name}” is connected again." in read(back)
    assert Connection.objects.get().is_connected
    assert company.mappings.count() == 1


def test_a_new_session_key_on_the_way_is_no_hindrance(
    partner: Client, consent: Consent, read: Read
) -> None:
    """As after a change of password: Django gives the session another key."""
    params = consent(partner)
    session = partner.session
    session.cycle_key()
    session.save()
    partner.cookies[settings.SESSION_COOKIE_NAME] = str(session.session_key)
    assert "is connected." in read(came_back(partner, params, follow=True))


# Refused ------------------------------------------------------------------------------------


def refused(page: Any) -> str:
    """What the page says after nothing was connected."""
    assert page.redirect_chain == [(url("connections"), 302)]
    assert not Token.objects.exists()
    [message] = page.context["messages"]
    assert message.level_tag == "error"
    return str(message)


def test_a_no_at_quickbooks(partner: Client, sandbox: SandboxProcess) -> None:
    away = partner.post(url("connect")).headers["Location"]
    params = dict(parse_qsl(urlsplit(sandbox.deny(away)).query))
    assert "Access was not granted" in refused(came_back(partner, params, follow=True))


@pytest.mark.parametrize("change", [{"state": "guessed"}, {"state": ""}])
def test_a_return_that_nobody_began(
    change: dict[str, str], partner: Client, consent: Consent
) -> None:
    params = {**consent(partner), **change}
    assert "not one that was started here" in refused(came_back(partner, params, follow=True))


def test_a_return_of_another_session(partner: Client, login: Login, consent: Consent) -> None:
    params = consent(partner)
    user = get_user_model().objects.get(pk=partner.session["_auth_user_id"])
    elsewhere = Client()
    elsewhere.force_login(user)
    assert "not one that was started here" in refused(came_back(elsewhere, params, follow=True))
    assert "not one that was started" in refused(came_back(login("connect"), params, follow=True))


def test_a_return_that_was_begun_in_a_terminal(partner: Client, sandbox: SandboxProcess) -> None:
    user = get_user_model().objects.get(pk=partner.session["_auth_user_id"])
    for who in (user, None):
        callback = "http://127.0.0.1:8000/admin/qbo/callback/"
        begun = connect.start(who, connect.TERMINAL, callback)
        params = dict(parse_qsl(urlsplit(sandbox.consent(begun, FIRM)).query))
        assert "not one that was started" in refused(came_back(partner, params, follow=True))


def test_a_return_works_once(partner: Client, consent: Consent, read: Read) -> None:
    params = consent(partner)
    came_back(partner, params)
    again = read(came_back(partner, params, follow=True))
    assert "it was used already" in again
    assert Connection.objects.count() == 1


def test_a_realm_that_was_changed_on_the_way(partner: Client, consent: Consent) -> None:
    params = {**consent(partner), "realmId": OTHER}
    refused(came_back(partner, params, follow=True))
    assert not Connection.objects.exists()


def test_another_company_on_reconnecting_is_named_and_offered(
    partner: Client, consent: Consent, read: Read
) -> None:
    company = factories.connection("Harbor & Finch", realm_id=FIRM, token=False)
    page = came_back(partner, consent(partner, OTHER, reconnects=company), follow=True)
    said = refused(page)
    assert "but this is the connection of “Harbor &amp; Finch”" in said
    assert "Connect as another company" in said
    assert f'data-w-action-url-value="{url("connect")}"' in said
    came_back(partner, consent(partner, OTHER))
    assert Connection.objects.count() == 2


# Never in a transaction ---------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_quickbooks_is_not_asked_within_a_transaction(
    login: Login, consent: Consent, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where the site wraps each request in one."""
    monkeypatch.setitem(database.settings_dict, "ATOMIC_REQUESTS", True)
    seen: list[bool] = []
    for name in ("start", "complete"):
        real = getattr(connect, name)

        def spied(*args: Any, real: Any = real) -> Any:
            seen.append(database.in_atomic_block)
            return real(*args)

        monkeypatch.setattr(connect, name, spied)
    client = login(*RIGHTS)
    assert came_back(client, consent(client)).status_code == 302
    assert Connection.objects.exists()
    assert seen == [False, False]


# A crash on the way back ----------------------------------------------------------------------


@pytest.mark.parametrize("debug", [False, True])
@pytest.mark.parametrize("crashes", [(oauth, "_cleaned"), (api, "_text"), (token, "store")])
def test_a_crash_shows_no_token(
    crashes: tuple[Any, str],
    debug: bool,
    login: Login,
    consent: Consent,
    settings: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Nor the code: neither on the page that DEBUG shows, nor in a report with the variables of
    each frame, whether while the tokens come in, while they are used, or while they are stored."""
    client = login(*RIGHTS)
    params = consent(client)
    seen: list[str] = []
    real = oauth._cleaned

    def note(body: bytes, tid: str) -> bytes:
        document = json.loads(body)
        seen.extend([document["access_token"], document["refresh_token"]])
        return real(body, tid)

    def crash(*given: Any) -> Any:
        if crashes == (oauth, "_cleaned"):
            note(*given)
        raise ZeroDivisionError("by nought")

    monkeypatch.setattr(oauth, "_cleaned", note)
    monkeypatch.setattr(*crashes, crash)
    settings.DEBUG = debug
    client.raise_request_exception = False
    servers_own = {
        name: f"{url('callback')}?{urlencode(params)}" for name in ("REQUEST_URI", "RAW_URI")
    }
    answer = came_back(client, params, **servers_own)
    assert answer.status_code == 500 and len(seen) == 2
    report = ExceptionReporter(answer.wsgi_request, *answer.exc_info).get_traceback_html()
    assert "connect.py" in report and ("connect.py" in answer.content.decode()) == debug
    for text in (answer.content.decode(), report):
        secrets = (*seen, "sandbox-secret", params["code"], params["state"])
        assert [secret for secret in secrets if secret in text] == []
