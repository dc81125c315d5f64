"""Why?, as a page and on the command line: of facts that a sync or a person left."""

from __future__ import annotations

import io
from datetime import timedelta

import pytest
from crm.models import Client, ContactType
from django.core.management import CommandError, call_command
from django.db import connection as database
from django.test import Client as Browser
from django.test.utils import CaptureQueriesContext

from tests import factories
from tests.admin import rows
from wagtail_qbo_sync import clock
from wagtail_qbo_sync.admin.base import url
from wagtail_qbo_sync.admin.why.words import when
from wagtail_qbo_sync.contact import email_keys, match_key
from wagtail_qbo_sync.models import (
    Connection,
    Customer,
    ImportBatch,
    ImportRow,
    Outbox,
    Run,
    SyncState,
)
from wagtail_qbo_sync.models.mirror import joined_keys
from wagtail_qbo_sync.sync.applying import judge
from wagtail_qbo_sync.sync.people import exclusion
from wagtail_qbo_sync.sync.records import status

from .conftest import Login, Read


@pytest.fixture
def viewer(login: Login) -> Browser:
    """Somebody who may see customers and clients."""
    browser = login("view")
    browser.force_login(rows.person(rows.VIEW, rows.SEE_CLIENTS))
    return browser


def of_customer(customer: Customer) -> str:
    return url("why_customer", customer.pk)


def of_client(company: Connection, client: Client) -> str:
    return url("why_client", company.pk, client.pk)


def printed(*arguments: str) -> str:
    said = io.StringIO()
    call_command("qbo_why", *arguments, stdout=said, no_color=True)
    return said.getvalue()


def test_a_pair_says_the_same_from_both_ends(
    viewer: Browser, company: Connection, read: Read
) -> None:
    customer = rows.customer(company, "Thomas Reed")
    client = rows.mapped(customer, Client.objects.create(name="Tom Reed"))
    run = rows.run(company, Run.State.DONE)
    rows.step(run, customer, "link", client, "done")
    rows.change(customer, client, run, phone=["555 0101", "555 0102"])
    for address in (of_customer(customer), of_client(company, client)):
        page = read(viewer.get(address))
        assert "mapped “Thomas Reed” to “Tom Reed” by itself" in page
        assert "a sync wrote these fields of “Tom Reed”: Phone." in page
        assert "555 0101" in page and "555 0102" in page
    said = printed(customer.qbo_id)
    assert said == printed("--client", str(client.pk))
    assert "mapped “Thomas Reed” to “Tom Reed” by itself" in said


def test_who_disconnected_it_is_told(viewer: Browser, company: Connection, read: Read) -> None:
    customer = rows.customer(company)
    client, anna = rows.mapped(customer), rows.person()
    exclusion.disconnect_client(company, str(client.pk), anna)
    page = read(viewer.get(of_client(company, client)))
    assert f"{anna.username} disconnected this client on" in page


def test_a_client_without_a_customer_is_told_who_is_like_it(
    viewer: Browser, company: Connection, read: Read
) -> None:
    """The likeness is the one that the matching rules see, by name or by e-mail."""
    client = Client.objects.create(name="Tom Reed", email="tom@reed.example")
    Client.objects.create(name="TOM  REED")
    Client.objects.create(name="Tom Reedham")
    for name, email in (("tom reed", ""), ("T.", "a@b.example, TOM@reed.example"), ("Ida", "")):
        keys = joined_keys(match_key(name), email_keys(email))
        Customer.objects.filter(pk=rows.customer(company, name).pk).update(match_keys=keys)
    page = read(viewer.get(of_client(company, client)))
    assert "“tom reed” is like it" in page
    assert "“T.” is like it" in page
    assert "“Ida” is like it" not in page
    assert "Another client has the same name, so the name alone decides nothing: “TOM REED”" in page


@pytest.mark.parametrize(("reads", "minutes"), [(0, 15), (480_000, 60)])
def test_the_next_sync_has_a_time_on_the_page_and_in_the_command(
    viewer: Browser, company: Connection, read: Read, reads: int, minutes: int
) -> None:
    """The one at which the poll asks (U14: hourly when few reads are left)."""
    now = clock.now()
    tables = SyncState.objects.filter(pk=company.pk)
    tables.update(first_synced_at=now, synced_at=now, reads=reads, reads_month=f"{now:%Y-%m}")
    status.beat()
    customer = rows.customer(company)
    due = f"On {when(now + timedelta(minutes=minutes))} the next sync of the company is due"
    assert due in read(viewer.get(of_customer(customer)))
    assert due in printed(customer.qbo_id)
    assert due in printed("--client", str(Client.objects.create(name="Tom Reed").pk))


def test_a_client_whom_one_may_not_see_is_not_there(login: Login, company: Connection) -> None:
    client = rows.mapped(rows.customer(company))
    assert login("view").get(of_client(company, client)).status_code == 404


@pytest.mark.parametrize("key", ["4711", "none", "9" * 30])
def test_a_client_that_is_not_there(viewer: Browser, company: Connection, key: str) -> None:
    assert viewer.get(url("why_client", company.pk, key)).status_code == 404


