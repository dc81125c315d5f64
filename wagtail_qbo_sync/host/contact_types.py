"""Where a host keeps the Contact Type of its clients (K11-K15): five shapes, one face.

A type is named by its key, a text: the value of a choice, or the key of the row that a
foreign key or a many-to-many refers to.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django.core.exceptions import ValidationError
from django.db import models
from django.utils.translation import gettext as _

from .model_fields import field_of
from .record import Refused


class ContactTypes:
    """A host without Contact Types; also the face of the other shapes."""

    column: str = ""
    """Name of the column of the client's own row that holds the key; "" if none does."""
    prefetch: tuple[str, ...] = ()
    """Relations to fetch beforehand when many clients are read."""
    several: bool = False
    """Whether a client may have more than one type."""

    def choices(self) -> list[tuple[str, str]]:
        """(key, label) of every type, as the host orders them. At most one query."""
        return []

    def of(self, client: models.Model) -> tuple[str, ...]:
        """Keys of the types of one client."""
        return ()

    def of_many(self, pks: Iterable[Any]) -> Mapping[Any, tuple[str, ...]]:
        """The same for many clients by key, where no column of their own row says it."""
        return {}

    def having(self, keys: Iterable[str]) -> models.Q:
        """Condition on clients that have one of these types."""
        return models.Q(**{f"{self.column}__in": list(keys)}) if self.column else models.Q()

    def count(self, clients: models.QuerySet[Any]) -> dict[str, int]:
        """Key -> how many of `clients` have that type. One query, but for a shape of your own:
        one for each type."""
        if not self.column:
            return {key: clients.filter(self.having([key])).count() for key, _ in self.choices()}
        return counted(clients.values_list(self.column))

    def unknown(self, keys: Iterable[str]) -> set[str]:
        """Those of `keys` that are no type. At most one query."""
        return {key for key in keys if key} - dict(self.choices()).keys()

    def initial(self, key: str) -> dict[str, Any]:
        """What a new client of this type is made with."""
        return {}

    def assign(self, client: models.Model, keys: Sequence[str]) -> None:
        """Give a stored client just these types: none, one, or several of a many-to-many.

        A column is only set; a many-to-many is written at once, unless the host keeps it with
        the client until that is saved. To be saved afterwards.
        """

    def after_save(self, client: models.Model, key: str) -> None:
        """Add the type to a new client that has been saved."""

    def after_bulk(self, made: Iterable[tuple[models.Model, str]]) -> None:
        """The same for many new clients."""

    def can_add(self, user: Any) -> bool:
        """Whether this person may make a new type."""
        return False

    def add(self, label: str) -> str:
        """Make a type, or find the one of that label; its key. Raises Refused."""
        raise Refused(_("Contact Types cannot be added here."), field="contact_type")


class ChoiceTypes(ContactTypes):
    """A field with choices, which are code: nobody makes a new one here."""

    def __init__(self, field: models.Field) -> None:
        self.field = field
        self.column = field.attname

    def choices(self) -> list[tuple[str, str]]:
        pairs = self.field.flatchoices
        return [(str(key), str(label)) for key, label in pairs if key not in (None, "")]

    def of(self, client: models.Model) -> tuple[str, ...]:
        return key_of(getattr(client, self.column))

    def initial(self, key: str) -> dict[str, Any]:
        return {self.column: self.field.to_python(key)} if key else {}

    def assign(self, client: models.Model, keys: Sequence[str]) -> None:
        nothing = None if self.field.null else ""
        setattr(client, self.column, self.field.to_python(keys[0]) if keys else nothing)


class TextTypes(ChoiceTypes):
    """A plain text: what is in use, and what a new client gets by itself, is offered."""

    def choices(self) -> list[tuple[str, str]]:
        used = self.field.model._base_manager.values_list(self.column, flat=True)
        texts = {str(each) for each in used.order_by().distinct() if each not in (None, "")}
        if default := self.field.get_default():
            texts.add(str(default))
        return [(text, text) for text in sorted(texts)]

    def unknown(self, keys: Iterable[str]) -> set[str]:
        return set()

    def can_add(self, user: Any) -> bool:
        """Whoever may change clients gives them types."""
        meta = self.field.model._meta
        return bool(user.has_perm(f"{meta.app_label}.change_{meta.model_name}"))

    def add(self, label: str) -> str:
        text = label.strip()
        try:
            self.field.clean(text, None)
        except ValidationError as error:
            raise Refused(" ".join(error.messages), field="contact_type") from error
        alike = (key for key, _ in self.choices() if key.lower() == text.lower())
        return next(alike, text)


