"""Reading: customers go into the mirror, what changed or all; who cannot be read becomes a case.

No client is read or written here.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from wagtail_qbo_sync import clock
from wagtail_qbo_sync.clock import failpoint
from wagtail_qbo_sync.compat import wide_statements
from wagtail_qbo_sync.contact import email_keys, match_key
from wagtail_qbo_sync.host.adapter import get_adapter
from wagtail_qbo_sync.models import Case, Connection, Customer, SyncState
from wagtail_qbo_sync.models.mirror import joined_keys
from wagtail_qbo_sync.qbo.api import CompanyApi
from wagtail_qbo_sync.qbo.faults import QboError
from wagtail_qbo_sync.qbo.lens import MalformedCustomer, Snapshot, snapshot
from wagtail_qbo_sync.sync.access import trouble
from wagtail_qbo_sync.sync.access.lease import Lease, begins
from wagtail_qbo_sync.sync.people import erase
from wagtail_qbo_sync.sync.records import cases
from wagtail_qbo_sync.sync.records.parties import customer_digest

from . import compare

PAGE = 1000
"""Rows per read: Intuit's maximum."""
OVERLAP = timedelta(minutes=10)
"""How far the cursor stays behind QuickBooks' own time of the first reply (rule 4)."""

Phase = SyncState.Phase
Standing = Customer.Standing
UNREADABLE = Case.Kind.UNREADABLE
COLUMNS = ["standing", "display_name", "match_keys", "record"]


def beginning(state: SyncState) -> dict[str, Any]:
    """The columns of a walk that begins to read: what changed, from where the last one ended.

    Everything is read at first, for a full comparison, and after a change of the field map, of
    which the mirror's digests know nothing yet.
    """
    is_known = state.cursor_version == get_adapter().version and not compare.wants_all(state)
    return {
        **begins(Phase.PULL),
        "served": state.wanted,
        "started_at": clock.now(),
        "read_since": state.cursor if is_known else None,
        "read_as_of": None,
    }


def stride(lease: Lease, state: SyncState, api: CompanyApi) -> None:
    """One read: all changes at once if they can be had, else the next page of customers."""
    if state.read_since is not None and state.read_as_of is None:
        _changes(lease, state, api, state.read_since)
    else:
        _page(lease, state, api)


def _changes(lease: Lease, state: SyncState, api: CompanyApi, since: datetime) -> None:
    """Mirror what changed. Too many changes come in pages, too old ones with everything."""
    found = api.changes(since)
    failpoint("pull.read")
    if found is None:
        lease.renew(read_since=None)
    elif found.too_many:
        lease.renew(read_as_of=found.server_time)
    else:
        named = api.customers_by_id(found.gone).customers if found.gone else []
        rows = [*found.customers, *named]
        changes = {"done": len(rows), "total": len(rows), "crashes": 0}
        with lease.transaction(**changes, **_ended(state, found.server_time)):
            mirror(state.connection, rows, sync=state.served)
        failpoint("pull.stored")


def _page(lease: Lease, state: SyncState, api: CompanyApi) -> None:
    """Read the next page and mirror it; after the last one the phase moves on.

    The count comes first, so that progress is known and a full last page needs no empty one
    after it. What is created meanwhile has a higher Id and comes with the next sync. A short
    page is not the last one: QuickBooks may give fewer rows than it was asked for. An empty
    one before the count is reached is no end either: raises QboError, to begin anew.

    Among changes what changes meanwhile moves the rest down: only an empty page is their end.
    """
    since = state.read_since
    total = state.total or api.count_customers(since)
    read = api.customers(start=state.position + 1, size=PAGE, since=since)
    failpoint("pull.read")
    done = state.position + len(read.customers)
    if not read.customers and done < total:
        lease.renew(position=0, done=0, total=0)
        raise QboError.of("short", message=f"{done} of {total} customers came")
    last = done >= total if since is None else not read.customers
    as_of = state.read_as_of or read.server_time
    changes: dict[str, Any] = {"position": done, "done": done, "total": max(total, done)}
    changes |= {"read_as_of": as_of, "crashes": 0}
    if last:
        changes |= _ended(state, as_of)
    with lease.transaction(**changes):
        there = mirror(state.connection, read.customers, sync=state.served)
        if since is None:
            compare.saw(state, there.ids - there.older, last=last)
        if last and since is None:
            _close_nameless(state.connection, state.served)
    failpoint("pull.stored")


def _ended(state: SyncState, as_of: datetime) -> dict[str, Any]:
    """The columns after the last read: from here the next one goes on."""
    gap = SyncState.Gap
    return {
        **({"gap": gap.PLAN} if state.gap == gap.READ else {}),
        "position": 0,
        "phase": Phase.CONFIRM if state.comparing_id else Phase.PLAN,
        "pulled_at": clock.now(),
        "cursor": as_of - OVERLAP,
        "cursor_version": get_adapter().version,
        **trouble.NONE,
    }


