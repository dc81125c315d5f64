"""What is shown of a company besides its customers: problems, and its state in one word."""

from __future__ import annotations

from typing import Any

import pytest
from pytest_django import Settings

from tests import factories
from wagtail_qbo_sync.models import Case, Connection, Customer
from wagtail_qbo_sync.sync.records import status

State = status.ConnectionState


@pytest.fixture
def company(db: None) -> Connection:
    return factories.connection()


def test_problems_are_counted_by_kind_and_questions_of_mapping_are_not(company: Connection) -> None:
    for kind, qbo_id in (
        ("refused", "1"),
        ("refused", "2"),
        ("unreadable", "3"),
        ("conflict", "1"),
        ("review", "4"),
    ):
        factories.case(company, kind, qbo_id)
    factories.case(company, "refused", "5", open_key=None)
    factories.case(factories.connection("Other"), "inactive", "1")
    found = status.status_of(company)
    counts = {kind: count for kind, count in found.problems_by_kind.items() if count}
    assert counts == {"refused": 2, "unreadable": 1, "conflict": 1}
    assert found.problems == 4
    assert status.open_problems().count() == 5


def test_no_company_has_the_problems_of_another(company: Connection) -> None:
    factories.case(factories.connection("Other"), Case.Kind.CONFLICT, "1")
    assert status.status_of(company).problems == 0


@pytest.mark.parametrize(
    ("values", "paused", "state"),
    [
        ({}, False, State.CONNECTED),
        ({"token": False}, False, State.RECONNECT),
        ({}, True, State.PAUSED),
        ({"installation": {}}, False, State.COPY),
        ({"installation": {}}, True, State.COPY),
    ],
)
def test_a_copy_stays_a_copy_while_it_is_paused(
    values: dict[str, Any],
    paused: bool,
    state: status.ConnectionState,
    db: None,
    settings: Settings,
) -> None:
    settings.WAGTAIL_QBO_SYNC = {**settings.WAGTAIL_QBO_SYNC, "PAUSED": paused}
    assert status.connection_state(factories.connection(**values)) is state


@pytest.mark.django_db
def test_no_database_looks_through_all_open_cases_for_each_customer() -> None:
    """PostgreSQL did, in a table just filled: 57 s for 5,000 customers in review."""
    plan = status.with_status(Customer.objects.all()).explain()
    assert "wqs_case_open" not in plan, plan
