"""The panel and the guard for clients that are edited in the Django admin, and the way there.

    @admin.register(Client)
    class ClientAdmin(QboSyncAdmin, admin.ModelAdmin):
        ...

A change_form_template of the host's own extends "wagtail_qbo_sync/panels/change_form.html", a
change_list_template "wagtail_qbo_sync/panels/change_list.html".
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from django.apps import apps
from django.contrib import admin
from django.contrib.admin.utils import quote
from django.forms import Media
from django.http import HttpRequest
from django.templatetags.static import static
from django.urls import NoReverseMatch, reverse
from django.utils.http import urlencode

from wagtail_qbo_sync.host.adapter import get_adapter

from .guard import guarded

if TYPE_CHECKING:
    from .client_record import ClientRecord, Row

    Admin = admin.ModelAdmin[Any]
else:
    Admin = object


class QboSyncAdmin(Admin):
    """Goes before ModelAdmin."""

    change_form_template = "wagtail_qbo_sync/panels/change_form.html"
    change_list_template = "wagtail_qbo_sync/panels/change_list.html"

    def get_form(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        """The host's form, guarded for this person."""
        return _for_person(super().get_form(request, *args, **kwargs), request)

    def get_changelist_form(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        """The same for each row of a list with `list_editable`."""
        return _for_person(super().get_changelist_form(request, *args, **kwargs), request)

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> Any:
        """Adds `qbo_record` and `qbo_rows` for the template."""
        from .client_record import ClientRecord

        record = ClientRecord(context.get("original"), request, context["adminform"].form)
        if record.is_shown:
            context["qbo_record"] = record
            context["qbo_rows"] = [(row, list(_buttons(row, record))) for row in record.rows]
            context["media"] += Media(
                css={"all": [static("wagtail_qbo_sync/css/django_admin.css")]}
            )
        return super().render_change_form(request, context, *args, **kwargs)


def change_url(client: Any, user: Any) -> str:
    """Its form in the Django admin, "" where there is none or the person may not change it.

    For clients that Wagtail has no page for.
    """
    if not apps.is_installed("django.contrib.admin"):
        return ""
    if not (admin.site.is_registered(type(client)) and user.is_staff):
        return ""
    if not get_adapter().may_change(user):
        return ""
    meta = client._meta
    try:
        return reverse(f"admin:{meta.app_label}_{meta.model_name}_change", args=[quote(client.pk)])
    except NoReverseMatch:  # no address of this site leads to the admin
        return ""


def _for_person(form_class: Any, request: HttpRequest) -> Any:
    form_class = guarded(form_class)
    return type(form_class)(form_class.__name__, (form_class,), {"for_user": request.user})


def _buttons(row: Row, record: ClientRecord) -> Iterator[dict[str, Any]]:
    """Our screens are Wagtail's, for who may enter its admin.

    No script of Wagtail runs here: a button belongs to a form of its own, which stands outside
    the host's, so that Enter in a field still saves.
    """
    if not record.request.user.has_perm("wagtailadmin.access_admin"):
        return
    back = urlencode({"next": record.request.path})
    for button in row.buttons:
        address = button.attrs.get("data-w-action-url-value")
        yield {
            "label": button.label,
            "url": f"{address}?{back}" if address else button.url,
            "posts": bool(address),
        }
