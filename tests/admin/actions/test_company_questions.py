"""What is asked of many at once: clients deleted on the site (U16), a company that was reset."""

from __future__ import annotations

from typing import Any

import pytest

from tests.admin import rows
from wagtail_qbo_sync import clock
from wagtail_qbo_sync.admin.base import problems_url, url
from wagtail_qbo_sync.models import Case, Decision
from wagtail_qbo_sync.sync.records.status import with_status

pytestmark = pytest.mark.django_db


@pytest.fixture
def customer() -> Any:
    """A customer that is held for its deleted client, about which a person is asked."""
    made = rows.customer(rows.company(), "Anna Berg")
    about = {"connection": made.connection, "qbo_id": made.qbo_id, "client_pk": "4711"}
    facts = {"label": "Berg Holding"}
    Decision.objects.create(kind="client_deleted", at=clock.now(), facts=facts, **about)
    key = Case.key("client_deleted", made.connection_id, made.qbo_id)
    Case.objects.create(
        kind="client_deleted", facts=facts, open_key=key, opened_at=clock.now(), **about
    )
    return made


def open_kinds() -> list[str]:
    return list(Case.objects.filter(open_key__isnull=False).values_list("kind", flat=True))


def test_it_says_so_and_can_be_left_and_asked_about_again(customer: Any, login: Any) -> None:
    person = login("view", "map")
    page = person.get(url("problems")).content.decode()
    assert "Client deleted on the site" in page and "Berg Holding" not in page
    (row,) = with_status(type(customer).objects.all())
    assert (row.status, row.gone_name, row.gone_asked) == ("deleted", "Berg Holding", True)
    page = person.post(url("customer_keep_deleted", customer.pk), follow=True).content.decode()
    assert "stays without a client" in page and not open_kinds()
    person.post(url("customer_ask_again", customer.pk))
    assert open_kinds() == ["client_deleted"]


@pytest.mark.parametrize(
    ("answer", "label"), [("reattach", "Attach these again"), ("leave", "Leave them deleted")]
)
def test_many_are_answered_together_and_once(login: Any, answer: str, label: str) -> None:
    company = rows.company()
    case = Case.objects.create(
        kind="deletions",
        connection=company,
        facts={"lost": 40, "pairs": [["1", "7"]]},
        open_key=Case.key("deletions", company.pk, ""),
        opened_at=clock.now(),
    )
    person = login("view", "map")
    page = person.get(problems_url(company)).content.decode()
    assert "40 mapped clients are no longer on the site." in page and label in page
    page = person.post(url(f"deleted_{answer}", company.pk), follow=True).content.decode()
    assert "A worker does it now." in page and "A worker is at it." in page
    case.refresh_from_db()
    assert case.facts["answer"]["do"] == answer
    page = person.post(url(f"deleted_{answer}", company.pk), follow=True).content.decode()
    assert "Somebody has answered this already." in page


def test_who_may_not_map_is_offered_no_answer(login: Any) -> None:
    company = rows.company()
    Case.objects.create(
        kind="deletions",
        connection=company,
        facts={"lost": 40, "pairs": []},
        open_key=Case.key("deletions", company.pk, ""),
        opened_at=clock.now(),
    )
    page = login("view").get(problems_url(company)).content.decode()
    assert "Leave them deleted" not in page and "Many customers" in page


def test_a_company_that_was_reset_rests_until_somebody_says_go_on(company: Any, login: Any) -> None:
    Case.objects.create(
        kind="reset",
        connection=company,
        facts={"unseen": 40, "known": 41, "comparison": 1},
        open_key=Case.key("reset", company.pk, ""),
        opened_at=clock.now(),
    )
    assert "Go on" not in login("view").get(problems_url(company)).content.decode()
    person = login("view", "sync")
    card = person.get(url("connections")).content.decode()
    assert "looks as if it was reset in QuickBooks" in card and problems_url(company) in card
    page = person.post(url("sync", company.pk), follow=True).content.decode()
    assert "See Problems first." in page
    page = person.get(problems_url(company)).content.decode()
    assert "40 of 41 customers are missing" in page and "Go on" in page
    page = person.post(url("reset_go_on", company.pk), follow=True).content.decode()
    assert "A worker does it now." in page and "40 of 41" not in page
    page = person.post(url("reset_go_on", company.pk), follow=True).content.decode()
    assert "Somebody has answered this already." in page
