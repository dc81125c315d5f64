"""Our items in Wagtail's menus."""

from __future__ import annotations

from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from wagtail.admin.menu import MenuItem

from .base import ICON, RIGHTS, may, url


class ConnectedAppsItem(MenuItem):
    """Connected Apps in the Settings menu (K1)."""

    def __init__(self) -> None:
        super().__init__(
            _("Connected Apps"),
            url("connections"),
            name="qbo-connected-apps",
            icon_name=ICON,
            order=850,
        )

    def is_shown(self, request: HttpRequest) -> bool:
        return may(request.user, *RIGHTS)
