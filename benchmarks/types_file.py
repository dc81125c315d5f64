"""Contact Types by file: the preview, confirm and apply, and the undo of a file of all clients.

    python benchmarks/types_file.py --sizes 2000 10000 50000
    python benchmarks/types_file.py --sizes 50000 --database-url postgres://...

Every client is a prospect and becomes a client by the file, which is what the one company takes:
so half of them are matched to a customer of its mirror, and half would be created in QuickBooks.
Ours is all that the worker does, slice by slice: to read the file, compare each row, tell what it
leads to; to look at that once more, change the clients one by one with their histories; and both
for the undo. The floor: the same file parsed, the same clients looked at, and rows of the import,
clients and histories written in bulk; nothing judged, locked or kept from harm.
"""

from __future__ import annotations

import io
import time
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

from _arena import FLOOR, OURS, Benchmark, Extra, Place, main

CHUNK = 2000
MOST = 50_000
"""Rows that a file may have."""


def sizes(asked: Sequence[int]) -> list[int]:
    """As large as a file may be, instead of more."""
    return sorted({min(count, MOST) for count in asked})


# The workload ---------------------------------------------------------------------------------


def prepare(place: Place) -> None:
    """Prospects, half of them with a customer who is the same, and a company that takes clients."""
    from crm.models import Client, ContactType

    from wagtail_qbo_sync import clock
    from wagtail_qbo_sync.contact import Contact, email_keys, match_key
    from wagtail_qbo_sync.models import Connection, Customer, SyncState
    from wagtail_qbo_sync.models.mirror import joined_keys
    from wagtail_qbo_sync.sync.access.installation import this_installation

    goal, _made = ContactType.objects.get_or_create(name="Client")
    start, _made = ContactType.objects.get_or_create(name="Prospect")
    company = Connection.objects.create(
        realm_id="1",
        environment="sandbox",
        company_name="Large",
        installation=this_installation(),
        connected_at=clock.now(),
        pushed_types=[str(goal.pk)],
    )
    SyncState.objects.create(connection=company, first_synced_at=clock.now())
    Client.objects.bulk_create(
        (
            Client(name=name(number), email=email(number), phone="1", contact_type=start)
            for number in range(place.count)
        ),
        batch_size=CHUNK,
    )
    Customer.objects.bulk_create(
        (
            Customer(
                connection=company,
                qbo_id=str(number),
                standing=Customer.Standing.TOP,
                display_name=name(number),
                match_keys=joined_keys(match_key(name(number)), email_keys(email(number))),
                record={
                    "sync_token": 0,
                    "contact": Contact(name=name(number), email=email(number)).to_json(),
                    "digest": "",
                },
            )
            for number in range(0, place.count, 2)
        ),
        batch_size=CHUNK,
    )


def name(number: int) -> str:
    return f"Client number {number}"


def email(number: int) -> str:
    return f"{number}@x.example"


def file() -> bytes:
    """All clients as an export has them, and everybody a client."""
    from crm.models import Client
    from import_export.formats.base_formats import XLSX
    from tablib import Dataset  # type: ignore[import-untyped]

    table = Dataset(headers=["Key", "Client", "E-mail", "Contact Type"])
    for pk, called, email in Client.objects.order_by("pk").values_list("pk", "name", "email"):
        table.append((str(pk), called, email, "Client"))
    return bytes(XLSX().export_data(table))


def uploaded(place: Place) -> None:
    """A file that waits for the worker; made here, so that each way has the same."""
    from wagtail_qbo_sync import clock
    from wagtail_qbo_sync.models import ImportBatch

    prepare(place)
    now = clock.now()
    ImportBatch.objects.create(
        by_command=True, name="types.xlsx", file=file(), uploaded_at=now, moved_at=now
    )


def previewed(place: Place) -> None:
    uploaded(place)
    preview(place)


def applied(place: Place) -> None:
    previewed(place)
    apply(place)


# Ours -----------------------------------------------------------------------------------------


def newest() -> Any:
    from wagtail_qbo_sync.models import ImportBatch

    return ImportBatch.objects.latest("pk")


def to_the_end(batch: Any) -> Extra:
    """All that workers do until somebody has to confirm, or nothing is left; slice by slice."""
    from wagtail_qbo_sync.sync.types_file import slices

    longest, went = 0.0, 0
    batch.refresh_from_db()
    while batch.state in slices.UNDER_WAY:
        started = time.perf_counter()
        slices.advance(batch.pk, batch.slice, -1)
        longest, went = max(longest, time.perf_counter() - started), went + 1
        batch.refresh_from_db()
    return {"slices": went, "the longest, s": longest}


