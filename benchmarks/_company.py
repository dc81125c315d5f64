"""The company that the benchmarks sync with: its customers, its calls, and our ways with it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from unittest import mock
from urllib.parse import parse_qsl, urlsplit

REALM = "9341452000000101"
CALLBACK = "http://127.0.0.1:8000/admin/qbo/callback/"
PAGE = 1000

Json = dict[str, Any]


# Its books ------------------------------------------------------------------------------------


def document(number: int, **values: Any) -> Json:
    """A customer as QuickBooks shows one."""
    address = {
        "Id": str(number),
        "Line1": f"{number} Elm St",
        "City": "Salem",
        "CountrySubDivisionCode": "MA",
        "PostalCode": f"{number:05}",
    }
    stamp = "2026-01-05T09:00:00-08:00"
    return {
        "Id": str(number),
        "SyncToken": "0",
        "Active": True,
        "DisplayName": f"Customer {number}",
        "CompanyName": f"Company {number} Ltd",
        "PrimaryEmailAddr": {"Address": f"office@{number}.example"},
        "PrimaryPhone": {"FreeFormNumber": f"(555) {number:07}"},
        "BillAddr": address,
        "ShipAddr": {**address, "Line1": f"{number} Oak St"},
        "MetaData": {"CreateTime": stamp, "LastUpdatedTime": stamp},
        **values,
    }


def customers(count: int) -> list[Json]:
    """As many of them, changed last in January."""
    return [document(number) for number in range(1, count + 1)]


def plant(sandbox: Any, records: Sequence[Json], *, clear: bool = False) -> None:
    """Put them into the books, or have nobody else in there (`clear`)."""
    for start in range(0, len(records), PAGE):
        part = records[start : start + PAGE]
        sandbox.post("plant", {"realm": REALM, "records": part, "clear": clear and start == 0})


def books(sandbox: Any) -> list[Json]:
    """All customers as they are now."""
    return list(sandbox.get(f"customers?realm={REALM}"))


class Calls:
    """What QuickBooks was asked since this was made, by its own count."""

    def __init__(self, sandbox: Any) -> None:
        self._sandbox = sandbox
        sandbox.delete("requests")
        self._start = sandbox.get("requests")["next"]

    def counts(self) -> dict[str, int]:
        """All calls, and those that are metered as data out. None may have been throttled."""
        logged = self._sandbox.get("requests")
        assert not any(each["status"] == 429 for each in logged["requests"]), "throttled"
        metered = self._sandbox.get("counts").get(REALM, {})
        return {"calls": logged["next"] - self._start, "reads": metered.get("CorePlus", 0)}


# Connected, and synced ------------------------------------------------------------------------


def connect(sandbox: Any) -> Any:
    """Connected as by a person, with the policy to create."""
    from wagtail_qbo_sync.models import Connection
    from wagtail_qbo_sync.sync.people import connect as connecting

    url = connecting.start(None, "", CALLBACK)
    back = sandbox.consent(url, REALM)
    made = connecting.complete(dict(parse_qsl(urlsplit(back).query)), None, "").connection
    Connection.objects.filter(pk=made.pk).update(unmatched="create")
    return Connection.objects.get(pk=made.pk)


def move_in() -> None:
    """This database is a copy of the one that was connected, and a copy never syncs (U18)."""
    from wagtail_qbo_sync.models import Connection
    from wagtail_qbo_sync.sync.access.installation import this_installation

    Connection.objects.update(installation=this_installation())


def synced(place: Any) -> None:
    """A site after its first sync: every customer is a client."""
    from crm.models import Client

    from wagtail_qbo_sync.host.adapter import ClientAdapter

    ClientAdapter.bulk = True
    connection = connect(place.sandbox)
    with at_any_rate(True):
        sync(connection)
    assert Client.objects.count() == place.count


def sync(connection: Any) -> Any:
    """A whole cycle, approved if it has to be; its run, or None if there was nothing to do."""
    from wagtail_qbo_sync.models import Run
    from wagtail_qbo_sync.sync.people import decide
    from wagtail_qbo_sync.sync.records import outbox
    from wagtail_qbo_sync.sync.walk import cycle

    newest = Run.objects.order_by("-pk").first()
    decide.ask_for_sync(connection)
    cycle.advance(connection.pk, seconds=math.inf)
    run = Run.objects.order_by("-pk").first()
    if run is None or run == newest:
        return None
    if run.state == Run.State.WAITING:
        decide.approve(run, None)
        cycle.advance(connection.pk, seconds=math.inf)
    while outbox.waits(connection.pk):
        cycle.advance(connection.pk, seconds=math.inf)
    run.refresh_from_db()
    return run


@contextmanager
def at_any_rate(really: bool) -> Iterator[None]:
    """Within, our own budget of calls lets everything pass at once."""
    from wagtail_qbo_sync.qbo import limits

    free = limits.Rate(interval=0, burst=1)
    if not really:
        yield
        return
    with mock.patch.object(limits, "CALLS", free), mock.patch.object(limits, "BATCHES", free):
        yield


def our_connection() -> Any:
    """The only one."""
    from wagtail_qbo_sync.models import Connection

    return Connection.objects.get()
