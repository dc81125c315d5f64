"""Customers made of clients (K13, K14): what is written down, what may still be sent, and the
mapping that QuickBooks' answer becomes."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Sequence
from collections.abc import Mapping as MappingType
from typing import Any

from django.db.models import Q, QuerySet

from wagtail_qbo_sync import clock
from wagtail_qbo_sync.compat import wide_statements
from wagtail_qbo_sync.contact import Contact, Value, project, values_to_json
from wagtail_qbo_sync.engine.merge import FirstLink
from wagtail_qbo_sync.host.adapter import ClientAdapter, ClientRecord, get_adapter
from wagtail_qbo_sync.models import Connection, Mapping, Outbox, Run, Step, SyncState
from wagtail_qbo_sync.qbo import lens, writes
from wagtail_qbo_sync.sync.records import cases, outbox
from wagtail_qbo_sync.sync.records.client_status import taken_clients
from wagtail_qbo_sync.sync.records.parties import customer_digest
from wagtail_qbo_sync.sync.records.terms import is_pushed, pushed_fields

from . import likeness
from .batch import Batch
from .judge import OF_CLIENTS
from .outgoing import ANSWERED

CREATE = Outbox.Kind.CREATE
State = Outbox.State


def write_down(batch: Batch, run: Run) -> None:
    """Store what the steps that `batch` did want to be created, and drop the hints they served."""
    ended = [step for step in batch.ended if step.kind in OF_CLIENTS]
    served = [step.client_pk for step in ended if step.state in ANSWERED]
    linked = [step.client_pk for step in batch.ended if _is_linked_from_here(step)]
    cases.close_of_clients(batch.connection, [*linked, *served])
    if not served:
        return
    outbox.serve(batch.connection, served)
    adds = [one for one in ended if (one.kind, one.state) == (Step.Kind.ADD, Step.State.DONE)]
    fields = pushed_fields(batch.connection)
    with wide_statements(Outbox.objects.db):
        Outbox.objects.bulk_create(
            _row(batch.records[step.client_pk], run, _sent(step, fields), batch.adapter)
            for step in adds
        )


def _is_linked_from_here(step: Step) -> bool:
    """Whether a client found its customer, after it changed (K14) or in another company."""
    found = (step.kind, step.state) == (Step.Kind.LINK, Step.State.DONE)
    return found and step.data.get("link") == FirstLink.FILL_BLANKS


def _sent(step: Step, fields: frozenset[str]) -> Collection[str]:
    """Exactly what the plan shows; a person who asks for one client has it sent as it is now."""
    return fields if step.data.get("by_hand") else fields & step.data["to_qbo"].keys()


def _row(record: ClientRecord, run: Run, fields: Iterable[str], adapter: ClientAdapter) -> Outbox:
    """As the client is now: a plan's step was judged to be of this very client."""
    values = record.contact.values(sorted(fields))
    said = values_to_json({name: value for name, value in values.items() if value})
    return Outbox(
        connection_id=run.connection_id,
        client_pk=record.pk,
        kind=CREATE,
        state=State.WRITTEN,
        open_key=Outbox.key(State.WRITTEN, run.connection_id, record.pk),
        wanted_at=clock.now(),
        run=run,
        body=_body(values, adapter),
        values={name: [None, value] for name, value in said.items()},
    )


def take_back(rows: Sequence[Outbox], connection: Connection) -> list[Outbox]:
    """Those of these written creations that may still be sent; the others are withdrawn.

    The client was mapped, excluded or deleted before it was sent, or has lost its pushed type
    (K12), which does not matter where a person asked. What travels there may have changed, too;
    and somebody like it may have come to QuickBooks while nobody walked (K14).
    """
    if not rows:
        return []
    pks = [row.client_pk for row in rows]
    taken = taken_clients(connection, pks)
    records = {record.pk: record for record in get_adapter().records(pks)}
    runs = Run.objects.filter(pk__in={row.run_id for row in rows}, by_person=True)
    asked = set(runs.values_list("pk", flat=True))
    fields = pushed_fields(connection)
    alike = _alike_since(rows, connection)
    standing, withdrawn = [], []
    for row in rows:
        record = records.get(row.client_pk)
        is_wanted = row.run_id in asked or (record is not None and is_pushed(connection, record))
        if record is None or not is_wanted or row.client_pk in taken:
            withdrawn.append(row.pk)
        elif row.run_id in asked and "name" in fields:
            standing.append(row if fields.issuperset(row.values) else _without(row, fields))
        elif not fields.issuperset(row.values) or row.client_pk in alike:
            outbox.want_again(row)
        else:
            standing.append(row)
    Outbox.objects.filter(pk__in=withdrawn).delete()
    return standing


