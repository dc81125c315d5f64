"""Map customers: each choice is kept at once, and all are saved together (C8-C12)."""

from __future__ import annotations

import re
from datetime import timedelta
from html import unescape
from typing import Any

import pytest
from crm.models import Client
from django.db import connection as database
from django.test import Client as Browser
from django.test.utils import CaptureQueriesContext

from tests import factories
from tests.admin import rows
from tests.admin.desk import words
from tests.admin.waiting import fill
from wagtail_qbo_sync import clock
from wagtail_qbo_sync.admin.base import RIGHTS, url
from wagtail_qbo_sync.models import BulkDecision, Connection, Customer, Run, SyncState
from wagtail_qbo_sync.sync.bulk import drafts
from wagtail_qbo_sync.sync.bulk.drafts import Do
from wagtail_qbo_sync.sync.records.status import beat
from wagtail_qbo_sync.sync.telling import suggest


@pytest.fixture
def company(db: None) -> Connection:
    beat()
    return factories.connection()


def page(browser: Browser, company: Connection, **query: Any) -> str:
    response = browser.get(url("map", company.pk), query)
    assert response.status_code == 200
    return str(response.content.decode())


def fields(html: str) -> dict[str, str]:
    """Customer -> what stands in the field."""
    found = re.findall(r'value="([^"]*)"[^>]*?data-name="([^"]*)"', html)
    return {unescape(name): unescape(text) for text, name in found}


def decide(browser: Browser, company: Connection, qbo_id: str, do: str, **more: str) -> Any:
    return browser.post(url("map_decide", company.pk), {"customer": qbo_id, "do": do, **more})


def search(browser: Browser, company: Connection, text: str) -> list[list[Any]]:
    found: list[list[Any]] = browser.get(url("map_clients", company.pk), {"q": text}).json()[
        "found"
    ]
    return found


# The list -------------------------------------------------------------------------------------


def test_the_page_is_a_visit_and_its_search_is_none(mapper: Browser, company: Connection) -> None:
    then = clock.now() - timedelta(hours=1)
    factories.sync_state(company, synced_at=then, first_synced_at=then)
    mapper.get(url("map_results", company.pk))
    assert SyncState.objects.get().wanted == 0
    page(mapper, company)
    assert SyncState.objects.get().wanted == 1


def test_the_page_says_how_the_sync_does(mapper: Browser, company: Connection) -> None:
    """C15: the line that asks for itself again; not where only the rows are fetched."""
    factories.customers(company, unmapped=2, excluded=1)
    SyncState.objects.filter(connection=company).update(synced_at=clock.now())
    line = re.search(r'<div id="qbo-sync-line".*?</ul>', page(mapper, company), re.DOTALL)
    assert line is not None
    assert words(line.group()) == "Last synced just now 2 waiting"
    assert f'qbo-poll-url-value="{url("sync_line")}?since=' in line.group()
    rows_alone = mapper.get(url("map_results", company.pk)).content.decode()
    assert "qbo-sync-line" not in rows_alone


def test_an_exact_name_is_prefilled_and_marked(mapper: Browser, company: Connection) -> None:
    fill(company, customers=2, clients=1, exact=1)
    html = page(mapper, company)
    assert fields(html) == {"Customer 0000": "Customer 0000", "Customer 0001": ""}
    assert re.findall(r'id="qbo-note-(\d)">([^<]*)', html) == [("0", "Exact name"), ("1", "")]
    assert "Choices made: 0, of 2 in all. Exact names are filled in on top" in words(html)


def test_those_in_review_are_part_and_lead_to_resolve_duplicates(
    mapper: Browser, company: Connection
) -> None:
    factories.customers(company, review=1, mapped=1, excluded=1, inactive=1)
    html = page(mapper, company)
    assert list(fields(html)) == ["Review 0"]
    assert url("duplicates") + "?customer=" in html


def test_other_suggestions_are_explained(mapper: Browser, company: Connection) -> None:
    fill(company, customers=1)
    Client.objects.create(name="Anna Berg", phone="(207) 555-9999")
    html = page(mapper, company)
    assert fields(html) == {"Customer 0000": ""}
    assert "same phone" in unescape(html)


