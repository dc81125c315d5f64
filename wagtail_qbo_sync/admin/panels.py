"""The panel for the edit view of the host's clients (C16).

    panels = [FieldPanel("name"), ..., QboSyncPanel()]

It brings `guard.QboFormMixin` with it. Imported by hosts' models.py, so that nothing here
needs the app registry when it is imported.
"""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.utils.functional import cached_property
from django.utils.translation import gettext_lazy as _
from wagtail.admin.forms import WagtailAdminModelForm
from wagtail.admin.panels import Panel

from .guard import QboFormMixin, guarded


class QboSyncPanel(Panel):
    """Where the client stands in each company, and what can be done about it."""

    def __init__(self, heading: Any = "", icon: str = "qbo-sync", **kwargs: Any) -> None:
        super().__init__(heading=heading or _("QuickBooks"), icon=icon, **kwargs)

    def on_model_bound(self) -> None:
        """Wagtail builds the form after this, from the model's base form class."""
        form_class = getattr(self.model, "base_form_class", WagtailAdminModelForm)
        self.model.base_form_class = guarded(form_class)

    class BoundPanel(Panel.BoundPanel):
        template_name = "wagtail_qbo_sync/panels/client.html"

        @cached_property
        def record(self) -> Any:
            from .client_record import ClientRecord

            return ClientRecord(self.instance, self.request, self.form)

        def is_shown(self) -> bool:
            """Not for a new client or a copy, nor to who may not view."""
            if self.form is not None and not isinstance(self.form, QboFormMixin):
                raise ImproperlyConfigured(
                    f"{type(self.form).__name__} shows a QboSyncPanel and must inherit from "
                    "wagtail_qbo_sync.admin.guard.QboFormMixin: it was given as base_form_class."
                )
            return bool(self.record.is_shown) and not self._is_copy

        @property
        def _is_copy(self) -> bool:
            """Whether a new client is made: Wagtail's form for it starts from another one."""
            match = self.request.resolver_match
            return match is not None and match.url_name == "copy"

        def get_context_data(self, parent_context: Any = None) -> dict[str, Any]:
            return {**super().get_context_data(parent_context), "record": self.record}

        @property
        def media(self) -> Any:
            return self.record.media
