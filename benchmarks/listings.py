"""The pages that list and show: time and queries.

Nine in ten customers are mapped, the others wait, some of them in review or excluded; a plan that
waits for approval would overwrite the phone of every mapped client. The floor is what a page
cannot do without: to count the customers and to read 50 of them by name. Each page is asked for
as a person would, through Django's handler, and answered in full: a median of some times, once
what is asked only once is known. Each page has to answer, and to ask exactly as many questions at
every size.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from _arena import OURS, Benchmark, Extra, Place, Result, main

FEW = 50
TIMES = 3
CHUNK = 5_000
QUERIES = ", queries"


def prepare(place: Place) -> None:
    from tests import factories

    company = factories.connection("Harbor & Finch")
    factories.run(company, "waiting", counts={"update": place.count * 9 // 10})
    fill(company, 0, place.count)


def ours(place: Place) -> Extra:
    from wagtail_qbo_sync.models import Connection

    browser = partner()
    told = {"the floor, ms": milliseconds(least)}
    for name, address in pages(Connection.objects.get()).items():
        told[f"{name}{QUERIES}"] = queries(browser, address)
        told[f"{name}, ms"] = milliseconds(partial(browser.get, address))
    return told


def check(place: Place, way: str) -> None:
    """Looking changes nothing."""
    from wagtail_qbo_sync.models import Customer, Mapping

    assert Customer.objects.count() == place.count
    assert Mapping.objects.count() == sum(1 for each in range(place.count) if each % 10)


def compare(results: Sequence[Result]) -> None:
    """As many questions at every size."""
    for one in results:
        for name, asked in results[0].extra.items():
            if name.endswith(QUERIES):
                assert one.extra[name] == asked, (
                    f"{name}: {asked}, of {one.count:,} {one.extra[name]}"
                )


def partner() -> Any:
    """A browser of somebody who may do everything."""
    from django.test import Client

    from tests import factories

    browser = Client(SERVER_NAME="localhost")
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
        "Map customers": url("map", company.pk),
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


def least() -> None:
    """To count the customers and to read 50 by name."""
    from django.db.models.functions import Lower

    from wagtail_qbo_sync.models import Customer

    assert Customer.objects.count() >= FEW
    assert len(Customer.objects.order_by(Lower("display_name"), "pk")[:FEW]) == FEW


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
    from wagtail_qbo_sync.sync.records.runs import add_steps

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
        told = {"display_name": contact.name, "match_keys": keys, "record": record}
        customers.append(Customer(**about, **told, standing="top"))
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


BENCHMARK = Benchmark(
    name="Pages",
    ways={OURS: ours},
    prepare=prepare,
    check=check,
    compare=compare,
)

if __name__ == "__main__":
    main(BENCHMARK)
