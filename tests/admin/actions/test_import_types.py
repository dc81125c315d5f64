"""Changing Contact Types by file, in the admin (K15)."""

from __future__ import annotations

import re
from html import unescape
from typing import Any

import pytest
from crm.models import Client, ContactType
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection as database
from django.test import Client as Browser
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils.http import urlencode
from wagtail.models import ModelLogEntry

from tests import factories
from tests.sync.firm import at
from tests.sync.types_file.files import csv_of, xlsx_of
from wagtail_qbo_sync import clock
from wagtail_qbo_sync.admin.base import RIGHTS, url
from wagtail_qbo_sync.host.adapter import get_adapter
from wagtail_qbo_sync.models import Connection, ImportBatch, Mapping, Run, Step
from wagtail_qbo_sync.sync.people import exclusion
from wagtail_qbo_sync.sync.records.status import beat
from wagtail_qbo_sync.sync.types_file import imports, preview, reading
from wagtail_qbo_sync.sync.types_file.reading import read

from .bulk import main

LIST = reverse("wagtailsnippets_crm_client:list")
State = ImportBatch.State


def browser_of(*permissions: str) -> Browser:
    browser = Browser()
    browser.force_login(factories.user(*permissions))
    return browser


@pytest.fixture
def clerk(db: None) -> Browser:
    """Somebody who may map, and change clients."""
    beat()
    return browser_of(RIGHTS["map"], RIGHTS["view"], "crm.view_client", "crm.change_client")


@pytest.fixture
def people(db: None) -> list[Client]:
    """Anna and Bo are prospects, =Carl is a client."""
    ContactType.objects.get_or_create(name="VIP")
    prospect, _made = ContactType.objects.get_or_create(name="Prospect")
    client, _made = ContactType.objects.get_or_create(name="Client")
    return [
        Client.objects.create(name=name, email=email, contact_type=kind)
        for name, email, kind in (
            ("Anna Berg", "anna@x.example", prospect),
            ("Bo Coe", "bo@x.example", prospect),
            ("=Carl Dunn", "", client),
        )
    ]


def uploads(browser: Browser, data: bytes, name: str = "types.csv") -> Any:
    return browser.post(url("types"), {"file": SimpleUploadedFile(name, data)})


def confirms(browser: Browser, batch: ImportBatch) -> Any:
    """As a click on the page does, which says what it showed."""
    html = browser.get(url("types_import", batch.pk)).content.decode()
    shown = re.search(r'name="slice" value="(\d+)"', html)
    assert shown is not None
    return browser.post(url("types_import_confirm", batch.pk), {"slice": shown.group(1)})


def becomes(people: list[Client], contact_type: str) -> bytes:
    return csv_of(*((one.pk, one.name, one.email, contact_type) for one in people)).encode()


def types_now() -> list[str]:
    return list(Client.objects.order_by("pk").values_list("contact_type__name", flat=True))


def exported(browser: Browser, kind: str, **filters: Any) -> list[list[str]]:
    response = browser.get(LIST, {**filters, "contact_types": kind})
    assert f'filename="contact-types.{kind}"' in response["Content-Disposition"]
    return [cells for _number, cells in read(response.content).rows]


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
def test_the_listing_is_exported_as_it_is_filtered(
    clerk: Browser, people: list[Client], kind: str
) -> None:
    prospect = ContactType.objects.get(name="Prospect")
    rows = exported(clerk, kind, contact_type=prospect.pk)
    assert [row[1] for row in rows[1:]] == ["Anna Berg", "Bo Coe"]
    assert [row[1] for row in exported(clerk, kind, q="bo coe")[1:]] == ["Bo Coe"]


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
def test_what_is_exported_comes_back_as_it_went(
    clerk: Browser, people: list[Client], kind: str
) -> None:
    rows = exported(clerk, kind)
    carl = next(row for row in rows if "Carl" in row[1])
    assert carl[1] == "'=Carl Dunn"
    data = csv_of(*rows[1:]).encode() if kind == "csv" else xlsx_of(*rows[1:])
    uploads(clerk, data, f"types.{kind}")
    batch = ImportBatch.objects.get()
    assert set(batch.rows.values_list("state", "why")) == {("same", "")}


