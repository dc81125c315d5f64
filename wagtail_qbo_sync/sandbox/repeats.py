"""Writes by requestid: the same one again gives the first answer again, and does nothing."""

from __future__ import annotations

from collections.abc import MutableMapping
from hashlib import sha256
from typing import Any

from . import faults
from .clock import Clock
from .switches import Switches
from .wire import Request

LONGEST = 50
LONGEST_OF_A_BATCH = 36


class Repeats:
    """What was answered, by company and requestid. Only what was done is kept, no refusal."""

    def __init__(self, table: MutableMapping[str, Any], switches: Switches, clock: Clock) -> None:
        self._table = table
        self._switches = switches
        self._clock = clock

    def first(self, key: str, said: bytes) -> Any:
        """The first answer to this key, or None. `said`: what is asked this time."""
        kept = self._table.get(key)
        if kept is None or self._clock.now() - kept["at"] > self._switches["requestid_retention"]:
            return None
        other = kept["digest"] != sha256(said).hexdigest()
        if other and self._switches["requestid_other_body"] == "fault":
            raise faults.duplicate_request_id(key.partition("/")[2])
        return kept["answer"]

    def keep(self, key: str, said: bytes, answer: Any) -> None:
        digest = sha256(said).hexdigest()
        self._table[key] = {"digest": digest, "answer": answer, "at": self._clock.now()}


def request_id(request: Request, longest: int = LONGEST) -> str:
    """The requestid of a write; "" without one. Fault 2130 for one that is too long."""
    number = request.params.get("requestid", "")
    if len(number) > longest:
        raise faults.bad_request_id(number)
    return number
