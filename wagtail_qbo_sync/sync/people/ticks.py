"""Which steps of a plan a person wants done (U3): unticking them, and ticking them again.

An unticked step is left when the plan is applied, and what differs stands as agreed (rule 15).
Whoever approves a page has seen its ticks: their own are theirs in whatever window, and of those of
others the plan counts how many there were.
"""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.db.models import Case, Count, Q, QuerySet, When
from django.utils.translation import gettext as _

from wagtail_qbo_sync.compat import lock
from wagtail_qbo_sync.contact import FIELDS
from wagtail_qbo_sync.models import Run, Step
from wagtail_qbo_sync.sync.records.locked import Refusal
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
def tick(run: Run, steps: QuerySet[Step], user: Any = None, *, ticked: bool) -> int | None:
    """Untick these steps of a plan, or tick them again. How many changed; None if the plan does
    not wait any more."""
    plan = lock(Run.objects.filter(pk=run.pk, state__in=WAITING)).first()
    if plan is None:
        return None
    states = Step.State.UNTICKED, Step.State.PLANNED
    before, after = states if ticked else reversed(states)
    wanted = steps.order_by().filter(WRITING, run=run, state=before)
    changed = Step.objects.filter(pk__in=wanted.values("pk")).update(state=after)
    if changed:
        plan.ticks[_key(user)] = plan.ticks.get(_key(user), 0) + 1
        plan.save(update_fields=["ticks"])
    return changed


def by_others(run: Run, user: Any) -> int:
    """How often anybody else has changed the ticks of a plan."""
    return sum(times for key, times in run.ticks.items() if key != _key(user))


def refuse_unseen(run: Run, user: Any, seen: int | None) -> None:
    """A plan is applied as it was shown. `seen`: what `by_others` was then, None to apply whatever
    is ticked. The caller has locked the run. Raises Refusal."""
    if seen is not None and seen != by_others(run, user):
        text = _(
            "Somebody else has changed the ticks since you opened this page, so nothing was done. "
            "This is how they are now: look again."
        )
        raise Refusal(text)


def _key(user: Any) -> str:
    return "" if user is None else str(user.pk)


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
