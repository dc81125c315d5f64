"""Where Intuit's OAuth server is: its discovery document, kept for a day.

intuitlib asks for it, without a time limit, whenever a client is made. Here it is asked for
when an address is first needed, once per process; while Intuit is away, what is known goes
on being used (docs/quickbooks.md, oauth).
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from urllib.parse import urlsplit

from wagtail_qbo_sync.qbo import envelopes, faults
from wagtail_qbo_sync.qbo.faults import Action, QboError
from wagtail_qbo_sync.qbo.transport import GuardedSession, check_url, is_loopback

KEEP_SECONDS = 24 * 3600.0
RETRY_SECONDS = 60.0
READ_SECONDS = 10.0
INTUIT = ".intuit.com"


@dataclass(frozen=True, slots=True)
class Endpoints:
    """The addresses that we use of the document."""

    authorize: str
    token: str
    revoke: str


_lock = threading.Lock()
_known: dict[str, tuple[float, Endpoints]] = {}
"""Discovery URL -> (monotonic time until which it is good, what it said)."""


def endpoints(url: str) -> Endpoints:
    """The addresses that the document at `url` names.

    Raises QboError: OPERATOR if it is not such a document, BACK_OFF if it cannot be had.
    """
    with _lock:  # one asks, the others wait for its answer
        good_until, found = _known.get(url, (0.0, None))
        if found and time.monotonic() < good_until:
            return found
        try:
            fresh, keep = _ask(url), KEEP_SECONDS
        except QboError as error:
            if found is None or error.action is not Action.BACK_OFF:
                raise
            fresh, keep = found, RETRY_SECONDS
        _known[url] = (time.monotonic() + keep, fresh)
        return fresh


def forget() -> None:
    """Ask again next time."""
    with _lock:
        _known.clear()


def _ask(url: str) -> Endpoints:
    session = GuardedSession()
    session.read_seconds = min(session.read_seconds, READ_SECONDS)
    with session:
        response = session.request("GET", url, headers={"Accept": "application/json"})
    tid = faults.tid_of(response.headers)
    if response.status_code != 200:
        raise faults.parse(response.status_code, response.headers, response.content)
    document = envelopes.load_json(response.content)
    if document is None:
        raise QboError.of("not_json", status=200, intuit_tid=tid)
    try:
        names = ("authorization", "token", "revocation")
        return Endpoints(*(_checked(document[f"{name}_endpoint"], url) for name in names))
    except (AttributeError, KeyError, TypeError):
        raise QboError.of("discovery", status=200, intuit_tid=tid) from None


def _checked(address: str, discovery_url: str) -> str:
    """An address of the document, if it is Intuit's or of the very machine that the document is on.

    People, codes and the app's secret are sent there, so a document that was tampered with must
    not lead them elsewhere. Raises QboError (OPERATOR).
    """
    asked = urlsplit(discovery_url)
    checked = urlsplit(check_url(address, plain_http=asked.scheme == "http"))
    home, host = asked.hostname or "", checked.hostname or ""
    is_home = host == home or (is_loopback(home) and is_loopback(host))
    if is_home or f".{host}".endswith(INTUIT):
        return address
    raise QboError.of("address", message=f"The discovery document leads to {host!r:.100}")
