"""Many companies at once: what 1, 2 and 4 worker processes make of calls that take 300 ms.

    python benchmarks/scale_out.py --database-url postgres://postgres@127.0.0.1:5432/postgres
    python benchmarks/scale_out.py --database-url ... --companies 10 --customers 1000

Each number of workers gets a database of its own and a real cluster of django-q2 on it. Two
things are timed: the first reading of all companies, and a cycle in which nothing is new. The
sandbox counts each company's calls and refuses those over QuickBooks' limits. Before a number is
printed it is checked that every customer was read, with as few calls as possible, and none refused.
"""

from __future__ import annotations

import argparse
import base64
import json
import math
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import parse_qsl

from _company import CALLBACK
from _databases import with_tables
from _measure import ROOT

if TYPE_CHECKING:
    from wagtail_qbo_sync.testing.sandbox import SandboxProcess

PAGE = 1000
KEY = base64.urlsafe_b64encode(bytes(32)).decode()
MANAGE = str(ROOT / "example_project" / "manage.py")


class Lap(NamedTuple):
    """One thing that all companies did, with what it cost."""

    what: str
    workers: int
    seconds: float
    calls: int
    worker_cpu: float
    sandbox_cpu: float


# In a process that knows the site --------------------------------------------------------------


def connect(realms: list[str]) -> None:
    """Connected as by a person, one after the other."""
    from wagtail_qbo_sync.sync.people import connect as connecting
    from wagtail_qbo_sync.testing.sandbox import SandboxProcess

    running = SandboxProcess()
    running.base_url = os.environ["QBO_API_URL"]
    for realm in realms:
        back = running.consent(connecting.start(None, "", CALLBACK), realm)
        connecting.complete(dict(parse_qsl(back.partition("?")[2])), None, "")


def lap(cycle: int) -> float:
    """Somebody wants all of them synced; the seconds until each has ended its `cycle`-th."""
    from django.db.models import F
    from django.db.models.functions import Now

    from wagtail_qbo_sync.models import Connection, SyncState
    from wagtail_qbo_sync.sync.people import decide

    at_rest = SyncState.objects.filter(phase="rest", served=F("wanted"), served__gte=cycle)
    done = at_rest.exclude(lease_until__gt=Now())
    companies = list(Connection.objects.all())
    started = time.perf_counter()
    for company in companies:
        decide.ask_for_sync(company)
    while done.count() < len(companies):
        time.sleep(0.1)
    return time.perf_counter() - started


def check(companies: int, customers: int) -> None:
    """That the work was really done."""
    from wagtail_qbo_sync.models import Customer, SyncState

    assert Customer.objects.count() == companies * customers
    assert not SyncState.objects.exclude(trouble={}).exists()


# All, side by side -----------------------------------------------------------------------------


@contextmanager
def books(
    companies: int, customers: int, latency: float
) -> Iterator[tuple[SandboxProcess, list[str]]]:
    """A sandbox with so many companies; each call of the API takes `latency` seconds."""
    from wagtail_qbo_sync.testing.sandbox import SandboxProcess

    realms = [str(number) for number in range(7_000_001, 7_000_001 + companies)]
    with SandboxProcess() as process:
        for realm in realms:
            process.post("company", {"realm": realm, "name": f"Company {realm}"})
            process.post("seed", {"realm": realm, "count": customers})
        slow = {"kind": "latency", "path": "^/v3/", "seconds": latency, "count": -1}
        process.post("faults", slow)
        yield process, realms


@contextmanager
def cluster(environment: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """A real cluster, ended with all its children."""
    command = [sys.executable, MANAGE, "qcluster"]
    with subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL) as process:
        try:
            yield process
        finally:
            process.terminate()
            process.wait(30)


def measure(
    workers: int, database_url: str, box: SandboxProcess, realms: list[str], customers: int
) -> Iterator[Lap]:
    """Both laps with this many workers."""
    environment = site(workers, database_url, box)

    def here(*arguments: str) -> str:
        command = [sys.executable, __file__, *arguments]
        done = subprocess.run(
            command, check=True, env=environment, stdout=subprocess.PIPE, text=True
        )
        return done.stdout

    here("--do", "connect", "--realms", json.dumps(realms))
    pages = math.ceil(customers / PAGE)
    with cluster(environment) as process:
        for cycle, (what, each) in enumerate((("first reading", pages), ("nothing new", 1)), 1):
            before = box.get("requests")["next"]
            cpu = family_cpu(process.pid), box_cpu(box)
            seconds = float(here("--do", "lap", "--cycle", str(cycle)))
            calls = answered(box, before)
            assert calls <= len(realms) * (each + 1), (what, calls)
            worker_cpu, sandbox_cpu = family_cpu(process.pid) - cpu[0], box_cpu(box) - cpu[1]
            yield Lap(what, workers, seconds, calls, worker_cpu, sandbox_cpu)
    here("--do", "check", "--companies", str(len(realms)), "--customers", str(customers))


