"""The accounting API, `/v3/company/{realm}/…`: gate, routes, envelopes."""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import MutableMapping

from . import changes, faults, markup, search
from .batch import Batches
from .clock import Clock, reply_time
from .company import Company
from .faults import Fault
from .limits import Limits
from .oauth import Grants
from .repeats import LONGEST_OF_A_BATCH, Repeats, request_id
from .switches import Switches
from .wire import Json, Request, Response, json_response

PATH = re.compile(r"/v3/company/([^/]+)/(.*)")


class Accounting:
    def __init__(
        self,
        companies: MutableMapping[str, Company],
        grants: Grants,
        limits: Limits,
        switches: Switches,
        clock: Clock,
        repeats: Repeats,
        batches: Batches,
    ) -> None:
        self._companies = companies
        self._grants = grants
        self._limits = limits
        self._switches = switches
        self._clock = clock
        self._repeats = repeats
        self._batches = batches

    def answer(self, request: Request) -> Response:
        """Any request under /v3. Faults become answers here and nowhere else."""
        now = self._clock.now()
        try:
            if not request.accepts_json and self._switches["missing_accept"] == "refuse":
                return Response(406, b"The sandbox wants Accept: application/json\n")
            response = self._answer(request)
        except Fault as fault:
            if fault.type == "ValidationFault":
                fault.gateway = self._switches["validation_envelope"] == "gateway"
            wait = self._switches["retry_after"] if fault.status == 429 else 0
            response = fault.response(now, request.accepts_json, wait)
        return response

    def _answer(self, request: Request) -> Response:
        match = PATH.fullmatch(request.path)
        if match is None:
            raise faults.unsupported(request.path)
        realm, rest = match.groups()
        self._pass_gate(request, realm)
        company = self._companies[realm]
        head, _, number = rest.partition("/")
        route = (request.method, head, bool(number))
        if route == ("GET", "companyinfo", True) and number == realm:
            return self._data_out(realm, request, {"CompanyInfo": company.info()})
        if route == ("GET", "customer", True) and "/" not in number:
            shown = company.reply(company.read(number), read=True)
            return self._data_out(realm, request, {"Customer": shown})
        if head == "query" and not number and request.method in ("GET", "POST"):
            found = search.run(_statement(request), company, self._switches, self._clock.now())
            return self._data_out(realm, request, {"QueryResponse": found})
        if route == ("GET", "cdc", False):
            found = changes.run(request.params, company, self._switches, self._clock.now())
            return self._data_out(realm, request, found)
        if route == ("POST", "batch", False):
            return self._batch(company, request)
        if route == ("POST", "customer", False):
            return self._write(company, request)
        raise faults.unsupported(request.path)

    def _pass_gate(self, request: Request, realm: str) -> None:
        if self._switches["environment_clash"]:
            raise faults.wrong_cluster()
        self._grants.check(request.headers.get("Authorization", ""), realm)
        throttled = not self._limits.admits(realm, self._clock.now())
        if throttled and self._switches["throttle"]:
            raise faults.throttled(self._switches["throttle_body"])

    def _data_out(self, realm: str, request: Request, document: Json) -> Response:
        self._limits.meter(realm, "CorePlus")
        return self._reply(request, document)

    def _reply(self, request: Request, document: Json) -> Response:
        now = self._clock.now()
        stamped = {**document, "time": reply_time(now)}
        headers = {"QBO-Version": "1944.190", "Service-Time": "total=12, db=7"}
        if request.accepts_json:
            return json_response(stamped, headers=headers)
        headers["Content-Type"] = "application/xml;charset=UTF-8"
        return Response(200, markup.reply(stamped).encode(), headers)

    def _write(self, company: Company, request: Request) -> Response:
        """A create or an update; the same requestid again gives the first answer again."""
        if request.params.get("operation", "update") != "update":
            raise faults.unsupported(request.path)
        if self._switches["lapsed"]:
            raise faults.lapsed(self._switches["lapsed_status"])
        number = request_id(request)
        if number and (repeated := self._repeated(company, number, request)):
            return repeated
        record = company.write(_body(request))
        response = self._reply(request, {"Customer": company.reply(record)})
        self._limits.meter(company.realm, "Core")
        return self._kept(company, number, request, response)

    def _batch(self, company: Company, request: Request) -> Response:
        """Up to 30 items. Which of two readings a requestid has, a switch says."""
        admitted = self._limits.admits_batch(company.realm, self._clock.now())
        if not admitted and self._switches["throttle"]:
            raise faults.throttled(self._switches["throttle_body"])
        number = request_id(request, LONGEST_OF_A_BATCH)
        whole = number if self._switches["batch_requestid"] == "batch" else ""
        if whole and (repeated := self._repeated(company, whole, request)):
            return repeated
        answers = self._batches.answer(company, request, _body(request), number)
        return self._kept(company, whole, request, self._reply(request, answers))

    def _repeated(self, company: Company, number: str, request: Request) -> Response | None:
        first = self._repeats.first(f"{company.realm}/{number}", request.body)
        return first and Response(200, first["body"].encode(), first["headers"])

    def _kept(
        self, company: Company, number: str, request: Request, response: Response
    ) -> Response:
        if number:
            answer = {"body": response.body.decode(), "headers": dict(response.headers)}
            self._repeats.keep(f"{company.realm}/{number}", request.body, answer)
        return response


def _statement(request: Request) -> str:
    """The query of a GET (or in the URL of a POST), or the text of a POST."""
    if "query" in request.params:
        return request.params["query"]
    kind = request.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if request.method == "POST" and kind in ("application/text", "text/plain"):
        return request.text
    raise faults.missing_parameter("query")


def _body(request: Request) -> Json:
    """The JSON object of a write. Half surrogates and NaN are JSON to Python alone."""
    try:
        body = json.loads(request.body, parse_constant=_no_constant)
        json.dumps(body, ensure_ascii=False).encode()
    except ValueError as error:
        raise faults.unreadable(f"Property Name:{error}") from None
    if not isinstance(body, dict):
        raise faults.unreadable("Property Name:the body is no object")
    return body


def _no_constant(name: str) -> object:
    raise ValueError(f"Unexpected token {name}")


def service_headers() -> dict[str, str]:
    """The headers that the API puts on every reply, faults included."""
    trace = f"1-{secrets.token_hex(4)}-{secrets.token_hex(12)}"
    return {
        "intuit_tid": trace,
        "X-Spanid": secrets.token_hex(8),
        "X-Amzn-Trace-Id": f"Root={trace}",
        "Expires": "0",
        "Cache-Control": "max-age=0, no-cache, no-store, must-revalidate, private",
        "Strict-Transport-Security": "max-age=15552000",
    }
