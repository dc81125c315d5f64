"""The OAuth endpoints: discovery, consent page, tokens, revocation, userinfo."""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlencode, urlsplit

from . import pages
from .company import Company
from .faults import Fault
from .oauth import SCOPES, Grants, OAuthError
from .wire import Json, Request, Response, html_response, json_response, redirect

LOOPBACK = ("localhost", "127.0.0.1", "::1", "testserver")
PERSON: Json = {
    "sub": "b0c3a1de-6c1f-4b8e-9d55-5a2f0b7b9e11",
    "email": "dana@harborpine.example",
    "emailVerified": True,
    "givenName": "Dana",
    "familyName": "Whitfield",
}


@dataclass(frozen=True)
class App:
    """The one app that is registered here. Without `redirect_uris` any loopback one is good."""

    client_id: str = "sandbox-client"
    client_secret: str = "sandbox-secret"  # noqa: S105
    redirect_uris: tuple[str, ...] = ()
    verifier_token: str = "sandbox-verifier"  # noqa: S105

    def allows(self, redirect_uri: str) -> bool:
        if self.redirect_uris:
            return redirect_uri in self.redirect_uris
        parts = urlsplit(redirect_uri)
        return parts.scheme in ("http", "https") and parts.hostname in LOOPBACK


class Connect:
    def __init__(self, app: App, grants: Grants, companies: Mapping[str, Company]) -> None:
        self.app = app
        self._grants = grants
        self._companies = companies

    def discovery(self, request: Request) -> Response:
        base = request.base_url
        return json_response(
            {
                "issuer": f"{base}/op/v1",
                "authorization_endpoint": f"{base}/connect/oauth2",
                "token_endpoint": f"{base}/oauth2/v1/tokens/bearer",
                "userinfo_endpoint": f"{base}/v1/openid_connect/userinfo",
                "revocation_endpoint": f"{base}/v2/oauth2/tokens/revoke",
                "jwks_uri": f"{base}/op/v1/jwks",
                "response_types_supported": ["code"],
                "subject_types_supported": ["public"],
                "id_token_signing_alg_values_supported": ["RS256"],
                "scopes_supported": ["openid", "email", "profile", "address", "phone"],
                "token_endpoint_auth_methods_supported": ["client_secret_basic"],
                "claims_supported": ["aud", "exp", "iat", "iss", "realmid", "sub"],
            }
        )

    # Consent

    def consent(self, request: Request) -> Response:
        """GET shows the page; a POST of it chooses a company (`realm`) or says no (`deny`)."""
        asked = {**request.params, **(request.form if request.method == "POST" else {})}
        if problem := self._problem(asked):
            return html_response(pages.consent_problem(problem), 400)
        scopes = asked.get("scope", "").split()
        if not scopes or not set(scopes) <= set(SCOPES):
            return redirect(back(asked, error="invalid_scope"))
        if request.method == "GET":
            return html_response(pages.consent(asked, self._companies))
        if "deny" in asked:
            return redirect(back(asked, error="access_denied"))
        if asked.get("realm") not in self._companies:
            return html_response(pages.consent(asked, self._companies, nothing_chosen=True), 400)
        return redirect(self.approve(asked))

    def approve(self, asked: Mapping[str, str]) -> str:
        """Where the browser goes after a yes."""
        realm, scope = asked["realm"], asked["scope"]
        code = self._grants.consent(asked["client_id"], realm, asked["redirect_uri"], scope)
        return back(asked, code=code, realmId=realm)

    def _problem(self, asked: Mapping[str, str]) -> str | None:
        """What QBO shows on its own page instead of redirecting."""
        if asked.get("client_id") != self.app.client_id:
            return "The client_id is not that of the registered app."
        if not self.app.allows(asked.get("redirect_uri", "")):
            return "The redirect_uri is not one of those registered for the app."
        if asked.get("response_type") != "code":
            return "The response_type must be code."
        if not asked.get("state"):
            return "The state parameter is missing."
        return None

    # Tokens

    def token(self, request: Request) -> Response:
        form = request.form
        hard = request.headers.get("x-include-refresh-token-hard-expires-in", "") == "true"
        try:
            client = self._client(request)
            match form.get("grant_type"):
                case "authorization_code":
                    code, redirect_uri = _needed(form, "code"), _needed(form, "redirect_uri")
                    answer = self._grants.exchange(client, code, redirect_uri, hard)
                case "refresh_token":
                    token = _needed(form, "refresh_token")
                    answer = self._grants.refresh(client, token, hard)
                case None:
                    raise OAuthError("invalid_request", "grant_type is missing")
                case _:
                    raise OAuthError("unsupported_grant_type")
        except OAuthError as error:
            return self._said(error.document, error.status)
        return self._said(answer)

    def revoke(self, request: Request) -> Response:
        try:
            self._client(request)
            self._grants.revoke(_token_to_revoke(request))
        except OAuthError as error:
            return self._said(error.document, error.status)
        return Response(200)

    def userinfo(self, request: Request) -> Response:
        try:
            grant = self._grants.grant_of(request.headers.get("Authorization", ""))
        except Fault as fault:
            return json_response({"error": "invalid_token"}, fault.status)
        scopes = grant["scope"].split()
        if "openid" not in scopes:
            return json_response({"error": "insufficient_scope"}, 403)
        shown = {"sub"} | ({"email", "emailVerified"} if "email" in scopes else set())
        shown |= {"givenName", "familyName"} if "profile" in scopes else set()
        return json_response({key: value for key, value in PERSON.items() if key in shown})

    def _client(self, request: Request) -> str:
        scheme, _, packed = request.headers.get("Authorization", "").partition(" ")
        try:
            pair = base64.b64decode(packed, validate=True).decode()
        except (binascii.Error, UnicodeDecodeError):
            pair = ""
        if scheme.lower() != "basic" or pair != f"{self.app.client_id}:{self.app.client_secret}":
            raise OAuthError("invalid_client", status=401)
        return self.app.client_id

    def _said(self, document: Json, status: int = 200) -> Response:
        uncached = {"Cache-Control": "no-cache, no-store", "Pragma": "no-cache"}
        return json_response(document, status, uncached)


def back(asked: Mapping[str, str], **answer: str) -> str:
    """The redirect to the app, with its state."""
    uri = asked["redirect_uri"]
    joint = "&" if urlsplit(uri).query else "?"
    return uri + joint + urlencode({**answer, "state": asked["state"]})


def _needed(form: Mapping[str, str], name: str) -> str:
    if not form.get(name):
        raise OAuthError("invalid_request", f"{name} is missing")
    return form[name]


def _token_to_revoke(request: Request) -> str:
    """JSON as documented; forms are accepted too, as clients send both."""
    if re.match(r"\s*\{", request.text):
        try:
            token = json.loads(request.body).get("token")
        except ValueError:
            token = None
    else:
        token = request.form.get("token")
    if not isinstance(token, str) or not token:
        raise OAuthError("invalid_request", "token is missing")
    return token
