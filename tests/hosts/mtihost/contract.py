"""Run by tests/hosts/test_hosts.py with this host's settings."""

import math
import re
from html import unescape
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from django.core.management import call_command
from django.db import connection
from django.test import Client as Browser
from django.test import TestCase
from django.urls import reverse
from pytest_django import Settings

from tests import factories
from tests.hosts.edit_form import EditForm
from tests.hosts.listing import arrange, page, rows
from tests.hosts.mtihost import models
from tests.hosts.mtihost.models import Firm, Party, Phone
from tests.hosts.standing import StandingContract
from wagtail_qbo_sync import clock
from wagtail_qbo_sync.contact import Address, Contact, Value
from wagtail_qbo_sync.host.adapter import Refused
from wagtail_qbo_sync.models import Case, Footprint, Run, SyncState, Touched
from wagtail_qbo_sync.qbo import discovery
from wagtail_qbo_sync.sync.noticing import sweep
from wagtail_qbo_sync.sync.people import connect, decide, mapping
from wagtail_qbo_sync.sync.walk import cycle
from wagtail_qbo_sync.testing import AdapterContract
from wagtail_qbo_sync.testing.sandbox import SandboxProcess


class TestFirmStanding(StandingContract, TestCase):
    pass


class TestFirmAdapter(AdapterContract, TestCase):
    def test_the_second_phone_is_left_alone(self) -> None:
        record = self.new(1)
        Phone.objects.create(party_id=record.pk, number="second")
        assert self.write(record.pk, {"phone": "first"}).contact.phone == "first"
        assert sorted(Phone.objects.values_list("number", flat=True)) == ["first", "second"]

    def test_a_refused_address_leaves_the_name_as_it_was(self) -> None:
        record = self.new(1)
        long = Address(line1="x" * 101)
        client = Firm.objects.get(pk=record.pk)
        values: dict[str, Value] = {"name": "Another", "mailing_address": long}
        (refused,) = self.adapter.write_many([(client, values)])
        assert isinstance(refused, Refused) and refused.field == "mailing_address"
        assert self.reread(record.pk) == record

    def test_a_party_that_is_no_firm_is_no_client(self) -> None:
        Party.objects.create(title="Somebody")
        assert list(self.adapter.records()) == []

    def test_choices_are_the_contact_types(self) -> None:
        assert self.adapter.contact_type_choices() == [("c", "Client"), ("l", "Lead")]
        with pytest.raises(Refused) as refused:
            self.adapter.new(Contact(name="A"), "x")
        assert refused.value.field == "contact_type"


# In the Django admin ------------------------------------------------------------------------------

INLINE = {
    f"{rows}-{count}_FORMS": "0"
    for rows in ("addresses", "phones")
    for count in ("TOTAL", "INITIAL")
}
FIRMS = ("mtihost.view_firm", "mtihost.change_firm")
OURS = [f"wagtail_qbo_sync.{right}_customer" for right in ("view", "map")]


@pytest.fixture
def harbor(db: None) -> Firm:
    factories.connection("Northwind")
    made: Firm = Firm.objects.create(title="Harbor", trading_as="Harbor & Co")
    return made


def opened(firm: Firm, *rights: str, admin: bool = True) -> EditForm:
    """The change form, of somebody with these rights."""
    browser = Browser()
    browser.force_login(factories.user(*rights, admin=admin, is_staff=True))
    form = EditForm(browser, edit_url(firm), "adminform")
    form.data |= INLINE
    return form


def edit_url(firm: Firm) -> str:
    return reverse("admin:mtihost_firm_change", args=[firm.pk])


def test_the_panel_is_shown_to_who_may_view(harbor: Firm) -> None:
    assert "Northwind" in opened(harbor, *FIRMS, *OURS).page
    assert "Northwind" not in opened(harbor, *FIRMS).page


def test_who_may_not_enter_our_screens_is_offered_none(harbor: Firm) -> None:
    page = opened(harbor, *FIRMS, *OURS, admin=False).page
    assert "Northwind" in page
    assert "formaction" not in page


def test_an_act_comes_back_to_the_form(harbor: Firm) -> None:
    form = opened(harbor, *FIRMS, *OURS)
    address = re.search(r'form="qbo-acts" formaction="([^"]+)"', form.page)
    assert address
    response = form.browser.post(unescape(address[1]))
    assert response.headers["Location"] == edit_url(harbor)
    assert "Include again" in form.browser.get(edit_url(harbor)).content.decode()


def test_a_customer_can_be_made_of_the_client(harbor: Firm) -> None:
    assert "Create in QuickBooks" not in opened(harbor, *FIRMS, *OURS).page
    SyncState.objects.update(first_synced_at=clock.now())
    form = opened(harbor, *FIRMS, *OURS)
    address = re.search(r'formaction="([^"]+)">Create in QuickBooks', form.page)
    assert address
    form.browser.post(unescape(address[1]))
    page = form.browser.get(edit_url(harbor)).content.decode()
    assert "Waits to be created in QuickBooks" in page


