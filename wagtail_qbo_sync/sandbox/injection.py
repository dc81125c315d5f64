"""Faults on demand, for tests: the next n requests that match get one of the KINDS."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from . import faults
from .switches import Switches
from .wire import Json, Request, Response, json_response

FAULTS: dict[str, Callable[[Switches], faults.Fault]] = {
    "throttle": lambda switches: faults.throttled(switches["throttle_body"]),
    "throttle_json": lambda switches: faults.throttled("json"),
    "throttle_xml": lambda switches: faults.throttled("xml"),
    "server_error": lambda switches: faults.server_error(),
    "system_fault": lambda switches: faults.system_fault(),
    "token_expired": lambda switches: faults.token_expired("eyJ-this-token-is-repeated"),
    "forbidden": lambda switches: faults.forbidden(),
    "wrong_cluster": lambda switches: faults.wrong_cluster(),
    "stale": lambda switches: faults.stale("Dana Whitfield"),
    "lapsed": lambda switches: faults.lapsed(switches["lapsed_status"]),
}
# A rule of this kind names the `code` (and the status) of its fault itself.
FAULT = "fault"
UNAVAILABLE = b"<html><head><title>503 Service Temporarily Unavailable</title></head></html>"
# Kinds that spoil the delivery of the real answer instead of giving another one.
DELIVERIES = ("cut", "half_json", "half_cut", "latency")
KINDS = (
    *FAULTS,
    FAULT,
    "unavailable_html",
    "invalid_grant",
    "invalid_client",
    "respond",
    *DELIVERIES,
)


@dataclass
class Rule:
    """One order: `count` requests after the first `skip` that match `path` and `method`.

    `when` is "before" (the request never reaches the books) or "after" (it took effect, and the
    client is told otherwise). With `item` it is about the items of batches in whose JSON that is
    found, and only a fault will do.
    """

    kind: str
    path: str = ""
    method: str = ""
    count: int = 1
    skip: int = 0
    when: str = "before"
    seconds: float = 0.0
    item: str = ""
    code: str = ""
    status: int = 0
    body: str = ""
    headers: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"Unknown kind {self.kind!r}. Known: {', '.join(KINDS)}")
        if self.when not in ("before", "after"):
            raise ValueError("when is before or after")
        if self.item and self.kind not in (*FAULTS, FAULT):
            raise ValueError("An item of a batch can only be refused")
        re.compile(self.path)
        re.compile(self.item)

    @property
    def reaches_the_books(self) -> bool:
        return self.when == "after" or self.kind in ("half_json", "half_cut", "latency")

    def matches(self, request: Request, item: str = "") -> bool:
        if bool(self.item) != bool(item) or self.method.upper() not in ("", request.method):
            return False
        return bool(re.search(self.path, request.target) and re.search(self.item, item))

    def fault(self, switches: Switches) -> faults.Fault:
        """The refusal, for the kinds that are one."""
        if self.kind == FAULT:
            return faults.Fault(self.status or 400, self.code, "On demand", "Asked for by a test")
        return FAULTS[self.kind](switches)

    def answer(self, real: Response, request: Request, switches: Switches, now: float) -> Response:
        """What the client gets in place of the real answer."""
        if self.kind == "latency":
            return real
        if self.kind == "cut":
            return replace(real, deliver="nothing")
        if self.kind == "half_cut":
            return replace(real, deliver="half")
        if self.kind == "half_json":
            return replace(real, body=real.body[: len(real.body) // 2])
        if self.kind == "unavailable_html":
            return Response(503, UNAVAILABLE, {"Content-Type": "text/html"})
        if self.kind == "invalid_grant":
            return json_response({"error": "invalid_grant"}, 400)
        if self.kind == "invalid_client":
            return json_response({"error": "invalid_client"}, 401)
        if self.kind == "respond":
            return Response(self.status or 500, self.body.encode(), self.headers)
        fault = self.fault(switches)
        return fault.response(now, request.accepts_json, switches["retry_after"])


class Injections:
    def __init__(self) -> None:
        self.rules: list[Rule] = []

    def add(self, order: Json) -> None:
        """Raises ValueError or TypeError for an order that cannot be understood."""
        self.rules.append(Rule(**order))

    def take(self, request: Request, item: str = "") -> Rule | None:
        """The rule for this request, or for this item of it; it is used up by one."""
        for rule in self.rules:
            if not rule.matches(request, item):
                continue
            if rule.skip:
                rule.skip -= 1
                continue
            rule.count -= 1
            if not rule.count:
                self.rules.remove(rule)
            return rule
        return None

    def pending(self) -> list[dict[str, Any]]:
        return [{"kind": rule.kind, "path": rule.path, "count": rule.count} for rule in self.rules]
