"""Run by tests/hosts/test_hosts.py with this host's settings."""

import re
from collections.abc import Callable

import pytest
from django.core.management import call_command
from django.test import Client as Browser
from django.test import TestCase
from django.urls import reverse

from tests import factories
from tests.hosts.edit_form import EditForm
from tests.hosts.listing import arrange, rows
from tests.hosts.standing import StandingContract
from tests.hosts.uuidhost.models import Kind, Person
from wagtail_qbo_sync import clock
from wagtail_qbo_sync.contact import Contact
from wagtail_qbo_sync.host.adapter import ClientRecord, Refused
from wagtail_qbo_sync.models import (
    Connection,
    Footprint,
    Mapping,
    Outbox,
    SyncState,
    Touched,
)
from wagtail_qbo_sync.sync.noticing import sweep
from wagtail_qbo_sync.testing import AdapterContract


class TestPersonStanding(StandingContract, TestCase):
    pass


class TestPersonAdapter(AdapterContract, TestCase):
    volatile = ["modified_at"]

    @classmethod
    def setUpTestData(cls) -> None:
        for label in ("Client", "Prospect"):
            Kind.objects.create(label=label)

    def test_a_hidden_client_is_seen_and_holds_its_address(self) -> None:
        hidden = Person.objects.create(last="Berg", mail="anna@berg.example", archived=True)
        assert [record.label for record in self.adapter.records()] == ["Berg"]
        with pytest.raises(Refused) as refused:
            self.adapter.new(Contact(name="Tom Berg", email="anna@berg.example"), "")
        assert (refused.value.field, refused.value.holder) == ("email", str(hidden.pk))

    def test_of_several_kinds_each_is_told(self) -> None:
        record = self.new(1)
        person = Person.objects.get(pk=record.pk)
        person.kinds.add(Kind.objects.get(label="Prospect"))
        again = self.reread(record.pk)
        assert again.contact_types == tuple(
            sorted(str(pk) for pk in Kind.objects.values_list("pk", flat=True))
        )

    def test_a_name_without_a_last_name_is_refused_as_the_name(self) -> None:
        outcome = self.adapter.new_many([(Contact(name=""), "")])[0]
        assert isinstance(outcome, Refused) and outcome.field == "name"

    def test_the_couple_shares_no_address(self) -> None:
        couple = [
            (Contact(name=name, email="both@berg.example"), "") for name in ("Anna B", "Tom B")
        ]
        anna, tom = self.adapter.new_many(couple)
        assert isinstance(anna, ClientRecord) and isinstance(tom, Refused)
        assert (tom.field, tom.holder) == ("email", anna.pk)


# The panel, which the patch puts into a ModelViewSet ----------------------------------------------


@pytest.fixture
def anna(db: None) -> Person:
    factories.connection()
    return Person.objects.create(first="Anna", last="Berg", mail="anna@berg.example")


def edit_url(person: Person) -> str:
    return reverse("person:edit", args=[person.pk])


def test_the_panel_is_shown(admin_client: Browser, anna: Person) -> None:
    assert 'class="qbo-panel"' in EditForm(admin_client, edit_url(anna)).page


def test_the_acts_find_a_client_with_such_a_key(admin_client: Browser, anna: Person) -> None:
    page = EditForm(admin_client, edit_url(anna)).page
    address = re.search(r'data-w-action-url-value="([^"]+/exclude/)"', page)
    news = re.search(r'data-qbo-news-url-value="([^"]+)"', page)
    assert address and news
    assert admin_client.get(news[1]).status_code == 200
    admin_client.post(address[1], {"next": edit_url(anna)})
    assert "Include again" in EditForm(admin_client, edit_url(anna)).page