class RowTypes(ContactTypes):
    """A foreign key to a model of types."""

    def __init__(self, field: models.ForeignKey | models.ManyToManyField) -> None:
        self.field = field
        self.model: type[models.Model] = field.related_model
        self.column = field.attname if field.many_to_one else ""
        self.key_name = field.target_field.attname

    def choices(self) -> list[tuple[str, str]]:
        return [(str(getattr(row, self.key_name)), str(row)) for row in self._rows()]

    def of(self, client: models.Model) -> tuple[str, ...]:
        return key_of(getattr(client, self.column))

    def initial(self, key: str) -> dict[str, Any]:
        return {self.column: field_of(self.model, self.key_name).to_python(key)} if key else {}

    def assign(self, client: models.Model, keys: Sequence[str]) -> None:
        setattr(client, self.column, None)
        for column, key in self.initial(keys[0]).items() if keys else ():
            setattr(client, column, key)

    def can_add(self, user: Any) -> bool:
        meta = self.model._meta
        return bool(self._label_field()) and bool(
            user.has_perm(f"{meta.app_label}.add_{meta.model_name}")
        )

    def add(self, label: str) -> str:
        name = self._label_field()
        if not name:
            return super().add(label)
        row = self._rows().filter(**{f"{name}__iexact": label.strip()}).first()
        if row is None:
            row = self.model(**{name: label.strip()})
            try:
                row.full_clean()
            except ValidationError as error:
                raise Refused(" ".join(error.messages), field="contact_type") from error
            row.save()
        return str(getattr(row, self.key_name))

    def _rows(self) -> models.QuerySet[Any]:
        return self.model._base_manager.all()

    def _label_field(self) -> str:
        texts = [
            f.name for f in self.model._meta.concrete_fields if isinstance(f, models.CharField)
        ]
        usual = [name for name in ("name", "title", "label") if name in texts]
        return (usual or texts or [""])[0]


class ManyRowTypes(RowTypes):
    """A many-to-many to a model of types."""

    several = True

    def __init__(self, field: models.ManyToManyField) -> None:
        super().__init__(field)
        self.prefetch = (field.name,)
        self.through: type[models.Model] = field.remote_field.through  # type: ignore[assignment]
        names = field.m2m_field_name(), field.m2m_reverse_field_name()
        self.client_column, self.key_column = (
            field_of(self.through, name).attname for name in names
        )

    def of(self, client: models.Model) -> tuple[str, ...]:
        rows = getattr(client, self.field.name).all()
        return tuple(sorted(str(getattr(row, self.key_name)) for row in rows))

    def of_many(self, pks: Iterable[Any]) -> Mapping[Any, tuple[str, ...]]:
        found: dict[Any, tuple[str, ...]] = {}
        rows = self.through._base_manager.filter(**{f"{self.client_column}__in": list(pks)})
        for pk, key in rows.values_list(self.client_column, self.key_column):
            found[pk] = tuple(sorted((*found.get(pk, ()), str(key))))
        return found

    def having(self, keys: Iterable[str]) -> models.Q:
        rows = self.through._base_manager.filter(**{f"{self.key_column}__in": list(keys)})
        return models.Q(pk__in=rows.values(self.client_column))

    def count(self, clients: models.QuerySet[Any]) -> dict[str, int]:
        theirs = {f"{self.client_column}__in": clients.values("pk")}
        return counted(self.through._base_manager.filter(**theirs).values_list(self.key_column))

    def initial(self, key: str) -> dict[str, Any]:
        return {}

    def assign(self, client: models.Model, keys: Sequence[str]) -> None:
        rows = self._rows().filter(**{f"{self.key_name}__in": list(keys)})
        getattr(client, self.field.name).set(rows)

    def after_save(self, client: models.Model, key: str) -> None:
        if not key:
            return
        types = getattr(client, self.field.name)
        types.add(*self._rows().filter(**{self.key_name: key}))
        if hasattr(types, "commit"):  # a ParentalManyToManyField would wait for another save
            types.commit()

    def after_bulk(self, made: Iterable[tuple[models.Model, str]]) -> None:
        self.through._base_manager.bulk_create(
            self.through(**{self.client_column: client.pk, self.key_column: key})
            for client, key in made
            if key
        )


def counted(keys: models.QuerySet[Any, Any]) -> dict[str, int]:
    """Key -> in how many rows it stands. One query."""
    rows = keys.order_by().annotate(count=models.Count("pk"))
    return {str(key): count for key, count in rows if key not in (None, "")}


def key_of(value: Any) -> tuple[str, ...]:
    """The keys that one column says: none or one."""
    return () if value is None or value == "" else (str(value),)


def unknown_type(key: str) -> Refused:
    """Somebody asked for a Contact Type that is not there, or no longer."""
    return Refused(_("There is no Contact Type “%s”.") % key, field="contact_type")


def types_of(model: type[models.Model], field_name: str) -> ContactTypes:
    """The shape that a field has; no field, no types."""
    if not field_name:
        return ContactTypes()
    field = field_of(model, field_name)
    if isinstance(field, models.ManyToManyField):
        return ManyRowTypes(field)
    if isinstance(field, models.ForeignKey):
        return RowTypes(field)
    return ChoiceTypes(field) if field.flatchoices else TextTypes(field)
