"""What must hold, by the numbers under which it is known: S for safety, L for liveness.

Those of `AFTER_EACH_ACT` look at what the sync did since the last look; those of `AT_REST` at a
world without faults, after three cycles, in which people approved what waited.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import unquote_plus

from django.apps import apps
from django.core import serializers

from wagtail_qbo_sync.engine.gate import exceeds_brake
from wagtail_qbo_sync.models import (
    Case,
    Change,
    Customer,
    Decision,
    Mapping,
    Outbox,
    Run,
    Send,
    Step,
    SyncState,
)

from .fields import FIELDS, Json, in_qbo, unmapped
from .ledger import SITE, Record
from .watch import Company, as_value
from .world import FIRST_IDS, World

THEIR_BUSINESS = ("undo", "first link", "policy")
"""Reasons for which a value may be replaced that its successor's author has not seen: a person
has said so."""
MOST = 1000
"""Ids that belong to one company."""


# Safety -------------------------------------------------------------------------------------------


def s1_no_lost_update(world: World) -> None:
    """A value is replaced only by one whose author had seen it, or as a person said."""
    for one in world.watch.look.overwritten:
        assert one.known or one.why in THEIR_BUSINESS, f"An update was lost: {one}"


def s1_what_is_replaced_on_the_site_is_in_the_journal(world: World) -> None:
    """Whatever the reason."""
    for one in world.watch.look.overwritten:
        assert one.record.place != SITE or one.journalled, f"Not in the journal: {one}"


def s2_no_overwrite_unseen(world: World) -> None:
    """What is sent carries the SyncToken of the reading that it was computed from (rule 8)."""
    for company, item in _sent(world):
        body = item.get("Customer", {})
        row = Outbox.objects.filter(pk=item["bId"]).first()
        if row is None or not body.get("Id") or not row.values:
            continue
        said = company.versions.get((body["Id"], int(body["SyncToken"])))
        for name, (before, _after) in row.values.items():
            if said is not None and name in FIELDS:
                assert as_value(name, before) == said[name], f"{name} of {body} was read elsewhere"


def s3_one_mapping_each_way(world: World) -> None:
    """A customer has one client, and a client one customer in each company."""
    rows = list(Mapping.objects.values_list("connection_id", "qbo_id", "client_pk"))
    for side in (1, 2):
        times = Counter((row[0], row[side]) for row in rows)
        assert all(number == 1 for number in times.values()), f"Mapped twice: {times}"


def s4_nothing_is_created_twice(world: World) -> None:
    """Neither side gets more records from the sync than were planned and done."""
    for company in world.companies:
        steps = Step.objects.filter(run__connection=company.connection, state=Step.State.DONE)
        adds = steps.filter(kind=Step.Kind.ADD).count()
        assert world.watch.made[company.realm] <= adds, "More customers than were asked for"
    creates = Step.objects.filter(state=Step.State.DONE, kind=Step.Kind.CREATE).count()
    assert world.watch.made[SITE] <= creates, "More clients than were asked for"


def s5_frame(world: World) -> None:
    """What is not mapped is as it was, byte by byte (rule 7)."""
    for record, before, now in world.watch.look.frames:
        if record.place == SITE:
            assert before["contact_type_id"] == now["contact_type_id"], record
        else:
            assert unmapped(before) == unmapped(now), f"{record}: {before} is now {now}"


def s6_who_takes_no_part_is_left_alone(world: World) -> None:
    """Nobody reads or writes who is excluded or disconnected, and was so before."""
    named = set(_named(world))
    touched = {(record.place, record.key) for record in world.watch.look.touched}
    for record in world.inert & inert(world):
        assert record not in touched | named, f"{record} takes no part"


def s7_direction(world: World) -> None:
    """A company from which is only pulled is sent no update; one to which is only pushed
    brings none (U2). What was sent before may be sent again."""
    for company in world.companies:
        if company.settled_direction == "pull":
            items = [item for one, item in _sent(world) if one is company]
            assert not [item for item in items if not _is_old(item)], f"Sent to {company.realm}"
        if company.settled_direction == "push":
            for one in world.watch.look.overwritten:
                is_theirs = one.record.place == SITE and _brought(one.record.key, company)
                assert not is_theirs or one.why == "undo", one


def s8_tenancy(world: World) -> None:
    """No company is asked about an Id of another one."""
    for realm, qbo_id in _named(world):
        assert FIRST_IDS[realm] <= int(qbo_id) < FIRST_IDS[realm] + MOST, (realm, qbo_id)
    for call in world.watch.look.calls:
        assert call["status"] != 403, call


def s9_no_resurrection(world: World) -> None:
    """No customer is made active or inactive but by an undo that a person approved."""
    for record, before, now in world.watch.look.frames:
        if record.place != SITE and before["Active"] != now["Active"]:
            rows = Outbox.objects.filter(qbo_id=record.key, kind=Outbox.Kind.ACTIVITY)
            assert rows.exists(), f"{record} was made {now['Active']}"


def s9_no_client_is_deleted(world: World) -> None:
    """But one that the sync had made, by an undo; and the journal has it."""
    for record in world.watch.look.removed:
        gone = Change.objects.filter(client_pk=record.key, side=Change.Side.SITE)
        assert any(None in pair[1:] for one in gone for pair in one.values.values()), record


def s13_one_refresh_at_a_time(world: World) -> None:
    """No login is refreshed with a token that was replaced before."""
    for call in world.watch.look.calls:
        if call["path"].endswith("tokens/bearer") and not call["injected"]:
            assert call["status"] == 200 or world.login_may_be_lost, call


def s15_brake(world: World) -> None:
    """No run changes more records than the brake allows, unless a person approved it (U3)."""
    for company in world.companies:
        known = Customer.objects.filter(connection=company.connection).count()
        runs = Run.objects.filter(
            connection=company.connection, by_person=False, approved_at=None, state=Run.State.DONE
        )
        for run in runs:
            done = run.steps.filter(state=Step.State.DONE).exclude(touches="").count()
            assert not exceeds_brake(done, known), f"Run {run.pk} did {done} of {known}"


def s16_quiet_after_429(world: World) -> None:
    """A company that said "too many requests" is left alone until the wait is over."""
    for call in world.watch.look.calls:
        realm = _realm(call)
        if realm is None:
            continue
        assert call["time"] >= world.quiet_until.get(realm, 0), f"{realm} was asked too early"
        if call["status"] == 429:
            world.quiet_until[realm] = call["time"] + 59


def l4_the_cursor_never_moves_back(world: World) -> None:
    for company in world.companies:
        now = company.state.cursor
        assert company.cursor is None or now is None or now >= company.cursor, company.realm
        company.cursor = now or company.cursor


AFTER_EACH_ACT: tuple[Callable[[World], None], ...] = (
    s1_no_lost_update,
    s1_what_is_replaced_on_the_site_is_in_the_journal,
    s2_no_overwrite_unseen,
    s3_one_mapping_each_way,
    s4_nothing_is_created_twice,
    s5_frame,
    s6_who_takes_no_part_is_left_alone,
    s7_direction,
    s8_tenancy,
    s9_no_resurrection,
    s9_no_client_is_deleted,
    s13_one_refresh_at_a_time,
    s15_brake,
    s16_quiet_after_429,
    l4_the_cursor_never_moves_back,
)


# At rest ------------------------------------------------------------------------------------------


def l1_nothing_is_under_way(world: World) -> None:
    """No walk is half done, nothing waits to be sent, and nobody is in trouble."""
    for company in world.companies:
        state = company.state
        assert (state.phase, state.trouble) == (SyncState.Phase.REST, {}), company.realm
        assert state.wanted == state.served, company.realm
        assert not Send.objects.filter(connection=company.connection, is_open=True).exists()
        open_rows = Outbox.objects.filter(connection=company.connection, open_key__isnull=False)
        assert not open_rows.exclude(state=Outbox.State.WANTED).exists()
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
    people let stand, or that does not travel the way it would have to."""
    for company in world.companies:
        books = company.books()
        for pair in company.pairs():
            record = books[pair.qbo_id]
            if pair.asleep or not record["Active"] or record.get("IsProject"):
                continue
            asked = _asked(company, pair)
            for name, value in in_qbo(record).items():
                here = world.ledger.stands[Record(SITE, pair.client_pk)][name]
                there = world.ledger.stands[Record(company.realm, pair.qbo_id)][name]
                assert (
                    here.value == value
                    or name in asked
                    or (here.knows(there) and there.knows(here))
                    or company.direction != "two_way"
                ), f"{name} of {pair.qbo_id}: {here.value!r} here, {value!r} there, {asked}"


