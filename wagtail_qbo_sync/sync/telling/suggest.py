"""Which clients a person may mean, for the customers on one page of a list (C9).

The index of all clients (engine/suggest.py) takes seconds to make for 100,000 of them, so the
process keeps it, for every company: as long as there are as many clients and the last one is
the same, and no more than KEPT times as long as it took to make. A host's model need not say
when a client was changed.

What is shown is looked up for each page: a client is left out that is gone, that was edited
since the index was made, or that is mapped, excluded or chosen for another customer here. So
what is shown is true. A client that was edited may be missing for some minutes on a large site;
it can be searched for.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from wagtail_qbo_sync.engine import suggest as engine
from wagtail_qbo_sync.engine.suggest import Reason as Reason
from wagtail_qbo_sync.host.adapter import ClientAdapter, get_adapter
from wagtail_qbo_sync.models import Connection, Customer, Decision
from wagtail_qbo_sync.models.mirror import split_keys
from wagtail_qbo_sync.sync.bulk.drafts import chosen_clients, to_map
from wagtail_qbo_sync.sync.records.client_status import taken_clients
from wagtail_qbo_sync.sync.records.parties import TAKE_PART

KEPT = 100
"""The index is made in a hundredth of the time at most."""
CANDIDATES = 20
"""Clients that are looked up for each customer, since some of them may not be free."""

Kind = Decision.Kind
WORDS: dict[Reason, Promise] = {
    Reason.SAME_NAME: _("same name"),
    Reason.SIMILAR_NAME: _("similar name"),
    Reason.SAME_EMAIL: _("same e-mail"),
    Reason.SAME_PHONE: _("same phone"),
    Reason.SAME_COMPANY: _("same company name"),
    Reason.SAME_ADDRESS: _("same address"),
    Reason.SAME_DOMAIN: _("same e-mail domain"),
}


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A client to choose, and why.

    `exact`: the one free client of exactly this name (C9), as `drafts.exact_names` has it.
    """

    client_pk: str
    reasons: tuple[Reason, ...]
    exact: bool = False

    @property
    def why(self) -> list[str]:
        """The reasons in words, the most telling first."""
        return [str(WORDS[reason]) for reason in self.reasons]


def suggestions(
    connection: Connection, customers: Sequence[Customer], limit: int = 3
) -> dict[str, list[Suggestion]]:
    """qbo_id -> the clients most like this customer: the exact name first, then by likeness.

    For customers to map, a page of them: eight statements, however many clients there are,
    besides those that read all clients when the index is made.
    """
    adapter = get_adapter()
    index = _index(adapter)
    asked = {one.qbo_id: engine.of(one.qbo_id, one.contact) for one in customers}
    found = {qbo_id: index.suggester.suggest(it, CANDIDATES) for qbo_id, it in asked.items()}
    exact = {qbo_id: index.suggester.exact_name(it) for qbo_id, it in asked.items()}
    for qbo_id in _of_one_name(connection, customers):
        exact[qbo_id] = None
    free = _Free(connection, found)
    shown = {
        qbo_id: free.of(qbo_id, each, first=exact[qbo_id])[:limit] for qbo_id, each in found.items()
    }
    true = index.unchanged(adapter, {one.pk for each in shown.values() for one in each})
    return {
        qbo_id: [
            Suggestion(one.pk, one.reasons, one.pk == exact[qbo_id])
            for one in each
            if one.pk in true
        ]
        for qbo_id, each in shown.items()
    }


class _Free:
    """Which of some clients may be suggested in this company."""

    def __init__(
        self, connection: Connection, found: Mapping[str, list[engine.Suggestion]]
    ) -> None:
        pks = {one.pk for each in found.values() for one in each}
        removed = Decision.objects.filter(
            connection=connection, kind=Kind.REMOVED_MATCH, qbo_id__in=list(found)
        )
        self.taken = taken_clients(connection, pks)
        self.removed = set(removed.values_list("qbo_id", "client_pk"))
        self.chosen = chosen_clients(connection, pks)

    def of(
        self, qbo_id: str, found: list[engine.Suggestion], first: str | None
    ) -> list[engine.Suggestion]:
        """Those that are no pair which a person has parted, `first` before all."""
        free = [
            one
            for one in found
            if one.pk not in self.taken
            and self.chosen.get(one.pk, qbo_id) == qbo_id
            and (qbo_id, one.pk) not in self.removed
        ]
        return sorted(free, key=lambda one: one.pk != first)


def _of_one_name(connection: Connection, customers: Sequence[Customer]) -> set[str]:
    """Those of the customers whose name another customer to map has too."""
    mine = {one.qbo_id: split_keys(one.match_keys)[0] for one in customers}
    names = set(mine.values())
    rows = Customer.objects.filter(connection=connection, standing__in=TAKE_PART)
    bearers: dict[str, list[str]] = {}
    for qbo_id, keys in rows.values_list("qbo_id", "match_keys").iterator():
        if (name := split_keys(keys)[0]) in names:
            bearers.setdefault(name, []).append(qbo_id)
    several = [qbo_id for each in bearers.values() if len(each) > 1 for qbo_id in each]
    waiting = set(to_map(connection).filter(qbo_id__in=several).values_list("qbo_id", flat=True))
    return {
        qbo_id for qbo_id, name in mine.items() if waiting.intersection(bearers[name]) - {qbo_id}
    }


# The index ------------------------------------------------------------------------------------


class _Index:
    """All clients, by what suggestions look at; made of one reading of the host's model."""

    def __init__(self, adapter: ClientAdapter) -> None:
        started = time.monotonic()
        self._seen: dict[str, int] = {}
        self.suggester = engine.Suggester(self._read(adapter))
        made = time.monotonic()
        self._kept_until = made + KEPT * (made - started)

    def _read(self, adapter: ClientAdapter) -> Iterator[engine.SuggestClient]:
        for record in adapter.records():
            client = engine.of(record.pk, record.contact)
            self._seen[client.key] = hash(client)
            yield client

    def is_fresh(self) -> bool:
        return time.monotonic() < self._kept_until

    def unchanged(self, adapter: ClientAdapter, pks: Iterable[str]) -> set[str]:
        """Those of the clients that are there, as they were when this was made."""
        records = adapter.records(pks)
        return {
            one.pk
            for one in records
            if self._seen.get(one.pk) == hash(engine.of(one.pk, one.contact))
        }


_making = threading.Lock()
_kept: tuple[object, _Index] | None = None


def _index(adapter: ClientAdapter) -> _Index:
    global _kept
    clients = adapter.queryset().order_by("-pk").values_list("pk", flat=True)
    key = (adapter, clients.count(), clients.first())
    with _making:
        if _kept is None or _kept[0] != key or not _kept[1].is_fresh():
            _kept = (key, _Index(adapter))
        return _kept[1]


def forget() -> None:
    """Make the index anew for the next page; for tests, whose clients come and go unseen."""
    global _kept
    _kept = None