def test_a_companys_download_can_be_brought_back(clerk: Browser, people: list[Client]) -> None:
    company = factories.connection()
    response: Any = clerk.get(url("clients", company.pk), {"export": "csv"})
    uploads(clerk, b"".join(response.streaming_content))
    batch = ImportBatch.objects.get()
    assert set(batch.rows.values_list("state", flat=True)) == {"same"}
    assert "Status" in batch.found["ignored"]


def test_upload_preview_confirm_undo(clerk: Browser, people: list[Client]) -> None:
    preview = uploads(clerk, becomes(people[:2], "VIP"))
    batch = ImportBatch.objects.get()
    assert preview.url == url("types_import", batch.pk)
    assert types_now() == ["Prospect", "Prospect", "Client"]
    page = main(clerk.get(preview.url))
    assert "This import waits to be confirmed" in page and "Will change 2" in page
    assert "Anna Berg Prospect VIP Will change" in page
    confirms(clerk, batch)
    assert types_now() == ["VIP", "VIP", "Client"]
    assert "Undo the whole import" in main(clerk.get(preview.url))
    back: Any = clerk.post(url("types_import_undo", batch.pk))
    assert types_now() == ["VIP", "VIP", "Client"]
    undo = main(clerk.get(back.url))
    assert "This undo waits to be confirmed" in undo and "Undo of types.csv" in undo
    assert "Anna Berg VIP Prospect Will change" in undo and "Put back to" in undo
    assert "An undo of this import waits to be confirmed" in main(clerk.get(preview.url))
    confirms(clerk, ImportBatch.objects.get(undoes=batch))
    assert types_now() == ["Prospect", "Prospect", "Client"]
    assert "Take this undo back" in main(clerk.get(back.url))
    assert "This import was undone" in main(clerk.get(preview.url))


def undo_buttons(browser: Browser, batch: ImportBatch) -> list[str]:
    """Where the buttons of a page lead that take something back, the whole first."""
    html = unescape(browser.get(url("types_import", batch.pk)).content.decode())
    return re.findall(r'data-w-action-url-value="([^"]*/undo/[^"]*)"', html)


def test_one_client_is_taken_back_from_its_row(clerk: Browser, people: list[Client]) -> None:
    uploads(clerk, becomes(people[:2], "VIP"))
    batch = ImportBatch.objects.get()
    assert undo_buttons(clerk, batch) == []
    confirms(clerk, batch)
    whole, anna, _bo = undo_buttons(clerk, batch)
    assert "Undo Anna Berg" in clerk.get(url("types_import", batch.pk)).content.decode()
    back: Any = clerk.post(anna)
    page = main(clerk.get(back.url))
    assert "This undo waits to be confirmed" in page and "Anna Berg VIP Prospect" in page
    assert "Bo Coe" not in page and "Undo of one client of types.csv" in page
    undo = ImportBatch.objects.get(undoes=batch)
    assert undo_buttons(clerk, batch) == []
    refused: Any = clerk.post(whole, follow=True)
    assert "Another undo of this import waits" in refused.content.decode()
    confirms(clerk, undo)
    assert types_now() == ["Prospect", "VIP", "Client"]
    page = main(clerk.get(url("types_import", batch.pk)))
    assert "This import was undone for one client" in page
    assert "Undo what is left of the import" in page and "Changed, and taken back 1" in page
    assert len(undo_buttons(clerk, batch)) == 2
    clerk.post(whole)
    confirms(clerk, ImportBatch.objects.latest("pk"))
    assert types_now() == ["Prospect", "Prospect", "Client"]
    assert undo_buttons(clerk, batch) == []


