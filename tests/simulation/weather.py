"""What nobody does: calls that fail, notices that get lost, logins that run out, time."""

from __future__ import annotations

from typing import Any

from django.test import RequestFactory

from wagtail_qbo_sync import tasks, webhooks
from wagtail_qbo_sync.models import Run
from wagtail_qbo_sync.sync.planning import undoing
from wagtail_qbo_sync.sync.records import retention

from .fields import Json
from .world import World

HOUR = 60 * 60
JUMPS = (120, HOUR + 600, 7 * HOUR, 25 * HOUR, 31 * 24 * HOUR)
FAULTS: tuple[Json, ...] = (
    *({"kind": kind} for kind in ("throttle_json", "throttle_xml", "unavailable_html")),
    *({"kind": kind} for kind in ("server_error", "system_fault", "token_expired", "cut")),
    {"kind": "cut", "when": "after"},
    {"kind": "server_error", "when": "after"},
    {"kind": "half_json"},
    {"kind": "half_cut"},
    *({"kind": kind, "item": "."} for kind in ("stale", "system_fault", "throttle_json")),
    {"kind": "fault", "code": "6000", "item": "."},
)
"""Of what the sandbox can do: before and after a call takes effect, and of items of a batch."""
WHERE = ("/batch", "/(cdc|query)", "tokens/bearer", "")


class Weather:
    def __init__(self, world: World) -> None:
        self.world = world
        self.notices: list[Json] = []
        """Webhooks that were sent and have not come yet."""

    def strikes(self, fault: int, where: int, skip: int, count: int) -> None:
        """The next calls that go there will fail."""
        rule = {**FAULTS[fault], "count": count, "skip": skip}
        if "item" not in rule:
            rule["path"] = WHERE[where]
        self.world.sandbox.post("faults", rule)

    def turns(self, switch: str, value: Any) -> None:
        """A point on which nobody outside Intuit knows how QuickBooks behaves."""
        self.world.sandbox.post("switches", {switch: value})

    def tokens_run_out(self) -> None:
        self.world.sandbox.post("expire", {})

    def time_jumps(self, number: int) -> None:
        self.world.time.jump(JUMPS[number])

    def ticks(self) -> None:
        """The tick of each minute, and a worker for all that it rings for."""
        tasks.tick()
        for plan in Run.objects.filter(state=Run.State.PLANNING, undoes__isnull=False):
            undoing.advance(plan.pk)
        retention.prune()
        for company in self.world.companies:
            self.world.work(company)

    # Webhooks

    def sends_notices(self) -> None:
        """What happened in QuickBooks since the last time is on its way."""
        if self.world.sandbox.get("webhooks")["queued"]:
            self.notices.append(self.world.sandbox.post("webhooks/take"))

    def loses_notices(self) -> None:
        self.notices.clear()

    def notice_comes(self, number: int, times: int = 1) -> None:
        """One of those that are on their way, whichever; maybe more than once."""
        if not self.notices:
            return
        notice = self.notices.pop(number % len(self.notices))
        for _time in range(times):
            request = RequestFactory().post(
                "/quickbooks/webhooks/",
                data=notice["body"].encode(),
                content_type="application/json",
                headers=_signature(notice["headers"]),
            )
            assert webhooks.receive(request).status_code == 200


def _signature(headers: Json) -> dict[str, str]:
    return {name: text for name, text in headers.items() if name.lower() == "intuit-signature"}
