"""Taking a run back: on both sides under QuickBooks' limits, and a large one on the site.

    python benchmarks/undo.py                                    # SQLite, 1,200 and 100,000
    python benchmarks/undo.py --both 60 --large 5000
    python benchmarks/undo.py --database-url postgres://postgres@127.0.0.1:5432/postgres

Both sides: a run that wrote the phone of each client and sent the mobile of each to QuickBooks,
taken back against a sandbox that throttles as Intuit does: 10 calls a second, 500 a minute, 40
batches of 30 a minute. Large: a run that overwrote the phone of every client, in bulk; its undo
is planned in slices and applied. That each value is back is checked on both sides, and that
QuickBooks never had to throttle us. "Of ours" is this process's processor time, without a
database server's.
"""

from __future__ import annotations

import argparse
import logging
import math
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from _company import CALLBACK, PAGE, REALM, connect, document
from _measure import example_site, timed

Json = dict[str, Any]
Pair = tuple[str, str, int]
"""Customer, name, client."""
OLD, NEW = "(555) 0000001", "(555) 0000002"


def customer(number: int, phone: str, token: int) -> Json:
    """A customer as QuickBooks shows one, with the old mobile."""
    return {
        **document(number),
        "SyncToken": str(token),
        "PrimaryPhone": {"FreeFormNumber": phone},
        "Mobile": {"FreeFormNumber": OLD},
    }


@contextmanager
def counted(what: str) -> Iterator[None]:
    """How many queries are made meanwhile, without keeping them."""
    from django.db import connection

    numbers: list[int] = [0]

    def count(execute: Callable[..., Any], *arguments: Any) -> Any:
        numbers[0] += 1
        return execute(*arguments)

    with connection.execute_wrapper(count):
        yield
    print(f"  {what}: {numbers[0]:,} queries", flush=True)


def undo(run: Any, walk: Callable[[], object]) -> Any:
    """Plan, approve and apply the undo of a run."""
    from wagtail_qbo_sync.sync.people import decide
    from wagtail_qbo_sync.sync.planning import undoing

    def plan() -> Any:
        made = undoing.start(run, None)
        undoing.advance(made.pk, math.inf)
        made.refresh_from_db()
        return made

    with counted("the plan"):
        made = timed("the undo: planned", plan).result
    assert made.state == "waiting", made.state
    assert decide.approve(made, None)
    with counted("applied"):
        timed("the undo: applied", walk)
    made.refresh_from_db()
    assert made.state == "done", made.state
    assert not made.steps.exclude(state="done").exists()
    return made


# Both sides -----------------------------------------------------------------------------------


class Firm:
    """A company in the sandbox, and the site beside it."""

    def __init__(self, count: int, sandbox: Any) -> None:
        self.count, self.sandbox = count, sandbox
        self.connection = connect(sandbox)

    def plant(self, phone: str, token: int) -> None:
        """QuickBooks says this phone of all, and the old mobile."""
        for start in range(1, self.count + 1, PAGE):
            numbers = range(start, min(start + PAGE, self.count + 1))
            records = [customer(number, phone, token) for number in numbers]
            self.sandbox.post("plant", {"realm": REALM, "records": records, "clear": start == 1})

    def walk(self) -> None:
        from wagtail_qbo_sync.sync.records import outbox
        from wagtail_qbo_sync.sync.walk import cycle

        while True:
            cycle.advance(self.connection.pk, seconds=math.inf)
            if not outbox.waits(self.connection.pk):
                return
            time.sleep(0.1)

    def sync(self) -> Any:
        """The run of it; a plan that waits is approved."""
        from wagtail_qbo_sync.models import Run
        from wagtail_qbo_sync.sync.people import decide

        decide.ask_for_sync(self.connection)
        self.walk()
        run = Run.objects.filter(connection=self.connection).latest("pk")
        if run.state == "waiting":
            decide.approve(run, None)
            self.walk()
        run.refresh_from_db()
        return run

    def mobiles(self) -> set[str]:
        """What QuickBooks has."""
        found = self.sandbox.get(f"customers?realm={REALM}")
        assert len(found) == self.count
        return {one["Mobile"]["FreeFormNumber"] for one in found}


