"""The logins of the companies, as Intuit gives them: watched where its answers come in."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import pytest

from wagtail_qbo_sync import clock
from wagtail_qbo_sync.qbo.faults import Action, QboError
from wagtail_qbo_sync.qbo.oauth import OAuthClient, TokenSet

UNUSED = timedelta(days=100)
"""After so long without a refresh a login is over."""


@dataclass(slots=True)
class Login:
    """Of one company, the newest that has come here."""

    refresh_token: str
    given_at: datetime
    lost: bool = False
    """Intuit may have given a newer one, of which nothing is known here."""
    refused: bool = False
    """Intuit said that it is over."""

    @property
    def may_be_over(self) -> bool:
        return self.lost or clock.now() - self.given_at > UNUSED


class Logins:
    """What came, by realm, and each refresh that was wrong."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.newest: dict[str, Login] = {}
        self.wrong: list[str] = []
        self._realms: dict[str, str] = {}
        """Refresh token -> whose it is."""
        exchange, refresh = OAuthClient.exchange, OAuthClient.refresh

        def exchanged(client: OAuthClient, code: str, realm_id: str) -> TokenSet:
            return self._given(realm_id, exchange(client, code, realm_id))

        def refreshed(client: OAuthClient, refresh_token: str) -> TokenSet:
            realm = self._realms[refresh_token]
            login = self.newest[realm]
            if login.refresh_token != refresh_token:
                self.wrong.append(f"{realm} was refreshed with an older login than it has")
            try:
                return self._given(realm, refresh(client, refresh_token))
            except QboError as error:
                self._failed(realm, login, error)
                raise

        monkeypatch.setattr(OAuthClient, "exchange", exchanged)
        monkeypatch.setattr(OAuthClient, "refresh", refreshed)

    def forget(self) -> None:
        """Another world begins."""
        self.newest.clear()
        self.wrong.clear()

    def died_with(self, realm: str, kept: str) -> None:
        """A process has died between Intuit's answer and its storing."""
        self.newest[realm].refresh_token, self.newest[realm].lost = kept, True

    def _given(self, realm: str, tokens: TokenSet) -> TokenSet:
        self._realms[tokens.refresh_token] = realm
        self.newest[realm] = Login(tokens.refresh_token, clock.now())
        return tokens

    def _failed(self, realm: str, login: Login, error: QboError) -> None:
        if error.action is Action.RECONNECT:
            login.refused = True
            if not login.may_be_over:
                self.wrong.append(f"{realm} has lost its login: {error}")
        login.lost |= error.unknown_outcome
