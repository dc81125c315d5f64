"""Taking back what a decision about many customers did (U5): `undo` for each of them.

Only what still is as that decision left it: whom somebody mapped anew since stays as they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext_noop

from wagtail_qbo_sync.compat import lock
from wagtail_qbo_sync.host.adapter import get_adapter
from wagtail_qbo_sync.models import BulkDecision, Customer, Mapping, Run, Step
from wagtail_qbo_sync.sync.people import undo
from wagtail_qbo_sync.sync.people.undo import Undone
from wagtail_qbo_sync.sync.records.locked import Outcome, Refusal

from . import taking_back
from .choices import SETTLED, Choice, Do

COUNTED = {
    Undone.REMOVED: "removed",
    Undone.NOT_MADE: "not_made",
}
"""What became of the client -> as what it is counted, if not as parted."""
STAYS = {
    Undone.PARTLY: gettext_noop("What somebody has edited on the client since stays."),
    Undone.EDITED: gettext_noop("The client stays: somebody has edited it since."),
    Undone.REFERRED_TO: gettext_noop("The client stays: something else on the site refers to it."),
    Undone.HIDDEN: gettext_noop("The client stays: whoever takes this back may not view it."),
}
"""What became of the client -> why not all could be taken back."""


def take_back(bulk: BulkDecision, choices: Sequence[Choice]) -> Outcome:
    """Take back what `bulk.undoes` did about these customers. Must run in a transaction."""
    excluded = [choice.qbo_id for choice in choices if choice.do == Do.EXCLUDE]
    paired = [choice.qbo_id for choice in choices if choice.do in (Do.MAP, Do.CREATE)]
    customers = _locked(bulk, [*excluded, *paired])
    outcome = taking_back.include(bulk.connection, excluded, bulk.by) if excluded else Outcome()
    ours = _still_ours(bulk, paired)
    for qbo_id in paired:
        if (customer := customers.get(qbo_id)) is None:
            continue
        if qbo_id not in ours:
            outcome.skip(SETTLED, customer)
            continue
        _part(customer, bulk.by, outcome)
    return outcome


def _part(customer: Customer, user: Any, outcome: Outcome) -> None:
    """One customer is parted from its client; in a savepoint, so that it stops only itself."""
    try:
        with transaction.atomic():
            undone, step = undo.part(customer.connection, customer.qbo_id, user)
    except Refusal:
        outcome.skip(SETTLED, customer)
        return
    outcome.counts[COUNTED.get(undone, "parted")] += 1
    if step is not None:
        outcome.steps.append(step)
    if why := STAYS.get(undone):
        outcome.skip(why, customer)


def _still_ours(bulk: BulkDecision, qbo_ids: Sequence[str]) -> set[str]:
    """Those of the customers that nothing has mapped, or made a client of, since."""
    undone = BulkDecision.objects.filter(undone_by=bulk).values_list("run", flat=True).first()
    if undone is None:
        return set()
    steps = Step.objects.filter(
        Q(run__by_person=True) | Q(state=Step.State.DONE),
        run__connection=bulk.connection,
        kind__in=[Step.Kind.LINK, Step.Kind.CREATE],
        qbo_id__in=qbo_ids,
    ).exclude(Q(state=Step.State.LEFT) | Q(run__state=Run.State.PROPOSED))
    latest = dict(steps.order_by("run").values_list("qbo_id", "run"))
    return {qbo_id for qbo_id, run in latest.items() if run == undone}


def _locked(bulk: BulkDecision, qbo_ids: Sequence[str]) -> dict[str, Customer]:
    """The customers, their clients' rows locked first, then theirs (rule 10)."""
    mapped = Mapping.objects.filter(connection=bulk.connection, qbo_id__in=qbo_ids)
    get_adapter().lock(sorted(mapped.values_list("client_pk", flat=True)))
    rows = Customer.objects.filter(connection=bulk.connection, qbo_id__in=qbo_ids)
    return {customer.qbo_id: customer for customer in lock(rows, "connection").order_by("pk")}
