"""Two records side by side: which values are the same, and where they differ by character."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher

from wagtail_qbo_sync.contact import Contact, same

from .labels import value_lines
from .words import Lines

ALIKE = 0.5
"""How much of two texts must be the same for single characters to be worth marking."""


@dataclass(frozen=True, slots=True)
class Piece:
    """Some characters: on both sides (""), on the client's alone ("del"), QuickBooks' ("ins")."""

    mark: str
    text: str


@dataclass(frozen=True, slots=True)
class Cell:
    """One value of a client beside the customer's."""

    lines: Lines
    same: bool = False
    pieces: tuple[Piece, ...] = ()
    """Where they differ; () where they are the same or QuickBooks says nothing."""


def lines_of(name: str, contact: Contact) -> Lines:
    """A field of a contact as lines."""
    return value_lines(name, contact.to_json().get(name))


def compare(name: str, customer: Contact, client: Contact) -> Cell:
    """One field of a client beside the customer's."""
    here, there = lines_of(name, client), lines_of(name, customer)
    if same(name, getattr(customer, name), getattr(client, name)):
        return Cell(here, same=True)
    pieces = differences("\n".join(here), "\n".join(there)) if there else ()
    return Cell(here, pieces=tuple(pieces))


def differences(here: str, there: str) -> Iterator[Piece]:
    """What to strike out of `here` and to insert to get `there`.

    Between two changes a single character that happens to be on both sides is part of them:
    "office" and "tom" share an "o", which tells nobody anything.
    """
    matcher = SequenceMatcher(None, here, there, autojunk=False)
    if matcher.ratio() < ALIKE:
        yield from _changed(here, there)
        return
    old = new = ""
    blocks = matcher.get_matching_blocks()
    place = other = 0
    for start, from_, size in blocks:
        old, new = old + here[place:start], new + there[other:from_]
        text = here[start : start + size]
        place, other = start + size, from_ + size
        if size == 1 and (old or new) and place < len(here) and other < len(there):
            old, new = old + text, new + text
            continue
        yield from _changed(old, new)
        if text:
            yield Piece("", text)
        old = new = ""


def _changed(old: str, new: str) -> Iterator[Piece]:
    if old:
        yield Piece("del", old)
    if new:
        yield Piece("ins", new)
