"""Run by tests/hosts/test_hosts.py with this host's settings."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.management import call_command
from django.test import Client as Browser
from django.test import TestCase
from django.urls import reverse
from pytest_django import Settings

from tests import factories
from tests.hosts.adminhost.models import Patron
from tests.hosts.edit_form import EditForm
from tests.hosts.standing import StandingContract
from tests.other_letters import in_other_letters, plain, seen, typed  # noqa: F401
from wagtail_qbo_sync.admin.base import CUSTOMERS, url
from wagtail_qbo_sync.models import Mapping
from wagtail_qbo_sync.testing import AdapterContract

OURS = [f"wagtail_qbo_sync.{right}_customer" for right in ("view", "map")]
MAY_EDIT = ("adminhost.view_patron", "adminhost.change_patron", *OURS)
WITHOUT_ADMIN = "tests.hosts.adminhost.wagtail_urls"


class TestPatronStanding(StandingContract, TestCase):
    pass


class TestPatronAdapter(AdapterContract, TestCase):
    pass


class Desk:
    """A mapped client, one that is not, and where they are shown."""

    def __init__(self) -> None:
        self.company = factories.connection("Northwind")
        self.customer = factories.customer(self.company)
        self.anna = Patron.objects.create(name="Anna Berg")
        self.tom = Patron.objects.create(name="Tom Lund")
        Mapping.objects.create(
            connection=self.company,
            qbo_id=self.customer.qbo_id,
            client=self.anna,
            client_pk=str(self.anna.pk),
        )

    @property
    def edit(self) -> str:
        return reverse("admin:adminhost_patron_change", args=[self.anna.pk])

    @property
    def customer_page(self) -> str:
        return reverse(f"{CUSTOMERS}:inspect", args=[self.customer.pk])

    def pages(self) -> list[str]:
        """Those of ours that are about clients."""
        company, anna = self.company.pk, self.anna.pk
        return [
            reverse("wagtailadmin_home"),
            reverse(f"{CUSTOMERS}:index"),
            self.customer_page,
            url("customer_map", self.customer.pk),
            url("clients", company),
            url("client", company, anna),
            url("client_map", company, self.tom.pk),
            url("map", company),
            url("why_client", company, anna),
            url("why_customer", self.customer.pk),
            url("connections"),
            url("settings", company),
        ]


@pytest.fixture
def desk(db: None) -> Desk:
    return Desk()


def shown(page: str, *rights: str, **values: Any) -> str:
    """A page as somebody with these rights reads it."""
    browser = Browser()
    browser.force_login(factories.user(*rights, **values))
    response = browser.get(page)
    assert response.status_code == 200, page
    return response.content.decode()


def test_our_screens_lead_to_the_django_admin(desk: Desk) -> None:
    assert f'href="{desk.edit}"' in shown(desk.customer_page, *MAY_EDIT, is_staff=True)


@pytest.mark.parametrize(
    ("rights", "staff"),
    [(MAY_EDIT, False), (("adminhost.view_patron", *OURS), True)],
    ids=["no staff", "may not change"],
)
def test_who_may_not_edit_there_reads_the_name(
    desk: Desk, rights: tuple[str, ...], staff: bool
) -> None:
    page = shown(desk.customer_page, *rights, is_staff=staff)
    assert "Anna Berg" in page and desk.edit not in page


def test_where_the_admin_has_no_address_there_is_no_link(desk: Desk, settings: Settings) -> None:
    edit = desk.edit
    settings.ROOT_URLCONF = WITHOUT_ADMIN
    page = shown(desk.customer_page, *MAY_EDIT, is_staff=True)
    assert "Anna Berg" in page and edit not in page


def test_all_pages_about_clients_are_there(desk: Desk, admin_client: Browser) -> None:
    assert [page for page in desk.pages() if admin_client.get(page).status_code != 200] == []


def test_panel_and_reasons_are_reached(desk: Desk, admin_client: Browser) -> None:
    assert "Northwind" in EditForm(admin_client, desk.edit, "adminform").page
    page = admin_client.get(url("client", desk.company.pk, desk.anna.pk)).content.decode()
    assert url("why_client", desk.company.pk, desk.anna.pk) in page and desk.edit in page


@pytest.mark.usefixtures("in_other_letters")
def test_every_text_of_the_panel_can_be_translated(desk: Desk, admin_client: Browser) -> None:
    """The words of the host's own model aside."""
    read = seen(admin_client.get(desk.edit).content.decode())
    assert len(read) > 10 and any("Northwind" in text for text in read)
    assert plain(read, typed() | {"Patron", "patron", "Name", "Email"}) == []


@pytest.mark.django_db
def test_migrations_are_complete() -> None:
    call_command("makemigrations", check=True, dry_run=True)
    call_command("check", databases=["default"])