def both(count: int, sandbox: Any) -> None:
    """A run that wrote on both sides, and its undo."""
    from crm.models import Client

    from wagtail_qbo_sync.host.adapter import ClientAdapter
    from wagtail_qbo_sync.models import SyncState
    from wagtail_qbo_sync.sync.noticing import sweep

    ClientAdapter.bulk = False
    print(f"Both sides, {count:,} customers")
    firm = Firm(count, sandbox)
    firm.plant(OLD, 0)
    timed("(the workload: a first sync)", firm.sync)
    Client.objects.update(mobile=NEW)
    sweep.everything()
    firm.plant(NEW, 1)
    SyncState.objects.filter(pk=firm.connection.pk).update(cursor=None)
    run = timed("(the workload: a run that writes both sides)", firm.sync).result
    assert firm.mobiles() == {NEW}, "the run has sent them"
    assert Client.objects.filter(phone=NEW, mobile=NEW).count() == count
    before = sandbox.get("requests")["next"]
    started = time.perf_counter()
    undo(run, firm.walk)
    took = time.perf_counter() - started
    calls = sandbox.get(f"requests?since={before}")["requests"]
    batches = sum(one["path"].endswith("/batch") for one in calls)
    assert firm.mobiles() == {OLD}, "QuickBooks has the old ones back"
    assert Client.objects.filter(phone=OLD, mobile=NEW).count() == count, "and the site"
    assert batches == -(-count // 30), batches
    refused = [one for one in calls if one.get("status") == 429]
    assert not refused, "we never had to be throttled"
    print(f"  {batches} batches, {len(calls)} calls in {took:.1f} s")


# A large run ------------------------------------------------------------------------------------


def large(count: int) -> None:
    """A run that overwrote every phone, as a sync leaves it, and its undo."""
    from crm.models import Client

    from wagtail_qbo_sync.host.adapter import ClientAdapter
    from wagtail_qbo_sync.models import Change, Step
    from wagtail_qbo_sync.sync.noticing import sweep
    from wagtail_qbo_sync.sync.planning import undoing
    from wagtail_qbo_sync.sync.walk import cycle

    ClientAdapter.bulk = True
    print(f"A large run, {count:,} clients")
    run = timed("(the workload: the run's rows)", lambda: prepare(count)).result
    timed("(the workload: footprints)", sweep.everything)
    made = undo(run, lambda: cycle.advance(run.connection_id, seconds=math.inf))
    assert Client.objects.filter(name__startswith="Large", phone=OLD).count() == count
    assert Change.objects.filter(run=made).count() == count
    assert Step.objects.filter(run=made).count() == count
    print(f"  {-(-count // undoing.SLICE)} slices of {undoing.SLICE}")


def prepare(count: int) -> Any:
    """As many mapped clients, and a run that wrote their phones."""
    from crm.models import Client, client_type
    from django.utils import timezone

    from wagtail_qbo_sync.models import Connection, Run, SyncState
    from wagtail_qbo_sync.sync.access.installation import this_installation

    now = timezone.now()
    company = Connection.objects.create(
        realm_id="1",
        environment="sandbox",
        company_name="Large",
        installation=this_installation(),
        connected_at=now,
    )
    SyncState.objects.create(connection=company, first_synced_at=now, synced_at=now)
    run = Run.objects.create(connection=company, state="done", started_at=now, finished_at=now)
    kind = client_type()
    for start in range(0, count, 2000):
        numbers = range(start, min(start + 2000, count))
        names = [f"Large {number}" for number in numbers]
        Client.objects.bulk_create(
            Client(name=name, phone=NEW, contact_type_id=kind) for name in names
        )
        pks = dict(Client.objects.filter(name__in=names).values_list("name", "pk"))
        pairs = [
            (str(number), name, pks[name]) for number, name in zip(numbers, names, strict=True)
        ]
        store_pairs(company, pairs)
        store_history(run, pairs)
    return run


def store_pairs(company: Any, pairs: Sequence[Pair]) -> None:
    """The mirror, and the mappings."""
    from wagtail_qbo_sync.contact import Contact
    from wagtail_qbo_sync.models import Customer, Mapping

    Customer.objects.bulk_create(
        Customer(
            connection=company,
            qbo_id=qbo_id,
            standing="top",
            display_name=name,
            match_keys="-",
            record={
                "sync_token": 1,
                "contact": Contact(name=name, phone=NEW).to_json(),
                "digest": "d",
                "path": "",
                "parent": "",
                "bill": {},
                "ship": {},
            },
        )
        for qbo_id, name, _pk in pairs
    )
    Mapping.objects.bulk_create(
        Mapping(
            connection=company,
            qbo_id=qbo_id,
            client_id=pk,
            client_pk=str(pk),
            base={"seen": "d", "site": {"phone": NEW}, "qbo": {"phone": NEW}},
        )
        for qbo_id, _name, pk in pairs
    )


def store_history(run: Any, pairs: Sequence[Pair]) -> None:
    """The steps, and the journal."""
    from wagtail_qbo_sync.models import Change, Step

    values = {"phone": [OLD, NEW]}
    Step.objects.bulk_create(
        Step(
            run=run,
            kind="update",
            state="done",
            qbo_id=qbo_id,
            client_pk=str(pk),
            data={"customer": name, "client": name, "seen": {}, "values": values},
        )
        for qbo_id, name, pk in pairs
    )
    Change.objects.bulk_create(
        Change(
            connection=run.connection,
            run=run,
            side="site",
            qbo_id=qbo_id,
            client_pk=str(pk),
            values=values,
            at=run.started_at,
        )
        for qbo_id, _name, pk in pairs
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--both", type=int, default=1_200)
    parser.add_argument("--large", type=int, default=100_000)
    parser.add_argument("--database-url", default="")
    options = parser.parse_args()
    with example_site(options.database_url):
        os.environ["QBO_ENVIRONMENT"] = "sandbox"
        os.environ["QBO_SYNC_PAUSED"] = ""
        run(options.both, options.large)


def run(small: int, big: int) -> None:
    import django

    django.setup()
    from cryptography.fernet import Fernet
    from django.conf import settings
    from django.core.management import call_command
    from django.test.utils import override_settings

    from wagtail_qbo_sync.testing.sandbox import SandboxProcess

    logging.disable(logging.INFO)  # each ring for a worker
    call_command("migrate", verbosity=0)
    with SandboxProcess() as sandbox:
        os.environ["QBO_API_URL"] = sandbox.base_url
        ours = {
            **settings.WAGTAIL_QBO_SYNC,
            "API_URL": sandbox.base_url,
            "DISCOVERY_URL": sandbox.discovery_url,
            "CLIENT_ID": "sandbox-client",
            "CLIENT_SECRET": "sandbox-secret",
            "REDIRECT_URI": CALLBACK,
            "ENCRYPTION_KEYS": [Fernet.generate_key().decode()],
        }
        with override_settings(WAGTAIL_QBO_SYNC=ours):
            both(small, sandbox)
    large(big)


if __name__ == "__main__":
    main()
