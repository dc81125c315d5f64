"""Filters of our listings."""

from __future__ import annotations

from functools import reduce
from operator import or_
from typing import Any

import django_filters
from django import forms
from django.db.models import Q, QuerySet
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from wagtail.admin.filters import WagtailFilterSet

from wagtail_qbo_sync.compat import one_of
from wagtail_qbo_sync.contact import FIELDS, fields_of
from wagtail_qbo_sync.host.adapter import get_adapter
from wagtail_qbo_sync.models import (
    Case,
    Comparison,
    Connection,
    Customer,
    Difference,
    ImportBatch,
    ImportOutcome,
    ImportRow,
    Run,
    Step,
)
from wagtail_qbo_sync.sync.bulk import drafts
from wagtail_qbo_sync.sync.records.client_status import ClientStatus
from wagtail_qbo_sync.sync.records.runs import ACTIVE, touching
from wagtail_qbo_sync.sync.records.status import PROBLEMS, CustomerStatus

from .labels import field_label


def companies() -> QuerySet[Connection]:
    """All companies, by name."""
    return Connection.objects.order_by("company_name", "pk")


def has_several_companies() -> bool:
    """Whether it must be said which company something belongs to."""
    return len(Connection.objects.values_list("pk")[:2]) > 1


def only_company() -> Connection | None:
    """The company that need not be named."""
    found = companies()[:2]
    return found[0] if len(found) == 1 else None


class SeveralFilter(django_filters.MultipleChoiceFilter):
    """Any of several choices."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(widget=forms.CheckboxSelectMultiple, distinct=False, **kwargs)


class CompanyFilterSet(WagtailFilterSet):
    """By company, where there are several."""

    connection = django_filters.ModelChoiceFilter(
        label=_("Company"),
        queryset=companies(),
        empty_label=_("All"),
        widget=forms.RadioSelect,
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not has_several_companies():
            del self.filters["connection"]


class CustomerFilterSet(CompanyFilterSet):
    """The customers' listing; it must come from `status.with_status`."""

    status = SeveralFilter(label=_("Status"), choices=CustomerStatus.choices)

    class Meta:
        model = Customer
        fields: list[str] = []


