"""Resolve duplicates (K6, K9): one at a time, side by side."""

from __future__ import annotations

import re
from typing import Any

import pytest
from crm.models import Client
from django.db import connection as database
from django.test import Client as Browser
from django.test.utils import CaptureQueriesContext

from tests.admin.desk import Desk, words
from tests.sync.conftest import customer
from tests.sync.firm import Firm, client
from wagtail_qbo_sync.admin.base import url
from wagtail_qbo_sync.models import Case, Customer, Decision


@pytest.fixture
def three(desk: Desk) -> Desk:
    """Thomas (2), Ida (4) and Noel (5) wait, in this order."""
    client("Ida Holm", "other@holm.example")
    client("Ida Holm", phone="555 0404")
    client("N. Fox", "noel@fox.example")
    desk.firm.gets(
        customer("4", "Ida Holm", "ida@holm.example"),
        customer("5", "Noel Fox", "noel@fox.example"),
    )
    desk.firm.sync()
    assert desk.firm.cases() == {("review", "2"), ("review", "4"), ("review", "5")}
    return desk


def turn(desk: Desk, **query: int) -> Any:
    """The page; follows where it leads."""
    response = desk.browser.get(url("duplicates"), query, follow=True)
    assert response.status_code == 200
    return response


def asks_about(response: Any) -> str:
    """Whose turn it is, "" at the end."""
    found = re.search(r"Which client is “(.*?)”", words(response.content.decode()))
    return found.group(1) if found else ""


def answers(desk: Desk, qbo_id: str, choice: str, **data: object) -> Any:
    """Save and next."""
    posted = {"customer": desk.customer(qbo_id).pk, "choice": choice, **data}
    return desk.browser.post(url("duplicates"), posted, follow=True)


def radios(response: Any) -> dict[str, str]:
    """Value of each choice -> its state."""
    found = re.findall(r'<input type="radio" name="choice" value="([^"]*)"([^>]*)>', text(response))
    return {value: state.strip() for value, state in found}


def text(response: Any) -> str:
    return str(response.content.decode())


def pk(name: str) -> str:
    return str(Client.objects.get(name=name).pk)


# What is shown ----------------------------------------------------------------------------------


def test_one_stands_beside_its_candidates(three: Desk) -> None:
    page = turn(three)
    assert asks_about(page) == "Thomas Reed"
    told = words(text(page))
    assert "1 of 3 left." in told
    assert "Tom Reed Suggested same e-mail" in told
    assert radios(page) == {
        pk("Tom Reed"): "checked autofocus",
        "create": "",
        "exclude": "",
    }


def test_equal_values_are_marked_and_differences_by_character(three: Desk) -> None:
    page = text(turn(three))
    assert "T<ins>h</ins>om<ins>as</ins> Reed" in page
    email = page.split("E-mail</th>")[1].split("</tr>")[0].split("<td>")[2]
    assert words(email) == "tom@reed.example same"


def test_what_people_typed_stays_text(desk: Desk) -> None:
    Client.objects.filter(name="Tom Reed").update(name="<b>Tom</b> Reed")
    page = text(turn(desk))
    assert "<b>Tom" not in page
    assert "&lt;" in page


def test_a_candidate_that_is_taken_cannot_be_chosen(three: Desk) -> None:
    first, second = Client.objects.filter(name="Ida Holm").order_by("pk")
    three.does("map", "1", client=str(first.pk))
    page = turn(three, customer=three.customer("4").pk)
    assert radios(page)[str(first.pk)] == "disabled"
    assert radios(page)[str(second.pk)] == "checked autofocus"
    assert "same name; already mapped to “Anna Berg”" in words(text(page))
    refused = answers(three, "4", str(first.pk))
    assert "Choose what this customer is." in words(text(refused))
    assert asks_about(refused) == "Ida Holm"
    assert three.status("4") == "review"


def test_an_excluded_candidate_too(three: Desk) -> None:
    tom = Client.objects.get(name="Tom Reed")
    three.firm.says(Decision.Kind.EXCLUDE_CLIENT, client=tom)
    page = turn(three)
    assert radios(page) == {str(tom.pk): "disabled", "create": "autofocus", "exclude": ""}
    assert "same e-mail; excluded from mapping" in words(text(page))


def test_a_candidate_that_was_deleted(desk: Desk) -> None:
    tom = Client.objects.get(name="Tom Reed")
    tom.delete()
    page = turn(desk)
    assert "A deleted client same e-mail; cannot be chosen" in words(text(page))


def test_four_stand_side_by_side_and_the_others_are_counted(desk: Desk) -> None:
    for number in range(6):
        client(f"Twin {number}", "tom@reed.example")
    desk.firm.edits("2", CompanyName="Reed Ltd")
    desk.firm.sync()
    page = turn(desk)
    assert len(radios(page)) == 4 + 2
    assert "and 3 more clients like this one" in words(text(page))


def test_who_may_not_see_a_client_reads_nothing_of_it(desk: Desk, blind: Browser) -> None:
    Client.objects.filter(name="Tom Reed").update(phone="555 6666")
    desk.browser = blind
    page = turn(desk)
    assert "A client you may not view" in words(text(page))
    assert "Tom Reed" not in text(page) and "555 6666" not in text(page)
    tom = pk("Tom Reed")
    assert radios(page)[tom] == "disabled"
    answers(desk, "2", tom)
    assert desk.status("2") == "review"


