"""The full comparison (U13): every customer is read, the sync has its turn, and then each
mapped pair is looked at on both sides, slice by slice, under the lease.

It writes nothing but its own result, and what a pull writes (`pull`). What it finds is
left to the syncs that come anyway; a client whose footprint is out of date becomes a hint
for the sweep. Killed anywhere it goes on from `Comparison.position`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import F, Max, Q
from django.utils import timezone

from wagtail_qbo_sync import clock
from wagtail_qbo_sync.clock import failpoint
from wagtail_qbo_sync.compat import wide_statements
from wagtail_qbo_sync.contact import fields_of, project, values_from_json
from wagtail_qbo_sync.doorbell import enqueue
from wagtail_qbo_sync.engine.compare import Moved, compare
from wagtail_qbo_sync.host.adapter import ClientAdapter, ClientRecord, get_adapter
from wagtail_qbo_sync.models import (
    Case,
    Comparison,
    Customer,
    Difference,
    Footprint,
    Mapping,
    Run,
    Step,
    SyncState,
)
from wagtail_qbo_sync.sync.access.lease import Lease, begins
from wagtail_qbo_sync.sync.records import outbox, touched
from wagtail_qbo_sync.sync.records.parties import TAKE_PART, client_digest
from wagtail_qbo_sync.sync.records.status import ConnectionState, connection_state

HOUR = 2
"""When a night's comparison is due, by the site's clock; later if no worker is there then."""
CHUNK = 500
"""Pairs per transaction."""

Phase = SyncState.Phase
Why = Difference.Why
WHY_MOVED = {
    Moved.SITE: Why.SITE,
    Moved.QBO: Why.QBO,
    Moved.BOTH: Why.BOTH,
    Moved.NEITHER: Why.AGREED,
}
READY = Q(comparing__read_at__isnull=False, trouble={})
"""States of companies whose pairs can be compared now. (Trouble stays to be seen.)"""


# When -----------------------------------------------------------------------------------------


def ring() -> None:
    """Each minute: begin what is due tonight. One query, unless something is."""
    states = SyncState.objects.filter(
        Q(compared_at__isnull=True) | Q(compared_at__lt=_last_night()),
        first_synced_at__lt=_last_night(),
        trouble={},
    )
    for state in states.select_related("connection__token"):
        if connection_state(state.connection) is ConnectionState.CONNECTED:
            begin(state)


@transaction.atomic
def begin(state: SyncState) -> bool:
    """Ask for one, if the company rests and none is under way; of two who ask, one does.

    At rest, because a reading that was begun before would not have seen everything.
    """
    now = clock.now()
    newest = Customer.objects.filter(connection=state.pk).aggregate(newest=Max("pk"))["newest"]
    made = Comparison.objects.create(connection_id=state.pk, started_at=now, newest=newest or 0)
    rests = SyncState.objects.filter(pk=state.pk, phase=Phase.REST, comparing=None)
    begun = rests.filter(compared_at=state.compared_at).update(
        comparing=made, compared_at=now, wanted=F("wanted") + 1, wanted_by=None
    )
    if not begun:
        made.delete()
        return False
    touched.ask_for_sweep()
    enqueue("walk", state.pk)
    return True


def _last_night() -> datetime:
    """The last time that it was HOUR o'clock at the site."""
    local = timezone.localtime(clock.now())
    tonight = local.replace(hour=HOUR, minute=0, second=0, microsecond=0)
    return tonight if tonight <= local else tonight - timedelta(days=1)


# While everything is read -----------------------------------------------------------------------


def wants_all(state: SyncState) -> bool:
    """Whether the next reading has to be of everything."""
    return state.comparing is not None and state.comparing.read_at is None


def saw(state: SyncState, qbo_ids: Iterable[str], *, last: bool) -> None:
    """A page of everything was read. In the transaction of its mirror rows.

    Read for another reason (a first sync, a changed field map, after a gap) it marks nobody, and
    need not: who was not seen in a comparison's own reading is asked for by Id (absent.py).
    """
    if state.comparing is None or state.comparing.read_at is not None:
        return
    mirror = Customer.objects.filter(connection=state.connection)
    mirror.filter(qbo_id__in=list(qbo_ids)).update(seen_in=state.comparing.pk)
    if last:
        Comparison.objects.filter(pk=state.comparing.pk).update(read_at=clock.now())


# The look ---------------------------------------------------------------------------------------


def beginning(state: SyncState) -> dict[str, Any]:
    """The columns with which the comparing of pairs begins."""
    total = Mapping.objects.filter(connection=state.connection).count()
    return begins(Phase.COMPARE, total=total)


def stride(lease: Lease, state: SyncState) -> None:
    """Look at the next pairs; after the last one the certificate is made out."""
    comparison = state.comparing
    if comparison is None:
        lease.renew(phase=Phase.REST)
        return
    rows = Mapping.objects.filter(connection=state.connection, pk__gt=comparison.position)
    mappings = list(rows.order_by("pk")[:CHUNK])
    with lease.transaction(done=F("done") + len(mappings), crashes=0):
        if mappings:
            _store(comparison, Look(comparison, mappings))
        else:
            Comparison.objects.filter(pk=comparison.pk).update(finished_at=clock.now())
            lease.renew(phase=Phase.REST, comparing=None)
    failpoint("compare.stored")