class MapFilterSet(WagtailFilterSet):
    """Map customers: the rows of one company that must come from `drafts.to_map`."""

    state = SeveralFilter(
        label=_("State"),
        method="standing",
        choices=[
            ("undecided", _("Undecided")),
            ("decided", _("Decided")),
            ("exact", _("Exact name, suggested")),
            ("review", _("Needs review")),
        ],
    )

    class Meta:
        model = Customer
        fields: list[str] = []

    def __init__(self, *args: Any, company: Connection, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.company = company

    def standing(self, customers: QuerySet[Any], name: str, states: list[str]) -> QuerySet[Any]:
        """Any of these. A suggestion by exact name stands, so it is not undecided."""
        if not states:
            return customers
        decided = Q(qbo_id__in=drafts.decided(self.company).values("qbo_id"))
        exact = Q()
        if {"undecided", "exact"} & set(states):
            suggested = drafts.suggested(self.company, self.request.user)
            exact = Q(qbo_id__in=one_of(suggested, customers.db))
        asked = {
            "undecided": ~decided & ~exact,
            "decided": decided,
            "exact": exact & ~decided,
            "review": Q(status=CustomerStatus.REVIEW),
        }
        return customers.filter(reduce(or_, (asked[state] for state in states)))


class ClientFilterSet(WagtailFilterSet):
    """The clients' listing; it must come from `client_status.with_client_status`."""

    status = SeveralFilter(label=_("Status"), field_name="qbo_status", choices=ClientStatus.choices)
    contact_type = SeveralFilter(label=_("Contact Type"), method="of_type")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if choices := get_adapter().contact_type_choices():
            self.filters["contact_type"].extra["choices"] = choices
        else:
            del self.filters["contact_type"]

    def of_type(self, clients: QuerySet[Any], name: str, keys: list[str]) -> QuerySet[Any]:
        """Clients that have one of these Contact Types."""
        return clients.filter(get_adapter().contact_types.having(keys)) if keys else clients


class ProblemFilterSet(CompanyFilterSet):
    """The listing of problems."""

    kind = SeveralFilter(label=_("What"), choices=[(kind.value, kind.label) for kind in PROBLEMS])

    class Meta:
        model = Case
        fields: list[str] = []


class ConflictFilterSet(CompanyFilterSet):
    """The listing of conflicts."""

    field = SeveralFilter(label=_("Field"), method="about")

    class Meta:
        model = Case
        fields: list[str] = []

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        held = fields_of(get_adapter().paths)
        self.filters["field"].extra["choices"] = [
            (name, field_label(name)) for name in FIELDS if name in held
        ]

    def about(self, cases: QuerySet[Case], name: str, fields: list[str]) -> QuerySet[Case]:
        """Cases about any of these fields."""
        return cases.filter(facts__conflicts__has_any_keys=fields) if fields else cases


class RunFilterSet(CompanyFilterSet):
    """The listing of runs."""

    state = SeveralFilter(label=_("State"), choices=Run.State.choices)

    class Meta:
        model = Run
        fields: list[str] = []


class ComparisonFilterSet(CompanyFilterSet):
    """The listing of full comparisons."""

    class Meta:
        model = Comparison
        fields: list[str] = []


class DifferenceFilterSet(WagtailFilterSet):
    """What one comparison found."""

    why = SeveralFilter(label=_("Why"), choices=Difference.Why.choices)

    class Meta:
        model = Difference
        fields: list[str] = []


class StepFilterSet(WagtailFilterSet):
    """The steps of one run."""

    kind = SeveralFilter(label=_("What"), choices=Step.Kind.choices)
    over = SeveralFilter(label=_("Overwrites on the site"), method="touching")
    qbo = SeveralFilter(label=_("Sends to QuickBooks"), method="touching")
    state = SeveralFilter(label=_("State"), choices=Step.State.choices)

    class Meta:
        model = Step
        fields: list[str] = []

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        mapped = fields_of(get_adapter().paths)
        choices = [(name, field_label(name)) for name in FIELDS if name in mapped]
        for side in ("over", "qbo"):
            self.filters[side].extra["choices"] = choices
        self.filters["qbo"].extra["choices"] = [*choices, (ACTIVE, field_label(ACTIVE))]

    def touching(self, steps: QuerySet[Step], name: str, fields: list[str]) -> QuerySet[Step]:
        """Steps that do so to one of these fields."""
        return steps.filter(touching(*(f"{name}:{field}" for field in fields)))


class ImportRowFilterSet(WagtailFilterSet):
    """The rows of one import of Contact Types."""

    state = SeveralFilter(label=_("What"), choices=ImportRow.State.choices)
    outcome = SeveralFilter(label=_("In QuickBooks"), method="becoming")

    class Meta:
        model = ImportRow
        fields: list[str] = []

    def __init__(self, *args: Any, batch: ImportBatch, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.batch = batch
        if choices := outcome_choices(batch):
            self.filters["outcome"].extra["choices"] = choices
        else:
            del self.filters["outcome"]

    def becoming(self, rows: QuerySet[ImportRow], name: str, keys: list[str]) -> QuerySet[Any]:
        """Rows of clients that become one of these."""
        asked = Q(pk__in=[])
        for key in keys:
            company, _dot, kind = key.partition(".")
            asked |= ~Q(was="") if key == MOVED else Q(connection=company, kind=kind)
        found = self.batch.outcomes.filter(asked).values("client_pk")
        return rows.filter(client_pk__in=found) if keys else rows


MOVED = "moved"
"""In the address of an import: the rows that lead to something else than was confirmed."""


def outcome_key(company: int, kind: str) -> str:
    """The same: the rows of what becomes this in that company."""
    return f"{company}.{kind}"


def outcome_choices(batch: ImportBatch) -> list[tuple[str, str]]:
    """(what clients become in a company, how it is called)."""
    found = companies().filter(pk__in=[line["company"] for line in batch.forecast])
    kinds = [kind for kind in ImportOutcome.Kind if kind != ImportOutcome.Kind.NOTHING]
    choices = [
        (outcome_key(one.pk, kind), f"{one}: {kind.label}" if len(found) > 1 else str(kind.label))
        for one in found
        for kind in kinds
    ]
    return [*choices, (MOVED, gettext("Other than was confirmed"))] if choices else []
