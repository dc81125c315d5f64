"""A host that keeps its clients in the Django admin alone: Wagtail knows no page of theirs."""

from typing import Any, ClassVar

from django.db import models


class Patron(models.Model):
    name = models.CharField(max_length=100)
    email = models.EmailField(blank=True)

    objects: ClassVar[models.Manager[Any]] = models.Manager()

    def __str__(self) -> str:
        return self.name
