"""What all sentences share: who, when, which client, and what stands beside a sentence."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from django.utils.formats import date_format
from django.utils.text import get_text_list
from django.utils.timezone import localtime
from django.utils.translation import gettext as _
from wagtail.admin.utils import get_user_display_name

from wagtail_qbo_sync.admin.clients import ShownClient
from wagtail_qbo_sync.admin.labels import field_label
from wagtail_qbo_sync.host.adapter import get_adapter
from wagtail_qbo_sync.models import Case
from wagtail_qbo_sync.sync.telling.why import Facts


@dataclass(frozen=True, slots=True)
class Sentence:
    """One thing that is to be said. `about`: a Run, Change, Case or customer that shows more."""

    text: str
    about: Any = None


class Names(Protocol):
    """Who knows what a client is called for the reader, as `clients.Clients` does."""

    def show(self, pk: str | None, name: str = "") -> ShownClient | None: ...


def when(moment: datetime) -> str:
    return str(date_format(localtime(moment), "SHORT_DATETIME_FORMAT"))


def person(user: Any) -> str:
    return str(get_user_display_name(user)) if user else _("Somebody")


def client(names: Names, pk: str, name: str = "") -> str:
    """A client within a sentence. `name`: how it was called when it was still there."""
    shown = names.show(pk, name)
    if shown is None or not shown.may_see:
        return _("a client that you may not view")
    return f"“{shown.label}”"


def listed(items: Iterable[str]) -> str:
    return str(get_text_list(list(items), _("and")))


def fields(paths: Iterable[str]) -> str:
    """ "name", "email" -> "Name and E-mail"."""
    return listed(field_label(path) for path in paths)


def types(keys: Iterable[str]) -> str:
    """Contact Types by name, "" for none."""
    labels = dict(get_adapter().contact_type_choices())
    return listed(str(labels.get(key, key)) for key in keys)


def answer(trouble: dict[str, Any]) -> str:
    """What QuickBooks answered; with Intuit's own reference, which its support asks for."""
    text = _(trouble["message"])
    if tid := trouble.get("intuit_tid"):
        return _("%(answer)s (Intuit's reference: %(tid)s)") % {"answer": text, "tid": tid}
    return text


def open_case(facts: Facts, kind: Case.Kind) -> Case | None:
    """The open case of this kind; there is one at most."""
    return next((case for case in facts.cases if case.kind == kind), None)
