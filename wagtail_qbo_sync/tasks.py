"""What the worker runs. Each task is a short slice and finds out itself what there is to do;
run twice, late or never, the end state is the same (rule 13).

Nothing here imports qbo or engine. No report of an error shows their variables, nor those of what
they call: there are tokens and people among them (docs/explanation/security.md).
"""

from __future__ import annotations

from django.views.decorators.debug import sensitive_variables

from .sync.access import keep_alive
from .sync.bulk import decisions as bulk_decisions
from .sync.bulk import proposal
from .sync.noticing import sweep as sweeping
from .sync.noticing import visits
from .sync.people import connect, erase
from .sync.planning import undoing
from .sync.reading import compare
from .sync.records import outbox, retention, status
from .sync.telling import alerts
from .sync.types_file import imports, slices
from .sync.walk import cycle

JOBS = (
    cycle.heal,
    sweeping.heal,
    outbox.ring,
    visits.poll,
    compare.ring,
    keep_alive.ring,
    connect.heal,
    bulk_decisions.heal,
    retention.ring,
    imports.heal,
    undoing.heal,
    proposal.heal,
    alerts.send_all,  # the last: a mail server may be slow
)
"""What the tick looks after. Each has a clock of its own in the database, and rings when it
finds that something is due: two ticks at once do no harm."""


@sensitive_variables()
def tick() -> None:
    """Each minute: the heartbeat, and a ring for whatever is due or was lost.

    Raises ExceptionGroup of what went wrong, once all others have had their turn.
    """
    status.beat()
    failed = []
    for job in JOBS:
        try:
            job()
        except Exception as error:
            failed.append(error)
    if failed:
        raise ExceptionGroup("Some jobs of the tick failed; the next one tries again.", failed)


@sensitive_variables()
def walk(connection_id: int, epoch: int = 0, slice: int = 0) -> None:
    """One slice of a connection's cycle."""
    status.beat()
    cycle.advance(connection_id, epoch, slice)


@sensitive_variables()
def bulk(pk: int, done: int) -> None:
    """Some slices of a decision about many customers, of which `done` are behind."""
    status.beat()
    bulk_decisions.advance(pk, done)


@sensitive_variables()
def import_types(pk: int, slice: int) -> None:
    """Some slices of an import of Contact Types, of which `slice` are behind."""
    status.beat()
    slices.advance(pk, slice)


@sensitive_variables()
def undo(pk: int) -> None:
    """Some slices of a plan that takes a run back."""
    status.beat()
    undoing.advance(pk)


@sensitive_variables()
def propose(pk: int) -> None:
    """Some slices of what Save all would do."""
    status.beat()
    proposal.advance(pk)


@sensitive_variables()
def sweep(epoch: int = 0, slice: int = 0) -> None:
    """One slice of the sweep that notices what happened on the site."""
    status.beat()
    sweeping.advance(epoch, slice)


@sensitive_variables()
def revoke(connection_id: int, version: int) -> None:
    """Tell Intuit that a disconnected company's login is over."""
    connect.revoke(connection_id, version)


@sensitive_variables()
def prune() -> None:
    """What is left of people who were erased, then some slices of what is too old."""
    erase.finish_all()
    retention.prune()


@sensitive_variables()
def refresh(connection_id: int) -> None:
    """Refresh a login that nobody has used for days."""
    keep_alive.refresh(connection_id)
