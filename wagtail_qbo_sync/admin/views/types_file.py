"""Contact Types by file: upload, preview, confirm, watch, take back (K15)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django import forms
from django.contrib.humanize.templatetags.humanize import intcomma
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import path
from django.utils.functional import cached_property
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _
from django.views.generic import FormView, TemplateView
from wagtail.admin import messages
from wagtail.admin.ui.tables import BaseColumn, Column, Table
from wagtail.admin.views.generic import BaseListingView

from wagtail_qbo_sync.admin.base import PostOnly, QboAdminView, typed, url
from wagtail_qbo_sync.admin.clients import Clients, ShownClient
from wagtail_qbo_sync.admin.columns import (
    ClientColumn,
    LabelledColumn,
    OutcomeColumn,
    SignColumn,
    TimeColumn,
    UndoColumn,
)
from wagtail_qbo_sync.admin.filters import ImportRowFilterSet
from wagtail_qbo_sync.admin.signs import import_row_sign, import_sign
from wagtail_qbo_sync.admin.types_file import (
    LISTED,
    NOT_YOURS,
    ImportSummary,
    Outcome,
    Outcomes,
    imports_of,
    may_decide,
    sentence,
    undo_url,
)
from wagtail_qbo_sync.host.adapter import get_adapter
from wagtail_qbo_sync.models import ImportBatch, ImportRow
from wagtail_qbo_sync.sync.records.locked import Refusal
from wagtail_qbo_sync.sync.types_file import imports, reading, slices
from wagtail_qbo_sync.sync.types_file.present import may_import
from wagtail_qbo_sync.sync.types_file.vocabulary import joined

State = ImportBatch.State


class Guarded:
    """Goes before a view of ours: only for who may change clients on the site, too."""

    permission_required = "map"
    request: HttpRequest

    def user_has_permission(self, permission: str) -> bool:
        return bool(super().user_has_permission(permission)) and may_import(  # type: ignore[misc]
            self.request.user
        )


class UploadForm(forms.Form):
    """One file."""

    file = forms.FileField(
        label=_("File"),
        widget=forms.ClearableFileInput(attrs={"accept": ".csv,.txt,.tsv,.xlsx"}),
        error_messages={"empty": _("The file is empty. Choose the file that you have changed.")},
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        text = _("CSV or XLSX, as an export of the clients gives it. At most %s rows.")
        self.fields["file"].help_text = text % intcomma(reading.MAX_ROWS)

    def clean_file(self) -> Any:
        file = self.cleaned_data["file"]
        if file.size > reading.MAX_BYTES:
            megabytes = reading.MAX_BYTES >> 20
            raise forms.ValidationError(sentence(reading.TOO_BIG, {"megabytes": megabytes}))
        return file


class UploadView(Guarded, QboAdminView, FormView):
    """The form, and this person's imports below it."""

    template_name = "wagtail_qbo_sync/types_file/upload.html"
    page_title = _("Import Contact Types")
    header_icon = "upload"
    form_class = UploadForm

    def form_valid(self, form: Any) -> HttpResponse:
        file = form.cleaned_data["file"]
        try:
            batch = imports.start(file.read(), file.name, self.request.user)
        except Refusal as refusal:
            messages.warning(self.request, refusal.message)
            return redirect(url("types"))
        if batch.state == State.REFUSED:
            form.add_error("file", sentence(batch.trouble["why"], batch.trouble["about"]))
            batch.delete()
            return self.form_invalid(form)
        return redirect(url("types_import", batch.pk))

    def form_invalid(self, form: Any) -> HttpResponse:
        messages.validation_error(self.request, _("The file cannot be imported."), form)
        response: HttpResponse = super().form_invalid(form)
        return response

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        context = super().get_context_data(
            action_url=url("types"),
            submit_button_label=_("Upload and preview"),
            submit_button_active_label=_("Uploading…"),
            has_types=bool(get_adapter().contact_type_choices()),
            earlier=self.earlier(),
            **kwargs,
        )
        return {**context, "media": context["form"].media}

    def earlier(self) -> Table | None:
        """This person's latest imports."""
        batches = list(imports_of(self.request.user).order_by("-pk")[:LISTED])
        table = [
            TimeColumn(
                "uploaded_at",
                label=_("Uploaded at"),
                get_url=lambda batch: url("types_import", batch.pk),
            ),
            Column("name", label=_("File"), accessor=title),
            SignColumn("state", label=_("State"), accessor=lambda b: import_sign(b.state)),
        ]
        return Table(table, batches) if batches else None


