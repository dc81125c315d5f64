"""What people do: on the site, in QuickBooks, and where the two are mapped.

Each act takes numbers, by which it picks whom it is about; one that finds nobody, or is refused
as people are, changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, TypeVar

from crm.models import Client

from wagtail_qbo_sync.models import Case, Connection, Customer, Decision, Run, Step
from wagtail_qbo_sync.sync.people import (
    conflicts,
    creation,
    decide,
    deleted,
    exclusion,
    mapping,
    ticks,
    undo,
)
from wagtail_qbo_sync.sync.people.conflicts import Choice, Moved, Take, Unfit
from wagtail_qbo_sync.sync.planning import undoing
from wagtail_qbo_sync.sync.records.locked import Refusal

from .company import Company
from .fields import Json, Value, blank, columns, in_qbo, properties
from .ledger import SITE, Record
from .world import World, mail

Item = TypeVar("Item")
POLICIES: dict[str, tuple[Any, ...]] = {
    "on_conflict": tuple(Connection.OnConflict.values),
    "direction": tuple(Connection.Direction.values),
    "unmatched": tuple(Connection.Unmatched.values),
    "hierarchy": tuple(Connection.Hierarchy.values),
    "inactive_policy": tuple(Connection.OnInactive.values),
    "field_directions": ({}, {"phone": "pull"}, {"phone": "push", "name": "pull"}),
}
LENIENT = {Connection.OnConflict.QBO_WINS, Connection.OnConflict.SITE_WINS}


def pick(items: Sequence[Item], number: int) -> Item | None:
    return items[number % len(items)] if items else None


def fresh(world: World, field: str) -> Value:
    """A value of this field that nobody has written before."""
    number = next(world.numbers)
    if field == "mailing_address":
        return (f"{number} Elm St", "", "Salem", "MA", "01970", "")
    if field in ("phone", "mobile"):
        return f"555-{number:04}"
    if field == "email":
        return f"n{number}@example.org"
    return f"{'Name' if field == 'name' else 'Firm'} {number}"


class OnSite:
    """People of the firm, in the site's own screens."""

    def __init__(self, world: World) -> None:
        self.world = world

    def client(self, number: int) -> Client | None:
        return pick(list(Client.objects.order_by("pk")), number)

    def adds(self, name: str, is_pushed: bool) -> None:
        """A new client, maybe of a type that goes to QuickBooks."""
        with self.world.people():
            kind = {"contact_type": self.world.pushed} if is_pushed else {}
            Client.objects.create(name=name, email=mail(name), **kind)

    def edits(
        self, number: int, field: str, *, clears: bool = False, quietly: bool = False
    ) -> None:
        """A field of a client; `quietly`: past all signals, as by a script."""
        client = self.client(number)
        if client is None or (clears and field == "name"):
            return
        value = blank(field) if clears else fresh(self.world, field)
        with self.world.people():
            self._saves(client.pk, columns(field, value), quietly)

    def saves_an_old_form(self, number: int, field: str) -> None:
        """What the sync's last write replaced comes back, by somebody who has not seen it."""
        client = self.client(number)
        self.world.watch.observe()
        replaced = self.world.watch.replaced
        if client is None or (str(client.pk), field) not in replaced:
            return
        before = replaced.pop((str(client.pk), field))
        self._saves(client.pk, columns(field, before.value), quietly=False)
        self.world.ledger.typed_unseen(Record(SITE, str(client.pk)), field, before)
        self.world.watch.people_did()

    def types_what_qbo_says(self, company: Company, number: int, field: str) -> None:
        """Both sides are edited alike."""
        pair = pick(company.pairs(), number)
        record = company.books().get(pair.qbo_id) if pair else None
        if pair and record:
            with self.world.people():
                self._saves(pair.client_id, columns(field, in_qbo(record)[field]), quietly=False)

    def retypes(self, number: int) -> None:
        """A client becomes one of a type that goes to QuickBooks."""
        if client := self.client(number):
            with self.world.people():
                client.contact_type = self.world.pushed
                client.save()

    def deletes(self, number: int) -> None:
        """A client is deleted."""
        if client := self.client(number):
            with self.world.people():
                client.delete()

    def _saves(self, pk: Any, values: Json, quietly: bool) -> None:
        if quietly:
            Client.objects.filter(pk=pk).update(**values)
            return
        client = Client.objects.get(pk=pk)
        for name, value in values.items():
            setattr(client, name, value)
        client.save()


