"""Whether what a step was computed from still holds. Read under row locks.

Lock order (rule 10): the clients' rows (by `Batch`), then the customers', then the mappings'.
A person's decision locks its client and its customer in the same order, so that it either
comes before this look, and is respected, or after what follows from it.
"""

from __future__ import annotations

from collections.abc import Mapping as MappingType
from collections.abc import Sequence
from dataclasses import dataclass

from django.db.models import Q
from django.utils.translation import gettext_noop as _

from wagtail_qbo_sync.engine.merge import FirstLink
from wagtail_qbo_sync.host.adapter import ClientAdapter, ClientRecord
from wagtail_qbo_sync.models import Connection, Customer, Decision, Mapping, Step
from wagtail_qbo_sync.sync.records import outbox
from wagtail_qbo_sync.sync.records.parties import TAKE_PART, client_digest
from wagtail_qbo_sync.sync.records.runs import ACTIVE
from wagtail_qbo_sync.sync.records.terms import pulled_fields, pushed_fields

Kind = Step.Kind
PAIRED = frozenset({Kind.UPDATE, Kind.PUSH, Kind.AGREE, Kind.CONFLICT, Kind.SLEEP, Kind.WAKE})
"""Steps of customers that are mapped already."""
OF_CLIENTS = frozenset({Kind.ADD, Kind.STAY})
"""Steps of clients that have no customer."""
CUSTOMER_CHANGED = _("The customer changed in QuickBooks after this was planned.")
CLIENT_GONE = _("The client is no longer there.")
CLIENT_CHANGED = _("The client changed on the site after this was planned.")
ACTIVITY_CHANGED = _("The customer was made inactive or active after this was planned.")
MAPPING_CHANGED = _("The mapping was changed after this was planned.")
DISCONNECTED = _("Somebody disconnected this client.")
SETTLED = _("Somebody settled a conflict of theirs after this was planned.")
MAPPED = _("Somebody mapped this customer or client meanwhile.")
MAPPED_ELSEWHERE = _("The client was mapped in another company after this was planned.")
INACTIVE_ALREADY = _("The customer is inactive in QuickBooks already.")
UNDER_WAY = _("An earlier change of this client is still on its way to QuickBooks.")
NOT_SENT = _("The settings of the company were changed: this may not be sent any more.")
NOT_WRITTEN = _("The settings of the company were changed: this may not be written any more.")
DECIDED = _("Somebody excluded this customer or client, or removed its match, meanwhile.")


@dataclass(frozen=True, slots=True)
class Facts:
    """What stands in the database now about the customers and clients of some steps."""

    customers: dict[str, Customer]
    by_customer: dict[str, Mapping]
    by_client: dict[str, Mapping]
    elsewhere: set[str]
    """Clients that are mapped in another company."""
    decided_customers: dict[str, set[str]]
    """Key -> kinds of Decision."""
    excluded_clients: set[str]
    parted_clients: set[str]
    """Clients whose match with somebody was removed."""
    under_way: set[str]
    """Clients of whom something is on its way to QuickBooks."""
    digests: dict[str, str]
    """Client pk -> digest of the client as it is now."""
    pushed: frozenset[str]
    """The fields that travel to QuickBooks as the company is set now (U2)."""
    pulled: frozenset[str]
    """Those that travel to the site."""

    @classmethod
    def load(
        cls,
        connection: Connection,
        steps: Sequence[Step],
        records: MappingType[str, ClientRecord],
        adapter: ClientAdapter,
    ) -> Facts:
        """Must run in a transaction, after the clients' rows were locked."""
        qbo_ids = [step.qbo_id for step in steps if step.qbo_id]
        customers = Q(connection=connection, qbo_id__in=qbo_ids)
        rows = Customer.objects.select_for_update().filter(customers)
        facts = cls(
            customers={row.qbo_id: row for row in rows.order_by("pk")},
            by_customer={},
            by_client={},
            elsewhere=set(),
            decided_customers={},
            excluded_clients=set(),
            parted_clients=set(),
            under_way=_under_way(connection, steps),
            digests={pk: client_digest(record, adapter) for pk, record in records.items()},
            pushed=pushed_fields(connection),
            pulled=pulled_fields(connection),
        )
        mappings = Mapping.objects.select_for_update().filter(
            customers | Q(client__in=list(records))
        )
        for mapping in mappings.order_by("pk"):
            if mapping.connection_id == connection.pk:
                facts.by_customer[mapping.qbo_id] = mapping
                facts.by_client[mapping.client_pk] = mapping
            else:
                facts.elsewhere.add(mapping.client_pk)
        clients = Q(connection=connection, client_pk__in=list(records))
        said = Decision.objects.filter(customers | clients).exclude(kind__in=Decision.NO_NO)
        for kind, qbo_id, client_pk in said.values_list("kind", "qbo_id", "client_pk"):
            facts.decided_customers.setdefault(qbo_id, set()).add(kind)
            if kind == Decision.Kind.EXCLUDE_CLIENT:
                facts.excluded_clients.add(client_pk)
            elif kind == Decision.Kind.REMOVED_MATCH:
                facts.parted_clients.add(client_pk)
        return facts

    def decided(self, step: Step) -> bool:
        """Whether somebody said a No about the step's customer or client (rule 15)."""
        return step.qbo_id in self.decided_customers or step.client_pk in self.excluded_clients


