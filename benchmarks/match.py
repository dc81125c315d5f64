"""Matching as many customers as clients: who is who.

Two worlds: "firms" (two in five are exact pairs, one in five each name only, e-mail only, new) and
"crowd" (nobody shares a name, everybody the same address). Ours is what a plan does: the keys are
read from the mirror and made of the clients, and the rules sort them. The floor: names and
addresses of both sides read, folded, and joined by two dicts. The naive way looks for each
customer among the clients, by name or e-mail, whatever the case.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from typing import Any

from _arena import FLOOR, NAIVE, OURS, Benchmark, Extra, Place, main
from _company import our_connection

CHUNK = 5_000
Typed = Callable[[str, int], tuple[str, str]]


def firm(side: str, number: int) -> tuple[str, str]:
    """Name and e-mail of record `number`: what is shared depends on its last digit."""
    share_name = number % 5 in (0, 1, 2)
    share_email = number % 5 in (0, 1, 3)
    name = f"Firm {number} Ltd" if share_name else f"{side} firm {number}"
    email = f"office@{number}.example" if share_email else f"{side}@{number}.example"
    return name, email


def crowd(side: str, number: int) -> tuple[str, str]:
    """Nobody shares a name, everybody the address."""
    return f"{side} {number}", "info@agency.example"


def fill(place: Place, typed: Typed) -> None:
    """A company whose customers were read, and a site."""
    from crm.models import Client, client_type

    from wagtail_qbo_sync import clock
    from wagtail_qbo_sync.contact import Contact, email_keys, match_key
    from wagtail_qbo_sync.models import Connection, Customer, SyncState
    from wagtail_qbo_sync.models.mirror import joined_keys

    company = Connection.objects.create(
        realm_id="1", environment="sandbox", company_name="Large", connected_at=clock.now()
    )
    SyncState.objects.create(connection=company)

    def customer(number: int) -> Customer:
        name, email = typed("customer", number)
        return Customer(
            connection=company,
            qbo_id=str(number),
            standing=Customer.Standing.TOP,
            display_name=name,
            match_keys=joined_keys(match_key(name), email_keys(email)),
            record={
                "sync_token": 0,
                "contact": Contact(name=name, email=email).to_json(),
                "digest": "",
            },
        )

    def client(number: int) -> Client:
        name, email = typed("client", number)
        return Client(name=name, email=email, contact_type_id=kind)

    kind = client_type()
    Customer.objects.bulk_create(map(customer, range(place.count)), batch_size=CHUNK)
    Client.objects.bulk_create(map(client, range(place.count)), batch_size=CHUNK)


def firms(place: Place) -> None:
    fill(place, firm)


def agency(place: Place) -> None:
    fill(place, crowd)


def floor(place: Place) -> Extra:
    from crm.models import Client

    from wagtail_qbo_sync.models import Customer

    names: dict[str, list[int]] = defaultdict(list)
    emails: dict[str, list[int]] = defaultdict(list)
    for pk, name, email in Client.objects.values_list("pk", "name", "email").iterator():
        names[name.casefold()].append(pk)
        emails[email.casefold()].append(pk)
    rows = Customer.objects.values_list("display_name", "record__contact__email").iterator()
    exact = like = new = 0
    for name, email in rows:
        by_name, by_email = names.get(name.casefold(), []), emails.get(email.casefold(), [])
        exact += bool(by_name) and by_name == by_email
        like += bool(by_name or by_email) and by_name != by_email
        new += not (by_name or by_email)
    return {"exact": exact, "like": like, "new": new}


def ours(place: Place) -> Extra:
    from wagtail_qbo_sync.host.adapter import get_adapter
    from wagtail_qbo_sync.sync.access.lease import take
    from wagtail_qbo_sync.sync.planning.plan import Planner

    company = our_connection()
    lease = take(company.pk)
    assert lease is not None
    found: Any = Planner(company, get_adapter(), lease, 0)._matches()
    if len(found.review) == place.count:
        assert all(one.more == place.count - 20 for one in found.review.values())
    return {
        "exact": len(found.matched),
        "like": len(found.review),
        "new": len(found.unmatched),
    }


def naive(place: Place) -> Extra:
    from crm.models import Client
    from django.db.models import Q

    from wagtail_qbo_sync.models import Customer

    exact = like = new = 0
    for customer in Customer.objects.all():
        name, email = customer.display_name, customer.record["contact"]["email"]
        either = Q(name__iexact=name) | Q(email__iexact=email)
        found = list(Client.objects.filter(either)[:2])
        one = found[0] if found else None
        same = one is not None and (one.name, one.email) == (name, email)
        exact += same
        like += bool(found) and not same
        new += not found
    return {"exact": exact, "like": like, "new": new}


def told(expected: Callable[[int], tuple[int, int, int]]) -> Any:
    """A comparison of what each way has counted with what is right."""

    def compare(results: Any) -> None:
        for one in results:
            found = tuple(one.extra.pop(name) for name in ("exact", "like", "new"))
            assert found == expected(one.count), f"{one.way}: {found}"

    return compare


def unchanged(place: Place, way: str) -> None:
    """Nothing is written."""
    from wagtail_qbo_sync.models import Customer, Mapping

    assert Customer.objects.count() == place.count and not Mapping.objects.exists()


FIRMS = Benchmark(
    name="Matching",
    ways={FLOOR: floor, OURS: ours, NAIVE: naive},
    prepare=firms,
    check=unchanged,
    compare=told(lambda count: (2 * (count // 5), 2 * (count // 5), count // 5)),
)
CROWD = Benchmark(
    name="Matching, one address for all",
    ways={FLOOR: floor, OURS: ours},
    prepare=agency,
    check=unchanged,
    compare=told(lambda count: (0, count, 0)),
)

if __name__ == "__main__":
    main(FIRMS, CROWD)
