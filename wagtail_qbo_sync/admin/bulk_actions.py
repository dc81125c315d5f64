"""Wagtail's bulk actions upon the customers of the listing.

Whom they are about is worked out before the person confirms, and again after. If it is not
the same any more, the person is asked again.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, NamedTuple

from django import forms
from django.contrib.humanize.templatetags.humanize import intcomma
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils.functional import Promise
from django.utils.html import format_html
from django.utils.translation import gettext, ngettext_lazy
from django.utils.translation import gettext_lazy as _
from wagtail.admin import messages
from wagtail.admin.views.bulk_action import BulkAction
from wagtail.admin.views.generic.base import BaseListingView

from wagtail_qbo_sync.host.adapter import get_adapter
from wagtail_qbo_sync.models import BulkDecision, Connection, Customer
from wagtail_qbo_sync.sync.bulk import decisions as bulk_decisions
from wagtail_qbo_sync.sync.bulk.choices import Choice, overwritten
from wagtail_qbo_sync.sync.bulk.drafts import exact_names
from wagtail_qbo_sync.sync.records.status import TO_MAP, CustomerStatus, with_status

from .base import CUSTOMERS, ICON, STYLES, as_pk, may, url
from .bulk import tell
from .clients import Clients
from .labels import field_label
from .views.customers import CustomersView

LISTED = 20
"""Customers that are named on the page that asks; the others are counted."""
Act = BulkDecision.Act


class Row(NamedTuple):
    """One customer that was ticked, and where it stands."""

    pk: int
    connection_id: int
    qbo_id: str
    status: str
    client_pk: str | None


@dataclass(frozen=True, slots=True)
class Named:
    """Customers of one kind: some by name, all counted."""

    why: str
    customers: list[Customer]
    more: int


class ConfirmForm(forms.Form):
    """`about`: whom the person was asked about."""

    about = forms.CharField(widget=forms.HiddenInput)

    @property
    def media(self) -> forms.Media:
        return super().media + STYLES


class CustomerBulkAction(BulkAction):
    """One act upon many customers; few are done at once, many by a worker."""

    models: ClassVar[list[Any]] = [Customer]
    template_name = "wagtail_qbo_sync/bulk/confirm.html"
    form_class = ConfirmForm
    act: Act
    fits: ClassVar[Collection[str]] = TO_MAP
    """The statuses of the customers that it is for."""
    question: Promise
    """With "count" and "n", the same for people."""
    note: str | Promise = ""
    """What comes of it, where the question does not say it all."""
    nouns: str | Promise | None = Customer._meta.verbose_name_plural
    """What is ticked, for people."""

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if not may(request.user, "map"):
            raise PermissionDenied
        response: HttpResponseBase = super().dispatch(request, *args, **kwargs)
        return response

    # Whom it is about ---------------------------------------------------------------------

    def objection(self, row: Row) -> str | Promise:
        """Why it is not for this customer, "" if it is."""
        return "" if row.status in self.fits else CustomerStatus(row.status).label

    def client_of(self, row: Row) -> str:
        """The client that the act is about, "" for none."""
        return ""

    def listing(self) -> BaseListingView:
        """The listing whose checkboxes these are."""
        return CustomersView(index_results_url_name=f"{CUSTOMERS}:index_results")

    def customers(self, ticked: Any) -> QuerySet[Customer]:
        """The customers that these rows of the listing are about."""
        return Customer.objects.filter(pk__in=ticked)

    def get_all_objects_in_listing_query(self, parent_id: Any) -> QuerySet[Any]:
        """All that the listing shows, on every page; Wagtail's own would ignore the filters."""
        listing = self.listing()
        listing.setup(self.request)
        rows: QuerySet[Any] = listing.get_queryset().order_by().values("pk")
        return rows

    @cached_property
    def rows(self) -> list[Row]:
        """What was ticked."""
        ticked: Any = self.request.GET.getlist("id")
        if "all" in ticked:
            ticked = self.get_all_objects_in_listing_query(None)
        else:
            ticked = [pk for text in ticked if (pk := as_pk(text))]
        found = with_status(self.customers(ticked)).order_by("display_name", "pk")
        names = ("pk", "connection_id", "qbo_id", "status", "client_pk")
        return [Row(*values) for values in found.values_list(*names)]

    @cached_property
    def sorted_rows(self) -> tuple[list[Row], dict[str, list[Row]]]:
        """Those it is for, and the others by reason."""
        fit: list[Row] = []
        others: dict[str, list[Row]] = {}
        for row in self.rows:
            why = self.objection(row)
            (others.setdefault(str(why), []) if why else fit).append(row)
        return fit, others

    def get_actionable_objects(self) -> tuple[list[Row], dict[str, Any]]:
        fit, others = self.sorted_rows
        return fit, {"items_with_no_access": [row for each in others.values() for row in each]}

    @cached_property
    def choices(self) -> dict[int, list[Choice]]:
        """Connection -> what is decided about its customers."""
        found: dict[int, list[Choice]] = {}
        for row in self.sorted_rows[0]:
            choice = Choice(row.qbo_id, self.act, self.client_of(row))
            found.setdefault(row.connection_id, []).append(choice)
        return found

    # Asking -------------------------------------------------------------------------------

    @property
    def about(self) -> str:
        """The customers and what is to become of each, for comparison."""
        fit, _others = self.sorted_rows
        told = json.dumps(sorted((row.pk, self.client_of(row)) for row in fit))
        return hashlib.sha256(told.encode()).hexdigest()

    def get_initial(self) -> dict[str, Any]:
        return {"about": self.about}

    def annotate_items(self, items: Sequence[Row]) -> list[Customer]:
        """The first few, as they are listed."""
        pks = [row.pk for row in items[:LISTED]]
        customers = Customer.objects.in_bulk(pks)
        return [customers[pk] for pk in pks]

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        fit, others = self.sorted_rows
        clients = Clients(self.request.user, map(self.client_of, fit[:LISTED]))
        shown = {row.pk: clients.show(self.client_of(row)) for row in fit[:LISTED]}
        context: dict[str, Any] = super().get_context_data(**kwargs)
        for item in context["items"]:
            item["client"] = shown[item["item"].pk]
        return context | {
            "header_icon": ICON,
            "title": self.display_name,
            "nouns": self.nouns,
            "note": self.note,
            "question": str(self.question % {"count": len(fit), "n": intcomma(len(fit))}),
            "more": len(fit) - len(shown),
            "overwritten": self.overwritten(),
            "left": [
                Named(why, self.annotate_items(rows), len(rows[LISTED:]))
                for why, rows in others.items()
            ],
        }

    def overwritten(self) -> list[tuple[str, int]]:
        """(field for people, clients whose value is replaced), the most first."""
        return []

    # Doing it -----------------------------------------------------------------------------

    def form_valid(self, form: forms.Form) -> HttpResponseBase:
        if form.cleaned_data["about"] != self.about:
            messages.warning(self.request, _("Some of the customers have changed. Look again."))
            fresh = self.form_class(initial=self.get_initial())
            response: HttpResponseBase = self.render_to_response(self.get_context_data(form=fresh))
            return response
        response = super().form_valid(form)
        return response

    def get_execution_context(self) -> dict[str, Any]:
        return {"action": self}

    @classmethod
    def execute_action(
        cls, objects: Iterable[Row], action: CustomerBulkAction | None = None, **kwargs: Any
    ) -> tuple[int, int]:
        assert action is not None
        for connection in Connection.objects.filter(pk__in=action.choices).order_by("pk"):
            action.decide(connection)
        return len(action.sorted_rows[0]), 0

    def decide(self, connection: Connection) -> None:
        """Do it for one company, or say where it can be watched."""
        choices = self.choices[connection.pk]
        bulk = bulk_decisions.decide(connection, self.act, choices, self.request.user)
        if bulk.finished_at is not None:
            tell(self.request, bulk)
            return
        self.next_url = url("bulk", bulk.pk)
        if len(self.choices) > 1:
            link = '<a href="{}">{}</a>'
            text = gettext("See how it goes for %(company)s")
            text %= {"company": connection.company_name}
            messages.info(self.request, format_html(link, self.next_url, text))


