"""For hosts that cannot change the viewset of their clients: it is changed from outside.

The listing gets what `QboClientViewSetMixin` adds, the edit view `QboSyncPanel` and its guard.

`WAGTAIL_QBO_SYNC["PATCH_CLIENT_VIEWS"] = True` (docs/how-to/client-list.md). It relies on
Wagtail's registry of viewsets, which is no documented API: the mixin is the better way.
"""

from __future__ import annotations

from typing import Any

from django.apps import apps
from wagtail.admin.panels import ObjectList, Panel, PanelGroup, TabbedInterface
from wagtail.admin.viewsets import viewsets
from wagtail.admin.viewsets.model import ModelViewSet

from wagtail_qbo_sync import conf

from .guard import guarded
from .mixins import QboClientViewSetMixin
from .panels import QboSyncPanel


def patch_client_views() -> None:
    """Mix ours into what is registered for the client model.

    Wagtail asks a viewset for its addresses after all hooks have run, so that it is in time.
    """
    model = apps.get_model(conf.client_model())
    for viewset in viewsets.viewsets:
        ours = isinstance(viewset, QboClientViewSetMixin)
        if isinstance(viewset, ModelViewSet) and viewset.model is model and not ours:
            viewset.__class__ = _mixed(type(viewset))
            viewset.__dict__.pop("_edit_handler", None)  # made by a check, say


def _mixed(viewset_class: Any) -> Any:
    return type(viewset_class.__name__, (_Edit, QboClientViewSetMixin, viewset_class), {})


class _Edit:
    """The edit view of whatever viewset it is mixed into."""

    model: Any

    def get_edit_handler(self) -> Panel | None:
        """The host's panels and ours after them; None where it has none of its own."""
        panel: Panel | None = super().get_edit_handler()  # type: ignore[misc]
        if panel is None or _has_ours(panel):
            return panel
        return with_panel(panel).bind_to_model(self.model)

    def get_form_class(self, for_update: bool = False) -> Any:
        """A form without panels has the guard at least."""
        return guarded(super().get_form_class(for_update))  # type: ignore[misc]


def _has_ours(panel: Panel) -> bool:
    children = panel.children if isinstance(panel, PanelGroup) else ()
    return isinstance(panel, QboSyncPanel) or any(map(_has_ours, children))


def with_panel(panel: Panel) -> Panel:
    """The same, not bound to a model, with our panel last; of tabs it is one of its own."""
    ours = QboSyncPanel()
    if not isinstance(panel, PanelGroup):
        return ObjectList([panel, ours])
    if isinstance(panel, TabbedInterface):
        ours = ObjectList([ours], heading=ours.heading)
    about = panel.clone_kwargs()
    if about.get("base_form_class"):
        about["base_form_class"] = guarded(about["base_form_class"])
    return type(panel)(**{**about, "children": [*panel.children, ours]})
