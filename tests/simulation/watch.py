"""Looking at both sides, to tell what the sync did from what people did."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from crm.models import Client

from tests.sync.firm import Firm
from wagtail_qbo_sync.models import Change, Connection, Mapping, Outbox, Run, Step
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
        self.settled_direction = connection.direction
        """Which way values travel (U2), if that is so since before the last look."""
        self.cursor: datetime | None = None

    @property
    def direction(self) -> str:
        return self.connection.direction

    def books(self) -> dict[str, Json]:
        """Its customers as they are, by Id."""
        return {record["Id"]: record for record in self.records()}

    def pairs(self) -> list[Mapping]:
        """Its mappings whose client is there, in the order of Ids."""
        rows = Mapping.objects.filter(connection=self.connection, client__isnull=False)
        return sorted(rows, key=lambda one: int(one.qbo_id))

    def waiting(self) -> Run | None:
        """The plan that waits for a person."""
        runs = Run.objects.filter(connection=self.connection, state=Run.State.WAITING)
        return runs.order_by("pk").first()


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


@dataclass(slots=True)
class Look:
    """What the sync did since the last look."""

    overwritten: list[Overwriting] = field(default_factory=list)
    made: list[Record] = field(default_factory=list)
    removed: list[Record] = field(default_factory=list)
    frames: list[tuple[Record, Json, Json]] = field(default_factory=list)
    """Records that it changed, as they were and are: the whole of them."""
    calls: list[Json] = field(default_factory=list)
    """What QuickBooks was asked."""

    @property
    def touched(self) -> set[Record]:
        return {record for record, _before, _after in self.frames} | {*self.made, *self.removed}


class Watch:
    """Keeps the ledger: looks at both sides before and after whatever people do."""

    def __init__(self, sandbox: SandboxProcess, companies: list[Company]) -> None:
        self.sandbox = sandbox
        self.companies = companies
        self.ledger = Ledger()
        self.look = Look()
        self.made: Counter[str] = Counter()
        """Realm, or SITE -> records that the sync has made there."""
        self.replaced: dict[tuple[str, str], Written] = {}
        """(client, field) -> what the sync's last write replaced there, while that write stands."""
        self._sent: dict[tuple[Record, str], Value] = {}
        self._clients: dict[str, Json] = {}
        self._next_call = self._newest_change = 0
        self._steps: set[int] = set()

    def forget(self) -> None:
        """What was seen has been judged."""
        self.look = Look()
        for company in self.companies:
            company.settled_direction = company.direction

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
        for company in self.companies:
            self._books(company)
        self._site()
        self._newest_change = max(_newest_change(), self._newest_change)
        self._agreements()
        asked = self.sandbox.get(f"requests?since={self._next_call}")
        self.look.calls += asked["requests"]
        self._next_call = asked["next"]

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
            self.look.made.append(about)
            self.made[about.place] += 1
        else:
            self.look.frames.append((about, before, now))
        for name, value in values.items():
            was = self.ledger.stands[about][name] if before is not None else None
            if was is not None and was.value == value:
                continue
            known = self.ledger.copied(about, name, value)
            if was is not None:
                why, journalled = story.of(name, value)
                found = Overwriting(about, name, was.value, value, known, why, journalled)
                self.look.overwritten.append(found)
                if why:
                    self.ledger.as_people_said(about, name, was)
                if about.place == SITE:
                    self._replaced(about.key, name, was)
                else:
                    self._sent[about, name] = value

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


class _Story:
    """What the site's own tables say of a value that the sync has written."""

    def of(self, name: str, value: Value) -> tuple[str, bool]:
        """What it belongs to, and whether the journal has it."""
        raise NotImplementedError


class _Sent(_Story):
    """Of one that stands in QuickBooks now. Its journal comes with the answer."""

    def __init__(self, company: Company, qbo_id: str) -> None:
        rows = Outbox.objects.filter(connection=company.connection, qbo_id=qbo_id)
        self._rows = list(rows.select_related("run").order_by("-pk"))
        self._company = company

    def of(self, name: str, value: Value) -> tuple[str, bool]:
        for row in self._rows:
            if name in row.values and as_value(name, row.values[name][1]) == value:
                return _why(self._company, row.run, row.qbo_id, name), True
        return "", bool(self._rows)


class _Pulled(_Story):
    """Of one that stands on the site now, by the journal."""

    def __init__(self, companies: list[Company], pk: str, since: int) -> None:
        rows = Change.objects.filter(side=Change.Side.SITE, client_pk=pk, pk__gt=since)
        self._rows = list(rows.select_related("run").order_by("-pk"))
        self._companies = {company.connection.pk: company for company in companies}

    def of(self, name: str, value: Value) -> tuple[str, bool]:
        for row in self._rows:
            if name in row.values and as_value(name, row.values[name][1]) == value:
                company = self._companies[row.connection_id]
                return _why(company, row.run, row.qbo_id, name), True
        return "", False


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


def _clients() -> dict[str, Client]:
    return {str(client.pk): client for client in Client.objects.order_by("pk")}


def _whole(client: Client) -> Json:
    return {column.attname: getattr(client, column.attname) for column in client._meta.fields}


def _newest_change() -> int:
    return Change.objects.order_by("-pk").values_list("pk", flat=True).first() or 0
