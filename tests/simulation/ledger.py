"""Who wrote what, and what they had before their eyes."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from typing import NamedTuple

from .fields import FIELDS, Value, blank

SITE = "site"


class Record(NamedTuple):
    """A client (`place` is SITE), or a customer of the company with this realm."""

    place: str
    key: str


@dataclass(frozen=True, slots=True)
class Written:
    """A value of a field.

    `origins`: the numbers of the acts by which people wrote just this, here or elsewhere. `seen`:
    those of all that its authors had before their eyes, now or when they wrote what was there
    before. `typed`: not what a record began with for want of anything.
    """

    value: Value
    origins: frozenset[int]
    seen: frozenset[int]
    typed: bool

    def knows(self, other: Written) -> bool:
        """Whether who wrote this had seen the other."""
        return not self.seen.isdisjoint(other.origins)

    def joined(self, other: Written) -> Written:
        """The same, by somebody who has seen the other; by both, where it is the same value."""
        if other.value != self.value:
            return replace(self, seen=self.seen | other.seen)
        origins, seen = self.origins | other.origins, self.seen | other.seen
        return Written(self.value, origins, seen, self.typed or other.typed)


class Ledger:
    """What stands in each field of each record, and where it comes from."""

    def __init__(self) -> None:
        self.stands: dict[Record, dict[str, Written]] = {}
        self._all: defaultdict[tuple[str, Value], list[Written]] = defaultdict(list)
        self.acts = 0
        """By which people wrote something."""

    def appears(self, record: Record, values: dict[str, Value]) -> None:
        """A person makes a record."""
        for field in FIELDS:
            typed = values[field] != blank(field)
            self._stand(record, field, self._new(values[field], frozenset(), typed))

    def typed(self, record: Record, field: str, value: Value) -> None:
        """A person writes this over what stands there, which they see."""
        saw = self.stands[record][field].seen
        self._stand(record, field, self._new(value, saw))

    def typed_unseen(self, record: Record, field: str, before: Written) -> None:
        """An old form: what it shows stood there once, and its author has seen no more."""
        self._stand(record, field, self._new(before.value, before.seen))

    def seen_together(self, one: Record, other: Record, field: str) -> None:
        """From here on whoever sees the one has seen the other."""
        here, there = self.stands[one][field], self.stands[other][field]
        if not (here.knows(there) and there.knows(here) and here.seen == there.seen):
            self._stand(one, field, here.joined(there))
            self._stand(other, field, there.joined(here))

    def given_up(self, record: Record, field: str) -> None:
        """A person has said that this is to go, whatever the other side comes to say."""
        self._stand(record, field, replace(self.stands[record][field], typed=False))

    def as_people_said(self, record: Record, field: str, before: Written) -> None:
        """The sync has written over `before` because a person wanted that, and knew of it."""
        self._stand(record, field, self.stands[record][field].joined(before))

    def copied(self, record: Record, field: str, value: Value) -> bool:
        """The sync writes this. Whether somebody wrote it who had seen what stood there."""
        before = self.stands.get(record, {}).get(field)
        sources = self._all[field, value]
        knowing = [
            one for one in sources if before is None or not before.typed or one.knows(before)
        ]
        found = (knowing or sources)[-1:] or [self._new(value, frozenset())]
        self._stand(record, field, found[0])
        return bool(knowing)

    def _new(self, value: Value, saw: frozenset[int], typed: bool = True) -> Written:
        self.acts += 1
        number = frozenset([self.acts])
        return Written(value, number, saw | number, typed)

    def _stand(self, record: Record, field: str, written: Written) -> None:
        self.stands.setdefault(record, {})[field] = written
        self._all[field, written.value].append(written)
