"""Errors of QuickBooks: one exception, read out of whatever came back.

What each fault means and what is to be done about it stands in `fault_table`.
"""

from __future__ import annotations

import email.utils
import time
from collections.abc import Collection, Mapping
from typing import Any

from django.utils.functional import Promise

from wagtail_qbo_sync.qbo import envelopes
from wagtail_qbo_sync.qbo.envelopes import Item
from wagtail_qbo_sync.qbo.fault_table import Action as Action
from wagtail_qbo_sync.qbo.fault_table import Fault
from wagtail_qbo_sync.qbo.fault_table import lookup as lookup

NOT_FOUND = "610"
"""Intuit's code for a record that it does not have."""
MAX_WAIT = 3600.0
"""Seconds; a longer Retry-After would let one answer silence a company for days."""

_WORST_FIRST = (
    Action.OPERATOR,
    Action.RECONNECT,
    Action.BUG,
    Action.BACK_OFF,
    Action.CASE,
    Action.REREAD,
)


class QboError(Exception):
    """A call that QuickBooks did not do, or may not have done. Holds no token.

    `code` is Intuit's fault code without leading zeros, an OAuth error, or one of the words
    in the table for what happened on the way; `retry_after` is in seconds and only set for
    BACK_OFF; `unknown_outcome` says that a write may have been done all the same.
    """

    def __init__(
        self,
        fault: Fault,
        *,
        status: int | None = None,
        code: str = "",
        message: str = "",
        detail: str = "",
        element: str = "",
        intuit_tid: str = "",
        retry_after: float | None = None,
        unknown_outcome: bool = False,
        items: tuple[Item, ...] = (),
    ) -> None:
        self.fault = fault
        self.action = fault.action
        self.status = status
        self.code = code
        self.message = message
        self.detail = detail
        self.element = element
        self.intuit_tid = intuit_tid
        self.retry_after = retry_after
        self.unknown_outcome = unknown_outcome
        self.items = items
        """Every error of the answer; `code`, `message` and so on are those of the worst."""
        super().__init__(self._text())

    @classmethod
    def of(
        cls, code: str, *, status: int | None = None, write: bool = False, **facts: Any
    ) -> QboError:
        """The error for a code of the table; `write` says that a write was under way."""
        fault = lookup(status, code)
        facts.setdefault("retry_after", fault.wait)
        facts.setdefault("unknown_outcome", write and fault.unknown_outcome)
        return cls(fault, status=status, code=code, **facts)

    @property
    def pull_goes_on(self) -> bool:
        """Whether reading may go on."""
        return self.fault.pull_goes_on

    @property
    def user_message(self) -> str | Promise:
        """What happened and what to do, for people; translated when shown."""
        return self.fault.sentence

    def _text(self) -> str:
        """For logs and traces: our own words, and of Intuit's only codes. Its sentences repeat
        what was sent, which is people's data (docs/explanation/security.md)."""
        said = "" if self.items else self.message
        facts = {
            "HTTP": self.status,
            "code": self.code,
            "element": self.element,
            "intuit_tid": self.intuit_tid,
        }
        codes = {name: value for name, value in facts.items() if envelopes.is_code(value)}
        known = ", ".join(f"{name} {value}" for name, value in codes.items())
        return f"{said or self.action} ({known})" if known else said or str(self.action)


def parse(
    status: int,
    headers: Mapping[str, str],
    body: bytes,
    *,
    write: bool = False,
    secrets: Collection[str] = (),
) -> QboError:
    """The error in an answer of the API that is not a success, in any of the envelopes.

    `secrets` are tokens that must not survive in the texts; `write` is True when a write
    was under way.
    """
    return _error(status, headers, envelopes.items(body, secrets), write)


def inside(
    document: Mapping[str, Any],
    headers: Mapping[str, str],
    *,
    write: bool = False,
    secrets: Collection[str] = (),
) -> QboError | None:
    """The error inside a document that came with HTTP 200, or None. Also for batch items."""
    if not envelopes.has_fault(document):
        return None
    return _error(200, headers, envelopes.items_of(document, secrets), write)


def parse_oauth(
    status: int,
    headers: Mapping[str, str],
    body: bytes,
    *,
    write: bool = False,
    secrets: Collection[str] = (),
) -> QboError:
    """The error in an answer of Intuit's OAuth server."""
    item = envelopes.oauth_item(body, secrets)
    if not item.code and status == 401:  # there it speaks of the app's keys, not of a token
        item = Item(code="invalid_client")
    return _error(status, headers, (item,), write)


def _error(
    status: int, headers: Mapping[str, str], items: tuple[Item, ...], write: bool
) -> QboError:
    found = [(lookup(status, item.code), item) for item in items] or [(lookup(status, ""), Item())]
    fault, item = min(found, key=lambda pair: _WORST_FIRST.index(pair[0].action))
    return QboError(
        fault,
        status=status,
        code=item.code,
        message=item.message,
        detail=item.detail,
        element=item.element,
        intuit_tid=tid_of(headers),
        retry_after=_wait(fault, headers),
        unknown_outcome=write and fault.unknown_outcome,
        items=items,
    )


def tid_of(headers: Mapping[str, str]) -> str:
    """Intuit's number of the call, which its support asks for; "" if there is none."""
    tid = headers.get("intuit_tid", "")
    return tid if envelopes.is_code(tid) else ""


def _wait(fault: Fault, headers: Mapping[str, str]) -> float | None:
    """Seconds to wait: Retry-After (seconds or a date) if it is sensible, else the table's."""
    if fault.wait is None:
        return None
    said = _seconds(headers.get("Retry-After", ""))
    return fault.wait if said is None else min(max(said, 1.0), MAX_WAIT)


def _seconds(retry_after: str) -> float | None:
    text = retry_after.strip()
    if text.isascii() and text.isdigit():
        return float(text[:9])
    try:
        return email.utils.parsedate_to_datetime(text).timestamp() - time.time()
    except (TypeError, ValueError, OverflowError):
        return None
