"""One of the companies, and what it was sent."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from datetime import datetime

from tests.sync.firm import Firm
from wagtail_qbo_sync.models import Connection, Mapping, Run, Token
from wagtail_qbo_sync.testing.sandbox import SandboxProcess

from .fields import FIELDS, Json, Value


class Company(Firm):
    """One company, and what was seen of it last."""

    def __init__(self, connection: Connection, realm: str, sandbox: SandboxProcess) -> None:
        super().__init__(connection, realm, sandbox)
        self.shown: dict[str, Json] = {}
        self.before: dict[str, Json] = {}
        """Its customers as they were when all was judged last."""
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
