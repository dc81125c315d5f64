"""What holds once everything has come to rest, whatever was killed on the way."""

from __future__ import annotations

from collections import Counter
from typing import Any

from crm.models import Client
from django.db.models import F, Q

from tests.sync.firm import Firm
from tests.sync.processes import eventually
from wagtail_qbo_sync.models import (
    Mapping,
    Outbox,
    Run,
    Send,
    SingleSync,
    SiteState,
    SyncState,
    Token,
    Touched,
)

UNFINISHED = (Run.State.PLANNING, Run.State.WAITING, Run.State.APPLYING)
UNSENT = (Outbox.State.WANTED, Outbox.State.WRITTEN, Outbox.State.SENT)
BEARER = "tokens/bearer"


def comes_to_rest(firm: Firm) -> None:
    """Wait until no process has anything left to do."""
    eventually(lambda: not unrest(firm), "the site to come to rest", lambda: unrest(firm))


def unrest(firm: Firm) -> dict[str, Any]:
    """What is not finished yet."""
    busy = Q(lease_until__isnull=False) | ~Q(wanted=F("served"))
    found = {
        "company": list(SyncState.objects.filter(busy | ~Q(phase=SyncState.Phase.REST)).values()),
        "site": list(SiteState.objects.filter(busy | ~Q(sweep=SiteState.Sweep.REST)).values()),
        "runs": list(Run.objects.filter(state__in=UNFINISHED).values_list("pk", "state")),
        "outbox": list(Outbox.objects.filter(state__in=UNSENT).values_list("pk", "state")),
        "sends": list(Send.objects.filter(is_open=True).values_list("pk", "tries")),
        "singles": list(SingleSync.objects.filter(ended_at=None).values_list("pk")),
        "touched": Touched.objects.count(),
    }
    return {name: what for name, what in found.items() if what}


def assert_invariants(firm: Firm) -> None:
    """At rest: no trouble, no orphan, nothing twice on either side, both sides equal, and the
    login that Intuit gave last is the one that is stored."""
    assert unrest(firm) == {}
    assert firm.state.trouble == {}
    assert twice(Mapping.objects.values_list("connection", "qbo_id")) == []
    assert twice(Mapping.objects.values_list("connection", "client")) == []
    assert twice(Client.objects.values_list("name")) == []
    assert twice(record["DisplayName"] for record in firm.records()) == []
    assert apart(firm) == {}
    one_lineage(firm)


def twice(values: Any) -> list[Any]:
    """Those that are there more than once."""
    return [value for value, count in Counter(values).items() if count > 1]


def apart(firm: Firm) -> dict[str, Any]:
    """Mapped pairs whose sides say different things, told from the sides themselves."""
    records = {record["Id"]: record for record in firm.records()}
    found = {}
    for mapping in Mapping.objects.filter(connection=firm.connection).select_related("client"):
        client, record = mapping.client, records[mapping.qbo_id]
        assert client is not None
        there = (
            record["DisplayName"],
            record.get("PrimaryEmailAddr", {}).get("Address", ""),
            record.get("PrimaryPhone", {}).get("FreeFormNumber", ""),
        )
        if there != (here := (client.name, client.email, client.phone)):
            found[mapping.qbo_id] = (here, there)
    return found


def token_calls(firm: Firm) -> list[int]:
    """The answers to all calls for tokens, the consent's own exchange first."""
    calls = firm.sandbox.get("requests")["requests"]
    return [call["status"] for call in calls if BEARER in call["path"]]


def one_lineage(firm: Firm) -> None:
    """Every pair that Intuit gave was stored, and none was asked for with a dead token."""
    answers = token_calls(firm)
    assert answers == [200] * len(answers)
    assert Token.objects.get().version == len(answers)
