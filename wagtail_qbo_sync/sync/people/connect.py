"""Connecting a company and letting go of it (K1, C5, C6, U18; docs/explanation/security.md)."""

from __future__ import annotations

import hashlib
import logging
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.conf import settings as django_settings
from django.core.exceptions import ImproperlyConfigured
from django.db import transaction
from django.db.models import F, QuerySet
from django.urls import reverse
from django.utils.translation import gettext as _

from wagtail_qbo_sync import clock
from wagtail_qbo_sync.clock import failpoint
from wagtail_qbo_sync.compat import Now
from wagtail_qbo_sync.conf import settings
from wagtail_qbo_sync.doorbell import enqueue
from wagtail_qbo_sync.models import (
    Connection,
    Customer,
    OAuthState,
    Run,
    SyncState,
    Token,
    TokenUnreadable,
)
from wagtail_qbo_sync.models.seal import seal
from wagtail_qbo_sync.qbo.api import CompanyApi, CompanyInfo, Kind
from wagtail_qbo_sync.qbo.client import REALM
from wagtail_qbo_sync.qbo.faults import Action, QboError
from wagtail_qbo_sync.qbo.oauth import TokenSet
from wagtail_qbo_sync.sync.access import schedule, token
from wagtail_qbo_sync.sync.access.installation import is_copy, is_parked, this_installation
from wagtail_qbo_sync.sync.access.lease import FREE

from .decide import record

logger = logging.getLogger(__name__)

GOOD_FOR = timedelta(minutes=10)
"""How long a consent may take from start to return."""
KEPT_FOR = timedelta(days=1)
"""How long a used consent is remembered, and how long we try to end a login at Intuit."""
EXCHANGE_SECONDS = 300
"""More than the exchange of a code and the first question to a company can take."""
TERMINAL = ""
"""The session of `manage.py qbo_connect`."""


class ConnectRefused(Exception):
    """A connection that was not made; nothing was stored. The message is for people.

    `other_company`: the consent was for another company than the one to be reconnected, which
    may be connected as a company of its own.
    """

    def __init__(self, message: str, *, other_company: bool = False) -> None:
        super().__init__(message)
        self.message = message
        self.other_company = other_company


@dataclass(frozen=True, slots=True)
class Connected:
    """What came of a consent. `renewed`: the company was known here already."""

    connection: Connection
    renewed: bool


def redirect_uri(base_url: str = "") -> str:
    """Where Intuit sends the browser back to: as set, else our callback on this site.

    `base_url`: of the request; without one, WAGTAILADMIN_BASE_URL.
    """
    base = base_url or getattr(django_settings, "WAGTAILADMIN_BASE_URL", "")
    path: str = reverse("wagtail_qbo_sync:callback")
    return settings.REDIRECT_URI or base.rstrip("/") + path


# Going to Intuit and coming back ------------------------------------------------------------


def start(user: Any, session: str, redirect_uri: str, reconnects: Connection | None = None) -> str:
    """The address to send a person to. Raises ConnectRefused if Intuit cannot be asked.

    What comes back counts only from the same session (or terminal), once, for 10 minutes.
    """
    _refuse_unless_ready()
    state = secrets.token_urlsafe(32)
    try:
        address = token.oauth_client(redirect_uri).authorize_url(state)
    except QboError as error:
        raise ConnectRefused(str(error.user_message)) from error
    OAuthState.objects.filter(created_at__lt=clock.now() - KEPT_FOR).delete()
    OAuthState.objects.create(
        state_hash=_hash(state),
        session_hash=_hash(session),
        user=user,
        reconnects=reconnects,
        redirect_uri=redirect_uri,
        created_at=clock.now(),
    )
    return address


def complete(params: Mapping[str, str], user: Any, session: str) -> Connected:
    """Make the connection of a return from Intuit. Raises ConnectRefused; then nothing is kept.

    The realm comes through the browser, so the new token must first answer for that company.
    """
    _refuse_unless_ready()
    begun = _redeemed(params.get("state", ""), user, session)
    if params.get("error"):
        raise ConnectRefused(
            _("Access was not granted at QuickBooks. Nothing has changed here.")
            if params["error"] == "access_denied"
            else _("QuickBooks could not grant access. Nothing has changed here.")
        )
    code, realm_id = params.get("code", ""), params.get("realmId", "")
    if not code or not REALM.fullmatch(realm_id):
        raise ConnectRefused(
            _("QuickBooks did not say which company to connect. Please try again.")
        )
    _refuse_another(begun, realm_id, _known_name(realm_id))
    with _no_revoke_meanwhile(realm_id):
        try:
            tokens = token.oauth_client(begun.redirect_uri).exchange(code, realm_id)
        except QboError as error:
            raise ConnectRefused(str(error.user_message)) from error
        failpoint("connect.exchanged")
        try:
            company = _company(realm_id, tokens)
        except QboError as error:
            raise ConnectRefused(f"{error.user_message} {_listed_there()}") from error
        _refuse_another(begun, realm_id, company.name or realm_id, _listed_there())
        failpoint("connect.answered")
        return _stored(realm_id, company, tokens, user)


