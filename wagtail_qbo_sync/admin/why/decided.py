"""What rules and people decided: who is whose, and why a customer or a client has nobody."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from wagtail_qbo_sync.models import Case, Connection, Customer, Decision, Mapping, Step
from wagtail_qbo_sync.sync.bulk.choices import Do
from wagtail_qbo_sync.sync.records.status import CustomerStatus
from wagtail_qbo_sync.sync.telling.why import Facts

from .words import Names, Sentence, client, fields, listed, open_case, person, when

Status = CustomerStatus
FROM_QBO, FILL_BLANKS = "from_qbo", "fill_blanks"
"""How a pair was linked at first, as its base says (C13)."""


def decided(facts: Facts, names: Names) -> Iterator[Sentence]:
    """The mapping or what stands in its way, then what people said, then what is asked."""
    if facts.mapping is not None:
        yield from _mapped(facts, facts.mapping, names)
    elif facts.customer is not None:
        yield from _unmapped(facts)
    else:
        yield from _without_customer(facts, names)
    for decision in facts.decisions:
        yield Sentence(_said(decision, names))
    if case := open_case(facts, Case.Kind.REVIEW):
        yield Sentence(_review(case, names), case)
    if case := open_case(facts, Case.Kind.CONFLICT):
        text = _(
            "Since %(when)s both sides say different things, which holds these fields: %(fields)s."
        )
        words = {"when": when(case.opened_at), "fields": fields(case.facts["conflicts"])}
        yield Sentence(text % words, case)
    if case := open_case(facts, Case.Kind.REFUSED):
        text = _("On %(when)s it was refused by the site: %(why)s")
        yield Sentence(text % {"when": when(case.opened_at), "why": _(case.facts["message"])}, case)


# Mapped -----------------------------------------------------------------------------------------


def _mapped(facts: Facts, mapping: Mapping, names: Names) -> Iterator[Sentence]:
    yield _how(facts, names)
    if mapping.client_id is None:
        yield Sentence(_("The client is no longer on the site. No other is made of the customer."))
    link = mapping.base.get("link")
    if link == FROM_QBO and facts.made and facts.made.kind == Step.Kind.LINK:
        yield Sentence(
            _(
                "It was the client's first mapping, so what QuickBooks says replaced what the "
                "client held; what is blank in QuickBooks erased nothing."
            )
        )
    elif link == FILL_BLANKS and not (facts.made and facts.made.kind == Step.Kind.ADD):
        yield Sentence(
            _(
                "The client was mapped in another company already, so only what was blank on "
                "one side was taken from the other."
            )
        )
    if followed := mapping.base.get("followed"):
        text = _(
            "The customer with the QuickBooks ID %s, to which the client was mapped before, was "
            "merged into this one in QuickBooks, and the mapping followed."
        )
        yield Sentence(text % followed["gone"])
    if _is_left_out(facts):
        yield Sentence(
            _(
                "The customer is a sub-customer, which the settings of the company leave out; "
                "a mapping that is there stays."
            )
        )
    if mapping.asleep == Mapping.Asleep.INACTIVE:
        yield Sentence(
            _("The mapping is asleep, because the customer is no longer in QuickBooks.")
            if facts.is_gone
            else _("The mapping is asleep, because the customer is inactive in QuickBooks.")
        )
        if mapping.base.get("archived"):
            yield Sentence(
                _("The sync archived the client for that, and takes it back into use with it.")
            )
    elif mapping.asleep == Mapping.Asleep.DISCONNECTED:
        yield Sentence(_disconnected(facts.disconnected))


def _is_left_out(facts: Facts) -> bool:
    """U8: whether a mapped customer was made a sub-customer where those take no part."""
    is_sub = facts.customer is not None and facts.customer.standing == Customer.Standing.SUB
    return is_sub and facts.company.connection.hierarchy == Connection.Hierarchy.TOP


def _how(facts: Facts, names: Names) -> Sentence:
    """Which rule, or who, made them a pair."""
    made = facts.made
    if made is None:
        text = _("“%(customer)s” is mapped to %(client)s.")
        return Sentence(text % _pair(facts, names))
    text = str(
        _HOW[Step.Kind(made.kind), bool(made.data.get("by_hand")), made.state == Step.State.DONE]
    )
    words = {"person": person(made.run.started_by), "when": when(made.run.started_at)}
    return Sentence(text % {**words, **_pair(facts, names)}, made.run)


def _pair(facts: Facts, names: Names) -> dict[str, str]:
    made = facts.made
    name = made.data.get("client", "") if made else ""
    customer = facts.customer.path if facts.customer else facts.mapping and facts.mapping.qbo_id
    return {"customer": str(customer), "client": client(names, facts.client_pk, name)}


_LINK, _CREATE, _ADD = Step.Kind.LINK, Step.Kind.CREATE, Step.Kind.ADD
_MAPPED_BY_PERSON = gettext_lazy("On %(when)s %(person)s mapped “%(customer)s” to %(client)s.")
_TO_BE_WRITTEN = gettext_lazy(
    "On %(when)s %(person)s mapped “%(customer)s” to %(client)s. What QuickBooks says is not "
    "written to the client yet."
)
_MATCHED = gettext_lazy(
    "The sync of %(when)s mapped “%(customer)s” to %(client)s by itself: name and e-mail were "
    "both the same."
)
_MADE_BY_PERSON = gettext_lazy("On %(when)s %(person)s had %(client)s made of “%(customer)s”.")
_MADE = gettext_lazy(
    "The sync of %(when)s made %(client)s of “%(customer)s”: it was like no client, and the "
    "settings of the company say that a client is made then."
)
_ADDED_BY_PERSON = gettext_lazy(
    "On %(when)s %(person)s had “%(customer)s” created in QuickBooks of %(client)s."
)
_ADDED = gettext_lazy(
    "The sync of %(when)s created “%(customer)s” in QuickBooks of %(client)s: the client was made "
    "or changed on the site, and its Contact Type is one that is sent to QuickBooks."
)
_HOW = {
    # (kind, by hand, done)
    (_LINK, True, True): _MAPPED_BY_PERSON,
    (_LINK, True, False): _TO_BE_WRITTEN,
    (_LINK, False, True): _MATCHED,
    (_LINK, False, False): _MATCHED,
    (_CREATE, True, True): _MADE_BY_PERSON,
    (_CREATE, True, False): _MADE_BY_PERSON,
    (_CREATE, False, True): _MADE,
    (_CREATE, False, False): _MADE,
    (_ADD, True, True): _ADDED_BY_PERSON,
    (_ADD, False, True): _ADDED,
}


def _disconnected(entry: Any) -> str:
    if entry is None:
        return _("Somebody disconnected this client: the mapping is kept, but asleep.")
    text = _("%(person)s disconnected this client on %(when)s: the mapping is kept, but asleep.")
    return text % {"person": person(entry.user), "when": when(entry.timestamp)}


# A customer without a client --------------------------------------------------------------------


def _unmapped(facts: Facts) -> Iterator[Sentence]:
    customer, connection = facts.customer, facts.company.connection
    if customer.status == Status.INACTIVE:
        yield Sentence(_("Not mapped: inactive customers are neither matched nor made clients."))
    elif customer.status == Status.GONE:
        yield Sentence(_("Not mapped: it is no longer in QuickBooks."))
    elif customer.status == Status.LEFT_OUT:
        yield Sentence(
            _("Not mapped: projects take no part in the sync.")
            if customer.standing == Customer.Standing.PROJECT
            else _("Not mapped: the settings of the company leave sub-customers out.")
        )
    elif customer.status in (Status.UNMAPPED, Status.DELETED):
        if customer.pk > facts.company.sync.planned_through:
            yield Sentence(_("Not mapped: it has not been compared with the clients yet."))
        elif _holds_back(facts):
            yield Sentence(
                _("Not mapped: it is like no other client, and a person has to decide about it.")
            )
        else:
            yield Sentence(str(_UNMATCHED[Connection.Unmatched(connection.unmatched)]))


def _holds_back(facts: Facts) -> bool:
    """Whether a person's No keeps machines from making a client (the four Nos, U16)."""
    nos = {Decision.Kind.REMOVED_MATCH, Decision.Kind.CLIENT_DELETED}
    return any(decision.kind in nos for decision in facts.decisions)