def s12_what_was_sent_is_in_the_journal(world: World) -> None:
    """Each value that arrived in QuickBooks and still stands there."""
    for record, name in world.watch.sent_ones():
        about = Change.objects.filter(qbo_id=record.key, side=Change.Side.QBO)
        stands = world.ledger.stands[record][name].value
        told = [one.values[name][1] for one in about if name in one.values]
        assert stands in [as_value(name, one) for one in told], (record, name, stands)


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
        calls = [call for call in look.calls if _realm(call) == company.realm]
        asked = [f"{call['path']} {call['query']} {call['body']}" for call in calls]
        assert not any(one.split()[0].endswith(("/batch", "/customer")) for one in asked), asked
        assert len(calls) <= most, asked


AT_REST: tuple[Callable[[World], None], ...] = (
    l1_nothing_is_under_way,
    l1_the_mirror_shows_quickbooks,
    l1_pairs_are_equal_or_it_is_seen_why,
    s12_what_was_sent_is_in_the_journal,
    s14_no_secrets,
)


# What they look at --------------------------------------------------------------------------------


def _realm(call: Json) -> str | None:
    parts = call["path"].split("/")
    return parts[3] if call["path"].startswith("/v3/company/") else None


def _sent(world: World) -> Iterator[tuple[Company, Json]]:
    """The items of the batches that were sent."""
    by_realm = {company.realm: company for company in world.companies}
    for call in world.watch.look.calls:
        realm = _realm(call)
        if realm and call["path"].endswith("/batch"):
            for item in json.loads(call["body"])["BatchItemRequest"]:
                if "Customer" in item:
                    yield by_realm[realm], item


