"""What passes through this door: a client as it was read, and a refusal."""

from __future__ import annotations

from dataclasses import dataclass

from wagtail_qbo_sync.contact import Contact


@dataclass(frozen=True, slots=True)
class ClientRecord:
    """One row of the client model, read."""

    pk: str
    label: str
    """How people recognise the client in a list."""
    contact: Contact
    contact_types: tuple[str, ...] = ()
    """Keys of its Contact Types: none, one, or several where the host has a many-to-many."""

    @property
    def contact_type(self) -> str:
        """The key of its first Contact Type, "" for none."""
        return self.contact_types[0] if self.contact_types else ""


class Refused(Exception):
    """The host's model does not take a value. Nothing of the record was written."""

    def __init__(self, message: str, *, field: str = "", holder: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.field = field
        """Contact field or path that was refused, "contact_type", or "" for the whole record."""
        self.holder = holder
        """Key of the client that holds the unique value, "" if none is known."""
