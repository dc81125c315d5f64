"""What QuickBooks is to say is written down, in the transaction that does the rest of a step.

From then on it goes out as it was written, whatever happens to this process (rule 4); an
edit that comes later waits as a new hint, and is merged after the answer.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence

from wagtail_qbo_sync import clock
from wagtail_qbo_sync.compat import wide_statements
from wagtail_qbo_sync.contact import Value, fields_of, value_from_json
from wagtail_qbo_sync.engine.merge import Direction
from wagtail_qbo_sync.host.adapter import ClientAdapter, get_adapter
from wagtail_qbo_sync.models import Case, Connection, Customer, Mapping, Outbox, Run, Step
from wagtail_qbo_sync.qbo import lens, rules, writes
from wagtail_qbo_sync.sync.planning.newcomers import problem_facts
from wagtail_qbo_sync.sync.records import cases, outbox
from wagtail_qbo_sync.sync.records.terms import terms_of

from .batch import Batch

State = Outbox.State
ANSWERED = (Step.State.DONE, Step.State.LEFT)
"""How steps end that served the hints of their clients."""


def write_down(batch: Batch, run: Run) -> None:
    """Store what the steps that `batch` did want to be sent, and drop the hints they served.

    What QuickBooks would refuse is not sent, and becomes a case (U10).
    """
    ended = (step for step in batch.ended if step.state in ANSWERED)
    done = [step for step in ended if step.client_pk and step.qbo_id]
    served = [step.client_pk for step in done if step.kind != Step.Kind.UNDO]
    rounds = outbox.serve(batch.connection, served)
    rounds |= {step.client_pk: step.data["rounds"] for step in done if "rounds" in step.data}
    rows, unsendable = [], []
    fit: dict[str, Iterable[str]] = {}
    for step in done:
        wanted = _wanted(step)
        if problems := rules.problems(wanted):
            unsendable.append(_case(step, problems))
        elif wanted:
            fit[step.qbo_id] = wanted.keys()
        fine = wanted.keys() - {problem.path.partition(".")[0] for problem in problems}
        values = {name: wanted[name] for name in sorted(fine)}
        customer = batch.facts.customers[step.qbo_id] if values else None
        if customer is not None and (body := _body(customer, values, batch.adapter)):
            rows.append(_row(step, customer, run, values, body, rounds.get(step.client_pk, 0)))
    if rows:
        with wide_statements(Outbox.objects.db):
            Outbox.objects.bulk_create(rows)
    cases.close_about(batch.connection, Case.Kind.UNSENDABLE, fit)
    cases.open_all(batch.connection, unsendable)


def take_back(rows: Sequence[Outbox], connection: Connection) -> list[Outbox]:
    """Those of these written rows that may still be sent; the others become hints again.

    A person has disconnected or removed the pair, the client is gone, or the field's direction
    or the field map was changed, before it was sent (U2, rules 7 and 15).
    """
    adapter = get_adapter()
    directions = terms_of(connection, fields_of(adapter.paths)).directions
    pairs = Mapping.objects.filter(
        connection=connection,
        qbo_id__in=[row.qbo_id for row in rows],
        client__isnull=False,
        asleep=Mapping.Asleep.AWAKE,
    )
    awake = set(pairs.values_list("qbo_id", "client_pk", "base__version"))
    undoes = undone_by(rows)
    standing = []
    for row in rows:
        is_paired = (row.qbo_id, row.client_pk, adapter.version) in awake
        if row.run_id in undoes:
            standing.append(row)  # a person has approved just this, mapped or not
        elif is_paired and all(directions[name] != Direction.PULL_ONLY for name in row.values):
            standing.append(row)
        else:
            outbox.want_again(row)
    return standing


def undone_by(rows: Sequence[Outbox]) -> set[int]:
    """The runs of these rows that take something back (U5)."""
    runs = Run.objects.filter(pk__in={row.run_id for row in rows if row.run_id})
    return set(runs.exclude(undo={}).values_list("pk", flat=True))


def _wanted(step: Step) -> dict[str, Value]:
    values = step.data.get("to_qbo", {})
    return {name: value_from_json(name, new) for name, (_, new) in values.items()}


def _body(customer: Customer, values: dict[str, Value], adapter: ClientAdapter) -> str:
    """The sparse document, with the SyncToken that the merge was computed from (rule 8)."""
    record = customer.record
    stored = lens.remembered(customer.contact, record["bill"], record["ship"])
    body = lens.put(values, customer=stored, paths=adapter.paths)
    if not body:
        return ""
    return json.dumps(writes.changed_customer(customer.qbo_id, record["sync_token"], body))


def _row(
    step: Step, customer: Customer, run: Run, values: Iterable[str], body: str, rounds: int
) -> Outbox:
    return Outbox(
        connection_id=customer.connection_id,
        client_pk=step.client_pk,
        qbo_id=step.qbo_id,
        kind=Outbox.Kind.UPDATE,
        state=State.WRITTEN,
        open_key=Outbox.key(State.WRITTEN, customer.connection_id, step.client_pk),
        wanted_at=clock.now(),
        run=run,
        body=body,
        values={name: step.data["to_qbo"][name] for name in values},
        sync_token=customer.record["sync_token"],
        rounds=rounds,
    )


def _case(step: Step, problems: list[rules.Problem]) -> cases.Opening:
    fields = sorted({problem.path.partition(".")[0] for problem in problems})
    return cases.Opening(
        Case.Kind.UNSENDABLE,
        step.qbo_id,
        step.client_pk,
        {
            "problems": problem_facts(problems),
            "fields": fields,
            "untaken": {name: step.data["to_qbo"][name][1] for name in fields},
        },
    )
