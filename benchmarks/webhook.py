"""How fast a webhook is answered: Intuit waits 3 seconds and gives up for good.

A hundred POSTs, each signed, each of 100 events about other customers. The floor: the signature
computed, the body parsed, one row inserted and one updated. Ours is a whole request through
Django's handler and the site's middleware, until the answer stands; nothing is read from
QuickBooks meanwhile. A worker is rung for once, and not again while its ring is out.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import statistics
import time
from collections.abc import Callable

from _arena import FLOOR, OURS, VERIFIER, Benchmark, Extra, Place, main
from _company import REALM, customers, synced

POSTS, EVENTS = 100, 100


def body(number: int) -> bytes:
    """What Intuit sends of some customers."""
    start = number * EVENTS
    return json.dumps(
        [
            {
                "specversion": "1.0",
                "id": f"event-{each}",
                "type": "qbo.customer.updated.v1",
                "time": "2026-03-17T16:19:17Z",
                "intuitentityid": str(each),
                "intuitaccountid": REALM,
                "data": {},
            }
            for each in range(start, start + EVENTS)
        ]
    ).encode()


def signature(sent: bytes) -> str:
    return base64.b64encode(hmac.new(VERIFIER.encode(), sent, hashlib.sha256).digest()).decode()


def answers(answer: Callable[[bytes, str], None]) -> Extra:
    """Milliseconds until all of them are answered."""
    bodies = [body(number) for number in range(POSTS)]
    signed = [(sent, signature(sent)) for sent in bodies]
    times = []
    for sent, mark in signed:
        started = time.perf_counter()
        answer(sent, mark)
        times.append((time.perf_counter() - started) * 1000)
    return {"median, ms": statistics.median(times), "99 of 100 within, ms": sorted(times)[-2]}


def floor(place: Place) -> Extra:
    from django.db.models import F
    from django.utils import timezone

    from wagtail_qbo_sync.models import SyncState, WebhookEvent

    def answer(sent: bytes, mark: str) -> None:
        assert hmac.compare_digest(signature(sent), mark)
        heard = len(json.loads(sent))
        WebhookEvent.objects.create(
            body_hash=hashlib.sha256(sent).hexdigest(),
            received_at=timezone.now(),
            heard=heard,
            ignored=0,
        )
        SyncState.objects.update(wanted=F("wanted") + 1)

    return answers(answer)


def ours(place: Place) -> Extra:
    from django.test import Client

    browser = Client(SERVER_NAME="localhost")

    def answer(sent: bytes, mark: str) -> None:
        found = browser.post(
            "/quickbooks/webhooks/",
            sent,
            content_type="application/json",
            headers={"intuit-signature": mark},
        )
        assert found.status_code == 200, found.status_code

    return answers(answer)


def check(place: Place, way: str) -> None:
    from wagtail_qbo_sync.models import SyncState, WebhookEvent

    assert list(WebhookEvent.objects.values_list("heard", flat=True)) == [EVENTS] * POSTS
    state = SyncState.objects.get()
    assert state.wanted - state.served == POSTS


BENCHMARK = Benchmark(
    name="100 webhooks of 100 events",
    ways={FLOOR: floor, OURS: ours},
    prepare=synced,
    check=check,
    books=customers,
    least_calls=lambda count: 0,
    sizes=lambda sizes: [min(sizes)],
)

if __name__ == "__main__":
    main(BENCHMARK)
