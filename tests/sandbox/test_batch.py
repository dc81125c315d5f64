"""Batches: every item for itself, and what a requestid stands for under either reading."""

from __future__ import annotations

from typing import Any

import pytest
import requests

from .conftest import FIRM, Box, Json, fault


def create(bid: str, **values: Any) -> Json:
    return {"bId": bid, "operation": "create", "Customer": values}


def update(bid: str, number: str, token: str, **values: Any) -> Json:
    body = {"Id": number, "SyncToken": token, "sparse": True, **values}
    return {"bId": bid, "operation": "update", "Customer": body}


def send(box: Box, *items: Any, requestid: str = "") -> requests.Response:
    params = {"requestid": requestid} if requestid else None
    return box.api("POST", "batch", json={"BatchItemRequest": items}, params=params)


def answers(box: Box, *items: Any, requestid: str = "") -> dict[str, Json]:
    answer = send(box, *items, requestid=requestid)
    assert answer.status_code == 200, answer.text
    assert list(answer.json()) == ["BatchItemResponse", "time"]
    return {each["bId"]: each for each in answer.json()["BatchItemResponse"]}


def code(answer: Json) -> str:
    found: str = answer["Fault"]["Error"][0]["code"]
    return found


def test_each_item_is_done_or_refused_for_itself(box: Box) -> None:
    known = box.customer(DisplayName="Known")
    found = answers(
        box,
        create("a", DisplayName="New"),
        create("b", DisplayName="Known"),
        update("c", known["Id"], "0", CompanyName="Ltd"),
        update("d", known["Id"], "0", CompanyName="Inc"),
        update("e", "99999", "0", CompanyName="Inc"),
        {"bId": "f", "operation": "delete", "Customer": {"Id": known["Id"], "SyncToken": "1"}},
        {"bId": "g", "Query": "SELECT COUNT(*) FROM Customer WHERE DisplayName = 'New'"},
        update("h", "", "0", CompanyName="Inc"),
        create("i", DisplayName="New", Hat="red"),
    )
    assert found["a"]["Customer"]["DisplayName"] == "New"
    assert found["c"]["Customer"]["SyncToken"] == "1"
    assert found["g"]["QueryResponse"] == {"totalCount": 1}
    refused = {bid: code(each) for bid, each in found.items() if "Fault" in each}
    assert refused == {"b": "6240", "d": "5010", "e": "610", "f": "500", "h": "2020", "i": "2010"}
    assert box.read(known["Id"])["CompanyName"] == "Ltd"
    assert list(found["b"]) == ["Fault", "bId"]
    assert found["b"]["Fault"]["Error"][0]["element"] == ""


def test_answers_come_in_another_order(box: Box) -> None:
    items = [create(str(n), DisplayName=f"Q{n}") for n in range(3)]
    shown = [each["bId"] for each in send(box, *items).json()["BatchItemResponse"]]
    assert shown == ["2", "1", "0"]
    box.control("switches", {"batch_order": "given"})
    shown = [each["bId"] for each in send(box, *items).json()["BatchItemResponse"]]
    assert shown == ["0", "1", "2"]


def test_thirty_items_and_not_one_more(box: Box) -> None:
    items = [create(str(n), DisplayName=f"Q{n}") for n in range(31)]
    assert fault(send(box, *items)) == (400, "1040")
    assert box.rows("SELECT * FROM Customer WHERE DisplayName LIKE 'Q%'") == []
    assert all("Customer" in each for each in answers(box, *items[:30]).values())


@pytest.mark.parametrize(
    ("document", "expected"), [({}, "2020"), ({"BatchItemRequest": ["x"]}, "2010")]
)
def test_what_is_no_batch(box: Box, document: Json, expected: str) -> None:
    assert fault(box.api("POST", "batch", json=document)) == (400, expected)


