"""What happens next, by whom, and what has to happen before."""

from __future__ import annotations

from collections.abc import Iterator

from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from wagtail_qbo_sync.models import Case, Connection, Decision, Mapping, Outbox, SyncState
from wagtail_qbo_sync.sync.people.creation import is_offered
from wagtail_qbo_sync.sync.records.status import ConnectionState, CustomerStatus
from wagtail_qbo_sync.sync.records.terms import is_pushed
from wagtail_qbo_sync.sync.telling.why import Company, Facts

from ..labels import field_label
from ..words import case_words
from .words import Names, Sentence, answer, listed, open_case, person, types, when

Direction = Connection.Direction
TRAVELS = {
    Direction.TWO_WAY: gettext_lazy(
        "With each sync, what is changed in QuickBooks is written to the client, and what is "
        "changed on the site is sent to QuickBooks."
    ),
    Direction.PULL_ONLY: gettext_lazy(
        "With each sync, what is changed in QuickBooks is written to the client. "
        "What is changed on the site stays on the site."
    ),
    Direction.PUSH_ONLY: gettext_lazy(
        "With each sync, what is changed on the site is sent to QuickBooks. "
        "What is changed in QuickBooks stays in QuickBooks."
    ),
}
State = Outbox.State
ON_ITS_WAY = {
    State.WANTED: gettext_lazy("A change on the site was noticed. The next sync looks at it."),
    State.WRITTEN: gettext_lazy("About to be sent to QuickBooks: %(fields)s."),
    State.SENT: gettext_lazy("Sent to QuickBooks, without an answer yet: %(fields)s."),
}
Status = CustomerStatus
STOPPED = {
    ConnectionState.DISCONNECTED: gettext_lazy("Nothing, until the company is connected again."),
    ConnectionState.RECONNECT: gettext_lazy(
        "Nothing, until somebody logs in to QuickBooks again: the company needs a reconnect."
    ),
    ConnectionState.PAUSED: gettext_lazy("Nothing, while syncing is paused on this site."),
    ConnectionState.COPY: gettext_lazy(
        "Nothing: this looks like a copy of the site. Somebody has to say which is the live one."
    ),
}


def ahead(facts: Facts, names: Names) -> Iterator[Sentence]:
    """First what stops the whole company, then what this one waits for."""
    if facts.company.state is not ConnectionState.CONNECTED:
        yield Sentence(str(STOPPED[facts.company.state]))
        return
    yield from of_company(facts.company)
    yield from _asked(facts)
    yield from _customer(facts)


def of_company(company: Company) -> Iterator[Sentence]:
    """What stops the company's sync, puts it off, or is going on."""
    sync = company.sync
    if sync.trouble:
        yield Sentence(_("The last sync met trouble: %s") % answer(sync.trouble))
        if next_try := parse_datetime(sync.trouble.get("next_try", "")):
            yield Sentence(_("On %s it is tried again.") % when(next_try))
        else:
            yield Sentence(_("It is not tried again until somebody asks for a sync."))
    if company.waiting is not None:
        text = _("A plan of %s waits for approval. Until then nothing is written.")
        words = [text % when(company.waiting.started_at), *company.waiting.why_it_waits]
        yield Sentence(" ".join(map(str, words)), company.waiting)
    if company.worker_silent:
        yield Sentence(_("No worker is running, so nothing happens by itself."))
    elif sync.phase != SyncState.Phase.REST:
        yield Sentence(_("A sync is running right now."))
    elif sync.wanted > sync.served:
        yield Sentence(_("A sync was asked for and is about to start."))
    elif not sync.trouble:
        yield from _next_sync(company)


def _next_sync(company: Company) -> Iterator[Sentence]:
    """When, or that none comes by itself."""
    if company.next_sync:
        text = _("On %s the next sync of the company is due, or sooner if somebody asks for it.")
        yield Sentence(text % when(company.next_sync))
    elif company.sync.first_synced_at is not None:
        yield Sentence(
            _("No sync comes at a set time: one starts when somebody asks for it, or visits.")
        )
    elif company.waiting is None:
        yield Sentence(_("The first sync of the company starts when somebody asks for it."))


def _asked(facts: Facts) -> Iterator[Sentence]:
    single = facts.single
    if single is not None and single.ended_at is None:
        text = _("%(person)s asked on %(when)s to sync this one. It is read next.")
        yield Sentence(text % {"person": person(single.asked_by), "when": when(single.asked_at)})