_UNMATCHED = {
    Connection.Unmatched.WAIT: gettext_lazy(
        "Not mapped: it is like no client, and the settings of the company say that such "
        "customers wait for a person."
    ),
    Connection.Unmatched.CREATE: gettext_lazy(
        "Not mapped: it is like no client. The settings of the company say that a client is made "
        "of it; the next sync does so."
    ),
    Connection.Unmatched.EXCLUDE: gettext_lazy(
        "Not mapped: it is like no client. The settings of the company say that such customers "
        "are excluded; the next sync does so."
    ),
}


def _review(case: Case, names: Names) -> str:
    """K6: like a client, but not enough, or like several."""
    candidates = case.facts.get("candidates", [])
    who = listed(
        client(names, candidate["pk"], candidate.get("label", "")) for candidate in candidates[:5]
    )
    words = {"when": when(case.opened_at), "clients": who}
    by_name = [candidate for candidate in candidates if "name" in candidate["by"]]
    if len(by_name) > 1:
        text = _("Not matched on %(when)s: its name is that of several clients: %(clients)s.")
    elif any(candidate["taken"] for candidate in candidates):
        text = _(
            "Not matched on %(when)s: it is like %(clients)s, but that client is mapped to another "
            "customer or excluded already."
        )
    elif len(candidates) == 1 and len(candidates[0]["by"]) > 1:
        text = _(
            "Not matched on %(when)s: its name and e-mail are those of %(clients)s, and so are "
            "another customer's."
        )
    elif by_name and len(candidates) == 1:
        text = _("Not matched on %(when)s: its name is that of %(clients)s, its e-mail is not.")
    elif len(candidates) == 1:
        text = _("Not matched on %(when)s: its e-mail is that of %(clients)s, its name is not.")
    else:
        text = _("Not matched on %(when)s: it is like several clients: %(clients)s.")
    return text % words


