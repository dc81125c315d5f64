"""Ringing a worker. django-q2 is a doorbell, not a memory (rule 13).

A lost, doubled or late ring changes nothing: tasks find out from the database what there
is to do, and a tick every minute rings again.
"""

from __future__ import annotations

import functools
import logging

from django.db import transaction

logger = logging.getLogger(__name__)


def enqueue(name: str, *ids: int) -> None:
    """Run `wagtail_qbo_sync.tasks.<name>(*ids)` in a worker once this transaction commits."""
    transaction.on_commit(functools.partial(_ring, name, *ids), robust=True)


def _ring(name: str, *ids: int) -> None:
    from django_q.tasks import async_task

    try:
        async_task(f"wagtail_qbo_sync.tasks.{name}", *ids, q_options={"ack_failure": True})
    except Exception:  # the broker is down: what was asked for stands in the database
        logger.exception("Could not ring the worker for %s; the next tick will.", name)
