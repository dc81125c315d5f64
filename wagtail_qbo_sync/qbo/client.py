"""python-quickbooks' client, hardened: the gate through which every API call goes.

Which weakness of the library is closed where, and by which test: docs/quickbooks.md,
libraries. Everything that fails raises QboError, and no error, log line or attribute holds a
token. What we ourselves would be wrong to ask is a ValueError, before anything is sent.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, NoReturn, Protocol

import requests
from quickbooks.client import QuickBooks

from wagtail_qbo_sync.qbo import envelopes, faults, lens, webhook, writes
from wagtail_qbo_sync.qbo.faults import QboError
from wagtail_qbo_sync.qbo.limits import THROTTLED_SECONDS
from wagtail_qbo_sync.qbo.transport import GuardedSession, check_url

Kind = Literal["read", "write", "batch"]
Json = dict[str, Any]
OnCall = Callable[[Kind, int | None, str, float], None]
"""Told of each HTTP call: kind, HTTP status (None: no answer), intuit_tid, seconds."""

MINOR_VERSION = 75

REALM = re.compile(r"[0-9]{1,30}", re.ASCII)
"""What a company's number looks like, and nothing else may stand in its addresses."""
_REQUEST_ID = {
    "write": re.compile(r"[A-Za-z0-9-]{1,50}", re.ASCII),
    "batch": re.compile(r"[A-Za-z0-9-]{1,36}", re.ASCII),
}
_ENVELOPE = frozenset({"Id", "SyncToken", "sparse"})


class TokenSource(Protocol):
    """Where the access token comes from (the sync room keeps it)."""

    def access_token(self) -> str:
        """A token that is believed to be good. May raise QboError."""

    def rejected(self, access_token: str) -> str:
        """Called once for a 401 to this token: a newer one, or raises QboError."""


class Budget(Protocol):
    """The one budget of a company for all processes."""

    def reserve(self, kind: Kind) -> None:
        """Before each HTTP call; may sleep, or raise QboError (BACK_OFF)."""

    def throttled(self, seconds: float) -> None:
        """QuickBooks wants this company left alone for so long."""


