"""The customers that are like a client and wait for a person (K6)."""

from __future__ import annotations

from typing import Any

from django.contrib.humanize.templatetags.humanize import intcomma
from django.db.models import QuerySet
from django.utils.http import urlencode
from django.utils.translation import ngettext

from wagtail_qbo_sync.models import Connection, Customer
from wagtail_qbo_sync.sync.records.status import CustomerStatus, with_status

from .base import url


def in_review(company: Connection | None = None) -> QuerySet[Any]:
    """Those of one company, or of all, with their status; ordered by key.

    They are as many as the cards count: an open question about an excluded, inactive or left
    out customer is none for a person.
    """
    customers = Customer.objects.select_related("connection")
    if company is not None:
        customers = customers.filter(connection=company)
    return with_status(customers).filter(status=CustomerStatus.REVIEW).order_by("pk")


def resolve_url(**about: int | str) -> str:
    """Address of Resolve duplicates. `company`, `customer`, `after`: keys; "" is left out."""
    query = urlencode({name: value for name, value in about.items() if value})
    return f"{url('duplicates')}?{query}" if query else url("duplicates")


def resolve_label(count: int) -> str:
    """The words of a link to it."""
    return ngettext("Resolve duplicates (%(count)s)", "Resolve duplicates (%(count)s)", count) % {
        "count": intcomma(count)
    }


def map_label(count: int) -> str:
    """The words of a link to Map customers; `count` includes those in review (C8)."""
    return ngettext("Map customers (%(count)s)", "Map customers (%(count)s)", count) % {
        "count": intcomma(count)
    }
