"""What a look at both sides of a pair says, against what was agreed last (U13). Pure."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import NamedTuple

from wagtail_qbo_sync.contact import Value, same


class Moved(StrEnum):
    """Which side says something else than at the last agreement (rule 11)."""

    NEITHER = "neither"
    SITE = "site"
    QBO = "qbo"
    BOTH = "both"


class Difference(NamedTuple):
    """The fields that the two sides say different things of, in order, and who moved."""

    fields: list[str]
    moved: Moved


def compare(
    site: Mapping[str, Value],
    qbo: Mapping[str, Value],
    base_site: Mapping[str, Value],
    base_qbo: Mapping[str, Value],
) -> Difference | None:
    """None when both sides say the same of every field; the bases only tell why they do not.

    A difference in which nobody moved stands as agreed.
    """
    fields = sorted(name for name in site if not same(name, site[name], qbo[name]))
    if not fields:
        return None
    moved = (_has_moved(site, base_site, fields), _has_moved(qbo, base_qbo, fields))
    return Difference(fields, _MOVED[moved])


_MOVED = {
    (False, False): Moved.NEITHER,
    (True, False): Moved.SITE,
    (False, True): Moved.QBO,
    (True, True): Moved.BOTH,
}


def _has_moved(now: Mapping[str, Value], base: Mapping[str, Value], fields: list[str]) -> bool:
    """A field without a base has not been agreed about, so whatever it says is new."""
    return any(name not in base or not same(name, now[name], base[name]) for name in fields)
