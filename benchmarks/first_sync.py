"""The first sync of a company, against the floor: how many times longer than the bare minimum.

    python benchmarks/first_sync.py                                  # SQLite, 10,000 customers
    python benchmarks/first_sync.py --count 50000
    python benchmarks/first_sync.py --database-url postgres://postgres@127.0.0.1:5432/postgres

The floor: the same pages downloaded and parsed, the same rows bulk-inserted, nothing else. Every
second customer is a client of the site already, with another phone number; the others are
created. Each way runs in a process and a database of its own, against one sandbox that answers
at once and never throttles. That the work was done is checked before a number is printed. Our
own budget of 8 calls a second is part of our time; what it waited is shown.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import shutil
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any
from unittest import mock
from urllib.parse import parse_qsl, urlsplit, urlunsplit

ROOT = Path(__file__).resolve().parent.parent
REALM = "9341452000000101"
CALLBACK = "http://127.0.0.1:8000/admin/qbo/callback/"
PAGE = 1000
AIM = 3.0
WAYS = {"floor": "the floor", "bulk": "ours, bulk", "save": "ours, save()"}

Json = dict[str, Any]


def customer(number: int) -> Json:
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
    }


# One way, in a process of its own -------------------------------------------------------------


def measure(way: str, count: int) -> Json:
    """Do it once. Seconds, those of the processor, those that were waited for our budget."""
    import django

    django.setup()
    connection = connect()
    prepare(count)
    busy = time.process_time()
    took = floor(connection) if way == "floor" else ours(connection, bulk=way == "bulk")
    took["cpu"] = time.process_time() - busy
    check(count)
    return took


def connect() -> Any:
    """Connected as by a person, with the policy to create."""
    from wagtail_qbo_sync.models import Connection
    from wagtail_qbo_sync.sync import connect as connecting

    url = connecting.start(None, "", CALLBACK)
    back = sandbox().consent(url, REALM)
    made = connecting.complete(dict(parse_qsl(urlsplit(back).query)), None, "").connection
    Connection.objects.filter(pk=made.pk).update(unmatched="create")
    return Connection.objects.get(pk=made.pk)


def sandbox() -> Any:
    """The one that runs already."""
    from wagtail_qbo_sync.testing.sandbox import SandboxProcess

    running = SandboxProcess()
    running.base_url = os.environ["QBO_API_URL"]
    return running


def prepare(count: int) -> None:
    """Every second customer is a client already."""
    from crm.models import Client, client_type

    Client.objects.bulk_create(
        Client(
            name=f"Customer {number}",
            email=f"office@{number}.example",
            phone="1",
            contact_type_id=client_type(),
        )
        for number in range(2, count + 1, 2)
    )


def ours(connection: Any, bulk: bool) -> Json:
    """Read, plan, approve, apply."""
    from wagtail_qbo_sync.host.adapter import ClientAdapter
    from wagtail_qbo_sync.models import Run
    from wagtail_qbo_sync.sync import cycle, decide

    ClientAdapter.bulk = bulk
    waits: list[float] = []
    sleep = time.sleep

    def wait(seconds: float) -> None:
        waits.append(seconds)
        sleep(seconds)

    decide.ask_for_sync(connection)
    with mock.patch.object(time, "sleep", wait):
        started = time.perf_counter()
        cycle.advance(connection.pk, seconds=math.inf)
        planned = time.perf_counter()
        decide.approve(Run.objects.get(), None)
        cycle.advance(connection.pk, seconds=math.inf)
        done = time.perf_counter()
    return {"seconds": done - started, "waited": sum(waits), "planned": planned - started}


def floor(connection: Any) -> Json:
    """The same pages, the same rows, nothing else."""
    import requests
    from crm.models import Client

    from wagtail_qbo_sync.sync.token import TokenKeeper

    session = requests.Session()
    session.headers["Authorization"] = f"Bearer {TokenKeeper(connection).access_token()}"
    session.headers.update({"Accept": "application/json", "Content-Type": "application/text"})
    url = f"{os.environ['QBO_API_URL']}/v3/company/{REALM}/query"
    query = "SELECT * FROM Customer WHERE Active IN (true,false) ORDERBY Id "
    query += "STARTPOSITION {} MAXRESULTS {}"
    here = {client.name: client for client in Client.objects.all()}
    started = time.perf_counter()
    insert = partial(insert_page, connection, new_run(connection), here)
    start = 1
    while page := read(session, url, query.format(start, PAGE)):
        insert(page)
        start += len(page)
    return {"seconds": time.perf_counter() - started, "waited": 0.0, "planned": 0.0}


def read(session: Any, url: str, statement: str) -> list[Json]:
    answer = session.post(url, data=statement, timeout=60).json()
    return list(answer["QueryResponse"].get("Customer", []))


def new_run(connection: Any) -> Any:
    from django.utils import timezone

    from wagtail_qbo_sync.models import Run

    now = timezone.now()
    return Run.objects.create(connection=connection, state="done", counts={}, started_at=now)


def insert_page(connection: Any, run: Any, here: dict[str, Any], page: list[Json]) -> None:
    """The rows that a sync leaves behind, straight from the documents."""
    from crm.models import Client, client_type
    from django.db import transaction
    from django.utils import timezone

    from wagtail_qbo_sync.compat import wide_statements
    from wagtail_qbo_sync.models import Change, Customer, Footprint, Mapping, Step

    now, kind, digest = timezone.now(), client_type(), "0" * 32
    values = [plain(document) for document in page]
    clients = [
        Client(
            pk=here[value["name"]].pk if value["name"] in here else None,
            contact_type_id=kind,
            name=value["name"],
            company_name=value["company_name"],
            email=value["email"],
            phone=value["phone"],
            address=value["mailing_address"]["line1"],
            city=value["mailing_address"]["city"],
            state=value["mailing_address"]["state"],
            zip_code=value["mailing_address"]["postal_code"],
            physical_address=value["physical_address"]["line1"],
            physical_city=value["physical_address"]["city"],
            physical_state=value["physical_address"]["state"],
            physical_zip_code=value["physical_address"]["postal_code"],
        )
        for value in values
    ]
    old = [client for client in clients if client.pk]
    columns = [field.name for field in Client._meta.concrete_fields if not field.primary_key]
    with transaction.atomic(), wide_statements("default"):
        Client.objects.bulk_create([client for client in clients if not client.pk])
        Client.objects.bulk_create(
            old, update_conflicts=True, unique_fields=["pk"], update_fields=columns
        )
        done = list(zip(page, values, clients, strict=True))
        Customer.objects.bulk_create(
            Customer(
                connection=connection,
                qbo_id=document["Id"],
                standing="top",
                display_name=value["name"],
                match_keys=digest + digest,
                record={
                    "sync_token": 0,
                    "contact": value,
                    "digest": digest,
                    "path": "",
                    "parent": "",
                    "bill": document["BillAddr"],
                    "ship": document["ShipAddr"],
                },
            )
            for document, value, _ in done
        )
        Mapping.objects.bulk_create(
            Mapping(
                connection=connection,
                qbo_id=document["Id"],
                client_id=client.pk,
                client_pk=str(client.pk),
                base={"seen": digest, "site": value, "qbo": value, "replaced": {}},
            )
            for document, value, client in done
        )
        Footprint.objects.bulk_create(
            Footprint(client_pk=str(client.pk), digest=digest, version=digest[:16])
            for _, _, client in done
        )
        Change.objects.bulk_create(
            Change(
                connection=connection,
                run=run,
                side="site",
                qbo_id=document["Id"],
                client_pk=str(client.pk),
                values={name: [None, new] for name, new in value.items()},
                at=now,
            )
            for document, value, client in done
        )
        Step.objects.bulk_create(
            Step(
                run=run,
                kind="create",
                state="done",
                qbo_id=document["Id"],
                client_pk=str(client.pk),
                data={
                    "customer": value["name"],
                    "client": value["name"],
                    "seen": {"customer": digest, "client": ""},
                    "values": {name: [None, new] for name, new in value.items()},
                },
            )
            for document, value, client in done
        )


def plain(document: Json) -> Json:
    """A document in our words."""

    def address(name: str) -> Json:
        row = document[name]
        return {
            "line1": row["Line1"],
            "city": row["City"],
            "state": row["CountrySubDivisionCode"],
            "postal_code": row["PostalCode"],
        }

    return {
        "name": document["DisplayName"],
        "company_name": document["CompanyName"],
        "email": document["PrimaryEmailAddr"]["Address"],
        "phone": document["PrimaryPhone"]["FreeFormNumber"],
        "mailing_address": address("BillAddr"),
        "physical_address": address("ShipAddr"),
    }


def check(count: int) -> None:
    """That the work was really done."""
    from crm.models import Client

    from wagtail_qbo_sync.models import Change, Customer, Footprint, Mapping, Run, Step

    for model in (Client, Customer, Mapping, Change, Footprint, Step):
        assert model._default_manager.count() == count, model
    assert Run.objects.get().state == "done"
    assert not Step.objects.exclude(state="done").exists()
    assert Client.objects.filter(phone__startswith="(555)", city="Salem").count() == count
    assert Mapping.objects.filter(client__isnull=False).values("client").distinct().count() == count


# All ways, side by side -----------------------------------------------------------------------


def compare(count: int, database_url: str) -> None:
    """Print how long each way took, as a multiple of the floor."""
    sys.path[:0] = [str(ROOT), str(ROOT / "example_project")]
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "example.settings")
    with databases(database_url) as fresh, company(count) as url:
        times = {way: in_a_process(way, count, url, fresh()) for way in WAYS}
    bare = times["floor"]
    name = "PostgreSQL" if database_url else "SQLite"
    print(f"First sync of {count:,} customers, half of them clients already, {name}")
    for way, took in times.items():
        ratio, cpu = took["seconds"] / bare["seconds"], took["cpu"] / bare["cpu"]
        print(
            f"  {WAYS[way]:12} {took['seconds']:6.2f} s  {ratio:4.1f} x the floor"
            f"   processor {took['cpu']:6.2f} s  {cpu:4.1f} x"
            f"   planned after {took['planned']:5.2f} s, waited {took['waited']:.2f} s"
        )
    print(f"  aim: {AIM:.0f} x the floor with bulk")


@contextmanager
def company(count: int) -> Iterator[str]:
    """A sandbox with this many customers; its address."""
    import django

    django.setup()
    from wagtail_qbo_sync.testing.sandbox import SandboxProcess

    with SandboxProcess("--no-throttle") as process:
        records = [customer(number) for number in range(1, count + 1)]
        for start in range(0, count, PAGE):
            part = records[start : start + PAGE]
            process.post("plant", {"realm": REALM, "records": part, "clear": start == 0})
        yield process.base_url


@contextmanager
def databases(server: str) -> Iterator[Any]:
    """Makes databases with all tables and no rows; all are dropped at the end."""
    with tempfile.TemporaryDirectory() as folder:
        if not server:
            empty = Path(folder) / "empty.sqlite3"
            migrate(f"sqlite:///{empty}")

            def copy() -> str:
                path = Path(folder) / f"{uuid.uuid4().hex}.sqlite3"
                shutil.copy(empty, path)
                return f"sqlite:///{path}"

            yield copy
            return
    with postgres(server) as copy:
        yield copy


@contextmanager
def postgres(server: str) -> Iterator[Any]:
    import psycopg
    from psycopg import sql

    made: list[str] = []

    def create(template: str = "template1") -> str:
        name = f"qbo_bench_{uuid.uuid4().hex[:12]}"
        names = sql.Identifier(name), sql.Identifier(template)
        admin.execute(sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(*names))
        made.append(name)
        return urlunsplit(urlsplit(server)._replace(path=f"/{name}"))

    with psycopg.connect(server, autocommit=True) as admin:
        try:
            migrate(create())
            yield partial(create, made[0])
        finally:
            for name in made:
                drop = sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)")
                admin.execute(drop.format(sql.Identifier(name)))


def migrate(database_url: str) -> None:
    command = [sys.executable, str(ROOT / "example_project" / "manage.py"), "migrate", "-v0"]
    environment = {**os.environ, "DATABASE_URL": database_url}
    subprocess.run(command, check=True, env=environment)


def in_a_process(way: str, count: int, url: str, database_url: str) -> Json:
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "example_project")]),
        "DJANGO_SETTINGS_MODULE": "example.settings",
        "DATABASE_URL": database_url,
        "QBO_ENVIRONMENT": "sandbox",
        "QBO_API_URL": url,
        "QBO_DISCOVERY_URL": f"{url}/.well-known/openid_sandbox_configuration/",
        "QBO_CLIENT_ID": "sandbox-client",
        "QBO_CLIENT_SECRET": "sandbox-secret",
        "QBO_REDIRECT_URI": CALLBACK,
        "QBO_SYNC_PAUSED": "",
    }
    command = [sys.executable, __file__, "--way", way, "--count", str(count)]
    done = subprocess.run(command, check=True, env=environment, stdout=subprocess.PIPE, text=True)
    return dict(json.loads(done.stdout.splitlines()[-1]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--count", type=int, default=10_000, help="customers")
    parser.add_argument("--database-url", default="", help="a PostgreSQL server (SQLite)")
    parser.add_argument("--way", choices=WAYS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.way:
        print(json.dumps(measure(options.way, options.count)))
    else:
        compare(options.count, options.database_url)


if __name__ == "__main__":
    main()