class ImportView(Guarded, QboAdminView, BaseListingView):
    """An import's page: how it stands on top, its rows below."""

    model = ImportRow
    template_name = "wagtail_qbo_sync/types_file/import.html"
    header_icon = "upload"
    filterset_class = ImportRowFilterSet
    default_ordering = "number"
    paginate_by = 100
    verbose_name_plural = ImportRow._meta.verbose_name_plural

    def setup(self, request: Any, *args: Any, **kwargs: Any) -> None:
        super().setup(request, *args, **kwargs)
        self.batch = shown_or_404(request, kwargs["pk"])

    def get_page_title(self) -> str:
        return gettext("Import of Contact Types")

    def get_page_subtitle(self) -> str:
        return title(self.batch)

    def parents(self) -> list[dict[str, Any]]:
        return [*super().parents(), {"url": url("types"), "label": _("Import Contact Types")}]

    def get_index_url(self) -> str:
        return url("types_import", self.batch.pk)

    def get_index_results_url(self) -> str:
        return url("types_import_results", self.batch.pk)

    def get_base_queryset(self) -> QuerySet[ImportRow]:
        """None while they are being read or compared: they would change under one's eyes."""
        rows = self.batch.rows.all()
        return rows if self.batch.state not in slices.UNDER_WAY else rows.none()

    def order_queryset(self, queryset: QuerySet[ImportRow]) -> QuerySet[ImportRow]:
        return queryset.order_by(self.ordering, "pk")

    def get_filterset_kwargs(self) -> dict[str, Any]:
        return {**super().get_filterset_kwargs(), "batch": self.batch}

    @cached_property
    def columns(self) -> list[BaseColumn]:
        wanted = _("Put back to") if self.batch.undoes_id else _("In the file")
        had, outcome = _("Contact Type"), _("In QuickBooks")
        foreseen = OutcomeColumn("outcome", label=outcome, accessor=self.outcome)
        undo = UndoColumn(
            "undo",
            label=_("Undo"),
            accessor=self.undo_of,
            classname="qbo-act",
            named=lambda row: getattr(self.client_of(row), "label", ""),
        )
        return [
            LabelledColumn("number", label=_("Row"), sort_key="number"),
            ClientColumn("client", label=_("Client"), accessor=self.client_of),
            LabelledColumn("before", label=had, accessor=self.present),
            LabelledColumn("after", label=wanted, accessor=self.wanted),
            SignColumn(
                "state",
                label=_("What"),
                accessor=lambda row: import_row_sign(row.state),
                classname="qbo-nowrap",
                sort_key="state",
            ),
            *([foreseen] if self.batch.forecast or self.batch.undoes_id else []),
            LabelledColumn("why", label=_("Details"), accessor=self.told),
            *([undo] if self.summary.can_undo else []),
        ]

    def get_table(self, object_list: Sequence[ImportRow]) -> Any:
        """The clients of the whole page are looked up here, at once."""
        pks = [row.client_pk for row in object_list]
        self.clients = Clients(self.request.user, pks)
        self.outcomes = Outcomes(self.batch, pks, self.request.user)
        return super().get_table(object_list)

    @cached_property
    def types(self) -> dict[str, str]:
        return dict(get_adapter().contact_type_choices())

    def named(self, keys: Sequence[str]) -> str:
        """Contact Types by name."""
        return joined(keys, self.types)

    def is_shown(self, row: ImportRow) -> bool:
        """Whether what the row says is shown: it is the person's own, or they see its client."""
        return self.is_own or row.client_pk in self.clients.found

    def present(self, row: ImportRow) -> str:
        """The types that its client had."""
        return self.named(row.before) if self.is_shown(row) else ""

    def wanted(self, row: ImportRow) -> str:
        """The types that the row asks for, or what it says where that means nothing."""
        said = self.named(row.after) or str(row.said.get("types", ""))
        return said if self.is_shown(row) else ""

    def outcome(self, row: ImportRow) -> Outcome | None:
        """What its client becomes in QuickBooks."""
        return self.outcomes.of(row.client_pk) if self.is_shown(row) else None

    def client_of(self, row: ImportRow) -> ShownClient | None:
        """The client; what the person's own file calls it, where it is none that they may see."""
        if row.client_pk in self.clients.found or not self.is_own:
            return self.clients.show(row.client_pk)
        said = (row.said.get(name) for name in ("name", "email", "key"))
        return ShownClient(next(filter(None, said), ""), may_see=True)

    def told(self, row: ImportRow) -> str:
        """What there is to say of a row; it may name clients."""
        return sentence(row.why, row.about) if self.is_shown(row) else ""

    def undo_of(self, row: ImportRow) -> str:
        """Where what the row did is taken back, by POST; "" if there is nothing to."""
        is_left = row.state == ImportRow.State.DONE
        return undo_url(self.batch, client=row.client_pk) if is_left else ""

    @cached_property
    def summary(self) -> ImportSummary:
        return ImportSummary(self.batch, self.request.user)

    @property
    def is_own(self) -> bool:
        """Whether the file's texts are this person's own, or they see everything anyway."""
        return may_decide(self.request.user, self.batch)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        if not self.results_only:
            kwargs["summary"] = self.summary
        return super().get_context_data(**kwargs)


