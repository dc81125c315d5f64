"""What went wrong: what happened, what is tried again and when. Stored with the state."""

from __future__ import annotations

import functools
import logging
from contextlib import suppress
from datetime import timedelta
from typing import Any

from django.db import OperationalError, transaction
from django.utils import translation
from django.utils.translation import gettext_noop as _

from wagtail_qbo_sync import clock, signals
from wagtail_qbo_sync.compat import Now
from wagtail_qbo_sync.models import Run, SingleSync, SyncState, Token
from wagtail_qbo_sync.qbo.faults import Action, QboError

from .lease import Lease, LeaseLost

logger = logging.getLogger(__name__)

AGAIN = timedelta(minutes=1)
LONGEST = timedelta(hours=1)
UNEXPECTED = _(
    "Something unexpected went wrong on this site, not in QuickBooks. "
    "The log of the worker tells more; please report it."
)
BUSY = _("The site's database was busy or out of reach. We try again by ourselves.")
CRASHED = _(
    "The worker stopped several times at the same point. Look at its log and memory, "
    "then start the sync again."
)
RESET = _(
    "The company looks as if it was reset in QuickBooks: many customers are missing there, or "
    "older than they were. Nothing is read or written until a person says go on."
)
RESET_CODE = "reset"
CRASHES = 6
"""After so many the walk waits for a person."""
NONE: dict[str, Any] = {"trouble": {}, "failures": 0, "blocked_until": None}
"""The columns of a SyncState without trouble."""
NEEDS_A_PERSON = frozenset({Action.RECONNECT, Action.OPERATOR, Action.BUG, Action.CASE})


def note_fault(lease: Lease, state: SyncState, error: QboError) -> None:
    """QuickBooks did not do what we asked: keep what was done, and say when we try again."""
    logger.warning("Company %s: %s", lease.connection_id, error)
    facts = facts_of(error) | {"throttled": error.fault.section == "throttling"}
    wait = max(timedelta(seconds=error.retry_after or 0), _back_off(state))
    _give_up_for(lease, state, facts, None if error.action in NEEDS_A_PERSON else wait)


def note_busy(lease: Lease, state: SyncState, error: OperationalError) -> None:
    """The site's own database was locked, in a deadlock or away: nothing to report."""
    logger.warning("Company %s: %s", lease.connection_id, error)
    facts = {"message": BUSY, "action": str(Action.BACK_OFF), "code": "database"}
    _give_up_for(lease, state, facts, _back_off(state))


def note_bug(lease: Lease, state: SyncState, error: Exception) -> None:
    """An error of ours, or of the host's code: the walk stops and is tried again later."""
    facts = {"message": UNEXPECTED, "action": str(Action.BUG), "code": type(error).__name__}
    _give_up_for(lease, state, facts, _back_off(state))


def note_reset(lease: Lease, state: SyncState) -> None:
    """A person is asked whether the company was reset (reset.py)."""
    facts = {"message": RESET, "action": str(Action.CASE), "code": RESET_CODE}
    _give_up_for(lease, state, facts, None)


def stop_crashing(lease: Lease, state: SyncState) -> None:
    """Give up a walk that ends the worker each time. Raises LeaseLost after that.

    A single record that does so was parked long before.
    """
    if state.crashes > CRASHES:
        facts = {"message": CRASHED, "action": str(Action.BUG), "code": "crashed"}
        if state.phase == SyncState.Phase.APPLY and state.run_id is not None:
            Run.objects.filter(pk=state.run_id, state=Run.State.APPLYING).update(
                state=Run.State.FAILED, finished_at=clock.now(), trouble=facts
            )
        _give_up_for(lease, state, facts, None)
        raise LeaseLost


def facts_of(error: QboError) -> dict[str, Any]:
    """What QuickBooks answered, as it is stored."""
    return {
        "message": source(error),
        "action": str(error.action),
        "code": error.code,
        "intuit_tid": error.intuit_tid,
    }


def source(error: QboError) -> str:
    """The table's sentence untranslated, so that each reader gets their own language."""
    with translation.override(None):
        return str(error.user_message)


def _back_off(state: SyncState) -> timedelta:
    doublings = min(int(state.failures), 10)
    return min(AGAIN * (1 << doublings), LONGEST)


def _give_up_for(
    lease: Lease, state: SyncState, facts: dict[str, Any], wait: timedelta | None
) -> None:
    """Let go of the lease. `wait` None: only a person starts it again, by asking for a sync."""
    next_try = (clock.now() + wait).isoformat() if wait else ""
    trouble = {
        **facts,
        "phase": state.phase,
        "done": state.done,
        "total": state.total,
        "at": clock.now().isoformat(),
        "next_try": next_try,
    }
    changes: dict[str, Any] = {"trouble": trouble, "failures": state.failures + 1}
    if wait is None:
        changes["served"] = state.wanted
        changes["phase"] = SyncState.Phase.REST
        changes["started_at"] = None
    else:
        changes["blocked_until"] = Now() + wait  # the database's clock (rule 10)
    with suppress(LeaseLost), transaction.atomic():
        lease.let_go(**changes)
        if facts["action"] == Action.RECONNECT:
            Token.objects.filter(pk=lease.connection_id).update(rejected=True)
        if wait is None:
            SingleSync.objects.filter(connection=lease.connection_id, ended_at=None).update(
                ended_at=clock.now(), trouble=facts
            )
            transaction.on_commit(
                functools.partial(
                    signals.attention_needed.send_robust,
                    sender=SyncState,
                    connection=state.connection,
                    reason=facts["message"],
                ),
                robust=True,
            )