class SuggestingAction(CustomerBulkAction):
    """One that goes by the clients of exactly the same name (C9)."""

    @cached_property
    def suggested(self) -> dict[tuple[int, str], str]:
        """(connection, qbo_id) -> client, of those that wait."""
        waiting = {row.connection_id for row in self.rows if row.status in TO_MAP}
        return {
            (connection.pk, qbo_id): pk
            for connection in Connection.objects.filter(pk__in=waiting)
            for qbo_id, pk in exact_names(connection).items()
        }

    def client_of(self, row: Row) -> str:
        return self.suggested.get((row.connection_id, row.qbo_id), "")


class MapSuggested(SuggestingAction):
    """Customer and client of exactly one name. Likeness is nothing to map by (K6)."""

    act = Act.MAP
    action_type = "map_suggested"
    action_priority = 10
    display_name = _("Map suggested")
    aria_label = _("Map the selected customers to the clients of exactly their names")
    question = ngettext_lazy(
        "Map %(n)s customer to the client of exactly this name?",
        "Map %(n)s customers to the clients of exactly their names?",
        "count",
    )

    @cached_property
    def visible(self) -> set[str]:
        """The suggested clients that the person may see."""
        return get_adapter().visible_keys(self.request.user, self.suggested.values())

    def objection(self, row: Row) -> str | Promise:
        if why := super().objection(row):
            return why
        if not (client := self.client_of(row)):
            return _("No free client has exactly this name")
        return "" if client in self.visible else _("A client you may not view")

    def overwritten(self) -> list[tuple[str, int]]:
        fields = Counter[str]()
        for connection in Connection.objects.filter(pk__in=self.choices):
            fields += overwritten(connection, self.choices[connection.pk])
        return [(field_label(name), number) for name, number in fields.most_common()]


