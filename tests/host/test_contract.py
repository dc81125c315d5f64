"""The contract that hosts subclass: a right adapter holds it, wrong ones do not."""

import unittest
from collections.abc import Mapping
from typing import Any, ClassVar

import pytest
from crm.models import Client, ContactType
from django.test import TestCase

from wagtail_qbo_sync.contact import Contact, Value
from wagtail_qbo_sync.host.adapter import ClientAdapter, ClientRecord, get_adapter
from wagtail_qbo_sync.testing import AdapterContract


class TestExampleProject(AdapterContract, TestCase):
    """The example project's client model, by its usual names."""


class Truncates(ClientAdapter):
    def assign(self, client: Any, texts: Mapping[str, str]) -> None:
        super().assign(client, {path: text[:30] for path, text in texts.items()})


class Forgets(ClientAdapter):
    def assign(self, client: Any, texts: Mapping[str, str]) -> None:
        super().assign(client, {path: text for path, text in texts.items() if path != "mobile"})


class Meddles(ClientAdapter):
    def assign(self, client: Any, texts: Mapping[str, str]) -> None:
        super().assign(client, texts)
        if client.pk:
            client.contact_type = ContactType.objects.get(name="Prospect")


class Spills(ClientAdapter):
    def write(self, client: Any, values: Mapping[str, Value]) -> ClientRecord:
        Client.objects.exclude(pk=client.pk).update(phone="+1 555 999")
        return super().write(client, values)


class Hides(ClientAdapter):
    def queryset(self) -> Any:
        return super().queryset().exclude(name="Sample B1")


class AsksForEach(ClientAdapter):
    def values(self, client: Any) -> dict[str, str]:
        return super().values(Client.objects.get(pk=client.pk))


class Shouts(ClientAdapter):
    def read(self, client: Any) -> ClientRecord:
        record = super().read(client)
        return ClientRecord(record.pk, record.label, Contact(name=record.label.upper()))


class ShowsAll(ClientAdapter):
    def visible_to(self, user: Any, queryset: Any) -> Any:
        return queryset


@pytest.mark.parametrize(
    ("broken", "test"),
    [
        (Truncates, "test_a_long_text_is_kept_whole_or_refused"),
        (Forgets, "test_a_new_client_holds_what_was_given"),
        (Forgets, "test_each_field_is_written_alone"),
        (Spills, "test_each_field_is_written_alone"),
        (Meddles, "test_nothing_else_of_the_row_changes"),
        (Hides, "test_no_manager_hides_a_client"),
        (AsksForEach, "test_reading_and_locking_take_as_many_queries_for_many_as_for_few"),
        (Shouts, "test_a_new_client_holds_what_was_given"),
        (ShowsAll, "test_clients_are_seen_only_with_rights"),
    ],
)
@pytest.mark.django_db
def test_a_wrong_adapter_does_not_hold_it(broken: type[ClientAdapter], test: str) -> None:
    class Case(AdapterContract, unittest.TestCase):
        one: ClassVar[ClientAdapter] = broken()

        @property
        def adapter(self) -> ClientAdapter:
            return self.one

    outcome = unittest.TestResult()
    Case(test).run(outcome)
    assert outcome.failures or outcome.errors
    assert type(get_adapter()) is ClientAdapter
