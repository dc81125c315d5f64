"""Names and values that somebody with bad intentions typed, put wherever a firm's stand.

QuickBooks lets anybody who can write to a company's books choose these names.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import cycle
from typing import Any

from crm.models import Client, ContactType
from django.contrib.auth import get_user_model
from django.db import models as db

from wagtail_qbo_sync import models
from wagtail_qbo_sync.models import Connection, Customer

FORMULAS = ['=HYPERLINK("http://x.example","y") ', "+cmd|' /C calc'!A0 ", "-1+1 ", "@SUM(1) "]
FORMULAS += ["\t=1+1 ", "\r=1+1 ", " =1+1 "]
KEYS = {"qbo_id", "client_pk", "realm_id", "api_url", "match_keys", "sealed", "username"}
"""Columns that hold no words."""


def poison(*starts: str) -> None:
    """Every name and value, whoever's and wherever it is stored, begins with one of these, by
    turns."""
    start = dict(zip(sorted(typed()), cycle(starts), strict=False))

    def poisoned(value: Any, longest: int | None = None) -> Any:
        if isinstance(value, dict):
            return {key: poisoned(each) for key, each in value.items()}
        if isinstance(value, list):
            return [poisoned(each) for each in value]
        if not isinstance(value, str) or value not in start:
            return value
        room = None if longest is None else max(0, longest - len(value))
        return start[value][:room] + value

    ours = [getattr(models, name) for name in models.__all__]
    tables: list[Any] = [each for each in ours if isinstance(each, db.base.ModelBase)]
    people: list[Any] = [Client, ContactType, get_user_model()]
    for table in [*tables, *people]:
        fields = [
            field
            for field in table._meta.concrete_fields
            if isinstance(field, db.CharField | db.TextField | db.JSONField)
            and not (field.choices or field.name in KEYS)
        ]
        for row in table._base_manager.all():
            values = {
                field.name: poisoned(getattr(row, field.name), getattr(field, "max_length", None))
                for field in fields
            }
            table._base_manager.filter(pk=row.pk).update(**values)


def typed() -> set[str]:
    """All that people typed: about customers and clients, and their own names."""
    contacts = Customer.objects.values_list("record__contact", "record__path")
    texts = [
        field.name for field in Client._meta.concrete_fields if isinstance(field, db.CharField)
    ]
    found = {
        *Customer.objects.values_list("display_name", flat=True),
        *Connection.objects.values_list("company_name", flat=True),
        *ContactType.objects.values_list("name", flat=True),
        *get_user_model().objects.values_list("first_name", flat=True),
        *leaves(list(contacts)),
        *leaves(list(Client.objects.values_list(*texts))),
    }
    return found - {""}


def leaves(value: Any) -> Iterator[str]:
    """The texts in lists and dictionaries of them."""
    if isinstance(value, dict):
        yield from leaves(list(value.values()))
    elif isinstance(value, list | tuple):
        for each in value:
            yield from leaves(each)
    elif isinstance(value, str):
        yield value