def test_a_name_of_two_fields_is_one_value(admin_client: Browser, anna: Person) -> None:
    form = EditForm(admin_client, edit_url(anna))
    Person.objects.update(last="Holm")
    response = form.saves(first="Annika")
    page = response.content.decode()
    assert response.status_code == 200
    assert "“Holm”" in page and "“Anna”" in page
    assert form.saves().status_code == 302
    anna.refresh_from_db()
    assert str(anna) == "Annika Berg"


def test_what_was_left_alone_stays(admin_client: Browser, anna: Person) -> None:
    form = EditForm(admin_client, edit_url(anna))
    Person.objects.update(last="Holm", tel="555-0199")
    assert form.saves(notes="Call in May").status_code == 302
    anna.refresh_from_db()
    assert (str(anna), anna.tel, anna.notes) == ("Anna Holm", "555-0199", "Call in May")


def test_a_new_client_that_has_its_key_already(admin_client: Browser) -> None:
    form = EditForm(admin_client, reverse("person:add"))
    assert form.saves(first="Mia", last="Lund").status_code == 302
    assert str(Person.objects.get()) == "Mia Lund"


class TestNoticing(TestCase):
    """Types in a many-to-many; keys are UUIDs."""

    def setUp(self) -> None:
        self.kind = Kind.objects.create(label="Monthly books")
        self.company = Connection.objects.create(
            company_name="Harbor", connected_at=clock.now(), pushed_types=[str(self.kind.pk)]
        )
        SyncState.objects.create(connection=self.company, first_synced_at=clock.now())
        self.anna = Person.objects.create(last="Berg")
        sweep.everything()

    def wanted(self) -> set[str]:
        return set(Outbox.objects.values_list("client_pk", flat=True))

    def test_a_type_that_is_given_or_taken_from_either_side(self) -> None:
        steps: list[tuple[Callable[[], object], bool]] = [
            (lambda: self.anna.kinds.add(self.kind), True),
            (lambda: self.anna.kinds.clear(), False),
            (lambda: self.kind.person_set.add(self.anna), True),
            (lambda: self.kind.person_set.remove(self.anna), False),
            (lambda: self.kind.person_set.set([self.anna]), True),
            (lambda: self.kind.person_set.clear(), False),
        ]
        for act, pushed in steps:
            act()
            assert Touched.objects.exists()
            assert sweep.catch_up()
            assert self.wanted() == ({str(self.anna.pk)} if pushed else set())

    def test_a_type_by_a_row_of_its_own(self) -> None:
        through = Person.kinds.through
        through.objects.bulk_create([through(person=self.anna, kind=self.kind)])
        assert not self.wanted()
        sweep.everything()
        assert self.wanted() == {str(self.anna.pk)}

    def test_a_deleted_client_is_noticed_by_a_sweep(self) -> None:
        Mapping.objects.create(
            connection=self.company, qbo_id="1", client_id=self.anna.pk, client_pk=str(self.anna.pk)
        )
        everyone = Person._base_manager.filter(pk=self.anna.pk)
        everyone._raw_delete(everyone.db)
        sweep.everything()
        assert not Mapping.objects.exists() and not Footprint.objects.exists()


@pytest.mark.django_db
def test_migrations_are_complete() -> None:
    call_command("makemigrations", check=True, dry_run=True)
    call_command("check", databases=["default"])


@pytest.mark.django_db
def test_the_listing_is_patched() -> None:
    mapped, excluded = (Person.objects.create(last=name) for name in ("Berg", "Lund"))
    Person.objects.create(last="Moss")
    company = arrange(mapped, excluded)
    shown = {row.split()[0]: row for row in rows("/admin/person/")}
    assert shown["Berg"].endswith("Mapped")
    assert shown["Lund"].endswith("Excluded")
    assert shown["Moss"].endswith("Not mapped")
    for status, name in (("mapped", "Berg"), ("excluded", "Lund"), ("unmapped", "Moss")):
        (row,) = rows("/admin/person/", quickbooks=f"{company.pk}-{status}")
        assert row.startswith(name)
    assert "Exclude from mapping" in shown["Moss"]
