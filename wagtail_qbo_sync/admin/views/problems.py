"""What went wrong with customers, by name, and trying it again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db.models import Count, OuterRef, QuerySet, Subquery
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import path, reverse
from django.utils.functional import Promise, cached_property
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _
from wagtail.admin import messages
from wagtail.admin.paginator import WagtailPaginator
from wagtail.admin.ui.tables import BaseColumn, Column, DateColumn, TitleColumn
from wagtail.admin.views.generic import BaseListingView

from wagtail_qbo_sync.admin.base import (
    CUSTOMERS,
    PostOnly,
    QboAdminView,
    after_problem_url,
    conflict_url,
    may,
    taken_name_url,
    url,
)
from wagtail_qbo_sync.admin.client_acts import client_map_url
from wagtail_qbo_sync.admin.clients import Clients, ShownClient
from wagtail_qbo_sync.admin.columns import ActsColumn, ClientColumn, SignColumn, ToldColumn
from wagtail_qbo_sync.admin.components import cannot_sync
from wagtail_qbo_sync.admin.filters import ProblemFilterSet, has_several_companies
from wagtail_qbo_sync.admin.signs import case_sign
from wagtail_qbo_sync.admin.words import Told, clients_in, told_case
from wagtail_qbo_sync.models import Case, Connection, Customer
from wagtail_qbo_sync.sync.people import dead_letters
from wagtail_qbo_sync.sync.people.names import is_taken
from wagtail_qbo_sync.sync.records.cases import NAMELESS
from wagtail_qbo_sync.sync.records.status import open_problems

from . import company_questions
from .problem_acts import ACTS


class ProblemPaginator(WagtailPaginator):
    """Counts in people's words."""

    verbose_name = _("problem")
    verbose_name_plural = _("problems")


class ProblemsView(QboAdminView, BaseListingView):
    """Open cases that are no question of mapping, the latest first."""

    is_visit = True
    any_permission_required = ["view"]
    model = Case
    page_title = _("Problems")
    template_name = "wagtail_qbo_sync/problems/index.html"
    index_url_name = "wagtail_qbo_sync:problems"
    index_results_url_name = "wagtail_qbo_sync:problems_results"
    filterset_class = ProblemFilterSet
    is_searchable = True
    search_fields = ["customer_name", "qbo_id"]
    search_backend_name = None
    default_ordering = "-opened_at"
    paginate_by = 50
    paginator_class = ProblemPaginator
    verbose_name_plural = ProblemPaginator.verbose_name_plural
    is_ignored = False
    """Whether those are listed that people have set aside."""

    def get_base_queryset(self) -> QuerySet[Case]:
        cases = dead_letters.ignored() if self.is_ignored else open_problems()
        return with_customer(cases.select_related("connection__token"))

    def order_queryset(self, queryset: QuerySet[Case]) -> QuerySet[Case]:
        return queryset.order_by(self.ordering, "pk")

    @cached_property
    def columns(self) -> list[BaseColumn]:
        company = Column("company", label=_("Company"), accessor="connection")
        return [
            TitleColumn(
                "customer",
                label=_("QuickBooks customer"),
                accessor=named,
                sort_key="customer_name",
                get_url=self.case_url,
                get_title_id=lambda case: f"row-{case.pk}-title",
            ),
            SignColumn(
                "kind", label=_("What"), accessor=lambda c: case_sign(c.kind), sort_key="kind"
            ),
            ToldColumn("told", label=_("Details"), accessor=self.told_of),
            ClientColumn("client", label=_("Client"), accessor=self.client_of),
            *([company] if has_several_companies() else []),
            DateColumn("opened_at", label=_("Since"), sort_key="opened_at", classname="qbo-nowrap"),
            *(
                [ActsColumn("acts", label=_("Actions"), accessor=self.acts_of)]
                if self.may_act
                else []
            ),
        ]

    @cached_property
    def may_act(self) -> bool:
        return may(self.request.user, "map", "sync")

    def acts_of(self, case: Case) -> list[tuple[str | Promise, str]]:
        """What this person can do about a record that keeps failing."""
        names = ["open_again"] if case.set_aside_at else ["retry", "take_back", "set_aside"]
        return [
            (ACTS[name].label, url(f"problem_{name}", case.pk))
            for name in names
            if may(self.request.user, ACTS[name].right)
            and ACTS[name].fits(case)
            and not (ACTS[name].right == "sync" and self.cannot_sync(case.connection))
        ]

    def cannot_sync(self, connection: Connection) -> str:
        """Why nothing of a company can be synced now, looked up once a page."""
        if connection.pk not in self._cannot_sync:
            self._cannot_sync[connection.pk] = cannot_sync(connection)
        return self._cannot_sync[connection.pk]

    @cached_property
    def _cannot_sync(self) -> dict[int, str]:
        return {}

    def get_table(self, object_list: Sequence[Case]) -> Any:
        """Clients of the whole page are looked up here, at once."""
        holders = [pk for case in object_list for pk in clients_in(case.facts)]
        pks = [case.client_pk for case in object_list]
        self.clients = Clients(self.request.user, [*pks, *holders])
        return super().get_table(object_list)

    def case_url(self, case: Any) -> str | None:
        """Where it is settled, or the customer's page."""
        if is_taken(case):
            return self._answering_url(case)
        if case.client_pk and not case.qbo_id:
            return self._choosing_url(case)
        if case.kind == Case.Kind.UNDO and not case.qbo_id:
            return url("run", case.facts["run"])
        is_conflict = case.kind == Case.Kind.CONFLICT and case.customer_pk
        if is_conflict and may(self.request.user, "map"):
            return conflict_url(case.customer_pk)
        return customer_url(case)

    def _answering_url(self, case: Any) -> str | None:
        """Where another name is chosen, or the client mapped to who has it."""
        client = self.clients.show(case.client_pk)
        if client is None or not client.may_see or not may(self.request.user, "map"):
            return customer_url(case)
        return taken_name_url(case.pk, self.request.get_full_path())

    def _choosing_url(self, case: Any) -> str | None:
        """Where a customer is chosen or made for a client without one."""
        client = self.clients.show(case.client_pk)
        if client is None or not client.may_see or not may(self.request.user, "map"):
            return None
        return client_map_url(case.connection, case.client_pk, self.request.get_full_path())

    def client_of(self, case: Case) -> ShownClient | None:
        """The client of a case as this person may see it."""
        return self.clients.show(case.client_pk)

    def told_of(self, case: Case) -> Told:
        """What is wrong, for this person."""
        return told_case(case, self.clients)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        if self.results_only or self.is_ignored:
            return super().get_context_data(**kwargs)
        if may(self.request.user, "sync"):
            kwargs["retries"] = self.retries()
        kwargs["ignored"] = dead_letters.ignored().count()
        chosen = self.request.GET.get("connection", "")
        kwargs["questions"] = company_questions.questions(self.request.user, chosen)
        return super().get_context_data(**kwargs)

    def retries(self) -> list[dict[str, Any]]:
        """The companies of this listing with records that can be tried again, and how many."""
        refused = open_problems().filter(kind=Case.Kind.REFUSED)
        chosen = self.request.GET.get("connection", "")
        companies = Connection.objects.filter(cases__in=refused).annotate(number=Count("cases"))
        companies = companies.select_related("token").order_by("company_name", "pk")
        return [
            {
                "company": company,
                "said": refused_words(company.number),
                "url": url("retry", company.pk),
            }
            for company in companies
            if chosen in ("", str(company.pk)) and not cannot_sync(company)
        ]


