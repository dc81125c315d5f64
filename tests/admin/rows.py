"""Rows as a sync would have left them, and people with some rights."""

from __future__ import annotations

from itertools import count
from typing import Any

from crm.models import Client
from django.contrib.auth.models import Permission, User

from wagtail_qbo_sync import clock
from wagtail_qbo_sync.contact import Address, Contact
from wagtail_qbo_sync.models import (
    Case,
    Change,
    Connection,
    Customer,
    Decision,
    ImportBatch,
    ImportRow,
    Mapping,
    Run,
    Step,
    SyncState,
)
from wagtail_qbo_sync.sync.access.installation import this_installation

_ids = count(1_000_001)
"""Far from those that factories counts from 1."""
SEEN = {"customer": "c", "client": "s"}


def company(name: str = "Harbor Bakery", **values: Any) -> Connection:
    values = {
        "environment": "sandbox",
        "connected_at": clock.now(),
        "installation": this_installation(),
        **values,
    }
    connection = Connection.objects.create(
        realm_id=str(9130000000 + next(_ids)), company_name=name, **values
    )
    SyncState.objects.create(connection=connection)
    return connection


def customer(
    connection: Connection,
    name: str = "Anna Berg",
    standing: str = "top",
    path: str = "",
    pk: int | None = None,
    **held: Any,
) -> Customer:
    contact = Contact(name=name, **held)
    record = {"contact": contact.to_json(), "digest": "c", "path": path}
    return Customer.objects.create(
        pk=pk,
        connection=connection,
        qbo_id=str(next(_ids)),
        standing=standing,
        display_name=name,
        match_keys="-",
        record=record,
    )


def mapped(of: Customer, client: Client | None = None, asleep: str = "") -> Client:
    """The customer, mapped to this client or one of its own name."""
    client = client or Client.objects.create(name=of.display_name)
    Mapping.objects.create(
        connection=of.connection,
        qbo_id=of.qbo_id,
        client=client,
        client_pk=str(client.pk),
        asleep=asleep,
    )
    return client


def excluded(of: Customer) -> None:
    Decision.objects.create(
        kind=Decision.Kind.EXCLUDE_CUSTOMER,
        connection=of.connection,
        qbo_id=of.qbo_id,
        at=clock.now(),
    )


def deleted(of: Customer) -> None:
    """Its client was deleted on the site, and nobody has decided about it since."""
    Decision.objects.create(
        kind=Decision.Kind.CLIENT_DELETED,
        connection=of.connection,
        qbo_id=of.qbo_id,
        client_pk="4711",
        at=clock.now(),
    )


def case(of: Customer, kind: str, client: Client | None = None, **facts: Any) -> Case:
    return Case.objects.create(
        kind=kind,
        connection=of.connection,
        qbo_id=of.qbo_id,
        client_pk=str(client.pk) if client else "",
        facts=facts,
        open_key=Case.key(kind, of.connection_id, of.qbo_id),
        opened_at=clock.now(),
    )


def candidate(client: Client, *by: str, taken: bool = False) -> dict[str, Any]:
    return {"pk": str(client.pk), "label": client.name, "by": sorted(by), "taken": taken}


def change(of: Customer, client: Client, run: Run | None = None, **values: Any) -> Change:
    return Change.objects.create(
        connection=of.connection,
        run=run,
        side=Change.Side.SITE,
        qbo_id=of.qbo_id,
        client_pk=str(client.pk),
        values={name: list(pair) for name, pair in values.items()},
        at=clock.now(),
    )


def run(connection: Connection, state: str = Run.State.WAITING, **values: Any) -> Run:
    return Run.objects.create(connection=connection, state=state, started_at=clock.now(), **values)


def step(
    of: Run,
    about: Customer,
    kind: str,
    client: Client | None = None,
    state: str = "planned",
    **data: Any,
) -> Step:
    names = {"customer": about.path, "client": client.name if client else "", "seen": SEEN}
    return Step.objects.create(
        run=of,
        kind=kind,
        state=state,
        qbo_id=about.qbo_id,
        client_pk=str(client.pk) if client else "",
        data=names | data,
    )


def type_import(*clients: Client) -> ImportBatch:
    """An import of Contact Types that waits, with rows of every kind about these clients."""
    now = clock.now()
    batch = ImportBatch.objects.create(
        name="contact-types.csv",
        state=ImportBatch.State.READY,
        found={"encoding": "Windows-1252", "ignored": ["Phone"]},
        uploaded_at=now,
        moved_at=now,
    )
    states = [state for state in ImportRow.State if state != ImportRow.State.UNREAD]
    for number, client in enumerate(clients):
        types = [str(client.contact_type_id)]
        ImportRow.objects.create(
            batch=batch,
            number=number + 2,
            state=states[number % len(states)],
            client_pk=str(client.pk),
            said={"key": str(client.pk), "name": client.name, "types": "Client"},
            before=types,
            after=types,
            why="Only the Contact Type is taken over; “%(client)s” keeps its name.",
            about={"client": client.name},
        )
    return batch


def person(*rights: str) -> User:
    """Somebody who may enter the admin, with permissions as "app.codename"."""
    user = User.objects.create_user(f"person{next(_ids)}", password="x")
    for right in ("wagtailadmin.access_admin", *rights):
        app, codename = right.split(".")
        user.user_permissions.add(
            Permission.objects.get(content_type__app_label=app, codename=codename)
        )
    return user


VIEW = "wagtail_qbo_sync.view_customer"
SYNC = "wagtail_qbo_sync.sync_connection"
SEE_CLIENTS = "crm.view_client"
EDIT_CLIENTS = "crm.change_client"
ADDRESS = Address("12 Quay Street", "Unit 4", "Portland", "ME", "04101").parts()
