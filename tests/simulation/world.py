"""A site with two companies: everybody who acts there acts on this."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count

from crm.models import Client, ContactType
from django.db import connection as database

from tests.sync.conftest import CALLBACK, CLIENT, FIRM, customer
from tests.sync.firm import Killed, expire_lease, killed_at
from wagtail_qbo_sync.models import Connection, SyncState, Token
from wagtail_qbo_sync.sync.noticing import sweep
from wagtail_qbo_sync.sync.people import connect, decide
from wagtail_qbo_sync.sync.walk import cycle
from wagtail_qbo_sync.testing.sandbox import SandboxProcess

from .company import Company
from .fields import Json
from .ledger import Record
from .logins import Logins
from .time_shift import TimeShift
from .watch import Watch

FIRST_IDS = {FIRM: 1000, CLIENT: 5000}
"""Ids of the two never overlap, so that one that was learnt from the other company is told."""
THERE = {FIRM: ("Anna", "Bert", "Cora", "Emil"), CLIENT: ("Cora", "Dina", "Finn")}
HERE = ("Anna", "Bert", "Cora", "Dina", "Gina")
RINGS = 4
"""How often a worker is rung for a company until it has nothing more to do."""


class World:
    """The site, its two companies, their sync, and the time."""

    def __init__(
        self,
        sandbox: SandboxProcess,
        consent: Callable[..., dict[str, str]],
        time: TimeShift,
        logins: Logins,
    ) -> None:
        self.sandbox, self.consent, self.time, self.logins = sandbox, consent, time, logins
        sandbox.post("reset")
        time.set(0)
        logins.forget()
        self.depth = len(database.savepoint_ids)
        self.numbers = count(1)
        self.pushed = ContactType.objects.create(name="Pushed")
        self.companies = [Company(self._logged_in(realm), realm, sandbox) for realm in FIRST_IDS]
        self.watch = Watch(sandbox, self.companies)
        self.ledger = self.watch.ledger
        self.acts: Counter[str] = Counter()
        """How often each rule came."""
        self.inert: set[tuple[str, str]] = set()
        """(realm, Id) of who took no part when all was looked at last."""
        self.let_go: set[tuple[Record, Record]] = set()
        """(source, record that was made of it) that people have parted, or one of whom is gone."""
        self.taken_back: set[int] = set()
        """The undos that were looked at."""
        self.quiet_until: dict[str, float] = {}
        """Realm -> when a "too many requests" is over, by QuickBooks' clock."""
        self._begin()

    def _begin(self) -> None:
        """Some who are on both sides, some who are on one, and a first sync of each company."""
        for number, name in enumerate(HERE):
            values = {"phone": f"0{number}", "physical_city": "Salem"} if number % 2 else {}
            Client.objects.create(name=name, email=mail(name), **values)
        for company in self.companies:
            first = FIRST_IDS[company.realm]
            names = THERE[company.realm]
            company.has(*(_planted(first + n, name) for n, name in enumerate(names)))
        self.watch.people_did()
        for company in self.companies:
            company.chooses(pushed_types=[str(self.pushed.pk)])
            self.cycle(company)
            self.approves(company)
        self.watch.observe()

    def fresh(self, what: str) -> str:
        """A text that nobody has written before."""
        return f"{what} {next(self.numbers)}"

    # People act ------------------------------------------------------------------------------

    @contextmanager
    def people(self) -> Iterator[None]:
        """What changes in here, people do, and see what they change."""
        self.watch.observe()
        try:
            yield
        finally:
            self.watch.people_did()

    def _logged_in(self, realm: str, again: Connection | None = None) -> Connection:
        url = connect.start(None, "a session", CALLBACK, again)
        return connect.complete(self.consent(url, realm), None, "a session").connection

    def logs_in_again(self, company: Company) -> None:
        """A person renews a login that is over."""
        self._logged_in(company.realm, company.connection)

    def approves(self, company: Company) -> None:
        """Whatever waits for a person there."""
        while run := company.waiting():
            decide.approve(run, None)
            self.work(company)
            if company.waiting() == run:
                return

    # The worker ------------------------------------------------------------------------------

    def work(self, company: Company) -> None:
        """A worker walks as often as it is rung for; which has to come to an end."""
        to_do = SyncState.objects.filter(cycle.DUE & cycle.todo(), pk=company.connection.pk)
        for _ring in range(RINGS):
            company.walk()
            if not to_do.exists():
                break
        else:
            raise AssertionError(f"It goes on and on in {company.realm}: {to_do.values().get()}")
        self.watch.observe()

    def cycle(self, company: Company) -> None:
        """Somebody asks for a sync, and it is done."""
        decide.ask_for_sync(company.connection)
        self.work(company)

    def sweep(self) -> None:
        """All clients are looked at, whatever signals told of them."""
        sweep.everything()

    def dies(self, company: Company, hit: int) -> str:
        """A sync whose process dies at the failpoint of this number; "" if it arrived before."""
        passed, where = count(), ""
        decide.ask_for_sync(company.connection)
        try:
            with killed_at(lambda _name: next(passed) == hit):
                company.walk()
        except Killed as death:
            where = str(death)
        if where == "token.refreshed":
            kept = Token.objects.get(pk=company.connection.pk)
            self.logins.died_with(company.realm, kept.open()[1])
        self.leases_run_out(company)
        return where

    def leases_run_out(self, company: Company) -> None:
        """Whoever held one is gone."""
        expire_lease(company.connection)
        Token.objects.filter(lease_until__isnull=False).update(lease_until=None)

    def is_between_transactions(self) -> bool:
        """Whether somebody else could act now: nothing is locked."""
        return len(database.savepoint_ids) == self.depth

    # Rest ------------------------------------------------------------------------------------

    def calms_down(self) -> None:
        """The weather ends: no faults, no leases of the dead; logins are renewed."""
        self.sandbox.delete("faults")
        self.time.jump(2 * 60 * 60)
        for company in self.companies:
            self.leases_run_out(company)
            if Token.objects.filter(pk=company.connection.pk, rejected=True).exists():
                self.logs_in_again(company)

    def comes_to_rest(self, cycles: int = 3) -> None:
        """So many cycles of each company, whose plans people approve."""
        for _cycle in range(cycles):
            self.sweep()
            for company in self.companies:
                self.cycle(company)
                self.approves(company)


def mail(name: str) -> str:
    return f"{name.lower().replace(' ', '.')}@example.org"


def _planted(number: int, name: str) -> Json:
    return customer(
        str(number),
        name,
        mail(name),
        Notes=f"About {name}",
        GivenName=name,
        Taxable=True,
        PreferredDeliveryMethod="Print",
        ShipAddr={"Line1": f"{number} Pier", "City": "Lynn"},
        PrimaryPhone={"FreeFormNumber": f"9{number}"},
        Fax={"FreeFormNumber": "77"},
    )
