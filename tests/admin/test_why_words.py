"""Why?: each sentence, said of facts alone."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from crm.models import ContactType
from django.contrib.auth.models import User
from django.utils.timezone import get_default_timezone

from wagtail_qbo_sync.admin.clients import ShownClient
from wagtail_qbo_sync.admin.why import tell
from wagtail_qbo_sync.contact import Contact
from wagtail_qbo_sync.host.adapter import ClientRecord
from wagtail_qbo_sync.models import (
    Case,
    Change,
    Connection,
    Customer,
    Decision,
    Mapping,
    Outbox,
    Run,
    SingleSync,
    Step,
    SyncState,
)
from wagtail_qbo_sync.sync.reading.pull import OVERLAP
from wagtail_qbo_sync.sync.records.status import ConnectionState
from wagtail_qbo_sync.sync.telling.why import CHANGES, Company, Facts

DAY = datetime(2026, 5, 3, 9, 30, tzinfo=get_default_timezone())
WHEN = "05/03/2026 9:30 a.m."
ANNA = User(username="anna", first_name="Anna", last_name="Berg")
TROUBLE = {"message": "QuickBooks is busy.", "intuit_tid": "1-65af"}


class Everybody:
    """Client 4 is Tom, 5 is Ida; who is hidden may not be seen."""

    def __init__(self, *hidden: str) -> None:
        self.hidden = hidden

    def show(self, pk: str | None, name: str = "") -> ShownClient | None:
        label = {"4": "Tom Reed", "5": "Ida Holm"}.get(pk or "", name)
        return ShownClient(label, may_see=pk not in self.hidden)


# Facts ------------------------------------------------------------------------------------------


def company(state: str = "connected", unmatched: str = "wait", **sync: Any) -> Company:
    connection = Connection(pk=1, company_name="Harbor Bakery", unmatched=unmatched)
    walk = {"cursor": DAY - OVERLAP, "planned_through": 99} | sync
    return Company(connection, SyncState(connection=connection, **walk), ConnectionState(state))


def polled(minutes: int, **sync: Any) -> Company:
    """Last synced 15 minutes before WHEN, and every so many minutes."""
    synced = {"first_synced_at": DAY, "synced_at": DAY - timedelta(minutes=15)}
    return replace(company(**synced | sync), polled_every=minutes)


NEXT_SYNC = f"On {WHEN} the next sync of the company is due, or sooner if somebody asks for it."


def travelling(direction: str, **by_field: str) -> Company:
    there = company()
    there.connection.direction, there.connection.field_directions = direction, by_field
    return there


HARBOR = company()
PLAN = Company(HARBOR.connection, HARBOR.sync, HARBOR.state, waiting=Run(pk=3, started_at=DAY))
SILENT = Company(HARBOR.connection, HARBOR.sync, HARBOR.state, worker_silent=True)


def customer(status: str, standing: str = "top", client_pk: str = "", pk: int = 7) -> Any:
    made: Any = Customer(pk=pk, standing=standing, display_name="T. Reed", record={})
    made.status, made.client_pk = status, client_pk
    return made


def unmapped(status: str = "unmapped", standing: str = "top", **facts: Any) -> Facts:
    return Facts(**{"company": HARBOR, "customer": customer(status, standing), **facts})


def pair(asleep: str = "", link: str = "", client_id: int | None = 4, **facts: Any) -> Facts:
    mapping = Mapping(client_id=client_id, client_pk="4", asleep=asleep, base={"link": link})
    return unmapped("mapped", **{"mapping": mapping, "client_pk": "4", **facts})


def client(**facts: Any) -> Facts:
    return Facts(**{"company": HARBOR, "client_pk": "4", **facts})


def creatable(*types: str, **facts: Any) -> Facts:
    """A client without a customer, in a company to which the type "sent" is pushed."""
    there = company(first_synced_at=DAY)
    there.connection.pushed_types = ["sent"]
    there.connection.state = there.sync
    record = ClientRecord("4", "Tom Reed", Contact(name="Tom Reed"), types)
    return client(**{"company": there, "record": record, **facts})


def made_there() -> Facts:
    """A customer that was made of client 4."""
    values = {"name": [None, "Tom Reed"], "phone": [None, "5"]}
    return pair(changes=(Change(client_pk="4", at=DAY, values=values, side="qbo"),))


def step(kind: str, state: str = "done", by_hand: bool = False, **data: Any) -> Step:
    run = Run(pk=3, started_at=DAY, started_by=ANNA if by_hand else None)
    return Step(run=run, kind=kind, state=state, data=data | {"by_hand": by_hand})


def said(kind: str, client_pk: str = "", **values: Any) -> dict[str, Any]:
    return {"decisions": (Decision(kind=kind, client_pk=client_pk, by=ANNA, at=DAY, **values),)}


def asks(kind: str, **facts: Any) -> dict[str, Any]:
    return {"cases": (Case(kind=kind, opened_at=DAY, facts=facts),)}


def review(*candidates: dict[str, Any]) -> Facts:
    return unmapped("review", **asks("review", candidates=list(candidates)))


def likes(*by: str, pk: str = "4", taken: bool = False) -> dict[str, Any]:
    return {"pk": pk, "by": list(by), "taken": taken}


def changed(by: User | None = None, before: str | None = "", times: int = 1) -> Facts:
    values = {"email": [before, "new"], "phone": [before, "5"]}
    change = Change(client_pk="4", actor=by, at=DAY, values=values, side="site")
    return pair(changes=(change,) * times)


def alone(ended: bool = True, **values: Any) -> dict[str, Any]:
    ended_at = DAY if ended else None
    return {"single": SingleSync(asked_by=ANNA, asked_at=DAY, ended_at=ended_at, **values)}


def alike(status: str, client_pk: str = "") -> Facts:
    return client(alike=(customer(status, client_pk=client_pk),))


def draft(do: str, chosen: str = "") -> dict[str, Any]:
    return said("draft", facts={"do": do, "client": chosen})


# Sentences --------------------------------------------------------------------------------------

READ, DECIDED, WRITTEN, AHEAD = range(4)
SENTENCES: list[tuple[int, Facts, str]] = [
    (
        READ,
        unmapped(),
        f"On {WHEN} the customers of “Harbor Bakery” were last read from QuickBooks.",
    ),
    (
        READ,
        unmapped(company=company(cursor=None)),
        "The customers of “Harbor Bakery” have not been read from QuickBooks yet.",
    ),
    (READ, unmapped(), "QuickBooks says: “T. Reed” is an active customer."),
    (READ, unmapped(standing="sub"), "QuickBooks says: “T. Reed” is an active sub-customer."),
    (READ, unmapped(standing="project"), "QuickBooks says: “T. Reed” is a project."),
    (READ, unmapped(standing="inactive"), "QuickBooks says: “T. Reed” is inactive."),
    (
        READ,
        unmapped(**asks("unreadable", message="The name is missing.")),
        f"What QuickBooks sent for it on {WHEN} could not be read: The name is missing.",
    ),
    (
        READ,
        unmapped(**alone()),
        f"Anna Berg asked for this one alone. On {WHEN} it was read, and there was nothing to "
        "write.",
    ),
    (
        READ,
        unmapped(**alone(run=Run(pk=3))),
        f"Anna Berg asked for this one alone. On {WHEN} it was read.",
    ),
    (
        READ,
        unmapped(**alone(trouble=TROUBLE)),
        f"Anna Berg asked for this one alone. On {WHEN} it was not read: QuickBooks is busy. "
        "(Intuit's reference: 1-65af)",
    ),
    # Who is whose
    (DECIDED, pair(), "“T. Reed” is mapped to “Tom Reed”."),
    (
        DECIDED,
        pair(made=step("link")),
        f"The sync of {WHEN} mapped “T. Reed” to “Tom Reed” by itself: name and e-mail were both "
        "the same.",
    ),
    (
        DECIDED,
        pair(made=step("link", by_hand=True)),
        f"On {WHEN} Anna Berg mapped “T. Reed” to “Tom Reed”.",
    ),
    (
        DECIDED,
        pair(made=step("link", "planned", by_hand=True)),
        f"On {WHEN} Anna Berg mapped “T. Reed” to “Tom Reed”. What QuickBooks says is not written "
        "to the client yet.",
    ),
    (
        DECIDED,
        pair(made=step("create")),
        f"The sync of {WHEN} made “Tom Reed” of “T. Reed”: it was like no client, and the settings "
        "of the company say that a client is made then.",
    ),
    (
        DECIDED,
        pair(made=step("create", by_hand=True)),
        f"On {WHEN} Anna Berg had “Tom Reed” made of “T. Reed”.",
    ),
    (
        DECIDED,
        pair(client_id=None),
        "The client is no longer on the site. No other is made of the customer.",
    ),
    (
        DECIDED,
        pair(link="from_qbo", made=step("link")),
        "It was the client's first mapping, so what QuickBooks says replaced what the client "
        "held; what is blank in QuickBooks erased nothing.",
    ),
    (
        DECIDED,
        pair(link="fill_blanks", made=step("link")),
        "The client was mapped in another company already, so only what was blank on one side was "
        "taken from the other.",
    ),
    (
        DECIDED,
        pair(asleep="inactive"),
        "The mapping is asleep, because the customer is inactive in QuickBooks.",
    ),
    (
        DECIDED,
        pair(asleep="disconnected"),
        "Somebody disconnected this client: the mapping is kept, but asleep.",
    ),
    # Why a customer has nobody
    (
        DECIDED,
        unmapped("inactive", "inactive"),
        "Not mapped: inactive customers are neither matched nor made clients.",
    ),
    (
        DECIDED,
        unmapped("left_out", "project"),
        "Not mapped: projects take no part in the sync.",
    ),
    (
        DECIDED,
        unmapped("left_out", "sub"),
        "Not mapped: the settings of the company leave sub-customers out.",
    ),
    (
        DECIDED,
        unmapped(company=company(planned_through=1)),
        "Not mapped: it has not been compared with the clients yet.",
    ),
    (
        DECIDED,
        unmapped(),
        "Not mapped: it is like no client, and the settings of the company say that such customers "
        "wait for a person.",
    ),
    (
        DECIDED,
        unmapped(company=company(unmatched="create")),
        "Not mapped: it is like no client. The settings of the company say that a client is made "
        "of it; the next sync does so.",
    ),
    (
        DECIDED,
        unmapped(company=company(unmatched="exclude")),
        "Not mapped: it is like no client. The settings of the company say that such customers are "
        "excluded; the next sync does so.",
    ),
    (
        DECIDED,
        unmapped(company=company(unmatched="create"), **said("removed_match", "4")),
        "Not mapped: it is like no other client, and a person has to decide about it.",
    ),
    (
        DECIDED,
        review(likes("name")),
        f"Not matched on {WHEN}: its name is that of “Tom Reed”, its e-mail is not.",
    ),
    (
        DECIDED,
        review(likes("email")),
        f"Not matched on {WHEN}: its e-mail is that of “Tom Reed”, its name is not.",
    ),
    (
        DECIDED,
        review(likes("name"), likes("name", pk="5")),
        f"Not matched on {WHEN}: its name is that of several clients: “Tom Reed” and “Ida Holm”.",
    ),
    (
        DECIDED,
        review(likes("name"), likes("email", pk="5")),
        f"Not matched on {WHEN}: it is like several clients: “Tom Reed” and “Ida Holm”.",
    ),
    (
        DECIDED,
        review(likes("name", "email", taken=True)),
        f"Not matched on {WHEN}: it is like “Tom Reed”, but that client is mapped to another "
        "customer or excluded already.",
    ),
    (
        DECIDED,
        review(likes("name", "email")),
        f"Not matched on {WHEN}: its name and e-mail are those of “Tom Reed”, and so are another "
        "customer's.",
    ),
    # Why a client has nobody
    (DECIDED, client(), "It is mapped to no customer of “Harbor Bakery”."),
    (DECIDED, client(), "No customer there has its name or its e-mail."),
    (DECIDED, alike("mapped", "5"), "“T. Reed” is like it, but is mapped to “Ida Holm”."),
    (DECIDED, alike("excluded"), "“T. Reed” is like it, but is excluded."),
    (DECIDED, alike("inactive"), "“T. Reed” is like it, but is inactive in QuickBooks."),
    (DECIDED, alike("left_out"), "“T. Reed” is like it, but takes no part in the sync."),
    (DECIDED, alike("review"), "“T. Reed” is like it, and waits for a person."),
    (DECIDED, alike("unmapped"), "“T. Reed” is like it, and is not mapped."),
    (
        DECIDED,
        client(namesakes=("5",)),
        "Another client has the same name, so the name alone decides nothing: “Ida Holm”.",
    ),
    (
        DECIDED,
        client(namesakes=("5", "5")),
        "Other clients have the same name, so the name alone decides nothing: “Ida Holm” and "
        "“Ida Holm”.",
    ),
    # What people said
    (
        DECIDED,
        unmapped("excluded", **said("exclude_customer")),
        f"Excluded by Anna Berg on {WHEN}: nothing of it is written until it is included again.",
    ),
    (
        DECIDED,
        unmapped("excluded", **said("exclude_customer", by_policy=True)),
        f"Excluded on {WHEN}, because it was like no client and the settings of the company say "
        "that such customers are excluded.",
    ),
    (
        DECIDED,
        client(**said("exclude_client", "4")),
        f"Anna Berg excluded “Tom Reed” on {WHEN}: no customer of this company is matched with it.",
    ),
    (
        DECIDED,
        unmapped(**said("removed_match", "4")),
        f"Anna Berg removed the match with “Tom Reed” on {WHEN}: no sync makes it again.",
    ),
    (
        DECIDED,
        unmapped(**said("client_deleted")),
        f"The client was deleted on the site on {WHEN}: no sync makes another.",
    ),
    (
        DECIDED,
        unmapped(**draft("map", "5")),
        f"Anna Berg chose on {WHEN} to map it to “Ida Holm”. That is not saved yet.",
    ),
    (
        DECIDED,
        unmapped(**draft("create")),
        f"Anna Berg chose on {WHEN} to make a client of it. That is not saved yet.",
    ),
    (
        DECIDED,
        unmapped(**draft("exclude")),
        f"Anna Berg chose on {WHEN} to exclude it. That is not saved yet.",
    ),
    (
        DECIDED,
        unmapped(**draft("leave")),
        f"Anna Berg chose on {WHEN} to leave it unmapped. That is not saved yet.",
    ),
    # What waits
    (
        DECIDED,
        pair(**asks("conflict", conflicts={"phone": {}, "email": {}})),
        f"Since {WHEN} both sides say different things, which holds these fields: Phone and "
        "E-mail.",
    ),
    (
        DECIDED,
        pair(**asks("refused", message="The ZIP code is wrong.")),
        f"On {WHEN} it was refused by the site: The ZIP code is wrong.",
    ),
    # What was written
    (WRITTEN, unmapped(), "Nothing has been written."),
    (
        WRITTEN,
        changed(),
        f"On {WHEN} a sync wrote these fields of “Tom Reed”: E-mail and Phone.",
    ),
    (
        WRITTEN,
        changed(before=None),
        f"On {WHEN} a sync made “Tom Reed” with these fields: E-mail and Phone.",
    ),
    (
        WRITTEN,
        changed(ANNA),
        f"On {WHEN}, as Anna Berg decided, “Tom Reed” was changed: E-mail and Phone.",
    ),
    (
        WRITTEN,
        changed(ANNA, before=None),
        f"On {WHEN}, as Anna Berg decided, “Tom Reed” was made with: E-mail and Phone.",
    ),
    (WRITTEN, changed(times=CHANGES), "Older entries are not told here."),
    (
        WRITTEN,
        pair(latest=step("update", "held", why="The client is no longer there.")),
        f"On {WHEN} the sync held back what it was about to do: The client is no longer there.",
    ),
    # What is next
    (
        AHEAD,
        pair(company=company("disconnected")),
        "Nothing, until the company is connected again.",
    ),
    (
        AHEAD,
        pair(company=company("reconnect")),
        "Nothing, until somebody logs in to QuickBooks again: the company needs a reconnect.",
    ),
    (AHEAD, pair(company=company("paused")), "Nothing, while syncing is paused on this site."),
    (
        AHEAD,
        pair(company=company("copy")),
        "Nothing: this looks like a copy of the site. Somebody has to say which is the live one.",
    ),
    (
        AHEAD,
        pair(company=company(trouble=TROUBLE)),
        "The last sync met trouble: QuickBooks is busy. (Intuit's reference: 1-65af)",
    ),
    (
        AHEAD,
        pair(company=company(trouble=TROUBLE)),
        "It is not tried again until somebody asks for a sync.",
    ),
    (
        AHEAD,
        pair(company=company(trouble=TROUBLE | {"next_try": DAY.isoformat()})),
        f"On {WHEN} it is tried again.",
    ),
    (
        AHEAD,
        pair(company=PLAN),
        f"A plan of {WHEN} waits for approval. Until then nothing is written.",
    ),
    (AHEAD, pair(company=SILENT), "No worker is running, so nothing happens by itself."),
    (AHEAD, pair(company=company(phase="pull")), "A sync is running right now."),
    (AHEAD, pair(company=company(wanted=1)), "A sync was asked for and is about to start."),
    (AHEAD, pair(company=polled(15)), NEXT_SYNC),
    (AHEAD, client(company=polled(15)), NEXT_SYNC),
    (
        AHEAD,
        pair(company=polled(0)),
        "No sync comes at a set time: one starts when somebody asks for it, or visits.",
    ),
    (AHEAD, pair(), "The first sync of the company starts when somebody asks for it."),
    (
        AHEAD,
        pair(**alone(ended=False)),
        f"Anna Berg asked on {WHEN} to sync this one. It is read next.",
    ),
    (
        WRITTEN,
        made_there(),
        f"On {WHEN} a customer was made of “Tom Reed” with these fields: Name and Phone.",
    ),
    (
        WRITTEN,
        client(latest=step("add", "held", why="The client is mapped already.")),
        f"On {WHEN} the sync held back what it was about to do: The client is mapped already.",
    ),
    (
        WRITTEN,
        client(latest=step("add", "left", unticked={})),
        f"In the plan of {WHEN} a person had unticked this step, so it was not done: “Created in "
        "QuickBooks”.",
    ),
    (
        WRITTEN,
        pair(latest=step("update", "unticked")),
        f"In the plan of {WHEN} that waits, this step is unticked: “Client updated”.",
    ),
    (AHEAD, unmapped("review"), "A person decides whether it is one of these clients."),
    (
        AHEAD,
        unmapped(),
        "A person may map it, make a client of it, or exclude it. Each sync compares it again with "
        "the clients.",
    ),
    (AHEAD, unmapped("excluded"), "Nothing, until somebody includes it again."),
    (AHEAD, unmapped("left_out"), "Nothing, while it takes no part in the sync."),
    (AHEAD, unmapped("inactive"), "Nothing, until it is made active again in QuickBooks."),
    (AHEAD, client(), "It is compared with the customers of each sync."),
    (AHEAD, creatable(asked=True), "It waits to be created in “Harbor Bakery”."),
    (
        AHEAD,
        creatable(planned=True),
        "Created in “Harbor Bakery” once that plan is approved.",
    ),
    (
        AHEAD,
        creatable(**asks("alike", customers=[])),
        "Not created in “Harbor Bakery”: a person has to decide.",
    ),
    (
        AHEAD,
        client(),
        "Not created in “Harbor Bakery”: no client can be created there now.",
    ),
    (
        AHEAD,
        creatable("sent"),
        "Not created in “Harbor Bakery” until it changes: its Contact Type is sent.",
    ),
    (
        AHEAD,
        client(**said("exclude_client", "4")),
        "Nothing, until somebody includes the client again.",
    ),
    (
        AHEAD,
        pair(asleep="disconnected"),
        "Nothing is read or written until somebody connects the client again.",
    ),
    (
        AHEAD,
        pair(asleep="inactive"),
        "The mapping wakes when the customer is made active again in QuickBooks.",
    ),
    (
        AHEAD,
        pair(**asks("conflict", conflicts={})),
        "The fields that differ wait until both sides say the same; the others go on.",
    ),
    (
        AHEAD,
        pair(**asks("refused", message="No.")),
        "What was refused is tried again when the customer or the client changes, or when somebody "
        "asks for it under Problems.",
    ),
    (
        AHEAD,
        pair(**asks("not_taken", fields=["phone"])),
        "What QuickBooks did not take is sent again when it is changed on the site.",
    ),
    (
        AHEAD,
        pair(),
        "With each sync, what is changed in QuickBooks is written to the client, and what is "
        "changed on the site is sent to QuickBooks.",
    ),
    (
        AHEAD,
        pair(company=travelling("pull")),
        "With each sync, what is changed in QuickBooks is written to the client. What is changed "
        "on the site stays on the site.",
    ),
    (
        AHEAD,
        pair(company=travelling("push")),
        "With each sync, what is changed on the site is sent to QuickBooks. What is changed in "
        "QuickBooks stays in QuickBooks.",
    ),
    (
        AHEAD,
        pair(company=travelling("two_way", phone="pull")),
        "Phone: Only from QuickBooks to the site.",
    ),
    (
        AHEAD,
        pair(on_its_way=(Outbox(state="wanted"),)),
        "A change on the site was noticed. The next sync looks at it.",
    ),
    (
        AHEAD,
        pair(on_its_way=(Outbox(state="written", values={"phone": ["1", "2"]}),)),
        "About to be sent to QuickBooks: Phone.",
    ),
    (
        AHEAD,
        pair(on_its_way=(Outbox(state="sent", values={"phone": ["1", "2"], "email": ["", "a"]}),)),
        "Sent to QuickBooks, without an answer yet: E-mail and Phone.",
    ),
]


@pytest.mark.parametrize(("part", "facts", "sentence"), SENTENCES, ids=[s for _, _, s in SENTENCES])
def test_it_says(part: int, facts: Facts, sentence: str) -> None:
    assert sentence in [said.text for said in tell(facts, Everybody())[part].sentences]


@pytest.mark.parametrize(("part", "facts"), [(part, facts) for part, facts, _ in SENTENCES])
def test_it_names_no_client_whom_the_reader_may_not_see(part: int, facts: Facts) -> None:
    for each in tell(facts, Everybody("4", "5")):
        for sentence in each.sentences:
            assert "Tom Reed" not in sentence.text and "Ida Holm" not in sentence.text


@pytest.mark.django_db
def test_a_type_that_is_not_sent_is_named() -> None:
    key = str(ContactType.objects.create(name="Waiting list").pk)
    for types, why in {
        (key,): "its Contact Type is Waiting list, which is not sent.",
        (): "it has no Contact Type that is sent.",
    }.items():
        ahead = tell(creatable(*types), Everybody())[AHEAD]
        said = [sentence.text for sentence in ahead.sentences]
        assert f"Not created in “Harbor Bakery”: {why}" in said


@pytest.mark.parametrize(
    "there",
    [
        company("paused"),
        polled(15, wanted=1),
        polled(15, phase="pull"),
        polled(15, trouble=TROUBLE),
        replace(polled(15), worker_silent=True),
        replace(company(), waiting=PLAN.waiting),
    ],
)
def test_no_time_is_promised_that_another_thing_decides(there: Company) -> None:
    said = [sentence.text for sentence in tell(pair(company=there), Everybody())[AHEAD].sentences]
    assert not [text for text in said if "is due" in text or "set time" in text or "first" in text]


def test_what_stops_a_company_is_all_that_is_said_of_the_future() -> None:
    (sentence,) = tell(pair(company=company("paused"), **alone(ended=False)), Everybody())[
        3
    ].sentences
    assert "paused" in sentence.text
