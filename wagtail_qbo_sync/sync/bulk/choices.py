"""What people chose for many customers: judged by what stands now, then recorded at once.

It comes to the same as `mapping.map_customer`, `mapping.create_client` and
`exclusion.exclude_customer` for each, with as many statements for a thousand customers as for
one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from django.db.models import QuerySet, TextChoices
from django.utils.translation import gettext_lazy as _
from django.utils.translation import gettext_noop

from wagtail_qbo_sync import clock
from wagtail_qbo_sync.compat import chunks, wide_statements
from wagtail_qbo_sync.contact import match_key
from wagtail_qbo_sync.engine import plan as engine
from wagtail_qbo_sync.engine.plan import Party
from wagtail_qbo_sync.host.adapter import get_adapter
from wagtail_qbo_sync.models import Connection, Customer, Decision, Mapping, Run, Step
from wagtail_qbo_sync.models.mirror import split_keys
from wagtail_qbo_sync.sync.people.decide import record_many
from wagtail_qbo_sync.sync.records import by_hand, cases, runs
from wagtail_qbo_sync.sync.records.client_status import mapped_elsewhere, taken_clients
from wagtail_qbo_sync.sync.records.locked import Outcome
from wagtail_qbo_sync.sync.records.parties import client_party
from wagtail_qbo_sync.sync.records.status import TO_MAP, with_status

CHUNK = 2000
"""Choices that are judged at a time, where nothing is locked."""
Kind = Decision.Kind

SETTLED = gettext_noop("It was settled meanwhile.")
CHOSEN_ANEW = gettext_noop("Somebody chose something else just now.")
CLIENT_GONE = gettext_noop("This client is no longer there.")
CLIENT_TAKEN = gettext_noop("This client is mapped or excluded already.")
RENAMED = gettext_noop("Customer and client no longer have the same name.")
LEFT_UNMAPPED = gettext_noop("It stays unmapped for now: it was chosen to be left.")
CHANGED = gettext_noop("The customer or the client changed after this was shown.")


class Do(TextChoices):
    """What a person chose for a customer."""

    MAP = "map", _("Map to a client")
    CREATE = "create", _("Create new client")
    EXCLUDE = "exclude", _("Exclude from mapping")
    LEAVE = "leave", _("Leave unmapped")


class Choice(NamedTuple):
    """What is to be done with one customer. `client_pk` is "" unless a client was chosen."""

    qbo_id: str
    do: str
    client_pk: str = ""


class Choices:
    """Some choices, judged. `lock` what they are about, to record them afterwards.

    A client that no draft names was suggested by exact name: that holds while the names are
    equal (K6). `from_drafts`: the choices were drafts; one that was changed since is not
    carried out. `plan`: the steps that a person was shown; only what comes to the same is done.
    `given`: clients that other choices have taken already; is added to.
    """

    def __init__(
        self,
        connection: Connection,
        choices: Sequence[Choice],
        *,
        lock: bool,
        from_drafts: bool = False,
        plan: Run | None = None,
        given: set[str] | None = None,
    ) -> None:
        self.connection = connection
        self.adapter = get_adapter()
        self.choices = {choice.qbo_id: choice for choice in choices}
        self.from_drafts = from_drafts
        self.plan = plan
        self.outcome = Outcome()
        self.mapped: list[tuple[Customer, Party]] = []
        self.created: list[Customer] = []
        self.excluded: list[Customer] = []
        self.left: list[Customer] = []
        self.used: list[str] = []
        """Customers whose drafts have served."""
        pks = sorted({choice.client_pk for choice in choices if choice.client_pk})
        if lock:  # clients before customers (rule 10)
            self.adapter.lock(pks)
        self.clients = {
            one.pk: client_party(one, self.adapter) for one in self.adapter.records(pks)
        }
        customers = self._customers(lock)
        self._look_up(pks, set() if given is None else given)
        for customer in customers:
            self._judge(customer)

    def _customers(self, lock: bool) -> list[Any]:
        """Customers with their status, in the order of their rows."""
        rows = self._about(Customer.objects).order_by("pk")
        if lock:
            list(rows.select_for_update().values_list("pk", flat=True))
        return list(with_status(rows.select_related("connection")))

    def _look_up(self, pks: list[str], given: set[str]) -> None:
        """What stands about these customers and clients."""
        self.elsewhere = mapped_elsewhere(self.connection.pk, pks)
        self.taken = given
        self.taken |= taken_clients(self.connection, pks)
        self.being_created = by_hand.being_created(self.connection, self.choices, but=self.plan)
        self.planned: dict[str, Step] = {}
        if self.plan is not None:
            shown = self.plan.steps.filter(qbo_id__in=list(self.choices))
            self.planned = {step.qbo_id: step for step in shown}
        self.drafts: dict[str, Choice] = {}
        if self.from_drafts:
            drafts = self._about(Decision.objects).filter(kind=Kind.DRAFT)
            for qbo_id, facts in drafts.values_list("qbo_id", "facts"):
                self.drafts[qbo_id] = Choice(qbo_id, facts["do"], facts["client"])

    def _about(self, rows: Any) -> QuerySet[Any]:
        found: QuerySet[Any] = rows.filter(
            connection=self.connection, qbo_id__in=list(self.choices)
        )
        return found

    # Judging --------------------------------------------------------------------------------

    def _judge(self, customer: Any) -> None:
        choice = self.choices[customer.qbo_id]
        waits = customer.status in TO_MAP
        why = self._objection(customer, choice) if waits else SETTLED
        step = None if why else self._step(customer, choice)
        if step is not None and self._is_another(step):
            why = CHANGED
        if not (waits and why):
            self.used.append(customer.qbo_id)
        if why:
            self.outcome.skip(why, customer)
            return
        self.outcome.counts[choice.do] += 1
        if step is not None:
            self.outcome.steps.append(step)
        if choice.do == Do.MAP:
            self._give(customer, self.clients[choice.client_pk])
        elif choice.do == Do.CREATE:
            self.created.append(customer)
        elif choice.do == Do.EXCLUDE:
            self.excluded.append(customer)
        else:
            self.left.append(customer)

    def _objection(self, customer: Any, choice: Choice) -> str:
        """Why a choice cannot stand, "" if it can. A draft stays, for a person to choose again."""
        draft = self.drafts.get(customer.qbo_id)
        suggested = choice.do == Do.MAP and draft is None
        if self.from_drafts and not suggested and draft != choice:
            return CHOSEN_ANEW
        if customer.qbo_id in self.being_created and choice.do != Do.LEAVE:
            return by_hand.BEING_CREATED
        if choice.do != Do.MAP:
            return ""
        client = self.clients.get(choice.client_pk)
        if client is None:
            return CLIENT_GONE
        if client.key in self.taken:
            return CLIENT_TAKEN
        name = split_keys(customer.match_keys)[0]
        return RENAMED if suggested and match_key(client.contact.name) != name else ""

    def _step(self, customer: Customer, choice: Choice) -> engine.Step | None:
        """What is written to a client, None for nothing."""
        if choice.do == Do.CREATE:
            return by_hand.create_step(customer, self.adapter)
        if choice.do != Do.MAP:
            return None
        client = self.clients[choice.client_pk]
        elsewhere = client.key in self.elsewhere
        return by_hand.link_step(customer, client, self.adapter, elsewhere=elsewhere)

    def _is_another(self, step: engine.Step) -> bool:
        """Whether it is not what the person was shown."""
        shown = self.planned.get(step.qbo_id)
        return shown is not None and shown.data != step.data

    def _give(self, customer: Customer, client: Party) -> None:
        self.taken.add(client.key)
        self.mapped.append((customer, client))

    # Recording ------------------------------------------------------------------------------

    def record(self, user: Any) -> Outcome:
        """Store what was judged, in the transaction that locked it."""
        with wide_statements(Mapping.objects.db):
            Mapping.objects.bulk_create(
                Mapping(
                    connection=self.connection,
                    qbo_id=customer.qbo_id,
                    client_id=client.key,
                    client_pk=client.key,
                )
                for customer, client in self.mapped
            )
        self._answer(user)
        with wide_statements(Decision.objects.db):
            Decision.objects.bulk_create(
                Decision(
                    kind=Kind.EXCLUDE_CUSTOMER,
                    connection=self.connection,
                    qbo_id=customer.qbo_id,
                    by=user,
                    at=clock.now(),
                )
                for customer in self.excluded
            )
        if self.plan is not None:
            self._note_in(self.plan)
        self._log(user)
        return self.outcome

    def _note_in(self, plan: Run) -> None:
        """What is to be written is in the plan already; the rest of its steps have their end."""
        self.outcome.steps.clear()
        recorded = [customer.qbo_id for customer in (*self.excluded, *self.left)]
        plan.steps.filter(qbo_id__in=recorded).update(state=Step.State.DONE)
        skipped = self.outcome.skipped.items()
        runs.leave(plan, {one.qbo_id: why for why, customers in skipped for one in customers})

    def _answer(self, user: Any) -> None:
        """Nos of before are taken back, drafts are used up, what was open is closed."""
        said = Decision.objects.filter(connection=self.connection)
        said.filter(kind=Kind.DRAFT, qbo_id__in=self.used).delete()
        paired = [customer.qbo_id for customer, _ in self.mapped]
        paired += [customer.qbo_id for customer in self.created]
        said.filter(qbo_id__in=paired).delete()
        answered = [*paired, *(customer.qbo_id for customer in self.excluded)]
        cases.answer(self.connection, answered, user)
        customer_of = {client.key: customer.qbo_id for customer, client in self.mapped}
        cases.close_by_mapping(self.connection, customer_of, user)

    def _log(self, user: Any) -> None:
        maps = [
            {
                "qbo_id": customer.qbo_id,
                "client_pk": client.key,
                "customer": customer.path,
                "client": client.label,
            }
            for customer, client in self.mapped
        ]
        record_many(self.connection, "map", user, maps)
        for action, customers in (("create", self.created), ("exclude_customer", self.excluded)):
            record_many(self.connection, action, user, told_of(customers))


def overwritten(connection: Connection, choices: Iterable[Choice]) -> Counter[str]:
    """Contact field -> clients whose value these choices would replace now. Reads only."""
    found, given = Counter[str](), set[str]()
    for chunk in chunks(choices, CHUNK):
        for step in Choices(connection, chunk, lock=False, given=given).outcome.steps:
            values = step.data["values"]
            found.update(name for name, (before, _) in values.items() if before)
    return found


def told_of(customers: Sequence[Customer]) -> list[dict[str, Any]]:
    """What Wagtail's log keeps of a decision about each of these customers."""
    return [{"qbo_id": customer.qbo_id, "customer": customer.path} for customer in customers]
