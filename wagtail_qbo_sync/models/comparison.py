"""The proof: all mapped pairs compared, from time to time, on both sides (U13)."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _

from .connection import Connection


class Comparison(models.Model):
    """One full comparison: all customers are read, then every mapped pair is looked at.

    `position` is the last mapping that was looked at. A pair that rests (its customer is
    inactive, or somebody disconnected its client) is not compared.
    """

    connection = models.ForeignKey(Connection, models.CASCADE, related_name="comparisons")
    started_at = models.DateTimeField(_("started at"))
    read_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    newest = models.PositiveBigIntegerField(default=0)
    """The mirror's newest row when it began: a later one need not have been seen."""
    position = models.PositiveBigIntegerField(default=0)
    equal = models.PositiveIntegerField(default=0)
    different = models.PositiveIntegerField(default=0)
    missing = models.PositiveIntegerField(default=0)
    resting = models.PositiveIntegerField(default=0)
    unnoticed = models.PositiveIntegerField(default=0)
    """Clients whose footprint knew nothing yet of what they say."""

    class Meta:
        verbose_name = _("full comparison")
        verbose_name_plural = _("full comparisons")
        indexes: ClassVar = [
            models.Index(fields=["connection", "finished_at"], name="wqs_comparison_last")
        ]
        default_permissions: ClassVar = ()

    def __str__(self) -> str:
        return f"{self.connection_id}: {self.equal} of {self.compared}"

    @property
    def compared(self) -> int:
        """How many pairs were looked at."""
        return self.equal + self.different + self.missing


class Difference(models.Model):
    """One pair that was not equal, and why. `fields`: names of Contact's fields.

    `asked`: the kind of the open case about it (Case.Kind), "" for none.
    """

    class Why(models.TextChoices):
        ASKED = "asked", _("Waits for a person")
        PLANNED = "planned", _("Waits in a plan")
        SENDING = "sending", _("On its way to QuickBooks")
        NEW = "new", _("Mapped, not linked yet")
        SITE = "site", _("Changed on the site; the next sync sees to it")
        QBO = "qbo", _("Changed in QuickBooks; the next sync sees to it")
        BOTH = "both", _("Changed on both sides; the next sync sees to it")
        ONE_WAY = "one_way", _("Left as it is: this field travels the other way only")
        AGREED = "agreed", _("Stands as agreed until somebody edits it")
        NO_CLIENT = "no_client", _("Missing: the client is gone")
        NO_CUSTOMER = "no_customer", _("Missing: QuickBooks does not list the customer any more")

    MISSING: ClassVar = frozenset({Why.NO_CLIENT, Why.NO_CUSTOMER})

    comparison = models.ForeignKey(Comparison, models.CASCADE, related_name="differences")
    qbo_id = models.CharField(max_length=32)
    client_pk = models.CharField(max_length=64)
    customer = models.CharField(_("QuickBooks customer"), max_length=500, blank=True)
    why = models.CharField(_("why"), max_length=12, choices=Why.choices)
    asked = models.CharField(max_length=20, blank=True)
    fields = models.JSONField(default=list)

    class Meta:
        verbose_name = _("difference")
        verbose_name_plural = _("differences")
        default_permissions: ClassVar = ()

    def __str__(self) -> str:
        return f"{self.qbo_id} / {self.client_pk}: {self.why}"
