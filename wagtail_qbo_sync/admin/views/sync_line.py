"""The line above a list, asked for again by the page that shows it (C3)."""

from __future__ import annotations

from collections.abc import Iterable

from django.http import HttpRequest, HttpResponse, HttpResponseBadRequest

from wagtail_qbo_sync.host.adapter import get_adapter
from wagtail_qbo_sync.sync.records.status import all_statuses

from ..base import RIGHTS, QboAdminView, as_pk
from ..sync_line import SyncLine


class SyncLineView(QboAdminView):
    """For whoever may see a page that shows it: ours, or the host's list of clients."""

    any_permission_required = tuple(RIGHTS)

    def user_has_any_permission(self, permissions: Iterable[str]) -> bool:
        """Names are counted for each person alone, so that more need not be asked here."""
        ours: bool = super().user_has_any_permission(permissions)
        return ours or get_adapter().may_list(self.request.user)

    def get(self, request: HttpRequest) -> HttpResponse:
        since = request.GET.get("since", "")
        if since != "0" and not as_pk(since):
            return HttpResponseBadRequest()
        line = SyncLine(all_statuses(), request.user, since=as_pk(since))
        return HttpResponse(line.render_html({}))