def test_a_plan_that_was_discarded_is_no_story(
    viewer: Browser, company: Connection, read: Read
) -> None:
    customer = rows.customer(company)
    run = rows.run(company, Run.State.DISCARDED)
    rows.step(run, customer, "create", state="held", why="The client is no longer there.")
    assert "held back" not in read(viewer.get(of_customer(customer)))


def test_the_queries_do_not_grow_with_the_story(viewer: Browser, company: Connection) -> None:
    def crowd(count: int) -> tuple[str, str]:
        customer = rows.customer(company)
        client = rows.mapped(customer)
        for number in range(count):
            run = rows.run(company, Run.State.DONE)
            rows.step(run, customer, "update", client, "done")
            rows.change(customer, client, run, phone=["", str(number)])
        return of_customer(customer), of_client(company, client)

    def queries(address: str) -> int:
        with CaptureQueriesContext(
            database,
        ) as caught:
            assert viewer.get(address).status_code == 200
        return len(caught)

    few, many = crowd(1), crowd(30)
    assert [queries(address) for address in few] == [queries(address) for address in many]


def test_the_row_s_menu_leads_to_it(viewer: Browser, company: Connection) -> None:
    customer = rows.customer(company)
    page = viewer.get("/admin/qbo/customers/").content.decode()
    assert of_customer(customer) in page


@pytest.mark.parametrize("arguments", [[], ["1", "--client", "1"], ["4711"], ["--client", "4711"]])
def test_the_command_says_what_it_needs(company: Connection, arguments: list[str]) -> None:
    with pytest.raises(CommandError):
        printed(*arguments)


def test_the_command_is_of_one_company_where_it_is_named(company: Connection) -> None:
    client = Client.objects.create(name="Tom Reed")
    other = rows.company("Second Books")
    assert "Harbor & Finch" in printed("--client", str(client.pk))
    said = printed("--client", str(client.pk), "--company", other.realm_id)
    assert "Second Books" in said and "Harbor" not in said


# A run ------------------------------------------------------------------------------------------


def story(company: Connection, count: int = 1) -> Run:
    """It mapped some, held back some, and QuickBooks refused some."""
    run = rows.run(company, Run.State.DONE, stops=["asked"], approved_at=clock.now())
    for number in range(count):
        customer = rows.customer(company, f"Reed {number}")
        client = rows.mapped(customer, Client.objects.create(name=f"Tom {number}"))
        rows.step(run, customer, "link", client, "done")
        rows.change(customer, client, run, phone=["555 0101", "555 0102"])
        rows.step(run, rows.customer(company), "update", None, "held", why=judge.CLIENT_CHANGED)
        rows.case(customer, "conflict", client, conflicts={}, run=run.pk)
        said = {"message": "The name is taken.", "intuit_tid": f"1-{number}"}
        rows.case(customer, "not_taken", client, fields=["name"], **said)
        Outbox.objects.create(
            connection=company,
            client_pk=str(client.pk),
            qbo_id=customer.qbo_id,
            kind=Outbox.Kind.UPDATE,
            state=Outbox.State.PARKED,
            run=run,
            wanted_at=run.started_at,
        )
    return run


TOLD = (
    "What was new in QuickBooks was read",
    "Mapped, 2: name and e-mail of the customer and the client were both the same.",
    "Somebody asked to see it.",
    "it was approved on the command line",
    "2 clients on the site were written.",
    "2 steps were held back: The client changed on the site after this was planned.",
    "did not take what was sent for “Reed 1”: The name is taken. (Intuit's reference: 1-1)",
    "All its steps have ended.",
    "2 questions that it asked still wait for a person.",
)


def test_a_run_tells_what_it_read_decided_and_wrote(
    viewer: Browser, company: Connection, read: Read
) -> None:
    run = story(company, 2)
    page = read(viewer.get(url("why_run", run.pk)))
    said = printed("--run", str(run.pk))
    for sentence in TOLD:
        assert sentence in page and sentence in said, sentence
    assert url("why_run", run.pk) in viewer.get(url("run", run.pk)).content.decode()
    with pytest.raises(CommandError, match="no run"):
        printed("--run", "4711")


def test_a_run_of_any_size_costs_as_many_queries(viewer: Browser, company: Connection) -> None:
    def queries(run: Run) -> int:
        with CaptureQueriesContext(database) as caught:
            assert viewer.get(url("why_run", run.pk)).status_code == 200
        return len(caught)

    few, many = story(company, 1), story(company, 60)
    queries(few)
    assert queries(few) == queries(many)


def test_an_import_of_contact_types_is_part_of_the_story(
    viewer: Browser, company: Connection, read: Read
) -> None:
    """K15; of a client that one may see. It names who confirmed."""
    client = Client.objects.create(
        name="Tom Reed", contact_type=ContactType.objects.create(name="A")
    )
    rows.type_import(client)
    ImportRow.objects.update(state=ImportRow.State.DONE, before=[])
    ImportBatch.objects.update(
        user=factories.user(username="ursula"), confirmed_by=factories.user(username="charles")
    )
    page = read(viewer.get(of_client(company, client)))
    said = "charles changed the Contact Type of “Tom Reed” to A by the file “contact-types.csv”"
    assert said in page
