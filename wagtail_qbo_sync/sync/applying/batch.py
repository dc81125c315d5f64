"""A few steps within one transaction: judged under the clients' row locks, then written."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from wagtail_qbo_sync.clock import failpoint
from wagtail_qbo_sync.compat import chunks
from wagtail_qbo_sync.contact import Contact, Value, value_from_json
from wagtail_qbo_sync.engine import plan as engine
from wagtail_qbo_sync.host.adapter import ClientAdapter, ClientRecord, Refused
from wagtail_qbo_sync.models import Connection, Step
from wagtail_qbo_sync.sync.records import archive
from wagtail_qbo_sync.sync.records.parties import client_digest, contact_of

from . import putting_back
from .judge import Facts, objection

SECONDS = 0.2
"""How long a transaction may go on writing clients one by one."""
WRITE_AT_ONCE = 10

Kind = Step.Kind


@dataclass(frozen=True, slots=True)
class Outcome:
    """What doing one step gave: the client as read back, and as it was before."""

    step: Step
    record: ClientRecord
    before: ClientRecord | None

    @property
    def wrote(self) -> bool:
        """Whether a client was written or made."""
        return self.step.kind == Kind.CREATE or bool(self.step.data.get("values"))


@dataclass
class Batch:
    """Steps of one run. After `write` each is in `ended`, or time was up and it stays planned."""

    connection: Connection
    adapter: ClientAdapter
    steps: Sequence[Step]
    outcomes: list[Outcome] = field(default_factory=list)
    ended: list[Step] = field(default_factory=list)
    removed: list[putting_back.Removed] = field(default_factory=list)
    """Clients that were made by a run that is taken back, and are gone."""

    def __post_init__(self) -> None:
        pks = {step.client_pk for step in self.steps if step.client_pk}
        self.clients = self.adapter.lock(pks)
        self.records = {record.pk: record for record in self.adapter.records(pks)}
        self.facts = Facts.load(self.connection, self.steps, self.records, self.adapter)

    def write(self) -> None:
        """Do what the steps say, as far as it still holds."""
        standing = [step for step in self.steps if not self._is_held(step)]
        failpoint("apply.judged")
        ticked = [step for step in standing if step.state != Step.State.UNTICKED]
        for step in standing:
            if step.state == Step.State.UNTICKED:
                self._leave(step)
        deadline = time.monotonic() + SECONDS
        size = len(self.steps) if self.adapter.bulk else WRITE_AT_ONCE
        for group in chunks(ticked, size):
            self._write(group)
            if not self.adapter.bulk and time.monotonic() > deadline:
                break
        failpoint("apply.written")

    def _is_held(self, step: Step) -> bool:
        why = objection(step, self.facts)
        if why:
            self._end(step, Step.State.HELD, why=why)
        return bool(why)

    def _leave(self, step: Step) -> None:
        """Rule 15: a pair whose step a person unticked is agreed as it stands."""
        step.data = engine.left(step.data)
        record = self.records.get(step.client_pk)
        if record is not None and step.qbo_id in self.facts.by_customer and step.kind != Kind.UNDO:
            self.outcomes.append(Outcome(step, record, record))
        self._end(step, Step.State.LEFT)

    def _write(self, group: Sequence[Step]) -> None:
        undoes = [step for step in group if step.kind == Kind.UNDO]
        steps = [step for step in group if step.kind != Kind.UNDO] + self._take_back(undoes)
        steps = [step for step in steps if self._moves(step)]
        creates = [step for step in steps if step.kind == Kind.CREATE]
        writes = [step for step in steps if step.client_pk and step.data.get("values")]
        silent = list(self._silent(steps))
        made = self.adapter.new_many([self._new(step) for step in creates])
        for step, result in zip(creates, made, strict=True):
            self._note(step, result)
        self._update(writes)
        for step in silent:
            if record := self.records.get(step.client_pk):
                self._note(step, record)
            else:
                self._end(step, Step.State.DONE)

    def _moves(self, step: Step) -> bool:
        """U8: archive a client whose mapping falls asleep, un-archive one whose mapping wakes; or
        as an undo says. False where the site does not let it: the step failed."""
        client = self.clients.get(step.client_pk)
        mapping = self.facts.by_client.get(step.client_pk)
        if client is None or mapping is None:
            return True
        if step.data.get("archives"):
            is_elsewhere = step.client_pk in self.facts.elsewhere
            archive.put_away(step, client, self.adapter, is_elsewhere=is_elsewhere)
        elif step.data.get("archives_again"):
            is_elsewhere = step.client_pk in self.facts.elsewhere
            done = archive.put_away_again(client, self.adapter, is_elsewhere=is_elsewhere)
            return self._has_moved(step, archive.ARCHIVED, done)
        elif step.kind in (Kind.WAKE, Kind.FOLLOW) or step.data.get("unarchives"):
            done = archive.bring_back(mapping, client, self.adapter)
            return self._has_moved(step, archive.BROUGHT_BACK, done)
        return True

    def _has_moved(self, step: Step, name: str, done: bool | Refused) -> bool:
        if isinstance(done, Refused):
            self._note(step, done)
            return False
        if step.kind == Kind.UNDO:
            step.data[name] = done
        return True

    def _update(self, steps: Sequence[Step]) -> None:
        """Write to clients; a value that one does not take holds back only itself (rule 11)."""
        clients = self.clients
        while steps:
            written = self.adapter.write_many(
                [(clients[step.client_pk], self._values(step)) for step in steps]
            )
            again = []
            for step, result in zip(steps, written, strict=True):
                if isinstance(result, Refused) and _goes_on_without(step, result):
                    again.append(step)
                else:
                    self._note(step, result)
            steps = again
            clients = self.adapter.lock({step.client_pk for step in again}) if again else {}

    def _silent(self, steps: Sequence[Step]) -> Iterator[Step]:
        """Steps that write to no client."""
        for step in steps:
            if step.kind != Kind.CREATE and not (step.client_pk and step.data.get("values")):
                yield step

    def _new(self, step: Step) -> tuple[Contact, str]:
        customer = self.facts.customers[step.qbo_id]
        return contact_of(customer, self.adapter), self._contact_type

    @cached_property
    def _contact_type(self) -> str:
        """K11."""
        return self.connection.contact_type or self.adapter.default_contact_type()

    def _values(self, step: Step) -> dict[str, Value]:
        planned = step.data["values"]
        return {name: value_from_json(name, new) for name, (_, new) in planned.items()}

    def _take_back(self, steps: Sequence[Step]) -> list[Step]:
        """U5: what somebody has edited since is not trampled. Those that have still to write."""
        standing = []
        later = putting_back.written_later(self.connection, steps)
        for step in steps:
            customer = self.facts.customers.get(step.qbo_id)
            mapping = self.facts.by_customer.get(step.qbo_id)
            record = self.records.get(step.client_pk)
            if putting_back.look(step, record, customer, mapping, later):
                standing.append(step)
            else:
                self._end(step, Step.State.HELD, why=putting_back.why_left(step))
        made = [step for step in standing if "made" in step.data]
        if made:
            mappings = self.facts.by_customer
            self.removed += putting_back.remove_made(
                made, self.records, self.clients, mappings, self.adapter
            )
            for step in made:
                self._end(step, Step.State.DONE)
        return [step for step in standing if "made" not in step.data]

    def _note(self, step: Step, result: ClientRecord | Refused) -> None:
        if isinstance(result, Refused):
            if _field(result) not in step.data.get("untaken", ()):  # the whole record stands
                step.data.pop("untaken", None)
            self._end(step, Step.State.FAILED, **_said(result))
            return
        if "untaken" in step.data:  # what we write beside it does not count as a move
            now = client_digest(result, self.adapter)
            step.data["seen"] = {**step.data["seen"], "client": now}
        self.outcomes.append(Outcome(step, result, self.records.get(step.client_pk)))
        step.client_pk = result.pk
        self._end(step, Step.State.DONE)

    def _end(self, step: Step, state: Step.State, **told: object) -> None:
        step.state = state
        step.data |= told
        self.ended.append(step)


def _goes_on_without(step: Step, refused: Refused) -> bool:
    """Take the refused value out of a pair's step, as `untaken`; whether anything is left to do."""
    data, name = step.data, _field(refused)
    if step.kind == Kind.UNDO or name not in data["values"]:
        return False
    data["untaken"] = {**data.get("untaken", {}), name: data["values"][name][1]}
    left = {field: value for field, value in data["values"].items() if field != name}
    if step.kind == Kind.UPDATE and not (left or data.get("to_qbo") or data["settle"]):
        return False
    for said, value in _said(refused).items():
        data.setdefault(said, value)
    data["values"] = left
    return True


def _field(refused: Refused) -> str:
    """The contact field of which it speaks: an address is one value."""
    return refused.field.partition(".")[0]


def _said(refused: Refused) -> dict[str, object]:
    return {
        "why": refused.message,
        "refused": {"field": refused.field, "holder": refused.holder},
    }
