"""Looking at both sides, to tell what the sync did from what people did."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from itertools import pairwise
from typing import Any, NamedTuple

from crm.models import Client

from tests.sync.firm import Firm
from wagtail_qbo_sync.models import Change, Connection, Mapping, Outbox, Run, Step, Token
from wagtail_qbo_sync.testing.sandbox import SandboxProcess

from .fields import FIELDS, Json, Value, blank, in_qbo, on_site
from .ledger import SITE, Ledger, Record, Written

PARTS = ("line1", "line2", "city", "state", "postal_code", "country")
LINKS = {Step.Kind.LINK, Step.Kind.CREATE}


class Company(Firm):
    """One company, and what was seen of it last."""

    def __init__(self, connection: Connection, realm: str, sandbox: SandboxProcess) -> None:
        super().__init__(connection, realm, sandbox)
        self.shown: dict[str, Json] = {}
        self.versions: dict[tuple[str, int], dict[str, Value]] = {}
        """What a customer said at a SyncToken."""
        self.policies: set[str] = set()
        """Those by which one side won unseen (U4) at some time since all was last at rest."""
        self.unlinked: set[tuple[str, str]] = set()
        """(Id, field) of pairs whose first link (C13) is not over for it: a conflict is open. A
        blank is filled then, also one that somebody has just made."""
        self.ways = self.directions()
        """Which way each field travels (U2) since before the last look."""
        self.cursor: datetime | None = None

    def directions(self) -> dict[str, str]:
        """Field -> which way it travels."""
        own = self.connection.field_directions
        return {name: own.get(name, self.connection.direction) for name in FIELDS}

    def books(self) -> dict[str, Json]:
        """Its customers as they are, by Id."""
        return {record["Id"]: record for record in self.records()}

    @property
    def token(self) -> Token:
        """Its login, fresh."""
        return Token.objects.select_related("connection").get(pk=self.connection.pk)

    def pairs(self) -> list[Mapping]:
        """Its mappings whose client is there, in the order of Ids."""
        rows = Mapping.objects.filter(connection=self.connection, client__isnull=False)
        return sorted(rows, key=lambda one: int(one.qbo_id))

    def waiting(self) -> Run | None:
        """The plan that waits for a person."""
        runs = Run.objects.filter(connection=self.connection, state=Run.State.WAITING)
        return runs.order_by("pk").first()


class Writing(NamedTuple):
    """A run has written a field."""

    run: Run | None
    before: Value
    after: Value


@dataclass(frozen=True, slots=True)
class Overwriting:
    """The sync has written a field. `known`: whoever wrote the new value had seen the old one."""

    record: Record
    field: str
    before: Value
    after: Value
    known: bool
    why: str
    """What it belongs to: "undo", "first link", "policy"; "" for a change that travelled."""
    journalled: bool
    """Whether the journal tells of each step from what stood there to what stands there now."""
    writings: tuple[Writing, ...]
    """What the site's own tables tell of it, in their order."""
    again: bool
    """It was undone before, and nobody has written it since."""


class Making(NamedTuple):
    """The sync has made a record of another one; None: nobody knows of which."""

    record: Record
    source: Record | None


class Shown(NamedTuple):
    """A step of a plan that waits, as people see it."""

    ticked: bool
    values: Json
    to_qbo: Json


@dataclass(slots=True)
class Look:
    """What the sync did since the last look."""

    overwritten: list[Overwriting] = field(default_factory=list)
    made: list[Making] = field(default_factory=list)
    removed: list[Record] = field(default_factory=list)
    frames: list[tuple[Record, Json, Json]] = field(default_factory=list)
    """Records that it changed, as they were and are: the whole of them."""
    calls: list[Json] = field(default_factory=list)
    """What QuickBooks was asked."""

    @property
    def touched(self) -> set[Record]:
        changed = {record for record, _before, _after in self.frames}
        return changed | {one.record for one in self.made} | {*self.removed}