def test_a_client_that_is_not_named_is_not_the_whole(clerk: Browser, people: list[Client]) -> None:
    uploads(clerk, becomes(people[:2], "VIP"))
    batch = ImportBatch.objects.get()
    confirms(clerk, batch)
    address = url("types_import_undo", batch.pk)
    for said in ("", "\0"):
        assert clerk.post(f"{address}?{urlencode({'client': said})}").status_code == 404
    clerk.post(f"{address}?client=999")
    assert not ImportBatch.objects.filter(undoes=batch).exists()


def test_an_undo_says_what_it_leads_to_in_quickbooks(clerk: Browser, people: list[Client]) -> None:
    prospect = ContactType.objects.get(name="Prospect")
    company = factories.connection(pushed_types=[str(prospect.pk)])
    factories.sync_state(company, first_synced_at=clock.now())
    uploads(clerk, becomes(people[:2], "VIP"))
    batch = ImportBatch.objects.get()
    confirms(clerk, batch)
    back: Any = clerk.post(url("types_import_undo", batch.pk))
    page = main(clerk.get(back.url))
    assert "2 created as customers" in page
    assert "Anna Berg VIP Prospect Will change Created as a customer" in page
    undo = ImportBatch.objects.get(undoes=batch)
    response: Any = clerk.post(url("types_import_discard", undo.pk))
    assert response.url == url("types_import", batch.pk)
    assert types_now() == ["VIP", "VIP", "Client"]
    assert "Undo the whole import" in main(clerk.get(response.url))


def test_an_undo_says_of_each_client_which_customer_stays(
    clerk: Browser, people: list[Client]
) -> None:
    """And leads to what makes it inactive, for who may."""
    vip = ContactType.objects.get(name="VIP")
    company = factories.connection(pushed_types=[str(vip.pk)])
    factories.sync_state(company, first_synced_at=clock.now())
    uploads(clerk, becomes(people[:2], "VIP"))
    batch = ImportBatch.objects.get()
    confirms(clerk, batch)
    run = factories.run(company, Run.State.DONE)
    customer, anna = factories.customer(company, "Anna Berg"), people[0]
    keys = {"qbo_id": customer.qbo_id, "client_pk": str(anna.pk)}
    Mapping.objects.create(connection=company, client=anna, **keys)
    Step.objects.create(run=run, kind=Step.Kind.ADD, state=Step.State.DONE, data={}, **keys)
    address: Any = clerk.post(url("types_import_undo", batch.pk)).headers["Location"]
    chief = Browser()
    chief.force_login(factories.user(is_superuser=True))
    undo = f"{url('run_undo', run.pk)}?qbo_id={customer.qbo_id}"
    for browser, may_undo in ((clerk, False), (chief, True)):
        page = browser.get(address)
        assert main(page).count("was created by a sync since, and stays") == 1
        assert "1 customer that was created in QuickBooks" in main(page)
        html = page.content.decode()
        assert url("run", run.pk) in html
        assert (undo in html, "Make it inactive…" in html) == (may_undo, may_undo)


def test_rows_that_cannot_be_used(clerk: Browser, people: list[Client]) -> None:
    page = main(clerk.get(uploads(clerk, becomes(people[:2], "Nonsense")).url))
    assert "There is no Contact Type “Nonsense”." in page
    assert "State Cannot be used" in page
    assert "some rows cannot be used" in page and "Confirm and apply" not in page
    batch = ImportBatch.objects.get()
    clerk.post(url("types_import_confirm", batch.pk), {"slice": batch.slice})
    assert types_now() == ["Prospect", "Prospect", "Client"]


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "The file is empty."),
        (b"a,b\n1,2\n", "There is no column “Contact Type”."),
        (b"\xd0\xcf\x11\xe0" + b"\0" * 99, "This is an old Excel file"),
        (b"PK\x03\x04nonsense", "cannot be read as an Excel workbook"),
    ],
)
def test_a_file_that_cannot_be_used(clerk: Browser, people: Any, data: bytes, said: str) -> None:
    response = uploads(clerk, data)
    assert response.status_code == 200 and said in main(response)
    assert not ImportBatch.objects.exists()


