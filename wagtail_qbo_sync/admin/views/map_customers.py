"""Map customers: all who wait for a person, and what is to become of each (C8-C12)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.contrib.humanize.templatetags.humanize import intcomma
from django.db.models import QuerySet
from django.db.models.functions import Lower
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import path
from django.utils.functional import cached_property
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _
from wagtail.admin import messages
from wagtail.admin.ui.tables import BaseColumn, Column
from wagtail.admin.views.generic import BaseListingView

from wagtail_qbo_sync.admin.base import PostOnly, QboAdminView, typed, url
from wagtail_qbo_sync.admin.clients import visible_record
from wagtail_qbo_sync.admin.filters import MapFilterSet
from wagtail_qbo_sync.admin.map_rows import MapRow, found, map_rows, standing, who
from wagtail_qbo_sync.admin.sync_line import WithSyncLine
from wagtail_qbo_sync.models import Connection, Customer
from wagtail_qbo_sync.sync.bulk import drafts, proposal
from wagtail_qbo_sync.sync.bulk.drafts import Do
from wagtail_qbo_sync.sync.records.locked import Refusal

LONGEST = 200
"""Characters that are searched for."""


class OfCompany(QboAdminView):
    """A screen about the customers to map of one company."""

    permission_required = "map"

    def setup(self, request: Any, *args: Any, **kwargs: Any) -> None:
        super().setup(request, *args, **kwargs)
        self.pk: int = kwargs["pk"]

    @cached_property
    def company(self) -> Connection:
        return get_object_or_404(Connection, pk=self.pk)

    @property
    def page_url(self) -> str:
        return url("map", self.company.pk)

    def get_page_subtitle(self) -> str:
        return str(self.company)


class MapCustomers(OfCompany, WithSyncLine, BaseListingView):
    """The page, and by itself the list that a search fetches (`results_only`)."""

    is_visit = True
    model = Customer
    page_title = _("Map customers")
    template_name = "wagtail_qbo_sync/map_customers/page.html"
    results_template_name = "wagtail_qbo_sync/map_customers/results.html"
    filterset_class = MapFilterSet
    is_searchable = True
    search_fields = ["display_name", "record__contact__email"]
    search_backend_name = None
    default_ordering = "display_name"
    paginate_by = 100
    verbose_name_plural = Customer._meta.verbose_name_plural

    def get_index_url(self) -> str:
        return self.page_url

    def get_index_results_url(self) -> str:
        return url("map_results", self.company.pk)

    def get_filterset_kwargs(self) -> dict[str, Any]:
        return {**super().get_filterset_kwargs(), "company": self.company}

    def get_base_queryset(self) -> QuerySet[Any]:
        return drafts.to_map(self.company)

    def order_queryset(self, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """By name whatever the case, and never in an order that changes between pages."""
        name = Lower("display_name")
        down = self.ordering.startswith("-")
        return queryset.order_by(name.desc() if down else name, "pk")

    @cached_property
    def columns(self) -> list[BaseColumn]:
        return [
            MapCustomerColumn(
                "display_name",
                label=_("QuickBooks customer"),
                accessor=self.row_of,
                sort_key="display_name",
            ),
            ChoiceColumn("choice", label=_("Client on this site"), accessor=self.row_of),
        ]

    def get_table(self, object_list: Sequence[Any]) -> Any:
        """What is chosen and offered is looked up here for the whole page, at once."""
        customers = list(object_list)
        self.rows = map_rows(self.company, customers, self.request.user)
        return super().get_table(customers)

    def row_of(self, customer: Customer) -> MapRow:
        return self.rows[customer.qbo_id]

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        context: dict[str, Any] = super().get_context_data(**kwargs)
        if not self.results_only:
            context.update(
                total=drafts.to_map(self.company).count(),
                decided=drafts.decided(self.company).count(),
                company=self.company,
                longest=LONGEST,
                is_paged="p" in self.request.GET,
            )
        return context


class MapCustomerColumn(Column):
    """A customer's name, and below it what tells it from others."""

    cell_template_name = "wagtail_qbo_sync/map_customers/customer_cell.html"


class ChoiceColumn(Column):
    """The field in which a client is searched for and chosen."""

    cell_template_name = "wagtail_qbo_sync/map_customers/choice_cell.html"


# Choosing for one -----------------------------------------------------------------------------


class FindClients(OfCompany):
    """Clients by what was typed, as JSON (`map_rows.Option`)."""

    def get(self, request: HttpRequest, pk: int) -> JsonResponse:
        text = typed(request.GET, "q")[:LONGEST]
        return JsonResponse({"found": found(self.company, text, request.user)})


