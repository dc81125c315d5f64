"""Looking at both sides, to tell what the sync did from what people did."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from crm.models import Client

from wagtail_qbo_sync.models import Change, Outbox, Step
from wagtail_qbo_sync.testing.sandbox import SandboxProcess

from .company import Company, sent_items
from .fields import FIELDS, Json, Value, blank, in_qbo, on_site
from .ledger import SITE, Ledger, Record, Written
from .story import Pulled, Sent, Story, Writing


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
    alike: tuple[str, ...] = ()
    """Customers of the same name or e-mail, there before and unchanged, although no person had
    asked for this one (K14)."""


class _Sender(NamedTuple):
    """For whom a customer was asked for."""

    client_pk: str
    by_person: bool
    """A person said so, or it was sent before: whoever came since does not matter."""


Carried = tuple[Value, Value]
"""What stood there, and what stands there now."""


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
        self.wrote: dict[tuple[Record, str], Value] = {}
        """What the sync has written last, into what it made too, whoever has written since."""
        self.carried: defaultdict[tuple[Record, str], list[Carried]] = defaultdict(list)
        """(customer, field) -> what the sync has made of what there, in its order."""
        self.put_aside: set[Record] = set()
        """Customers that the sync has made inactive."""
        self._senders: defaultdict[tuple[str, str], list[_Sender]] = defaultdict(list)
        """(realm, name) -> the clients for which a customer of this name was asked for."""
        self._clients: dict[str, Json] = {}
        self._next_call = self._newest_change = 0
        self._steps: set[int] = set()

    def forget(self) -> None:
        """What was seen has been judged."""
        self.look = Look()
        for company in self.companies:
            company.ways = company.directions()
            company.before = company.shown

    def is_there(self, client: Record) -> bool:
        """Whether the site has this client still."""
        return client.key in self._clients

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
                row = Outbox.objects.filter(pk=item["bId"]).select_related("run", "send").first()
                if row is not None:
                    by_person = bool(row.run and row.run.by_person)
                    again = row.send is None or row.send.tries > 1
                    names = self._senders[company.realm, item["Customer"]["DisplayName"]]
                    names.append(_Sender(row.client_pk, by_person or again))

    def _books(self, company: Company) -> None:
        books = company.books()
        for qbo_id, now in books.items():
            if (before := company.shown.get(qbo_id)) != now:
                about = Record(company.realm, qbo_id)
                self._changed(about, before, now, in_qbo(now), Sent(company, qbo_id))
        self._show(company, books)

    def _site(self) -> None:
        clients = _clients()
        for pk, client in clients.items():
            before, now = self._clients.get(pk), _whole(client)
            if before != now:
                story = Pulled(self.companies, pk, self._newest_change)
                self._changed(Record(SITE, pk), before, now, on_site(client), story)
        self.look.removed += [Record(SITE, pk) for pk in self._clients if pk not in clients]
        self._clients = {pk: _whole(client) for pk, client in clients.items()}

    def _changed(
        self, about: Record, before: Json | None, now: Json, values: dict[str, Value], story: Story
    ) -> None:
        if before is None:
            source = self._made_of(about, now)
            self.look.made.append(Making(about, source, self._alike(about, now)))
            self.made[about.place] += 1
            if source is not None:
                self.made_of.add((source, about))
        else:
            self.look.frames.append((about, before, now))
            if about.place != SITE and before["Active"] and not now["Active"]:
                self.put_aside.add(about)
        for name, value in values.items():
            was = self.ledger.stands[about][name] if before is not None else None
            if was is not None and was.value == value:
                continue
            self.wrote[about, name] = value
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
                    self.carried[about, name].append((was.value, value))

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
        return Record(SITE, asked[-1].client_pk) if asked else None

    def _alike(self, about: Record, now: Json) -> tuple[str, ...]:
        """Of a customer that was made without a person having asked for it, who is like it."""
        company = next((one for one in self.companies if one.realm == about.place), None)
        asked = self._senders[about.place, now["DisplayName"]] if company else []
        if company is None or not asked or asked[-1].by_person:
            return ()
        return tuple(
            qbo_id
            for qbo_id, record in company.before.items()
            if record == company.shown.get(qbo_id) and _are_alike(record, now)
        )

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


def _are_alike(one: Json, other: Json) -> bool:
    """Whether two customers have a name or an e-mail in common."""
    here, there = in_qbo(one), in_qbo(other)
    return any(here[name] and here[name] == there[name] for name in ("name", "email"))


def _shown(step: Step) -> Shown:
    ticked = step.state == Step.State.PLANNED
    return Shown(ticked, step.data.get("values", {}), step.data.get("to_qbo", {}))


def _clients() -> dict[str, Client]:
    return {str(client.pk): client for client in Client.objects.order_by("pk")}


def _whole(client: Client) -> Json:
    return {column.attname: getattr(client, column.attname) for column in client._meta.fields}


def _newest_change() -> int:
    return Change.objects.order_by("-pk").values_list("pk", flat=True).first() or 0
