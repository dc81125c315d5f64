"""The mirror: what QuickBooks said of its customers. It can be dropped and read again."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _

from wagtail_qbo_sync.contact import Contact

from .connection import Connection


class Customer(models.Model):
    """One QuickBooks customer as last read.

    Few columns on purpose, so that a page of 1,000 is stored in few statements on any
    database. What is neither searched nor joined stands in `record`: sync_token (int),
    contact (Contact.to_json), digest (of the contact, by value), path (Parent:Child), parent
    (qbo_id), bill and ship (the addresses as received). Balances, tax ids, terms and notes
    are never kept (C2).
    """

    class Standing(models.TextChoices):
        TOP = "top", _("Customer")
        SUB = "sub", _("Sub-customer")
        PROJECT = "project", _("Project")
        INACTIVE = "inactive", _("Inactive")
        GONE = "gone", _("No longer in QuickBooks")

    connection = models.ForeignKey(Connection, models.CASCADE, related_name="customers")
    qbo_id = models.CharField(_("QuickBooks ID"), max_length=32)
    standing = models.CharField(_("kind"), max_length=8, choices=Standing.choices)
    display_name = models.CharField(_("QuickBooks customer"), max_length=500)
    match_keys = models.TextField(editable=False)
    record = models.JSONField()
    seen_in = models.PositiveBigIntegerField(default=0)
    """The last full comparison whose reading it was part of."""

    class Meta:
        verbose_name = _("QuickBooks customer")
        verbose_name_plural = _("QuickBooks customers")
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["connection", "qbo_id"], name="wqs_customer_once")
        ]
        indexes: ClassVar = [
            models.Index(fields=["connection", "standing"], name="wqs_customer_standing")
        ]
        default_permissions: ClassVar = ("view",)
        permissions: ClassVar = [("map_customer", _("Can map QuickBooks customers to clients"))]

    def __str__(self) -> str:
        return self.display_name

    @property
    def contact(self) -> Contact:
        """The customer in our language."""
        return Contact.from_json(self.record["contact"])

    @property
    def path(self) -> str:
        """Where a sub-customer stands: "Parent:Child". For others their name."""
        return self.record.get("path") or self.display_name


def joined_keys(name_key: str, email_keys: tuple[str, ...]) -> str:
    """Match keys as one text; "-" stands for no name."""
    return " ".join([name_key or "-", *email_keys])


def split_keys(text: str) -> tuple[str, tuple[str, ...]]:
    """The inverse of `joined_keys`."""
    name, *emails = text.split(" ")
    return ("" if name == "-" else name), tuple(emails)
