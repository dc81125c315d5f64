"""What travels where when a customer and its client differ (U2, U4, C13, rules 5 and 11).

Each field is decided by itself, from six values at most: what each side holds, what each side
held when it was last read back (its base), and what our last write replaced on the site.
"The same" is `contact.same`, never `==` (rule 9). The tables: docs/explanation/merge.md.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import Enum, StrEnum, auto
from typing import NamedTuple

from wagtail_qbo_sync.contact import Address, Value, same


class Direction(StrEnum):
    """Which way a field travels (U2); the other side is silent."""

    TWO_WAY = "two_way"
    PULL_ONLY = "pull"
    PUSH_ONLY = "push"


class OnConflict(StrEnum):
    """Who wins a field that both sides changed (U4)."""

    ASK = "ask"
    QBO_WINS = "qbo"
    SITE_WINS = "site"


class FirstLink(StrEnum):
    """What a field without a base does (C13)."""

    FROM_QBO = "from_qbo"
    """The client's first mapping, made from QuickBooks' side: its values overwrite."""
    FILL_BLANKS = "fill_blanks"
    """Linked from the site's side, or to a second company: nothing typed is overwritten unseen."""


@dataclass(frozen=True, slots=True)
class Terms:
    """What people set for a company; a field missing from `directions` is two-way."""

    directions: Mapping[str, Direction] = field(default_factory=dict)
    on_conflict: OnConflict = OnConflict.ASK

    def stance(self, name: str) -> str:
        """What a difference of this field is left standing for; another one is looked at anew."""
        return f"{self.directions.get(name, Direction.TWO_WAY)}/{self.on_conflict}"


class Conflict(NamedTuple):
    """What a person has to see to settle one field; no base (None) on a first link."""

    base_site: Value | None
    base_qbo: Value | None
    site: Value
    qbo: Value


@dataclass(frozen=True, slots=True)
class Merge:
    """What to do with each field; a field in none of these needs nothing.

    Once the writes are done, the bases of the fields in `to_site`, `to_qbo` and `settled` become
    what the two sides then hold when read back (rule 11); all other bases stay.
    """

    to_site: dict[str, Value] = field(default_factory=dict)
    to_qbo: dict[str, Value] = field(default_factory=dict)
    conflicts: dict[str, Conflict] = field(default_factory=dict)
    """Held on both sides until a person settles them."""
    settled: frozenset[str] = frozenset()
    """No write: both sides say the same, or on a first link their difference stands as agreed."""
    differs: frozenset[str] = frozenset()
    """No write: a side that is silent keeps what it has. On a first link this is settled too."""


def merge(
    *,
    base_site: Mapping[str, Value],
    base_qbo: Mapping[str, Value],
    site: Mapping[str, Value],
    qbo: Mapping[str, Value],
    directions: Mapping[str, Direction] | None = None,
    on_conflict: OnConflict = OnConflict.ASK,
    first_link: FirstLink = FirstLink.FROM_QBO,
    replaced: Mapping[str, Value] | None = None,
) -> Merge:
    """Decide every field that both `site` and `qbo` name (the mapped ones, rule 7).

    A field that lacks either base is first-linked. A field missing from `directions` is two-way.

    `replaced` holds, per field, what our last write to this client replaced, whichever company
    it came from (a site value that goes back to it is a conflict, rule 5). Leave a field out
    once its site value has moved on by an edit.
    """
    directions, replaced = directions or {}, replaced or {}
    found: defaultdict[_Outcome, list[_Field]] = defaultdict(list)
    for name in (name for name in site if name in qbo):
        one = _Field(
            name=name,
            base_site=base_site.get(name),
            base_qbo=base_qbo.get(name),
            site=site[name],
            qbo=qbo[name],
            replaced=replaced.get(name),
            direction=directions.get(name, Direction.TWO_WAY),
        )
        found[one.outcome(on_conflict, first_link)].append(one)
    return _sorted_out(found)


def held_back(found: Merge, conflicts: Mapping[str, Conflict]) -> Merge:
    """The same, but that these fields are conflicts, whatever the policy."""
    return replace(
        found,
        to_site={name: found.to_site[name] for name in found.to_site if name not in conflicts},
        to_qbo={name: found.to_qbo[name] for name in found.to_qbo if name not in conflicts},
        conflicts={**found.conflicts, **conflicts},
    )


