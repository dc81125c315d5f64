"""Why a run did what it did (U6): all that is stored about it, gathered.

Reads only; as many queries for a run of any size.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.db.models import Count, Exists, OuterRef
from django.db.models.fields.json import KT

from wagtail_qbo_sync.models import Case, Change, Outbox, Run, Step
from wagtail_qbo_sync.sync.records.outbox import ON_THE_WAY

from .why import Company, company_of

REASONS = 20
"""Reasons why steps were not done, and values that QuickBooks did not take, that are told."""
ANSWERS = (Case.Kind.NOT_TAKEN, Case.Kind.KEPT, Case.Kind.ALIKE, Case.Kind.GONE)
"""What QuickBooks' answers to what was sent become."""


@dataclass(frozen=True, slots=True)
class Reason:
    """So many steps that were not done, for one reason."""

    state: str
    why: str
    count: int


@dataclass(frozen=True, slots=True)
class Answer:
    """What QuickBooks did not take, or kept instead; a sentence to be translated."""

    customer: str
    """By name, or "" for a client that was to become one."""
    client_pk: str
    client: str
    message: str
    intuit_tid: str
    case: Case | None = None
    """What it became, where it is no undo."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What is stored about a run."""

    company: Company
    run: Run
    kinds: dict[str, int]
    """Kind of step -> how many are in it, whatever became of them."""
    by_hand: frozenset[str]
    """Kinds of which a person decided each."""
    left: int
    """Steps that a person unticked."""
    reasons: tuple[Reason, ...]
    written: dict[str, int]
    """Side -> records that were written there."""
    answers: tuple[Answer, ...]
    on_its_way: int
    """Changes and customers that QuickBooks has not answered yet."""
    open_cases: int
    undone_by: tuple[Run, ...]


def of_run(run: Run) -> Facts:
    """About one run."""
    steps = run.steps.order_by()
    kinds = dict(steps.values_list("kind").annotate(count=Count("pk")))
    asked = steps.filter(data__by_hand=True).values_list("kind", flat=True)
    left = steps.filter(state__in=[Step.State.UNTICKED, Step.State.LEFT]).count()
    sides = Change.objects.filter(run=run).order_by().values_list("side")
    sent = Outbox.objects.filter(run=run)
    return Facts(
        company=company_of(run.connection),
        run=run,
        kinds=kinds,
        by_hand=frozenset(asked.distinct()),
        left=left,
        reasons=_reasons(run),
        written=dict(sides.annotate(count=Count("pk"))),
        answers=(*_refused_undos(run), *_answers(run)),
        on_its_way=sent.filter(state__in=ON_THE_WAY).count(),
        open_cases=run.connection.cases.filter(facts__run=run.pk, open_key__isnull=False).count(),
        undone_by=tuple(run.undone_by.exclude(state=Run.State.DISCARDED).order_by("pk")),
    )


def _reasons(run: Run) -> tuple[Reason, ...]:
    ended = run.steps.filter(state__in=[Step.State.HELD, Step.State.FAILED])
    ended = ended.filter(data__intuit_tid__isnull=True)
    rows = ended.order_by().annotate(why=KT("data__why")).values_list("state", "why")
    counted = rows.annotate(count=Count("pk")).order_by("-count", "state", "why")
    return tuple(Reason(state, why or "", count) for state, why, count in counted[:REASONS])


def _refused_undos(run: Run) -> tuple[Answer, ...]:
    """What QuickBooks refused to take back stands at the steps."""
    steps = run.steps.filter(state=Step.State.FAILED, data__intuit_tid__isnull=False)
    return tuple(
        Answer(
            step.data.get("customer", ""),
            step.client_pk,
            step.data.get("client", ""),
            step.data["why"],
            step.data["intuit_tid"],
        )
        for step in steps.order_by("pk")[:REASONS]
    )


def _answers(run: Run) -> tuple[Answer, ...]:
    """Of what was put aside, or kept otherwise: the case that it became, open or answered."""
    rows = Outbox.objects.filter(connection=run.connection)
    later = rows.filter(
        run__gt=run.pk, client_pk=OuterRef("client_pk"), wanted_at__lte=OuterRef("opened_at")
    )
    cases = run.connection.cases.filter(
        kind__in=ANSWERS,
        opened_at__gte=run.started_at,
        client_pk__in=rows.filter(run=run).values("client_pk"),
    )
    found = list(cases.exclude(Exists(later)).order_by("pk")[:REASONS])
    steps = run.steps.filter(client_pk__in=[case.client_pk for case in found])
    names = {step.client_pk: step.data for step in steps}
    return tuple(_answer(case, names.get(case.client_pk, {})) for case in found)


def _answer(case: Case, names: Mapping[str, Any]) -> Answer:
    facts = case.facts
    about = names.get("customer", ""), case.client_pk, names.get("client", "")
    return Answer(*about, facts.get("message", ""), facts.get("intuit_tid", ""), case)
