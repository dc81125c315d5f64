"""What is kept in a file, and what a process needs to run at all."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import requests

from .conftest import ASK, FIRM, REDIRECT, ROOT, Box


def test_everything_survives_a_kill(tmp_path: Path) -> None:
    state = ("--state", str(tmp_path / "qbo.sqlite3"))
    box = Box(*state)
    tokens = box.use(FIRM)
    made = box.customer(DisplayName="Kept", BillAddr={"Line1": "1 Elm St"})
    first = box.write({"requestid": "r1"}, DisplayName="Once")
    box.control("switches", {"clear_by": "both"})
    box.control("clock", {"offset": 30})
    box.stop()

    box = Box(*state)
    try:
        box.http.headers["Authorization"] = f"Bearer {tokens['access_token']}"
        assert box.read(made["Id"])["BillAddr"] == made["BillAddr"]
        assert box.write({"requestid": "r1"}, DisplayName="Once").content == first.content
        assert box.write(DisplayName="Kept").status_code == 400
        assert box.customer(DisplayName="Next")["Id"] == str(int(made["Id"]) + 2)
        overview = box.control("", method="GET")
        assert overview["switches"]["clear_by"] == "both"
        assert overview["clock"]["offset"] == 30
        assert overview["companies"][0]["customers"] == 273
        box.control("reset", {})
    finally:
        box.stop()

    box = Box(*state)
    try:
        assert box.control("", method="GET")["companies"][0]["customers"] == 270
    finally:
        box.stop()


def test_flags(box: Box) -> None:
    assert box.control("switches", method="GET")["throttle"] is False
    only = "http://localhost/only"
    strict = Box("--client-id", "me", "--client-secret", "hush", "--redirect-uri", only)
    try:
        assert strict.control("switches", method="GET")["throttle"] is True
        assert strict.token(grant_type="refresh_token", refresh_token="x").status_code == 401
        url = f"{strict.url}/connect/oauth2"
        for redirect_uri, status in ((only, 302), (f"{only}/", 400), (REDIRECT, 400)):
            asked = {**ASK, "client_id": "me", "redirect_uri": redirect_uri, "realm": FIRM}
            answer = requests.post(url, data=asked, timeout=9, allow_redirects=False)
            assert answer.status_code == status
    finally:
        strict.stop()


@pytest.mark.parametrize("realm", ["firm", FIRM])
def test_it_runs_on_the_standard_library_alone(realm: str) -> None:
    command = [sys.executable, "-S", "-m", "wagtail_qbo_sync.sandbox", "--dump-customers", realm]
    found = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert '"DisplayName": "Berg, Anna & Tom"' in found.stdout


def test_an_unknown_company_is_an_error() -> None:
    command = [sys.executable, "-m", "wagtail_qbo_sync.sandbox", "--dump-customers", "nobody"]
    found = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (found.returncode, "No company nobody" in found.stderr) == (2, True)
