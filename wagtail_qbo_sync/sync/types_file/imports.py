"""What people do with an import, from upload to undo (K15).

Nothing of a client is written before a person has confirmed what the preview says, and nothing
of a file that has rows which cannot be used. A client whose type is not what the preview saw is
held back and named.
"""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import Any

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from wagtail_qbo_sync import clock
from wagtail_qbo_sync.clock import failpoint
from wagtail_qbo_sync.compat import delete_while, despite_locks, lock
from wagtail_qbo_sync.doorbell import enqueue
from wagtail_qbo_sync.host.adapter import get_adapter
from wagtail_qbo_sync.models import Customer, ImportBatch, ImportRow
from wagtail_qbo_sync.sync.records.locked import Refusal
from wagtail_qbo_sync.sync.records.retention import is_pruned

from . import forecast, reading, undoing
from .slices import UNDER_WAY, advance, locked

State = ImportBatch.State
Rows = ImportRow.State
WAITS = (State.READING, State.COMPARING, State.READY, State.REFUSED)
"""As long as nobody has confirmed it; and FORECAST, which goes before that and after it."""

PATIENCE = 2.0
"""How many seconds are worked while a person waits; the rest is left to a worker."""
AT_ONCE = 2000
"""So many rows are done while the person waits, as far as PATIENCE suffices; and only where the
site has no more clients, and the companies no more customers: to find clients by name, and to tell
what becomes of them in QuickBooks, takes a look at all of them."""
READ_AT_ONCE = 256 * 1024
"""So many bytes are read while the person waits."""
KEPT = timedelta(hours=24)
"""How long a file waits to be confirmed."""
SILENT_AFTER = timedelta(minutes=1)


def start(data: bytes, name: str, user: Any) -> ImportBatch:
    """Take a file in; its preview is made at once if it is small, else by a worker.

    `user` None: whoever has the command line, who sees every client. Raises
    `reading.Unreadable` for what can be told at first sight, and Refusal.
    """
    if len(data) > reading.MAX_BYTES:
        raise reading.Unreadable(reading.TOO_BIG, megabytes=reading.MAX_BYTES >> 20)
    batch = ImportBatch.objects.create(
        user=user,
        by_command=user is None,
        name=name[:255],
        file=data,
        uploaded_at=clock.now(),
        moved_at=clock.now(),
    )
    failpoint("import.started")
    return _begun(batch, at_once=len(data) <= READ_AT_ONCE and _is_small_site())


def may_confirm(batch: ImportBatch) -> bool:
    """Whether all rows can be used, some change something, and it is not too old."""
    if batch.state != State.READY or is_expired(batch):
        return False
    states = set(batch.rows.values_list("state", flat=True).distinct())
    return Rows.ERROR not in states and Rows.CHANGE in states


def is_expired(batch: ImportBatch) -> bool:
    """Whether nobody has confirmed it in time: clients will have changed by then."""
    return waits(batch) and batch.uploaded_at < clock.now() - KEPT


def waits(batch: ImportBatch) -> bool:
    """Whether nobody has confirmed it, so that it can be thrown away."""
    return batch.state in WAITS or (batch.state == State.FORECAST and not batch.is_confirmed)


def confirm(batch: ImportBatch, user: Any) -> bool:
    """Apply exactly what the preview says, on this person's word (None for the command line).
    False if that cannot be, or not any more.

    What it will lead to in each company is looked at once more, client by client; if that has
    changed, nothing is applied and the import waits again, with what is true now (`has_moved`).
    Raises Refusal.
    """
    if not may_confirm(batch):
        return False
    changes = batch.rows.filter(state=Rows.CHANGE).count()
    begun = despite_locks(partial(_confirm, batch, user))
    failpoint("import.confirmed")
    if begun:
        _begun(batch, at_once=changes <= AT_ONCE and _is_small_site())
    return begun


@transaction.atomic
def _confirm(batch: ImportBatch, user: Any) -> bool:
    now = locked(batch.pk, batch.slice, [State.READY])
    if now is None:
        return False
    now.state, now.forecast, now.moved_at = State.FORECAST, [], clock.now()
    now.is_confirmed, now.confirmed_by = True, user
    now.save()
    forecast.confirmed(now)
    return True


def has_moved(batch: ImportBatch) -> bool:
    """Whether it was confirmed, but would lead to something else by then."""
    return batch.state == State.READY and batch.is_confirmed