class InQuickBooks:
    """People in QuickBooks' own screens."""

    def __init__(self, world: World) -> None:
        self.world = world

    def customer(self, company: Company, number: int) -> Json | None:
        return pick(list(company.books().values()), number)

    def adds(self, company: Company, name: str) -> None:
        self._saves(company, DisplayName=name, PrimaryEmailAddr={"Address": mail(name)})

    def edits(self, company: Company, number: int, field: str, *, clears: bool = False) -> None:
        if (record := self.customer(company, number)) and not (clears and field == "name"):
            value = blank(field) if clears else fresh(self.world, field)
            self._saves(company, Id=record["Id"], **properties(field, value))

    def notes(self, company: Company, number: int) -> None:
        """Something that is not mapped."""
        if record := self.customer(company, number):
            self._saves(company, Id=record["Id"], Notes=self.world.fresh("Note"))

    def invoices(self, company: Company, number: int) -> None:
        """Money moves, and the time, but not the SyncToken."""
        if record := self.customer(company, number):
            body = {"realm": company.realm, "id": record["Id"], "amount": 1}
            self._does("invoice", body)

    def deactivates(self, company: Company, number: int) -> None:
        if record := self.customer(company, number):
            self._saves(company, Id=record["Id"], Active=not record["Active"])

    def merges(self, company: Company, number: int, other: int) -> None:
        """Two are one from now on. Who does that has both before their eyes."""
        stays, goes = self.customer(company, number), self.customer(company, other)
        if not stays or not goes or stays["Id"] == goes["Id"]:
            return
        body = {"realm": company.realm, "stays": stays["Id"], "goes": goes["Id"]}
        self._does("merge", body)
        if not company.books()[goes["Id"]]["Active"]:
            winner, loser = (Record(company.realm, each["Id"]) for each in (stays, goes))
            for field in in_qbo(stays):
                self.world.ledger.seen_together(winner, loser, field)

    def moves(self, company: Company, number: int, above: int) -> None:
        """Below another customer; or out again, from where it is."""
        record, parent = self.customer(company, number), self.customer(company, above)
        if record and parent:
            values: Json = {"Job": False, "ParentRef": {"value": ""}}
            if "ParentRef" not in record and record["Id"] != parent["Id"]:
                values = {"Job": True, "ParentRef": {"value": parent["Id"]}}
            self._saves(company, Id=record["Id"], **values)

    def _saves(self, company: Company, **values: Any) -> None:
        self._does("customer", {"realm": company.realm, "values": values})

    def _does(self, what: str, body: Json) -> None:
        """QuickBooks says no to some of it, as to a name that is taken."""
        with self.world.people(), suppress(RuntimeError):
            self.world.sandbox.post(what, body)