def preview(place: Place) -> Extra:
    return to_the_end(newest())


def apply(place: Place) -> Extra:
    from wagtail_qbo_sync.sync.types_file import imports

    batch = newest()
    assert imports.confirm(batch, None)
    return to_the_end(batch)


def undo(place: Place) -> Extra:
    from wagtail_qbo_sync.sync.types_file import imports

    back = imports.undo(newest(), None)
    assert back is not None
    to_the_end(back)
    return apply(place)


# The floor ------------------------------------------------------------------------------------


def floor_of_preview(place: Place) -> None:
    """The file parsed, rows stored, clients and customers read once."""
    from crm.models import Client
    from openpyxl import load_workbook

    from wagtail_qbo_sync.models import Customer, ImportRow

    batch = newest()
    book = load_workbook(io.BytesIO(bytes(batch.file)), read_only=True)
    lines = book.worksheets[0].iter_rows(min_row=2, values_only=True)
    for part in chunked(lines):
        ImportRow.objects.bulk_create(
            ImportRow(batch=batch, number=number, client_pk=key, said={"key": key, "types": kind})
            for number, (key, _name, _email, kind) in enumerate(part)
        )
    assert len(list(Client.objects.values_list("pk", "name", "contact_type"))) == place.count
    assert list(Customer.objects.values_list("qbo_id", "match_keys"))


def floor_of_change(place: Place, kind: str) -> None:
    """All clients locked and changed in bulk, each with a line of its history, a hint for the
    sweep, and its row of the import."""
    from crm.models import Client, ContactType
    from django.db import transaction

    from wagtail_qbo_sync.models import ImportRow
    from wagtail_qbo_sync.sync.people import decide
    from wagtail_qbo_sync.sync.records import touched

    goal = ContactType.objects.get(name=kind)
    for part in chunked(Client.objects.order_by("pk").values_list("pk", flat=True)):
        with transaction.atomic():
            clients = list(Client.objects.select_for_update().filter(pk__in=part))
            for client in clients:
                client.contact_type = goal
            Client.objects.bulk_update(clients, ["contact_type"], batch_size=500)
            told = [(client, {"file": "types.xlsx"}) for client in clients]
            decide.record_of_clients("import_types", None, told)
            touched.note(part)
            ImportRow.objects.filter(client_pk__in=part).update(state="done")


def chunked(items: Any) -> Iterator[list[Any]]:
    from wagtail_qbo_sync.compat import chunks

    return chunks(items, CHUNK)


# What was done --------------------------------------------------------------------------------


def check_preview(place: Place, way: str) -> None:
    from crm.models import Client

    assert Client.objects.filter(contact_type__name="Prospect").count() == place.count
    batch = newest()
    assert batch.rows.count() == place.count
    if way == OURS:
        (told,) = batch.forecast
        half = -(-place.count // 2)
        assert batch.state == "ready", batch.state
        assert (told["matched"], told["created"]) == (half, place.count - half), told
        assert batch.rows.filter(state="change").count() == place.count
        assert batch.outcomes.count() == place.count


def check_change(place: Place, way: str, kind: str) -> None:
    from crm.models import Client
    from wagtail.models import ModelLogEntry

    from wagtail_qbo_sync.models import Touched

    assert Client.objects.filter(contact_type__name=kind).count() == place.count
    times = 2 if kind == "Prospect" else 1
    assert Touched.objects.count() == times * place.count
    told = ModelLogEntry.objects.filter(action__startswith="wagtail_qbo_sync.")
    assert told.count() == times * place.count, told.count()
    if way == OURS:
        assert newest().state == "done"
        assert newest().rows.filter(state="done").count() == place.count


PREVIEW = Benchmark(
    name="Contact Types by file: the preview",
    ways={FLOOR: floor_of_preview, OURS: preview},
    prepare=uploaded,
    check=check_preview,
    sizes=sizes,
)
APPLY = Benchmark(
    name="Contact Types by file: confirmed and applied",
    ways={FLOOR: partial(floor_of_change, kind="Client"), OURS: apply},
    prepare=previewed,
    check=partial(check_change, kind="Client"),
    sizes=sizes,
)
UNDO = Benchmark(
    name="Contact Types by file: undone",
    ways={FLOOR: partial(floor_of_change, kind="Prospect"), OURS: undo},
    prepare=applied,
    check=partial(check_change, kind="Prospect"),
    sizes=sizes,
)

if __name__ == "__main__":
    main(PREVIEW, APPLY, UNDO)