def _under_way(connection: Connection, steps: Sequence[Step]) -> set[str]:
    if not any("to_qbo" in step.data or ACTIVE in step.data for step in steps):
        return set()
    return set(outbox.on_the_way(connection).values_list("client_pk", flat=True))


def objection(step: Step, facts: Facts) -> str:
    """Why a step may not be done any more; "" if it may. A sentence to be translated."""
    if ACTIVE in step.data:
        return _objection_to_activity(step, facts)
    if step.kind == Kind.UNDO:
        return _objection_to_undo(step, facts)
    if step.kind in OF_CLIENTS:
        return _objection_to_creating(step, facts)
    customer = facts.customers.get(step.qbo_id)
    seen = step.data["seen"]
    if customer is None or customer.record["digest"] != seen["customer"]:
        return CUSTOMER_CHANGED
    if step.kind != Kind.SLEEP and facts.digests.get(step.client_pk, "") != seen["client"]:
        return CLIENT_CHANGED
    if step.kind == Kind.CLOSE:
        return ""
    if why := _objection_to_direction(step, facts):
        return why
    if "to_qbo" in step.data and step.client_pk in facts.under_way:
        return UNDER_WAY
    if (customer.standing in TAKE_PART) == (step.kind == Kind.SLEEP):
        return ACTIVITY_CHANGED
    if step.kind == Kind.FOLLOW:
        return _objection_to_following(step, facts)
    if step.kind in PAIRED:
        return _objection_to_pair(step, facts)
    if step.data.get("by_hand") and step.kind == Kind.CREATE:
        if step.qbo_id in facts.by_customer:
            return MAPPED
        said = facts.decided_customers.get(step.qbo_id, set())
        undone = {Decision.Kind.CLIENT_DELETED} if step.data.get("again") else set()
        return DECIDED if said - undone else ""
    if step.data.get("by_hand"):
        return _objection_to_pair(step, facts) or _objection_to_overwriting(step, facts)
    if step.qbo_id in facts.by_customer or step.client_pk in facts.by_client:
        return MAPPED
    if step.kind in (Kind.REVIEW, Kind.WAIT):
        said = facts.decided_customers.get(step.qbo_id, set())
        return DECIDED if Decision.Kind.EXCLUDE_CUSTOMER in said else ""
    return DECIDED if facts.decided(step) else _objection_to_overwriting(step, facts)


def _objection_to_direction(step: Step, facts: Facts) -> str:
    """U2: a field may travel another way than when this was planned. A client that is made takes
    all of its customer, and a step that a person unticked writes nothing."""
    if step.kind == Kind.CREATE or step.state == Step.State.UNTICKED:
        return ""
    if not facts.pulled.issuperset(step.data.get("values", ())):
        return NOT_WRITTEN
    return "" if facts.pushed.issuperset(step.data.get("to_qbo", ())) else NOT_SENT


