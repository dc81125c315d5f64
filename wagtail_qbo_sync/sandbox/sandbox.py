"""The whole sandbox in one object: a request goes in, a response comes out."""

from __future__ import annotations

import threading
import time
from collections import deque
from dataclasses import replace
from typing import Any

from . import data
from .accounting import Accounting, service_headers
from .batch import Batches
from .clock import Clock
from .company import Company
from .connect import App, Connect
from .control import Control
from .injection import Injections, Rule
from .limits import Limits
from .oauth import Grants
from .repeats import Repeats
from .screens import Screens
from .seeds import CompanySeed
from .store import Store
from .switches import Switches
from .webhooks import Webhooks
from .wire import Json, Request, Response

LOGGED = 20_000


class Sandbox:
    """One lock: requests are answered one at a time, and only waiting happens outside it."""

    def __init__(self, app: App, store: Store, seed: int = 1, throttle: bool = True) -> None:
        self.store = store
        self.seed = seed
        self.lock = threading.RLock()
        self.clock = Clock()
        self.switches = Switches(store.table("switches"), throttle)
        self.injections = Injections()
        self.limits = Limits()
        self.companies: dict[str, Company] = {}
        self.grants = Grants(store, self.switches, self.clock)
        self.connect = Connect(app, self.grants, self.companies)
        self.webhooks = Webhooks(
            app.verifier_token, store.table("webhooks"), self.switches, self.clock
        )
        self.accounting = self._accounting()
        self.control = Control(self)
        self.screens = Screens(self.companies, self.webhooks)
        self.log: deque[Json] = deque(maxlen=LOGGED)
        self.logged = 0
        with store.transaction():
            self._open()

    def _accounting(self) -> Accounting:
        limits, switches, clock = self.limits, self.switches, self.clock
        repeats = Repeats(self.store.table("repeats"), switches, clock)
        batches = Batches(limits, switches, clock, repeats, self.injections)
        return Accounting(self.companies, self.grants, limits, switches, clock, repeats, batches)

    def _open(self) -> None:
        """Find the companies in the store, or found them."""
        self.clock.offset = self.store.table("clock").get("offset", 0.0)
        for seed in data.companies(self.seed):
            self._add(seed)
        for realm, name in self.store.table("founded").items():
            self._add(data.empty_company(realm, name))

    def _add(self, seed: CompanySeed) -> None:
        company = Company(seed.realm, self.store, self.switches, self.clock, self.webhooks.note)
        if "info" not in company.facts:
            company.found(seed)
        self.companies[seed.realm] = company

    def found(self, realm: str, name: str) -> None:
        """One more company, without customers. ValueError if this realm has one already."""
        if realm in self.companies:
            raise ValueError(f"There is a company with the realm {realm}")
        self.store.table("founded")[realm] = name
        self._add(data.empty_company(realm, name))

    def reset(self) -> None:
        self.store.clear()
        self.companies.clear()
        self.limits.forget()
        self.injections.rules.clear()
        self.webhooks.forget()
        self.forget_log()
        self._open()

    def forget_log(self) -> None:
        self.log.clear()

    def set_offset(self, offset: float) -> None:
        self.clock.offset = offset
        self.store.table("clock")["offset"] = offset

    # Answering

    def answer(self, request: Request) -> Response:
        if request.path.startswith("/_control"):
            with self.lock, self.store.transaction():
                return self.control.answer(request)
        if not _is_api(request.path):
            with self.lock, self.store.transaction():
                return self.screens.answer(request)
        with self.lock:
            rule = self.injections.take(request)
        if rule and rule.seconds:
            time.sleep(rule.seconds)
        response = self._answer_api(request, rule)
        headers = {**service_headers(), **response.headers}
        response = replace(response, headers=headers)
        with self.lock:
            self._note(request, response, rule)
        return response

    def _answer_api(self, request: Request, rule: Rule | None) -> Response:
        response = Response()
        if rule is None or rule.reaches_the_books:
            with self.lock, self.store.transaction():
                response = self._route(request)
        if rule is None:
            return response
        return rule.answer(response, request, self.switches, self.clock.now())

    def _route(self, request: Request) -> Response:
        match request.method, request.path.rstrip("/"):
            case (
                "GET",
                "/.well-known/openid_sandbox_configuration" | "/.well-known/openid_configuration",
            ):
                return self.connect.discovery(request)
            case "GET", "/op/v1/jwks":
                return Response(200, b'{"keys":[]}', {"Content-Type": "application/json"})
            case "GET" | "POST", "/connect/oauth2":
                return self.connect.consent(request)
            case "POST", "/oauth2/v1/tokens/bearer":
                return self.connect.token(request)
            case "POST", "/v2/oauth2/tokens/revoke":
                return self.connect.revoke(request)
            case "GET", "/v1/openid_connect/userinfo":
                return self.connect.userinfo(request)
        if request.path.startswith("/v3/"):
            return self.accounting.answer(request)
        return Response(405, b"Not allowed\n")

    def _note(self, request: Request, response: Response, rule: Rule | None) -> None:
        is_data = request.path.startswith("/v3/")
        entry: dict[str, Any] = {
            "n": self.logged,
            "time": self.clock.now(),
            "method": request.method,
            "path": request.path,
            "query": request.query if is_data else "",
            "body": request.text if is_data else "",
            "status": None if response.deliver == "nothing" else response.status,
            "intuit_tid": response.headers["intuit_tid"],
            "requestid": request.params.get("requestid"),
            "injected": rule.kind if rule else None,
            "delivered": response.deliver,
        }
        self.log.append(entry)
        self.logged += 1


def _is_api(path: str) -> bool:
    return path.startswith(
        ("/v3/", "/v2/", "/v1/", "/oauth2/", "/connect/oauth2", "/op/", "/.well-known/")
    )
