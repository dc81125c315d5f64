"""Run by tests/hosts/test_hosts.py with this host's settings."""

import pytest
from django.core.management import call_command
from django.db import connection
from django.db.migrations.loader import MigrationLoader
from django.test import TestCase
from django.test.utils import CaptureQueriesContext

from tests.hosts.listing import arrange, rows
from tests.hosts.standing import StandingContract
from tests.hosts.zhost.models import Customer
from wagtail_qbo_sync.contact import Address, Contact
from wagtail_qbo_sync.host.adapter import ClientRecord, Refused
from wagtail_qbo_sync.host.swappable import client_migration
from wagtail_qbo_sync.testing import AdapterContract


class TestCustomerStanding(StandingContract, TestCase):
    pass


class TestCustomerAdapter(AdapterContract, TestCase):
    volatile = ["modified_at"]

    def test_a_host_without_contact_types(self) -> None:
        assert self.adapter.contact_type_choices() == []
        assert self.adapter.default_contact_type() == ""
        assert self.new(1).contact_types == ()

    def test_two_of_a_batch_that_are_one_too_many(self) -> None:
        salem = Address(city="Salem")
        twins = [(Contact(name="Twin", mailing_address=salem), "") for _ in range(2)]
        one, other = self.adapter.new_many(twins)
        assert isinstance(one, ClientRecord) and isinstance(other, Refused)
        assert (other.field, other.holder) == ("name", one.pk)

    def test_a_swap_in_one_batch_takes_the_second_step_later(self) -> None:
        one, other = self.new(1), self.new(2)
        locked = self.adapter.lock([one.pk, other.pk])
        outcomes = self.adapter.write_many(
            [
                (locked[one.pk], {"name": other.contact.name}),
                (locked[other.pk], {"name": "Free"}),
            ]
        )
        assert isinstance(outcomes[0], Refused) and outcomes[0].holder == other.pk
        assert isinstance(outcomes[1], ClientRecord) and outcomes[1].contact.name == "Free"


def test_ours_comes_after_the_client_and_before_what_needs_us() -> None:
    assert client_migration() == ("zhost", "0002_customer")
    graph = MigrationLoader(None).graph
    plan = graph.forwards_plan(("zhost", "0003_after_quickbooks"))
    order = [
        plan.index(("zhost", "0002_customer")),
        plan.index(("wagtail_qbo_sync", "0001_initial")),
    ]
    assert order == sorted(order)


@pytest.mark.django_db
def test_migrations_are_complete() -> None:
    call_command("makemigrations", check=True, dry_run=True)
    call_command("check", databases=["default"])
    assert "zhost_customer" in connection.introspection.table_names()


@pytest.mark.django_db
def test_the_hooks_alone_bring_the_acts_to_a_snippets_row() -> None:
    mapped, excluded = (Customer._default_manager.create(title=name) for name in ("Berg", "Lund"))
    Customer._default_manager.create(title="Moss")
    arrange(mapped, excluded)
    address = "/admin/snippets/zhost/customer/"
    shown = {row.split()[0]: row for row in rows(address)}
    assert "Disconnect" in shown["Berg"]
    assert "Include again" in shown["Lund"]
    assert "Exclude from mapping" in shown["Moss"]


@pytest.mark.django_db
def test_they_ask_as_much_for_fifty_rows_as_for_five() -> None:
    arrange(*(Customer._default_manager.create(title=str(number)) for number in range(2)))

    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            rows("/admin/snippets/zhost/customer/")
        return sum("wagtail_qbo_sync_" in each["sql"] for each in captured)

    few = queries()
    Customer._default_manager.bulk_create(Customer(title=f"more {number}") for number in range(15))
    assert queries() == few == 4
