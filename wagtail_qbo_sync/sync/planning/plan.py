"""Planning: mirror and clients are compared and the steps are stored. Neither side is touched.

Beside the steps, questions that nothing asks any more are closed, and hints that ask for nothing
are dropped. Two kinds of customers: mapped ones whose pair has something new to say, and unmapped
ones that the matching rules sort. Memory holds the match keys; everything else comes by chunks.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import datetime
from typing import Any

from django.db.models import F

from wagtail_qbo_sync.clock import failpoint
from wagtail_qbo_sync.compat import chunks
from wagtail_qbo_sync.contact import fields_of
from wagtail_qbo_sync.engine import plan as engine
from wagtail_qbo_sync.engine.match import CustomerKeys, Matches, match
from wagtail_qbo_sync.engine.news import news
from wagtail_qbo_sync.engine.plan import Ask, Party
from wagtail_qbo_sync.host.adapter import ClientAdapter, get_adapter
from wagtail_qbo_sync.models import Case, Connection, Customer, Run, SyncState
from wagtail_qbo_sync.models import Mapping as Mapped
from wagtail_qbo_sync.sync.access.lease import Lease
from wagtail_qbo_sync.sync.records import archive, cases, replaced
from wagtail_qbo_sync.sync.records.field_maps import FieldMaps
from wagtail_qbo_sync.sync.records.known import Known, Pair, stored_base
from wagtail_qbo_sync.sync.records.parties import (
    MATCHABLE,
    TAKE_PART,
    client_keys,
    client_party,
    customer_party,
)
from wagtail_qbo_sync.sync.records.terms import terms_of

from . import circles
from .draft import Draft, left_to_another
from .merges import by_id, merged
from .newcomers import Newcomers

CHUNK = 2000
"""Customers that are looked at closely, and steps that are stored, at a time."""

STANDING = (Run.State.PLANNING, Run.State.WAITING, Run.State.APPLYING)

NOTHING: frozenset[Ask] = frozenset()


def make(lease: Lease, state: SyncState) -> None:
    """Plan the connection's next run. It then applies, waits for approval, or there is none."""
    runs = list(Run.objects.filter(connection=state.connection, state__in=STANDING))
    unfinished = [run for run in runs if run.state == Run.State.PLANNING and not run.by_person]
    if unfinished:
        with lease.transaction():
            Run.objects.filter(pk__in=[run.pk for run in unfinished]).delete()
    if standing := [run for run in runs if run not in unfinished]:
        _leave_to(standing[0], lease)
        return
    failpoint("plan.begun")
    planner = Planner(state.connection, get_adapter(), lease, state.planned_through)
    draft = Draft(lease, state)
    for chunk in chunks(planner.steps(), CHUNK):
        draft.store(chunk)
    if moot := planner.newcomers.moot():
        with lease.transaction():
            cases.close_of_clients(state.connection, moot, kinds=[Case.Kind.ALIKE])
    draft.finish(planner.newest, planner.records, planner.idle_hints())


def _leave_to(run: Run, lease: Lease) -> None:
    """A plan waits already: nothing is planned beside it (U3), nor while a person's bulk
    decision is being recorded, which asks for a sync when it is. One that was approved while
    we read is applied first, and what was asked for stays wanted."""
    if run.state != Run.State.APPLYING:
        lease.renew(**left_to_another())
    else:
        lease.renew(phase=SyncState.Phase.REST, served=F("served") - 1)
    failpoint("plan.left")


