"""What tests of several rooms share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from wagtail_qbo_sync.sync import suggest
from wagtail_qbo_sync.testing.sandbox import SandboxProcess


@pytest.fixture(scope="session")
def sandbox() -> Iterator[SandboxProcess]:
    """A QuickBooks company of our own, as a process, for the whole session; never throttles.

    Its state is shared: a test that needs a fresh one begins with `sandbox.post("reset")`.
    """
    with SandboxProcess("--no-throttle") as process:
        yield process


@pytest.fixture(autouse=True)
def no_index() -> None:
    """Clients of another test, rolled back since, are not suggested in this one."""
    suggest.forget()
