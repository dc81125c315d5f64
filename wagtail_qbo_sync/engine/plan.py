"""Steps: small immutable acts, each with what it was computed from.

Pure functions from what is known of a customer and a client to a step, or to None where
there is nothing to do. `news` leaves out what people were told already; `sync.planning.plan`
gathers what is known and stores the steps.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, TypeAlias

from wagtail_qbo_sync.contact import Contact, Value, values_to_json

from .match import Review
from .merge import Conflict, FirstLink, Merge, Terms, held_back, is_blank, merge


class Kind(StrEnum):
    """What a step does; the same words as `models.Step.Kind`."""

    LINK = "link"
    CREATE = "create"
    UPDATE = "update"
    PUSH = "push"
    ADD = "add"
    STAY = "stay"
    AGREE = "agree"
    EXCLUDE = "exclude"
    REVIEW = "review"
    CONFLICT = "conflict"
    SLEEP = "sleep"
    WAKE = "wake"
    FOLLOW = "follow"
    WAIT = "wait"
    UNDO = "undo"
    CLOSE = "close"


class Unmatched(StrEnum):
    """U1: what becomes of a customer that matches nobody."""

    WAIT = "wait"
    CREATE = "create"
    EXCLUDE = "exclude"


class Ask(StrEnum):
    """What people are asked about a customer; the same words as `models.Case.Kind`."""

    REVIEW = "review"
    CONFLICT = "conflict"
    REFUSED = "refused"
    INACTIVE = "inactive"
    GONE = "gone"
    MERGED = "merged"
    UNSENDABLE = "unsendable"
    NOT_TAKEN = "not_taken"
    KEPT = "kept"


@dataclass(frozen=True, slots=True)
class Party:
    """One side of a pair: its key, its name for people, the mapped fields, their digest."""

    key: str
    label: str
    contact: Contact
    digest: str


Rewritten: TypeAlias = dict[str, dict[str, tuple[Value, Value]]]
"""Side ("site", "qbo") -> field -> (before, after): what was written there time and again."""


@dataclass(frozen=True, slots=True)
class Base:
    """What was read back from each side at the last agreement (rule 11), and how to link."""

    site: Mapping[str, Value] = field(default_factory=dict)
    qbo: Mapping[str, Value] = field(default_factory=dict)
    replaced: Mapping[str, Value] = field(default_factory=dict)
    silent: Mapping[str, str] = field(default_factory=dict)
    """Field -> the `Terms.stance` for which its difference was left standing (U2)."""
    settled: str = ""
    """When a person last settled a conflict of theirs; an earlier step is held (rule 10)."""
    rewritten: Rewritten = field(default_factory=dict)
    link: FirstLink = FirstLink.FROM_QBO
    linked: bool = False
    by_hand: bool = False
    """A person mapped them, and the cycle has not linked them yet."""


@dataclass(frozen=True, slots=True)
class Step:
    """One act. `data` is JSON: what a person is shown and what is checked before applying."""

    kind: Kind
    qbo_id: str
    client_pk: str = ""
    data: dict[str, Any] = field(default_factory=dict)


NO_TERMS = Terms()


def pair(
    customer: Party,
    client: Party,
    fields: frozenset[str],
    base: Base,
    *,
    terms: Terms = NO_TERMS,
    wakes: bool = False,
) -> Step | None:
    """What two mapped, or about to be mapped, records ask for; None when nothing does.

    A base that is not linked yet makes it a first link (C13); `wakes` ends a sleep even if
    nothing differs. A difference that a silent side leaves standing is noted once, with what it
    stands for (U2).
    """
    found = merge(
        base_site=base.site,
        base_qbo=base.qbo,
        site=client.contact.values(fields),
        qbo=customer.contact.values(fields),
        directions=terms.directions,
        on_conflict=terms.on_conflict,
        first_link=base.link,
        replaced=base.replaced,
    )
    circles = _circles(found, customer, client, base)
    found = held_back(found, circles)
    silent = {name: terms.stance(name) for name in sorted(found.differs)}
    kind = _kind(found, base, wakes)
    if kind is None and silent == base.silent:
        return None
    data = seen(customer, client) | _told(customer, client, found, base)
    if silent:
        data["silent"] = silent
    if circles:
        data["circles"] = sorted(circles)
    return Step(kind or Kind.AGREE, customer.key, client.key, data)


def _circles(found: Merge, customer: Party, client: Party, base: Base) -> dict[str, Conflict]:
    """Rule 11: what would be written over the same value once more is a question for a person."""
    sides = (
        (found.to_site, client.contact, base.rewritten.get("site", {})),
        (found.to_qbo, customer.contact, base.rewritten.get("qbo", {})),
    )
    names = {
        name
        for writes, held, again in sides
        for name, value in writes.items()
        if again.get(name) == (getattr(held, name), value)
    }
    return {
        name: Conflict(
            base.site.get(name),
            base.qbo.get(name),
            getattr(client.contact, name),
            getattr(customer.contact, name),
        )
        for name in names
    }


def _told(customer: Party, client: Party, found: Merge, base: Base) -> dict[str, Any]:
    """What a merge decided, as a step holds it."""
    data: dict[str, Any] = {
        "values": _before_and_after(client.contact, found.to_site),
        "settle": sorted(found.settled),
    }
    if found.to_qbo:
        data["to_qbo"] = _before_and_after(customer.contact, found.to_qbo)
    if not base.linked:
        data |= {"link": str(base.link), "by_hand": base.by_hand}
    if found.conflicts:
        data["conflicts"] = _conflicts(found)
    if base.settled:
        data["settled"] = base.settled
    return data


def _conflicts(found: Merge) -> dict[str, Any]:
    """Field -> what each side holds."""
    site = values_to_json({name: one.site for name, one in found.conflicts.items()})
    qbo = values_to_json({name: one.qbo for name, one in found.conflicts.items()})
    return {name: {"site": site[name], "qbo": qbo[name]} for name in sorted(found.conflicts)}


def _kind(found: Merge, base: Base, wakes: bool) -> Kind | None:
    if not base.linked:
        return Kind.LINK
    if wakes:
        return Kind.WAKE
    if found.to_site:
        return Kind.UPDATE
    if found.to_qbo:
        return Kind.PUSH
    if found.conflicts:
        return Kind.CONFLICT
    return Kind.AGREE if found.settled else None


def seen(customer: Party, client: Party | None = None) -> dict[str, Any]:
    """What a step is about by name, and what each side was when it was computed."""
    seen = {"customer": customer.digest, "client": client.digest if client else ""}
    return {"customer": customer.label, "client": client.label if client else "", "seen": seen}


def agree(customer: Party, client: Party, base: Base) -> Step:
    """A pair with nothing to do, which is only to be noted as seen."""
    data = seen(customer, client) | _told(customer, client, Merge(), base)
    if base.silent:
        data["silent"] = dict(base.silent)
    return Step(Kind.AGREE, customer.key, client.key, data)


def unmatched(customer: Party, fields: frozenset[str], policy: Unmatched) -> Step:
    """K5 under U1, for a customer that is like nobody."""
    data = seen(customer)
    if policy is Unmatched.CREATE:
        values = {name: value for name, value in customer.contact.values(fields).items() if value}
        data["values"] = {name: [None, value] for name, value in values_to_json(values).items()}
        data["client"] = customer.label
    return Step(Kind(policy), customer.key, data=data)


def review(customer: Party, found: Review, labels: Mapping[str, str]) -> Step:
    """K6: the candidates a person chooses from, by name."""
    data = seen(customer)
    data["candidates"] = [
        {
            "pk": candidate.pk,
            "label": labels.get(candidate.pk, ""),
            "by": sorted(candidate.by),
            "taken": candidate.taken,
        }
        for candidate in found.candidates
    ]
    data["more"] = found.more
    return Step(Kind.REVIEW, customer.key, data=data)


def waits(customer: Party) -> Step:
    """A customer about whom only a person may decide."""
    return Step(Kind.WAIT, customer.key, data=seen(customer))


def sleep(
    customer: Party,
    client_pk: str,
    *,
    ask: Ask | None = Ask.INACTIVE,
    archives: bool = False,
    merged: Mapping[str, str] | None = None,
) -> Step:
    """U8: a mapped customer that turned inactive or is gone; neither side is written.

    `ask`: what a person is told. `archives`: its client is archived instead, and the person is
    told where that is not possible.
    `merged`: of a customer that was merged, who stays and why the mapping does not follow (U7).
    """
    asks = Ask.MERGED if merged else None if archives else ask
    data = seen(customer) | {"asks": str(asks or "")}
    if archives:
        data["archives"] = str(ask)
    return Step(Kind.SLEEP, customer.key, client_pk, data | ({"merged": merged} if merged else {}))


def follow(
    stays: Party, gone: str, client: Party, fields: frozenset[str], base: Base, *, terms: Terms
) -> Step:
    """U7: the mapping of `gone` moves to the customer that it was merged into, as an ordinary
    merge on the old base."""
    step = pair(stays, client, fields, base, terms=terms, wakes=True)
    assert step is not None  # what wakes always has a step
    data = {**step.data, "gone": gone, "link": str(base.link)}
    return replace(step, kind=Kind.FOLLOW, data=data)


def add(client: Party, fields: Iterable[str]) -> Step:
    """K13, K14: a customer made of a client; `fields` are those that travel there."""
    values = client.contact.values(sorted(fields))
    told = values_to_json({name: value for name, value in values.items() if not is_blank(value)})
    data = {
        "customer": "",
        "client": client.label,
        "seen": {"customer": "", "client": client.digest},
        "to_qbo": {name: [None, value] for name, value in told.items()},
    }
    return Step(Kind.ADD, "", client.key, data)


def stay(client: Party, case: str, facts: Mapping[str, Any]) -> Step:
    """A client of which no machine makes a customer; `case`: what a person is asked about it."""
    seen = {"customer": "", "client": client.digest}
    data = {"customer": "", "client": client.label, "seen": seen, "case": case, **facts}
    return Step(Kind.STAY, "", client.key, data)


def by_hand(step: Step) -> Step:
    """The same step, as a person's decision: what machines may not do, a person may."""
    return replace(step, data={**step.data, "by_hand": True})


