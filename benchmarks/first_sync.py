"""The first sync of a company: every customer becomes a client of the site.

Every second customer is a client of the site already, with another phone number; the others are
created. The floor: the same pages downloaded and parsed, the same rows bulk-inserted. Ours reads,
plans, is approved and applies, with bulk writes; "save()" is the same with the host's own save()
for each client, as it is unless a site asks for bulk. The naive way is in _naive.py.
"""

from __future__ import annotations

import math
from functools import partial

from _arena import FLOOR, NAIVE, OURS, Benchmark, Place, main
from _company import PAGE, connect, customers, our_connection, sync

SAVE = "save()"


def prepare(place: Place) -> None:
    """Every second customer is a client already."""
    from crm.models import Client, client_type

    connect(place.sandbox)
    Client.objects.bulk_create(
        Client(
            name=f"Customer {number}",
            email=f"office@{number}.example",
            phone="1",
            contact_type_id=client_type(),
        )
        for number in range(2, place.count + 1, 2)
    )


def floor(place: Place) -> None:
    import _floor
    from crm.models import Client

    connection = our_connection()
    api, run = _floor.Api(connection), _floor.new_run(connection)
    known = dict(Client.objects.values_list("name", "pk"))
    start = 1
    while page := api.page(start):
        _floor.store(run, page, known)
        start += len(page)


def ours(place: Place, bulk: bool) -> None:
    from wagtail_qbo_sync.host.adapter import ClientAdapter

    ClientAdapter.bulk = bulk
    sync(our_connection())


def naive(place: Place) -> None:
    import _naive

    _naive.read_all(our_connection())


def check(place: Place, way: str) -> None:
    from crm.models import Client

    from wagtail_qbo_sync.models import Change, Customer, Footprint, Mapping, Run, Step

    count = place.count
    assert Client.objects.filter(phone__startswith="(555)", city="Salem").count() == count
    assert Client.objects.count() == Mapping.objects.count() == count
    assert Mapping.objects.filter(client__isnull=False).values("client").distinct().count() == count
    if way != NAIVE:
        for model in (Customer, Change, Footprint, Step):
            assert model._default_manager.count() == count, model
        assert Run.objects.get().state == "done"
        assert not Step.objects.exclude(state="done").exists()


BENCHMARK = Benchmark(
    name="First sync",
    ways={
        FLOOR: floor,
        OURS: partial(ours, bulk=True),
        SAVE: partial(ours, bulk=False),
        NAIVE: naive,
    },
    prepare=prepare,
    check=check,
    books=customers,
    waits=True,
    least_calls=lambda count: math.ceil(count / PAGE) + 1,
)

if __name__ == "__main__":
    main(BENCHMARK)
