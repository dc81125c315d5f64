"""What a batch leaves behind, in its transaction: mappings with their bases, footprints, the
journal, decisions, cases, and how the steps ended."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from collections.abc import Mapping as MappingType
from typing import Any

from django.db.models import OuterRef, Subquery

from wagtail_qbo_sync import clock
from wagtail_qbo_sync.compat import upsert, wide_statements
from wagtail_qbo_sync.contact import fields_of, project, values_to_json
from wagtail_qbo_sync.engine.plan import Ask
from wagtail_qbo_sync.host.adapter import ClientAdapter
from wagtail_qbo_sync.models import (
    Case,
    Change,
    Connection,
    Customer,
    Decision,
    Footprint,
    Mapping,
    Run,
    Step,
)
from wagtail_qbo_sync.sync.planning import newcomers
from wagtail_qbo_sync.sync.records import archive, cases, outbox, replaced
from wagtail_qbo_sync.sync.records.parties import client_digest
from wagtail_qbo_sync.sync.records.traces import rest_digests

from . import activity, adding, outgoing, putting_back
from .batch import Batch, Outcome
from .judge import OF_CLIENTS

Kind = Step.Kind
State = Step.State
NO = {
    Kind.LINK: Decision.Kind.REMOVED_MATCH,
    Kind.FOLLOW: Decision.Kind.REMOVED_MATCH,
    Kind.CREATE: Decision.Kind.CLIENT_DELETED,
}
"""What it means that a person unticked such a step of a customer that is not mapped."""


TOLD = {"untaken", "archives"}
"""What a step that is done says more of than when it was planned."""


def record(batch: Batch, run: Run) -> None:
    """Store everything that `batch` did. Raises IntegrityError when a person mapped one of its
    customers or clients this very moment."""
    _mappings(batch)
    _footprints(batch.outcomes, batch.facts.digests, batch.adapter)
    _other_companies(batch)
    _changes(batch.outcomes, run)
    outgoing.write_down(batch, run)
    activity.write_down(batch, run)
    adding.write_down(batch, run)
    _decisions(batch, run)
    putting_back.store(batch.connection, run, batch.ended, batch.removed, batch.facts.by_customer)
    _put_back_with_match(batch)
    ask(batch.ended, batch.connection)
    _steps(batch.ended, batch.connection)


# Mappings -----------------------------------------------------------------------------------


def _mappings(batch: Batch) -> None:
    made = rest_digests(
        batch.adapter, [one.record for one in batch.outcomes if one.step.kind == Kind.CREATE]
    )
    new, changed = [], []
    for outcome in batch.outcomes:
        step, client_pk = outcome.step, outcome.record.pk
        if step.kind in OF_CLIENTS:
            continue
        mapping = _mapping_of(step, batch)
        if step.kind == Kind.UNDO:
            if mapping is not None and mapping.client_pk == client_pk:
                mapping.base = _put_back(mapping.base, outcome)
                changed.append(mapping)
            continue
        if mapping is not None:
            changed.append(mapping)
        else:
            mapping = Mapping(
                connection=batch.connection,
                qbo_id=step.qbo_id,
                client_id=client_pk,
                client_pk=client_pk,
                base={"made": made[client_pk]} if client_pk in made else {},
            )
            new.append(mapping)
        if step.kind == Kind.SLEEP:
            mapping.asleep = Mapping.Asleep.INACTIVE
            if step.data.get("archives"):
                mapping.base = archive.noted(mapping.base, step)
        else:
            customer = batch.facts.customers[step.qbo_id]
            before = archive.noted(mapping.base, step)
            mapping.base = _base(before, outcome, customer, batch.adapter)
            if step.kind == Kind.FOLLOW:
                mapping.qbo_id = step.qbo_id
                mapping.base["followed"] = {"gone": step.data["gone"], "base": before}
            mapping.asleep = Mapping.Asleep.AWAKE
    with wide_statements(Mapping.objects.db):
        Mapping.objects.bulk_create(new)
    if changed:
        Mapping.objects.bulk_update(changed, ["qbo_id", "base", "asleep"])


def _mapping_of(step: Step, batch: Batch) -> Mapping | None:
    """What is joined already; what follows a merge is still the customer's that went."""
    if step.kind == Kind.FOLLOW:
        return batch.facts.by_client[step.client_pk]
    return batch.facts.by_customer.get(step.qbo_id)


def _put_back(base: dict[str, Any], outcome: Outcome) -> dict[str, Any]:
    """After an undo the difference stands as agreed (rule 15): the site says what was put
    back, and QuickBooks what it said; an edit there that we have not seen to yet still travels."""
    now = values_to_json(outcome.record.contact.values(outcome.step.data["values"]))
    data = outcome.step.data
    if data.get("unarchives") or data.get("archives_again"):
        base = base | {archive.ARCHIVED: bool(data.get(archive.ARCHIVED))}
    return {**base, "site": base["site"] | now} if "site" in base else base


