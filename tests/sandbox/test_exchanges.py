"""Our own exchanges, in the shapes of the recorded ones: the same books, request and answer."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from .conftest import Box, Json
from .replay import plant, same_entity, same_fault

FOUND = json.loads((Path(__file__).parent / "fixtures" / "exchanges.json").read_text())


@pytest.mark.parametrize("exchange", FOUND["exchanges"], ids=lambda each: each["name"])
def test_an_exchange(box: Box, exchange: Json) -> None:
    plant(box, FOUND["customers"], clear=True)
    request, expected = exchange["request"], exchange["response"]
    answer = box.api(
        request["method"],
        request["path"],
        params=request.get("params"),
        json=request.get("body"),
    )
    ours, theirs = answer.json(), expected["body"]
    assert answer.status_code == expected["status"], answer.text
    assert list(ours) == list(theirs)
    if "Fault" in theirs:
        same_fault(ours, theirs)
    elif "Customer" in theirs:
        _same(ours["Customer"], theirs["Customer"])
    else:
        found, rows = ours["QueryResponse"], theirs["QueryResponse"]
        assert {**found, "Customer": 0} == {**rows, "Customer": 0}
        for mine, real in zip(found.get("Customer", []), rows.get("Customer", []), strict=True):
            _same(mine, real)


def _same(mine: Json, real: Json) -> None:
    same_entity(mine, real)
    for key in ("Id", "SyncToken", "Balance", "BalanceWithJobs"):
        assert mine[key] == real[key]
