"""Logins that nobody uses are kept from lapsing (docs/explanation/security.md).

Each refresh gives the refresh token its full life again, so a company that syncs needs
nothing here. One that does not (its sync waits for a person, polling is off) would lose its
login after some three months; it is refreshed about once a week instead.
"""

from __future__ import annotations

import logging
from datetime import timedelta

from django.db.models import Q, QuerySet

from wagtail_qbo_sync import clock
from wagtail_qbo_sync.doorbell import enqueue
from wagtail_qbo_sync.models import Connection, Token
from wagtail_qbo_sync.qbo.faults import QboError

from .installation import is_parked
from .token import TokenKeeper

logger = logging.getLogger(__name__)

UNUSED = timedelta(days=7)
"""An access token that ended so long ago tells that nobody has refreshed since."""
AGAIN = timedelta(hours=6)
"""How long a try stands, whatever came of it."""


def ring() -> None:
    """Each minute: ring for each login that is due. One query."""
    for token in _due().select_related("connection"):
        if not is_parked(token.connection):
            enqueue("refresh", token.pk)


def refresh(connection_id: int) -> None:
    """Refresh it, once however many rings there were. What fails is tried again later; a login
    that Intuit has ended is marked as such (U14)."""
    connection = Connection.objects.filter(pk=connection_id, disconnected_at=None).first()
    if connection is None or is_parked(connection):
        return
    if not _due().filter(pk=connection_id).update(kept_alive_at=clock.now()):
        return
    try:
        TokenKeeper(connection).access_token()
    except QboError as error:
        logger.warning("Company %s: its login was not refreshed: %s", connection_id, error)


def _due() -> QuerySet[Token]:
    now = clock.now()
    tried = Q(kept_alive_at__isnull=True) | Q(kept_alive_at__lt=now - AGAIN)
    return Token.objects.filter(
        tried,
        access_expires_at__lt=now - UNUSED,
        rejected=False,
        connection__disconnected_at=None,
    )