def _put_back_with_match(batch: Batch) -> None:
    """The same of mappings that came back just now: what is edited from here on travels."""
    outcomes = {
        one.step.qbo_id: one
        for one in batch.outcomes
        if one.step.data.get("match") in ("restore", "follow")
    }
    if not outcomes:
        return
    back = Mapping.objects.filter(connection=batch.connection, qbo_id__in=list(outcomes))
    mappings = [one for one in back if one.client_pk == outcomes[one.qbo_id].record.pk]
    for mapping in mappings:
        mapping.base = _put_back(mapping.base, outcomes[mapping.qbo_id])
    Mapping.objects.bulk_update(mappings, ["base"])


def _base(
    base: dict[str, Any], outcome: Outcome, customer: Customer, adapter: ClientAdapter
) -> dict[str, Any]:
    """Rule 11: what each side holds when read again, for the fields that were settled."""
    data = outcome.step.data
    values = data.get("values", {})
    settled = {*values, *data["settle"]} if "settle" in data else fields_of(adapter.paths)
    site = outcome.record.contact.values(settled)
    qbo = project(customer.contact, adapter.paths).values(settled)
    return {
        **base,
        "seen": customer.record["digest"],
        "version": adapter.version,
        "link": data.get("link") or base.get("link", "from_qbo"),
        "site": base.get("site", {}) | values_to_json(site),
        "qbo": base.get("qbo", {}) | values_to_json(qbo),
        "silent": data.get("silent", {}),
    }


# Footprints and journal -----------------------------------------------------------------------


def _footprints(
    outcomes: Sequence[Outcome], before: MappingType[str, str], adapter: ClientAdapter
) -> None:
    """Our own writes move the footprint, so they are nobody's edit (rule 12).

    One that a person has stepped out of stays, and a client that a person made gets none: both
    are still to be noticed. `before`: client pk -> digest of the client as it was.
    """
    pks = [outcome.record.pk for outcome in outcomes]
    rows = Footprint.objects.filter(client_pk__in=pks, version=adapter.version) if pks else ()
    stored = {row.client_pk: row for row in rows}
    moved, stepped_out = [], []
    for outcome in outcomes:
        pk, row = outcome.record.pk, stored.get(outcome.record.pk)
        digest = client_digest(outcome.record, adapter) if outcome.wrote else before[pk]
        now = _footprint(outcome, row, digest, adapter.version)
        if (row.digest if row else None) != before.get(pk):
            stepped_out += [row] if row else []
        elif row is None or (row.digest, row.replaced) != (now.digest, now.replaced):
            moved.append(now)
        if row is not None:
            row.replaced = now.replaced
    with wide_statements(Footprint.objects.db):
        upsert(Footprint, moved, unique="client_pk", update=["digest", "version", "replaced"])
    Footprint.objects.bulk_update(stepped_out, ["replaced"])


def _footprint(outcome: Outcome, before: Footprint | None, digest: str, version: str) -> Footprint:
    """What a client looks like now, and what our write replaced there."""
    notes = before.replaced if before else {}
    return Footprint(
        client_pk=outcome.record.pk,
        digest=digest,
        version=version,
        replaced=replaced.after_write(notes, outcome.record.contact, outcome.step.data),
    )


def _other_companies(batch: Batch) -> None:
    """U12: what one company's customer brought to a client goes on to the others it is in."""
    elsewhere = batch.facts.elsewhere
    written = (outcome.record for outcome in batch.outcomes if outcome.wrote)
    if spread := [record for record in written if record.pk in elsewhere]:
        outbox.want_updates(spread)


def _changes(outcomes: Sequence[Outcome], run: Run) -> None:
    made = [
        Change(
            connection_id=run.connection_id,
            run=run,
            side=Change.Side.SITE,
            qbo_id=outcome.step.qbo_id,
            client_pk=outcome.record.pk,
            values=values,
            actor_id=run.approved_by_id,
            at=clock.now(),
        )
        for outcome in outcomes
        if (values := _journal(outcome))
    ]
    with wide_statements(Change.objects.db):
        Change.objects.bulk_create(made)


def _journal(outcome: Outcome) -> dict[str, Any]:
    """{field: [before, after]}: what was really there, and what is really there now."""
    names = outcome.step.data.get("values", {})
    after = values_to_json(outcome.record.contact.values(names))
    if outcome.before is None:
        return {name: [None, after[name]] for name in names}
    before = values_to_json(outcome.before.contact.values(names))
    return {name: [before[name], after[name]] for name in names if before[name] != after[name]}


