"""A customer that we created is made inactive again, and active again (U5, U8).

Only ever because a person approved an undo: no machine does either (K7, U8). It goes out as any
other write does; what QuickBooks answers decides about the mapping, and a refusal changes nothing.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence

from django.utils.translation import gettext_noop as _

from wagtail_qbo_sync import clock
from wagtail_qbo_sync.compat import wide_statements
from wagtail_qbo_sync.host.adapter import get_adapter
from wagtail_qbo_sync.models import Connection, Customer, Mapping, Outbox, Run, Step
from wagtail_qbo_sync.qbo import writes
from wagtail_qbo_sync.sync.bulk import taking_back
from wagtail_qbo_sync.sync.records.parties import contact_of
from wagtail_qbo_sync.sync.records.runs import ACTIVE

from .batch import Batch

KIND = Outbox.Kind.ACTIVITY
NOT_TAKEN = _("QuickBooks left the customer as it is, without saying why.")


def write_down(batch: Batch, run: Run) -> None:
    """Store what the steps that `batch` did want to be sent."""
    done = [one for one in batch.ended if one.state == Step.State.DONE and ACTIVE in one.data]
    with wide_statements(Outbox.objects.db):
        Outbox.objects.bulk_create(
            _row(step, batch.facts.customers[step.qbo_id], run) for step in done
        )


def _row(step: Step, customer: Customer, run: Run) -> Outbox:
    active, state = step.data[ACTIVE], Outbox.State.WRITTEN
    token, name = customer.record["sync_token"], contact_of(customer, get_adapter()).name
    return Outbox(
        connection_id=customer.connection_id,
        client_pk=step.client_pk,
        qbo_id=step.qbo_id,
        kind=KIND,
        state=state,
        open_key=Outbox.key(state, customer.connection_id, step.client_pk),
        wanted_at=clock.now(),
        run=run,
        body=json.dumps(writes.activity(customer.qbo_id, token, active, name)),
        values={ACTIVE: [not active, active]},
        sync_token=token,
        rounds=step.data.get("rounds", 0),
    )


def wanted(row: Outbox) -> bool:
    """Whether the customer is to be active."""
    return bool(row.values[ACTIVE][1])


def arrived(connection: Connection, rows: Sequence[Outbox]) -> None:
    """It is done: of an inactive customer the match is removed (rule 15), of one that is active
    again it is put back. The rows of the clients are locked."""
    for user in {row.run.approved_by if row.run else None for row in rows}:
        theirs = [row for row in rows if (row.run.approved_by if row.run else None) == user]
        if ended := _still_mapped(connection, (row for row in theirs if not wanted(row))):
            taking_back.remove_match(connection, ended, user)
        if back := [row.qbo_id for row in theirs if wanted(row)]:
            taking_back.put_match_back(connection, back, user)


def _still_mapped(connection: Connection, rows: Iterable[Outbox]) -> list[str]:
    """Customers that nobody has mapped to another client meanwhile."""
    pairs = {row.qbo_id: row.client_pk for row in rows}
    held = Mapping.objects.filter(connection=connection, qbo_id__in=list(pairs))
    return [qbo_id for qbo_id, pk in held.values_list("qbo_id", "client_pk") if pairs[qbo_id] == pk]
