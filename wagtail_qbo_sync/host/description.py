"""What a host says of its client model, and what follows from that."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping
from functools import cached_property
from typing import Any, ClassVar

from django.apps import apps
from django.db import models, router

from wagtail_qbo_sync import conf
from wagtail_qbo_sync.contact import Contact, split_emails

from .contact_types import ContactTypes, types_of
from .model_fields import field_of
from .usual_names import guess_fields


class ClientDescription:
    """The part of a ClientAdapter that hosts override."""

    fields: ClassVar[Mapping[str, str]] = {}
    """Contact path -> name of a plain field of the model; {} takes the usual names."""
    computed: ClassVar[Mapping[str, Collection[str]]] = {}
    """Contact path that `values` and `assign` see to -> fields of the row it is kept in."""
    contact_type_field: ClassVar[str] = ""
    """Choices, a text, a foreign key or a many-to-many; "" takes "contact_type" if there."""
    bulk: ClassVar[bool] = False
    """Write with bulk_update and bulk_create: quick, but no save(), signal or search index."""

    # What a host may override ------------------------------------------------------------

    def values(self, client: Any) -> dict[str, str]:
        """Contact path -> text that the client holds, for every path in `paths`.

        Called once per client when many are read: ask the database for nothing here that
        `prefetch` could have fetched.
        """
        return {path: text_of(getattr(client, name)) for path, name in self.field_map.items()}

    def assign(self, client: Any, texts: Mapping[str, str]) -> None:
        """Put texts (contact path -> text) onto the instance, without saving it."""
        for path, text in texts.items():
            if name := self.field_map.get(path):
                setattr(client, name, _stored(field_of(self.model, name), text))

    def save_related(self, client: Any, texts: Mapping[str, str]) -> None:
        """Save what stands in rows of other models; the client's own row is saved already.

        Validate them in `refusals.refusals`, which makes of what a model says a Refused that
        names the contact field; or raise Refused yourself.
        """

    def prefetch(self, queryset: models.QuerySet[Any]) -> models.QuerySet[Any]:
        """Add select_related or prefetch_related for what `values` reads."""
        return queryset

    def related_models(self) -> Mapping[type[models.Model], str]:
        """Other models whose rows `values` reads -> the path from such a row to its client.

        {Phone: "person"}, or {Contact: "client__pk"} where the client refers to the contact.
        Saves and deletions of their rows are then noticed at once, instead of by the next
        sweep.
        """
        return {}

    def blank(self, contact_type: str) -> Any:
        """A new client, unsaved, of a Contact Type (key or ""), before values are assigned.

        Override to fill what else your model requires.
        """
        return self.model(**self.contact_types.initial(contact_type))

    def label(self, pk: str, contact: Contact) -> str:
        """How people recognise the client in a list."""
        return contact.name or contact.company_name or contact.email or pk

    def visible_to(self, user: Any, queryset: models.QuerySet[Any]) -> models.QuerySet[Any]:
        """Those clients of `queryset` that a person may see; none without the model's rights."""
        return queryset if self.may_list(user) else queryset.none()

    @property
    def narrows(self) -> bool:
        """Whether the host says itself which clients a person may see."""
        return type(self).visible_to is not ClientDescription.visible_to

    def may_list(self, user: Any) -> bool:
        """Whether a person has the model's rights that show clients."""
        meta = self.model._meta
        rights = (f"{meta.app_label}.{act}_{meta.model_name}" for act in ("view", "change"))
        return any(map(user.has_perm, rights))

    def may_change(self, user: Any) -> bool:
        """Whether a person has the model's right to change clients."""
        meta = self.model._meta
        return bool(user.has_perm(f"{meta.app_label}.change_{meta.model_name}"))

    def archive(self, client: Any) -> bool:
        """Take a client, its row locked, out of use and save it; False where it was already.

        Optional, with `unarchive`: only where both are there can the settings of a company ask
        for it (U8). What is synced, the Contact Type too, must stay as it is.
        """
        raise NotImplementedError

    def unarchive(self, client: Any) -> bool:
        """Take it into use again and save it; False where somebody has done so already."""
        raise NotImplementedError

    @property
    def can_archive(self) -> bool:
        """Whether the host says how clients are archived."""
        ours = ClientDescription
        mine = type(self)
        return mine.archive is not ours.archive and mine.unarchive is not ours.unarchive

    @cached_property
    def contact_types(self) -> ContactTypes:
        """Where Contact Types are kept; override for a fifth shape."""
        return types_of(self.model, self._contact_type_field)

    # What follows for the model -----------------------------------------------------------

    @cached_property
    def model(self) -> type[models.Model]:
        """The host's client model."""
        return apps.get_model(conf.client_model())

    @cached_property
    def field_map(self) -> Mapping[str, str]:
        """`fields`, or what was guessed from the usual names."""
        if self.fields or self.computed:
            return self.fields
        return guess_fields(self.model)

    @cached_property
    def paths(self) -> frozenset[str]:
        """The contact paths that this host holds; nothing else is read or written (rule 7)."""
        return frozenset(self.field_map) | frozenset(self.computed)

    @cached_property
    def field_names(self) -> frozenset[str]:
        """The names of all fields of the client's row."""
        return frozenset(field.name for field in self.model._meta.concrete_fields)

    @cached_property
    def kept_in(self) -> Mapping[str, str]:
        """Contact path -> the model fields that hold it."""
        computed = {path: ",".join(names) for path, names in self.computed.items()}
        return {**self.field_map, **computed}

    @cached_property
    def version(self) -> str:
        """Digest of the field map: another one, and footprints are filled anew (rule 12)."""
        said = [sorted(self.field_map.items()), sorted(self.computed), self._contact_type_field]
        return hashlib.blake2b(json.dumps(said).encode(), digest_size=8).hexdigest()

    def queryset(self) -> models.QuerySet[Any]:
        """All clients: by the base manager, which hides none, on the database written to."""
        return self.model._base_manager.using(self.database).all()

    @property
    def database(self) -> str:
        """Alias of the database that clients are written to."""
        return router.db_for_write(self.model)

    def path_of(self, field_name: str) -> str:
        """The contact path that a field of the model holds, "" if none."""
        return self._paths_by_field.get(field_name, "")

    @cached_property
    def _contact_type_field(self) -> str:
        names = {field.name for field in self.model._meta.get_fields() if not field.auto_created}
        return self.contact_type_field or ("contact_type" if "contact_type" in names else "")

    @cached_property
    def _paths_by_field(self) -> dict[str, str]:
        computed = {name: path for path, names in self.computed.items() for name in names}
        return computed | {name: path for path, name in self.field_map.items()}


def text_of(value: Any) -> str:
    """A value of a model, as a contact says it."""
    return "" if value is None else str(value)


def _stored(field: models.Field[Any, Any], text: str) -> str | None:
    """A text as a field holds it: NULL for nothing where it may, one e-mail in an EmailField."""
    if isinstance(field, models.EmailField) and len(addresses := split_emails(text)) > 1:
        return addresses[0]
    return None if field.null and not text else text
