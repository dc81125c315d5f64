"""What Intuit told us unasked."""

from __future__ import annotations

from typing import ClassVar

from django.db import models


class WebhookEvent(models.Model):
    """One signed POST, by the hash of its body: the same one again is no news (U13).

    `heard` counts its events about customers of connected companies, `ignored` all others.
    `merges` is NULL or [[realm id, who stays, who went]]: what no later reading tells (U7).
    """

    body_hash = models.CharField(max_length=64, unique=True)
    received_at = models.DateTimeField(db_index=True)
    heard = models.PositiveIntegerField()
    ignored = models.PositiveIntegerField()
    merges = models.JSONField(null=True)

    class Meta:
        default_permissions: ClassVar = ()

    def __str__(self) -> str:
        return f"{self.received_at:%Y-%m-%d %H:%M:%S}: {self.heard}"