def test_enter_in_a_field_saves(harbor: Firm) -> None:
    """The first button that a form owns answers Enter: none of ours may be the host's."""
    page = opened(harbor, *FIRMS, *OURS).page
    assert len(re.findall("<button[^>]*>", page)) >= 1
    hosts = page[page.index('id="firm_form"') : page.index('name="_save"')]
    assert all('form="qbo-acts"' in tag for tag in re.findall("<button[^>]*>", hosts))


@pytest.mark.parametrize("rights", [(*FIRMS, *OURS), FIRMS])
def test_what_was_left_alone_stays(rights: tuple[str, ...], harbor: Firm) -> None:
    form = opened(harbor, *rights)
    Party.objects.update(title="Harbor Ltd")
    assert form.saves(vat_number="DE1").status_code == 302
    harbor.refresh_from_db()
    assert (harbor.title, harbor.vat_number) == ("Harbor Ltd", "DE1")


def test_changed_on_both_sides(harbor: Firm) -> None:
    form = opened(harbor, *FIRMS, *OURS)
    Party.objects.update(title="Harbor Ltd")
    page = form.saves(title="Harbor Inc").content.decode()
    assert "“Harbor Ltd”" in page
    assert "Updated from QuickBooks" not in page  # all that is new is named
    form.data |= INLINE
    assert form.saves().status_code == 302
    harbor.refresh_from_db()
    assert harbor.title == "Harbor Inc"


def test_a_list_that_is_edited_is_guarded_too(harbor: Firm) -> None:
    other = Firm.objects.create(title="Wharf")
    browser = opened(harbor, *FIRMS, *OURS).browser
    address = reverse("admin:mtihost_firm_changelist")
    page = browser.get(address).content.decode()
    inputs = re.findall(r'<input[^>]*name="((?:form|qbo)[^"]*)"(?:[^>]*value="([^"]*)")?', page)
    data = {name: unescape(value) for name, value in inputs} | {"_save": "Save"}
    rows = [name.partition("-title")[0] for name in data if name.endswith("-title")]
    mine = next(row for row in rows if data[f"{row}-title"] == "Wharf")
    Party.objects.filter(pk=harbor.pk).update(title="Harbor Ltd")
    Party.objects.filter(pk=other.pk).update(title="Wharf Ltd")
    data[f"{mine}-vat_number"] = "DE1"
    assert browser.post(address, data).status_code == 302
    assert set(Firm.objects.values_list("title", "vat_number")) == {
        ("Harbor Ltd", "none"),
        ("Wharf Ltd", "DE1"),
    }
    Party.objects.filter(pk=other.pk).update(title="Wharf AG")
    data[f"{mine}-title"] = "Wharf Inc"
    assert "“Wharf AG”" in browser.post(address, data).content.decode()


def test_the_form_of_a_new_client_and_of_one_that_may_only_be_looked_at(harbor: Firm) -> None:
    form = opened(harbor, "mtihost.view_firm", *OURS)
    assert "Northwind" in form.page
    browser = Browser()
    browser.force_login(factories.user("mtihost.add_firm", *OURS, is_staff=True))
    page = browser.get(reverse("admin:mtihost_firm_add")).content.decode()
    assert "Northwind" not in page


# Rows of other models in a form that is older than a sync -------------------------------------


class Books:
    """One company in QuickBooks with one customer, and its sync with the site."""

    def __init__(self, sandbox: SandboxProcess) -> None:
        self.sandbox, self.realm = sandbox, "9341452000000101"
        discovery.forget()
        callback = "http://127.0.0.1:8000/admin/qbo/callback/"
        address = connect.start(None, "a session", callback)
        consent = sandbox.post("consent", {"url": address, "realm": self.realm})
        query = dict(parse_qsl(urlsplit(consent["redirect"]).query))
        self.company = connect.complete(query, None, "a session").connection

    def says(self, **values: Any) -> None:
        """What the customer is from now on."""
        values = {"DisplayName": "Harbor", **values}
        meta = {"LastUpdatedTime": clock.now().isoformat(timespec="seconds")}
        record = {"Id": "1", "SyncToken": "0", "Active": True, "MetaData": meta, **values}
        self.sandbox.post("plant", {"realm": self.realm, "records": [record], "clear": True})

    def street(self) -> str:
        (record,) = self.sandbox.get(f"customers?realm={self.realm}")
        return str(record["BillAddr"]["Line1"])

    def sync(self) -> None:
        sweep.everything()
        decide.ask_for_sync(self.company)
        cycle.advance(self.company.pk, seconds=math.inf)
        for run in Run.objects.filter(state=Run.State.WAITING):
            decide.approve(run, None)
            cycle.advance(self.company.pk, seconds=math.inf)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("typed", [{}, {"postcode": "97303"}])