# A client without a customer --------------------------------------------------------------------


def _without_customer(facts: Facts, names: Names) -> Iterator[Sentence]:
    words = {"company": facts.company.connection}
    yield Sentence(_("It is mapped to no customer of “%(company)s”.") % words)
    if not facts.alike:
        yield Sentence(_("No customer there has its name or its e-mail.") % words)
    for customer in facts.alike:
        yield Sentence(_alike(customer, names), customer)
    if facts.namesakes:
        text = ngettext(
            "Another client has the same name, so the name alone decides nothing: %s.",
            "Other clients have the same name, so the name alone decides nothing: %s.",
            len(facts.namesakes),
        )
        yield Sentence(text % listed(client(names, pk) for pk in facts.namesakes))


def _alike(customer: Any, names: Names) -> str:
    texts = {
        Status.MAPPED: _("“%(customer)s” is like it, but is mapped to %(client)s."),
        Status.EXCLUDED: _("“%(customer)s” is like it, but is excluded."),
        Status.INACTIVE: _("“%(customer)s” is like it, but is inactive in QuickBooks."),
        Status.GONE: _("“%(customer)s” is like it, but is no longer in QuickBooks."),
        Status.LEFT_OUT: _("“%(customer)s” is like it, but takes no part in the sync."),
        Status.REVIEW: _("“%(customer)s” is like it, and waits for a person."),
        Status.UNMAPPED: _("“%(customer)s” is like it, and is not mapped."),
        Status.DELETED: _("“%(customer)s” is like it; its client was deleted on the site."),
    }
    holder = client(names, customer.client_pk) if customer.client_pk else ""
    return texts[Status(customer.status)] % {"customer": customer.path, "client": holder}


# What people said -------------------------------------------------------------------------------


def _said(decision: Decision, names: Names) -> str:
    chosen = decision.client_pk or decision.facts.get("client", "")
    words = {
        "when": when(decision.at),
        "person": person(decision.by),
        "client": client(names, chosen) if chosen else "",
    }
    if decision.kind == Decision.Kind.DRAFT:
        return str(_DRAFT[Do(decision.facts["do"])]) % words
    return str(_BY_POLICY if decision.by_policy else _SAID[Decision.Kind(decision.kind)]) % words


_DRAFT = {
    Do.MAP: gettext_lazy(
        "%(person)s chose on %(when)s to map it to %(client)s. That is not saved yet."
    ),
    Do.CREATE: gettext_lazy(
        "%(person)s chose on %(when)s to make a client of it. That is not saved yet."
    ),
    Do.EXCLUDE: gettext_lazy("%(person)s chose on %(when)s to exclude it. That is not saved yet."),
    Do.LEAVE: gettext_lazy(
        "%(person)s chose on %(when)s to leave it unmapped. That is not saved yet."
    ),
}
_BY_POLICY = gettext_lazy(
    "Excluded on %(when)s, because it was like no client and the settings of the company say that "
    "such customers are excluded."
)
_SAID = {
    Decision.Kind.EXCLUDE_CUSTOMER: gettext_lazy(
        "Excluded by %(person)s on %(when)s: nothing of it is written until it is included again."
    ),
    Decision.Kind.EXCLUDE_CLIENT: gettext_lazy(
        "%(person)s excluded %(client)s on %(when)s: no customer of this company is matched "
        "with it."
    ),
    Decision.Kind.REMOVED_MATCH: gettext_lazy(
        "%(person)s removed the match with %(client)s on %(when)s: no sync makes it again."
    ),
    Decision.Kind.CLIENT_DELETED: gettext_lazy(
        "The client was deleted on the site on %(when)s: no sync makes another."
    ),
}
