"""What QuickBooks answers is the truth: it becomes mirror, base, journal, or a case."""

from __future__ import annotations

import json
from collections.abc import Mapping as MappingType
from collections.abc import Sequence
from typing import Any

from django.utils.translation import gettext_noop as _

from wagtail_qbo_sync import clock
from wagtail_qbo_sync.compat import lock
from wagtail_qbo_sync.contact import Contact, project, same, values_to_json
from wagtail_qbo_sync.engine.merge import is_blank
from wagtail_qbo_sync.host.adapter import get_adapter
from wagtail_qbo_sync.models import (
    Case,
    Change,
    Connection,
    Customer,
    Mapping,
    Outbox,
    Run,
    Send,
    Step,
)
from wagtail_qbo_sync.qbo import lens, writes
from wagtail_qbo_sync.qbo.faults import NOT_FOUND, Action, QboError
from wagtail_qbo_sync.sync.access.trouble import source
from wagtail_qbo_sync.sync.applying import activity, adding, putting_back
from wagtail_qbo_sync.sync.reading import pull
from wagtail_qbo_sync.sync.records import cases, outbox, replaced, runs
from wagtail_qbo_sync.sync.records.parties import customer_digest

from .adopt import Near

ROUNDS = 3
"""How often a row is merged and sent anew because QuickBooks had moved on."""
MOVED_ON = _("The customer changed in QuickBooks each time before our change arrived.")
NEVER_CAME = _("QuickBooks did not answer whenever this was sent, and has no such customer.")
NOBODY: dict[str, dict[str, Any]] = {}
ANSWERED = (Case.Kind.KEPT, Case.Kind.NOT_TAKEN)

State = Outbox.State


def moved_on(send: Send, results: MappingType[str, writes.Result | Near]) -> dict[str, str]:
    """bId -> customer, of the changes that came too late, or for a customer that was not found."""
    rows = send.rows.filter(state=State.SENT).exclude(kind=Outbox.Kind.CREATE)
    return {
        row.bid: row.qbo_id
        for row in rows
        if isinstance(result := results.get(row.bid), writes.Refused) and _is_late(row, result)
    }


def store(
    send: Send,
    results: MappingType[str, writes.Result | Near],
    tid: str,
    holders: MappingType[str, dict[str, Any]] = NOBODY,
) -> QboError | None:
    """Store what became of the items of a batch, by bId. In a transaction of the lease.

    An item whose outcome is unknown stays as it is, and the batch open. `holders`: bId -> who
    has the name that an item was refused for (U10). Returns why an item was not done, where that
    concerns the whole connection.
    """
    connection, stops = send.connection, None
    done: list[tuple[Outbox, dict[str, Any]]] = []
    openings: list[cases.Opening] = []
    rows = lock(send.rows.filter(state=State.SENT), "run").order_by("pk")
    still_open = False
    for row in rows:
        result = results.get(row.bid)
        if isinstance(result, writes.Sent):
            _done(row, result.customer, done, openings)
        elif isinstance(result, Near):
            facts = {"customers": result.customers}
            openings.append(cases.Opening(Case.Kind.ALIKE, "", row.client_pk, facts))
            _end(row, State.PARKED)
        elif result is None or result.error.unknown_outcome:
            still_open, stops = True, result.error if result else stops
        elif _is_late(row, result):
            _again(row, openings)
        elif result.error.action in (Action.CASE, Action.BUG):
            _park(row, openings, _refused(row, result.error) | holders.get(row.bid, {}))
        else:
            unsend(row)
            stops = result.error
    _arrived(connection, done, tid, openings)
    cases.open_all(connection, openings)
    Send.objects.filter(pk=send.pk).update(is_open=still_open, intuit_tid=tid)
    return stops


def as_read(row: Outbox, customers: Sequence[Any]) -> writes.Result:
    """What became of an item, told from the customer as it is now (rule 16)."""
    for document in customers:
        if isinstance(document, dict) and document.get("Id") == row.qbo_id:
            try:
                stands = _stands(row, lens.snapshot(document))
            except lens.MalformedCustomer as error:
                return writes.Refused(error)
            return writes.Sent(document) if stands else writes.Refused(QboError.of("5010"))
    return writes.Refused(QboError.of(NOT_FOUND))


def _stands(row: Outbox, read: lens.Snapshot) -> bool:
    """Whether the customer is as it was to be."""
    if row.kind == Outbox.Kind.ACTIVITY:
        return read.active == activity.wanted(row)
    return not _kept(row, read.contact)


# Done -----------------------------------------------------------------------------------------