class Deciding:
    """People who say who is who, what takes part, what is to be done and what is taken back."""

    def __init__(self, world: World) -> None:
        self.world = world

    def _says(self, act: Callable[..., object], *arguments: Any) -> None:
        """No machine may have done anything by this; a refusal is an answer."""
        with suppress(Refusal, Moved, Unfit), self.world.people():
            act(*arguments)

    def about_customer(self, act: str, company: Company, number: int) -> None:
        rows = Customer.objects.filter(connection=company.connection)
        customer = pick(sorted(rows, key=lambda one: int(one.qbo_id)), number)
        acts: dict[str, Callable[..., object]] = {
            "create": mapping.create_client,
            "exclude": exclusion.exclude_customer,
            "include": exclusion.include_customer,
            "part": mapping.remove_match,
            "join again": mapping.put_match_back,
            "disconnect": exclusion.disconnect_customer,
            "reconnect": exclusion.reconnect_customer,
            "undo": undo.undo_mapping,
            "sync": decide.ask_for_one,
            "keep": deleted.keep,
        }
        if customer:
            self._says(acts[act], company.connection, customer.qbo_id, None)

    def about_client(self, act: str, company: Company, number: int) -> None:
        client = pick(list(Client.objects.order_by("pk")), number)
        acts: dict[str, Callable[..., object]] = {
            "exclude": exclusion.exclude_client,
            "include": exclusion.include_client,
            "disconnect": exclusion.disconnect_client,
            "reconnect": exclusion.reconnect_client,
            "create": creation.create_customer,
            "cancel": creation.cancel_creation,
        }
        if client:
            self._says(acts[act], company.connection, str(client.pk), None)

    def maps(self, company: Company, number: int, other: int, *, moves: bool) -> None:
        rows = Customer.objects.filter(connection=company.connection)
        customer = pick(sorted(rows, key=lambda one: int(one.qbo_id)), number)
        client = pick(list(Client.objects.order_by("pk")), other)
        if customer and client:
            act = mapping.move_mapping if moves else mapping.map_customer
            self._says(act, company.connection, customer.qbo_id, str(client.pk), None)

    def settles(self, company: Company, number: int, take: Take) -> None:
        """Every field of a conflict that is open, as it stands now."""
        asked = Case.objects.filter(
            connection=company.connection, kind=Case.Kind.CONFLICT, open_key__isnull=False
        )
        case = pick(list(asked.order_by("pk")), number)
        now = conflicts.standing(case) if case else None
        if not case or not now or not now.fields:
            return
        self.world.watch.observe()
        shown = {name: now.stamp(name) for name in now.fields}
        choices = dict.fromkeys(now.fields, Choice(take))
        self._says(conflicts.settle, company.connection, case.qbo_id, choices, shown, None)
        self.world.watch.see_together(company, case.qbo_id, case.client_pk, now.fields)
        client, customer = Record(SITE, case.client_pk), Record(company.realm, case.qbo_id)
        loser = client if take is Take.QBO else customer
        for field in now.fields.keys() & self.world.ledger.stands[loser].keys():
            self.world.ledger.given_up(loser, field)
            self.world.watch.decided(client, customer, field)

    def chooses(self, company: Company, policy: str, number: int) -> None:
        """Another policy. Which of them let one side win unseen is kept until all is at rest."""
        value = POLICIES[policy][number % len(POLICIES[policy])]
        self.world.watch.observe()
        company.chooses(**{policy: value})
        company.policies |= {company.connection.on_conflict} & LENIENT

    def asks_for_a_plan(self, company: Company) -> None:
        """A sync is only to be shown."""
        decide.ask_for_plan(company.connection)
        self.world.work(company)

    def answers_the_plan(self, company: Company, answer: str, number: int) -> None:
        """A plan that waits is approved, discarded, or approved without one of its steps."""
        run = company.waiting()
        if run is None:
            return
        if answer == "untick" and (step := pick(list(run.steps.order_by("pk")), number)):
            self._says(_untick, run, step)
        self._says(decide.discard if answer == "discard" else decide.approve, run, None)

    def takes_back(self, company: Company, number: int) -> None:
        """A run, as a plan that is approved at once."""
        done = Run.objects.filter(connection=company.connection, state=Run.State.DONE)
        run = pick(list(done.order_by("-pk")), number)
        if run is not None:
            self._says(_undo, run)

    def includes_all(self, company: Company) -> None:
        """Everybody whom somebody excluded takes part again."""
        said = Decision.objects.filter(
            connection=company.connection, kind=Decision.Kind.EXCLUDE_CUSTOMER
        )
        for decision in list(said):
            self._says(exclusion.include_customer, company.connection, decision.qbo_id, None)


def _untick(run: Run, step: Step) -> None:
    ticks.tick(run, run.steps.filter(pk=step.pk), ticked=False)


def _undo(run: Run) -> None:
    plan = undoing.start(run, None)
    if plan.state == Run.State.WAITING:
        decide.approve(plan, None)
