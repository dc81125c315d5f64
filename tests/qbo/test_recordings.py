"""Payloads recorded from the real service, where they are at hand, are read sensibly."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from wagtail_qbo_sync.qbo import envelopes, faults, lens
from wagtail_qbo_sync.qbo.faults import Action, QboError

SAMPLES = Path(__file__).parents[3] / "shared" / "qbo" / "samples"
FAULTS = sorted(SAMPLES.glob("faults/*.json")) + sorted(SAMPLES.glob("faults/*.xml"))

pytestmark = pytest.mark.skipif(not SAMPLES.is_dir(), reason="the recordings are not at hand")

ACTIONS = {
    "130": Action.OPERATOR,
    "2010": Action.BUG,
    "2030": Action.BUG,
    "2050": Action.CASE,
    "3001": Action.BACK_OFF,
    "3100": Action.RECONNECT,
    "3200": Action.RECONNECT,
    "4001": Action.BUG,
    "4002": Action.BUG,
    "500": Action.BUG,
    "6000": Action.CASE,
    "6240": Action.CASE,
    "10000": Action.BACK_OFF,
}


def recorded(path: Path) -> QboError:
    """The error in a recorded body; the status is in the name of the file or 400."""
    body = path.read_bytes()
    status = int(found.group()) if (found := re.match(r"\d{3}(?=_)", path.name)) else 400
    nested = (envelopes.load_json(body) or {}).get("AttachableResponse")
    if not nested:
        return faults.parse(status, {}, body)
    error = faults.inside(nested[0], {})
    assert error
    return error


@pytest.mark.parametrize("path", FAULTS, ids=lambda path: path.name)
def test_faults(path: Path) -> None:
    error = recorded(path)
    expected = Action.BACK_OFF if error.status == 500 else ACTIONS[error.code]
    assert (error.action, bool(error.message)) == (expected, True)
    assert "AB016" not in f"{error} {vars(error)}"


def test_refused_grants() -> None:
    variants = json.loads((SAMPLES / "oauth" / "x_invalid_grant_variants.json").read_text())
    actions = [
        faults.parse_oauth(each["status"], {}, json.dumps(each["body"]).encode()).action
        for each in variants
    ]
    assert actions == [Action.RECONNECT] * 4 + [Action.OPERATOR]


def customers_in(document: Any) -> Iterator[dict[str, Any]]:
    """Everything that is a whole customer, at any depth; also JSON inside of texts."""
    if isinstance(document, dict):
        if "V4IDPseudonym" in document or {"Job", "SyncToken", "DisplayName"} <= document.keys():
            yield document
        for name, value in document.items():
            inner = envelopes.load_json(value.encode()) if name == "body_raw" else value
            yield from customers_in(inner)
    elif isinstance(document, list):
        for value in document:
            yield from customers_in(value)


def test_customers() -> None:
    found = [
        customer
        for path in sorted(SAMPLES.glob("**/*.json"))
        for customer in customers_in(json.loads(path.read_text()))
    ]
    assert len(found) > 50
    for customer in found:
        read = lens.snapshot(customer)
        assert read.display_name and read.contact.name
        assert lens.put(read.contact.values(), customer=customer) == {}
        assert read.created and read.created.utcoffset() is not None