def _refuse_unless_ready() -> None:
    """Before anybody is sent to Intuit: what comes back could not be used or kept (U18)."""
    if settings.PAUSED:
        raise ConnectRefused(_("Syncing is paused on this site (QBO_SYNC_PAUSED)."))
    try:
        seal("")
    except ImproperlyConfigured as error:
        raise ConnectRefused(
            _("A login cannot be kept safely here: ENCRYPTION_KEYS is missing or wrong.")
        ) from error


def _listed_there() -> str:
    """What is left at Intuit of a consent whose code was used before it was refused here."""
    return _(
        "QuickBooks now lists this app under the company that you chose, although it is not "
        "connected here by this. You can disconnect the app there, under My Apps."
    )


def _refuse_another(begun: OAuthState, realm_id: str, chosen: str, besides: str = "") -> None:
    """A reconnect is for one company only. `chosen` "" asks Intuit for the name first.

    A company that is known here is refused before its code is used, which might end the
    login that it has.
    """
    if not chosen or begun.reconnects is None or begun.reconnects.realm_id == realm_id:
        return
    refusal = _(
        "You chose “%(chosen)s”, but this is the connection of “%(connected)s”. "
        "Nothing has changed here. Reconnect it by choosing “%(connected)s”, or connect "
        "“%(chosen)s” as another company."
    ) % {"chosen": chosen, "connected": begun.reconnects.company_name}
    raise ConnectRefused(f"{refusal} {besides}".strip(), other_company=True)


def _known_name(realm_id: str) -> str:
    known = Connection.objects.filter(realm_id=realm_id, environment=settings.ENVIRONMENT)
    return known.values_list("company_name", flat=True).first() or ""


def _redeemed(state: str, user: Any, session: str) -> OAuthState:
    """The consent that this return belongs to; it counts once."""
    begun = OAuthState.objects.filter(
        state_hash=_hash(state),
        session_hash=_hash(session),
        user=user,
        used_at=None,
        created_at__gte=clock.now() - GOOD_FOR,
    ).select_related("reconnects")
    found = begun.first()
    if found is None or not OAuthState.objects.filter(pk=found.pk, used_at=None).update(
        used_at=clock.now()
    ):
        raise ConnectRefused(
            _(
                "This return from QuickBooks is not one that was started here in the last ten "
                "minutes, or it was used already. Please connect again."
            )
        )
    return found


class _OneToken:
    """The token source for the first question to a company."""

    def __init__(self, access_token: str) -> None:
        self._access_token = access_token

    def access_token(self) -> str:
        return self._access_token

    def rejected(self, access_token: str) -> str:
        raise QboError.of("3200", status=401, message="The new token was refused")


class _NoBudget:
    """One question needs no budget; there may be no connection yet to keep one."""

    def reserve(self, kind: Kind) -> None:
        """Go ahead."""

    def throttled(self, seconds: float) -> None:
        """The answer says so itself."""


def _company(realm_id: str, tokens: TokenSet) -> CompanyInfo:
    api = CompanyApi(realm_id, settings.api_url, _OneToken(tokens.access_token), _NoBudget())
    try:
        return api.company_info()
    finally:
        api.close()


def _stored(realm_id: str, company: CompanyInfo, tokens: TokenSet, user: Any) -> Connected:
    values = {
        "company_name": company.name or company.legal_name or realm_id,
        "api_url": settings.api_url,
        "installation": this_installation(),
        "connected_by": user,
        "connected_at": clock.now(),
        "disconnected_at": None,
    }
    with transaction.atomic():
        # A walk with the former login ends here. One that the former login's end has stopped
        # is asked for again.
        state = SyncState.objects.filter(
            connection__realm_id=realm_id, connection__environment=settings.ENVIRONMENT
        )
        state.filter(trouble__action=Action.RECONNECT).update(wanted=F("wanted") + 1)
        state.update(
            epoch=F("epoch") + 1, lease_until=None, trouble={}, failures=0, blocked_until=None
        )
        connection, created = Connection.objects.update_or_create(
            realm_id=realm_id, environment=settings.ENVIRONMENT, defaults=values
        )
        SyncState.objects.get_or_create(connection=connection)
        token.store(connection, tokens)
        transaction.on_commit(schedule.repair, robust=True)
        enqueue("walk", connection.pk)
        record(connection, "connect", user, company=connection.company_name)
    return Connected(connection, renewed=not created)


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


