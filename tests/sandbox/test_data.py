"""The made-up people: always the same, enough of them, and the awkward ones among them."""

from __future__ import annotations

from collections import Counter

import pytest

from wagtail_qbo_sync.sandbox import data
from wagtail_qbo_sync.sandbox.clock import pacific, parse_time
from wagtail_qbo_sync.sandbox.clock import record_time as stamp

from .conftest import Box


def test_a_seed_always_makes_the_same_people() -> None:
    assert list(data.companies(1)) == list(data.companies(1))
    assert list(data.companies(1)) != list(data.companies(2))
    assert list(data.crowd(50, 1, {"x"})) == list(data.crowd(50, 1, {"x"}))


def all_of(box: Box, realm: str) -> list[dict]:
    found: list[dict] = box.control(f"customers?realm={realm}", method="GET")
    return found


@pytest.mark.parametrize("realm", ["firm", "client"])
def test_there_are_enough_of_every_kind(box: Box, realm: str) -> None:
    rows = all_of(box, realm)
    assert len(rows) >= 250
    emails = [row.get("PrimaryEmailAddr", {}).get("Address", "") for row in rows]
    names = [row["DisplayName"] for row in rows]
    assert any("," in email for email in emails)
    assert "" in emails
    assert any("'" in name for name in names)
    assert any("&" in name for name in names)
    assert any(ord(letter) > 0x370 for name in names for letter in name)
    assert any(name.endswith(" (deleted)") for name in names)
    assert any(row["Job"] and not row["IsProject"] for row in rows)
    assert any(row["IsProject"] for row in rows)
    assert any("City" not in row["BillAddr"] for row in rows if "BillAddr" in row)
    assert any(row["Balance"] for row in rows)
    folded = Counter(row["FullyQualifiedName"].casefold() for row in rows)
    assert folded.most_common(1)[0][1] == 1


def test_couples_and_owners_share_an_address(box: Box) -> None:
    by_email: dict[str, list[str]] = {}
    for row in all_of(box, "firm"):
        email = row.get("PrimaryEmailAddr", {}).get("Address", "").lower()
        by_email.setdefault(email, []).append(row["DisplayName"])
    assert by_email["lindqvist.family@inbox.example"] == ["Lindqvist, Erik", "Lindqvist, Maja"]
    assert len(by_email["owner@ridgeline.example"]) == 2


def test_times_have_the_pacific_offset_of_their_day() -> None:
    for text in (
        "2026-03-08T01:59:59-08:00",
        "2026-03-08T03:00:00-07:00",
        "2026-11-01T01:59:59-07:00",
        "2026-11-01T01:00:00-08:00",
        "2021-02-01T12:00:00-08:00",
    ):
        assert stamp(parse_time(text).timestamp()) == text
    assert parse_time("2026-07-01") == pacific(parse_time("2026-07-01T00:00:00-07:00").timestamp())
    assert parse_time("2026-01-01").utcoffset() == parse_time("2026-01-01T00:00-08:00").utcoffset()
