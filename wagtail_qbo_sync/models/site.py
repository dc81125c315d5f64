"""What we know of the host site as a whole."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _


class Footprint(models.Model):
    """What a client looked like when a machine last looked or wrote (rule 12).

    A difference from it is a person's change; our own writes move it. `version` is the
    field map's, so that a changed map makes no events. `replaced`: what our last write, of any
    company, replaced there, and by what (`sync.records.replaced`).
    """

    client_pk = models.CharField(max_length=64, unique=True)
    digest = models.CharField(max_length=32)
    version = models.CharField(max_length=32)
    replaced = models.JSONField(default=dict)

    class Meta:
        default_permissions: ClassVar = ()

    def __str__(self) -> str:
        return self.client_pk


class Touched(models.Model):
    """A hint that a client was written or deleted; the sweep looks, and deletes the row (rule 5).

    Receivers only insert, in the host's transaction: no foreign key, no index, so that
    nobody's save waits for us.
    """

    client_pk = models.CharField(max_length=64)

    class Meta:
        default_permissions: ClassVar = ()

    def __str__(self) -> str:
        return self.client_pk


class SiteState(models.Model):
    """One row: what we know of the site as a whole, and the sweep's lease and position.

    The lease columns are called as on SyncState and change the same way (rule 10).
    """

    class Sweep(models.TextChoices):
        REST = "", _("Not sweeping")
        DELETED = "deleted", _("Looking for deleted clients")
        CLIENTS = "clients", _("Comparing clients")

    client_model = models.CharField(max_length=120, blank=True)
    heartbeat_at = models.DateTimeField(null=True)
    pruned_at = models.DateTimeField(null=True)
    webhooks_refused = models.PositiveBigIntegerField(default=0)
    # The sweep's lease.
    lease_until = models.DateTimeField(null=True)
    epoch = models.PositiveBigIntegerField(default=0)
    slice = models.PositiveBigIntegerField(default=0)
    crashes = models.PositiveSmallIntegerField(default=0)
    # The sweep of everything: where it stands, and how often it was asked for and served.
    sweep = models.CharField(max_length=8, blank=True, choices=Sweep.choices)
    swept_to = models.CharField(max_length=64, blank=True)
    wanted = models.PositiveBigIntegerField(default=0)
    served = models.PositiveBigIntegerField(default=0)
    swept_at = models.DateTimeField(null=True)
    filled = models.CharField(max_length=32, blank=True)
    """The field map's version under which every client has a footprint; "" for none."""
    field_maps = models.JSONField(default=dict)
    """Version -> {contact path: the model fields that held it}, of all maps there have been."""

    class Meta:
        default_permissions: ClassVar = ()

    def __str__(self) -> str:
        return self.client_model
