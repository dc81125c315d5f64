"""The last look before a run makes clients, or customers: is somebody like that there by now?

Between the plan and its approval a person may have typed in the very client, or customer, that
is about to be created. Such a step is held back; the next plan shows it as a possible duplicate.
"""

from __future__ import annotations

from django.db.models import QuerySet
from django.utils.translation import gettext_noop as _

from wagtail_qbo_sync.clock import failpoint
from wagtail_qbo_sync.compat import chunks
from wagtail_qbo_sync.engine.match import CustomerKeys, match, newcomers
from wagtail_qbo_sync.host.adapter import ClientAdapter
from wagtail_qbo_sync.models import Customer, Run, Step
from wagtail_qbo_sync.models.mirror import split_keys
from wagtail_qbo_sync.sync.access.lease import Lease
from wagtail_qbo_sync.sync.records.parties import TAKE_PART, client_keys, keys_of

CHUNK = 500
LOOKED = 1
"""SyncState.position of a run that was looked over; 0 before."""
WHY = _("A client like this one came to the site after this was planned.")
WHY_CUSTOMER = _("A customer like this client came to QuickBooks after this was planned.")


def hold_back(lease: Lease, run: Run, adapter: ClientAdapter) -> None:
    """Hold each planned creation whose customer is like a client.

    What the run itself wrote does not count, so a look that is done again finds the same.
    """
    planned = run.steps.filter(kind=Step.Kind.CREATE, state=Step.State.PLANNED)
    if run.by_person:
        planned = planned.none()  # the person has seen whom the customer is like
    alike = _alike(lease, run, adapter, set(planned.values_list("qbo_id", flat=True)))
    adds = run.steps.filter(kind=Step.Kind.ADD, state=Step.State.PLANNED)
    if run.approved_at is None or (run.by_person and not run.push):
        adds = adds.none()  # planned this very moment, or the person has seen whom it is like
    clients = set(adds.values_list("client_pk", flat=True))
    is_there = known(run.connection_id, adapter, clients)
    with lease.transaction(position=LOOKED):
        for chunk in chunks(alike, CHUNK):
            _hold(planned.filter(qbo_id__in=chunk), WHY)
        for chunk in chunks(is_there, CHUNK):
            _hold(adds.filter(client_pk__in=chunk), WHY_CUSTOMER)
    failpoint("apply.looked")


def _hold(steps: QuerySet[Step], why: str) -> None:
    held = list(steps)
    for step in held:
        step.state = Step.State.HELD
        step.data["why"] = why
    Step.objects.bulk_update(held, ["state", "data"])


def known(connection_id: int, adapter: ClientAdapter, client_pks: set[str]) -> list[str]:
    """Those of the clients that are like a customer of today."""
    if not client_pks:
        return []
    clients = [keys_of(record) for record in adapter.records(client_pks)]
    rows = Customer.objects.filter(connection_id=connection_id, standing__in=TAKE_PART)
    customers = (
        CustomerKeys(qbo_id, *split_keys(keys))
        for qbo_id, keys in rows.values_list("qbo_id", "match_keys").iterator()
    )
    return list(newcomers(clients, customers).alike)


def _alike(lease: Lease, run: Run, adapter: ClientAdapter, qbo_ids: set[str]) -> list[str]:
    """Those of the customers that share a name or an e-mail with a client of today."""
    if not qbo_ids:
        return []
    rows = Customer.objects.filter(connection_id=run.connection_id)
    customers = [
        CustomerKeys(qbo_id, *split_keys(keys))
        for qbo_id, keys in rows.values_list("qbo_id", "match_keys").iterator()
        if qbo_id in qbo_ids
    ]
    ours = set(run.steps.filter(state=Step.State.DONE).values_list("client_pk", flat=True))
    everyone = lease.renewing(client_keys(adapter, ()))
    clients = (client for client in everyone if client.pk not in ours)
    found = match(customers, clients)
    return [*found.matched, *found.review]