class Watch:
    """Keeps the ledger: looks at both sides before and after whatever people do."""

    def __init__(self, sandbox: SandboxProcess, companies: list[Company]) -> None:
        self.sandbox = sandbox
        self.companies = companies
        self.ledger = Ledger()
        self.look = Look()
        self.made: Counter[str] = Counter()
        """Realm, or SITE -> records that the sync has made there."""
        self.made_of: set[tuple[Record, Record]] = set()
        """(source, record that the sync has made of it)."""
        self.replaced: dict[tuple[str, str], Written] = {}
        """(client, field) -> what the sync's last write replaced there, while that write stands."""
        self.written: defaultdict[tuple[Record, str], list[Writing]] = defaultdict(list)
        """What runs have written over something, and where; the last one last."""
        self.undone: dict[tuple[Record, str, Value], int] = {}
        """What no machine may write where, as an undo took it away there, or put it back on the
        other side of a pair; and how many acts of people came before."""
        self.plans: dict[int, dict[int, Shown]] = {}
        """Run -> its steps, while it waited for approval."""
        self._senders: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
        """(realm, name) -> the clients for which a customer of this name was asked for."""
        self._sent: dict[tuple[Record, str], Value] = {}
        self._clients: dict[str, Json] = {}
        self._next_call = self._newest_change = 0
        self._steps: set[int] = set()

    def forget(self) -> None:
        """What was seen has been judged."""
        self.look = Look()
        for company in self.companies:
            company.ways = company.directions()

    def is_there(self, client: Record) -> bool:
        """Whether the site has this client still."""
        return client.key in self._clients

    def sent_ones(self) -> Iterator[tuple[Record, str]]:
        """What the sync has sent to QuickBooks, and nobody has written over since."""
        for (record, name), value in self._sent.items():
            if self.ledger.stands[record][name].value == value:
                yield record, name

    def people_did(self) -> None:
        """Whatever changed since `observe`, people have done; they saw what stood there."""
        for company in self.companies:
            books = company.books()
            for qbo_id, record in books.items():
                self._typed(Record(company.realm, qbo_id), in_qbo(record))
            self._show(company, books)
        clients = _clients()
        for pk, client in clients.items():
            self._typed(Record(SITE, pk), on_site(client))
        self._clients = {pk: _whole(client) for pk, client in clients.items()}

    def _typed(self, record: Record, values: dict[str, Value]) -> None:
        stands = self.ledger.stands.get(record)
        if stands is None:
            self.ledger.appears(record, values)
            return
        for name in FIELDS:
            if stands[name].value != values[name]:
                self.ledger.typed(record, name, values[name])
                self.replaced.pop((record.key, name), None)

    # What the sync did -----------------------------------------------------------------------

    def observe(self) -> None:
        """Whatever changed since the last look, the sync has done."""
        self._calls()
        for company in self.companies:
            self._books(company)
        self._site()
        self._newest_change = max(_newest_change(), self._newest_change)
        self._agreements()
        for company in self.companies:
            if run := company.waiting():
                self.plans[run.pk] = {step.pk: _shown(step) for step in run.steps.all()}

    def _calls(self) -> None:
        asked = self.sandbox.get(f"requests?since={self._next_call}")
        self.look.calls += asked["requests"]
        self._next_call = asked["next"]
        for company, item in sent_items(self.companies, asked["requests"]):
            if item["operation"] == "create":
                row = Outbox.objects.filter(pk=item["bId"]).first()
                if row is not None:
                    names = self._senders[company.realm, item["Customer"]["DisplayName"]]
                    names.append(row.client_pk)

    def _books(self, company: Company) -> None:
        books = company.books()
        for qbo_id, now in books.items():
            if (before := company.shown.get(qbo_id)) != now:
                about = Record(company.realm, qbo_id)
                self._changed(about, before, now, in_qbo(now), _Sent(company, qbo_id))
        self._show(company, books)

    def _site(self) -> None:
        clients = _clients()
        for pk, client in clients.items():
            before, now = self._clients.get(pk), _whole(client)
            if before != now:
                story = _Pulled(self.companies, pk, self._newest_change)
                self._changed(Record(SITE, pk), before, now, on_site(client), story)
        self.look.removed += [Record(SITE, pk) for pk in self._clients if pk not in clients]
        self._clients = {pk: _whole(client) for pk, client in clients.items()}

    def _changed(
        self, about: Record, before: Json | None, now: Json, values: dict[str, Value], story: _Story
    ) -> None:
        if before is None:
            source = self._made_of(about, now)
            self.look.made.append(Making(about, source))
            self.made[about.place] += 1
            if source is not None:
                self.made_of.add((source, about))
        else:
            self.look.frames.append((about, before, now))
        for name, value in values.items():
            was = self.ledger.stands[about][name] if before is not None else None
            if was is not None and was.value == value:
                continue
            known = self.ledger.copied(about, name, value)
            if was is not None:
                why, journalled, writings = story.of(name, was.value, value)
                again = why != "undo" and self._is_done_again(about, name, writings)
                found = Overwriting(
                    about, name, was.value, value, known, why, journalled, writings, again
                )
                self.look.overwritten.append(found)
                self.written[about, name] += writings
                if why == "undo":
                    self._was_undone(found)
                if why:
                    self.ledger.as_people_said(about, name, was)
                if about.place == SITE:
                    self._replaced(about.key, name, was)
                else:
                    self._sent[about, name] = value

    def _is_done_again(self, about: Record, name: str, writings: tuple[Writing, ...]) -> bool:
        """Whether machines write what an undo took away, and nobody has written since."""
        stands = self.ledger.stands[about][name]
        by_machine = not any(one.run and one.run.by_person for one in writings)
        return by_machine and max(stands.origins) <= self.undone.get((about, name, stands.value), 0)

    def _was_undone(self, one: Overwriting) -> None:
        self.undone[one.record, one.field, one.before] = self.ledger.acts
        run = one.writings[-1].run
        if run is None:
            return
        realm = next(each.realm for each in self.companies if each.connection == run.connection)
        for step in run.steps.filter(kind=Step.Kind.UNDO):
            pair = {Record(SITE, step.client_pk), Record(realm, step.qbo_id)}
            for other in pair - {one.record} if one.record in pair else ():
                self.undone[other, one.field, one.after] = self.ledger.acts

    def decided(self, one: Record, other: Record, field: str) -> None:
        """A person has said which of the two stands."""
        for record, name, value in list(self.undone):
            if record in (one, other) and name == field:
                del self.undone[record, name, value]

    def _made_of(self, about: Record, now: Json) -> Record | None:
        """Of a customer the client that asked for it, of a client the customer."""
        if about.place == SITE:
            made = Change.objects.filter(side=Change.Side.SITE, client_pk=about.key).first()
            realms = {company.connection.pk: company.realm for company in self.companies}
            return Record(realms[made.connection_id], made.qbo_id) if made else None
        asked = self._senders[about.place, now["DisplayName"]]
        return Record(SITE, asked[-1]) if asked else None

    def _replaced(self, client_pk: str, name: str, was: Written) -> None:
        if was.typed and was.value != blank(name):
            self.replaced[client_pk, name] = was
        else:
            self.replaced.pop((client_pk, name), None)

    def _show(self, company: Company, books: dict[str, Json]) -> None:
        company.shown = books
        for qbo_id, record in books.items():
            company.versions[qbo_id, int(record["SyncToken"])] = in_qbo(record)

    # Who has seen what -----------------------------------------------------------------------

    def _agreements(self) -> None:
        """Where both sides say the same, who sees one sees the other. So do those who have
        mapped two, or put something back: what differs then stands as agreed."""
        for company in self.companies:
            for pair in company.pairs():
                client, customer = Record(SITE, pair.client_pk), Record(company.realm, pair.qbo_id)
                self._equal(client, customer)
            for step in self._new_steps(company):
                self._agreed(company, step)
            company.unlinked = {
                (pair.qbo_id, name)
                for pair in company.pairs()
                for name in set(FIELDS).difference(pair.base.get("site", ()))
            }

    def _equal(self, client: Record, customer: Record) -> None:
        here, there = self.ledger.stands[client], self.ledger.stands[customer]
        for name in FIELDS:
            if here[name].value == there[name].value:
                self.ledger.seen_together(client, customer, name)

    def _new_steps(self, company: Company) -> list[Step]:
        done = Step.objects.filter(
            run__connection=company.connection, state__in=[Step.State.DONE, Step.State.LEFT]
        )
        new = [step for step in done.order_by("pk") if step.pk not in self._steps]
        self._steps |= {step.pk for step in new}
        return new

    def _agreed(self, company: Company, step: Step) -> None:
        if step.kind not in (Step.Kind.LINK, Step.Kind.UNDO) and step.state != Step.State.LEFT:
            return
        open_ones = step.data.get("conflicts", {})
        self.see_together(company, step.qbo_id, step.client_pk, set(FIELDS) - set(open_ones))

    def see_together(
        self, company: Company, qbo_id: str, client_pk: str, fields: Iterable[str] = FIELDS
    ) -> None:
        """Somebody has seen both, and it stands as they said."""
        client, customer = Record(SITE, client_pk), Record(company.realm, qbo_id)
        if {client, customer} <= self.ledger.stands.keys():
            for name in fields:
                self.ledger.seen_together(client, customer, name)