def test_an_inline_row_of_an_old_form_is_a_conflict(
    typed: dict[str, str], sandbox: SandboxProcess, settings: Settings
) -> None:
    """No form guards it, so the merge does: what a sync wrote is not undone unseen (rule 5)."""
    sandbox.post("reset", {})
    settings.WAGTAIL_QBO_SYNC = {
        **settings.WAGTAIL_QBO_SYNC,
        "API_URL": sandbox.base_url,
        "DISCOVERY_URL": sandbox.discovery_url,
        "CLIENT_ID": "sandbox-client",
        "CLIENT_SECRET": "sandbox-secret",
    }
    books = Books(sandbox)
    books.says(BillAddr={"Id": "9", "Line1": "1 Main St", "PostalCode": "97301"})
    books.sync()
    harbor = Firm.objects.create(title="Harbor")
    mapping.map_customer(books.company, "1", str(harbor.pk), None)
    books.sync()
    form = opened(harbor, *FIRMS, "mtihost.change_address", admin=False)
    row = models.Address.objects.get(use="post")
    shown = {"street": row.street, "town": row.town, "postcode": row.postcode}
    books.says(BillAddr={"Id": "9", "Line1": "2 Elm St", "PostalCode": "97301"})
    books.sync()
    row.refresh_from_db()
    assert row.street == "2 Elm St"
    inline = {"id": str(row.pk), "party": str(harbor.pk), "use": row.use, **shown, **typed}
    form.data |= {f"addresses-0-{name}": text for name, text in inline.items()}
    form.data |= {"addresses-TOTAL_FORMS": "1", "addresses-INITIAL_FORMS": "1"}
    assert form.saves().status_code == 302
    books.sync()
    assert books.street() == "2 Elm St"
    assert Case.objects.get(open_key__isnull=False).kind == Case.Kind.CONFLICT


class TestNoticing(TestCase):
    """Rows that belong to a client are noticed as the client's."""

    def setUp(self) -> None:
        self.firm = Firm.objects.create(title="Berg & Coe")
        sweep.everything()
        Touched.objects.all().delete()

    def touched(self) -> set[str]:
        return set(Touched.objects.values_list("client_pk", flat=True))

    def test_a_row_of_an_address_or_a_phone(self) -> None:
        phone = Phone.objects.create(party=self.firm, number="1")
        assert self.touched() == {str(self.firm.pk)}
        Touched.objects.all().delete()
        phone.delete()
        assert self.touched() == {str(self.firm.pk)}

    def test_the_row_of_the_model_it_inherits_from(self) -> None:
        Party.objects.get(pk=self.firm.pk).save()
        assert self.touched() == {str(self.firm.pk)}

    def test_a_party_or_a_phone_of_no_client_is_no_news(self) -> None:
        somebody = Party.objects.create(title="Somebody")
        Phone.objects.create(party=somebody, number="1")
        assert not self.touched()

    def test_a_deletion_by_way_of_the_parent(self) -> None:
        pk = str(self.firm.pk)
        Party.objects.filter(pk=pk).delete()
        assert self.touched() == {pk}

    def test_a_phone_that_no_signal_told_of_is_an_edit_all_the_same(self) -> None:
        before = Footprint.objects.get().digest
        Phone.objects.bulk_create([Phone(party=self.firm, number="1")])
        assert not self.touched()
        sweep.everything()
        assert Footprint.objects.get().digest != before


@pytest.mark.django_db
def test_migrations_are_complete() -> None:
    call_command("makemigrations", check=True, dry_run=True)
    call_command("check", databases=["default"])


@pytest.mark.django_db
@pytest.mark.skipif(
    connection.vendor == "mysql", reason="MariaDB's search index holds what is committed"
)
def test_the_filter_beside_a_search_index() -> None:
    mapped, excluded = (Firm.objects.create(title=f"Harbor {name}") for name in ("Inn", "Bar"))
    Firm.objects.create(title="Harbor Zoo")
    Firm.objects.create(title="Elsewhere")
    company = arrange(mapped, excluded)
    address = "/admin/snippets/mtihost/firm/"
    assert len(rows(address, q="harbor")) == 3
    for status, name in (("mapped", "Inn"), ("excluded", "Bar"), ("unmapped", "Zoo")):
        (row,) = rows(address, q="harbor", quickbooks=f"{company.pk}-{status}")
        assert row.startswith(f"Harbor {name}")
    assert len(rows(address, quickbooks=f"{company.pk}-unmapped")) == 2


@pytest.mark.django_db
def test_a_search_index_is_not_asked_to_sort_by_it() -> None:
    arrange(*(Firm.objects.create(title=f"Harbor {number}") for number in range(2)))
    shown = page("/admin/snippets/mtihost/firm/")
    assert "ordering=title" in shown
    assert "ordering=quickbooks" not in shown
