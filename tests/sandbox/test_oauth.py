"""Consent, tokens, rotation, revocation: what an app and its person go through."""

from __future__ import annotations

from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
import requests

from .conftest import ACCOUNTING, ASK, BASIC, CLIENT, FIRM, REDIRECT, Box

DAY = 86400


def consent(box: Box, answer: dict, **asked: str) -> requests.Response:
    url = f"{box.url}/connect/oauth2"
    return requests.post(url, data={**ASK, **asked, **answer}, timeout=9, allow_redirects=False)


def came_back(response: requests.Response) -> dict:
    assert response.status_code == 302
    location = response.headers["Location"]
    assert location.startswith(f"{REDIRECT}?")
    return {key: value for key, [value] in parse_qs(urlsplit(location).query).items()}


def exchange(box: Box, code: str, **changed: str) -> requests.Response:
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": REDIRECT}
    return box.token(**{**form, **changed})


def connected(box: Box, realm: str = FIRM) -> dict:
    tokens: dict = exchange(box, came_back(consent(box, {"realm": realm}))["code"]).json()
    return tokens


def refresh(box: Box, token: str) -> requests.Response:
    return box.token(grant_type="refresh_token", refresh_token=token)


def reads(box: Box, access: str, realm: str = FIRM) -> requests.Response:
    headers = {"Authorization": f"Bearer {access}", "Accept": "application/json"}
    url = f"{box.url}/v3/company/{realm}/companyinfo/{realm}"
    return requests.get(url, headers=headers, timeout=9)


@pytest.mark.parametrize("name", ["openid_configuration", "openid_sandbox_configuration/"])
def test_discovery_names_the_endpoints(box: Box, name: str) -> None:
    found = requests.get(f"{box.url}/.well-known/{name}", timeout=9).json()
    assert found["token_endpoint"] == f"{box.url}/oauth2/v1/tokens/bearer"
    assert ACCOUNTING not in found["scopes_supported"]
    for key in ("authorization_endpoint", "revocation_endpoint", "userinfo_endpoint", "jwks_uri"):
        assert found[key].startswith(box.url)


def test_a_person_chooses_a_company(box: Box) -> None:
    page = requests.get(f"{box.url}/connect/oauth2?{urlencode(ASK)}", timeout=9).text
    assert "Search for a client" in page
    assert "Install for your firm" in page
    assert "Harbor &amp; Pine Accounting LLP" in page
    back = came_back(consent(box, {"realm": CLIENT}))
    assert (back["state"], back["realmId"]) == ("s1", CLIENT)
    assert len(back["code"]) <= 512


def test_the_picker_searches_clients(box: Box) -> None:
    asked = urlencode({**ASK, "find": "nobody"})
    page = requests.get(f"{box.url}/connect/oauth2?{asked}", timeout=9).text
    assert "No client found" in page
    assert "Saltmarsh" not in page
    assert "Harbor &amp; Pine" in page


def test_a_person_says_no(box: Box) -> None:
    back = came_back(consent(box, {"deny": "1"}))
    assert back == {"error": "access_denied", "state": "s1"}
    assert came_back(consent(box, {"realm": FIRM}, scope="nonsense"))["error"] == "invalid_scope"


def test_nobody_is_chosen(box: Box) -> None:
    page = consent(box, {})
    assert (page.status_code, "Choose a company first" in page.text) == (400, True)


@pytest.mark.parametrize(
    "wrong",
    [
        {"client_id": "other"},
        {"redirect_uri": "http://elsewhere.example/cb"},
        {"response_type": "token"},
        {"state": ""},
    ],
)
def test_a_wrong_request_is_never_sent_back(box: Box, wrong: dict) -> None:
    answer = consent(box, {"realm": FIRM}, **wrong)
    assert (answer.status_code, "Location" in answer.headers) == (400, False)


def test_consent_without_a_browser(box: Box) -> None:
    url = f"{box.url}/connect/oauth2?{urlencode(ASK)}"
    redirect = box.control("consent", {"url": url, "realm": "client"})["redirect"]
    found = parse_qs(urlsplit(redirect).query)
    assert found["realmId"] == [CLIENT]
    assert exchange(box, found["code"][0]).status_code == 200
    denied = box.control("consent", {"url": url, "deny": True})["redirect"]
    assert parse_qs(urlsplit(denied).query)["error"] == ["access_denied"]