class Planner:
    """Finds out what there is to do for one connection."""

    def __init__(
        self,
        connection: Connection,
        adapter: ClientAdapter,
        lease: Lease,
        planned_through: int,
        asked: dict[str, datetime] | None = None,
    ) -> None:
        """`asked`: clients that a person wants in QuickBooks, in place of those that changed."""
        self.connection = connection
        self.adapter = adapter
        self.lease = lease
        self.fields = fields_of(adapter.paths)
        self.terms = terms_of(connection, self.fields)
        self.known = Known.load(connection, adapter.version)
        if asked is not None:
            self.known = replace(self.known, creates=asked)
        self.maps = FieldMaps(adapter)
        self.merged = merged(connection, self.known)
        """Mapped customer that was merged into another -> who stays."""
        self.followed = {one.stays for one in self.merged.values() if not one.why}
        self.planned_through = planned_through
        """The newest mirror row that an earlier plan has named."""
        self.newest = planned_through
        self.records = 0
        """Customers that take part: what the brake's share is a share of."""
        self.look: list[str] = []
        self.resting: set[str] = set()
        """Customers whose pair waits until what is on its way has arrived."""
        self.served: set[str] = set()
        """Clients whose change asks for nothing, so that its hint is used up."""
        self.new: set[str] = set()
        self.keys: list[CustomerKeys] = []
        self.newcomers = Newcomers(connection, adapter, self.known, any_type=asked is not None)

    def steps(self, only: set[str] | None = None) -> Iterator[engine.Step]:
        """All steps, or those of `only` these customers; pairs first, in the order of
        QuickBooks' ids, and clients without a customer last."""
        matches = self._matches()
        sorted_out = [*matches.matched, *matches.review, *matches.held, *matches.unmatched]
        left = self.known.asked.difference(self.look, sorted_out, self.resting, self.followed)
        for chunk in chunks(_ordered(self.look, only), CHUNK):
            yield from self._pairs(chunk)
        for chunk in chunks(_ordered(sorted_out, only), CHUNK):
            yield from self._unmapped(chunk, matches)
        for chunk in chunks(_ordered(left, only), CHUNK):
            yield from self._left_out(chunk)
        if only is None:
            yield from self.newcomers.steps(self.keys, set(matches.matched.values()))

    def of_clients(self) -> Iterator[engine.Step]:
        """Only what becomes of the clients that were asked for: matched ones first (U11)."""
        matches = self._matches()
        theirs = {one for one, pk in matches.matched.items() if pk in self.known.creates}
        for chunk in chunks(_ordered(theirs, None), CHUNK):
            yield from self._unmapped(chunk, matches)
        yield from self.newcomers.steps(self.keys, set(matches.matched.values()))

    def idle_hints(self) -> dict[str, datetime]:
        """Hints that led to no step: client pk -> when they were noted."""
        wants = {**self.known.wants, **self.known.creates}
        looked = {pair.client_pk for qbo_id in self.look if (pair := self.known.pairs.get(qbo_id))}
        moot = wants.keys() - looked - self.known.under_way - self.newcomers.named
        return {pk: wants[pk] for pk in moot | (self.served & wants.keys())}

    # Sorting -------------------------------------------------------------------------------

    def _matches(self) -> Matches:
        self.keys = list(self._customer_keys())
        if not any(customer.matchable for customer in self.keys):
            return Matches()
        clients = client_keys(self.adapter, self.known.taken_clients)
        return match(self.keys, self.lease.renewing(clients), self.known.removed)

    def _customer_keys(self) -> Iterator[CustomerKeys]:
        """Keys of all active customers; on the way, which pairs have something new to say."""
        rows = Customer.objects.filter(connection=self.connection).values_list(
            "pk", "qbo_id", "standing", "match_keys", "record__digest"
        )
        matchable = MATCHABLE[Connection.Hierarchy(self.connection.hierarchy)]
        for pk, qbo_id, standing, keys, digest in self.lease.renewing(rows.iterator(CHUNK)):
            self.newest = max(self.newest, pk)
            pair = self.known.pairs.get(qbo_id)
            if pair is not None and pair.client_pk in self.known.under_way:
                self.resting.add(qbo_id)
            elif pair is not None and self._is_worth_a_look(qbo_id, pair, standing, digest):
                self.look.append(qbo_id)
            if standing not in TAKE_PART:
                continue
            self.records += pair is not None or standing in matchable
            if pk > self.planned_through:
                self.new.add(qbo_id)
            is_matchable = standing in matchable and qbo_id not in self.followed
            yield self.known.keys_of(qbo_id, standing, keys, matchable=is_matchable)

    def _is_worth_a_look(self, qbo_id: str, pair: Pair, standing: str, digest: str) -> bool:
        if not pair.client_pk or pair.asleep == Mapped.Asleep.DISCONNECTED:
            return False
        if standing not in TAKE_PART:
            rests = pair.asleep and not self._archives_later(pair, standing)
            return not rests or qbo_id in self.known.asked or qbo_id in self.merged
        moved = digest != pair.seen or pair.client_pk in self.known.wants
        moved = moved or pair.silent != self._silent(pair.silent)
        return moved or bool(pair.asleep) or qbo_id in self.known.asked

    def _archives_later(self, pair: Pair, standing: str) -> bool:
        """Whether the policy came to say so when the mapping slept already."""
        archives = archive.archives(self.connection, self.adapter, standing)
        return archives and pair.archived is None

    @property
    def flags(self) -> bool:
        """U8: whether people are told of a mapped customer that turned inactive."""
        return self.connection.inactive_policy != Connection.OnInactive.LEAVE

    def _silent(self, fields: Iterable[str]) -> dict[str, str]:
        """What a difference of these fields would stand for now (U2, U4)."""
        return {name: self.terms.stance(name) for name in fields if name in self.fields}

    # Pairs ---------------------------------------------------------------------------------

    def _pairs(self, qbo_ids: list[str]) -> Iterator[engine.Step]:
        customers, asked = self._customers(qbo_ids), self._asked(qbo_ids)
        mappings = {
            mapping.qbo_id: mapping
            for mapping in Mapped.objects.filter(connection=self.connection, qbo_id__in=qbo_ids)
        }
        clients = self._clients(mapping.client_pk for mapping in mappings.values())
        self.replaced = replaced.of(clients)
        self.rewritten = circles.of(self.connection, mappings.values())
        for qbo_id in qbo_ids:
            mapping = mappings.get(qbo_id)
            if mapping is None or mapping.client_pk not in clients:
                continue
            party, standing = customers[qbo_id]
            step, stands = None, NOTHING
            absent, other = Ask.INACTIVE, Ask.GONE
            if standing == Customer.Standing.GONE:
                absent, other = other, absent
            if standing in TAKE_PART:
                step = self._pair(party, clients[mapping.client_pk], mapping)
                stands = frozenset({Ask.KEPT})
            elif (into := self.merged.get(qbo_id)) and not into.why:
                yield from self._follow(into.stays, clients[mapping.client_pk], mapping)
                continue
            elif into:
                told = {"stays": into.stays, "why": into.why}
                step = engine.sleep(party, mapping.client_pk, merged=told)
                stands = frozenset({Ask.MERGED})
            elif (
                mapping.asleep
                and other not in asked.get(qbo_id, {})
                and not self._archives_later(self.known.pairs[qbo_id], standing)
            ):
                stands = frozenset({absent, Ask.MERGED})
            else:
                archives = archive.archives(self.connection, self.adapter, standing)
                ask = absent if self.flags else None
                step = engine.sleep(party, mapping.client_pk, ask=ask, archives=archives)
            if step := news(step, party, asked.get(qbo_id, {}), stands):
                yield step
            else:
                self.served.add(mapping.client_pk)

    def _follow(self, stays: str, client: Party, mapping: Mapped) -> Iterator[engine.Step]:
        """U7: the merge that moves the mapping; it answers what was asked about who stays."""
        party, _standing = self._customers([stays])[stays]
        base = self._base(mapping, client)
        step: engine.Step | None = engine.follow(
            party, mapping.qbo_id, client, self.fields, base, terms=self.terms
        )
        if step := news(step, party, self._asked([stays]).get(stays, {})):
            yield step

    def _pair(self, customer: Party, client: Party, mapping: Mapped) -> engine.Step | None:
        base = self._base(mapping, client)
        step = engine.pair(
            customer, client, self.fields, base, terms=self.terms, wakes=bool(mapping.asleep)
        )
        pair = self.known.pairs[mapping.qbo_id]
        if step is None and pair.seen != customer.digest:
            return engine.agree(customer, client, base)
        return step

    def _base(self, mapping: Mapped, client: Party) -> engine.Base:
        return stored_base(
            mapping,
            self.known.link(client.key),
            self.replaced.get(client.key, {}),
            self.maps,
            self.rewritten.get(mapping.qbo_id, {}),
        )

    # Customers without a client ------------------------------------------------------------

    def _unmapped(self, qbo_ids: list[str], matches: Matches) -> Iterator[engine.Step]:
        customers, asked = self._customers(qbo_ids), self._asked(qbo_ids)
        matched = {one: matches.matched[one] for one in qbo_ids if one in matches.matched}
        reviews = {one: matches.review[one] for one in qbo_ids if one in matches.review}
        clients = self._clients(matched.values())
        labels = self._labels(one.pk for found in reviews.values() for one in found.candidates)
        for qbo_id in qbo_ids:
            party, _ = customers[qbo_id]
            step: engine.Step | None
            if qbo_id in reviews:
                step = engine.review(party, reviews[qbo_id], labels)
            elif qbo_id not in matched:
                step = self._unmatched(party, held=qbo_id in matches.held)
            elif client := clients.get(matched[qbo_id]):
                base = engine.Base(link=self.known.link(client.key))
                step = engine.pair(party, client, self.fields, base, terms=self.terms)
            else:
                continue  # the client was deleted this very moment
            if step := news(step, party, asked.get(qbo_id, {})):
                yield step

    def _unmatched(self, customer: Party, held: bool) -> engine.Step | None:
        """K5 under U1. Who waits is named once."""
        policy = engine.Unmatched(self.connection.unmatched)
        if not held and policy is not engine.Unmatched.WAIT:
            return engine.unmatched(customer, self.fields, policy)
        return engine.waits(customer) if customer.key in self.new else None

    # Questions that nothing asks any more --------------------------------------------------

    def _left_out(self, qbo_ids: list[str]) -> Iterator[engine.Step]:
        """Mapped by hand, excluded, disconnected or inactive since they were asked about."""
        asked = self._asked(qbo_ids)
        for qbo_id, (party, _) in self._customers(qbo_ids).items():
            if step := news(None, party, asked.get(qbo_id, {})):
                yield step

    # Reading -------------------------------------------------------------------------------

    def _asked(self, qbo_ids: list[str]) -> dict[str, dict[Ask, dict[str, Any]]]:
        return cases.asked(self.connection, self.known.asked.intersection(qbo_ids))

    def _customers(self, qbo_ids: list[str]) -> dict[str, tuple[Party, str]]:
        rows = Customer.objects.filter(connection=self.connection, qbo_id__in=qbo_ids)
        return {row.qbo_id: (customer_party(row, self.adapter), row.standing) for row in rows}

    def _clients(self, pks: Iterable[str]) -> dict[str, Party]:
        records = self.adapter.records(pks)
        return {record.pk: client_party(record, self.adapter) for record in records}

    def _labels(self, pks: Iterable[str]) -> dict[str, str]:
        return {record.pk: record.label for record in self.adapter.records(pks)}


def _ordered(qbo_ids: Iterable[str], only: set[str] | None) -> list[str]:
    return sorted(qbo_ids if only is None else only.intersection(qbo_ids), key=by_id)
