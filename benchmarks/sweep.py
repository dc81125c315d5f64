"""The sweep: every client compared with its footprint, and what people changed noticed.

    python benchmarks/sweep.py                                   # SQLite, 100,000 clients
    python benchmarks/sweep.py --count 5000
    python benchmarks/sweep.py --database-url postgres://postgres@127.0.0.1:5432/postgres

Three sweeps of everything: the one that fills the footprints, one that finds nothing changed
(which comes every quarter of an hour), and one after somebody changed one client in a hundred,
half of them with bulk updates that no signal tells of. The floor: the same rows of clients and
of footprints, read once in chunks of the same size, and compared with nothing. What the sweeps
did is checked: a footprint for each client, a moved one for each that was changed, and for
those that are mapped an entry in the outbox. "Of ours" is this process's processor time,
without a database server's. What counts is how many times the floor a sweep that finds nothing
takes.
"""

from __future__ import annotations

import argparse
import logging
from typing import Any

from _measure import example_site, timed

CHANGED = 100
"""One in so many is changed."""


def prepare(count: int) -> Any:
    """A company to which a third of the clients is mapped."""
    from crm.models import Client, client_type

    from wagtail_qbo_sync import clock
    from wagtail_qbo_sync.models import Connection, Mapping, SyncState
    from wagtail_qbo_sync.sync.access.installation import this_installation

    company = Connection.objects.create(
        realm_id="1",
        environment="sandbox",
        company_name="Large",
        installation=this_installation(),
        connected_at=clock.now(),
    )
    SyncState.objects.create(connection=company)
    kind = client_type()
    Client.objects.bulk_create(
        (
            Client(
                name=f"Client number {number}",
                email=f"office{number}@client.example",
                phone=f"555 {number:07}",
                address=f"{number} Quay Street",
                city="Portland",
                contact_type_id=kind,
            )
            for number in range(count)
        ),
        batch_size=2000,
    )
    rows = Client.objects.order_by("pk").values_list("pk", "phone")
    Mapping.objects.bulk_create(
        (
            Mapping(
                connection=company,
                qbo_id=str(pk),
                client_id=pk,
                client_pk=str(pk),
                base={"site": {"phone": phone}},
            )
            for pk, phone in rows[::3]
        ),
        batch_size=2000,
    )
    return company


def run(count: int) -> None:
    import django

    django.setup()
    from django.core.management import call_command

    from wagtail_qbo_sync.models import Outbox
    from wagtail_qbo_sync.sync.noticing import sweep

    logging.disable(logging.INFO)  # each ring for a worker
    call_command("migrate", verbosity=0)
    timed(f"(the workload: {count:,} clients, a third mapped)", lambda: prepare(count))
    timed("the first sweep: footprints are filled", sweep.everything)
    before = footprints(count)
    quiet = timed("a sweep that finds nothing", sweep.everything).seconds
    assert footprints(count) == before and not Outbox.objects.exists(), "nothing was changed"
    changed = change(count)
    timed(f"a sweep that finds {len(changed):,} changed", sweep.everything)
    check(count, before, changed)
    least = timed("(the floor: the same rows, read)", lambda: read(count)).seconds
    print(f"  finding nothing takes {quiet / least:.1f} times the floor")


def footprints(count: int) -> dict[str, str]:
    """Client -> digest, one for each client."""
    from wagtail_qbo_sync.models import Footprint

    found = dict(Footprint.objects.values_list("client_pk", "digest"))
    assert len(found) == count, f"{len(found)} footprints of {count} clients"
    return found


def change(count: int) -> set[str]:
    """Somebody changes phones, every other one in bulk; whose."""
    from crm.models import Client

    pks = list(Client.objects.order_by("pk").values_list("pk", flat=True))[::CHANGED]
    for client in Client.objects.filter(pk__in=pks[::2]):
        client.phone = "556 0000001"
        client.save()
    Client.objects.filter(pk__in=pks[1::2]).update(phone="557 0000002")
    assert len(pks) == -(-count // CHANGED)
    return set(map(str, pks))


def check(count: int, before: dict[str, str], changed: set[str]) -> None:
    """Exactly the changed ones moved, and of them the mapped ones are to go to QuickBooks."""
    from wagtail_qbo_sync.models import Mapping, Outbox

    after = footprints(count)
    assert {pk for pk, digest in after.items() if before[pk] != digest} == changed
    mapped = set(Mapping.objects.values_list("client_pk", flat=True))
    wanted = set(Outbox.objects.values_list("client_pk", flat=True))
    assert mapped & changed, "some of the changed are mapped"
    assert wanted == mapped & changed, f"{len(wanted)} noted, expected {len(mapped & changed)}"


def read(count: int) -> None:
    """Every column that the sweep reads, and every footprint, in chunks."""
    from crm.models import Client

    from wagtail_qbo_sync.host.adapter import get_adapter
    from wagtail_qbo_sync.models import Footprint
    from wagtail_qbo_sync.sync.noticing.sweep import CHUNK

    columns = ("pk", "contact_type", *get_adapter().field_map.values())
    seen, last = 0, 0
    while rows := list(
        Client.objects.filter(pk__gt=last).order_by("pk").values_list(*columns)[:CHUNK]
    ):
        pks = [str(row[0]) for row in rows]
        seen += len(
            dict(Footprint.objects.filter(client_pk__in=pks).values_list("client_pk", "digest"))
        )
        last = rows[-1][0]
    assert seen == count, f"{seen} of {count} read"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--count", type=int, default=100_000)
    parser.add_argument("--database-url", default="")
    options = parser.parse_args()
    with example_site(options.database_url):
        run(options.count)


if __name__ == "__main__":
    main()
