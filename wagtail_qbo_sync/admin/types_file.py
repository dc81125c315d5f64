"""Contact Types by file, as people see it (K15): who may, what an import says of itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.contrib.humanize.templatetags.humanize import intcomma
from django.db.models import Count, Q, QuerySet
from django.http import HttpResponse
from django.utils.formats import date_format
from django.utils.functional import cached_property
from django.utils.http import urlencode
from django.utils.timezone import localtime
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _
from wagtail.admin.ui.components import Component
from wagtail.admin.widgets.button import Button

from wagtail_qbo_sync.host.adapter import get_adapter
from wagtail_qbo_sync.models import Connection, ImportBatch, ImportRow, Step
from wagtail_qbo_sync.sync.records.retention import is_pruned
from wagtail_qbo_sync.sync.records.status import worker_is_silent
from wagtail_qbo_sync.sync.types_file import columns, forecast, imports, slices
from wagtail_qbo_sync.sync.types_file.present import may_import
from wagtail_qbo_sync.sync.types_file.reading import WINDOWS

from .base import may, url
from .components import WAITING, WATCHING, WORKER_COMMAND
from .filters import MOVED, outcome_key
from .signs import Sign, import_row_sign, import_sign

State = ImportBatch.State
Rows = ImportRow.State
EXPORT = "contact_types"
"""Of a listing's address: the file that is asked for."""
NOT_YOURS = _(
    "Only whoever uploaded the file, or asked for the undo, decides about it; or a superuser."
)
LISTED = 20
"""How many imports, or undos of one, are listed."""
LABELS = {"csv": _("Export Contact Types to CSV"), "xlsx": _("Export Contact Types to XLSX")}


def imports_of(user: Any) -> QuerySet[ImportBatch]:
    """The imports that a person may look at: their own with whatever undoes them, and those of
    the command line and of people who have left; for a superuser, all."""
    batches = ImportBatch.objects.select_related("user", "undoes").defer("file")
    if user.is_superuser:
        return batches
    return batches.filter(Q(user=user) | Q(user=None) | Q(undoes__user=user))


def may_decide(user: Any, batch: ImportBatch) -> bool:
    """Whether a person may confirm an import, throw it away or undo it: whose it is, and
    superusers; of the command line and of people who have left, superusers alone."""
    return bool(user.is_superuser or batch.user_id == user.pk)


def import_url(user: Any, batch: ImportBatch) -> str:
    """An import's page, "" for who may not open it."""
    is_open = may_import(user) and imports_of(user).filter(pk=batch.pk).exists()
    return url("types_import", batch.pk) if is_open else ""


# Out ------------------------------------------------------------------------------------------


def buttons(user: Any, listing: str = "", query: Any = None) -> list[Button]:
    """For a listing of clients: its export under the present filters, and the import."""
    adapter = get_adapter()
    found = []
    if listing and adapter.may_list(user):
        for kind, label in LABELS.items():
            asked = query.copy()
            asked[EXPORT] = kind
            found.append(Button(label, url=f"{listing}?{asked.urlencode()}", icon_name="download"))
    if may_import(user):
        found.append(Button(_("Import Contact Types"), url=url("types"), icon_name="upload"))
    return found


def download(user: Any, pks: Sequence[str], kind: str) -> HttpResponse:
    """These clients, as far as this person may see them, as a file."""
    adapter = get_adapter()
    seen = adapter.visible_keys(user, pks)
    data = columns.export(adapter, [pk for pk in pks if pk in seen], kind)
    response = HttpResponse(data, content_type=columns.FORMATS[kind].get_content_type())
    response["Content-Disposition"] = f'attachment; filename="contact-types.{kind}"'
    return response


# In -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class CountLine:
    """So many rows that stand alike, and where they are listed."""

    sign: Sign
    number: int
    url: str


@dataclass(frozen=True, slots=True)
class Number:
    """So many clients, and where they are listed."""

    number: int
    url: str


@dataclass(frozen=True, slots=True)
class Forecast:
    """How many of the changed clients become what in a company."""

    company: str
    matched: Number
    created: Number
    review: Number


def _forecast(batch: ImportBatch, company: Connection, line: dict[str, int]) -> Forecast:
    def number(kind: str) -> Number:
        return Number(line[kind], _listed(batch, outcome=outcome_key(company.pk, kind)))

    return Forecast(str(company), number("matched"), number("created"), number("review"))