class IgnoredView(ProblemsView):
    """What people have set aside."""

    is_ignored = True
    page_title = _("Ignored problems")
    index_url_name = "wagtail_qbo_sync:ignored"
    index_results_url_name = "wagtail_qbo_sync:ignored_results"

    def parents(self) -> list[dict[str, Any]]:
        return [*super().parents(), {"url": url("problems"), "label": _("Problems")}]


def with_customer(cases: QuerySet[Case]) -> QuerySet[Case]:
    """With `customer_name` and `customer_pk`, None where the mirror has no such customer."""
    customers = Customer.objects.filter(
        connection=OuterRef("connection"), qbo_id=OuterRef("qbo_id")
    )
    return cases.annotate(
        customer_name=Subquery(customers.values("display_name")[:1]),
        customer_pk=Subquery(customers.values("pk")[:1]),
    )


def refused_words(number: int) -> str:
    """So many records wait for the site to take them."""
    return ngettext(
        "The site refused %(number)s record. It is tried again by itself when the customer or "
        "the client changes.",
        "The site refused %(number)s records. They are tried again by themselves when the "
        "customer or the client changes.",
        number,
    ) % {"number": number}


def named(case: Any) -> str:
    """The customer by name; one that could never be read has only its QuickBooks ID."""
    if case.customer_name:
        return str(case.customer_name)
    if not case.qbo_id and case.client_pk:
        return gettext("No customer yet")
    if case.kind in (Case.Kind.DELETIONS, Case.Kind.RESET):
        return gettext("Many customers")
    if not case.qbo_id and case.kind == Case.Kind.UNDO:
        return gettext("An undo as a whole")
    if case.qbo_id == NAMELESS:
        return gettext("A customer without an ID")
    return gettext("QuickBooks ID %(id)s") % {"id": case.qbo_id}


def customer_url(case: Any) -> str | None:
    """The customer's page, if it has been read."""
    return reverse(f"{CUSTOMERS}:inspect", args=(case.customer_pk,)) if case.customer_pk else None


class RetryView(PostOnly):
    """Try again what the site refused, after its reason was mended on the site."""

    permission_required = "sync"

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        connection = get_object_or_404(Connection.objects.select_related("token"), pk=pk)
        if objection := cannot_sync(connection):
            messages.error(request, objection)
        else:
            dead_letters.retry_all(connection, request.user)
            text = gettext("Sync of “%s” started. What the site refused is tried again.")
            messages.success(request, text % connection.company_name)
        return redirect(after_problem_url(request.user, connection))


urlpatterns = [
    path("", ProblemsView.as_view(), name="problems"),
    path("results/", ProblemsView.as_view(results_only=True), name="problems_results"),
    path("ignored/", IgnoredView.as_view(), name="ignored"),
    path("ignored/results/", IgnoredView.as_view(results_only=True), name="ignored_results"),
    path("<int:pk>/retry/", RetryView.as_view(), name="retry"),
]