@pytest.mark.parametrize("reading", ["batch", "item"])
def test_the_same_requestid_does_nothing_twice(box: Box, reading: str) -> None:
    box.control("switches", {"batch_requestid": reading})
    items = [
        create("a", DisplayName="New"),
        update("b", "1", box.read("1")["SyncToken"], Title="X"),
    ]
    first = answers(box, *items, requestid="r1")
    again = answers(box, *items, requestid="r1")
    assert again == first
    assert len(box.rows("SELECT * FROM Customer WHERE DisplayName = 'New'")) == 1
    assert box.read("1")["SyncToken"] == first["b"]["Customer"]["SyncToken"]


@pytest.mark.parametrize(("reading", "done"), [("batch", False), ("item", True)])
def test_a_refused_item_under_the_same_requestid(box: Box, reading: str, done: bool) -> None:
    """For the batch as a whole the answer stands; an item that was refused is tried again."""
    box.control("switches", {"batch_requestid": reading})
    box.control("faults", {"kind": "stale", "item": '"bId": "a"'})
    items = [create("a", DisplayName="New"), create("b", DisplayName="Other")]
    assert code(answers(box, *items, requestid="r1")["a"]) == "5010"
    assert ("Customer" in answers(box, *items, requestid="r1")["a"]) is done


def test_a_requestid_of_a_batch_is_shorter(box: Box) -> None:
    assert send(box, create("a", DisplayName="A"), requestid="r" * 36).ok
    assert fault(send(box, create("a", DisplayName="B"), requestid="r" * 37)) == (400, "2130")


@pytest.mark.parametrize(("when", "made"), [("before", 0), ("after", 1)])
def test_an_item_can_be_refused_on_demand(box: Box, when: str, made: int) -> None:
    """`after`: it took effect all the same."""
    rule = {"kind": "fault", "code": "10000", "item": "New", "when": when}
    box.control("faults", rule)
    found = answers(box, create("a", DisplayName="New"), create("b", DisplayName="Other"))
    assert code(found["a"]) == "10000"
    assert "Customer" in found["b"]
    assert len(box.rows("SELECT * FROM Customer WHERE DisplayName = 'New'")) == made


def test_a_batch_that_is_cut_off_after_taking_effect(box: Box) -> None:
    box.control("faults", {"kind": "cut", "path": "/batch", "when": "after"})
    with pytest.raises(requests.ConnectionError):
        send(box, create("a", DisplayName="New"), requestid="r1")
    assert "Customer" in answers(box, create("a", DisplayName="New"), requestid="r1")["a"]
    assert len(box.rows("SELECT * FROM Customer WHERE DisplayName = 'New'")) == 1


def test_only_a_fault_can_befall_an_item(box: Box) -> None:
    rule = {"kind": "cut", "item": "x"}
    answer = requests.post(f"{box.url}/_control/faults", json=rule, timeout=9)
    assert answer.status_code == 400


def test_a_lapsed_subscription_refuses_writing_items(box: Box) -> None:
    box.control("switches", {"lapsed": True})
    query = {"bId": "q", "Query": "SELECT COUNT(*) FROM Customer"}
    found = answers(box, create("a", DisplayName="New"), query)
    assert (code(found["a"]), "QueryResponse" in found["q"]) == ("6190", True)


def test_each_item_is_metered_as_what_it_is(box: Box) -> None:
    box.control("requests", method="DELETE")
    query = {"bId": "q", "Query": "SELECT COUNT(*) FROM Customer"}
    answers(box, create("a", DisplayName="New"), create("b", DisplayName="New"), query)
    assert box.control("counts", method="GET") == {FIRM: {"Core": 1, "CorePlus": 1}}


def test_forty_batches_a_minute(box: Box) -> None:
    box.control("requests", method="DELETE")
    box.control("switches", {"throttle": True})

    def batch() -> int:
        box.control("clock", {"advance": 1})
        return send(box).status_code

    assert [batch() for _ in range(41)] == [200] * 40 + [429]
    box.control("clock", {"advance": 60})
    assert batch() == 200
