"""Two web servers, on which several people click the same things at the same time."""

from __future__ import annotations

import random
import re
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from subprocess import Popen
from typing import Any

import pytest
import requests
from crm.models import Client, ContactType
from django.conf import settings
from django.test import Client as Browser
from wagtail.models import ModelLogEntry

from tests import factories
from tests.sync.conftest import customer
from tests.sync.firm import Firm, client
from tests.sync.processes import SECONDS, Site, eventually
from tests.sync.types_file.files import HEADER, csv_of
from wagtail_qbo_sync.admin.base import url
from wagtail_qbo_sync.models import Customer, Decision, ImportBatch, Mapping, Run
from wagtail_qbo_sync.sync.types_file import imports

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


class Servers:
    """Web servers of the site, by address: each a process with a cache and a disk of its own."""

    def __init__(self, site: Site, folder: Path) -> None:
        self.site, self.folder = site, folder
        self.running: dict[str, Popen[str]] = {}

    def start(self) -> str:
        """One more; its address."""
        folder = self.folder / f"server{len(self.running)}"
        folder.mkdir()
        server = self.site.python(SERVER, TMPDIR=str(folder))
        assert server.stdin and server.stdout
        server.stdin.write(f"{folder}.log\n")
        server.stdin.flush()
        address = f"http://127.0.0.1:{int(server.stdout.readline())}"
        self.running[address] = server
        return address

    def end(self, address: str) -> None:
        """It is gone, with all that only it knew."""
        server = self.running[address]
        server.kill()
        server.communicate()


@pytest.fixture
def servers(fleet: Fleet, tmp_path: Path) -> Iterator[Servers]:
    made = Servers(fleet.site, tmp_path)
    yield made
    for address in made.running:
        made.end(address)


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

    def gets(self, address: str) -> str:
        """A page at this person's server."""
        answer = self.http.get(self.server + address, timeout=SECONDS)
        assert answer.status_code == 200
        return answer.text

    def posts(self, address: str, **what: Any) -> None:
        answer = self.http.post(
            self.server + address, **what, allow_redirects=False, timeout=SECONDS
        )
        assert answer.status_code == 302


def logged(firm: Firm, action: str) -> Counter[str]:
    """How often the company's history tells of this, by customer (or run)."""
    of_company = ModelLogEntry.objects.for_instance(firm.connection)
    entries = of_company.filter(action=f"wagtail_qbo_sync.{action}")
    return Counter(str(entry.data.get("qbo_id") or entry.data.get("run")) for entry in entries)


def test_people_who_click_the_same_at_the_same_time(
    firm: Firm, fleet: Fleet, servers: Servers
) -> None:
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
    addresses = [servers.start(), servers.start()]
    fleet.start()
    people = [Person(f"Person {n}", addresses[n % 2]) for n in range(6)]
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


# Contact Types by file (K15) ---------------------------------------------------------------------


def waiting(**about: Any) -> ImportBatch:
    """The import that waits to be confirmed, as soon as it does."""
    ready = ImportBatch.objects.filter(state=ImportBatch.State.READY, **about)
    found: ImportBatch = eventually(ready.first, "the preview", ImportBatch.objects.values)
    return found


def confirms(person: Person, batch: ImportBatch) -> None:
    """As a click on the page does, which says what it showed."""
    shown = re.search(r'name="slice" value="(\d+)"', person.gets(url("types_import", batch.pk)))
    assert shown is not None
    person.posts(url("types_import_confirm", batch.pk), data={"slice": shown[1]})
    done = ImportBatch.objects.filter(pk=batch.pk, state=ImportBatch.State.DONE)
    eventually(done.first, "the import", ImportBatch.objects.values)


def types_now() -> set[str]:
    return set(Client.objects.values_list("contact_type__name", flat=True))


def test_a_file_is_taken_in_by_one_server_and_confirmed_at_another(
    fleet: Fleet, servers: Servers
) -> None:
    """What the first has taken in does not die with it: a worker reads it, another server shows
    it. The same person is known at both."""
    old, _new = (ContactType.objects.create(name=name) for name in ("Lead", "VIP"))
    people = [Client.objects.create(name=f"Client {n}", contact_type=old) for n in range(3)]
    notes = "x" * (imports.READ_AT_ONCE // len(people))
    rows = [(one.pk, one.name, "", "VIP", notes) for one in people]
    dana = Person("dana", servers.start())
    file = csv_of(*rows, header=(*HEADER, "Notes"))
    dana.posts(url("types"), files={"file": ("types.csv", file)})
    batch = ImportBatch.objects.get()
    assert batch.state == ImportBatch.State.READING, "it is too large to be read at once"
    servers.end(dana.server)

    dana.server = servers.start()
    fleet.start()
    confirms(dana, waiting())
    assert types_now() == {"VIP"}
    dana.posts(url("types_import_undo", batch.pk))
    undo = waiting(undoes=batch)
    assert types_now() == {"VIP"}
    dana.server = servers.start()
    confirms(dana, undo)
    assert types_now() == {"Lead"}
