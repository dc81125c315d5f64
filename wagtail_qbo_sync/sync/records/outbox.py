"""What is to go to QuickBooks, as hints: a client and a company, without values."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from collections.abc import Mapping as MappingType
from datetime import datetime

from django.db import transaction
from django.db.models import Exists, F, OuterRef, QuerySet

from wagtail_qbo_sync import clock
from wagtail_qbo_sync.compat import chunks, upsert, wide_statements
from wagtail_qbo_sync.contact import Value, same, values_from_json
from wagtail_qbo_sync.doorbell import enqueue
from wagtail_qbo_sync.host.adapter import ClientRecord
from wagtail_qbo_sync.models import Case, Connection, Decision, Mapping, Outbox, Run, SyncState

from .terms import can_create

Kind = Outbox.Kind
State = Outbox.State
WANTED = State.WANTED
ON_THE_WAY = (State.WRITTEN, State.SENT)
CHUNK = 500


def ready(connection: Connection) -> QuerySet[Outbox]:
    """What may be written for this company now, the oldest first."""
    return _ready().filter(connection=connection).order_by("pk")


def _ready() -> QuerySet[Outbox]:
    """The hints of all companies; none of one where a person is asked about many deleted
    clients: the clients that look new may be the deleted ones, come back by an import (U16)."""
    asked = Case.objects.filter(
        kind=Case.Kind.DELETIONS, connection=OuterRef("connection"), open_key__isnull=False
    )
    return Outbox.objects.filter(state=WANTED).exclude(Exists(asked))


def on_the_way(connection: Connection) -> QuerySet[Outbox]:
    """What is written down or sent: the pairs of these clients rest until it has arrived."""
    return connection.outbox.filter(state__in=ON_THE_WAY)


def waiting() -> QuerySet[Outbox]:
    """What is to be sent, or settled, of all companies."""
    return Outbox.objects.filter(state__in=ON_THE_WAY)


def waits(connection_id: int) -> bool:
    """Whether this company has any of it."""
    return waiting().filter(connection_id=connection_id).exists()


def phase_after(connection_id: int) -> SyncState.Phase:
    """What a walk turns to once there is nothing more to plan or to apply."""
    return SyncState.Phase.PUSH if waits(connection_id) else SyncState.Phase.REST


def drop(connection: Connection, noted: MappingType[str, datetime]) -> None:
    """Forget the hints of these clients, which ask for nothing; one that was noted again
    since stays. In a transaction."""
    for pks in chunks(noted, CHUNK):
        hints = connection.outbox.select_for_update().filter(state=WANTED, client_pk__in=pks)
        same = [hint.pk for hint in hints if hint.wanted_at == noted[hint.client_pk]]
        Outbox.objects.filter(pk__in=same).delete()


def serve(connection: Connection, client_pks: Collection[str]) -> dict[str, int]:
    """Delete the hints of these clients; client pk -> how often QuickBooks had moved on before."""
    hints = connection.outbox.filter(state=WANTED, client_pk__in=client_pks)
    rounds = dict(hints.values_list("client_pk", "rounds"))
    if rounds:
        hints.delete()
    return rounds


def said(row: Outbox) -> dict[str, Value]:
    """What a row that was written down says to QuickBooks."""
    return values_from_json({name: new for name, (_before, new) in row.values.items()})


def undoes(row: Outbox) -> bool:
    """Whether it puts back what a run had sent (U5).

    Of its kind alone, an activity does; its run may be gone by now (U17).
    """
    return row.kind == Kind.ACTIVITY or (row.run is not None and bool(row.run.undo))


def want_again(row: Outbox, rounds: int = 0) -> None:
    """What was written down is to be computed anew; a hint that waits already stands for it.

    Only of what is computed from a client: what undoes was approved as it is.
    """
    if undoes(row):
        raise ValueError(f"{row} is no hint about a client.")
    key = Outbox.key(WANTED, row.connection_id, row.client_pk)
    if Outbox.objects.filter(open_key=key).update(rounds=rounds):
        row.delete()
        return
    row.state, row.open_key, row.send = WANTED, key, None
    row.rounds, row.body, row.values = rounds, "", {}
    row.save(update_fields=["state", "open_key", "send", "rounds", "body", "values"])


def want(changed: Iterable[ClientRecord]) -> None:
    """These clients were changed or made by somebody else than us: note where it has to go.

    A mapped one goes to its companies; an unmapped one to those that its Contact Type is
    pushed to (K13, K14). A creation that still waits is withdrawn when the type is lost. A
    constant number of queries.
    """
    records = {record.pk: record for record in changed}
    mapped = want_updates(records.values())
    refused = _refused(records)
    creates = {
        (connection.pk, pk)
        for connection in pushing()
        for pk, record in records.items()
        if (connection.pk, pk) not in mapped | refused
        and not set(connection.pushed_types).isdisjoint(record.contact_types)
    }
    _withdraw(records, creates)
    _store(_wanted(Kind.CREATE, *create) for create in sorted(creates))


def want_updates(changed: Iterable[ClientRecord]) -> set[tuple[int, str]]:
    """Note the companies whose customer says something else than these clients now do, or
    will, once it has what is on its way: that may be just what was taken back.

    Returns (company, client) of all mappings that the clients have.
    """
    records = {record.pk: record for record in changed}
    sent = Outbox.objects.filter(
        connection=OuterRef("connection"),
        client_pk=OuterRef("client_pk"),
        kind=Kind.UPDATE,
        state__in=ON_THE_WAY,
    )
    mappings = Mapping.objects.filter(client__isnull=False, client_pk__in=list(records))
    found = list(mappings.annotate(is_sending=Exists(sent)).order_by("pk"))
    _store(
        _wanted(Kind.UPDATE, mapping.connection_id, mapping.client_pk, mapping.qbo_id)
        for mapping in found
        if not mapping.asleep
        and (mapping.is_sending or _differs(records[mapping.client_pk], mapping))
    )
    return {(mapping.connection_id, mapping.client_pk) for mapping in found}


def forget(client_pks: Iterable[str]) -> None:
    """These clients are gone: nothing of theirs is wanted any more."""
    Outbox.objects.filter(state=WANTED, client_pk__in=list(client_pks)).delete()


def _differs(record: ClientRecord, mapping: Mapping) -> bool:
    """Whether the client says something else than at the last agreement (rule 11), or did.

    A pair that the cycle has not linked yet has no agreement; the link looks at both sides.
    """
    if mapping.base.get("silent"):  # what was left standing may have been taken back (U2)
        return True
    agreed = values_from_json(mapping.base.get("site", {}))
    return any(not same(name, getattr(record.contact, name), was) for name, was in agreed.items())


def pushing() -> list[Connection]:
    """The companies in which a client's change may make a customer: after their first sync."""
    synced = Connection.objects.filter(
        disconnected_at__isnull=True, state__first_synced_at__isnull=False
    )
    return [one for one in synced if one.pushed_types and can_create(one)]


