"""Every address of ours, and a firm at which each of them has something to show.

A new address is found by itself. Where it is about something new, `Firm.keys` has to know it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from itertools import count, cycle
from typing import Any

from crm.models import Client
from django.contrib.admin.utils import quote
from django.urls import URLPattern, get_resolver, reverse
from wagtail.admin.views.bulk_action.registry import bulk_action_registry as registry

from tests import factories
from tests.admin import rows
from wagtail_qbo_sync import clock
from wagtail_qbo_sync.contact import Address
from wagtail_qbo_sync.models import (
    BulkDecision,
    Case,
    Comparison,
    Connection,
    Customer,
    Decision,
    Difference,
    ImportBatch,
    Mapping,
    Run,
    SingleSync,
    Step,
    SyncState,
)
from wagtail_qbo_sync.sync.people import decide
from wagtail_qbo_sync.sync.records.status import beat

OURS = "wagtail_qbo_sync"
_numbers = count(1)
BESIDE = ("results", "cards", "summary", "callback", "line", "connect", "news", "map_clients")
"""How the names of addresses end that are asked for by a page, or pass on to one."""
ABOUT = ("comparison", "customer", "run", "bulk", "types", "conflict", "taken_name", "problem")
"""What the names of addresses say that they are about."""
VANISHED = "Vanished member"
"""A client that is only told of."""


def patterns() -> Iterator[tuple[str, URLPattern]]:
    """Every URL pattern in our namespaces, by its full name."""
    todo: list[tuple[str, Any]] = [("", item) for item in get_resolver().url_patterns]
    while todo:
        namespace, item = todo.pop()
        if isinstance(item, URLPattern):
            if namespace.startswith(OURS):
                yield f"{namespace}:{item.name}", item
        else:
            inner = item.namespace or namespace
            todo += [(inner, each) for each in item.url_patterns]


def is_page(name: str, pattern: URLPattern) -> bool:
    """Whether somebody looks at it, rather than a page's script or a form."""
    view: Any = pattern.callback
    return "get" in view.view_class.http_method_names and not name.endswith(BESIDE)


@dataclass(frozen=True, slots=True)
class Shown:
    """What addresses are about."""

    company: Connection
    run: Run
    customer: Customer
    client: Client
    bulk: BulkDecision
    comparison: Comparison
    types: ImportBatch
    conflict: Customer
    taken_name: Case

    @property
    def problem(self) -> Case:
        """Something that waits for a person."""
        return self.taken_name

    def addresses(self) -> dict[str, str]:
        """Every address of ours by its name; what it is about is told by its name too."""
        return {
            name: reverse(
                name, kwargs={key: self._key(name, key) for key in pattern.pattern.converters}
            )
            for name, pattern in patterns()
        }

    def pages(self) -> dict[str, str]:
        """Our pages by a short name."""
        addresses = self.addresses()
        ours = [name for name, pattern in patterns() if is_page(name, pattern)]
        return {
            **{re.sub(f"{OURS}[:_]", "", name): addresses[name] for name in sorted(ours)},
            **self.bulk_actions(),
        }

    def pages_of_the_host(self) -> dict[str, str]:
        """Those of the site's own pages that have something of ours on them."""
        client = reverse("wagtailsnippets_crm_client:edit", args=[quote(self.client.pk)])
        return {
            "site client": client,
            "site clients": reverse("wagtailsnippets_crm_client:list"),
            "site dashboard": reverse("wagtailadmin_home"),
        }

    def bulk_actions(self) -> dict[str, str]:
        """The pages on which Wagtail asks before it does something to all rows of a listing."""
        registry.get_bulk_actions_for_model(OURS, "customer")  # which looks for them
        acts = registry.actions.get(OURS, {})
        all_rows = f"?id=all&next={reverse(f'{OURS}:clients', args=[self.company.pk])}"
        return {
            f"{model}: {act}": reverse("wagtail_bulk_action", args=[OURS, model, act]) + all_rows
            for model, found in acts.items()
            for act in found
        }

    def _key(self, name: str, key: str) -> Any:
        if key != "pk":
            return {"client": str(self.client.pk)}[key]
        about = re.sub(f"{OURS}|results|:", "", name)
        return next((getattr(self, each).pk for each in ABOUT if each in about), self.company.pk)


def small(company: Connection) -> Shown:
    """The least that every address is about."""
    customer = factories.customer(company)
    client = rows.mapped(customer)
    return Shown(
        company,
        factories.run(company),
        customer,
        client,
        factories.bulk_decision(company),
        factories.comparison(company),
        rows.type_import(),
        customer,
        _refused_name(company, client, customer),
    )


# A firm -----------------------------------------------------------------------------------------