def _without(row: Outbox, fields: Collection[str]) -> Outbox:
    """The same without what does not travel there any more."""
    row.values = {name: value for name, value in row.values.items() if name in fields}
    row.body = _body(outbox.said(row), get_adapter())
    row.save(update_fields=["values", "body"])
    return row


def _body(values: MappingType[str, Value], adapter: ClientAdapter) -> str:
    return json.dumps(writes.new_customer(lens.put(values, customer=None, paths=adapter.paths)))


def of_machines(connection: Connection) -> QuerySet[Outbox]:
    """The creations that no person asked for and that were not tried yet. Between the reading
    that they were judged by and their sending nothing may be left out (K14)."""
    untried = Q(state=State.WRITTEN) | Q(state=State.SENT, send__first_tried_at=None)
    return connection.outbox.filter(untried, kind=CREATE, run__by_person=False)


def _alike_since(rows: Sequence[Outbox], connection: Connection) -> set[str]:
    """The clients of those rows that are older than the last reading, and that are like a
    customer of today: a sync judges them anew."""
    read_at = SyncState.objects.values_list("started_at", flat=True).get(pk=connection.pk)
    if read_at is None:  # then there are none that machines have written down (push.stride)
        return set()
    older = of_machines(connection).filter(pk__in=[row.pk for row in rows], wanted_at__lt=read_at)
    pks = set(older.values_list("client_pk", flat=True))
    return set(likeness.known(connection.pk, get_adapter(), pks))


def join(connection: Connection, made: Sequence[tuple[Outbox, Contact]]) -> None:
    """Map the clients to the customers that were made of them, the rows of both being locked.

    A client that somebody mapped or excluded meanwhile stays as it is; its customer is then one
    more that is like it. One that was deleted is mapped all the same, so that U16 sees it.
    """
    if not made:
        return
    adapter, pks = get_adapter(), [row.client_pk for row, _ in made]
    taken = taken_clients(connection, pks)
    there = adapter.existing(pks)
    Mapping.objects.bulk_create(
        Mapping(
            connection=connection,
            qbo_id=row.qbo_id,
            client_id=row.client_pk if row.client_pk in there else None,
            client_pk=row.client_pk,
            base=_base(row, said, pushed_fields(connection), adapter),
        )
        for row, said in made
        if row.client_pk not in taken
    )
    outbox.want_updates(adapter.records(there))  # edited since it was written down
    cases.close_of_clients(connection, pks)
    _name_steps(made)


def _name_steps(made: Sequence[tuple[Outbox, Contact]]) -> None:
    """The steps say from now on which customers they made."""
    customers = {(row.run_id, row.client_pk): (row.qbo_id, said.name) for row, said in made}
    runs, pks = zip(*customers, strict=True)
    steps = [
        step
        for step in Step.objects.filter(kind=Step.Kind.ADD, run__in=runs, client_pk__in=pks)
        if (step.run_id, step.client_pk) in customers
    ]
    for step in steps:
        step.qbo_id, step.data["customer"] = customers[step.run_id, step.client_pk]
    Step.objects.bulk_update(steps, ["qbo_id", "data"])


def _base(
    row: Outbox, said: Contact, fields: Collection[str], adapter: ClientAdapter
) -> dict[str, Any]:
    """Rule 11: the site's is what was sent, QuickBooks' what it answered.

    What travels the other way only is first-linked by itself.
    """
    sent = Contact().changed(outbox.said(row))
    agreed = sorted({*fields, *row.values})
    return {
        "seen": customer_digest(said, adapter),
        "version": adapter.version,
        "link": str(FirstLink.FILL_BLANKS),
        "site": values_to_json(sent.values(agreed)),
        "qbo": values_to_json(project(said, adapter.paths).values(agreed)),
        "silent": {},
    }
