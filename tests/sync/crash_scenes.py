"""What may be going on when the process dies: everything that has a failpoint."""

from __future__ import annotations

from datetime import timedelta
from urllib.parse import parse_qsl, urlsplit

import pytest
from crm.models import Client, ContactType
from django.contrib.auth import get_user_model

from tests import factories
from wagtail_qbo_sync import clock, tasks
from wagtail_qbo_sync.models import (
    BulkDecision,
    Case,
    Comparison,
    Connection,
    ImportBatch,
    Run,
    Send,
    SingleSync,
    Step,
    SyncState,
    Token,
)
from wagtail_qbo_sync.sync.access.token import TokenKeeper
from wagtail_qbo_sync.sync.bulk import drafts, proposal
from wagtail_qbo_sync.sync.noticing import sweep
from wagtail_qbo_sync.sync.people import connect, decide, deleted, erase
from wagtail_qbo_sync.sync.planning import bulk_creation, undoing
from wagtail_qbo_sync.sync.reading import compare, reset
from wagtail_qbo_sync.sync.records import retention
from wagtail_qbo_sync.sync.telling import alerts
from wagtail_qbo_sync.sync.types_file import imports

from .conftest import CALLBACK, Json, customer
from .crashes import Scenario, time_goes_by, work
from .firm import Firm, Killed, client, edit, killed_at
from .test_merged import merges
from .test_push import cut
from .types_file.files import csv_of


def phone(number: str) -> Json:
    return {"PrimaryPhone": {"FreeFormNumber": number}}


def ask(firm: Firm) -> None:
    """Somebody presses Sync now."""
    decide.ask_for_sync(firm.connection)


def nothing(firm: Firm) -> None:
    """It was asked for before."""


# Syncs -------------------------------------------------------------------------------------------


def first_sync(firm: Firm) -> None:
    """Before the first sync: somebody for every kind of step."""
    firm.chooses(unmatched="create")
    client("Anna Berg", "anna@berg.example", phone="1")
    client("Bo Coe", "bo@coe.example", city="Salem")
    client("Carl Dunn", "else@dunn.example")
    firm.has(
        customer("1", "Anna Berg", "anna@berg.example", **phone("2")),
        customer("2", "Bo Coe", "bo@coe.example", CompanyName="Coe"),
        customer("3", "Carl Dunn", "carl@dunn.example"),
        customer("4", "Dora Egg", "dora@egg.example"),
        customer("5", "Eve Foy", **phone("0" * 31)),
        customer("6", "Gus Hay"),
        customer("7", "Ida Joy (deleted)", Active=False),
        customer("8", "Kim Low", "kim@low.example"),
    )


def later_sync(firm: Firm) -> None:
    """Before a later sync: an update, a conflict, an agreement, a sleep, a wake, a creation."""
    first_sync(firm)
    firm.sync()
    firm.edits("6", Active=False)
    firm.sync()
    edit(firm.client("2"), company_name="Theirs")
    edit(firm.client("4"), phone="7")
    firm.edits("1", **phone("3"))
    firm.edits("2", CompanyName="Ours", **phone("4"))
    firm.edits("4", **phone("7"))
    firm.edits("5", **phone("5"))
    firm.edits("6", Active=True)
    firm.edits("8", Active=False)
    firm.gets(customer("9", "New One"))


def pairs(firm: Firm, count: int = 5) -> ContactType:
    """So many pairs that agree; a type of client that goes to QuickBooks."""
    pushed = ContactType.objects.create(name="Monthly books")
    names = [f"Client {number}" for number in range(1, count + 1)]
    for name in names:
        client(name, f"{name[7:]}@x.example", phone="1", mobile="1")
    both = {**phone("1"), "Mobile": {"FreeFormNumber": "1"}}
    firm.has(*(customer(name[7:], name, f"{name[7:]}@x.example", **both) for name in names))
    firm.chooses(unmatched="create", pushed_types=[str(pushed.pk)])
    firm.sync()
    return pushed


def both_ways(firm: Firm) -> None:
    """Before a sync that writes on both sides, makes a client and creates two customers, while
    one customer goes to sleep and its client to the archive."""
    pushed = pairs(firm)
    firm.chooses(inactive_policy="archive")
    firm.edits("1", **phone("2"))
    edit(firm.client("1"), mobile="2")
    edit(firm.client("2"), phone="3")
    edit(firm.client("3"), phone="4")
    firm.edits("4", Active=False)
    firm.gets(customer("9", "New One"))
    client("Pia Ray", "pia@ray.example", contact_type=pushed)
    client("Quin Orr", contact_type=pushed)