def test_the_preview_says_which_clients_become_what(clerk: Browser, people: list[Client]) -> None:
    """And once it has moved, which become something else than was confirmed."""
    vip = ContactType.objects.get(name="VIP")
    company = factories.connection(pushed_types=[str(vip.pk)])
    factories.sync_state(company, first_synced_at=clock.now())
    address = uploads(clerk, becomes(people[:2], "VIP")).url
    batch = ImportBatch.objects.get()
    page: Any = clerk.get(address)
    assert "2 created as customers" in main(page)
    assert "Anna Berg Prospect VIP Will change Created as a customer" in main(page)
    (created,) = re.findall(r'href="([^"]*created)"', unescape(page.content.decode()))
    assert "Bo Coe" in main(clerk.get(created))
    exclusion.exclude_client(company, str(people[1].pk), None)
    confirms(clerk, batch)
    page = clerk.get(address)
    assert types_now()[0] == "Prospect" and "Nothing was applied" in main(page)
    assert "Nothing (confirmed was: Created as a customer)" in main(page)
    moved = main(clerk.get(f"{address}?outcome=moved"))
    assert "Bo Coe Prospect" in moved and "Anna Berg Prospect" not in moved
    assert "Bo Coe Prospect" not in main(clerk.get(created))


def test_a_file_that_is_too_large(
    clerk: Browser, people: list[Client], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "MAX_BYTES", 1 << 20)
    response = uploads(clerk, becomes(people, "VIP") + b" " * (1 << 20))
    assert "The file is larger than 1 MB. Split it" in main(response)
    assert not ImportBatch.objects.exists()


def test_throwing_it_away(clerk: Browser, people: list[Client]) -> None:
    uploads(clerk, becomes(people, "VIP"))
    response: Any = clerk.post(url("types_import_discard", ImportBatch.objects.get().pk))
    assert response.url == url("types")
    assert not ImportBatch.objects.exists()


