"""What was planned, and what was written where: the plan, its outcome and the journal."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from .connection import Connection


class Run(models.Model):
    """A plan and what became of it. A cycle that finds nothing to do makes none.

    `by_person`: made of what people decided, record by record, instead of by a cycle.
    `undoes`: the run that this one takes back (U5). `undo` is {} of any other; else `after`, the
    last of its steps that was looked at, `qbo_id` and `field` where only that is taken back,
    `edited` where that is put back which an undo before it had left; and `crashes` and `tried_at`
    while it is made; once it is approved, whether `by_command`.
    `ticks`: who has unticked steps of a plan, or ticked them again, how often: by the user's key,
    "" for a command.
    `push` is {} of any but a plan to send existing clients to QuickBooks (U11): how many were
    `asked` for, and while it is made the `clients` themselves, by key.
    A proposal is what Save all would do; it holds nothing up, and is whole once it has `counts`.
    """

    class State(models.TextChoices):
        PLANNING = "planning", _("Comparing")
        WAITING = "waiting", _("Waits for approval")
        PROPOSED = "proposed", _("Waits to be saved")
        APPLYING = "applying", _("Applying")
        DONE = "done", _("Finished")
        FAILED = "failed", _("Failed")
        DISCARDED = "discarded", _("Discarded")

    class Stop(models.TextChoices):
        """Why a plan waits for approval (U3, U19)."""

        FIRST = "first", _("It is the first sync of this company.")
        ASKED = "asked", _("Somebody asked to see it.")
        BRAKE = (
            "brake",
            _(
                "It would change more than 10 % of the records and more than 25, by itself or "
                "together with the syncs of the last 24 hours."
            ),
        )
        TERMS = "terms", _("Settings or the field map were changed since the last sync.")
        GAP = (
            "gap",
            _(
                "The last sync before it was long ago, or the site was put back to an earlier "
                "state, and it would send changes to QuickBooks."
            ),
        )

    connection = models.ForeignKey(Connection, models.CASCADE, related_name="runs")
    state = models.CharField(_("state"), max_length=10, choices=State.choices)
    first = models.BooleanField(default=False)
    by_person = models.BooleanField(default=False)
    started_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    approved_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    started_at = models.DateTimeField(_("started at"))
    approved_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(_("finished at"), null=True)
    counts = models.JSONField(default=dict)
    stops = models.JSONField(default=list)
    """Why it waits, or waited, for approval: values of Stop."""
    terms = models.CharField(max_length=32, blank=True)
    """Digest of the settings that it was made under."""
    trouble = models.JSONField(default=dict)
    undoes = models.ForeignKey("self", models.SET_NULL, null=True, related_name="undone_by")
    undo = models.JSONField(default=dict)
    push = models.JSONField(default=dict)
    ticks = models.JSONField(default=dict)

    class Meta:
        verbose_name = _("sync run")
        verbose_name_plural = _("sync runs")
        indexes: ClassVar = [
            models.Index(fields=["connection", "state"], name="wqs_run_state"),
        ]
        default_permissions: ClassVar = ()

    def __str__(self) -> str:
        return f"{self.connection_id}: {self.started_at:%Y-%m-%d %H:%M}"

    @property
    def why_it_waits(self) -> list[str | Promise]:
        """Why it waits, or waited, for approval, in sentences."""
        return [self.Stop(stop).label for stop in self.stops]


class Step(models.Model):
    """One small act of a plan, with what it was computed from, and what became of it.

    `data`: customer and client (names for people), values (what is written to the client:
    {field: [before, after]}), to_qbo (what is sent, in the same shape),
    seen ({"customer": digest, "client": digest}), and per kind candidates, why, conflicts; of
    a step that a person unticked and that was left, its values and to_qbo are in `unticked`.
    `touches`: the fields that it writes, as a text to filter by (`sync.records.runs.touches`).
    """

    class Kind(models.TextChoices):
        LINK = "link", _("Mapped")
        CREATE = "create", _("Client created")
        UPDATE = "update", _("Client updated")
        PUSH = "push", _("Sent to QuickBooks")
        ADD = "add", _("Created in QuickBooks")
        STAY = "stay", _("Not created in QuickBooks")
        AGREE = "agree", _("Found equal")
        EXCLUDE = "exclude", _("Excluded from mapping")
        REVIEW = "review", _("Possible duplicate")
        CONFLICT = "conflict", _("Changed on both sides")
        SLEEP = "sleep", _("No longer active in QuickBooks")
        WAKE = "wake", _("Active again in QuickBooks")
        FOLLOW = "follow", _("Merged in QuickBooks: the mapping moved")
        WAIT = "wait", _("Waits for a person")
        UNDO = "undo", _("Put back")
        CLOSE = "close", _("No longer a duplicate or a conflict")

    class State(models.TextChoices):
        PLANNED = "planned", _("Planned")
        UNTICKED = "unticked", _("Unticked")
        DONE = "done", _("Done")
        HELD = "held", _("Held back")
        FAILED = "failed", _("Failed")
        LEFT = "left", _("Left as it is")

    run = models.ForeignKey(Run, models.CASCADE, related_name="steps")
    kind = models.CharField(_("what"), max_length=8, choices=Kind.choices)
    state = models.CharField(_("state"), max_length=8, choices=State.choices, default=State.PLANNED)
    qbo_id = models.CharField(max_length=32)
    client_pk = models.CharField(max_length=64, blank=True)
    data = models.JSONField(default=dict)
    touches = models.CharField(max_length=1000, blank=True)

    class Meta:
        verbose_name = _("step")
        verbose_name_plural = _("steps")
        indexes: ClassVar = [
            models.Index(fields=["run", "state", "id"], name="wqs_step_next"),
            models.Index(fields=["qbo_id"], name="wqs_step_customer"),
        ]
        default_permissions: ClassVar = ()

    def __str__(self) -> str:
        return f"{self.kind} {self.qbo_id}"

    @property
    def label(self) -> str | Promise:
        """What it does; of a mapping that falls asleep also why, or what becomes of the client."""
        if self.kind == self.Kind.SLEEP:
            archives = self.data.get("archived", bool(self.data.get("archives")))
            if archives and not self.data["asks"] and self.state != self.State.LEFT:
                return _("Client archived")
            if self.data.get("asks") == "gone":
                return _("No longer in QuickBooks")
            if self.data.get("asks") == "merged":
                return _("Merged in QuickBooks")
            return _("Inactive in QuickBooks")
        return self.Kind(self.kind).label


class SingleSync(models.Model):
    """One customer that a person asked to sync out of turn; the latest asking, and its end.

    `trouble` says why it was not read; `run`: what then wrote, None where nothing had to.
    """

    connection = models.ForeignKey(Connection, models.CASCADE, related_name="+")
    qbo_id = models.CharField(max_length=32)
    asked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    asked_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)
    run = models.ForeignKey(Run, models.SET_NULL, null=True, related_name="+")
    trouble = models.JSONField(default=dict)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["connection", "qbo_id"], name="wqs_single_once")
        ]
        indexes: ClassVar = [
            models.Index(fields=["connection", "ended_at"], name="wqs_single_waiting")
        ]
        default_permissions: ClassVar = ()

    def __str__(self) -> str:
        return f"{self.connection_id}: {self.qbo_id}"


class Change(models.Model):
    """The journal: one record written on one side, each value with what was there before.

    `values` is {field: [before, after]}; `before` is null for a record that we created.
    """

    class Side(models.TextChoices):
        SITE = "site", _("Site")
        QBO = "qbo", _("QuickBooks")

    connection = models.ForeignKey(Connection, models.CASCADE, related_name="changes")
    run = models.ForeignKey(Run, models.SET_NULL, null=True, related_name="changes")
    side = models.CharField(max_length=4, choices=Side.choices)
    qbo_id = models.CharField(max_length=32)
    client_pk = models.CharField(max_length=64)
    values = models.JSONField()
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    intuit_tid = models.CharField(max_length=100, blank=True)
    """Intuit's number of the call, on the side of QuickBooks."""
    at = models.DateTimeField()

    class Meta:
        verbose_name = _("change")
        verbose_name_plural = _("changes")
        indexes: ClassVar = [
            models.Index(fields=["client_pk"], name="wqs_change_client"),
            models.Index(fields=["connection", "qbo_id"], name="wqs_change_customer"),
        ]
        default_permissions: ClassVar = ()

    def __str__(self) -> str:
        return f"{self.side} {self.client_pk} {', '.join(self.values)}"
