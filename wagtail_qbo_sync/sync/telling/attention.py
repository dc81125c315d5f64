"""What a company needs a person for, beyond its customers (U14). Reads only."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _

from wagtail_qbo_sync.models import Connection, Run
from wagtail_qbo_sync.sync.access import usage
from wagtail_qbo_sync.sync.access.trouble import RESET_CODE
from wagtail_qbo_sync.sync.records.status import ConnectionState, connection_state


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
    """One company, and a thing to be done about it."""

    connection: Connection
    reason: Reason
    run: Run | None = None
    """The plan, where one waits."""


def attention() -> list[Attention]:
    """What connected companies need a person for, the most pressing of each first. Three
    queries."""
    connections = Connection.objects.filter(disconnected_at=None).select_related("state", "token")
    waiting = Run.objects.filter(state=Run.State.WAITING)
    plans = {run.connection_id: run for run in waiting}
    ordered = connections.order_by("company_name", "pk")
    many = usage.share() >= usage.NEARLY
    return [each for one in ordered for each in _of(one, plans.get(one.pk), many)]


def most_pressing() -> list[Attention]:
    """Of each company that needs a person what comes first, which hides the rest: a plan is of no
    use to a company without a login. Three queries."""
    first: dict[int, Attention] = {}
    for each in attention():
        first.setdefault(each.connection.pk, each)
    return list(first.values())


def _of(connection: Connection, plan: Run | None, many_reads: bool) -> Iterator[Attention]:
    """Of a copy nothing but that it is one.

    A pause ends when whoever runs the site says so; nobody has to see to it here.
    """
    state = connection_state(connection)
    if state is ConnectionState.COPY:
        yield Attention(connection, Reason.COPY)
    if state in (ConnectionState.COPY, ConnectionState.PAUSED):
        return
    if stopped := _stopped(connection, state):
        yield Attention(connection, stopped)
    if plan is not None:
        yield Attention(connection, Reason.PLAN, plan)
    if many_reads:
        yield Attention(connection, Reason.READS)


def _stopped(connection: Connection, state: ConnectionState) -> Reason | None:
    """Why no sync starts by itself; a login that has ended is why the last one failed, too."""
    trouble = connection.state.trouble
    if state is ConnectionState.RECONNECT:
        return Reason.RECONNECT
    if trouble.get("code") == RESET_CODE:
        return Reason.RESET
    return Reason.FAILED if trouble and not trouble.get("next_try") else None
