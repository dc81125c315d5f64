"""Logins that nobody uses: refreshed before they lapse, by one process, never on a copy."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from pytest_django import DjangoAssertNumQueries, DjangoCaptureOnCommitCallbacks, Settings

from wagtail_qbo_sync import clock, tasks
from wagtail_qbo_sync.models import Connection, Token
from wagtail_qbo_sync.sync.access import keep_alive
from wagtail_qbo_sync.sync.people import connect
from wagtail_qbo_sync.testing.sandbox import SandboxProcess

from .conftest import Json
from .test_lease import rung
from .test_token import refreshes

Requests = Callable[..., list[Json]]
Capture = DjangoCaptureOnCommitCallbacks


@pytest.fixture
def unused(connection: Connection) -> Connection:
    """A company whose login was refreshed last more than a week ago."""
    Token.objects.update(access_expires_at=clock.now() - timedelta(days=7, minutes=1))
    return connection


def rings(capture: Capture) -> int:
    with capture() as callbacks:
        keep_alive.ring()
    return len(rung(callbacks, "refresh"))


def test_refreshed_before_it_lapses(
    unused: Connection,
    requests: Requests,
    django_capture_on_commit_callbacks: Capture,
) -> None:
    Token.objects.update(refresh_expires_at=clock.now() + timedelta(days=3))
    assert rings(django_capture_on_commit_callbacks) == 1
    tasks.refresh(unused.pk)
    assert refreshes(requests) == 1
    stored = Token.objects.get()
    assert stored.reconnect_by > clock.now() + timedelta(days=90)
    assert rings(django_capture_on_commit_callbacks) == 0


def test_used_lately_needs_nothing(
    connection: Connection, requests: Requests, django_capture_on_commit_callbacks: Capture
) -> None:
    Token.objects.update(access_expires_at=clock.now() - timedelta(days=6, hours=23))
    assert rings(django_capture_on_commit_callbacks) == 0
    tasks.refresh(connection.pk)
    assert refreshes(requests) == 0


def test_two_rings_make_one_refresh(unused: Connection, requests: Requests) -> None:
    tasks.refresh(unused.pk)
    tasks.refresh(unused.pk)
    assert refreshes(requests) == 1


def test_a_try_that_failed_stands_for_some_hours(
    unused: Connection,
    sandbox: SandboxProcess,
    django_capture_on_commit_callbacks: Capture,
) -> None:
    sandbox.post("faults", {"kind": "server_error", "path": "tokens/bearer", "count": -1})
    tasks.refresh(unused.pk)
    stored = Token.objects.get()
    assert (stored.rejected, stored.lease_until) == (False, None)
    assert rings(django_capture_on_commit_callbacks) == 0
    Token.objects.update(kept_alive_at=clock.now() - timedelta(hours=6, minutes=1))
    assert rings(django_capture_on_commit_callbacks) == 1


def test_a_login_that_has_ended_is_told(
    unused: Connection, sandbox: SandboxProcess, django_capture_on_commit_callbacks: Capture
) -> None:
    sandbox.post("revoke", {})
    tasks.refresh(unused.pk)
    assert Token.objects.get().rejected
    assert rings(django_capture_on_commit_callbacks) == 0


def test_not_on_a_copy_and_not_once_disconnected(
    unused: Connection,
    requests: Requests,
    settings: Settings,
    django_capture_on_commit_callbacks: Capture,
) -> None:
    here = settings.WAGTAIL_QBO_SYNC
    settings.WAGTAIL_QBO_SYNC = {**here, "INSTALLATION": "staging"}
    assert rings(django_capture_on_commit_callbacks) == 0
    tasks.refresh(unused.pk)
    settings.WAGTAIL_QBO_SYNC = here
    connect.disconnect(unused, None)
    assert rings(django_capture_on_commit_callbacks) == 0
    tasks.refresh(unused.pk)
    assert refreshes(requests) == 0
    assert Token.objects.get().kept_alive_at is None


def test_the_look_costs_one_query(
    unused: Connection, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    with django_assert_num_queries(1):
        keep_alive.ring()


def test_nothing_outlives_the_hard_end(connection: Connection) -> None:
    ends = clock.now() + timedelta(days=20)
    Token.objects.update(hard_expires_at=ends)
    assert Token.objects.get().reconnect_by == ends
