"""Where Wagtail finds our screens: addresses, menu items, permissions, log actions, icons."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import Permission
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import include, path
from wagtail import hooks
from wagtail.admin.widgets.button import Button

from .admin import log_actions, urls
from .admin.auto_patch import patch_client_views
from .admin.base import RIGHTS
from .admin.bulk_actions import ACTIONS as BULK_ACTIONS
from .admin.client_bulk_actions import ACTIONS as CLIENT_ACTIONS
from .admin.client_rows import snippet_buttons
from .admin.conflict_actions import ACTIONS as CONFLICT_ACTIONS
from .admin.dashboard import AttentionPanel, ToMapItem
from .admin.menu import ConnectedAppsItem
from .admin.views.customers import CustomerViewSet
from .conf import settings


@hooks.register("register_admin_urls")
def register_admin_urls() -> list[Any]:
    return [path("qbo/", include(urls, namespace="wagtail_qbo_sync"))]


@hooks.register("register_admin_viewset")
def register_customers() -> list[Any]:
    return [CustomerViewSet()]


for bulk_action in (*BULK_ACTIONS, *CLIENT_ACTIONS, *CONFLICT_ACTIONS):
    hooks.register("register_bulk_action", bulk_action)


@hooks.register("register_admin_viewset", order=1000)
def patch_views_if_asked() -> list[Any]:
    """Registers nothing; it comes after the viewsets that it looks for."""
    if settings.PATCH_CLIENT_VIEWS:
        patch_client_views()
    return []


@hooks.register("register_snippet_listing_buttons")
def add_acts_to_row(snippet: Any, user: Any, next_url: str | None = None) -> list[Button]:
    """On a host whose clients are a snippet, even without our mixin."""
    return snippet_buttons(snippet, user)


@hooks.register("construct_homepage_summary_items")
def add_summary_item(request: HttpRequest, items: list[Any]) -> None:
    items.append(ToMapItem(request))


@hooks.register("construct_homepage_panels")
def add_attention_panel(request: HttpRequest, panels: list[Any]) -> None:
    panels.append(AttentionPanel(request.user))


@hooks.register("register_settings_menu_item")
def register_connected_apps() -> ConnectedAppsItem:
    return ConnectedAppsItem()


@hooks.register("register_permissions")
def register_permissions() -> QuerySet[Permission]:
    """Our five, as tick boxes in the group editor (C5)."""
    codenames = [permission.partition(".")[2] for permission in RIGHTS.values()]
    return Permission.objects.filter(
        content_type__app_label="wagtail_qbo_sync", codename__in=codenames
    )


hooks.register("register_log_actions", log_actions.register)


@hooks.register("register_icons")
def register_icons(icons: list[str]) -> list[str]:
    return [*icons, "wagtail_qbo_sync/icons/qbo-sync.svg"]