def _listed(batch: ImportBatch, **asked: str) -> str:
    """Where those rows of an import are listed."""
    return f"{url('types_import', batch.pk)}?{urlencode(asked)}"


@dataclass(frozen=True, slots=True)
class Stays:
    """A customer that the undo of an import leaves in QuickBooks, and what takes it away."""

    said: str
    run_url: str
    """The run that created it; "" for who may not look at runs."""
    undo_url: str
    """Where that is taken back, by POST; "" for who may not, or where it cannot be."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one client becomes in QuickBooks."""

    text: str
    stays: Sequence[Stays]


class Outcomes:
    """What clients become in QuickBooks, in words: as many queries for any number."""

    def __init__(self, batch: ImportBatch, client_pks: Sequence[str], user: Any) -> None:
        names = {line["company"]: "" for line in batch.forecast}
        if len(names) > 1:
            names = {one.pk: str(one) for one in Connection.objects.filter(pk__in=names)}
        self.found: dict[str, list[str]] = {}
        for one in batch.outcomes.filter(client_pk__in=client_pks).order_by("connection"):
            text = one.get_kind_display()
            if one.was:
                text = gettext("%(kind)s (confirmed was: %(was)s)") % {
                    "kind": text,
                    "was": one.get_was_display(),
                }
            company = names.get(one.connection_id, "")
            self.found.setdefault(one.client_pk, []).append(
                f"{company}: {text}" if company else text
            )
        self.stays: dict[str, list[Stays]] = {}
        for step in forecast.creations(batch, client_pks) if batch.undoes_id else ():
            self.stays.setdefault(step.client_pk, []).append(_stays(step, user))

    def of(self, client_pk: str) -> Outcome | None:
        """What becomes of one client; None for nothing."""
        text = "; ".join(self.found.get(client_pk, ()))
        stays = self.stays.get(client_pk, ())
        return Outcome(text, stays) if text or stays else None


def _stays(step: Step, user: Any) -> Stays:
    run, may_undo = step.run, may(user, "sync") and not is_pruned(step.run.started_at)
    said = gettext("Its customer in %(company)s was created by a sync since, and stays.")
    return Stays(
        said % {"company": run.connection},
        url("run", run.pk) if may(user, "view", "sync") else "",
        f"{url('run_undo', run.pk)}?{urlencode({'qbo_id': step.qbo_id})}" if may_undo else "",
    )


