"""Whether a customer is the one that we may have made (rule 16). Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from wagtail_qbo_sync.contact import Contact, email_keys, match_key, same

from .match import EMAIL, NAME

NOTHING: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Made:
    """A customer that was made since a creation was sent."""

    qbo_id: str
    contact: Contact
    is_free: bool
    """Mapped to nobody, so that it may be adopted."""


@dataclass(frozen=True, slots=True)
class Found:
    """What became of one creation. Neither: it was not made."""

    adopted: str = ""
    near: tuple[tuple[str, frozenset[str]], ...] = ()
    """(qbo_id, what it has in common) of those that a person has to look at."""


def look(sent: Mapping[str, Contact], made: Sequence[Made]) -> dict[str, Found]:
    """Key -> what became of the creation of this contact.

    One free customer that is equal in name or e-mail is the one. Several, one that is only
    near, or one that is also like another contact that was sent, are for a person.
    """
    alike = {
        key: [(one, by) for one in made if (by := _likeness(sent[key], one.contact))]
        for key in sent
    }
    claims = [one.qbo_id for found in alike.values() for one, _ in found]
    outcome = {}
    for key, found in alike.items():
        only = found[0][0] if len(found) == 1 else None
        is_sure = only is not None and only.is_free and claims.count(only.qbo_id) == 1
        if only is not None and is_sure and _is_equal(sent[key], only.contact):
            outcome[key] = Found(adopted=only.qbo_id)
        else:
            near = sorted((one.qbo_id, by) for one, by in found)
            outcome[key] = Found(near=tuple(near))
    return outcome


def _likeness(sent: Contact, made: Contact) -> frozenset[str]:
    by_name = match_key(sent.name) == match_key(made.name)
    by_email = not set(email_keys(sent.email)).isdisjoint(email_keys(made.email))
    return (NAME if by_name else NOTHING) | (EMAIL if by_email else NOTHING)


def _is_equal(sent: Contact, made: Contact) -> bool:
    if same("name", sent.name, made.name):
        return True
    return bool(sent.email) and same("email", sent.email, made.email)