class Decide(OfCompany, PostOnly):
    """Keep what was chosen for one customer.

    Answers 200 with what stands now; 409 with what somebody else chose meanwhile, nothing
    being stored; 400 with a sentence where it cannot stand.
    """

    def post(self, request: HttpRequest, pk: int) -> JsonResponse:
        do, client_pk = request.POST.get("do", ""), request.POST.get("client", "")
        if problem := self.problem(do, client_pk):
            return JsonResponse({"message": problem}, status=400)
        try:
            draft = drafts.save(
                self.company,
                typed(request.POST, "customer"),
                Do(do),
                request.user,
                client_pk=client_pk,
                seen=request.POST.get("seen", ""),
            )
        except drafts.Changed as changed:
            return JsonResponse(self.changed(changed.draft), status=409)
        except Refusal as refusal:
            return JsonResponse({"message": refusal.message}, status=400)
        return JsonResponse(standing(draft, request.user))

    def problem(self, do: str, client_pk: str) -> str:
        """Why this cannot be chosen, "" if it can. The client must be this person's to see."""
        if do not in Do.values:
            return gettext("Choose what this customer is.")
        if do == Do.MAP and visible_record(self.request.user, client_pk) is None:
            return gettext("Choose a client that is still there.")
        return ""

    def changed(self, draft: drafts.Draft | None) -> dict[str, str]:
        """What stands by now, and whose choice it is."""
        if draft is None:
            message = gettext("What was chosen here has been taken back meanwhile.")
            return {"message": message, "chosen": "", "text": "", "note": "", "version": ""}
        stands = standing(draft, self.request.user)
        names = {"who": who(draft), "what": stands["text"]}
        return {**stands, "message": gettext("%(who)s chose “%(what)s” meanwhile.") % names}


# Choosing for all -----------------------------------------------------------------------------


class ApplyDefault(OfCompany, PostOnly):
    """C12: the same for all customers on all pages, and what was left out of it."""

    do = Do.CREATE

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        applied = drafts.apply_default(self.company, self.do, request.user)
        said = [
            ngettext(
                "“%(what)s” is chosen for %(n)s customer.",
                "“%(what)s” is chosen for %(n)s customers.",
                applied.chosen,
            )
            % {"what": self.do.label, "n": intcomma(applied.chosen)}
        ]
        if applied.exact:
            said.append(
                ngettext(
                    "%(n)s keeps its suggestion by exact name.",
                    "%(n)s keep their suggestion by exact name.",
                    applied.exact,
                )
                % {"n": intcomma(applied.exact)}
            )
        if applied.alike:
            said.append(
                ngettext(
                    "%(n)s is like a client and stays undecided.",
                    "%(n)s are like a client and stay undecided.",
                    applied.alike,
                )
                % {"n": intcomma(applied.alike)}
            )
        said.append(gettext("Nothing is done before all is saved."))
        messages.success(request, " ".join(said))
        return redirect(self.page_url)


class TakeBackDefault(OfCompany, PostOnly):
    """What was chosen for all is undecided again; what was chosen for one stays."""

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        taken = drafts.take_back_default(self.company)
        text = ngettext(
            "%(n)s customer is undecided again.", "%(n)s customers are undecided again.", taken
        )
        messages.success(request, text % {"n": intcomma(taken)})
        return redirect(self.page_url)


# Saving all -----------------------------------------------------------------------------------


class SaveAll(OfCompany, PostOnly):
    """Put together what would be done: a plan, which is done once somebody has read it."""

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        plan = proposal.propose(self.company, request.user)
        if plan is None:
            messages.warning(request, _("There is nothing to save: nothing is chosen."))
            return redirect(self.page_url)
        return redirect(url("run", plan.pk))


urlpatterns = [
    path("<int:pk>/", MapCustomers.as_view(), name="map"),
    path("<int:pk>/results/", MapCustomers.as_view(results_only=True), name="map_results"),
    path("<int:pk>/clients/", FindClients.as_view(), name="map_clients"),
    path("<int:pk>/decide/", Decide.as_view(), name="map_decide"),
    path("<int:pk>/default/create/", ApplyDefault.as_view(do=Do.CREATE), name="map_create"),
    path("<int:pk>/default/exclude/", ApplyDefault.as_view(do=Do.EXCLUDE), name="map_exclude"),
    path("<int:pk>/default/back/", TakeBackDefault.as_view(), name="map_back"),
    path("<int:pk>/save/", SaveAll.as_view(), name="map_save"),
]
