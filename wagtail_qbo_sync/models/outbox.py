"""What is on its way to QuickBooks: what is to arrive, and the calls that carry it."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _

from .connection import Connection
from .journal import Run


class Outbox(models.Model):
    """One client's way to one company: wanted -> written -> sent -> done or parked.

    *wanted* is a hint and holds no values: what is sent is computed when it is written. A
    later edit waits as a new wanted row.
    """

    class Kind(models.TextChoices):
        UPDATE = "update", _("Changes of a mapped client")
        CREATE = "create", _("A customer for a client")
        ACTIVITY = "activity", _("A customer made inactive, or active again")

    class State(models.TextChoices):
        WANTED = "wanted", _("Waits")
        WRITTEN = "written", _("About to be sent")
        SENT = "sent", _("Sent")
        DONE = "done", _("Done")
        PARKED = "parked", _("Put aside")

    connection = models.ForeignKey(Connection, models.CASCADE, related_name="outbox")
    client_pk = models.CharField(max_length=64)
    qbo_id = models.CharField(max_length=32, blank=True)
    kind = models.CharField(max_length=8, choices=Kind.choices)
    state = models.CharField(max_length=8, choices=State.choices, default=State.WANTED)
    open_key = models.CharField(max_length=120, null=True, unique=True)  # noqa: DJ001
    wanted_at = models.DateTimeField()
    # From "written" on: what is to be sent, and what it was computed from (rule 8).
    run = models.ForeignKey(Run, models.SET_NULL, null=True, related_name="+")
    body = models.TextField(blank=True)
    values = models.JSONField(default=dict)
    """{field: [what QuickBooks said, what it is to say]}; of an activity {"active": ...}."""
    sync_token = models.PositiveBigIntegerField(default=0)
    rounds = models.PositiveSmallIntegerField(default=0)
    """How often QuickBooks had moved on before it arrived."""
    together = models.PositiveSmallIntegerField(null=True)
    """How many rows a batch of it may have at most; None: as many as QuickBooks takes."""
    send = models.ForeignKey("Send", models.SET_NULL, null=True, related_name="rows")

    class Meta:
        verbose_name = _("change for QuickBooks")
        verbose_name_plural = _("changes for QuickBooks")
        indexes: ClassVar = [
            models.Index(fields=["connection", "state", "id"], name="wqs_outbox_next"),
        ]
        default_permissions: ClassVar = ()

    def __str__(self) -> str:
        return f"{self.kind} {self.client_pk}: {self.state}"

    @property
    def bid(self) -> str:
        """Its name within a batch."""
        return str(self.pk)

    @staticmethod
    def key(state: str, connection_id: int, client_pk: str) -> str:
        """The open key: one row of a state for a client and a company."""
        return f"{state}:{connection_id}:{client_pk}"


class Send(models.Model):
    """One batch, stored to the byte before it is sent.

    While nobody knows what became of it, it is sent again as it was, under the same request
    id, which QuickBooks does once; after a while its outcome is settled by reading (rule 16).
    """

    connection = models.ForeignKey(Connection, models.CASCADE, related_name="sends")
    request_id = models.CharField(max_length=36, unique=True)
    body = models.TextField()
    is_open = models.BooleanField(default=True)
    """Its outcome is not known yet, as a whole or of some of its items."""
    tries = models.PositiveSmallIntegerField(default=0)
    first_tried_at = models.DateTimeField(null=True)
    created_since = models.DateTimeField(null=True)
    """What it may have made is looked for among the customers made since then."""
    intuit_tid = models.CharField(max_length=100, blank=True)

    class Meta:
        verbose_name = _("batch sent to QuickBooks")
        verbose_name_plural = _("batches sent to QuickBooks")
        indexes: ClassVar = [
            models.Index(fields=["connection", "is_open"], name="wqs_send_open"),
        ]
        default_permissions: ClassVar = ()

    def __str__(self) -> str:
        return self.request_id
