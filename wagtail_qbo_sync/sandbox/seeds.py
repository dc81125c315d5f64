"""What generated data looks like before a company takes it in."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any


@dataclass(frozen=True)
class Seed:
    """One customer (or vendor, or employee) to be; `parent` is the name of a record before it."""

    values: dict[str, Any]
    parent: str | None = None
    active: bool = True
    balance: float = 0
    project: bool = False
    created: str = ""
    updated: str = ""
    edits: int = 0

    def at(self, created: str, updated: str, edits: int) -> Seed:
        return replace(self, created=created, updated=updated, edits=edits)


@dataclass(frozen=True)
class CompanySeed:
    realm: str
    role: str
    info: dict[str, Any]
    customers: list[Seed]
    others: dict[str, list[Seed]] = field(default_factory=dict)
