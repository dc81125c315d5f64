"""The fixtures of tests/sync, and a world per example."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import pytest
from django.db import transaction
from pytest_django import Settings

from tests.sync.conftest import no_failpoint, returned, sandbox  # noqa: F401
from wagtail_qbo_sync.engine import gate
from wagtail_qbo_sync.qbo import limits
from wagtail_qbo_sync.testing.sandbox import SandboxProcess

from .logins import Logins
from .time_shift import TimeShift
from .world import World

Worlds = Callable[[], AbstractContextManager[World]]


@pytest.fixture
def worlds(
    db: None,
    sandbox: SandboxProcess,  # noqa: F811
    returned: Callable[..., dict[str, str]],  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
    settings: Settings,
) -> Worlds:
    """Makes worlds, one after the other; each is undone at its end.

    A plan of more than a few records waits for approval: the companies are small.
    """
    monkeypatch.setattr(limits, "CALLS", limits.Rate(interval=0, burst=1))
    monkeypatch.setattr(gate, "BRAKE_RECORDS", 4)
    keys = {"WEBHOOK_VERIFIER_TOKEN": "sandbox-verifier"}
    settings.WAGTAIL_QBO_SYNC = {**settings.WAGTAIL_QBO_SYNC, **keys}
    time, logins = TimeShift(monkeypatch, sandbox), Logins(monkeypatch)

    @contextmanager
    def world() -> Iterator[World]:
        with transaction.atomic():
            yield World(sandbox, returned, time, logins)
            transaction.set_rollback(True)

    return world
