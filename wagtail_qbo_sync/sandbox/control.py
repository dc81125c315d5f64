"""The control API for tests, `/_control/…`. Its reference is the docstring of the package."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

from . import data
from .company import Company
from .connect import back
from .faults import Fault
from .merge import merge
from .oauth import ACCOUNTING
from .wire import Json, Request, Response, json_response

if TYPE_CHECKING:
    from .sandbox import Sandbox


class Control:
    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox
        self._routes: dict[tuple[str, str], Callable[[Any], Any]] = {
            ("GET", ""): self._overview,
            ("POST", "reset"): self._reset,
            ("POST", "clock"): self._clock,
            ("GET", "switches"): lambda _: sandbox.switches.all(),
            ("POST", "switches"): self._switch,
            ("GET", "faults"): lambda _: sandbox.injections.pending(),
            ("POST", "faults"): self._inject,
            ("DELETE", "faults"): self._forget_faults,
            ("GET", "requests"): self._requests,
            ("DELETE", "requests"): self._forget_requests,
            ("GET", "counts"): lambda _: sandbox.limits.metered,
            ("POST", "company"): self._found,
            ("POST", "seed"): self._seed,
            ("POST", "plant"): self._plant,
            ("GET", "customers"): self._customers,
            ("POST", "customer"): self._customer,
            ("POST", "invoice"): self._invoice,
            ("POST", "merge"): self._merge,
            ("GET", "webhooks"): lambda _: sandbox.webhooks.overview(),
            ("POST", "webhooks"): self._register,
            ("POST", "webhooks/test"): self._test_event,
            ("POST", "webhooks/take"): lambda _: sandbox.webhooks.take(),
            ("POST", "consent"): self._consent,
            ("POST", "tokens"): self._tokens,
            ("POST", "expire"): self._expire,
            ("POST", "revoke"): self._revoke,
        }

    def answer(self, request: Request) -> Response:
        name = request.path.removeprefix("/_control").strip("/")
        route = self._routes.get((request.method, name))
        if route is None:
            return json_response({"error": f"No {request.method} /_control/{name}"}, 404)
        try:
            given = json.loads(request.body) if request.body else dict(request.params)
            return json_response(route(given))
        except Fault as fault:
            return json_response({"error": f"{fault.code} {fault.message}: {fault.detail}"}, 400)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            return json_response({"error": f"{type(error).__name__}: {error}"}, 400)

    def _company(self, given: Json) -> Company:
        """By realm id or by role. KeyError if there is none."""
        named = str(given["realm"])
        realm = data.REALMS.get(named, named)
        return self._sandbox.companies[realm]

    def _overview(self, _: Json) -> Json:
        sandbox = self._sandbox
        return {
            "clock": self._now(),
            "switches": sandbox.switches.all(),
            "faults": sandbox.injections.pending(),
            "companies": [
                {"realm": c.realm, "name": c.name, "role": c.role, "customers": len(c.customers)}
                for c in sandbox.companies.values()
            ],
            "grants": [
                {key: grant[key] for key in ("realm", "client", "scope")}
                for grant in sandbox.grants.all()
            ],
        }

    def _reset(self, _: Json) -> Json:
        self._sandbox.reset()
        return {}

    # Time, switches, faults

    def _now(self) -> Json:
        clock = self._sandbox.clock
        return {"offset": clock.offset, "now": clock.now()}

    def _clock(self, given: Json) -> Json:
        if "advance" in given:
            offset = self._sandbox.clock.offset + float(given["advance"])
        else:
            offset = float(given["offset"])
        self._sandbox.set_offset(offset)
        return self._now()

    def _switch(self, given: Json) -> Json:
        for name, value in given.items():
            self._sandbox.switches.set(name, value)
        return self._sandbox.switches.all()

    def _inject(self, given: Json | list[Json]) -> list[Json]:
        for order in given if isinstance(given, list) else [given]:
            self._sandbox.injections.add(order)
        return self._sandbox.injections.pending()

    def _forget_faults(self, _: Json) -> list[Json]:
        self._sandbox.injections.rules.clear()
        return []

    # What was asked

    def _requests(self, given: Json) -> Json:
        since = int(given.get("since", 0))
        found = [entry for entry in self._sandbox.log if entry["n"] >= since]
        return {"requests": found, "next": self._sandbox.logged}

    def _forget_requests(self, _: Json) -> Json:
        self._sandbox.forget_log()
        self._sandbox.limits.forget()
        return {}

    # The books

    def _found(self, given: Json) -> Json:
        realm = str(given["realm"])
        if not realm.isdecimal():
            raise ValueError("A realm is made of digits")
        self._sandbox.found(realm, str(given["name"]))
        return {"realm": realm}

    def _seed(self, given: Json) -> Json:
        company = self._company(given)
        taken = {record["DisplayName"] for record in company.customers.values()}
        more = data.crowd(int(given["count"]), self._sandbox.seed, taken)
        return {"planted": company.plant(more)}

    def _plant(self, given: Json) -> Json:
        company = self._company(given)
        if given.get("clear"):
            company.clear()
        for record in given["records"]:
            company.put(given.get("kind", "Customer"), record)
        return {"planted": len(given["records"])}

    def _customers(self, given: Json) -> list[Json]:
        company = self._company(given)
        return [company.reply(each, row=True) for each in company.customers.values()]

    def _customer(self, given: Json) -> Json:
        company = self._company(given)
        return company.reply(company.edit(given["values"]))

    def _invoice(self, given: Json) -> Json:
        company = self._company(given)
        return company.reply(company.invoice(str(given["id"]), float(given["amount"])))

    def _merge(self, given: Json) -> Json:
        company = self._company(given)
        return company.reply(merge(company, str(given["stays"]), str(given["goes"])))

    # Webhooks

    def _register(self, given: Json) -> Json:
        self._sandbox.webhooks.register(str(given["url"]))
        return self._sandbox.webhooks.overview()

    def _test_event(self, _: Json) -> Json:
        self._sandbox.webhooks.test()
        return {}

    # Consent and tokens

    def _consent(self, given: Json) -> Json:
        asked = dict(parse_qsl(urlsplit(given["url"]).query))
        if given.get("deny"):
            return {"redirect": back(asked, error="access_denied")}
        realm = self._company(given).realm
        return {"redirect": self._sandbox.connect.approve({**asked, "realm": realm})}

    def _tokens(self, given: Json) -> Json:
        sandbox = self._sandbox
        client, nowhere = sandbox.connect.app.client_id, "http://localhost/"
        realm, scope = self._company(given).realm, given.get("scope", ACCOUNTING)
        code = sandbox.grants.consent(client, realm, nowhere, scope)
        return sandbox.grants.exchange(client, code, nowhere, hard=False)

    def _expire(self, given: Json) -> Json:
        realm = self._company(given).realm if "realm" in given else None
        return {"expired": self._sandbox.grants.expire_access(realm)}

    def _revoke(self, given: Json) -> Json:
        found = [self._company(given)] if "realm" in given else self._sandbox.companies.values()
        grants = self._sandbox.grants
        return {"revoked": sum(grants.revoke_company(company.realm) for company in found)}