def discard(batch: ImportBatch) -> bool:
    """Throw away what was not confirmed: a file, or an undo, which can be asked for again. False
    if it was."""
    return delete_while(_waiting(), batch.pk)


def _waiting() -> QuerySet[ImportBatch]:
    looked_ahead = Q(state=State.FORECAST, is_confirmed=False)
    return ImportBatch.objects.filter(looked_ahead | Q(state__in=WAITS))


def can_undo(batch: ImportBatch, client_pk: str = "") -> bool:
    """Whether it changed something, or this client, that nobody has taken back or is about to."""
    return not open_undo(batch) and _is_left(batch, client_pk)


def undo(batch: ImportBatch, user: Any, client_pk: str = "") -> ImportBatch | None:
    """Show what taking it back would change and lead to, or what it did to one client; a person
    confirms it, as a file's preview. What an undo had to leave can be asked for again.

    A second time is the same as once. None if it cannot be. Raises Refusal while an undo of
    another part of it waits, or if it is thrown away meanwhile.
    """
    with transaction.atomic():
        now = lock(ImportBatch.objects.filter(pk=batch.pk).defer("file")).first()
        if now is None:
            raise _gone()
        batch = now  # one asks at a time; its name may have been erased
        under_way = open_undo(batch)
        if under_way is not None and under_way.only != client_pk:
            raise Refusal(
                _("Another undo of this import waits to be confirmed, or is being applied.")
            )
        if under_way is not None or not _is_left(batch, client_pk):
            return under_way or _last_undo(batch, client_pk)
        back = ImportBatch.objects.create(
            user=user,
            by_command=user is None,
            name=batch.name,
            undoes=batch,
            only=client_pk,
            uploaded_at=clock.now(),
            moved_at=clock.now(),
        )
    failpoint("import.undoing")
    rows = 1 if client_pk else batch.total
    return _begun(back, at_once=rows <= AT_ONCE and _is_small_site())


def open_undo(batch: ImportBatch) -> ImportBatch | None:
    """The undo of it that is not over: there is one at a time. One that could not be made is."""
    return batch.undone_by.exclude(state__in=(State.DONE, State.REFUSED)).defer("file").first()


def _is_left(batch: ImportBatch, client_pk: str) -> bool:
    """Whether something of it, or of what it did to a client, is not taken back."""
    is_over = batch.state == State.DONE and not is_pruned(batch.finished_at)
    return is_over and undoing.left(batch.pk, client_pk).exists()


def _last_undo(batch: ImportBatch, client_pk: str) -> ImportBatch | None:
    """The one that has taken it, or this client, back."""
    undos = batch.undone_by.filter(state=State.DONE).order_by("-pk")
    return (undos.filter(rows__client_pk=client_pk) if client_pk else undos).first()


def _is_small_site() -> bool:
    """Whether all clients and customers can be looked at while a person waits."""
    clients = get_adapter().queryset().order_by().values("pk")
    customers = Customer.objects.filter(connection__in=forecast.companies()).values("pk")
    return all(len(found[: AT_ONCE + 1]) <= AT_ONCE for found in (clients, customers))


def _begun(batch: ImportBatch, *, at_once: bool) -> ImportBatch:
    """Do it while the person waits if it is little, else ring a worker. Raises Refusal where it
    is thrown away meanwhile, in another window."""
    if at_once:
        advance(batch.pk, batch.slice, PATIENCE)
    else:
        enqueue("import_types", batch.pk, batch.slice)
    try:
        batch.refresh_from_db()
    except ImportBatch.DoesNotExist:
        raise _gone() from None
    return batch


def _gone() -> Refusal:
    return Refusal(_("It was thrown away meanwhile. Nothing was changed."))


def heal() -> None:
    """Ring for what nobody is doing, and forget what nobody has confirmed in time."""
    silent = ImportBatch.objects.filter(
        state__in=UNDER_WAY, moved_at__lt=clock.now() - SILENT_AFTER
    )
    for pk, slice in silent.values_list("pk", "slice"):
        enqueue("import_types", pk, slice)
    too_old = _waiting().filter(uploaded_at__lt=clock.now() - KEPT)
    for pk in too_old.values_list("pk", flat=True):
        delete_while(too_old, pk)
