"""A connected company: its settings, its sealed tokens, and the state of its sync."""

from __future__ import annotations

import json
from datetime import datetime
from typing import ClassVar

from django.conf import settings
from django.core.validators import MaxValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from .seal import TokenUnreadable, seal, unseal

__all__ = ["Connection", "OAuthState", "SyncState", "Token", "TokenUnreadable"]


class Connection(models.Model):
    """One connected QuickBooks company and what people set for it.

    The only model here that a form saves; what machines change lives on SyncState.
    """

    class Unmatched(models.TextChoices):
        """U1: what happens to a customer that matches nobody."""

        WAIT = "wait", _("Wait for a person to decide")
        CREATE = "create", _("Create a client")
        EXCLUDE = "exclude", _("Exclude it from syncing")

    class Hierarchy(models.TextChoices):
        """U9: which customers take part. Projects never do."""

        TOP = "top", _("Top-level customers only")
        SUB = "sub", _("Sub-customers too")

    class Direction(models.TextChoices):
        """U2; on a silent side an edit is kept, and shown, until the other side changes."""

        TWO_WAY = "two_way", _("Both ways")
        PULL_ONLY = "pull", _("Only from QuickBooks to the site")
        PUSH_ONLY = "push", _("Only from the site to QuickBooks")

    class OnConflict(models.TextChoices):
        """U4: who wins a field that was changed on both sides."""

        ASK = "ask", _("Ask a person")
        QBO_WINS = "qbo", _("QuickBooks wins")
        SITE_WINS = "site", _("The site wins")

    class OnInactive(models.TextChoices):
        """U8: what happens to the client of a mapped customer that turns inactive."""

        FLAG = "flag", _("Show it as a problem")
        ARCHIVE = "archive", _("Archive the client")
        LEAVE = "leave", _("Leave the client as it is")

    realm_id = models.CharField(_("company ID"), max_length=32)
    environment = models.CharField(_("environment"), max_length=16)
    company_name = models.CharField(_("company"), max_length=255)
    api_url = models.CharField(_("API address"), max_length=255)
    installation = models.JSONField(_("installation"), default=dict)
    contact_type = models.CharField(_("Contact Type of new clients"), max_length=255, blank=True)
    pushed_types = models.JSONField(_("Contact Types pushed to QuickBooks"), default=list)
    """K12: keys of Contact Types."""
    unmatched = models.CharField(
        _("customers that match no client"),
        max_length=16,
        choices=Unmatched.choices,
        default=Unmatched.WAIT,
    )
    hierarchy = models.CharField(
        _("which customers"), max_length=16, choices=Hierarchy.choices, default=Hierarchy.TOP
    )
    visit_minutes = models.PositiveSmallIntegerField(
        _("minutes after which a visit asks for a sync"),
        default=2,
        validators=[MaxValueValidator(24 * 60)],
    )
    poll_minutes = models.PositiveSmallIntegerField(
        _("minutes after which a sync is asked for by itself"),
        default=15,
        validators=[MaxValueValidator(24 * 60)],
    )
    """0: never; then only visits, webhooks and people ask."""
    direction = models.CharField(
        _("direction"), max_length=8, choices=Direction.choices, default=Direction.TWO_WAY
    )
    field_directions = models.JSONField(_("direction by field"), default=dict)
    """Contact field -> Direction, where it differs from `direction`."""
    on_conflict = models.CharField(
        _("changed on both sides"),
        max_length=8,
        choices=OnConflict.choices,
        default=OnConflict.ASK,
    )
    inactive_policy = models.CharField(
        _("customers that turn inactive"),
        max_length=8,
        choices=OnInactive.choices,
        default=OnInactive.FLAG,
    )
    connected_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    connected_at = models.DateTimeField(_("connected at"))
    disconnected_at = models.DateTimeField(_("disconnected at"), null=True)

    class Meta:
        verbose_name = _("QuickBooks connection")
        verbose_name_plural = _("QuickBooks connections")
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["realm_id", "environment"], name="wqs_connection_once")
        ]
        default_permissions: ClassVar = ("change",)
        permissions: ClassVar = [
            ("connect_connection", _("Can connect and disconnect QuickBooks companies")),
            ("sync_connection", _("Can start a QuickBooks sync and approve its plan")),
        ]

    def __str__(self) -> str:
        return self.company_name

    @property
    def is_connected(self) -> bool:
        """Whether a person has it connected; tokens may still need a reconnect."""
        return self.disconnected_at is None


class Token(models.Model):
    """The sealed token pair of one connection. Only `open` yields it, and may raise."""

    connection = models.OneToOneField(Connection, models.CASCADE, primary_key=True)
    sealed = models.TextField(editable=False)
    version = models.PositiveBigIntegerField(default=1)
    access_expires_at = models.DateTimeField()
    refresh_expires_at = models.DateTimeField()
    hard_expires_at = models.DateTimeField(null=True)
    rejected = models.BooleanField(default=False)
    lease_until = models.DateTimeField(null=True)
    kept_alive_at = models.DateTimeField(null=True)
    """When a login that nobody used was last refreshed for its own sake, or tried to be."""

    class Meta:
        default_permissions: ClassVar = ()

    def __str__(self) -> str:
        return f"Token of {self.connection_id}"

    @property
    def reconnect_by(self) -> datetime:
        """When a person has to connect again if nothing refreshes the login until then; past
        Intuit's hard end nothing can."""
        ends = (self.refresh_expires_at, self.hard_expires_at)
        return min(end for end in ends if end is not None)

    @staticmethod
    def closed(realm_id: str, access_token: str, refresh_token: str) -> str:
        """The pair as it is stored; the realm goes in, so that swapped rows are noticed."""
        return seal(json.dumps({"realm": realm_id, "a": access_token, "r": refresh_token}))

    def open(self) -> tuple[str, str]:
        """(access token, refresh token). Raises TokenUnreadable and ImproperlyConfigured."""
        pair = json.loads(unseal(self.sealed))
        if pair["realm"] != self.connection.realm_id:
            raise TokenUnreadable("The stored token belongs to another company.")
        return pair["a"], pair["r"]


