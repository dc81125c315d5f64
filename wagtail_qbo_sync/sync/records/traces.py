"""Whether a client, or a customer, that we made has become somebody's own since (U5)."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from hashlib import blake2b
from typing import Any

from django.apps import apps
from django.contrib.contenttypes.fields import GenericForeignKey, GenericRelation
from django.contrib.contenttypes.models import ContentType
from django.core.exceptions import ValidationError
from django.db import models
from wagtail.models import ReferenceIndex

from wagtail_qbo_sync.contact import Contact, fields_of, values_to_json
from wagtail_qbo_sync.host.adapter import ClientAdapter, ClientRecord
from wagtail_qbo_sync.models import Mapping as MappingRow


def rest_digests(adapter: ClientAdapter, records: Iterable[ClientRecord]) -> Mapping[str, str]:
    """Client pk -> digest of what it holds besides the synced fields: its row and its types.

    Times that every save() moves are left out. One query per chunk.
    """
    types = {record.pk: record.contact_types for record in records}
    columns = list(_rest(adapter))
    return {
        str(pk): _digest([*map(str, held), *types[str(pk)]])
        for clients in adapter.by_keys(types)
        for pk, *held in clients.values_list("pk", *columns)
    }


def says_more(contact: Contact, written: Mapping[str, Any], adapter: ClientAdapter) -> bool:
    """Whether a synced field of a client, or a customer, says anything that we did not write.

    `written`: field -> what we wrote last, as the journal has it.
    """
    values = contact.values(fields_of(adapter.paths))
    now = values_to_json(values)
    return any(
        now[name] != written[name] if name in written else bool(value)
        for name, value in values.items()
    )


SEARCH_INDEX = "index_entries"
"""The relation by which Wagtail's search finds what a model that is indexed says."""


def is_referred_to(client: models.Model, adapter: ClientAdapter) -> bool:
    """Whether anything on the site refers to this client: a row of any model, or content."""
    return bool(referred_to([client], adapter))


def referred_to(
    clients: Sequence[models.Model],
    adapter: ClientAdapter,
    besides: Iterable[MappingRow] = (),
) -> set[str]:
    """Keys of those of these clients that anything on the site refers to. As many queries for
    any number. `besides`: their own mappings.

    Their Contact Types do not count: they were given to them when they were made.
    """
    if not clients:
        return set()
    types = getattr(adapter.contact_types, "through", None)
    found: set[str] = set()
    for rows, column in _referring(clients):
        if rows.model is MappingRow:
            rows = rows.exclude(pk__in=[one.pk for one in besides])
        if rows.model is not types:
            found.update(map(str, rows.values_list(column, flat=True)))
    return found


def _rest(adapter: ClientAdapter) -> Iterator[str]:
    synced = {
        *adapter.field_map.values(),
        *(n for names in adapter.computed.values() for n in names),
    }
    for field in adapter.model._meta.concrete_fields:
        is_ours = field.primary_key or field.name in synced or getattr(field, "auto_now", False)
        if not is_ours:
            yield field.attname


def _referring(clients: Sequence[models.Model]) -> Iterator[tuple[models.QuerySet[Any], str]]:
    """(rows that refer to some of them, the column that says to which)."""
    client, pks = clients[0], [one.pk for one in clients]
    database = client._state.db
    for relation in client._meta.get_fields(include_hidden=True):
        if isinstance(relation, models.ManyToOneRel) and not _is_itself(relation, client):
            rows = relation.related_model._base_manager.using(database)
            name = relation.field.name
            yield rows.filter(**{f"{name}__in": clients}), f"{name}__pk"
        elif isinstance(relation, GenericRelation) and relation.name != SEARCH_INDEX:
            rows = relation.related_model._base_manager.using(database)
            key, kind = relation.object_id_field_name, relation.content_type_field_name
            of = ContentType.objects.get_for_model(
                client, for_concrete_model=relation.for_concrete_model
            )
            yield rows.filter(**{kind: of, f"{key}__in": [str(pk) for pk in pks]}), key
    models_of_it = [type(client), *client._meta.get_parent_list()]
    named = [str(pk) for pk in pks]
    yield from _referring_generically(client, models_of_it, named)
    of = ContentType.objects.get_for_model(models_of_it[-1], for_concrete_model=False)
    contents = ReferenceIndex.objects.filter(to_content_type=of, to_object_id__in=named)
    yield contents, "to_object_id"


def _referring_generically(
    client: models.Model, models_of_it: Sequence[type[models.Model]], named: Sequence[str]
) -> Iterator[tuple[models.QuerySet[Any], str]]:
    """The same by generic keys whose other end the client model does not name, such as tags."""
    relations = client._meta.get_fields(include_hidden=True)
    known = {one.related_model for one in relations if isinstance(one, GenericRelation)}
    kinds = ContentType.objects.get_for_models(*models_of_it, for_concrete_models=False).values()
    for model in apps.get_models():
        for key in model._meta.private_fields:
            if not isinstance(key, GenericForeignKey) or model in known:
                continue
            rows = model._base_manager.using(client._state.db)
            held = _as_held(model._meta.get_field(key.fk_field), named)
            about = {f"{key.ct_field}__in": list(kinds), f"{key.fk_field}__in": held}
            yield rows.filter(**about), key.fk_field


def _as_held(field: Any, named: Iterable[str]) -> list[Any]:
    """The keys as this field holds them; those that it cannot hold are left out."""
    held = []
    for pk in named:
        with suppress(ValidationError):
            held.append(field.to_python(pk))
    return held


def _is_itself(relation: models.ManyToOneRel, client: models.Model) -> bool:
    """The row by which a model extends its parent's."""
    return bool(relation.parent_link) and isinstance(client, relation.related_model)


def _digest(texts: list[str]) -> str:
    return blake2b(json.dumps(texts).encode(), digest_size=8).hexdigest()
