"""Codes and tokens: consent, exchange, refresh, revocation, and who may read which company.

A refresh gives the same refresh token for a day, then a new one, and the old one dies; each
refresh slides its 101 days, up to five years from consent (docs/quickbooks.md, "Tokens").
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass

from . import faults
from .clock import Clock
from .store import Store
from .switches import Switches
from .wire import Json

ACCOUNTING = "com.intuit.quickbooks.accounting"
SCOPES = (ACCOUNTING, "openid", "profile", "email", "phone", "address")
CODE_LIFE = 600
ACCESS_LIFE = 3600
REFRESH_LIFE = 8726400
HARD_LIFE = 157680000


@dataclass(eq=False)
class OAuthError(Exception):
    """A refusal of the token endpoint."""

    error: str
    description: str | None = None
    status: int = 400

    @property
    def document(self) -> Json:
        described = {"error_description": self.description} if self.description else {}
        return {"error": self.error, **described}


class Grants:
    """All consents given in this sandbox. A grant is one consent of one app to one company."""

    def __init__(self, store: Store, switches: Switches, clock: Clock) -> None:
        self._switches = switches
        self._clock = clock
        self._codes = store.table("codes")
        self._grants = store.table("grants")
        self._access = store.table("access")
        self._refresh = store.table("refresh")

    # Consent

    def consent(self, client: str, realm: str, redirect_uri: str, scope: str) -> str:
        """A person said yes: a code, good once and for minutes."""
        code = f"XAB{secrets.token_urlsafe(30)}"
        self._codes[code] = {
            "client": client,
            "realm": realm,
            "redirect_uri": redirect_uri,
            "scope": scope,
            "until": self._clock.now() + CODE_LIFE,
        }
        return code

    def exchange(self, client: str, code: str, redirect_uri: str, hard: bool) -> Json:
        consent = self._codes.pop(code, None)
        if consent is None or consent["until"] < self._clock.now():
            raise OAuthError("invalid_grant", "Invalid authorization code")
        if consent["client"] != client or consent["redirect_uri"] != redirect_uri:
            raise OAuthError("invalid_grant", "Invalid authorization code or redirect uri")
        if self._switches["second_consent"] == "replaces":
            self.revoke_company(consent["realm"], client)
        now = self._clock.now()
        number = secrets.token_hex(8)
        grant = {
            "id": number,
            "client": client,
            "realm": consent["realm"],
            "scope": consent["scope"],
            "hard_end": now + HARD_LIFE,
        }
        return self._tokens(self._with_new_refresh(grant), hard)

    # Refresh

    def refresh(self, client: str, token: str, hard: bool) -> Json:
        if token in self._access:
            raise OAuthError("invalid_grant", "Incorrect Token type or clientID")
        known: Json = self._refresh.get(token, {"grant": "", "until": 0})
        grant: Json | None = self._grants.get(known["grant"])
        now = self._clock.now()
        if grant is None or now >= known["until"] or now >= grant["refresh_end"]:
            raise OAuthError("invalid_grant", "Incorrect or invalid refresh token")
        if grant["client"] != client:
            raise OAuthError("invalid_grant", "Incorrect Token type or clientID")
        rolls = now - grant["refresh_born"] >= self._switches["refresh_roll"]
        if token == grant["refresh"] and rolls:
            self._refresh[token] = {**known, "until": now + self._switches["refresh_grace"]}
            grant = self._with_new_refresh(grant)
        return self._tokens(grant, hard)

    def _with_new_refresh(self, grant: Json) -> Json:
        now = self._clock.now()
        token = f"RT1-39-H3-{int(now)}{secrets.token_hex(12)}"
        self._refresh[token] = {"grant": grant["id"], "until": grant["hard_end"]}
        return {**grant, "refresh": token, "refresh_born": now}

    def _tokens(self, grant: Json, hard: bool) -> Json:
        now = self._clock.now()
        left = grant["hard_end"] - now
        sliding = min(REFRESH_LIFE, left)
        self._grants[grant["id"]] = {**grant, "refresh_end": now + sliding}
        access = f"eyJhbGciOiJkaXIi{secrets.token_urlsafe(700)}"
        self._access[access] = {"grant": grant["id"], "until": now + ACCESS_LIFE}
        answer = {
            "token_type": "bearer",
            "access_token": access,
            "refresh_token": grant["refresh"],
            "expires_in": ACCESS_LIFE,
            "x_refresh_token_expires_in": int(sliding),
        }
        if hard:
            answer["x_refresh_token_hard_expires_in"] = int(left)
        return answer

    # The end

    def revoke(self, token: str) -> None:
        """Ends the whole consent, both tokens."""
        known = self._refresh.get(token) or self._access.get(token)
        if known is None or self._grants.pop(known["grant"], None) is None:
            raise OAuthError("invalid_request", "Token is not known or already dead")

    def revoke_company(self, realm: str, client: str | None = None) -> int:
        """The person disconnected the app inside QBO, or connected it again."""
        dead = [
            number
            for number, grant in self._grants.items()
            if grant["realm"] == realm and client in (None, grant["client"])
        ]
        for number in dead:
            del self._grants[number]
        return len(dead)

    def expire_access(self, realm: str | None = None) -> int:
        """All access tokens (of a company) run out now."""
        old = [
            token
            for token, known in self._access.items()
            if realm in (None, self._grants.get(known["grant"], {}).get("realm"))
        ]
        for token in old:
            self._access[token] = {**self._access[token], "until": self._clock.now()}
        return len(old)

    # The bearer

    def grant_of(self, authorization: str) -> Json:
        """The grant of a request, or fault 3200."""
        scheme, _, token = authorization.partition(" ")
        known = self._access.get(token.strip())
        if scheme.lower() != "bearer" or (known is None and not 100 <= len(token) <= 4096):
            raise faults.unauthenticated("Malformed bearer token: too short or too long")
        if known is None or known["grant"] not in self._grants:
            raise faults.unauthenticated("Token revoked")
        if known["until"] <= self._clock.now():
            raise faults.token_expired(token)
        grant: Json = self._grants[known["grant"]]
        return grant

    def check(self, authorization: str, realm: str) -> None:
        """401 or 403 unless the bearer may work in this company."""
        grant = self.grant_of(authorization)
        if grant["realm"] != realm:
            raise faults.forbidden()
        if ACCOUNTING not in grant["scope"].split():
            raise faults.forbidden("The access token does not have sufficient scope")

    def all(self) -> list[Json]:
        return list(self._grants.values())
