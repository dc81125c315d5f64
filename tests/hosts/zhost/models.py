"""A host whose label sorts after ours and whose client model comes in its second migration."""

from django.db import models


class Office(models.Model):
    town = models.CharField(max_length=60)

    def __str__(self) -> str:
        return self.town


class Customer(models.Model):
    office = models.ForeignKey(Office, models.SET_NULL, null=True, blank=True)
    title = models.CharField(max_length=60)
    mail = models.EmailField(blank=True)
    street = models.CharField(max_length=100, blank=True)
    town = models.CharField(max_length=60, blank=True)
    ledger = models.CharField(max_length=20, blank=True, unique=True, null=True)
    modified_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["title", "town"], name="title_once_a_town"),
        ]

    def __str__(self) -> str:
        return self.title
