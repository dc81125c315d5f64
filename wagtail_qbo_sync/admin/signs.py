"""Where something stands, as icon and word: never by colour alone (C7)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from django.contrib.humanize.templatetags.humanize import intcomma
from django.utils.functional import Promise
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from wagtail_qbo_sync.models import (
    Case,
    Comparison,
    Difference,
    ImportBatch,
    ImportRow,
    Mapping,
    Run,
    Step,
)
from wagtail_qbo_sync.sync.people.creation import Creation
from wagtail_qbo_sync.sync.records.client_status import ClientStatus
from wagtail_qbo_sync.sync.records.status import ConnectionState, CustomerStatus
from wagtail_qbo_sync.sync.telling.standings import Pair, Standing


@dataclass(frozen=True, slots=True)
class Sign:
    """An icon with its colour class, and the word beside it."""

    icon: str
    colour: str
    text: str | Promise


GOOD, CARE, BAD, QUIET = (
    "w-text-positive-100",
    "w-text-warning-100",
    "w-text-text-error",
    "w-text-text-meta",
)
_STATUS = {
    CustomerStatus.MAPPED: ("circle-check", GOOD),
    CustomerStatus.REVIEW: ("help", CARE),
    CustomerStatus.UNMAPPED: ("minus", QUIET),
    CustomerStatus.DELETED: ("bin", CARE),
    CustomerStatus.EXCLUDED: ("circle-xmark", BAD),
    CustomerStatus.LEFT_OUT: ("cross", QUIET),
    CustomerStatus.INACTIVE: ("no-view", QUIET),
    CustomerStatus.GONE: ("no-view", CARE),
}
_CLIENT_STATUS = {
    ClientStatus.MAPPED: ("circle-check", GOOD),
    ClientStatus.DISCONNECTED: ("circle-xmark", BAD),
    ClientStatus.EXCLUDED: ("circle-xmark", BAD),
    ClientStatus.UNMAPPED: ("minus", QUIET),
}
_PAIR = {
    Pair.LINKING: ("time", QUIET),
    Pair.CONFLICT: ("warning", CARE),
    Pair.REFUSED: ("circle-xmark", BAD),
    Pair.INACTIVE: ("no-view", QUIET),
    Pair.GONE: ("no-view", CARE),
}
_COMPANY = {
    ConnectionState.CONNECTED: ("circle-check", GOOD),
    ConnectionState.RECONNECT: ("warning", BAD),
    ConnectionState.DISCONNECTED: ("minus", QUIET),
    ConnectionState.PAUSED: ("time", CARE),
    ConnectionState.COPY: ("copy", CARE),
}
_WHY = {
    Difference.Why.ASKED: ("help", CARE),
    Difference.Why.PLANNED: ("time", QUIET),
    Difference.Why.SENDING: ("upload", QUIET),
    Difference.Why.NEW: ("time", QUIET),
    Difference.Why.SITE: ("edit", CARE),
    Difference.Why.QBO: ("edit", CARE),
    Difference.Why.BOTH: ("edit", CARE),
    Difference.Why.ONE_WAY: ("minus", QUIET),
    Difference.Why.AGREED: ("check", QUIET),
    Difference.Why.NO_CLIENT: ("bin", BAD),
    Difference.Why.NO_CUSTOMER: ("bin", BAD),
}
_KIND = {
    Step.Kind.LINK: ("link", GOOD),
    Step.Kind.CREATE: ("plus", GOOD),
    Step.Kind.UPDATE: ("edit", GOOD),
    Step.Kind.PUSH: ("upload", GOOD),
    Step.Kind.ADD: ("plus", GOOD),
    Step.Kind.STAY: ("help", CARE),
    Step.Kind.AGREE: ("check", QUIET),
    Step.Kind.EXCLUDE: ("circle-xmark", BAD),
    Step.Kind.REVIEW: ("help", CARE),
    Step.Kind.CONFLICT: ("warning", CARE),
    Step.Kind.SLEEP: ("no-view", QUIET),
    Step.Kind.WAKE: ("view", GOOD),
    Step.Kind.FOLLOW: ("view", GOOD),
    Step.Kind.WAIT: ("minus", QUIET),
    Step.Kind.UNDO: ("rotate", GOOD),
    Step.Kind.CLOSE: ("check", QUIET),
}
_STEP_STATE = {
    Step.State.PLANNED: ("time", QUIET),
    Step.State.UNTICKED: ("minus", CARE),
    Step.State.DONE: ("check", GOOD),
    Step.State.HELD: ("warning", CARE),
    Step.State.FAILED: ("circle-xmark", BAD),
    Step.State.LEFT: ("minus", QUIET),
}
_ASKED = {
    Step.Kind.REVIEW: ("help", QUIET, _("Asked")),
    Step.Kind.CONFLICT: ("help", QUIET, _("Asked")),
    Step.Kind.STAY: ("help", QUIET, _("Asked")),
    Step.Kind.WAIT: ("list-ul", QUIET, _("Listed")),
}
"""What is done of a step that leaves the doing to a person."""
_CASE = {
    Case.Kind.REVIEW: ("help", CARE),
    Case.Kind.CONFLICT: ("warning", CARE),
    Case.Kind.REFUSED: ("circle-xmark", BAD),
    Case.Kind.UNSENDABLE: ("circle-xmark", BAD),
    Case.Kind.NOT_TAKEN: ("circle-xmark", BAD),
    Case.Kind.KEPT: ("warning", CARE),
    Case.Kind.ALIKE: ("help", CARE),
    Case.Kind.UNREADABLE: ("circle-xmark", BAD),
    Case.Kind.INACTIVE: ("no-view", QUIET),
    Case.Kind.GONE: ("no-view", CARE),
    Case.Kind.MERGED: ("no-view", CARE),
    Case.Kind.CLIENT_DELETED: ("bin", CARE),
    Case.Kind.DELETIONS: ("warning", BAD),
    Case.Kind.RESET: ("warning", BAD),
    Case.Kind.UNDO: ("rotate", CARE),
}
_RUN_STATE = {
    Run.State.PLANNING: ("rotate", QUIET),
    Run.State.WAITING: ("help", CARE),
    Run.State.PROPOSED: ("help", CARE),
    Run.State.APPLYING: ("rotate", QUIET),
    Run.State.DONE: ("circle-check", GOOD),
    Run.State.FAILED: ("circle-xmark", BAD),
    Run.State.DISCARDED: ("bin", QUIET),
}
_IMPORT = {
    ImportBatch.State.READING: ("rotate", QUIET),
    ImportBatch.State.COMPARING: ("rotate", QUIET),
    ImportBatch.State.FORECAST: ("rotate", QUIET),
    ImportBatch.State.READY: ("help", CARE),
    ImportBatch.State.APPLYING: ("rotate", QUIET),
    ImportBatch.State.DONE: ("circle-check", GOOD),
    ImportBatch.State.REFUSED: ("circle-xmark", BAD),
}
_IMPORT_ROW = {
    ImportRow.State.UNREAD: ("time", QUIET),
    ImportRow.State.ERROR: ("circle-xmark", BAD),
    ImportRow.State.CHANGE: ("edit", GOOD),
    ImportRow.State.SAME: ("minus", QUIET),
    ImportRow.State.DONE: ("check", GOOD),
    ImportRow.State.HELD: ("warning", CARE),
    ImportRow.State.BACK: ("rotate", QUIET),
}
_ASLEEP = {
    CustomerStatus.MAPPED: {
        "inactive": _("Mapped, inactive in QuickBooks"),
    },
    CustomerStatus.INACTIVE: {
        "": _("Mapped, inactive in QuickBooks"),
        "inactive": _("Mapped, inactive in QuickBooks"),
    },
    CustomerStatus.GONE: {
        "": _("Mapped, no longer in QuickBooks"),
        "inactive": _("Mapped, no longer in QuickBooks"),
    },
}


def status_sign(customer: Any) -> Sign:
    """Where a customer stands (C7); it must come from `status.with_status`."""
    status = CustomerStatus(customer.status)
    text = status.label
    if customer.asleep == Mapping.Asleep.DISCONNECTED and not customer.gone:
        return client_sign(ClientStatus.DISCONNECTED)
    if customer.gone:
        return Sign(*_STATUS[CustomerStatus.DELETED], gettext("Mapped, client deleted"))
    if customer.client_pk:
        text = _ASLEEP.get(status, {}).get(customer.asleep, text)
    return Sign(*_STATUS[status], str(text))


def client_sign(status: ClientStatus) -> Sign:
    """Where a client stands towards a company (C7)."""
    return Sign(*_CLIENT_STATUS[status], str(status.label))


def standing_sign(standing: Standing) -> Sign:
    """Where a client stands in a company, and how its pair does."""
    if standing.creation == Creation.WAITS:
        return Sign("time", QUIET, str(standing.creation.label))
    if standing.pair in _PAIR:
        return Sign(*_PAIR[standing.pair], str(standing.pair.label))
    return client_sign(standing.status)


def company_sign(state: ConnectionState) -> Sign:
    """How a company does."""
    return Sign(*_COMPANY[state], str(state.label))


def kind_sign(kind: str) -> Sign:
    """What a step does."""
    return Sign(*_KIND[Step.Kind(kind)], str(Step.Kind(kind).label))


def step_sign(step: Step) -> Sign:
    """What this very step does."""
    return replace(kind_sign(step.kind), text=str(step.label))


def step_state_sign(state: str, kind: str = "") -> Sign:
    """What became of a step, of this `kind` where that is known."""
    if state == Step.State.DONE and kind in _ASKED:
        icon, colour, text = _ASKED[Step.Kind(kind)]
        return Sign(icon, colour, str(text))
    return Sign(*_STEP_STATE[Step.State(state)], str(Step.State(state).label))


def case_sign(kind: str) -> Sign:
    """What waits for a person."""
    return Sign(*_CASE[Case.Kind(kind)], str(Case.Kind(kind).label))


def outcome_sign(kind: str, state: str) -> Sign:
    """Steps of a kind that went as they should, or that did not and how."""
    if state == Step.State.DONE:
        return kind_sign(kind)
    sign = step_state_sign(state)
    return replace(sign, text=f"{kind_sign(kind).text}: {sign.text}")


def run_state_sign(state: str) -> Sign:
    """How a run stands."""
    return Sign(*_RUN_STATE[Run.State(state)], str(Run.State(state).label))


def comparison_sign(comparison: Comparison) -> Sign:
    """The certificate: so many of so many equal."""
    if comparison.finished_at is None:
        return Sign("time", QUIET, gettext("Not finished"))
    words = {"equal": intcomma(comparison.equal), "all": intcomma(comparison.compared)}
    text = gettext("%(equal)s of %(all)s equal") % words
    is_equal = comparison.equal == comparison.compared
    return Sign("circle-check" if is_equal else "warning", GOOD if is_equal else CARE, text)


def difference_sign(difference: Difference) -> Sign:
    """Why a pair was not equal."""
    why = Difference.Why(difference.why)
    text: str | Promise = why.label
    if difference.asked:
        asked = Case.Kind(difference.asked).label
        text = gettext("%(why)s: %(asked)s") % {"why": why.label, "asked": asked}
    return Sign(*_WHY[why], text)


def import_sign(state: str) -> Sign:
    """Where an import of Contact Types stands."""
    return Sign(*_IMPORT[ImportBatch.State(state)], ImportBatch.State(state).label)


def import_row_sign(state: str) -> Sign:
    """What becomes of one row of it."""
    return Sign(*_IMPORT_ROW[ImportRow.State(state)], ImportRow.State(state).label)
