"""What can be done about one record under Problems: try again, ignore, open again (U14), put back
what an undo left (U5)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import path
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from wagtail.admin import messages
from wagtail.admin.utils import get_valid_next_url_from_request

from wagtail_qbo_sync.admin.acts import with_undo
from wagtail_qbo_sync.admin.base import PostOnly, after_problem_url, may, url
from wagtail_qbo_sync.admin.components import cannot_sync
from wagtail_qbo_sync.models import Case, Run
from wagtail_qbo_sync.sync.people import dead_letters
from wagtail_qbo_sync.sync.planning import undoing
from wagtail_qbo_sync.sync.records.locked import Refusal


@dataclass(frozen=True)
class Act:
    """What a person can do about one record that keeps failing. `do`: whether it was done, or the
    plan that it made; then that is shown, and nothing `said`."""

    label: Promise
    said: Promise | str
    do: Callable[[Case, Any], bool | Run | None]
    right: str
    fits: Callable[[Case], bool]
    undo: str = ""


ACTS = {
    "retry": Act(
        _("Try again"),
        _("It is tried again with the sync that has just been asked for."),
        dead_letters.retry,
        "sync",
        dead_letters.can_retry,
    ),
    "take_back": Act(
        _("Put back…"),
        "",
        undoing.take_back_edited,
        "sync",
        lambda case: case.kind == Case.Kind.UNDO and bool(case.qbo_id),
    ),
    "set_aside": Act(
        _("Ignore"),
        _("The problem is set aside. It is not counted or mailed any more unless it changes."),
        dead_letters.set_aside,
        "map",
        lambda case: case.kind in dead_letters.FAILING,
        undo="open_again",
    ),
    "open_again": Act(
        _("Open again"),
        _("The problem is listed again."),
        dead_letters.open_again,
        "map",
        lambda case: case.set_aside_at is not None,
        undo="set_aside",
    ),
}


class ActView(PostOnly):
    """One of ACTS; then to the plan that it made, or back to where one came from."""

    any_permission_required = ["map", "sync"]
    act = ""

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        act = ACTS[self.act]
        if not may(request.user, act.right):
            raise PermissionDenied
        cases = Case.objects.select_related("connection__token")
        case = get_object_or_404(cases, pk=pk)
        objection = cannot_sync(case.connection) if act.right == "sync" else ""
        try:
            if objection:
                messages.error(request, objection)
            elif isinstance(done := act.do(case, request.user), Run):
                return redirect(url("run", done.pk))
            elif not done:
                messages.warning(request, _("This is settled already."))
            else:
                undo = url(f"problem_{act.undo}", pk) if act.undo else ""
                messages.success(request, with_undo(str(act.said), undo) if undo else act.said)
        except Refusal as refusal:
            messages.warning(request, refusal.message)
        next_url: str = get_valid_next_url_from_request(request)
        return redirect(next_url or after_problem_url(request.user, case.connection))


urlpatterns = [
    path(f"record/<int:pk>/{name}/", ActView.as_view(act=name), name=f"problem_{name}")
    for name in ACTS
]
