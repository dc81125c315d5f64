"""Connected Apps: the companies, connecting them, and asking for a sync (K1, K2, C5, C6, U18)."""

from __future__ import annotations

import secrets
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.db import transaction
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect
from django.template.loader import render_to_string
from django.utils.decorators import method_decorator
from django.utils.functional import Promise
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.debug import SafeExceptionReporterFilter
from wagtail.admin import messages
from wagtail.admin.utils import get_valid_next_url_from_request

from wagtail_qbo_sync.conf import NAME, settings
from wagtail_qbo_sync.models import Connection, Token
from wagtail_qbo_sync.sync.access.installation import is_copy
from wagtail_qbo_sync.sync.people import connect, decide
from wagtail_qbo_sync.sync.records.status import Status, all_statuses, status_of

from ..base import RIGHTS, PostOnly, QboAdminView, connected_elsewhere, customers_url, may, url
from ..components import (
    WORKER_COMMAND,
    ConnectionCard,
    PostHeaderButton,
    cannot_sync,
    shortest_interval,
)

BROWSER = "wagtail_qbo_sync"
"""Where a session keeps the secret that a consent is bound to; it outlives a new log-in."""
WARN_DIALOG = "qbo-connect-parked"


class ConnectedApps(QboAdminView):
    """A card for each company."""

    is_visit = True
    any_permission_required = tuple(RIGHTS)
    page_title = gettext_lazy("Connected Apps")
    template_name = "wagtail_qbo_sync/connections/index.html"

    def get(self, request: HttpRequest) -> HttpResponse:
        response: HttpResponse = self.render_to_response(self.get_context_data())
        return response

    def parents(self) -> list[dict[str, Any]]:
        return []

    def get_header_buttons(self) -> list[PostHeaderButton]:
        if not may(self.request.user, "connect"):
            return []
        attrs = post_attrs(url("connect"))
        if self.banner.warns:
            attrs = {"type": "button", "data-a11y-dialog-show": WARN_DIALOG}
        button = PostHeaderButton(_("Connect a company"), icon_name="circle-plus", attrs=attrs)
        return [button]

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        warn_dialog = WARN_DIALOG if self.banner.warns else ""
        cards = [
            ConnectionCard(status, self.request.user, warn_dialog=warn_dialog)
            for status in self.statuses()
        ]
        return super().get_context_data(
            cards=cards,
            interval=shortest_interval(cards),
            may_connect=may(self.request.user, "connect"),
            warn_dialog=WARN_DIALOG,
            **kwargs,
        )

    def statuses(self) -> list[Status]:
        return all_statuses()


class Cards(ConnectedApps):
    """The cards alone, which the page asks for again while something is under way.

    As long as it moves, only the progress is looked up; the page keeps the rest as it was.
    """

    template_name = "wagtail_qbo_sync/connections/cards.html"
    is_visit = False

    def statuses(self) -> list[Status]:
        found = all_statuses(counted=False)
        moves = any(ConnectionCard(status, self.request.user).is_moving for status in found)
        return found if moves else all_statuses()


def post_attrs(address: str) -> dict[str, str]:
    """What makes a button POST to an address, by Wagtail's own controller."""
    return {
        "type": "button",
        "data-controller": "w-action",
        "data-action": "w-action#post",
        "data-w-action-url-value": address,
    }


# Connecting -----------------------------------------------------------------------------------


@method_decorator(transaction.non_atomic_requests, name="dispatch")
class Connect(PostOnly):
    """Off to QuickBooks, to connect a company or to reconnect the one named."""

    permission_required = "connect"

    def post(self, request: HttpRequest, pk: int | None = None) -> HttpResponse:
        reconnects = get_object_or_404(Connection, pk=pk) if pk is not None else None
        if missing := what_is_missing():
            messages.error(request, missing)
            return redirect(url("connections"))
        try:
            address = connect.start(
                request.user, browser(request), redirect_uri(request), reconnects
            )
        except connect.ConnectRefused as refused:
            messages.error(request, refused.message)
            return redirect(url("connections"))
        return redirect(address)


ADDRESSES = {"QUERY_STRING", "REQUEST_URI", "RAW_URI"}
"""Where web servers put the address of a request, or the part of it with the code."""


class AlwaysHidden(SafeExceptionReporterFilter):
    """Hides what it hides while developing, too."""

    def is_active(self, request: HttpRequest | None) -> bool:
        return True


@method_decorator(transaction.non_atomic_requests, name="dispatch")
class Callback(QboAdminView):
    """Back from QuickBooks. Never in a transaction: it asks for tokens and the company's name."""

    permission_required = "connect"

    def get(self, request: HttpRequest) -> HttpResponse:
        request.exception_reporter_filter = AlwaysHidden()
        params = taken_from(request)
        try:
            connected = connect.complete(params, request.user, browser(request))
        except connect.ConnectRefused as refused:
            messages.error(request, refusal(refused))
            return redirect(url("connections"))
        connection = connected.connection
        messages.success(request, self.welcome(connection, renewed=connected.renewed))
        if may(request.user, "view"):
            return redirect(customers_url(connection))
        return redirect(url("connections"))

    def welcome(self, connection: Connection, *, renewed: bool) -> str:
        """Names the company that was connected before anything of it is read (C6)."""
        if renewed:
            text = _("“%s” is connected again. What was mapped and decided before still holds.")
        else:
            text = _("“%s” is connected. Nothing has been read yet.")
        text %= connection.company_name
        if not may(self.request.user, "sync"):
            return text
        return with_button(text, url("sync", connection.pk), _("Sync now"))