# Why the sync wrote something ---------------------------------------------------------------------


Told = tuple[str, bool, tuple[Writing, ...]]
"""What a value that was written belongs to, whether the journal has it, and which runs wrote."""


class _Story:
    """What the site's own tables say of a value that the sync has written."""

    def of(self, name: str, was: Value, value: Value) -> Told:
        raise NotImplementedError


class _Sent(_Story):
    """Of one that stands in QuickBooks now. Its journal comes with the answer."""

    def __init__(self, company: Company, qbo_id: str) -> None:
        rows = Outbox.objects.filter(connection=company.connection, qbo_id=qbo_id)
        self._rows = list(rows.select_related("run").order_by("-pk"))
        self._company = company

    def of(self, name: str, was: Value, value: Value) -> Told:
        for row in self._rows:
            if name in row.values and as_value(name, row.values[name][1]) == value:
                why = _why(self._company, row.run, row.qbo_id, name)
                return why, True, (Writing(row.run, was, value),)
        return "", bool(self._rows), ()


class _Pulled(_Story):
    """Of one that stands on the site now, by the journal."""

    def __init__(self, companies: list[Company], pk: str, since: int) -> None:
        rows = Change.objects.filter(side=Change.Side.SITE, client_pk=pk, pk__gt=since)
        self._rows = list(rows.select_related("run").order_by("pk"))
        self._companies = {company.connection.pk: company for company in companies}

    def of(self, name: str, was: Value, value: Value) -> Told:
        rows = [row for row in self._rows if name in row.values]
        if not rows:
            return "", False, ()
        told = [(as_value(name, old), as_value(name, new)) for old, new in _each(rows, name)]
        goes_on = all(one[1] == next_one[0] for one, next_one in pairwise(told))
        journalled = goes_on and (told[0][0], told[-1][1]) == (was, value)
        writings = (Writing(row.run, *pair) for row, pair in zip(rows, told, strict=True))
        last = rows[-1]
        why = _why(self._companies[last.connection_id], last.run, last.qbo_id, name)
        return why, journalled, tuple(writings)


