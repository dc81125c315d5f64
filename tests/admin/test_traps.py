"""What goes wrong in Wagtail's admin unnoticed (docs/explanation/screens.md)."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from django.test import Client as Browser
from wagtail import hooks
from wagtail.admin.views.generic import BaseListingView
from wagtail.log_actions import LogContext
from wagtail.models import ModelLogEntry

import wagtail_qbo_sync
from tests import factories, screens
from wagtail_qbo_sync.models import Connection
from wagtail_qbo_sync.sync.people import exclusion

FIELDS = 500
"""Half of what Django takes of one form."""
EDITORS = re.compile("^(before|after)_|editor|publish")


def test_no_page_sends_too_many_fields(partner: Browser, company: Connection) -> None:
    shown = screens.furnish(company)
    factories.customers(company, unmapped=120)
    for name, address in shown.pages().items():
        page = partner.get(address).content.decode()
        fields = re.findall(r"<(?:input|select|textarea)\b[^>]*\sname=", page)
        assert len(fields) < FIELDS, name


def test_no_part_that_is_fetched_again_holds_a_dialog(
    partner: Browser, company: Connection
) -> None:
    """It would move to the end of the page each time, and stay there."""
    addresses = screens.furnish(company).addresses()
    parts = [name for name in addresses if name.endswith(screens.BESIDE)]
    assert len(parts) > 5
    for name in parts:
        assert "w-dialog" not in partner.get(addresses[name]).content.decode(), name


def test_nothing_hangs_on_an_editors_hooks() -> None:
    """Autosave fires them again and again."""
    hooks.search_for_hooks()
    ours = {
        name
        for name, registered in hooks._hooks.items()
        for function, _order in registered
        if function.__module__.startswith("wagtail_qbo_sync.")
    }
    assert "register_admin_urls" in ours
    assert [name for name in ours if EDITORS.search(name)] == []


def test_no_listing_searches_by_the_hosts_index() -> None:
    views: list[Any] = [pattern.callback for _name, pattern in screens.patterns()]
    listings = {view.view_class for view in views if issubclass(view.view_class, BaseListingView)}
    assert len(listings) > 3
    by_wagtail = [view for view in listings if "search_queryset" not in vars(view)]
    searched = [view for view in by_wagtail if view.is_searchable or view.search_fields]
    assert [view for view in searched if view.search_backend_name is not None] == []


def test_each_decision_has_an_entry_of_its_own(company: Connection) -> None:
    """Wagtail's history shows the latest alone of those that share a uuid."""
    with LogContext():
        for name in ("Anna", "Mia", "Ida"):
            customer = factories.customer(company, name)
            exclusion.exclude_customer(company, customer.qbo_id, None)
    assert len(set(ModelLogEntry.objects.values_list("uuid", flat=True))) == 3


def test_nothing_of_ours_needs_modelsearch() -> None:
    """Beside Wagtail's own search it stops a site from starting."""
    package = Path(wagtail_qbo_sync.__path__[0])
    assert not [path for path in package.rglob("*.py") if "modelsearch" in path.read_text()]
