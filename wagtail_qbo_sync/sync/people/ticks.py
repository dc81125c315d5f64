"""Which steps of a plan a person wants done (U3): unticking them, and ticking them again.

An unticked step is left when the plan is applied, and what differs stands as agreed (rule 15).
"""

from __future__ import annotations

from django.db import transaction
from django.db.models import Case, Count, Q, QuerySet, When

from wagtail_qbo_sync.contact import FIELDS
from wagtail_qbo_sync.models import Run, Step
from wagtail_qbo_sync.sync.records.runs import touching

TICKABLE = (Step.Kind.LINK, Step.Kind.CREATE, Step.Kind.UNDO)
BY_HAND = Q(kind=Step.Kind.EXCLUDE, data__by_hand=True)
WRITING = Q(kind__in=TICKABLE) | ~Q(touches="") | BY_HAND
"""Steps that can be unticked; the others only tell, ask or note."""
WAITING = (Run.State.WAITING, Run.State.PROPOSED)
"""Plans whose steps a person may still untick."""


def can_untick(step: Step) -> bool:
    """Whether doing the step is a matter of a tick."""
    is_exclusion = step.kind == Step.Kind.EXCLUDE and bool(step.data.get("by_hand"))
    return bool(step.touches) or step.kind in TICKABLE or is_exclusion


@transaction.atomic
def tick(run: Run, steps: QuerySet[Step], *, ticked: bool) -> int | None:
    """Untick these steps of a plan, or tick them again. How many changed; None if the plan does
    not wait any more."""
    if not Run.objects.select_for_update().filter(pk=run.pk, state__in=WAITING).exists():
        return None
    states = Step.State.UNTICKED, Step.State.PLANNED
    before, after = states if ticked else reversed(states)
    wanted = steps.order_by().filter(WRITING, run=run, state=before)
    return Step.objects.filter(pk__in=wanted.values("pk")).update(state=after)


def touched_fields(run: Run, state: Step.State) -> dict[str, dict[str, int]]:
    """ "over" and "qbo" -> field -> steps in this state that replace it or send it. One query."""
    counts = {
        f"{side}_{name}": Count(Case(When(touching(f"{side}:{name}"), then=1)))
        for side in ("over", "qbo")
        for name in FIELDS
    }
    found = run.steps.filter(state=state).aggregate(**counts)
    return {
        side: {name: found[f"{side}_{name}"] for name in FIELDS if found[f"{side}_{name}"]}
        for side in ("over", "qbo")
    }