def left(data: Mapping[str, Any]) -> dict[str, Any]:
    """Data of a step that a person unticked: nothing travels, and what differs stands as agreed
    (rule 15). What would have travelled is kept as `unticked`."""
    travels = {name: data[name] for name in ("values", "to_qbo") if data.get(name)}
    stands = {name for values in travels.values() for name in values}
    rest = {name: value for name, value in data.items() if name != "to_qbo"}
    return {
        **rest,
        "values": {},
        "settle": sorted(stands.union(data.get("settle", ()))),
        "unticked": travels,
    }


def take_back(
    done: Step, values: Mapping[str, Any], to_qbo: Mapping[str, Any], **more: Any
) -> Step:
    """U5: what a step wrote is put back, on the sides where it wrote.

    `values` and `to_qbo`: {field: [what it wrote, what stood there before]}. `more`: what
    becomes of the mapping (`match`), what a client that was made got (`made`), whether one that
    was archived comes back (`unarchives`); whether the customer is to be `active`, and what we
    `wrote` to one that was created.
    """
    data = {
        "customer": done.data["customer"],
        "client": done.data.get("client", ""),
        "seen": {"customer": "", "client": ""},
        "values": dict(values),
        "by_hand": True,
        **more,
    }
    if to_qbo:
        data["to_qbo"] = dict(to_qbo)
    return Step(Kind.UNDO, done.qbo_id, done.client_pk, data)


