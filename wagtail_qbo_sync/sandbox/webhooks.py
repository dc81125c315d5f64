"""Webhooks going out: what happened to customers, to the one address that is registered.

Several events share a POST, of all companies. Anything but 200 within 3 s is sent again after
20, 30 and 50 minutes of the sandbox's clock, then dropped (docs/quickbooks.md, "Webhooks").
"""

from __future__ import annotations

import threading
import urllib.error
import urllib.request
from collections import deque
from collections.abc import MutableMapping
from dataclasses import asdict, dataclass
from http.client import HTTPException
from typing import Any

from . import events
from .clock import Clock, reply_time
from .events import Event
from .switches import Switches
from .wire import Json

PATIENCE = 3.0
RETRIES = (1200, 1800, 3000)
MOST_EVENTS = 100
KEPT = 200
POLL = 0.1
# What the portal's "Send test event" speaks of: a company and a customer that nobody has.
TEST_EVENT = ("310687", "1234")


@dataclass
class Delivery:
    """One POST. `answer`: the last one's status, or why there was none; `due` again when."""

    url: str
    headers: dict[str, str]
    body: bytes
    due: float
    attempts: int = 0
    answer: str = ""

    def json(self) -> Json:
        shown = {**asdict(self), "body": self.body.decode()}
        return {**shown, "due": reply_time(self.due) if self.due else None}


class Webhooks:
    """`start` begins the sending; what waits or was sent is forgotten when the process ends."""

    def __init__(
        self, token: str, table: MutableMapping[str, Any], switches: Switches, clock: Clock
    ) -> None:
        self.token = token
        self._table = table
        self._switches = switches
        self._clock = clock
        self._lock = threading.RLock()
        self._queue: deque[Event] = deque(maxlen=KEPT * MOST_EVENTS)
        self._waiting: list[Delivery] = []
        self.deliveries: deque[Delivery] = deque(maxlen=KEPT)

    @property
    def url(self) -> str:
        return str(self._table.get("url", ""))

    def register(self, url: str) -> None:
        """Send to this address from now on; "" to none. Raises ValueError for no address."""
        if url and not url.startswith(("http://", "https://")):
            raise ValueError("A webhook goes to an http or https address")
        with self._lock:
            self.forget()
            self._table["url"] = url

    def forget(self) -> None:
        with self._lock:
            self._queue.clear()
            self._waiting.clear()
            self.deliveries.clear()

    def note(self, event: Event) -> None:
        with self._lock:
            self._queue.append(event)

    def test(self) -> None:
        self.note(Event(*TEST_EVENT, "Create", self._clock.now()))

    def take(self) -> Json:
        """What would be sent now, as headers and body; then it is not sent."""
        with self._lock:
            found = self._packed()
        return {"headers": found.headers, "body": found.body.decode()}

    def overview(self) -> Json:
        with self._lock:
            return {
                "url": self.url,
                "queued": len(self._queue),
                "deliveries": [each.json() for each in self.deliveries],
            }

    # Sending

    def start(self) -> None:
        threading.Thread(target=self._run, name="webhooks", daemon=True).start()

    def _run(self) -> None:
        idle = threading.Event()
        while True:
            for delivery in self._due():
                self._send(delivery)
            idle.wait(POLL)

    def _due(self) -> list[Delivery]:
        with self._lock:
            if not self.url or self._switches["webhook_hold"]:
                return []
            while self._queue:
                self._post(self._packed())
            now = self._clock.now()
            due = [each for each in self._waiting if each.due <= now]
            self._waiting = [each for each in self._waiting if each.due > now]
        return due

    def _packed(self) -> Delivery:
        count = min(len(self._queue), MOST_EVENTS)
        found = [self._queue.popleft() for _ in range(count)]
        if self._switches["webhook_order"] == "reversed":
            found.reverse()
        form, now = self._switches["webhook_format"], self._clock.now()
        body = events.body(found, form)
        return Delivery(self.url, events.headers(body, self.token, form, now), body, due=now)

    def _post(self, delivery: Delivery) -> None:
        copies = 2 if self._switches["webhook_twice"] else 1
        for _ in range(copies):
            one = Delivery(delivery.url, delivery.headers, delivery.body, delivery.due)
            self.deliveries.append(one)
            if self._switches["webhook_loss"]:
                one.due, one.answer = 0, "lost on the way"
            else:
                self._waiting.append(one)

    def _send(self, delivery: Delivery) -> None:
        answer = _answer(delivery)
        with self._lock:
            delivery.answer = answer
            delivery.attempts += 1
            delivery.due = 0
            if answer != "200" and delivery.attempts <= len(RETRIES):
                delivery.due = self._clock.now() + RETRIES[delivery.attempts - 1]
                self._waiting.append(delivery)


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *args: Any, **options: Any) -> None:
        return None


_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}), _NoRedirect)


def _answer(delivery: Delivery) -> str:
    """The status, or why there is none."""
    request = urllib.request.Request(  # noqa: S310 (`register` has looked at it)
        delivery.url, data=delivery.body, headers=delivery.headers, method="POST"
    )
    try:
        with _OPENER.open(request, timeout=PATIENCE) as response:
            return str(response.status)
    except urllib.error.HTTPError as error:
        with error:
            return str(error.code)
    except (OSError, ValueError, HTTPException) as error:
        return f"no answer: {getattr(error, 'reason', error)}"