def _done(
    row: Outbox,
    document: dict[str, Any],
    done: list[tuple[Outbox, dict[str, Any]]],
    openings: list[cases.Opening],
) -> None:
    """An answer that cannot be read is a case: what it stands for is in the next reading."""
    try:
        read = lens.snapshot(document)
    except lens.MalformedCustomer as error:
        _park(row, openings, _refused(row, error))
    else:
        row.qbo_id = row.qbo_id or read.qbo_id
        if row.kind == Outbox.Kind.ACTIVITY and not _stands(row, read):
            _park(row, openings, {"message": activity.NOT_TAKEN})
        else:
            done.append((row, document))


def _arrived(
    connection: Connection,
    done: Sequence[tuple[Outbox, dict[str, Any]]],
    tid: str,
    openings: list[cases.Opening],
) -> None:
    """The answers become mirror and base; a value that does not stand in one is a case."""
    if not done:
        return
    ids = [row.qbo_id for row, _ in done]
    new = [(row, lens.get(document)) for row, document in done if row.kind == Outbox.Kind.CREATE]
    before = {
        customer.qbo_id: customer
        for customer in Customer.objects.filter(connection=connection, qbo_id__in=ids)
    }
    mappings = {
        mapping.qbo_id: mapping
        for mapping in Mapping.objects.select_for_update().filter(
            connection=connection, qbo_id__in=ids
        )
    }
    pull.mirror(connection, [document for _, document in done])
    adding.join(connection, new)
    moved = [row for row, _ in done if row.kind == Outbox.Kind.ACTIVITY]
    written = [
        (row, lens.get(document)) for row, document in done if row.kind != Outbox.Kind.ACTIVITY
    ]
    changes = [_change(row, row.values, tid) for row in moved]
    echoes: cases.Echoes = {}
    for row, said in written:
        mapping = mappings.get(row.qbo_id)
        if mapping is not None and mapping.client_pk == row.client_pk:
            echoes |= _rebase(mapping, row, said, before.get(row.qbo_id))
        changes.append(_change(row, _values(row, said), tid))
        if kept := _kept(row, said):
            facts = {"conflicts": kept, "fields": sorted(kept), "intuit_tid": tid}
            openings.append(cases.Opening(Case.Kind.KEPT, row.qbo_id, row.client_pk, facts))
    for row, _document in done:
        _end(row, State.DONE)
    Mapping.objects.bulk_update(mappings.values(), ["base"])
    Change.objects.bulk_create(changes)
    _answered(connection, [row for row, _said in written], echoes)
    activity.arrived(connection, moved)


def _answered(connection: Connection, rows: Sequence[Outbox], echoes: cases.Echoes) -> None:
    """What had been asked about these changes, or noted of them, has its answer."""
    for kind in ANSWERED:
        cases.close_about(connection, kind, {row.qbo_id: row.values for row in rows})
    cases.still_refused(connection, echoes)
    replaced.arrived({row.client_pk: outbox.said(row) for row in rows if not outbox.undoes(row)})


def _rebase(mapping: Mapping, row: Outbox, said: Contact, before: Customer | None) -> cases.Echoes:
    """Rule 11: each side's base is what it holds; the site's is what was sent, but for an undo,
    whose difference stands as agreed (rule 15).

    What else the answer says differently was changed there meanwhile, and is merged next. Where
    nothing was, the answer is an echo of ours.
    """
    adapter = get_adapter()
    base = mapping.base
    sent = {} if outbox.undoes(row) else {name: new for name, (_, new) in row.values.items()}
    now = values_to_json(project(said, adapter.paths).values(row.values))
    mapping.base = {
        **base,
        "site": base.get("site", {}) | sent,
        "qbo": base.get("qbo", {}) | now,
    }
    if before is not None and base.get("seen") == before.record["digest"]:
        changed = project(said, adapter.paths).values(row.values)
        now_seen = customer_digest(said, adapter)
        if customer_digest(before.contact.changed(changed), adapter) == now_seen:
            mapping.base["seen"] = now_seen
            return {row.qbo_id: (base["seen"], now_seen)}
    return {}


def _values(row: Outbox, said: Contact) -> dict[str, Any]:
    """Field -> [what stood there, what stands there now]."""
    now = values_to_json(said.values(row.values))
    return {name: [before, now[name]] for name, (before, _) in row.values.items()}


def _change(row: Outbox, values: dict[str, Any], tid: str) -> Change:
    """What the journal tells of it."""
    return Change(
        connection_id=row.connection_id,
        run_id=row.run_id,
        side=Change.Side.QBO,
        qbo_id=row.qbo_id,
        client_pk=row.client_pk,
        values=values,
        actor_id=row.run.approved_by_id if row.run else None,
        intuit_tid=tid,
        at=clock.now(),
    )


