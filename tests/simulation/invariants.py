"""What must never happen (S), by the numbers under which it is known.

All of `AFTER_EACH_ACT` look at what the sync did since the last look.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import unquote_plus

from django.db.models import Q

from wagtail_qbo_sync.engine.gate import exceeds_brake
from wagtail_qbo_sync.models import (
    Change,
    Customer,
    Decision,
    Mapping,
    Outbox,
    Run,
    Step,
)

from . import plans
from .company import Company, sent_items
from .fields import FIELDS, Json, said_in, unmapped
from .ledger import SITE, Record
from .plans import company_of
from .story import as_value
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


def s4_one_of_each(world: World) -> None:
    """What a client, or a customer, was made into is not made of it once more, in a company,
    before people have parted the two."""
    for one in world.watch.made_of:
        if _is_let_go(world, *one):
            world.let_go.add(one)
    for making in world.watch.look.made:
        assert making.source is not None, f"Nobody asked for {making.record}"
        twins = [
            record
            for source, record in world.watch.made_of - world.let_go
            if source == making.source and record.place == making.record.place
        ]
        assert twins == [making.record], f"{making.source} has become {twins}"


def k14_nobody_alike_was_there(world: World) -> None:
    """No customer is made of a client that is like one whom the sync has known; a person is
    asked."""
    for making in world.watch.look.made:
        assert not making.alike, f"{making.record} is like {making.alike}"


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


def s7_nothing_is_sent_that_only_comes(world: World) -> None:
    """Of a company, or a field, from which is only pulled (U2), nothing is sent: neither when it
    is tried nor to make a customer. What was sent before may be sent again."""
    for company, item in _sent(world):
        silent = {name for name, way in company.ways.items() if way == "pull"}
        if found := silent & said_in(item["Customer"]):
            assert _may_be_sent(item), f"{found} of {item} in {company.realm}"


def s7_nothing_comes_that_is_only_sent(world: World) -> None:
    """Where a field is only pushed, no client's is written (U2)."""
    for one in world.watch.look.overwritten:
        for writing in one.writings if one.record.place == SITE and one.why != "undo" else ():
            company = company_of(world, writing)
            assert company.ways[one.field] != "push", f"{one} from {company.realm}"


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


def s13_one_login(world: World) -> None:
    """Only the newest login that came is refreshed, and it is kept before it is used; it is
    over when Intuit has said so, and that without a loss on the way nobody hears."""
    assert not world.logins.wrong, world.logins.wrong
    for company in world.companies:
        login, token = world.logins.newest[company.realm], company.token
        assert token.open()[1] == login.refresh_token, f"{company.realm} keeps an older login"
        assert login.refused or not token.rejected, f"{company.realm} has given up its login"


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
        realm = realm_of(call)
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
    s4_one_of_each,
    k14_nobody_alike_was_there,
    s5_frame,
    s6_who_takes_no_part_is_left_alone,
    s7_nothing_is_sent_that_only_comes,
    s7_nothing_comes_that_is_only_sent,
    s8_tenancy,
    s9_no_resurrection,
    s9_no_client_is_deleted,
    *plans.AFTER_EACH_ACT,
    s13_one_login,
    s15_brake,
    s16_quiet_after_429,
    l4_the_cursor_never_moves_back,
)


# What they look at --------------------------------------------------------------------------------


def realm_of(call: Json) -> str | None:
    parts = call["path"].split("/")
    return parts[3] if call["path"].startswith("/v3/company/") else None


def _sent(world: World) -> Iterator[tuple[Company, Json]]:
    return sent_items(world.companies, world.watch.look.calls)


def _named(world: World) -> Iterator[tuple[str, str]]:
    """(realm, Id) of whoever was asked for, or sent, by Id."""
    for company, item in _sent(world):
        if qbo_id := item["Customer"].get("Id"):
            yield company.realm, qbo_id
    for call in world.watch.look.calls:
        if realm := realm_of(call):
            asked = unquote_plus(call["query"]) + call["body"] * call["path"].endswith("/query")
            for ids in re.findall(r"Id IN \(([^)]*)\)", asked, re.IGNORECASE):
                yield from ((realm, qbo_id) for qbo_id in re.findall(r"\d+", ids))


def _may_be_sent(item: Json) -> bool:
    """Whether it has been sent before, or takes back what a person approved."""
    row = Outbox.objects.filter(pk=item["bId"]).select_related("run", "send").first()
    if row is None or row.kind == Outbox.Kind.ACTIVITY:
        return True
    return row.send is None or row.send.tries > 1 or bool(row.run and row.run.undo)


def _is_let_go(world: World, source: Record, made: Record) -> bool:
    """Whether people have parted the two: they are not mapped, and somebody decided about one of
    them, or it is mapped to another, or gone."""
    client, customer = (source, made) if source.place == SITE else (made, source)
    company = next(one for one in world.companies if one.realm == customer.place)
    pairs = Mapping.objects.filter(connection=company.connection)
    if pairs.filter(qbo_id=customer.key, client_pk=client.key).exists():
        return False
    either = Q(qbo_id=customer.key) | Q(client_pk=client.key)
    said = Decision.objects.filter(either, connection=company.connection)
    return pairs.filter(either).exists() or said.exists() or not world.watch.is_there(client)


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
