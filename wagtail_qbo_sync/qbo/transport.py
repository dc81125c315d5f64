"""HTTP as both doors speak it: with time limits, no redirects, and nothing leaking.

python-quickbooks and intuitlib bring neither time limits nor bounds, follow redirects, and
let `requests` take proxies and passwords from the environment (docs/quickbooks.md,
transport). A session of this kind is put under them instead.
"""

from __future__ import annotations

import ipaddress
import os
import re
import time
from typing import Any
from urllib.parse import urlsplit

import requests
import urllib3
from requests.utils import get_environ_proxies

from wagtail_qbo_sync.conf import settings
from wagtail_qbo_sync.qbo.faults import QboError

CONNECT_SECONDS = 5.0
MAX_BYTES = 32 * 1024 * 1024
"""A page of 1,000 customers with every text at its limit stays well below it."""

_CHUNK = 64 * 1024
_TWO_READINGS = re.compile(r"[\\\s\x00-\x1f\x7f]")
"""What Python, `requests` and browsers each take for another end of the host's name."""


def longest_seconds() -> float:
    """No single HTTP call takes longer: connecting, a silence, and the whole of the answer."""
    return CONNECT_SECONDS + 2 * settings.CALL_SECONDS


def check_url(url: str, *, plain_http: bool = True) -> str:
    """The URL, if it may be called: https, or plain http to this very machine.

    `plain_http=False` refuses the second, too. Raises QboError (OPERATOR).
    """
    try:
        parts = urlsplit(url)
        host, _port = parts.hostname or "", parts.port
    except ValueError:
        host, parts = "", urlsplit("")
    if _TWO_READINGS.search(url):
        host = ""
    safe = parts.scheme == "https" or (plain_http and parts.scheme == "http" and is_loopback(host))
    if not host or not safe or parts.username is not None or parts.fragment:
        raise QboError.of("address", message=f"Refused address {_shown(url)!r}")
    return url


def is_loopback(host: str) -> bool:
    """Whether a host name or address is this very machine."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class GuardedSession(requests.Session):
    """A `requests.Session` that is safe to hand to the libraries.

    Every call has time limits and a bounded answer, follows no redirect, takes nothing from
    the environment but proxies (none to loopback) and certificates, and fails as QboError
    only. The errors carry neither headers nor the library's own error, which may hold tokens.
    """

    def __init__(self) -> None:
        requests.Session.__init__(self)  # not AuthClient's, which comes next in OAuthClient
        self.trust_env = False  # also: no password from a .netrc over our Bearer header
        self.verify = (
            os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("CURL_CA_BUNDLE") or True
        )
        self.read_seconds = float(settings.CALL_SECONDS)
        self.connect_seconds = CONNECT_SECONDS
        self.max_bytes = MAX_BYTES

    def request(  # type: ignore[override]
        self, method: str, url: str, *, write: bool = False, **options: Any
    ) -> requests.Response:
        """One call. `write` says that something may change there. Raises QboError."""
        host = urlsplit(check_url(url)).hostname or ""
        options.update(
            timeout=(self.connect_seconds, self.read_seconds),
            allow_redirects=False,
            stream=True,
            proxies={} if is_loopback(host) else get_environ_proxies(url),
        )
        try:
            response = super().request(method, url, **options)
            self._read(response)
            return response
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
            code, kind = _code_of(error), type(error).__name__
        except _TooLargeError:
            code, kind = "too_large", "answer too large"
        # Raised out here, so that the library's error does not come along as its context.
        raise QboError.of(code, write=write, message=f"No answer from {host}: {kind}")

    def get_redirect_target(self, resp: requests.Response) -> None:
        """Nowhere: a redirect is an answer like any other, and its body is read by us only."""

    def _read(self, response: requests.Response) -> None:
        """Read the body, bounded in size and time, to where `requests` looks for it."""
        ends = time.monotonic() + self.read_seconds
        body = bytearray()
        with response.raw as raw:
            while chunk := raw.read1(_CHUNK, decode_content=True):
                body += chunk
                if len(body) > self.max_bytes:
                    raise _TooLargeError
                if time.monotonic() > ends:
                    raise requests.ReadTimeout
        response._content = bytes(body)
        response._content_consumed = True  # type: ignore[attr-defined]


class _TooLargeError(Exception):
    pass


_NEVER_SENT = (
    urllib3.exceptions.NewConnectionError,
    urllib3.exceptions.ConnectTimeoutError,
    urllib3.exceptions.ProxyError,
)


def _code_of(error: BaseException) -> str:
    """The word of the fault table for an error of the network."""
    if isinstance(error, requests.exceptions.SSLError) or not isinstance(
        error, requests.RequestException | urllib3.exceptions.HTTPError
    ):
        return "certificate"  # a plain OSError: the bundle of certificates is not there
    if isinstance(error, requests.ConnectTimeout | requests.exceptions.ProxyError):
        return "unreachable"
    if isinstance(getattr(error.args[0] if error.args else None, "reason", None), _NEVER_SENT):
        return "unreachable"
    if isinstance(error, requests.Timeout | urllib3.exceptions.TimeoutError):
        return "timeout"
    if isinstance(error, requests.exceptions.InvalidURL):
        return "address"
    if isinstance(error, requests.exceptions.InvalidHeader):
        return "invalid_request"
    return "cut"


def _shown(url: str) -> str:
    """A URL without what may be secret in it."""
    return url.partition("?")[0].rpartition("@")[2][:200]
