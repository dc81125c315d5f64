"""What an import will lead to in each company: matched, created there, or asked about (K15).

Judged as the next plan would judge the same clients with the types that they are to get, by the
same rules and from the same mirror (K14). It reads only, but for what it notes: what each client
becomes, so that a person confirms exactly that.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Set
from typing import Any

from django.db.models import Exists, F, OuterRef, QuerySet

from wagtail_qbo_sync.compat import chunks, wide_statements
from wagtail_qbo_sync.engine.match import ClientKeys, CustomerKeys, match
from wagtail_qbo_sync.host.adapter import ClientAdapter, get_adapter
from wagtail_qbo_sync.models import (
    Connection,
    Customer,
    ImportBatch,
    ImportOutcome,
    ImportRow,
    Mapping,
    Step,
)
from wagtail_qbo_sync.sync.planning.merges import merged
from wagtail_qbo_sync.sync.planning.newcomers import Newcomers
from wagtail_qbo_sync.sync.records import outbox
from wagtail_qbo_sync.sync.records.known import Known
from wagtail_qbo_sync.sync.records.parties import MATCHABLE, TAKE_PART, client_keys, keys_of

CHUNK = 2000
Kind = ImportOutcome.Kind
_STEPS = {Step.Kind.ADD: Kind.CREATED, Step.Kind.STAY: Kind.REVIEW}
_MAKING = Step.objects.filter(kind=Step.Kind.ADD, state=Step.State.DONE)
"""What has made customers."""


def companies() -> list[Connection]:
    """The companies in which the change of a client's type may lead to something."""
    return sorted(outbox.pushing(), key=lambda connection: connection.pk)


def look(batch: ImportBatch, connection: Connection) -> dict[str, Any]:
    """Note what it will lead to in a company: {"company": its key, "matched": n, "created": n,
    "review": n}. Of what a person has confirmed, only what differs since is noted. In a
    transaction."""
    found = _of(batch, connection)
    stored = dict(batch.outcomes.filter(connection=connection).values_list("client_pk", "kind"))
    was = Kind.NOTHING if batch.is_confirmed else ""
    new = (
        ImportOutcome(batch=batch, connection=connection, client_pk=pk, kind=kind, was=was)
        for pk, kind in found.items()
        if pk not in stored
    )
    for some in chunks(new, CHUNK):
        with wide_statements(ImportOutcome.objects.db):
            ImportOutcome.objects.bulk_create(some)
    now: dict[Kind, list[str]] = {}
    for pk, before in stored.items():
        if (kind := found.get(pk, Kind.NOTHING)) != before:
            now.setdefault(kind, []).append(pk)
    for kind, pks in now.items():
        _move(batch, connection, kind, pks)
    numbers = Counter(found.values())
    return {
        "company": connection.pk,
        **{str(kind): numbers[kind] for kind in Kind if kind != Kind.NOTHING},
    }


def _move(batch: ImportBatch, connection: Connection, kind: Kind, pks: list[str]) -> None:
    """These clients become something else than was noted; what was is kept."""
    of_company = batch.outcomes.filter(connection=connection)
    for chunk in chunks(pks, 500):
        of_company.filter(client_pk__in=chunk).update(was=F("kind"), kind=kind)


def is_as_confirmed(batch: ImportBatch) -> bool:
    """Once all companies are looked at again: whether each client will become what a person
    has confirmed. What differs is noted; of a company that takes part no more, all."""
    left_out = batch.outcomes.exclude(connection__in=[line["company"] for line in batch.forecast])
    left_out.exclude(kind=Kind.NOTHING).update(was=F("kind"), kind=Kind.NOTHING)
    return not moved(batch).exists()


def moved(batch: ImportBatch) -> QuerySet[ImportOutcome]:
    """What is not as it was confirmed."""
    return batch.outcomes.exclude(was="")