def _named(world: World) -> Iterator[tuple[str, str]]:
    """(realm, Id) of whoever was asked for, or sent, by Id."""
    for company, item in _sent(world):
        if qbo_id := item["Customer"].get("Id"):
            yield company.realm, qbo_id
    for call in world.watch.look.calls:
        if realm := _realm(call):
            asked = unquote_plus(call["query"]) + call["body"] * call["path"].endswith("/query")
            for ids in re.findall(r"Id IN \(([^)]*)\)", asked, re.IGNORECASE):
                yield from ((realm, qbo_id) for qbo_id in re.findall(r"\d+", ids))


def _is_old(item: Json) -> bool:
    """Whether it was written down for other reasons than an update that is to travel now."""
    row = Outbox.objects.filter(pk=item["bId"]).select_related("run").first()
    if row is None or row.kind != Outbox.Kind.UPDATE:
        return True
    return row.send is None or row.send.tries > 1 or bool(row.run and row.run.undoes_id)


def _brought(client_pk: str, company: Company) -> bool:
    rows = Change.objects.filter(side=Change.Side.SITE, client_pk=client_pk)
    newest = rows.order_by("-pk").first()
    return newest is not None and newest.connection_id == company.connection.pk


def inert(world: World) -> set[tuple[str, str]]:
    """(realm, Id) of who takes no part, with nothing of theirs under way."""
    found = set()
    for company in world.companies:
        about: Any = {"connection": company.connection}
        said = Decision.objects.filter(**about, kind=Decision.Kind.EXCLUDE_CUSTOMER)
        asleep = Mapping.objects.filter(**about, asleep=Mapping.Asleep.DISCONNECTED)
        under_way = Outbox.objects.filter(**about, open_key__isnull=False)
        ids = {*said.values_list("qbo_id", flat=True), *asleep.values_list("qbo_id", flat=True)}
        ids -= set(under_way.values_list("qbo_id", flat=True))
        undone = Step.objects.filter(run__in=_undoing(company)).values_list("qbo_id", flat=True)
        found |= {(company.realm, qbo_id) for qbo_id in ids - set(undone)}
    return found


def _undoing(company: Company) -> Any:
    """Runs in which a person takes something back."""
    return Run.objects.filter(connection=company.connection, by_person=True)


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
