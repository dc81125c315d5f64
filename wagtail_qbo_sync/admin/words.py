"""What steps, cases and the journal hold as JSON, put into words for one person.

Sentences are stored untranslated and translated here, when they are shown. Values that a
client held are left out for those who may not view the client.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from django.utils.text import get_text_list
from django.utils.translation import gettext, gettext_noop, pgettext
from django.utils.translation import gettext_lazy as _

from wagtail_qbo_sync.models import Case, Change
from wagtail_qbo_sync.sync.records.runs import ACTIVE, ON_SITE

from .clients import Clients, ShownClient
from .labels import field_label, value_lines

Lines = tuple[str, ...]

LISTED = 5
"""Candidates that are named in a row of a listing; the others are counted."""


@dataclass(frozen=True, slots=True)
class Written:
    """One field of a client and what it becomes; `before` is None where that is not shown."""

    label: str
    before: Lines | None
    after: Lines


@dataclass(frozen=True, slots=True)
class Conflict:
    """One field that says different things; `site` is None where that is not shown."""

    label: str
    site: Lines | None
    qbo: Lines


@dataclass(frozen=True, slots=True)
class Problem:
    """Why QuickBooks would not take a field."""

    label: str
    why: str


@dataclass(frozen=True, slots=True)
class Candidate:
    """A client that a customer is like, and why."""

    client: ShownClient
    why: str


@dataclass(frozen=True, slots=True)
class Told:
    """All that a step or a case has to say."""

    why: str = ""
    field: str = ""
    holder: ShownClient | None = None
    written: tuple[Written, ...] = ()
    sent: tuple[Written, ...] = ()
    """What QuickBooks is to say; no values where the person may not view the client."""
    problems: tuple[Problem, ...] = ()
    conflicts: tuple[Conflict, ...] = ()
    candidates: tuple[Candidate, ...] = ()
    customers: tuple[str, ...] = ()
    """Who in QuickBooks is in the way of a client that is to be created."""
    more: int = 0
    left: str = ""
    """Fields that an undo leaves because they were changed since."""
    since: tuple[int, ...] = ()
    """The later runs that did so."""
    hides: bool = False
    """Whether something was left out because the person may not view the client."""


def clients_in(data: Mapping[str, Any], limit: int | None = None) -> Iterator[str]:
    """Keys of the clients that a step's data or a case's facts name."""
    yield from (candidate["pk"] for candidate in data.get("candidates", [])[:limit])
    yield (data.get("refused") or data).get("holder", "")
    yield data.get("sibling", "")


def told(
    data: Mapping[str, Any], client_pk: str, clients: Clients, limit: int | None = None
) -> Told:
    """A step's data or a case's facts, naming at most `limit` candidates."""
    refused = data.get("refused") or data
    why = data.get("why") or data.get("message") or ""
    candidates = data.get("candidates", [])
    may_see = _may_see(client_pk, clients)
    travels = data.get("unticked") or data
    values = data.get(ON_SITE, {}).get("values", {}) | travels.get("values", {})
    conflicts = data.get("conflicts", {})
    to_qbo = travels.get("to_qbo", {})
    return Told(
        why=gettext(why) if why else "",
        field=field_label(refused.get("field", "")),
        holder=clients.show(refused.get("holder")),
        written=tuple(_written(values, may_see)),
        sent=(
            *_activity(data),
            *(_written(to_qbo, may_see=True) if may_see else ()),
        ),
        problems=tuple(_problems(data.get("problems", []))),
        conflicts=tuple(_conflicts(conflicts, may_see)),
        candidates=tuple(_candidate(item, clients) for item in candidates[:limit]),
        left=get_text_list([field_label(name) for name in data.get("left", ())], gettext("and")),
        since=tuple(sorted(set(data.get("since", {}).values()))),
        customers=tuple(_in_the_way(data, clients)),
        more=data.get("more", 0) + len(candidates) - len(candidates[:limit]),
        hides=not may_see
        and (bool(conflicts or to_qbo) or any(before for before, _new in values.values())),
    )


def told_case(case: Case, clients: Clients) -> Told:
    """A case, with what it asks in words where its facts do not say why."""
    said = told(case.facts, case.client_pk, clients)
    if merged := case.facts.get("merged"):
        words = {"id": merged["stays"], "why": _MERGED[merged["why"]]}
        return replace(said, why=gettext(_INTO) % words)
    return said if said.why else replace(said, why=case_words(case))


def told_change(change: Change, clients: Clients) -> Told:
    """An entry of the journal. What was written on the site is the client's, old and new."""
    if change.side == Change.Side.SITE and not _may_see(change.client_pk, clients):
        return Told(hides=True)
    return Told(written=tuple(_written(change.values, may_see=True)))


def case_words(case: Case) -> str:
    """What a case asks of a person."""
    if case.kind == Case.Kind.UNSENDABLE and not case.qbo_id:
        return gettext(
            "QuickBooks would not take these values, so no customer is made of this client. It "
            "is tried again when the client is changed."
        )
    if case.facts.get("circles"):
        return gettext(
            "The sync has written the same here several times, and something changed it back each "
            "time. It is not written again until you settle it: find out first which program on "
            "the site or in QuickBooks changes it."
        )
    return str(_CASES[Case.Kind(case.kind)])