def _customer(facts: Facts) -> Iterator[Sentence]:
    if facts.mapping is not None:
        yield from _pair(facts, facts.mapping)
    elif facts.customer is not None:
        if text := _WAITS.get(Status(facts.customer.status)):
            yield Sentence(str(text), facts.customer)
    elif any(each.kind == Decision.Kind.EXCLUDE_CLIENT for each in facts.decisions):
        yield Sentence(_("Nothing, until somebody includes the client again."))
    else:
        yield Sentence(_("It is compared with the customers of each sync."))
        yield from _creation(facts)


def _creation(facts: Facts) -> Iterator[Sentence]:
    """K12-K14: whether a customer is made of the client, and why not."""
    words = {"company": str(facts.company.connection)}
    if facts.asked:
        text = _("It waits to be created in “%(company)s”.")
    elif facts.planned:
        text = _("Created in “%(company)s” once that plan is approved.")
    elif facts.cases:
        text = _("Not created in “%(company)s”: a person has to decide.")
    elif not is_offered(facts.company.connection):
        text = _("Not created in “%(company)s”: no client can be created there now.")
    elif facts.record is None or is_pushed(facts.company.connection, facts.record):
        text = _("Not created in “%(company)s” until it changes: its Contact Type is sent.")
    elif held := types(facts.record.contact_types):
        words["types"] = held
        text = _("Not created in “%(company)s”: its Contact Type is %(types)s, which is not sent.")
    else:
        text = _("Not created in “%(company)s”: it has no Contact Type that is sent.")
    yield Sentence(text % words)
    for case in facts.cases:
        yield Sentence(case_words(case), case)


def _pair(facts: Facts, mapping: Mapping) -> Iterator[Sentence]:
    if mapping.asleep == Mapping.Asleep.DISCONNECTED:
        yield Sentence(_("Nothing is read or written until somebody connects the client again."))
        return
    if mapping.asleep == Mapping.Asleep.INACTIVE:
        yield Sentence(
            _("The mapping wakes if the customer is in QuickBooks again.")
            if facts.is_gone
            else _("The mapping wakes when the customer is made active again in QuickBooks.")
        )
        return
    if case := open_case(facts, Case.Kind.CONFLICT):
        text = _("The fields that differ wait until both sides say the same; the others go on.")
        yield Sentence(text, case)
    if case := open_case(facts, Case.Kind.REFUSED):
        text = _(
            "What was refused is tried again when the customer or the client changes, or when "
            "somebody asks for it under Problems."
        )
        yield Sentence(text, case)
    if case := open_case(facts, Case.Kind.UNDO):
        text = _(
            "An undo has left what somebody had edited. Under Problems it can be put back all the "
            "same, or ignored."
        )
        yield Sentence(text, case)
    refused = open_case(facts, Case.Kind.NOT_TAKEN)
    if refused or open_case(facts, Case.Kind.UNSENDABLE):
        text = _("What QuickBooks did not take is sent again when it is changed on the site.")
        yield Sentence(text, refused)
    if mapping.client_id is not None:
        yield from _travels(facts.company.connection)
        yield from _differs(mapping)
        yield from _on_its_way(facts)


def _travels(connection: Connection) -> Iterator[Sentence]:
    """U2: which way, and the fields that go another."""
    yield Sentence(str(TRAVELS[Direction(connection.direction)]))
    for name, direction in sorted(connection.field_directions.items()):
        if direction != connection.direction:
            said = {"field": field_label(name), "direction": Direction(direction).label}
            yield Sentence(_("%(field)s: %(direction)s.") % said)


def _differs(mapping: Mapping) -> Iterator[Sentence]:
    """U2: what may not travel is kept as it is."""
    if silent := sorted(mapping.base.get("silent", ())):
        text = _("Differs, and stays so until the other side changes it too: %(fields)s.")
        yield Sentence(text % {"fields": listed(map(field_label, silent))})


def _on_its_way(facts: Facts) -> Iterator[Sentence]:
    for row in facts.on_its_way:
        fields = listed(field_label(name) for name in sorted(row.values))
        yield Sentence(str(ON_ITS_WAY[State(row.state)]) % {"fields": fields})


_WAITS = {
    Status.REVIEW: gettext_lazy("A person decides whether it is one of these clients."),
    Status.UNMAPPED: gettext_lazy(
        "A person may map it, make a client of it, or exclude it. Each sync compares it again "
        "with the clients."
    ),
    Status.DELETED: gettext_lazy(
        "Its client was deleted on the site. A person may make it again, map it to another "
        "client, or exclude it."
    ),
    Status.EXCLUDED: gettext_lazy("Nothing, until somebody includes it again."),
    Status.LEFT_OUT: gettext_lazy("Nothing, while it takes no part in the sync."),
    Status.INACTIVE: gettext_lazy("Nothing, until it is made active again in QuickBooks."),
    Status.GONE: gettext_lazy("Nothing, unless it is in QuickBooks again."),
}
