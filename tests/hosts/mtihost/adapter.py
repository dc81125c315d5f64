from collections.abc import Mapping
from typing import Any

from django.db.models import Model, QuerySet

from tests.hosts.mtihost.models import Address, Phone
from wagtail_qbo_sync.host.adapter import ClientAdapter
from wagtail_qbo_sync.host.refusals import refusals

PARTS = {"line1": "street", "city": "town", "postal_code": "postcode"}
USES = {"mailing_address": "post", "physical_address": "visit"}


class FirmAdapter(ClientAdapter):
    fields = {"name": "title", "company_name": "trading_as"}
    computed = {"phone": (), **{f"{name}.{part}": () for name in USES for part in PARTS}}
    contact_type_field = "standing"

    def prefetch(self, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.prefetch_related("addresses", "phones")

    def related_models(self) -> Mapping[type[Model], str]:
        return {Address: "party__firm", Phone: "party__firm"}

    def values(self, client: Any) -> dict[str, str]:
        rows = {row.use: row for row in client.addresses.all()}
        numbers = [phone.number for phone in client.phones.all()]
        addresses = {
            f"{name}.{part}": getattr(rows.get(use), column, "")
            for name, use in USES.items()
            for part, column in PARTS.items()
        }
        return super().values(client) | addresses | {"phone": numbers[0] if numbers else ""}

    def save_related(self, client: Any, texts: Mapping[str, str]) -> None:
        for name, use in USES.items():
            said = {
                PARTS[part]: texts[f"{name}.{part}"] for part in PARTS if f"{name}.{part}" in texts
            }
            if said:
                mine = Address.objects.filter(party=client, use=use)
                self._save(mine.first() or Address(party=client, use=use), said, name)
        if "phone" in texts:
            phone = client.phones.order_by("pk").first() or Phone(party=client)
            if texts["phone"]:
                self._save(phone, {"number": texts["phone"]}, "phone")
            elif phone.pk:
                phone.delete()

    def _save(self, row: Any, said: Mapping[str, str], name: str) -> None:
        for column, text in said.items():
            setattr(row, column, text)
        with refusals(type(row), lambda column: name):
            row.full_clean(exclude=["party"])
            row.save()
