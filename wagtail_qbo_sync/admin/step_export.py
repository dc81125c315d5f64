"""A run as a spreadsheet: each field of each step by itself, as one person may see it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils.translation import gettext_lazy as _

from wagtail_qbo_sync.compat import chunks
from wagtail_qbo_sync.models import Change, Step

from .clients import Clients
from .exports import SafeExportMixin
from .signs import step_state_sign
from .words import LISTED, Conflict, Lines, Told, Written, clients_in, told

CHUNK = 500
"""Steps that are read at a time."""
SITE, QBO = Change.Side.SITE.label, Change.Side.QBO.label


class StepExportMixin(SafeExportMixin):
    """Downloads of a listing of steps, however many there are: as many queries for each chunk."""

    export_headings = {
        "customer": _("QuickBooks customer"),
        "qbo_id": _("Customer’s Id in QuickBooks"),
        "what": _("What"),
        "state": _("State"),
        "client": _("Client"),
        "client_key": _("Client’s key on the site"),
        "side": _("Written to"),
        "field": _("Field"),
        "old": _("Old"),
        "new": _("New"),
        "why": _("Why"),
    }
    list_export = tuple(export_headings)

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if self.is_export:
            rows = self.export_rows(self.get_queryset())
            response: HttpResponseBase = self.as_spreadsheet(rows, request.GET["export"])
            return response
        shown: HttpResponseBase = super().get(request, *args, **kwargs)
        return shown

    def export_rows(self, steps: QuerySet[Step]) -> Iterator[dict[str, Any]]:
        """One row for each field of each step; one for a step that has none."""
        for chunk in chunks(steps.iterator(CHUNK), CHUNK):
            clients = Clients(self.request.user, _clients_of(chunk))
            for step in chunk:
                said = told(step.data, step.client_pk, clients, LISTED)
                about = _about(step, clients, said)
                for values in list(_values(said)) or [{}]:
                    yield {**dict.fromkeys(self.list_export, ""), **about, **values}

    def to_row_dict(self, item: dict[str, Any]) -> dict[str, Any]:
        return item


def _clients_of(steps: Sequence[Step]) -> list[str]:
    named = [pk for step in steps for pk in clients_in(step.data, LISTED)]
    return [*(step.client_pk for step in steps), *named]


def _about(step: Step, clients: Clients, said: Told) -> dict[str, str]:
    client = clients.show(step.client_pk, step.data.get("client", ""))
    return {
        "customer": step.data.get("customer") or step.qbo_id,
        "qbo_id": step.qbo_id,
        "what": str(step.label),
        "state": str(step_state_sign(step.state, step.kind).text),
        "client": client.label if client else "",
        "client_key": step.client_pk if client and client.may_see else "",
        "why": said.why,
    }


def _values(said: Told) -> Iterator[dict[str, str]]:
    for side, fields in ((SITE, said.written), (QBO, said.sent)):
        for field in fields:
            yield _written(str(side), field)
    for conflict in said.conflicts:
        yield _conflict(conflict)


def _written(side: str, field: Written) -> dict[str, str]:
    old = _text(field.before)
    return {"side": side, "field": field.label, "old": old, "new": _text(field.after)}


def _conflict(conflict: Conflict) -> dict[str, str]:
    """What the two sides say, neither of which is written."""
    sides = ((SITE, conflict.site), (QBO, conflict.qbo))
    words = "; ".join(f"{side}: {_text(lines)}" for side, lines in sides if lines is not None)
    return {"field": conflict.label, "why": words}


def _text(lines: Lines | None) -> str:
    return "\n".join(lines or ())
