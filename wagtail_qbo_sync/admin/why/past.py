"""What was read and what was written."""

from __future__ import annotations

from collections.abc import Iterator

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from wagtail_qbo_sync.models import Case, Change, Customer, ImportRow, Step
from wagtail_qbo_sync.sync.records.runs import ACTIVE
from wagtail_qbo_sync.sync.telling.why import CHANGES, Facts

from .words import Names, Sentence, answer, client, fields, open_case, person, types, when

STANDING = {
    Customer.Standing.TOP: gettext_lazy("QuickBooks says: “%s” is an active customer."),
    Customer.Standing.SUB: gettext_lazy("QuickBooks says: “%s” is an active sub-customer."),
    Customer.Standing.PROJECT: gettext_lazy("QuickBooks says: “%s” is a project."),
    Customer.Standing.INACTIVE: gettext_lazy("QuickBooks says: “%s” is inactive."),
    Customer.Standing.GONE: gettext_lazy(
        "“%s” is no longer in QuickBooks: it is not found there, not by its QuickBooks ID either."
    ),
}


_ACTIVITY = {
    False: gettext_lazy(
        "On %(when)s %(person)s took back that the customer was created: it was made inactive in "
        "QuickBooks."
    ),
    True: gettext_lazy("On %(when)s %(person)s had the customer made active again in QuickBooks."),
}


def read(facts: Facts, names: Names) -> Iterator[Sentence]:
    """What QuickBooks said, and when."""
    company = facts.company
    if company.read_at:
        text = _("On %(when)s the customers of “%(company)s” were last read from QuickBooks.")
        yield Sentence(text % {"company": company.connection, "when": when(company.read_at)})
    else:
        text = _("The customers of “%s” have not been read from QuickBooks yet.")
        yield Sentence(text % company.connection)
    if customer := facts.customer:
        text = STANDING[Customer.Standing(customer.standing)] % customer.path
        yield Sentence(text, customer)
    if case := open_case(facts, Case.Kind.UNREADABLE):
        text = _("What QuickBooks sent for it on %(when)s could not be read: %(why)s")
        words = {"when": when(case.opened_at), "why": _(case.facts["message"])}
        yield Sentence(text % words, case)
    yield from _alone(facts)


def _alone(facts: Facts) -> Iterator[Sentence]:
    """What came of Sync this one."""
    single = facts.single
    if single is None or single.ended_at is None:
        return
    words = {"person": person(single.asked_by), "when": when(single.ended_at)}
    if single.trouble:
        text = _("%(person)s asked for this one alone. On %(when)s it was not read: %(why)s")
        yield Sentence(text % {**words, "why": answer(single.trouble)})
    elif single.run:
        text = _("%(person)s asked for this one alone. On %(when)s it was read.")
        yield Sentence(text % words, single.run)
    else:
        text = _(
            "%(person)s asked for this one alone. On %(when)s it was read, and there was nothing "
            "to write."
        )
        yield Sentence(text % words)


def written(facts: Facts, names: Names) -> Iterator[Sentence]:
    """The journal, the latest first; and what was to be written and was not."""
    if facts.latest is not None:
        yield from _not_done(facts.latest)
    if not facts.changes:
        yield Sentence(_("Nothing has been written."))
    for change in facts.changes:
        yield _written(change, names)
    if len(facts.changes) == CHANGES:
        yield Sentence(_("Older entries are not told here."))
    for row in facts.imports:
        shown = names.show(row.client_pk)
        if shown is not None and shown.may_see:
            yield Sentence(_imported(row, names), row.batch)


def _not_done(step: Step) -> Iterator[Sentence]:
    """Why nothing came of the newest step."""
    run = step.run
    words = {"when": when(run.started_at), "what": step.label}
    if step.state == Step.State.HELD:
        text = _("On %(when)s the sync held back what it was about to do: %(why)s")
        yield Sentence(text % {**words, "why": _(step.data["why"])}, run)
    elif step.state == Step.State.FAILED and "intuit_tid" in step.data:
        text = _("On %(when)s QuickBooks did not take what was to be put back: %(why)s")
        why = answer({**step.data, "message": step.data["why"]})
        yield Sentence(text % {**words, "why": why}, run)
    elif step.state == Step.State.UNTICKED:
        text = _("In the plan of %(when)s that waits, this step is unticked: “%(what)s”.")
        yield Sentence(text % words, run)
    elif step.state == Step.State.LEFT and "unticked" in step.data:
        text = _(
            "In the plan of %(when)s a person had unticked this step, so it was not done: "
            "“%(what)s”."
        )
        yield Sentence(text % words, run)


def _imported(row: ImportRow, names: Names) -> str:
    """K15."""
    batch = row.batch
    text = (
        _(
            "On %(when)s %(person)s took back the import “%(file)s”: the Contact Type of "
            "%(client)s became %(after)s; it was %(before)s."
        )
        if batch.undoes_id
        else _(
            "On %(when)s %(person)s changed the Contact Type of %(client)s to %(after)s by the "
            "file “%(file)s”; it was %(before)s."
        )
    )
    return text % {
        "when": when(batch.finished_at or batch.moved_at),
        "person": person(batch.confirmed_by),
        "file": (batch.undoes or batch).name,
        "client": client(names, row.client_pk),
        "before": types(row.before) or _("none"),
        "after": types(row.after) or _("none"),
    }


def _written(change: Change, names: Names) -> Sentence:
    if ACTIVE in change.values:
        text = str(_ACTIVITY[change.values[ACTIVE][1]])
        words = {"when": when(change.at), "person": person(change.actor)}
        return Sentence(text % words, change)
    made = any(before is None for before, _after in change.values.values())
    if made and change.side == Change.Side.QBO:
        text = _("On %(when)s a customer was made of %(client)s with these fields: %(fields)s.")
    elif change.actor:
        text = (
            _("On %(when)s, as %(person)s decided, %(client)s was made with: %(fields)s.")
            if made
            else _("On %(when)s, as %(person)s decided, %(client)s was changed: %(fields)s.")
        )
    else:
        text = (
            _("On %(when)s a sync made %(client)s with these fields: %(fields)s.")
            if made
            else _("On %(when)s a sync wrote these fields of %(client)s: %(fields)s.")
        )
    words = {
        "when": when(change.at),
        "person": person(change.actor),
        "client": client(names, change.client_pk),
        "fields": fields(change.values),
    }
    return Sentence(text % words, change)
