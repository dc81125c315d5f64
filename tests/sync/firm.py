"""A firm whose clients are synced with one QuickBooks company, told in short sentences."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from collections.abc import Mapping as MappingType
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from crm.models import Client, ContactType

from wagtail_qbo_sync import clock
from wagtail_qbo_sync.compat import Now
from wagtail_qbo_sync.models import (
    Case,
    Change,
    Connection,
    Decision,
    Mapping,
    Run,
    SiteState,
    Step,
    SyncState,
)
from wagtail_qbo_sync.sync.people import decide
from wagtail_qbo_sync.sync.walk import cycle
from wagtail_qbo_sync.testing.sandbox import SandboxProcess

Json = dict[str, Any]


def just_now(customers: Iterable[Json]) -> list[Json]:
    """Customers that changed this moment."""
    meta = {"LastUpdatedTime": clock.now().isoformat(timespec="seconds")}
    return [{**each, "MetaData": {**each["MetaData"], **meta}} for each in customers]


class Killed(BaseException):
    """The process ended here, as far as the code can tell."""


class Firm:
    """One company with its sandbox: what people do in QuickBooks, and the sync."""

    def __init__(self, connection: Connection, realm: str, sandbox: SandboxProcess) -> None:
        self.connection = connection
        self.realm = realm
        self.sandbox = sandbox

    # In QuickBooks ---------------------------------------------------------------------------

    def has(self, *customers: Json) -> None:
        """Exactly these customers."""
        records = just_now(customers)
        self.sandbox.post("plant", {"realm": self.realm, "records": records, "clear": True})

    def gets(self, *customers: Json) -> None:
        """These customers too, or in place of those with the same Id."""
        records = just_now(customers)
        self.sandbox.post("plant", {"realm": self.realm, "records": records})

    def edits(self, qbo_id: str, **values: Any) -> None:
        """A person edits a customer in QuickBooks; sparse."""
        self.sandbox.post("customer", {"realm": self.realm, "values": {"Id": qbo_id, **values}})

    def records(self) -> list[Json]:
        """Its customers as they are now."""
        found: list[Json] = self.sandbox.get(f"customers?realm={self.realm}")
        return found

    def record(self, qbo_id: str) -> Json:
        """One customer as it is now."""
        return next(record for record in self.records() if record["Id"] == qbo_id)

    # The sync --------------------------------------------------------------------------------

    def chooses(self, **settings: Any) -> None:
        """What a person chose for the company."""
        Connection.objects.filter(pk=self.connection.pk).update(**settings)
        self.connection.refresh_from_db()

    def sync(self, approve: bool = True) -> Run | None:
        """A whole cycle; the run that it made, or None. A plan that waits is approved."""
        newest = self._newest()
        decide.ask_for_sync(self.connection)
        self.walk()
        run = self._newest()
        if run is None or run == newest:
            return None
        if approve and run.state == Run.State.WAITING:
            self.approve(run)
        return self._newest()

    def plan(self) -> Run:
        """A sync whose plan waits for approval."""
        run = self.sync(approve=False)
        assert run is not None and run.state == Run.State.WAITING
        return run

    def approve(self, run: Run) -> None:
        """A person approves, and it is applied."""
        assert decide.approve(run, None)
        self.walk()

    def walk(self) -> None:
        """Walk until there is nothing left to do."""
        cycle.advance(self.connection.pk, seconds=math.inf)

    @property
    def state(self) -> SyncState:
        return SyncState.objects.get(pk=self.connection.pk)

    def _newest(self) -> Run | None:
        return Run.objects.filter(connection=self.connection).order_by("-pk").first()

    # What came of it -------------------------------------------------------------------------

    def mapping(self, qbo_id: str) -> Mapping:
        return Mapping.objects.get(connection=self.connection, qbo_id=qbo_id)

    def client(self, qbo_id: str) -> Client:
        """The client that a customer is mapped to, fresh."""
        return Client.objects.get(pk=self.mapping(qbo_id).client_pk)

    def mapped(self) -> dict[str, str]:
        """qbo_id -> name of its client."""
        return {
            mapping.qbo_id: mapping.client.name if mapping.client else ""
            for mapping in Mapping.objects.filter(connection=self.connection)
        }

    def client_phone(self, name: str) -> str:
        """The phone of the client of that name."""
        return Client.objects.get(name=name).phone

    def cases(self) -> set[tuple[str, str]]:
        """(kind, qbo_id) of all that is open."""
        rows = Case.objects.filter(connection=self.connection, open_key__isnull=False)
        return set(rows.values_list("kind", "qbo_id"))

    def case(self, kind: str, qbo_id: str) -> Case:
        """The open case of a kind for a customer."""
        return Case.objects.get(
            connection=self.connection, kind=kind, qbo_id=qbo_id, open_key__isnull=False
        )

    def says(self, kind: str, qbo_id: str = "", client: Client | None = None) -> Decision:
        """A person decides something."""
        return Decision.objects.create(
            kind=kind,
            connection=self.connection,
            qbo_id=qbo_id,
            client_pk=str(client.pk) if client else "",
            at=clock.now(),
        )

    def maps(self, qbo_id: str, client: Client, **base: Any) -> Mapping:
        """A person maps by hand; the cycle writes the values."""
        return Mapping.objects.create(
            connection=self.connection,
            qbo_id=qbo_id,
            client=client,
            client_pk=str(client.pk),
            base=base,
        )


# On the site ----------------------------------------------------------------------------------


def client(name: str, email: str = "", **values: Any) -> Client:
    """A client that somebody typed in."""
    return Client.objects.create(name=name, email=email, **values)


def edit(client: Client, **values: Any) -> None:
    """Somebody edits a client in the admin."""
    fresh = Client.objects.get(pk=client.pk)
    for name, value in values.items():
        setattr(fresh, name, value)
    fresh.save()


def site() -> list[Json]:
    """Every byte of every client and type."""
    rows = [*Client.objects.order_by("pk").values(), *ContactType.objects.order_by("pk").values()]
    return [dict(row) for row in rows]


# What a run says ------------------------------------------------------------------------------


def told(run: Run | None) -> set[tuple[str, str, str]]:
    """(kind, customer by name, state) of a run's steps."""
    assert run is not None
    return {
        (kind, data["customer"], state)
        for kind, data, state in run.steps.values_list("kind", "data", "state")
    }


