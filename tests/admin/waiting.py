"""A company whose customers wait for a person, as many as one likes."""

from __future__ import annotations

from crm.models import Client

from wagtail_qbo_sync import clock
from wagtail_qbo_sync.contact import Contact, match_key
from wagtail_qbo_sync.models import Case, Connection, Customer
from wagtail_qbo_sync.models.mirror import joined_keys
from wagtail_qbo_sync.sync.telling import suggest


def fill(company: Connection, customers: int, clients: int = 0, exact: int = 0) -> None:
    """ "Customer 0000" and so on; "Member 00000" and so on, the first `exact` named like them."""
    names = [f"Customer {number:04}" for number in range(customers)]
    Customer.objects.bulk_create(_customer(company, each, name) for each, name in enumerate(names))
    members = [f"Member {number:05}" for number in range(exact, clients)]
    Client.objects.bulk_create(
        Client(name=name, email=f"info{number}@site.example", phone=f"207 555 {number:04}")
        for number, name in enumerate([*names[:exact], *members])
    )
    suggest.forget()


def _customer(company: Connection, number: int, name: str) -> Customer:
    contact = Contact(name=name, email=f"office{number}@qbo.example", phone="207 555 9999")
    return Customer(
        connection=company,
        qbo_id=str(number),
        standing=Customer.Standing.TOP,
        display_name=name,
        match_keys=joined_keys(match_key(name), ()),
        record={"sync_token": 0, "contact": contact.to_json(), "digest": "", "path": ""},
    )


def fill_review(company: Connection, customers: int) -> None:
    """ "Customer 0000" and so on, each like the client "Member 00000" and so on by its e-mail."""
    fill(company, customers, clients=customers)
    clients = list(Client.objects.order_by("name").values_list("pk", "name"))
    Case.objects.bulk_create(
        Case(
            kind=Case.Kind.REVIEW,
            connection=company,
            qbo_id=str(number),
            open_key=Case.key(Case.Kind.REVIEW, company.pk, str(number)),
            opened_at=clock.now(),
            facts={
                "candidates": [{"pk": str(pk), "label": name, "by": ["email"], "taken": False}],
                "more": 0,
            },
        )
        for number, (pk, name) in enumerate(clients)
    )
