"""Clients that were deleted on the site (U16).

A customer whose client is gone is held by a decision: no machine maps it or makes the client
again, and nothing is deleted in QuickBooks. A person is asked. Unusually many at once are
asked about together, and their mappings stay as they are: after a re-import the same clients
are there under new keys and are attached again. A client that comes back under its own key
is attached by itself. `sweep` calls this; what people say is noted here and done there.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet

from wagtail_qbo_sync import clock
from wagtail_qbo_sync.clock import failpoint
from wagtail_qbo_sync.compat import chunks
from wagtail_qbo_sync.contact import Contact, email_keys, match_key, values_from_json
from wagtail_qbo_sync.engine.gate import exceeds_brake
from wagtail_qbo_sync.engine.match import CustomerKeys, match
from wagtail_qbo_sync.host.adapter import ClientAdapter, ClientRecord, get_adapter
from wagtail_qbo_sync.models import Case, Connection, Decision, Mapping, Outbox
from wagtail_qbo_sync.sync.access.lease import Lease
from wagtail_qbo_sync.sync.records import cases, gate
from wagtail_qbo_sync.sync.records.known import to_be_merged
from wagtail_qbo_sync.sync.records.parties import client_keys
from wagtail_qbo_sync.sync.records.touched import ask_for_sweep

from .decide import record

CHUNK = 500
ASKED = Case.Kind.CLIENT_DELETED
MANY = Case.Kind.DELETIONS
REATTACH, LEAVE = "reattach", "leave"
"""What a person can answer to MANY."""


def notice(lease: Lease, thorough: bool = False) -> None:
    """Find the clients that are gone, and those that came back, and do what people answered.

    `thorough` looks through all clients again for those that many lost ones might be.
    """
    adapter = get_adapter()
    asked = Case.objects.filter(kind__in=[ASKED, MANY], open_key__isnull=False)
    concerned = {*asked.values_list("connection_id", flat=True)}
    concerned |= {*lost(adapter).values_list("connection_id", flat=True).distinct()}
    for connection in Connection.objects.filter(pk__in=concerned).order_by("pk"):
        Deletions(lease, connection, adapter).notice(thorough)


def lost(adapter: ClientAdapter) -> QuerySet[Mapping]:
    """Mappings whose client is not there, whether the database or only we know it yet."""
    return Mapping.objects.filter(~Exists(adapter.queryset().filter(pk=OuterRef("client_id"))))


class Deletions:
    """One company's."""

    def __init__(self, lease: Lease, connection: Connection, adapter: ClientAdapter) -> None:
        self.lease = lease
        self.connection = connection
        self.adapter = adapter

    @property
    def lost(self) -> QuerySet[Mapping]:
        return lost(self.adapter).filter(connection=self.connection).order_by("pk")

    @property
    def many(self) -> Case | None:
        """The open question about many deleted clients."""
        key = Case.key(MANY, self.connection.pk, "")
        return Case.objects.filter(open_key=key).first()

    def notice(self, thorough: bool) -> None:
        self._same_keys()
        self._come_back()
        asked = self.many
        if asked is not None and "answer" in asked.facts:
            self._do(asked)
            asked = self.many
        count = self.lost.count()
        if not count:
            cases.close_all(self.connection, MANY, [""])
        elif asked is not None or self._is_too_much(count):
            if thorough or asked is None or asked.facts["lost"] != count:
                self._ask_about_many(count)
        else:
            self._settle()

    def _is_too_much(self, count: int) -> bool:
        """U3. What a person has just agreed to was no case of its own, and does not count."""
        before = len(gate.recent(self.connection))
        mapped = Mapping.objects.filter(connection=self.connection).count()
        return exceeds_brake(count + before, mapped + before)

    # Deleted for good -------------------------------------------------------------------------

    def _settle(self, *, ask: bool = True, by: int | None = None) -> None:
        """Each customer is held by a decision (`by`: the person's key); and a person is asked."""
        while True:
            with self.lease.transaction():
                gone = list(self.lost.select_for_update()[:CHUNK])
                names = _names(gone, self.adapter)
                Decision.objects.bulk_create(
                    [self._held(mapping, names[mapping.qbo_id], by) for mapping in gone],
                    ignore_conflicts=True,
                )
                if ask:
                    openings = [_opening(m.qbo_id, m.client_pk, names[m.qbo_id]) for m in gone]
                    cases.open_all(self.connection, openings)
                Mapping.objects.filter(pk__in=[mapping.pk for mapping in gone]).delete()
            failpoint("deleted.settled")
            if len(gone) < CHUNK:
                return

    def _held(self, mapping: Mapping, name: str, by: int | None) -> Decision:
        return Decision(
            kind=Decision.Kind.CLIENT_DELETED,
            connection=self.connection,
            qbo_id=mapping.qbo_id,
            client_pk=mapping.client_pk,
            facts={"label": name, "base": mapping.base, "asleep": mapping.asleep},
            by_id=by,
            at=clock.now(),
        )

    # Many at once -----------------------------------------------------------------------------

    def _ask_about_many(self, count: int) -> None:
        pairs = sorted(self._k4().items(), key=lambda pair: (len(pair[0]), pair[0]))
        facts = {"lost": count, "pairs": pairs}
        with self.lease.transaction():
            cases.open_all(self.connection, [cases.Opening(MANY, "", facts=facts)])
        failpoint("deleted.asked")

    def _k4(self) -> dict[str, str]:
        """qbo_id -> the client of today that has the name and e-mail of the lost one."""
        gone = [
            CustomerKeys(mapping.qbo_id, match_key(was.name), email_keys(was.email))
            for mapping in self.lost.iterator(CHUNK)
            for was in [_as_it_was(mapping.base)]
        ]
        clients = self.lease.renewing(client_keys(self.adapter, self._taken()))
        return match(gone, clients).matched

    def _taken(self) -> set[str]:
        """Clients that are mapped in this company, or that a person keeps out of it."""
        mapped = Mapping.objects.filter(connection=self.connection, client__isnull=False)
        said = Decision.objects.filter(
            connection=self.connection, kind=Decision.Kind.EXCLUDE_CLIENT
        )
        return {
            *mapped.values_list("client_pk", flat=True),
            *said.values_list("client_pk", flat=True),
        }

    def _do(self, asked: Case) -> None:
        """What a person answered, then the question ends; what is left asks anew."""
        answer = asked.facts["answer"]
        if answer["do"] == REATTACH:
            for chunk in chunks(asked.facts["pairs"], CHUNK):
                self._attach(dict(chunk))
        else:
            self._settle(ask=False, by=answer["by"])
        with self.lease.transaction():
            still_open = Case.objects.filter(pk=asked.pk, open_key__isnull=False)
            cases.close(still_open, answer["do"], answer["by"])
        failpoint("deleted.answered")

    def _attach(self, pairs: dict[str, str]) -> None:
        """qbo_id -> client: these are the lost ones, under their old bases (a merge)."""
        with self.lease.transaction():
            there = self.adapter.lock(pairs.values())
            taken = self._taken()
            rows = self.lost.select_for_update().filter(qbo_id__in=list(pairs))
            attached = []
            for mapping in rows:
                client_pk = pairs[mapping.qbo_id]
                if client_pk in there and client_pk not in taken:
                    mapping.client_pk = client_pk
                    mapping.client = there[client_pk]
                    mapping.base = to_be_merged(mapping.base)
                    attached.append(mapping)
            Mapping.objects.bulk_update(attached, ["client", "client_pk", "base"])
            keys = [
                Outbox.key(Outbox.State.WANTED, self.connection.pk, mapping.client_pk)
                for mapping in attached
            ]
            Outbox.objects.filter(open_key__in=keys, kind=Outbox.Kind.CREATE).delete()
        failpoint("deleted.attached")

    # Back under their own keys ----------------------------------------------------------------

    def _same_keys(self) -> None:
        """Lost mappings whose client was deleted and inserted again, as by a re-import."""
        rows = self.lost.values_list("pk", "qbo_id", "client_pk", "base")
        for chunk in chunks(rows.iterator(CHUNK), CHUNK):
            bases = {client_pk: (qbo_id, base) for _pk, qbo_id, client_pk, base in chunk}
            if back := self._returned({pk: base for pk, (_id, base) in bases.items()}):
                self._attach({bases[pk][0]: pk for pk in back})

    def _come_back(self) -> None:
        """The same of those about whom a person is asked and has not answered."""
        asked = Case.objects.filter(
            connection=self.connection, kind=ASKED, open_key__isnull=False
        ).values("qbo_id")
        held = Decision.objects.filter(
            connection=self.connection, kind=Decision.Kind.CLIENT_DELETED, qbo_id__in=asked
        )
        for chunk in chunks(held.order_by("pk").iterator(CHUNK), CHUNK):
            back = self._returned({said.client_pk: said.facts.get("base", {}) for said in chunk})
            if back:
                self._put_back([said for said in chunk if said.client_pk in back])

    def _returned(self, bases: dict[str, dict[str, Any]]) -> set[str]:
        """Those keys under which there is a client again, and to all appearance the same."""
        records = self.adapter.records(bases)
        return {one.pk for one in records if _is_the_same(_as_it_was(bases[one.pk]), one)}

    def _put_back(self, decisions: Collection[Decision]) -> None:
        with self.lease.transaction():
            there = self.adapter.lock(said.client_pk for said in decisions)
            taken = self._taken()
            back = [one for one in decisions if one.client_pk in there.keys() - taken]
            Mapping.objects.bulk_create(
                Mapping(
                    connection=self.connection,
                    qbo_id=said.qbo_id,
                    client=there[said.client_pk],
                    client_pk=said.client_pk,
                    base=to_be_merged(said.facts.get("base", {})),
                    asleep=said.facts.get("asleep", ""),
                )
                for said in back
            )
            Decision.objects.filter(pk__in=[said.pk for said in back]).delete()
            cases.close_all(self.connection, ASKED, [said.qbo_id for said in back])
        failpoint("deleted.back")


