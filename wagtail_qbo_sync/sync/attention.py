"""What a company needs a person for, beyond its customers (U14). Reads only."""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _

from wagtail_qbo_sync.models import Connection, Run

from . import reading
from .status import ConnectionState, connection_state
from .trouble import RESET_CODE


class Reason(TextChoices):
    """Why nothing goes on by itself."""

    COPY = "copy", _("This looks like a copy of another site, so nothing is synced here.")
    RECONNECT = "reconnect", _("Its login to QuickBooks has ended: it has to be connected again.")
    PLAN = "plan", _("A plan of changes waits for approval.")
    RESET = "reset", _("It looks as if it was reset in QuickBooks. Nothing is synced meanwhile.")
    FAILED = "failed", _("The last sync failed, and is not tried again by itself.")
    READS = (
        "reads",
        _("More than 80 % of the reads of QuickBooks that this site is to make a month are used."),
    )


@dataclass(frozen=True, slots=True)
class Attention:
    """One company, and the first thing to be done about it."""

    connection: Connection
    reason: Reason
    run: Run | None = None
    """The plan, where one waits."""


def attention() -> list[Attention]:
    """Connected companies that need a person. Three queries."""
    connections = Connection.objects.filter(disconnected_at=None).select_related("state", "token")
    waiting = Run.objects.filter(state=Run.State.WAITING)
    plans = {run.connection_id: run for run in waiting}
    ordered = connections.order_by("company_name", "pk")
    many = reading.share() >= reading.NEARLY
    found = [_of(connection, plans.get(connection.pk), many) for connection in ordered]
    return [each for each in found if each is not None]


def _of(connection: Connection, plan: Run | None, many_reads: bool) -> Attention | None:
    """What comes first hides the rest: a plan is of no use to a company without a login.

    A pause ends when whoever runs the site says so; nobody has to see to it here.
    """
    state, trouble = connection_state(connection), connection.state.trouble
    if state is ConnectionState.COPY:
        return Attention(connection, Reason.COPY)
    if state is ConnectionState.RECONNECT:
        return Attention(connection, Reason.RECONNECT)
    if state is ConnectionState.PAUSED:
        return None
    if trouble.get("code") == RESET_CODE:
        return Attention(connection, Reason.RESET)
    if trouble and not trouble.get("next_try"):
        return Attention(connection, Reason.FAILED)
    if plan is not None:
        return Attention(connection, Reason.PLAN, plan)
    return Attention(connection, Reason.READS) if many_reads else None
