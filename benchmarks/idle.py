"""A cycle in which nothing has changed, as most are.

The floor: the one call for what changed, its answer parsed, and the cursor moved. The naive way
does not know what changed: it reads everything and saves it again.
"""

from __future__ import annotations

from _arena import FLOOR, NAIVE, OURS, Benchmark, Place, main
from _company import customers, our_connection, sync, synced


def floor(place: Place) -> None:
    import _floor
    from django.utils import timezone

    from wagtail_qbo_sync.models import SyncState

    connection = our_connection()
    state = SyncState.objects.get(pk=connection.pk)
    assert state.cursor is not None
    found = _floor.Api(connection).changes(state.cursor.isoformat(timespec="seconds"))
    assert not found
    SyncState.objects.filter(pk=connection.pk).update(cursor=timezone.now())


def ours(place: Place) -> None:
    assert sync(our_connection()) is None, "there was nothing to do"


def naive(place: Place) -> None:
    import _naive

    _naive.read_all(our_connection())


def check(place: Place, way: str) -> None:
    from crm.models import Client

    from wagtail_qbo_sync.models import Run, SyncState

    assert Client.objects.filter(phone__startswith="(555)", city="Salem").count() == place.count
    assert Run.objects.count() == 1, "the first sync"
    if way == OURS:
        state = SyncState.objects.get()
        assert state.served == state.wanted and state.phase == SyncState.Phase.REST
        assert state.synced_at is not None and not state.trouble


BENCHMARK = Benchmark(
    name="Idle cycle",
    ways={FLOOR: floor, OURS: ours, NAIVE: naive},
    prepare=synced,
    check=check,
    books=customers,
    waits=True,
    least_calls=lambda count: 1,
)

if __name__ == "__main__":
    main(BENCHMARK)
