"""The token pair: handed out fresh, refreshed by exactly one process.

The right to refresh is a compare-and-swap on (version, lease): the HTTP call happens
outside any transaction, the new pair is committed before it is used, and the others wait
for the version to move (docs/explanation/security.md).
"""

from __future__ import annotations

import time
from datetime import datetime, timedelta

from django.core.exceptions import ImproperlyConfigured
from django.db.models import F

from wagtail_qbo_sync import clock
from wagtail_qbo_sync.clock import failpoint
from wagtail_qbo_sync.compat import Now
from wagtail_qbo_sync.conf import settings
from wagtail_qbo_sync.models import Connection, Token, TokenUnreadable
from wagtail_qbo_sync.qbo.faults import Action, QboError
from wagtail_qbo_sync.qbo.oauth import OAuthClient, TokenSet
from wagtail_qbo_sync.qbo.transport import longest_seconds

from .lease import FREE

EARLY = timedelta(minutes=10)
"""An access token this close to its end is refreshed before it is used."""
REFRESH_SECONDS = 120
"""How long one process may take to refresh: longer than the time limits of its two calls, which
are stricter here than elsewhere."""


def oauth_client(redirect_uri: str = "") -> OAuthClient:
    """Intuit's OAuth service, as the settings name it."""
    return OAuthClient(
        client_id=settings.CLIENT_ID,
        client_secret=settings.CLIENT_SECRET,
        redirect_uri=redirect_uri or settings.REDIRECT_URI,
        discovery_url=settings.discovery_url,
    )


def turn_seconds() -> float:
    """The same, where calls may take less than usual (CALL_SECONDS)."""
    return min(REFRESH_SECONDS, 2 * longest_seconds())


def store(connection: Connection, tokens: TokenSet) -> None:
    """Keep a new pair from a consent, whatever was there before."""
    values = _columns(connection, tokens)
    token, created = Token.objects.get_or_create(connection=connection, defaults=values)
    if not created:
        Token.objects.filter(pk=token.pk).update(version=F("version") + 1, **values)


def _columns(connection: Connection, tokens: TokenSet) -> dict[str, object]:
    return {
        "sealed": Token.closed(connection.realm_id, tokens.access_token, tokens.refresh_token),
        "access_expires_at": _after(tokens.expires_in),
        "refresh_expires_at": _after(tokens.refresh_expires_in),
        "hard_expires_at": tokens.hard_expires_in and _after(tokens.hard_expires_in),
        "rejected": False,
        "lease_until": None,
    }


def _after(seconds: int) -> datetime:
    return clock.now() + timedelta(seconds=seconds)


def reconnect_needed(message: str) -> QboError:
    """The connection's login is over; only a person can renew it."""
    return QboError.of("invalid_grant", message=message)


class TokenKeeper:
    """The `TokenSource` port of the door to QuickBooks, over the stored pair."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection

    def access_token(self) -> str:
        """A token that is good for some minutes.

        Raises QboError (RECONNECT, BACK_OFF, or OPERATOR for wrong keys in the settings).
        """
        token = self._token()
        if token.access_expires_at - clock.now() < EARLY:
            token = self._refreshed(token)
        return self._opened(token)[0]

    def rejected(self, access_token: str) -> str:
        """QuickBooks answered 401 to `access_token`: a newer one. Raises as above."""
        token = self._token()
        if self._opened(token)[0] != access_token:
            return self._opened(token)[0]
        return self._opened(self._refreshed(token))[0]

    def _token(self) -> Token:
        token = Token.objects.filter(pk=self.connection.pk).first()
        if token is None or token.rejected:
            raise reconnect_needed("There is no valid login for this company.")
        token.connection = self.connection
        return token

    def _opened(self, token: Token) -> tuple[str, str]:
        """Both tokens. Without the right key the login is still good: nothing is given up."""
        try:
            return token.open()
        except (TokenUnreadable, ImproperlyConfigured) as error:
            raise QboError.of("encryption_keys", message=str(error)) from None

    def _refreshed(self, seen: Token) -> Token:
        """The token after the refresh that somebody, perhaps this process, makes."""
        deadline = time.monotonic() + turn_seconds()
        while time.monotonic() < deadline:
            if self._take_turn(seen):
                self._refresh(seen)
            token = self._token()
            if token.version != seen.version:
                return token
            time.sleep(0.1)
        raise QboError.of("timeout", message="Another process is still refreshing the login")

    def _take_turn(self, seen: Token) -> bool:
        mine = Token.objects.filter(FREE, pk=seen.pk, version=seen.version)
        return bool(mine.update(lease_until=Now() + timedelta(seconds=turn_seconds())))

    def _refresh(self, seen: Token) -> None:
        mine = Token.objects.filter(pk=seen.pk, version=seen.version)
        try:
            tokens = oauth_client().refresh(self._opened(seen)[1])
        except QboError as error:
            refused = error.action is Action.RECONNECT
            still_ours = mine.update(lease_until=None, rejected=refused)
            if refused and not still_ours:
                return  # somebody refreshed meanwhile, which is why the old one was refused
            raise
        failpoint("token.refreshed")
        columns = _columns(self.connection, tokens)
        if tokens.hard_expires_in is None:
            del columns["hard_expires_at"]  # not said again: it has not moved
        mine.update(version=F("version") + 1, **columns)
