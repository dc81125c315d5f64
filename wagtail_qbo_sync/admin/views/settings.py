"""The settings of one company (K11, K12, U1, U2, U4, U8, U9, C3)."""

from __future__ import annotations

from typing import Any

from django.contrib.humanize.templatetags.humanize import intcomma
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from wagtail.admin import messages

from wagtail_qbo_sync.host.adapter import Refused
from wagtail_qbo_sync.models import Connection, Run
from wagtail_qbo_sync.sync.records.status import count_to_map

from ..base import QboAdminView, may, url
from ..forms import ConnectionForm
from ..reviews import map_label


class ConnectionSettings(QboAdminView):
    """A form of a few questions."""

    permission_required = "change"
    template_name = "wagtail_qbo_sync/settings/form.html"
    page_title = gettext_lazy("Contact sync settings")
    header_icon = "cog"
    connection: Connection

    def get(self, request: HttpRequest, pk: int) -> HttpResponse:
        self.connection = get_object_or_404(Connection, pk=pk)
        form = ConnectionForm(instance=self.connection, user=request.user)
        return self.shown(form)

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        self.connection = get_object_or_404(Connection, pk=pk)
        form = ConnectionForm(request.POST, instance=self.connection, user=request.user)
        if not form.is_valid() or not self.is_saved(form):
            messages.validation_error(request, _("The settings could not be saved."), form)
            return self.shown(form)
        text = _(
            "The settings of “%s” are saved. They hold from the next sync on. A sync that would "
            "write under changed terms waits as a plan until somebody approves it."
        )
        messages.success(request, text % self.connection.company_name)
        self.remind_of_plan()
        return redirect(url("connections"))

    def remind_of_plan(self) -> None:
        """A plan that waits was made under the former settings, and stands before the next."""
        run = Run.objects.filter(connection=self.connection, state=Run.State.WAITING).first()
        if run is None:
            return
        text = _(
            "A plan waits that was made before. It comes first: until it is approved or "
            "discarded, no other plan is made."
        )
        look = messages.button(url("run", run.pk), _("Look at the plan"))
        buttons = [look] if may(self.request.user, "view", "sync") else []
        messages.warning(self.request, text, buttons=buttons)

    def shown(self, form: ConnectionForm) -> HttpResponse:
        """The page with this form."""
        response: HttpResponse = self.render_to_response(self.get_context_data(form=form))
        return response

    def is_saved(self, form: ConnectionForm) -> bool:
        """Save it; the site may refuse the new Contact Type, or have lost a chosen one."""
        try:
            form.save()
        except Refused as refused:
            form.add_error("new_contact_type", refused.message)
        except ValidationError as error:
            form.add_error(None, error)
        return form.is_valid()

    def get_page_subtitle(self) -> str:
        return self.connection.company_name

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        to_map = count_to_map().get(self.connection.pk, 0)
        return super().get_context_data(
            **kwargs,
            to_map=to_map,
            to_map_shown=intcomma(to_map),
            map_label=map_label(to_map),
            map_url=url("map", self.connection.pk) if may(self.request.user, "map") else "",
            media=kwargs["form"].media,
            action_url=url("settings", self.connection.pk),
            submit_button_label=_("Save"),
            submit_button_active_label=_("Saving…"),
        )
