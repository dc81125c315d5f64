"""Edits of the site go to QuickBooks: every client got a mobile, which no customer has.

That the clients were edited is known already (sweep.py measures how it gets known). The floor:
the same batches of 30 posted, and the same rows bulk-written. The naive way reads each customer
and saves it. With limits off, and once at Intuit's own: 1,200 records, which are 40 batches, the
most that it takes in a minute.
"""

from __future__ import annotations

import math

from _arena import FLOOR, NAIVE, OURS, Benchmark, Extra, Place, main
from _company import books, customers, our_connection, sync, synced

BATCH = 30
ALLOWED = 40 * BATCH
"""Records a minute, at most."""
NEW = "(555) 888 8888"


def arrange(place: Place) -> None:
    """Somebody gives each client a mobile; a sweep notices."""
    from crm.models import Client

    from wagtail_qbo_sync.models import Outbox
    from wagtail_qbo_sync.sync.noticing import sweep

    Client.objects.update(mobile=NEW)
    sweep.everything()
    assert Outbox.objects.count() == place.count


def floor(place: Place) -> None:
    import _floor

    from wagtail_qbo_sync.models import Customer, Mapping

    connection = our_connection()
    tokens = {row.qbo_id: row.record["sync_token"] for row in Customer.objects.all()}
    links = Mapping.objects.select_related("client").order_by("pk")
    items = []
    clients = {}
    for link in links:
        assert link.client is not None
        clients[link.client.name] = link.client.pk
        mobile = {"FreeFormNumber": link.client.mobile}
        token = str(tokens[link.qbo_id])
        items.append({"Id": link.qbo_id, "SyncToken": token, "sparse": True, "Mobile": mobile})
    api, run = _floor.Api(connection), _floor.new_run(connection)
    assert not api.changes(connection.state.cursor.isoformat(timespec="seconds"))
    for start in range(0, len(items), BATCH):
        done = api.batch(items[start : start + BATCH])
        _floor.store(run, done, clients, side="qbo")


def ours(place: Place) -> Extra:
    from django.utils import timezone

    started = timezone.now()
    sync(our_connection())
    seconds = (timezone.now() - started).total_seconds()
    return {"records a minute": place.count / seconds * 60}


def naive(place: Place) -> None:
    import _naive

    _naive.send_all(our_connection())


def check(place: Place, way: str) -> None:
    from wagtail_qbo_sync.models import Change, Outbox, Run

    found = books(place.sandbox)
    assert len(found) == place.count
    assert {each["Mobile"]["FreeFormNumber"] for each in found} == {NEW}
    assert {each["SyncToken"] for each in found} == {"1"}, "each was written once"
    if way != NAIVE:
        run = Run.objects.latest("pk")
        assert run.state == "done"
        assert Change.objects.filter(run=run, side="qbo").count() == place.count
    if way == OURS:
        assert not Outbox.objects.exclude(state="done").exists()


def least(count: int) -> int:
    """One to read what changed, and the batches."""
    return 1 + math.ceil(count / BATCH)


BENCHMARK = Benchmark(
    name="Push",
    ways={FLOOR: floor, OURS: ours, NAIVE: naive},
    prepare=synced,
    check=check,
    books=customers,
    waits=True,
    arrange=arrange,
    least_calls=least,
)
AT_THE_LIMIT = Benchmark(
    name="Push, at Intuit's limits",
    ways={OURS: ours},
    prepare=synced,
    check=check,
    books=customers,
    arrange=arrange,
    least_calls=least,
    limits=True,
    sizes=lambda sizes: [min(ALLOWED, max(sizes))],
)


if __name__ == "__main__":
    main(BENCHMARK, AT_THE_LIMIT)
