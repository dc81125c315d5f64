"""Reading clients: some or all, locked or not, with a constant number of queries."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property, reduce
from operator import and_, or_
from typing import Any

from django.core.exceptions import ValidationError
from django.db import connections, models

from wagtail_qbo_sync.contact import Address, Contact

from .contact_types import key_of
from .description import ClientDescription, text_of
from .record import ClientRecord, Refused

CHUNK = 1000
"""Clients read by one query."""

_SEARCHED = ("name", "company_name", "email")


class ClientReading(ClientDescription):
    """The part of a ClientAdapter that reads."""

    def read(self, client: Any) -> ClientRecord:
        """What an instance holds."""
        return self._record(client.pk, self.values(client), self.contact_types.of(client))

    def read_back(self, pk: Any) -> ClientRecord:
        """The client as the database now holds it. Raises Refused if it is not there."""
        for record in self.records([str(pk)]):
            return record
        raise Refused("The client was not there any more after it had been saved.")

    def records(self, pks: Iterable[str] | None = None) -> Iterator[ClientRecord]:
        """Every client, or those of `pks`, in chunks with a constant number of queries each.

        Keys that are no client's are left out. All clients come in the order of their keys.
        """
        if pks is None:
            yield from self._all_records()
            return
        for chunk in self.by_keys(pks):
            yield from self._read_chunk(chunk)

    def records_after(self, pk: str = "") -> list[ClientRecord]:
        """The next CHUNK clients after this key, or from the first one on; in order of keys."""
        rest = self.queryset().order_by("pk")
        if pk:
            rest = rest.filter(pk__gt=self.model._meta.pk.to_python(pk))
        return self._read_chunk(rest, CHUNK)

    def existing(self, pks: Iterable[str]) -> set[str]:
        """Those of `pks` that are a client's."""
        chunks = (chunk.values_list("pk", flat=True) for chunk in self.by_keys(pks))
        return {str(pk) for chunk in chunks for pk in chunk}

    def visible_keys(self, user: Any, pks: Iterable[str]) -> set[str]:
        """Those of `pks` that are a client's whom a person may see."""
        chunks = (
            self.visible_to(user, chunk).values_list("pk", flat=True) for chunk in self.by_keys(pks)
        )
        return {str(pk) for chunk in chunks for pk in chunk}

    def lock(self, pks: Iterable[str]) -> dict[str, Any]:
        """Clients by key, their rows locked until the transaction ends; lost keys are left out.

        Must run in a transaction. One query per chunk, besides what is prefetched.
        """
        found: dict[str, Any] = {}
        for chunk in self.by_keys(pks):
            for client in self._prefetched(_for_update(chunk)):
                found[str(client.pk)] = client
        return found

    def search(
        self, text: str, limit: int | None = 20, within: models.QuerySet[Any] | None = None
    ) -> models.QuerySet[Any]:
        """Clients that have each word of `text` in name, company or e-mail, by name.

        `within` narrows to what somebody may see: `within=visible_to(user, queryset())`.
        """
        found = self.queryset() if within is None else within
        if not self.searched:
            return found.none()
        words = [
            reduce(or_, (models.Q(**{f"{column}__icontains": word}) for column in self.searched))
            for word in text.split()
        ]
        found = found.filter(reduce(and_, words, models.Q()))
        return found.order_by(self.searched[0], "pk")[:limit]

    @cached_property
    def searched(self) -> tuple[str, ...]:
        """Columns that hold name, company and e-mail, in this order."""
        return (
            *(self.field_map[path] for path in _SEARCHED if path in self.field_map),
            *(name for path in _SEARCHED for name in self.computed.get(path, ())),
        )

    def by_keys(self, pks: Iterable[str]) -> Iterator[models.QuerySet[Any]]:
        """Querysets of at most CHUNK clients each."""
        keys = list(self.keys(pks))
        for start in range(0, len(keys), CHUNK):
            yield self.queryset().order_by("pk").filter(pk__in=keys[start : start + CHUNK])

    def keys(self, pks: Iterable[str]) -> Iterator[Any]:
        """Keys as the database takes them, each once; what can be none is left out."""
        field = self.model._meta.pk
        for pk in dict.fromkeys(pks):
            try:
                key = field.to_python(pk)
                field.run_validators(key)
            except ValidationError:
                continue
            yield key

    # -------------------------------------------------------------------------------------

    @cached_property
    def _is_plain(self) -> bool:
        """Whether columns say everything, so that no instance needs to be made."""
        mine, plain = type(self), ClientReading
        return not self.computed and mine.values is plain.values and mine.read is plain.read

    def _record(
        self, pk: Any, values: Mapping[str, str], contact_types: tuple[str, ...]
    ) -> ClientRecord:
        held: dict[str, Any] = {}
        parts: dict[str, dict[str, str]] = {}
        for path, text in values.items():
            name, _, part = path.partition(".")
            if part:
                parts.setdefault(name, {})[part] = text
            else:
                held[name] = text
        held.update((name, Address(**texts)) for name, texts in parts.items())
        contact = Contact(**held)
        return ClientRecord(str(pk), self.label(str(pk), contact), contact, contact_types)

    def _all_records(self) -> Iterator[ClientRecord]:
        """By ranges of keys, so that clients may be written in between."""
        chunk = self.records_after()
        while chunk:
            yield from chunk
            chunk = self.records_after(chunk[-1].pk)

    def _read_chunk(
        self, clients: models.QuerySet[Any], limit: int | None = None
    ) -> list[ClientRecord]:
        if self._is_plain:
            return list(self._plain_records(clients[:limit]))
        return list(map(self.read, self._prefetched(clients)[:limit]))

    def _prefetched(self, clients: models.QuerySet[Any]) -> models.QuerySet[Any]:
        return self.prefetch(clients.prefetch_related(*self.contact_types.prefetch))

    def _plain_records(self, clients: models.QuerySet[Any]) -> Iterator[ClientRecord]:
        paths = list(self.field_map)
        types = self.contact_types
        column = types.column or "pk"
        rows = list(clients.values_list("pk", column, *self.field_map.values()))
        many = {} if types.column else types.of_many([row[0] for row in rows])
        for pk, key, *held in rows:
            kinds = key_of(key) if types.column else many.get(pk, ())
            yield self._record(pk, dict(zip(paths, map(text_of, held), strict=True)), kinds)


def _for_update(clients: models.QuerySet[Any]) -> models.QuerySet[Any]:
    """Lock the rows of the clients, also their parents', and of nobody else."""
    links = [link.name for link in clients.model._meta.parents.values() if link is not None]
    if connections[clients.db].features.has_select_for_update_of:
        return clients.select_for_update(of=("self", *links))
    return clients.select_for_update()
