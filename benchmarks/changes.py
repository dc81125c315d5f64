"""A cycle after some customers have changed in QuickBooks: one in twenty got another phone.

The floor: one call for what changed, or where it tells of a thousand, pages of what changed; and
the same rows bulk-written. The naive way does not know what changed: it reads everything and
saves it again.
"""

from __future__ import annotations

import math

from _arena import FLOOR, NAIVE, OURS, Benchmark, Place, main
from _company import PAGE, customers, document, our_connection, plant, sync, synced

ONE_IN = 20
NEW = "(555) 999 9999"


def changed(count: int) -> int:
    return math.ceil(count / ONE_IN)


def arrange(place: Place) -> None:
    """They change this moment."""
    from django.utils import timezone

    meta = {"LastUpdatedTime": timezone.now().isoformat(timespec="seconds")}
    phone = {"FreeFormNumber": NEW}
    numbers = range(1, changed(place.count) + 1)
    old = document(1)["MetaData"]
    records = [
        document(each, SyncToken="1", PrimaryPhone=phone, MetaData={**old, **meta})
        for each in numbers
    ]
    plant(place.sandbox, records)


def floor(place: Place) -> None:
    import _floor
    from crm.models import Client
    from django.utils import timezone

    from wagtail_qbo_sync.models import SyncState

    connection = our_connection()
    state = SyncState.objects.get(pk=connection.pk)
    assert state.cursor is not None
    since = state.cursor.isoformat(timespec="seconds")
    api, run = _floor.Api(connection), _floor.new_run(connection)
    found = api.changes(since)
    if len(found) == PAGE:
        found, page = [], api.changed_page(since, 1)
        while page:
            found += page
            page = api.changed_page(since, len(found) + 1)
    names = [each["DisplayName"] for each in found]
    known = dict(Client.objects.filter(name__in=names).values_list("name", "pk"))
    for start in range(0, len(found), PAGE):
        _floor.store(run, found[start : start + PAGE], known)
    SyncState.objects.filter(pk=connection.pk).update(cursor=timezone.now())


def ours(place: Place) -> None:
    sync(our_connection())


def naive(place: Place) -> None:
    import _naive

    _naive.read_all(our_connection())


def check(place: Place, way: str) -> None:
    from crm.models import Client

    from wagtail_qbo_sync.models import Change, Run

    many = changed(place.count)
    assert Client.objects.filter(phone=NEW).count() == many
    assert Client.objects.count() == place.count
    if way != NAIVE:
        run = Run.objects.latest("pk")
        assert run.state == "done"
        assert run.steps.filter(state="done").count() == many
        assert Change.objects.filter(run=run).count() == many


def least(count: int) -> int:
    """One call; a thousand or more come in pages, after a count, and an empty one ends them."""
    many = changed(count)
    return 1 if many < PAGE else 1 + 1 + math.ceil(many / PAGE) + 1


BENCHMARK = Benchmark(
    name="1 in 20 changed",
    ways={FLOOR: floor, OURS: ours, NAIVE: naive},
    prepare=synced,
    check=check,
    books=customers,
    waits=True,
    arrange=arrange,
    least_calls=least,
)

if __name__ == "__main__":
    main(BENCHMARK)
