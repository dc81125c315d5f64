"""What each row of a file would do: pure, from what it says and what the client is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.utils.translation import gettext_noop

from wagtail_qbo_sync.contact import email_keys, match_key, normalised
from wagtail_qbo_sync.host.adapter import ClientRecord
from wagtail_qbo_sync.models import ImportRow

from .columns import CALCULATED, HEADINGS, SEPARATOR, Said

State = ImportRow.State
LISTED = 12
"""How many types are named to somebody who wrote one that is not there."""

WHO = gettext_noop("Neither key, e-mail nor name says which client this is.")
NO_SUCH_KEY = gettext_noop("There is no client with the key “%(key)s”.")
NOBODY = gettext_noop("No client has what the row says of name and e-mail.")
SEVERAL = gettext_noop(
    "%(count)s clients have what the row says of name and e-mail. Put the key of the one you "
    "mean in the row; an export has it."
)
DOUBLED = gettext_noop("Row %(row)s is about the same client. Leave out one of them.")
SOMEBODY_ELSE = gettext_noop(
    "The key is that of “%(client)s”, but the row says “%(said)s”. Were the columns sorted apart?"
)
NO_SUCH_TYPE = gettext_noop("There is no Contact Type “%(type)s”. There are: %(types)s.")
NO_TYPES_AT_ALL = gettext_noop("There is no Contact Type “%(type)s”, nor any other.")
ALIKE_TYPES = gettext_noop(
    "Several Contact Types are called “%(type)s”. Put the key of one in the row: %(types)s."
)
NOTHING_GIVEN = gettext_noop("No Contact Type is given, so the client keeps what it has.")
ONLY_TYPES = gettext_noop("Only the Contact Type is taken over; “%(client)s” keeps its name.")


@dataclass(frozen=True, slots=True)
class Verdict:
    """What becomes of one row."""

    state: State
    before: Sequence[str] = ()
    after: Sequence[str] = ()
    why: str = ""
    about: Mapping[str, Any] = field(default_factory=dict)


def error(why: str, **about: Any) -> Verdict:
    """The row cannot be used."""
    return Verdict(State.ERROR, why=why, about=about)


# Which client ---------------------------------------------------------------------------------


class People:
    """Clients by name and e-mail, as far as rows without a key ask for them."""

    def __init__(self, rows: Iterable[Said]) -> None:
        asked = [row for row in rows if not row.key]
        self.by_name: dict[str, set[str]] = {match_key(row.name): set() for row in asked}
        self.by_email: dict[str, set[str]] = {
            key: set() for row in asked for key in email_keys(row.email)
        }

    @property
    def are_asked_for(self) -> bool:
        """Whether it is worth while to go through the clients."""
        return bool(self.by_email) or bool(self.by_name.keys() - {""})

    def meet(self, record: ClientRecord) -> None:
        """Note a client."""
        for key in email_keys(record.contact.email):
            if key in self.by_email:
                self.by_email[key].add(record.pk)
        if (key := match_key(record.label)) in self.by_name:
            self.by_name[key].add(record.pk)

    def find(self, row: Said) -> str | Verdict:
        """The one client that has all that the row says, or why there is none."""
        alike = [self.by_name[match_key(row.name)]] if row.name else []
        if row.email:
            keys = email_keys(row.email)
            alike.append({pk for key in keys for pk in self.by_email[key]})
        if not alike:
            return error(WHO)
        found = set.intersection(*alike)
        if len(found) == 1:
            return next(iter(found))
        return error(SEVERAL, count=len(found)) if found else error(NOBODY)


def at_first_sight(row: Said) -> Verdict | None:
    """What is wrong with a row whoever it is about."""
    if row.formula:
        return error(CALCULATED, column=str(HEADINGS[row.formula]))
    return None


# What becomes of it ---------------------------------------------------------------------------


class Types:
    """The site's Contact Types by what people write."""

    def __init__(self, choices: Iterable[tuple[str, str]], several: bool) -> None:
        self.labels = dict(choices)
        self.several = several
        self.by_label: dict[str, list[str]] = {}
        for key, label in self.labels.items():
            self.by_label.setdefault(normalised(label), []).append(key)

    def read(self, text: str) -> tuple[str, ...] | Verdict:
        """The keys that a cell means, or what is wrong with it."""
        whole = self._one(text)
        if isinstance(whole, str) or not self.several:
            return whole if isinstance(whole, Verdict) else (whole,)
        parts = [part.strip() for part in text.split(SEPARATOR.strip())]
        found = [self._one(part) for part in parts if part]
        wrong = next((each for each in found if isinstance(each, Verdict)), None)
        return wrong or tuple(sorted({each for each in found if isinstance(each, str)}))

    def _one(self, text: str) -> str | Verdict:
        keys = self.by_label.get(normalised(text), [])
        if len(keys) == 1:
            return keys[0]
        if text in self.labels:
            return text
        if keys:
            return error(ALIKE_TYPES, type=text, types=", ".join(keys))
        if not self.labels:
            return error(NO_TYPES_AT_ALL, type=text)
        named = list(self.labels.values())
        more = ["…"] if len(named) > LISTED else []
        return error(NO_SUCH_TYPE, type=text, types=", ".join([*named[:LISTED], *more]))


def judge(row: Said, record: ClientRecord | None, types: Types) -> Verdict:
    """What a row does to its client; None: there is none, or none that the person may see."""
    if record is None:
        return error(NO_SUCH_KEY, key=row.key) if row.key else error(NOBODY)
    if row.key and not _names(row, record):
        said = row.name or row.email
        return error(SOMEBODY_ELSE, client=record.label, said=said)
    before = tuple(sorted(record.contact_types))
    if not row.types:
        return Verdict(State.SAME, before, before, NOTHING_GIVEN)
    after = types.read(row.types)
    if isinstance(after, Verdict):
        return after
    state = State.SAME if before == after else State.CHANGE
    if row.name and match_key(row.name) != match_key(record.label):
        return Verdict(state, before, after, ONLY_TYPES, {"client": record.label})
    return Verdict(state, before, after)


def _names(row: Said, record: ClientRecord) -> bool:
    """Whether name or e-mail are the client's, as far as the row has any."""
    said = []
    if row.name:
        said.append(match_key(row.name) == match_key(record.label))
    if row.email:
        said.append(not set(email_keys(row.email)).isdisjoint(email_keys(record.contact.email)))
    return any(said) if said else True
