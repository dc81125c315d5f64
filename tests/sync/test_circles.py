"""Rule 11: what something changes back each time is written three times, then asked about."""

from __future__ import annotations

from typing import Any

import pytest

from tests import factories
from wagtail_qbo_sync.models import Change
from wagtail_qbo_sync.sync.people import conflicts

from .conftest import customer
from .firm import Firm, client, edit


def theirs(number: str) -> dict[str, Any]:
    return {"PrimaryPhone": {"FreeFormNumber": number}}


@pytest.mark.parametrize("policy", ["site", "qbo"])
def test_machines_that_write_in_circles_are_stopped(firm: Firm, policy: str) -> None:
    """With "site" two programs quarrel by way of us; with "qbo" one of the site's with us."""
    client("Anna", "anna@example.org", phone="1")
    firm.has(customer("1", "Anna", "anna@example.org", **theirs("1")))
    firm.sync()
    firm.chooses(on_conflict=policy)

    def round_() -> None:
        if firm.record("1")["PrimaryPhone"]["FreeFormNumber"] != "9":
            firm.edits("1", **theirs("9"))
        firm.sync()
        if firm.client("1").phone == "9":
            edit(firm.client("1"), phone="1")

    for _ in range(4):
        round_()
        firm.sync()
    assert firm.cases() == {("conflict", "1")}
    case = firm.case("conflict", "1")
    assert case.facts["circles"] == ["phone"]
    written = Change.objects.count()
    for _ in range(2):
        round_()
    assert Change.objects.count() == written, "nothing is written until a person settles it"
    standing = conflicts.standing(case)
    assert standing
    choice = {"phone": conflicts.Choice(conflicts.Take.QBO)}
    shown = {"phone": standing.stamp("phone")}
    conflicts.settle(firm.connection, "1", choice, shown, factories.user(username="mapper"))
    firm.walk()
    assert firm.client("1").phone == "9", "and then it counts anew"
    firm.edits("1", **theirs("7"))
    firm.sync()
    assert (firm.client("1").phone, firm.cases()) == ("7", set())