def test_who_may_not_view_clients_reads_no_name(blind: Browser, company: Connection) -> None:
    fill(company, customers=2, clients=2, exact=1)
    member = Client.objects.get(name="Member 00001")
    drafts.save(company, "1", Do.MAP, None, client_pk=str(member.pk))
    html = page(blind, company)
    assert fields(html) == {"Customer 0000": "", "Customer 0001": "A client you may not view"}
    assert "Member" not in html
    assert search(blind, company, "member") == []
    assert decide(blind, company, "0", "map", client=str(member.pk)).status_code == 400


@pytest.mark.parametrize("state", ["undecided", "decided", "exact", "review"])
def test_each_filter_finds_its_own(state: str, mapper: Browser, company: Connection) -> None:
    fill(company, customers=3, clients=1, exact=1)
    drafts.save(company, "1", Do.EXCLUDE, None)
    factories.customers(company, review=1)
    expected = {
        "undecided": {"Customer 0002", "Review 0"},
        "decided": {"Customer 0001"},
        "exact": {"Customer 0000"},
        "review": {"Review 0"},
    }
    assert set(fields(page(mapper, company, state=state))) == expected[state]


def test_more_exact_names_than_a_statement_takes_parameters(
    mapper: Browser, company: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(company, customers=2)
    many = {str(number): "" for number in range(1, 40_000)}
    monkeypatch.setattr(drafts, "suggested", lambda *about: many)
    assert list(fields(page(mapper, company, state="undecided"))) == ["Customer 0000"]
    assert list(fields(page(mapper, company, state="exact"))) == ["Customer 0001"]


def test_the_filters_know_who_may_not_view_clients(blind: Browser, company: Connection) -> None:
    fill(company, customers=1, clients=1, exact=1)
    assert fields(page(blind, company, state="exact")) == {}
    assert fields(page(blind, company, state="undecided")) == {"Customer 0000": ""}


def test_search_fetches_the_rows_alone(mapper: Browser, company: Connection) -> None:
    fill(company, customers=3)
    response = mapper.get(url("map_results", company.pk), {"q": "0002"})
    html = response.content.decode()
    assert list(fields(html)) == ["Customer 0002"]
    assert "<html" not in html


def test_a_hundred_of_5000_rows_are_a_small_page(mapper: Browser, company: Connection) -> None:
    fill(company, customers=5000, clients=5000, exact=4000)
    html = page(mapper, company, p=2)
    assert len(fields(html)) == 100
    assert fields(html)["Customer 0100"] == "Customer 0100"
    assert "<select" not in html
    assert len(html.encode()) < 150_000


def test_2000_rows_cost_as_many_queries_as_50(
    mapper: Browser, company: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    # An index of few clients is made in no time, and so kept for no time (suggest.KEPT).
    monkeypatch.setattr(suggest, "KEPT", 1_000_000)

    def queries() -> int:
        page(mapper, company)  # makes the index of the clients
        with CaptureQueriesContext(database) as captured:
            page(mapper, company)
        return len(captured)

    fill(company, customers=50, clients=50, exact=20)
    few = queries()
    Customer.objects.all().delete()
    Client.objects.all().delete()
    fill(company, customers=2000, clients=2000, exact=1000)
    assert queries() == few


# The search -----------------------------------------------------------------------------------


def test_the_search_finds_twenty_and_says_who_is_taken(
    mapper: Browser, company: Connection
) -> None:
    fill(company, customers=1, clients=30)
    taken = Client.objects.get(name="Member 00003")
    rows.mapped(rows.customer(company, "Holder"), taken)
    found = search(mapper, company, "member")
    assert [name for _pk, name, _about, _taken in found] == [f"Member {n:05}" for n in range(20)]
    assert [(name, about) for _pk, name, about, is_taken in found if is_taken] == [
        ("Member 00003", "already mapped to “Holder”")
    ]


def test_the_search_takes_no_more_than_200_characters(mapper: Browser, company: Connection) -> None:
    Client.objects.create(name="x" * 200)
    assert len(search(mapper, company, "x" * 500)) == 1


# Deciding -------------------------------------------------------------------------------------


def test_a_choice_is_kept_and_shown_to_all(
    mapper: Browser, partner: Browser, company: Connection
) -> None:
    fill(company, customers=2, clients=3)
    member = Client.objects.get(name="Member 00002")
    answer = decide(mapper, company, "0", "map", client=str(member.pk))
    assert answer.status_code == 200
    assert answer.json()["text"] == "Member 00002"
    assert decide(mapper, company, "0", "leave", seen=answer.json()["version"]).status_code == 200
    assert fields(page(partner, company))["Customer 0000"] == "Leave unmapped"


def test_the_second_of_two_people_reads_what_the_first_chose(
    mapper: Browser, partner: Browser, company: Connection
) -> None:
    fill(company, customers=1)
    assert decide(mapper, company, "0", "create").status_code == 200
    answer = decide(partner, company, "0", "exclude")
    assert answer.status_code == 409
    assert "chose “Create new client” meanwhile." in answer.json()["message"]
    assert drafts.drafts_of(company, ["0"])["0"].do == Do.CREATE
    seen = answer.json()["version"]
    assert decide(partner, company, "0", "exclude", seen=seen).status_code == 200


def test_a_choice_that_was_taken_back_is_said_to_be(mapper: Browser, company: Connection) -> None:
    fill(company, customers=1)
    drafts.apply_default(company, Do.CREATE, None)
    seen = drafts.drafts_of(company, ["0"])["0"].version
    drafts.take_back_default(company)
    answer = decide(mapper, company, "0", "exclude", seen=seen)
    assert answer.status_code == 409
    assert answer.json()["message"] == "What was chosen here has been taken back meanwhile."
    assert decide(mapper, company, "0", "exclude").status_code == 200


@pytest.mark.parametrize(
    ("do", "client", "said"),
    [
        ("delete", "", "Choose what this customer is."),
        ("map", "", "Choose a client that is still there."),
        ("map", "no key", "Choose a client that is still there."),
        ("map", "4711", "Choose a client that is still there."),
    ],
)
def test_what_cannot_stand_is_refused_with_a_sentence(
    do: str, client: str, said: str, mapper: Browser, company: Connection
) -> None:
    fill(company, customers=1)
    answer = decide(mapper, company, "0", do, client=client)
    assert (answer.status_code, answer.json()["message"]) == (400, said)
    assert drafts.drafts_of(company, ["0"]) == {}


def test_a_client_that_is_mapped_here_is_no_choice(mapper: Browser, company: Connection) -> None:
    fill(company, customers=1)
    taken = rows.mapped(rows.customer(company, "Holder"))
    answer = decide(mapper, company, "0", "map", client=str(taken.pk))
    assert answer.status_code == 400
    assert answer.json()["message"] == "“Holder” is already mapped to “Holder”."


def test_a_client_that_is_chosen_for_another_is_no_choice(
    mapper: Browser, company: Connection
) -> None:
    fill(company, customers=2, clients=1)
    member = str(Client.objects.get().pk)
    assert decide(mapper, company, "0", "map", client=member).status_code == 200
    answer = decide(mapper, company, "1", "map", client=member)
    assert answer.status_code == 400
    assert answer.json()["message"] == "This client is chosen for “Customer 0000” already."


def test_who_does_not_wait_is_not_decided_about(mapper: Browser, company: Connection) -> None:
    factories.customers(company, mapped=1)
    answer = decide(mapper, company, "1", "create")
    assert answer.status_code == 400
    assert "does not wait" in answer.json()["message"]


# Defaults -------------------------------------------------------------------------------------


def test_the_default_says_what_it_left_out_and_can_be_taken_back(
    mapper: Browser, company: Connection
) -> None:
    fill(company, customers=4, clients=1, exact=1)
    factories.customers(company, review=1)
    drafts.save(company, "3", Do.LEAVE, None)
    response = mapper.post(url("map_create", company.pk), follow=True)
    text = words(response.content.decode())
    assert "“Create new client” is chosen for 2 customers." in text
    assert "1 keeps its suggestion by exact name." in text
    assert "1 is like a client and stays undecided." in text
    assert fields(page(mapper, company)) == {
        "Customer 0000": "Customer 0000",
        "Customer 0001": "Create new client",
        "Customer 0002": "Create new client",
        "Customer 0003": "Leave unmapped",
        "Review 0": "",
    }
    response = mapper.post(url("map_back", company.pk), follow=True)
    assert "2 customers are undecided again." in words(response.content.decode())
    assert fields(page(mapper, company))["Customer 0003"] == "Leave unmapped"


# Saving all -----------------------------------------------------------------------------------


def save_all(browser: Browser, company: Connection) -> Any:
    """Press Save all: the plan."""
    return browser.post(url("map_save", company.pk), follow=True)


def test_save_all_first_shows_a_plan(mapper: Browser, company: Connection) -> None:
    """The plan page of every run, with its ticks, filters and download; by the right to map."""
    fill(company, customers=6, clients=1, exact=1)
    drafts.save(company, "1", Do.CREATE, None)
    drafts.save(company, "2", Do.EXCLUDE, None)
    gone = Client.objects.create(name="Gone")
    drafts.save(company, "3", Do.MAP, None, client_pk=str(gone.pk))
    gone.delete()
    drafts.save(company, "4", Do.LEAVE, None)
    response = save_all(mapper, company)
    plan = Run.objects.get()
    assert response.redirect_chain == [(url("run", plan.pk), 302)]
    text = words(response.content.decode())
    assert "1 Mapped" in text and "1 Client created" in text and "1 Excluded from mapping" in text
    assert "E-mail: 1 client" in text
    assert "1 customer stays undecided." in text
    assert "This client is no longer there." in text
    assert response.content.count(b'data-action="qbo-ticks#send"') == 3
    only = mapper.get(url("run_results", plan.pk), {"over": "email"}).content.decode()
    assert "Customer 0000" in only and "Customer 0001" not in only
    export = mapper.get(url("run", plan.pk), {"export": "csv"})
    assert b"".join(export).count(b"Customer 000") >= 5
    step = plan.steps.get(qbo_id="2")
    said = mapper.post(url("run_tick", plan.pk), {"step": step.pk, "ticked": ""})
    assert said.json() == {"said": "“Customer 0002” is left as it is."}
    response = mapper.post(url("run_approve", plan.pk))
    saved = BulkDecision.objects.get()
    assert response.headers["Location"] == url("bulk", saved.pk)
    assert saved.counts == {"map": 1, "create": 1, "leave": 1} and saved.run == plan
    assert fields(page(mapper, company))["Customer 0002"] == "Exclude from mapping"


def test_who_may_only_sync_reads_a_proposal(
    mapper: Browser, login: Any, company: Connection
) -> None:
    fill(company, customers=1)
    drafts.save(company, "0", Do.EXCLUDE, None)
    save_all(mapper, company)
    plan, syncer = Run.objects.get(), login("sync")
    html = syncer.get(url("run", plan.pk)).content.decode()
    assert "Someone who may map customers has to save it." in html
    for act in ("run_approve", "run_discard", "run_untick_all", "run_tick"):
        assert syncer.post(url(act, plan.pk)).headers["Location"] == "/admin/"
    assert Run.objects.get().state == Run.State.PROPOSED
    back = mapper.post(url("run_discard", plan.pk))
    assert back.headers["Location"] == url("map", company.pk)
    assert not Run.objects.exists()


def test_with_nothing_chosen_there_is_nothing_to_save(mapper: Browser, company: Connection) -> None:
    fill(company, customers=1)
    assert "There is nothing to save" in save_all(mapper, company).content.decode()
    assert not Run.objects.exists()


# The way there --------------------------------------------------------------------------------


@pytest.mark.parametrize("listing", ["/admin/qbo/customers/", "/admin/qbo/connected-apps/"])
def test_the_button_counts_all_who_wait(
    listing: str, partner: Browser, login: Any, company: Connection
) -> None:
    factories.customers(company, review=1, unmapped=2, mapped=1, excluded=1)
    html = partner.get(listing).content.decode()
    assert url("map", company.pk) in html
    assert "Map customers (3)" in words(html)
    others = login(*(set(RIGHTS) - {"map"}))
    assert url("map", company.pk) not in others.get(listing).content.decode()
