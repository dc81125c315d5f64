"""What each row of a file would do: pure, from what it says and what the client is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.utils.translation import gettext_noop

from wagtail_qbo_sync.contact import email_keys, match_key, normalised
from wagtail_qbo_sync.host.adapter import ClientRecord
from wagtail_qbo_sync.models import ImportRow

from .columns import CALCULATED, HEADINGS, Said
from .vocabulary import NoType, Types, printable

State = ImportRow.State
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
    try:
        after = before if _is_untouched(row, types.cell(before)) else types.read(row.types)
    except NoType as said:
        return error(said.why, **said.about)
    state = State.SAME if before == after else State.CHANGE
    if row.name and not _is_name(row, record):
        return Verdict(state, before, after, ONLY_TYPES, {"client": record.label})
    return Verdict(state, before, after)


def _is_untouched(row: Said, exported: str) -> bool:
    """Whether the cell says what an export says of the client, be it a type that is none any
    more: nothing was changed there. A file may change how a line ends."""
    return row.types.split() == printable(exported).split()


def _names(row: Said, record: ClientRecord) -> bool:
    """Whether name or e-mail are the client's, as far as the row has any."""
    said = []
    if row.name:
        said.append(_is_name(row, record))
    if row.email:
        said.append(_is_email(row, record))
    return any(said) if said else True


def _is_name(row: Said, record: ClientRecord) -> bool:
    return match_key(row.name) == match_key(printable(record.label))


def _is_email(row: Said, record: ClientRecord) -> bool:
    """Whether they share an address, or the client's e-mail is none and the row says the same."""
    held = record.contact.email
    shared = set(email_keys(row.email)).intersection(email_keys(held))
    return bool(shared) or normalised(row.email) == normalised(printable(held))