def test_what_is_still_being_read_can_be_thrown_away(
    clerk: Browser, people: list[Client], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the refusal to erase somebody meanwhile says; not once it is confirmed."""
    monkeypatch.setattr(imports, "READ_AT_ONCE", 0)
    uploads(clerk, becomes(people, "VIP"))
    batch = ImportBatch.objects.get()
    assert batch.state == State.READING
    discard = f'data-w-action-url-value="{url("types_import_discard", batch.pk)}"'
    other = browser_of(RIGHTS["map"], "crm.view_client", "crm.change_client")
    ImportBatch.objects.update(user=None)
    for page in ("types_import", "types_import_summary"):
        assert discard not in other.get(url(page, batch.pk)).content.decode()
    ImportBatch.objects.update(user=batch.user)
    for state in (State.READING, State.COMPARING, State.FORECAST):
        ImportBatch.objects.update(state=state)
        for page in ("types_import", "types_import_summary"):
            assert clerk.get(url(page, batch.pk)).content.decode().count(discard) == 1
    ImportBatch.objects.update(is_confirmed=True)
    assert discard not in clerk.get(url("types_import", batch.pk)).content.decode()
    ImportBatch.objects.update(is_confirmed=False, state=State.READING)
    clerk.post(url("types_import_discard", batch.pk))
    assert not ImportBatch.objects.exists()


def test_what_another_window_throws_away_meanwhile_is_said(
    clerk: Browser, people: list[Client]
) -> None:
    uploads(clerk, becomes(people[:2], "VIP"))
    batch = ImportBatch.objects.get()
    confirms(clerk, batch)

    def discard() -> None:
        assert imports.discard(ImportBatch.objects.exclude(pk=batch.pk).get())

    with at("import.undoing", discard):
        back = clerk.post(url("types_import_undo", batch.pk))
    with at("import.started", discard):
        up = uploads(clerk, becomes(people, "Client"))
    for response, page in ((back, url("types_import", batch.pk)), (up, url("types"))):
        assert response.headers["Location"] == page
    said = clerk.get(url("types")).content.decode()
    assert said.count("It was thrown away meanwhile. Nothing was changed.") == 2


def test_an_undo_that_cannot_be_foreseen_can_be_dropped(
    clerk: Browser, people: list[Client]
) -> None:
    uploads(clerk, becomes(people[:2], "VIP"))
    batch = ImportBatch.objects.get()
    confirms(clerk, batch)
    clerk.post(url("types_import_undo", batch.pk))
    refused = {"state": State.REFUSED, "trouble": {"why": preview.UNFORESEEN, "about": {}}}
    ImportBatch.objects.filter(undoes=batch).update(**refused)
    undo = ImportBatch.objects.get(undoes=batch)
    page = main(clerk.get(url("types_import", undo.pk)))
    assert "This undo cannot be confirmed" in page and "Confirm and undo" not in page
    of_import = main(clerk.get(url("types_import", undo.undoes_id)))
    assert "An undo of this import could not be made" in of_import
    assert "waits to be confirmed" not in of_import and "Undo the whole import" in of_import
    assert "Leave the import as it is" in page and "Upload another file" not in page
    clerk.post(url("types_import_discard", undo.pk))
    assert "Undo the whole import" in main(clerk.get(url("types_import", batch.pk)))


ACTS = ("confirm", "discard", "undo")
NOT_OFFERED = ("Confirm and apply", "Throw away", "Undo the whole import", "Take this undo back")


def decides_nothing(browser: Browser, batch: ImportBatch) -> None:
    """Whoever may look at an import and no more is offered nothing, and can do nothing."""
    page = main(browser.get(url("types_import", batch.pk)))
    assert [act for act in NOT_OFFERED if act in page] == []
    before = types_now(), list(ImportBatch.objects.values())
    for act in ACTS:
        response: Any = browser.post(
            url(f"types_import_{act}", batch.pk), {"slice": batch.slice}, follow=True
        )
        assert "Only whoever uploaded the file" in response.content.decode()
    assert (types_now(), list(ImportBatch.objects.values())) == before


def test_what_somebody_has_left_behind_is_for_superusers(
    clerk: Browser, people: list[Client]
) -> None:
    """From upload to undo; so is what came by the command line."""
    uploads(clerk, becomes(people[:2], "VIP"))
    batch = ImportBatch.objects.get()
    ImportBatch.objects.update(user=None)
    assert "decides about it; or a superuser" in main(clerk.get(url("types_import", batch.pk)))
    decides_nothing(clerk, batch)
    chief = Browser()
    chief.force_login(factories.user(is_superuser=True))
    confirms(chief, batch)
    assert types_now() == ["VIP", "VIP", "Client"]
    batch.refresh_from_db()
    decides_nothing(clerk, batch)
    chief.post(url("types_import_undo", batch.pk))
    confirms(chief, ImportBatch.objects.get(undoes=batch))
    assert types_now() == ["Prospect", "Prospect", "Client"]


def test_of_a_client_that_one_may_not_view_an_import_says_nothing(
    clerk: Browser, people: list[Client], company: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One of the command line is open to everybody who may import."""
    usual = type(get_adapter()).visible_to
    monkeypatch.setattr(
        type(get_adapter()),
        "visible_to",
        lambda adapter, user, clients: usual(adapter, user, clients).exclude(pk=people[0].pk),
    )
    Connection.objects.update(pushed_types=[str(ContactType.objects.get(name="VIP").pk)])
    rows = [(people[0].pk, "", "", "VIP"), (people[1].pk, "", "", "Client")]
    imports.start(csv_of(*rows, ("", "Zoe", "", "Prospect")).encode(), "types.csv", None)
    batch = ImportBatch.objects.get()
    page = clerk.get(url("types_import", batch.pk)).content.decode()
    table = page[page.index('<table class="listing') :]
    assert "A client you may not view" in table and "Bo Coe" in table
    shown = [name for name in ("VIP", "Anna", "Zoe", "Created") if name in table]
    assert shown == [] and table.count("Prospect") == 1


def test_what_a_superuser_does_to_ones_import_is_shown_and_named(
    clerk: Browser, people: list[Client]
) -> None:
    uploads(clerk, becomes(people[:2], "VIP"))
    batch = ImportBatch.objects.get()
    chief, boss = Browser(), factories.user(is_superuser=True)
    chief.force_login(boss)
    confirms(chief, batch)
    chief.post(url("types_import_undo", batch.pk))
    undo = ImportBatch.objects.get(undoes=batch)
    page = clerk.get(url("types_import", batch.pk)).content.decode()
    assert url("types_import", undo.pk) in page and "waits to be confirmed" in page
    decides_nothing(clerk, undo)
    confirms(chief, undo)
    decides_nothing(clerk, ImportBatch.objects.get(undoes=batch))
    assert set(ModelLogEntry.objects.values_list("user", flat=True)) == {boss.pk}


def test_a_page_that_was_overtaken_confirms_nothing(clerk: Browser, people: list[Client]) -> None:
    uploads(clerk, becomes(people[:2], "VIP"))
    batch = ImportBatch.objects.get()
    for shown in ({}, {"slice": str(batch.slice - 1)}):
        clerk.post(url("types_import_confirm", batch.pk), shown)
        assert types_now() == ["Prospect", "Prospect", "Client"]
    confirms(clerk, batch)
    assert types_now() == ["VIP", "VIP", "Client"]


def test_it_belongs_to_whoever_uploaded_it(clerk: Browser, people: list[Client]) -> None:
    uploads(clerk, becomes(people, "VIP"))
    batch = ImportBatch.objects.get()
    other = browser_of(RIGHTS["map"], "crm.view_client", "crm.change_client")
    for act in ("", "_results", "_summary"):
        assert other.get(url(f"types_import{act}", batch.pk)).status_code == 404
    for act in ACTS:
        assert other.post(url(f"types_import_{act}", batch.pk)).status_code == 404
    assert batch.name not in other.get(url("types")).content.decode()
    assert types_now() == ["Prospect", "Prospect", "Client"]


@pytest.mark.parametrize(
    "permissions",
    [[RIGHTS["map"], "crm.view_client"], ["crm.change_client"], list(RIGHTS.values())],
)
def test_it_takes_both_rights(people: list[Client], permissions: list[str]) -> None:
    browser = browser_of(*permissions)
    assert uploads(browser, becomes(people, "VIP")).url == reverse("wagtailadmin_home")
    assert not ImportBatch.objects.exists()


def test_queries_of_the_page_do_not_grow(clerk: Browser, company: Connection) -> None:
    kind = ContactType.objects.get_or_create(name="Prospect")[0]
    vip = ContactType.objects.get_or_create(name="VIP")[0]
    Connection.objects.update(pushed_types=[str(vip.pk)])
    factories.sync_state(company, first_synced_at=clock.now())

    def asked(number: int) -> int:
        made = [Client.objects.create(name=f"C {n}", contact_type=kind) for n in range(number)]
        address = uploads(clerk, becomes(made, "VIP")).url
        clerk.get(address)
        with CaptureQueriesContext(database) as queries:
            assert clerk.get(address).status_code == 200
        return len(queries)

    assert asked(2) == asked(90)


@pytest.fixture
def company(db: None) -> Connection:
    return factories.connection()
