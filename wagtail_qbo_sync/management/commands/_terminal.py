"""Commands that a person watches: they say what is meant for people, and can be ended."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from django.utils.formats import date_format
from django.utils.timezone import localtime
from django_q.conf import logger

INTERRUPTED = 130
"""Exit status of what was ended with Ctrl-C."""


def moment(stored: str) -> str:
    """A time, stored as ISO 8601, as the language writes it, with the time zone."""
    at = localtime(datetime.fromisoformat(stored))
    return f"{date_format(at, 'DATETIME_FORMAT')} {at:%Z}"


@contextmanager
def quiet_queue() -> Iterator[None]:
    """Without django-q's line for each task that is put into its queue."""
    before = logger.level
    logger.setLevel(max(logging.WARNING, before))
    try:
        yield
    finally:
        logger.setLevel(before)
