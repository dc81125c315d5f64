"""Time and queries of our listings at 100,000 customers and clients.

    python benchmarks/listings.py              # 100,000
    python benchmarks/listings.py 10000

Nine in ten customers are mapped, the others wait, some of them in review or excluded; a plan that
waits for approval would overwrite the phone of every mapped client. The floor is
what a page cannot do without: to count the customers and to read 50 of them by name, with the same
database, in the same process. Each page is asked for as a person would, and answered in full. The
workload is checked before the numbers are printed: each page has to answer, and to ask exactly as
many questions for 100,000 as for 500.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
FEW, MANY = 500, 100_000
TIMES = 3
CHUNK = 5_000


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("size", type=int, nargs="?", default=MANY, help="customers and clients")
    size = parser.parse_args().size
    sys.path[:0] = [str(ROOT), str(ROOT / "example_project")]
    os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"
    import django
    from django.test.utils import setup_databases, setup_test_environment, teardown_databases

    django.setup()
    setup_test_environment()
    databases = setup_databases(verbosity=0, interactive=False)
    try:
        measure(size)
    finally:
        teardown_databases(databases, verbosity=0)


def measure(size: int) -> None:
    """Fill, look, fill on, look again, and print."""
    from tests import factories

    company = factories.connection("Harbor & Finch")
    browser = partner()
    factories.run(company, "waiting", counts={"update": size * 9 // 10})
    fill(company, 0, FEW)
    few = {name: queries(browser, address) for name, address in pages(company).items()}
    fill(company, FEW, size)
    base = milliseconds(floor)
    print(f"{size:,} customers and clients; the floor is {base:.0f} ms")
    for name, address in pages(company).items():
        asked = queries(browser, address)
        assert asked == few[name], f"{name}: {few[name]} queries for {FEW}, {asked} for {size}"
        spent = milliseconds(partial(browser.get, address))
        print(f"{name:34} {spent:6.0f} ms  {spent / base:5.1f} x the floor  {asked:3} queries")


def partner() -> Any:
    """A browser of somebody who may do everything."""
    from django.test import Client

    from tests import factories

    browser = Client()
    browser.force_login(factories.user(is_superuser=True))
    return browser


def pages(company: Any) -> dict[str, str]:
    """What is measured: name -> address."""
    from django.urls import reverse

    from wagtail_qbo_sync.admin.base import CUSTOMERS, url
    from wagtail_qbo_sync.models import Customer, Mapping, Run

    listing = reverse(f"{CUSTOMERS}:index")
    pair = Mapping.objects.order_by("pk")[0]
    customer = Customer.objects.get(qbo_id=pair.qbo_id)
    host = "wagtailsnippets_crm_client"
    plan = Run.objects.get()
    page = url("run", plan.pk)
    return {
        "Connected Apps": url("connections"),
        "customers": listing,
        "customers, last page": f"{listing}?p={Customer.objects.count() // 50}",
        "customers, to map": f"{listing}?status=unmapped&status=review",
        "customers, searched": f"{listing}?q=Member+0000007",
        "clients": url("clients", company.pk),
        "one customer": reverse(f"{CUSTOMERS}:inspect", args=[customer.pk]),
        "one client": url("client", company.pk, pair.client_pk),
        "Why? of a customer": url("why_customer", customer.pk),
        "Why? of a client": url("why_client", company.pk, pair.client_pk),
        "a plan": page,
        "a plan, last page": f"{page}?p={plan.steps.count() // 50}",
        "a plan, by field": f"{page}?over=phone",
        "a plan, searched": f"{page}?q=Member+0000007",
        "the site's list of clients": reverse(f"{host}:list"),
        "the site's form of a client": reverse(f"{host}:edit", args=[pair.client_pk]),
    }


def floor() -> None:
    """To count the customers and to read 50 by name."""
    from django.db.models.functions import Lower

    from wagtail_qbo_sync.models import Customer

    assert Customer.objects.count() > FEW
    assert len(Customer.objects.order_by(Lower("display_name"), "pk")[:50]) == 50


def queries(browser: Any, address: str) -> int:
    """How many it asks once what is asked only once is known; the page has to be there."""
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    browser.get(address)
    with CaptureQueriesContext(connection) as asked:
        answer = browser.get(address)
    assert answer.status_code == 200, f"{address}: {answer.status_code}"
    return len(asked)


def milliseconds(action: Callable[[], Any]) -> float:
    """The median of some times."""
    times = []
    for _ in range(TIMES):
        started = time.perf_counter()
        action()
        times.append(time.perf_counter() - started)
    return statistics.median(times) * 1000


def fill(company: Any, start: int, end: int) -> None:
    """Customers and clients from number `start` to `end`."""
    for chunk in range(start, end, CHUNK):
        fill_chunk(company, range(chunk, min(chunk + CHUNK, end)))


def fill_chunk(company: Any, numbers: range) -> None:
    """Of ten, nine are mapped; of those that are not, one in three each waits, is in review, or is
    excluded."""
    from crm.models import Client, client_type

    from wagtail_qbo_sync import clock
    from wagtail_qbo_sync.contact import Contact, email_keys, match_key
    from wagtail_qbo_sync.engine.plan import Kind, Step
    from wagtail_qbo_sync.models import Case, Customer, Decision, Mapping, Run
    from wagtail_qbo_sync.models.mirror import joined_keys
    from wagtail_qbo_sync.sync.runs import add_steps

    kind = client_type()
    clients = Client.objects.bulk_create(
        Client(name=f"Member {n:07}", email=f"member{n}@site.example", contact_type_id=kind)
        for n in numbers
    )
    customers, mappings, cases, decisions, steps = [], [], [], [], []
    for number, client in zip(numbers, clients, strict=True):
        contact = Contact(name=client.name, email=client.email)
        about = {"connection": company, "qbo_id": str(number + 1)}
        keys = joined_keys(match_key(contact.name), email_keys(contact.email))
        record = {"sync_token": 0, "contact": contact.to_json(), "digest": "", "path": ""}
        customers.append(
            Customer(
                **about,
                standing="top",
                display_name=contact.name,
                match_keys=keys,
                record=record,
            )
        )
        if number % 10:
            mappings.append(Mapping(**about, client=client, client_pk=str(client.pk)))
            values = {"phone": ["(207) 555-0100", "(207) 555-0199"]}
            data = {"customer": client.name, "client": client.name, "values": values}
            steps.append(Step(Kind.UPDATE, about["qbo_id"], str(client.pk), data))
        elif number % 30 == 10:
            key = Case.key("review", company.pk, about["qbo_id"])
            found = [{"pk": str(client.pk), "label": client.name, "by": ["name"], "taken": False}]
            facts = {"candidates": found, "more": 0}
            cases.append(
                Case(**about, kind="review", open_key=key, opened_at=clock.now(), facts=facts)
            )
        elif number % 30 == 20:
            decisions.append(Decision(**about, kind=Decision.Kind.EXCLUDE_CUSTOMER, at=clock.now()))
    Customer.objects.bulk_create(customers)
    Mapping.objects.bulk_create(mappings)
    Case.objects.bulk_create(cases)
    Decision.objects.bulk_create(decisions)
    add_steps(Run.objects.get(), steps)


if __name__ == "__main__":
    main()