def furnish(company: Connection) -> Shown:
    """Customers and clients that stand in every possible way, with their stories.

    No name, e-mail or phone of a client occurs in anything else, so that it can be looked for.
    """
    beat()
    now = clock.now()
    factories.sync_state(
        company, synced_at=now, first_synced_at=now, cursor=now, planned_through=10**9
    )
    anna = factories.user(username="anna.berg", first_name="Anna", last_name="Berg")
    done = rows.run(company, Run.State.DONE, started_by=anna, finished_at=now)
    plan = rows.run(company, counts=dict.fromkeys(Step.Kind.values, 1), first=True)
    bakery = _mapped(company, done, anna)
    _in_review(company, plan)
    _in_trouble(company, done)
    _decided(company, anna)
    for name, standing in (("Wharf Street 9", "sub"), ("Pier rebuild", "project")):
        rows.customer(company, name, standing, path=f"Quayside Homes:{name}")
    rows.customer(company, "Closed in 2019 (deleted)", "inactive")
    for number in range(30):
        rows.customer(company, f"Dock tenant {number:02}", email=f"tenant{number}@dock.example")
        someone("Waiting member")
    _planned(plan)
    return Shown(
        company,
        plan,
        bakery,
        Client.objects.get(name__startswith="Baker's own"),
        factories.bulk_decision(company, total=640, done=210),
        _compared(company),
        rows.type_import(*Client.objects.order_by("pk")[:8]),
        Customer.objects.get(display_name="Customer conflict"),
        _refused_name(company, someone("Namesake"), rows.customer(company, "Name holder")),
    )


def _refused_name(company: Connection, client: Client, holder: Customer) -> Case:
    """QuickBooks did not take the client's name, which this customer has (U10)."""
    known = {"entity": "Customer", "id": holder.qbo_id, "name": holder.display_name}
    facts = {
        "code": "6240",
        "message": "The name is taken.",
        "fields": ["name"],
        "untaken": {"name": client.name},
        "name_holder": {**known, "active": True},
    }
    pk = str(client.pk)
    key = Case.key(Case.Kind.NOT_TAKEN, company.pk, "", pk)
    return factories.case(company, "not_taken", "", client_pk=pk, facts=facts, open_key=key)


def _compared(company: Connection) -> Comparison:
    """A night's comparison, with a pair for each reason not to be equal."""
    mappings = list(Mapping.objects.filter(connection=company).order_by("pk"))
    whys = list(Difference.Why)
    found = factories.comparison(
        company, equal=9812 - len(whys), different=len(whys) - 2, missing=2, resting=14
    )
    Difference.objects.bulk_create(
        Difference(
            comparison=found,
            qbo_id=mapping.qbo_id,
            client_pk=mapping.client_pk,
            customer=f"Compared customer {number}",
            why=why,
            asked="conflict" if why == Difference.Why.ASKED else "",
            fields=["phone", "mailing_address"],
        )
        for number, (why, mapping) in enumerate(zip(whys, cycle(mappings), strict=False))
    )
    return found


def companies_in_every_state() -> None:
    """A company for each thing that a card can have to say."""
    now, soon = clock.now(), clock.now() + timedelta(minutes=5)
    moving = factories.connection("Moving")
    factories.sync_state(moving, phase=SyncState.Phase.PULL, done=1, total=2, lease_until=soon)
    trouble = {
        "message": "QuickBooks has a problem of its own.",
        "action": "back_off",
        "code": "503",
        "intuit_tid": "1-65af",
        "phase": "pull",
        "done": 1,
        "total": 2,
        "at": now.isoformat(),
        "next_try": soon.isoformat(),
    }
    factories.sync_state(factories.connection("Troubled"), trouble=trouble)
    ending = factories.connection("Ending soon").token
    ending.refresh_expires_at = now + timedelta(days=2)
    ending.save()
    factories.connection("Lost", token=False)
    factories.connection("Gone", disconnected_at=now)
    factories.connection("Copy", installation={})


def someone(name: str) -> Client:
    """A client of the site, with a name, an e-mail and a phone that no other has."""
    number = f"{next(_numbers):04}"
    mail = f"{re.sub('[^a-z]+', '.', name.lower())}{number}@site-side.example"
    phone = f"(207) 999-{number}"
    return Client.objects.create(name=f"{name} {number}", email=mail, phone=phone)


def secrets(clients: Iterable[Client]) -> Iterator[str]:
    """What only those read who may see these clients."""
    for client in clients:
        yield from (client.name, client.email, client.phone)


