"""A QuickBooks company for tests: the sandbox as a process of its own, spoken to over HTTP.

What the control API understands stands in the docstring of `wagtail_qbo_sync.sandbox`.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

_GREETING = "Listening on "
_ROOT = Path(__file__).parents[2]
"""Where the package is found, installed or not."""


class SandboxProcess:
    """The sandbox on a free port. Start it, or use it in a `with`.

    `options` are more flags of its command line, such as "--no-throttle".
    """

    def __init__(self, *options: str, start_seconds: float = 30.0) -> None:
        self.base_url = ""
        self._options: Sequence[str] = options
        self._start_seconds = start_seconds
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.stop()

    @property
    def discovery_url(self) -> str:
        """What DISCOVERY_URL has to be for this company."""
        return f"{self.base_url}/.well-known/openid_sandbox_configuration/"

    def start(self) -> None:
        """Start it and wait until it listens. Raises RuntimeError if it does not."""
        command = [sys.executable, "-m", "wagtail_qbo_sync.sandbox", "--port", "0", "--quiet"]
        self._process = subprocess.Popen(  # noqa: S603 (our own module)
            [*command, *self._options], stdout=subprocess.PIPE, text=True, cwd=_ROOT
        )
        line = self._first_line(self._process)
        if not line.startswith(_GREETING):
            self.stop()
            raise RuntimeError(f"The sandbox did not start: {line!r}")
        self.base_url = line.removeprefix(_GREETING).strip()

    def stop(self) -> None:
        """End it; a stopped one is left as it is."""
        process, self._process = self._process, None
        if process is None:
            return
        process.terminate()
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if process.stdout:
            process.stdout.close()

    def get(self, path: str) -> Any:
        """The JSON at `path` of the control API: `get("requests?since=5")`."""
        return self._control("GET", path)

    def post(self, path: str, body: Any = None) -> Any:
        """Tell the control API something: `post("faults", {"kind": "cut"})`.

        Raises RuntimeError with what it said if it did not understand.
        """
        return self._control("POST", path, {} if body is None else body)

    def delete(self, path: str) -> Any:
        """Forget what is recorded or ordered at `path`: `delete("faults")`."""
        return self._control("DELETE", path)

    def consent(self, authorize_url: str, realm: str) -> str:
        """The person says yes for `realm`; the address that the browser is sent back to."""
        return str(self.post("consent", {"url": authorize_url, "realm": realm})["redirect"])

    def deny(self, authorize_url: str) -> str:
        """The person says no; the address that the browser is sent back to."""
        return str(self.post("consent", {"url": authorize_url, "deny": True})["redirect"])

    def _first_line(self, process: subprocess.Popen[str]) -> str:
        assert process.stdout is not None
        give_up = threading.Timer(self._start_seconds, process.kill)
        give_up.start()
        try:
            return process.stdout.readline()  # "" when the process has ended
        finally:
            give_up.cancel()

    def _control(self, method: str, path: str, body: Any = None) -> Any:
        request = urllib.request.Request(  # noqa: S310 (our own process)
            f"{self.base_url}/_control/{path.lstrip('/')}",
            data=None if body is None else json.dumps(body).encode(),
            headers={"Content-Type": "application/json"},
            method=method,
        )
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(request, timeout=60) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            with error:
                said = error.read().decode(errors="replace")
        raise RuntimeError(f"{method} {path}: {said}")
