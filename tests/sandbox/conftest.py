"""A sandbox as its own process, one for all tests of this room; each test finds it fresh."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

ROOT = Path(__file__).parents[2]
FIRM = "9341452000000101"
CLIENT = "9341452000000202"
REDIRECT = "http://localhost:8000/callback/"
BASIC = ("sandbox-client", "sandbox-secret")
ACCOUNTING = "com.intuit.quickbooks.accounting"
ASK = {
    "client_id": BASIC[0],
    "redirect_uri": REDIRECT,
    "response_type": "code",
    "scope": ACCOUNTING,
    "state": "s1",
}
Json = dict[str, Any]


class Box:
    """A running sandbox, seen from outside."""

    def __init__(self, *flags: str) -> None:
        command = [sys.executable, "-m", "wagtail_qbo_sync.sandbox", "--port", "0", "--quiet"]
        self.process = subprocess.Popen(
            [*command, *flags], stdout=subprocess.PIPE, text=True, cwd=ROOT
        )
        assert self.process.stdout
        self.url = self.process.stdout.readline().split()[-1]
        self.http = requests.Session()
        self.http.headers["Accept"] = "application/json"
        self.realm = FIRM

    def stop(self) -> None:
        self.http.close()
        self.process.kill()
        self.process.communicate()

    def fresh(self) -> None:
        self.control("reset", {})
        self.use(FIRM)

    def control(self, name: str, body: Any = None, method: str = "POST") -> Any:
        response = requests.request(method, f"{self.url}/_control/{name}", json=body, timeout=30)
        assert response.status_code == 200, response.text
        return response.json()

    def use(self, realm: str) -> Json:
        """Work in this company from now on, with new tokens."""
        self.realm = realm
        tokens: Json = self.control("tokens", {"realm": realm})
        self.http.headers["Authorization"] = f"Bearer {tokens['access_token']}"
        return tokens

    def api(self, method: str, path: str, **options: Any) -> requests.Response:
        url = f"{self.url}/v3/company/{self.realm}/{path}"
        return self.http.request(method, url, timeout=10, allow_redirects=False, **options)

    def write(self, params: Json | None = None, **body: Any) -> requests.Response:
        return self.api("POST", "customer", json=body, params=params)

    def customer(self, **body: Any) -> Json:
        """Written, and it must work."""
        response = self.write(**body)
        assert response.status_code == 200, response.text
        found: Json = response.json()["Customer"]
        return found

    def read(self, number: str) -> Json:
        found: Json = self.api("GET", f"customer/{number}").json()["Customer"]
        return found

    def query(self, statement: str) -> requests.Response:
        return self.api("GET", "query", params={"query": statement})

    def rows(self, statement: str) -> list[Json]:
        response = self.query(statement)
        assert response.status_code == 200, response.text
        found: list[Json] = response.json()["QueryResponse"].get("Customer", [])
        return found

    def token(self, **form: str) -> requests.Response:
        url = f"{self.url}/oauth2/v1/tokens/bearer"
        return requests.post(url, data=form, auth=BASIC, timeout=10)


def fault(response: requests.Response) -> tuple[int, str]:
    """Status and code of a fault of the service (the capitalised envelope)."""
    return response.status_code, response.json()["Fault"]["Error"][0]["code"]


@pytest.fixture(scope="session")
def running() -> Iterator[Box]:
    box = Box("--no-throttle")
    yield box
    box.stop()


@pytest.fixture
def box(running: Box) -> Box:
    running.fresh()
    return running
