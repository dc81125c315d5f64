"""Commands that a person watches: they say what is meant for people, and can be ended."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from django_q.conf import logger

INTERRUPTED = 130
"""Exit status of what was ended with Ctrl-C."""


@contextmanager
def quiet_queue() -> Iterator[None]:
    """Without django-q's line for each task that is put into its queue."""
    before = logger.level
    logger.setLevel(max(logging.WARNING, before))
    try:
        yield
    finally:
        logger.setLevel(before)
