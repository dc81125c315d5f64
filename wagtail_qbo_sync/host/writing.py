"""Writing one client: only what differs, validated, read back."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any, TypeVar

from django.core.exceptions import ValidationError
from django.db import models, transaction

from wagtail_qbo_sync.contact import Address, Contact, Value

from .contact_types import unknown_type
from .drafts import write_draft
from .reading import ClientReading
from .record import ClientRecord, Refused
from .refusals import refusals
from .unique import refuse_taken

Written = TypeVar("Written")


class ClientWriting(ClientReading):
    """The part of a ClientAdapter that writes."""

    def write(self, client: Any, values: Mapping[str, Value]) -> ClientRecord:
        """Write some contact fields to a client fresh from `lock`, and read it back.

        Only what differs is assigned and validated. The whole row is saved: it is locked, so
        nobody's edit is lost, and what the host's save() and signals change is kept. Nothing
        differs: nothing is saved. Raises Refused; then the caller rolls back its savepoint
        and drops the instance.
        """
        held = self.values(client)
        if texts := self.differing(client, values):
            with refusals(self.model, self._path_for(texts)):
                names = self.stage(client, texts)
                refuse_taken(client, names, self._path_for(texts))
                if names:
                    client.save()
                self.save_related(client, texts)
                write_draft(
                    client,
                    lambda draft: self.assign(draft, texts),
                    lambda coming: self.assign(coming, self._left_alone(coming, held, texts)),
                )
        return self.read_back(client.pk)

    def new(self, contact: Contact, contact_type: str) -> ClientRecord:
        """Make a client of a Contact Type (key or ""), validated, saved and read back.

        Raises Refused, also where the model requires what a contact does not say.
        """
        if self.contact_types.unknown({contact_type}):
            raise unknown_type(contact_type)
        client, texts = self.stage_new(contact, contact_type)
        with refusals(self.model, self.path_of):
            refuse_taken(client, self.field_names, self.path_of)
            client.save()
            self.contact_types.after_save(client, contact_type)
            self.save_related(client, texts)
        return self.read_back(client.pk)

    def write_contact_types(self, client: Any, keys: Sequence[str]) -> None:
        """Give a client fresh from `lock` just these Contact Types (K15).

        Nothing else of it is touched: only the type is validated, with the host's `clean`, and
        the row is saved with its signals. Raises Refused, as `write` does.
        """
        if unknown := self.contact_types.unknown(keys):
            raise unknown_type(min(unknown))
        with refusals(self.model, self.path_of):
            names = self._staging(client, lambda: self.contact_types.assign(client, keys))
            refuse_taken(client, names, self.path_of)
            client.save()

            def assign(draft: models.Model) -> None:
                self.contact_types.assign(draft, keys)

            write_draft(client, assign, assign)

    def attempt(self, action: Callable[[], Written]) -> Written | Refused:
        """Run a write or a new in a savepoint of its own."""
        try:
            with transaction.atomic(using=self.database):
                return action()
        except Refused as refusal:
            return refusal

    # The steps of writing, shared with bulk.py -------------------------------------------

    def differing(self, client: Any, values: Mapping[str, Value]) -> dict[str, str]:
        """Path -> text of those of `values` that this host holds and that differ."""
        held = self.values(client)
        return {path: text for path, text in self._texts(values) if held.get(path, "") != text}

    def stage(self, client: Any, texts: Mapping[str, str]) -> frozenset[str]:
        """Assign and validate, without saving; the names of the model's fields that changed.

        Raises ValidationError, or whatever the host's `assign` and `clean` raise.
        """
        return self._staging(client, lambda: self.assign(client, texts))

    def _staging(self, client: Any, assign: Callable[[], object]) -> frozenset[str]:
        """The same for whatever `assign` does to the instance."""
        fields = self.model._meta.concrete_fields
        before = {field.name: getattr(client, field.attname) for field in fields}

        def changed() -> frozenset[str]:
            return frozenset(f.name for f in fields if getattr(client, f.attname) != before[f.name])

        assign()
        untouched = before.keys() - changed()
        client.clean_fields(exclude=untouched)
        _clean(client, ignore=untouched)
        return changed()

    def stage_new(self, contact: Contact, contact_type: str) -> tuple[Any, dict[str, str]]:
        """A new client, assigned and validated but not saved, and its texts. Raises Refused."""
        texts = {path: text for path, text in self._texts(contact.values()) if text}
        with refusals(self.model, self.path_of):
            client = self.blank(contact_type)
            self.assign(client, texts)
            filled = {
                field.name
                for field in self.model._meta.fields
                if field.is_relation and getattr(client, field.attname) is not None
            }
            client.clean_fields(exclude=filled)  # the database looks after foreign keys
            client.clean()
        return client, texts

    # -------------------------------------------------------------------------------------

    def _left_alone(
        self, coming: Any, held: Mapping[str, str], texts: Mapping[str, str]
    ) -> dict[str, str]:
        """Those of `texts` whose value a revision to come does not change by itself."""
        says = self.values(coming)
        edited = {
            path.partition(".")[0]
            for path in self.paths
            if says.get(path, "") != held.get(path, "")
        }
        return {path: text for path, text in texts.items() if path.partition(".")[0] not in edited}

    def _path_for(self, texts: Mapping[str, str]) -> Callable[[str], str]:
        """`path_of`, which knows better than "" where a single path is being written."""
        only = next(iter(texts)) if len(texts) == 1 else ""
        return lambda name: self.path_of(name) or only

    def _texts(self, values: Mapping[str, Value]) -> Iterator[tuple[str, str]]:
        """Path -> text of what this host holds of some contact fields."""
        for name, value in values.items():
            parts = (
                {f"{name}.{part}": text for part, text in value.parts().items()}
                if isinstance(value, Address)
                else {name: value}
            )
            yield from ((path, text) for path, text in parts.items() if path in self.paths)


def _clean(client: models.Model, ignore: Collection[str]) -> None:
    """The host's own clean(), without what it says of fields that were not touched."""
    try:
        client.clean()
    except ValidationError as error:
        if not hasattr(error, "error_dict"):
            raise
        ours = {name: said for name, said in error.error_dict.items() if name not in ignore}
        if ours:
            raise ValidationError(ours) from error
