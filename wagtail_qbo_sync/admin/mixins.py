"""What a host mixes into the viewset of its clients (docs/how-to/client-list.md).

    from wagtail.snippets.views.snippets import SnippetViewSet
    from wagtail_qbo_sync.admin.mixins import QboClientViewSetMixin

    class ClientViewSet(QboClientViewSetMixin, SnippetViewSet):
        model = Client

It may be imported before the apps are ready.
"""

from __future__ import annotations

from typing import Any


class QboClientViewSetMixin:
    """QuickBooks in the listing of a SnippetViewSet or a ModelViewSet (C15)."""

    index_view_class: Any

    def construct_view(self, view_class: Any, **kwargs: Any) -> Any:
        """The one place through which both kinds of viewset make their views."""
        if view_class is self.index_view_class:
            from .client_list import with_quickbooks

            view_class = with_quickbooks(view_class)
        return super().construct_view(view_class, **kwargs)  # type: ignore[misc]