# Decisions, cases, steps ----------------------------------------------------------------------


def _decisions(batch: Batch, run: Run) -> None:
    """U1, exclude: recorded as said by the policy. An unticked mapping is a removed match, and
    of a customer whose client was unticked no machine makes one (rule 15)."""
    said = [
        Decision(
            kind=Decision.Kind.EXCLUDE_CUSTOMER,
            connection=batch.connection,
            qbo_id=step.qbo_id,
            by_policy=True,
            at=clock.now(),
        )
        for step in batch.ended
        if step.kind == Kind.EXCLUDE and step.state == State.DONE
    ]
    said += [
        Decision(
            kind=NO[Kind(step.kind)],
            connection=batch.connection,
            qbo_id=step.qbo_id,
            client_pk=step.client_pk,
            by_id=run.approved_by_id,
            at=clock.now(),
        )
        for step in batch.ended
        if step.state == State.LEFT
        and step.kind in NO
        and step.qbo_id not in batch.facts.by_customer
    ]
    with wide_statements(Decision.objects.db):
        Decision.objects.bulk_create(said, ignore_conflicts=True)


def ask(ended: Sequence[Step], connection: Connection) -> None:
    """Open the questions that steps leave behind, and close those that they answer."""
    openings = [opening for step in ended for opening in _openings(step)]
    stands = {(opening.kind, opening.qbo_id) for opening in openings}
    answered: dict[str, list[str]] = {}
    for step in ended:
        if step.state in (State.DONE, State.LEFT):
            closes = step.data.get("closes", ())
            for kind in (kind for kind in closes if (kind, step.qbo_id) not in stands):
                answered.setdefault(kind, []).append(step.qbo_id)
        if step.state == State.DONE and step.kind == Kind.FOLLOW:
            for kind in Ask:
                answered.setdefault(kind, []).append(step.data["gone"])
    for kind, qbo_ids in answered.items():
        cases.close_all(connection, kind, qbo_ids)
    cases.close_taken_back(connection, _taken_back(ended))
    if openings:
        cases.open_all(connection, openings)


def _taken_back(ended: Sequence[Step]) -> dict[str, set[str]]:
    """qbo_id -> the fields that undos have put back."""
    return {
        step.qbo_id: {*step.data.get("values", ()), *step.data.get("to_qbo", ())}
        for step in ended
        if step.kind == Kind.UNDO and step.state == State.DONE
    }


def _openings(step: Step) -> Iterator[cases.Opening]:
    data = step.data
    facts = {"seen": data["seen"], "run": step.run_id}

    def opening(kind: Case.Kind, **more: Any) -> cases.Opening:
        return cases.Opening(kind, step.qbo_id, step.client_pk, facts | more)

    if step.state == State.FAILED or (step.state == State.DONE and "untaken" in data):
        untaken = {"untaken": data["untaken"]} if "untaken" in data else {}
        refused = data.get("refused", {})
        yield opening(Case.Kind.REFUSED, message=data["why"], **refused, **untaken)
    # Who undoes one mapping at once is told at once.
    if step.run.undo and (edited := putting_back.edited(step)):
        yield opening(Case.Kind.UNDO, left=edited)
    if step.state == State.HELD:
        return
    if step.kind == Kind.STAY:
        shown = {name: data[name] for name in newcomers.SHOWN if name in data}
        yield opening(Case.Kind(data["case"]), **shown)
    if step.kind == Kind.REVIEW:
        yield opening(Case.Kind.REVIEW, candidates=data["candidates"], more=data["more"])
    if step.kind == Kind.SLEEP and (asks := data.get("asks", Case.Kind.INACTIVE)):
        told = {"merged": data["merged"]} if "merged" in data else {}
        yield opening(Case.Kind(asks), **told)
    if "conflicts" in data:
        circles = {"circles": data["circles"]} if "circles" in data else {}
        yield opening(Case.Kind.CONFLICT, conflicts=data["conflicts"], **circles)


def _steps(ended: Sequence[Step], connection: Connection) -> None:
    done = [step for step in ended if step.state == State.DONE]
    rows = Step.objects.filter(pk__in=[step.pk for step in done])
    rows.update(state=State.DONE)
    if any(step.kind == Kind.CREATE for step in done):
        mapped = Mapping.objects.filter(connection=connection, qbo_id=OuterRef("qbo_id"))
        rows.filter(kind=Kind.CREATE).update(client_pk=Subquery(mapped.values("client_pk")))
    told = [
        step
        for step in ended
        if step.state != State.DONE or step.kind == Kind.UNDO or step.data.keys() & TOLD
    ]
    Step.objects.bulk_update(told, ["state", "data"])
