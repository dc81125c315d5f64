"""One pair compared: what differs, and who moved since the last agreement."""

from __future__ import annotations

from itertools import product

import pytest

from wagtail_qbo_sync.contact import Address, Value
from wagtail_qbo_sync.engine.compare import Difference, Moved, compare

A, B, C = "Anna", "Bea", "Cleo"
Values = dict[str, Value]


@pytest.mark.parametrize(
    ("site", "qbo", "base_site", "base_qbo", "moved"),
    [
        (B, A, A, A, Moved.SITE),
        (A, B, A, A, Moved.QBO),
        (B, C, A, A, Moved.BOTH),
        (A, B, A, B, Moved.NEITHER),
        (A, B, None, None, Moved.BOTH),
        (A, B, None, B, Moved.SITE),
    ],
)
def test_who_moved(
    site: str, qbo: str, base_site: str | None, base_qbo: str | None, moved: Moved
) -> None:
    def held(value: str | None) -> dict[str, str]:
        return {} if value is None else {"name": value}

    found = compare(held(site), held(qbo), held(base_site), held(base_qbo))
    assert found == Difference(["name"], moved)


@pytest.mark.parametrize("bases", list(product([A, B], repeat=2)))
def test_equal_is_equal_whatever_was_agreed(bases: tuple[str, str]) -> None:
    one, other = bases
    assert compare({"name": C}, {"name": f" {C} "}, {"name": one}, {"name": other}) is None


def test_the_fields_in_order_and_only_those_that_differ() -> None:
    site: Values = {
        "phone": "2",
        "name": A,
        "email": "a@x.example",
        "mailing_address": Address(city="Rye"),
    }
    qbo: Values = {
        "phone": "3",
        "name": A,
        "email": "b@x.example",
        "mailing_address": Address(city="Bath"),
    }
    found = compare(site, qbo, site, qbo)
    assert found is not None
    assert found.fields == ["email", "mailing_address", "phone"]


def test_what_moved_elsewhere_does_not_count() -> None:
    """The name moved on both sides to the same; the phone stands as agreed."""
    site, qbo = {"name": B, "phone": "2"}, {"name": B, "phone": "3"}
    found = compare(site, qbo, {"name": A, "phone": "2"}, {"name": A, "phone": "3"})
    assert found == Difference(["phone"], Moved.NEITHER)
