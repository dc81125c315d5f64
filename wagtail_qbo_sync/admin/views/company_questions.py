"""Answering what is asked about a company as a whole: many clients were deleted at once (U16), or
the company was reset in QuickBooks (rule 6)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.translation import gettext, ngettext
from wagtail.admin import messages

from wagtail_qbo_sync.admin.base import PostOnly, after_problem_url, may, url
from wagtail_qbo_sync.models import Case, Connection
from wagtail_qbo_sync.sync.people import deleted
from wagtail_qbo_sync.sync.reading import reset
from wagtail_qbo_sync.sync.records.cases import AlreadyAnswered


@dataclass(frozen=True)
class Question:
    """In words, with the answers as (label, where to post it); the first is the likely one."""

    company: Connection
    said: str
    answers: list[tuple[str, str]] = field(default_factory=list)
    """Empty: it was answered, and a worker is at it."""


def questions(user: Any, chosen: str) -> list[Question]:
    """What is open that this person may answer, of the company of this key or of all."""
    kinds = [kind for kind, (right, _make) in ASKED.items() if may(user, right)]
    cases = Case.objects.filter(kind__in=kinds, open_key__isnull=False)
    return [
        question(case)
        for case in cases.select_related("connection").order_by("connection__company_name", "pk")
        if chosen in ("", str(case.connection_id))
    ]


def question(case: Case) -> Question:
    """What an open case asks."""
    return ASKED[case.kind][1](case)


def _deletions(case: Case) -> Question:
    lost, found = case.facts["lost"], len(case.facts["pairs"])
    said = ngettext(
        "%(lost)s mapped client is no longer on the site.",
        "%(lost)s mapped clients are no longer on the site.",
        lost,
    ) % {"lost": lost}
    again = ngettext(
        "%(found)s client of the same name and e-mail is there under another key.",
        "%(found)s clients of the same names and e-mails are there under other keys.",
        found,
    ) % {"found": found}
    answers = []
    if found:
        reattach = url("deleted_reattach", case.connection_id)
        answers.append((gettext("Attach these again"), reattach))
    answers.append((gettext("Leave them deleted"), url("deleted_leave", case.connection_id)))
    is_answered = "answer" in case.facts
    return Question(case.connection, f"{said} {again}", [] if is_answered else answers)


def _reset(case: Case) -> Question:
    said = ngettext(
        "%(unseen)s of %(known)s customer is missing in QuickBooks, or older there than it was.",
        "%(unseen)s of %(known)s customers are missing in QuickBooks, or older there than they "
        "were.",
        case.facts["known"],
    ) % {name: case.facts[name] for name in ("unseen", "known")}
    advice = gettext(
        "The company rests. If it was not meant to be reset, restore it in QuickBooks first, or "
        "disconnect it here. If you go on, each of them is looked up once more, and a plan shows "
        "what follows before anything is written."
    )
    answer = (gettext("Go on"), url("reset_go_on", case.connection_id))
    return Question(case.connection, f"{said} {advice}", [answer])


ASKED: dict[str, tuple[str, Callable[[Case], Question]]] = {
    Case.Kind.DELETIONS: ("map", _deletions),
    Case.Kind.RESET: ("sync", _reset),
}
"""Kind of case -> the right to answer it, and what it asks."""


class Answer(PostOnly):
    """Notes what a person says; a worker does it."""

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        connection = get_object_or_404(Connection, pk=pk)
        try:
            self.answer(connection)
        except AlreadyAnswered:
            messages.error(request, gettext("Somebody has answered this already."))
        else:
            messages.success(request, gettext("Noted. A worker does it now."))
        return redirect(after_problem_url(request.user, connection))

    def answer(self, connection: Connection) -> None:
        """Note it. Raises AlreadyAnswered."""
        raise NotImplementedError


class Deletions(Answer):
    """`do`: what a person says; the sweep does it."""

    permission_required = "map"
    do = ""

    def answer(self, connection: Connection) -> None:
        deleted.answer(connection, self.do, self.request.user)


class GoOn(Answer):
    """The company was reset, and what it has now is the truth."""

    permission_required = "sync"

    def answer(self, connection: Connection) -> None:
        reset.go_on(connection, self.request.user)
