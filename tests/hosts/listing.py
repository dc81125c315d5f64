"""A host's listing of clients, as somebody reads it who may do everything."""

from __future__ import annotations

import re
from html import unescape
from typing import Any

from django.contrib.auth.models import User
from django.db import models
from django.test import Client as Browser
from django.utils.html import strip_tags

from tests import factories
from wagtail_qbo_sync import clock
from wagtail_qbo_sync.models import Decision, Mapping


def arrange(mapped: models.Model, excluded: models.Model) -> Any:
    """A company in which one client is mapped and another excluded."""
    company = factories.connection()
    customer = factories.customer(company)
    Mapping.objects.create(
        connection=company, qbo_id=customer.qbo_id, client_id=mapped.pk, client_pk=str(mapped.pk)
    )
    Decision.objects.create(
        kind=Decision.Kind.EXCLUDE_CLIENT,
        connection=company,
        client_pk=str(excluded.pk),
        at=clock.now(),
    )
    return company


def page(address: str, **query: Any) -> str:
    """The listing as it is sent."""
    browser = Browser()
    browser.force_login(User.objects.create_superuser(f"reader-{User.objects.count()}"))
    response = browser.get(address, query)
    assert response.status_code == 200
    return response.content.decode()


def rows(address: str, **query: Any) -> list[str]:
    """The words of each row."""
    body = page(address, **query).partition("<tbody>")[2].partition("</tbody>")[0]
    found = re.findall(r"<tr\b.*?</tr>", body, re.DOTALL)
    return [" ".join(unescape(strip_tags(row)).split()) for row in found]
