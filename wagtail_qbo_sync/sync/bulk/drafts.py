"""What people have chosen for customers without a client, until they save it all (C8-C12).

A draft is kept as it is made, one for each customer and for everybody who works on the list.
It changes nothing: the sync does not see it. Save all (`proposal`) makes decisions of them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext

from wagtail_qbo_sync import clock
from wagtail_qbo_sync.compat import wide_statements
from wagtail_qbo_sync.host.adapter import get_adapter
from wagtail_qbo_sync.models import Connection, Customer, Decision
from wagtail_qbo_sync.models.mirror import split_keys
from wagtail_qbo_sync.sync.records.client_status import taken_by, taken_clients
from wagtail_qbo_sync.sync.records.locked import Refusal
from wagtail_qbo_sync.sync.records.parties import client_keys
from wagtail_qbo_sync.sync.records.status import TO_MAP, CustomerStatus, with_status

from .choices import CLIENT_GONE, Choice
from .choices import Do as Do

Kind = Decision.Kind


@dataclass(frozen=True, slots=True)
class Draft:
    """One choice. `client_pk` is "" unless a client was chosen."""

    do: Do
    client_pk: str
    by: Any
    version: str
    """Goes out with the page and comes back with the next choice."""
    by_default: bool = False
    """Whether it came with the default for all (C12)."""

    @classmethod
    def of(cls, decision: Decision) -> Draft:
        do, client = Do(decision.facts["do"]), decision.facts["client"]
        return cls(do, client, decision.by, decision.at.isoformat(), decision.by_policy)


class Changed(Exception):
    """Somebody else chose for this customer meanwhile; nothing was stored.

    `draft`: what stands now, None if their choice was taken back.
    """

    def __init__(self, draft: Draft | None) -> None:
        super().__init__("The draft changed meanwhile.")
        self.draft = draft


def to_map(connection: Connection) -> QuerySet[Any]:
    """C8: the customers that wait for a person, those in review included."""
    return with_status(Customer.objects.filter(connection=connection)).filter(status__in=TO_MAP)


def decided(connection: Connection) -> QuerySet[Any]:
    """Those of the customers to map for whom something is chosen."""
    return to_map(connection).filter(qbo_id__in=_drafts(connection).values("qbo_id"))


def drafts_of(connection: Connection, qbo_ids: Iterable[str]) -> dict[str, Draft]:
    """The drafts about these customers."""
    rows = _drafts(connection).filter(qbo_id__in=list(qbo_ids)).select_related("by")
    return {row.qbo_id: Draft.of(row) for row in rows}


def exact_names(connection: Connection) -> dict[str, str]:
    """qbo_id -> the one client of exactly this name (C9), of the customers to map.

    None for a name that two clients or two of these customers have, for a client that is
    mapped or excluded here or chosen for another, and for a pair whose match a person removed.
    """
    adapter = get_adapter()
    named: dict[str, list[str]] = {}
    for qbo_id, keys in to_map(connection).values_list("qbo_id", "match_keys"):
        if name := split_keys(keys)[0]:
            named.setdefault(name, []).append(qbo_id)
    holders: dict[str, list[str]] = {}
    for client in client_keys(adapter, ()) if named else ():
        if client.name in named:
            holders.setdefault(client.name, []).append(client.pk)
    taken, chosen = taken_clients(connection), chosen_clients(connection)
    removed = set(
        Decision.objects.filter(connection=connection, kind=Kind.REMOVED_MATCH).values_list(
            "qbo_id", "client_pk"
        )
    )
    pairs = {
        customers[0]: holders[name][0]
        for name, customers in named.items()
        if len(customers) == 1 and len(holders.get(name, ())) == 1
    }
    return {
        qbo_id: pk
        for qbo_id, pk in pairs.items()
        if pk not in taken and chosen.get(pk, qbo_id) == qbo_id and (qbo_id, pk) not in removed
    }


def suggested(connection: Connection, user: Any) -> dict[str, str]:
    """`exact_names`, as far as a person may see the clients. None: a program, which sees all."""
    found = exact_names(connection)
    if user is None:
        return found
    visible = get_adapter().visible_keys(user, found.values())
    return {qbo_id: pk for qbo_id, pk in found.items() if pk in visible}


def chosen_clients(connection: Connection, pks: Collection[str] | None = None) -> dict[str, str]:
    """Client, of `pks` or of all -> the qbo_id of the customer to map it was chosen for."""
    drafts = _drafts(connection).filter(facts__do=Do.MAP)
    if pks is not None:
        drafts = drafts.filter(facts__client__in=list(pks))
    waiting = drafts.filter(qbo_id__in=to_map(connection).values("qbo_id"))
    return {facts["client"]: qbo_id for qbo_id, facts in waiting.values_list("qbo_id", "facts")}


def _drafts(connection: Connection) -> QuerySet[Decision]:
    return Decision.objects.filter(connection=connection, kind=Kind.DRAFT)


# Choosing -----------------------------------------------------------------------------------


def save(
    connection: Connection, qbo_id: str, do: Do, user: Any, *, client_pk: str = "", seen: str = ""
) -> Draft:
    """Keep a choice. `seen`: the version that the page showed, "" for none.

    Raises Changed when another stands there by now, Refusal when the customer does not wait,
    or when the client is not free.
    """
    with transaction.atomic():
        # The customer's row is locked, so that of two people the second sees the first.
        Customer.objects.select_for_update().filter(connection=connection, qbo_id=qbo_id).first()
        if not to_map(connection).filter(qbo_id=qbo_id).exists():
            raise Refusal(gettext("This customer does not wait for a decision any more."))
        standing = drafts_of(connection, [qbo_id]).get(qbo_id)
        if (standing.version if standing else "") != seen:
            raise Changed(standing)
        client = _free_client(connection, qbo_id, client_pk) if do == Do.MAP else ""
        made, _created = Decision.objects.update_or_create(
            kind=Kind.DRAFT,
            connection=connection,
            qbo_id=qbo_id,
            client_pk="",
            defaults={
                "by": user,
                "by_policy": False,
                "at": clock.now(),
                "facts": {"do": str(do), "client": client},
            },
        )
    return Draft.of(made)


def _free_client(connection: Connection, qbo_id: str, client_pk: str) -> str:
    """The client's key, in its one spelling: "01" is "1". Refuses one that is taken (K8: one
    customer per client). Of two at the same moment Save all tells (`choices`)."""
    client = next(iter(get_adapter().records([client_pk])), None)
    if client is None:
        raise Refusal(gettext(CLIENT_GONE))
    taken, excluded = taken_by(connection, [client.pk])
    if client.pk in taken:
        names = {"client": client.label, "customer": taken[client.pk]}
        raise Refusal(gettext("“%(client)s” is already mapped to “%(customer)s”.") % names)
    if client.pk in excluded:
        raise Refusal(gettext("“%s” is excluded from mapping.") % client.label)
    other = chosen_clients(connection, [client.pk]).get(client.pk, qbo_id)
    if other != qbo_id:
        customer = Customer.objects.get(connection=connection, qbo_id=other).path
        raise Refusal(gettext("This client is chosen for “%s” already.") % customer, customer)
    return client.pk


@dataclass(frozen=True, slots=True)
class Applied:
    """What a default did, in customers."""

    chosen: int
    exact: int
    """Kept their suggestion."""
    alike: int
    """Left undecided, because they are like a client."""


def apply_default(connection: Connection, do: Do, user: Any) -> Applied:
    """C12: choose the same for all customers, on every page. `do`: CREATE or EXCLUDE.

    What a person chose for one customer stays, and so do suggestions by exact name; an
    earlier default is replaced. No client is to be created by default beside one that is like
    it (K6).
    """
    with transaction.atomic():
        _drafts(connection).filter(by_policy=True).delete()
        decided = set(_drafts(connection).values_list("qbo_id", flat=True))
        exact, chosen, counts = exact_names(connection), [], Counter[str]()
        for qbo_id, status in to_map(connection).values_list("qbo_id", "status"):
            if qbo_id in decided:
                continue
            if qbo_id in exact:
                counts["exact"] += 1
            elif do == Do.CREATE and status != CustomerStatus.UNMAPPED:
                counts["alike"] += 1
            else:
                chosen.append(qbo_id)
        at, facts = clock.now(), {"do": str(do), "client": ""}
        with wide_statements(Decision.objects.db):
            Decision.objects.bulk_create(
                [
                    Decision(
                        kind=Kind.DRAFT,
                        connection=connection,
                        qbo_id=qbo_id,
                        by=user,
                        by_policy=True,
                        at=at,
                        facts=facts,
                    )
                    for qbo_id in chosen
                ],
                ignore_conflicts=True,  # somebody has just chosen: that stays
            )
    return Applied(len(chosen), counts["exact"], counts["alike"])


def take_back_default(connection: Connection) -> int:
    """Undecided again is what a default chose; how many customers that is."""
    taken, _by_model = _drafts(connection).filter(by_policy=True).delete()
    return taken


# What is chosen by now ------------------------------------------------------------------------


def choices(connection: Connection, user: Any) -> list[Choice]:
    """Everything that Save all is about: the drafts, and the exact names that the person was
    shown, which stand until somebody chooses something else."""
    exact = {pk: Choice(pk, Do.MAP, client) for pk, client in suggested(connection, user).items()}
    waiting = _drafts(connection).filter(qbo_id__in=to_map(connection).values("qbo_id"))
    rows = waiting.values_list("qbo_id", "facts")
    drafts = {pk: Choice(pk, facts["do"], facts["client"]) for pk, facts in rows}
    return sorted((exact | drafts).values())
