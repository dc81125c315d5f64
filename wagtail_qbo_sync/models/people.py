"""What people said, and what waits for them. Never lost by a sync (rule 6)."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models.functions import Cast, Concat
from django.utils.translation import gettext_lazy as _

from wagtail_qbo_sync.conf import client_model

from .connection import Connection
from .journal import Run


class Mapping(models.Model):
    """Joins one customer to one client; at most one each way per company (K8).

    `base` is what was read back from each side at the last agreement (rule 11):
    {"version": field map version, "site": {field: value}, "qbo": {field: value}}.
    Empty until the cycle has linked them. Of a client that was made of the customer, "made" is
    a digest of what it held besides (`sync.records.traces`).

    The foreign key is not the database's: nobody is kept from deleting a client, however it
    is done, and `TRUNCATE ... CASCADE` does not empty our table. The sweep notices (U16).
    """

    class Asleep(models.TextChoices):
        AWAKE = "", _("In sync")
        INACTIVE = "inactive", _("Inactive in QuickBooks")
        DISCONNECTED = "disconnected", _("Disconnected by a person")

    connection = models.ForeignKey(Connection, models.CASCADE, related_name="mappings")
    qbo_id = models.CharField(max_length=32)
    client = models.ForeignKey(
        client_model(),
        models.SET_NULL,
        null=True,
        related_name="+",
        verbose_name=_("client"),
        db_constraint=False,
    )
    client_pk = models.CharField(max_length=64)
    base = models.JSONField(default=dict)
    asleep = models.CharField(max_length=12, blank=True, choices=Asleep.choices)

    class Meta:
        verbose_name = _("mapping")
        verbose_name_plural = _("mappings")
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["connection", "qbo_id"], name="wqs_mapping_customer"),
            models.UniqueConstraint(fields=["connection", "client"], name="wqs_mapping_client"),
        ]
        default_permissions: ClassVar = ()

    def __str__(self) -> str:
        return f"{self.qbo_id} = {self.client_pk}"


class Decision(models.Model):
    """What a person, or a policy that a person chose, said of a customer, a client or a pair.

    `facts`: what is needed to take it back, such as the base of a match that was removed. Two
    kinds are no No: a draft, which nothing but `sync.bulk.drafts` looks at, and what is left of an
    exclusion that a person took back, with who said it and when, for the Undo of that.
    """

    class Kind(models.TextChoices):
        EXCLUDE_CUSTOMER = "exclude_customer", _("Customer excluded")
        EXCLUDE_CLIENT = "exclude_client", _("Client excluded")
        REMOVED_MATCH = "removed_match", _("Match removed")
        CLIENT_DELETED = "client_deleted", _("Client deleted")
        INCLUDED = "included", _("Customer included again")
        DRAFT = "draft", _("Chosen, not saved yet")

    NO_NO: ClassVar[tuple[str, ...]] = (Kind.INCLUDED, Kind.DRAFT)

    kind = models.CharField(max_length=20, choices=Kind.choices)
    connection = models.ForeignKey(Connection, models.CASCADE, related_name="decisions")
    qbo_id = models.CharField(max_length=32, blank=True)
    client_pk = models.CharField(max_length=64, blank=True)
    by_policy = models.BooleanField(default=False)
    facts = models.JSONField(default=dict)
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    at = models.DateTimeField()

    class Meta:
        verbose_name = _("decision")
        verbose_name_plural = _("decisions")
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["kind", "connection", "qbo_id", "client_pk"], name="wqs_decision_once"
            )
        ]
        default_permissions: ClassVar = ()

    def __str__(self) -> str:
        return f"{self.get_kind_display()}: {self.qbo_id or '-'} / {self.client_pk or '-'}"


class Case(models.Model):
    """Something that waits for a person. `open_key` is unique while it is open."""

    class Kind(models.TextChoices):
        REVIEW = "review", _("Possible duplicate")
        CONFLICT = "conflict", _("Changed on both sides")
        REFUSED = "refused", _("Refused by the site")
        UNSENDABLE = "unsendable", _("QuickBooks would not take it")
        NOT_TAKEN = "not_taken", _("Refused by QuickBooks")
        KEPT = "kept", _("QuickBooks kept something else")
        ALIKE = "alike", _("Like a customer in QuickBooks")
        UNREADABLE = "unreadable", _("Unreadable in QuickBooks")
        INACTIVE = "inactive", _("Mapped customer is inactive")
        GONE = "gone", _("Mapped customer is no longer in QuickBooks")
        MERGED = "merged", _("Mapped customer was merged into another")
        CLIENT_DELETED = "client_deleted", _("Client deleted on the site")
        DELETIONS = "deletions", _("Many clients deleted on the site")
        RESET = "reset", _("Company reset in QuickBooks")
        UNDO = "undo", _("Not taken back")

    kind = models.CharField(max_length=20, choices=Kind.choices)
    connection = models.ForeignKey(Connection, models.CASCADE, related_name="cases")
    qbo_id = models.CharField(max_length=32, blank=True)
    client_pk = models.CharField(max_length=64, blank=True)
    facts = models.JSONField(default=dict)
    open_key = models.CharField(max_length=120, null=True, unique=True)  # noqa: DJ001
    opened_at = models.DateTimeField()
    told_at = models.DateTimeField(null=True)
    """When a person was last told of it by e-mail and signal."""
    closed_at = models.DateTimeField(null=True)
    closed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    outcome = models.CharField(max_length=60, blank=True)
    set_aside_at = models.DateTimeField(null=True)
    """When a person chose to ignore it; it stays open, is neither listed nor counted nor mailed."""

    class Meta:
        verbose_name = _("case")
        verbose_name_plural = _("cases")
        indexes: ClassVar = [
            models.Index(fields=["connection", "kind", "open_key"], name="wqs_case_open")
        ]
        default_permissions: ClassVar = ()

    def __str__(self) -> str:
        return f"{self.get_kind_display()}: {self.qbo_id or self.client_pk}"

    @staticmethod
    def key(kind: str, connection_id: int, qbo_id: str, client_pk: str = "") -> str:
        """The open key: one open case of a kind for a customer, or for a client without one."""
        return f"{kind}:{connection_id}:{qbo_id}:{'' if qbo_id else client_pk}"

    @classmethod
    def of_customer(cls, kind: str) -> models.QuerySet[Case]:
        """The open case of a kind about the customer of the query around it.

        Found by its key alone, so that no database looks through all open cases for each
        customer: PostgreSQL does, before it has statistics of a table that was just filled.
        """
        company = Cast(models.OuterRef("connection_id"), models.CharField())
        parts = (models.Value(f"{kind}:"), company, models.Value(":"), models.OuterRef("qbo_id"))
        key = Concat(*parts, models.Value(":"), output_field=models.CharField())
        return cls.objects.filter(open_key=key)


class BulkDecision(models.Model):
    """One decision about many customers, recorded in slices (`sync.bulk.decisions`).

    `choices`: [[qbo_id, what, client pk or ""], ...] as the person saw them, never changed.
    The first `done` of them are recorded. `skipped` is {why: [qbo_id, ...]}, with sentences to
    be translated; `counts` is {what: customers}. `run` holds what is to be written. `undoes`:
    what this one takes back, which can be done once.
    """

    class Act(models.TextChoices):
        MAP = "map", _("Map suggested")
        CREATE = "create", _("Create clients")
        EXCLUDE = "exclude", _("Exclude")
        INCLUDE = "include", _("Include")
        EXCLUDE_AGAIN = "exclude_again", _("Exclude again")
        REMOVE_MATCH = "remove_match", _("Remove match")
        PUT_MATCH_BACK = "put_match_back", _("Put match back")
        QBO_WINS = "qbo_wins", _("Settle: QuickBooks wins")
        SITE_WINS = "site_wins", _("Settle: the site wins")
        UNSETTLE = "unsettle", _("Ask about conflicts again")
        SAVE = "save", _("Save all")
        UNDO = "undo", _("Undo")

    connection = models.ForeignKey(
        Connection, models.CASCADE, related_name="bulk_decisions", verbose_name=_("company")
    )
    act = models.CharField(_("what"), max_length=14, choices=Act.choices)
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    choices = models.JSONField()
    done = models.PositiveIntegerField(default=0)
    total = models.PositiveIntegerField()
    counts = models.JSONField(default=dict)
    skipped = models.JSONField(default=dict)
    run = models.ForeignKey(Run, models.SET_NULL, null=True, related_name="+")
    undoes = models.OneToOneField(
        "self", models.SET_NULL, null=True, related_name="undone_by", verbose_name=_("takes back")
    )
    crashes = models.PositiveSmallIntegerField(default=0)
    started_at = models.DateTimeField(_("started at"))
    moved_at = models.DateTimeField()
    finished_at = models.DateTimeField(_("finished at"), null=True)

    class Meta:
        verbose_name = _("bulk decision")
        verbose_name_plural = _("bulk decisions")
        indexes: ClassVar = [
            models.Index(fields=["connection", "finished_at"], name="wqs_bulk_open")
        ]
        default_permissions: ClassVar = ()

    def __str__(self) -> str:
        return f"{self.get_act_display()}: {self.done} of {self.total}"
