"""Batches: up to 30 items, each done or refused for itself (docs/quickbooks.md, "Batches")."""

from __future__ import annotations

import json

from . import faults, search
from .clock import Clock
from .company import Company
from .faults import Fault
from .injection import Injections
from .limits import Limits
from .repeats import Repeats
from .switches import Switches
from .wire import Json, Request

MOST = 30


class Batches:
    def __init__(
        self,
        limits: Limits,
        switches: Switches,
        clock: Clock,
        repeats: Repeats,
        injections: Injections,
    ) -> None:
        self._limits = limits
        self._switches = switches
        self._clock = clock
        self._repeats = repeats
        self._injections = injections

    def answer(self, company: Company, request: Request, document: Json, number: str) -> Json:
        """The `BatchItemResponse`. Answers need not come in the order of the questions."""
        items = document.get("BatchItemRequest")
        if not isinstance(items, list):
            raise faults.missing_parameter("BatchItemRequest")
        if len(items) > MOST:
            raise faults.too_many_items(len(items))
        answers = [self._answer(company, request, item, number) for item in items]
        if self._switches["batch_order"] == "reversed":
            answers.reverse()
        return {"BatchItemResponse": answers}

    def _answer(self, company: Company, request: Request, item: object, number: str) -> Json:
        if not isinstance(item, dict):
            raise faults.unreadable("Property Name:BatchItemRequest")
        text = json.dumps(item, ensure_ascii=False)
        try:
            shown = self._shown(company, request, item, text, number)
        except Fault as fault:
            shown = fault.item_json()
        return {**shown, "bId": item.get("bId")}

    def _shown(
        self, company: Company, request: Request, item: Json, text: str, number: str
    ) -> Json:
        """What became of it, unless a rule tells otherwise."""
        rule = self._injections.take(request, text)
        if rule and not rule.reaches_the_books:
            raise rule.fault(self._switches)
        by_item = number and self._switches["batch_requestid"] == "item"
        key = f"{company.realm}/{number}/{item.get('bId')}"
        shown: Json | None = self._repeats.first(key, text.encode()) if by_item else None
        if shown is None:
            shown = self._done(company, item)
            if by_item:
                self._repeats.keep(key, text.encode(), shown)
        if rule:
            raise rule.fault(self._switches)
        return shown

    def _done(self, company: Company, item: Json) -> Json:
        if "Query" in item:
            now = self._clock.now()
            found = search.run(str(item["Query"]), company, self._switches, now)
            self._limits.meter(company.realm, "CorePlus")
            return {"QueryResponse": found}
        body, operation = item.get("Customer"), item.get("operation")
        if not isinstance(body, dict) or operation not in ("create", "update"):
            raise faults.unsupported(f"/v3/company/{company.realm}/batch {operation}")
        if operation == "update" and not body.get("Id"):
            raise faults.missing_parameter("Id")
        if self._switches["lapsed"]:
            raise faults.lapsed(self._switches["lapsed_status"])
        record = company.write(body)
        self._limits.meter(company.realm, "Core")
        return {"Customer": company.reply(record)}