class ImportSummary(Component):
    """The upper part of an import's page: how it stands, and a person's word on it.

    `is_again`: the page has asked for it again; the rows below it are then of before.
    """

    template_name = "wagtail_qbo_sync/types_file/summary.html"

    def __init__(self, batch: ImportBatch, user: Any, *, is_again: bool = False) -> None:
        self.batch = batch
        self.user = user
        self.is_again = is_again

    @property
    def is_under_way(self) -> bool:
        return self.batch.state in slices.UNDER_WAY

    @property
    def may_be_dropped(self) -> bool:
        """Whether it is thrown away while it goes on: nobody has confirmed it yet."""
        return self.is_under_way and self.may_decide and imports.waits(self.batch)

    @property
    def is_expired(self) -> bool:
        return imports.is_expired(self.batch)

    @property
    def is_ready(self) -> bool:
        return self.batch.state == State.READY

    @property
    def state(self) -> str:
        """How it stands: what cannot be used waits for nobody."""
        return State.REFUSED if self.is_ready and self.has_errors else self.batch.state

    @property
    def no_worker(self) -> bool:
        """Whether nobody is there to go on with it."""
        return self.is_under_way and worker_is_silent()

    @property
    def interval(self) -> int:
        """Milliseconds until another look at it is worth while, 0 for never."""
        if not self.is_under_way:
            return 0
        return WAITING if self.no_worker else WATCHING

    @cached_property
    def numbers(self) -> dict[str, int]:
        """State -> rows."""
        rows = self.batch.rows.order_by().values_list("state").annotate(n=Count("pk"))
        return dict(rows)

    @property
    def counts(self) -> list[CountLine]:
        """How many rows stand how, each number leading to them."""
        return [
            CountLine(import_row_sign(state), number, _listed(self.batch, state=state))
            for state in Rows.values
            if (number := self.numbers.get(state))
        ]

    @cached_property
    def companies(self) -> list[Forecast]:
        """What it leads to in each company that takes Contact Types."""
        lines = {line["company"]: line for line in self.batch.forecast}
        found = Connection.objects.filter(pk__in=lines).order_by("pk")
        return [_forecast(self.batch, company, lines[company.pk]) for company in found]

    @property
    def has_moved(self) -> bool:
        return imports.has_moved(self.batch)

    @property
    def moved_url(self) -> str:
        """Where the rows are listed that lead to something else than was confirmed."""
        return _listed(self.batch, outcome=MOVED)

    @property
    def has_errors(self) -> bool:
        return bool(self.numbers.get(Rows.ERROR))

    @property
    def may_decide(self) -> bool:
        return may_decide(self.user, self.batch)

    @property
    def is_fit(self) -> bool:
        """Whether all rows can be used, and some change something."""
        changes = bool(self.numbers.get(Rows.CHANGE))
        return self.is_ready and changes and not self.has_errors and not self.is_expired

    @property
    def guessed(self) -> str:
        """The encoding, where it was none that says of itself what it is."""
        encoding = self.batch.found.get("encoding", "")
        return str(encoding) if encoding == WINDOWS else ""

    @property
    def trouble(self) -> str:
        """Why the file as a whole cannot be used."""
        return sentence(self.batch.trouble.get("why", ""), self.batch.trouble.get("about", {}))

    @cached_property
    def can_undo(self) -> bool:
        done = bool(self.numbers.get(Rows.DONE))
        return done and self.may_decide and imports.can_undo(self.batch)

    @property
    def is_undone_in_part(self) -> bool:
        """Whether what can still be taken back is not all that it did."""
        return bool(self.numbers.get(Rows.BACK))

    @property
    def undos(self) -> list[tuple[str, str]]:
        """(what there is to say of an undo of it, its page), the latest first."""
        found = self.batch.undone_by.order_by("-pk").defer("file")[:LISTED]
        return [(_undone(undo), import_url(self.user, undo)) for undo in found]

    @property
    def stays(self) -> str:
        """What an undo leaves in QuickBooks, or has left there."""
        batch = self.batch
        is_done = (batch.undoes or batch).state == State.DONE
        number = forecast.created(batch).count() if is_done else 0
        told = ngettext(
            "%(n)s customer that was created in QuickBooks because of the import stays there.",
            "%(n)s customers that were created in QuickBooks because of the import stay there.",
            number,
        )
        return told % {"n": intcomma(number)} if number else ""

    def get_context_data(self, parent_context: Any = None) -> dict[str, Any]:
        undoes = self.batch.undoes
        return {
            "summary": self,
            "batch": self.batch,
            "sign": import_sign(self.state),
            "done": intcomma(self.batch.done),
            "total": intcomma(self.batch.total),
            "ignored": ", ".join(f"“{text}”" for text in self.batch.found.get("ignored", [])),
            "undoes_url": import_url(self.user, undoes) if undoes else "",
            "undo_url": undo_url(self.batch),
            "not_yours": NOT_YOURS,
            "worker_command": WORKER_COMMAND,
            "csrf_token": parent_context.get("csrf_token") if parent_context else None,
        }


def _undone(undo: ImportBatch) -> str:
    if undo.state == State.REFUSED:
        return gettext("An undo of this import could not be made")
    if undo.state not in ImportBatch.WRITES:
        return gettext("An undo of this import waits to be confirmed")
    day = date_format(localtime(undo.finished_at or undo.moved_at), "SHORT_DATETIME_FORMAT")
    text = (
        gettext("This import was undone for one client, %(day)s")
        if undo.only
        else gettext("This import was undone, %(day)s")
    )
    return text % {"day": day}


def undo_url(batch: ImportBatch, **about: str) -> str:
    """Where an import, or what it did to a client, is taken back, by POST."""
    address = url("types_import_undo", batch.pk)
    return f"{address}?{urlencode(about)}" if about else address


def sentence(why: str, about: dict[str, Any]) -> str:
    """What was noted for people, in this person's language; "" for nothing."""
    return gettext(why) % about if why else ""