# What is answered -------------------------------------------------------------------------------


def test_the_suggestion_is_confirmed_and_the_next_one_comes(three: Desk) -> None:
    page = answers(three, "2", pk("Tom Reed"))
    told = words(text(page))
    assert "“Thomas Reed” is mapped to “Tom Reed”." in told
    assert asks_about(page) == "Ida Holm"
    assert "1 of 2 left." in told
    three.firm.walk()
    three.firm.sync()
    assert three.firm.mapped()["2"] == "Thomas Reed"


def test_another_candidate(three: Desk) -> None:
    second = Client.objects.filter(name="Ida Holm").order_by("pk")[1]
    answers(three, "4", str(second.pk))
    three.firm.walk()
    second.refresh_from_db()
    assert (second.email, second.phone) == ("ida@holm.example", "555 0404")


def test_create(three: Desk) -> None:
    assert asks_about(answers(three, "2", "create")) == "Ida Holm"
    three.firm.walk()
    three.firm.sync()
    assert three.firm.mapped()["2"] == "Thomas Reed"
    assert Client.objects.filter(email="tom@reed.example").count() == 2


def test_exclude_holds_and_can_be_undone(three: Desk) -> None:
    answers(three, "2", "exclude")
    three.firm.sync()
    assert three.status("2") == "excluded"


def test_another_client_is_chosen_on_its_page_and_leads_to_the_next(three: Desk) -> None:
    other = client("Reed, T.")
    page = text(turn(three))
    found = re.search(r'href="([^"]*/map/\?next=[^"]*)"', page)
    assert found is not None
    back = three.browser.post(found.group(1), {"client": str(other.pk)}, follow=True)
    assert asks_about(back) == "Ida Holm"
    assert three.firm.mapped()["2"] == "Reed, T."


def test_skip_decides_nothing(three: Desk) -> None:
    page = turn(three)
    for expected in ("Ida Holm", "Noel Fox", ""):
        found = re.search(r'href="([^"]*)">Skip<', text(page))
        assert found is not None
        page = three.browser.get(found.group(1).replace("&amp;", "&"))
        assert asks_about(page) == expected
    told = words(text(page))
    assert "That was the last one. 3 customers were skipped and still wait." in told
    assert not Decision.objects.exists()


def test_the_end_is_friendly(desk: Desk) -> None:
    page = answers(desk, "2", pk("Tom Reed"))
    assert "No duplicates are left." in words(text(page))
    assert url("connections") in text(page)


def test_nobodys_decision_is_overwritten(three: Desk) -> None:
    three.does("exclude", "2")
    page = answers(three, "2", pk("Tom Reed"))
    assert "Somebody has decided about “Thomas Reed” meanwhile." in words(text(page))
    assert three.status("2") == "excluded"
    assert asks_about(page) == "Ida Holm"


@pytest.mark.parametrize("choice", ["", "nonsense", "99999"])
def test_a_choice_that_was_not_offered(desk: Desk, choice: str) -> None:
    page = answers(desk, "2", choice)
    assert "Choose what this customer is." in words(text(page))
    assert desk.status("2") == "review"


def test_a_form_about_nobody_decides_about_nobody(desk: Desk) -> None:
    for key in ("", "0", "x", "9" * 30):
        desk.browser.post(url("duplicates"), {"customer": key, "choice": "exclude"})
    assert desk.status("2") == "review"


def test_one_that_was_decided_is_asked_about_no_more(three: Desk) -> None:
    three.does("exclude", "4")
    page = turn(three, customer=three.customer("4").pk)
    assert "That customer does not need a decision any more." in words(text(page))
    assert asks_about(page) == "Noel Fox"


# Companies, and the ways here -------------------------------------------------------------------


def test_the_companies_are_gone_through_one_by_one(three: Desk) -> None:
    company = three.firm.connection.pk
    assert asks_about(turn(three, company=company)) == "Thomas Reed"
    page = answers(three, "2", "exclude", company=company)
    assert f"company={company}" in page.redirect_chain[-1][0]


def test_the_link_counts_and_goes_when_nothing_is_left(three: Desk, firm: Firm) -> None:
    for address in (url("connections"), three.came_from):
        assert "Resolve duplicates (3)" in words(text(three.browser.get(address)))
    Case.objects.update(open_key=None)
    for address in (url("connections"), three.came_from):
        assert "Resolve duplicates" not in text(three.browser.get(address))


def test_the_rows_menu_leads_to_its_customer(three: Desk) -> None:
    assert three.offered("4")[0] == "Resolve duplicate…"
    row = three.customer("4")
    link = f"customer={row.pk}"
    assert link in text(three.browser.get(three.came_from, {"q": "Ida"}))


def test_as_many_queries_for_many_as_for_few(three: Desk) -> None:
    def queries() -> int:
        with CaptureQueriesContext(database) as seen:
            turn(three)
        return len(seen)

    queries()
    few = queries()
    for row in Customer.objects.filter(qbo_id="2"):
        for number in range(50):
            Customer.objects.create(
                connection=row.connection,
                qbo_id=f"9{number}",
                standing=row.standing,
                display_name=row.display_name,
                match_keys=row.match_keys,
                record=row.record,
            )
            case = Case.objects.get(open_key=Case.key("review", row.connection_id, "2"))
            case.pk, case.qbo_id = None, f"9{number}"
            case.open_key = Case.key("review", row.connection_id, case.qbo_id)
            case.save()
    assert queries() == few
