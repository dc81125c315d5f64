"""What our last write to a client replaced, whichever company it came from (rule 5).

{field: [what stood there, what we wrote]}. A site value that goes back to what stood there
comes from a stale form or an old draft. A note holds while the client says what we wrote, and
ends once an edit that moved on was agreed upon; a company that takes, or says, what went back
answers for no other one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from wagtail_qbo_sync.contact import Contact, Value, same, value_from_json, values_to_json
from wagtail_qbo_sync.engine.merge import went_back
from wagtail_qbo_sync.models import Footprint

Notes = dict[str, list[Any]]


def of(client_pks: Iterable[str]) -> dict[str, dict[str, Value]]:
    """Client pk -> field -> what stood there before our last write."""
    rows = Footprint.objects.filter(client_pk__in=list(client_pks)).exclude(replaced={})
    return {
        pk: {name: value_from_json(name, was) for name, (was, _) in notes.items()}
        for pk, notes in rows.values_list("client_pk", "replaced")
    }


def after_write(notes: Notes, held: Contact, data: Mapping[str, Any]) -> Notes:
    """The notes about a client after a step with this data, which left it as `held`."""
    written = data.get("values", {})
    now = values_to_json(held.values(written))
    fresh = {
        name: [was, now[name]] for name, (was, _) in written.items() if was not in (None, now[name])
    }
    return _kept(notes, held.values([*written, *data.get("settle", ())])) | fresh


def arrived(sent: Mapping[str, Mapping[str, Value]]) -> None:
    """QuickBooks took these values (client pk -> field -> value): those that we had written
    ourselves, or that went back, are no edit."""
    moved = []
    for row in Footprint.objects.filter(client_pk__in=list(sent)).exclude(replaced={}):
        kept = _kept(row.replaced, sent[row.client_pk])
        if kept != row.replaced:
            row.replaced = kept
            moved.append(row)
    Footprint.objects.bulk_update(moved, ["replaced"])


def forget(fields: Mapping[str, Iterable[str]]) -> dict[str, Notes]:
    """A person has seen what these fields (client pk -> fields) went back to, if they did.

    Returns the notes that there were.
    """
    forgotten, moved = {}, []
    for row in Footprint.objects.filter(client_pk__in=list(fields)).exclude(replaced={}):
        gone = {name: row.replaced[name] for name in fields[row.client_pk] if name in row.replaced}
        if gone:
            forgotten[row.client_pk] = gone
            row.replaced = {name: row.replaced[name] for name in row.replaced if name not in gone}
            moved.append(row)
    Footprint.objects.bulk_update(moved, ["replaced"])
    return forgotten


def note_again(notes: Mapping[str, Notes]) -> None:
    """Take back `forget`."""
    rows = list(Footprint.objects.filter(client_pk__in=list(notes)))
    for row in rows:
        row.replaced |= notes[row.client_pk]
    Footprint.objects.bulk_update(rows, ["replaced"])


def _kept(notes: Notes, agreed: Mapping[str, Value]) -> Notes:
    return {
        name: [was, wrote]
        for name, (was, wrote) in notes.items()
        if name not in agreed
        or not _moved_on(name, agreed[name], *(value_from_json(name, one) for one in (was, wrote)))
    }


def _moved_on(name: str, value: Value, was: Value, wrote: Value) -> bool:
    """Whether somebody wrote something else over what we wrote than what stood there before."""
    return not same(name, value, wrote) and not went_back(name, value, was, wrote)