def unanswered(firm: Firm) -> None:
    """What became of an edit and a creation nobody knows, and it is too late to send them again."""
    pushed = pairs(firm)
    edit(firm.client("1"), phone="2")
    client("Pia Ray", contact_type=pushed)
    cut(firm, "after")
    firm.sync()
    long_ago = clock.now() - timedelta(hours=2)
    Send.objects.update(first_tried_at=long_ago)
    SyncState.objects.update(blocked_until=None)


def overtaken(firm: Firm) -> None:
    """What was written down is overtaken in QuickBooks before it is sent."""
    pairs(firm)
    edit(firm.client("1"), phone="2")
    with killed_at("apply.finished".__eq__), pytest.raises(Killed):
        firm.sync()
    time_goes_by(firm)
    firm.edits("1", CompanyName="One Ltd")


def silent(firm: Firm) -> None:
    """Something is to be sent, and nobody has walked for long (U19)."""
    pairs(firm)
    edit(firm.client("1"), phone="2")
    SyncState.objects.update(synced_at=clock.now() - timedelta(hours=7))


def beside_a_plan(firm: Firm) -> None:
    """A plan waits, and there is more to do by now."""
    pairs(firm)
    firm.edits("1", **phone("2"))
    decide.ask_for_plan(firm.connection)
    firm.walk()
    firm.edits("2", **phone("2"))


def edited(firm: Firm) -> None:
    pairs(firm)
    firm.edits("1", CompanyName="One Ltd")


def ask_for_one(firm: Firm) -> None:
    if not SingleSync.objects.exists():
        decide.ask_for_one(firm.connection, "1", None)


# What people decide ------------------------------------------------------------------------------


def old_clients(firm: Firm) -> None:
    """Clients of no pushed type; one is in QuickBooks already, of one there is somebody alike."""
    pairs(firm)
    firm.gets(customer("8", "Tom Reed", "tom@reed.example"), customer("9", "Ann Dow"))
    firm.chooses(unmatched="wait")
    firm.sync()
    client("Tom Reed", "tom@reed.example")
    client("Ann Dow", "other@dow.example")
    client("Bo Coe")
    client("Cy Fox")


def send_them(firm: Firm) -> None:
    """U11."""
    if not Run.objects.exclude(push={}).exists():
        pks = Client.objects.filter(name__in=["Tom Reed", "Ann Dow", "Bo Coe", "Cy Fox"])
        bulk_creation.start(firm.connection, [str(one.pk) for one in pks], None)


def a_run_of_all_kinds(firm: Firm) -> None:
    """It wrote on both sides, made clients, and created customers."""
    both_ways(firm)
    firm.sync()


def take_it_back(firm: Firm) -> None:
    """U5."""
    if not Run.objects.filter(undoes__isnull=False).exists():
        ended = Run.objects.filter(steps__kind=Step.Kind.ADD, state=Run.State.DONE)
        undoing.start(ended.latest("pk"), None)


def chosen(firm: Firm) -> None:
    """Choices for customers without a client, one of each kind (C8-C12)."""
    for name in ("Anna Berg", "Bo Coe"):
        client(name, phone="1")
    names = ["Anna Berg", "Bo Coe", "Carl Dunn", "Dora Egg", "Eve Foy", "Gus Hay"]
    firm.has(*(customer(str(n), name, **phone("2")) for n, name in enumerate(names, 1)))
    firm.sync(approve=False)
    for run in Run.objects.filter(state=Run.State.WAITING):
        decide.discard(run, None)
    dana = factories.user(username="dana")
    for qbo_id, do in (("3", "create"), ("4", "exclude"), ("5", "create"), ("6", "leave")):
        drafts.save(firm.connection, qbo_id, drafts.Do(do), dana)


def save_all(firm: Firm) -> None:
    dana = get_user_model().objects.get(username="dana")
    if BulkDecision.objects.exists():
        return
    plan = Run.objects.filter(state=Run.State.PROPOSED).first()
    plan = plan or proposal.propose(firm.connection, dana)
    assert plan is not None
    proposal.advance(plan.pk)
    proposal.save(plan, dana)


