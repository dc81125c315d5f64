"""What stands nowhere to be read: a company's login, and the secrets of the site."""

from __future__ import annotations

import base64
from collections.abc import Iterable

from pytest_django import Settings

from wagtail_qbo_sync.models import Connection, Token


def secrets(connection: Connection, settings: Settings) -> set[str]:
    """The tokens as they are now, and the site's own secrets."""
    return {*Token.objects.get(pk=connection.pk).open(), *secrets_of_the_site(settings)}


def secrets_of_the_site(settings: Settings) -> set[str]:
    """Those of its settings."""
    ours = settings.WAGTAIL_QBO_SYNC
    return {*app_secrets(settings), ours["WEBHOOK_VERIFIER_TOKEN"], *ours["ENCRYPTION_KEYS"]}


def app_secrets(settings: Settings) -> set[str]:
    """What Intuit is told: the app's secret, as it is and as it goes over the wire."""
    ours = settings.WAGTAIL_QBO_SYNC
    app = f"{ours['CLIENT_ID']}:{ours['CLIENT_SECRET']}".encode()
    return {ours["CLIENT_SECRET"], base64.b64encode(app).decode()}


def spoken(text: str, canaries: Iterable[str]) -> list[str]:
    """The canaries that stand in a text."""
    return sorted(canary for canary in canaries if canary in text)