class SummaryView(Guarded, QboAdminView, TemplateView):
    """What is on top of an import's page, which asks for it again while it goes on."""

    template_name = "wagtail_qbo_sync/types_file/again.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        batch = shown_or_404(self.request, kwargs["pk"])
        summary = ImportSummary(batch, self.request.user, is_again=True)
        return super().get_context_data(summary=summary, **kwargs)


class Deciding(Guarded, PostOnly):
    """What only they do with an import whose it is."""

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        batch = shown_or_404(request, pk)
        try:
            if may_decide(request.user, batch):
                return self.decide(request, batch)
            messages.error(request, NOT_YOURS)
        except Refusal as refusal:
            messages.warning(request, refusal.message)
        is_there = imports_of(request.user).filter(pk=pk).exists()
        return redirect(url("types_import", pk) if is_there else url("types"))

    def decide(self, request: HttpRequest, batch: ImportBatch) -> HttpResponse:
        raise NotImplementedError


class ConfirmView(Deciding):
    """Apply what the preview says, as the page showed it (its `slice`)."""

    def decide(self, request: HttpRequest, batch: ImportBatch) -> HttpResponse:
        if request.POST.get("slice") != str(batch.slice):
            messages.error(
                request, _("The page was not up to date, so nothing was applied. Look at it again.")
            )
        elif not imports.confirm(batch, request.user):
            messages.error(request, _("This import cannot be applied, or not any more."))
        elif batch.state == State.DONE:
            tell(request, batch)
        elif imports.has_moved(batch):
            messages.warning(request, _("Nothing was applied: look at the numbers again."))
        return redirect(url("types_import", batch.pk))


class DiscardView(Deciding):
    """Throw away what was not confirmed."""

    def decide(self, request: HttpRequest, batch: ImportBatch) -> HttpResponse:
        if not imports.discard(batch):
            messages.error(request, _("It is being applied, or has been."))
            return redirect(url("types_import", batch.pk))
        if batch.undoes_id:
            messages.success(request, _("The import stays as it is. Nothing was changed."))
            return redirect(url("types_import", batch.undoes_id))
        messages.success(request, _("The file is thrown away. Nothing was changed."))
        return redirect(url("types"))


class UndoView(Deciding):
    """Show what taking it back would do; of one client, where the address says so."""

    def decide(self, request: HttpRequest, batch: ImportBatch) -> HttpResponse:
        client_pk = typed(request.GET, "client")
        if "client" in request.GET and not client_pk:
            raise Http404  # a part that is not named is not the whole
        back = imports.undo(batch, request.user, client_pk)
        if back is None:
            messages.warning(request, _("There is nothing to take back."))
        return redirect(url("types_import", (back or batch).pk))


def shown_or_404(request: HttpRequest, pk: int) -> ImportBatch:
    """An import that this person may look at; no other is there."""
    return get_object_or_404(imports_of(request.user), pk=pk)


def title(batch: ImportBatch) -> str:
    """The file's name, or what is undone."""
    if batch.undoes is None:
        return batch.name
    if batch.only:
        return gettext("Undo of one client of %s") % batch.name
    if batch.undoes.undoes_id:
        return gettext("Undo of the undo of %s") % batch.name
    return gettext("Undo of %s") % batch.name


def tell(request: HttpRequest, batch: ImportBatch) -> None:
    """What was done, in a message."""
    numbers = ImportSummary(batch, request.user).numbers
    done, held = numbers.get(ImportRow.State.DONE, 0), numbers.get(ImportRow.State.HELD, 0)
    text = ngettext(
        "The Contact Type of %(n)s client is changed.",
        "The Contact Types of %(n)s clients are changed.",
        done,
    ) % {"n": done}
    if not held:
        messages.success(request, text)
        return
    left = ngettext("%(n)s is held back.", "%(n)s are held back.", held) % {"n": held}
    messages.warning(request, f"{text} {left}")


urlpatterns = [
    path("", UploadView.as_view(), name="types"),
    path("<int:pk>/", ImportView.as_view(), name="types_import"),
    path("<int:pk>/results/", ImportView.as_view(results_only=True), name="types_import_results"),
    path("<int:pk>/summary/", SummaryView.as_view(), name="types_import_summary"),
    path("<int:pk>/confirm/", ConfirmView.as_view(), name="types_import_confirm"),
    path("<int:pk>/discard/", DiscardView.as_view(), name="types_import_discard"),
    path("<int:pk>/undo/", UndoView.as_view(), name="types_import_undo"),
]