class SyncState(models.Model):
    """Where the sync of one connection stands; changed by conditional UPDATE only (rule 10)."""

    class Phase(models.TextChoices):
        REST = "rest", _("Not running")
        PULL = "pull", _("Reading customers")
        CONFIRM = "confirm", _("Looking for customers that were not listed")
        PLAN = "plan", _("Comparing")
        APPLY = "apply", _("Applying")
        ONE = "one", _("Reading one customer")
        PUSH = "push", _("Sending to QuickBooks")
        COMPARE = "compare", _("Comparing all pairs")

    class Gap(models.TextChoices):
        """U19: after a gap we look before we act."""

        NONE = "", _("None")
        READ = "read", _("Everything is read first")
        PLAN = "plan", _("Read; the next plan waits if it sends anything")
        ASKED = "asked", _("A plan waits for approval")

    connection = models.OneToOneField(
        Connection, models.CASCADE, primary_key=True, related_name="state"
    )
    # The lease: one walker, and the number of the walk.
    lease_until = models.DateTimeField(null=True)
    epoch = models.PositiveBigIntegerField(default=0)
    slice = models.PositiveBigIntegerField(default=0)
    # The walk.
    phase = models.CharField(max_length=8, choices=Phase.choices, default=Phase.REST)
    position = models.PositiveIntegerField(default=0)
    done = models.PositiveIntegerField(default=0)
    total = models.PositiveIntegerField(default=0)
    started_at = models.DateTimeField(null=True)
    read_since = models.DateTimeField(null=True)
    read_as_of = models.DateTimeField(null=True)
    run = models.ForeignKey("Run", models.SET_NULL, null=True, related_name="+")
    # Hints: how often a sync was asked for, and up to which asking it was served.
    wanted = models.PositiveBigIntegerField(default=0)
    served = models.PositiveBigIntegerField(default=0)
    shows = models.PositiveBigIntegerField(default=0)
    """The asking whose plan a person wants to see before anything is done, 0 for none."""
    wanted_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    # What is known of the past.
    cursor = models.DateTimeField(null=True)
    cursor_version = models.CharField(max_length=32, blank=True)
    notified_at = models.DateTimeField(null=True)
    planned_through = models.PositiveBigIntegerField(default=0)
    first_synced_at = models.DateTimeField(null=True)
    synced_at = models.DateTimeField(null=True)
    pulled_at = models.DateTimeField(null=True)
    """When all that changed in QuickBooks was last read; `pushed_at`: when it last took what it
    was sent."""
    pushed_at = models.DateTimeField(null=True)
    gap = models.CharField(max_length=8, blank=True, choices=Gap.choices)
    agreed_terms = models.CharField(max_length=32, blank=True)
    """Digest of the settings under which plans are applied without asking (U3); "" for any."""
    # The full comparison that is under way, and when the last one was begun.
    comparing = models.ForeignKey("Comparison", models.SET_NULL, null=True, related_name="+")
    compared_at = models.DateTimeField(null=True)
    # Trouble.
    crashes = models.PositiveSmallIntegerField(default=0)
    failures = models.PositiveSmallIntegerField(default=0)
    blocked_until = models.DateTimeField(null=True)
    trouble = models.JSONField(default=dict)
    # What a person was told of by e-mail and signal (U14): what -> when; the next not before.
    told = models.JSONField(default=dict)
    tell_after = models.DateTimeField(null=True)
    # The budget of calls, shared by all processes: theoretical arrival times, epoch seconds.
    call_tat = models.FloatField(default=0)
    batch_tat = models.FloatField(default=0)
    # Reads in a calendar month, "2026-11" (UTC): Intuit counts them by the month.
    reads = models.PositiveIntegerField(default=0)
    reads_month = models.CharField(max_length=7, blank=True)

    class Meta:
        default_permissions: ClassVar = ()

    def __str__(self) -> str:
        return f"{self.connection_id}: {self.phase}"

    @property
    def is_shown(self) -> bool:
        """Whether a person wants to see what the present walk would do, before it is done."""
        return 0 < self.shows <= self.served


class OAuthState(models.Model):
    """A consent that was started: its `state` (hashed), by whom, good once, for 10 minutes."""

    state_hash = models.CharField(max_length=64, unique=True)
    session_hash = models.CharField(max_length=64, blank=True)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, null=True, related_name="+")
    reconnects = models.ForeignKey(Connection, models.CASCADE, null=True, related_name="+")
    redirect_uri = models.CharField(max_length=500)
    created_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True)

    class Meta:
        default_permissions: ClassVar = ()

    def __str__(self) -> str:
        return f"Consent started {self.created_at:%Y-%m-%d %H:%M}"
