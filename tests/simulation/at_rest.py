"""What must hold in the end (L), by the numbers under which it is known; and of what must never
happen (S), what is only looked at then.

All look at a world without faults, after three cycles, in which people approved what waited.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable

from django.apps import apps
from django.core import serializers

from wagtail_qbo_sync.models import (
    Case,
    Change,
    Connection,
    Customer,
    Mapping,
    Outbox,
    Send,
    SyncState,
)
from wagtail_qbo_sync.sync.walk import cycle

from .company import Company
from .fields import FIELDS, blank, in_qbo
from .invariants import realm_of
from .ledger import SITE, Record, Written
from .story import as_value
from .watch import Carried
from .world import World


def l1_nothing_is_under_way(world: World) -> None:
    """No walk is half done, nothing waits to be sent, and nobody is in trouble."""
    for company in world.companies:
        state = company.state
        to_do = SyncState.objects.filter(cycle.todo(), pk=state.pk)
        assert not to_do.exists(), f"{company.realm} has something to do: {to_do.values().get()}"
        assert (state.phase, state.trouble) == (SyncState.Phase.REST, {}), company.realm
        assert state.wanted == state.served, company.realm
        assert not Send.objects.filter(connection=company.connection, is_open=True).exists()
        open_rows = Outbox.objects.filter(connection=company.connection, open_key__isnull=False)
        hints = open_rows.filter(state=Outbox.State.WANTED).exclude(kind=Outbox.Kind.ACTIVITY)
        stuck = list(open_rows.exclude(pk__in=hints).values_list("kind", "state", "qbo_id"))
        assert not stuck, f"{company.realm} has not sent {stuck}"
        assert company.waiting() is None


def l1_the_mirror_shows_quickbooks(world: World) -> None:
    """L4: what changed there has been seen."""
    for company in world.companies:
        rows = Customer.objects.filter(connection=company.connection)
        mirror = {row.qbo_id: row for row in rows}
        for qbo_id, record in company.books().items():
            assert qbo_id in mirror, f"{qbo_id} was never seen"
            assert mirror[qbo_id].record["sync_token"] == int(record["SyncToken"]), qbo_id
            is_inactive = mirror[qbo_id].standing == Customer.Standing.INACTIVE
            assert is_inactive != record["Active"], qbo_id


def l1_pairs_are_equal_or_it_is_seen_why(world: World) -> None:
    """Each field of each pair that is awake: the same on both sides, or asked about, or one that
    people let stand, or that was written last where it does not travel from, or that a customer
    which was made of its client was not given."""
    for company in world.companies:
        books = company.books()
        for pair in company.pairs():
            record = books[pair.qbo_id]
            if pair.asleep or not record["Active"] or record.get("IsProject"):
                continue
            asked = _asked(company, pair)
            for name, value in in_qbo(record).items():
                client, customer = Record(SITE, pair.client_pk), Record(company.realm, pair.qbo_id)
                here = world.ledger.stands[client][name]
                there = world.ledger.stands[customer][name]
                unsent = value == blank(name) and (client, customer) in world.watch.made_of
                assert (
                    here.value == value
                    or name in asked
                    or _may_differ(company, name, here, there)
                    or (unsent and company.ways[name] == "pull")
                ), f"{name} of {pair.qbo_id}: {here.value!r} here, {value!r} there, {asked}"


def s12_the_journal_tells_what_was_sent(world: World) -> None:
    """Played in its order, the journal leads from what stood in QuickBooks, whenever the sync
    wrote there, to what it made of it; and tells of nothing more. No look but that of the sync
    changes what stands there, so beginning, people and journal give the present state."""
    told: defaultdict[tuple[Record, str], list[Carried]] = defaultdict(list)
    realms = {company.connection.pk: company.realm for company in world.companies}
    for change in Change.objects.filter(side=Change.Side.QBO).order_by("pk"):
        record = Record(realms[change.connection_id], change.qbo_id)
        for name, (before, after) in change.values.items():
            if name in FIELDS and before is not None:
                told[record, name].append((as_value(name, before), as_value(name, after)))
    for key in told.keys() | world.watch.carried.keys():
        carried = world.watch.carried[key]
        assert _leads(told[key], carried), f"{key}: {carried}, but the journal says {told[key]}"


def s14_no_secrets(world: World) -> None:
    """No token that was ever issued is in the database's text."""
    text = json.dumps(
        [
            serializers.serialize("json", model._base_manager.all())
            for model in apps.get_app_config("wagtail_qbo_sync").get_models()
        ]
    )
    for company in world.companies:
        for secret in company.connection.token.open():
            assert secret not in text


def l2_quiet(world: World) -> None:
    """One more cycle sends nothing, writes nothing, and reads once per company at most; twice
    where QuickBooks tells of inactive customers without saying what they hold."""
    look = world.watch.look
    most = 2 if world.sandbox.get("switches")["cdc_inactive"] == "stub" else 1
    assert not look.touched, f"Touched: {look.touched}"
    for company in world.companies:
        calls = [call for call in look.calls if realm_of(call) == company.realm]
        asked = [f"{call['path']} {call['query']} {call['body']}" for call in calls]
        assert not any(one.split()[0].endswith(("/batch", "/customer")) for one in asked), asked
        assert len(calls) <= most, asked


AT_REST: tuple[Callable[[World], None], ...] = (
    l1_nothing_is_under_way,
    l1_the_mirror_shows_quickbooks,
    l1_pairs_are_equal_or_it_is_seen_why,
    s12_the_journal_tells_what_was_sent,
    s14_no_secrets,
)


def _leads(told: list[Carried], carried: list[Carried]) -> bool:
    """Whether the entries, one after the other, are the way of each of these; there may be more
    than one for one."""
    entries = iter(told)
    for before, after in carried:
        at = before
        while at != after:
            entry = next(entries, None)
            if entry is None or entry[0] != at:
                return False
            at = entry[1]
    return next(entries, None) is None


def _asked(company: Company, pair: Mapping) -> set[str]:
    """The fields of a pair that people are asked about."""
    about = Case.objects.filter(
        connection=company.connection, qbo_id=pair.qbo_id, open_key__isnull=False
    )
    fields: set[str] = set()
    for case in about:
        facts = case.facts
        fields |= {*facts.get("conflicts", ()), *facts.get("fields", ()), *facts.get("untaken", ())}
        if case.kind == Case.Kind.REFUSED and "untaken" not in facts:
            fields |= set(FIELDS)
    return fields


def _may_differ(company: Company, name: str, here: Written, there: Written) -> bool:
    """Whether people have seen that it does, or the newer value does not travel (U2)."""
    way, knows = company.ways[name], (here.knows(there), there.knows(here))
    if way == "pull":
        return knows[0] or Connection.OnConflict.SITE_WINS in company.policies
    if way == "push":
        return knows[1] or Connection.OnConflict.QBO_WINS in company.policies
    return all(knows)