def _mapped(company: Connection, run: Run, by: Any) -> Customer:
    """A pair whose story is told by run, journal and log."""
    customer = rows.customer(
        company,
        "Harbor Bakery & Café",
        email="hello@harbor-bakery.example, books@harbor-bakery.example",
        phone="(207) 555-0101",
        mailing_address=Address("12 Quay Street", "Unit 4", "Portland", "ME", "04101"),
    )
    client = rows.mapped(customer, someone("Baker's own"))
    rows.step(run, customer, "link", client, "done", by_hand=True)
    rows.change(
        customer,
        client,
        run,
        name=[client.name, "Harbor Bakery & Café"],
        phone=[client.phone, "(207) 555-0101"],
    )
    gone = someone(VANISHED)
    rows.step(run, customer, "update", gone, "done", values={"phone": [gone.phone, "5"]})
    gone.delete()
    names = {"customer": customer.path, "client": client.name}
    decide.record(company, "map", by, qbo_id=customer.qbo_id, client_pk=str(client.pk), **names)
    SingleSync.objects.create(
        connection=company,
        qbo_id=customer.qbo_id,
        asked_by=by,
        asked_at=clock.now(),
        ended_at=clock.now(),
        run=run,
    )
    return customer


def _in_review(company: Connection, plan: Run) -> None:
    """Like one client, like several, like one that is taken."""
    taken = rows.mapped(rows.customer(company, "Lobster Pound"), someone("Shellfish trader"))
    for number, name in enumerate(("Thomas Reed & Sons", "Ida Holm", "Noel Fox, CPA")):
        customer = rows.customer(
            company, name, email=f"office{number}@holm.example", phone="(207) 555-0140"
        )
        found = [
            rows.candidate(someone("Alike"), "email"),
            rows.candidate(someone("Alike too"), "name"),
            rows.candidate(taken, "name", "email", taken=True),
        ][: number + 1]
        rows.case(customer, "review", candidates=found, more=number)
        rows.step(plan, customer, "review", candidates=found, more=number)


def _in_trouble(company: Connection, run: Run) -> None:
    """Refused, in conflict, asleep, not taken back, unreadable, held back."""
    asked: dict[str, dict[str, Any]] = {
        "refused": {"message": "This field must be unique.", "field": "email"},
        "conflict": {},
        "inactive": {},
        "undo": {"left": ["phone"], "run": run.pk},
    }
    for kind, facts in asked.items():
        customer = rows.customer(
            company, f"Customer {kind}", "inactive" if kind == "inactive" else "top"
        )
        client = rows.mapped(
            customer, someone(f"Client {kind}"), "inactive" if kind == "inactive" else ""
        )
        if kind == "conflict":
            facts["conflicts"] = {
                "phone": {"site": client.phone, "qbo": "(207) 555-0177"},
                "mailing_address": {"site": {}, "qbo": rows.ADDRESS},
            }
            customer.record["contact"] |= {
                "phone": "(207) 555-0177",
                "mailing_address": rows.ADDRESS,
            }
            customer.save()
        if kind == "refused":
            facts["holder"] = str(someone("Holder").pk)
        rows.case(customer, kind, client, **facts)
        rows.step(
            run,
            customer,
            "update",
            client,
            "held",
            why="The client is no longer there.",
            values={"phone": [client.phone, "(207) 555-0177"]},
        )
    factories.case(company, "unreadable", "4711", facts={"message": "The name is missing."})


def _decided(company: Connection, by: Any) -> None:
    """The four Nos, what a policy said, and a choice that is not saved."""
    kinds = Decision.Kind
    excluded = rows.customer(company, "Ferry Landing Gifts", email="gifts@ferry.example")
    draft = rows.customer(company, "Tidewater Dental", phone="(207) 555-0199")
    removed = rows.customer(company, "Old Mill Yarns")
    gone = rows.customer(company, "Summer Theatre")
    asleep = rows.customer(company, "North Star Marine")
    rows.mapped(asleep, someone("Disconnected member"), "disconnected")
    for kind, customer, client, facts in (
        (kinds.EXCLUDE_CUSTOMER, excluded, None, {}),
        (kinds.EXCLUDE_CLIENT, None, someone("Excluded member"), {}),
        (kinds.REMOVED_MATCH, removed, someone("Parted member"), {}),
        (kinds.CLIENT_DELETED, gone, None, {}),
        (kinds.DRAFT, draft, None, {"do": "map", "client": str(someone("Chosen member").pk)}),
    ):
        Decision.objects.create(
            kind=kind,
            connection=company,
            qbo_id=customer.qbo_id if customer else "",
            client_pk=str(client.pk) if client else "",
            facts=facts,
            by=by,
            at=clock.now() - timedelta(days=2),
        )


def _planned(plan: Run) -> None:
    """A plan with a step of each kind."""
    company = plan.connection
    for kind in Step.Kind.values:
        customer = rows.customer(company, f"Planned {kind}")
        values: dict[str, list[Any]] = {"phone": [None, "(207) 555-0188"]}
        client = None if kind in ("create", "exclude", "wait", "review") else someone("Planned for")
        if client is not None:
            values["phone"][0] = client.phone
        rows.step(plan, customer, kind, client, values=values)
