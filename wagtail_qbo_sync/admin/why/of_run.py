"""Why a run did what it did, in plain sentences for one person (U6).

Pure: facts in (`sync.telling.why_run.Facts`), sentences out, in the order in which things happen.
"""

from __future__ import annotations

from collections.abc import Iterator

from django.contrib.humanize.templatetags.humanize import intcomma
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from wagtail_qbo_sync.models import Change, Run, Step
from wagtail_qbo_sync.sync.records.status import ConnectionState
from wagtail_qbo_sync.sync.telling.why_run import REASONS, Answer, Facts, Reason

from ..words import case_words
from . import Part
from .ahead import STOPPED, of_company
from .words import Names, Sentence, answer, client, person, when

Kind, State = Step.Kind, Step.State


def tell(facts: Facts, names: Names) -> list[Part]:
    """All there is to say."""
    return [
        Part(_("What was read"), tuple(_read(facts))),
        Part(_("What was decided"), tuple(_decided(facts))),
        Part(_("What was written"), tuple(_written(facts, names))),
        Part(_("What happens next"), tuple(_ahead(facts))),
    ]


def clients_of(facts: Facts) -> Iterator[str]:
    """Keys of the clients that the sentences name."""
    yield from (one.client_pk for one in facts.answers)


# What was read ----------------------------------------------------------------------------------


def _read(facts: Facts) -> Iterator[Sentence]:
    run = facts.run
    words = {"person": person(run.started_by), "when": when(run.started_at)}
    if run.undo:
        text = _("%(person)s asked on %(when)s to take a run back. The journal was read for it.")
        yield Sentence(text % words, run.undoes)
        if qbo_id := run.undo.get("qbo_id"):
            yield Sentence(_("Only the customer with the QuickBooks ID %s was asked for.") % qbo_id)
    elif run.push:
        text = _("%(person)s chose on %(when)s which clients to send to QuickBooks.")
        yield Sentence(text % words)
    elif run.by_person:
        text = _("It is what %(person)s decided on %(when)s; nothing was read for it.")
        yield Sentence(text % words)
    else:
        yield from _read_by_sync(run, words)
    if facts.company.read_at:
        text = _("QuickBooks was last read on %s, by this sync or by another one.")
        yield Sentence(text % when(facts.company.read_at))


def _read_by_sync(run: Run, words: dict[str, str]) -> Iterator[Sentence]:
    text = (
        _("On %(when)s %(person)s asked for this sync.")
        if run.started_by
        else _("On %(when)s it began by itself, or on the command line.")
    )
    yield Sentence(text % words)
    yield Sentence(
        _("It was the first sync of the company: all its customers were read.")
        if run.first
        else _("What was new in QuickBooks was read, and what was changed on the site.")
    )


# What was decided -------------------------------------------------------------------------------


def _decided(facts: Facts) -> Iterator[Sentence]:
    """Which rule led to each kind of step, then why it had to be approved, and by whom."""
    if not facts.kinds:
        yield Sentence(_("There was nothing to do."))
    for kind in Kind:
        if number := facts.kinds.get(kind):
            by_hand = kind in facts.by_hand and kind != Kind.UNDO
            rule = _BY_HAND if by_hand else _RULES[kind]
            words = {"what": kind.label, "number": intcomma(number), "rule": rule}
            yield Sentence(_("%(what)s, %(number)s: %(rule)s") % words)
    yield from _approved(facts.run)
    if facts.left:
        text = ngettext(
            "%(number)s step was unticked by a person, so it is left as it is.",
            "%(number)s steps were unticked by a person, so they are left as they are.",
            facts.left,
        )
        yield _counted(text, facts.left)


def _approved(run: Run) -> Iterator[Sentence]:
    if run.stops:
        why = " ".join(map(str, run.why_it_waits))
        yield Sentence(_("It had to be approved first. %s") % why)
    if run.approved_at is None or not (run.stops or run.undo or run.push):
        return
    text = (
        _("On %(when)s %(person)s approved it.")
        if run.approved_by
        else _("On %(when)s it was approved on the command line.")
    )
    yield Sentence(text % {"person": person(run.approved_by), "when": when(run.approved_at)})


