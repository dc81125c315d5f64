"""Walking in the foreground: who walks, what is shown meanwhile, and what is said of trouble."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any, TypeVar

from django.contrib.humanize.templatetags.humanize import intcomma
from django.core.exceptions import ObjectDoesNotExist
from django.core.management.base import CommandError
from django.db.models import Model
from django.utils.translation import gettext

from wagtail_qbo_sync.models import Connection, Run, SyncState
from wagtail_qbo_sync.sync.access import lease, trouble
from wagtail_qbo_sync.sync.planning import bulk_creation
from wagtail_qbo_sync.sync.reading import reset
from wagtail_qbo_sync.sync.records import status
from wagtail_qbo_sync.sync.walk import cycle

from ._terminal import moment

PLAN_WAITS = 3
"""Exit status: something waits for approval."""
BAR = 30
LOOK_SECONDS = 0.5
"""How often to look at what another process is doing."""
THROWN_AWAY = "Somebody has thrown it away meanwhile."
STOPPED = (
    "Stopped. What was done is kept. A worker goes on from there, if one is running; else "
    "start manage.py qbo_sync again."
)


Row = TypeVar("Row", bound=Model)


def refuse_rest(connection: Connection) -> None:
    """Raises CommandError where nothing of a company can be synced."""
    state = status.connection_state(connection)
    if state is not status.ConnectionState.CONNECTED:
        raise CommandError(f"{connection.company_name}: {state.label}.")
    if reset.stops(connection):
        raise CommandError(f"{connection.company_name}: {gettext(trouble.RESET)}")


def agreed(question: str, out: Any) -> bool:
    """Whether a person at a terminal says yes; nobody there is no answer."""
    if not sys.stdin.isatty():
        return False
    try:
        return input(f"{question} [y/N] ").strip().lower() in {"y", "yes"}
    except EOFError:  # Ctrl-D is no answer
        out.write("")
        return False


def walk(
    connection: Connection, out: Any, wanted: int = 0, more: Callable[[], bool] = bool
) -> None:
    """Walk, or watch the one who does, until all that was asked for is done, and there is no
    `more`."""
    progress = Progress(out)
    walked: list[SyncState] = []

    def on_stride(state: SyncState) -> None:
        walked[:] = [state]
        progress.show(state)

    try:
        while more() or not _is_done(connection, wanted):
            cycle.advance(connection.pk, seconds=math.inf, on_stride=on_stride)
            state = SyncState.objects.get(pk=connection.pk)
            if state.trouble and state.lease_until is None:
                raise _failure(connection, state)
            progress.show(state)
            if not _is_done(connection, wanted):
                time.sleep(LOOK_SECONDS)
    except CommandError:
        raise
    except KeyboardInterrupt:
        _give_back(walked)
        raise
    except Exception as error:  # of ours or of the host's code; it is noted as trouble
        state = SyncState.objects.get(pk=connection.pk)
        raise _failure(connection, state, error) from error
    finally:
        progress.end()


def finish(row: Row, is_done: Callable[[Row], bool], advance: Callable[[Row], None]) -> None:
    """Advance it to its end beside a worker, if it was rung: who comes too late for a slice goes
    on from the next. Raises CommandError where somebody throws it away."""
    while not is_done(row):
        advance(row)
        try:
            row.refresh_from_db()
        except ObjectDoesNotExist:
            raise CommandError(THROWN_AWAY) from None
        if not is_done(row):
            time.sleep(LOOK_SECONDS)


class Progress:
    """A bar on a terminal; elsewhere a line for each phase."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        self._phase = ""
        self._on_terminal = stream.isatty()
        self._width = 0

    def show(self, state: SyncState) -> None:
        """Say how far the walk is; a company at rest says nothing."""
        if state.phase == SyncState.Phase.REST:
            return
        label = str(state.get_phase_display())
        if self._on_terminal:
            self._overwrite(label + _bar(state.done, state.total))
        elif state.phase != self._phase:
            self._stream.write(f"{label} ...")
        self._phase = state.phase

    def end(self) -> None:
        """Leave an empty line on a terminal."""
        if self._on_terminal and self._width:
            self._overwrite("")
            self._stream.write("\r", ending="")

    def _overwrite(self, text: str) -> None:
        self._stream.write("\r" + text.ljust(self._width), ending="")
        self._stream.flush()
        self._width = len(text)


def _bar(done: int, total: int) -> str:
    if not total:
        return " ..."
    filled = BAR * min(done, total) // total
    return f"  [{'#' * filled}{'.' * (BAR - filled)}] {intcomma(done)} of {intcomma(total)}"


def _is_done(connection: Connection, wanted: int) -> bool:
    """Nothing is under way, what was asked for was served, no plan is to be made or applied."""
    state = SyncState.objects.get(pk=connection.pk)
    runs = Run.objects.filter(connection=connection)
    unfinished = runs.filter(state=Run.State.APPLYING) | bulk_creation.begun() & runs
    return (
        state.phase == SyncState.Phase.REST
        and state.served >= wanted
        and not state.trouble
        and not unfinished.exists()
    )


def _give_back(walked: list[SyncState]) -> None:
    """Let others go on at once where this process was walking."""
    for state in walked:
        with suppress(lease.LeaseLost):
            lease.Lease(state.pk, state.epoch, state.slice).let_go()


def _failure(
    connection: Connection, state: SyncState, error: Exception | None = None
) -> CommandError:
    """What went wrong, how far it got, and what happens next."""
    noted = state.trouble
    if not noted:
        return CommandError(f"{connection.company_name}: {type(error).__name__}: {error}")
    parts = [f"{connection.company_name}: {gettext(noted['message'])}"]
    if error is not None:
        parts.append(f"({type(error).__name__}: {error})")
    if noted["total"]:
        done, total = intcomma(noted["done"]), intcomma(noted["total"])
        parts.append(f"{done} of {total} records were done.")
    if noted["next_try"]:
        parts.append(f"The worker tries again after {moment(noted['next_try'])}.")
    if noted.get("intuit_tid"):
        parts.append(f"Intuit's number for it: {noted['intuit_tid']}.")
    return CommandError(" ".join(parts))