_INTO = gettext_noop(
    "It was merged in QuickBooks into the customer with the QuickBooks ID %(id)s, which "
    "%(why)s. So the mapping sleeps. Map that customer to this client, or remove this match."
)
_MERGED = {
    "mapped": _("is mapped to another client"),
    "excluded": _("is excluded"),
    "removed": _("somebody has parted from this client"),
    "inactive": _("takes no part in the sync, as it is inactive or a project"),
}
_CASES = {
    Case.Kind.REVIEW: _(
        "This customer is like a client, but not in both name and e-mail. A person decides."
    ),
    Case.Kind.CONFLICT: _(
        "Both sides were changed to different values. Until they say the same, "
        "these fields are written on neither side."
    ),
    Case.Kind.REFUSED: _("The site did not accept what QuickBooks says."),
    Case.Kind.UNSENDABLE: _(
        "QuickBooks would not take these values, so they are not sent. What else was changed is."
    ),
    Case.Kind.NOT_TAKEN: _(
        "QuickBooks did not take what was changed on the site. It is tried again when the "
        "client is changed there; what else is changed goes on."
    ),
    Case.Kind.KEPT: _(
        "QuickBooks kept something else than it was sent. The difference stands until one "
        "side is edited."
    ),
    Case.Kind.ALIKE: _(
        "No customer is made of this client, because there is one like it. A person decides."
    ),
    Case.Kind.UNREADABLE: _("What QuickBooks sent for this customer could not be read."),
    Case.Kind.INACTIVE: _(
        "The customer is inactive in QuickBooks. Its mapping sleeps: "
        "nothing is written on either side until it is active again."
    ),
    Case.Kind.GONE: _(
        "The customer is no longer in QuickBooks. Its mapping sleeps: nothing is written on "
        "either side unless the customer is there again."
    ),
    Case.Kind.MERGED: _(
        "The customer was merged into another one in QuickBooks, and its mapping sleeps."
    ),
    Case.Kind.CLIENT_DELETED: _(
        "The client of this customer was deleted on the site. Nothing was deleted in "
        "QuickBooks, and no sync makes the client again. A person decides."
    ),
    Case.Kind.DELETIONS: _(
        "Unusually many mapped clients are no longer on the site, as after a new import. "
        "Their mappings are kept until a person decides."
    ),
    Case.Kind.RESET: _(
        "Unusually many customers are missing in QuickBooks, or are older there than they were, "
        "as after the company was reset. Nothing is read or written until a person says go on."
    ),
    Case.Kind.UNDO: _(
        "This was to be taken back, but somebody has edited it since, so it was left as it is. "
        "Ignore this to keep the edit, or put back all the same what stood there before."
    ),
}


def _may_see(client_pk: str, clients: Clients) -> bool:
    client = clients.show(client_pk)
    return client is None or client.may_see


def _written(values: Mapping[str, Any], may_see: bool) -> Iterator[Written]:
    for name, (before, after) in values.items():
        shown = value_lines(name, before) if may_see and before is not None else None
        yield Written(field_label(name), shown, value_lines(name, after))


def _activity(data: Mapping[str, Any]) -> Iterator[Written]:
    """Whether a customer is made inactive, or active again: nothing of the client's."""
    if ACTIVE in data:
        yield from _written({ACTIVE: [not data[ACTIVE], data[ACTIVE]]}, may_see=True)


def _problems(problems: Iterable[Mapping[str, Any]]) -> Iterator[Problem]:
    for problem in problems:
        label = field_label(problem["path"].partition(".")[0])
        yield Problem(label, gettext(problem["message"]) % problem["numbers"])


def _conflicts(conflicts: Mapping[str, Any], may_see: bool) -> Iterator[Conflict]:
    for name, sides in conflicts.items():
        site = value_lines(name, sides["site"]) if may_see else None
        yield Conflict(field_label(name), site, value_lines(name, sides["qbo"]))


def _candidate(item: Mapping[str, Any], clients: Clients) -> Candidate:
    client = clients.show(item["pk"], item.get("label", ""))
    assert client is not None  # a candidate has a key
    reasons = [likeness(item["by"])]
    if item.get("taken"):
        reasons.append(gettext("already mapped or excluded"))
    return Candidate(client, pgettext("between reasons", ", ").join(reasons))


def _in_the_way(data: Mapping[str, Any], clients: Clients) -> Iterator[str]:
    """U10, K6: customers, vendors and employees by name, or another client of this site."""
    for item in data.get("customers", []):
        reasons = [likeness(item["by"])] if item.get("by") else [gettext("match removed")]
        if item.get("taken"):
            reasons.append(gettext("already mapped or excluded"))
        words = {"name": item["label"], "why": pgettext("between reasons", ", ").join(reasons)}
        yield gettext("“%(name)s” in QuickBooks: %(why)s") % words
    if sibling := clients.show(data.get("sibling")):
        text = gettext("“%s” is like it, and a customer is made of that client first.")
        yield text % sibling.label
    if holder := data.get("name_holder"):
        yield _HOLDERS[holder["entity"], holder["active"]] % {"name": holder["name"]}


_HOLDERS = {
    ("Customer", True): _("The customer “%(name)s” has this name."),
    ("Customer", False): _("The inactive customer “%(name)s” has this name."),
    ("Vendor", True): _("The vendor “%(name)s” has this name."),
    ("Vendor", False): _("The inactive vendor “%(name)s” has this name."),
    ("Employee", True): _("The employee “%(name)s” has this name."),
    ("Employee", False): _("The inactive employee “%(name)s” has this name."),
}


def likeness(by: Iterable[str]) -> str:
    """Why a client is a candidate: "same name"."""
    return str(_LIKE[frozenset(by)])


_LIKE = {
    frozenset({"name"}): _("same name"),
    frozenset({"email"}): _("same e-mail"),
    frozenset({"name", "email"}): _("same name and e-mail"),
}
