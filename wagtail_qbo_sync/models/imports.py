"""A file of Contact Types that somebody brings in (K15): what it says, and what became of it."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from .connection import Connection


class ImportBatch(models.Model):
    """An uploaded file, its preview, its outcome; or an import taken back (`undoes`), or what
    it did to one client (`only`, the client's key).

    It belongs to whoever uploaded it, or asked for the undo; None for the command line
    (`by_command`), and once that person has left. `file` is kept until it has been read. `slice`
    counts what was done of it, in every state. `found` is what was noticed on reading:
    {"encoding": ..., "ignored": [column, ...]}.
    """

    class State(models.TextChoices):
        READING = "reading", _("Being read")
        COMPARING = "comparing", _("Being compared")
        FORECAST = "forecast", _("Being compared with QuickBooks")
        READY = "ready", _("Waits to be confirmed")
        APPLYING = "applying", _("Being applied")
        DONE = "done", _("Applied")
        REFUSED = "refused", _("Cannot be used")

    WRITES: ClassVar = (State.APPLYING, State.DONE)
    """It is confirmed, and leads to what was confirmed: it writes, or has written."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    by_command = models.BooleanField(default=False)
    state = models.CharField(_("state"), max_length=9, choices=State.choices, default=State.READING)
    name = models.CharField(_("file"), max_length=255)
    file = models.BinaryField(default=bytes)
    found = models.JSONField(default=dict)
    trouble = models.JSONField(default=dict)
    """{"why": sentence to be translated, "about": what it is filled with}."""
    forecast = models.JSONField(default=list)
    """By company that has been looked at: {"company": its key, "matched": n, "created": n,
    "review": n}; client by client it stands in ImportOutcome."""
    is_confirmed = models.BooleanField(default=False)
    """A person has confirmed it; again, if what it leads to has changed since (ImportOutcome)."""
    confirmed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    total = models.PositiveIntegerField(default=0)
    done = models.PositiveIntegerField(default=0)
    """Rows that are behind, in the present state."""
    slice = models.PositiveIntegerField(default=0)
    crashes = models.PositiveSmallIntegerField(default=0)
    uploaded_at = models.DateTimeField(_("uploaded at"))
    moved_at = models.DateTimeField()
    finished_at = models.DateTimeField(_("finished at"), null=True)
    undoes = models.ForeignKey(
        "self", models.CASCADE, null=True, related_name="undone_by", verbose_name=_("undoes")
    )
    only = models.CharField(max_length=64, blank=True, default="")

    class Meta:
        verbose_name = _("import of Contact Types")
        verbose_name_plural = _("imports of Contact Types")
        indexes: ClassVar = [models.Index(fields=["state", "moved_at"], name="wqs_import_state")]
        default_permissions: ClassVar = ()

    def __str__(self) -> str:
        return self.name


class ImportRow(models.Model):
    """One row of the file, and the journal of what was done to its client.

    `said` is what the file says, by column: {"key": ..., "name": ..., "email": ..., "types":
    ...}. `before` and `after` are keys of Contact Types. `why` is a sentence to be translated,
    filled with `about`.
    """

    class State(models.TextChoices):
        UNREAD = "unread", _("Not compared yet")
        ERROR = "error", _("Cannot be used")
        CHANGE = "change", _("Will change")
        SAME = "same", _("Stays as it is")
        DONE = "done", _("Changed")
        HELD = "held", _("Held back")
        BACK = "back", _("Changed, and taken back")

    WROTE: ClassVar = (State.DONE, State.BACK)
    """It has changed its client; DONE as long as no undo has put that back."""

    batch = models.ForeignKey(ImportBatch, models.CASCADE, related_name="rows")
    number = models.PositiveIntegerField(_("row"))
    state = models.CharField(_("what"), max_length=6, choices=State.choices, default=State.UNREAD)
    client_pk = models.CharField(max_length=64, blank=True)
    said = models.JSONField(default=dict)
    before = models.JSONField(default=list)
    after = models.JSONField(default=list)
    why = models.CharField(max_length=255, blank=True)
    about = models.JSONField(default=dict)

    class Meta:
        verbose_name = _("row")
        verbose_name_plural = _("rows")
        indexes: ClassVar = [
            models.Index(fields=["batch", "state", "number"], name="wqs_import_row"),
            models.Index(fields=["client_pk"], name="wqs_import_client"),
        ]
        default_permissions: ClassVar = ()

    def __str__(self) -> str:
        return f"{self.batch_id}: {self.number}"


class ImportOutcome(models.Model):
    """What an import leads to for one client in one company: what a person sees, and confirms.

    `was`: what was confirmed, where that has changed since; "" for no change.
    """

    class Kind(models.TextChoices):
        MATCHED = "matched", _("Matched to a customer")
        CREATED = "created", _("Created as a customer")
        REVIEW = "review", _("Sent to review")
        NOTHING = "nothing", _("Nothing")

    batch = models.ForeignKey(ImportBatch, models.CASCADE, related_name="outcomes")
    connection = models.ForeignKey(Connection, models.CASCADE, related_name="+")
    client_pk = models.CharField(max_length=64)
    kind = models.CharField(max_length=7, choices=Kind.choices)
    was = models.CharField(max_length=7, choices=Kind.choices, blank=True)

    class Meta:
        verbose_name = _("what an import leads to")
        verbose_name_plural = _("what imports lead to")
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["batch", "connection", "client_pk"], name="wqs_import_outcome"
            ),
        ]
        default_permissions: ClassVar = ()

    def __str__(self) -> str:
        return f"{self.batch_id}: {self.client_pk} {self.kind}"
