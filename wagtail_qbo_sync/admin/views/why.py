"""Why?: all that was read, decided and written about one customer or client, and what is next."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import path
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.generic import TemplateView

from wagtail_qbo_sync.admin.base import (
    QboAdminView,
    conflict_url,
    customer_url,
    customers_crumb,
    may,
    taken_name_url,
    url,
)
from wagtail_qbo_sync.admin.clients import Clients
from wagtail_qbo_sync.admin.types_file import import_url
from wagtail_qbo_sync.admin.why import Part, clients_of, of_run, tell
from wagtail_qbo_sync.admin.why.words import Sentence
from wagtail_qbo_sync.admin.words import Told, told_case, told_change
from wagtail_qbo_sync.models import Case, Change, Connection, Customer, ImportBatch, Run
from wagtail_qbo_sync.sync.people.names import is_taken
from wagtail_qbo_sync.sync.telling import why, why_run

from .client_acts import client_or_404


@dataclass(frozen=True, slots=True)
class Line:
    """A sentence, with the page that shows more or with its details."""

    text: str
    url: str = ""
    label: str = ""
    told: Told | None = None


class WhyPage(QboAdminView, TemplateView):
    """Sentences by parts."""

    template_name = "wagtail_qbo_sync/why/page.html"
    page_title = _("Why?")
    header_icon = "help"
    clients: Clients

    def parts(self) -> list[Part]:
        """What is told."""
        raise NotImplementedError

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        parts = [
            {"heading": part.heading, "lines": [self.line(said) for said in part.sentences]}
            for part in self.parts()
        ]
        return super().get_context_data(parts=parts, **kwargs)

    def line(self, said: Sentence) -> Line:
        """The sentence with what its subject adds to it."""
        about = said.about
        if isinstance(about, Run):
            return Line(said.text, url("run", about.pk), gettext("Show the run"))
        if isinstance(about, ImportBatch):
            address = import_url(self.request.user, about)
            return Line(said.text, address, gettext("Show the import"))
        if isinstance(about, Customer):
            return Line(said.text, customer_url(about), gettext("Show the customer"))
        if isinstance(about, Change):
            return Line(said.text, told=told_change(about, self.clients))
        if isinstance(about, Case):
            return Line(said.text, *self.way(about), told=told_case(about, self.clients))
        return Line(said.text)

    def way(self, case: Case) -> tuple[str, str]:
        """(address, its name) of where a case is settled, by who may."""
        return "", ""


class WhyCustomer(WhyPage):
    """The sentences about one customer."""

    permission_required = "view"
    facts: why.Facts

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        self.facts = self.gather()
        self.clients = Clients(request.user, clients_of(self.facts))
        response: HttpResponse = super().get(request, *args, **kwargs)
        return response

    def gather(self) -> why.Facts:
        customers = Customer.objects.select_related("connection__token")
        return why.of_customer(get_object_or_404(customers, pk=self.kwargs["pk"]))

    def parents(self) -> list[dict[str, Any]]:
        return [customers_crumb()]

    def get_page_subtitle(self) -> str:
        return str(self.facts.customer.path)

    def parts(self) -> list[Part]:
        return tell(self.facts, self.clients)

    def way(self, case: Case) -> tuple[str, str]:
        """Where a conflict is settled, or a question about a name answered, by who may."""
        if is_taken(case) and case.open_key and self.may_answer(case):
            return taken_name_url(case.pk, self.request.path), gettext("Answer it")
        customer = self.facts.customer
        is_open = case.kind == Case.Kind.CONFLICT and customer is not None
        if not is_open or not may(self.request.user, "map"):
            return "", ""
        return conflict_url(customer.pk, self.request.path), gettext("Settle it")

    def may_answer(self, case: Case) -> bool:
        """Whether the person decides about this client."""
        client = self.clients.show(case.client_pk)
        return client is not None and client.may_see and may(self.request.user, "map")


class WhyClient(WhyCustomer):
    """The sentences about one client in one company; not for who may not see the client."""

    label: str

    def gather(self) -> why.Facts:
        connections = Connection.objects.select_related("token")
        connection = get_object_or_404(connections, pk=self.kwargs["pk"])
        client = client_or_404(self.request.user, self.kwargs["client"])
        self.label = client.label
        return why.of_client(connection, client.pk)

    def get_page_subtitle(self) -> str:
        return self.label


class WhyRun(WhyPage):
    """The sentences about one run."""

    any_permission_required = ["view", "sync"]
    about: why_run.Facts

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        runs = Run.objects.select_related(
            "connection__token", "started_by", "approved_by", "undoes"
        )
        self.about = why_run.of_run(get_object_or_404(runs, pk=kwargs["pk"]))
        self.clients = Clients(request.user, of_run.clients_of(self.about))
        response: HttpResponse = super().get(request, *args, **kwargs)
        return response

    def parts(self) -> list[Part]:
        return of_run.tell(self.about, self.clients)

    def parents(self) -> list[dict[str, Any]]:
        run = {"url": url("run", self.about.run.pk), "label": gettext("Sync run")}
        return [{"url": url("runs"), "label": gettext("Sync runs")}, run]

    def get_page_subtitle(self) -> str:
        return str(self.about.company.connection)


urlpatterns = [
    path("run/<int:pk>/", WhyRun.as_view(), name="why_run"),
    path("customer/<int:pk>/", WhyCustomer.as_view(), name="why_customer"),
    path("client/<int:pk>/<str:client>/", WhyClient.as_view(), name="why_client"),
]