def test_a_token_answer(box: Box) -> None:
    code = came_back(consent(box, {"realm": FIRM}))["code"]
    answer = exchange(box, code)
    tokens = answer.json()
    assert set(tokens) == {
        "token_type", "access_token", "refresh_token", "expires_in", "x_refresh_token_expires_in"
    }  # fmt: skip
    assert (tokens["expires_in"], tokens["x_refresh_token_expires_in"]) == (3600, 8726400)
    assert 900 <= len(tokens["access_token"]) <= 1100
    assert answer.headers["Cache-Control"] == "no-cache, no-store"
    assert answer.headers["intuit_tid"]
    assert reads(box, tokens["access_token"]).json()["CompanyInfo"]["CompanyName"].startswith("Har")


def test_a_code_is_good_once_for_its_app_and_for_minutes(box: Box) -> None:
    code = came_back(consent(box, {"realm": FIRM}))["code"]
    assert exchange(box, code).status_code == 200
    code_again = exchange(box, code)
    assert (code_again.status_code, code_again.json()["error"]) == (400, "invalid_grant")
    code = came_back(consent(box, {"realm": FIRM}))["code"]
    elsewhere = exchange(box, code, redirect_uri="http://localhost:8000/other/")
    assert elsewhere.json()["error"] == "invalid_grant"
    code = came_back(consent(box, {"realm": FIRM}))["code"]
    box.control("clock", {"advance": 601})
    assert exchange(box, code).json()["error"] == "invalid_grant"


def test_who_the_app_is_must_be_right(box: Box) -> None:
    url = f"{box.url}/oauth2/v1/tokens/bearer"
    form = {"grant_type": "refresh_token", "refresh_token": connected(box)["refresh_token"]}
    for auth in ((BASIC[0], "wrong"), ("wrong", BASIC[1]), None):
        answer = requests.post(url, data=form, auth=auth, timeout=9)
        assert (answer.status_code, answer.json()) == (401, {"error": "invalid_client"})
    assert requests.post(url, data=form, auth=BASIC, timeout=9).status_code == 200


def test_forms_that_lack_something(box: Box) -> None:
    assert box.token().json()["error"] == "invalid_request"
    assert box.token(grant_type="refresh_token").json()["error"] == "invalid_request"
    assert box.token(grant_type="client_credentials").json()["error"] == "unsupported_grant_type"


def test_the_refresh_token_stays_for_a_day_and_then_rolls(box: Box) -> None:
    first = connected(box)["refresh_token"]
    box.control("clock", {"advance": DAY - 60})
    same = refresh(box, first).json()
    assert same["refresh_token"] == first
    box.control("clock", {"advance": 120})
    rolled = refresh(box, first).json()
    assert rolled["refresh_token"] != first
    dead = refresh(box, first)
    assert (dead.status_code, dead.json()["error"]) == (400, "invalid_grant")
    assert refresh(box, rolled["refresh_token"]).json()["refresh_token"] == rolled["refresh_token"]
    assert reads(box, rolled["access_token"]).status_code == 200


def test_the_old_refresh_token_may_have_a_grace(box: Box) -> None:
    box.control("switches", {"refresh_grace": 3600, "refresh_roll": 60})
    first = connected(box)["refresh_token"]
    box.control("clock", {"advance": 61})
    second = refresh(box, first).json()["refresh_token"]
    assert refresh(box, first).json()["refresh_token"] == second
    box.control("clock", {"advance": 3601})
    assert refresh(box, first).json()["error"] == "invalid_grant"


def test_a_refresh_token_dies_of_age(box: Box) -> None:
    token = connected(box)["refresh_token"]
    box.control("clock", {"advance": 8726400 + 1})
    assert refresh(box, token).json()["error"] == "invalid_grant"


def test_the_hard_end_is_told_when_asked_for(box: Box) -> None:
    token = connected(box)["refresh_token"]
    box.control("clock", {"advance": 50 * DAY})
    answer = requests.post(
        f"{box.url}/oauth2/v1/tokens/bearer",
        data={"grant_type": "refresh_token", "refresh_token": token},
        auth=BASIC,
        headers={"x-include-refresh-token-hard-expires-in": "true"},
        timeout=9,
    ).json()
    assert abs(answer["x_refresh_token_hard_expires_in"] - (157680000 - 50 * DAY)) < 30


