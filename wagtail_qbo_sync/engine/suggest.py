"""Which clients a person may mean, ranked and explained (C9; docs/explanation/matching.md).

Nothing here is acted on by machine. A client is looked at only if it shares a mark with the
customer: an e-mail, a phone, an address, a word of its name. Only those few are compared letter
by letter, so that 100,000 clients are no slower to search than 1,000.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from difflib import SequenceMatcher
from enum import StrEnum
from heapq import nsmallest
from importlib.util import find_spec
from typing import NamedTuple, TypeAlias

from wagtail_qbo_sync.contact import (
    DELETED_SUFFIX,
    PHONES,
    Contact,
    match_key,
    normalised,
    split_emails,
    value_key,
)

LIKE = 78.0
"""From here on, of 100, two names count as similar."""

OTHER_FORM = 1.0
"""What another legal form takes away: "Berg LLC" is not "Berg Inc", but hardly anything else is."""

CROWD = 100
"""A mark that more clients than this share says nothing about any of them."""

FREE_MAIL = re.compile(
    r"(aol|comcast|fastmail|free|gmail|gmx|googlemail|hotmail|icloud|live|mac|mail|me|msn|orange"
    r"|outlook|pm|proton|protonmail|sbcglobal|t-online|verizon|web|yahoo|yandex|ymail|zoho)\."
)
"""How the domains begin at which anybody can have an address."""


class Reason(StrEnum):
    """Why a client is suggested."""

    SAME_NAME = "same_name"
    """Equal as matching compares names."""
    SIMILAR_NAME = "similar_name"
    """The names read nearly the same; or the name of one and the company name of the other."""
    SAME_EMAIL = "same_email"
    SAME_PHONE = "same_phone"
    SAME_COMPANY = "same_company"
    """Equal company names, but for "Inc" and the like: two people of one firm, perhaps."""
    SAME_ADDRESS = "same_address"
    """Equal postal code, house number and first letter of the street."""
    SAME_DOMAIN = "same_domain"
    """E-mail addresses at one domain, which is not a free mail service."""


_WEIGHTS = {
    Reason.SAME_NAME: 0.98,
    Reason.SIMILAR_NAME: 0.95,  # for names that are wholly alike
    Reason.SAME_EMAIL: 0.90,
    Reason.SAME_PHONE: 0.85,
    Reason.SAME_COMPANY: 0.50,
    Reason.SAME_ADDRESS: 0.50,
    Reason.SAME_DOMAIN: 0.40,
}
_IMPLIED = {Reason.SAME_NAME: Reason.SIMILAR_NAME, Reason.SAME_EMAIL: Reason.SAME_DOMAIN}
"""The second goes without saying where the first is said."""


class SuggestClient(NamedTuple):
    """What suggestions look at, as typed: of a client, and of a customer just as well."""

    key: str
    name: str = ""
    company_name: str = ""
    emails: tuple[str, ...] = ()
    phones: tuple[str, ...] = ()
    postal_code: str = ""
    line1: str = ""


class Suggestion(NamedTuple):
    """A client to choose: its key, how sure (0 to 100), and why (in the order of `Reason`)."""

    pk: str
    score: float
    reasons: tuple[Reason, ...]


def of(key: str, contact: Contact) -> SuggestClient:
    """What suggestions look at of a contact; the physical address only if there is no other."""
    address = contact.mailing_address or contact.physical_address
    return SuggestClient(
        key,
        contact.name,
        contact.company_name,
        tuple(split_emails(contact.email)),
        tuple(text for name in sorted(PHONES) if (text := getattr(contact, name))),
        address.postal_code,
        address.line1,
    )


class Suggester:
    """The clients that may be suggested, by their marks.

    Leave out clients that are no target (mapped, excluded). `compare` is for tests and
    benchmarks; without it, rapidfuzz compares names where the extra "fuzzy" is installed.
    """

    def __init__(self, clients: Iterable[SuggestClient], compare: Compare | None = None) -> None:
        self._compare = compare or best_compare()
        self._pks: list[str] = []
        self._names: list[_Names] = []
        self._same = {reason: _Index() for reason in Reason}
        self._leads = _Index()
        for position, client in enumerate(clients):
            names = _Names.of(client)
            self._pks.append(client.key)
            self._names.append(names)
            for reason, mark in _marks(client, names):
                self._same[reason].add(mark, position)
        self._common = _common_words(self._names)
        for position, names in enumerate(self._names):
            for lead in _leads(names, self._common):
                self._leads.add(lead, position)

    def exact_name(self, customer: SuggestClient) -> str | None:
        """The one client of exactly this name; None if there is none or several (C9)."""
        found = self._same[Reason.SAME_NAME].few(match_key(customer.name), most=1)
        return self._pks[found[0]] if found else None

    def suggest(self, customer: SuggestClient, limit: int = 5) -> list[Suggestion]:
        """The clients most like this customer: best first, equals by pk, `limit` at most."""
        names = _Names.of(customer)
        shared = self._shared(customer, names)
        alike = self._alike(names, shared)
        suggestions = (
            _suggestion(self._pks[position], reasons, alike.get(position, 0.0))
            for position, reasons in shared.items()
            if reasons or position in alike
        )
        return nsmallest(limit, suggestions, key=lambda each: (-each.score, each.pk))

    def _shared(self, customer: SuggestClient, names: _Names) -> dict[int, set[Reason]]:
        """The clients to look at, and what of them is the same (nothing yet, for a lead)."""
        shared: dict[int, set[Reason]] = {}
        for reason, mark in _marks(customer, names):
            for position in self._same[reason].few(mark):
                shared.setdefault(position, set()).add(reason)
        for lead in _leads(names, self._common):
            for position in self._leads.few(lead):
                shared.setdefault(position, set())
        return shared

    def _alike(self, names: _Names, positions: Iterable[int]) -> dict[int, float]:
        """How alike the names are, of 100, where they are alike."""
        to_name, to_company = self._compare(names.name), self._compare(names.company)
        found = {}
        for position in positions:
            name, company, form = self._names[position]
            alike = to_name(name) - (OTHER_FORM if form != names.form else 0)
            likeness = max(alike, to_name(company), to_company(name))
            if likeness >= LIKE:
                found[position] = likeness
        return found


def _suggestion(pk: str, same: set[Reason], likeness: float) -> Suggestion:
    reasons = same | {Reason.SIMILAR_NAME} if likeness else same
    reasons = reasons - {_IMPLIED[reason] for reason in reasons if reason in _IMPLIED}
    doubt = 1.0
    for reason in Reason:
        if reason in reasons:
            sure = likeness / 100 if reason is Reason.SIMILAR_NAME else 1.0
            doubt *= 1 - _WEIGHTS[reason] * sure
    return Suggestion(
        pk, 100 * (1 - doubt), tuple(reason for reason in Reason if reason in reasons)
    )


class _Index:
    """Which clients, by position, have a mark. Most marks have one, for which no list is made."""

    def __init__(self) -> None:
        self._first: dict[str, int] = {}
        self._others: dict[str, list[int]] = {}

    def add(self, mark: str, position: int) -> None:
        """To be called in the order of the positions; a repeated mark counts once."""
        if self._first.setdefault(mark, position) == position:
            return
        others = self._others.setdefault(mark, [])
        if not others or others[-1] != position:
            others.append(position)

    def few(self, mark: str, most: int = CROWD) -> Sequence[int]:
        """The clients with this mark; none if there are more than `most`."""
        if mark not in self._first:
            return ()
        others = self._others.get(mark, ())
        return (self._first[mark], *others) if len(others) < most else ()


# Marks --------------------------------------------------------------------------------------

_NOT_DIGITS = re.compile(r"\D+")
_EXTENDED = re.compile(r"[a-z#]", re.IGNORECASE)
_ZIP_PLUS_4 = re.compile(r"(?<=^\d{5})-?\d{4}$")
_STREET = re.compile(r"(\d+)\w?\b\W*(?:(?:[ns][ew]?|[ew]|north|south|east|west)\b\W*)?([^\W\d])?")


def _marks(client: SuggestClient, names: _Names) -> Iterator[tuple[Reason, str]]:
    """What is looked up as it is: two records with one of these in common share a reason."""
    if name := match_key(client.name):
        yield Reason.SAME_NAME, name
    if names.company:
        yield Reason.SAME_COMPANY, names.company
    for email in filter(None, map(normalised, client.emails)):
        domain = email.rpartition("@")[2]
        yield Reason.SAME_EMAIL, email
        if not FREE_MAIL.match(domain):
            yield Reason.SAME_DOMAIN, domain
    for phone in map(phone_mark, client.phones):
        if len(phone) >= 7:
            yield Reason.SAME_PHONE, phone
    if address := address_mark(client.postal_code, client.line1):
        yield Reason.SAME_ADDRESS, address


def phone_mark(text: str) -> str:
    """The last ten digits but for the extension, since a country code may be missing."""
    if _EXTENDED.search(text):
        text = str(value_key("phone", text)).partition("x")[0]
    return _NOT_DIGITS.sub("", text)[-10:]


def address_mark(postal_code: str, line1: str) -> str:
    """Postal code, house number and first letter of the street; "" without the first two."""
    code = _ZIP_PLUS_4.sub("", postal_code.casefold().replace(" ", ""))
    street = _STREET.search(line1.casefold())
    return f"{code} {street[1]} {street[2] or ''}" if code and street else ""


# Names --------------------------------------------------------------------------------------


class _Names(NamedTuple):
    """What is compared of one record, all plain; `form` is the legal form behind `name`."""

    name: str
    company: str
    form: str

    @classmethod
    def of(cls, client: SuggestClient) -> _Names:
        name, form = plain_name(client.name)
        return cls(name, plain_name(client.company_name)[0], form)


_UNSPOKEN = re.compile(r"[.'’`]")
_PUNCTUATION = re.compile(r"[\W_]+")
_LEGAL_FORM = re.compile(
    r"( (and )?(ag|bv|co|company|corp|corporation|gmbh|inc|incorporated|kg|limited|llc|llp|lp"
    r"|ltd|nv|pa|pc|plc|pllc|pty|sarl|ug))+$"
)


def plain_name(text: str) -> tuple[str, str]:
    """A name without accents and punctuation; apart from it, the legal form at its end."""
    if not text:
        return "", ""
    plain = normalised(text)
    if plain.endswith(")"):
        plain = DELETED_SUFFIX.sub("", plain)
    if not plain.isascii():
        parts = unicodedata.normalize("NFKD", plain)
        plain = "".join(char for char in parts if not unicodedata.combining(char))
    plain = _UNSPOKEN.sub("", plain.replace("&", " and ").replace("+", " and "))
    plain = _PUNCTUATION.sub(" ", plain).strip()
    form = _LEGAL_FORM.search(plain)
    return (plain[: form.start()], form[0]) if form else (plain, "")


def _common_words(records: Iterable[_Names]) -> frozenset[str]:
    """The words that a crowd has in its names."""
    counts = Counter(word for names in records for word in f"{names.name} {names.company}".split())
    return frozenset(word for word, count in counts.items() if count > CROWD)


def _leads(names: _Names, common: Container[str]) -> Iterator[str]:
    """What one of two similar names nearly always has in common with the other.

    A rare word; a common word before the beginning of the next (after the last comes the first,
    because of "Berg, Anna"); how all words begin, or end; how the whole begins, or ends,
    wherever its blanks are.
    """
    for name in filter(None, (names.name, names.company)):
        words = name.split()
        for word, following in zip(words, words[1:] + words[:1], strict=True):
            yield f"{word} {following[:2]}" if word in common else word
        yield "<" + " ".join(sorted([word[:2] for word in words]))
        yield ">" + " ".join(sorted([word[-2:] for word in words]))
        run = "".join(words)
        yield "<" + run[:8]
        yield ">" + run[-8:]


# Likeness -----------------------------------------------------------------------------------

Likeness: TypeAlias = Callable[[str], float]
"""How alike a name is to a given one, 0 to 100; 0 may stand for anything below LIKE."""
Compare: TypeAlias = Callable[[str], Likeness]
"""From a name to the likeness to it, in its own order of words or in theirs ("Berg, Anna")."""


def best_compare() -> Compare:
    """rapidfuzz where it is installed, else difflib."""
    return by_rapidfuzz if find_spec("rapidfuzz") else by_difflib


def by_rapidfuzz(name: str) -> Likeness:
    """The share of letters that are common and in one order, by the extra "fuzzy"."""
    from rapidfuzz.fuzz import ratio, token_sort_ratio

    def likeness(other: str) -> float:
        if not name or not other:
            return 0.0
        return max(
            ratio(name, other, score_cutoff=LIKE), token_sort_ratio(name, other, score_cutoff=LIKE)
        )

    return likeness


def by_difflib(name: str) -> Likeness:
    """Nearly the same measure by the standard library; never higher."""
    typed, sorted_words = SequenceMatcher(autojunk=False), SequenceMatcher(autojunk=False)
    typed.set_seq2(name)
    sorted_words.set_seq2(_sorted(name))

    def likeness(other: str) -> float:
        if not name or not other:
            return 0.0
        typed.set_seq1(other)
        if 100 * typed.real_quick_ratio() < LIKE or 100 * typed.quick_ratio() < LIKE:
            return 0.0
        sorted_words.set_seq1(_sorted(other))
        return 100 * max(typed.ratio(), sorted_words.ratio())

    return likeness


def _sorted(name: str) -> str:
    return " ".join(sorted(name.split()))
