"""A name that QuickBooks refused: map to who has it, choose another, or leave it (U10)."""

from __future__ import annotations

from typing import Any

from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import path
from django.utils.functional import cached_property
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.generic import TemplateView
from wagtail.admin import messages
from wagtail.admin.utils import get_valid_next_url_from_request

from wagtail_qbo_sync.admin.acts import decide, waits_for, with_undo
from wagtail_qbo_sync.admin.base import (
    PostOnly,
    QboAdminView,
    after_problem_url,
    may,
    problems_url,
    url,
)
from wagtail_qbo_sync.admin.client_acts import client_map_url
from wagtail_qbo_sync.admin.clients import Clients, ShownClient, visible_record
from wagtail_qbo_sync.admin.filters import has_several_companies
from wagtail_qbo_sync.admin.words import told_case
from wagtail_qbo_sync.host.adapter import ClientRecord
from wagtail_qbo_sync.models import Case, Customer, Mapping
from wagtail_qbo_sync.sync.people import names
from wagtail_qbo_sync.sync.people.conflicts import Unfit
from wagtail_qbo_sync.sync.records.locked import Refusal

MAP, RENAME, LEAVE = "map", "rename", "leave"


class NameForm(forms.Form):
    """What is to be done; another name where one is typed."""

    do = forms.ChoiceField(choices=[(each, each) for each in (MAP, RENAME, LEAVE)])
    name = forms.CharField(required=False, max_length=2000)


class TakenNameView(QboAdminView, TemplateView):
    """One client, its name, and who has it."""

    permission_required = "map"
    template_name = "wagtail_qbo_sync/names/page.html"
    page_title = _("A name that is taken")

    def setup(self, request: Any, *args: Any, **kwargs: Any) -> None:
        super().setup(request, *args, **kwargs)
        cases = names.TAKEN.select_related("connection")
        self.case: Case = get_object_or_404(cases, pk=kwargs["pk"])

    @cached_property
    def client(self) -> ClientRecord | None:
        """Only where the person may see it."""
        return visible_record(self.request.user, self.case.client_pk)

    @cached_property
    def holder(self) -> Customer | None:
        return names.holding_customer(self.case)

    @cached_property
    def held_by(self) -> ShownClient | None:
        """The client that the holder is mapped to already."""
        mappings = Mapping.objects.filter(connection=self.case.connection)
        found = mappings.filter(qbo_id=self.holder.qbo_id).first() if self.holder else None
        if found is None:
            return None
        return Clients(self.request.user, [found.client_pk]).show(found.client_pk)

    @property
    def moves(self) -> bool:
        """Whether mapping to the holder takes the place of another match."""
        return bool(self.held_by or self.case.qbo_id)

    @property
    def next_url(self) -> str:
        came_from: str = get_valid_next_url_from_request(self.request)
        return came_from or after_problem_url(self.request.user, self.case.connection)

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if self.case.open_key is None:
            messages.info(request, gettext("Nobody is asked about this name any more."))
            return redirect(self.next_url)
        likely = MAP if self.holder and not self.moves else RENAME
        name = self.client.contact.name if self.client else ""
        return self.shown(NameForm(initial={"do": likely, "name": name}))

    def shown(self, form: NameForm) -> HttpResponse:
        """The page with its form."""
        response: HttpResponse = self.render_to_response(self.get_context_data(form=form))
        return response

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        form = NameForm(request.POST)
        if self.client is None:
            messages.error(request, gettext("You may not view this client, so you cannot decide."))
        elif not form.is_valid():
            messages.error(request, gettext("Choose what is to be done."))
        elif self.is_done(form):
            return redirect(self.next_url)
        return self.shown(form)

    def is_done(self, form: NameForm) -> bool:
        """Do what was chosen and say so; what speaks against it is said on the page."""
        assert self.client is not None
        do, user = form.cleaned_data["do"], self.request.user
        if do != RENAME and form.cleaned_data["name"] not in ("", self.client.contact.name):
            text = gettext("You typed another name too. Choose it, or put the first one back.")
            form.add_error("name", text)
            return False
        try:
            if do == MAP:
                return self.is_mapped(self.client)
            if do == RENAME:
                names.rename(self.case, form.cleaned_data["name"], user)
                said = gettext("“%(before)s” is now called “%(after)s”, in QuickBooks too.")
            else:
                names.leave(self.case, user)
                said = gettext("“%(before)s” is left as it is until somebody edits it.")
        except Unfit as unfit:
            for sentence in unfit.problems.values():
                form.add_error("name", sentence)
            return False
        except Refusal as refusal:
            messages.error(self.request, refusal.message)
            return False
        words = {"before": self.client.label, "after": form.cleaned_data["name"]}
        text = said % words
        if do == RENAME and (note := waits_for(self.case.connection)):
            text = f"{text} {note}"
        messages.success(self.request, with_undo(text, url("taken_name_ask_again", self.case.pk)))
        return True

    def is_mapped(self, client: ClientRecord) -> bool:
        """Map the client to who has the name, as from any other screen."""
        if self.holder is None:
            messages.error(self.request, gettext("Nobody who has this name can be mapped."))
            return False
        act = "move" if self.moves else "map"
        return decide(self.request, act, self.holder, client.pk, client.label)

    def get_page_subtitle(self) -> str:
        return str(self.client.label) if self.client else ""

    def parents(self) -> list[dict[str, Any]]:
        if not may(self.request.user, "view"):
            return super().parents()
        return [{"url": problems_url(self.case.connection), "label": gettext("Problems")}]

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        clients = Clients(self.request.user, [self.case.client_pk])
        connection = self.case.connection
        return super().get_context_data(
            **kwargs,
            client=clients.show(self.case.client_pk),
            company=connection if has_several_companies() else None,
            name=names.refused_name(self.case) if self.client else "",
            who=told_case(self.case, clients).customers,
            holder=self.holder,
            held_by=self.held_by,
            is_mapped=bool(self.case.qbo_id),
            map_url=client_map_url(connection, self.case.client_pk, self.next_url),
            next_url=self.next_url,
        )


class AskAgainView(PostOnly):
    """Take back what was said about a name."""

    permission_required = "map"

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        case = get_object_or_404(names.TAKEN.select_related("connection"), pk=pk)
        client = visible_record(request.user, case.client_pk)
        try:
            if client is None:
                raise Refusal(gettext("You may not view this client, so you cannot decide."))
            names.ask_again(case, request.user)
        except Refusal as refusal:
            messages.error(request, refusal.message)
        else:
            text = gettext("The name of “%s” waits for a person again, as before.")
            messages.success(request, text % names.refused_name(case))
        next_url: str = get_valid_next_url_from_request(request)
        return redirect(next_url or after_problem_url(request.user, case.connection))


urlpatterns = [
    path("<int:pk>/", TakenNameView.as_view(), name="taken_name"),
    path("<int:pk>/ask-again/", AskAgainView.as_view(), name="taken_name_ask_again"),
]