def test_access_tokens_live_for_an_hour(box: Box) -> None:
    access = connected(box)["access_token"]
    box.control("clock", {"advance": 3601})
    answer = reads(box, access)
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == 'Bearer realm="Intuit", error="invalid_token"'
    [error] = answer.json()["fault"]["error"]
    assert error["detail"] == f"Token expired: {access}"
    assert (error["code"], error["element"]) == ("3200", None)
    assert isinstance(answer.json()["time"], int)


def test_an_access_token_is_no_refresh_token(box: Box) -> None:
    answer = refresh(box, connected(box)["access_token"]).json()
    assert answer["error_description"] == "Incorrect Token type or clientID"


def test_a_malformed_token(box: Box) -> None:
    [error] = reads(box, "short").json()["fault"]["error"]
    assert error["detail"] == "Malformed bearer token: too short or too long"


def test_a_token_is_for_one_company(box: Box) -> None:
    access = connected(box, CLIENT)["access_token"]
    assert reads(box, access, CLIENT).status_code == 200
    for realm in (FIRM, "123"):
        answer = reads(box, access, realm)
        assert answer.status_code == 403
        [error] = answer.json()["fault"]["error"]
        assert error["code"] == "3100"
        assert error["message"].startswith("message=ApplicationAuthorizationFailed;")


def test_revoking_either_token_ends_both(box: Box) -> None:
    url = f"{box.url}/v2/oauth2/tokens/revoke"
    for which in ("refresh_token", "access_token"):
        tokens = connected(box)
        answer = requests.post(url, json={"token": tokens[which]}, auth=BASIC, timeout=9)
        assert (answer.status_code, answer.content) == (200, b"")
        again = requests.post(url, json={"token": tokens[which]}, auth=BASIC, timeout=9)
        assert again.status_code == 400
        assert refresh(box, tokens["refresh_token"]).json()["error"] == "invalid_grant"
        [error] = reads(box, tokens["access_token"]).json()["fault"]["error"]
        assert error["detail"] == "Token revoked"


def test_the_person_disconnects_inside_qbo(box: Box) -> None:
    ours, other = connected(box), connected(box, CLIENT)
    assert box.control("revoke", {"realm": "firm"}) == {"revoked": 1}
    assert reads(box, ours["access_token"]).status_code == 401
    assert refresh(box, other["refresh_token"]).status_code == 200


def test_a_second_consent_replaces_the_first(box: Box) -> None:
    first = connected(box)
    connected(box)
    assert refresh(box, first["refresh_token"]).json()["error"] == "invalid_grant"
    box.control("switches", {"second_consent": "keeps"})
    first = connected(box)
    connected(box)
    assert refresh(box, first["refresh_token"]).status_code == 200


def test_expiring_tokens_on_demand(box: Box) -> None:
    tokens = connected(box)
    assert box.control("expire", {"realm": "client"}) == {"expired": 0}
    assert box.control("expire", {"realm": "firm"})["expired"] >= 1
    assert reads(box, tokens["access_token"]).status_code == 401
    assert refresh(box, tokens["refresh_token"]).status_code == 200


def test_userinfo_shows_what_was_asked(box: Box) -> None:
    url = f"{box.url}/v1/openid_connect/userinfo"
    back = came_back(consent(box, {"realm": FIRM}, scope=f"{ACCOUNTING} openid email"))
    access = exchange(box, back["code"]).json()["access_token"]
    person = requests.get(url, headers={"Authorization": f"Bearer {access}"}, timeout=9).json()
    assert set(person) == {"sub", "email", "emailVerified"}
    plain = connected(box)["access_token"]
    refused = requests.get(url, headers={"Authorization": f"Bearer {plain}"}, timeout=9)
    assert refused.status_code == 403


def test_the_accounting_scope_is_needed(box: Box) -> None:
    access = box.control("tokens", {"realm": "firm", "scope": "openid"})["access_token"]
    answer = reads(box, access)
    assert answer.status_code == 403
    [error] = answer.json()["fault"]["error"]
    assert error["detail"] == "The access token does not have sufficient scope"