class Mirrored(NamedTuple):
    """Who was among what was read, as far as they have an Id."""

    ids: set[str]
    older: set[str]
    """Those of them of whom we know more recent news: an older SyncToken is dropped (rule 6)."""


def mirror(
    connection: Connection, documents: Iterable[Any], sync: int = 0, *, believed: bool = False
) -> Mirrored:
    """Store customers as received, each once; what did not change is not written.

    A document that cannot be read is a case, until it can; the rest goes on. `sync` is the
    number of the sync that read them. `believed`: a person has said that older ones are the
    truth too, as the company was reset.
    """
    snapshots: dict[str, Snapshot] = {}
    unreadable: list[cases.Opening] = []
    for document in documents:
        try:
            read = snapshot(document)
        except MalformedCustomer as error:
            facts = {"message": error.message}
            if not error.qbo_id:
                facts["sync"] = str(sync)
            opening = cases.Opening(UNREADABLE, error.qbo_id or cases.NAMELESS, facts=facts)
            unreadable.append(opening)
        else:
            snapshots[read.qbo_id] = read
    erased = _erased(connection, [each.qbo_id for each in unreadable]) if unreadable else ()
    cases.open_all(connection, [each for each in unreadable if each.qbo_id not in erased])
    _close_readable(connection, snapshots)
    older = _upsert(connection, snapshots, believed)
    return Mirrored({*snapshots, *(each.qbo_id for each in unreadable)}, older)


def _close_readable(connection: Connection, snapshots: Collection[str]) -> None:
    """Cases of customers that could not be read once and now can."""
    open_ones = Case.objects.filter(
        connection=connection, kind=UNREADABLE, open_key__isnull=False
    ).values_list("qbo_id", flat=True)
    cases.close_all(connection, UNREADABLE, [one for one in open_ones if one in snapshots])


def _close_nameless(connection: Connection, sync: int) -> None:
    """The case of customers without an Id, if this sync has met none."""
    key = Case.key(UNREADABLE, connection.pk, cases.NAMELESS)
    if Case.objects.filter(open_key=key).exclude(facts__sync=str(sync)).exists():
        cases.close_all(connection, UNREADABLE, [cases.NAMELESS])


def _upsert(connection: Connection, snapshots: dict[str, Snapshot], believed: bool) -> set[str]:
    known = Customer.objects.filter(connection=connection, qbo_id__in=list(snapshots))
    stored = {customer.qbo_id: customer for customer in known}
    unknown = snapshots.keys() - stored.keys()
    erased = _erased(connection, unknown) if unknown else set()
    new: list[Customer] = []
    changed: list[Customer] = []
    older: set[str] = set()
    for qbo_id, read in snapshots.items():
        columns = _columns(read)
        customer = stored.get(qbo_id)
        if customer is None and qbo_id in erased:
            continue
        if customer is None:
            new.append(Customer(connection=connection, qbo_id=qbo_id, **columns))
        elif not believed and _is_older(columns, customer):
            older.add(qbo_id)
        elif _is_news(customer, columns):
            for name, value in columns.items():
                setattr(customer, name, value)
            changed.append(customer)
    with wide_statements(Customer.objects.db):
        Customer.objects.bulk_create(new)
    if changed:
        Customer.objects.bulk_update(changed, COLUMNS)
    return older


def _erased(connection: Connection, qbo_ids: Collection[str]) -> set[str]:
    """Those of whom nothing may be stored (U17)."""
    erased = erase.erased_ones(connection).filter(qbo_id__in=list(qbo_ids))
    return set(erased.values_list("qbo_id", flat=True))


def _is_older(columns: dict[str, Any], customer: Customer) -> bool:
    """Whether what was read has an older SyncToken than what is stored. One that was gone may
    be restored as it was."""
    is_gone = customer.standing == Standing.GONE
    older: bool = columns["record"]["sync_token"] < customer.record["sync_token"]
    return older and not is_gone


def _is_news(customer: Customer, columns: dict[str, Any]) -> bool:
    """Whether what was read says something else than what is stored."""
    return any(getattr(customer, name) != value for name, value in columns.items())


def _columns(read: Snapshot) -> dict[str, Any]:
    return {
        "standing": _standing(read),
        "display_name": read.display_name,
        "match_keys": joined_keys(match_key(read.contact.name), email_keys(read.contact.email)),
        "record": {
            "sync_token": read.sync_token,
            "contact": read.contact.to_json(),
            "digest": customer_digest(read.contact, get_adapter()),
            "path": read.full_name if read.is_sub else "",
            "parent": read.parent_id,
            "bill": read.bill_addr,
            "ship": read.ship_addr,
        },
    }


def _standing(read: Snapshot) -> str:
    if not read.active:
        return Standing.INACTIVE
    if read.is_project:
        return Standing.PROJECT
    return Standing.SUB if read.is_sub else Standing.TOP