class HardenedQuickBooks(QuickBooks):
    """python-quickbooks' client with its ways out into the network replaced.

    Its own methods work on top of this one and are as safe. A write without a `request_id`
    and an address outside the company are ValueErrors.
    """

    def __new__(cls, *args: Any, **options: Any) -> Any:
        """Without the library's, which connects, warns and can share one client globally."""
        return object.__new__(cls)

    def __init__(
        self,
        realm_id: str,
        api_url: str,
        tokens: TokenSource,
        budget: Budget,
        on_call: OnCall | None = None,
    ) -> None:
        if not REALM.fullmatch(realm_id):
            raise ValueError(f"{realm_id!r:.60} is no realm id")
        self.company_id = realm_id
        self.minorversion = MINOR_VERSION
        self.session = GuardedSession()
        self._base = check_url(api_url).rstrip("/")
        self._tokens = tokens
        self._budget = budget
        self._on_call = on_call

    @property
    def api_url(self) -> str:
        """The given address, whatever the library thinks of the environment."""
        return f"{self._base}/v3"

    def close(self) -> None:
        """Let go of the connections."""
        self.session.close()

    def make_request(
        self,
        request_type: str,
        url: str,
        request_body: Any = None,
        content_type: str = "application/json",
        params: Mapping[str, Any] | None = None,
        file_path: Any = None,
        file_bytes: Any = None,
        request_id: str | None = None,
    ) -> Json:
        """One call; the JSON document of its answer. Raises QboError."""
        if file_path or file_bytes:
            raise ValueError("Files are not sent")
        return self.call(request_type, url, request_body, content_type, params, request_id)[0]

    def call(
        self,
        method: str,
        url: str,
        body: Any = None,
        content_type: str = "application/json",
        params: Mapping[str, Any] | None = None,
        request_id: str | None = None,
    ) -> tuple[Json, str]:
        """Like `make_request`, with the answer's intuit_tid."""
        kind = self._kind(method, url)
        given = {**(params or {}), "minorversion": self.minorversion}
        if kind != "read":
            if not _REQUEST_ID[kind].fullmatch(request_id or ""):
                raise ValueError(
                    "Every write needs a request id of 1 to 50 letters and digits, a batch of 36"
                )
            check_write(url, body)
            given["requestid"] = request_id
        headers = {"Content-Type": content_type, "Accept": "application/json"}
        data = body.encode() if isinstance(body, str) else body or None
        response = self.process_request(method, url, headers, given, data)
        return self._document(response, kind), faults.tid_of(response.headers)

    def process_request(
        self, request_type: str, url: str, headers: Any = "", params: Any = "", data: Any = ""
    ) -> requests.Response:
        """Send with a token; once more for a 401, and for a read whose connection broke."""
        kind = self._kind(request_type, url)
        send = _Call(request_type, url, dict(headers or {}), params or None, data or None, kind)
        try:
            return self._with_token(send)
        except QboError as error:
            if kind != "read" or error.code != "cut":
                raise
        return self._with_token(send)

    def handle_exceptions(self, results: Any) -> NoReturn:
        """The library's mapping of faults, replaced by ours."""
        raise faults.inside({"Fault": results}, {}) or QboError.of("shape")

    def validate_webhook_signature(
        self, request_body: str | bytes, signature: Any, verifier_token: str | None = None
    ) -> bool:
        """Whether Intuit signed this very body; False, never an error, for anything else."""
        body = request_body.encode() if isinstance(request_body, str) else request_body
        return webhook.is_signed(body, signature, [verifier_token or ""])

    def _kind(self, method: str, url: str) -> Kind:
        path = url.partition("?")[0]
        if not path.startswith(f"{self.api_url}/company/{self.company_id}/"):
            raise ValueError("Only addresses of this company are called with its token")
        if path.endswith("/batch"):
            return "batch"
        return "read" if method == "GET" or path.endswith("/query") else "write"

    def _with_token(self, send: _Call) -> requests.Response:
        token = self._tokens.access_token()
        secrets = [token]
        response = self._send(send, token)
        if response.status_code == 401 and self._may_be_stale(response):
            secrets.append(token := self._tokens.rejected(token))
            response = self._send(send, token)
        if response.status_code != 200:
            error = faults.parse(
                response.status_code,
                response.headers,
                response.content,
                write=send.kind != "read",
                secrets=secrets,
            )
            self.note_throttling(error)
            raise error
        return response

    @staticmethod
    def _may_be_stale(response: requests.Response) -> bool:
        """Whether a newer token could help; not so when the company or the rights are wrong."""
        error = faults.parse(401, response.headers, response.content)
        return error.fault.section == "access-tokens"

    def _send(self, send: _Call, token: str) -> requests.Response:
        self._budget.reserve(send.kind)
        headers = {**send.headers, "Authorization": f"Bearer {token}"}
        started = time.monotonic()
        status, tid = None, ""
        try:
            response = self.session.request(
                send.method,
                send.url,
                headers=headers,
                params=send.params,
                data=send.data,
                write=send.kind != "read",
            )
            status, tid = response.status_code, faults.tid_of(response.headers)
            return response
        finally:
            if self._on_call:
                self._on_call(send.kind, status, tid, time.monotonic() - started)

    def _document(self, response: requests.Response, kind: Kind) -> Json:
        """The JSON of an answer with status 200, unless there is a fault inside."""
        write = kind != "read"
        tid = faults.tid_of(response.headers)
        document = envelopes.load_json(response.content)
        if isinstance(document, dict):
            error = faults.inside(document, response.headers, write=write)
        elif envelopes.items(response.content):  # XML
            error = faults.parse(200, response.headers, response.content, write=write)
        else:
            error = QboError.of("not_json", status=200, write=write, intuit_tid=tid)
        if error:
            self.note_throttling(error)
            raise error
        return dict(document)

    def note_throttling(self, error: QboError) -> None:
        """Pass on to all processes that QuickBooks wants to be left alone, if it said so."""
        if error.fault.section == "throttling":
            self._budget.throttled(error.retry_after or THROTTLED_SECONDS)


@dataclass(frozen=True, slots=True)
class _Call:
    method: str
    url: str
    headers: Mapping[str, str]
    params: Mapping[str, Any] | None
    data: bytes | None
    kind: Kind


def check_write(url: str, body: Any) -> None:
    """Refuse whatever could touch more than the mapped properties of a customer (rule 7, C2).

    The library's own `save` sends two dozen blanks, and without `sparse` an update wipes
    what is left out. Raises ValueError.
    """
    try:
        document = json.loads(body)
        customers = list(_customers_in(url, document))
        contents = [customer for customer in customers if not writes.is_activity(customer)]
        written = [each.keys() - _ENVELOPE for each in contents]
    except (AttributeError, KeyError, TypeError, ValueError):
        raise ValueError("Only customers are written, as JSON") from None
    if not all(names and names <= lens.PROPERTIES for names in written):
        raise ValueError(f"Not a body of lens.put: {sorted(set().union(*written))!r:.200}")
    for customer in customers:
        if "Id" in customer and not (customer.get("sparse") is True and "SyncToken" in customer):
            raise ValueError("An update must be sparse and carry its SyncToken")


def _customers_in(url: str, document: Any) -> Iterator[Mapping[str, Any]]:
    if url.endswith("/customer"):
        yield document
    elif url.endswith("/batch"):
        for item in document["BatchItemRequest"]:
            if "Query" not in item:
                yield item["Customer"]
    else:
        raise KeyError(url)
