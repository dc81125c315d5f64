"""Two web servers, on which several people click the same things at the same time."""

from __future__ import annotations

import random
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from subprocess import Popen

import pytest
import requests
from crm.models import Client
from django.conf import settings
from django.test import Client as Browser
from wagtail.models import ModelLogEntry

from tests import factories
from tests.sync.conftest import customer
from tests.sync.firm import Firm, client
from tests.sync.processes import SECONDS
from wagtail_qbo_sync.admin.base import url
from wagtail_qbo_sync.models import Customer, Decision, Mapping, Run

from .fleet import Fleet
from .invariants import assert_invariants, comes_to_rest

pytestmark = pytest.mark.postgres
SERVER = """
import os, sys
os.dup2(os.open(sys.stdin.readline().strip(), os.O_WRONLY | os.O_CREAT), 2)
from django.core.servers.basehttp import ThreadedWSGIServer, WSGIRequestHandler
from django.core.wsgi import get_wsgi_application
server = ThreadedWSGIServer(("127.0.0.1", 0), WSGIRequestHandler)
server.set_app(get_wsgi_application())
print(server.server_port, flush=True)
server.serve_forever()
"""
SECRET = "c" * 32
"""Of the token against forged requests, which has only to be the same in cookie and header."""
MAPPED, EXCLUDED, CREATED = range(1, 5), range(5, 9), range(9, 31)
"""Customers, by Id: those that people map and exclude, and those that the plan makes clients of."""
Start = Callable[[], str]


@pytest.fixture
def serve(fleet: Fleet, tmp_path: Path) -> Iterator[Start]:
    """Starts a web server of the site; its address."""
    started: list[Popen[str]] = []

    def do() -> str:
        server = fleet.site.python(SERVER)
        started.append(server)
        assert server.stdin and server.stdout
        server.stdin.write(f"{tmp_path}/server{len(started)}.log\n")
        server.stdin.flush()
        return f"http://127.0.0.1:{int(server.stdout.readline())}"

    yield do
    for server in started:
        server.kill()
        server.communicate()


class Person:
    """Somebody who may do everything, with a browser at one of the servers."""

    def __init__(self, name: str, server: str) -> None:
        self.server, self.random = server, random.Random(name)
        self.answers: list[tuple[str, int]] = []
        login = Browser()
        login.force_login(factories.user(username=name, is_superuser=True, admin=False))
        self.http = requests.Session()
        self.http.trust_env = False
        self.http.cookies.set(settings.SESSION_COOKIE_NAME, login.cookies["sessionid"].value)
        self.http.cookies.set("csrftoken", SECRET)
        self.http.headers["X-CSRFToken"] = SECRET

    def clicks(self, clicks: list[tuple[str, dict[str, str]]], start: threading.Barrier) -> None:
        """Everything, in an order of their own."""
        start.wait(SECONDS)
        for address, data in self.random.sample(clicks, len(clicks)):
            answer = self.http.post(
                self.server + address, data=data, allow_redirects=False, timeout=SECONDS
            )
            self.answers.append((address, answer.status_code))
            seen = self.http.get(self.server + url("connections"), timeout=SECONDS)
            self.answers.append((url("connections"), seen.status_code))


def logged(firm: Firm, action: str) -> Counter[str]:
    """How often the company's history tells of this, by customer (or run)."""
    of_company = ModelLogEntry.objects.for_instance(firm.connection)
    entries = of_company.filter(action=f"wagtail_qbo_sync.{action}")
    return Counter(str(entry.data.get("qbo_id") or entry.data.get("run")) for entry in entries)


def test_people_who_click_the_same_at_the_same_time(firm: Firm, fleet: Fleet, serve: Start) -> None:
    firm.chooses(unmatched="create")
    alike = [*MAPPED, *EXCLUDED]
    clients = {n: client(f"Alike {n}", f"site{n}@x.example") for n in alike}
    firm.has(
        *(customer(str(n), f"Alike {n}", f"qbo{n}@x.example") for n in alike),
        *(customer(str(n), f"New {n}", f"new{n}@x.example") for n in CREATED),
    )
    run = firm.plan()
    pks = dict(Customer.objects.values_list("qbo_id", "pk"))
    clicks = [
        (url("sync", firm.connection.pk), {}),
        (url("run_approve", run.pk), {}),
        *((url("customer_map", pks[str(n)]), {"client": str(clients[n].pk)}) for n in MAPPED),
        *((url("customer_exclude", pks[str(n)]), {}) for n in EXCLUDED),
    ]
    servers = [serve(), serve()]
    fleet.start()
    people = [Person(f"Person {n}", servers[n % 2]) for n in range(6)]
    start = threading.Barrier(len(people))
    threads = [threading.Thread(target=each.clicks, args=(clicks, start)) for each in people]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    answers = Counter(status for person in people for _, status in person.answers)
    assert answers == {302: len(people) * len(clicks), 200: len(people) * len(clicks)}
    comes_to_rest(firm)
    assert_invariants(firm)
    assert logged(firm, "approve") == {str(run.pk): 1}
    assert logged(firm, "map") == {str(n): 1 for n in MAPPED}
    assert logged(firm, "exclude_customer") == {str(n): 1 for n in EXCLUDED}
    excluded = Decision.objects.filter(kind=Decision.Kind.EXCLUDE_CUSTOMER)
    assert sorted(excluded.values_list("qbo_id", flat=True)) == [str(n) for n in EXCLUDED]
    mapped = dict(Mapping.objects.values_list("qbo_id", "client"))
    assert {n: mapped[str(n)] for n in MAPPED} == {n: clients[n].pk for n in MAPPED}
    assert set(mapped) == {str(n) for n in [*MAPPED, *CREATED]}
    assert Client.objects.count() == len(alike) + len(CREATED)
    approved = Run.objects.filter(approved_at__isnull=False)
    assert approved.count() == 1 + len(MAPPED)  # mapping by hand is a run of its own
