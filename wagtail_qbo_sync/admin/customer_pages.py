"""Addresses of customers' pages, looked up for a whole page of a listing."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from django.urls import reverse

from wagtail_qbo_sync.models import Customer

from .base import CUSTOMERS, may


def customer_pages(user: Any, connection_id: int, qbo_ids: Collection[str]) -> dict[str, str]:
    """qbo_id -> address of the customer's page, for those who may see it. One query."""
    if not may(user, "view"):
        return {}
    customers = Customer.objects.filter(connection=connection_id, qbo_id__in=list(qbo_ids))
    return {
        qbo_id: reverse(f"{CUSTOMERS}:inspect", args=(pk,))
        for qbo_id, pk in customers.values_list("qbo_id", "pk")
    }