def _refused(client_pks: Collection[str]) -> set[tuple[int, str]]:
    """(company, client) that a person has excluded (rule 15). One whose match was removed is
    noted: a person is asked about it."""
    nos = Decision.objects.filter(
        kind=Decision.Kind.EXCLUDE_CLIENT,
        client_pk__in=list(client_pks),
    )
    return set(nos.values_list("connection_id", "client_pk"))


def _withdraw(client_pks: Collection[str], except_for: set[tuple[int, str]]) -> None:
    waiting = Outbox.objects.filter(
        state=WANTED, kind=Kind.CREATE, client_pk__in=list(client_pks)
    ).values_list("pk", "connection_id", "client_pk")
    moot = [pk for pk, *about in waiting if tuple(about) not in except_for]
    if moot:
        Outbox.objects.filter(pk__in=moot, state=WANTED).delete()


def _wanted(kind: Kind, connection_id: int, client_pk: str, qbo_id: str = "") -> Outbox:
    return Outbox(
        connection_id=connection_id,
        client_pk=client_pk,
        qbo_id=qbo_id,
        kind=kind,
        open_key=Outbox.key(WANTED, connection_id, client_pk),
        wanted_at=clock.now(),
    )


def _store(wants: Iterable[Outbox]) -> None:
    """One that waits already stays; what it is for may have become another."""
    noted = list(wants)
    with wide_statements(Outbox.objects.db):
        upsert(Outbox, noted, unique="open_key", update=["kind", "qbo_id", "wanted_at"])
    if noted:
        transaction.on_commit(ring, robust=True)


def ring() -> None:
    """Ask for a sync of the companies with changes of clients that nobody has asked for yet.

    As a machine asks: what a failure has put off stays put off, and a plan that waits for a
    person is not walked around each minute.
    """
    noted = _ready().values("connection")
    asked = Run.objects.filter(state=Run.State.WAITING).values("connection")
    idle = SyncState.objects.filter(wanted=F("served"), connection__in=noted)
    companies = idle.exclude(connection__in=asked).filter(connection__disconnected_at=None)
    for pk in companies.values_list("pk", flat=True):
        if SyncState.objects.filter(pk=pk, wanted=F("served")).update(wanted=F("wanted") + 1):
            enqueue("walk", pk)
