"""A host with UUID keys, first and last names, several kinds each, and a manager that hides."""

import uuid
from typing import Any, ClassVar

from django.db import models


class Kind(models.Model):
    label = models.CharField(max_length=40, unique=True)

    objects: ClassVar[models.Manager[Any]] = models.Manager()

    def __str__(self) -> str:
        return self.label


class ActiveManager(models.Manager["Person"]):
    def get_queryset(self) -> models.QuerySet["Person"]:
        return super().get_queryset().filter(archived=False)


class Person(models.Model):
    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    first = models.CharField(max_length=80, blank=True)
    last = models.CharField(max_length=80)
    mail = models.EmailField(unique=True, null=True, blank=True)
    tel = models.CharField(max_length=24, null=True, blank=True)  # noqa: DJ001
    notes = models.TextField(default="private", blank=True)
    kinds = models.ManyToManyField(Kind, blank=True)
    archived = models.BooleanField(default=False)
    modified_at = models.DateTimeField(auto_now=True)

    objects = ActiveManager()

    panels = ["first", "last", "mail", "tel", "notes"]

    def __str__(self) -> str:
        return f"{self.first} {self.last}".strip()