# Letting go ---------------------------------------------------------------------------------


def disconnect(connection: Connection, user: Any, *, delete_mirror: bool = False) -> None:
    """Stop all work; mappings and decisions stay, and come back when the company does.

    `delete_mirror`: what QuickBooks said of its customers goes, and is read again then (U17).
    """
    with transaction.atomic():
        _stop(connection)
        if delete_mirror:
            Customer.objects.filter(connection=connection).delete()
            SyncState.objects.filter(pk=connection.pk).update(cursor=None, planned_through=0)
        version = Token.objects.filter(pk=connection.pk).values_list("version", flat=True).first()
        record(connection, "disconnect", user, company=connection.company_name)
        if version is not None:
            enqueue("revoke", connection.pk, version)


def _stop(connection: Connection) -> None:
    """No more work. A plan that was approved and is not applied yet asks for approval again: by
    the time the company is back, it may be of another day.

    The state comes first, as in every transaction of a walk: no walker writes from then on,
    and none waits for us while we wait for it.
    """
    SyncState.objects.filter(pk=connection.pk).update(
        epoch=F("epoch") + 1,
        lease_until=None,
        phase=SyncState.Phase.REST,
        started_at=None,
        served=F("wanted"),
        trouble={},
        blocked_until=None,
        comparing=None,
    )
    Run.objects.filter(connection=connection, state=Run.State.APPLYING, by_person=False).update(
        state=Run.State.WAITING, approved_by=None, approved_at=None
    )
    Connection.objects.filter(pk=connection.pk).update(disconnected_at=clock.now())


def revoke(connection_id: int, version: int) -> None:
    """End a disconnected company's login at Intuit, then forget it.

    Only if nobody has reconnected meanwhile: it would end the new login too. While Intuit
    cannot be asked the tick rings again, for a day.
    """
    connection = Connection.objects.filter(pk=connection_id).first()
    turn = _disconnected_tokens().filter(pk=connection_id, version=version)
    if connection is None or is_parked(connection):
        return
    if not turn.filter(FREE).update(lease_until=_until(token.turn_seconds())):
        return
    held = turn.select_related("connection").get()
    try:
        token.oauth_client().revoke(held.open()[1])
    except (TokenUnreadable, ImproperlyConfigured):
        pass  # nothing to revoke with: a person ends it at Intuit
    except QboError as error:
        logger.warning("Company %s: its login at Intuit was not ended: %s", connection_id, error)
        if error.action in (Action.BACK_OFF, Action.OPERATOR) and _is_recent(held.connection):
            turn.update(lease_until=None)
            return
    failpoint("connect.revoked")
    turn.delete()


def heal() -> None:
    """Ring again for logins that are still to be revoked."""
    for old in _disconnected_tokens().filter(FREE).select_related("connection"):
        if not is_parked(old.connection):
            enqueue("revoke", old.pk, old.version)


def _is_recent(connection: Connection) -> bool:
    ended = connection.disconnected_at
    return ended is not None and clock.now() - ended < KEPT_FOR


def _disconnected_tokens() -> QuerySet[Token]:
    return Token.objects.filter(connection__disconnected_at__isnull=False)


def _until(seconds: float) -> Any:
    return Now() + timedelta(seconds=seconds)


@contextmanager
def _no_revoke_meanwhile(realm_id: str) -> Iterator[None]:
    """Keep the former login of a disconnected company from being revoked just now: that would
    end the login that is about to be made, which takes its place."""
    old = _disconnected_tokens().filter(
        connection__realm_id=realm_id, connection__environment=settings.ENVIRONMENT
    )
    held = old.filter(FREE).update(lease_until=_until(EXCHANGE_SECONDS))
    if not held and old.exists():
        raise ConnectRefused(
            _("The former login of this company is just being ended. Try again in two minutes.")
        )
    try:
        yield
    finally:
        if held:
            old.update(lease_until=None)


# A copy never syncs -------------------------------------------------------------------------


@transaction.atomic
def this_is_the_live_site(connection: Connection, user: Any) -> None:
    """U18: the site has moved here; the connection goes on."""
    Connection.objects.filter(pk=connection.pk).update(installation=this_installation())
    record(connection, "live_site", user)


def this_is_a_copy(connection: Connection, user: Any) -> None:
    """U18: forget the login without revoking it, which would end the live site's."""
    if not is_copy(connection):
        return
    with transaction.atomic():
        _stop(connection)
        Token.objects.filter(pk=connection.pk).delete()
        record(connection, "copy", user)
