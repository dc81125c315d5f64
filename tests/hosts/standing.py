"""What our screens and Undo ask of any host: where its clients stand, and whose they are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.utils import timezone

from wagtail_qbo_sync.contact import Contact
from wagtail_qbo_sync.host.adapter import ClientRecord, get_adapter
from wagtail_qbo_sync.models import Connection, Decision, Mapping
from wagtail_qbo_sync.sync.records.client_status import with_client_status
from wagtail_qbo_sync.sync.records.traces import is_referred_to, rest_digests

if TYPE_CHECKING:
    from django.test import TestCase as _Base
else:
    _Base = object


class StandingContract(_Base):
    """Mix into a TestCase, for keys and relations of every kind."""

    def make(self, name: str) -> ClientRecord:
        """A client that a sync made."""
        return get_adapter().new(Contact(name=name), "")

    def company(self) -> Connection:
        return Connection.objects.create(
            realm_id="1", environment="sandbox", company_name="A", connected_at=timezone.now()
        )

    def test_where_clients_stand(self) -> None:
        company, adapter = self.company(), get_adapter()
        mapped, excluded, free = map(self.make, ("Anna Berg", "Bo Coe", "Cora Dahl"))
        keys: list[Any] = list(adapter.keys([mapped.pk]))
        Mapping.objects.create(
            connection=company, qbo_id="1", client_id=keys[0], client_pk=mapped.pk
        )
        Decision.objects.create(
            kind=Decision.Kind.EXCLUDE_CLIENT,
            connection=company,
            client_pk=excluded.pk,
            at=timezone.now(),
        )
        rows = with_client_status(adapter.queryset(), company).values_list("pk", "qbo_status")
        assert {str(pk): status for pk, status in rows} == {
            mapped.pk: "mapped",
            excluded.pk: "excluded",
            free.pk: "unmapped",
        }

    def test_a_new_client_is_nobodys_until_something_refers_to_it(self) -> None:
        adapter = get_adapter()
        made = self.make("Anna Berg")
        client = adapter.queryset().get(pk=made.pk)
        assert not is_referred_to(client, adapter)
        before = rest_digests(adapter, [made])
        client.save()
        assert rest_digests(adapter, [adapter.read(client)]) == before, "saving is no edit"
        Mapping.objects.create(
            connection=self.company(), qbo_id="1", client_id=client.pk, client_pk=made.pk
        )
        assert is_referred_to(client, adapter)