def _sorted_out(found: Mapping[_Outcome, list[_Field]]) -> Merge:
    def those(*outcomes: _Outcome) -> list[_Field]:
        return [one for outcome in outcomes for one in found.get(outcome, ())]

    return Merge(
        to_site={one.name: one.qbo for one in those(_Outcome.TO_SITE)},
        to_qbo={one.name: one.site for one in those(_Outcome.TO_QBO)},
        conflicts={one.name: one.conflict() for one in those(_Outcome.CONFLICT)},
        settled=frozenset(one.name for one in those(_Outcome.SETTLED, _Outcome.AGREED_SILENT)),
        differs=frozenset(one.name for one in those(_Outcome.DIFFERS, _Outcome.AGREED_SILENT)),
    )


class _Outcome(Enum):
    NOTHING = auto()
    TO_SITE = auto()
    TO_QBO = auto()
    CONFLICT = auto()
    SETTLED = auto()
    DIFFERS = auto()
    AGREED_SILENT = auto()
    """Settled, and it differs: on a first link the direction forbids what would travel."""


@dataclass(frozen=True, slots=True)
class _Field:
    """One field, as seen from both sides."""

    name: str
    base_site: Value | None
    base_qbo: Value | None
    site: Value
    qbo: Value
    replaced: Value | None
    direction: Direction

    def outcome(self, on_conflict: OnConflict, first_link: FirstLink) -> _Outcome:
        if self.base_site is None or self.base_qbo is None:
            return self._first_link(first_link)
        site_changed = not self._same(self.site, self.base_site)
        qbo_changed = not self._same(self.qbo, self.base_qbo)
        if not site_changed and not qbo_changed:
            return _Outcome.NOTHING
        if self._equal():
            return _Outcome.SETTLED
        if site_changed and (qbo_changed or self._went_back()):
            return self._by_policy(on_conflict)
        return self._to_qbo() if site_changed else self._to_site()

    def conflict(self) -> Conflict:
        return Conflict(self.base_site, self.base_qbo, self.site, self.qbo)

    def _first_link(self, how: FirstLink) -> _Outcome:
        if self._equal():
            return _Outcome.SETTLED
        if how is FirstLink.FROM_QBO:
            if is_blank(self.qbo):
                return _Outcome.SETTLED
            return self._to_site(silent=_Outcome.AGREED_SILENT)
        if is_blank(self.site):
            return self._to_site(silent=_Outcome.AGREED_SILENT)
        if is_blank(self.qbo):
            return self._to_qbo(silent=_Outcome.AGREED_SILENT)
        return _Outcome.CONFLICT

    def _by_policy(self, on_conflict: OnConflict) -> _Outcome:
        if on_conflict is OnConflict.ASK:
            return _Outcome.CONFLICT
        return self._to_site() if on_conflict is OnConflict.QBO_WINS else self._to_qbo()

    def _to_site(self, silent: _Outcome = _Outcome.DIFFERS) -> _Outcome:
        return silent if self.direction is Direction.PUSH_ONLY else _Outcome.TO_SITE

    def _to_qbo(self, silent: _Outcome = _Outcome.DIFFERS) -> _Outcome:
        return silent if self.direction is Direction.PULL_ONLY else _Outcome.TO_QBO

    def _equal(self) -> bool:
        return self._same(self.site, self.qbo)

    def _went_back(self) -> bool:
        """The site holds again what our last write replaced: a stale form or an old draft."""
        if self.replaced is None or self.base_site is None:
            return False
        return went_back(self.name, self.site, self.replaced, self.base_site)

    def _same(self, one: Value, other: Value) -> bool:
        return _same(self.name, one, other)


def went_back(name: str, value: Value, was: Value, wrote: Value) -> bool:
    """Whether a value is what stood there before we `wrote`.

    Of an address, a part of it: whoever has an old form open corrects its postal code, and saves
    the old street with it.
    """
    now, before, after = map(_parts, (value, was, wrote))
    changed = [part for part in before if not _same(name, before[part], after[part])]
    return any(_same(name, now[part], before[part]) for part in changed)


def _same(name: str, one: Value, other: Value) -> bool:
    return one == other or same(name, one, other)


def _parts(value: Value) -> Mapping[str, str]:
    """Those of an address; any other value is one."""
    return value.parts() if isinstance(value, Address) else {"": value}


def is_blank(value: Value) -> bool:
    """Whether a value says nothing."""
    return not value if isinstance(value, Address) else not value.strip()
