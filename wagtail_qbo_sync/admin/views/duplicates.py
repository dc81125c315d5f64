"""Resolve duplicates: one customer at a time beside the clients that it is like (K6, K9)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.urls import path
from django.utils.functional import cached_property
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from wagtail.admin import messages

from wagtail_qbo_sync.admin.acts import decide, map_url
from wagtail_qbo_sync.admin.base import QboAdminView, as_pk, customers_url, may, url
from wagtail_qbo_sync.admin.clients import Clients, ShownClient
from wagtail_qbo_sync.admin.filters import has_several_companies
from wagtail_qbo_sync.admin.labels import field_label
from wagtail_qbo_sync.admin.reviews import in_review, resolve_url
from wagtail_qbo_sync.admin.sides import Cell, compare, lines_of
from wagtail_qbo_sync.admin.words import Lines, likeness
from wagtail_qbo_sync.contact import FIELDS, Contact, fields_of, project
from wagtail_qbo_sync.host.adapter import get_adapter
from wagtail_qbo_sync.models import Case, Connection, Customer
from wagtail_qbo_sync.sync.records.client_status import taken_by

SHOWN = 4
"""Candidates that stand side by side; the others are counted."""


@dataclass(frozen=True, slots=True)
class Side:
    """One candidate: the head of its column."""

    pk: str
    client: ShownClient
    why: str
    contact: Contact | None
    """What the client holds; None where the person may not view it."""
    taken: str = ""
    """Why it cannot be chosen, "" if it can."""


@dataclass(frozen=True, slots=True)
class Row:
    """One field: what QuickBooks says, and a cell for each candidate (None: not shown)."""

    label: str
    customer: Lines
    cells: tuple[Cell | None, ...]


class ResolveDuplicates(QboAdminView):
    """The first that is left, the one asked for, or the next one after it."""

    is_visit = True
    permission_required = "map"
    page_title = _("Resolve duplicates")
    template_name = "wagtail_qbo_sync/duplicates/page.html"
    end_template_name = "wagtail_qbo_sync/duplicates/end.html"

    def setup(self, request: Any, *args: Any, **kwargs: Any) -> None:
        super().setup(request, *args, **kwargs)
        self.adapter = get_adapter()

    # Whose turn it is ------------------------------------------------------------------------

    def key(self, name: str) -> int:
        """A key from the address or the form, 0 for none."""
        text = self.request.POST.get(name) or self.request.GET.get(name, "")
        return as_pk(text)

    @cached_property
    def company(self) -> Connection | None:
        """The one company whose customers are gone through; None for all."""
        return Connection.objects.filter(pk=self.key("company")).first()

    @cached_property
    def customer(self) -> Any:
        """Whose turn it is; None at the end."""
        waiting = in_review(self.company)
        if wanted := self.key("customer"):
            return waiting.filter(pk=wanted).first()
        return waiting.filter(pk__gt=self.key("after")).first()

    def after(self, pk: int) -> str:
        """Address of the next one."""
        return resolve_url(company=self.company.pk if self.company else "", after=pk)

    # Asking ----------------------------------------------------------------------------------

    def get(self, request: HttpRequest) -> HttpResponseBase:
        if self.customer is None and self.key("customer"):
            messages.info(request, _("That customer does not need a decision any more."))
            return redirect(self.after(self.key("customer")))
        if self.customer is None:
            self.template_name = self.end_template_name
            return self.shown(self.end())
        return self.shown(self.question())

    def shown(self, context: dict[str, Any]) -> HttpResponse:
        response: HttpResponse = self.render_to_response(self.get_context_data(**context))
        return response

    def get_page_subtitle(self) -> str:
        return str(self.customer.path) if self.customer else ""

    def end(self) -> dict[str, Any]:
        """What is said when nobody is left, or those left were skipped."""
        may_view = may(self.request.user, "view")
        company = self.company
        return {
            "skipped": in_review(company).count(),
            "again_url": resolve_url(company=company.pk if company else ""),
            "list_url": customers_url(company) if company and may_view else "",
            "apps_url": url("connections"),
        }

    def question(self) -> dict[str, Any]:
        customer = self.customer
        waiting = in_review(self.company)
        sides, more = self.sides
        there = project(customer.contact, self.adapter.paths)
        free = next((side for side in sides if not side.taken), None)
        return {
            "customer": customer,
            "company": customer.connection if has_several_companies() else None,
            "sides": sides,
            "rows": self.rows(there),
            "more": more,
            "suggested": free.pk if free else "",
            "number": waiting.filter(pk__lte=customer.pk).count(),
            "count": waiting.count(),
            "skip_url": self.after(customer.pk),
            "other_url": map_url(customer, self.after(customer.pk)),
        }

    @cached_property
    def sides(self) -> tuple[list[Side], int]:
        """The candidates as this person may see them, and how many more there are."""
        key = Case.key(Case.Kind.REVIEW, self.customer.connection_id, self.customer.qbo_id)
        facts = Case.objects.filter(open_key=key).values_list("facts", flat=True).first() or {}
        candidates = facts.get("candidates", [])
        pks = [candidate["pk"] for candidate in candidates[:SHOWN]]
        clients = Clients(self.request.user, pks)
        visible = [pk for pk in pks if (client := clients.show(pk)) and client.may_see]
        contacts = {record.pk: record.contact for record in self.adapter.records(visible)}
        holders, excluded = taken_by(self.customer.connection, pks)

        def taken(pk: str) -> str:
            if pk in holders:
                return gettext("already mapped to “%s”") % holders[pk]
            if pk in excluded:
                return gettext("excluded from mapping")
            return "" if pk in contacts else gettext("cannot be chosen")

        sides = []
        for candidate in candidates[:SHOWN]:
            pk = candidate["pk"]
            client = clients.show(pk, candidate.get("label", ""))
            assert client is not None  # a candidate has a key
            why = likeness(candidate["by"])
            sides.append(Side(pk, client, why, contacts.get(pk), taken(pk)))
        return sides, facts.get("more", 0) + max(0, len(candidates) - SHOWN)

    def rows(self, there: Contact) -> list[Row]:
        """The fields that this site holds, without those that are blank everywhere."""
        sides, _more = self.sides
        rows = []
        for name in FIELDS:
            if name not in fields_of(self.adapter.paths):
                continue
            cells = tuple(
                None if side.contact is None else compare(name, there, side.contact)
                for side in sides
            )
            customer = lines_of(name, there)
            if customer or any(cell and cell.lines for cell in cells):
                rows.append(Row(field_label(name), customer, cells))
        return rows

    # Answering -------------------------------------------------------------------------------

    def post(self, request: HttpRequest) -> HttpResponseBase:
        """Decide about the customer that was shown, if it still waits."""
        pk = self.key("customer")
        if not pk or self.customer is None:
            name = Customer.objects.filter(pk=pk).values_list("display_name", flat=True).first()
            text = _("Somebody has decided about “%s” meanwhile. Nothing was changed.")
            messages.warning(request, text % (name or pk))
            return redirect(self.after(pk))
        if self.decide(request.POST.get("choice", "")):
            return redirect(self.after(pk))
        company = self.company.pk if self.company else ""
        return redirect(resolve_url(company=company, customer=pk))

    def decide(self, choice: str) -> bool:
        """Do what was chosen; False, with a message, where that cannot be."""
        if choice in ("create", "exclude"):
            return decide(self.request, choice, self.customer)
        sides, _more = self.sides
        for side in sides:
            if side.pk == choice and not side.taken:
                return decide(self.request, "map", self.customer, side.pk, side.client.label)
        messages.error(self.request, _("Choose what this customer is."))
        return False


urlpatterns = [path("duplicates/", ResolveDuplicates.as_view(), name="duplicates")]
