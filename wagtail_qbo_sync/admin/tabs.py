"""Manage your QuickBooks data: its tabs with their counts, and the companies (C7, K8).

Five tabs are listings of customers, three of the site's clients; each is an address with a
status, so that a tab can be linked to and filtered further.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from django.utils.http import urlencode
from django.utils.translation import gettext_lazy as _

from wagtail_qbo_sync.models import Connection
from wagtail_qbo_sync.sync.records.client_status import ClientStatus, count_clients
from wagtail_qbo_sync.sync.records.status import (
    TO_MAP,
    CustomerStatus,
    count_conflicts,
    count_customers,
)

from .base import clients_url, conflicts_url, customers_url, may
from .clients import visible
from .filters import companies
from .signs import BAD, CARE, GOOD, QUIET, Sign

Customers, Clients = CustomerStatus, ClientStatus
ALL = Sign("list-ul", QUIET, _("All customers"))
OF_CUSTOMERS: tuple[tuple[Sign, tuple[str, ...]], ...] = (
    (Sign("circle-check", GOOD, _("Mapped")), (Customers.MAPPED,)),
    (Sign("link", QUIET, _("Customers to map")), TO_MAP),
    (Sign("help", CARE, _("Needs review")), (Customers.REVIEW,)),
    (Sign("circle-xmark", BAD, _("Excluded customers")), (Customers.EXCLUDED,)),
)
CONFLICTS = Sign("warning", CARE, _("Conflicts"))
OF_CLIENTS: tuple[tuple[Sign, tuple[str, ...]], ...] = (
    (Sign("group", QUIET, _("All clients")), tuple[str, ...]()),
    (Sign("minus", QUIET, _("Clients not mapped")), (Clients.UNMAPPED,)),
    (Sign("circle-xmark", BAD, _("Excluded clients")), (Clients.EXCLUDED,)),
)


@dataclass(frozen=True, slots=True)
class Tab:
    """A link to a listing. `count` is None where the person may not know it."""

    sign: Sign
    url: str
    count: int | None
    is_current: bool


@dataclass(frozen=True, slots=True)
class Company:
    """A link to the same tab of another company."""

    label: str
    url: str
    is_current: bool


@dataclass(frozen=True, slots=True)
class Tabs:
    """What stands above a listing. Without a company there are no clients' tabs: where a
    client stands is a matter of one company."""

    user: Any
    company: Connection | None
    statuses: Collection[str]
    """Those that the listing is narrowed to."""
    of_clients: bool = False
    query: str = ""
    """What is searched for."""

    def tabs(self) -> list[Tab]:
        """All of them, in two or three queries."""
        counts = count_customers(self.company)
        found = [self._tab(ALL, self._customers(), sum(counts.values()), (), of_clients=False)]
        for sign, statuses in OF_CUSTOMERS:
            count = sum(counts[status] for status in statuses)
            found.append(self._tab(sign, self._customers(*statuses), count, statuses, False))
        if may(self.user, "map"):
            waiting = count_conflicts(self.company)
            found.append(Tab(CONFLICTS, conflicts_url(self.company), waiting, is_current=False))
        if self.company is not None:
            known = self._client_counts(self.company)
            for sign, statuses in OF_CLIENTS:
                address = clients_url(self.company, *statuses)
                number = sum(known[status] for status in statuses or known) if known else None
                found.append(self._tab(sign, address, number, statuses, of_clients=True))
        return found

    def companies(self) -> list[Company]:
        """Where to switch to; [] where there is but one."""
        others = companies()
        if len(others) < 2:
            return []
        address = clients_url if self.of_clients else customers_url
        everywhere = Company(
            str(_("All companies")),
            self._searching(customers_url(None, *(() if self.of_clients else self.statuses))),
            self.company is None,
        )
        return [
            everywhere,
            *(
                Company(
                    company.company_name,
                    self._searching(address(company, *self.statuses)),
                    company == self.company,
                )
                for company in others
            ),
        ]

    def _customers(self, *statuses: str) -> str:
        return customers_url(self.company, *statuses)

    def _client_counts(self, company: Connection) -> dict[str, int]:
        clients = visible(self.user)
        return {} if clients.query.is_empty() else count_clients(clients, company)

    def _tab(
        self,
        sign: Sign,
        address: str,
        count: int | None,
        statuses: Collection[str],
        of_clients: bool,
    ) -> Tab:
        here = of_clients == self.of_clients and set(statuses) == set(self.statuses)
        return Tab(sign, self._searching(address), count, here)

    def _searching(self, address: str) -> str:
        if not self.query:
            return address
        joint = "&" if "?" in address else "?"
        return f"{address}{joint}{urlencode({'q': self.query})}"
