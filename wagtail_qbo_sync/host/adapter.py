"""How this site's client model is read and written (docs/how-to/adapter.md).

A host whose fields have the usual names needs nothing. One with other plain fields writes a
field map and names the class in `WAGTAIL_QBO_SYNC["ADAPTER"]`:

    from wagtail_qbo_sync.host.adapter import ClientAdapter

    class FirmAdapter(ClientAdapter):
        fields = {
            "name": "title",
            "email": "mail",
            "phone": "office_phone",
            "mailing_address.line1": "street",
            "mailing_address.city": "town",
            "mailing_address.postal_code": "postcode",
        }
        contact_type_field = "kind"

What is not one field of the client's own row is named in `computed`, with the model fields
it is kept in, and three small methods say how:

    class PersonAdapter(ClientAdapter):
        fields = {"email": "email"}
        computed = {"name": ("first_name", "last_name"), "phone": ()}

        def prefetch(self, queryset):
            return queryset.prefetch_related("phones")

        def values(self, client):
            numbers = [phone.number for phone in client.phones.all()]
            return {
                **super().values(client),
                "name": f"{client.first_name} {client.last_name}".strip(),
                "phone": numbers[0] if numbers else "",
            }

        def assign(self, client, texts):
            super().assign(client, texts)
            if "name" in texts:
                client.first_name, _, client.last_name = texts["name"].rpartition(" ")

        def save_related(self, client, texts):
            if "phone" in texts:
                phone = client.phones.first() or Phone(person=client)
                phone.number = texts["phone"]
                with refusals(Phone, lambda column: "phone"):
                    phone.full_clean()
                    phone.save()

`wagtail_qbo_sync.testing.AdapterContract` tests whether an adapter is right.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache, partial
from typing import Any

from django.core.checks import CheckMessage
from django.core.signals import setting_changed
from django.utils.module_loading import import_string

from wagtail_qbo_sync import conf
from wagtail_qbo_sync.contact import Contact, Value

from . import bulk, inspection
from .record import ClientRecord, Refused
from .writing import ClientWriting

__all__ = ["ClientAdapter", "ClientRecord", "Refused", "get_adapter"]


class ClientAdapter(ClientWriting):
    """The site's client model, spoken to in contacts. Hosts subclass it; see the module.

    What they may override stands in `description`.
    """

    def check(self) -> list[CheckMessage]:
        """What is wrong with this adapter, for `manage.py check`."""
        return inspection.inspect(self)

    # Many at once ------------------------------------------------------------------------

    def write_many(
        self, items: Sequence[tuple[Any, Mapping[str, Value]]]
    ) -> list[ClientRecord | Refused]:
        """`write` for many locked clients: a record or a refusal for each, in order."""
        if self.bulk:
            return bulk.write_many(self, items)
        return [self.attempt(partial(self.write, *item)) for item in items]

    def new_many(self, items: Sequence[tuple[Contact, str]]) -> list[ClientRecord | Refused]:
        """`new` for many contacts: a record or a refusal for each, in order."""
        if self.bulk and bulk.can_create(self):
            return bulk.new_many(self, items)
        return [self.attempt(partial(self.new, *item)) for item in items]

    # Contact Types -----------------------------------------------------------------------

    def contact_type_choices(self) -> list[tuple[str, str]]:
        """(key, label) of every Contact Type; [] for a host without."""
        return self.contact_types.choices()

    def can_add_contact_type(self, user: Any) -> bool:
        """Whether the host can make types and this person may."""
        return self.contact_types.can_add(user)

    def add_contact_type(self, label: str) -> str:
        """Make a Contact Type, or find the one of that label; its key. Raises Refused."""
        return self.contact_types.add(label)

    def default_contact_type(self) -> str:
        """Key of the type that is labelled "Client" (K11), "" if there is none."""
        choices = self.contact_type_choices()
        return next((key for key, label in choices if label.strip().lower() == "client"), "")


@cache
def get_adapter() -> ClientAdapter:
    """The adapter that `WAGTAIL_QBO_SYNC["ADAPTER"]` names.

    Raises ImportError when the path is wrong and ImproperlyConfigured without a client model.
    """
    adapter: ClientAdapter = import_string(conf.settings.ADAPTER)()
    return adapter


def _forget(*, setting: str, **kwargs: Any) -> None:
    if setting in {conf.NAME, conf.CLIENT_MODEL_SETTING}:
        get_adapter.cache_clear()


setting_changed.connect(_forget)