def taken_from(request: HttpRequest) -> dict[str, str]:
    """What came back, code and state among it; the request knows it no more, whose address and
    headers stand in reports of errors."""
    params = request.GET.dict()
    request.GET = QueryDict()
    request.META.update(dict.fromkeys(ADDRESSES & request.META.keys(), ""))
    return params


def refusal(refused: connect.ConnectRefused) -> str:
    """Why nothing was connected, with the other way out where there is one."""
    if not refused.other_company:
        return refused.message
    return with_button(refused.message, url("connect"), _("Connect as another company"))


def with_button(text: str, address: str, label: str) -> SafeString:
    """A message that ends in a button which POSTs."""
    button = render_to_string(
        "wagtail_qbo_sync/shared/post_button.html",
        {"url": address, "label": label, "classname": "button button-small button-secondary"},
    )
    return format_html('{} <span class="buttons">{}</span>', text, button)


def browser(request: HttpRequest) -> str:
    """A secret of this browser's session. Unlike the session's key, a new log-in keeps it."""
    secret: str = request.session.setdefault(BROWSER, secrets.token_urlsafe(32))
    return secret


def redirect_uri(request: HttpRequest) -> str:
    """Where QuickBooks sends people back to; it must be registered there exactly so."""
    return settings.REDIRECT_URI or request.build_absolute_uri(url("callback"))


def what_is_missing() -> str:
    """Which settings must be made before a company can be connected, "" if none."""
    missing = [name for name in ("CLIENT_ID", "CLIENT_SECRET") if not getattr(settings, name)]
    try:
        Token.closed("", "", "")
    except ImproperlyConfigured:
        missing.append("ENCRYPTION_KEYS")
    if not missing:
        return ""
    return ngettext(
        "No company can be connected yet: whoever runs this site has to set "
        "%(names)s in %(setting)s.",
        "No company can be connected yet: whoever runs this site has to set "
        "%(names)s in %(setting)s.",
        len(missing),
    ) % {"names": ", ".join(missing), "setting": NAME}


# Acts upon a company --------------------------------------------------------------------------


class Act(PostOnly):
    """Something done to one company; then back to where one came from."""

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        self.act(get_object_or_404(Connection.objects.select_related("state"), pk=pk))
        return redirect(get_valid_next_url_from_request(request) or url("connections"))

    def act(self, connection: Connection) -> None:
        """Do it, and say so in a message."""
        raise NotImplementedError


class SyncNow(Act):
    """Ask for a sync; a second click joins the first (K2)."""

    permission_required = "sync"

    def act(self, connection: Connection) -> None:
        before = status_of(connection)
        if objection := cannot_sync(connection):
            messages.error(self.request, objection)
            return
        decide.ask_for_sync(connection, self.request.user)
        if before.worker_silent:
            text = _("Noted, but no worker is running. The sync starts once there is one: %s")
            messages.warning(self.request, text % WORKER_COMMAND)
        elif before.is_running:
            messages.success(
                self.request, _("A sync is under way already; what you asked for follows it.")
            )
        else:
            messages.success(self.request, _("Sync of “%s” started.") % connection.company_name)


class ShowPlan(Act):
    """Show what a sync would do (U3): its plan waits, whatever is in it."""

    permission_required = "sync"

    def act(self, connection: Connection) -> None:
        if objection := cannot_sync(connection):
            messages.error(self.request, objection)
            return
        if status_of(connection).waiting_run is not None:
            messages.info(self.request, _("A plan waits already: look at that one first."))
            return
        decide.ask_for_plan(connection, self.request.user)
        text = _(
            "“%s” is compared with this site, and nothing is changed. What a sync would do is "
            "shown here once that is done; where there is nothing to do, nothing is shown."
        )
        messages.success(self.request, text % connection.company_name)


class Disconnect(Act):
    """Stop all work for a company; mappings and decisions stay."""

    permission_required = "connect"

    def act(self, connection: Connection) -> None:
        if connection.is_connected and is_copy(connection):
            messages.error(
                self.request, _("Say first whether this is the live site or a copy of it.")
            )
            return
        if connection.is_connected:
            forget = bool(self.request.POST.get("delete_mirror"))
            connect.disconnect(connection, self.request.user, delete_mirror=forget)
        text = _("“%s” is disconnected. Its mappings and what was decided are kept.")
        messages.success(self.request, text % connection.company_name)


# A copy never syncs ---------------------------------------------------------------------------


class Answer(PostOnly):
    """What somebody says of a site that looks like a copy holds for all its companies (U18)."""

    permission_required = "connect"
    said: str | Promise

    def post(self, request: HttpRequest) -> HttpResponse:
        for connection in connected_elsewhere():
            self.answer(connection)
        messages.success(request, self.said)
        return redirect(get_valid_next_url_from_request(request) or url("connections"))

    def answer(self, connection: Connection) -> None:
        """What follows for one company."""
        raise NotImplementedError


class LiveSite(Answer):
    """The site has moved here."""

    said = gettext_lazy("This is the live site now. Syncing goes on here.")

    def answer(self, connection: Connection) -> None:
        connect.this_is_the_live_site(connection, self.request.user)


class Copy(Answer):
    """The other site goes on."""

    said = gettext_lazy(
        "This is a copy: its logins to QuickBooks are forgotten here. "
        "The live site's connection is left as it is."
    )

    def answer(self, connection: Connection) -> None:
        if connection.is_connected:
            connect.this_is_a_copy(connection, self.request.user)