def prospects(firm: Firm) -> None:
    """Three clients whose types come from a file (K15)."""
    pairs(firm)
    waiting = ContactType.objects.create(name="Waiting list")
    for name in ("Anna Berg", "Bo Coe", "Carl Dunn"):
        client(name, contact_type=waiting)


def import_and_undo(firm: Firm) -> None:
    """Confirmed, the customers are made; then all is taken back."""
    rows = Client.objects.filter(contact_type__name__in=["Waiting list", "Monthly books"])
    file = csv_of(*((one.pk, one.name, one.email, "Monthly books") for one in rows))
    batch = ImportBatch.objects.order_by("pk").first()
    batch = batch or imports.start(file.encode(), "types.csv", None)
    work(firm)
    imports.confirm(ImportBatch.objects.get(pk=batch.pk), None)
    work(firm)
    back = imports.undo(ImportBatch.objects.get(pk=batch.pk), None)
    assert back is not None
    work(firm)
    imports.confirm(ImportBatch.objects.get(pk=back.pk), None)


# Clients that are gone ---------------------------------------------------------------------------


def one_deleted(firm: Firm) -> None:
    """One was deleted and another edited, without a signal (U16)."""
    pairs(firm)
    gone = Client.objects.filter(name="Client 2")
    gone._raw_delete(gone.db)
    Client.objects.filter(name="Client 3").update(phone="3")


def one_that_is_back(firm: Firm) -> None:
    """A person is asked about a deleted client, which was put back from a backup."""
    pairs(firm)
    row = Client.objects.get(name="Client 2")
    pk = row.pk
    row.delete()
    firm.sync()
    row.pk = pk
    Client.objects.bulk_create([row])


def all_deleted(firm: Firm) -> None:
    """All clients were imported anew, under other keys."""
    pairs(firm, 30)
    everyone = list(Client.objects.all())
    Client.objects.all().delete()
    for one in everyone:
        one.pk += 1000
    Client.objects.bulk_create(everyone)


def look(firm: Firm) -> None:
    sweep.everything()


def attach(firm: Firm) -> None:
    """A person is asked, and says that they are the same."""
    sweep.everything()
    for case in Case.objects.filter(kind=Case.Kind.DELETIONS, open_key__isnull=False):
        if "answer" not in case.facts:
            deleted.answer(firm.connection, deleted.REATTACH, None)
    sweep.everything()


# The nightly comparison --------------------------------------------------------------------------


def not_listed(firm: Firm) -> None:
    """QuickBooks lists one customer less (U8), and one pair differs."""
    pairs(firm)
    firm.edits("1", **phone("2"))
    edit(firm.client("1"), phone="3")
    firm.has(*(one for one in firm.records() if one["Id"] != "2"))


def compare_all(firm: Firm) -> None:
    if not Comparison.objects.exists():
        assert compare.begin(firm.state)


# Merged, reset and erased --------------------------------------------------------------------


def two_are_one(firm: Firm) -> None:
    """A mapped customer was merged into one that nobody has mapped; both sides were edited (U7)."""
    pairs(firm)
    firm.gets(customer("9", "Berg Ltd", CompanyName="Berg", **phone("9")))
    firm.chooses(unmatched="wait")
    firm.sync()
    edit(firm.client("1"), mobile="7", phone="8")
    merges(firm, "9", "1")


def all_others(firm: Firm) -> None:
    """The company begins anew in QuickBooks, with others (rule 6)."""
    pairs(firm, 30)
    firm.has(*(customer(str(number), f"Other {number}") for number in range(500, 510)))


def compare_and_go_on(firm: Firm) -> None:
    """A person is asked whether it was reset, and says go on."""
    compare_all(firm)
    work(firm)
    if Case.objects.filter(kind=Case.Kind.RESET, open_key__isnull=False).exists():
        reset.go_on(firm.connection, None)
    ask(firm)


def known_to_others(firm: Firm) -> None:
    """The rows of others name somebody."""
    pushed = pairs(firm)
    for number in range(3):
        client(f"Like {number}", "1@x.example", contact_type=pushed)
    firm.sync()
    assert Case.objects.filter(kind=Case.Kind.ALIKE).count() == 3