def site(workers: int, database_url: str, box: SandboxProcess) -> dict[str, str]:
    """The environment of the site's processes."""
    rooms = (ROOT, ROOT / "example_project", ROOT / "benchmarks")
    return {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(map(str, rooms)),
        "DJANGO_SETTINGS_MODULE": "scale_settings",
        "DJANGO_DEBUG": "0",
        "DATABASE_URL": database_url,
        "QBO_BENCH_WORKERS": str(workers),
        "QBO_ENVIRONMENT": "sandbox",
        "QBO_API_URL": box.base_url,
        "QBO_DISCOVERY_URL": box.discovery_url,
        "QBO_CLIENT_ID": "sandbox-client",
        "QBO_CLIENT_SECRET": "sandbox-secret",
        "QBO_REDIRECT_URI": CALLBACK,
        "QBO_ENCRYPTION_KEYS": KEY,
        "QBO_SYNC_PAUSED": "",
    }


def answered(box: SandboxProcess, since: int) -> int:
    """How many calls of the API there were; none of them may have been refused."""
    asked = box.get(f"requests?since={since}")["requests"]
    made = [each for each in asked if each["path"].startswith("/v3/")]
    refused = [each for each in made if each["status"] != 200]
    assert not refused, refused[0]
    return len(made)


TICKS = os.sysconf("SC_CLK_TCK")


def box_cpu(box: SandboxProcess) -> float:
    """Of the sandbox."""
    assert box._process is not None
    return own_cpu(box._process.pid)


def own_cpu(pid: int) -> float:
    """Processor seconds of one process (Linux)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def family_cpu(pid: int) -> float:
    """Of a process and its children."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return own_cpu(pid) + sum(family_cpu(int(child)) for child in children)


def report(laps: list[Lap], companies: int, customers: int, latency: float) -> None:
    """A table; how many calls were under way on average says how far waiting scales."""
    print(f"{companies} companies of {customers:,} customers, {latency * 1000:.0f} ms a call")
    for one in laps:
        alone = next(each for each in laps if each.what == one.what)
        print(
            f"  {one.what:14} {one.workers} workers {one.seconds:7.1f} s"
            f"  {alone.seconds / one.seconds:4.1f} x as fast as with {alone.workers}"
            f"  {60 * companies / one.seconds:6.0f} companies a minute"
            f"  {one.calls} calls, {one.calls * latency / one.seconds:4.1f} under way"
            f"  processors: workers {one.worker_cpu / one.seconds:.2f},"
            f" QuickBooks {one.sandbox_cpu / one.seconds:.2f} of {os.cpu_count()}",
            flush=True,
        )


def compare(options: argparse.Namespace) -> None:
    """Each number of workers in turn, each from the start."""
    laps: list[Lap] = []
    with (
        with_tables(options.database_url) as fresh,
        books(options.companies, options.customers, options.latency) as (box, realms),
    ):
        for workers in options.workers:
            box.post("revoke", {})
            laps += measure(workers, fresh(), box, realms, options.customers)
    report(laps, options.companies, options.customers, options.latency)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--database-url", default="", help="a PostgreSQL server (SQLite)")
    parser.add_argument("--companies", type=int, default=50)
    parser.add_argument("--customers", type=int, default=5_000, help="of each company")
    parser.add_argument("--latency", type=float, default=0.3, help="seconds of each call")
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2, 4])
    parser.add_argument("--do", choices=("connect", "lap", "check"), help=argparse.SUPPRESS)
    parser.add_argument("--realms", type=json.loads, help=argparse.SUPPRESS)
    parser.add_argument("--cycle", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if not options.do:
        sys.path[:0] = [str(ROOT), str(ROOT / "example_project")]
        os.environ.setdefault("DJANGO_SETTINGS_MODULE", "example.settings")
    import django

    django.setup()
    if not options.do:
        compare(options)
    elif options.do == "connect":
        connect(options.realms)
    elif options.do == "lap":
        print(lap(options.cycle))
    else:
        check(options.companies, options.customers)


if __name__ == "__main__":
    main()