_BY_HAND = gettext_lazy("a person decided so, one by one or for many at once.")
_RULES = {
    Kind.LINK: gettext_lazy("name and e-mail of the customer and the client were both the same."),
    Kind.CREATE: gettext_lazy(
        "the customer was like no client, and the settings of the company say that a client is "
        "made then."
    ),
    Kind.UPDATE: gettext_lazy(
        "the customer was changed in QuickBooks since the two last said the same, and the "
        "setting for the field lets that travel."
    ),
    Kind.PUSH: gettext_lazy(
        "the client was changed on the site since the two last said the same, and the setting "
        "for the field lets that travel."
    ),
    Kind.ADD: gettext_lazy(
        "the client was like no customer, it was made or changed, and its Contact Type is one "
        "that is sent to QuickBooks."
    ),
    Kind.STAY: gettext_lazy(
        "the client is like a customer, or says what QuickBooks would not take; a person decides."
    ),
    Kind.AGREE: gettext_lazy("both sides said the same, or their difference was agreed upon."),
    Kind.EXCLUDE: gettext_lazy(
        "the customer was like no client, and the settings of the company say that such "
        "customers are excluded."
    ),
    Kind.REVIEW: gettext_lazy(
        "the customer is like a client in name or in e-mail, but not in both, or like several; "
        "a person decides."
    ),
    Kind.CONFLICT: gettext_lazy(
        "both sides were changed to different values, and the settings of the company say that "
        "a person decides."
    ),
    Kind.SLEEP: gettext_lazy(
        "the mapped customer is inactive, merged or no longer in QuickBooks, so neither side is "
        "written."
    ),
    Kind.WAKE: gettext_lazy("the mapped customer is active again, or was connected again."),
    Kind.FOLLOW: gettext_lazy(
        "the mapped customer was merged into this one in QuickBooks, and nobody else has it."
    ),
    Kind.WAIT: gettext_lazy(
        "the customer is like no client, and the settings of the company say that such "
        "customers wait for a person."
    ),
    Kind.UNDO: gettext_lazy(
        "what still stands as the run wrote it is put back; what was edited since is left."
    ),
    Kind.CLOSE: gettext_lazy("what had been asked about it has answered itself."),
}


# What was written -------------------------------------------------------------------------------


def _written(facts: Facts, names: Names) -> Iterator[Sentence]:
    """How much on which side, then what was not done and what QuickBooks did not take."""
    if not facts.written:
        yield Sentence(_("Nothing has been written."))
    if number := facts.written.get(Change.Side.SITE):
        text = ngettext(
            "%(number)s client on the site was written.",
            "%(number)s clients on the site were written.",
            number,
        )
        yield _counted(text, number)
    if number := facts.written.get(Change.Side.QBO):
        text = ngettext(
            "%(number)s customer in QuickBooks was written.",
            "%(number)s customers in QuickBooks were written.",
            number,
        )
        yield _counted(text, number)
    yield from map(_not_done, facts.reasons)
    for one in facts.answers:
        yield _refused(one, names)
    if max(len(facts.reasons), len(facts.answers)) >= REASONS:
        yield Sentence(_("More of the kind are not told here; the steps of the run show them."))
    if facts.run.trouble:
        yield Sentence(_("The run met trouble: %s") % answer(facts.run.trouble))


def _not_done(reason: Reason) -> Sentence:
    if reason.state == State.HELD:
        text = ngettext(
            "%(number)s step was held back: %(why)s",
            "%(number)s steps were held back: %(why)s",
            reason.count,
        )
    else:
        text = ngettext(
            "%(number)s step failed: %(why)s",
            "%(number)s steps failed: %(why)s",
            reason.count,
        )
    return _counted(text, reason.count, why=_(reason.why) if reason.why else "")


def _refused(one: Answer, names: Names) -> Sentence:
    who = f"“{one.customer}”" if one.customer else client(names, one.client_pk, one.client)
    why = one.message or (case_words(one.case) if one.case else "")
    words = {"who": who, "why": answer({"message": why, "intuit_tid": one.intuit_tid})}
    return Sentence(_("QuickBooks did not take what was sent for %(who)s: %(why)s") % words)


def _counted(text: str, number: int, **words: str) -> Sentence:
    return Sentence(text % {"number": intcomma(number), **words})


# What happens next ------------------------------------------------------------------------------


def _ahead(facts: Facts) -> Iterator[Sentence]:
    """What this run waits for, then what the company does."""
    for undo in facts.undone_by:
        text = _("It is taken back by the undo of %(when)s (%(state)s).")
        words = {"when": when(undo.started_at), "state": undo.get_state_display()}
        yield Sentence(text % words, undo)
    yield Sentence(_state(facts.run))
    if facts.on_its_way:
        text = ngettext(
            "%(number)s change is on its way to QuickBooks, without an answer yet.",
            "%(number)s changes are on their way to QuickBooks, without an answer yet.",
            facts.on_its_way,
        )
        yield _counted(text, facts.on_its_way)
    if facts.open_cases:
        text = ngettext(
            "%(number)s question that it asked still waits for a person.",
            "%(number)s questions that it asked still wait for a person.",
            facts.open_cases,
        )
        yield _counted(text, facts.open_cases)
    company = facts.company
    if company.state is not ConnectionState.CONNECTED:
        yield Sentence(str(STOPPED[company.state]))
        return
    yield from (said for said in of_company(company) if said.about != facts.run)


def _state(run: Run) -> str:
    if run.state == Run.State.WAITING:
        return _("It waits until somebody approves or discards it.")
    if run.state == Run.State.DISCARDED:
        return _("It was discarded: nothing of it is done.")
    if run.state in (Run.State.PLANNING, Run.State.APPLYING):
        return _("It goes on as soon as a worker comes to it.")
    return _("All its steps have ended.")
