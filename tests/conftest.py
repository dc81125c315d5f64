"""What tests of several rooms share."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from wagtail_qbo_sync.sync.telling import suggest
from wagtail_qbo_sync.testing.sandbox import SandboxProcess


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """What is to run for long runs where somebody says for how long: `make soak`."""
    if os.environ.get("SOAK_MINUTES"):
        return
    long_ones = [item for item in items if item.get_closest_marker("soak")]
    items[:] = [item for item in items if item not in long_ones]
    config.hook.pytest_deselected(items=long_ones)


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