def _kept(row: Outbox, said: Contact) -> dict[str, Any]:
    """field -> what was sent and what stands there instead, above all where it was to be
    cleared; of a field that is no longer mapped nothing is said (rule 7).

    The body says more than the site where QuickBooks holds several e-mail addresses.
    """
    paths = get_adapter().paths
    sent = Contact().changed(outbox.said(row))
    body = lens.get(json.loads(row.body))
    wanted, written, now = (project(one, paths).values(row.values) for one in (sent, body, said))
    differing = [
        name
        for name in now
        if not same(name, wanted[name], now[name])
        and (is_blank(wanted[name]) or not same(name, written[name], now[name]))
    ]
    site, qbo = values_to_json(wanted), values_to_json(now)
    return {name: {"site": site[name], "qbo": qbo[name]} for name in differing}


# Not done -------------------------------------------------------------------------------------


def _again(row: Outbox, openings: list[cases.Opening]) -> None:
    """QuickBooks had moved on: merge again, send again; after some rounds a case."""
    if row.rounds + 1 >= ROUNDS:
        never_came = row.kind == Outbox.Kind.CREATE
        _park(row, openings, {"message": NEVER_CAME if never_came else MOVED_ON})
        return
    if row.kind == Outbox.Kind.CREATE:  # nothing of it is there: it is sent anew
        row.rounds += 1
        unsend(row)
        return
    if outbox.undoes(row):
        undo_again(row)
    else:
        outbox.want_again(row, rounds=row.rounds + 1)


def _is_late(row: Outbox, refused: writes.Refused) -> bool:
    """Whether QuickBooks had moved on, or the customer to be changed is gone (U8)."""
    is_gone = refused.error.code == NOT_FOUND and row.kind == Outbox.Kind.UPDATE
    return is_gone or refused.error.action is Action.REREAD


def _step_of(row: Outbox) -> Step | None:
    about = {"qbo_id": row.qbo_id, "client_pk": row.client_pk}
    return Step.objects.filter(run=row.run_id, kind=Step.Kind.UNDO, **about).first()


def undo_again(row: Outbox) -> None:
    """Its step is done once more, on the customer as it is by then: what somebody has edited
    there is left."""
    if step := _step_of(row):
        if row.kind != Outbox.Kind.ACTIVITY:
            step.data = putting_back.done_on_site(step.data) | {"to_qbo": row.values}
        step.data = {**step.data, "rounds": row.rounds + 1}
        step.state = Step.State.PLANNED
        step.save(update_fields=["state", "data"])
        Run.objects.filter(pk=step.run_id).update(state=Run.State.APPLYING, finished_at=None)
    row.delete()


def _undo_failed(row: Outbox, facts: dict[str, Any]) -> None:
    """What QuickBooks answered is what the undo's page shows."""
    step, run = _step_of(row), row.run
    if step is None or run is None:  # erased meanwhile
        return
    if row.kind != Outbox.Kind.ACTIVITY:
        step.data = putting_back.done_on_site(step.data)
    step.data |= {"why": facts["message"], "intuit_tid": facts.get("intuit_tid", "")}
    if holder := facts.get("name_holder"):
        step.data["name_holder"] = holder
    step.state = Step.State.FAILED
    step.save(update_fields=["state", "data"])
    run.counts = {**run.counts, "outcome": runs.outcome(run)}
    run.save(update_fields=["counts"])


def _park(row: Outbox, openings: list[cases.Opening], facts: dict[str, Any]) -> None:
    """A person is asked about the customer, or about the client that was to become one."""
    if outbox.undoes(row):
        _undo_failed(row, facts)
        _end(row, State.PARKED)
        return
    openings.append(
        cases.Opening(
            Case.Kind.NOT_TAKEN,
            row.qbo_id,
            row.client_pk,
            {"fields": sorted(row.values), **facts},
        )
    )
    _end(row, State.PARKED)


def _refused(row: Outbox, error: QboError) -> dict[str, Any]:
    """What QuickBooks answered, and the values that it does not take: a name that is taken
    holds back nothing else."""
    names = (
        ["name"] if error.code == writes.NAME_TAKEN and "name" in row.values else sorted(row.values)
    )
    return {
        "message": source(error),
        "code": error.code,
        "intuit_tid": error.intuit_tid,
        "fields": names,
        "untaken": {name: row.values[name][1] for name in names},
    }


def unsend(row: Outbox) -> None:
    """It was not done: it goes out with another batch."""
    row.send = None
    _end(row, State.WRITTEN, Outbox.key(State.WRITTEN, row.connection_id, row.client_pk))


def _end(row: Outbox, state: str, open_key: str | None = None) -> None:
    row.state, row.open_key = state, open_key
    row.save(update_fields=["state", "open_key", "send", "rounds", "qbo_id"])
