from collections.abc import Mapping
from typing import Any

from wagtail_qbo_sync.host.adapter import ClientAdapter


class PersonAdapter(ClientAdapter):
    fields = {"email": "mail", "phone": "tel"}
    computed = {"name": ("first", "last")}
    contact_type_field = "kinds"

    def values(self, client: Any) -> dict[str, str]:
        return super().values(client) | {"name": str(client)}

    def assign(self, client: Any, texts: Mapping[str, str]) -> None:
        super().assign(client, texts)
        if "name" in texts:
            client.first, _, client.last = texts["name"].rpartition(" ")

    def archive(self, client: Any) -> bool:
        return self._put(client, archived=True)

    def unarchive(self, client: Any) -> bool:
        return self._put(client, archived=False)

    def _put(self, client: Any, *, archived: bool) -> bool:
        if client.archived == archived:
            return False
        client.archived = archived
        client.save()
        return True