def why(run: Run, qbo_id: str) -> str:
    """Why a step was held back or failed."""
    step = run.steps.get(qbo_id=qbo_id)
    assert step.state in (Step.State.HELD, Step.State.FAILED)
    return str(step.data["why"])


# The end state, whatever the keys of the rows --------------------------------------------------


def picture() -> Json:
    """Clients, mappings, cases, decisions and journal, comparable between two databases."""
    names = {str(one.pk): one.name for one in Client.objects.all()}
    by_pk = {"pk", "id", "contact_type", "client", "client_id", "connection", "run", "comparison"}

    def without(row: MappingType[str, Any], *keys: str) -> Json:
        return {key: value for key, value in row.items() if key not in by_pk | {*keys}}

    def ordered(rows: Iterator[Json]) -> list[str]:
        return sorted(repr(sorted(row.items())) for row in rows)

    def cases() -> Iterator[Json]:
        for row in Case.objects.values():
            facts = without(row["facts"])
            for candidate in facts.get("candidates", []):
                candidate["pk"] = names.get(candidate["pk"])
            keys = ("open_key", "opened_at", "closed_at", "client_pk", "facts")
            open_ = row["open_key"] is not None
            who = names.get(row["client_pk"], "")
            yield without(row, *keys) | {"open": open_, "client": who, "facts": repr(facts)}

    return {
        "clients": ordered(without(row, "contact_type_id") for row in Client.objects.values()),
        "mappings": ordered(
            without(row, "client_pk") | {"client": names.get(row["client_pk"])}
            for row in Mapping.objects.values()
        ),
        "cases": ordered(cases()),
        "decisions": ordered(without(row, "at", "client_pk") for row in Decision.objects.values()),
        "changes": ordered(
            without(row, "run_id", "at", "client_pk") | {"client": names.get(row["client_pk"])}
            for row in Change.objects.values()
        ),
        "steps": ordered(
            {"kind": kind, "state": state, "qbo_id": qbo_id, "client": names.get(pk, "")}
            for kind, state, qbo_id, pk in Step.objects.values_list(
                "kind", "state", "qbo_id", "client_pk"
            )
        ),
        "runs": list(Run.objects.order_by("pk").values_list("state", "counts")),
    }


# Ending the process ---------------------------------------------------------------------------


@contextmanager
def at(point: str, act: Callable[[], object]) -> Iterator[None]:
    """Somebody else acts, each time a walk passes this failpoint."""

    def stop(name: str) -> None:
        if name == point:
            act()

    clock.stop_at(stop)
    try:
        yield
    finally:
        clock.stop_at(None)


@contextmanager
def killed_at(hit: Callable[[str], bool]) -> Iterator[None]:
    """End the walk at the first failpoint for which `hit(name)` is true."""

    def stop(name: str) -> None:
        if hit(name):
            raise Killed(name)

    clock.stop_at(stop)
    try:
        yield
    finally:
        clock.stop_at(None)


def expire_lease(connection: Connection) -> None:
    """The walker is gone, and its lease has run out."""
    over = Now() - timedelta(seconds=1)
    SyncState.objects.filter(pk=connection.pk, lease_until__isnull=False).update(lease_until=over)
    SiteState.objects.filter(lease_until__isnull=False).update(lease_until=over)