class CreateClients(SuggestingAction):
    """Not for who is like a client: that is looked at one by one (K6)."""

    act = Act.CREATE
    fits: ClassVar = {CustomerStatus.UNMAPPED}
    action_type = "create"
    action_priority = 20
    display_name = _("Create clients")
    aria_label = _("Create clients of the selected customers")
    question = ngettext_lazy(
        "Create a client of %(n)s customer?", "Create clients of %(n)s customers?", "count"
    )

    def objection(self, row: Row) -> str | Promise:
        if why := super().objection(row):
            return why
        return _("A client of exactly this name is there") if super().client_of(row) else ""

    def client_of(self, row: Row) -> str:
        return ""


class Exclude(CustomerBulkAction):
    act = Act.EXCLUDE
    action_type = "exclude"
    action_priority = 30
    display_name = _("Exclude")
    aria_label = _("Exclude the selected customers from mapping")
    question = ngettext_lazy(
        "Exclude %(n)s customer from mapping?", "Exclude %(n)s customers from mapping?", "count"
    )


class Include(CustomerBulkAction):
    act = Act.INCLUDE
    fits: ClassVar = {CustomerStatus.EXCLUDED}
    action_type = "include"
    action_priority = 40
    display_name = _("Include")
    aria_label = _("Include the selected customers again")
    question = ngettext_lazy(
        "Include %(n)s customer again?", "Include %(n)s customers again?", "count"
    )


class RemoveMatch(CustomerBulkAction):
    act = Act.REMOVE_MATCH
    action_type = "remove_match"
    action_priority = 50
    display_name = _("Remove match")
    aria_label = _("Remove the matches of the selected customers")
    question = ngettext_lazy(
        "Remove the match of %(n)s customer? No sync makes it again.",
        "Remove the matches of %(n)s customers? No sync makes them again.",
        "count",
    )

    def objection(self, row: Row) -> str | Promise:
        return "" if row.client_pk else CustomerStatus(row.status).label


ACTIONS = (MapSuggested, CreateClients, Exclude, Include, RemoveMatch)