def _objection_to_creating(step: Step, facts: Facts) -> str:
    """A person may create whoever was parted from another customer, and as it is now."""
    by_hand = step.data.get("by_hand")
    client = facts.digests.get(step.client_pk)
    if client is None:
        return CLIENT_GONE
    if step.client_pk in facts.by_client:
        return MAPPED
    if step.client_pk in facts.excluded_clients:
        return DECIDED
    if step.client_pk in facts.under_way:
        return UNDER_WAY
    needed = {"name"} if by_hand else step.data.get("to_qbo", {}).keys()
    if not facts.pushed.issuperset(needed):
        return NOT_SENT
    if by_hand or step.kind == Kind.STAY:
        return ""
    if step.client_pk in facts.parted_clients:
        return DECIDED
    return "" if client == step.data["seen"]["client"] else CLIENT_CHANGED


def _objection_to_undo(step: Step, facts: Facts) -> str:
    """It needs no agreement of what it was computed from: each value is looked at by itself."""
    if step.client_pk not in facts.digests:
        return CLIENT_GONE
    mine, theirs = facts.by_customer.get(step.qbo_id), facts.by_client.get(step.client_pk)
    # The client may have got back the pair that slept before (undo.py).
    rests = theirs is None or theirs.asleep == Mapping.Asleep.INACTIVE
    is_parted = step.data.get("parted") and rests and not (mine and step.data.get("match"))
    if mine != theirs and not is_parted:
        return MAPPING_CHANGED
    if not step.data.get("to_qbo"):
        return ""
    if step.client_pk in facts.under_way:
        return UNDER_WAY
    customer = facts.customers.get(step.qbo_id)
    return "" if customer and customer.standing in TAKE_PART else ACTIVITY_CHANGED


def _objection_to_activity(step: Step, facts: Facts) -> str:
    """U5: a customer that we created is made inactive, or active again, as a person approved. A
    client that is gone meanwhile is no reason against it."""
    customer = facts.customers.get(step.qbo_id)
    standing = customer.standing if customer else Customer.Standing.GONE
    if standing == Customer.Standing.INACTIVE and not step.data[ACTIVE]:
        return INACTIVE_ALREADY
    if standing not in ({Customer.Standing.INACTIVE} if step.data[ACTIVE] else TAKE_PART):
        return ACTIVITY_CHANGED
    mine, theirs = facts.by_customer.get(step.qbo_id), facts.by_client.get(step.client_pk)
    if mine is not None and mine.client_pk != step.client_pk:
        return MAPPING_CHANGED
    if step.data[ACTIVE] and theirs is not None:
        return MAPPED
    return UNDER_WAY if step.client_pk in facts.under_way else ""


def _objection_to_pair(step: Step, facts: Facts) -> str:
    mapping = facts.by_customer.get(step.qbo_id)
    if mapping is None or mapping.client_pk != step.client_pk:
        return MAPPING_CHANGED
    if mapping.asleep == Mapping.Asleep.DISCONNECTED:
        return DISCONNECTED
    is_computed = step.kind != Kind.SLEEP
    is_settled = step.data.get("settled", "") != mapping.base.get("settled", "")
    return SETTLED if is_computed and is_settled else ""


def _objection_to_following(step: Step, facts: Facts) -> str:
    """U7: the pair is still that of the customer that went, and the one that stays is free."""
    mapping = facts.by_client.get(step.client_pk)
    if mapping is None or mapping.qbo_id != step.data["gone"]:
        return MAPPING_CHANGED
    if mapping.asleep == Mapping.Asleep.DISCONNECTED:
        return DISCONNECTED
    if step.data.get("settled", "") != mapping.base.get("settled", ""):
        return SETTLED
    if step.qbo_id in facts.by_customer:
        return MAPPED
    said = facts.decided_customers.get(step.qbo_id, set())
    return DECIDED if Decision.Kind.EXCLUDE_CUSTOMER in said else ""


def _objection_to_overwriting(step: Step, facts: Facts) -> str:
    """C13: only a client's first mapping is overwritten, unless a person said otherwise."""
    mapping = facts.by_customer.get(step.qbo_id)
    overwrites = step.data.get("link") == FirstLink.FROM_QBO
    if not overwrites or step.client_pk not in facts.elsewhere:
        return ""
    return "" if mapping is not None and "link" in mapping.base else MAPPED_ELSEWHERE