def undo(linked: Step, written: Mapping[str, Any]) -> Step:
    """U5: what a link wrote to the client ({field: [before, after]}) is put back.

    Computed from nothing that could have moved since: a field that somebody edited after the
    link is left alone when the step is applied. The two are `parted` already, so their mapping
    says nothing against it.
    """
    data = {
        "customer": linked.data["customer"],
        "client": linked.data["client"],
        "seen": {"customer": "", "client": ""},
        "values": {name: [after, before] for name, (before, after) in written.items()},
        "by_hand": True,
        "parted": True,
    }
    return Step(Kind.UNDO, linked.qbo_id, linked.client_pk, data)


def writes(data: Mapping[str, Any]) -> bool:
    """Whether the brake counts a step: a machine's decision that writes to a side (U3)."""
    travels = data.get("values") or data.get("to_qbo") or data.get("archives")
    return bool(travels) and not data.get("by_hand")


def pushes(data: Mapping[str, Any]) -> bool:
    """Whether it counts, and sends something to QuickBooks."""
    return writes(data) and bool(data.get("to_qbo"))


def _before_and_after(before: Contact, after: Mapping[str, Value]) -> dict[str, Any]:
    old, new = values_to_json(before.values(after)), values_to_json(after)
    return {name: [old[name], new[name]] for name in sorted(after)}
