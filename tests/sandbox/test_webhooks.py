"""Webhooks as they leave the sandbox: to a listener of our own."""

from __future__ import annotations

import base64
import hmac
import json
import time
from collections.abc import Callable, Iterator
from functools import partial
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest
import requests

from .conftest import CLIENT, FIRM, Box, Json
from .test_pages import Form, get, post


class Listener(ThreadingHTTPServer):
    """Somebody's endpoint: keeps what it gets, answers with `statuses` in turn, then 200."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Ear)
        self.heard: list[tuple[dict[str, str], bytes]] = []
        self.statuses: list[int] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/hook/"


class Ear(BaseHTTPRequestHandler):
    server: Listener

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.server.heard.append((headers, body))
        self.send_response(self.server.statuses.pop(0) if self.server.statuses else 200)
        self.send_header("Location", self.server.url)
        self.end_headers()

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def listener(box: Box) -> Iterator[Listener]:
    server = Listener()
    thread = Thread(target=server.serve_forever)
    thread.start()
    box.control("webhooks", {"url": server.url})
    yield server
    box.control("webhooks", {"url": ""})
    server.shutdown()
    thread.join()
    server.server_close()


def until(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def deliveries(box: Box) -> list[Json]:
    found: list[Json] = box.control("webhooks", method="GET")["deliveries"]
    return found


def tried(box: Box, times: int) -> bool:
    return [each["attempts"] for each in deliveries(box)] == [times]


def held(box: Box, **switches: Any) -> None:
    box.control("switches", {"webhook_hold": True, **switches})


def events(box: Box) -> list[tuple[str, str, str]]:
    """(type or operation, entity, merged) of what would go out now."""
    document = json.loads(box.control("webhooks/take", {})["body"])
    if isinstance(document, list):
        return [
            (each["type"], each["intuitentityid"], each["data"].get("deletedid", ""))
            for each in document
        ]
    return [
        (each["operation"], each["id"], each.get("deletedId", ""))
        for notification in document["eventNotifications"]
        for each in notification["dataChangeEvent"]["entities"]
    ]


def test_an_edit_goes_out_signed(box: Box, listener: Listener) -> None:
    made = box.customer(DisplayName="Q")
    until(lambda: bool(listener.heard))
    headers, body = listener.heard[0]
    signature = hmac.new(b"sandbox-verifier", body, sha256).digest()
    assert headers["intuit-signature"] == base64.b64encode(signature).decode()
    assert headers["content-type"] == "application/cloudevents+json"
    assert {"intuit-t-id", "intuit-created-time", "intuit-notification-schema-version"} <= set(
        headers
    )
    [event] = json.loads(body)
    assert (event["intuitaccountid"], event["intuitentityid"]) == (FIRM, made["Id"])
    assert event["type"] == "qbo.customer.created.v1"
    assert "DisplayName" not in body.decode(), "no data, only who"


def test_what_people_and_apps_do_is_told_and_what_is_planted_is_not(box: Box) -> None:
    held(box)
    box.control("seed", {"realm": "firm", "count": 3})
    made = box.customer(DisplayName="Q")["Id"]
    box.customer(Id=made, SyncToken="0", sparse=True, Title="Dr")
    box.customer(Id=made, SyncToken="1", sparse=True, Title="Dr")  # changes nothing
    post(box, f"/company/{FIRM}/customer/{made}/active", active="0")
    verbs = [(verb, number) for verb, number, _ in events(box)]
    created, updated = "qbo.customer.created.v1", "qbo.customer.updated.v1"
    assert verbs == [(created, made), (updated, made), (updated, made)]


@pytest.mark.parametrize(
    ("choice", "verbs"),
    [("Update", ["Update"]), ("Delete", ["Delete"]), ("both", ["Update", "Delete"])],
)
def test_what_a_deactivation_is_called(box: Box, choice: str, verbs: list[str]) -> None:
    held(box, deactivation_event=choice, webhook_format="legacy")
    made = box.customer(DisplayName="Q")["Id"]
    box.customer(Id=made, SyncToken="0", sparse=True, Active=False)
    assert [verb for verb, _, _ in events(box)] == ["Create", *verbs]


@pytest.mark.parametrize(("form", "verb"), [("legacy", "Merge"), ("cloudevents", "merged")])
def test_a_merge_names_both(box: Box, form: str, verb: str) -> None:
    held(box, webhook_format=form)
    stays, goes = box.customer(DisplayName="A")["Id"], box.customer(DisplayName="B")["Id"]
    box.control("merge", {"realm": "firm", "stays": stays, "goes": goes})
    said, entity, merged = events(box)[-1]
    assert verb in said
    assert (entity, merged) == (stays, goes)


@pytest.mark.parametrize("form", ["legacy", "cloudevents"])
def test_several_companies_share_a_body(box: Box, form: str) -> None:
    held(box, webhook_format=form)
    for realm in ("firm", "client"):
        box.control("customer", {"realm": realm, "values": {"DisplayName": "Q"}})
    body = box.control("webhooks/take", {})["body"]
    assert FIRM in body and CLIENT in body
    if form == "legacy":
        assert len(json.loads(body)["eventNotifications"]) == 2


def test_what_is_kept_back_goes_out_later_and_together(box: Box, listener: Listener) -> None:
    held(box)
    numbers = [box.customer(DisplayName=f"Q{n}")["Id"] for n in range(3)]
    assert listener.heard == []
    box.control("switches", {"webhook_hold": False, "webhook_order": "reversed"})
    until(lambda: bool(listener.heard))
    said = [each["intuitentityid"] for each in json.loads(listener.heard[0][1])]
    assert said == numbers[::-1]


def test_the_same_twice(box: Box, listener: Listener) -> None:
    box.control("switches", {"webhook_twice": True})
    box.customer(DisplayName="Q")
    until(lambda: len(listener.heard) == 2)
    assert listener.heard[0][1] == listener.heard[1][1]


def test_lost_on_the_way(box: Box, listener: Listener) -> None:
    box.control("switches", {"webhook_loss": True})
    box.customer(DisplayName="Q")
    until(lambda: bool(deliveries(box)))
    box.control("switches", {"webhook_loss": False})
    box.customer(DisplayName="R")
    until(lambda: bool(listener.heard))
    assert len(listener.heard) == 1
    assert deliveries(box)[0]["answer"] == "lost on the way"


@pytest.mark.parametrize("status", [500, 400, 302, 404])
def test_anything_but_200_is_sent_again_later(box: Box, listener: Listener, status: int) -> None:
    listener.statuses = [status] * 3
    box.customer(DisplayName="Q")
    for attempt, minutes in ((1, 20), (2, 30), (3, 50)):
        until(partial(tried, box, attempt))
        box.control("clock", {"advance": minutes * 60 + 1})
    until(partial(tried, box, 4))
    last = deliveries(box)[0]
    assert (last["answer"], last["due"]) == ("200", None)
    assert len({body for _, body in listener.heard}) == 1


def test_nobody_listens(box: Box, listener: Listener) -> None:
    listener.server_close()
    box.customer(DisplayName="Q")
    until(lambda: any(each["attempts"] for each in deliveries(box)))
    assert "no answer" in deliveries(box)[0]["answer"]


def test_the_page_registers_and_shows_what_went_out(box: Box, listener: Listener) -> None:
    form = Form(get(box, "/webhooks"))
    assert form.unlabelled <= form.labelled
    assert form.fields["url"] == listener.url
    post(box, "/webhooks", url=listener.url, test="1")
    until(lambda: bool(deliveries(box)) and deliveries(box)[0]["answer"] == "200")
    page = get(box, "/webhooks")
    assert "310687" in page and "200" in page
    refused = post(box, "/webhooks", url="ftp://x")
    assert (refused.status_code, 'role="alert"' in refused.text) == (400, True)
    post(box, "/webhooks", url="")
    assert box.control("webhooks", method="GET")["url"] == ""


def test_nonsense_is_refused(box: Box) -> None:
    answer = requests.post(f"{box.url}/_control/webhooks", json={"url": "file:///x"}, timeout=9)
    assert answer.status_code == 400