def created(batch: ImportBatch) -> QuerySet[ImportOutcome]:
    """Of what an import led to: the customers that a run has created since, which no undo of the
    import takes away. Of an undo: of what it undoes, for the clients that it is about. Whom
    somebody has mapped by hand was not created; nor is known who was, where runs are pruned."""
    pair = {"client_pk": OuterRef("client_pk"), "qbo_id": OuterRef("qbo_id")}
    made = _MAKING.filter(run__connection=OuterRef("connection"), **pair)
    mapped = Mapping.objects.filter(
        Exists(made), connection=OuterRef("connection"), client_pk=OuterRef("client_pk")
    )
    found = ImportOutcome.objects.filter(Exists(mapped), kind=Kind.CREATED)
    if not batch.undoes_id:
        return found.filter(batch=batch)
    mine = ImportRow.objects.filter(batch=batch, client_pk=OuterRef("client_pk"))
    return found.filter(Exists(mine), batch=batch.undoes_id)


def creations(batch: ImportBatch, client_pks: Collection[str]) -> list[Step]:
    """The steps of runs that made those customers of these clients. Their own undo makes the
    customers inactive (U5)."""
    about = created(batch).filter(client_pk__in=list(client_pks))
    pairs = set(about.values_list("connection", "client_pk"))
    mapped = Mapping.objects.filter(client_pk__in={client_pk for _company, client_pk in pairs})
    now = {(one.connection_id, one.qbo_id, one.client_pk) for one in mapped}
    steps = _MAKING.filter(qbo_id__in={qbo_id for _, qbo_id, _ in now})
    found = {}
    for step in steps.select_related("run__connection").order_by("pk"):
        pair = (step.run.connection_id, step.client_pk)
        if pair in pairs and (step.run.connection_id, step.qbo_id, step.client_pk) in now:
            found[pair] = step
    return list(found.values())


def confirmed(batch: ImportBatch) -> None:
    """A person has confirmed what is noted, as it is."""
    batch.outcomes.filter(kind=Kind.NOTHING).delete()
    moved(batch).update(was="")


def _of(batch: ImportBatch, connection: Connection) -> dict[str, Kind]:
    """Client -> what it becomes; of the clients that the import changes and that this company
    does not know yet."""
    adapter = get_adapter()
    known = Known.load(connection, adapter.version)
    asked = _pushed(batch, connection) - known.taken_clients - known.under_way
    if not asked:
        return {}
    customers = list(_customers(connection, known))
    return _judged(asked, customers, Newcomers(connection, adapter, known))


def _judged(
    asked: Set[str], customers: list[CustomerKeys], newcomers: Newcomers
) -> dict[str, Kind]:
    adapter, known = newcomers.adapter, newcomers.known
    matches = match(customers, client_keys(adapter, known.taken_clients), known.removed)
    matched = set(matches.matched.values()).intersection(asked)
    left = list(_keys(adapter, asked - matched))
    steps = newcomers.judged(left, customers)
    return dict.fromkeys(matched, Kind.MATCHED) | {
        step.client_pk: _STEPS[Step.Kind(step.kind)] for step in steps
    }


def _pushed(batch: ImportBatch, connection: Connection) -> set[str]:
    """The clients that get a type which this company takes (K12)."""
    rows = batch.rows.filter(state=ImportRow.State.CHANGE).values_list("client_pk", "after")
    pushed = set(connection.pushed_types)
    return {pk for pk, after in rows.iterator(CHUNK) if not pushed.isdisjoint(after)}


def _keys(adapter: ClientAdapter, pks: Collection[str]) -> Iterator[ClientKeys]:
    for chunk in chunks(pks, CHUNK):
        yield from map(keys_of, adapter.records(chunk))


def _customers(connection: Connection, known: Known) -> Iterator[CustomerKeys]:
    matchable = MATCHABLE[Connection.Hierarchy(connection.hierarchy)]
    followed = {one.stays for one in merged(connection, known).values() if not one.why}
    rows = Customer.objects.filter(connection=connection, standing__in=TAKE_PART)
    found = rows.values_list("qbo_id", "standing", "match_keys")
    for qbo_id, standing, keys in found.iterator(CHUNK):
        is_matchable = standing in matchable and qbo_id not in followed
        yield known.keys_of(qbo_id, standing, keys, matchable=is_matchable)