# What people answer ---------------------------------------------------------------------------


@transaction.atomic
def answer(connection: Connection, do: str, user: Any) -> None:
    """About many deleted clients: REATTACH the pairs that were found, or LEAVE all deleted.

    Done by the next sweep. Raises cases.AlreadyAnswered.
    """
    key = Case.key(MANY, connection.pk, "")
    asked = Case.objects.select_for_update().filter(open_key=key).first()
    if asked is None or "answer" in asked.facts:
        raise cases.AlreadyAnswered
    asked.facts["answer"] = {"do": do, "by": user.pk if user else None}
    asked.save(update_fields=["facts"])
    record(connection, f"deleted_{do}", user, clients=asked.facts["lost"])
    ask_for_sweep()


@transaction.atomic
def keep(connection: Connection, qbo_id: str, user: Any) -> None:
    """The customer stays without a client; nobody is asked any more."""
    key = Case.key(ASKED, connection.pk, qbo_id)
    cases.close(Case.objects.filter(open_key=key), "kept", user)
    record(connection, "keep_deleted", user, qbo_id=qbo_id)


@transaction.atomic
def ask_again(connection: Connection, qbo_id: str, user: Any) -> None:
    """Undo `keep`."""
    held = Decision.objects.filter(
        kind=Decision.Kind.CLIENT_DELETED, connection=connection, qbo_id=qbo_id
    ).first()
    if held is not None:
        opening = _opening(qbo_id, held.client_pk, held.facts.get("label", ""))
        cases.open_all(connection, [opening])
        record(connection, "ask_again", user, qbo_id=qbo_id)


# Helpers --------------------------------------------------------------------------------------


def _opening(qbo_id: str, client_pk: str, name: str) -> cases.Opening:
    return cases.Opening(ASKED, qbo_id, client_pk, {"label": name})


def _as_it_was(base: dict[str, Any]) -> Contact:
    """A client at the last agreement."""
    return Contact().changed(values_from_json(base.get("site", {})))


def _is_the_same(was: Contact, now: ClientRecord) -> bool:
    """Whether a client under an old key is the old client: same name, and same e-mail (K4) or
    none on either side."""
    before, after = set(email_keys(was.email)), set(email_keys(now.contact.email))
    name = match_key(was.name)
    same_email = before == after or not before.isdisjoint(after)
    return bool(name) and name == match_key(now.contact.name) and same_email


def _names(gone: Iterable[Mapping], adapter: ClientAdapter) -> dict[str, str]:
    """qbo_id -> how the client was called when it was last seen."""
    return {
        mapping.qbo_id: adapter.label(mapping.client_pk, _as_it_was(mapping.base))
        if mapping.base
        else ""
        for mapping in gone
    }