def _store(comparison: Comparison, look: Look) -> None:
    found = list(look.differences())
    with wide_statements(Difference.objects.db):
        Difference.objects.bulk_create(found)
    missing = sum(each.why in Difference.MISSING for each in found)
    if unnoticed := look.unnoticed():
        touched.note(unnoticed)
    Comparison.objects.filter(pk=comparison.pk).update(
        position=look.mappings[-1].pk,
        equal=F("equal") + len(look.awake) - len(found),
        different=F("different") + len(found) - missing,
        missing=F("missing") + missing,
        resting=F("resting") + len(look.mappings) - len(look.awake),
        unnoticed=F("unnoticed") + len(unnoticed),
    )


@dataclass
class Look:
    """Some pairs with all that is known of them: a constant number of queries."""

    comparison: Comparison
    mappings: Sequence[Mapping]

    def __post_init__(self) -> None:
        connection = self.comparison.connection
        self.adapter: ClientAdapter = get_adapter()
        self.fields = fields_of(self.adapter.paths)
        qbo_ids = [mapping.qbo_id for mapping in self.mappings]
        customers = Customer.objects.filter(connection=connection, qbo_id__in=qbo_ids)
        self.customers = {customer.qbo_id: customer for customer in customers}
        self.awake = [mapping for mapping in self.mappings if not self._rests(mapping)]
        pks = [mapping.client_pk for mapping in self.awake if mapping.client_id is not None]
        self.records = {record.pk: record for record in self.adapter.records(pks)}
        open_cases = Case.objects.filter(
            connection=connection, qbo_id__in=qbo_ids, open_key__isnull=False
        )
        self.asked = dict(open_cases.order_by("-pk").values_list("qbo_id", "kind"))
        planned = Step.objects.filter(
            run__connection=connection,
            run__state__in=[Run.State.WAITING, Run.State.APPLYING],
            state=Step.State.PLANNED,
            qbo_id__in=qbo_ids,
        )
        self.planned = set(planned.values_list("qbo_id", flat=True))
        on_the_way = outbox.on_the_way(connection).filter(client_pk__in=pks)
        self.sending = set(on_the_way.values_list("client_pk", flat=True))

    def differences(self) -> Iterator[Difference]:
        """The pairs that are not equal."""
        for mapping in self.awake:
            customer = self.customers.get(mapping.qbo_id)
            record = self.records.get(mapping.client_pk)
            if customer is None or self._is_unseen(customer):
                yield self._difference(mapping, Why.NO_CUSTOMER)
            elif record is None:
                yield self._difference(mapping, Why.NO_CLIENT)
            elif found := self._compared(mapping, customer, record):
                yield found

    def unnoticed(self) -> list[str]:
        """Clients that nobody has noticed a change of (rule 12)."""
        rows = Footprint.objects.filter(
            client_pk__in=list(self.records), version=self.adapter.version
        )
        footprints = dict(rows.values_list("client_pk", "digest"))
        return [
            pk
            for pk, record in self.records.items()
            if footprints.get(pk) != client_digest(record, self.adapter)
        ]

    def _rests(self, mapping: Mapping) -> bool:
        customer = self.customers.get(mapping.qbo_id)
        is_inactive = customer is not None and customer.standing not in TAKE_PART
        return bool(mapping.asleep) or is_inactive

    def _is_unseen(self, customer: Customer) -> bool:
        seen = customer.seen_in == self.comparison.pk
        return not seen and customer.pk <= self.comparison.newest

    def _compared(
        self, mapping: Mapping, customer: Customer, record: ClientRecord
    ) -> Difference | None:
        held = project(customer.contact, self.adapter.paths)
        found = compare(
            record.contact.values(self.fields),
            held.values(self.fields),
            values_from_json(mapping.base.get("site", {})),
            values_from_json(mapping.base.get("qbo", {})),
        )
        if found is None:
            return None
        why = self._why(mapping, found.fields) or WHY_MOVED[found.moved]
        return self._difference(mapping, why, found.fields)

    def _why(self, mapping: Mapping, fields: list[str]) -> Why | None:
        """What is known about a difference besides who moved."""
        if mapping.qbo_id in self.asked:
            return Why.ASKED
        if mapping.qbo_id in self.planned:
            return Why.PLANNED
        if mapping.client_pk in self.sending:
            return Why.SENDING
        if "seen" not in mapping.base:
            return Why.NEW
        return Why.ONE_WAY if set(fields) <= mapping.base.get("silent", {}).keys() else None

    def _difference(self, mapping: Mapping, why: Why, fields: Sequence[str] = ()) -> Difference:
        customer = self.customers.get(mapping.qbo_id)
        return Difference(
            comparison=self.comparison,
            qbo_id=mapping.qbo_id,
            client_pk=mapping.client_pk,
            customer=customer.path if customer else "",
            why=why,
            asked=self.asked.get(mapping.qbo_id, "") if why == Why.ASKED else "",
            fields=list(fields),
        )