def erase_one(firm: Firm) -> None:
    """U17; each day what was left half way is followed up."""
    if not erase.erased_ones(firm.connection).exists():
        erase.erase(firm.connection, "1", None)
    tasks.prune()


# Logins, and keeping house -----------------------------------------------------------------------


def disconnect_and_connect(firm: Firm) -> None:
    company = Connection.objects.get()
    if company.is_connected:
        connect.disconnect(company, None)
    token = Token.objects.first()
    if token is not None:
        tasks.revoke(company.pk, token.version)
    url = connect.start(None, "a session", CALLBACK)
    consent = firm.sandbox.post("consent", {"url": url, "realm": firm.realm})
    back = dict(parse_qsl(urlsplit(consent["redirect"]).query))
    connect.complete(back, None, "a session")


def refresh(firm: Firm) -> None:
    Token.objects.update(access_expires_at=clock.now() + timedelta(minutes=9))
    assert TokenKeeper(Connection.objects.get()).access_token()


def long_ago(firm: Firm) -> None:
    """Two runs of which nothing is kept any more."""
    pairs(firm)
    at = clock.now() - timedelta(days=5000)
    for _ in range(2):
        run = factories.run(firm.connection, Run.State.DONE, finished_at=at)
        Step.objects.bulk_create(Step(run=run, kind="update", qbo_id=str(n)) for n in range(3))


def prune(firm: Firm) -> None:
    retention.prune()


def something_open(firm: Firm) -> None:
    pairs(firm)
    factories.case(firm.connection, "conflict", "1")


def tell(firm: Firm) -> None:
    alerts.send_all()


SCENARIOS = {
    "first sync": Scenario(
        first_sync,
        ask,
        "pull.read pull.stored plan.begun plan.stored plan.closed plan.finished apply.looked "
        "apply.judged apply.written apply.recorded apply.committed apply.finished",
        each=True,
    ),
    "later sync": Scenario(later_sync, ask, "", each=True),
    "both ways": Scenario(
        both_ways,
        ask,
        "sweep.hints sweep.moved push.written push.sending push.sent push.stored",
    ),
    "unanswered": Scenario(unanswered, nothing, "push.read"),
    "overtaken": Scenario(overtaken, nothing, "push.reread push.stored"),
    "after a gap": Scenario(silent, ask, "gap.opened"),
    "beside a plan": Scenario(beside_a_plan, ask, "plan.left", once_more=True),
    "one customer": Scenario(edited, ask_for_one, "one.read one.mirrored one.planned"),
    "bulk creation": Scenario(old_clients, send_them, "plan.stored"),
    "undo": Scenario(
        a_run_of_all_kinds, take_it_back, "undo.started undo.counted undo.planned undo.committed"
    ),
    "save all": Scenario(
        chosen,
        save_all,
        "proposal.started proposal.committed bulk.started bulk.counted bulk.recorded "
        "bulk.committed",
    ),
    "types file": Scenario(
        prospects,
        import_and_undo,
        "import.started import.counted import.recorded import.committed import.confirmed "
        "import.locked import.applied import.undoing import.turned",
    ),
    "one deleted": Scenario(
        one_deleted,
        look,
        "sweep.begun sweep.looked sweep.compared sweep.finished sweep.ended deleted.settled",
    ),
    "one is back": Scenario(one_that_is_back, look, "deleted.back"),
    "all deleted": Scenario(all_deleted, attach, "deleted.asked deleted.attached deleted.answered"),
    "nightly": Scenario(not_listed, compare_all, "absent.read absent.stored compare.stored"),
    "merged": Scenario(two_are_one, ask, "", each=True),
    "reset": Scenario(all_others, compare_and_go_on, "reset.asked"),
    "erasing": Scenario(known_to_others, erase_one, "erase.blanked", each=True),
    "logins": Scenario(
        pairs, disconnect_and_connect, "connect.revoked connect.exchanged connect.answered"
    ),
    "refreshing": Scenario(pairs, refresh, "token.refreshed"),
    "pruning": Scenario(long_ago, prune, "retention.deleted"),
    "telling": Scenario(something_open, tell, "alerts.noted"),
}

ELSEWHERE = {
    "push.halved": "test_push.test_a_batch_that_is_refused_as_a_whole_is_halved",
}
"""Failpoint -> the test that kills there, and compares what that failpoint is about by itself."""
