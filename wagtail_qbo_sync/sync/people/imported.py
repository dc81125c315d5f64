"""What files of Contact Types say of a person who is erased (U17, K15).

A preview that names them is thrown away; what was confirmed loses what the file said. Names are
told by their words, whatever their order.
"""

from __future__ import annotations

from collections.abc import Iterator

from django.db.models import Q
from django.utils.translation import gettext as _
from wagtail.models import ModelLogEntry

from wagtail_qbo_sync.compat import chunks, delete_while, lock
from wagtail_qbo_sync.contact import normalised, split_emails
from wagtail_qbo_sync.models import ImportBatch, ImportRow
from wagtail_qbo_sync.sync.records.locked import Refusal

from .imprint import WORD, Imprint

CHUNK = 500
NAMELESS = "…"
"""Instead of a file's name that named them."""
State = ImportBatch.State
PREVIEWS = ImportBatch.objects.filter(is_confirmed=False, undoes=None).exclude(
    state__in=ImportBatch.WRITES
)


def hold(person: Imprint) -> None:
    """Lock the imports that name the person, the oldest first: each of their slices locks its own
    before all else, so none stores what it read of the person before. Raises Refusal.

    Of what is held no further undo can be asked for; there may be one by then.
    """
    held: set[int] = set()
    while True:
        _refuse_unread()
        more = {*_files(person), *(batch for _row, batch in _rows(person))} - held
        if not more:
            return
        list(lock(ImportBatch.objects.filter(pk__in=more).defer("file")).order_by("pk"))
        held |= more


def _refuse_unread() -> None:
    """Nobody knows yet whom a file names that was not read. Raises Refusal."""
    if ImportBatch.objects.filter(state=State.READING).exists():
        raise Refusal(
            _(
                "A file of Contact Types is being read. Try again when its preview is there, or "
                "throw it away."
            )
        )


def forget(person: Imprint) -> None:
    """Take out of imports what names the person; they are held."""
    found = list(_rows(person))
    for pk in sorted({batch for _row, batch in found}):
        delete_while(PREVIEWS, pk)
    for some in chunks((row for row, _batch in found), CHUNK):
        ImportRow.objects.filter(pk__in=some).update(said={}, why="", about={})
    _forget_file_names(person)


def _rows(person: Imprint) -> Iterator[tuple[int, int]]:
    """(row, import) of what names the person."""
    asked = Q(client_pk__in=person.clients)
    for email in person.emails:
        asked |= Q(said__email__icontains=email)
    for name in person.names:
        # The database finds what may be it; not every database folds all letters.
        likely = Q(said__has_key="name")
        for word in filter(str.isascii, WORD.findall(name)):
            likely &= Q(said__name__icontains=word)
        asked |= likely
    rows = ImportRow.objects.filter(asked).values_list("pk", "batch", "client_pk", "said")
    for pk, batch, client_pk, said in rows.iterator():
        addresses = split_emails(normalised(said.get("email", "")))
        if (
            client_pk in person.clients
            or not person.emails.isdisjoint(addresses)
            or person.is_named(said.get("name", ""))
        ):
            yield pk, batch


def _files(person: Imprint) -> list[int]:
    """Imports whose file's name names the person."""
    names = ImportBatch.objects.exclude(name=NAMELESS).values_list("pk", "name")
    return [pk for pk, name in names if person.is_in_file_name(name)]


def _forget_file_names(person: Imprint) -> None:
    """Of files, and in the history of the clients that they changed."""
    named = _files(person)
    ImportBatch.objects.filter(pk__in=named).update(name=NAMELESS)
    entries = ModelLogEntry.objects.filter(data__import__in=named)
    for some in chunks(entries.iterator(), CHUNK):
        for entry in some:
            entry.data |= {"file": NAMELESS}
        ModelLogEntry.objects.bulk_update(some, ["data"])
