"""A host with multi-table inheritance, a search index, and rows for addresses and phones."""

from typing import Any, ClassVar

from django.db import models
from wagtail.search import index


class Party(models.Model):
    title = models.CharField(max_length=120)
    code = models.CharField(max_length=20, unique=True, null=True, blank=True)

    objects: ClassVar[models.Manager[Any]] = models.Manager()

    def __str__(self) -> str:
        return self.title


class Firm(index.Indexed, Party):
    class Standing(models.TextChoices):
        CLIENT = "c", "Client"
        LEAD = "l", "Lead"

    trading_as = models.CharField(max_length=60, blank=True)
    standing = models.CharField(max_length=1, choices=Standing.choices, default=Standing.LEAD)
    vat_number = models.CharField(max_length=20, blank=True, default="none")
    search_fields = [index.SearchField("title"), index.AutocompleteField("title")]

    objects: ClassVar[models.Manager[Any]] = models.Manager()


class Address(models.Model):
    party = models.ForeignKey(Party, models.CASCADE, related_name="addresses")
    use = models.CharField(max_length=8)
    street = models.CharField(max_length=100, blank=True)
    town = models.CharField(max_length=60, blank=True)
    postcode = models.CharField(max_length=10, blank=True)

    objects: ClassVar[models.Manager[Any]] = models.Manager()

    class Meta:
        unique_together = [("party", "use")]

    def __str__(self) -> str:
        return f"{self.street}, {self.town}"


class Phone(models.Model):
    party = models.ForeignKey(Party, models.CASCADE, related_name="phones")
    number = models.CharField(max_length=20)

    objects: ClassVar[models.Manager[Any]] = models.Manager()

    def __str__(self) -> str:
        return self.number