def _each(rows: Iterable[Change], name: str) -> Iterator[tuple[Any, Any]]:
    for row in rows:
        before, after = row.values[name]
        yield before, after


def _why(company: Company, run: Run | None, qbo_id: str, name: str) -> str:
    kinds = set(run.steps.filter(qbo_id=qbo_id).values_list("kind", flat=True)) if run else set()
    if run is not None and (run.undoes_id or Step.Kind.UNDO in kinds):
        return "undo"
    if kinds & LINKS or (qbo_id, name) in company.unlinked:
        return "first link"
    return "policy" if company.policies else ""


def as_value(name: str, told: Any) -> Value:
    """A value as our tables hold it."""
    if isinstance(told, dict):
        return tuple(told.get(part, "") for part in PARTS)
    return str(told or "")


def sent_items(
    companies: Iterable[Company], calls: Iterable[Json]
) -> Iterator[tuple[Company, Json]]:
    """The customers in the batches that were sent."""
    by_path = {f"/v3/company/{company.realm}/batch": company for company in companies}
    for call in calls:
        if company := by_path.get(call["path"]):
            for item in json.loads(call["body"])["BatchItemRequest"]:
                if "Customer" in item:
                    yield company, item


def _shown(step: Step) -> Shown:
    ticked = step.state == Step.State.PLANNED
    return Shown(ticked, step.data.get("values", {}), step.data.get("to_qbo", {}))


def _clients() -> dict[str, Client]:
    return {str(client.pk): client for client in Client.objects.order_by("pk")}


def _whole(client: Client) -> Json:
    return {column.attname: getattr(client, column.attname) for column in client._meta.fields}


def _newest_change() -> int:
    return Change.objects.order_by("-pk").values_list("pk", flat=True).first() or 0
