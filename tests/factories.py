"""Rows for tests, with what a test does not care about filled in."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission

from wagtail_qbo_sync import clock
from wagtail_qbo_sync.contact import Contact
from wagtail_qbo_sync.models import (
    BulkDecision,
    Case,
    Comparison,
    Connection,
    Customer,
    Decision,
    Mapping,
    Run,
    SyncState,
    Token,
)
from wagtail_qbo_sync.sync.access.installation import this_installation


def connection(name: str = "Harbor & Finch", *, token: bool = True, **values: Any) -> Connection:
    """A connected company of this installation, with its state, and its token unless told."""
    made = Connection.objects.create(
        **{
            "realm_id": str(9_130_000_000 + Connection.objects.count()),
            "environment": "sandbox",
            "company_name": name,
            "api_url": "http://127.0.0.1:8010",
            "installation": this_installation(),
            "connected_at": clock.now(),
            **values,
        }
    )
    SyncState.objects.create(connection=made)
    if token:
        Token.objects.create(
            connection=made,
            sealed=Token.closed(made.realm_id, "access", "refresh"),
            access_expires_at=clock.now() + timedelta(hours=1),
            refresh_expires_at=clock.now() + timedelta(days=100),
        )
    return made


def sync_state(connection: Connection, **values: Any) -> None:
    """Where the sync of a company stands."""
    SyncState.objects.filter(pk=connection.pk).update(**values)


def customer(connection: Connection, name: str = "Anna Berg", **values: Any) -> Customer:
    """A customer in the mirror."""
    count = Customer.objects.filter(connection=connection).count()
    contact = values.pop("contact", Contact(name=name))
    return Customer.objects.create(
        **{
            "connection": connection,
            "qbo_id": str(count + 1),
            "standing": Customer.Standing.TOP,
            "display_name": name,
            "match_keys": "-",
            "record": {"sync_token": 0, "contact": contact.to_json(), "digest": ""},
            **values,
        }
    )


def customers(connection: Connection, **counts: int) -> None:
    """Customers by status: mapped, review, unmapped, excluded, inactive."""
    for status, count in counts.items():
        for number in range(count):
            made = customer(connection, f"{status.title()} {number}")
            STANDS[status](made)


def _mapped(customer: Customer) -> None:
    Mapping.objects.create(
        connection=customer.connection, qbo_id=customer.qbo_id, client_pk=f"c{customer.pk}"
    )


def _review(customer: Customer) -> None:
    key = Case.key(Case.Kind.REVIEW, customer.connection_id, customer.qbo_id)
    Case.objects.create(
        kind=Case.Kind.REVIEW,
        connection=customer.connection,
        qbo_id=customer.qbo_id,
        open_key=key,
        opened_at=clock.now(),
    )


def _excluded(customer: Customer) -> None:
    Decision.objects.create(
        kind=Decision.Kind.EXCLUDE_CUSTOMER,
        connection=customer.connection,
        qbo_id=customer.qbo_id,
        by_policy=True,
        at=clock.now(),
    )


def _inactive(customer: Customer) -> None:
    Customer.objects.filter(pk=customer.pk).update(standing=Customer.Standing.INACTIVE)


STANDS: dict[str, Any] = {
    "mapped": _mapped,
    "review": _review,
    "unmapped": lambda customer: None,
    "excluded": _excluded,
    "inactive": _inactive,
}


def run(connection: Connection, state: str = Run.State.DONE, **values: Any) -> Run:
    """A run of a company."""
    return Run.objects.create(
        connection=connection,
        state=state,
        **{"started_at": clock.now(), "counts": {}, **values},
    )


def comparison(connection: Connection, **values: Any) -> Comparison:
    """A full comparison that was finished."""
    return Comparison.objects.create(
        connection=connection,
        **{"started_at": clock.now(), "finished_at": clock.now(), "equal": 2, **values},
    )


def bulk_decision(connection: Connection, act: str = "exclude", **values: Any) -> BulkDecision:
    """A decision about many customers, of which none is carried out yet."""
    return BulkDecision.objects.create(
        connection=connection,
        act=act,
        **{
            "choices": [],
            "total": 0,
            "started_at": clock.now(),
            "moved_at": clock.now(),
            **values,
        },
    )


def case(connection: Connection, kind: str, qbo_id: str, **values: Any) -> Case:
    """Something that waits for a person: of which kind, about whom."""
    return Case.objects.create(
        **{
            "kind": kind,
            "connection": connection,
            "qbo_id": qbo_id,
            "open_key": Case.key(kind, connection.pk, qbo_id),
            "opened_at": clock.now(),
            **values,
        }
    )


def user(*permissions: str, admin: bool = True, **values: Any) -> Any:
    """Somebody with these permissions ("crm.view_client"), and access to the admin."""
    name = values.pop("username", f"user-{get_user_model().objects.count()}")
    made = get_user_model().objects.create_user(username=name, password="password", **values)
    wanted = [*permissions, *(["wagtailadmin.access_admin"] if admin else [])]
    for permission in wanted:
        app, _, codename = permission.partition(".")
        made.user_permissions.add(
            Permission.objects.get(content_type__app_label=app, codename=codename)
        )
    return made
