"""`make audit`, with a service of advisories on this machine: pip-audit itself asks it.

What PyPI knows is asked on GitHub, for each pull request and every night.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from .test_lock import ROOT, locked

pytest.importorskip("pip_audit")  # which only those have who work on the code

KNOWN = {"vulns": [{"id": "PYSEC-2026-1", "summary": "It leaks.", "affected": []}]}


class Advisories(ThreadingHTTPServer):
    """OSV's service, as far as pip-audit asks it."""

    weak = ""
    """The package of which a weakness is known."""
    status = 200

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answer)
        self.asked: list[tuple[str, str]] = []


class Answer(BaseHTTPRequestHandler):
    """About one version of a package."""

    server: Advisories

    def do_POST(self) -> None:
        query = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        name = query["package"]["name"]
        self.server.asked.append((name, query["version"]))
        body = json.dumps(KNOWN if name == self.server.weak else {}).encode()
        self.send_response(self.server.status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing."""


@pytest.fixture
def advisories() -> Iterator[Advisories]:
    with Advisories() as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


def audit(advisories: Advisories, folder: Path) -> subprocess.CompletedProcess[str]:
    address = f"http://127.0.0.1:{advisories.server_port}/"
    service = {"PIP_AUDIT_VULNERABILITY_SERVICE": "osv", "PIP_AUDIT_OSV_URL": address}
    env = {**os.environ, **service, "XDG_CACHE_HOME": str(folder), "NO_PROXY": "127.0.0.1"}
    command = [sys.executable, "tools/audit.py"]
    return subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False)


def test_every_locked_version_is_asked_about(advisories: Advisories, tmp_path: Path) -> None:
    """Also where Pythons differ in the version that they get."""
    done = audit(advisories, tmp_path)
    assert done.returncode == 0, done.stderr
    assert "No known vulnerabilities found" in done.stderr
    assert sorted(advisories.asked) == sorted((each["name"], each["version"]) for each in locked())


def test_a_known_weakness_is_a_failure_and_is_named(advisories: Advisories, tmp_path: Path) -> None:
    advisories.weak = "cryptography"
    done = audit(advisories, tmp_path)
    assert done.returncode != 0
    assert "PYSEC-2026-1" in done.stdout and "cryptography" in done.stdout


def test_no_answer_is_a_failure(advisories: Advisories, tmp_path: Path) -> None:
    advisories.status = 404
    done = audit(advisories, tmp_path)
    assert done.returncode != 0 and advisories.asked
    assert "No known vulnerabilities" not in done.stdout + done.stderr
