"""Hosts whose clients have drafts (Wagtail's DraftStateMixin)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from django.db import models


def has_draft(client: models.Model) -> bool:
    """Whether somebody has edited the client without publishing it yet."""
    return bool(getattr(client, "has_unpublished_changes", False)) and bool(
        getattr(client, "latest_revision_id", None)
    )


def write_draft(
    client: Any, assign: Callable[[models.Model], None], follow: Callable[[models.Model], None]
) -> None:
    """Put the same values into the latest draft, which keeps its other edits.

    Without this, publishing the draft would take the row back to the values of before. The
    draft becomes a new revision, so an editor who has the old one open is told so. A client
    without a draft needs nothing: Wagtail's editor then starts from the row.

    `follow` does it for a revision that is published without a form: it is changed in place,
    since its schedule or its workflow hangs on it.
    """
    if not has_draft(client):
        return
    for revision in _on_their_way(client):
        coming = client.with_content_json(revision.content)
        follow(coming)
        revision.content = coming.serializable_data()
        revision.save(update_fields=["content"])
    draft = client.with_content_json(client.latest_revision.content)
    assign(draft)
    draft.save_revision(clean=False)
    client.latest_revision = draft.latest_revision


def _on_their_way(client: Any) -> Iterable[Any]:
    """Revisions that a schedule or a workflow publishes."""
    scheduled = models.Q(approved_go_live_at__isnull=False)
    judged = models.Q(task_states__status="in_progress")
    found: Iterable[Any] = client.revisions.filter(scheduled | judged).distinct()
    return found


def as_edited(client: Any) -> Any:
    """The client as Wagtail's editor shows it: the latest draft, or the row."""
    return client.get_latest_revision_as_object() if has_draft(client) else client


def as_it_stands(client: Any) -> tuple[Any, Any]:
    """The row and what is edited of it, whatever `client` is: maybe an old revision, shown again.

    A client that is kept without revisions is both itself.
    """
    if not hasattr(client, "latest_revision_id"):
        return client, client
    row = type(client)._base_manager.filter(pk=client.pk).first() or client
    return row, as_edited(row)
